//! Tokens that take a call to get: reading the answers, and remembering one per credential. Does no I/O.

use std::time::Duration;

use http::header::{HeaderMap, SET_COOKIE};
use nave_core::limits::{TOKEN_LIFE_MS, TOKEN_LIFE_MS_MAX};
use ring::digest::{SHA256, digest};
use serde_json::Value;
use tokio::time::Instant;

use crate::secrets::SecretBytes;

/// What is known of one credential's token. Behind an asynchronous lock: one log-in at a time.
#[derive(Default)]
pub(super) struct TokenState {
    /// Grows with every token.
    pub(super) generation: u64,
    token: Option<Token>,
    refused: Option<(Instant, [u8; 32], String)>,
    /// A secret's successor could not be tried, or was refused like the old one: not again before.
    pub(super) successor_not_before: Option<Instant>,
    /// The current token has been accepted at least once; one that never was is not worth another log-in.
    pub(super) proved: bool,
}

struct Token {
    value: SecretBytes,
    until: Instant,
    of: [u8; 32],
}

/// A token from an answer.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) value: SecretBytes,
    pub(super) life: Duration,
}

impl TokenState {
    /// The token made from this secret, if it is still good.
    pub(super) fn current(&self, secret: &SecretBytes, now: Instant) -> Option<SecretBytes> {
        self.token.as_ref().filter(|token| token.of == fingerprint(secret) && now < token.until).map(|token| token.value.clone())
    }

    /// Why this secret was refused a short while ago.
    pub(super) fn refusal(&self, secret: &SecretBytes, now: Instant) -> Option<String> {
        self.refused.as_ref().filter(|(until, of, _)| *of == fingerprint(secret) && now < *until).map(|(_, _, why)| why.clone())
    }

    /// A new token. It is used for nine tenths of its life.
    pub(super) fn set(&mut self, secret: &SecretBytes, obtained: &Obtained, now: Instant) {
        self.generation += 1;
        self.proved = false;
        self.refused = None;
        self.token = Some(Token { value: obtained.value.clone(), until: now + obtained.life / 10 * 9, of: fingerprint(secret) });
    }

    /// The system said no.
    pub(super) fn refuse(&mut self, secret: &SecretBytes, why: String, until: Instant) {
        self.token = None;
        self.refused = Some((until, fingerprint(secret), why));
    }
}

pub(super) fn fingerprint(secret: &SecretBytes) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, secret.expose()).as_ref());
    out
}

/// The body of a log-in call: user and password put into the template's texts as values, never as syntax.
pub(super) fn login_body(template: &str, user: &str, password: &str) -> Result<Vec<u8>, String> {
    let mut body: Value = serde_json::from_str(template).map_err(|error| format!("`body` of the log-in is not JSON: {error}"))?;
    fill(&mut body, user, password);
    Ok(body.to_string().into_bytes())
}

fn fill(value: &mut Value, user: &str, password: &str) {
    match value {
        Value::String(text) => {
            // One pass, so that a user named `{password}` stays a name.
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find('{') {
                out.push_str(&rest[..at]);
                rest = &rest[at..];
                if let Some(after) = rest.strip_prefix("{user}") {
                    out.push_str(user);
                    rest = after;
                } else if let Some(after) = rest.strip_prefix("{password}") {
                    out.push_str(password);
                    rest = after;
                } else {
                    out.push('{');
                    rest = &rest[1..];
                }
            }
            out.push_str(rest);
            *text = out;
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, user, password)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, user, password)),
        _ => {}
    }
}

/// The token in a log-in's answer.
pub(super) fn from_login(body: &[u8], token: &str, expires_in: Option<&str>) -> Result<Obtained, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "the log-in did not answer with JSON".to_owned())?;
    let value = text_of(answer.pointer(token)).ok_or_else(|| format!("the log-in's answer has no token at `{token}`"))?;
    let life = expires_in.map_or(Duration::from_millis(TOKEN_LIFE_MS_MAX), |pointer| life(answer.pointer(pointer)));
    checked(value, life)
}

/// The token in a cookie that a log-in's answer sets: the last of this name, as browsers have it. It lives as long as it
/// says (`Max-Age`), or as the answer says; what ends it at once is a refusal.
pub(super) fn from_cookie(headers: &HeaderMap, body: &[u8], name: &str, expires_in: Option<&str>) -> Result<Obtained, String> {
    let none = || format!("the log-in's answer sets no cookie `{name}`");
    let lines = headers.get_all(SET_COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut of_name = lines.filter_map(|line| {
        let mut parts = line.split(';').map(str::trim);
        let (known, value) = parts.next()?.split_once('=')?;
        (known.trim() == name).then(|| (value.trim().to_owned(), parts.map(str::to_owned).collect::<Vec<_>>()))
    });
    let (value, attributes) = of_name.next_back().ok_or_else(none)?;
    let max_age = attributes.iter().rev().find_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        name.trim().eq_ignore_ascii_case("max-age").then(|| value.trim().parse::<i64>().ok()).flatten()
    });
    let plain = |byte: u8| (0x21..0x7f).contains(&byte) && !matches!(byte, b',' | b'\\');
    if value.is_empty() || max_age.is_some_and(|seconds| seconds <= 0) {
        return Err(none());
    }
    if !value.bytes().all(plain) {
        return Err(format!("the cookie `{name}` has characters that no cookie may have"));
    }
    let life = match (expires_in, max_age) {
        (Some(pointer), _) => {
            life(serde_json::from_slice::<Value>(body).ok().as_ref().and_then(|answer| answer.pointer(pointer)))
        }
        (None, Some(seconds)) => life(Some(&Value::from(seconds))),
        (None, None) => Duration::from_millis(TOKEN_LIFE_MS_MAX),
    };
    checked(value, life)
}

/// The token in the answer of an OAuth 2 token endpoint.
pub(super) fn from_oauth(body: &[u8]) -> Result<Obtained, String> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| "the token endpoint did not answer with JSON".to_owned())?;
    if let Some(error) = answer.get("error") {
        return Err(format!("the token endpoint said {}", word(error)));
    }
    if answer.get("token_type").and_then(Value::as_str).is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("the token endpoint gave a token that is not a bearer token".into());
    }
    let value = text_of(answer.get("access_token")).ok_or("the token endpoint's answer has no `access_token`")?;
    checked(value, life(answer.get("expires_in")))
}

/// The scopes that the answer of an OAuth 2 token endpoint names, blank-separated; none where it names none.
pub(super) fn scopes_of(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    answer.get("scope")?.as_str().map(str::to_owned)
}

/// A short word of an error, without anything that could be markup or a secret's length.
pub(super) fn word(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or("an error")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' '))
        .take(40)
        .collect()
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn checked(value: String, life: Duration) -> Result<Obtained, String> {
    if !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return Err("the token has line breaks or other characters that a header cannot carry".into());
    }
    Ok(Obtained { value: SecretBytes::new(value), life })
}

/// Seconds of life, clamped; nonsense is a short life.
fn life(value: Option<&Value>) -> Duration {
    let seconds = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    };
    let milliseconds = seconds.filter(|s| *s > 0.0).map_or(TOKEN_LIFE_MS, |s| (s * 1_000.0).min(TOKEN_LIFE_MS_MAX as f64) as u64);
    Duration::from_millis(milliseconds.clamp(1, TOKEN_LIFE_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Line 86 of the attack list.
    #[test]
    fn lives_are_clamped() {
        for (text, expected) in [
            ("3600", 3_600_000),
            ("\"3600\"", 3_600_000),
            ("-1", TOKEN_LIFE_MS),
            ("0", TOKEN_LIFE_MS),
            ("1e12", TOKEN_LIFE_MS_MAX),
            ("1e400", TOKEN_LIFE_MS),
            ("\"soon\"", TOKEN_LIFE_MS),
            ("null", TOKEN_LIFE_MS),
            ("\"NaN\"", TOKEN_LIFE_MS),
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(life(Some(&value)).as_millis() as u64, expected, "{text}");
        }
    }

    /// Line 90 of the attack list.
    #[test]
    fn answers_without_a_usable_token_are_refused() {
        for body in [
            "",
            "<html>",
            "{}",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":["a"]}"#,
            r#"{"error":"invalid_client","access_token":"abc"}"#,
            r#"{"access_token":"abc","token_type":"mac"}"#,
        ] {
            assert!(from_oauth(body.as_bytes()).is_err(), "{body}");
        }
        let good = from_oauth(br#"{"access_token":"abc","token_type":"bearer","expires_in":60}"#).unwrap();
        assert_eq!((good.value.expose(), good.life), (&b"abc"[..], Duration::from_secs(60)));
        let good = from_login(br#"{"data":{"token":"t","life":5}}"#, "/data/token", Some("/data/life")).unwrap();
        assert_eq!((good.value.expose(), good.life), (&b"t"[..], Duration::from_secs(5)));
        assert!(from_login(br#"{"data":{}}"#, "/data/token", None).is_err());
    }

    #[test]
    fn names_and_passwords_are_values_not_syntax() {
        let body = login_body(
            r#"{"u":"{user}","p":["x{password}"],"n":{"both":"{user}:{password}{x}"},"k":1}"#,
            "{password}",
            "a\"}{user}",
        )
        .unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(value["u"], "{password}");
        assert_eq!(value["p"][0], "xa\"}{user}");
        assert_eq!(value["n"]["both"], "{password}:a\"}{user}{x}");
        assert!(login_body("not json {user}", "u", "p").is_err());
    }

    #[test]
    fn another_secret_makes_token_and_refusal_void() {
        let (first, second, now) = (SecretBytes::new("one"), SecretBytes::new("two"), Instant::now());
        let mut state = TokenState::default();
        state.refuse(&first, "no".into(), now + Duration::from_secs(9));
        assert!(state.refusal(&first, now).is_some() && state.refusal(&second, now).is_none());
        state.set(&first, &Obtained { value: SecretBytes::new("t"), life: Duration::from_secs(10) }, now);
        assert!(state.current(&first, now).is_some() && state.current(&second, now).is_none());
        assert!(state.current(&first, now + Duration::from_secs(9)).is_none());
        assert!(state.refusal(&first, now).is_none());
    }

    /// The answer's `Set-Cookie` lines, and the token with its life in milliseconds; empty where there is none.
    #[track_caller]
    fn check_cookie(lines: &[&str], body: &str, expires_in: Option<&str>, expected: &str) {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|line| _ = headers.append(SET_COOKIE, line.parse().unwrap()));
        let found = from_cookie(&headers, body.as_bytes(), "sid", expires_in);
        let found = found.map_or_else(
            |_| String::new(),
            |token| format!("{} {}", String::from_utf8_lossy(token.value.expose()), token.life.as_millis()),
        );
        assert_eq!(found, expected, "{lines:?}");
    }

    #[test]
    fn a_cookie_carries_a_token() {
        check_cookie(&["sid=abc; Path=/; HttpOnly"], "", None, "abc 86400000");
        check_cookie(&["sid=abc; max-age=60"], "", None, "abc 60000");
        check_cookie(&["sid=abc; Max-Age=99999999"], "", None, "abc 86400000");
        check_cookie(&["other=x", "sid=a=b==; Secure"], "not json", None, "a=b== 86400000");
        check_cookie(&["sid=old", "sid=new"], "", None, "new 86400000");
        check_cookie(&["sid=abc; Max-Age=60"], r#"{"life":5}"#, Some("/life"), "abc 5000");
        check_cookie(&["sid=abc"], "{}", Some("/life"), &format!("abc {TOKEN_LIFE_MS}"));
        check_cookie(&["sid=abc; Max-Age=0"], "", None, "");
        check_cookie(&["sid=abc; Max-Age=-1"], "", None, "");
        check_cookie(&["sid=good", "sid=; Max-Age=0"], "", None, "");
        check_cookie(&["sid="], "", None, "");
        check_cookie(&["xsid=abc", "SID=abc", "sid"], "", None, "");
        check_cookie(&["sid=a b"], "", None, "");
        check_cookie(&["sid=a,b=c"], "", None, "");
        check_cookie(&[], "", None, "");
    }
}
