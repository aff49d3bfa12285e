//! The whole store under another key: everything that is there, sealed anew, in a new file.
//!
//! Not in place: the engine keeps pages that are free until it needs them, and on them lies what was sealed under the key
//! before. Every key is a new one, those of the records too: whoever has the store key of before and a copy of the file of
//! before opens nothing that is written from then on. What was erased stays so: its key is gone, and none is made.
//!
//! The new file is worth nothing until it is complete; [`put_in_place`] then gives it the store's name in one step.

use std::fs::File;
use std::path::Path;

use nave_core::model::Sequence;
use redb::{ReadOnlyTable, ReadTransaction, WriteTransaction};

use super::backup::Copy;
use super::commit::{INPUT_VERSION, SEALED_VERSION};
use super::errors::OpenError;
use super::open::{META_KEY_CHECK, META_SALT};
use super::tables::{CHANGELOG, INPUTS, KEYS, META, ROWS, of_names_key};
use super::{Options, Redb, files};
use crate::StoreError;
use crate::format::{FormatError, Reader, change_head, resealed_change};
use crate::seal::{Keys, RANDOM_BYTES, Sealer, StoreKey, random};

const SALT_BYTES: usize = 16;

/// What becomes of a small named row that somebody else sealed: its space, key and bytes to other bytes, or to none where it
/// stays as it is.
pub(super) type RowOf<'a> = dyn FnMut(&str, &str, &[u8]) -> Result<Option<Vec<u8>>, StoreError> + 'a;

/// How a store comes under another key.
pub struct Rekey<'a> {
    /// The store key from then on.
    pub key: &'a StoreKey,
    /// What becomes of rows that the store did not seal.
    pub row: &'a mut RowOf<'a>,
    /// Told how many rows there are, from time to time.
    pub told: &'a dyn Fn(u64),
}

impl std::fmt::Debug for Rekey<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rekey")
    }
}

/// The keys before, the keys after, and where the records' own keys lie.
struct Both<'a> {
    from: &'a Keys,
    to: Keys,
    keys: ReadOnlyTable<u64, &'static [u8]>,
}

impl Both<'_> {
    /// A record's key before and after; none where it was destroyed, or never was.
    fn of(&self, record: u64, transaction: &WriteTransaction) -> Result<Option<(Sealer, Sealer)>, StoreError> {
        let before = self.keys.get(record)?;
        let Some(before) = before.as_ref().map(|row| row.value()).filter(|wrapped| !wrapped.is_empty()) else { return Ok(None) };
        let table = transaction.open_table(KEYS)?;
        let after = redb::ReadableTable::get(&table, record)?;
        let after = after.ok_or_else(|| StoreError::Damaged(format!("the key of record {record} was not copied")))?;
        Ok(Some((self.from.unwrap(record, before)?, self.to.unwrap(record, after.value())?)))
    }

    /// A sealed row under its record's new key; none where it is no sealed row, or one of a record that was erased.
    fn row(&self, key: &[u8], row: &[u8], transaction: &WriteTransaction) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(([SEALED_VERSION, record @ ..], sealed)) = row.split_first_chunk::<9>() else { return Ok(None) };
        let Some((before, after)) = self.of(u64::from_le_bytes(*record), transaction)? else { return Ok(None) };
        // Rows do not say that they are sealed; that one opens, bound to its very place, says so.
        let Ok(text) = before.open_loose(key, sealed) else { return Ok(None) };
        let text = zeroize::Zeroizing::new(text);
        Ok(Some([&[SEALED_VERSION][..], record, &after.seal_loose(key, &text)].concat()))
    }

    fn input(&self, number: u64, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let mut reader = Reader(row);
        reader.version(INPUT_VERSION)?;
        reader.u64()?;
        reader.text()?;
        reader.text()?;
        let mut out = row[..row.len() - reader.0.len()].to_vec();
        let before = reader.take(4)?.first_chunk::<4>().copied().ok_or(FormatError::Short)?;
        let mut body = self.from.inputs.open(u32::from_le_bytes(before), number, reader.0.to_vec())?;
        self.to.inputs.seal(self.to.incarnation, number, &mut body);
        out.extend_from_slice(&self.to.incarnation.to_le_bytes());
        out.extend_from_slice(&body);
        Ok(Some(out))
    }
}

impl Redb {
    /// Writes everything that is there now into a new file beside the store, sealed under another key. Nobody may commit
    /// meanwhile: what is committed then is not in it. Takes the room of one more store; memory is bounded.
    ///
    /// # Errors
    /// [`StoreError`] where something does not open under the key before, or the file cannot be written; there is none then.
    pub fn rekey(&self, to: &Path, rekey: Rekey<'_>) -> Result<(), StoreError> {
        let failed = |error: std::io::Error| StoreError::Engine(format!("{}: {error}", to.display()));
        let file = files::create_private(to).map_err(failed)?;
        drop(file);
        let made = File::options().read(true).write(true).open(to).map_err(failed);
        let made = made.and_then(|file| self.rekey_into(&self.begin_read()?, file, rekey)).and_then(|()| {
            let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(to).and_then(|file| file.sync_all()).and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
        });
        if made.is_err() {
            let _ = std::fs::remove_file(to);
        }
        made
    }

    fn rekey_into(&self, from: &ReadTransaction, to: File, rekey: Rekey<'_>) -> Result<(), StoreError> {
        let Rekey { key, row: reseal, told } = rekey;
        let mut salt = [0; SALT_BYTES];
        random(&mut salt);
        let both = Both { from: &self.keys, to: Keys::new(key, &salt), keys: from.open_table(KEYS)? };
        let copy = Copy::new(from, to, &self.options, None, told)?;
        copy.plain()?;
        copy.changed(META, |_, name, _| {
            Ok(match name {
                META_SALT => Some(salt.to_vec()),
                META_KEY_CHECK => Some(both.to.check.to_vec()),
                _ => None,
            })
        })?;
        copy.changed(KEYS, |_, record, wrapped| {
            if wrapped.is_empty() {
                return Ok(None);
            }
            // One that does not open would be lost unnoticed.
            self.keys.unwrap(record, wrapped)?;
            let mut entropy = zeroize::Zeroizing::new([0; RANDOM_BYTES]);
            random(&mut *entropy);
            Ok(Some(both.to.wrap(record, &mut entropy).1.to_vec()))
        })?;
        let names = self.names();
        copy.changed(CHANGELOG, |transaction, sequence, row| {
            let (record, _) = change_head(row)?;
            let Some((before, after)) = both.of(record.0, transaction)? else { return Ok(None) };
            Ok(resealed_change(Sequence(sequence), row, &before, (&after, both.to.incarnation), &names)?)
        })?;
        drop(names);
        copy.changed(INPUTS, |_, number, row| both.input(number, row))?;
        copy.changed(ROWS, |transaction, place, row| {
            if let Some(sealed) = both.row(place, row, transaction)? {
                return Ok(Some(sealed));
            }
            let (space, key) = of_names_key(place).ok_or(FormatError::Unknown("a row whose name cannot be read"))?;
            reseal(space, key, row)
        })?;
        copy.end()
    }

    /// Opens a store that has not its own name yet: as [`Redb::open`], but reads it whole and keeps nothing beside it.
    ///
    /// # Errors
    /// As [`Redb::open`].
    pub fn open_new(path: &Path, key: &StoreKey) -> Result<Self, OpenError> {
        Self::open_checked(path, key, Options::default(), false)
    }
}

/// Gives a complete store the name of another one, durably and in one step: whoever opens that name has the one or the other.
///
/// # Errors
/// Of the disk.
pub fn put_in_place(new: &Path, store: &Path) -> std::io::Result<()> {
    std::fs::rename(new, store)?;
    let folder = store.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
