//! A project's directory: the configuration under version control.
//!
//! Owns what lies where in it, and every file that the hub itself writes there: the ones of `init`, `connections/*.toml`,
//! starter mappings, `streams/*.json`, `nave.lock`. Promises to write a file whole or not at all, and to keep a
//! person's comments and order where it edits one. Must not know what a key means: `core::catalog` checks that.

mod connection;
mod drops;
mod error;
mod freshness;
mod init;
mod load;
mod local;
mod lock;
mod own;
mod pin;
mod prefer;
mod read;
mod streams;
mod trial;
mod write;

pub(crate) use connection::fit_starters;
pub use connection::{NewConnection, PlannedConnection, plan_connection, write_connection};
pub use error::ProjectError;
pub(crate) use freshness::set_freshness;
pub use init::init;
pub use load::{Installed, Project, load, plugin_faults};
pub use local::answer;
pub use lock::{lock_numbers, lock_plugin, read_lock, unlock_plugin};
pub(crate) use own::{DATA_FILES, refuse_own};
pub(crate) use pin::{pin_all, unpinned};
pub(crate) use prefer::prefer;
pub use read::{Place, environment, place, sources};
pub(crate) use read::{text, way};
pub use streams::{load_streams, save_streams, streams_file};
pub use trial::{Trial, check_starters, try_connection};
pub(crate) use write::whole as write_whole;
