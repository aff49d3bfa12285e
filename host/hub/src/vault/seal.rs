//! The bytes of a secret's row.
//!
//! `1 | version u32 | created i64 | nonce | data key + tag | nonce | secret + tag`, little endian. The data key is bound to
//! environment, name, version and time as associated data, and so is the secret; so a row opens in its own place only.

use nave_core::limits::SECRET_BYTES_MAX;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::master::hkdf;
use crate::secrets::SecretBytes;

const FORMAT: u8 = 1;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const WRAPPED_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;
const HEAD_BYTES: usize = 1 + 4 + 8;
const CHECK_TEXT: &[u8] = b"nave vault";

/// A row, taken apart. Nothing in it is readable.
pub(super) struct Row {
    pub(super) version: u32,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Row {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEAD_BYTES + self.wrapped.len() + self.sealed.len());
        out.push(FORMAT);
        out.extend_from_slice(&self.version.to_le_bytes());
        out.extend_from_slice(&self.created.to_le_bytes());
        out.extend_from_slice(&self.wrapped);
        out.extend_from_slice(&self.sealed);
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (created, rest) = rest.split_first_chunk::<8>()?;
        let (wrapped, sealed) = rest.split_at_checked(WRAPPED_BYTES)?;
        let plausible =
            *format == FORMAT && (NONCE_LEN + TAG_BYTES..=NONCE_LEN + TAG_BYTES + SECRET_BYTES_MAX).contains(&sealed.len());
        plausible.then(|| Self {
            version: u32::from_le_bytes(*version),
            created: i64::from_le_bytes(*created),
            wrapped: wrapped.to_vec(),
            sealed: sealed.to_vec(),
        })
    }
}

/// Seals and opens rows under the vault's key.
pub(super) struct Sealer {
    wrapping: LessSafeKey,
    digests: hmac::Key,
}

impl Sealer {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self { wrapping: aead_key(&hkdf(key, b"wrap")), digests: hmac::Key::new(hmac::HMAC_SHA256, &*hkdf(key, b"digest")) }
    }

    /// A digest that is worth nothing without the key.
    pub(super) fn digest(&self, secret: &[u8]) -> hmac::Tag {
        hmac::sign(&self.digests, secret)
    }

    /// Whether two secrets are the same, in constant time.
    pub(super) fn is_digest_of(&self, digest: &hmac::Tag, secret: &[u8]) -> bool {
        hmac::verify(&self.digests, secret, digest.as_ref()).is_ok()
    }

    pub(super) fn seal(&self, environment: &str, name: &str, version: u32, created: i64, secret: &[u8]) -> Row {
        let data_key = random::<KEY_BYTES>();
        let bound = |part| associated(part, environment, name, version, created);
        let wrapped = seal(&self.wrapping, &bound("key"), &*data_key);
        let sealed = seal(&aead_key(&data_key), &bound("secret"), secret);
        Row { version, created, wrapped, sealed }
    }

    pub(super) fn open(&self, environment: &str, name: &str, row: &Row) -> Option<SecretBytes> {
        let bound = |part| associated(part, environment, name, row.version, row.created);
        let data_key = open(&self.wrapping, &bound("key"), &row.wrapped)?;
        let data_key: Zeroizing<[u8; KEY_BYTES]> = Zeroizing::new(data_key.expose().try_into().ok()?);
        open(&aead_key(&data_key), &bound("secret"), &row.sealed)
    }

    /// Whose vault this is: the environment's name, readable, with a seal over it.
    pub(super) fn seal_check(&self, environment: &str) -> Vec<u8> {
        let mut row = seal(&self.wrapping, &associated("check", environment, "", 0, 0), CHECK_TEXT);
        row.extend_from_slice(environment.as_bytes());
        row
    }

    /// The environment, if this key made the check.
    pub(super) fn open_check(&self, row: &[u8]) -> Option<String> {
        let (sealed, environment) = row.split_at_checked(NONCE_LEN + CHECK_TEXT.len() + TAG_BYTES)?;
        let environment = std::str::from_utf8(environment).ok()?;
        let text = open(&self.wrapping, &associated("check", environment, "", 0, 0), sealed)?;
        (text.expose() == CHECK_TEXT).then(|| environment.to_owned())
    }
}

/// Every part with its length before it, so that no two places share one text.
fn associated(part: &str, environment: &str, name: &str, version: u32, created: i64) -> Vec<u8> {
    let mut out = b"nave.vault.v1".to_vec();
    for text in [part, environment, name] {
        out.extend_from_slice(&(text.len() as u64).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    out.extend_from_slice(&version.to_le_bytes());
    out.extend_from_slice(&created.to_le_bytes());
    out
}

fn aead_key(key: &[u8; KEY_BYTES]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length"))
}

pub(super) fn random<const N: usize>() -> Zeroizing<[u8; N]> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).expect("the operating system gives random bytes");
    bytes
}

/// Nonce, text and tag. Nonces are random: a data key seals one text, and the wrapping key far fewer than 2^32.
fn seal(key: &LessSafeKey, associated: &[u8], text: &[u8]) -> Vec<u8> {
    let nonce = *random::<NONCE_LEN>();
    // Room for the tag beforehand: a growing buffer would leave a copy of the text behind.
    let mut sealed = Zeroizing::new(Vec::with_capacity(text.len() + TAG_BYTES));
    sealed.extend_from_slice(text);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut *sealed)
        .expect("a short text can be sealed");
    [&nonce[..], &sealed[..]].concat()
}

fn open(key: &LessSafeKey, associated: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut text = Zeroizing::new(text.to_vec());
    let opened = key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated), &mut text).ok()?;
    Some(SecretBytes::new(&*opened))
}
