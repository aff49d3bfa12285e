//! What a system does is measured, not believed: how long its pages take and how many records are in them; and, with a test record
//! that is taken away again, when a write shows where, and when a deletion does. Reads beside the flows, moves no checkpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use nave_core::catalog::{Capabilities, DeleteDetection, Mapping};
use nave_core::limits::{ASSESSED_LISTING_PAGES_MAX, ASSESSED_PAGES_MAX, PAGE_RECORDS};
use nave_core::model::{Contribution, RecordId, Time};
use nave_core::value::Value;
use nave_runtime::contract::Operation;
use tokio::time::Instant;

use super::only::Only;
use super::synthetic::{SEEDED, Synthetic, is_production};
use super::{Engine, EngineError};
use crate::egress::Talk;
use crate::spoke::{Spoke, SpokeError};

/// Time until it is looked again, at first, at last, and in between as a share of the time that has passed: what is measured is
/// exact to about that share.
const LOOK_MIN: Duration = Duration::from_millis(100);
const LOOK_MAX: Duration = Duration::from_secs(6);
const LOOK_SHARE: u32 = 12;

/// What reading a stream showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How long each page took, milliseconds.
    pub pages_ms: Vec<u64>,
    /// How long each request to the system took, milliseconds.
    pub requests_ms: Vec<u64>,
    /// Records in the largest page after which there was more.
    pub given: Option<u64>,
}

/// When something showed: at the latest, and when it did not yet. Milliseconds after the write was confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// An answer then had it.
    pub after_ms: u64,
    /// A question then was answered without it.
    pub not_before_ms: Option<u64>,
}

/// What looking for something came to so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Not tried, or not any more: why.
    Skipped(String),
    /// Not seen so far; when it was last asked for in vain, milliseconds after the write was confirmed.
    Waiting(Option<u64>),
    /// Seen.
    Seen(Shown),
}

impl Default for Look {
    fn default() -> Self {
        Self::Waiting(None)
    }
}

impl Look {
    fn is_open(&self) -> bool {
        matches!(self, Self::Waiting(_))
    }
}

/// What a test record showed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// What the system called it.
    pub remote_id: String,
    /// Asked for by its id.
    pub by_id: Look,
    /// Found by the value of a field.
    pub by_search: Look,
    /// That field.
    pub searched: Option<String>,
    /// Seen by a reading.
    pub by_listing: Look,
    /// Told by the system.
    pub by_webhook: Look,
    /// Not there any more, by its id.
    pub gone_by_id: Look,
    /// A reading says that it is gone.
    pub gone_by_listing: Look,
    /// Still there at the end.
    pub left: Vec<String>,
}

/// When the system told of a thing; asked with its id.
pub type ToldAt<'a> = &'a (dyn Fn(&str) -> Option<Time> + Sync);

/// A test record that is written to measure something.
pub struct Probe<'a> {
    /// Flow that writes it.
    pub flow: &'a str,
    /// What it says.
    pub values: &'a BTreeMap<String, Value>,
    /// Longest wait for anything to show.
    pub wait: Duration,
    /// When the system told of it by webhook, or why it cannot.
    pub told: Result<ToldAt<'a>, String>,
}

impl Engine {
    /// How a connection's system was spoken to.
    pub fn talk(&self, connection: &str) -> Talk {
        self.spokes.talk(connection)
    }

    /// Reads a few pages of a stream from its beginning, and keeps nothing of them.
    ///
    /// # Errors
    /// [`EngineError::Spoke`] where it cannot be read.
    pub async fn measure_reading(&self, connection: &str, stream: &str) -> Result<Measured, EngineError> {
        let lane = self.lane(connection);
        let _lane = lane.lock().await;
        let spoke = self.spoke(connection)?;
        let before = self.talk(connection).requests;
        let (mut measured, mut checkpoint) = (Measured::default(), None);
        for _ in 0..ASSESSED_PAGES_MAX {
            let began = Instant::now();
            let page = spoke.read(stream.to_owned(), checkpoint.take(), PAGE_RECORDS).await;
            let page = page.map_err(|error| EngineError::Spoke(connection.to_owned(), error))?;
            measured.pages_ms.push(millis(began.elapsed()));
            if page.more {
                measured.given = measured.given.max(Some(page.records.len() as u64));
                checkpoint = Some(page.next);
            }
        }
        measured.requests_ms = self.talk(connection).lengths_since(before);
        Ok(measured)
    }

    /// Writes a test record by one flow, looks for it in every way until it shows or the wait is over, deletes it and looks again.
    /// Whatever happens, it is taken away again.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nothing may be written, or was not; those of the store.
    pub async fn measure_writing(&self, probe: &Probe<'_>) -> Result<Written, EngineError> {
        let mapping = self.mapping(probe.flow)?;
        self.may_measure(&mapping)?;
        let can = self.capabilities(&mapping).await?;
        let position = self.end_of_listing(&mapping).await;
        let record = self.make(Synthetic::Test, &mapping.entity, probe.values, SEEDED).await?;
        let mut written = Written::default();
        let showed = match self.write_probe(&mapping, record).await {
            Ok(row) => self.look_for(&mapping, &can, &row, position.as_deref(), probe, &mut written).await.map(|()| Some(row)),
            Err(error) => Err(error),
        };
        let deleted = Instant::now();
        written.left = self.take_away(SEEDED, &[record].into()).await?;
        let Some(row) = showed? else { return Ok(written) };
        match mapping.archive.is_empty() {
            true => {
                self.look_for_deletion(&mapping, &can, &row, position.as_deref(), (probe.wait, deleted), &mut written).await?
            }
            false => {
                let why = format!("mappings/{}.toml puts away by `archive`, so nothing was deleted", mapping.name);
                (written.gone_by_id, written.gone_by_listing) = (Look::Skipped(why.clone()), Look::Skipped(why));
            }
        }
        if !written.left.is_empty() {
            // It said that it is still there; by now it may say otherwise.
            written.left = self.take_away(SEEDED, &[record].into()).await?;
        }
        Ok(written)
    }

    fn may_measure(&self, mapping: &Mapping) -> Result<(), EngineError> {
        let name = &mapping.name;
        let refused = |why: String| Err(EngineError::Refused(why));
        if is_production(&self.catalog(), &mapping.connection) {
            return refused(format!("{} is a production environment: test records never go there", mapping.connection));
        }
        if self.store.flow(name)?.approved.as_deref() != Some(mapping.digest.as_str()) {
            return refused(format!("the plan of `{name}` is not agreed to: `nave plan --flow {name}`, then `nave apply`"));
        }
        Ok(())
    }

    /// The checkpoint at which a listing has nothing more to say now; why not, where it is too long for that.
    async fn end_of_listing(&self, mapping: &Mapping) -> Result<Vec<u8>, String> {
        let stored = self.store.checkpoint(&mapping.connection, &mapping.alias).map_err(|error| error.to_string())?;
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        let spoke = self.spoke(&mapping.connection).map_err(|error| error.to_string())?;
        let mut checkpoint = stored.map(|stored| stored.bytes);
        for _ in 0..ASSESSED_LISTING_PAGES_MAX {
            let page = match spoke.read(mapping.stream.clone(), checkpoint.take(), PAGE_RECORDS).await {
                Ok(page) => page,
                Err(SpokeError::CheckpointExpired) => continue,
                Err(error) => return Err(error.to_string()),
            };
            if !page.more {
                return Ok(page.next);
            }
            checkpoint = Some(page.next);
        }
        Err(format!(
            "there are more than {ASSESSED_LISTING_PAGES_MAX} pages to read; `nave sync {}` reads them, then assess again",
            mapping.name
        ))
    }

    async fn write_probe(&self, mapping: &Mapping, record: RecordId) -> Result<Contribution, EngineError> {
        let run = self.run_out_only(&mapping.name, &Only::of([record])).await?;
        if let Some(message) = run.message {
            return Err(EngineError::Refused(message));
        }
        self.object(record, mapping)?.ok_or_else(|| {
            EngineError::Refused(format!(
                "the test record was not written to {}: `nave dlq list` shows what was refused, `nave status` what waits",
                mapping.connection
            ))
        })
    }

    async fn look_for(
        &self,
        mapping: &Mapping,
        can: &Capabilities,
        row: &Contribution,
        position: Result<&[u8], &String>,
        probe: &Probe<'_>,
        written: &mut Written,
    ) -> Result<(), EngineError> {
        let confirmed = row.attempted_at.unwrap_or_else(|| self.now());
        // Since then some of our own time has passed.
        let passed = Duration::from_millis(u64::try_from(self.now().0 - confirmed.0).unwrap_or(0));
        let began = Instant::now().checked_sub(passed).unwrap_or_else(Instant::now);
        let id = row.key.remote_id.to_string();
        let search = searchable(mapping, can, row);
        written.remote_id.clone_from(&id);
        written.searched = search.as_ref().map(|(path, _)| path.clone());
        if search.is_none() {
            written.by_search = Look::Skipped("the connector can search by none of the fields that were written".to_owned());
        }
        if let Err(why) = position {
            written.by_listing = Look::Skipped(why.clone());
        }
        if let Err(why) = &probe.told {
            written.by_webhook = Look::Skipped(why.clone());
        }
        let spoke = self.spoke(&mapping.connection)?;
        let (spoke, stream) = (spoke.as_ref(), mapping.stream.as_str());
        loop {
            let lane = self.lane(&mapping.connection);
            let held = lane.lock().await;
            look(&mut written.by_id, began, is_there(spoke, stream, &id)).await;
            if let Some((path, value)) = &search {
                let found = async {
                    let found = spoke.find(stream.to_owned(), path.clone(), vec![value.clone()]).await?;
                    Ok(found.iter().any(|record| record.remote_id == id && record.operation == Operation::Upsert))
                };
                look(&mut written.by_search, began, found).await;
            }
            if let Ok(position) = position {
                let listed = async { Ok(listing(spoke, stream, position, &id).await? == Listed::There) };
                look(&mut written.by_listing, began, listed).await;
            }
            drop(held);
            if let (Look::Waiting(_), Ok(told)) = (&written.by_webhook, &probe.told)
                && let Some(at) = told(&id)
            {
                let after_ms = u64::try_from(at.0 - confirmed.0).unwrap_or(0);
                written.by_webhook = Look::Seen(Shown { after_ms, not_before_ms: None });
            }
            let looks = [&written.by_id, &written.by_search, &written.by_listing, &written.by_webhook];
            if !looks.into_iter().any(Look::is_open) || began.elapsed() >= probe.wait {
                return Ok(());
            }
            self.report(&format!("waiting until {} shows it", mapping.connection), began.elapsed().as_secs());
            pause(began).await;
        }
    }

    async fn look_for_deletion(
        &self,
        mapping: &Mapping,
        can: &Capabilities,
        row: &Contribution,
        position: Result<&[u8], &String>,
        (wait, began): (Duration, Instant),
        written: &mut Written,
    ) -> Result<(), EngineError> {
        let id = row.key.remote_id.to_string();
        if can.deletes == DeleteDetection::Never {
            written.gone_by_listing = Look::Skipped("the connector says that no reading ever tells".to_owned());
        } else if can.deletes == DeleteDetection::Get && can.changes == nave_core::catalog::ChangeDetection::Incremental {
            written.gone_by_listing = Look::Skipped("the connector says that only asking for it by its id tells".to_owned());
        } else if let Err(why) = position {
            written.gone_by_listing = Look::Skipped(why.clone());
        }
        let spoke = self.spoke(&mapping.connection)?;
        let (spoke, stream) = (spoke.as_ref(), mapping.stream.as_str());
        loop {
            let lane = self.lane(&mapping.connection);
            let held = lane.lock().await;
            look(&mut written.gone_by_id, began, async { is_there(spoke, stream, &id).await.map(|there| !there) }).await;
            if let Ok(position) = position {
                let gone = async { Ok(listing(spoke, stream, position, &id).await? == Listed::Gone) };
                look(&mut written.gone_by_listing, began, gone).await;
            }
            drop(held);
            if !(written.gone_by_id.is_open() || written.gone_by_listing.is_open()) || began.elapsed() >= wait {
                return Ok(());
            }
            self.report(&format!("waiting until {} shows that it is gone", mapping.connection), began.elapsed().as_secs());
            pause(began).await;
        }
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

async fn pause(began: Instant) {
    tokio::time::sleep((began.elapsed() / LOOK_SHARE).clamp(LOOK_MIN, LOOK_MAX)).await;
}

/// Looks once more for what was not seen so far. A system that asks for patience is looked at again; any other failure ends it.
/// Nothing is asked where it was seen already.
async fn look(at: &mut Look, since: Instant, ask: impl Future<Output = Result<bool, SpokeError>>) {
    let Look::Waiting(missed) = *at else { return };
    let asked = millis(since.elapsed());
    *at = match ask.await {
        Ok(true) => Look::Seen(Shown { after_ms: millis(since.elapsed()), not_before_ms: missed }),
        Ok(false) => Look::Waiting(Some(asked)),
        Err(SpokeError::RetryAfter(_) | SpokeError::Unavailable(_)) => return,
        Err(error) => Look::Skipped(error.to_string()),
    };
}

/// Whether a thing is there, asked for by its id.
async fn is_there(spoke: &dyn Spoke, stream: &str, id: &str) -> Result<bool, SpokeError> {
    let found = spoke.get(stream.to_owned(), vec![id.to_owned()]).await?;
    Ok(found.iter().any(|record| record.remote_id == id && record.operation == Operation::Upsert))
}

/// What a listing says of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// It is there.
    There,
    /// It is gone: in so many words, or a whole scan did not show it.
    Gone,
    /// Nothing.
    Silent,
}

/// Reads on from a checkpoint to the end. The last that is said of a thing counts.
async fn listing(spoke: &dyn Spoke, stream: &str, from: &[u8], id: &str) -> Result<Listed, SpokeError> {
    let (mut checkpoint, mut said, mut complete) = (from.to_vec(), Listed::Silent, false);
    for _ in 0..ASSESSED_LISTING_PAGES_MAX {
        let page = spoke.read(stream.to_owned(), Some(checkpoint), PAGE_RECORDS).await?;
        for record in page.records.iter().filter(|record| record.remote_id == id) {
            said = if record.operation == Operation::Upsert { Listed::There } else { Listed::Gone };
        }
        complete |= page.complete_scan;
        if !page.more {
            return Ok(if complete && said == Listed::Silent { Listed::Gone } else { said });
        }
        checkpoint = page.next;
    }
    Err(SpokeError::Rejected(format!("a reading has more than {ASSESSED_LISTING_PAGES_MAX} pages")))
}

/// A field that things can be found by and that was written, with its value there.
fn searchable(mapping: &Mapping, can: &Capabilities, row: &Contribution) -> Option<(String, String)> {
    let ours = |path: &&String| mapping.fields.iter().any(|field| field.remote == **path && field.direction.writes());
    let value = |path: &String| row.shadow.get(path).and_then(Value::as_text).map(str::to_owned);
    let mut fields = can.searchable.iter().filter(ours).filter_map(|path| Some((path.clone(), value(path)?)));
    fields.find(|(_, value)| !value.is_empty())
}
