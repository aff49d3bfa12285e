//! Runs plugins: wasmtime, manifests, limits, one adapter per version of the ABI.
//!
//! Owns the boundary to code that is not ours. Promises that a guest gets only what [`HostCalls`] gives (I13), stays
//! within [`InstanceLimits`], and is never entered again after it failed (I9). Must not know the store, the network,
//! secrets (I10), or what a record means.

mod adapter;
mod answer;
mod cache;
mod compile;
pub mod contract;
mod engine;
mod error;
mod guest;
mod host_calls;
mod inspect;
mod instance;
mod lanes;
pub mod limits;
mod log_line;
mod manifest;
mod memory;
mod plugin;
mod pool;
mod v0_1;
mod v0_2;
mod wasi;

pub use cache::{CacheError, CompileCache};
pub use compile::{COMPILE_COMMAND, CompileBounds, Compiler, compiler_process};
pub use engine::Engine;
pub use error::{CallError, PluginError};
pub use host_calls::{
    Blob, BlobResponse, FolderEntry, FolderError, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse, NoHost,
};
pub use inspect::{AbiVersion, Digest, Inspection, embed_manifest, inspect};
pub use instance::Instance;
pub use limits::InstanceLimits;
pub use manifest::{check_powers, parse_manifest};
pub use plugin::Plugin;
