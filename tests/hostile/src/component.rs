//! From the text of a core module to a component of the contract.

use std::path::Path;

use wit_parser::{Resolve, SourceMap};

/// A version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contract {
    /// `nave:plugin@0.1.0`
    V0_1,
    /// `nave:plugin@0.2.0`
    V0_2,
}

/// The contract of a version, as it is checked in.
macro_rules! checked_in {
    ($folder:literal) => {
        [
            ("types.wit", include_str!(concat!("../../../wit/", $folder, "/types.wit"))),
            ("host.wit", include_str!(concat!("../../../wit/", $folder, "/host.wit"))),
            ("source.wit", include_str!(concat!("../../../wit/", $folder, "/source.wit"))),
            ("destination.wit", include_str!(concat!("../../../wit/", $folder, "/destination.wit"))),
            ("connection.wit", include_str!(concat!("../../../wit/", $folder, "/connection.wit"))),
            ("transform.wit", include_str!(concat!("../../../wit/", $folder, "/transform.wit"))),
            ("worlds.wit", include_str!(concat!("../../../wit/", $folder, "/worlds.wit"))),
        ]
    };
}

impl Contract {
    /// All that a hub runs, the oldest first.
    pub const ALL: [Contract; 2] = [Contract::V0_1, Contract::V0_2];
    /// The one that plugins are made for now.
    pub const NEWEST: Contract = Contract::V0_2;

    /// As names of imports and exports spell it; in the text of a guest it stands as `VERSION`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Contract::V0_1 => "0.1.0",
            Contract::V0_2 => "0.2.0",
        }
    }

    /// Names and texts of its files.
    pub const fn files(self) -> [(&'static str, &'static str); 7] {
        match self {
            Contract::V0_1 => checked_in!("v0.1"),
            Contract::V0_2 => checked_in!("v0.2"),
        }
    }
}

/// The WASI that a guest's standard library finds.
const INERT: &str = include_str!("../../../host/runtime/src/wasi/inert.wit");

/// Answers of all zeros are good answers without content, so a guest spells only what it is about.
pub const ZEROS: &str = "(i32.const 4096)";

/// Functions of a connector: interface, name, parameters.
const CONNECTOR: [(&str, &str, &str); 8] = [
    ("source", "discover", ""),
    ("source", "read", "(param i32 i32 i32 i32 i32 i32)"),
    ("source", "acknowledge", "(param i32 i32 i32 i32)"),
    ("source", "get", "(param i32 i32 i32 i32)"),
    ("destination", "write", "(param i32 i32 i32 i32)"),
    ("destination", "find", "(param i32 i32 i32 i32 i32 i32)"),
    ("connection", "check", ""),
    ("connection", "webhook", "(param i32 i32 i32 i32 i32 i32)"),
];

/// A connector of the newest contract. `parts` is put into a core module that has a memory of 2 pages,
/// zeros at 4096, and a `cabi_realloc` that gives 16384 (unless it brings its own); `bodies` replaces the bodies of exported functions by name
/// (`check`, `read`, …). The manifest is not yet in it.
///
/// # Panics
/// Where the text is no module: it is part of the program.
pub fn connector_component(parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    connector_of(Contract::NEWEST, parts, bodies)
}

/// The same, of this version.
///
/// # Panics
/// As there.
pub fn connector_of(contract: Contract, parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    component(contract, "connector", parts, &CONNECTOR, bodies)
}

/// A transform, as [`connector_component`]; its function is called `call`.
///
/// # Panics
/// As there.
pub fn transform_component(parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    transform_of(Contract::NEWEST, parts, bodies)
}

/// The same, of this version.
///
/// # Panics
/// As [`connector_component`].
pub fn transform_of(contract: Contract, parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    component(contract, "transform-plugin", parts, &[("transform", "call", "(param i32 i32 i32 i32)")], bodies)
}

/// A component of a world of this version, with these functions.
///
/// # Panics
/// As [`connector_component`].
pub fn component(
    contract: Contract,
    world: &str,
    parts: &str,
    functions: &[(&str, &str, &str)],
    bodies: &[(&str, &str)],
) -> Vec<u8> {
    let version = contract.as_str();
    let parts = parts.replace("@VERSION", &format!("@{version}"));
    for (name, _) in bodies {
        assert!(functions.iter().any(|(_, function, _)| function == name), "no function {name}");
    }
    // imports come first in a module
    let (imports, rest): (Vec<&str>, Vec<&str>) = parts.lines().partition(|line| line.trim().starts_with("(import"));
    let mut text = format!("(module\n{}\n", imports.join("\n"));
    if !parts.contains("(memory") {
        text += "(memory (export \"memory\") 2)\n";
    }
    if !parts.contains("cabi_realloc") {
        text += "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 16384))\n";
    }
    text += &rest.join("\n");
    for (interface, function, params) in functions {
        let body = bodies.iter().find(|(name, _)| name == function).map_or(ZEROS, |(_, body)| body);
        text += &format!("\n(func (export \"nave:plugin/{interface}@{version}#{function}\") {params} (result i32)\n{body})");
    }
    text += ")";
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut resolve = Resolve::default();
    let mut texts = SourceMap::new();
    for (name, text) in contract.files() {
        texts.push(Path::new(name), text);
    }
    let group = texts.parse().map_err(|(_, error)| error).expect("the contract is WIT");
    resolve.push_group(group).expect("the contract");
    resolve.push_str("inert.wit", INERT).expect("the inert WASI");
    let all = format!("package test:test; world all {{ include nave:plugin/{world}@{version}; include nave:inert/wasi; }}");
    let package = resolve.push_str("all.wit", &all).expect("the world of this guest");
    let world = resolve.select_world(&[package], None).expect("world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).expect("metadata");
    wit_component::ComponentEncoder::default().module(&module).and_then(|mut encoder| encoder.encode()).expect("component")
}

/// A component with this manifest, whatever it is worth.
pub fn plugin(component: &[u8], manifest: &str) -> Vec<u8> {
    with_section(component, "nave:manifest", manifest.as_bytes())
}

/// A component with one more custom section at its end.
pub fn with_section(component: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut section = Vec::new();
    leb(name.len(), &mut section);
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(data);
    let mut out = component.to_vec();
    out.push(0);
    leb(section.len(), &mut out);
    out.extend(section);
    out
}

fn leb(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        out.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}
