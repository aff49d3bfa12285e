//! Values sealed so that destroying one small key makes one record's history unreadable (I2).
//!
//! Three keys come from the store key by HKDF with the store's own salt: one wraps the records' keys, one seals
//! inputs, one says whether the store key is the right one. A record's key is 32 random bytes.
//!
//! **Why counters are good enough as nonces.** A nonce must never meet another plaintext under the same key. A record's
//! key seals one text per sequence, and a sequence is given once (I2), except where history forks: a backup restored
//! and written on, or a commit whose outcome nobody knows. So the nonce is the sequence (64 bits) behind a random
//! number drawn each time the store is opened (32 bits): a fork always passes through an opening. Records' keys
//! are wrapped under random 96-bit nonces: few enough of them are ever made (2^32 is far away). A record's key also seals
//! the record's own small rows (what was written to it, what is held of it) under random 96-bit nonces: a few hundred of
//! them, beside its sequences, never meet.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::format::FormatError;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// Random bytes that a new record key takes: key and nonce.
pub(crate) const RANDOM_BYTES: usize = KEY_BYTES + NONCE_LEN;
/// Bytes of a wrapped record key: nonce, key, tag.
pub(crate) const WRAPPED_BYTES: usize = NONCE_LEN + KEY_BYTES + TAG_BYTES;

/// What the hub's vault hands over to open the store: 32 bytes. Forgotten when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey([u8; KEY_BYTES]);

impl StoreKey {
    /// From the vault.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// Random bytes from the operating system.
pub(crate) fn random(out: &mut [u8]) {
    SystemRandom::new().fill(out).expect("the operating system gives random bytes");
}

/// Seals and opens under one key.
pub(crate) struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

fn nonce(incarnation: u32, number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..4].copy_from_slice(&incarnation.to_le_bytes());
    bytes[4..].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

impl Sealer {
    pub(crate) fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("the key has the algorithm's length")))
    }

    /// Seals in place and appends the tag. The number is bound as the nonce: a text moved to another row does not open.
    pub(crate) fn seal(&self, incarnation: u32, number: u64, text: &mut Vec<u8>) {
        let sealed = self.0.seal_in_place_append_tag(nonce(incarnation, number), Aad::empty(), text);
        sealed.expect("rows are shorter than the cipher's limit");
    }

    /// Seals a text that has no sequence: under a random nonce, which is put in front. What it is bound to opens it and
    /// nothing else does.
    pub(crate) fn seal_loose(&self, bound: &[u8], text: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        random(&mut nonce);
        let mut sealed = text.to_vec();
        let done = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed);
        done.expect("rows are shorter than the cipher's limit");
        [nonce.as_slice(), &sealed].concat()
    }

    pub(crate) fn open_loose(&self, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, FormatError> {
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or(FormatError::Short)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| FormatError::Short)?;
        let mut text = text.to_vec();
        let opened = self.0.open_in_place(nonce, Aad::from(bound), &mut text).map_err(|_| FormatError::Sealed)?;
        Ok(opened.to_vec())
    }

    pub(crate) fn open(&self, incarnation: u32, number: u64, mut text: Vec<u8>) -> Result<Vec<u8>, FormatError> {
        let opened =
            self.0.open_in_place(nonce(incarnation, number), Aad::empty(), &mut text).map_err(|_| FormatError::Sealed)?;
        let length = opened.len();
        text.truncate(length);
        Ok(text)
    }
}

/// Of every key that is derived.
pub(crate) struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// The keys that follow from the store key.
#[derive(Debug)]
pub(crate) struct Keys {
    wrapping: Sealer,
    /// Seals inputs, by their number.
    pub(crate) inputs: Sealer,
    /// Equal for equal store keys; says nothing about them.
    pub(crate) check: [u8; KEY_BYTES],
    /// Drawn at each opening.
    pub(crate) incarnation: u32,
}

impl Keys {
    pub(crate) fn new(key: &StoreKey, salt: &[u8]) -> Self {
        let root = Salt::new(HKDF_SHA256, salt).extract(&key.0);
        let derive = |purpose: &str| {
            let mut out = [0; KEY_BYTES];
            let info = [purpose.as_bytes()];
            let derived = root.expand(&info, Length).and_then(|okm| okm.fill(&mut out));
            derived.expect("HKDF gives 32 bytes");
            out
        };
        let sealer = |purpose: &str| {
            let mut key = derive(purpose);
            let sealer = Sealer::new(&key);
            key.zeroize();
            sealer
        };
        let mut incarnation = [0; 4];
        random(&mut incarnation);
        Self {
            wrapping: sealer("nave store: record keys"),
            inputs: sealer("nave store: inputs"),
            check: derive("nave store: is this the key"),
            incarnation: u32::from_le_bytes(incarnation),
        }
    }

    /// A record's new key from random bytes (key and nonce): what seals, and what is stored.
    pub(crate) fn wrap(&self, record: u64, random: &mut [u8; RANDOM_BYTES]) -> (Sealer, [u8; WRAPPED_BYTES]) {
        let (key, nonce) = random.split_at_mut(KEY_BYTES);
        let key: &mut [u8; KEY_BYTES] = key.try_into().expect("split there");
        let nonce: [u8; NONCE_LEN] = (&*nonce).try_into().expect("split there");
        let sealer = Sealer::new(key);
        let aad = Aad::from(record.to_le_bytes());
        let tag = self.wrapping.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, key);
        let mut wrapped = [0; WRAPPED_BYTES];
        wrapped[..NONCE_LEN].copy_from_slice(&nonce);
        wrapped[NONCE_LEN..NONCE_LEN + KEY_BYTES].copy_from_slice(key);
        wrapped[NONCE_LEN + KEY_BYTES..].copy_from_slice(tag.expect("a key is short").as_ref());
        (sealer, wrapped)
    }

    /// A record's stored key.
    pub(crate) fn unwrap(&self, record: u64, wrapped: &[u8]) -> Result<Sealer, FormatError> {
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_LEN).ok_or(FormatError::Short)?;
        let mut sealed = sealed.to_vec();
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| FormatError::Short)?;
        let key = self.wrapping.0.open_in_place(nonce, Aad::from(record.to_le_bytes()), &mut sealed);
        let key = key.map_err(|_| FormatError::Sealed)?;
        let sealer = <&[u8; KEY_BYTES]>::try_from(&*key).map(Sealer::new).map_err(|_| FormatError::Short);
        sealed.zeroize();
        sealer
    }
}
