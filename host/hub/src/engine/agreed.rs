//! Deletes and merges in a system wait for a person: each is asked for once, and done only as it was agreed to.

use nave_core::catalog::Mapping;
use nave_core::model::{
    Contribution, ContributionId, ContributionState, Intent, Record, RecordId, RemoteKey, Review, ReviewKind, WriteKind,
};
use nave_core::survivorship::consent;
use nave_store::{KeyedRow, StoreError};

use super::deliver::Write;
use super::draft::Draft;
use super::{Engine, EngineError};

/// The name under which these rows are stored; they were called so before a field could be one of consent.
const SPACE: &str = "consent";
const ASKED: &str = "asked";
const REFUSED: &str = "refused";
/// The person who merged two records saw which of their objects become one.
const MERGED: &[u8] = b"merge ";

/// Whether a write may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Nobody has to be asked, or somebody agreed.
    Given,
    /// A review asks already.
    Asked,
    /// A person has to be asked, with these words.
    Ask(String),
}

/// Under which a question about an object is kept: another operation is another question.
fn key(destination: &str, contribution: ContributionId, into: Option<&str>) -> String {
    match into {
        None => format!("{destination}/{contribution}/delete"),
        Some(into) => format!("{destination}/{contribution}/merge/{into}"),
    }
}

/// An agreement holds for the record as it was: when it changed since, it is asked again.
fn agreed(record: &Record) -> String {
    format!("agreed/{}", record.version)
}

fn into(kind: &WriteKind) -> Option<&str> {
    match kind {
        WriteKind::Merge(_, into) => Some(into),
        _ => None,
    }
}

impl Engine {
    /// Whether an object may be deleted or merged away; `None`: a person said no.
    pub(super) fn agreement(
        &self,
        mapping: &Mapping,
        record: &Record,
        row: &Contribution,
        kind: &WriteKind,
        words: impl FnOnce() -> String,
    ) -> Result<Option<Agreement>, EngineError> {
        let stored = self.store.row(SPACE, &key(&mapping.name, row.id, into(kind)))?;
        Ok(match stored.as_deref() {
            Some(value) if value == REFUSED.as_bytes() => None,
            Some(value) if value == ASKED.as_bytes() => Some(Agreement::Asked),
            Some(value) if value == agreed(record).as_bytes() || value.starts_with(MERGED) => Some(Agreement::Given),
            _ => Some(Agreement::Ask(words())),
        })
    }
}

/// Asks a person, once.
pub(super) fn ask(draft: &mut Draft<'_>, mapping: &Mapping, record: RecordId, write: &Write, title: &str) {
    let Some(row) = &write.contribution else { return };
    let into = into(&write.kind);
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(&mapping.name, row.id, into), value: Some(ASKED.into()) });
    let review = Review {
        id: draft.next_review(),
        kind: ReviewKind::Remove {
            destination: mapping.name.clone(),
            record,
            contribution: row.id,
            into: into.map(str::to_owned),
        },
        entity: mapping.entity.clone(),
        steward: mapping.steward.clone(),
        opened_at: draft.now,
        closed_at: None,
        title: title.to_owned(),
    };
    draft.batch.reviews.push(review);
}

/// What a person said.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    destination: &str,
    record: RecordId,
    contribution: ContributionId,
    into: Option<&str>,
    yes: bool,
) -> Result<(), StoreError> {
    let value = if yes { agreed(draft.record(record)?) } else { REFUSED.to_owned() };
    draft.batch.rows.push(KeyedRow {
        space: SPACE.into(),
        key: key(destination, contribution, into),
        value: Some(value.into_bytes()),
    });
    Ok(())
}

/// A person merged two records, and with them these objects: that holds until the merge is taken back.
pub(super) fn with_merge(draft: &mut Draft<'_>, destination: &str, contribution: ContributionId, into: &str, merge: u64) {
    draft.batch.rows.push(KeyedRow {
        space: SPACE.into(),
        key: key(destination, contribution, Some(into)),
        value: Some(format!("merge {merge}").into_bytes()),
    });
}

/// The merge was taken back: nobody agreed to this any more.
pub(super) fn withdrawn(draft: &mut Draft<'_>, destination: &str, contribution: ContributionId, into: &str) {
    let key = key(destination, contribution, Some(into));
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key, value: None });
}

/// We deleted an object, or merged it into another: what it said stays said, by the other where there is one.
pub(super) fn removed(draft: &mut Draft<'_>, mapping: &Mapping, intent: &Intent) -> Result<(), StoreError> {
    let Some(id) = intent.contribution else { return Ok(()) };
    let into = into(&intent.kind);
    let at = draft.now;
    let row = draft.contribution_mut(id)?;
    row.state = match into {
        None => ContributionState::Deleted { evidence: "ours".into(), at },
        Some(winner) => ContributionState::MergedInto(winner.into()),
    };
    // What was read before does not bring it back (I15).
    row.attempted_at = Some(at);
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(&mapping.name, id, into), value: None });
    let Some(winner) = into else { return Ok(()) };
    let winner = RemoteKey::new(&*mapping.connection, &*mapping.alias, winner);
    let Some(winner) = draft.contribution_of(&winner)? else { return Ok(()) };
    let claims = draft.contribution(id)?.claims.clone();
    let entity = draft.entity(&mapping.entity)?;
    let row = draft.contribution_mut(winner)?;
    row.attempted_at = Some(at);
    for (field, claim) in claims {
        if only_read(mapping, &field) {
            continue; // the system says itself what it holds of it: when the other was made says nothing of this one
        }
        let known = row.claims.get(&field);
        let newer = known.is_none_or(|known| known.claimed_at < claim.claimed_at);
        if newer && !consent::stays(entity, &field, known, &claim.value) {
            row.claims.insert(field, claim);
        }
    }
    let record = draft.surviving(intent.record)?;
    draft.recompute(record)?;
    Ok(())
}

/// Whether a mapping reads a field and never writes it.
fn only_read(mapping: &Mapping, field: &str) -> bool {
    let mut own = mapping.fields.iter().filter(|own| own.canonical.as_deref() == Some(field)).peekable();
    own.peek().is_some() && own.all(|own| !own.direction.writes())
}

/// What is asked about a duplicate or about what left the filter.
pub(super) fn question(mapping: &Mapping, title: &str, kind: &WriteKind) -> String {
    match kind {
        WriteKind::Merge(from, into) => {
            format!("{title} is there twice in {}: merge {from} into {into}?", mapping.connection)
        }
        _ => format!("{title} no longer belongs into {}: delete it there?", mapping.connection),
    }
}
