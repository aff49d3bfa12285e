//! Looks for a secret in everything that a hub says, keeps and hands on, in every spelling; and shows that it would find it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 3986's unreserved characters stay.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// Characters of a secret in a row that no encoding changes and no other text has: part of it is a leak as well.
const CORE_CHARS_MIN: usize = 16;

/// Bytes around what was found that are shown: a canary is nobody's secret.
const AROUND: usize = 60;

/// A secret in one spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// How it is spelled.
    pub name: String,
    /// What is looked for.
    pub needle: Vec<u8>,
}

/// Every spelling in which a secret could leak: as it is, each long piece of it that encodings leave alone, URL-encoded, in base64
/// at every alignment and in both alphabets, in hexadecimal, escaped for JSON and for HTML.
pub fn spellings(secret: &[u8]) -> Vec<Spelling> {
    let mut all = vec![("plain".to_owned(), secret.to_vec())];
    for alphabet in [STANDARD, URL_SAFE] {
        for shift in 0..3_usize {
            // What stands around it changes the first and the last character; padding says nothing.
            let text = alphabet.encode([&b"x".repeat(shift)[..], secret].concat());
            let inner = text.trim_end_matches('=').as_bytes();
            all.push((format!("base64 at {shift}"), inner[(shift * 4).div_ceil(3)..inner.len() - 1].to_vec()));
        }
    }
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    all.push(("hex".to_owned(), hex.to_uppercase().into_bytes()));
    all.push(("hex".to_owned(), hex.into_bytes()));
    if let Ok(text) = std::str::from_utf8(secret) {
        for set in [NON_ALPHANUMERIC, COMPONENT] {
            let encoded = utf8_percent_encode(text, set).to_string();
            all.push(("URL".to_owned(), lower_escapes(&encoded).into_bytes()));
            all.push(("URL".to_owned(), encoded.into_bytes()));
        }
        let every: String = secret.iter().map(|byte| format!("%{byte:02X}")).collect();
        all.push(("URL, every character".to_owned(), every.into_bytes()));
        let json = serde_json::Value::from(text).to_string();
        all.push(("JSON".to_owned(), json.trim_matches('"').as_bytes().to_vec()));
        let every: String = text.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
        all.push(("JSON, every character".to_owned(), every.into_bytes()));
        all.push(("HTML".to_owned(), html(text, ["&#38;", "&#60;", "&#62;", "&#34;", "&#39;"]).into_bytes()));
        all.push(("HTML".to_owned(), html(text, ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"]).into_bytes()));
        let cores = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|core| core.len() >= CORE_CHARS_MIN);
        all.extend(cores.map(|core| ("a piece".to_owned(), core.as_bytes().to_vec())));
    }
    let mut spelled: Vec<Spelling> = all.into_iter().map(|(name, needle)| Spelling { name, needle }).collect();
    spelled.dedup_by(|left, right| left.needle == right.needle);
    spelled
}

fn lower_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut left = 0_u8;
    for c in text.chars() {
        out.push(if left > 0 { c.to_ascii_lowercase() } else { c });
        left = if c == '%' { 2 } else { left.saturating_sub(1) };
    }
    out
}

fn html(text: &str, [and, less, greater, double, single]: [&str; 5]) -> String {
    text.chars()
        .map(|c| match c {
            '&' => and.to_owned(),
            '<' => less.to_owned(),
            '>' => greater.to_owned(),
            '"' => double.to_owned(),
            '\'' => single.to_owned(),
            c => c.to_string(),
        })
        .collect()
}

/// Everything that is searched: kind of place, name, bytes.
#[derive(Default)]
pub struct Places(Vec<(&'static str, String, Vec<u8>)>);

impl Places {
    /// One more.
    pub fn add(&mut self, kind: &'static str, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((kind, name.into(), bytes.into()));
    }

    /// Every file below a folder, but some: by the end of their path.
    pub fn add_files(&mut self, kind: &'static str, folder: &Path, but: &[&str]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.add_files(kind, &path, but);
            } else if path.is_file() && !but.iter().any(|end| path.ends_with(end)) {
                self.add(kind, path.display().to_string(), fs::read(&path).unwrap_or_default());
            }
        }
    }

    /// How many places of a kind there are.
    pub fn many(&self, kind: &str) -> usize {
        self.0.iter().filter(|place| place.0 == kind).count()
    }

    /// The places of a kind that hold this text.
    pub fn holding(&self, kind: &str, text: &str) -> usize {
        let holds = |bytes: &[u8]| memchr::memmem::find(bytes, text.as_bytes()).is_some();
        self.0.iter().filter(|place| place.0 == kind && holds(&place.2)).count()
    }

    /// Where a secret is: kind of place, and in words its name and the spelling.
    pub fn find(&self, secret: &[u8]) -> Vec<(&'static str, String)> {
        let spelled = spellings(secret);
        let mut found = Vec::new();
        for (kind, name, bytes) in &self.0 {
            for Spelling { name: spelling, needle } in &spelled {
                if let Some(at) = memchr::memmem::find(bytes, needle) {
                    let around = &bytes[at.saturating_sub(AROUND)..bytes.len().min(at + needle.len() + AROUND)];
                    let around = String::from_utf8_lossy(around).escape_debug().to_string();
                    found.push((*kind, format!("{kind} {name} ({spelling}): …{around}…")));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "ca/na+ry~0123456789abcdef?\"<fedcba9876543210>=&!";

    /// Each spelling alone, in the middle of something else, is found; a text without is not.
    #[test]
    fn a_planted_leak_is_found_in_every_spelling() {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        let mut planted = vec![
            ("plain", SECRET.to_owned()),
            ("hex", hex.clone()),
            ("HEX", hex.to_uppercase()),
            ("URL", utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string()),
            ("URL component", utf8_percent_encode(SECRET, COMPONENT).to_string()),
            ("url, lower", lower_escapes(&utf8_percent_encode(SECRET, COMPONENT).to_string())),
            ("JSON", serde_json::json!({ "message": format!("you sent {SECRET}") }).to_string()),
            ("HTML", html(SECRET, ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"])),
            ("HTML, by number", html(SECRET, ["&#38;", "&#60;", "&#62;", "&#34;", "&#39;"])),
            ("URL, every character", SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect()),
            ("JSON, every character", SECRET.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect()),
            ("the first half", SECRET[..26].to_owned()),
        ];
        for before in ["", "u", "us", "user:"] {
            for after in ["", "z", "zz"] {
                planted.push(("base64", STANDARD.encode(format!("{before}{SECRET}{after}"))));
                planted.push(("base64 for URLs", URL_SAFE.encode(format!("{before}{SECRET}{after}")).replace('=', "")));
            }
        }
        for (name, leak) in planted {
            let mut places = Places::default();
            places.add("log", "beside", "nothing to see");
            places.add("log", name, format!("2026 WARN {leak} ..."));
            let found = places.find(SECRET.as_bytes());
            assert!(!found.is_empty() && found.iter().all(|(_, place)| place.contains(name)), "{name}: {leak}: {found:?}");
        }
        let mut clean = Places::default();
        clean.add("log", "clean", format!("{}***", &SECRET[..10]));
        assert_eq!(clean.find(SECRET.as_bytes()), []);
    }

    /// Every needle is looked for: without any of them its own leak is found by another one, or not at all.
    #[test]
    fn spellings_differ_from_each_other() {
        let spelled = spellings(SECRET.as_bytes());
        let names: Vec<&str> = spelled.iter().map(|spelling| spelling.name.as_str()).collect();
        let bases = ["base64 at 0", "base64 at 1", "base64 at 2"];
        let url = ["URL", "URL", "URL", "URL", "URL, every character"];
        let text = ["JSON", "JSON, every character", "HTML", "HTML", "a piece", "a piece"];
        assert_eq!(names, [&["plain"][..], &bases, &bases, &["hex", "hex"], &url, &text].concat());
        let different: std::collections::BTreeSet<&[u8]> = spelled.iter().map(|spelling| spelling.needle.as_slice()).collect();
        assert!(different.len() + 3 >= spelled.len(), "only the alphabets of base64 may agree: {spelled:?}");
        assert!(spelled.iter().all(|spelling| spelling.needle.len() >= CORE_CHARS_MIN));
        let names: Vec<&str> = spellings(&[0xff; 32]).iter().map(|spelling| spelling.name.clone().leak() as &str).collect();
        assert_eq!(names.first(), Some(&"plain"), "bytes that are no text are looked for as well: {names:?}");
    }
}
