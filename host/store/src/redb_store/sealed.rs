//! A backup's file: a store file, sealed as a whole.
//!
//! `NAVEBKUP | format u32 | salt 32 | key check 16`, then the store file in chunks of [`CHUNK_BYTES`], each with its tag;
//! numbers are little endian. The file's key comes by HKDF from the backup key, the salt, and the head up to there, so a
//! changed head opens nothing. A chunk's nonce is its number and whether it is the last one: chunks that were left out,
//! moved, doubled, cut off or put behind do not open. The key check tells another key from an altered file. Memory is
//! bounded by two chunks.

use std::io::{ErrorKind, Read, Write};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::seal::{KEY_BYTES, Length, random};

/// First bytes of a sealed backup.
pub(super) const MAGIC: &[u8; 8] = b"NAVEBKUP";
/// Of the sealing; the store file inside has its own.
const FORMAT: u32 = 1;
/// Large enough that tags and calls cost nothing, small enough for any machine.
const CHUNK_BYTES: usize = 1 << 20;
const SALT_BYTES: usize = 32;
const CHECK_BYTES: usize = 16;
const TAG_BYTES: usize = 16;

/// What backups are sealed under. Forgotten when dropped, never printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct BackupKey([u8; KEY_BYTES]);

impl BackupKey {
    /// From the vault's master key, by a purpose of its own.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }
}

impl std::fmt::Debug for BackupKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackupKey(…)")
    }
}

/// Why a sealed file does not open.
#[derive(Debug)]
pub(super) enum Broken {
    /// Sealed under another key.
    WrongKey,
    /// Sealed by a newer hub.
    Newer(u32),
    /// Altered, cut off, or not such a file.
    Altered(String),
    /// It could not be read, or the other file not written.
    Io(std::io::Error),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// The newest format that is opened here.
pub(super) fn known() -> u32 {
    FORMAT
}

fn derive(root: &Prk, purpose: &[&[u8]]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut out = Zeroizing::new([0; KEY_BYTES]);
    root.expand(purpose, Length).and_then(|okm| okm.fill(&mut *out)).expect("HKDF gives 32 bytes");
    out
}

/// The key of one file, and what says whether it is the right one.
fn file_key(key: &BackupKey, head: &[u8], salt: &[u8]) -> (LessSafeKey, Zeroizing<[u8; KEY_BYTES]>) {
    let root = Salt::new(HKDF_SHA256, salt).extract(&key.0);
    let sealing = derive(&root, &[b"nave backup: chunks", head]);
    let key = UnboundKey::new(&AES_256_GCM, &*sealing).expect("the key has the algorithm's length");
    (LessSafeKey::new(key), derive(&root, &[b"nave backup: is this the key"]))
}

fn nonce(chunk: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&chunk.to_le_bytes());
    bytes[8] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Fills the buffer as far as the source goes.
fn fill(from: &mut impl Read, buffer: &mut Vec<u8>, length: usize) -> std::io::Result<()> {
    buffer.clear();
    from.take(length as u64).read_to_end(buffer).map(drop)
}

/// Seals everything that `from` gives.
pub(super) fn seal(mut from: impl Read, mut to: impl Write, key: &BackupKey) -> std::io::Result<()> {
    let mut salt = [0; SALT_BYTES];
    random(&mut salt);
    let head = [&MAGIC[..], &FORMAT.to_le_bytes(), &salt].concat();
    let (sealer, check) = file_key(key, &head, &salt);
    to.write_all(&head)?;
    to.write_all(&check[..CHECK_BYTES])?;
    let (mut chunk, mut next) = (Vec::with_capacity(CHUNK_BYTES + TAG_BYTES), Vec::with_capacity(CHUNK_BYTES + TAG_BYTES));
    fill(&mut from, &mut chunk, CHUNK_BYTES)?;
    for number in 0.. {
        fill(&mut from, &mut next, CHUNK_BYTES)?;
        let last = next.is_empty();
        let sealed = sealer.seal_in_place_append_tag(nonce(number, last), Aad::empty(), &mut chunk);
        sealed.map_err(|_| std::io::Error::other("a chunk could not be sealed"))?;
        to.write_all(&chunk)?;
        if last {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
    }
    to.flush()
}

/// Opens what [`seal`] made. On an error, what was written so far is worth nothing: the caller throws it away.
pub(super) fn open(mut from: impl Read, mut to: impl Write, key: &BackupKey) -> Result<(), Broken> {
    let mut head = [0; MAGIC.len() + 4 + SALT_BYTES];
    let mut check = [0; CHECK_BYTES];
    for part in [&mut head[..], &mut check[..]] {
        from.read_exact(part).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Broken::Altered("it is cut off".to_owned()),
            _ => Broken::Io(error),
        })?;
    }
    let (magic, rest) = head.split_at(MAGIC.len());
    let (format, salt) = rest.split_at(4);
    if magic != MAGIC {
        return Err(Broken::Altered("it is not a sealed backup".to_owned()));
    }
    let format = u32::from_le_bytes(format.try_into().unwrap_or_default());
    if format != FORMAT {
        return Err(if format > FORMAT { Broken::Newer(format) } else { Broken::Altered(format!("its format is {format}")) });
    }
    let (opener, expected) = file_key(key, &head, salt);
    if check != expected[..CHECK_BYTES] {
        return Err(Broken::WrongKey);
    }
    let (mut chunk, mut next) = (Vec::new(), Vec::new());
    fill(&mut from, &mut chunk, CHUNK_BYTES + TAG_BYTES)?;
    for number in 0.. {
        fill(&mut from, &mut next, CHUNK_BYTES + TAG_BYTES)?;
        let last = next.is_empty();
        let opened = opener.open_in_place(nonce(number, last), Aad::empty(), &mut chunk);
        let opened = opened.map_err(|_| {
            let end = if last { ", or the file is cut off there" } else { "" };
            Broken::Altered(format!("chunk {number} was altered or is not in its place{end}"))
        })?;
        to.write_all(opened)?;
        if last {
            break;
        }
        std::mem::swap(&mut chunk, &mut next);
    }
    Ok(to.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEALED: usize = CHUNK_BYTES + TAG_BYTES;
    const HEAD: usize = MAGIC.len() + 4 + SALT_BYTES + CHECK_BYTES;

    fn sealed(length: usize) -> (Vec<u8>, Vec<u8>) {
        let plain: Vec<u8> = (0..length).map(|at| (at / 7 % 251) as u8).collect();
        let mut out = Vec::new();
        seal(plain.as_slice(), &mut out, &BackupKey::new([7; 32])).unwrap();
        (plain, out)
    }

    /// What became of the bytes of a backup of `length` bytes after `change`.
    #[track_caller]
    fn check(length: usize, change: impl FnOnce(&mut Vec<u8>), key: u8, expected: &str) {
        let (plain, mut file) = sealed(length);
        change(&mut file);
        let mut back = Vec::new();
        let found = match open(file.as_slice(), &mut back, &BackupKey::new([key; 32])) {
            Ok(()) if back == plain => "whole".to_owned(),
            Ok(()) => "other bytes".to_owned(),
            Err(Broken::WrongKey) => "wrong key".to_owned(),
            Err(Broken::Newer(format)) => format!("newer {format}"),
            Err(Broken::Altered(why)) => why,
            Err(Broken::Io(error)) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn every_length_comes_back() {
        for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5] {
            check(length, |_| {}, 7, "whole");
        }
    }

    #[test]
    fn what_was_changed_is_refused() {
        let two = 2 * CHUNK_BYTES + 9;
        check(9, |_| {}, 8, "wrong key");
        check(9, |file| file[0] ^= 1, 7, "it is not a sealed backup");
        check(9, |file| file[8] = 2, 7, "newer 2");
        check(9, |file| file[8] = 0, 7, "its format is 0");
        // Another salt is another key.
        check(9, |file| file[20] ^= 1, 7, "wrong key");
        check(9, |file| file[HEAD - 1] ^= 1, 7, "wrong key");
        check(9, |file| file.truncate(HEAD - 1), 7, "it is cut off");
        let first = "chunk 0 was altered or is not in its place";
        let alone = "chunk 0 was altered or is not in its place, or the file is cut off there";
        check(9, |file| file.truncate(HEAD), 7, alone);
        check(9, |file| *file.last_mut().unwrap() ^= 1, 7, alone);
        check(9, |file| file.push(0), 7, alone);
        check(two, |file| file[HEAD + 77] ^= 1, 7, first);
        // Whole chunks: cut off, left out, exchanged, doubled.
        check(two, |file| file.truncate(HEAD + SEALED), 7, alone);
        check(two, |file| drop(file.drain(HEAD..HEAD + SEALED)), 7, first);
        check(
            two,
            |file| {
                let (one, other) = file[HEAD..HEAD + 2 * SEALED].split_at_mut(SEALED);
                one.swap_with_slice(other);
            },
            7,
            first,
        );
        check(
            two,
            |file| {
                let chunk = file[HEAD..HEAD + SEALED].to_vec();
                file.splice(HEAD + SEALED..HEAD + SEALED, chunk);
            },
            7,
            "chunk 1 was altered or is not in its place",
        );
        check(2 * CHUNK_BYTES, |file| file.extend([0; 40]), 7, "chunk 1 was altered or is not in its place");
    }

    #[test]
    fn nothing_shows_through() {
        let (plain, file) = sealed(4_000);
        assert!(!file.windows(16).any(|window| window == &plain[..16]));
        assert_ne!(file, sealed(4_000).1, "every file has a key of its own");
    }
}
