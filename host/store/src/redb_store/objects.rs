//! How many remote objects there are of each stream, and how many of them are linked to a record: counted with every commit,
//! so that nobody has to look at all of them.

use std::collections::BTreeMap;

use nave_core::Text;
use nave_core::model::Contribution;
use redb::{ReadableTable as _, WriteTransaction};

use super::Writer;
use super::commit::count;
use super::open::names;
use super::tables::CONTRIBUTIONS;
use crate::format::{self, FormatError, names::Names};
use crate::{ObjectCount, StoreError};

const ACTIVE: &str = "active ";
const LINKED: &str = "linked ";

/// What a batch adds and takes away.
#[derive(Default)]
pub(super) struct Objects(Vec<Stream>);

struct Stream {
    connection: Text,
    stream: Text,
    active: i64,
    linked: i64,
}

impl Objects {
    /// A row that is written.
    pub(super) fn put(&mut self, row: &Contribution) {
        if row.is_active() {
            self.add(&row.key.connection, &row.key.stream, 1, i64::from(row.record.is_some()));
        }
    }

    /// A row that was there before.
    pub(super) fn replaced(&mut self, row: &[u8], names: &Names) -> Result<(), FormatError> {
        if let Some((connection, stream, linked)) = format::active(row, names)? {
            self.add(connection, stream, -1, -i64::from(linked));
        }
        Ok(())
    }

    fn add(&mut self, connection: &str, stream: &str, active: i64, linked: i64) {
        // A batch is of one stream, or of a few.
        let known = self.0.iter_mut().rev().find(|known| known.connection == connection && known.stream == stream);
        match known {
            Some(known) => {
                known.active += active;
                known.linked += linked;
            }
            None => self.0.push(Stream { connection: connection.into(), stream: stream.into(), active, linked }),
        }
    }

    pub(super) fn apply(self, counts: &mut BTreeMap<String, u64>) {
        for Stream { connection, stream, active, linked } in self.0 {
            count(counts, &format!("{ACTIVE}{connection}/{stream}"), active);
            count(counts, &format!("{LINKED}{connection}/{stream}"), linked);
        }
    }
}

/// Of the counts that the writer keeps.
pub(super) fn read(counts: &BTreeMap<String, u64>) -> Vec<ObjectCount> {
    let of = |(name, active): (&String, &u64)| {
        let place = name.strip_prefix(ACTIVE)?;
        let (connection, stream) = place.split_once('/')?;
        let linked = counts.get(&format!("{LINKED}{place}")).copied().unwrap_or_default();
        let count = ObjectCount { connection: connection.into(), stream: stream.into(), active: *active, linked };
        (*active > 0).then_some(count)
    };
    counts.iter().filter_map(of).collect()
}

/// Format 2: what was never counted is counted once.
pub(super) fn upgrade(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let names = names(transaction)?;
    let mut objects = Objects::default();
    for row in transaction.open_table(CONTRIBUTIONS)?.iter()? {
        if let Some((connection, stream, linked)) = format::active(row?.1.value(), &names)? {
            objects.add(connection, stream, 1, i64::from(linked));
        }
    }
    let mut writer = Writer::load(transaction)?;
    objects.apply(&mut writer.counts);
    writer.save(transaction)
}
