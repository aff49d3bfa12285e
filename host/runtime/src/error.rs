//! Errors of the runtime, by operation: loading a plugin, and calling one.

use crate::contract::Failure;

/// Why a file is not a plugin that can be installed. `code` is stable: tests, audits and people use it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct PluginError {
    /// `plugin.not-wasm`, `plugin.unknown-import`, …
    pub code: &'static str,
    /// What happened, why, and what to do.
    pub message: String,
}

impl PluginError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        PluginError { code, message: message.into() }
    }
}

/// Why a call into a plugin gave no answer. After all but `Failure`, `NotExported` and `Broken` the instance is gone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest crashed. A mistake in the plugin: the call may be tried again, in a fresh instance.
    #[error("the plugin crashed: {0}")]
    Trap(String),
    /// The guest used up its time.
    #[error("the plugin was stopped after {0}")]
    Deadline(String),
    /// The guest passed a bound.
    #[error("{code}: {message}")]
    Limit {
        /// `quota.host-calls`, `quota.memory`, `quota.hostcall-bytes`, `quota.handles`, `quota.random`, `quota.table`.
        code: &'static str,
        /// Which bound, and its size.
        message: String,
    },
    /// The plugin answered, with a failure of the contract.
    #[error("{0}")]
    Failure(Failure),
    /// The plugin has no such function.
    #[error("the plugin does not export `{0}`")]
    NotExported(&'static str),
    /// The plugin answered what the contract does not allow.
    #[error("the plugin broke the contract: {0}")]
    Broken(String),
}

impl CallError {
    /// Stable code for audits and run reports.
    pub fn code(&self) -> &'static str {
        match self {
            CallError::Trap(_) => "plugin.trap",
            CallError::Deadline(_) => "plugin.deadline",
            CallError::Limit { code, .. } => code,
            CallError::Failure(_) => "plugin.failure",
            CallError::NotExported(_) => "plugin.not-exported",
            CallError::Broken(_) => "plugin.contract-breach",
        }
    }
}
