//! Who was given data of a record: noted when a person looks, and told about one record.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::{Catalog, Direction};
use nave_core::model::{Access, AuditEntry, Contribution, DATA_READ, DATA_SENT, DATA_SHOWN, Record, Time};
use nave_core::survivorship::STEWARD;

use super::audit;
use super::find::find;
use super::names::{Names, remote};
use crate::api::{Answer, ApiError, ReaderLine, ReadersAnswer, RecordRef};
use crate::engine::Engine;
use crate::engine::access::fields;
use crate::hub::Hub;

/// A person who looks at the same thing again is noted again after this.
const AGAIN_MS: i64 = 600_000;
/// Looks remembered for that.
const REMEMBERED_MAX: usize = 10_000;
/// Numbers of records in one line.
const NUMBERED_MAX: usize = 200;
/// Audit lines and changes looked through.
const LINES_MAX: usize = 100_000;
const CHANGES_MAX: usize = 1_000;

/// What was shown to whom lately: who, what of, and which records.
#[derive(Debug, Default)]
pub(crate) struct Shown(Mutex<HashMap<(String, String), Time>>);

impl Shown {
    /// Whether it is to be noted, and remembers that it was.
    fn is_news(&self, by: &str, what: &str, at: Time) -> bool {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (by.to_owned(), what.to_owned());
        if shown.get(&key).is_some_and(|last| at.0 - last.0 < AGAIN_MS) {
            return false;
        }
        if shown.len() >= REMEMBERED_MAX {
            shown.clear();
        }
        shown.insert(key, at);
        true
    }
}

/// Which records an answer shows the values of, and the fields; none where it shows none.
fn shows(answer: &Answer) -> Option<(&'static str, Vec<&str>, BTreeSet<String>)> {
    let all = BTreeSet::new;
    Some(match answer {
        Answer::Record(one) => ("record", vec![&one.record], one.fields.iter().map(|field| field.field.clone()).collect()),
        Answer::Past(one) => ("record, as it was", vec![&one.record], all()),
        Answer::Why(one) => ("record, why", vec![&one.record], one.fields.iter().map(|field| field.field.clone()).collect()),
        Answer::History(one) => ("record, its history", vec![&one.record], all()),
        Answer::Xref(one) => ("record, its references", vec![&one.record], all()),
        Answer::Records(list) => ("list of records", list.records.iter().map(|line| line.record.as_str()).collect(), all()),
        Answer::Review(one) => {
            let candidates = one.candidates.iter().map(|candidate| candidate.record.as_str());
            ("review", candidates.chain([one.subject.as_str()]).collect(), all())
        }
        _ => return None,
    })
}

/// Notes that a person was shown records. Where that cannot be noted they are not shown.
pub(super) async fn note(hub: &Hub, by: &str, answer: &Answer) -> Result<(), ApiError> {
    let Some((what, records, fields)) = shows(answer) else { return Ok(()) };
    let number = |label: &&str| -> Option<(String, u64)> {
        let (entity, number) = label.split_once('/')?;
        Some((entity.to_owned(), number.parse().ok()?))
    };
    let numbered: Vec<(String, u64)> = records.iter().filter_map(number).collect();
    let Some((entity, _)) = numbered.first() else { return Ok(()) };
    let mut numbers: Vec<u64> = numbered.iter().map(|(_, number)| *number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let subject = if let [one] = numbers[..] { format!("{entity}/{one}") } else { format!("{} {entity}", numbers.len()) };
    if !hub.shown.is_news(by, &format!("{what} {entity} {numbers:?}"), hub.engine.now()) {
        return Ok(());
    }
    let access = Access {
        entity: entity.clone(),
        fields: fields.into_iter().collect(),
        count: numbers.len() as u64,
        records: numbers.into_iter().take(NUMBERED_MAX).collect(),
        purpose: what.to_owned(),
        ..Access::default()
    };
    audit(&hub.engine, by, DATA_SHOWN, &subject, &access.detail()).await
}

/// Everything that is known of who was given data of a record.
pub(super) fn readers(engine: &Engine, which: &RecordRef) -> Result<ReadersAnswer, ApiError> {
    let found = find(engine, which)?;
    let names = Names::new(engine);
    let noted = noted(engine)?;
    let mut lines: Vec<(Time, ReaderLine)> = Vec::new();
    for row in found.contributions(engine)? {
        lines.extend(read_from(&names.catalog, &noted, &row));
    }
    lines.extend(sent_to(engine, &names.catalog, &noted, &found.record)?);
    let ids: BTreeSet<u64> = found.merged.iter().map(|id| id.0).chain([found.record.id.0]).collect();
    lines.extend(shown_to(noted, &ids, found.record.entity.as_str()));
    for change in engine.store.record_changes(found.record.id, CHANGES_MAX)? {
        let Some(person) = change.cause.person.filter(|person| !person.is_empty()) else { continue };
        let fields = change.fields.iter().map(|field| field.field.to_string()).collect();
        let purpose = change.cause.rule.unwrap_or_default();
        lines.push((change.at, ReaderLine { what: "changed-by".into(), who: person, fields, purpose, ..ReaderLine::default() }));
    }
    lines.sort_by_key(|(at, _)| Reverse(*at));
    let accesses = lines.into_iter().map(|(at, line)| ReaderLine { at: at.to_string(), ..line }).collect();
    Ok(ReadersAnswer { record: found.reference(), title: names.title(&found.record), accesses })
}

/// Lines of the audit about data, newest first, each with what it says. They are written by the commit that closes a run, so they
/// know its plugins and credentials as they were then.
fn noted(engine: &Engine) -> Result<Vec<(AuditEntry, Access)>, ApiError> {
    let about_data = |entry: &AuditEntry| [DATA_READ, DATA_SENT, DATA_SHOWN].contains(&entry.action.as_str());
    let entries = engine.store.audit(LINES_MAX)?.into_iter().filter(about_data);
    Ok(entries.filter_map(|entry| Access::of(&entry.detail).map(|access| (entry, access))).collect())
}

/// What an access by a flow has beside its fields; of a run that has not ended, the audit says nothing yet.
fn through(noted: Option<&Access>) -> ReaderLine {
    let line = |access: &Access| ReaderLine {
        plugins: access.plugins.clone(),
        credentials: access.credentials.clone(),
        fields: access.fields.clone(),
        purpose: access.purpose.clone(),
        run: access.run,
        ..ReaderLine::default()
    };
    noted.map(line).unwrap_or_default()
}

/// The last time that a thing of it was read, and what it said.
fn read_from(catalog: &Catalog, noted: &[(AuditEntry, Access)], row: &Contribution) -> Option<(Time, ReaderLine)> {
    if row.key.connection == STEWARD {
        return None;
    }
    let (what, who) = ("read-from".to_owned(), remote(&row.key));
    let Some(mapping) = catalog.mapping_of(&row.key) else {
        let fields = row.claims.iter().map(|(field, _)| field.to_string()).collect();
        return Some((row.read_at, ReaderLine { what, who, fields, ..ReaderLine::default() }));
    };
    // Of the runs of its flow, one at a time, the first that ended after it.
    let ended = |entry: &AuditEntry| entry.action == DATA_READ && entry.subject == mapping.name && entry.at >= row.read_at;
    let run = noted.iter().rev().find(|(entry, _)| ended(entry)).map(|(_, access)| access);
    let line = through(run);
    let fields = if run.is_some() { line.fields.clone() } else { fields(mapping, Direction::In) };
    Some((row.read_at, ReaderLine { what, who, fields, ..line }))
}

/// Writes of it that are kept.
fn sent_to(
    engine: &Engine,
    catalog: &Catalog,
    noted: &[(AuditEntry, Access)],
    record: &Record,
) -> Result<Vec<(Time, ReaderLine)>, ApiError> {
    let mut lines = Vec::new();
    for sent in engine.sent_of(record.id)? {
        let Some(mapping) = catalog.mappings.get(&sent.flow) else { continue };
        let canonical = |path: &String| {
            let scalar = mapping.fields.iter().find(|field| field.remote == *path).and_then(|field| field.canonical.clone());
            let list = || mapping.lists.iter().find(|list| path.starts_with(&list.remote)).map(|list| list.canonical.clone());
            scalar.or_else(list).unwrap_or_else(|| path.clone())
        };
        let fields: BTreeSet<String> = sent.paths.iter().map(canonical).collect();
        let who = format!("{}/{}:{}", mapping.connection, mapping.alias, sent.remote_id);
        let run = noted.iter().map(|(_, access)| access).find(|access| access.run == Some(sent.run));
        let line = ReaderLine { what: "sent-to".into(), who, fields: fields.into_iter().collect(), ..through(run) };
        lines.push((sent.at, ReaderLine { run: Some(sent.run), ..line }));
    }
    Ok(lines)
}

/// People that it was shown to.
fn shown_to(noted: Vec<(AuditEntry, Access)>, ids: &BTreeSet<u64>, entity: &str) -> impl Iterator<Item = (Time, ReaderLine)> {
    let shown = noted.into_iter().filter(move |(entry, access)| {
        entry.action == DATA_SHOWN && access.entity == entity && access.records.iter().any(|id| ids.contains(id))
    });
    shown.map(|(entry, access)| {
        let (fields, purpose) = (access.fields, access.purpose);
        (entry.at, ReaderLine { what: "shown-to".into(), who: entry.actor, fields, purpose, ..ReaderLine::default() })
    })
}
