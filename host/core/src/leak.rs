//! Secrets in texts that are about to be kept: keys that vendors mark as theirs, and words such as `token` beside something that
//! nobody would type. Never repeats what it found.

mod named;
mod spelled;

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

/// Where a line says this, a person has looked and it is no secret.
pub const ALLOWED: &str = "nave:no-secret";

/// What to type where something that looks like a secret is none.
pub fn way_out() -> String {
    format!("Where it is a name all the same: `# {ALLOWED}` at the end of that line")
}

/// Bits of a character's surprise below which a text is one that a person chose.
const ENTROPY_BITS_MIN: f64 = 3.0;
/// Characters of something that was made by a machine.
const RANDOM_CHARS_MIN: usize = 16;

/// What vendors' keys look like, with what to call each.
const FORMATS: &[(&str, &str)] = &[
    ("private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("key of AWS", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})"),
    ("token of GitLab", r"\bgl(?:pat|ptt|rt|dt|cbt|soat)-[A-Za-z0-9_-]{20,}"),
    ("token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{20,}"),
    ("webhook of Slack", r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{30,}"),
    ("key of Stripe", r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|\bwhsec_[A-Za-z0-9+/=]{24,}"),
    ("key of Google", r"\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{28}"),
    ("key of SendGrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}"),
    ("token of HubSpot", r"\bpat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("key of Mailchimp", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    ("token of Shopify", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("token of DigitalOcean", r"\bdo[opr]_v1_[a-f0-9]{64}"),
    ("token of npm", r"\bnpm_[A-Za-z0-9]{36}"),
    ("key of Twilio", r"\bSK[0-9a-f]{32}\b"),
    ("key of OpenAI or Anthropic", r"\bsk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_-]{32,}"),
    ("key of Azure", r"AccountKey=[A-Za-z0-9+/=]{40,}"),
    ("token of this hub", r"\bnave_[A-Za-z0-9_-]{40,}"),
    ("signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("password in an address", r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@'<>{}$]+:[^\s/:@'<>{}$*]{3,}@[A-Za-z0-9\[]"),
    (
        "header with a credential",
        r"(?i)\bauthorization['\x22]?\s*[:=]\s*['\x22]?(?:bearer|basic|token)\s+[A-Za-z0-9+/=._~-]{16,}",
    ),
];

static SET: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(FORMATS.iter().map(|(_, pattern)| *pattern)).expect("the formats are patterns"));
static EACH: LazyLock<Vec<Regex>> =
    LazyLock::new(|| FORMATS.iter().map(|(_, pattern)| Regex::new(pattern).expect("the formats are patterns")).collect());
/// A line with nothing but the name of a secret: the next has its value, as headers stand in a recording.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    let words = "passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|session|cookie|authorization|credentials?";
    Regex::new(&format!(r#"(?i)^\s*"[a-z0-9_.-]*(?:{words})[a-z0-9_-]*",\s*$"#)).expect("the names are a pattern")
});

/// A secret in a text, as far as one can tell by looking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What it looks like: `key of AWS`, `value of a secret's name`.
    pub what: &'static str,
}

/// Every line with something that looks like a secret; the first of each line. What stands escaped within strings, as in a recording,
/// is looked at as it was before.
pub fn find(text: &str) -> Vec<Leak> {
    let mut before = "";
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if !line.contains(ALLOWED)
            && let Some((at, what)) = in_line(line).or_else(|| header(before, line))
        {
            found.push(Leak { line: number + 1, column: column(line, at), what });
        }
        before = line;
    }
    found
}

/// What a value looks like beside its name, where it looks like a secret; none where it does not.
pub fn value(name: &str, value: &str) -> Option<&'static str> {
    let quoted = format!("{name} = {}", serde_json::Value::from(value));
    in_line(value).or_else(|| in_line(&quoted)).map(|(_, what)| what)
}

/// Whether a value, beside this name, is a password that a person made up.
pub(crate) fn made_up(name: &str, value: &str) -> bool {
    named::is_password(name, value, true)
}

fn column(line: &str, at: usize) -> usize {
    line.get(..at).map_or(1, |before| before.chars().count() + 1)
}

fn in_line(line: &str) -> Option<(usize, &'static str)> {
    let plain = spelled::plain(line);
    let text = plain.text.as_ref();
    let format = SET.matches(text).into_iter().next();
    if let Some((format, found)) = format.and_then(|format| Some((format, EACH[format].find(text)?)))
        && !is_placeholder(found.as_str())
    {
        return Some((plain.place(found.start()), FORMATS[format].0));
    }
    named::find(text).map(|(at, what)| (plain.place(at), what))
}

/// A value on a line of its own, after its name.
fn header(before: &str, line: &str) -> Option<(usize, &'static str)> {
    let value = line.trim().trim_end_matches(',').strip_prefix('"')?.strip_suffix('"')?;
    let words = value.split([' ', ';', '=', ',']);
    let at = words.filter(|word| is_random(word)).map(|word| word.as_ptr() as usize - line.as_ptr() as usize).next()?;
    HEADER.is_match(before).then_some((at, named::BESIDE))
}

/// The names in a path of a file: `/tmp/x1Y2z3/token`, `./keys/crm`, `~/.config/crm`. What is in the file may be a secret; where it
/// lies is none, whatever somebody's program called the folder. `None` for whatever else has slashes, such as base64.
pub(crate) fn path(text: &str) -> Option<std::str::Split<'_, char>> {
    let from_here = ["./", "../", "~/"].iter().any(|start| text.starts_with(start));
    // Of an absolute one the first name is a word, as it is in every system's root folder.
    let from_root = || {
        let root = text.strip_prefix('/').and_then(|rest| rest.split_once('/')).map(|(root, _)| root);
        root.is_some_and(|root| root.len() >= 3 && root.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    let shaped = !text.contains(['+', '=', '%', '!', '&', '#', '^', '*']) && (from_here || from_root());
    shaped.then(|| text.split('/'))
}

/// Made by a machine: long, of letters and digits, and without a shape that a person or a language gives.
fn is_random(value: &str) -> bool {
    let has = |test: fn(char) -> bool| value.chars().any(test);
    value.len() >= RANDOM_CHARS_MIN
        && has(|c| c.is_ascii_digit())
        && has(|c| c.is_ascii_alphabetic())
        && !is_placeholder(value)
        && !is_name(value)
        && entropy(value) >= ENTROPY_BITS_MIN
}

/// Words of a language, of a path or of an identifier: `settings.api_token2`, `read-token-from-env`.
fn is_name(value: &str) -> bool {
    let words: Vec<&str> = value.split(['.', '_', '-', '/', ':', '=']).filter(|word| !word.is_empty()).collect();
    let plain = |word: &&str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbers = word.len() - letters.len();
        numbers <= 4 && letters.chars().all(|c| c.is_ascii_alphabetic()) && letters.len() <= 20
    };
    words.len() >= 2 && words.iter().all(plain)
}

/// What stands for a secret in examples and templates.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    const MARKS: &[&str] = &[
        "example",
        "changeme",
        "change-me",
        "change_me",
        "placeholder",
        "your",
        "dummy",
        "xxxx",
        "****",
        "...",
        "${",
        "{{",
        "<",
        "secret://",
        "redacted",
        "masked",
        "password",
        "replace",
        "insert",
        "todo",
    ];
    MARKS.iter().any(|mark| lower.contains(mark))
}

/// Bits that each character tells, by how often each is there.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    value.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = value.len() as f64;
    counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Put together here, so that nobody's scanner takes this file for a leak.
    fn made(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn keys_are_known_by_their_looks() {
        let letters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1F2g3H4";
        let hex = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        for (what, text) in [
            ("private key", made(&["-----BEGIN ", "RSA PRIVATE KEY-----"])),
            ("private key", made(&["-----BEGIN ", "PRIVATE KEY-----"])),
            ("key of AWS", made(&["aws: AK", "IAQ3EGR7TYUJ2KLMNP"])),
            ("token of GitHub", made(&["gh", "p_", &letters[..36]])),
            ("token of GitHub", made(&["github", "_pat_", &letters[..64]])),
            ("token of GitLab", made(&["gl", "pat-", &letters[..20]])),
            ("token of Slack", made(&["xox", "b-1234567890-", &letters[..20]])),
            ("webhook of Slack", made(&["https://hooks.slack", ".com/services/T012345/B012345/", &letters[..24]])),
            ("key of Stripe", made(&["sk_", "live_", &letters[..24]])),
            ("key of Google", made(&["AI", "za", &letters[..35]])),
            ("key of SendGrid", made(&["SG", ".", &letters[..22], ".", &letters[..43]])),
            ("token of HubSpot", made(&["pat", "-eu1-12345678-1234-1234-1234-123456789abc"])),
            ("key of Mailchimp", made(&[&hex[..32], "-us14"])),
            ("token of Shopify", made(&["shp", "at_", &hex[..32]])),
            ("token of DigitalOcean", made(&["dop", "_v1_", hex])),
            ("token of npm", made(&["npm", "_", &letters[..36]])),
            ("key of Twilio", made(&["SK", &hex[..32]])),
            ("key of OpenAI or Anthropic", made(&["sk", "-ant-", &letters[..40]])),
            ("key of Azure", made(&["Account", "Key=", &letters[..60], "=="])),
            ("token of this hub", made(&["nave", "_", &letters[..43]])),
            ("signed token", made(&["ey", "JhbGciOiJIUzI1NiJ9.ey", "JzdWIiOiIxMjM0In0.abcdefghijklmnop"])),
            ("password in an address", made(&["postgres://app:", "hunter2", "@db.internal/x"])),
            ("header with a credential", made(&["-H 'Authorization", ": Bearer ", &letters[..24], "'"])),
            ("value beside a secret's name", made(&["client_", "secret = \"", &letters[..24], "\""])),
            ("value beside a secret's name", made(&["  \"api", "Key\": \"", &hex[..32], "\","])),
            ("value beside a secret's name", made(&["export DB_PASS", "WORD=", "tr0ub4dor&3xK9#qL2"])),
            // What a person made up.
            ("password", made(&["pass", "word = \"Tr0ub4dor&3xyz!\""])),
            ("password", made(&["pass", "word = \"hunter2hunter2\""])),
            ("password", made(&["DB_PASS", "WORD=S3cretPass99"])),
            ("password", made(&["pass", "word: S3cretPass99,"])),
            ("password", made(&["{\"pw", "d\":\"Berlin-1989!\"}"])),
            ("password", made(&["client_", "sec", "ret = 'gr8Secr3t'"])),
            ("password", made(&["sec", "ret = \"S3cretPass99\""])),
            ("password", made(&["<Pass", "word>S3cretPass99</Password>"])),
            ("password", made(&["pass", "phrase = \"correcthorsebatterystaple\""])),
            // A text within a text, as calls stand in a recording, and XML.
            ("value beside a secret's name", made(&["\"text\": \"{\\\"session_", "token\\\":\\\"", &letters[..24], "\\\"}\""])),
            ("value beside a secret's name", made(&["{\\\\\\\"api_", "key\\\\\\\": \\\\\\\"", &letters[..24], "\\\\\\\"}"])),
            ("value beside a secret's name", made(&["<Session", "Token>", &letters[..24], "</SessionToken>"])),
            (
                "value beside a secret's name",
                made(&["<a:Session", "Token xsi:type=\\\"x\\\">", &letters[..24], "</a:SessionToken>"]),
            ),
            ("value beside a secret's name", made(&["&lt;Session", "Token&gt;", &letters[..24], "&lt;/SessionToken&gt;"])),
            ("password", made(&["\"text\": \"{\\\"pass", "word\\\":\\\"Tr0ub4dor3xyz\\\"}\""])),
            ("value beside a secret's name", made(&[&"long ".repeat(9_000), "api_", "key=", &letters[..24]])),
            // Base64 has slashes too, also at its beginning; and a secret may be pasted where a file is named.
            ("value beside a secret's name", made(&["client_", "secret = \"/", &letters[..12], "/", &letters[12..24], "\""])),
            ("value beside a secret's name", made(&["api_", "key=/tmp/", &letters[..12], "+", &letters[12..24]])),
            ("value beside a secret's name", made(&["token", " = \"/run/secrets/", &hex[..40], "\""])),
        ] {
            let found = find(&format!("first line\n  {text} and more"));
            assert_eq!(found.iter().map(|leak| (leak.line, leak.what)).collect::<Vec<_>>(), [(2, what)], "{text}");
            // Where a person has said that it is none, it is none.
            assert_eq!(find(&format!("{text} # {ALLOWED}")), [], "{text}");
        }
    }

    #[test]
    fn what_people_write_is_none() {
        for text in [
            "",
            "secret = \"hubspot-token\"",
            "token = \"cookie:session_id_2\"",
            "password: ${DB_PASSWORD_FOR_STAGE_1}",
            "api_key = \"YOUR-API-KEY-0123456789\"",
            "token = <the token of your account, 32 characters>",
            "the token 12345678901234567890 is a number",
            "digest = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
            "let token = settings.read_token_from_file(path);",
            "https://user@example.com/path and https://example.com:8080/a@b",
            "postgres://app:${PASSWORD}@db/x",
            "credentials.api.token_endpoint_v2 = \"/oauth/v2/token\"",
            "secret-from-environment-variable-number-7",
            "password = \"${DB_PASSWORD}\" # and changeme1, xxxxxxxx1",
            "password = \"changeme123\"",
            "password: <your password 1>",
            "secret = \"secret://crm-key-2024\"",
            "secret = \"crm2024key\"",
            "let password = std::env::var(\"PASSWORD_1\")?;",
            "password = hash_argon2id(password1)",
            "fn password(&self) -> Option<Utf8String>",
            "\"password\": \"Passwort\", \"pwd\": \"Kennwort\"",
            "{\\\"token\\\":\\\"abc\\\"}",
            "<PasswordPolicy>strict</PasswordPolicy>",
            "\"token\",",
            "Authorization: Bearer {{token}}",
            "SKU0123456789",
            // Where a secret lies is none.
            "nave connection add crm --secret-from /tmp/tmp8aK2x0L9qZ/nave-17a2b9c4d/token.txt",
            "secret-file = \"/var/folders/z7/q1w2e3r4t5y6u7i8/T/x9\"",
            "token: ./a1b2c3d4e5f6g7h8/i9j0k1l2m3n4/key",
            "password = ~/keys1/x7Qz9Kp2Lm4/crm7",
            "secrets=../9f86d081884c7d65/9a2feaa0c55ad015/token",
            "the key AKIAIOSFODNN7EXAMPLE is in every manual",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }

    #[test]
    fn a_header_in_a_recording_is_two_lines() {
        let value = "a1B2c3D4e5F6g7H8i9J0k1L2";
        let lines = |name: &str, value: &str| format!("[\n  \"{name}\",\n  \"{value}\"\n]");
        for (text, expected) in [
            (lines(&made(&["x-session-", "token"]), value), Some((3, 4))),
            (lines(&made(&["set-", "cookie"]), &format!("sid={value}; Path=/")), Some((3, 8))),
            (lines("etag", value), None),
            (lines("x-token", "refresh-token"), None),
        ] {
            let found: Vec<(usize, usize)> = find(&text).into_iter().map(|leak| (leak.line, leak.column)).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{text}");
        }
    }

    #[test]
    fn it_says_where_and_not_what() {
        let secret = made(&["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"]);
        let found = find(&format!("eins\r\nüß {secret} {secret}\r\n"));
        assert_eq!(found, [Leak { line: 2, column: 4, what: "token of GitHub" }]);
        assert!(!format!("{found:?}").contains(&secret));
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "\\PC{0,300}") {
            for leak in find(&text) {
                proptest::prop_assert!(leak.line >= 1 && leak.column >= 1);
            }
        }
    }
}
