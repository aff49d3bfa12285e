//! Why a plugin could not be made, read or installed.

use std::path::PathBuf;

use nave_runtime::PluginError;

use crate::api::{ApiError, exit};
use crate::project::ProjectError;

/// Named by what the person does next.
#[derive(Debug, thiserror::Error)]
pub enum PluginsError {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The file is not a plugin that can be installed.
    #[error("{}", .0.message)]
    Refused(#[from] PluginError),
    /// It is older than the installed one.
    #[error("{0}")]
    Rollback(String),
    /// A tool that is needed is not there or failed.
    #[error("{what}: {why}")]
    Tool {
        /// `cargo build`.
        what: String,
        /// What it said.
        why: String,
        /// What to type.
        help: String,
    },
    /// What was found in the crate does not fit.
    #[error("{}: {message}", file.display())]
    Crate {
        /// File.
        file: PathBuf,
        /// What is wrong.
        message: String,
        /// What to type.
        help: String,
    },
    /// It names something that is not there, or cannot be done as things stand.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to type.
        help: String,
    },
    /// The plugin was called and gave no answer.
    #[error("{0}")]
    Call(String),
}

impl From<PluginsError> for ApiError {
    fn from(error: PluginsError) -> Self {
        let message = error.to_string();
        match error {
            PluginsError::Project(error) => error.into(),
            PluginsError::Refused(error) => Self::new(error.code, exit::FAILED, message).help(
                "a plugin is one .wasm file, as its author gives it or `nave plugin build FOLDER` writes it; `nave plugin new NAME` begins one",
            ),
            PluginsError::Rollback(_) => {
                Self::new("plugin.rollback", exit::USAGE, message).help("add --rollback if you mean to go back")
            }
            PluginsError::Tool { help, .. } => Self::new("tool", exit::FAILED, message).help(help),
            PluginsError::Crate { help, .. } => Self::new("crate", exit::FAILED, message).help(help),
            PluginsError::Usage { help, .. } => Self::usage(message).help(help),
            PluginsError::Call(_) => Self::new("plugin.call", exit::FAILED, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plugin_says_what_one_is() {
        let error = crate::plugins::manifest_of(b"PK, and not wasm").expect_err("refused");
        let help = ApiError::from(error).help.unwrap_or_default();
        assert!(help.contains("`nave plugin build FOLDER`"), "{help}");
    }
}
