//! The world of a plugin in a language whose tool imports everything that its world names: what the manifest asks for, no more.

use std::fs;
use std::path::{Path, PathBuf};

use nave_core::manifest::Manifest;

use crate::plugins::PluginsError;
use crate::project::{ProjectError, write_whole};

/// Name of the world.
pub(super) const WORLD: &str = "connector";

/// The version of the contract that the SDKs of these languages speak.
const VERSION: &str = "0.2.0";
/// Its text; the same that the hub was built with.
const CONTRACT: [(&str, &str); 6] = [
    ("types.wit", include_str!("../../../../../wit/v0.2/types.wit")),
    ("host.wit", include_str!("../../../../../wit/v0.2/host.wit")),
    ("source.wit", include_str!("../../../../../wit/v0.2/source.wit")),
    ("destination.wit", include_str!("../../../../../wit/v0.2/destination.wit")),
    ("connection.wit", include_str!("../../../../../wit/v0.2/connection.wit")),
    ("transform.wit", include_str!("../../../../../wit/v0.2/transform.wit")),
];

/// Interfaces of the host that a plugin with this manifest may import (`blob` is not in the SDKs).
pub(super) fn imports(manifest: &Manifest) -> Vec<&'static str> {
    let mut imports = vec!["types", "log", "settings", "state", "clock"];
    if !manifest.endpoints.is_empty() {
        imports.push("http");
    }
    if !manifest.folders.is_empty() {
        imports.push("folder");
    }
    imports
}

/// Writes the world and the contract into `folder`/wit, anew; answers that folder.
pub(super) fn write(folder: &Path, manifest: &Manifest) -> Result<PathBuf, PluginsError> {
    let wit = folder.join("wit");
    if wit.exists() {
        fs::remove_dir_all(&wit).map_err(ProjectError::io(&wit))?;
    }
    let imports: String = imports(manifest).iter().map(|name| format!("    import nave:plugin/{name}@{VERSION};\n")).collect();
    let exports: String =
        ["connection", "source", "destination"].map(|name| format!("    export nave:plugin/{name}@{VERSION};\n")).concat();
    let world = format!("package nave:guest;\n\nworld {WORLD} {{\n{imports}{exports}}}\n");
    write_whole(&wit.join("world.wit"), world.as_bytes())?;
    for (name, text) in CONTRACT {
        write_whole(&wit.join("deps/plugin").join(name), text.as_bytes())?;
    }
    Ok(wit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a manifest does not ask for, the component does not import: `inspect` would refuse it.
    #[test]
    fn a_plugin_imports_what_its_manifest_asks_for() {
        let own = r#"{"name":"a","version":"0.1.0","serial":1,"title":"A","description":"A.","kind":"connector""#;
        let endpoint =
            r#","endpoints":{"api":{"base":"https://x.example","allow":[{"methods":["GET"],"paths":["/"]}],"reason":"to read"}}"#;
        let folder = r#","folders":{"in":{"access":"read","reason":"to read"}}"#;
        for (asked, expected) in
            [("", ""), (endpoint, " http"), (folder, " folder"), (&format!("{endpoint}{folder}"), " http folder")]
        {
            let manifest: Manifest = serde_json::from_str(&format!("{own}{asked}}}")).expect("a manifest");
            assert_eq!(imports(&manifest).join(" "), format!("types log settings state clock{expected}"));
            let built = tempfile::tempdir().expect("a folder");
            let wit = write(built.path(), &manifest).expect("written");
            let world = fs::read_to_string(wit.join("world.wit")).expect("read");
            assert_eq!(world.contains("nave:plugin/folder"), asked.contains("folders"), "{world}");
        }
    }
}
