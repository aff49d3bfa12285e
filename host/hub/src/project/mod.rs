//! A project's directory: the configuration under version control.
//!
//! Owns what lies where in it, and every file that the hub itself writes there: the ones of `init`, `connections/*.toml`,
//! starter mappings, `streams/*.json`, `nave.lock`. Promises to write a file whole or not at all, and to keep a
//! person's comments and order where it edits one. Must not know what a key means: `core::catalog` checks that.

mod connection;
mod coverage;
mod drops;
mod edit;
pub mod environments;
mod error;
mod exposure;
mod field_add;
mod field_why;
mod freshness;
mod init;
mod lineage;
mod load;
mod local;
mod lock;
mod own;
pub mod ownership;
mod pin;
mod policy;
mod prefer;
mod propose;
mod read;
mod revoke;
pub mod sheet;
mod snapshots;
mod streams;
mod trial;
mod write;

pub(crate) use connection::fit_starters;
pub use connection::{NewConnection, PlannedConnection, plan_connection, write_connection};
pub use error::ProjectError;
pub use field_add::{NewField, field_add};
pub(crate) use freshness::set_freshness;
pub use init::init;
pub(crate) use load::load_leniently;
pub use load::{Installed, Project, load, plugin_faults};
pub use local::answer;
pub use lock::{lock_numbers, lock_plugin, read_lock, unlock_plugin};
pub(crate) use own::{DATA_FILES, refuse_own};
pub(crate) use pin::{pin_all, unpinned};
pub use policy::{Decision, TEMPLATE_NAMES, policy_init};
pub(crate) use prefer::prefer;
pub(crate) use propose::{Asked, Listed, Proposed, propose};
pub use read::{Place, environment, place, sources};
pub(crate) use read::{allows_unsigned, network, readable, text, way, way_of};
pub(crate) use revoke::{Granted, revoke_grant};
pub(crate) use snapshots::{at as snapshot_at, keep as keep_snapshot};
pub use streams::{load_streams, save_streams, streams_file};
pub use trial::{Trial, check_starters, try_connection};
pub(crate) use write::whole as write_whole;
