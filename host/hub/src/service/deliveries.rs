//! Where a record is on its way to, and what stands in its way.

use nave_core::model::{AttemptOutcome, Contribution, DeadLetterSubject, Intent, Reason, Reasons, Record, RecordId, WriteKind};
use nave_store::subject_key;

use super::names::{Names, minute};
use crate::api::{ApiError, DeliveryView};
use crate::engine::Engine;

/// Everything that is under way for a record, by flow.
pub(super) fn of_record(
    engine: &Engine,
    names: &Names<'_>,
    record: &Record,
    rows: &[Contribution],
) -> Result<Vec<DeliveryView>, ApiError> {
    let store = &engine.store;
    let mut views = Vec::new();
    let mut add = |flow: &str, state: &str, detail: String| {
        views.push(DeliveryView { flow: flow.to_owned(), state: state.to_owned(), detail });
    };
    for mapping in names.catalog.mappings.values().filter(|mapping| mapping.entity == record.entity) {
        let flow = mapping.name.as_str();
        if let Some(intent) = store.intent(flow, record.id)? {
            add(flow, "open", open(&intent));
        }
        let before = RecordId(record.id.0.saturating_sub(1));
        if let Some(entry) = store.dirty(flow, before, 1)?.into_iter().find(|entry| entry.record == record.id) {
            let why = reasons(entry.reasons);
            add(flow, "dirty", engine.waits_for(mapping, record.id)?.map_or(why.clone(), |waits| format!("{why}; {waits}")));
        }
        if let Some(row) = store.parked(flow)?.into_iter().find(|row| row.record == record.id) {
            add(flow, "parked", format!("until {} (wait {}): {}", minute(row.until), row.rung, row.reason));
        }
        for (paths, run) in engine.held_of(flow, record.id)? {
            let what = if paths.is_empty() { "the thing that it made".to_owned() } else { paths.join(", ") };
            add(flow, "held", format!("{what}, as before run {run}; `nave rollback run/{run} --release` lets go"));
        }
        for left in engine.left_as_is(mapping, record.id)? {
            add(flow, "left", left.sentence(&mapping.connection));
        }
        let delivery = DeadLetterSubject::Delivery { destination: flow.to_owned(), record: record.id };
        if let Some(letter) = store.dead_letter_of(&subject_key(&delivery))? {
            add(flow, "dead-letter", format!("{}; `nave dlq show {}`", letter.message, letter.id));
        }
        let ours = |row: &&Contribution| row.key.connection == mapping.connection && row.key.stream == mapping.alias;
        for row in rows.iter().filter(ours) {
            let source = DeadLetterSubject::SourceRecord {
                connection: mapping.connection.clone(),
                stream: mapping.stream.clone(),
                mapping: mapping.name.clone(),
                remote_id: row.key.remote_id.to_string(),
                body: Vec::new(),
            };
            if let Some(letter) = store.dead_letter_of(&subject_key(&source))? {
                add(
                    flow,
                    "dead-letter",
                    format!("not taken in from {}: {}; `nave dlq show {}`", row.key, letter.message, letter.id),
                );
            }
        }
    }
    Ok(views)
}

fn open(intent: &Intent) -> String {
    let what = match &intent.kind {
        WriteKind::Create => "create".to_owned(),
        WriteKind::Update(id) => format!("update of {id}"),
        WriteKind::Delete(id) => format!("delete of {id}"),
        WriteKind::Merge(from, into) => format!("merge of {from} into {into}"),
    };
    let what = intent.child_stream().map_or_else(|| what.clone(), |stream| format!("{what} in {stream}"));
    match intent.attempts.last() {
        Some(last) => match &last.outcome {
            AttemptOutcome::Open => format!("{what} sent {}, no answer yet", minute(last.at)),
            AttemptOutcome::Unknown(why) => {
                format!("{what} sent {}, its outcome is looked up before anything else is sent: {why}", minute(last.at))
            }
        },
        None => format!("{what} not sent yet"),
    }
}

/// Reasons in words.
fn reasons(reasons: Reasons) -> String {
    let words: Vec<&str> = reasons
        .iter()
        .map(|reason| match reason {
            Reason::Changed => "the record changed",
            Reason::LosingEdit => "a value over there lost",
            Reason::Configuration => "the configuration is new",
            Reason::Reference => "what it refers to is there now",
            Reason::Drift => "it differs over there",
            Reason::Resync => "a person asked",
            Reason::Retry => "to be tried again",
        })
        .collect();
    words.join(", ")
}
