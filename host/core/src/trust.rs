//! Whose plugins a project accepts: statements that are signed, and the keys that may sign which names.
//!
//! Decides; knows neither files nor the arithmetic of signatures. A statement says in a fixed layout of bytes which file is meant
//! ([`Statement::bytes`]), so that nobody has to agree on how JSON is spelled. It lies beside the plugin, in `NAME.wasm.sig`, and
//! not in a section of it: so the file that is signed, pinned in `nave.lock`, kept by a registry and built again from its source has
//! one digest, and no code takes a part of a stranger's file out before it is hashed.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// What the bytes of every statement begin with: a signature of ours is worth nothing for anything else.
pub const DOMAIN: &[u8] = b"nave plugin statement v1\n";
/// `format` of a signature's file.
pub const FORMAT: &str = "nave-plugin-signature/1";
/// Before the 32 bytes of a public key in base64.
pub const KEY_PREFIX: &str = "ed25519:";
/// Longest signature file, bytes.
pub const SIGNATURE_BYTES_MAX: u64 = 16 << 10;

/// What is signed about a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Statement {
    /// Name of the manifest.
    pub name: String,
    /// Version of the manifest.
    pub version: String,
    /// Serial of the manifest.
    pub serial: u64,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub digest: String,
    /// SHA-256 of the manifest's section, 64 hexadecimal digits.
    pub manifest: String,
    /// When it was signed; whole seconds count.
    pub issued: Timestamp,
    /// From when on it is no reason any more to install the file; whole seconds count.
    pub expires: Timestamp,
}

impl Statement {
    /// The bytes that are signed by the key whose 32 bytes these are: [`DOMAIN`], the key, then name, version, digest and manifest,
    /// each with its length before it in four bytes, then serial, issued and expires in seconds, eight bytes each. All numbers
    /// have their highest byte first.
    pub fn bytes(&self, key: &[u8; 32]) -> Vec<u8> {
        let mut out = Vec::with_capacity(DOMAIN.len() + 256);
        out.extend_from_slice(DOMAIN);
        out.extend_from_slice(key);
        for text in [&self.name, &self.version, &self.digest, &self.manifest] {
            // A signature's file is far smaller than what four bytes can say.
            out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        out.extend_from_slice(&self.serial.to_be_bytes());
        out.extend_from_slice(&self.issued.as_second().to_be_bytes());
        out.extend_from_slice(&self.expires.as_second().to_be_bytes());
        out
    }

    /// Whether it is about this file. A statement about another plugin is told apart from one about other bytes.
    ///
    /// # Errors
    /// `plugin.other-statement`, `plugin.bad-signature`.
    pub fn is_about(&self, file: &Signed<'_>) -> Result<(), Distrust> {
        if (self.name.as_str(), self.version.as_str(), self.serial) != (file.name, file.version, file.serial) {
            return Err(Distrust::new(
                "plugin.other-statement",
                format!(
                    "the signature is one of {} {} (serial {}), and the file is {} {} (serial {})",
                    self.name, self.version, self.serial, file.name, file.version, file.serial
                ),
            ));
        }
        let what = match (self.digest == file.digest, self.manifest == file.manifest) {
            (true, true) => return Ok(()),
            (false, _) => "the file",
            (true, false) => "the manifest",
        };
        Err(Distrust::new("plugin.bad-signature", format!("{what} of {} is not what was signed", file.name)))
    }
}

/// What a file says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// Name.
    pub name: &'a str,
    /// Version.
    pub version: &'a str,
    /// Serial.
    pub serial: u64,
    /// SHA-256 of the file, hexadecimal.
    pub digest: &'a str,
    /// SHA-256 of the manifest's section, hexadecimal.
    pub manifest: &'a str,
}

/// A signature's file, `NAME.wasm.sig`: JSON, strict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SignatureFile {
    /// [`FORMAT`].
    pub format: String,
    /// What is signed.
    pub statement: Statement,
    /// Public key: [`KEY_PREFIX`] and 32 bytes in base64.
    pub key: String,
    /// Ed25519 over [`Statement::bytes`]: 64 bytes in base64.
    pub signature: String,
}

/// Why a plugin is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distrust {
    /// Code that tests and scripts use.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Distrust {
    /// With its code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Whether it only says that nobody vouches for the file: what a project may allow. Everything else is somebody's word
    /// against it.
    pub fn is_only_unknown(&self) -> bool {
        matches!(self.code, "plugin.unsigned" | "plugin.unknown-key")
    }
}

/// `trust.toml`: whose plugins this project accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trust {
    /// `[[key]]`.
    #[serde(default, rename = "key")]
    pub keys: Vec<TrustedKey>,
}

/// A key, and what it may sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrustedKey {
    /// Public key, `ed25519:…`.
    pub key: String,
    /// Names of plugins that it may sign: `hubspot`, `acme-*`, `*`.
    pub names: Vec<String>,
    /// Who has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// First day on which it counts (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Date>,
    /// Last day on which it counts (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// Since when nothing that it ever signed is accepted any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Date>,
    /// Why it was revoked, or is trusted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub because: String,
}

impl Trust {
    /// Reads `trust.toml`.
    ///
    /// # Errors
    /// A sentence with what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        let trust: Self = toml::from_str(text).map_err(|error| error.to_string().trim().to_owned())?;
        for key in &trust.keys {
            check_key(&key.key)?;
            if key.names.is_empty() {
                return Err(format!("{} has no `names`; write names = [\"acme-*\"]", short_key(&key.key)));
            }
            key.names.iter().try_for_each(|name| check_pattern(name))?;
        }
        Ok(trust)
    }

    /// Whether this key may vouch for what it signed, now.
    ///
    /// # Errors
    /// `plugin.revoked-key`, `plugin.unknown-key`, `plugin.expired-key`, `plugin.expired-statement`.
    pub fn judge(&self, key: &str, statement: &Statement, now: Timestamp) -> Result<&TrustedKey, Distrust> {
        let mine = || self.keys.iter().filter(|known| known.key == key);
        if let Some((revoked, day)) = mine().find_map(|known| Some((known, known.revoked?))) {
            let why = if revoked.because.is_empty() { String::new() } else { format!(": {}", revoked.because) };
            return Err(Distrust::new(
                "plugin.revoked-key",
                format!("{} is signed with {}, which was revoked on {day}{why}", statement.name, short_key(key)),
            ));
        }
        let Some(known) = mine().find(|known| known.names.iter().any(|pattern| covers(pattern, &statement.name))) else {
            return Err(Distrust::new(
                "plugin.unknown-key",
                format!(
                    "{} is signed with {}, which trust.toml does not name for a plugin `{}`",
                    statement.name,
                    short_key(key),
                    statement.name
                ),
            ));
        };
        let today = now.to_zoned_datetime(TimeZone::UTC).date();
        if known.from.is_some_and(|from| today < from) || known.until.is_some_and(|until| today > until) {
            let day = |day: Option<Date>| day.map_or_else(|| "…".to_owned(), |day| day.to_string());
            return Err(Distrust::new(
                "plugin.expired-key",
                format!(
                    "{} is signed with {}, which counts from {} to {}",
                    statement.name,
                    short_key(key),
                    day(known.from),
                    day(known.until)
                ),
            ));
        }
        if now >= statement.expires || now < statement.issued.saturating_sub(CLOCKS_APART).unwrap_or(statement.issued) {
            return Err(Distrust::new(
                "plugin.expired-statement",
                format!(
                    "the signature of {} {} counts from {} to {}: whoever serves it may be holding back a newer one",
                    statement.name, statement.version, statement.issued, statement.expires
                ),
            ));
        }
        Ok(known)
    }
}

/// How far an author's clock may be ahead of ours.
const CLOCKS_APART: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Whether a text is a public key as [`Trust`] spells it: its prefix, then 43 characters of base64 and one `=`.
///
/// # Errors
/// A sentence.
pub fn check_key(key: &str) -> Result<(), String> {
    let rest = key.strip_prefix(KEY_PREFIX).and_then(|rest| rest.strip_suffix('='));
    let good = |rest: &str| rest.len() == 43 && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
    if rest.is_some_and(good) {
        return Ok(());
    }
    Err(format!("`{key}` is no public key; write {KEY_PREFIX} and the 44 characters that `nave plugin key show FILE` prints"))
}

/// Whether a text names plugins: a name, a beginning of names with `*` behind it, or `*`.
///
/// # Errors
/// A sentence.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !pattern.is_empty() && pattern.len() <= 65 {
        return Ok(());
    }
    Err(format!("`{pattern}` names no plugins; write a name, `acme-*` for all that begin so, or `*` for all"))
}

fn covers(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// The beginning of a key, enough for people to tell keys apart.
pub fn short_key(key: &str) -> String {
    key.char_indices().nth(KEY_PREFIX.len() + 12).map_or_else(|| key.to_owned(), |(at, _)| format!("{}…", &key[..at]))
}

/// The highest serial of a plugin that was ever accepted here.
///
/// # Errors
/// `plugin.rollback`, where this one is lower.
pub fn not_older(name: &str, version: &str, serial: u64, highest: Option<u64>) -> Result<(), Distrust> {
    match highest {
        Some(highest) if serial < highest => Err(Distrust::new(
            "plugin.rollback",
            format!("{name} {version} (serial {serial}) is older than what was installed here: the highest serial was {highest}"),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn statement(name: &str) -> Statement {
        Statement {
            name: name.into(),
            version: "1.2.0".into(),
            serial: 7,
            digest: "ab".repeat(32),
            manifest: "cd".repeat(32),
            issued: "2026-11-01T00:00:00Z".parse().unwrap(),
            expires: "2027-11-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[track_caller]
    fn check(trust: &str, name: &str, now: &str, expected: &str) {
        let trust = Trust::parse(trust).unwrap();
        let found = trust.judge(KEY, &statement(name), now.parse().unwrap()).map_or_else(|no| no.code, |_| "ok");
        assert_eq!(found, expected, "{name} at {now}");
    }

    /// Lines 45 and 55.
    #[test]
    fn a_key_counts_for_its_names_and_its_days() {
        let key = |rest: &str| format!("[[key]]\nkey = \"{KEY}\"\n{rest}\n");
        let now = "2026-11-29T12:00:00Z";
        check("", "hubspot", now, "plugin.unknown-key");
        check(&key("names = [\"hubspot\"]"), "hubspot", now, "ok");
        check(&key("names = [\"hubspot\"]"), "hubspots", now, "plugin.unknown-key");
        check(&key("names = [\"hub*\"]"), "hubspot", now, "ok");
        check(&key("names = [\"acme-*\"]"), "acme", now, "plugin.unknown-key");
        check(&key("names = [\"*\"]"), "anything", now, "ok");
        check(&key("names = [\"*\"]\nuntil = \"2026-11-28\""), "hubspot", now, "plugin.expired-key");
        check(&key("names = [\"*\"]\nuntil = \"2026-11-29\""), "hubspot", now, "ok");
        check(&key("names = [\"*\"]\nfrom = \"2026-11-30\""), "hubspot", now, "plugin.expired-key");
        check(&key("names = [\"*\"]\nrevoked = \"2026-12-24\""), "hubspot", now, "plugin.revoked-key");
        // Revoked once is revoked, whatever another line says.
        let twice = key("names = [\"*\"]") + &key("names = [\"x\"]\nrevoked = \"2026-01-01\"");
        check(&twice, "hubspot", now, "plugin.revoked-key");
        check(&key("names = [\"*\"]"), "hubspot", "2027-11-01T00:00:00Z", "plugin.expired-statement");
        check(&key("names = [\"*\"]"), "hubspot", "2027-10-31T23:59:59Z", "ok");
        check(&key("names = [\"*\"]"), "hubspot", "2026-10-31T22:00:00Z", "plugin.expired-statement");
    }

    /// Line 47.
    #[test]
    fn a_statement_is_about_one_file() {
        let (digest, manifest, other) = ("ab".repeat(32), "cd".repeat(32), "ee".repeat(32));
        let file = Signed { name: "hubspot", version: "1.2.0", serial: 7, digest: &digest, manifest: &manifest };
        for (file, expected) in [
            (file, "ok"),
            (Signed { name: "xero", ..file }, "plugin.other-statement"),
            (Signed { version: "1.2.1", ..file }, "plugin.other-statement"),
            (Signed { serial: 6, ..file }, "plugin.other-statement"),
            (Signed { digest: &other, ..file }, "plugin.bad-signature"),
            (Signed { manifest: &other, ..file }, "plugin.bad-signature"),
        ] {
            let found = statement("hubspot").is_about(&file).map_or_else(|no| no.code, |()| "ok");
            assert_eq!(found, expected, "{file:?}");
        }
    }

    /// Every field stands in the bytes, and none can be moved into the one beside it.
    #[test]
    fn the_layout_is_fixed() {
        let bytes = |change: fn(&mut Statement)| {
            let mut statement = statement("hubspot");
            change(&mut statement);
            statement.bytes(&[9; 32])
        };
        let plain = bytes(|_| ());
        assert!(plain.starts_with(b"nave plugin statement v1\n"));
        assert_eq!(plain.len(), 25 + 32 + (4 + 7) + (4 + 5) + 2 * (4 + 64) + 3 * 8);
        assert_eq!(&plain[57..68], b"\0\0\0\x07hubspot");
        assert_eq!(&plain[plain.len() - 24..plain.len() - 16], 7_u64.to_be_bytes());
        for (at, other) in [
            bytes(|one| one.name = "hubspo".into()),
            bytes(|one| one.version = "t1.2.0".into()),
            bytes(|one| (one.name, one.version) = ("hubspot1".into(), ".2.0".into())),
            bytes(|one| one.serial = 8),
            bytes(|one| one.digest = "ac".repeat(32)),
            bytes(|one| one.manifest = "ce".repeat(32)),
            bytes(|one| one.issued = "2026-11-01T00:00:01Z".parse().unwrap()),
            bytes(|one| one.expires = "2027-11-01T00:00:01Z".parse().unwrap()),
            statement("hubspot").bytes(&[8; 32]),
        ]
        .into_iter()
        .enumerate()
        {
            assert_ne!(plain, other, "{at}");
        }
    }

    #[test]
    fn a_trust_file_is_read_strictly() {
        for (text, wrong) in [
            ("[[key]]\nkey = \"ed25519:x\"\nnames = [\"a\"]", "is no public key"),
            (&format!("[[key]]\nkey = \"{KEY}\"\nnames = []"), "has no `names`"),
            (&format!("[[key]]\nkey = \"{KEY}\"\nnames = [\"A b\"]"), "names no plugins"),
            (&format!("[[key]]\nkey = \"{KEY}\"\nnames = [\"a*b\"]"), "names no plugins"),
            (&format!("[[key]]\nkey = \"{KEY}\"\nnames = [\"a\"]\nuntil = \"soon\""), "until"),
            ("[[keys]]\n", "unknown field `keys`"),
        ] {
            let found = Trust::parse(text).unwrap_err();
            assert!(found.contains(wrong), "{text}: {found}");
        }
    }

    #[test]
    fn a_serial_never_goes_back() {
        for (serial, highest, expected) in
            [(1, None, "ok"), (7, Some(7), "ok"), (8, Some(7), "ok"), (6, Some(7), "plugin.rollback")]
        {
            let found = not_older("hubspot", "1.0.0", serial, highest).map_or_else(|no| no.code, |()| "ok");
            assert_eq!(found, expected, "{serial} after {highest:?}");
        }
    }
}
