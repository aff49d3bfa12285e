//! Copies of an old value, listed and put right as a person asks for it.

use std::collections::BTreeSet;

use nave_core::catalog::Direction;
use nave_core::copies::Likeness;
use nave_core::reason::is_blank;
use nave_core::value::Value;

use super::find::find;
use super::names::{Names, reference};
use crate::api::{ApiError, CopyLine, CorrectionAnswer, RecordRef, RunLine, UnmappedLine};
use crate::engine::Engine;
use crate::engine::copies::{Can, Copies, Copy, Unmapped};
use crate::engine::correct::{Became, Which};

/// Name of what the hub alone holds.
const HUB: &str = "hub";

/// What is looked for, and what is done about it.
pub(super) struct How<'a> {
    /// The old value; none: all that its history knows.
    pub(super) from: Option<&'a str>,
    /// `all`, or numbers of the list (`1,3`); none: nothing is written.
    pub(super) apply: Option<&'a str>,
    /// Why.
    pub(super) because: &'a str,
    /// Fields that no mapping reads are looked through too.
    pub(super) unmapped: bool,
}

/// Lists the copies of what a field held before, and puts those right that were chosen.
pub(super) async fn correct(
    engine: &Engine,
    which: &RecordRef,
    field: &str,
    how: How<'_>,
    by: &str,
) -> Result<CorrectionAnswer, ApiError> {
    let How { from, apply, because, unmapped } = how;
    let field = field.trim().trim_start_matches('.');
    let id = tokio::task::block_in_place(|| find(engine, which))?.record.id;
    let (copies, became, runs) = match apply {
        None => (engine.show_copies(id, field, from).await?, None, Vec::new()),
        Some(chosen) => {
            if is_blank(because) {
                return Err(ApiError::usage("say why: it is kept in the audit and with each change")
                    .help(format!("`nave record correct {which} {field} --apply {chosen} --because TEXT`")));
            }
            let done = engine.correct(id, field, from, &chosen_of(chosen)?, by, because.trim()).await?;
            (done.copies, Some(done.became), done.runs)
        }
    };
    let outside = if unmapped { Some(engine.unmapped_copies(id, &copies).await?) } else { None };
    let mut answer = tokio::task::block_in_place(|| answer(engine, id, copies, became.as_deref(), &runs))?;
    if let Some(outside) = outside {
        let names = Names::new(engine);
        let line = |copy: Unmapped| UnmappedLine {
            record: format!("{}/{}", copy.entity, copy.record),
            title: names.title_of(copy.record).unwrap_or_default(),
            system: copy.key.connection.to_string(),
            stream: copy.key.stream.to_string(),
            remote_id: copy.key.remote_id.to_string(),
            path: copy.path,
            display: names.display(&copy.value),
            part: copy.likeness == Likeness::Part,
        };
        answer.unasked = outside.unasked.into_iter().map(|(what, why)| format!("{what}: {why}")).collect();
        answer.unmapped = Some(outside.found.into_iter().map(line).collect());
    }
    Ok(answer)
}

/// `all`, `1,3`.
fn chosen_of(text: &str) -> Result<Which, ApiError> {
    if text.trim() == "all" {
        return Ok(Which::All);
    }
    let numbers: Result<BTreeSet<usize>, _> = text.split(',').map(|number| number.trim().parse()).collect();
    numbers.map(Which::Numbers).map_err(|_| {
        ApiError::usage(format!("`{text}` names no copies")).help("write `all`, or numbers of the list that was shown: `1,3`")
    })
}

fn answer(
    engine: &Engine,
    id: nave_core::model::RecordId,
    copies: Copies,
    became: Option<&[Became]>,
    runs: &[nave_core::model::Run],
) -> Result<CorrectionAnswer, ApiError> {
    let names = Names::new(engine);
    let record = super::find::load(engine, id)?.ok_or_else(|| ApiError::not_found("the record is not there any more"))?;
    let display = |value: &Value| names.display(value);
    let lines = copies.copies.iter().enumerate().map(|(at, copy)| {
        let (can, why) = match became.map(|became| &became[at]) {
            None => said(&copy.can),
            Some(Became::Corrected) => ("corrected", None),
            Some(Became::Still(why)) => ("still", Some(why.clone())),
            Some(Became::Left) => ("left", said(&copy.can).1),
        };
        CopyLine {
            number: at + 1,
            record: format!("{}/{}", copy.entity, copy.record),
            title: names.title_of(copy.record).unwrap_or_default(),
            system: copy.key.as_ref().map_or_else(|| HUB.to_owned(), |key| key.connection.to_string()),
            stream: copy.key.as_ref().map(|key| key.stream.to_string()).unwrap_or_default(),
            remote_id: copy.key.as_ref().map_or_else(|| copy.record.to_string(), |key| key.remote_id.to_string()),
            path: copy.path.clone(),
            field: copy.field.clone(),
            direction: copy.direction.map(|direction| word(direction).to_owned()),
            flow: copy.flow.clone(),
            value: copy.value.to_json(),
            display: display(&copy.value),
            part: copy.likeness == Likeness::Part,
            can: can.to_owned(),
            why,
            with: with(&copies.copies, at),
        }
    });
    Ok(CorrectionAnswer {
        record: reference(&record),
        title: names.title(&record),
        field: copies.field.clone(),
        now: copies.now.as_ref().map(display).unwrap_or_default(),
        old: copies.old.iter().map(display).collect(),
        documents: copies.documents,
        left_out: copies.left_out,
        copies: lines.collect(),
        unmapped: None,
        unasked: Vec::new(),
        listed: became.is_none(),
        runs: runs.iter().map(RunLine::from).collect(),
    })
}

fn said(can: &Can) -> (&'static str, Option<String>) {
    match can {
        Can::Write => ("write", None),
        Can::Review(why) => ("review", Some(why.clone())),
        Can::Cannot(why) => ("cannot", Some(why.clone())),
    }
}

/// One field of one record is corrected for every system that shows it.
fn with(copies: &[Copy], at: usize) -> Vec<usize> {
    let copy = &copies[at];
    let same =
        |other: &Copy| copy.claim.is_some() && other.claim.is_some() && other.record == copy.record && other.field == copy.field;
    copies.iter().enumerate().filter(|(other, of)| *other != at && same(of)).map(|(other, _)| other + 1).collect()
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "in",
        Direction::Out => "out",
        Direction::Both => "both",
        Direction::Ignore => "ignore",
    }
}
