//! What a connection's plugin and its system said to each other, kept to be played again: `recordings/CONNECTION.json`.
//!
//! Recorded where a guest calls the hub, so before a credential is put in and after one was taken out: there is none in it (I10).
//! People's data are masked as it is written, the same value always the same way, so that a plugin that puts two answers together
//! still can. Only what reads is asked of a system; what a plugin would write is seen when it is played.

mod files;
mod folders;
mod hosts;
mod play;
mod redact;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::PluginsError;
use crate::project::ProjectError;

pub(crate) use files::of_files;
pub(crate) use folders::Folders;
pub(crate) use hosts::Recorder;
pub(crate) use play::{Behaviour, Part, differences, play};
pub(crate) use redact::{Answered, redact};

/// `format` of a recording.
pub(crate) const FORMAT: &str = "nave-recording/1";
/// Largest recording, bytes.
const RECORDING_BYTES_MAX: u64 = 32 << 20;

/// A recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Recording {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// Connection.
    pub(crate) connection: String,
    /// Plugin, and which build of it.
    pub(crate) plugin: String,
    /// SHA-256 of that build.
    pub(crate) digest: String,
    /// What the clock said, milliseconds since 1970: it says so again.
    pub(crate) at: u64,
    /// The connection's settings.
    pub(crate) settings: Json,
    /// What was called.
    pub(crate) calls: Vec<Call>,
    /// What went out and came back, in order.
    pub(crate) exchanges: Vec<Exchange>,
    /// Files of its folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<RecordedFile>,
}

/// A file as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RecordedFile {
    /// Folder of the manifest.
    pub(crate) folder: String,
    /// Its name there.
    pub(crate) name: String,
    /// RFC 3339.
    pub(crate) modified_at: String,
    /// What is in it.
    pub(crate) body: Body,
}

/// One function, as `nave plugin call` takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Call {
    /// `read`, `get`, …
    pub(crate) function: String,
    /// Its arguments.
    pub(crate) arguments: Vec<Json>,
}

/// A request and what came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Exchange {
    /// Endpoint of the manifest.
    pub(crate) endpoint: String,
    /// Method.
    pub(crate) method: String,
    /// Path as the guest named it.
    pub(crate) path: String,
    /// Its body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Body>,
    /// What came back.
    pub(crate) answer: Answer,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// An answer.
    Response {
        /// Status.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: Body,
    },
    /// None: why.
    Error(String),
}

/// Bytes, readable where they are text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Body {
    /// UTF-8.
    Text(String),
    /// Anything else, in base64.
    Base64(String),
}

impl Body {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        use base64::Engine as _;
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64(base64::engine::general_purpose::STANDARD.encode(bytes)),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => base64::engine::general_purpose::STANDARD.decode(text).unwrap_or_default(),
        }
    }
}

/// Where the recording of a connection lies.
pub(crate) fn file(dir: &Path, connection: &str) -> PathBuf {
    dir.join("recordings").join(format!("{connection}.json"))
}

/// The recording of a connection, where there is one.
///
/// # Errors
/// [`PluginsError`] where it cannot be read, or is none.
pub(crate) fn read(dir: &Path, connection: &str) -> Result<Option<Recording>, PluginsError> {
    read_file(&file(dir, connection), connection)
}

/// Names of the recordings in a folder, sorted; none where the folder is not there.
///
/// # Errors
/// [`PluginsError`] where it cannot be read.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, PluginsError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ProjectError::io(folder)(error).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(ProjectError::io(folder))?.file_name().to_string_lossy().into_owned();
        names.extend(name.strip_suffix(".json").map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// A recording by its file, where there is one.
///
/// # Errors
/// [`PluginsError`] where it cannot be read, or is none.
pub(crate) fn read_file(file: &Path, connection: &str) -> Result<Option<Recording>, PluginsError> {
    let size = match std::fs::metadata(file) {
        Ok(about) => about.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ProjectError::io(file)(error).into()),
    };
    let wrong = |message: String| PluginsError::Usage {
        message: format!("{}: {message}", file.display()),
        help: format!("record it again: `nave plugin record {connection}`"),
    };
    if size > RECORDING_BYTES_MAX {
        return Err(wrong(format!("it has more than {RECORDING_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(file).map_err(ProjectError::io(file))?;
    let found: Recording = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    match found.format == FORMAT {
        true => Ok(Some(found)),
        false => Err(wrong(format!("its format is `{}`, and this version knows {FORMAT}", found.format.escape_debug()))),
    }
}

/// Keeps a recording.
///
/// # Errors
/// [`PluginsError`] where it is too large, or cannot be written.
pub(crate) fn keep(dir: &Path, recording: &Recording) -> Result<PathBuf, PluginsError> {
    let file = file(dir, &recording.connection);
    let text = serde_json::to_vec_pretty(recording).map_err(|error| PluginsError::Call(error.to_string()))?;
    if text.len() as u64 > RECORDING_BYTES_MAX {
        return Err(PluginsError::Usage {
            message: format!("the recording would have {} bytes, at most {RECORDING_BYTES_MAX} are kept", text.len()),
            help: format!("fewer records: `nave plugin record {} --records 5`", recording.connection),
        });
    }
    crate::project::write_whole(&file, &text)?;
    Ok(file)
}
