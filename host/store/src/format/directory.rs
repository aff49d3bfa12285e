//! Named parts with a table of lengths in front, so that one is read without decoding the others.

use nave_core::Text;

use super::bytes::{FormatError, Reader, put_u64};
use super::names::{FieldName, Interning, Names, read_field};

/// Writes parts, in the order given. `scratch` is emptied and reused.
pub(crate) fn put_parts<'v, T: 'v>(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    names: &mut Interning<'_>,
    parts: impl ExactSizeIterator<Item = (&'v Text, &'v T)>,
    mut put: impl FnMut(&mut Vec<u8>, &'v T, &mut Interning<'_>),
) {
    scratch.clear();
    put_u64(out, parts.len() as u64);
    for (name, part) in parts {
        let from = scratch.len();
        put(scratch, part, names);
        names.put_field(out, name);
        put_u64(out, (scratch.len() - from) as u64);
    }
    put_u64(out, scratch.len() as u64);
    out.extend_from_slice(scratch);
}

/// Parts as stored: the table has been walked once, bodies are untouched.
pub(crate) struct Parts<'a> {
    table: Reader<'a>,
    count: usize,
    bodies: &'a [u8],
    names: &'a Names,
}

impl<'a> Parts<'a> {
    /// Finds the end of the parts and leaves the reader behind them.
    pub(crate) fn read(reader: &mut Reader<'a>, names: &'a Names) -> Result<Self, FormatError> {
        let count = reader.count()?;
        let table = *reader;
        for _ in 0..count {
            read_field(reader, names)?;
            reader.u64()?;
        }
        let bodies = reader.bytes()?;
        Ok(Self { table, count, bodies, names })
    }

    /// Each part: its name and bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Result<(FieldName<'a>, Reader<'a>), FormatError>> + use<'a> {
        let (mut table, mut bodies, names) = (self.table, Reader(self.bodies), self.names);
        (0..self.count).map(move |_| {
            let name = read_field(&mut table, names)?;
            let length = usize::try_from(table.u64()?).map_err(|_| FormatError::Short)?;
            Ok((name, Reader(bodies.take(length)?)))
        })
    }

    /// One part by name.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Reader<'a>>, FormatError> {
        for part in self.iter() {
            let (found, body) = part?;
            if found.is(name) {
                return Ok(Some(body));
            }
        }
        Ok(None)
    }
}
