//! A new environment: an empty project beside the others.

use std::path::Path;

use nave_core::catalog::{Hub, is_production};
use toml_edit::{DocumentMut, value};

use super::super::{ProjectError, init, read, write};
use super::{Environment, FOLDER, all, at, root};
use crate::api::ApiError;

/// Ports tried after the highest that another environment listens at.
const PORTS_TRIED: u16 = 1_000;

/// Makes an environment with nothing in it yet; it listens at an address of its own.
///
/// # Errors
/// [`ApiError`] where the name is none or is taken, where it is production's and there is one, or nothing can be written.
pub fn make(dir: &Path, name: &str, listen: Option<&str>) -> Result<Environment, ApiError> {
    let fits = !name.is_empty()
        && name.len() <= 32
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-');
    if !fits {
        return Err(ApiError::usage(format!("`{name}` is no name of an environment: use a-z, 0-9 and -, at most 32 of them")));
    }
    read::place(dir)?;
    let (root, known) = (root(dir), all(dir)?);
    let target = root.join(FOLDER).join(name);
    if let Some(taken) = known.iter().find(|known| known.name == name) {
        return Err(ApiError::failed(format!("there is an environment `{name}` in {}", taken.dir.display()))
            .help(format!("`nave env use {name}` takes it up")));
    }
    if let Some(live) = known.iter().find(|known| known.production && is_production(name)) {
        let there = format!("people work in `{}` already, and `{name}` is another name for the same", live.name);
        return Err(ApiError::failed(there).help(format!("`nave env use {}`; or give what is tried out another name", live.name)));
    }
    init(&target, true, name)?;
    let listen = listen.map_or_else(|| free_address(&known), str::to_owned);
    let path = target.join("nave.toml");
    let mut document: DocumentMut = read::text(&path)?.parse().map_err(|error: toml_edit::TomlError| {
        ProjectError::Malformed { path: path.clone(), message: error.message().to_owned() }
    })?;
    document["listen"] = value(listen);
    write::whole(&path, document.to_string().as_bytes())?;
    Ok(at(target))
}

/// The address after the highest of the others.
fn free_address(known: &[Environment]) -> String {
    let address = |environment: &Environment| {
        let text = read::text(&environment.dir.join("nave.toml")).ok()?;
        Some(text.parse::<toml::Table>().ok()?.get("listen")?.as_str()?.to_owned())
    };
    let default = Hub::default().listen;
    let used: Vec<String> = known.iter().map(|one| address(one).unwrap_or_else(|| default.clone())).collect();
    let port = |address: &String| address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    let (host, first) = (default.rsplit_once(':').map_or("127.0.0.1", |(host, _)| host), port(&default).unwrap_or_default());
    let highest = used.iter().filter_map(port).max().unwrap_or(first).min(u16::MAX - PORTS_TRIED);
    format!("{host}:{}", highest + 1)
}
