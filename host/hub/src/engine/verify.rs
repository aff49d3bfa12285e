//! What a run wrote, read back from the system and compared field by field: an answer that says "written" is not yet proof.

use std::collections::BTreeMap;

use nave_core::model::{Cause, Reason, RecordId, RemoteKey, WriteKind};
use nave_core::value::Value;
use nave_core::{NameMap, codec, landed};
use nave_runtime::contract::Operation;

use super::holds::same;
use super::images::Image;
use super::{Engine, EngineError};

/// A field that does not hold what was sent to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Record.
    pub record: RecordId,
    /// The system's id.
    pub remote_id: String,
    /// Remote path; none for the thing as a whole, which is not there, or still is.
    pub path: Option<String>,
    /// What was sent.
    pub wanted: Value,
    /// What is there.
    pub found: Option<Value>,
}

/// What came of reading a run's writes back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Things that were read back.
    pub things: u64,
    /// Fields that were compared.
    pub fields: u64,
    /// Those that differ.
    pub mismatches: Vec<Mismatch>,
    /// Things that could not be read back, and why.
    pub unread: Vec<(String, String)>,
}

impl Verified {
    /// Whether everything that was written is there, and was looked at.
    pub fn holds(&self) -> bool {
        self.mismatches.is_empty() && self.unread.is_empty()
    }
}

/// What a thing should show: the last value sent to each path.
#[derive(Default)]
struct Expected {
    record: RecordId,
    sent: NameMap<Value>,
    before: NameMap<Value>,
    gone: bool,
}

fn expected(images: Vec<Image>) -> (BTreeMap<String, Expected>, Vec<(String, String)>) {
    let (mut things, mut unread): (BTreeMap<String, Expected>, _) = (BTreeMap::new(), Vec::new());
    for image in images {
        if let Some(stream) = image.child_of {
            unread.push((format!("{stream}:{}", image.remote_id), "a child is not read back by itself".to_owned()));
            continue;
        }
        let thing = things.entry(image.remote_id).or_default();
        thing.record = image.record;
        thing.gone = matches!(image.kind, WriteKind::Delete(_) | WriteKind::Merge(..));
        for (path, sent) in image.sent {
            if let Some(before) = image.before.get(&path).filter(|_| !thing.sent.contains_key(&path)) {
                thing.before.insert(path.clone(), before.clone());
            }
            thing.sent.insert(path, sent);
        }
    }
    (things, unread)
}

impl Engine {
    /// Reads everything back that a run wrote, and compares it with what was sent. A write that was answered and did not
    /// happen is known from then on: the thing is compared again with the next run.
    ///
    /// # Errors
    /// [`EngineError::Spoke`] where the system cannot be asked.
    pub async fn verify(&self, run: u64) -> Result<Verified, EngineError> {
        let Some(kept) = self.kept(run)? else { return Ok(Verified::default()) };
        let catalog = self.catalog();
        let mapping = self.mapping(&kept.flow)?;
        let (things, unread) = expected(self.images(run)?);
        let mut verified = Verified { unread, ..Verified::default() };
        let ids: Vec<String> = things.keys().cloned().collect();
        let fetched = {
            let lane = self.lane(&mapping.connection);
            let _lane = lane.lock().await;
            let spoke = self.spoke(&mapping.connection)?;
            self.fetch(&mapping, spoke.as_ref(), &mapping.stream, &ids).await?
        };
        verified.unread.extend(fetched.refused.iter().cloned());
        let mut bodies = BTreeMap::new();
        for record in fetched.found {
            let body = match record.operation {
                Operation::Upsert => codec::decode(&record.body).ok(),
                Operation::Delete | Operation::MergedInto(_) => None,
            };
            bodies.insert(record.remote_id, body);
        }
        let mut undone = Vec::new();
        for (id, thing) in &things {
            if fetched.refused.iter().any(|(refused, _)| refused == id) {
                continue;
            }
            verified.things += 1;
            // A system that says nothing about an id it has just answered with has no such thing.
            let body = bodies.get(id).and_then(Option::as_ref);
            let mut differs = |path: Option<&str>, wanted: Value, found: Option<Value>| {
                let path = path.map(str::to_owned);
                verified.mismatches.push(Mismatch { record: thing.record, remote_id: id.clone(), path, wanted, found });
            };
            let Some(body) = body.filter(|_| !thing.gone) else {
                if thing.gone != body.is_none() {
                    differs(None, Value::Null, body.cloned());
                }
                continue;
            };
            for (path, sent) in &thing.sent {
                verified.fields += 1;
                if landed::landed(&mapping, body, path, sent, catalog.hub.region.as_deref()) {
                    continue;
                }
                let remote = path.split_once('#').map_or(path.as_str(), |(remote, _)| remote);
                let found = body.at(remote).cloned();
                differs(Some(path), sent.clone(), found.clone());
                let found = found.unwrap_or_default();
                if thing.before.get(path).is_some_and(|before| same(before, &found)) {
                    undone.push((id.clone(), path.clone(), found));
                }
            }
        }
        self.not_done(&kept.flow, &undone).await?;
        Ok(verified)
    }

    /// These fields hold what they held before they were written: that is no claim of anybody's, it was never written.
    async fn not_done(&self, flow: &str, undone: &[(String, nave_core::Text, Value)]) -> Result<(), EngineError> {
        if undone.is_empty() {
            return Ok(());
        }
        let mapping = self.mapping(flow)?;
        self.write(Cause::default(), |draft| {
            for (id, path, found) in undone {
                let key = RemoteKey::new(&mapping.connection, &mapping.alias, id.as_str());
                let Some(contribution) = draft.contribution_of(&key)? else { continue };
                let row = draft.contribution_mut(contribution)?;
                row.shadow.insert(path.clone(), found.clone());
                row.sent.remove(path);
                if let Some(record) = row.record {
                    let record = draft.surviving(record)?;
                    draft.enter(flow, record, Reason::Drift);
                }
            }
            Ok(())
        })
        .await
    }
}
