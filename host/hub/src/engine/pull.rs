//! Runs a flow inwards: page after page from a system, each committed whole with its checkpoint (I1), and
//! acknowledged only afterwards (I3).

use std::collections::HashSet;
use std::sync::Mutex;

use nave_core::Text;
use nave_core::accounting::{Counts, InCounts};
use nave_core::catalog::{Catalog, ChangeDetection, DeleteDetection, Mapping};
use nave_core::codec::Decoder;
use nave_core::intake::{Coverage, FieldError, Pulled};
use nave_core::limits::{EMPTY_PAGES_MAX, PAGE_RECORDS, RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use nave_core::mapping::Env;
use nave_core::matching::remote_hash;
use nave_core::model::{Cause, Checkpoint, ContributionId, Intent, RemoteKey, Run, Time};
use nave_core::part;
use nave_core::value::Value;
use nave_runtime::contract::{self, SourceRecord};
use nave_runtime::limits::REMOTE_ID_BYTES_MAX;
use nave_store::{CheckpointMove, KeyedRow};
use ring::digest::{SHA256, digest};

use super::budget::purpose_of;
use super::children::Children;
use super::fetch::refusal;
use super::group::Group;
use super::parts::due_row;
use super::surge::Brought;
use super::take::{Incoming, IncomingKind, Intake};
use super::unread::Unread;
use super::vanished::{Met, Scanned};
use super::volume::{self, Guard};
use super::writers;
use super::{Engine, EngineError};
use crate::egress::on_behalf;
use crate::spoke::{Spoke, SpokeError};

/// Ids asked for in one `get`.
pub const GET_IDS_MAX: usize = 100;
/// Checkpoints of one run that are remembered, the first ones: three megabytes, and fifty million records of a stream. One that comes
/// again later is met again when the circle comes round to those.
const CHECKPOINTS_PASSED_MAX: usize = 100_000;

/// A checkpoint in few bytes. Its own order only the plugin knows; that it was there already anybody can see.
fn place(checkpoint: &[u8]) -> [u8; 32] {
    let mut place = [0; 32];
    place.copy_from_slice(digest(&SHA256, checkpoint).as_ref());
    place
}

/// What is committed with a page.
#[derive(Default)]
pub(super) struct PageCommit {
    pub(super) checkpoint: Option<CheckpointMove>,
    pub(super) rows: Vec<KeyedRow>,
    /// It need not wait for the disk: it goes there with the next one that does.
    pub(super) deferrable: bool,
}

impl Engine {
    /// One run of a mapping's flow inwards, to the end of what the system has to say. `full` ignores the checkpoint.
    pub async fn run_in(&self, name: &str, full: bool) -> Result<Run, EngineError> {
        self.run_in_as(name, full, false).await
    }

    /// The same; with `archive` what does not fit, and of which nothing is known here, is kept and left.
    pub(super) async fn run_in_as(&self, name: &str, full: bool, archive: bool) -> Result<Run, EngineError> {
        let mapping = self.mapping(name)?;
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        // As it is called once the lane is free.
        let mapping = self.mapping(name)?;
        let mut run = self.begin(&mapping, "in").await?;
        let mut counts = InCounts::default();
        let pulled = on_behalf(purpose_of(&mapping), self.pull(&mapping, (full, archive), run.id, &mut counts));
        let failure = match pulled.await {
            Ok(said) => {
                run.message = said;
                None
            }
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
            Err(error) => Some(error.to_string()),
        };
        run.counts = Counts::In(counts);
        // What was read may be what an entry waited for.
        self.waiting.forget(name);
        self.end(run, failure).await
    }

    /// Answers what there is to say of a run that succeeded.
    async fn pull(
        &self,
        mapping: &Mapping,
        (full, archive): (bool, bool),
        run: u64,
        counts: &mut InCounts,
    ) -> Result<Option<String>, EngineError> {
        let catalog = self.catalog();
        self.functions_ready(mapping)?;
        self.affordable(mapping)?;
        self.hold_for_renames(&mapping.entity).await?;
        self.conform().await?;
        let spoke = self.spoke(&mapping.connection)?;
        if let Some(folders) = self.no_file_yet(mapping).await? {
            return Ok(Some(format!("no file yet in {folders}")));
        }
        // Nothing that is pulled can be judged while it is unknown what we wrote ourselves.
        self.resolve_open(mapping, run).await?;
        let guard = Mutex::new(self.guard(mapping)?);
        let reading =
            Reading { catalog: &catalog, mapping, spoke: spoke.as_ref(), run, children: None, guard: Some(&guard), archive };
        self.read_through(&reading, full, &Marks::default(), counts).await?;
        self.settle_held(&reading, counts).await?;
        self.pull_parts(&reading, full, counts).await?;
        let said: Vec<String> = volume::said(&guard).into_iter().chain(self.said_of_surge(&reading)?).collect();
        Ok((!said.is_empty()).then(|| said.join("; ")))
    }

    /// Reads one stream from its checkpoint, or all of it, to the end of what the system has to say.
    pub(super) async fn read_through(
        &self,
        reading: &Reading<'_>,
        full: bool,
        marks: &Marks,
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let Reading { mapping, spoke, .. } = *reading;
        let (stream, alias) = (reading.stream(), reading.alias());
        let mut capabilities = self.capabilities_of(mapping, stream).await?;
        let stored = self.store.checkpoint(&mapping.connection, &alias)?;
        if let Some(stored) = &stored {
            // Repeated after a restart; a failure is repeated with the next run.
            if let Err(error) = spoke.acknowledge(stream.to_owned(), stored.bytes.clone()).await {
                tracing::warn!(connection = mapping.connection, %error, "not acknowledged yet");
            }
        }
        let scan_row = format!("{}/{}", mapping.connection, alias);
        // Of a scan that an earlier run began, this one sees only the rest.
        let mut resumed = !full && self.store.row("scan", &scan_row)?.is_some();
        let mut whole = !resumed;
        let mut complete = false;
        let mut seen = Scanned::default();
        let mut unread = Unread::default();
        let mut missed = self.missed(reading)?;
        let scan_began = self.now();
        let mut generation = stored.as_ref().map_or(0, |stored| stored.generation);
        let mut checkpoint = if full { None } else { stored.map(|stored| stored.bytes) };
        let read_before = counts.read;
        let mut from_start = checkpoint.is_none();
        let mut retried = false;
        let mut group = Group::new(scan_began);
        let mut empty = 0;
        let mut passed = HashSet::new();
        let mut about = None;
        loop {
            let began = self.now();
            let page = match spoke.read(stream.to_owned(), checkpoint.clone(), PAGE_RECORDS).await {
                Ok(page) => page,
                Err(SpokeError::CheckpointExpired) if !retried => {
                    retried = true;
                    checkpoint = None;
                    (resumed, whole, from_start) = (false, true, true);
                    seen = Scanned::default();
                    about = None;
                    // It may tell in another way from now on what changes.
                    self.forget_streams(&mapping.connection);
                    capabilities = self.capabilities_of(mapping, stream).await?;
                    continue;
                }
                Err(error) => return Err(EngineError::Spoke(mapping.connection.clone(), error)),
            };
            if passed.len() < CHECKPOINTS_PASSED_MAX {
                passed.extend(checkpoint.as_deref().map(place));
            }
            if page.more && passed.contains(&place(&page.next)) {
                let message = "it says that there is more, but its `next` is a checkpoint that it was asked with in this run \
                               already: it goes back, and would never end. This is a mistake in the plugin; tell its author"
                    .to_owned();
                return Err(EngineError::Spoke(mapping.connection.clone(), SpokeError::Guest(message)));
            }
            empty = if page.records.is_empty() { empty + 1 } else { 0 };
            if page.more && empty > EMPTY_PAGES_MAX {
                let message = format!(
                    "it answered {empty} pages in a row without a record and says that there is more; the next run goes on behind them. \
                     If that happens again it is a mistake in the plugin; tell its author"
                );
                return Err(EngineError::Spoke(mapping.connection.clone(), SpokeError::Guest(message)));
            }
            let full_scan = capabilities.changes == ChangeDetection::FullScan;
            if full_scan && reading.children.is_none() {
                unread.add(mapping, &page.records);
            }
            let last = !page.more;
            let move_to = (!full || last).then(|| CheckpointMove {
                connection: mapping.connection.clone(),
                stream: alias.clone(),
                from: generation,
                to: Checkpoint { bytes: page.next.clone(), generation: generation + 1, acknowledged: false, at: began },
            });
            let scanning = !page.complete_scan && !last;
            let scan_mark = move_to.as_ref().map(|_| KeyedRow {
                space: "scan".into(),
                key: scan_row.clone(),
                value: scanning.then(|| b"1".to_vec()),
            });
            let marks = if last { &marks.done } else { &marks.going };
            let rows = scan_mark.into_iter().chain(marks.iter().cloned()).collect();
            let moved = move_to.is_some();
            let durable = group.page(page.records.len(), began, last);
            let commit = PageCommit { checkpoint: move_to, rows, deferrable: !durable };
            let children: Vec<u64> = match reading.children {
                Some(_) => page.records.iter().map(|record| reading.child_hash(&record.remote_id)).collect(),
                None => Vec::new(),
            };
            #[cfg(feature = "break-i3")]
            let _ = spoke.acknowledge(stream.to_owned(), page.next.clone()).await;
            let lag = i64::try_from(capabilities.read_lag_ms).unwrap_or(i64::MAX);
            let met = self.take_read(reading, page.records, (began, lag), counts, commit).await?;
            self.forget_seen(&mut missed, met.iter().map(|met| met.id.0).chain(children.iter().copied())).await?;
            met.into_iter().for_each(|met| seen.add(met));
            seen.children.extend(children);
            if moved {
                generation += 1;
            }
            nave_store::kill::reach("before-acknowledge");
            if moved
                && durable
                && let Err(error) = spoke.acknowledge(stream.to_owned(), page.next.clone()).await
            {
                tracing::warn!(connection = mapping.connection, %error, "not acknowledged yet");
            }
            about = page.total.or(about);
            self.report_of(&mapping.name, counts.read, about.map(|about| read_before.saturating_add(about)));
            checkpoint = Some(page.next);
            if !last && self.store.flow(&mapping.name)?.paused {
                // Somebody stopped it: the next run goes on from here.
                return Ok(());
            }
            if page.complete_scan {
                complete |= !resumed;
                resumed = false;
            }
            if last {
                // What lost its columns is not read as it was: nothing follows from what it does not show either.
                if full_scan && reading.children.is_none() {
                    self.tell_unread(mapping, unread, whole).await?;
                }
                if complete {
                    let twice = (capabilities.deletes == DeleteDetection::FullScan).then_some(missed);
                    self.vanished(reading, &seen, twice, scan_began, counts).await?;
                }
                // Where every reading is a scan, one that shows anything at all has shown everything.
                if complete || from_start || full_scan && whole && counts.read > read_before {
                    self.let_go_of_mended(reading).await?;
                }
                return Ok(());
            }
        }
    }

    /// Takes in what was asked for by its ids, and shows how things are now.
    pub(super) async fn take_page(
        &self,
        reading: &Reading<'_>,
        records: Vec<SourceRecord>,
        began: Time,
        counts: &mut InCounts,
        commit: PageCommit,
    ) -> Result<Vec<Met>, EngineError> {
        self.take_read(reading, records, (began, 0), counts, commit).await
    }

    /// Takes source records in and commits them. Those that were read before our last attempt settled, or so soon after it that a
    /// reading may not show it yet (`lag`, milliseconds), are fetched again first (I15). Answers which contributions they are about.
    async fn take_read(
        &self,
        reading: &Reading<'_>,
        records: Vec<SourceRecord>,
        (began, lag): (Time, i64),
        counts: &mut InCounts,
        commit: PageCommit,
    ) -> Result<Vec<Met>, EngineError> {
        let Reading { catalog, mapping, spoke, .. } = *reading;
        if records.is_empty() && commit.checkpoint.is_none() && commit.rows.is_empty() {
            return Ok(Vec::new());
        }
        let mut page = tokio::task::block_in_place(|| decode(catalog, mapping, records, began, self.now()));
        match reading.children {
            None => {
                self.refresh_stale(catalog, mapping, spoke, &mut page, lag).await?;
                self.still_listed(mapping, spoke, &page).await?;
                self.externals(catalog, mapping, &mut page).await?;
            }
            Some(children) => self.prepare_children(reading, children, &mut page, counts).await?,
        }
        self.take_decoded(reading, page, counts, commit).await
    }

    /// Commits what is ready to be taken in.
    pub(super) async fn take_decoded(
        &self,
        reading: &Reading<'_>,
        page: Vec<Incoming>,
        counts: &mut InCounts,
        commit: PageCommit,
    ) -> Result<Vec<Met>, EngineError> {
        let Reading { catalog, mapping, run, .. } = *reading;
        if let Some(children) = reading.children {
            self.take_children(reading, children, page, counts, commit).await?;
            return Ok(Vec::new());
        }
        let PageCommit { checkpoint, rows, deferrable } = commit;
        let entity = self.entity(catalog, &mapping.entity)?;
        let open_creates = self.open_creates(mapping)?;
        let passed = self.streams_that_passed(mapping)?;
        let known = self.active_of(&mapping.connection, &mapping.alias)?;
        let mut page = Some(page);
        let (taken, met, guard, shelved) = self
            .write(reading.cause(), |draft| {
                let page =
                    page.take().ok_or_else(|| EngineError::Refused("the store changed under a page; run it again".into()))?;
                let mut taken = InCounts::default();
                let lost = self.lost(&mapping.name)?;
                let open_creates = open_creates.clone();
                let guard = volume::copy(reading.guard);
                let mut intake = Intake {
                    catalog,
                    mapping,
                    entity,
                    run,
                    open_creates,
                    lost,
                    guard,
                    arrived: Vec::new(),
                    changed: Vec::new(),
                    rewritten: Vec::new(),
                    near_misses: 0,
                    linker: &self.linker,
                    judge: None,
                    shelf: Some(self.shelf(&mapping.name, reading.archive, run)?),
                };
                let met = tokio::task::block_in_place(|| intake.page(draft, page, &mut taken))?;
                let met = met.into_iter().map(|id| Ok(Met { id, active: draft.glimpsed(id)?.is_active() }));
                let met = met.collect::<Result<Vec<_>, EngineError>>()?;
                self.put_lost(draft, &mapping.name, &intake.lost)?;
                let brought = Brought {
                    mapping,
                    entity,
                    arrived: &intake.arrived,
                    changed: &intake.changed,
                    ordinary: reading.guard.is_some(),
                };
                writers::note(draft, mapping, &intake.rewritten)?;
                self.note_surge(draft, &brought, known)?;
                for stream in &passed {
                    draft.batch.rows.extend(intake.arrived.iter().map(|id| due_row(mapping, stream, id, true)));
                }
                draft.batch.deferrable = deferrable;
                draft.batch.checkpoint = checkpoint.clone();
                draft.batch.rows.extend(rows.iter().cloned());
                let shelved = intake.shelf.map(|shelf| shelf.changed).unwrap_or_default();
                Ok((taken, met, intake.guard, shelved))
            })
            .await?;
        self.archives.learn(&mapping.name, shelved);
        self.surges.forget();
        volume::put_back(reading.guard, guard, met.iter().map(|met| met.id));
        add(counts, &taken);
        Ok(met)
    }

    /// Creates into this mapping's stream whose outcome is not known yet.
    fn open_creates(&self, mapping: &Mapping) -> Result<Vec<Intent>, EngineError> {
        let mut open = self.store.intents(&mapping.name)?;
        open.retain(|intent| intent.part().is_none() && matches!(intent.kind, nave_core::model::WriteKind::Create));
        Ok(open)
    }

    /// I15: what was read before our last attempt on it settled is no evidence.
    pub(super) async fn refresh_stale(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        spoke: &dyn Spoke,
        page: &mut [Incoming],
        lag: i64,
    ) -> Result<(), EngineError> {
        let ours = |other: &Mapping| other.connection == mapping.connection && other.alias == mapping.alias;
        if !catalog.mappings.values().any(|other| other.flow_out.is_some() && ours(other)) {
            return Ok(()); // nothing is ever written there
        }
        let keys: Vec<RemoteKey> =
            page.iter().map(|incoming| RemoteKey::new(&mapping.connection, &mapping.alias, incoming.remote_id.clone())).collect();
        let ids: Vec<Option<ContributionId>> = self.store.resolve(&keys)?;
        let known: Vec<ContributionId> = ids.iter().flatten().copied().collect();
        let rows = self.store.contributions(&known)?;
        let attempted: std::collections::HashMap<Text, Time> =
            rows.into_iter().flatten().filter_map(|row| Some((row.key.remote_id, row.attempted_at?))).collect();
        let mut stale = Vec::new();
        for (index, incoming) in page.iter_mut().enumerate() {
            let IncomingKind::Upsert { pulled, .. } = &mut incoming.kind else { continue };
            let Some(at) = attempted.get(&incoming.remote_id).filter(|at| pulled.read_at <= at.plus_ms(lag)) else { continue };
            pulled.read_at = pulled.read_at.min(*at);
            stale.push(index);
        }
        for chunk in stale.chunks(GET_IDS_MAX) {
            let mut ids: Vec<String> = chunk.iter().map(|index| page[*index].remote_id.to_string()).collect();
            // A page may name a thing twice, where it was changed while the page was made.
            ids.sort_unstable();
            ids.dedup();
            let began = self.now();
            let fetched = self.fetch(mapping, spoke, &mapping.stream, &ids).await?;
            let refused = fetched.refused.iter().map(|(id, why)| refusal(id, why));
            for incoming in decode(catalog, mapping, fetched.found, began, self.now()).into_iter().chain(refused) {
                for index in chunk {
                    if page[*index].remote_id == incoming.remote_id {
                        page[*index] = incoming.clone();
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is read, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Configuration.
    pub(super) catalog: &'a Catalog,
    /// The mapping that it is read for.
    pub(super) mapping: &'a Mapping,
    /// The system.
    pub(super) spoke: &'a dyn Spoke,
    /// Run.
    pub(super) run: u64,
    /// None: the mapping's own stream.
    pub(super) children: Option<&'a Children<'a>>,
    /// Holds what goes at once; none where a person agreed, and where single things are looked at.
    pub(super) guard: Option<&'a Mutex<Guard>>,
    /// What does not fit, and of which nothing is known here, is kept as it came: a person said so.
    pub(super) archive: bool,
}

impl Reading<'_> {
    /// The stream.
    pub(super) fn stream(&self) -> &str {
        self.children.map_or(&self.mapping.stream, |children| children.stream)
    }

    /// Under which its checkpoint is kept.
    pub(super) fn alias(&self) -> String {
        self.children.map_or_else(|| self.mapping.alias.clone(), |children| part::alias(self.mapping, children.stream))
    }

    /// What a child of this stream is found by.
    fn child_hash(&self, remote_id: &str) -> u64 {
        remote_hash(&RemoteKey::new(&self.mapping.connection, self.alias(), remote_id))
    }

    pub(super) fn cause(&self) -> Cause {
        Cause { connection: Some(self.mapping.connection.as_str().into()), run: Some(self.run), ..Cause::default() }
    }
}

/// Rows that are written with the pages of a stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    /// With each page but the last.
    pub(super) going: Vec<KeyedRow>,
    /// With the last one.
    pub(super) done: Vec<KeyedRow>,
}

/// Adds one page's counts.
pub(super) fn add(counts: &mut InCounts, page: &InCounts) {
    counts.read += page.read;
    counts.created += page.created;
    counts.updated += page.updated;
    counts.unchanged += page.unchanged;
    counts.deleted += page.deleted;
    counts.merged += page.merged;
    counts.filtered += page.filtered;
    counts.held += page.held;
    counts.quarantined += page.quarantined;
    counts.archived += page.archived;
    counts.drifted += page.drifted;
    counts.near_misses += page.near_misses;
}

/// Envelopes and bodies as the host spells them. What cannot be decoded is a value, not an error.
pub(super) fn decode(catalog: &Catalog, mapping: &Mapping, records: Vec<SourceRecord>, began: Time, now: Time) -> Vec<Incoming> {
    let mut decoder = Decoder::default();
    records.into_iter().map(|record| decode_one(catalog, mapping, &mut decoder, record, began, now)).collect()
}

/// What the record says about itself: ids that keys can be made of, and sizes that memory holds.
fn envelope(record: &SourceRecord) -> Result<(), FieldError> {
    let wrong = |path: &str, message: String| Err(FieldError { path: path.into(), class: "length".into(), message });
    let covered = match &record.coverage {
        contract::Coverage::Complete => 0,
        contract::Coverage::Only(paths) => paths.len(),
    };
    let winner = match &record.operation {
        contract::Operation::MergedInto(winner) => Some(("merged-into", winner)),
        contract::Operation::Upsert | contract::Operation::Delete => None,
    };
    for (path, id) in std::iter::once(("id", &record.remote_id)).chain(winner) {
        if id.is_empty() {
            return wrong(path, "the id is empty".into());
        }
        if id.len() > REMOTE_ID_BYTES_MAX {
            return wrong(path, format!("{} bytes, at most {REMOTE_ID_BYTES_MAX} are taken", id.len()));
        }
    }
    for (path, count, max, what) in [
        ("body", record.body.len(), RECORD_BYTES_MAX, "bytes"),
        ("field-times", record.field_times.len(), RECORD_FIELDS_MAX, "times"),
        ("coverage", covered, RECORD_FIELDS_MAX, "paths"),
    ] {
        if count > max {
            return wrong(path, format!("{count} {what}, at most {max} are taken"));
        }
    }
    Ok(())
}

/// An id as a dead letter shows it.
fn shown(remote_id: &str) -> Text {
    match remote_id {
        "" => "(no id)".into(),
        id if id.len() <= REMOTE_ID_BYTES_MAX => id.into(),
        id => format!("{}… ({} bytes)", id.chars().take(64).collect::<String>(), id.len()).into(),
    }
}

fn decode_one(
    catalog: &Catalog,
    mapping: &Mapping,
    decoder: &mut Decoder,
    record: SourceRecord,
    began: Time,
    now: Time,
) -> Incoming {
    if let Err(error) = envelope(&record) {
        let remote_id = shown(&record.remote_id);
        return Incoming { remote_id, kind: IncomingKind::Bad { errors: vec![error], raw: Vec::new() } };
    }
    let remote_id = Text::from(record.remote_id);
    match record.operation {
        contract::Operation::Delete => return Incoming { remote_id, kind: IncomingKind::Delete { evidence: "system" } },
        contract::Operation::MergedInto(winner) => return Incoming { remote_id, kind: IncomingKind::MergedInto(winner) },
        contract::Operation::Upsert => {}
    }
    let bad = |class: &str, message: String, raw: Vec<u8>, remote_id: Text| Incoming {
        remote_id,
        kind: IncomingKind::Bad { errors: vec![FieldError { path: "body".into(), class: class.into(), message }], raw },
    };
    if let Some(reason) = record.body.strip_prefix(b"! ") {
        let reason = String::from_utf8_lossy(reason).into_owned();
        return bad("format", reason, record.body, remote_id);
    }
    let body = match decoder.decode(&record.body) {
        Ok(body @ Value::Object(_)) => body,
        Ok(_) => return bad("format", "not a JSON object".into(), record.body, remote_id),
        Err(error) => return bad(error.class, error.message, record.body, remote_id),
    };
    let remote_id = match &mapping.id {
        None => remote_id,
        Some(expression) => {
            let env = Env { body: &body, externals: &[], connection: &mapping.connection, region: catalog.hub.region.as_deref() };
            match expression.evaluate(&env) {
                Ok(value) if !value.is_empty() => value.display().into(),
                // The row has no such thing (a contact without a company): nothing to take in.
                Ok(_) => Text::default(),
                Err(error) => return bad(error.class, format!("id: {}", error.message), record.body, remote_id),
            }
        }
    };
    let pulled = Pulled {
        body,
        coverage: match record.coverage {
            contract::Coverage::Complete => Coverage::Complete,
            contract::Coverage::Only(paths) => Coverage::Only(paths),
        },
        version: record.version.map(Text::from),
        modified_at: record.modified_at.as_deref().and_then(Time::parse),
        field_times: record.field_times.into_iter().filter_map(|(path, time)| Some((path, Time::parse(&time)?))).collect(),
        read_at: began,
        observed_at: now,
    };
    Incoming { remote_id, kind: IncomingKind::Upsert { pulled, externals: Vec::new(), raw: record.body } }
}
