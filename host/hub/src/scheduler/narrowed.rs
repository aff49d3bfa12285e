//! What somebody takes away in a connection's file counts at once: nobody waits for a plan to have a power taken away.
//!
//! What the file adds waits for `nave plan`, as every other change of the configuration does. A file that cannot be read takes nothing
//! away: it may be half-written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use nave_core::catalog::{Catalog, Connection};

use crate::hub::{self, Hub};

/// When each file was written, and its length.
type Looks = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Looks at the files of connections, and takes away what they take away.
#[derive(Default)]
pub(super) struct Narrowed {
    seen: Option<Looks>,
}

impl Narrowed {
    /// Reads the files where one was written since the last look. True where something was taken away. Blocks.
    pub(super) fn look(&mut self, hub: &Hub) -> bool {
        let now = looks(&hub.dir.join("connections"));
        if self.seen.as_ref() == Some(&now) {
            return false;
        }
        self.seen = Some(now);
        hub::load(&hub.dir).is_ok_and(|(files, _)| hub.narrow(&files))
    }
}

fn looks(folder: &Path) -> Looks {
    let Ok(files) = std::fs::read_dir(folder) else { return Looks::new() };
    let look = |entry: std::fs::DirEntry| {
        let about = entry.metadata().ok()?;
        Some((entry.path(), (about.modified().ok()?, about.len())))
    };
    files.flatten().filter_map(look).collect()
}

/// What is in force, without what the files do not allow any more; none where they take nothing away.
pub(crate) fn narrowed(held: &Catalog, files: &Catalog) -> Option<Catalog> {
    let mut made = held.clone();
    let mut is_less = false;
    for (name, connection) in &held.connections {
        let Some(file) = files.connections.get(name) else { continue };
        let mut less = Connection::clone(connection);
        less.grants = connection.grants.narrowed_to(&file.grants);
        less.credentials.retain(|slot, _| file.credentials.contains_key(slot));
        if less.grants != connection.grants || less.credentials != connection.credentials {
            made.connections.insert(name.clone(), Arc::new(less));
            is_less = true;
        }
    }
    is_less.then_some(made)
}
