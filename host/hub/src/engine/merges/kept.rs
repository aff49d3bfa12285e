//! What two records, their contributions and the references to one of them were before they became one.

use nave_core::model::{Claim, Contribution, ContributionId, Record, RecordId};
use nave_store::{KeyedRow, SealedRow, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::{json, key, read};
use crate::engine::draft::Draft;
use crate::engine::rows::Renumbered;

fn space(merge: u64) -> String {
    format!("merged {}", key(merge))
}

/// A contribution as it was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Thing {
    pub(super) was: Contribution,
    /// How its list elements are numbered since, where it came to the other record.
    pub(super) numbers: Vec<Renumbered>,
}

/// What another record's contribution said of a field that refers to the loser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Refers {
    pub(super) contribution: ContributionId,
    pub(super) field: String,
    pub(super) claim: Claim,
}

/// Everything that is kept of a merge.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) struct Kept {
    pub(super) survivor: Record,
    pub(super) loser: Record,
    pub(super) of_survivor: Vec<Thing>,
    pub(super) of_loser: Vec<Thing>,
    pub(super) references: Vec<Refers>,
    /// Records that refer to the loser.
    pub(super) referring: Vec<RecordId>,
}

#[derive(Serialize, Deserialize)]
enum Row {
    Records(Box<(Record, Record)>, Vec<RecordId>),
    OfSurvivor(Box<Thing>),
    OfLoser(Box<Thing>),
    Refers(Box<Refers>),
}

impl Kept {
    /// As they are now, before anything is merged.
    pub(in crate::engine) fn before(draft: &mut Draft<'_>, survivor: RecordId, loser: RecordId) -> Result<Self, StoreError> {
        let things = |draft: &mut Draft<'_>, record: RecordId| -> Result<Vec<Thing>, StoreError> {
            let ids = draft.record(record)?.contributions.clone();
            draft.load_contributions(&ids)?;
            ids.into_iter().map(|id| Ok(Thing { was: draft.contribution(id)?.clone(), numbers: Vec::new() })).collect()
        };
        let referring = draft.referring(loser)?;
        let mut references = Vec::new();
        for record in &referring {
            for id in draft.record(*record)?.contributions.clone() {
                for (field, claim) in draft.contribution(id)?.claims.clone() {
                    if draft.referred(&claim.value)? == Some(loser) {
                        references.push(Refers { contribution: id, field: field.to_string(), claim });
                    }
                }
            }
        }
        Ok(Self {
            of_survivor: things(draft, survivor)?,
            of_loser: things(draft, loser)?,
            survivor: draft.record(survivor)?.clone(),
            loser: draft.record(loser)?.clone(),
            references,
            referring,
        })
    }

    /// The draft has merged them: notes how list elements are numbered since.
    pub(super) fn numbered(&mut self, draft: &Draft<'_>) {
        for thing in &mut self.of_loser {
            thing.numbers = draft.renumbered(thing.was.id);
        }
    }

    /// Writes it, sealed under the survivor's key.
    pub(super) fn put(&self, draft: &mut Draft<'_>, merge: u64) -> Result<(), StoreError> {
        let mut rows =
            vec![("0".to_owned(), Row::Records(Box::new((self.survivor.clone(), self.loser.clone())), self.referring.clone()))];
        let thing = |thing: &Thing| Box::new(thing.clone());
        rows.extend(self.of_survivor.iter().map(|of| (format!("1 {}", key(of.was.id.0)), Row::OfSurvivor(thing(of)))));
        rows.extend(self.of_loser.iter().map(|of| (format!("2 {}", key(of.was.id.0)), Row::OfLoser(thing(of)))));
        let refers = self.references.iter().enumerate();
        rows.extend(refers.map(|(at, of)| (format!("3 {}", key(at as u64)), Row::Refers(Box::new(of.clone())))));
        for (key, row) in rows {
            draft.batch.sealed.push(SealedRow { record: self.survivor.id, space: space(merge), key, value: json(&row)? });
        }
        Ok(())
    }

    /// What is kept of a merge; none where it is not any more.
    pub(super) fn load(store: &dyn Store, merge: u64) -> Result<Option<Self>, StoreError> {
        let (mut records, mut of_survivor, mut of_loser, mut references) = (None, Vec::new(), Vec::new(), Vec::new());
        for (_, row) in store.sealed_rows(&space(merge))? {
            let Some(row) = row else { return Ok(None) };
            match read(&row)? {
                Row::Records(both, referring) => records = Some((*both, referring)),
                Row::OfSurvivor(thing) => of_survivor.push(*thing),
                Row::OfLoser(thing) => of_loser.push(*thing),
                Row::Refers(refers) => references.push(*refers),
            }
        }
        let kept =
            records.map(|((survivor, loser), referring)| Self { survivor, loser, of_survivor, of_loser, references, referring });
        Ok(kept)
    }

    /// Lets go of it.
    pub(super) fn forget(store: &dyn Store, draft: &mut Draft<'_>, merge: u64) -> Result<(), StoreError> {
        let rows = store.sealed_rows(&space(merge))?.into_iter();
        draft.batch.rows.extend(rows.map(|(key, _)| KeyedRow { space: space(merge), key, value: None }));
        Ok(())
    }

    /// All contributions as they were.
    pub(super) fn things(&self) -> impl Iterator<Item = &Thing> {
        self.of_survivor.iter().chain(&self.of_loser)
    }

    pub(super) fn survivors(&self) -> Vec<Contribution> {
        self.of_survivor.iter().map(|thing| thing.was.clone()).collect()
    }

    pub(super) fn losers(&self) -> Vec<Contribution> {
        self.of_loser.iter().map(|thing| thing.was.clone()).collect()
    }
}
