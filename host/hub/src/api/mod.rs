//! What the hub can be asked, and what it answers: one service, three faces (command line, HTTP, dashboard).
//!
//! Owns the shapes of [`Request`], [`Answer`], [`Progress`] and [`ApiError`], and how they look as lines of JSON. Promises
//! that every face says the same, and that nothing here holds a secret except [`SecretText`] on its way in.
//! Must not know how an answer is found: whoever implements [`Service`] does.

mod answer;
mod error;
mod reference;
mod request;
mod service;
mod wire;

pub use answer::*;
pub use error::{ApiError, Finding, exit};
pub use reference::{RecordRef, RecordRefError, decision};
pub(crate) use request::LOCAL;
pub use request::{Asked, BulkChoice, BulkRule, DeadLetters, FetchReach, Request, SecretText, UpgradeHow};
pub use service::{BoxFuture, Progress, ProgressSender, Service};
pub use wire::{Line, decode, decode_asked, encode, encode_asked};
