//! From a description of a JSON API (`rest.toml`) to a plugin: the shipped connector with the description and its manifest put in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nave_core::manifest::Manifest;

use super::new::new_folder;
use super::{BuildOptions, Built, PluginsError, digest, powers, signature};
use crate::project::{self, ProjectError, write_whole};

/// Name of the shipped connector that acts by a description.
pub const DESCRIBED_BY: &str = "rest";

/// Whether a folder holds a description and no crate.
pub fn is_described(dir: &Path) -> bool {
    dir.join(nave_rest::FILE).is_file() && !dir.join("Cargo.toml").exists()
}

/// Makes a plugin of the description in `dir` and of `connector`, the file of the shipped connector. Its `mappings/*.toml` are
/// embedded. Default folder for the `.wasm`: `target/plugins` in `dir`.
///
/// # Errors
/// [`PluginsError::Crate`] with every mistake in the description, its line and column; others where a file cannot be read or written.
pub fn pack(dir: &Path, connector: &Path, options: &BuildOptions) -> Result<Built, PluginsError> {
    let file = dir.join(nave_rest::FILE);
    let wrong = |message: String| PluginsError::Crate {
        file: file.clone(),
        message,
        help: "mend these places and build again; plugins/rest/README.md lists every key".to_owned(),
    };
    let text = project::text(&file)?;
    let description = nave_rest::parse(&text).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        wrong(faults.join("\n"))
    })?;
    let mut manifest: Manifest =
        serde_json::from_value(nave_rest::manifest(&description)).map_err(|error| wrong(format!("its manifest: {error}")))?;
    manifest.mappings = mappings(dir)?;
    let bytes = fs::read(connector).map_err(ProjectError::io(connector))?;
    let described = nave_rest::slot::put(&bytes, &text).map_err(|why| PluginsError::Usage {
        message: format!("{}: {why}", connector.display()),
        help: "put the release's folder plugins/ beside the binary, or name it in NAVE_PLUGINS".to_owned(),
    })?;
    let plugin = nave_runtime::embed_manifest(&described, &manifest).map_err(PluginsError::made_of(&file))?;
    let inspection = nave_runtime::inspect(&plugin)?;
    let file = options.out.clone().unwrap_or_else(|| dir.join("target").join("plugins")).join(format!("{}.wasm", manifest.name));
    write_whole(&file, &plugin)?;
    let digest = digest(&plugin);
    Ok(Built {
        was_signed: signature::remove_stale(&file, &digest)?,
        file,
        size: plugin.len() as u64,
        digest,
        powers: powers::asked(&inspection.manifest),
        manifest: inspection.manifest,
    })
}

/// The texts of `mappings/*.toml`.
fn mappings(dir: &Path) -> Result<BTreeMap<String, String>, PluginsError> {
    let folder = dir.join("mappings");
    let mut all = BTreeMap::new();
    if !folder.is_dir() {
        return Ok(all);
    }
    for entry in fs::read_dir(&folder).map_err(ProjectError::io(&folder))? {
        let path = entry.map_err(ProjectError::io(&folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".toml") && !name.starts_with('.') {
            all.insert(name, project::text(&path)?);
        }
    }
    Ok(all)
}

/// A description to begin with.
#[derive(Clone, Debug)]
pub struct NewDescription {
    /// Name of the plugin; `[a-z][a-z0-9-]{0,63}`.
    pub name: String,
    /// Folder that its folder is made in.
    pub parent: PathBuf,
    /// The text of `rest.toml`.
    pub text: String,
}

/// The description of a system that is like many: what `nave plugin new NAME --rest` writes.
pub fn example(name: &str) -> String {
    include_str!("../../../../sdk/templates/rest/rest.toml").replace("{{name}}", name)
}

/// Writes the folder. Answers it.
///
/// # Errors
/// [`PluginsError::Usage`] for a name that is none, or a folder that is not empty.
pub fn new_description(new: &NewDescription) -> Result<PathBuf, PluginsError> {
    let dir = new_folder(&new.parent, &new.name)?;
    write_whole(&dir.join(nave_rest::FILE), new.text.as_bytes())?;
    write_whole(&dir.join(".gitignore"), b"/target\n*.pem\n")?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_good_description() {
        let text = example("my-shop");
        let description = nave_rest::parse(&text).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let manifest: Manifest = serde_json::from_value(nave_rest::manifest(&description)).expect("a manifest");
        let bytes = serde_json::to_vec(&manifest).expect("JSON");
        assert_eq!(nave_runtime::parse_manifest(&bytes).expect("a strict manifest").name, "my-shop");
    }

    #[test]
    fn mistakes_are_told_with_their_file_and_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join(nave_rest::FILE);
        let text = example("shop");
        for (from, to, says) in [
            ("records = ", "record_s = ", "did you mean `records`?"),
            ("kind = \"bearer\"", "kind = \"bearrer\"", "its manifest: unknown variant `bearrer`"),
        ] {
            assert!(text.contains(from), "{from}");
            fs::write(&file, text.replacen(from, to, 1)).expect("written");
            let error = pack(dir.path(), &file, &BuildOptions::default()).expect_err(says).to_string();
            assert!(error.contains("rest.toml: ") && error.contains(says), "{error}");
        }
        // What only the strict reader of manifests refuses.
        let (broken, connector) = (text.replacen("version = \"0.1.0\"", "version = \"1\"", 1), dir.path().join("rest.wasm"));
        assert_ne!(broken, text);
        fs::write(&file, broken).expect("written");
        let component = [b"\0asm\x0d\0\x01\0".as_slice(), &nave_rest::slot::empty()].concat();
        fs::write(&connector, component).expect("written");
        let error = pack(dir.path(), &connector, &BuildOptions::default()).expect_err("no version");
        assert!(error.to_string().contains("rest.toml: the manifest is not valid: "), "{error}");
        // A connector that has no place for a description.
        fs::write(&file, text).expect("written");
        let error = pack(dir.path(), &file, &BuildOptions::default()).expect_err("no connector").to_string();
        assert!(error.contains("no place for a description"), "{error}");
        assert!(is_described(dir.path()));
        fs::write(dir.path().join("Cargo.toml"), "").expect("written");
        assert!(!is_described(dir.path()));
    }
}
