//! Records that the hub makes itself, to try something: a canary, or what a test seeds. They are asserted by a pseudo-connection,
//! as a steward's values are, and go out by the one comparison; only where they are wanted, and never into production as a test.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{self, Catalog, Mapping};
use nave_core::difference::Difference;
use nave_core::model::{
    AuditEntry, Cause, ChangeKind, Claim, Contribution, Reason, RecordId, RecordState, RemoteKey, Run, Time, WriteKind,
};
use nave_core::value::Value;
use nave_runtime::contract::Operation;
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::deliver::{Current, Write, put_away};
use super::holds::{self, Held, Hold};
use super::only::Only;
use super::verify::Verified;
use super::{Engine, EngineError};

/// What every text of a test record begins with.
pub const TEST_PREFIX: &str = "TEST-DELETE-ME";
/// Rows: test records that are not taken away yet, by number; and the last canaries, by flow.
pub(super) const SEEDED: &str = "test records";
const CANARIES: &str = "canary";
/// And the records of canaries that are not taken away yet.
const FLYING: &str = "canary records";

/// What it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synthetic {
    /// To see that what is answered is also done.
    Canary,
    /// For a test.
    Test,
}

impl Synthetic {
    /// By the name of the pseudo-connection that asserts it.
    pub(crate) fn of(connection: &str) -> Option<Self> {
        match connection {
            "canary:" => Some(Self::Canary),
            "test:" => Some(Self::Test),
            _ => None,
        }
    }

    /// A name that no connection can have: the colon.
    fn connection(self) -> &'static str {
        match self {
            Self::Canary => "canary:",
            Self::Test => "test:",
        }
    }

    /// Whether it is wanted there.
    pub(super) fn goes_to(self, catalog: &Catalog, mapping: &Mapping) -> bool {
        match self {
            Self::Canary => mapping.flow_out.as_ref().is_some_and(|flow| flow.canary.is_some()),
            Self::Test => !is_production(catalog, &mapping.connection),
        }
    }
}

/// Whether a connection, or the whole hub, is a production environment.
pub fn is_production(catalog: &Catalog, connection: &str) -> bool {
    let of = catalog.connections.get(connection).map(|connection| connection.environment.as_str());
    catalog::is_production(&catalog.hub.environment) || of.is_some_and(catalog::is_production)
}

/// The write that takes a synthetic thing away: the hub made it, nobody has to be asked.
pub(super) fn taken_away(mapping: &Mapping, row: &Contribution, current: &Current) -> Option<Write> {
    if !mapping.archive.is_empty() {
        return put_away(mapping, row, current);
    }
    Some(Write::of(WriteKind::Delete(row.key.remote_id.to_string()), Some(row), Difference::none()))
}

/// What the last canary of a flow came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flown {
    /// When, as RFC 3339.
    pub at: String,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Why it failed; none: it arrived, was read back, and was taken away.
    pub failed: Option<String>,
    /// The run that wrote it.
    pub run: Option<u64>,
}

/// A test record, where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Record.
    pub record: RecordId,
    /// Entity.
    pub entity: String,
    /// What systems call it.
    pub there: Vec<RemoteKey>,
}

impl Engine {
    /// Makes a record that says these things.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn make(
        &self,
        kind: Synthetic,
        entity: &str,
        values: &BTreeMap<String, Value>,
        space: &str,
    ) -> Result<RecordId, EngineError> {
        self.write(Cause { rule: Some(kind.connection().trim_end_matches(':').to_owned()), ..Cause::default() }, |draft| {
            let record = draft.new_record(entity);
            let key = RemoteKey::new(kind.connection(), entity, record.to_string());
            let now = draft.now;
            let contribution = draft.new_contribution(key, now);
            let row = draft.contribution_mut(contribution)?;
            for (field, value) in values {
                // As old as can be: what any system says of it counts more.
                row.claims
                    .insert(field.as_str(), Claim { value: value.clone(), claimed_at: Time(0), observed_at: now, base: None });
            }
            draft.attach(contribution, record)?;
            draft.recompute(record)?;
            let value = Some(entity.as_bytes().to_vec());
            draft.batch.rows.push(KeyedRow { space: space.into(), key: format!("{:020}", record.0), value });
            Ok(record)
        })
        .await
    }

    /// Has synthetic records taken away everywhere, and asks whether they are gone. Answers what is still there.
    pub(super) async fn take_away(&self, space: &str, records: &BTreeSet<RecordId>) -> Result<Vec<String>, EngineError> {
        let catalog = self.catalog();
        let rows: Vec<Contribution> = {
            let rows = self.store.records(&records.iter().copied().collect::<Vec<_>>())?;
            let ids: Vec<_> = rows.iter().flatten().flat_map(|row| row.contributions.iter().copied()).collect();
            self.store
                .contributions(&ids)?
                .into_iter()
                .flatten()
                .filter(|row| Synthetic::of(&row.key.connection).is_none())
                .collect()
        };
        self.write(Cause { rule: Some("taken away".into()), ..Cause::default() }, |draft| {
            for record in records {
                let at = draft.now;
                if matches!(draft.record(*record)?.state, RecordState::Active | RecordState::Archived) {
                    draft.set_state(*record, RecordState::Deleted { at }, ChangeKind::Deleted)?;
                } else {
                    draft.enter_all(*record, Reason::Resync)?;
                }
            }
            Ok(())
        })
        .await?;
        let mut left = Vec::new();
        let entities: BTreeSet<String> = self
            .store
            .records(&records.iter().copied().collect::<Vec<_>>())?
            .into_iter()
            .flatten()
            .map(|row| row.entity.to_string())
            .collect();
        for mapping in catalog.mappings.values().filter(|m| m.flow_out.is_some() && entities.contains(&m.entity)) {
            let mut ids: Vec<String> = rows
                .iter()
                .filter(|row| row.key.connection == mapping.connection && row.key.stream == mapping.alias)
                .map(|row| row.key.remote_id.to_string())
                .collect();
            if ids.is_empty() {
                continue;
            }
            ids.sort();
            let run = self.run_out_only(&mapping.name, &Only { agreed: true, ..Only::of(records.iter().copied()) }).await?;
            if let Some(message) = run.message {
                left.push(format!("{}: {message}", mapping.name));
            }
            left.extend(self.still_there(mapping, &ids).await?);
        }
        if left.is_empty() {
            self.write(Cause::default(), |draft| {
                let gone = records.iter().map(|id| KeyedRow { space: space.into(), key: format!("{:020}", id.0), value: None });
                draft.batch.rows.extend(gone);
                Ok(())
            })
            .await?;
        }
        Ok(left)
    }

    /// Which of these things a system still shows as in use.
    async fn still_there(&self, mapping: &Mapping, ids: &[String]) -> Result<Vec<String>, EngineError> {
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        let spoke = self.spoke(&mapping.connection)?;
        let found = self.fetch(mapping, spoke.as_ref(), &mapping.stream, ids).await?.found;
        let away = |body: &[u8]| {
            let body = nave_core::codec::decode(body).unwrap_or_default();
            !mapping.archive.is_empty() && mapping.archive.iter().all(|(path, value)| body.at(path) == Some(value))
        };
        let there = found.into_iter().filter(|record| record.operation == Operation::Upsert && !away(&record.body));
        Ok(there.map(|record| format!("{}/{}:{}", mapping.connection, mapping.stream, record.remote_id)).collect())
    }

    fn noted(&self, space: &str) -> Result<BTreeSet<RecordId>, EngineError> {
        Ok(self.store.rows(space)?.into_iter().filter_map(|(key, _)| key.parse().ok().map(RecordId)).collect())
    }

    /// Sends a flow's canary: makes it, reads it back, takes it away again.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where the flow has none, [`EngineError::Refused`] where nothing may be sent.
    pub async fn canary(&self, flow: &str) -> Result<Flown, EngineError> {
        let mapping = self.mapping(flow)?;
        let canary = mapping.flow_out.as_ref().and_then(|out| out.canary.as_ref());
        let Some(canary) = canary else {
            return Err(EngineError::NotFound(format!(
                "`{flow}` has no canary: a [flow.canary] section in mappings/{flow}.toml makes one"
            )));
        };
        if self.store.flow(flow)?.approved.as_deref() != Some(mapping.digest.as_str()) {
            return Err(EngineError::Refused(format!(
                "the plan of `{flow}` is not agreed to: `nave plan --flow {flow}`, then `nave apply`"
            )));
        }
        // What an earlier one left behind, when the hub died under it.
        let left = self.noted(FLYING)?;
        if !left.is_empty() {
            self.take_away(FLYING, &left).await?;
        }
        let record = self.make(Synthetic::Canary, &mapping.entity, &canary.values, FLYING).await?;
        let (run, failed) = match self.flown(flow, record).await {
            Ok((run, failed)) => (Some(run), failed),
            Err(EngineError::Spoke(system, error)) => (None, Some(format!("{system}: {error}"))),
            Err(error) => return Err(error),
        };
        let at = self.now();
        let flown = Flown { at: at.to_string(), at_ms: at.0, failed, run };
        let value = serde_json::to_vec(&flown).map_err(|error| EngineError::Refused(error.to_string()))?;
        if let Some(why) = &flown.failed {
            tracing::error!(flow, why, "the canary did not arrive");
        }
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: CANARIES.into(), key: flow.to_owned(), value: Some(value.clone()) });
            if let Some(why) = &flown.failed {
                draft.batch.audit.push(AuditEntry {
                    at: draft.now,
                    actor: "hub".into(),
                    action: "canary.failed".into(),
                    subject: flow.to_owned(),
                    detail: why.clone(),
                });
            }
            Ok(())
        })
        .await?;
        Ok(flown)
    }

    async fn flown(&self, flow: &str, record: RecordId) -> Result<(u64, Option<String>), EngineError> {
        let run = self.run_out_only(flow, &Only::of([record])).await?;
        let verified = self.verify(run.id).await?;
        let waits = self.store.parked(flow)?.into_iter().find(|row| row.record == record).map(|row| row.reason);
        let failed = arrived(&run, &verified, waits);
        let left = self.take_away(FLYING, &[record].into()).await?;
        let failed =
            failed.or_else(|| (!left.is_empty()).then(|| format!("it could not be taken away again: {}", left.join(", "))));
        if let Some(why) = &failed {
            // The run that wrote it says so too.
            let run = Run { status: nave_core::model::RunStatus::Failed, message: Some(format!("canary: {why}")), ..run.clone() };
            self.write(Cause::default(), |draft| {
                draft.batch.runs.push(run.clone());
                Ok(())
            })
            .await?;
        }
        Ok((run.id, failed))
    }

    /// What the last canary of a flow came to.
    ///
    /// # Errors
    /// Those of the store.
    pub fn last_canary(&self, flow: &str) -> Result<Option<Flown>, EngineError> {
        Ok(self.store.row(CANARIES, flow)?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// Makes test records of an entity and carries them to every system that is not production.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where this hub is a production environment, or nothing goes anywhere.
    pub async fn seed(&self, entity: &str, values: &[BTreeMap<String, Value>]) -> Result<Vec<Seeded>, EngineError> {
        let catalog = self.catalog();
        if catalog::is_production(&catalog.hub.environment) {
            return Err(EngineError::Refused(
                "this hub is a production environment: test records never go there; use one whose nave.toml says another `environment`".into(),
            ));
        }
        let mut records = BTreeSet::new();
        for values in values {
            records.insert(self.make(Synthetic::Test, entity, values, SEEDED).await?);
        }
        for mapping in catalog.mappings.values().filter(|mapping| mapping.entity == entity && mapping.flow_out.is_some()) {
            if !is_production(&catalog, &mapping.connection) {
                self.run_out_only(&mapping.name, &Only::of(records.iter().copied())).await?;
            }
        }
        Ok(self.seeded()?.into_iter().filter(|seeded| records.contains(&seeded.record)).collect())
    }

    /// Test records that are not taken away yet.
    ///
    /// # Errors
    /// Those of the store.
    pub fn seeded(&self) -> Result<Vec<Seeded>, EngineError> {
        let records: Vec<RecordId> = self.noted(SEEDED)?.into_iter().collect();
        let mut seeded = Vec::new();
        for row in self.store.records(&records)?.into_iter().flatten() {
            let rows = self.store.contributions(&row.contributions)?.into_iter().flatten();
            let there = rows.filter(|row| row.is_active() && Synthetic::of(&row.key.connection).is_none()).map(|row| row.key);
            seeded.push(Seeded { record: row.id, entity: row.entity.to_string(), there: there.collect() });
        }
        Ok(seeded)
    }

    /// Takes every test record away, everywhere, and asks each system whether it is gone. Answers how many there were, and
    /// what is still there.
    ///
    /// # Errors
    /// Those of a run.
    pub async fn clean(&self) -> Result<(u64, Vec<String>), EngineError> {
        let records = self.noted(SEEDED)?;
        if records.is_empty() {
            return Ok((0, Vec::new()));
        }
        Ok((records.len() as u64, self.take_away(SEEDED, &records).await?))
    }

    /// Edits a field of a test record at one system as a person there would: it is written by the one comparison, and then
    /// forgotten that it was the hub, so that the next look finds somebody's edit.
    ///
    /// # Errors
    /// [`EngineError::Refused`] for anything but a test record outside production.
    pub async fn edit_there(&self, flow: &str, record: RecordId, path: &str, value: &Value) -> Result<(), EngineError> {
        let mapping = self.mapping(flow)?;
        let refused = |why: &str| EngineError::Refused(format!("{}/{record} at {}: {why}", mapping.entity, mapping.connection));
        if !self.noted(SEEDED)?.contains(&record) || is_production(&self.catalog(), &mapping.connection) {
            return Err(refused("only a test record outside production is edited so"));
        }
        let subjects = self.subjects(&mapping, &[record])?;
        let row = subjects.get(&record).and_then(|subject| subject.there.iter().find(|row| row.is_active())).cloned();
        let row = row.ok_or_else(|| refused("it is not there"))?;
        let there = row.shadow.get(path).cloned().unwrap_or_default();
        let held = Held { before: value.clone(), there: there.clone(), run: 0, once: 0 };
        let hold = Hold { record, paths: [(path.to_owned(), held)].into(), ..Hold::default() };
        let put = async |hold: Hold| {
            let done = self
                .write(Cause::default(), |draft| {
                    holds::put(draft, flow, row.id, &hold)?;
                    if !hold.paths.is_empty() {
                        draft.enter(flow, record, Reason::Resync);
                        return Ok(());
                    }
                    // It was a person, as far as anybody is to know.
                    let row = draft.contribution_mut(row.id)?;
                    row.shadow.insert(path, there.clone());
                    row.sent.remove(path);
                    Ok(())
                })
                .await;
            self.holds.forget();
            done
        };
        put(hold).await?;
        let ran = self.run_out_only(flow, &Only { held_alone: true, ..Only::of([record]) }).await;
        put(Hold { record, ..Hold::default() }).await?;
        match ran?.message {
            Some(message) => Err(refused(&message)),
            None => Ok(()),
        }
    }
}

/// Why a canary did not arrive; none: it did.
fn arrived(run: &Run, verified: &Verified, waits: Option<String>) -> Option<String> {
    if let Some(message) = &run.message {
        return Some(message.clone());
    }
    if let Some(found) = verified.mismatches.first() {
        return Some(match &found.path {
            Some(path) => format!("it was answered as written, and `{path}` of {} does not hold it", found.remote_id),
            None => format!("it was answered as written, and {} is not there", found.remote_id),
        });
    }
    if let Some((id, why)) = verified.unread.first() {
        return Some(format!("{id} could not be read back: {why}"));
    }
    (verified.things == 0).then(|| match waits {
        Some(why) => format!("it was not written: {why}"),
        None => "it was not written: see `nave record list`, `nave dlq list`".to_owned(),
    })
}
