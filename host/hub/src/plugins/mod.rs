//! Plugins as files: built, inspected, installed, listed, removed, and called by hand.
//!
//! Owns the way from a crate to a pinned `.wasm` file, and the sentences that tell a person what it asks for.
//! Promises that nothing is run to find out what a plugin wants, and that what `nave.lock` pins is what is loaded.
//! Must not know the store, the vault or a running hub.

mod beside;
mod build;
mod call;
mod conformance;
mod described;
mod error;
pub(crate) mod fetch;
mod from_openapi;
mod install;
mod language;
mod new;
pub(crate) mod obtain;
pub mod powers;
pub(crate) mod record;
mod results;
mod seen;
pub(crate) mod serials;
pub mod signature;
mod starters;
mod templates;
pub mod trusting;
pub(crate) mod upgrade;
mod vouch;

use nave_core::manifest::Manifest;

pub use build::{BuildOptions, Built, build};
pub use call::{call_file, call_instance, streams_of};
pub use conformance::{TestOptions, Tested, settings_of, test};
pub use described::{DESCRIBED_BY, NewDescription, example, is_described, new_description, pack};
pub use error::PluginsError;
pub use fetch::{SIGNATURE_ANNOTATION, each, is_address};
pub use from_openapi::{Made, from_openapi};
pub(crate) use install::read_plain;
pub use install::{InstallOptions, Offer, inspect_file, install, install_offer, list, remove};
pub use language::Language;
pub use new::{NewPlugin, new};
pub use seen::Seen;
pub use starters::{Starters, lint};
pub use vouch::{Judge, TRUST_FILE, Vouched};

/// SHA-256, hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A component's manifest, found without running it.
///
/// # Errors
/// [`PluginsError::Refused`] with the runtime's reason.
pub fn manifest_of(bytes: &[u8]) -> Result<Manifest, PluginsError> {
    Ok(nave_runtime::inspect(bytes)?.manifest)
}
