//! Nothing is made in a system that already has a thing there which could not be read in and may be it: a dead letter of its own stream, or
//! what a backfill put on the shelf. Else the system would have it twice as soon as somebody mends what is wrong with it.
//!
//! Asked before each create alone. By which keys such things would be matched is read when it matters and kept until another one is set
//! aside; whether it is still so is looked up for the one that fits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::catalog::{Catalog, Mapping};
use nave_core::codec;
use nave_core::intake;
use nave_core::matching::{self, Facts, MatchDecision};
use nave_core::model::{DeadLetterSubject, Record, RemoteKey};
use nave_store::{Batch, subject_key};

use super::{Engine, EngineError, archive};

/// Dead letters read at once.
const CHUNK: usize = 1_000;

/// A thing that could not be read in, by what could be read of it.
struct Thing {
    remote_id: String,
    facts: Facts,
    /// It is on the shelf of a backfill; else a dead letter.
    kept: bool,
}

/// Things of one flow, with the hashes of the keys by which they would be matched.
#[derive(Default)]
struct OfFlow {
    things: Vec<Thing>,
    by_key: HashMap<u64, Vec<usize>>,
}

/// What was read of a flow: how many times something had been set aside, under which configuration, and what there was.
type AsOf = (u64, String, Arc<OfFlow>);

/// What is known of each flow, as of how many times something was set aside and under which configuration.
#[derive(Default)]
pub(super) struct Unreadable {
    set_aside: AtomicU64,
    flows: Mutex<HashMap<String, AsOf>>,
}

impl Unreadable {
    /// Notes that what this commits may set something aside.
    pub(super) fn learn(&self, batch: &Batch) {
        let source = batch.dead_letters.iter().any(|letter| matches!(letter.subject, DeadLetterSubject::SourceRecord { .. }));
        if source || batch.sealed.iter().any(|row| row.space.starts_with(archive::SPACE)) {
            self.set_aside.fetch_add(1, Ordering::Release);
        }
    }
}

impl Engine {
    /// What to say where a thing of a flow's own stream could not be read in and may be this record.
    pub(super) fn may_be_unreadable(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        record: &Record,
    ) -> Result<Option<String>, EngineError> {
        if mapping.flow_in.is_none() {
            return Ok(None);
        }
        let entity = self.entity(catalog, &mapping.entity)?;
        let known = self.unreadable_of(catalog, mapping)?;
        if known.things.is_empty() {
            return Ok(None);
        }
        for key in matching::keys(entity, &Facts::of(entity, record)) {
            for thing in known.by_key.get(&key.hash).into_iter().flatten().map(|at| &known.things[*at]) {
                if matching::decide(entity, &thing.facts, std::iter::once(record)) == MatchDecision::New {
                    continue;
                }
                if let Some(look) = self.still_unreadable(mapping, thing)? {
                    return Ok(Some(format!(
                        "`{}` in {} could not be read in and may be it: {look}",
                        thing.remote_id, mapping.connection
                    )));
                }
            }
        }
        Ok(None)
    }

    /// The command that shows it, where it is still set aside.
    fn still_unreadable(&self, mapping: &Mapping, thing: &Thing) -> Result<Option<String>, EngineError> {
        let key = RemoteKey::new(&mapping.connection, &mapping.alias, thing.remote_id.as_str());
        if self.record_of(&key)?.is_some() {
            return Ok(None);
        }
        if thing.kept {
            let there = self.archived(&mapping.name)?.contains_key(&thing.remote_id);
            return Ok(there.then(|| format!("`nave backfill {} --archived`", mapping.name)));
        }
        let subject = super::take::subject(mapping, &mapping.alias, &thing.remote_id);
        let letter = self.store.dead_letter_of(&subject_key(&subject))?;
        Ok(letter.map(|letter| format!("`nave dlq show {}`", letter.id)))
    }

    fn unreadable_of(&self, catalog: &Catalog, mapping: &Mapping) -> Result<Arc<OfFlow>, EngineError> {
        let set_aside = self.unreadable.set_aside.load(Ordering::Acquire);
        {
            let flows = self.unreadable.flows.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((as_of, digest, known)) = flows.get(&mapping.name)
                && (*as_of, digest) == (set_aside, &catalog.digest)
            {
                return Ok(known.clone());
            }
        }
        let known = Arc::new(self.read_unreadable(catalog, mapping)?);
        let mut flows = self.unreadable.flows.lock().unwrap_or_else(PoisonError::into_inner);
        flows.insert(mapping.name.clone(), (set_aside, catalog.digest.clone(), known.clone()));
        Ok(known)
    }

    fn read_unreadable(&self, catalog: &Catalog, mapping: &Mapping) -> Result<OfFlow, EngineError> {
        let entity = self.entity(catalog, &mapping.entity)?;
        let mut of = OfFlow::default();
        let mut add = |remote_id: &str, raw: &[u8], kept: bool| {
            let Ok(body) = codec::decode(raw) else { return };
            let readable = intake::readable(mapping, entity, &body, catalog.hub.region.as_deref());
            let facts = intake::facts_of(mapping, entity, &readable);
            let keys = matching::keys(entity, &facts);
            if keys.is_empty() {
                return;
            }
            for key in keys {
                of.by_key.entry(key.hash).or_default().push(of.things.len());
            }
            of.things.push(Thing { remote_id: remote_id.to_owned(), facts, kept });
        };
        let mut after = 0;
        loop {
            let letters = self.store.dead_letters(after, CHUNK)?;
            let Some(last) = letters.last() else { break };
            after = last.id;
            for letter in &letters {
                if let DeadLetterSubject::SourceRecord { mapping: of, stream, remote_id, body, .. } = &letter.subject
                    && (of, stream) == (&mapping.name, &mapping.alias)
                {
                    add(remote_id, body, false);
                }
            }
        }
        for (remote_id, body) in self.archived_bodies(&mapping.name)? {
            add(&remote_id, &body, true);
        }
        Ok(of)
    }
}
