//! Fields that only a person decides (`survivorship = "manual"`, and what several changed otherwise under `three-way`): where systems
//! say otherwise than what stands, he is asked, once per field. What he says is his own claim, which no rule and no later edit overrides (I12).

use nave_core::catalog::{Entity, Survivorship};
use nave_core::model::{
    ContributionId, Decision, DecisionChoice, Reason, RecordId, RemoteKey, Review, ReviewId, ReviewKind, Rule,
};
use nave_core::survivorship::{self, STEWARD, three_way};
use nave_core::value::Value;
use nave_store::{KeyedRow, StoreError};

use super::draft::Draft;
use super::steward;
use super::take::title;
use super::{Engine, EngineError};

/// Which field of which record is asked about → number of the review.
const SPACE: &str = "conflict";
/// Which field of which record was answered → number of the review, so that it can be said who decided it, and why.
const ANSWERED: &str = "conflict-answered";

fn key(record: RecordId, field: &str) -> String {
    format!("{:020} {field}", record.0)
}

/// Whether an entity has fields that only a person decides.
pub(super) fn any(entity: &Entity) -> bool {
    entity.fields.values().any(|field| field.survivorship == Survivorship::Manual)
}

/// What systems say of a field, by contribution, the steward's own word last.
pub(crate) fn said(
    draft: &mut Draft<'_>,
    record: RecordId,
    field: &str,
) -> Result<Vec<(ContributionId, RemoteKey, Value)>, StoreError> {
    let mut found = Vec::new();
    for id in draft.counting(record)? {
        let row = draft.contribution(id)?;
        if let Some(claim) = row.claims.get(field) {
            found.push((id, row.key.clone(), claim.value.clone()));
        }
    }
    found.sort_by_key(|(id, key, _)| (key.connection == STEWARD, *id));
    Ok(found)
}

/// Asks about each field of a record of which systems say otherwise than what stands; takes the question back where they no longer do.
/// Who is asked is the field's own steward, else `steward`, the mapping's.
pub(super) fn note(draft: &mut Draft<'_>, entity: &Entity, record: RecordId, steward: &str) -> Result<(), StoreError> {
    let record = draft.surviving(record)?;
    for field in entity.fields.values().filter(|field| field.survivorship == Survivorship::Manual) {
        let said = said(draft, record, &field.name)?;
        let stands = draft.record(record)?.value(&field.name).cloned();
        let settled = said.iter().any(|(_, key, _)| key.connection == STEWARD);
        let differs = !settled && said.iter().any(|(.., value)| !value.is_empty() && Some(value) != stands.as_ref());
        ask(draft, entity, record, &field.name, differs, steward)?;
    }
    Ok(())
}

/// Asks about each field of a record that several systems changed otherwise since it was agreed on; takes back what is no question
/// any more.
pub(super) fn disputed(draft: &mut Draft<'_>, record: RecordId) -> Result<(), StoreError> {
    let asked = record;
    let record = draft.surviving(record)?;
    let name = draft.record(record)?.entity.to_string();
    let entity = draft.entity(&name)?;
    if asked != record {
        // It was merged: who carries on for it is asked about, if anybody.
        for name in was_undecided(draft, asked) {
            ask(draft, entity, asked, &name, false, "")?;
        }
    }
    let mut steward = String::new();
    for id in draft.counting(record)? {
        let key = draft.contribution(id)?.key.clone();
        if let Some(mapping) = draft.catalog.mapping_of(&key).filter(|_| steward.is_empty()) {
            steward.clone_from(&mapping.steward);
        }
    }
    let fields = draft.record(record)?.fields.iter();
    let fields = fields.map(|(name, field)| (name.to_string(), field.rule == Rule::Undecided));
    let fields: Vec<(String, bool)> = fields.filter(|(name, _)| three_way::is(entity, name)).collect();
    for (name, undecided) in fields {
        ask(draft, entity, record, &name, undecided, &steward)?;
    }
    for name in was_undecided(draft, record) {
        // Another rule chooses now, or it is not there any more. Where a person decides always, `note` asks.
        let there = draft.record(record)?.fields.contains_key(name.as_str());
        let rule = survivorship::rule_of(entity, &name);
        if !(there && matches!(rule, Survivorship::ThreeWay | Survivorship::Manual)) {
            ask(draft, entity, record, &name, false, "")?;
        }
    }
    Ok(())
}

/// Fields of a record that were a question before this draft.
fn was_undecided(draft: &Draft<'_>, record: RecordId) -> Vec<String> {
    let fields = draft.before(record).into_iter().flat_map(|record| &record.fields);
    fields.filter(|(_, field)| field.rule == Rule::Undecided).map(|(name, _)| name.to_string()).collect()
}

/// Asks about a field, or an element of a list (`phones/3`), where that is a question and was none; closes it where it was one.
fn ask(
    draft: &mut Draft<'_>,
    entity: &Entity,
    record: RecordId,
    name: &str,
    differs: bool,
    steward: &str,
) -> Result<(), StoreError> {
    let row = draft.row(SPACE, &key(record, name))?;
    let asked = row.and_then(|row| String::from_utf8(row).ok()?.parse().ok()).map(ReviewId);
    let value = match (differs, asked) {
        (true, None) => {
            let whose = draft.record(record)?;
            let title = title(entity, |name| whose.value(name));
            let list = name.split_once('/').map_or(name, |(list, _)| list);
            let label = entity.fields.get(list).map_or(list, |field| &field.label);
            let id = draft.next_review();
            draft.batch.reviews.push(Review {
                id,
                kind: ReviewKind::Conflict { record, field: name.to_owned() },
                entity: entity.name.clone(),
                steward: entity.answers_for(Some(list), steward).to_owned(),
                opened_at: draft.now,
                closed_at: None,
                title: format!("{label} of {title}: systems disagree. Which is right?"),
            });
            Some(id.0.to_string().into_bytes())
        }
        (false, Some(review)) => {
            if let Some(mut review) = draft.store().review(review)?.filter(|review| review.closed_at.is_none()) {
                review.closed_at = Some(draft.now);
                draft.batch.reviews.push(review);
            }
            None
        }
        _ => return Ok(()),
    };
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(record, name), value });
    Ok(())
}

/// What a person said: one system's value, or what stands. It is his own claim from now on.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    record: RecordId,
    field: &str,
    review: ReviewId,
    choice: &DecisionChoice,
) -> Result<(), EngineError> {
    let asked = record;
    let record = draft.surviving(record)?;
    let said = said(draft, record, field)?;
    let value = match choice {
        DecisionChoice::Remote(remote) => match said.iter().find(|(_, key, _)| key == remote) {
            Some((.., value)) => value.clone(),
            None => {
                let known: Vec<String> = said.iter().map(|(_, key, _)| key.to_string()).collect();
                return Err(EngineError::Refused(format!(
                    "{remote} says nothing of `{field}`; those that do: {}. `nave review decide {review} {} --reason TEXT`",
                    known.join(", "),
                    known.first().map_or("refuse", String::as_str)
                )));
            }
        },
        DecisionChoice::Refuse => draft.record(record)?.value(field).cloned().unwrap_or_default(),
        _ => {
            let known: Vec<String> = said.iter().map(|(_, key, _)| key.to_string()).collect();
            return Err(EngineError::Refused(format!(
                "say whose value is right ({}), or `refuse` to leave it as it is: `nave review decide {review} {} --reason TEXT`",
                known.join(", "),
                known.first().map_or("refuse", String::as_str)
            )));
        }
    };
    steward::assert(draft, record, field, value)?;
    draft.recompute(record)?;
    draft.enter_all(record, Reason::Changed)?;
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(asked, field), value: None });
    let number = Some(review.0.to_string().into_bytes());
    draft.batch.rows.push(KeyedRow { space: ANSWERED.into(), key: key(record, field), value: number });
    Ok(())
}

impl Engine {
    /// The last answer about a field of a record that only a person decides.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) fn answered(&self, record: RecordId, field: &str) -> Result<Option<Decision>, StoreError> {
        let row = self.store.row(ANSWERED, &key(record, field))?;
        let review = row.and_then(|row| String::from_utf8(row).ok()?.parse().ok()).map(ReviewId);
        Ok(match review {
            Some(review) => self.store.decisions(review)?.pop(),
            None => None,
        })
    }
}
