//! Plugins that mean harm: core modules in text, made into components of the real contract where they are needed.
//!
//! Used by the tests of the runtime and by `nave selftest --security`, so that what an operator runs is what is tested. No
//! toolchain is needed, and no crate of the hub is named here: a guest knows the contract and nothing else.

mod component;
mod files;
mod guests;
mod neighbours;
mod snoop;

pub use component::{
    Contract, ZEROS, component, connector_component, connector_of, plugin, transform_component, transform_of, with_section,
};
pub use files::{File, bomb, files};
pub use guests::{Bounds, Group, Guest, guests};
pub use neighbours::neighbours;
pub use snoop::snoop;

/// A connector's manifest that asks for an endpoint and a folder.
pub const CONNECTOR: &str = r#"{"name":"test","version":"1.0.0","serial":1,"title":"Test","description":"","kind":"connector",
    "endpoints":{"api":{"base":"https://api.example.com","allow":[{"methods":["GET"],"paths":["/"]}],"reason":"r"}},
    "folders":{"in":{"access":"read","reason":"r"}}}"#;

/// A connector's manifest that asks for nothing.
pub const BARE: &str = r#"{"name":"test","version":"1.0.0","serial":1,"title":"Test","description":"","kind":"connector"}"#;

/// A transform's manifest with one function.
pub const TRANSFORM: &str = r#"{"name":"test","version":"1.0.0","serial":1,"title":"Test","description":"","kind":"transform",
    "functions":[{"name":"f","inputs":["text"],"output":"text","explain":"as it is"}]}"#;
