//! Reads the children of a mapping's parts after their parents: each stream with a checkpoint of its own (I1).
//!
//! Three small rows say what is known. `part`: whether a stream of children was read from its start to its end under this
//! mapping, as it must be before any child is written. `children`: a parent that came after its children were passed
//! over, and for which they are asked; until then nothing is written below it. `scan`: as for every stream.

use std::collections::HashSet;

use nave_core::Text;
use nave_core::accounting::InCounts;
use nave_core::catalog::{Mapping, PartMapping};
use nave_core::model::{Cause, Contribution, ContributionId, RemoteKey, Time, WriteKind};
use nave_core::part;
use nave_runtime::contract::SourceRecord;
use nave_store::KeyedRow;

use super::children::{ChildIntake, Children};
use super::fetch::refusal;
use super::pull::{GET_IDS_MAX, Marks, PageCommit, Reading, add, decode};
use super::take::{Incoming, IncomingKind};
use super::{Engine, EngineError};

/// Space of the rows that say how far a stream of children was read.
const READ: &str = "part";
/// Space of the rows that name parents whose children are to be asked for.
const DUE: &str = "children";

/// A parent whose children are to be asked for; or no longer.
pub(super) fn due_row(mapping: &Mapping, stream: &str, parent: &str, due: bool) -> KeyedRow {
    KeyedRow { space: DUE.into(), key: format!("{}/{stream}/{parent}", mapping.name), value: due.then(Vec::new) }
}

/// Which children are known, so that what is missing there may be made.
#[derive(Clone, Debug, Default)]
pub(super) struct ChildrenKnown {
    streams: HashSet<String>,
    due: HashSet<(String, String)>,
}

impl ChildrenKnown {
    /// Whether all children of a thing were read.
    pub(super) fn of(&self, part: &PartMapping, parent: &Contribution) -> bool {
        self.streams.contains(&part.stream) && !self.due.contains(&(part.stream.clone(), parent.key.remote_id.to_string()))
    }
}

impl Engine {
    /// Reads every stream of children of the reading's mapping, whose own stream was read to its end.
    pub(super) async fn pull_parts(&self, parents: &Reading<'_>, full: bool, counts: &mut InCounts) -> Result<(), EngineError> {
        let mapping = parents.mapping;
        for children in Children::all(mapping) {
            let reading = Reading { children: Some(&children), ..*parents };
            let capabilities = self.capabilities_of(mapping, children.stream).await?;
            let searchable = children.parent_paths().iter().all(|path| capabilities.searchable.iter().any(|known| known == path));
            let stored = self.store.checkpoint(&mapping.connection, &reading.alias())?.is_some();
            let due = self.due(mapping, children.stream)?;
            let state = self.store.row(READ, &read_key(mapping, children.stream))?;
            let (done, going) = (read_row(mapping, children.stream, true), read_row(mapping, children.stream, false));
            let complete = state == done.value;
            let going_rows = if complete { Vec::new() } else { vec![going.clone()] };
            let mut marks = Marks { going: going_rows, done: vec![done] };
            if stored && !complete && state != going.value || stored && !searchable && !due.is_empty() {
                // Never read under this configuration, or passed over what cannot be asked for: from the start.
                self.write(Cause::default(), |draft| {
                    draft.batch.forget_checkpoints.push((mapping.connection.clone(), reading.alias()));
                    draft.batch.rows.push(going.clone());
                    Ok(())
                })
                .await?;
                marks.going = vec![going];
                marks.done.extend(due.iter().map(|parent| due_row(mapping, children.stream, parent, false)));
            } else if stored {
                self.ask_for_children(&reading, &children, &due, counts).await?;
            }
            self.read_through(&reading, full, &marks, counts).await?;
        }
        Ok(())
    }

    /// Streams of children that may have passed over children of a parent that comes only now.
    pub(super) fn streams_that_passed<'m>(&self, mapping: &'m Mapping) -> Result<Vec<&'m str>, EngineError> {
        let mut passed = Vec::new();
        for children in Children::all(mapping) {
            if self.store.checkpoint(&mapping.connection, &part::alias(mapping, children.stream))?.is_some() {
                passed.push(children.stream);
            }
        }
        Ok(passed)
    }

    /// Which children may be written.
    pub(super) fn children_known(&self, mapping: &Mapping) -> Result<ChildrenKnown, EngineError> {
        let mut known = ChildrenKnown::default();
        for children in Children::all(mapping) {
            let stream = children.stream.to_owned();
            if self.store.row(READ, &read_key(mapping, &stream))? == read_row(mapping, &stream, true).value {
                known.due.extend(self.due(mapping, &stream)?.into_iter().map(|parent| (stream.clone(), parent)));
                known.streams.insert(stream);
            }
        }
        Ok(known)
    }

    fn due(&self, mapping: &Mapping, stream: &str) -> Result<Vec<String>, EngineError> {
        let prefix = format!("{}/{stream}/", mapping.name);
        let rows = self.store.rows(DUE)?;
        Ok(rows.into_iter().filter_map(|(key, _)| key.strip_prefix(&prefix).map(str::to_owned)).collect())
    }

    /// Finds the children of parents that came after them.
    async fn ask_for_children(
        &self,
        reading: &Reading<'_>,
        children: &Children<'_>,
        due: &[String],
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let mapping = reading.mapping;
        for chunk in due.chunks(GET_IDS_MAX) {
            let began = self.now();
            let mut found: Vec<SourceRecord> = Vec::new();
            for path in children.parent_paths() {
                let more = reading
                    .spoke
                    .find(children.stream.to_owned(), path.to_owned(), chunk.to_vec())
                    .await
                    .map_err(|error| EngineError::Spoke(mapping.connection.clone(), error))?;
                let known: HashSet<String> = found.iter().map(|record| record.remote_id.clone()).collect();
                found.extend(more.into_iter().filter(|record| !known.contains(&record.remote_id)));
            }
            let done = chunk.iter().map(|parent| due_row(mapping, children.stream, parent, false)).collect();
            let commit = PageCommit { rows: done, ..PageCommit::default() };
            self.take_page(reading, found, began, counts, commit).await?;
        }
        Ok(())
    }

    /// Makes children ready to be taken in. Parents that are not here are fetched first; what was read before our last
    /// attempt on a parent settled is fetched again (I15).
    pub(super) async fn prepare_children(
        &self,
        reading: &Reading<'_>,
        children: &Children<'_>,
        page: &mut [Incoming],
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        self.fetch_parents(reading, children, page, counts).await?;
        self.children_anew(reading, children, page).await
    }

    /// Takes children in that are ready.
    pub(super) async fn take_children(
        &self,
        reading: &Reading<'_>,
        children: &Children<'_>,
        page: Vec<Incoming>,
        counts: &mut InCounts,
        commit: PageCommit,
    ) -> Result<(), EngineError> {
        let Reading { catalog, mapping, run, .. } = *reading;
        let PageCommit { checkpoint, rows, deferrable } = commit;
        let entity = self.entity(catalog, &mapping.entity)?;
        let mut open_creates = self.store.intents(&mapping.name)?;
        open_creates.retain(|intent| intent.child_stream() == Some(children.stream) && matches!(intent.kind, WriteKind::Create));
        let mut page = Some(page);
        let (taken, shelved) = self
            .write(reading.cause(), |draft| {
                let page =
                    page.take().ok_or_else(|| EngineError::Refused("the store changed under a page; run it again".into()))?;
                let mut taken = InCounts::default();
                let shelf = Some(self.shelf(&mapping.name, reading.archive, run)?);
                let mut intake =
                    ChildIntake { catalog, mapping, entity, children, run, open_creates: open_creates.clone(), shelf };
                tokio::task::block_in_place(|| intake.page(draft, page, &mut taken))?;
                draft.batch.deferrable = deferrable;
                draft.batch.checkpoint = checkpoint.clone();
                draft.batch.rows.extend(rows.iter().cloned());
                Ok((taken, intake.shelf.map(|shelf| shelf.changed).unwrap_or_default()))
            })
            .await?;
        self.archives.learn(&mapping.name, shelved);
        add(counts, &taken);
        Ok(())
    }

    /// A child may be read before its parent: the parent was made after its own stream was read.
    async fn fetch_parents(
        &self,
        reading: &Reading<'_>,
        children: &Children<'_>,
        page: &[Incoming],
        counts: &mut InCounts,
    ) -> Result<(), EngineError> {
        let mapping = reading.mapping;
        let parents = children.parents(page.iter());
        let known = self.store.resolve(&parents.iter().map(|id| own_key(mapping, id)).collect::<Vec<_>>())?;
        let unknown: Vec<String> =
            parents.into_iter().zip(known).filter(|(_, known)| known.is_none()).map(|(id, _)| id).collect();
        for chunk in unknown.chunks(GET_IDS_MAX) {
            let began = self.now();
            let fetched = self.fetch(mapping, reading.spoke, &mapping.stream, chunk).await?;
            let own = Reading { children: None, ..*reading };
            // Recursion ends here: things of the mapping's own stream have no parents.
            Box::pin(self.take_page(&own, fetched.found, began, counts, PageCommit::default())).await?;
            Box::pin(self.set_aside_refused(&own, fetched.refused, counts)).await?;
        }
        Ok(())
    }

    async fn children_anew(
        &self,
        reading: &Reading<'_>,
        children: &Children<'_>,
        page: &mut [Incoming],
    ) -> Result<(), EngineError> {
        let Reading { catalog, mapping, spoke, .. } = *reading;
        let parents = children.parents(page.iter());
        let known = self.store.resolve(&parents.iter().map(|id| own_key(mapping, id)).collect::<Vec<_>>())?;
        let known: Vec<ContributionId> = known.into_iter().flatten().collect();
        let attempted: Vec<(Text, Time)> = self
            .store
            .contributions(&known)?
            .into_iter()
            .flatten()
            .filter_map(|row| Some((row.key.remote_id, row.attempted_at?)))
            .collect();
        let stale: Vec<usize> = (0..page.len())
            .filter(|index| {
                let IncomingKind::Upsert { pulled, .. } = &page[*index].kind else { return false };
                let parents = children.parents(std::iter::once(&page[*index]));
                attempted.iter().any(|(id, at)| pulled.read_at <= *at && parents.iter().any(|parent| parent == id.as_str()))
            })
            .collect();
        for chunk in stale.chunks(GET_IDS_MAX) {
            let ids: Vec<String> = chunk.iter().map(|index| page[*index].remote_id.to_string()).collect();
            let began = self.now();
            let fetched = self.fetch(mapping, spoke, children.stream, &ids).await?;
            let refused = fetched.refused.iter().map(|(id, why)| refusal(id, why));
            for incoming in decode(catalog, mapping, fetched.found, began, self.now()).into_iter().chain(refused) {
                if let Some(index) = chunk.iter().find(|index| page[**index].remote_id == incoming.remote_id) {
                    page[*index] = incoming;
                }
            }
        }
        Ok(())
    }
}

fn own_key(mapping: &Mapping, remote_id: &str) -> RemoteKey {
    RemoteKey::new(&mapping.connection, &mapping.alias, remote_id)
}

fn read_key(mapping: &Mapping, stream: &str) -> String {
    format!("{}/{stream}", mapping.name)
}

/// How far a stream of children was read under this very mapping: through, or under way.
fn read_row(mapping: &Mapping, stream: &str, through: bool) -> KeyedRow {
    let value = if through { mapping.digest.clone() } else { format!("~{}", mapping.digest) };
    KeyedRow { space: READ.into(), key: read_key(mapping, stream), value: Some(value.into_bytes()) }
}
