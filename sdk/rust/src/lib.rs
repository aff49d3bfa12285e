//! What authors of Nave plugins in Rust use.
//!
//! Owns the Rust face of the contract in `wit/v0.2`: one trait per interface, plain types, and helpers that make the
//! right thing the short thing (classify an answer, slice records out of it, page, write one by one).
//! Promises that a plugin compiles and tests natively: outside wasm the imports lead to [`testing::FakeHost`].
//! Must not know any system, nor anything of the hub beyond the contract.
//!
//! A connector is a type with three traits and one line:
//!
//! ```
//! use nave_sdk::prelude::*;
//!
//! struct Desk;
//!
//! impl Connection for Desk {
//!     fn check() -> Result<CheckReport, Failure> {
//!         let answer = http::get("api", "/me").send()?.ok()?;
//!         Ok(CheckReport::account(answer.text("name")))
//!     }
//! }
//!
//! impl Source for Desk {
//!     fn discover() -> Result<Vec<Stream>, Failure> {
//!         Ok(vec![Stream::new("tickets", "Tickets")])
//!     }
//!     fn read(_stream: &str, _checkpoint: Option<Vec<u8>>, _limit: u32) -> Result<Page, Failure> {
//!         Ok(Page::end(Vec::new(), b"{}".to_vec()))
//!     }
//!     fn get(_stream: &str, _ids: Vec<String>) -> Result<Vec<SourceRecord>, Failure> {
//!         Ok(Vec::new())
//!     }
//! }
//!
//! impl Destination for Desk {}
//!
//! nave_sdk::connector!(Desk);
//! ```

// The generated macros name this crate from outside and from inside alike.
extern crate self as nave_sdk;

pub mod bindings;
pub mod body;
pub mod checkpoint;
pub mod columns;
mod contract;
pub mod describe;
mod export;
pub mod folder;
pub mod host;
pub mod http;
pub mod limits;
pub mod names;
pub mod slice;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod write;

pub use contract::{Connection, Destination, Source, Transform};

/// Words that every part of the contract shares.
pub mod types {
    pub use crate::bindings::connector::exports::nave::plugin::connection::{CheckReport, Event, WebhookRequest};
    pub use crate::bindings::connector::exports::nave::plugin::destination::{Delivery, Outcome, WriteOperation, Written};
    pub use crate::bindings::connector::exports::nave::plugin::source::{
        Capabilities, ChangeDetection, DeleteDetection, Field, FieldType, Page, Stream, WriteMode,
    };
    pub use crate::bindings::connector::nave::plugin::types::{Coverage, Failure, LogLevel, Operation, Rejection, SourceRecord};
}

/// What nearly every plugin needs.
pub mod prelude {
    pub use crate::checkpoint;
    pub use crate::columns::{Batch, Column, TextBuilder, Texts};
    pub use crate::host::{log, settings};
    pub use crate::http;
    pub use crate::types::*;
    pub use crate::{Connection, Destination, Source, Transform};
}

pub use serde;
pub use serde_json;
