//! What waits for a person, with what speaks for each choice.

use std::collections::BTreeSet;

use nave_core::model::{
    Contribution, ContributionId, Decision, DecisionChoice, Record, RecordId, Review, ReviewId, ReviewKind, Went,
};
use nave_core::value::Value;

use super::find::{follow, load};
use super::listed;
use super::names::{Names, reference};
use crate::api::{Answer, ApiError, Candidate, DecisionView, ReviewAnswer, ReviewField, ReviewLine, ReviewsAnswer};
use crate::engine::Engine;

/// Reviews in one list: more than a person can look at.
const REVIEWS_LISTED_MAX: usize = 10_000;

/// What waits for a person, oldest first.
pub(super) fn list(engine: &Engine, all: bool) -> Result<ReviewsAnswer, ApiError> {
    let mut reviews = engine.store.reviews(!all, ReviewId(0), REVIEWS_LISTED_MAX)?;
    reviews.sort_by_key(|review| review.id);
    Ok(ReviewsAnswer { reviews: reviews.iter().map(|review| line(engine, review)).collect() })
}

fn line(engine: &Engine, review: &Review) -> ReviewLine {
    let due = review.opened_at.plus_ms(engine.catalog().hub.alerts.due_ms as i64);
    ReviewLine {
        due: due.to_string(),
        overdue: review.closed_at.is_none() && due <= engine.now(),
        id: review.id.0,
        kind: match review.kind {
            ReviewKind::Match { .. } => "match",
            ReviewKind::Delete { .. } => "delete",
            ReviewKind::Remove { into: None, .. } => "remove",
            ReviewKind::Remove { into: Some(_), .. } => "merge",
            ReviewKind::Volume { .. } => "volume",
            ReviewKind::Frozen { .. } => "frozen",
            ReviewKind::Conflict { .. } => "conflict",
            ReviewKind::UnknownOutcome { .. } => "unknown-outcome",
            ReviewKind::DeadLetter { .. } => "dead-letter",
        }
        .to_owned(),
        entity: review.entity.clone(),
        title: review.title.clone(),
        steward: review.steward.clone(),
        opened_at: review.opened_at.to_string(),
        closed_at: review.closed_at.map(|time| time.to_string()),
    }
}

/// One review, with what speaks for each choice.
pub(super) fn show(engine: &Engine, id: u64) -> Result<ReviewAnswer, ApiError> {
    let review = engine.store.review(ReviewId(id))?.ok_or_else(|| {
        ApiError::not_found(format!("there is no review {id}"))
            .help("`nave review list` shows the open ones, with --all every one")
    })?;
    let names = Names::new(engine);
    let decisions = engine.store.decisions(review.id)?;
    let mut answer = match &review.kind {
        ReviewKind::Match { contribution, candidates, reasons } => {
            matching(engine, &names, &review, *contribution, candidates, reasons)?
        }
        ReviewKind::Delete { contribution, record } => {
            let gone = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let question = format!(
                "{} was deleted in {}. `approve` deletes it in every other system that is told of it; `refuse` leaves it there.",
                names.title(&record),
                gone.map_or_else(|| "a system".into(), |row| row.key.connection)
            );
            about_record(&names, &record, question)
        }
        ReviewKind::Remove { destination, record, contribution, into } => {
            let row = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let connection = names.catalog.mappings.get(destination).map_or(destination.as_str(), |mapping| &mapping.connection);
            let object = row.map_or_else(|| "an object".to_owned(), |row| row.key.to_string());
            let title = names.title(&record);
            let question = match into {
                Some(into) => format!(
                    "{title} is there more than once in {connection}. `approve` merges {object} into {into} there, which cannot \
                     be undone; `refuse` leaves it as it is."
                ),
                None => format!(
                    "{title} is no longer among what {destination} sends to {connection}. `approve` deletes {object} there; \
                     `refuse` leaves it as it is."
                ),
            };
            about_record(&names, &record, question)
        }
        ReviewKind::Frozen { destination, record, contribution, path } => {
            let row = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let connection = names.catalog.mappings.get(destination).map_or(destination.as_str(), |mapping| &mapping.connection);
            let there = row.as_ref().and_then(|row| row.shadow.get(path)).map(|value| names.display(value)).unwrap_or_default();
            let question = format!(
                "`{path}` of {} in {connection} was written again and again within a day, and something there changed it \
                 each time, to {there:?} last. Every write succeeded, so that it would go on for ever. Look for a workflow, an \
                 automation or another integration there that sets it, or let {connection} own the field in its entity. `approve` \
                 writes it again; `refuse` leaves it as it is there until another value is wanted.",
                names.title(&record)
            );
            about_record(&names, &record, question)
        }
        ReviewKind::Conflict { record, field } => conflict(engine, &names, &record_of(engine, *record)?, field)?,
        ReviewKind::Volume { connection, stream, what, things, known } => {
            volume(engine, &names, (connection, stream), what, (*things, *known))?
        }
        ReviewKind::UnknownOutcome { destination, record } => {
            let record = record_of(engine, *record)?;
            lost(engine, &names, destination, &record)?
        }
        ReviewKind::DeadLetter { letter, flow } => set_aside(engine, *letter, flow)?,
    };
    if review.closed_at.is_some() {
        answer.choices.clear();
    }
    answer.decisions = decisions.iter().map(|decision| decided(&review, decision)).collect();
    answer.review = line(engine, &review);
    Ok(answer)
}

/// Things that a review of a volume names: enough to see what they have in common.
const VOLUME_EXAMPLES: usize = 20;

/// What went at once, with some of it.
fn volume(
    engine: &Engine,
    names: &Names<'_>,
    (connection, stream): (&str, &str),
    what: &Went,
    (things, known): (u64, u64),
) -> Result<ReviewAnswer, ApiError> {
    let question = match what {
        Went::Vanished => format!(
            "{things} of the {known} things that were known of {stream} in {connection} are not in its latest complete reading. \
             `approve` if they are gone: exactly these are taken for deleted; `refuse` if they are not: they are kept."
        ),
        Went::Deleted => format!(
            "{connection} says that {things} of the {known} things known of {stream} were deleted. `approve` takes exactly these \
             in as deleted; `refuse` keeps them as if they were still there."
        ),
        Went::Arrived | Went::Changed => format!(
            "{connection} has {things} {} of {stream} in a day, far more than usual. They were taken in, and nothing of them is written \
             to any other system. `approve` if that is right: exactly these are carried on; `refuse` if it is not: they go nowhere, and \
             are to be deleted in {connection}.",
            if *what == Went::Changed { "changed things" } else { "new things" }
        ),
        Went::Cleared(path) => format!(
            "`{path}` of {things} of the {known} things known of {stream} in {connection} held something, and was read as empty. \
             `approve` clears exactly these; `refuse` keeps what they held, and writes it back where the mapping writes."
        ),
    };
    let mut fields = Vec::new();
    for row in engine.held_things(connection, stream, what, VOLUME_EXAMPLES)? {
        let title = match row.record {
            Some(id) => names.title(&record_of(engine, id)?),
            None => String::new(),
        };
        let id = row.key.remote_id.to_string();
        fields.push(ReviewField { field: id.clone(), label: id, value: title, candidates: Vec::new() });
    }
    if let Some(more) = things.checked_sub(fields.len() as u64).filter(|more| *more > 0) {
        let (label, value) = ("…".to_owned(), format!("and {more} more"));
        fields.push(ReviewField { field: String::new(), label, value, candidates: Vec::new() });
    }
    Ok(ReviewAnswer {
        question,
        subject: format!("{connection}/{stream}"),
        fields,
        choices: vec!["approve".to_owned(), "refuse".to_owned()],
        ..ReviewAnswer::default()
    })
}

/// What was set aside and not mended since.
fn set_aside(engine: &Engine, letter: u64, flow: &str) -> Result<ReviewAnswer, ApiError> {
    let letters = engine.store.dead_letters(letter.saturating_sub(1), 1)?;
    let found = letters.into_iter().find(|found| found.id == letter);
    let subject = format!("dead letter {letter}");
    let Some(found) = found else {
        let question =
            format!("Dead letter {letter} of {flow} is gone: it was mended or given up. This review closes by itself.");
        return Ok(ReviewAnswer { question, subject, ..ReviewAnswer::default() });
    };
    let field = |name: &str, value: &str| ReviewField {
        field: name.to_owned(),
        label: name.to_owned(),
        value: value.to_owned(),
        candidates: Vec::new(),
    };
    let question = format!(
        "It was set aside on {} ({}) and nobody has mended it since. `nave runbook {}` says how. `approve` tries it once more \
         with the next sync; `refuse` gives it up. The review closes by itself when the dead letter is gone.",
        found.first_at,
        found.class,
        crate::runbooks::name_for(&found.class)
    );
    Ok(ReviewAnswer {
        question,
        subject,
        fields: vec![
            field("flow", flow),
            field("class", &found.class),
            field("message", &found.message),
            field("fix", &found.fix),
        ],
        choices: vec!["approve".to_owned(), "refuse".to_owned()],
        ..ReviewAnswer::default()
    })
}

/// A write whose answer was lost, with what is there that it may have made.
fn lost(engine: &Engine, names: &Names<'_>, destination: &str, record: &Record) -> Result<ReviewAnswer, ApiError> {
    let connection = names.catalog.mappings.get(destination).map_or(destination, |mapping| &mapping.connection);
    let found = if names.catalog.mappings.contains_key(destination) {
        engine.lost_candidates(destination, record.id)?
    } else {
        Vec::new()
    };
    let which = match found.len() {
        0 => "`approve` if it arrived (which thing it is there, the next read shows)",
        1 => "`approve` if it is what was found there",
        _ => "name the one of those found there that it is",
    };
    let question = format!(
        "A write of {} to {connection} got no answer, and the system offers no way to tell what became of it. Look there: \
         {which}; `refuse` if it did not arrive, then it is sent again.",
        names.title(record)
    );
    let mut answer = about_record(names, record, question);
    for candidate in &found {
        answer.candidates.push(Candidate {
            id: 0,
            record: candidate.key.to_string(),
            title: candidate.key.remote_id.to_string(),
            reason: format!("{} of {} values that were sent are there", candidate.landed, candidate.sent),
        });
    }
    for field in &mut answer.fields {
        field.candidates = vec![String::new(); found.len()];
    }
    if !found.is_empty() {
        answer.choices.insert(0, "remote".to_owned());
    }
    if found.len() > 1 {
        answer.choices.retain(|choice| choice != "approve");
    }
    Ok(answer)
}

/// A field that only a person decides, with what each system says.
fn conflict(engine: &Engine, names: &Names<'_>, record: &Record, field: &str) -> Result<ReviewAnswer, ApiError> {
    let label = names.label(&record.entity, field);
    let stands = record.value(field).map(|value| names.display(value)).unwrap_or_default();
    let question = format!(
        "Systems disagree about {label} of {}. Name the one that is right; `refuse` leaves it as it is ({stands:?}). What you say \
         goes to every system, and no later edit overrides it.",
        names.title(record)
    );
    let mut answer = about_record(names, record, question);
    for row in engine.store.contributions(&record.contributions)?.into_iter().flatten() {
        if let Some(claim) = row.claims.get(field).filter(|_| row.is_active()) {
            answer.candidates.push(Candidate {
                id: 0,
                record: row.key.to_string(),
                title: names.display(&claim.value),
                reason: format!("said on {}", claim.claimed_at),
            });
        }
    }
    let candidates: Vec<String> = answer.candidates.iter().map(|candidate| candidate.title.clone()).collect();
    for line in &mut answer.fields {
        line.candidates = if line.field == field { candidates.clone() } else { vec![String::new(); candidates.len()] };
    }
    answer.choices = vec!["remote".to_owned(), "refuse".to_owned()];
    Ok(answer)
}

fn matching(
    engine: &Engine,
    names: &Names<'_>,
    review: &Review,
    contribution: ContributionId,
    candidates: &[RecordId],
    reasons: &[String],
) -> Result<ReviewAnswer, ApiError> {
    let row = contribution_of(engine, contribution)?;
    let records: Vec<Record> = candidates.iter().map(|id| record_of(engine, *id)).collect::<Result<_, _>>()?;
    let label = names.catalog.entities.get(&review.entity).map_or(review.entity.clone(), |entity| entity.label.to_lowercase());
    let mut fields = Vec::new();
    if let Some(row) = &row {
        let mut known: BTreeSet<&str> = row.claims.keys().map(|name| list_of(name)).collect();
        known.extend(records.iter().flat_map(|record| record.fields.keys()).map(|name| list_of(name)));
        for name in known {
            let value = shown(names, name, row.claims.iter().map(|(name, claim)| (name.as_str(), &claim.value)));
            let of =
                |record: &Record| shown(names, name, record.fields.iter().map(|(name, field)| (name.as_str(), &field.value)));
            let theirs: Vec<String> = records.iter().map(of).collect();
            if !value.is_empty() || theirs.iter().any(|value| !value.is_empty()) {
                let label = names.label(&review.entity, name);
                fields.push(ReviewField { field: name.to_owned(), label, value, candidates: theirs });
            }
        }
    }
    let candidates = records.iter().zip(reasons.iter().map(String::as_str).chain(std::iter::repeat("")));
    Ok(ReviewAnswer {
        question: format!(
            "{} Nothing of it is carried anywhere until somebody says which {label} it is.",
            review.title.trim_end_matches('.')
        ),
        subject: row.map(|row| row.key.to_string()).unwrap_or_default(),
        fields,
        candidates: candidates
            .map(|(record, reason)| Candidate {
                id: record.id.0,
                record: reference(record),
                title: names.title(record),
                reason: reason.to_owned(),
            })
            .collect(),
        choices: vec!["existing".to_owned(), "new".to_owned()],
        ..ReviewAnswer::default()
    })
}

/// A list's name for its elements.
fn list_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(list, _)| list)
}

/// A field's value, or all elements of a list: the numbers of elements mean nothing across records.
fn shown<'v>(names: &Names<'_>, field: &str, values: impl Iterator<Item = (&'v str, &'v Value)>) -> String {
    let here = values.filter(|(name, value)| list_of(name) == field && !value.is_empty());
    here.map(|(_, value)| names.display(value)).collect::<Vec<_>>().join(", ")
}

fn about_record(names: &Names<'_>, record: &Record, question: String) -> ReviewAnswer {
    let fields = record.fields.iter().filter(|(_, field)| !field.value.is_empty()).map(|(name, field)| ReviewField {
        field: name.to_string(),
        label: names.label(&record.entity, name),
        value: names.display(&field.value),
        candidates: Vec::new(),
    });
    ReviewAnswer {
        question,
        subject: reference(record),
        fields: fields.collect(),
        choices: vec!["approve".to_owned(), "refuse".to_owned()],
        ..ReviewAnswer::default()
    }
}

fn contribution_of(engine: &Engine, id: ContributionId) -> Result<Option<Contribution>, ApiError> {
    Ok(engine.store.contributions(&[id])?.pop().flatten())
}

/// The record, or the one that carries on for it.
fn record_of(engine: &Engine, id: RecordId) -> Result<Record, ApiError> {
    let record =
        load(engine, id)?.ok_or_else(|| ApiError::failed(format!("record {id} is named by the review, but not there")))?;
    Ok(follow(engine, record)?.record)
}

fn word(review: &Review, choice: &DecisionChoice) -> String {
    match choice {
        DecisionChoice::Existing(id) => format!("{}/{id}", review.entity),
        DecisionChoice::Remote(key) => key.to_string(),
        DecisionChoice::New => "new".to_owned(),
        DecisionChoice::Approve => "approve".to_owned(),
        DecisionChoice::Refuse => "refuse".to_owned(),
    }
}

fn decided(review: &Review, decision: &Decision) -> DecisionView {
    DecisionView {
        choice: word(review, &decision.choice),
        by: decision.by.clone(),
        reason: decision.reason.clone(),
        at: decision.at.to_string(),
    }
}

/// Refuses a record that the review does not propose: a slip of the number would join two strangers for good.
fn among_candidates(engine: &Engine, id: u64, chosen: Record) -> Result<(), ApiError> {
    let Some(Review { kind: ReviewKind::Match { candidates, .. }, .. }) = engine.store.review(ReviewId(id))? else {
        return Ok(());
    };
    let name = reference(&chosen);
    let chosen = follow(engine, chosen)?.record.id;
    let mut proposed = Vec::new();
    for candidate in candidates {
        let candidate = record_of(engine, candidate)?;
        if candidate.id == chosen {
            return Ok(());
        }
        proposed.push(reference(&candidate));
    }
    Err(ApiError::usage(format!("{name} is none of the records that review {id} proposes ({})", listed(&proposed)))
        .help(format!("`nave review show {id}` compares them; `nave review decide {id} {name} --other` takes it all the same")))
}

/// Decides a review. The engine writes the audit line with it.
pub(super) async fn decide(
    engine: &Engine,
    id: u64,
    choice: DecisionChoice,
    other: bool,
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    if let DecisionChoice::Existing(record) = &choice {
        let Some(chosen) = load(engine, *record)? else {
            return Err(ApiError::not_found(format!("there is no record {record}"))
                .help(format!("`nave review show {id}` lists what it may be")));
        };
        if !other {
            among_candidates(engine, id, chosen)?;
        }
    }
    let review = engine.decide(ReviewId(id), choice.clone(), by, reason).await?;
    let then = match choice {
        DecisionChoice::Approve | DecisionChoice::Refuse if matches!(review.kind, ReviewKind::Volume { .. }) => {
            "the next sync carries it out"
        }
        DecisionChoice::Existing(_) | DecisionChoice::New => "what follows from it is delivered with the next sync",
        DecisionChoice::Remote(_) => "the next sync looks at it and settles it",
        DecisionChoice::Approve | DecisionChoice::Refuse => "automation will not ask again",
    };
    Ok(Answer::done(format!("Review {id} is decided: {}; {then}.", word(&review, &choice)), 1))
}
