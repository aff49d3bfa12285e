//! Why a plugin could not be made, read or installed.

use std::path::{Path, PathBuf};

use nave_core::trust::Distrust;
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
    /// Nobody who counts here vouches for it, or it is not what somebody vouched for.
    #[error("{}", .0.message)]
    Distrust(Distrust),
    /// It could not be had from where it was to come from.
    #[error("{}", .0.message)]
    Fetch(super::fetch::Refused),
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

impl PluginsError {
    /// Why a plugin could not be made: a fault of the manifest is one of the file that it was written in, and is corrected there.
    pub(super) fn made_of(file: &Path) -> impl FnOnce(PluginError) -> Self + '_ {
        move |error| match error.code {
            "plugin.bad-manifest" => Self::Crate {
                file: file.to_owned(),
                message: error.message,
                help:
                    "correct it there; sdk/README.md lists the keys of manifest.json, plugins/rest/README.md those of rest.toml"
                        .to_owned(),
            },
            _ => error.into(),
        }
    }
}

impl From<Distrust> for PluginsError {
    fn from(distrust: Distrust) -> Self {
        Self::Distrust(distrust)
    }
}

/// What to type about a refusal.
fn instead(code: &str) -> &'static str {
    match code {
        "plugin.rollback" => "add --rollback if you mean to go back",
        "plugin.unsigned" => {
            "ask its author for the file beside it, NAME.wasm.sig; your own: `nave plugin pack FILE.wasm --sign KEY`, then `nave plugin trust add KEY --name NAME`. `unsigned = \"allow\"` under [plugins] in nave.toml lets unsigned ones in"
        }
        "plugin.unknown-key" => "if you know whose key it is: `nave plugin trust add KEY --name NAME`",
        "plugin.revoked-key" | "plugin.expired-key" | "plugin.expired-statement" => {
            "get the current build from its author; `nave plugin trust list` shows what counts here"
        }
        "plugin.other-source" => "if that is right: the same command with --other-source",
        "plugin.moved" => "`nave plugin upgrade NAME` shows what is different, and takes it then",
        _ => "get the file and its signature from its author again; do not run this one",
    }
}

impl From<PluginsError> for ApiError {
    fn from(error: PluginsError) -> Self {
        let message = error.to_string();
        match error {
            PluginsError::Project(error) => error.into(),
            PluginsError::Refused(error) if error.code.starts_with("plugin.compile-") || error.code == "plugin.engine" => {
                Self::new(error.code, exit::FAILED, message)
                    .help("nothing was installed; install it again when the machine has less to do, or ask its author for another build")
            }
            PluginsError::Refused(error) => Self::new(error.code, exit::FAILED, message).help(
                "a plugin is one .wasm file, as its author gives it or `nave plugin build FOLDER` writes it; `nave plugin new NAME` begins one",
            ),
            PluginsError::Distrust(no) => {
                let exit = if no.code == "plugin.rollback" { exit::USAGE } else { exit::FAILED };
                Self::new(no.code, exit, message).help(instead(no.code))
            }
            PluginsError::Fetch(refused) => {
                let exit = match refused.code {
                    "usage" => exit::USAGE,
                    "net.unreachable" | "net.no-answer" | "registry.status" => exit::UNAVAILABLE,
                    _ => exit::FAILED,
                };
                Self::new(refused.code, exit, message).help(refused.help())
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
    fn a_fault_of_what_is_built_names_where_it_lies() {
        let file = Path::new("shop/manifest.json");
        let error = nave_runtime::parse_manifest(b"{}").expect_err("no manifest");
        let error = ApiError::from(PluginsError::made_of(file)(error));
        assert!(error.message.starts_with("shop/manifest.json: the manifest is not valid: "), "{error:?}");
        assert!(error.help.unwrap_or_default().starts_with("correct it there"));
        let folder = tempfile::tempdir().expect("a folder").path().join("nowhere");
        let error = crate::plugins::build(&folder, &crate::plugins::BuildOptions::default()).expect_err("no folder");
        assert_eq!(error.to_string(), format!("there is no folder {}", folder.display()));
    }

    #[test]
    fn what_is_no_plugin_says_what_one_is() {
        let error = crate::plugins::manifest_of(b"PK, and not wasm").expect_err("refused");
        let help = ApiError::from(error).help.unwrap_or_default();
        assert!(help.contains("`nave plugin build FOLDER`"), "{help}");
    }
}
