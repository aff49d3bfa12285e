//! What the host offers besides HTTP and folders: settings, state, log, clock.
//!
//! Outside wasm every call leads to the [`crate::testing::FakeHost`] of the running test.

use serde::de::DeserializeOwned;

use crate::types::{Failure, LogLevel};

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::connector::nave::plugin::{clock, folder, http, log as logging, settings as own, state};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::{clock, folder, http, logging, own, state};

/// The connection's settings as a type of yours. A misfit is a [`Failure::Misconfigured`] with the field's name.
pub fn settings<T: DeserializeOwned>() -> Result<T, Failure> {
    let text = own::get();
    let text = if text.trim().is_empty() { "{}" } else { text.as_str() };
    serde_json::from_str(text).map_err(|error| {
        Failure::Misconfigured(format!("the connection's settings do not fit: {error}. Correct them in connections/*.toml"))
    })
}

/// One line into the hub's log.
pub fn log(level: LogLevel, message: &str) {
    logging::write(level, message);
}

/// Wall clock, whole milliseconds since 1970.
pub fn now_ms() -> u64 {
    clock::now_ms()
}

/// What [`state_set`] stored under this key.
pub fn state_get(key: &str) -> Option<Vec<u8>> {
    state::get(key)
}

/// Stores a few bytes to be found again. A full quota is an error in words.
pub fn state_set(key: &str, value: &[u8]) -> Result<(), String> {
    state::set(key, value)
}
