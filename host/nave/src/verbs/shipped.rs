//! Where the plugins are that ship with this binary: beside it, or in the checkout that it was built from.

use std::path::{Path, PathBuf};

use nave_hub::api::ApiError;
use nave_hub::plugins::{self, BuildOptions, Built};

use super::release;

/// A plugin of the release that this binary came with.
pub(crate) fn beside(name: &str) -> Option<PathBuf> {
    let file = std::env::current_exe().ok()?.parent()?.join("plugins").join(format!("{name}.wasm"));
    // Beside a binary that cargo built lie its own build's files: those are not a release's.
    (file.is_file() && release::crates(&checkout()).is_err()).then_some(file)
}

/// The checkout that this binary was built from.
pub(crate) fn checkout() -> PathBuf {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.ancestors().nth(2).unwrap_or(host).to_owned()
}

/// The file of a plugin: in the folder that `NAVE_PLUGINS` names, from beside the binary, or built from the checkout.
pub(crate) async fn plugin(name: &str) -> Result<PathBuf, ApiError> {
    if let Some(folder) = std::env::var_os("NAVE_PLUGINS") {
        let file = Path::new(&folder).join(format!("{name}.wasm"));
        let missing = || ApiError::failed(format!("NAVE_PLUGINS names a folder without {name}.wasm: {}", file.display()));
        return if file.is_file() { Ok(file) } else { Err(missing().help("name the folder of the built plugins, or none")) };
    }
    if let Some(file) = beside(name) {
        return Ok(file);
    }
    let source = checkout().join("plugins").join(name);
    if !source.is_dir() {
        return Err(ApiError::failed(format!("the plugin {name} lies neither beside this binary nor in {}", source.display()))
            .help("put the release's folder plugins/ beside the binary, or name a folder of plugins in NAVE_PLUGINS"));
    }
    let build = move || plugins::build(&source, &BuildOptions { out: None, quiet: true });
    let built = tokio::task::spawn_blocking(build).await.map_err(|error| ApiError::failed(error.to_string()))??;
    Ok(built.file)
}

/// Builds the crate in a folder; a description there becomes a plugin with the shipped connector.
pub(crate) async fn build(dir: &Path, options: BuildOptions) -> Result<Built, ApiError> {
    let connector = if plugins::is_described(dir) { Some(plugin(plugins::DESCRIBED_BY).await?) } else { None };
    let dir = dir.to_owned();
    let build = move || match connector {
        Some(connector) => plugins::pack(&dir, &connector, &options),
        None => plugins::build(&dir, &options),
    };
    Ok(tokio::task::spawn_blocking(build).await.map_err(|error| ApiError::failed(error.to_string()))??)
}
