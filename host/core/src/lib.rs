//! Decides. The model, the checked catalog, mapping, matching, survivorship, the difference.
//!
//! Nothing in this crate does I/O, reads a clock or draws a random number: whoever calls passes
//! the time in. Everything here is a function of its arguments, so that a run can be replayed (I8).

pub mod accounting;
pub mod alert;
pub mod assess;
pub mod breaker;
pub mod budget;
pub mod catalog;
pub mod codec;
pub mod conformance;
pub mod copies;
pub mod difference;
pub mod escalation;
pub mod fit;
pub mod freeze;
pub mod grant;
pub mod hindrance;
pub mod intake;
pub mod landed;
pub mod leak;
pub mod lease;
pub mod limits;
pub mod linkage;
pub mod manifest;
pub mod mapping;
pub mod mask;
pub mod matching;
pub mod meter;
pub mod model;
pub mod names;
pub mod network;
pub mod oauth;
pub mod otherwise;
pub mod part;
pub mod past;
pub mod profile;
pub mod reason;
pub mod remap;
pub mod rename;
pub mod retry;
pub mod scenario;
pub mod schedule;
pub mod scopes;
pub mod secret_reference;
pub mod shown;
pub mod signing;
pub mod suggest;
pub mod surge;
pub mod survivorship;
pub mod trust;
pub mod value;
pub mod volume;
pub mod webhook;

/// A text that is mostly short: up to 22 bytes lie in the value itself, longer ones are shared. A copy allocates nothing.
pub use smol_str::SmolStr as Text;

pub use names::NameMap;
pub use value::Value;
