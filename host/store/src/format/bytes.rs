//! Writing and reading the smallest pieces: variable-length integers and length-prefixed bytes.
//!
//! Promises that reading arbitrary bytes never panics and never allocates more than the bytes at hand justify.

/// Why a row cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It ends too early.
    #[error("the row ends too early")]
    Short,
    /// A tag, name or number that no version of the format writes.
    #[error("the row holds {0}")]
    Unknown(&'static str),
    /// Written by a newer hub.
    #[error("the row has format {0}, which a newer hub wrote")]
    Newer(u8),
    /// Sealed under another key, or altered.
    #[error("the row does not open under its key")]
    Sealed,
}

pub(crate) fn put_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small in both directions: 0, -1, 1, -2, …
pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    put_u64(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_u64(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(crate) fn put_option<T>(out: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            put(out, value);
        }
    }
}

/// What has not been read yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, FormatError> {
        let (first, rest) = self.0.split_first().ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, FormatError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(FormatError::Unknown("a number that is too long"))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, FormatError> {
        let value = self.u64()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let length = usize::try_from(self.u64()?).map_err(|_| FormatError::Short)?;
        self.take(length)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, FormatError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| FormatError::Unknown("text that is not UTF-8"))
    }

    /// A count of things that take at least one byte each, so that it can be trusted as a capacity.
    pub(crate) fn count(&mut self) -> Result<usize, FormatError> {
        let count = usize::try_from(self.u64()?).map_err(|_| FormatError::Short)?;
        if count > self.0.len() { Err(FormatError::Short) } else { Ok(count) }
    }

    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, FormatError>) -> Result<Option<T>, FormatError> {
        match self.byte()? {
            0 => Ok(None),
            1 => read(self).map(Some),
            _ => Err(FormatError::Unknown("a tag of something optional")),
        }
    }

    /// Reads the version byte; rows of an older format are brought up when the store is opened.
    pub(crate) fn version(&mut self, known: u8) -> Result<(), FormatError> {
        match self.byte()? {
            version if version == known => Ok(()),
            version if version > known => Err(FormatError::Newer(version)),
            _ => Err(FormatError::Unknown("a format version that was never written")),
        }
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), FormatError> {
        if self.0.is_empty() { Ok(()) } else { Err(FormatError::Unknown("more than belongs to it")) }
    }
}
