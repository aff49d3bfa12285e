//! Keys of authors, and the signature beside a plugin: made, and checked against a file. What is signed: [`nave_core::trust`].
//!
//! Ed25519 by ring, which is in the tree for TLS already. A private key is PKCS#8 in PEM, as other tools read and write it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use nave_core::trust::{Distrust, FORMAT, KEY_PREFIX, SIGNATURE_BYTES_MAX, SignatureFile, Signed, Statement, check_key};
use nave_runtime::Inspection;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::PluginsError;
use crate::project::ProjectError;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----"; // nave:no-secret
const END: &str = "-----END PRIVATE KEY-----";
/// Longest file with a key, bytes.
const KEY_FILE_BYTES_MAX: u64 = 16 << 10;

/// A private key that signs plugins.
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.public())
    }
}

impl SigningKey {
    /// Makes a key and writes it where there is no file yet, for its owner alone.
    ///
    /// # Errors
    /// [`PluginsError`] where the file is there already or cannot be written.
    pub fn create(file: &Path) -> Result<Self, PluginsError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let failed = |_| PluginsError::Call("this machine gives no randomness".to_owned());
        let der = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).map_err(failed)?;
        let text = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let lines: Vec<&str> = text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        let pem = Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")));
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        let mut made = made.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => PluginsError::Usage {
                message: format!("{} is there already, and a key that is overwritten is lost", file.display()),
                help: "name another file, or move that one away".to_owned(),
            },
            _ => ProjectError::io(file)(error).into(),
        })?;
        made.write_all(pem.as_bytes()).and_then(|()| made.sync_all()).map_err(ProjectError::io(file))?;
        Self::from_pem(&pem, file)
    }

    /// Reads a key that only its owner may read.
    ///
    /// # Errors
    /// [`PluginsError`] where the file cannot be read, others may read it, or it holds no Ed25519 key.
    pub fn read(file: &Path) -> Result<Self, PluginsError> {
        use std::os::unix::fs::PermissionsExt as _;
        let about = std::fs::metadata(file).map_err(ProjectError::io(file))?;
        if about.permissions().mode() & 0o077 != 0 {
            return Err(PluginsError::Usage {
                message: format!("others may read {}: whoever can, signs as you", file.display()),
                help: format!("chmod 600 {}; if somebody read it meanwhile, make another key", file.display()),
            });
        }
        if about.len() > KEY_FILE_BYTES_MAX {
            return Err(no_key(file));
        }
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(ProjectError::io(file))?);
        Self::from_pem(&text, file)
    }

    fn from_pem(text: &str, file: &Path) -> Result<Self, PluginsError> {
        let inner = text.split_once(BEGIN).and_then(|(_, rest)| Some(rest.split_once(END)?.0)).ok_or_else(|| no_key(file))?;
        let packed = Zeroizing::new(inner.split_whitespace().collect::<String>());
        let der = Zeroizing::new(STANDARD.decode(packed.as_bytes()).map_err(|_| no_key(file))?);
        // What OpenSSL writes has no public key in it, so nothing to check against.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| no_key(file))?;
        Ok(Self(pair))
    }

    /// Its public half as `trust.toml` has it.
    pub fn public(&self) -> String {
        format!("{KEY_PREFIX}{}", STANDARD.encode(self.0.public_key().as_ref()))
    }

    /// Signs a plugin's file, from now for so many days.
    ///
    /// # Errors
    /// [`PluginsError::Refused`] where it is no plugin, [`PluginsError::Usage`] for days beyond reason.
    pub fn sign(&self, plugin: &[u8], now: Timestamp, days: u32) -> Result<SignatureFile, PluginsError> {
        let found = nave_runtime::inspect(plugin)?;
        let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
        let expires = now.checked_add(jiff::SignedDuration::from_hours(24 * i64::from(days))).map_err(|_| {
            PluginsError::Usage { message: format!("{days} days from now is no time"), help: "write --days 365".to_owned() }
        })?;
        let statement = Statement {
            name: found.manifest.name,
            version: found.manifest.version,
            serial: found.manifest.serial,
            digest: found.digest.to_string(),
            manifest: found.manifest_digest.to_string(),
            issued: whole(now),
            expires: whole(expires),
        };
        let public: [u8; 32] = self.0.public_key().as_ref().try_into().unwrap_or([0; 32]);
        let signature = STANDARD.encode(self.0.sign(&statement.bytes(&public)).as_ref());
        Ok(SignatureFile { format: FORMAT.to_owned(), statement, key: self.public(), signature })
    }
}

fn no_key(file: &Path) -> PluginsError {
    PluginsError::Usage {
        message: format!("{} holds no private Ed25519 key in PEM", file.display()),
        help: "`nave plugin key new FILE` makes one".to_owned(),
    }
}

/// Where the signature of a plugin's file lies: `NAME.wasm.sig`.
pub fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The signature beside a file, where there is one.
///
/// # Errors
/// [`PluginsError`] where it cannot be read, or is no file of a sensible size.
pub fn read_beside(file: &Path) -> Result<Option<String>, PluginsError> {
    let path = beside(file);
    match std::fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ProjectError::io(&path)(error).into()),
        Ok(about) if !about.is_file() || about.len() > SIGNATURE_BYTES_MAX => {
            let message = format!("{} is no file of at most {SIGNATURE_BYTES_MAX} bytes", path.display());
            return Err(Distrust::new("plugin.bad-signature", message).into());
        }
        Ok(_) => {}
    }
    let bytes = super::read_plain(&path)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    Ok(Some(text))
}

fn unreadable(why: impl std::fmt::Display) -> Distrust {
    Distrust::new("plugin.bad-signature", format!("the signature cannot be read: {why}"))
}

/// Takes away the signature beside a file that was just built anew, where it is about other bytes: whoever installs it would be told
/// that the file is not what was signed. Says whether there was one.
///
/// # Errors
/// [`PluginsError`] where it cannot be removed.
pub fn remove_stale(file: &Path, digest: &str) -> Result<bool, PluginsError> {
    let path = beside(file);
    let text = read_beside(file).ok().flatten();
    let found = text.and_then(|text| serde_json::from_str::<SignatureFile>(&text).ok());
    // What is no signature is somebody's own, and is left alone.
    if found.is_none_or(|found| found.statement.digest == digest) {
        return Ok(false);
    }
    std::fs::remove_file(&path).map_err(ProjectError::io(&path))?;
    Ok(true)
}

/// Writes a signature beside its file, as people read it; answers where.
///
/// # Errors
/// [`PluginsError`] where it cannot be written.
pub fn write_beside(file: &Path, signature: &SignatureFile) -> Result<PathBuf, PluginsError> {
    let to = beside(file);
    let text = serde_json::to_string_pretty(signature).unwrap_or_default() + "\n";
    crate::project::write_whole(&to, text.as_bytes())?;
    Ok(to)
}

/// Checks a signature's arithmetic, and that it is about this file. Whether its key counts, [`nave_core::trust::Trust`] says.
///
/// # Errors
/// `plugin.bad-signature`, `plugin.other-statement`.
pub fn check(text: &str, file: &Inspection) -> Result<SignatureFile, Distrust> {
    if text.len() as u64 > SIGNATURE_BYTES_MAX {
        return Err(unreadable(format_args!("it has more than {SIGNATURE_BYTES_MAX} bytes")));
    }
    let found: SignatureFile = serde_json::from_str(text).map_err(unreadable)?;
    if found.format != FORMAT {
        return Err(unreadable(format_args!("its format is `{}`, and this version knows {FORMAT}", found.format.escape_debug())));
    }
    check_key(&found.key).map_err(unreadable)?;
    let key = found.key.strip_prefix(KEY_PREFIX).and_then(|key| STANDARD.decode(key).ok());
    let key: [u8; 32] = key.and_then(|key| key.try_into().ok()).ok_or_else(|| unreadable("its key has not 32 bytes"))?;
    let signature = STANDARD.decode(&found.signature).map_err(unreadable)?;
    let signed = found.statement.bytes(&key);
    if UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_err() {
        let message = format!("the signature of {} is not one of its key over its statement", file.manifest.name);
        return Err(Distrust::new("plugin.bad-signature", message));
    }
    found.statement.is_about(&Signed {
        name: &file.manifest.name,
        version: &file.manifest.version,
        serial: file.manifest.serial,
        digest: &file.digest.to_string(),
        manifest: &file.manifest_digest.to_string(),
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key that OpenSSL made (`openssl genpkey -algorithm ed25519`): no public half in it.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n"; // nave:no-secret

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("author.pem");
        let made = SigningKey::create(&file).unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(SigningKey::read(&file).unwrap().public(), made.public());
        check_key(&made.public()).unwrap();
        let again = SigningKey::create(&file).unwrap_err().to_string();
        assert!(again.contains("is there already"), "{again}");
        assert!(!format!("{made:?}").contains(&std::fs::read_to_string(&file).unwrap()[30..60]));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        let open = SigningKey::read(&file).unwrap_err().to_string();
        assert!(open.contains("others may read"), "{open}");
    }

    /// RFC 8032, 7.1, test 1: the public half of this seed.
    #[test]
    fn a_key_of_another_tool_is_read() {
        let key = SigningKey::from_pem(OPENSSL, Path::new("k.pem")).unwrap();
        assert_eq!(key.public(), "ed25519:11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        for wrong in ["", &format!("{BEGIN}\nAAAA\n-----END PRIVATE KEY-----\n"), BEGIN] {
            assert!(SigningKey::from_pem(wrong, Path::new("k.pem")).is_err(), "{wrong}");
        }
    }
}
