//! Looks at a plugin's file without running or compiling anything: what it is, what it asks for, what it imports.
//!
//! Promises that a file that passes is a valid component of the features that the engine has, carries exactly one
//! good manifest, and imports nothing but the contract, the inert WASI, and what its own manifest asks for.

use std::{collections::BTreeSet, fmt, ops::Range};

use nave_core::{
    limits::{MANIFEST_SIZE_BYTES_MAX, PLUGIN_SIZE_BYTES_MAX},
    manifest::{MANIFEST_SECTION, Manifest, PluginKind},
};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::{
    error::PluginError,
    limits::COMPONENT_DEPTH_MAX,
    manifest::{check_powers, parse_manifest},
    wasi,
};

/// SHA-256 of a plugin's file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut digest = [0; 32];
        digest.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Digest(digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Version of the contract that a component was built against, read from its own imports and exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbiVersion {
    /// `nave:plugin@0.1.0`
    V0_1,
    /// `nave:plugin@0.2.0`
    V0_2,
}

impl AbiVersion {
    /// Every version that this hub runs, the oldest first.
    pub const ALL: [AbiVersion; 2] = [AbiVersion::V0_1, AbiVersion::V0_2];

    /// As names of imports and exports spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            AbiVersion::V0_1 => "0.1.0",
            AbiVersion::V0_2 => "0.2.0",
        }
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Its manifest.
    pub manifest: Manifest,
    /// Version of the contract.
    pub abi_version: AbiVersion,
    /// Exported parts of the contract: `source`, `destination`, `connection`, `transform`.
    pub exports: BTreeSet<String>,
    /// Imports as spelled, `nave:plugin/http@0.1.0`, sorted.
    pub imports: BTreeSet<String>,
    /// SHA-256 of the file.
    pub digest: Digest,
    /// SHA-256 of the manifest's section, byte for byte.
    pub manifest_digest: Digest,
    /// Bytes of the file.
    pub size_bytes: u64,
}

/// Parts of the contract that a connector may import; the second word says what its manifest must ask for.
const CONNECTOR_IMPORTS: [(&str, Asked); 8] = [
    ("types", Asked::Nothing),
    ("log", Asked::Nothing),
    ("settings", Asked::Nothing),
    ("state", Asked::Nothing),
    ("clock", Asked::Nothing),
    ("http", Asked::Endpoints),
    ("blob", Asked::Endpoints),
    ("folder", Asked::Folders),
];

const EXPORTS: [&str; 4] = ["source", "destination", "connection", "transform"];

#[derive(Clone, Copy)]
enum Asked {
    Nothing,
    Endpoints,
    Folders,
}

/// Everything that the engine can run; the same list as in `engine.rs`.
fn features() -> WasmFeatures {
    WasmFeatures::WASM1
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::COMPONENT_MODEL
}

/// Looks at a file. Errors carry the codes `plugin.too-large`, `not-wasm`, `not-component`, `bad-manifest`, `invalid`,
/// `unsupported-feature`, `unknown-import`, `unknown-export`, `undeclared-capability`, `abi-version`, `wrong-kind`.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, PluginError> {
    if bytes.len() as u64 > PLUGIN_SIZE_BYTES_MAX {
        return Err(PluginError::new(
            "plugin.too-large",
            format!("the file has {} bytes, at most {PLUGIN_SIZE_BYTES_MAX} are allowed", bytes.len()),
        ));
    }
    check_magic(bytes)?;
    let outline = Outline::read(bytes)?;
    let (manifest, manifest_digest) = match outline.manifests.as_slice() {
        [one] => (parse_manifest(&bytes[one.clone()])?, Digest::of(&bytes[one.clone()])),
        [] => {
            return Err(PluginError::new(
                "plugin.bad-manifest",
                format!("the component has no section `{MANIFEST_SECTION}`; build it with `nave plugin build`"),
            ));
        }
        more => {
            return Err(PluginError::new(
                "plugin.bad-manifest",
                format!("the component has {} sections `{MANIFEST_SECTION}`, it must have one", more.len()),
            ));
        }
    };
    check_valid(bytes)?;
    let abi_version = abi_version(&outline)?;
    check_imports(&outline.imports, &manifest)?;
    let exports = check_exports(&outline.exports, &manifest)?;
    Ok(Inspection {
        manifest,
        abi_version,
        exports,
        imports: outline.imports,
        digest: Digest::of(bytes),
        manifest_digest,
        size_bytes: bytes.len() as u64,
    })
}

/// Puts the manifest into a component, in place of the one that it has. Does not check the component further; of the manifest what a new
/// file keeps to.
pub fn embed_manifest(component: &[u8], manifest: &Manifest) -> Result<Vec<u8>, PluginError> {
    check_magic(component)?;
    let json = serde_json::to_vec(manifest)
        .map_err(|error| PluginError::new("plugin.bad-manifest", format!("the manifest cannot be written: {error}")))?;
    check_powers(&parse_manifest(&json)?)?;
    let outline = Outline::read(component)?;
    let mut bytes = Vec::with_capacity(component.len() + json.len() + 32);
    let mut from = 0;
    for section in &outline.manifest_sections {
        bytes.extend_from_slice(&component[from..section.start]);
        from = section.end;
    }
    bytes.extend_from_slice(&component[from..]);
    let section = wasm_encoder::CustomSection { name: MANIFEST_SECTION.into(), data: json.into() };
    wasm_encoder::ComponentSection::append_to_component(&section, &mut bytes);
    Ok(bytes)
}

fn check_magic(bytes: &[u8]) -> Result<(), PluginError> {
    let not_wasm = || PluginError::new("plugin.not-wasm", "the file is not WebAssembly; a plugin is a `.wasm` component");
    let header: [u8; 8] = bytes.get(..8).and_then(|header| header.try_into().ok()).ok_or_else(not_wasm)?;
    if !header.starts_with(b"\0asm") {
        return Err(not_wasm());
    }
    if header[6..] == [0, 0] {
        return Err(PluginError::new(
            "plugin.not-component",
            "the file is a core module, not a component; build for wasm32-wasip2, or wrap it with `nave plugin build`",
        ));
    }
    Ok(())
}

/// What stands at the top level of a component.
#[derive(Default)]
struct Outline {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    /// Contents of each manifest section.
    manifests: Vec<Range<usize>>,
    /// Each manifest section with its header.
    manifest_sections: Vec<Range<usize>>,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, PluginError> {
        let invalid = |error: wasmparser::BinaryReaderError| invalid(&error);
        let mut outline = Outline::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(invalid)?;
            let top = depth == 1;
            match payload {
                Payload::Version { encoding, .. } => {
                    if depth == 0 && encoding != Encoding::Component {
                        return Err(PluginError::new("plugin.not-component", "the file is a core module, not a component"));
                    }
                    depth += 1;
                    if depth > COMPONENT_DEPTH_MAX {
                        let message = format!("components are nested deeper than {COMPONENT_DEPTH_MAX}");
                        return Err(PluginError::new("plugin.invalid", message));
                    }
                }
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(section) if top => {
                    for import in section {
                        outline.imports.insert(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if top => {
                    for export in section {
                        outline.exports.insert(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if top && section.name() == MANIFEST_SECTION => {
                    let data = section.data_offset()..section.data_offset() + section.data().len();
                    if data.len() > MANIFEST_SIZE_BYTES_MAX {
                        return Err(PluginError::new(
                            "plugin.bad-manifest",
                            format!("the manifest has {} bytes, at most {MANIFEST_SIZE_BYTES_MAX} are allowed", data.len()),
                        ));
                    }
                    outline.manifest_sections.push(with_header(section.range()));
                    outline.manifests.push(data);
                }
                _ => {}
            }
        }
        Ok(outline)
    }
}

/// A section's contents with its id byte and its length, which is a LEB128 number of at most five bytes.
fn with_header(contents: Range<usize>) -> Range<usize> {
    let length = contents.len() as u64;
    let digits = (64 - length.max(1).leading_zeros() as usize).div_ceil(7);
    contents.start - digits - 1..contents.end
}

fn invalid(error: &wasmparser::BinaryReaderError) -> PluginError {
    PluginError::new("plugin.invalid", format!("the component is not valid: {error}"))
}

fn check_valid(bytes: &[u8]) -> Result<(), PluginError> {
    let Err(error) = Validator::new_with_features(features()).validate_all(bytes) else {
        return Ok(());
    };
    // valid with everything switched on: then it is a feature that is missing, not a mistake
    match Validator::new_with_features(WasmFeatures::all()).validate_all(bytes) {
        Ok(_) => Err(PluginError::new(
            "plugin.unsupported-feature",
            format!("the component uses a feature that plugins may not use: {error}"),
        )),
        Err(_) => Err(invalid(&error)),
    }
}

/// `nave:plugin/http@0.1.0` as interface and version.
fn contract_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("nave:plugin/")?.split_once('@')
}

fn abi_version(outline: &Outline) -> Result<AbiVersion, PluginError> {
    let names = outline.exports.iter().chain(&outline.imports);
    let versions: BTreeSet<&str> = names.filter_map(|name| contract_name(name)).map(|(_, version)| version).collect();
    match versions.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => Err(PluginError::new("plugin.abi-version", "the component neither imports nor exports `nave:plugin`")),
        [one] => AbiVersion::ALL.into_iter().find(|known| known.as_str() == *one).ok_or_else(|| {
            let known = AbiVersion::ALL.map(AbiVersion::as_str).join(" and ");
            PluginError::new(
                "plugin.abi-version",
                format!("the component was built for nave:plugin@{one}; this hub knows {known}"),
            )
        }),
        many => Err(PluginError::new(
            "plugin.abi-version",
            format!("the component mixes versions of nave:plugin: {}", many.join(", ")),
        )),
    }
}

fn check_imports(imports: &BTreeSet<String>, manifest: &Manifest) -> Result<(), PluginError> {
    for import in imports {
        if let Some((interface, version)) = import.split_once('@')
            && version.starts_with("0.2.")
            && wasi::INTERFACES.contains(&interface)
        {
            continue;
        }
        let known =
            contract_name(import).and_then(|(interface, _)| CONNECTOR_IMPORTS.iter().find(|(name, _)| *name == interface));
        let Some((interface, asked)) = known else {
            return Err(PluginError::new(
                "plugin.unknown-import",
                format!(
                    "the component imports `{import}`, which no plugin is given; files and the network are reached through nave:plugin alone"
                ),
            ));
        };
        let undeclared = |message: String| Err(PluginError::new("plugin.undeclared-capability", message));
        if manifest.kind == PluginKind::Transform && !matches!(*interface, "types" | "log") {
            return undeclared(format!("a transform is pure, but this one imports `{import}`"));
        }
        match asked {
            Asked::Endpoints if manifest.endpoints.is_empty() => {
                return undeclared(format!("the component imports `{import}`, but its manifest asks for no endpoints"));
            }
            Asked::Folders if manifest.folders.is_empty() => {
                return undeclared(format!("the component imports `{import}`, but its manifest asks for no folders"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_exports(exports: &BTreeSet<String>, manifest: &Manifest) -> Result<BTreeSet<String>, PluginError> {
    let mut parts = BTreeSet::new();
    for export in exports {
        match contract_name(export) {
            Some((interface, _)) if EXPORTS.contains(&interface) => {
                parts.insert(interface.to_owned());
            }
            // other exports, as `wasi:cli/run` of a command, are never called
            Some(_) => {
                return Err(PluginError::new(
                    "plugin.unknown-export",
                    format!("the component exports `{export}`, which the contract does not have"),
                ));
            }
            None => {}
        }
    }
    let transform = parts.contains("transform");
    let connector = parts.contains("source") || parts.contains("destination") || parts.contains("connection");
    let wrong = match manifest.kind {
        PluginKind::Connector if transform || !connector => "a connector, but it exports no source or destination",
        PluginKind::Transform if connector || !transform => "a transform, but it does not export `transform` alone",
        _ => return Ok(parts),
    };
    Err(PluginError::new("plugin.wrong-kind", format!("the manifest says {wrong}")))
}
