//! `nave plugin new`: a connector or a transform that builds and passes its own test at once.

use std::path::{Path, PathBuf};

use nave_core::manifest::PluginKind;

use super::PluginsError;
use crate::project::{ProjectError, write_whole};

/// File in the new crate → text. `{{name}}`, `{{function}}` and `{{sdk}}` are put in.
type Template = &'static [(&'static str, &'static str)];

const CONNECTOR: Template = &[
    ("Cargo.toml", include_str!("../../../../sdk/templates/rust-connector/Cargo.toml")),
    ("README.md", include_str!("../../../../sdk/templates/rust-connector/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/rust-connector/manifest.json")),
    ("mappings/people.toml", include_str!("../../../../sdk/templates/rust-connector/mappings/people.toml")),
    ("src/lib.rs", include_str!("../../../../sdk/templates/rust-connector/src/lib.rs")),
    (".gitignore", include_str!("../../../../sdk/templates/rust-connector/gitignore")),
];

const TRANSFORM: Template = &[
    ("Cargo.toml", include_str!("../../../../sdk/templates/rust-transform/Cargo.toml")),
    ("README.md", include_str!("../../../../sdk/templates/rust-transform/README.md")),
    ("manifest.json", include_str!("../../../../sdk/templates/rust-transform/manifest.json")),
    ("src/lib.rs", include_str!("../../../../sdk/templates/rust-transform/src/lib.rs")),
    (".gitignore", include_str!("../../../../sdk/templates/rust-transform/gitignore")),
];

/// What to make.
#[derive(Clone, Debug)]
pub struct NewPlugin {
    /// Name; `[a-z][a-z0-9-]{0,63}`.
    pub name: String,
    /// Connector or transform.
    pub kind: PluginKind,
    /// Folder that the crate's folder is made in.
    pub parent: PathBuf,
    /// The SDK's crate.
    pub sdk: PathBuf,
}

/// Where the SDK is in the checkout that this program was built from, if that is still there.
pub fn checkout_sdk() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
    path.join("Cargo.toml").is_file().then(|| path.canonicalize().ok()).flatten()
}

/// Makes the crate. Answers its folder.
///
/// # Errors
/// [`PluginsError::Usage`] for a name that is none, an SDK that is not there, or a folder that is not empty.
pub fn new(plugin: &NewPlugin) -> Result<PathBuf, PluginsError> {
    let name = &plugin.name;
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(PluginsError::Usage {
            message: format!("`{name}` is not a plugin's name"),
            help: "use a-z, 0-9 and -, beginning with a letter, at most 64".to_owned(),
        });
    }
    let sdk = plugin.sdk.canonicalize().map_err(ProjectError::io(&plugin.sdk))?;
    if !sdk.join("Cargo.toml").is_file() {
        return Err(PluginsError::Usage {
            message: format!("{} is not the SDK's crate", sdk.display()),
            help: "give the folder sdk/rust of a checkout with --sdk".to_owned(),
        });
    }
    let dir = plugin.parent.join(name);
    if dir.exists() && std::fs::read_dir(&dir).map_err(ProjectError::io(&dir))?.next().is_some() {
        return Err(PluginsError::Usage {
            message: format!("{} is not empty", dir.display()),
            help: "give another name, or another folder with --parent".to_owned(),
        });
    }
    // A path in a TOML string: backslashes and quotes would end it.
    let sdk = sdk.display().to_string().replace('\\', "/").replace('"', "\\\"");
    let template = match plugin.kind {
        PluginKind::Connector => CONNECTOR,
        PluginKind::Transform => TRANSFORM,
    };
    let function = name.replace('-', "_");
    for (file, text) in template {
        let text = text.replace("{{name}}", name).replace("{{function}}", &function);
        let text = text.replace("{{sdk}}", &format!("{{ path = \"{sdk}\" }}"));
        write_whole(&dir.join(file), text.as_bytes())?;
    }
    Ok(dir)
}
