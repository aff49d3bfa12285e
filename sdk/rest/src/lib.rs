//! A JSON API described in one TOML file (`rest.toml`): read, checked, and the manifest that comes of it.
//!
//! Owns what a description may say. Both sides use it: `nave plugin build` checks a description with it and makes the manifest, the
//! connector `plugins/rest` acts by it. Promises that arbitrary text never panics, that all faults are told at once, each with its place
//! and what to write, and that the manifest asks for no more methods and paths than the description uses.
//! Must not know the hub, nor how a request is sent.
//!
//! **How one connector becomes many systems.** The shipped `rest.wasm` holds a place for a description among its own data ([`slot`]).
//! `nave plugin build` writes the description there and the manifest made of it into the manifest's section: one file, with one digest
//! and one signature over both, whose hosts, methods, paths, settings and credentials are shown and granted as those of every
//! other plugin, by a hub that knows nothing of descriptions. The description cannot reach what the manifest does not list: it only names
//! endpoints, and the host checks each request against the grant. A description given as a setting of a connection would
//! be covered by neither digest nor signature, its manifest would have to ask for every host, and a change of it would be no upgrade that somebody
//! agrees to.
//!
//! ```
//! let text = r#"
//! name = "shop"
//! version = "0.1.0"
//! serial = 1
//! title = "Shop"
//! description = "Reads the shop's customers."
//!
//! [endpoints.api]
//! base = "https://shop.example/v1"
//! reason = "to read customers"
//!
//! [streams.customers.read]
//! path = "/customers"
//! records = "/data"
//! "#;
//! let description = nave_rest::parse(text).expect("a good description");
//! assert_eq!(nave_rest::manifest(&description)["endpoints"]["api"]["allow"][0]["paths"][0], "/customers");
//! let faults = nave_rest::parse(&text.replace("records", "recods")).expect_err("a typing mistake");
//! assert_eq!(faults[1].to_string(), "line 14, column 1: `recods` is no key of [streams.NAME.read]; did you mean `records`?");
//! ```

pub mod description;
mod fault;
pub mod keys;
pub mod limits;
mod manifest;
mod parse;
pub mod pointer;
mod reader;
mod requests;
pub mod slot;
mod streams;
pub mod template;
#[cfg(test)]
mod tests;
mod writes;

pub use description::Description;
pub use fault::Fault;
pub use manifest::manifest;
pub use parse::parse;

/// Name of the file in its folder.
pub const FILE: &str = "rest.toml";
