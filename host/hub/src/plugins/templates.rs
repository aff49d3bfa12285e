//! What a new crate is made of, by language and kind: texts of `sdk/`, as they were when this program was built.

use nave_core::manifest::PluginKind;

use super::{Language, PluginsError};

/// File in the new crate → text. `{{name}}`, `{{function}}` and `{{sdk}}` are put in.
pub(super) type Template = &'static [(&'static str, &'static str)];

const RUST_CONNECTOR: Template = &[
    (".gitignore", include_str!("../../../../sdk/templates/rust-connector/gitignore")),
    ("Cargo.toml", include_str!("../../../../sdk/templates/rust-connector/Cargo.toml")),
    ("README.md", include_str!("../../../../sdk/templates/rust-connector/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/rust-connector/manifest.json")),
    ("mappings/people.toml", include_str!("../../../../sdk/templates/rust-connector/mappings/people.toml")),
    ("src/lib.rs", include_str!("../../../../sdk/templates/rust-connector/src/lib.rs")),
];

const RUST_TRANSFORM: Template = &[
    (".gitignore", include_str!("../../../../sdk/templates/rust-transform/gitignore")),
    ("Cargo.toml", include_str!("../../../../sdk/templates/rust-transform/Cargo.toml")),
    ("README.md", include_str!("../../../../sdk/templates/rust-transform/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/rust-transform/manifest.json")),
    ("src/lib.rs", include_str!("../../../../sdk/templates/rust-transform/src/lib.rs")),
];

const JAVASCRIPT_CONNECTOR: Template = &[
    (".gitignore", include_str!("../../../../sdk/templates/javascript-connector/gitignore")),
    ("README.md", include_str!("../../../../sdk/templates/javascript-connector/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/javascript-connector/manifest.json")),
    ("mappings/people.toml", include_str!("../../../../sdk/templates/javascript-connector/mappings/people.toml")),
    ("package-lock.json", include_str!("../../../../sdk/templates/javascript-connector/package-lock.json")),
    ("package.json", include_str!("../../../../sdk/templates/javascript-connector/package.json")),
    ("src/plugin.js", include_str!("../../../../sdk/templates/javascript-connector/src/plugin.js")),
    ("test/plugin.test.js", include_str!("../../../../sdk/templates/javascript-connector/test/plugin.test.js")),
];

const PYTHON_CONNECTOR: Template = &[
    (".gitignore", include_str!("../../../../sdk/templates/python-connector/gitignore")),
    ("README.md", include_str!("../../../../sdk/templates/python-connector/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/python-connector/manifest.json")),
    ("mappings/people.toml", include_str!("../../../../sdk/templates/python-connector/mappings/people.toml")),
    ("plugin.py", include_str!("../../../../sdk/templates/python-connector/plugin.py")),
    ("pyproject.toml", include_str!("../../../../sdk/templates/python-connector/pyproject.toml")),
    ("requirements.txt", include_str!("../../../../sdk/templates/python-connector/requirements.txt")),
    ("tests/__init__.py", include_str!("../../../../sdk/templates/python-connector/tests/__init__.py")),
    ("tests/test_plugin.py", include_str!("../../../../sdk/templates/python-connector/tests/test_plugin.py")),
];

/// The SDK, which lies in the new crate: nothing but `nave` is needed to begin.
const JAVASCRIPT_SDK: Template = &[
    ("nave-sdk/index.d.ts", include_str!("../../../../sdk/javascript/index.d.ts")),
    ("nave-sdk/index.js", include_str!("../../../../sdk/javascript/index.js")),
    ("nave-sdk/package.json", include_str!("../../../../sdk/javascript/package.json")),
    ("nave-sdk/src/body.js", include_str!("../../../../sdk/javascript/src/body.js")),
    ("nave-sdk/src/bytes.js", include_str!("../../../../sdk/javascript/src/bytes.js")),
    ("nave-sdk/src/checkpoint.js", include_str!("../../../../sdk/javascript/src/checkpoint.js")),
    ("nave-sdk/src/connector.js", include_str!("../../../../sdk/javascript/src/connector.js")),
    ("nave-sdk/src/describe.js", include_str!("../../../../sdk/javascript/src/describe.js")),
    ("nave-sdk/src/failure.js", include_str!("../../../../sdk/javascript/src/failure.js")),
    ("nave-sdk/src/folder.js", include_str!("../../../../sdk/javascript/src/folder.js")),
    ("nave-sdk/src/host.js", include_str!("../../../../sdk/javascript/src/host.js")),
    ("nave-sdk/src/http.js", include_str!("../../../../sdk/javascript/src/http.js")),
    ("nave-sdk/src/imports.js", include_str!("../../../../sdk/javascript/src/imports.js")),
    ("nave-sdk/src/imports_fake.js", include_str!("../../../../sdk/javascript/src/imports_fake.js")),
    ("nave-sdk/src/limits.js", include_str!("../../../../sdk/javascript/src/limits.js")),
    ("nave-sdk/src/names.js", include_str!("../../../../sdk/javascript/src/names.js")),
    ("nave-sdk/src/slice.js", include_str!("../../../../sdk/javascript/src/slice.js")),
    ("nave-sdk/src/time.js", include_str!("../../../../sdk/javascript/src/time.js")),
    ("nave-sdk/src/write.js", include_str!("../../../../sdk/javascript/src/write.js")),
    ("nave-sdk/testing.d.ts", include_str!("../../../../sdk/javascript/testing.d.ts")),
    ("nave-sdk/testing.js", include_str!("../../../../sdk/javascript/testing.js")),
];

/// The same for Python.
const PYTHON_SDK: Template = &[
    ("nave_sdk/__init__.py", include_str!("../../../../sdk/python/nave_sdk/__init__.py")),
    ("nave_sdk/_bytes.py", include_str!("../../../../sdk/python/nave_sdk/_bytes.py")),
    ("nave_sdk/_fake.py", include_str!("../../../../sdk/python/nave_sdk/_fake.py")),
    ("nave_sdk/_guest.py", include_str!("../../../../sdk/python/nave_sdk/_guest.py")),
    ("nave_sdk/_imports.py", include_str!("../../../../sdk/python/nave_sdk/_imports.py")),
    ("nave_sdk/body.py", include_str!("../../../../sdk/python/nave_sdk/body.py")),
    ("nave_sdk/checkpoint.py", include_str!("../../../../sdk/python/nave_sdk/checkpoint.py")),
    ("nave_sdk/connector.py", include_str!("../../../../sdk/python/nave_sdk/connector.py")),
    ("nave_sdk/describe.py", include_str!("../../../../sdk/python/nave_sdk/describe.py")),
    ("nave_sdk/failure.py", include_str!("../../../../sdk/python/nave_sdk/failure.py")),
    ("nave_sdk/folder.py", include_str!("../../../../sdk/python/nave_sdk/folder.py")),
    ("nave_sdk/host.py", include_str!("../../../../sdk/python/nave_sdk/host.py")),
    ("nave_sdk/http.py", include_str!("../../../../sdk/python/nave_sdk/http.py")),
    ("nave_sdk/limits.py", include_str!("../../../../sdk/python/nave_sdk/limits.py")),
    ("nave_sdk/names.py", include_str!("../../../../sdk/python/nave_sdk/names.py")),
    ("nave_sdk/py.typed", include_str!("../../../../sdk/python/nave_sdk/py.typed")),
    ("nave_sdk/slices.py", include_str!("../../../../sdk/python/nave_sdk/slices.py")),
    ("nave_sdk/testing.py", include_str!("../../../../sdk/python/nave_sdk/testing.py")),
    ("nave_sdk/time.py", include_str!("../../../../sdk/python/nave_sdk/time.py")),
    ("nave_sdk/write.py", include_str!("../../../../sdk/python/nave_sdk/write.py")),
];

/// The template, and the SDK's files where they come with it.
///
/// # Errors
/// [`PluginsError::Usage`] for a kind that there is no template of in this language.
pub(super) fn of(language: Language, kind: PluginKind) -> Result<[Template; 2], PluginsError> {
    match (language, kind) {
        (Language::Rust, PluginKind::Connector) => Ok([RUST_CONNECTOR, &[]]),
        (Language::Rust, PluginKind::Transform) => Ok([RUST_TRANSFORM, &[]]),
        (Language::JavaScript, PluginKind::Connector) => Ok([JAVASCRIPT_CONNECTOR, JAVASCRIPT_SDK]),
        (Language::Python, PluginKind::Connector) => Ok([PYTHON_CONNECTOR, PYTHON_SDK]),
        (Language::JavaScript | Language::Python, PluginKind::Transform) => Err(PluginsError::Usage {
            message: format!(
                "a transform cannot be made in {} yet: a mapping calls it for every row, and it has to be quick",
                language.name()
            ),
            help: "`nave plugin new NAME --kind transform` makes one in Rust".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Files below a folder that are part of it.
    fn files(folder: &Path, below: &str, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sdk/") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            if ["node_modules", "target", "__pycache__", ".venv"].contains(&name.as_str()) {
                continue;
            }
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if entry.path().is_dir() {
                files(&entry.path(), &path, found);
            } else {
                found.insert(path.replace("gitignore", ".gitignore"));
            }
        }
    }

    /// A file that is added to a template or to an SDK gets into new crates.
    #[test]
    fn every_file_is_in_the_program() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        for (folder, below, own, template) in [
            ("templates/rust-connector", "", None, RUST_CONNECTOR),
            ("templates/rust-transform", "", None, RUST_TRANSFORM),
            ("templates/javascript-connector", "", None, JAVASCRIPT_CONNECTOR),
            ("templates/python-connector", "", None, PYTHON_CONNECTOR),
            // Tests of the SDK itself, its page, and what builds a plugin, stay here.
            (
                "javascript",
                "nave-sdk",
                Some(["nave-sdk/test/sdk.test.js", "nave-sdk/build.mjs", "nave-sdk/README.md"]),
                JAVASCRIPT_SDK,
            ),
            ("python/nave_sdk", "nave_sdk", None, PYTHON_SDK),
        ] {
            let mut there = BTreeSet::new();
            files(&sdk.join(folder), below, &mut there);
            own.into_iter().flatten().for_each(|name| assert!(there.remove(name), "{name} is not there any more"));
            let embedded: BTreeSet<String> = template.iter().map(|(name, _)| (*name).to_owned()).collect();
            assert_eq!(embedded, there, "{folder}");
        }
    }
}
