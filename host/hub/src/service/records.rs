//! One record: what it holds, what each system says about it, its history, and what every system calls it.

use nave_core::catalog::Entity;
use nave_core::model::{Cause, Change, ChangeKind, Contribution, ContributionId, ContributionState, Record};
use nave_core::survivorship;

use super::deliveries;
use super::find::{Found, find};
use super::listed;
use super::merging;
use super::names::{Names, minute, record_state, reference, remote, remote_state, rule};
use crate::api::{
    Answer, ApiError, ChangeView, ClaimView, ContributionView, FieldChangeView, HistoryAnswer, RecordAnswer, RecordField,
    RecordRef, RemoteView, XrefAnswer,
};
use crate::engine::Engine;

/// One record with its contributions. Of a merged one: the record that carries on, under the name that was asked for.
pub(super) fn show(engine: &Engine, which: &RecordRef) -> Result<RecordAnswer, ApiError> {
    let found = find(engine, which)?;
    let names = Names::new(engine);
    let rows = found.contributions(engine)?;
    let deliveries = deliveries::of_record(engine, &names, &found.record, &rows)?;
    Ok(RecordAnswer {
        record: found.reference(),
        entity: found.record.entity.to_string(),
        title: names.title(&found.record),
        state: record_state(&found.asked.state).to_owned(),
        merged_into: found.merged_into(),
        merged_from: merging::merged_from(engine, &found.record)?,
        version: found.record.version,
        fields: fields(engine, &names, &found.record, &rows)?,
        contributions: contributions(engine, &names, &found.record, &rows, &deliveries)?,
        deliveries,
    })
}

/// A steward says what a field holds: his own claim. Another source's refusal of consent stands all the same, and he is told.
pub(super) async fn set(
    engine: &Engine,
    which: &RecordRef,
    (field, value): (&str, &str),
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    let found = tokio::task::block_in_place(|| find(engine, which))?;
    let (id, holds) = engine.steward_says(found.record.id, (field, value), by, reason).await?;
    let record = format!("{}/{id}", found.record.entity);
    tokio::task::block_in_place(|| {
        let names = Names::new(engine);
        let rows = found.contributions(engine)?;
        let entity = names.catalog.entities.get(found.record.entity.as_str());
        let mut contenders = survivorship::contenders(&rows.iter().collect::<Vec<_>>(), field);
        let lifted = entity.map(|entity| lifted(&names, entity, &rows)).unwrap_or_default();
        contenders.retain(|one| !lifted.iter().any(|(id, of)| *id == one.contribution.id && of == field));
        let stances = entity.and_then(|entity| survivorship::consent::stances(entity, field));
        let refusing: Vec<String> = stances
            .map(|stances| survivorship::consent::refusals(stances, &contenders))
            .unwrap_or_default()
            .iter()
            .filter(|one| one.contribution.key.connection != survivorship::STEWARD)
            .map(|one| format!("{} refused on {}", remote(&one.contribution.key), minute(one.claim.claimed_at)))
            .collect();
        let stands = if refusing.is_empty() {
            String::new()
        } else {
            format!(" {}: that stands until it is granted there again.", listed(&refusing))
        };
        let display = names.display(&holds);
        let message = format!(
            "A steward says {value:?} of `{field}` of {record}, which holds {display} now; systems get it with the next sync.{stands}"
        );
        Ok(Answer::done(message, 1))
    })
}

/// Refusals of connections that are not there any more and that a steward has lifted.
pub(super) fn lifted(names: &Names<'_>, entity: &Entity, rows: &[Contribution]) -> Vec<(ContributionId, String)> {
    let is_there = |connection: &str| names.catalog.connections.contains_key(connection);
    survivorship::consent::lifted(entity, &rows.iter().collect::<Vec<_>>(), is_there)
}

/// A steward's word about a field is taken back: what it holds now, and who says so.
pub(super) async fn release(engine: &Engine, which: &RecordRef, field: &str, by: &str, reason: &str) -> Result<Answer, ApiError> {
    let found = tokio::task::block_in_place(|| find(engine, which))?;
    let (id, said, now) = engine.steward_releases(found.record.id, field, by, reason).await?;
    tokio::task::block_in_place(|| {
        let names = Names::new(engine);
        let record = format!("{}/{id}", found.record.entity);
        let said = names.display(&said);
        let stands = match now {
            None => "nobody else says anything of it".to_owned(),
            Some(now) => {
                let whose = engine.store.contributions(&[now.winner])?.pop().flatten();
                let whose = whose.map(|row| format!(", said by {}", remote(&row.key))).unwrap_or_default();
                format!("it holds {} now{whose}", names.display(&now.value))
            }
        };
        let message = format!(
            "No steward says {said} of `{field}` of {record} any more: {stands}. `nave record why {record} {field}` says which rule chose."
        );
        Ok(Answer::done(message, 1))
    })
}

fn fields(engine: &Engine, names: &Names<'_>, record: &Record, rows: &[Contribution]) -> Result<Vec<RecordField>, ApiError> {
    let mut fields = Vec::new();
    for (name, field) in &record.fields {
        if name.contains('/') && field.value.is_empty() {
            continue; // an element that was taken out of its list
        }
        let winner = match rows.iter().find(|row| row.id == field.winner) {
            Some(row) => Some(row.clone()),
            None => engine.store.contributions(&[field.winner])?.pop().flatten(),
        };
        let from = winner.as_ref().map(|row| remote(&row.key)).unwrap_or_default();
        fields.push(RecordField {
            field: name.to_string(),
            label: names.label(&record.entity, name),
            value: field.value.to_json(),
            display: names.display(&field.value),
            from,
            rule: rule(field.rule).to_owned(),
            claimed_at: field.claimed_at.to_string(),
            as_of: winner.map(|row| row.read_at.to_string()).unwrap_or_default(),
        });
    }
    Ok(fields)
}

/// What each system says, and how far behind it is.
fn contributions(
    engine: &Engine,
    names: &Names<'_>,
    record: &Record,
    rows: &[Contribution],
    waiting: &[crate::api::DeliveryView],
) -> Result<Vec<ContributionView>, ApiError> {
    let now = engine.now();
    let mut views = Vec::new();
    for row in rows {
        if row.key.connection == survivorship::STEWARD && row.claims.is_empty() {
            continue; // all that a steward said was taken back
        }
        let mut view = contribution(names, record, row);
        let here = |mapping: &&std::sync::Arc<nave_core::catalog::Mapping>| {
            mapping.connection == row.key.connection.as_str() && mapping.alias == row.key.stream.as_str()
        };
        for mapping in names.catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()).filter(here) {
            let since = match waiting.iter().any(|delivery| delivery.flow == mapping.name) {
                true => engine.pending_since(mapping, record.id)?,
                false => None,
            };
            view.lag_s = Some(since.map_or(0, |since| now.0.saturating_sub(since.0).max(0) as u64 / 1_000));
        }
        views.push(view);
    }
    Ok(views)
}

fn contribution(names: &Names<'_>, record: &Record, row: &Contribution) -> ContributionView {
    let claims = row.claims.iter().map(|(field, claim)| ClaimView {
        field: field.to_string(),
        value: claim.value.to_json(),
        display: names.display(&claim.value),
        claimed_at: claim.claimed_at.to_string(),
        observed_at: claim.observed_at.to_string(),
        wins: record.fields.get(field).is_some_and(|chosen| chosen.winner == row.id && names.same(&chosen.value, &claim.value)),
    });
    ContributionView {
        id: row.id.0,
        remote: remote(&row.key),
        connection: row.key.connection.to_string(),
        state: match &row.state {
            ContributionState::Deleted { evidence, .. } => format!("deleted ({evidence})"),
            state => remote_state(state),
        },
        version: row.version.as_ref().map(ToString::to_string),
        read_at: row.read_at.to_string(),
        attempted_at: row.attempted_at.map(|time| time.to_string()),
        lag_s: None,
        shadow: row.shadow.iter().map(|(path, value)| (path.to_string(), value.to_json())).collect(),
        claims: claims.collect(),
    }
}

/// A record's changelog, newest first, with that of the merged record it was asked by.
pub(super) fn history(engine: &Engine, which: &RecordRef, limit: usize) -> Result<HistoryAnswer, ApiError> {
    let found = find(engine, which)?;
    let names = Names::new(engine);
    let mut changes = engine.store.record_changes(found.record.id, limit)?;
    for id in &found.merged {
        changes.extend(engine.store.record_changes(*id, limit)?);
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.sequence));
    changes.truncate(limit);
    Ok(HistoryAnswer {
        record: found.reference(),
        title: names.title(&found.record),
        changes: changes.iter().map(|entry| change(&names, entry)).collect(),
    })
}

fn change(names: &Names<'_>, change: &Change) -> ChangeView {
    let fields = change.fields.iter().map(|field| FieldChangeView {
        field: field.field.to_string(),
        before: field.before.as_ref().map(|value| names.display(value)),
        after: field.after.as_ref().map(|value| names.display(value)),
    });
    ChangeView {
        sequence: change.sequence.0,
        at: change.at.to_string(),
        kind: match &change.kind {
            ChangeKind::Created => "created".to_owned(),
            ChangeKind::Updated => "updated".to_owned(),
            ChangeKind::Absorbed(other) => format!("absorbed {}/{other}", change.entity),
            ChangeKind::MergedInto(other) => format!("merged into {}/{other}", change.entity),
            ChangeKind::Unmerged(other) => format!("{}/{other} was taken out of it again", change.entity),
            ChangeKind::UnmergedFrom(other) => format!("unmerged from {}/{other}", change.entity),
            ChangeKind::Deleted => "deleted".to_owned(),
            ChangeKind::Archived => "archived".to_owned(),
            ChangeKind::Restored => "restored".to_owned(),
            ChangeKind::Linked(id, why) => match names.key_of(*id) {
                Some(key) => format!("linked {key}: {why}"),
                None => format!("linked: {why}"),
            },
            ChangeKind::Rejected(id, why) => match names.key_of(*id) {
                Some(key) => format!("rejected what {key} says of {why}"),
                None => format!("rejected {why}"),
            },
        },
        cause: cause(&change.cause),
        fields: fields.collect(),
    }
}

/// Who or what, in words: `ada decided review 3`, `crm, in run 12`.
fn cause(cause: &Cause) -> String {
    let during = cause.run.map(|run| format!("in run {run}"));
    match (&cause.person, &cause.rule) {
        (Some(person), Some(rule)) => format!("{person} decided {rule}"),
        (Some(person), None) => format!("decided by {person}"),
        (None, rule) => {
            let parts: Vec<String> = cause.connection.iter().map(ToString::to_string).chain(rule.clone()).chain(during).collect();
            if parts.is_empty() { "the hub".to_owned() } else { parts.join(", ") }
        }
    }
}

/// Changes of a record that are looked through for when its objects were linked.
const LINKS_LOOKED_AT: usize = 10_000;

/// The change that linked an object, and why: found to be this record, made for it, or the one that the record was made of.
fn linked<'c>(changes: &'c [Change], row: &Contribution) -> Option<(&'c Change, String)> {
    let told = changes.iter().find_map(|change| match &change.kind {
        ChangeKind::Linked(id, why) if *id == row.id => Some((change, why.clone())),
        _ => None,
    });
    told.or_else(|| {
        let made = |change: &&Change| {
            change.kind == ChangeKind::Created
                && change.cause.connection.as_ref().is_none_or(|connection| *connection == row.key.connection)
        };
        changes.iter().find(made).map(|change| (change, "the record was made of it".to_owned()))
    })
}

/// What every system calls a record.
pub(super) fn xref(engine: &Engine, which: &RecordRef) -> Result<XrefAnswer, ApiError> {
    let found: Found = find(engine, which)?;
    let mut changes = engine.store.record_changes(found.record.id, LINKS_LOOKED_AT)?;
    for id in &found.merged {
        changes.extend(engine.store.record_changes(*id, LINKS_LOOKED_AT)?);
    }
    // What came with another record is this one since the two were merged.
    let came = engine.came_with(found.record.id)?;
    let remotes = found.contributions(engine)?.into_iter().map(|row| {
        let (since, by, because) = match (came.get(&row.id), linked(&changes, &row)) {
            (Some(merge), _) => {
                let why = if merge.reason.is_empty() { String::new() } else { format!(": {}", merge.reason) };
                let because = format!("it came with {}/{} by merge {}{why}", merge.entity, merge.loser, merge.id);
                (Some(merge.at), Some(merge.by.clone()), Some(because))
            }
            (None, Some((change, why))) => (Some(change.at), Some(cause(&change.cause)), Some(why)),
            (None, None) => (None, None, None),
        };
        RemoteView {
            state: remote_state(&row.state),
            since: since.map(|at| at.to_string()),
            by,
            because,
            connection: row.key.connection.into(),
            stream: row.key.stream.into(),
            remote_id: row.key.remote_id.into(),
        }
    });
    Ok(XrefAnswer {
        // The number that holds for ever is the one that carries on.
        record: reference(&found.record),
        title: Names::new(engine).title(&found.record),
        remotes: remotes.collect(),
    })
}
