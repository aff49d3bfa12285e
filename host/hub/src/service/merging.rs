//! Merges of records, as a person asks for them.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{Record, RecordId, RemoteKey};
use nave_core::value::Value;

use super::count;
use super::find::{find, load};
use super::names::{Names, reference, remote, rule};
use crate::api::{
    ApiError, MergeAnswer, MergeFieldLine, MergeLine, MergeObjectLine, MergeStepLine, MergedFrom, MergesAnswer, RecordRef,
    UndoneLine,
};
use crate::engine::Engine;
use crate::engine::merges::{Merge, MergePlan, MergeState, Step, StepKind, StepOutcome, UnmergePlan};

/// The records of a merge as a person names them.
pub(super) struct Two<'r> {
    pub(super) one: &'r RecordRef,
    pub(super) other: &'r RecordRef,
    pub(super) into: Option<&'r RecordRef>,
}

/// Plans a merge, or carries it out.
pub(super) async fn merge(engine: &Engine, of: &Two<'_>, plan: bool, by: &str, reason: &str) -> Result<MergeAnswer, ApiError> {
    let id = |which: &RecordRef| tokio::task::block_in_place(|| find(engine, which)).map(|found| found.asked.id);
    let (one, other) = (id(of.one)?, id(of.other)?);
    let into = of.into.map(id).transpose()?;
    if plan {
        return tokio::task::block_in_place(|| planned(engine, &engine.plan_merge(one, other, into)?));
    }
    let merge = engine.merge(one, other, into, by, reason).await?;
    tokio::task::block_in_place(|| stands(engine, &merge))
}

/// Plans to take a merge back, or does it.
pub(super) async fn unmerge(
    engine: &Engine,
    which: &str,
    assign: &BTreeMap<RecordRef, RecordRef>,
    plan: bool,
    by: &str,
    reason: &str,
) -> Result<MergeAnswer, ApiError> {
    let id = tokio::task::block_in_place(|| which_merge(engine, which))?;
    let assign = tokio::task::block_in_place(|| assigned(engine, id, assign))?;
    if plan {
        return tokio::task::block_in_place(|| parting(engine, &engine.plan_unmerge(id, &assign)?));
    }
    let merge = engine.unmerge(id, &assign, by, reason).await?;
    tokio::task::block_in_place(|| stands(engine, &merge))
}

/// Goes on with one.
pub(super) async fn resume(engine: &Engine, id: u64, by: &str) -> Result<MergeAnswer, ApiError> {
    let merge = engine.resume_merge(id, by).await?;
    tokio::task::block_in_place(|| stands(engine, &merge))
}

/// One merge.
pub(super) fn show(engine: &Engine, id: u64) -> Result<MergeAnswer, ApiError> {
    stands(engine, &engine.merge_of(id)?)
}

/// Merges, newest first.
pub(super) fn list(engine: &Engine, all: bool, limit: usize) -> Result<MergesAnswer, ApiError> {
    let names = Names::new(engine);
    let mut merges = engine.merges()?;
    merges.retain(|merge| all || !matches!(merge.state, MergeState::Done | MergeState::Undone));
    let line = |merge: &Merge| MergeLine {
        id: merge.id,
        state: merge.state.word().to_owned(),
        undo: merge.undo.is_some(),
        survivor: format!("{}/{}", merge.entity, merge.survivor),
        title: names.title_of(merge.survivor).unwrap_or_default(),
        loser: format!("{}/{}", merge.entity, merge.loser),
        by: merge.by.clone(),
        reason: merge.reason.clone(),
        at: merge.at.to_string(),
        done: merge.current().iter().filter(|step| step.is_done()).count() as u64,
        steps: merge.current().len() as u64,
    };
    Ok(MergesAnswer { merges: merges.iter().rev().take(limit).map(line).collect() })
}

/// What was merged into a record and can be taken out again.
pub(super) fn merged_from(engine: &Engine, record: &Record) -> Result<Vec<MergedFrom>, ApiError> {
    let merges = engine.merges_into(record.id)?.into_iter();
    Ok(merges.map(|merge| MergedFrom { record: format!("{}/{}", merge.entity, merge.loser), merge: merge.id }).collect())
}

/// The merge that is meant: by its number, or by the record that was merged.
fn which_merge(engine: &Engine, which: &str) -> Result<u64, ApiError> {
    if let Ok(id) = which.strip_prefix("merge/").unwrap_or(which).parse() {
        return Ok(id);
    }
    let named: RecordRef = which.parse().map_err(|_| {
        ApiError::usage(format!("`{which}` names no merge"))
            .help("write its number, as `nave match merges list --all` shows it, or the record that was merged: contact/15")
    })?;
    let found = find(engine, &named)?;
    let asked = reference(&found.asked);
    match engine.merge_that_took(found.asked.id)? {
        Some(id) => Ok(id),
        None if found.merged.is_empty() => {
            let into = engine.merges_into(found.asked.id)?;
            let help = match into.as_slice() {
                [] => "`nave match merges list --all` shows what was merged".to_owned(),
                merges => {
                    let all: Vec<String> = merges
                        .iter()
                        .map(|merge| format!("`nave match unmerge {}/{} --reason TEXT`", merge.entity, merge.loser))
                        .collect();
                    format!("others were merged into it: {}", all.join(", "))
                }
            };
            Err(ApiError::usage(format!("{asked} is not merged into another record")).help(help))
        }
        None => Err(ApiError::usage(format!(
            "what {asked} was before it was merged is not kept: that was before merges could be taken back"
        ))),
    }
}

fn assigned(engine: &Engine, id: u64, assign: &BTreeMap<RecordRef, RecordRef>) -> Result<Vec<(RemoteKey, RecordId)>, ApiError> {
    let merge = engine.merge_of(id)?;
    let mut found = Vec::new();
    for (object, to) in assign {
        let RecordRef::Remote { connection, stream, remote_id } = object else {
            return Err(ApiError::usage(format!("`{object}` is no object of a system"))
                .help("write it as its system and stream call it: crm/contacts:77"));
        };
        let streams: Vec<String> = match stream {
            Some(stream) => vec![stream.clone()],
            None => {
                let catalog = engine.catalog();
                let mappings = catalog.mappings.values();
                let of = mappings.filter(|mapping| mapping.connection == *connection && mapping.entity == merge.entity);
                of.map(|mapping| mapping.alias.clone()).collect()
            }
        };
        let stream = streams.first().cloned().unwrap_or_default();
        let RecordRef::Record { id: to, .. } = to else {
            return Err(ApiError::usage(format!("`{to}` is no number of a record"))
                .help(format!("write {}/{} or {}/{}", merge.entity, merge.survivor, merge.entity, merge.loser)));
        };
        found.push((RemoteKey::new(connection.as_str(), stream, remote_id.as_str()), RecordId(*to)));
    }
    Ok(found)
}

/// A list's name for its elements.
fn list_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(list, _)| list)
}

/// The elements of a list in one line, sorted: their numbers mean nothing across records.
fn elements<'v>(names: &Names<'_>, values: impl Iterator<Item = &'v Value>) -> Option<String> {
    let mut all: Vec<String> = values.filter(|value| !value.is_empty()).map(|value| names.display(value)).collect();
    all.sort();
    (!all.is_empty()).then(|| all.join(", "))
}

fn planned(engine: &Engine, plan: &MergePlan) -> Result<MergeAnswer, ApiError> {
    let names = Names::new(engine);
    let record = |id: RecordId| format!("{}/{id}", plan.entity);
    let stored = |id| -> Result<Record, ApiError> {
        load(engine, id)?.ok_or_else(|| ApiError::failed(format!("record {id} is not there any more")))
    };
    let (survivor, loser) = (stored(plan.survivor)?, stored(plan.loser)?);
    let mut fields = Vec::new();
    let mut lists = BTreeSet::new();
    for field in &plan.fields {
        if field.field.contains('/') {
            lists.insert(list_of(&field.field));
            continue;
        }
        let shown = |value: &Option<Value>| value.as_ref().filter(|value| !value.is_empty()).map(|value| names.display(value));
        fields.push(MergeFieldLine {
            record: record(plan.survivor),
            field: field.field.clone(),
            label: names.label(&plan.entity, &field.field),
            value: shown(&Some(field.value.clone())),
            json: Some(field.value.to_json()),
            from: field.from.as_ref().map(remote).unwrap_or_default(),
            rule: rule(field.rule).to_owned(),
            survivor: shown(&field.survivor),
            loser: shown(&field.loser),
        });
    }
    for list in lists {
        let of = |record: &Record| elements(&names, record.elements(list).map(|(_, value)| value));
        let mut from: Vec<String> = plan
            .fields
            .iter()
            .filter(|field| list_of(&field.field) == list && field.field.contains('/'))
            .filter_map(|field| field.from.as_ref().map(remote))
            .collect();
        from.sort();
        from.dedup();
        let all = plan.fields.iter().filter(|field| list_of(&field.field) == list && field.field.contains('/'));
        fields.push(MergeFieldLine {
            record: record(plan.survivor),
            field: list.to_owned(),
            label: names.label(&plan.entity, list),
            value: elements(&names, all.map(|field| &field.value)),
            json: None,
            from: from.join(", "),
            rule: "all of both".into(),
            survivor: of(&survivor),
            loser: of(&loser),
        });
    }
    let moves = plan.moves.iter().map(|key| MergeObjectLine {
        object: remote(key),
        to: record(plan.survivor),
        because: format!("it is of {}", record(plan.loser)),
    });
    let mut notes = Vec::new();
    if let Some(apart) = &plan.apart {
        notes.push(format!(
            "{} said on {} that these are not the same ({}); merging them takes that back",
            apart.by, apart.at, apart.reason
        ));
    }
    if plan.steps.iter().any(|step| matches!(step.what, StepKind::Merge(_))) {
        notes.push(
            "a system that merges its objects does not take that back: if the merge is, the object is made there again, \
             under a new id"
                .to_owned(),
        );
    }
    Ok(MergeAnswer {
        planned: true,
        state: MergeState::Planned.word().to_owned(),
        survivor: record(plan.survivor),
        survivor_title: names.title(&survivor),
        loser: record(plan.loser),
        fields,
        objects: moves.collect(),
        references: plan.references.iter().map(|id| referring(engine, *id)).collect::<Result<_, _>>()?,
        steps: plan.steps.iter().map(step).collect(),
        notes,
        ..MergeAnswer::default()
    })
}

fn referring(engine: &Engine, id: RecordId) -> Result<String, ApiError> {
    Ok(load(engine, id)?.map_or_else(|| id.to_string(), |record| reference(&record)))
}

fn parting(engine: &Engine, plan: &UnmergePlan) -> Result<MergeAnswer, ApiError> {
    let names = Names::new(engine);
    let merge = &plan.merge;
    let record = |id: RecordId| format!("{}/{id}", merge.entity);
    let mut fields = Vec::new();
    let mut lists: BTreeSet<(RecordId, &str)> = BTreeSet::new();
    for field in &plan.fields {
        if field.field.contains('/') {
            lists.insert((field.record, list_of(&field.field)));
            continue;
        }
        let shown = |value: &Option<Value>| value.as_ref().filter(|value| !value.is_empty()).map(|value| names.display(value));
        fields.push(MergeFieldLine {
            record: record(field.record),
            field: field.field.clone(),
            label: names.label(&merge.entity, &field.field),
            value: shown(&field.after),
            json: field.after.as_ref().map(Value::to_json),
            survivor: shown(&field.now),
            ..MergeFieldLine::default()
        });
    }
    let survivor = load(engine, merge.survivor)?;
    for (of, list) in lists {
        let mine = plan.fields.iter().filter(|field| field.record == of && list_of(&field.field) == list);
        // Of the survivor only the elements that change are told: what stays is there besides.
        let stay = survivor.iter().filter(|_| of == merge.survivor).flat_map(|record| record.elements(list));
        let changed: BTreeSet<String> = mine.clone().map(|field| field.field.clone()).collect();
        let stay = stay.filter(|(number, _)| !changed.contains(&format!("{list}/{number}"))).map(|(_, value)| value.clone());
        let all: Vec<Value> = mine.filter_map(|field| field.after.clone()).chain(stay).collect();
        fields.push(MergeFieldLine {
            record: record(of),
            field: list.to_owned(),
            label: names.label(&merge.entity, list),
            value: elements(&names, all.iter()),
            survivor: survivor.as_ref().and_then(|record| elements(&names, record.elements(list).map(|(_, value)| value))),
            ..MergeFieldLine::default()
        });
    }
    let objects = plan.goes.iter().map(|goes| {
        let edited = match goes.edited.as_slice() {
            [] => String::new(),
            fields => format!("; with what was edited there since: {}", fields.join(", ")),
        };
        let why = match (goes.assigned, goes.new) {
            (true, _) => "you say so".to_owned(),
            (false, true) => {
                format!("it came after the merge, and stays; `--assign {}={}` changes that", goes.key, record(merge.loser))
            }
            (false, false) => "it was its own before".to_owned(),
        };
        MergeObjectLine { object: remote(&goes.key), to: record(goes.to), because: format!("{why}{edited}") }
    });
    Ok(MergeAnswer {
        planned: true,
        fields,
        objects: objects.collect(),
        references: plan.references.iter().map(|id| referring(engine, *id)).collect::<Result<_, _>>()?,
        steps: plan.steps.iter().map(step).collect(),
        left: plan.left.clone(),
        ..stands(engine, merge)?
    })
}

/// A merge as it stands.
fn stands(engine: &Engine, merge: &Merge) -> Result<MergeAnswer, ApiError> {
    let names = Names::new(engine);
    Ok(MergeAnswer {
        id: Some(merge.id),
        state: merge.state.word().to_owned(),
        survivor: format!("{}/{}", merge.entity, merge.survivor),
        survivor_title: names.title_of(merge.survivor).unwrap_or_default(),
        loser: format!("{}/{}", merge.entity, merge.loser),
        by: merge.by.clone(),
        followed: merge.followed,
        reason: merge.reason.clone(),
        at: merge.at.to_string(),
        steps: merge.current().iter().map(step).collect(),
        left: merge.undo.as_ref().map(|undo| undo.left.clone()).unwrap_or_default(),
        undone: merge.undo.as_ref().map(|undo| UndoneLine {
            by: undo.by.clone(),
            reason: undo.reason.clone(),
            at: undo.at.to_string(),
        }),
        ..MergeAnswer::default()
    })
}

fn step(step: &Step) -> MergeStepLine {
    let id = step.remote_id.clone().unwrap_or_default();
    let sentence = match &step.what {
        StepKind::Update => format!("{id} gets what the record holds"),
        StepKind::KeepInStep => format!("{id} is kept in step with it"),
        StepKind::Merge(into) => format!("{id} is merged into {into}"),
        StepKind::Archive => format!("{id} is put away"),
        StepKind::Leave(why) => format!("{id} is left as it is: {why}"),
        StepKind::Again => "an object is made again, under a new id".to_owned(),
        StepKind::References(records) => {
            format!("{} to the record that it is now", count(records.len(), "object refers", "objects refer"))
        }
    };
    let (outcome, detail) = match &step.outcome {
        StepOutcome::Waiting(why) => ("waiting", why.clone()),
        StepOutcome::Done => ("done", step.left.join("; ")),
        StepOutcome::Refused(why) => ("refused", why.clone()),
        StepOutcome::Asked(review) => ("asked", format!("`nave review show {review}` asks first")),
    };
    let review = match &step.outcome {
        StepOutcome::Asked(review) => Some(*review),
        _ => None,
    };
    MergeStepLine {
        review,
        connection: step.connection.clone(),
        flow: step.flow.clone(),
        remote_id: step.remote_id.clone(),
        what: step.what.word().to_owned(),
        sentence,
        outcome: outcome.to_owned(),
        detail,
        verified: step.verified.map(|at| at.to_string()),
    }
}
