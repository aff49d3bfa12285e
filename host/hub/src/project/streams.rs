//! What `discover` last said, saved in `streams/<connection>.json` so that mappings are checked without a network.

use std::path::{Path, PathBuf};

use nave_core::catalog::StreamInfo;

use super::{ProjectError, read, write};

/// Its file, relative to the project's directory.
pub fn streams_file(connection: &str) -> PathBuf {
    Path::new("streams").join(format!("{connection}.json"))
}

/// Saves what a connection offers. The same streams make the same bytes, so that version control shows real changes only.
///
/// # Errors
/// [`ProjectError`] where it cannot be written.
pub fn save_streams(dir: &Path, connection: &str, streams: &[StreamInfo]) -> Result<PathBuf, ProjectError> {
    let file = streams_file(connection);
    let path = dir.join(&file);
    let mut text = serde_json::to_string_pretty(streams)
        .map_err(|error| ProjectError::Malformed { path: path.clone(), message: error.to_string() })?;
    text.push('\n');
    write::whole(&path, text.as_bytes())?;
    Ok(file)
}

/// What was saved for a connection; none where nobody has asked it yet.
///
/// # Errors
/// [`ProjectError`] where the file is not what was saved.
pub fn load_streams(dir: &Path, connection: &str) -> Result<Option<Vec<StreamInfo>>, ProjectError> {
    let path = dir.join(streams_file(connection));
    if !path.is_file() {
        return Ok(None);
    }
    let text = read::text(&path)?;
    serde_json::from_str(&text).map(Some).map_err(|error| ProjectError::Malformed {
        path,
        message: format!("{error}; `nave connection discover {connection} --save` writes it anew"),
    })
}
