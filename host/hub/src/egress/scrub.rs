//! Takes secrets out of what comes back: as they are, and in every spelling that systems echo them in.
//!
//! Spellings: raw; base64 and base64url at each of the three alignments, with and without padding, alone also in lines
//! of 64 and 76; URL-encoded, every character of it too, and twice; JSON-escaped, every character of it too; HTML
//! entities; hexadecimal. Upper and lower case of ASCII letters are the same: header names come in lower case. Secrets shorter than [`SCRUB_BYTES_MIN`] are not looked for. Holds the secrets in memory for as
//! long as the channel lives: what was sent once may come back later.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use nave_core::limits::{SCRUB_BYTES_MIN, SCRUB_SECRETS_MAX};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

use crate::secrets::SecretBytes;

/// What stands where a secret was.
pub(super) const STARS: &str = "***";

/// RFC 3986's unreserved characters stay.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `encodeURIComponent` leaves alone as well.
const SCRIPT: &AsciiSet = &COMPONENT.remove(b'*').remove(b'!').remove(b'\'').remove(b'(').remove(b')');

/// What forms leave alone.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

/// Finds known secrets.
pub(super) struct Scrubber {
    finder: AhoCorasick,
    longest: usize,
}

impl Scrubber {
    fn new<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut needles = BTreeSet::new();
        for secret in secrets {
            spellings(secret, &mut needles);
            // A server sees, and says back, a header's value without the blanks around it.
            let bare = secret.trim_ascii();
            if bare.len() < secret.len() {
                spellings(bare, &mut needles);
            }
        }
        let longest = needles.iter().map(Vec::len).max().unwrap_or(0);
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&needles)
            .expect("a few dozen short needles fit into an automaton");
        Self { finder, longest }
    }

    /// The bytes without secrets; borrowed when there was none.
    pub(super) fn clean<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        if self.longest == 0 || self.finder.find(bytes).is_none() {
            return Cow::Borrowed(bytes);
        }
        let mut out = Vec::with_capacity(bytes.len());
        self.copy(bytes, bytes.len(), &mut out);
        Cow::Owned(out)
    }

    /// Text without secrets.
    pub(super) fn clean_text(&self, text: String) -> String {
        match self.clean(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Moves what can be judged already from `held` to `out`; keeps back what may be the beginning of a secret, unless
    /// it is the end. Says whether a secret was taken out.
    pub(super) fn drain(&self, held: &mut Vec<u8>, end: bool, out: &mut Vec<u8>) -> bool {
        let safe = if end { held.len() } else { held.len().saturating_sub(self.longest.saturating_sub(1)) };
        let (used, found) = self.copy(held, safe, out);
        held.drain(..used);
        found
    }

    /// Copies what begins before `safe`; answers how far it came and whether it found a secret.
    fn copy(&self, bytes: &[u8], safe: usize, out: &mut Vec<u8>) -> (usize, bool) {
        let (mut at, mut found) = (0, false);
        if self.longest > 0 {
            for hit in self.finder.find_iter(bytes).take_while(|hit| hit.start() < safe) {
                out.extend_from_slice(&bytes[at..hit.start()]);
                out.extend_from_slice(STARS.as_bytes());
                at = hit.end();
                found = true;
            }
        }
        if at < safe {
            out.extend_from_slice(&bytes[at..safe]);
            at = safe;
        }
        (at, found)
    }
}

/// Finds secrets by name in texts, in any spelling.
pub(crate) struct SecretFinder(Vec<(String, Scrubber)>);

impl SecretFinder {
    /// Of these; those that are too short are not looked for.
    pub(crate) fn new(secrets: Vec<(String, SecretBytes)>) -> Self {
        let long = secrets.into_iter().filter(|(_, secret)| secret.len() >= SCRUB_BYTES_MIN);
        Self(long.map(|(name, secret)| (name, Scrubber::new(std::iter::once(secret.expose())))).collect())
    }

    /// Each secret that stands in a text, and the byte that its first place begins at.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<(&str, usize)> {
        self.0.iter().filter_map(|(name, one)| Some((name.as_str(), one.finder.find(text)?.start()))).collect()
    }
}

/// The secrets and tokens that one channel has used.
pub(super) struct Known {
    inner: Mutex<(VecDeque<SecretBytes>, Arc<Scrubber>)>,
}

impl Known {
    pub(super) fn new() -> Self {
        Self { inner: Mutex::new((VecDeque::new(), Arc::new(Scrubber::new(std::iter::empty())))) }
    }

    /// From now on these are looked for.
    pub(super) fn remember<'a>(&self, secrets: impl IntoIterator<Item = &'a [u8]>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut grown = false;
        for secret in secrets {
            if secret.len() < SCRUB_BYTES_MIN || inner.0.iter().any(|known| known.expose() == secret) {
                continue;
            }
            if inner.0.len() == SCRUB_SECRETS_MAX {
                inner.0.pop_front();
            }
            inner.0.push_back(SecretBytes::new(secret));
            grown = true;
        }
        if grown {
            inner.1 = Arc::new(Scrubber::new(inner.0.iter().map(SecretBytes::expose)));
        }
    }

    /// Finds what is known now.
    pub(super) fn scrubber(&self) -> Arc<Scrubber> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// All spellings of one secret.
fn spellings(secret: &[u8], out: &mut BTreeSet<Vec<u8>>) {
    let mut add = |bytes: Vec<u8>| {
        if bytes.len() >= SCRUB_BYTES_MIN {
            out.insert(bytes);
        }
    };
    add(secret.to_vec());
    for encoded in
        [STANDARD.encode(secret), URL_SAFE.encode(secret), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret)]
    {
        for width in [64, 76] {
            let lines: Vec<&str> = encoded.as_bytes().chunks(width).filter_map(|line| std::str::from_utf8(line).ok()).collect();
            add(lines.join("\n").into_bytes());
            add(lines.join("\r\n").into_bytes());
            add(lines.join("\\n").into_bytes());
            add(lines.join("\\r\\n").into_bytes());
        }
        for set in [COMPONENT, NON_ALPHANUMERIC] {
            add(percent_encode(encoded.as_bytes(), set).to_string().into_bytes());
        }
        add(encoded.into_bytes());
    }
    // Within a longer encoded text the secret begins at any of three places, and its first and last character mix
    // with its neighbours.
    for lead in 0..3_usize {
        let mut shifted = Zeroizing::new(vec![0; lead]);
        shifted.extend_from_slice(secret);
        let cut_front = (lead * 8).div_ceil(6);
        let cut_back = usize::from(shifted.len() % 3 != 0);
        for encoded in [STANDARD_NO_PAD.encode(&*shifted), URL_SAFE_NO_PAD.encode(&*shifted)] {
            let inner = encoded.get(cut_front..encoded.len().saturating_sub(cut_back)).unwrap_or("");
            add(inner.as_bytes().to_vec());
        }
    }
    for set in [COMPONENT, SCRIPT, FORM, NON_ALPHANUMERIC] {
        let upper = percent_encode(secret, set).to_string();
        add(upper.replace("%20", "+").into_bytes());
        add(upper.replace('%', "%25").into_bytes());
        add(upper.into_bytes());
    }
    let every = |spell: &dyn Fn(u8) -> String| secret.iter().map(|byte| spell(*byte)).collect::<String>();
    let percent = every(&|byte| format!("%{byte:02X}"));
    add(percent.replace('%', "%25").into_bytes());
    add(percent.into_bytes());
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    add(hex.to_uppercase().into_bytes());
    add(hex.into_bytes());
    if let Ok(text) = std::str::from_utf8(secret) {
        let units = |spell: &dyn Fn(u32) -> String| text.encode_utf16().map(|unit| spell(u32::from(unit))).collect::<String>();
        add(units(&|unit| format!("\\u{unit:04x}")).into_bytes());
        let letters = |spell: &dyn Fn(char) -> String| text.chars().map(spell).collect::<String>();
        add(letters(&|letter| format!("&#{};", letter as u32)).into_bytes());
        add(letters(&|letter| format!("&#x{:x};", letter as u32)).into_bytes());
        for (quote, apostrophe) in [("&quot;", "&#39;"), ("&#34;", "&#x27;"), ("&#x22;", "&apos;"), ("\"", "'")] {
            let entity = |letter: char| match letter {
                '&' => "&amp;".to_owned(),
                '<' => "&lt;".to_owned(),
                '>' => "&gt;".to_owned(),
                '"' => quote.to_owned(),
                '\'' => apostrophe.to_owned(),
                other => other.to_string(),
            };
            add(letters(&entity).into_bytes());
        }
        let quoted = serde_json::Value::String(text.to_owned()).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        add(inner.replace('/', "\\/").into_bytes());
        let mut html = String::new();
        for character in inner.chars() {
            match character {
                '<' | '>' | '&' | '\'' | '=' | '+' => html.push_str(&format!("\\u{:04x}", character as u32)),
                other => html.push(other),
            }
        }
        add(html.into_bytes());
        add(inner.as_bytes().to_vec());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"c4nary/+s3cret=\"x\"";

    fn scrubber() -> Scrubber {
        Scrubber::new([SECRET].into_iter())
    }

    fn check(text: &[u8], expected: &[u8]) {
        assert_eq!(String::from_utf8_lossy(&scrubber().clean(text)), String::from_utf8_lossy(expected));
        // However the text is cut, the outcome is the same.
        for cut in [1, 2, 7, 64] {
            let (mut held, mut out) = (Vec::new(), Vec::new());
            for piece in text.chunks(cut) {
                held.extend_from_slice(piece);
                scrubber().drain(&mut held, false, &mut out);
            }
            scrubber().drain(&mut held, true, &mut out);
            assert!(held.is_empty());
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected), "in pieces of {cut}");
        }
    }

    /// What is stored with blanks around it comes back without them.
    #[test]
    fn blanks_around_a_secret_hide_nothing() {
        for around in [" ", "\t", "\r\n", "  \n "] {
            let secret = [around.as_bytes(), SECRET, around.as_bytes()].concat();
            let scrubber = Scrubber::new([&*secret].into_iter());
            for text in [&*secret, SECRET, STANDARD.encode(SECRET).as_bytes(), STANDARD.encode(&secret).as_bytes()] {
                let clean = scrubber.clean(text);
                assert_eq!(String::from_utf8_lossy(&clean).trim(), STARS, "{around:?}");
            }
        }
    }

    #[test]
    fn every_spelling_goes() {
        check(b"nothing here", b"nothing here");
        check(b"", b"");
        check(&[b"a ", SECRET, b" b ", SECRET, SECRET].concat(), b"a *** b ******");
        for spelling in [
            STANDARD.encode(SECRET),
            STANDARD_NO_PAD.encode(SECRET),
            URL_SAFE.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            "c4nary%2F%2Bs3cret%3D%22x%22".into(),
            "c4nary%2f%2bs3cret%3d%22x%22".into(),
            r#"c4nary/+s3cret=\"x\""#.into(),
            r#"c4nary\/+s3cret=\"x\""#.into(),
            r#"c4nary/\u002bs3cret\u003d\"x\""#.into(),
            SECRET.iter().map(|byte| format!("{byte:02x}")).collect(),
            SECRET.iter().map(|byte| format!("{byte:02X}")).collect(),
            String::from_utf8_lossy(SECRET).to_uppercase(),
            "C4nary/+S3CRET=\"X\"".into(),
            SECRET.iter().map(|byte| format!("%{byte:02X}")).collect(),
            SECRET.iter().map(|byte| format!("%{byte:02x}")).collect(),
            SECRET.iter().map(|byte| format!("%25{byte:02x}")).collect(),
            "c4nary%252F%252Bs3cret%253D%2522x%2522".into(),
            SECRET.iter().map(|byte| format!("\\u{byte:04x}")).collect(),
            SECRET.iter().map(|byte| format!("\\u{byte:04X}")).collect(),
            SECRET.iter().map(|byte| format!("&#{byte};")).collect(),
            SECRET.iter().map(|byte| format!("&#x{byte:X};")).collect(),
            "c4nary/+s3cret=&quot;x&quot;".into(),
            "c4nary/+s3cret=&#34;x&#34;".into(),
        ] {
            check(format!("<{spelling}>").as_bytes(), b"<***>");
        }
    }

    #[test]
    fn base64_within_a_longer_text_goes_at_every_alignment() {
        for lead in 0..6 {
            for tail in 0..4 {
                let whole = [&b"abcdefg"[..lead], SECRET, &b"tail"[..tail]].concat();
                for encoded in [STANDARD.encode(&whole), URL_SAFE.encode(&whole)] {
                    let clean = scrubber().clean(encoded.as_bytes()).into_owned();
                    // What is left decodes to fewer than two of its characters at each edge.
                    assert!(clean.len() < encoded.len() - SECRET.len(), "{lead} {tail} {}", String::from_utf8_lossy(&clean));
                }
            }
        }
    }

    #[test]
    fn a_secret_is_found_in_a_text_by_its_name() {
        let secrets = vec![("crm".to_owned(), SecretBytes::new(SECRET)), ("short".to_owned(), SecretBytes::new(b"abc"))];
        let finder = SecretFinder::new(secrets);
        let found = |text: &[u8]| finder.find(text);
        assert_eq!(found(b"abc and nothing"), []);
        assert_eq!(found(&[b"key = ", SECRET].concat()), [("crm", 6)]);
        assert_eq!(found(STANDARD.encode(SECRET).as_bytes()), [("crm", 0)]);
        assert_eq!(found(b"x=c4nary%2F%2Bs3cret%3D%22x%22"), [("crm", 2)]);
        let hex: String = SECRET.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(found(hex.as_bytes()), [("crm", 0)]);
    }

    #[test]
    fn short_words_stay_and_replaced_secrets_are_still_found() {
        let known = Known::new();
        known.remember([&b"admin"[..]]);
        assert_eq!(&*known.scrubber().clean(b"admin"), b"admin");
        known.remember([&b"first-secret"[..]]);
        known.remember([&b"second-secret"[..]]);
        assert_eq!(&*known.scrubber().clean(b"first-secret second-secret"), b"*** ***");
    }
}
