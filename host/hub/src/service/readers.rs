//! Who was given data of a record: noted when a person looks, and told about one record.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::{Catalog, Direction, Mapping};
use nave_core::model::{Access, Contribution, DATA_SHOWN, Record, Run, Time};
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
/// Audit lines, runs and changes looked through.
const LINES_MAX: usize = 100_000;
const RUNS_MAX: usize = 1_000;
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
    let mut lines: Vec<(Time, ReaderLine)> = Vec::new();
    let mut runs = Runs { engine, of: HashMap::new() };
    for row in found.contributions(engine)? {
        lines.extend(read_from(&names.catalog, &mut runs, &row)?);
    }
    lines.extend(sent_to(engine, &names.catalog, &mut runs, &found.record)?);
    let ids: BTreeSet<u64> = found.merged.iter().map(|id| id.0).chain([found.record.id.0]).collect();
    lines.extend(shown_to(engine, &ids, found.record.entity.as_str())?);
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

/// Runs by flow and direction, newest first; each read once.
struct Runs<'e> {
    engine: &'e Engine,
    of: HashMap<String, Vec<Run>>,
}

impl Runs<'_> {
    /// The run inwards that was under way at a time, or the last one before it.
    fn at(&mut self, flow: &str, at: Time) -> Result<Option<&Run>, ApiError> {
        if !self.of.contains_key(flow) {
            let runs = self.engine.store.runs(Some(flow), RUNS_MAX)?;
            self.of.insert(flow.to_owned(), runs);
        }
        Ok(self.of[flow].iter().find(|run| run.direction == "in" && run.started_at <= at))
    }

    fn by_id(&mut self, flow: &str, id: u64) -> Result<Option<&Run>, ApiError> {
        self.at(flow, Time(i64::MAX))?;
        Ok(self.of[flow].iter().find(|run| run.id == id))
    }
}

/// What an access by a flow has beside its fields.
fn through(catalog: &Catalog, mapping: &Mapping, run: Option<&Run>) -> ReaderLine {
    let credentials = catalog.connections.get(&mapping.connection).map(|one| one.credentials.values());
    let credentials: BTreeSet<String> = credentials.into_iter().flatten().map(|one| one.secret.clone()).collect();
    ReaderLine {
        plugins: run.map(|run| run.plugins().map(|(name, digest)| format!("{name} {digest}")).collect()).unwrap_or_default(),
        credentials: credentials.into_iter().collect(),
        purpose: mapping.purpose().sentence(&catalog.hub).unwrap_or_default(),
        run: run.map(|run| run.id),
        ..ReaderLine::default()
    }
}

/// The last time that a thing of it was read, and what it said.
fn read_from(catalog: &Catalog, runs: &mut Runs<'_>, row: &Contribution) -> Result<Option<(Time, ReaderLine)>, ApiError> {
    if row.key.connection == STEWARD {
        return Ok(None);
    }
    let who = remote(&row.key);
    let Some(mapping) = catalog.mapping_of(&row.key) else {
        let fields = row.claims.iter().map(|(field, _)| field.to_string()).collect();
        return Ok(Some((row.read_at, ReaderLine { what: "read-from".into(), who, fields, ..ReaderLine::default() })));
    };
    let run = runs.at(&mapping.name, row.read_at)?;
    let fields = fields(mapping, Direction::In);
    Ok(Some((row.read_at, ReaderLine { what: "read-from".into(), who, fields, ..through(catalog, mapping, run) })))
}

/// Writes of it that are kept.
fn sent_to(
    engine: &Engine,
    catalog: &Catalog,
    runs: &mut Runs<'_>,
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
        let run = runs.by_id(&sent.flow, sent.run)?;
        let line =
            ReaderLine { what: "sent-to".into(), who, fields: fields.into_iter().collect(), ..through(catalog, mapping, run) };
        lines.push((sent.at, ReaderLine { run: Some(sent.run), ..line }));
    }
    Ok(lines)
}

/// People that it was shown to, by the audit.
fn shown_to(engine: &Engine, ids: &BTreeSet<u64>, entity: &str) -> Result<Vec<(Time, ReaderLine)>, ApiError> {
    let lines = engine.store.audit(LINES_MAX)?.into_iter().filter(|entry| entry.action == DATA_SHOWN);
    Ok(lines
        .filter_map(|entry| {
            let access = Access::of(&entry.detail)?;
            if access.entity != entity || !access.records.iter().any(|id| ids.contains(id)) {
                return None;
            }
            let line = ReaderLine {
                what: "shown-to".into(),
                who: entry.actor,
                fields: access.fields,
                purpose: access.purpose,
                ..ReaderLine::default()
            };
            Some((entry.at, line))
        })
        .collect())
}
