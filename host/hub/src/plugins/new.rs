//! `nave plugin new`: a connector or a transform that builds and passes its own test at once.

use std::path::{Path, PathBuf};

use nave_core::manifest::PluginKind;

use super::{Language, PluginsError, templates};
use crate::project::{ProjectError, write_whole};

/// What to make.
#[derive(Clone, Debug)]
pub struct NewPlugin {
    /// Name; `[a-z][a-z0-9-]{0,63}`.
    pub name: String,
    /// Connector or transform.
    pub kind: PluginKind,
    /// Language of the crate.
    pub language: Language,
    /// Folder that the crate's folder is made in.
    pub parent: PathBuf,
    /// The SDK's crate, for Rust; the other SDKs come with the program.
    pub sdk: Option<PathBuf>,
}

/// Where the SDK is in the checkout that this program was built from, if that is still there.
fn checkout_sdk() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk/rust");
    path.join("Cargo.toml").is_file().then(|| path.canonicalize().ok()).flatten()
}

/// Makes the crate. Answers its folder.
///
/// # Errors
/// [`PluginsError::Usage`] for a name that is none, an SDK that is not there, or a folder that is not empty.
pub fn new(plugin: &NewPlugin) -> Result<PathBuf, PluginsError> {
    let name = &plugin.name;
    let dir = new_folder(&plugin.parent, name)?;
    let templates = templates::of(plugin.language, plugin.kind)?;
    let sdk = if plugin.language == Language::Rust { crate_of_sdk(plugin.sdk.as_deref())? } else { String::new() };
    let function = name.replace('-', "_");
    for (file, text) in templates.iter().copied().flatten() {
        let text = text.replace("{{name}}", name).replace("{{function}}", &function);
        let text = text.replace("{{sdk}}", &format!("{{ path = \"{sdk}\" }}"));
        write_whole(&dir.join(file), text.as_bytes())?;
    }
    Ok(dir)
}

/// The folder of a new plugin: its name is one, and nothing is in the folder yet.
pub(super) fn new_folder(parent: &Path, name: &str) -> Result<PathBuf, PluginsError> {
    let fits = name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        return Err(PluginsError::Usage {
            message: format!("`{name}` is not a plugin's name"),
            help: "use a-z, 0-9 and -, beginning with a letter, at most 64".to_owned(),
        });
    }
    let dir = parent.join(name);
    if dir.exists() && std::fs::read_dir(&dir).map_err(ProjectError::io(&dir))?.next().is_some() {
        return Err(PluginsError::Usage {
            message: format!("{} is not empty", dir.display()),
            help: "give another name, or another folder with --parent".to_owned(),
        });
    }
    Ok(dir)
}

/// The path of the SDK's crate as it stands in a TOML string.
fn crate_of_sdk(given: Option<&Path>) -> Result<String, PluginsError> {
    let checkout = || {
        checkout_sdk().ok_or_else(|| PluginsError::Usage {
            message: "the checkout that this program was built from is not there any more".to_owned(),
            help: "give the SDK's crate: --sdk PATH/sdk/rust; with --lang javascript or python none is needed".to_owned(),
        })
    };
    let sdk = given.map_or_else(checkout, |given| Ok(given.canonicalize().map_err(ProjectError::io(given))?))?;
    if !sdk.join("Cargo.toml").is_file() {
        return Err(PluginsError::Usage {
            message: format!("{} is not the SDK's crate", sdk.display()),
            help: "give the folder sdk/rust of a checkout with --sdk".to_owned(),
        });
    }
    // Backslashes and quotes would end the string.
    Ok(sdk.display().to_string().replace('\\', "/").replace('"', "\\\""))
}
