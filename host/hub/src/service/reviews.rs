//! What waits for a person, with what speaks for each choice.

use std::collections::BTreeSet;

use nave_core::model::{
    Contribution, ContributionId, Decision, DecisionChoice, Record, RecordId, Review, ReviewId, ReviewKind, Went,
};
use nave_core::survivorship::{self, three_way};
use nave_core::value::Value;

use super::find::{follow, load};
use super::listed;
use super::names::{Names, reference};
use crate::api::{Answer, AnswerLine, ApiError, Candidate, DecisionView, ReviewAnswer, ReviewField, ReviewLine, ReviewsAnswer};
use crate::engine::{Engine, take};

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
        kind: kind(&review.kind).to_owned(),
        entity: review.entity.clone(),
        title: review.title.clone(),
        steward: review.steward.clone(),
        opened_at: review.opened_at.to_string(),
        closed_at: review.closed_at.map(|time| time.to_string()),
    }
}

/// Word of a kind of review.
pub(crate) fn kind(kind: &ReviewKind) -> &'static str {
    match kind {
        ReviewKind::Match { .. } | ReviewKind::Alike { .. } => "match",
        ReviewKind::Delete { .. } => "delete",
        ReviewKind::Remove { into: None, .. } => "remove",
        ReviewKind::Remove { into: Some(_), .. } => "merge",
        ReviewKind::Volume { .. } => "volume",
        ReviewKind::Frozen { .. } => "frozen",
        ReviewKind::Conflict { .. } => "conflict",
        ReviewKind::UnknownOutcome { .. } => "unknown-outcome",
        ReviewKind::DeadLetter { .. } => "dead-letter",
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
        ReviewKind::Alike { record, candidates, reasons } => alike(engine, &names, &review, *record, candidates, reasons)?,
        ReviewKind::Delete { contribution, record } => {
            let gone = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let from = gone.map_or_else(|| "a system".into(), |row| row.key.connection);
            let question = format!("{} was deleted in {from}. Nothing was deleted anywhere else yet.", names.title(&record));
            let answers =
                ("Delete it in every other system that is told of it".to_owned(), "Leave it in the other systems".to_owned());
            about_record(&names, &record, question, answers)
        }
        ReviewKind::Remove { destination, record, contribution, into } => {
            let row = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let connection = names.catalog.mappings.get(destination).map_or(destination.as_str(), |mapping| &mapping.connection);
            let object = row.map_or_else(|| "an object".to_owned(), |row| row.key.to_string());
            let title = names.title(&record);
            let (question, approve) = match into {
                Some(into) => (
                    format!("{title} is there more than once in {connection}."),
                    format!("Merge {object} into {into} there; {connection} cannot undo that"),
                ),
                None => (
                    format!("{title} is no longer among what {destination} sends to {connection}, and is still there."),
                    format!("Delete {object} there"),
                ),
            };
            about_record(&names, &record, question, (approve, "Leave it as it is there".to_owned()))
        }
        ReviewKind::Frozen { destination, record, contribution, path } => {
            let row = contribution_of(engine, *contribution)?;
            let record = record_of(engine, *record)?;
            let connection = names.catalog.mappings.get(destination).map_or(destination.as_str(), |mapping| &mapping.connection);
            let there = row.as_ref().and_then(|row| row.shadow.get(path)).map(|value| names.display(value)).unwrap_or_default();
            let question = format!(
                "`{path}` of {} in {connection} was written again and again within a day, and something there changed it \
                 each time, to {there:?} last. Every write succeeded, so that it would go on for ever. Look for a workflow, an \
                 automation or another integration there that sets it, or let {connection} own the field in its entity.",
                names.title(&record)
            );
            let answers = ("Write it again".to_owned(), "Leave it as it is there until another value is wanted".to_owned());
            about_record(&names, &record, question, answers)
        }
        ReviewKind::Conflict { record, field } => conflict(engine, &names, &review, &record_of(engine, *record)?, field)?,
        ReviewKind::Volume { connection, stream, what, things, known } => {
            volume(engine, &names, &review.entity, (connection, stream), what, (*things, *known))?
        }
        ReviewKind::UnknownOutcome { destination, record } => {
            let record = record_of(engine, *record)?;
            lost(engine, &names, destination, &record)?
        }
        ReviewKind::DeadLetter { letter, flow } => set_aside(engine, *letter, flow)?,
    };
    if review.closed_at.is_some() {
        answer.choices.clear();
        answer.answers.clear();
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
    entity: &str,
    (connection, stream): (&str, &str),
    what: &Went,
    (things, known): (u64, u64),
) -> Result<ReviewAnswer, ApiError> {
    let (question, approve, refuse) = match what {
        Went::Vanished => (
            format!(
                "{things} of the {known} things that were known of {stream} in {connection} are not in its latest complete reading. \
                 That many at once may be an export that broke off, so nothing was taken for deleted. Look whether they are still \
                 there."
            ),
            "They are gone: take exactly these for deleted".to_owned(),
            "They are not gone: keep them".to_owned(),
        ),
        Went::Deleted => (
            format!(
                "{connection} says that {things} of the {known} things known of {stream} were deleted. That is many at once, so \
                 nothing was deleted anywhere else yet. Ask there who deleted them."
            ),
            "That is right: take exactly these in as deleted".to_owned(),
            "It was a mistake: keep them as if they were still there".to_owned(),
        ),
        Went::Arrived | Went::Changed => {
            let things_are = if *what == Went::Changed { "changed things" } else { "new things" };
            (
                format!(
                    "{connection} has {things} {things_are} of {stream} in a day, far more than usual. They were taken in, and nothing \
                     of them is written to any other system. Look whether an import or a script went wrong there."
                ),
                "That is right: carry exactly these on".to_owned(),
                format!("It is not: they go nowhere, and are to be deleted in {connection}"),
            )
        }
        Went::Cleared(path) => (
            format!(
                "`{path}` of {things} of the {known} things known of {stream} in {connection} held something, and was read as empty. \
                 That is many at once, so the old values still stand. Look whether the field was emptied there, or only left out of \
                 what was read."
            ),
            "It was emptied: clear exactly these".to_owned(),
            "It was not: keep what they held, and write it back where the mapping writes".to_owned(),
        ),
    };
    let mut fields = Vec::new();
    for row in engine.held_things(connection, stream, what, VOLUME_EXAMPLES)? {
        let title = match row.record {
            Some(id) => names.title(&record_of(engine, id)?),
            // Nobody said yet which record it is.
            None => match names.catalog.entities.get(entity) {
                Some(entity) => take::title(entity, |field| row.claims.get(field).map(|claim| &claim.value)),
                None => String::new(),
            },
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
        choices: words(&["approve", "refuse"]),
        answers: yes_or_no(approve, refuse),
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
        "It was set aside on {} ({}) and nobody has mended it since. `nave runbook {}` says how. This closes by itself when it is \
         mended.",
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
        choices: words(&["approve", "refuse"]),
        answers: yes_or_no("Try it once more with the next sync".to_owned(), "Give it up".to_owned()),
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
    let question = format!(
        "A write of {} to {connection} got no answer, and the system offers no way to tell what became of it. Nothing more is sent \
         for it until somebody says. Look there whether it arrived.",
        names.title(record)
    );
    let arrived = match found.len() {
        0 => "It arrived; which thing it is there, the next read shows",
        _ => "It arrived: it is what was found there",
    };
    let mut answer = about_record(names, record, question, (arrived.to_owned(), "It did not arrive: send it again".to_owned()));
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
        answer.answers.retain(|answer| answer.choice != "approve");
    }
    let named =
        answer.candidates.iter().map(|one| answer_line(&one.record, format!("It arrived: it is {}", one.record), &one.reason));
    answer.answers.splice(0..0, named.collect::<Vec<_>>());
    Ok(answer)
}

/// A field that only a person decides, with what each system says.
fn conflict(engine: &Engine, names: &Names<'_>, review: &Review, record: &Record, field: &str) -> Result<ReviewAnswer, ApiError> {
    let label = names.label(&record.entity, field);
    let stands = record.value(field).map(|value| names.display(value)).unwrap_or_default();
    let question = format!("{} What you say goes to every system, and no later edit overrides it.", review.title);
    let leave = if stands.is_empty() { "Leave it empty".to_owned() } else { format!("Leave it as it is: {stands}") };
    let mut answer = about_record(names, record, question, (String::new(), leave));
    answer.answers.retain(|answer| answer.choice == "refuse");
    let rows: Vec<Contribution> = engine.store.contributions(&record.contributions)?.into_iter().flatten().collect();
    let rows = rows.into_iter().filter(|row| row.is_active() && row.claims.contains_key(field)).collect::<Vec<_>>();
    // What somebody said before it was agreed on is no answer any more.
    let of_three = engine.catalog().entities.get(record.entity.as_str()).is_some_and(|entity| three_way::is(entity, field));
    let changed: Vec<ContributionId> = match of_three {
        true => three_way::changes(&survivorship::contenders(&rows.iter().collect::<Vec<_>>(), field))
            .iter()
            .map(|one| one.contribution.id)
            .collect(),
        false => rows.iter().map(|row| row.id).collect(),
    };
    let rows: Vec<Contribution> = rows.into_iter().filter(|row| changed.contains(&row.id)).collect();
    let said =
        |row: &Contribution, field: &str| row.claims.get(field).map(|claim| names.display(&claim.value)).unwrap_or_default();
    for row in &rows {
        let (record, title) = (row.key.to_string(), said(row, field));
        let reason = row.claims.get(field).map(|claim| said_on(&claim.claimed_at.to_string())).unwrap_or_default();
        answer.candidates.push(Candidate { id: 0, record, title, reason });
    }
    let named = rows
        .iter()
        .zip(&answer.candidates)
        .map(|(row, one)| answer_line(&one.record, format!("{}, as {} has it", one.title, row.key.connection), &one.reason));
    answer.answers.splice(0..0, named.collect::<Vec<_>>());
    for line in &mut answer.fields {
        line.candidates = rows.iter().map(|row| said(row, &line.field)).collect();
    }
    if !answer.fields.iter().any(|line| line.field == field) {
        let candidates = rows.iter().map(|row| said(row, field)).collect();
        answer.fields.push(ReviewField { field: field.to_owned(), label, value: stands, candidates });
    }
    // What they disagree about comes first.
    answer.fields.sort_by_key(|line| line.field != field);
    answer.choices = words(&["remote", "refuse"]);
    Ok(answer)
}

/// A thing that waits: which record is it, if any of these?
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
    let label = label(names, review);
    let claims: Vec<(&str, &Value)> =
        row.iter().flat_map(|row| &row.claims).map(|(name, claim)| (name.as_str(), &claim.value)).collect();
    let fields = if row.is_some() { beside(names, review, &claims, &records) } else { Vec::new() };
    let candidates = proposed(names, &records, reasons);
    let says = |one: &Candidate| format!("It is {} ({})", one.title, one.record);
    let mut answers: Vec<AnswerLine> = candidates.iter().map(|one| answer_line(&one.record, says(one), &one.reason)).collect();
    answers.push(answer_line("new", format!("It is another one: a new {label}"), ""));
    Ok(ReviewAnswer {
        question: format!(
            "{} Nothing of it is carried anywhere until somebody says which {label} it is.",
            review.title.trim_end_matches('.')
        ),
        subject: row.map(|row| row.key.to_string()).unwrap_or_default(),
        fields,
        candidates,
        answers,
        choices: words(&["existing", "new"]),
        ..ReviewAnswer::default()
    })
}

/// A record that is like others since it changed: is it the same as one of them?
fn alike(
    engine: &Engine,
    names: &Names<'_>,
    review: &Review,
    record: RecordId,
    candidates: &[RecordId],
    reasons: &[String],
) -> Result<ReviewAnswer, ApiError> {
    let record = record_of(engine, record)?;
    let mut records: Vec<Record> = candidates.iter().map(|id| record_of(engine, *id)).collect::<Result<_, _>>()?;
    let mut reasons = reasons.to_vec();
    reasons.resize(records.len(), String::new());
    if review.closed_at.is_none() {
        // Merged into it meanwhile: nobody needs to be asked about those.
        let two: Vec<bool> = records.iter().map(|other| other.id != record.id).collect();
        let mut at = two.iter();
        records.retain(|_| at.next().copied().unwrap_or(true));
        let mut at = two.iter();
        reasons.retain(|_| at.next().copied().unwrap_or(true));
    }
    let label = label(names, review);
    let holds: Vec<(&str, &Value)> = record.fields.iter().map(|(name, field)| (name.as_str(), &field.value)).collect();
    let fields = beside(names, review, &holds, &records);
    let candidates = proposed(names, &records, &reasons);
    let says = |one: &Candidate| format!("It is {} ({}): merge the two, in every system", one.title, one.record);
    let mut answers: Vec<AnswerLine> = candidates.iter().map(|one| answer_line(&one.record, says(one), &one.reason)).collect();
    answers.push(answer_line("new", "It is another one: they stay two, and this is not asked again".to_owned(), ""));
    Ok(ReviewAnswer {
        question: format!(
            "{} Both have a history, so nothing is merged before somebody says that they are one {label}; \
             `nave match merge {} {} --dry-run` shows what that would come to.",
            review.title.trim_end_matches('.'),
            reference(&record),
            candidates.first().map_or("OTHER", |one| one.record.as_str()),
        ),
        subject: reference(&record),
        fields,
        candidates,
        answers,
        choices: words(&["existing", "new"]),
        ..ReviewAnswer::default()
    })
}

fn label(names: &Names<'_>, review: &Review) -> String {
    names.catalog.entities.get(&review.entity).map_or(review.entity.clone(), |entity| entity.label.to_lowercase())
}

/// What one thing says beside what each of these records holds, where either says anything.
fn beside(names: &Names<'_>, review: &Review, mine: &[(&str, &Value)], records: &[Record]) -> Vec<ReviewField> {
    let mut known: BTreeSet<&str> = mine.iter().map(|(name, _)| list_of(name)).collect();
    known.extend(records.iter().flat_map(|record| record.fields.keys()).map(|name| list_of(name)));
    let mut fields = Vec::new();
    for name in known {
        let value = shown(names, name, mine.iter().copied());
        let of = |record: &Record| shown(names, name, record.fields.iter().map(|(name, field)| (name.as_str(), &field.value)));
        let theirs: Vec<String> = records.iter().map(of).collect();
        if !value.is_empty() || theirs.iter().any(|value| !value.is_empty()) {
            let label = names.label(&review.entity, name);
            fields.push(ReviewField { field: name.to_owned(), label, value, candidates: theirs });
        }
    }
    fields
}

fn proposed(names: &Names<'_>, records: &[Record], reasons: &[String]) -> Vec<Candidate> {
    let reasons = reasons.iter().map(String::as_str).chain(std::iter::repeat(""));
    let candidate = |(record, reason): (&Record, &str)| Candidate {
        id: record.id.0,
        record: reference(record),
        title: names.title(record),
        reason: reason.to_owned(),
    };
    records.iter().zip(reasons).map(candidate).collect()
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

/// `2026-11-29T08:40:35.388Z` → `said on 2026-11-29 at 08:40`.
fn said_on(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => format!("said on {day} at {minute} UTC"),
        _ => format!("said on {time}"),
    }
}

fn words(choices: &[&str]) -> Vec<String> {
    choices.iter().map(|word| (*word).to_owned()).collect()
}

fn answer_line(choice: &str, says: String, reason: &str) -> AnswerLine {
    AnswerLine { choice: choice.to_owned(), says, reason: reason.to_owned() }
}

fn yes_or_no(approve: String, refuse: String) -> Vec<AnswerLine> {
    vec![answer_line("approve", approve, ""), answer_line("refuse", refuse, "")]
}

/// What is asked about a record, with what `approve` and `refuse` mean.
fn about_record(names: &Names<'_>, record: &Record, question: String, (approve, refuse): (String, String)) -> ReviewAnswer {
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
        choices: words(&["approve", "refuse"]),
        answers: yes_or_no(approve, refuse),
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
    let candidates = match engine.store.review(ReviewId(id))?.map(|review| review.kind) {
        Some(ReviewKind::Match { candidates, .. } | ReviewKind::Alike { candidates, .. }) => candidates,
        _ => return Ok(()),
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
    Err(ApiError::usage(format!("{name} is none of the records that review {id} proposes ({})", listed(&proposed))).help(
        format!(
            "`nave review show {id}` compares them; `nave review decide {id} {name} --other --reason TEXT` takes it all the same"
        ),
    ))
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
        DecisionChoice::Existing(_) if matches!(review.kind, ReviewKind::Alike { .. }) => {
            "the two are one; `nave match merges list` says how far each system is"
        }
        DecisionChoice::New if matches!(review.kind, ReviewKind::Alike { .. }) => "automation will not ask again",
        DecisionChoice::Existing(_) | DecisionChoice::New => "what follows from it is delivered with the next sync",
        DecisionChoice::Remote(_) => "the next sync looks at it and settles it",
        DecisionChoice::Approve | DecisionChoice::Refuse => "automation will not ask again",
    };
    if let Some(again) = engine.asked_again(&review)? {
        let word = word(&review, &choice);
        return Ok(Answer::done(
            format!(
                "Review {id} is decided: {word}; but others like it came while it waited, and review {again} asks about those: \
                 `nave review show {again}`."
            ),
            1,
        ));
    }
    Ok(Answer::done(format!("Review {id} is decided: {}; {then}.", word(&review, &choice)), 1))
}
