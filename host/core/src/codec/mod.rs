//! Bytes ↔ [`Value`]. JSON, JSON lines and CSV; numbers stay text.
//!
//! Promises bounded depth, fields and memory for any input, and errors with the byte where reading stopped.
//! Must not know which connection the bytes came from.

mod csv;
mod json;
#[cfg(test)]
mod tests;

pub use csv::{CsvOptions, CsvReader, CsvWriter, QuoteFault, faulty_quote};
pub use json::{Decoder, decode, encode, encode_into, lines};

use crate::value::Value;

/// Why bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (byte {offset})")]
pub struct CodecError {
    /// `syntax`, `encoding`, `depth`, `duplicate-key`, `too-many-fields`, `too-large` or `ragged-row`.
    pub class: &'static str,
    /// For people.
    pub message: String,
    /// Byte at which it was noticed.
    pub offset: usize,
}

impl CodecError {
    fn new(class: &'static str, message: impl Into<String>, offset: usize) -> Self {
        Self { class, message: message.into(), offset }
    }
}

/// A value, or why there is none.
pub type Decoded = Result<Value, CodecError>;
