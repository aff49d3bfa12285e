//! Files of the folders that the operator granted.

pub use crate::bindings::connector::nave::plugin::folder::{Entry, Error};

use crate::host;
use crate::types::{Failure, Rejection};

/// All regular files of a folder, sorted by name.
pub fn list(folder: &str) -> Result<Vec<Entry>, Error> {
    host::folder::list(folder)
}

/// At most `length` bytes from `offset`; empty at the end.
pub fn read(folder: &str, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    host::folder::read(folder, name, offset, length)
}

/// Replaces the file in one step.
pub fn write(folder: &str, name: &str, content: &[u8]) -> Result<(), Error> {
    host::folder::write(folder, name, content)
}

/// Adds to the end of the file; durable when it returns.
pub fn append(folder: &str, name: &str, content: &[u8]) -> Result<(), Error> {
    host::folder::append(folder, name, content)
}

/// Removes the file.
pub fn remove(folder: &str, name: &str) -> Result<(), Error> {
    host::folder::remove(folder, name)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Denied(message) => Self::Misconfigured(message),
            Error::NotFound => Self::Unavailable("the file is not there (any more)".to_owned()),
            Error::BadName(message) => Self::Rejected(Rejection::new("format", format!("refused file name: {message}"))),
            Error::TooLarge(bytes) => {
                Self::Rejected(Rejection::new("length", format!("{bytes} bytes are too large for this folder")))
            }
            Error::Io(message) => Self::Unavailable(message),
        }
    }
}
