//! `nave governance`: five numbers that say whether master data can be trusted, and what each of them counts.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nave_core::model::{ContributionId, RecordId, RecordState, ReviewId, ReviewKind};
use nave_core::survivorship::STEWARD;

use super::names::{Names, reference};
use crate::api::{ApiError, GovernanceAnswer, GovernanceEntry, GovernanceLine, GovernanceListAnswer};
use crate::engine::Engine;
use crate::engine::synthetic::Synthetic;

/// Rows read from the store at once.
const CHUNK: usize = 5_000;
/// Examples of each number.
const EXAMPLES: usize = 20;
/// Entries of one number in one answer.
const ENTRIES_MAX: usize = 10_000;
/// A thing that was not read for so many times its turn is stale.
const STALE_TURNS: i64 = 2;

/// One number: its name, and what is counted.
const DUPLICATES: (&str, &str) =
    ("duplicates", "records with more than one thing in one system, and things that may be one of several records");
const ORPHANS: (&str, &str) = ("orphans", "records in use that no system holds any more");
const UNOWNED: (&str, &str) = ("unowned-fields", "fields that two systems tell, and for which nobody decided who wins");
const CONFLICTS: (&str, &str) = ("open-conflicts", "decisions that wait: contested fields, unknown outcomes, deletions, volumes");
const STALE: (&str, &str) =
    ("stale-xrefs", "things that no flow reads any more, or that were not read for twice as long as they should be");

/// One number in the making.
struct Count {
    of: (&'static str, &'static str),
    count: u64,
    /// The first of what is counted.
    entries: Vec<GovernanceEntry>,
    /// How many of them are kept.
    keep: usize,
}

impl Count {
    fn new(of: (&'static str, &'static str), keep: usize) -> Self {
        Self { of, count: 0, entries: Vec::new(), keep }
    }

    /// `entry`: subject, what to say of it, and what to type.
    fn add(&mut self, entry: impl FnOnce() -> (String, String, String)) {
        self.count += 1;
        if self.entries.len() < self.keep {
            let (subject, what, command) = entry();
            self.entries.push(GovernanceEntry { subject, what, command });
        }
    }
}

/// The five numbers, each with its first entries.
pub(super) fn governance(engine: &Engine) -> Result<GovernanceAnswer, ApiError> {
    let line = |count: Count| GovernanceLine {
        name: count.of.0.to_owned(),
        count: count.count,
        what: count.of.1.to_owned(),
        command: format!("nave governance {}", count.of.0),
        examples: count.entries.iter().map(ToString::to_string).collect(),
    };
    Ok(GovernanceAnswer { lines: numbers(engine, EXAMPLES)?.map(line).into() })
}

/// What one of the numbers counts.
pub(super) fn list(engine: &Engine, name: &str, limit: usize) -> Result<GovernanceListAnswer, ApiError> {
    let all = [DUPLICATES, ORPHANS, UNOWNED, CONFLICTS, STALE];
    if !all.iter().any(|(known, _)| *known == name) {
        let known = all.map(|(name, _)| format!("`{name}`")).join(", ");
        return Err(ApiError::not_found(format!("`{name}` is none of the numbers")).help(format!("they are {known}")));
    }
    let counts = numbers(engine, limit.min(ENTRIES_MAX))?;
    let Some(Count { of: (name, what), count, entries, .. }) = counts.into_iter().find(|count| count.of.0 == name) else {
        return Err(ApiError::failed(format!("`{name}` was not counted")));
    };
    Ok(GovernanceListAnswer { name: name.to_owned(), count, what: what.to_owned(), entries })
}

/// The five numbers, from what is stored: everything is gone through once.
fn numbers(engine: &Engine, keep: usize) -> Result<[Count; 5], ApiError> {
    let names = Names::new(engine);
    let (mut duplicates, conflicts) = reviews(engine, keep)?;
    let mut stale = Count::new(STALE, keep);
    let (mut alive, mut twice): (BTreeSet<RecordId>, HashMap<(RecordId, String), u32>) = Default::default();
    let mut after = ContributionId(0);
    let now = engine.now();
    loop {
        let rows = engine.store.contributions_after(after, CHUNK)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows.into_iter().filter(|row| row.is_active()) {
            let connection = row.key.connection.as_str();
            let Some(record) = row.record else { continue };
            alive.insert(record);
            if connection == STEWARD || Synthetic::of(connection).is_some() {
                continue;
            }
            let mapping = names.mapping_of(&row.key);
            let too_old =
                |every: u64| now.0 - row.read_at.0 > STALE_TURNS.saturating_mul(i64::try_from(every).unwrap_or(i64::MAX));
            if mapping.is_none_or(|mapping| mapping.flow_in.is_some() && too_old(mapping.verify_ms())) {
                stale.add(|| {
                    let why = match mapping.filter(|mapping| mapping.flow_in.is_some()) {
                        Some(mapping) => format!("`{}` read it last at {}", mapping.name, row.read_at),
                        None => format!("no flow reads it any more; read last at {}", row.read_at),
                    };
                    let title = names.title_of(record).unwrap_or_default();
                    (row.key.to_string(), format!("{title}: {why}"), format!("nave record why {}", row.key))
                });
            }
            let seen = twice.entry((record, format!("{connection}/{}", row.key.stream))).or_default();
            *seen += 1;
            if *seen == 2 {
                duplicates.add(|| {
                    let (subject, title) = names.subject_and_title(record);
                    let command = format!("nave record show {subject}");
                    (subject, format!("{title} is more than one thing in {connection}/{}", row.key.stream), command)
                });
            }
        }
    }
    let mut orphans = Count::new(ORPHANS, keep);
    let mut after = RecordId(0);
    loop {
        let records = engine.store.records_after(after, CHUNK)?;
        let Some(last) = records.last() else { break };
        after = last.id;
        for record in records.iter().filter(|record| record.state == RecordState::Active && !alive.contains(&record.id)) {
            orphans.add(|| {
                let subject = reference(record);
                let command = format!("nave record history {subject}");
                (subject, names.title(record), command)
            });
        }
    }
    Ok([duplicates, orphans, unowned(&names, keep), conflicts, stale])
}

/// What waits for a person: which record a thing is, and everything else.
fn reviews(engine: &Engine, keep: usize) -> Result<(Count, Count), ApiError> {
    let (mut matches, mut others) = (Count::new(DUPLICATES, keep), Count::new(CONFLICTS, keep));
    let mut after = ReviewId(0);
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { return Ok((matches, others)) };
        after = last;
        for review in reviews {
            let count = match review.kind {
                ReviewKind::Match { .. } | ReviewKind::Alike { .. } => &mut matches,
                _ => &mut others,
            };
            count.add(|| {
                let id = review.id;
                (format!("review {id}"), review.title.clone(), format!("nave review show {id}"))
            });
        }
    }
}

/// Fields that more than one connection tells and of which nobody decided who wins.
fn unowned(names: &Names<'_>, keep: usize) -> Count {
    let mut told: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for mapping in names.catalog.mappings.values().filter(|mapping| mapping.flow_in.is_some()) {
        let scalars =
            mapping.fields.iter().filter(|field| field.direction.reads()).filter_map(|field| field.canonical.as_deref());
        let lists = mapping.lists.iter().filter(|list| list.direction.reads()).map(|list| list.canonical.as_str());
        for field in scalars.chain(lists) {
            told.entry((&mapping.entity, field)).or_default().insert(&mapping.connection);
        }
    }
    let mut found = Count::new(UNOWNED, keep);
    for ((entity, field), connections) in told.into_iter().filter(|(_, connections)| connections.len() > 1) {
        let decided =
            names.catalog.entities.get(entity).and_then(|entity| entity.fields.get(field)).is_some_and(|field| field.decided);
        if !decided {
            found.add(|| {
                let told = connections.into_iter().collect::<Vec<_>>().join(", ");
                (format!("{entity}.{field}"), format!("told by {told}"), "nave plan --initial".to_owned())
            });
        }
    }
    found
}
