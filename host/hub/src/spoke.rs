//! A connected system as the engine sees it: what a connector exports, with the move each failure asks for.
//!
//! The engine knows this trait and nothing of wasm; tests script it, [`crate::guest`] puts a plugin behind it.

use std::sync::Arc;

use nave_core::budget::{Purpose, UsedUp};
use nave_core::catalog::StreamInfo;
use nave_core::hindrance::Hindrance;
use nave_core::mapping::MapError;
use nave_core::model::Time;
use nave_core::value::Value;
use nave_runtime::contract::{CheckReport, Delivery, Outcome, Page, SourceRecord};

use crate::egress::Talk;

/// A future that the engine can hold without knowing who made it.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// Why a call came to nothing, named by the next move.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpokeError {
    /// Come back after this many milliseconds.
    #[error("asked to wait {0} ms")]
    RetryAfter(u64),
    /// Down or unreachable.
    #[error("{0}")]
    Unavailable(String),
    /// The credential was refused.
    #[error("the credential was refused: {0}")]
    Unauthorized(String),
    /// Settings or grant are wrong.
    #[error("{0}")]
    Misconfigured(String),
    /// A person has to approve first: a secret would go where it was not given for. Nothing was sent.
    #[error("{0}")]
    Held(String),
    /// Refused for good.
    #[error("{0}")]
    Rejected(String),
    /// The checkpoint is no longer known there.
    #[error("the system no longer knows where we stopped")]
    CheckpointExpired,
    /// The guest was stopped or broke the contract: nothing is known of what it had sent by then.
    #[error("the plugin failed: {0}")]
    Guest(String),
}

impl SpokeError {
    /// What it is for whoever waits for the system.
    pub fn hindrance(&self) -> Hindrance {
        match self {
            Self::RetryAfter(_) => Hindrance::AskedToWait,
            Self::Unavailable(_) => Hindrance::Unreachable,
            Self::Unauthorized(_) => Hindrance::CredentialRefused,
            Self::Misconfigured(_) => Hindrance::NotAllowed,
            Self::Held(_) => Hindrance::AwaitsApproval,
            Self::Rejected(_) => Hindrance::Refused,
            Self::CheckpointExpired => Hindrance::CheckpointExpired,
            Self::Guest(_) => Hindrance::PluginFailed,
        }
    }
}

/// What a connector offers. Calls of one spoke are made one at a time.
pub trait Spoke: Send + Sync {
    /// Streams, fields and capabilities.
    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>>;
    /// Does it work, and whose account is it?
    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>>;
    /// The next page.
    fn read(&self, stream: String, checkpoint: Option<Vec<u8>>, limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>>;
    /// These records are durable here.
    fn acknowledge(&self, stream: String, checkpoint: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>>;
    /// These things, now.
    fn get(&self, stream: String, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>>;
    /// Make these differences. An error means that nothing was sent, except [`SpokeError::Guest`].
    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>>;
    /// Things by the value of a field.
    fn find(&self, stream: String, path: String, values: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>>;
    /// Digest of the plugin, stored with every run.
    fn digest(&self) -> String;
    /// How far the system's clock is ahead of ours, milliseconds; none where that is not known.
    fn skew_ms(&self) -> Option<i64> {
        None
    }
}

/// Functions of transform plugins: one call per batch, one result per row.
pub trait Transforms: Send + Sync {
    /// Whether a function can be called, asked before anything is read that needs it.
    fn ready(&self, _function: &str) -> Result<(), SpokeError> {
        Ok(())
    }
    /// Applies a function to rows of arguments.
    fn call(&self, function: String, rows: Vec<Vec<Value>>) -> BoxFuture<'_, Result<Vec<Result<Value, MapError>>, SpokeError>>;
}

/// Where the engine gets its spokes from.
pub trait Spokes: Send + Sync {
    /// The spoke of a connection; made when first asked.
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError>;
    /// Why a connection's account may not be asked for this purpose now, and until when.
    fn used_up(&self, _connection: &str, _purpose: Purpose) -> Option<UsedUp> {
        None
    }
    /// Of a connection's account: percent of its budget that is used up, and percent above which that is said; none without bounds.
    fn used_percent(&self, _connection: &str) -> Option<(u64, u64)> {
        None
    }
    /// How a connection's system was spoken to since the hub started; nothing where that is not known.
    fn talk(&self, _connection: &str) -> Talk {
        Talk::default()
    }
    /// Since when, and why, somebody has to agree anew at a connection's system; none while what it granted is good.
    fn needs_reauth(&self, _connection: &str) -> Option<(Time, String)> {
        None
    }
    /// Transform plugins.
    fn transforms(&self) -> Arc<dyn Transforms>;
}
