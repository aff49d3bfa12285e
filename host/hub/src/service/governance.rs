//! `nave governance`: five numbers that say whether master data can be trusted, each with the list behind it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use nave_core::model::{ContributionId, RecordId, RecordState, ReviewId, ReviewKind, Went};
use nave_core::survivorship::STEWARD;

use super::count;
use super::names::{Names, reference};
use crate::api::{AnomaliesAnswer, AnomalyLine, Answer, ApiError, GovernanceAnswer, GovernanceLine};
use crate::engine::Engine;
use crate::engine::refused::Refused;
use crate::engine::synthetic::Synthetic;

/// Rows read from the store at once.
const CHUNK: usize = 5_000;
/// Examples of each number.
const EXAMPLES: usize = 20;
/// A thing that was not read for so many times its turn is stale.
const STALE_TURNS: i64 = 2;

/// One number in the making.
#[derive(Default)]
struct Count {
    count: u64,
    examples: Vec<String>,
}

impl Count {
    fn add(&mut self, example: impl FnOnce() -> String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example());
        }
    }

    fn line(self, name: &str, what: &str, command: &str) -> GovernanceLine {
        GovernanceLine {
            name: name.to_owned(),
            count: self.count,
            what: what.to_owned(),
            command: command.to_owned(),
            examples: self.examples,
        }
    }
}

/// The five numbers, from what is stored: everything is gone through once.
pub(super) fn governance(engine: &Engine) -> Result<GovernanceAnswer, ApiError> {
    let names = Names::new(engine);
    let (mut duplicates, mut conflicts) = reviews(engine)?;
    let mut stale = Count::default();
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
                stale.add(|| row.key.to_string());
            }
            let seen = twice.entry((record, format!("{connection}/{}", row.key.stream))).or_default();
            *seen += 1;
            if *seen == 2 {
                duplicates.add(|| format!("{} twice in {connection}", names.title_of(record).unwrap_or_default()));
            }
        }
    }
    let mut orphans = Count::default();
    let mut after = RecordId(0);
    loop {
        let records = engine.store.records_after(after, CHUNK)?;
        let Some(last) = records.last() else { break };
        after = last.id;
        for record in records.iter().filter(|record| record.state == RecordState::Active && !alive.contains(&record.id)) {
            orphans.add(|| format!("{} {}", reference(record), names.title(record)));
        }
    }
    let unowned = unowned(&names);
    conflicts.examples.sort();
    let lines = vec![
        duplicates.line(
            "duplicates",
            "records with more than one thing in one system, and things that may be one of several records",
            "nave match candidates",
        ),
        orphans.line("orphans", "records in use that no system holds any more", "nave record list"),
        unowned.line(
            "unowned-fields",
            "fields that two systems tell, and for which nobody decided who wins",
            "nave plan --initial",
        ),
        conflicts.line(
            "open-conflicts",
            "decisions that wait: contested fields, unknown outcomes, deletions, volumes",
            "nave review list",
        ),
        stale.line(
            "stale-xrefs",
            "things that no flow reads any more, or that were not read for twice as long as they should be",
            "nave reconcile status",
        ),
    ];
    Ok(GovernanceAnswer { lines })
}

/// What waits for a person: which record a thing is, and everything else.
fn reviews(engine: &Engine) -> Result<(Count, Count), ApiError> {
    let (mut matches, mut others, mut after) = (Count::default(), Count::default(), ReviewId(0));
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { return Ok((matches, others)) };
        after = last;
        for review in reviews {
            let count = match review.kind {
                ReviewKind::Match { .. } | ReviewKind::Alike { .. } => &mut matches,
                _ => &mut others,
            };
            count.add(|| format!("review {}: {}", review.id, review.title));
        }
    }
}

/// Fields that more than one connection tells and of which nobody decided who wins.
fn unowned(names: &Names<'_>) -> Count {
    let mut told: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for mapping in names.catalog.mappings.values().filter(|mapping| mapping.flow_in.is_some()) {
        let scalars =
            mapping.fields.iter().filter(|field| field.direction.reads()).filter_map(|field| field.canonical.as_deref());
        let lists = mapping.lists.iter().filter(|list| list.direction.reads()).map(|list| list.canonical.as_str());
        for field in scalars.chain(lists) {
            told.entry((&mapping.entity, field)).or_default().insert(&mapping.connection);
        }
    }
    let mut found = Count::default();
    for ((entity, field), connections) in told.into_iter().filter(|(_, connections)| connections.len() > 1) {
        let decided =
            names.catalog.entities.get(entity).and_then(|entity| entity.fields.get(field)).is_some_and(|field| field.decided);
        if !decided {
            found.add(|| format!("{entity}.{field} ({})", connections.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    found
}

/// What is unusual: writers that nobody knows, and volumes that wait for a person.
pub(super) fn anomalies(engine: &Engine) -> Result<AnomaliesAnswer, ApiError> {
    let mut anomalies = Vec::new();
    for writer in engine.unknown_writers()? {
        let (since, last) = writer.times;
        anomalies.push(AnomalyLine {
            kind: "unknown-writer".to_owned(),
            subject: format!("{}.{}.{}", writer.connection, writer.entity, writer.field),
            count: writer.count as u64,
            since: since.to_string(),
            last: last.to_string(),
            what: format!(
                "`{}` in {} was changed {} times within a week right after the hub had written it: that is no person. Look for a \
                 workflow, an automation or another integration there, or let {} own the field",
                writer.path, writer.connection, writer.count, writer.connection
            ),
            command: format!("nave mapping explain {}", writer.flow),
            changed: false,
        });
    }
    let mut after = ReviewId(0);
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { break };
        after = last;
        for review in reviews {
            let ReviewKind::Volume { connection, stream, things, .. } = &review.kind else { continue };
            anomalies.push(AnomalyLine {
                kind: "volume".to_owned(),
                subject: format!("{connection}/{stream}"),
                count: *things,
                since: review.opened_at.to_string(),
                last: review.opened_at.to_string(),
                what: review.title.clone(),
                command: format!("nave review show {}", review.id),
                changed: false,
            });
        }
    }
    for refused in engine.refused()? {
        let Refused { connection, stream, what, records } = refused;
        let (came, flag) = if what == Went::Changed { ("changed", " --changed") } else { ("new", "") };
        anomalies.push(AnomalyLine {
            kind: "refused".to_owned(),
            subject: format!("{connection}/{stream}"),
            count: records,
            since: String::new(),
            last: String::new(),
            what: format!("{records} {came} at once in {connection} and were refused: nothing of them is written anywhere"),
            command: format!("nave anomalies let-in {connection}/{stream}{flag} --reason TEXT"),
            changed: what == Went::Changed,
        });
    }
    Ok(AnomaliesAnswer { anomalies })
}

/// What came at once and was refused: let in after all, or detached for good.
pub(super) async fn release(
    engine: &Engine,
    (connection, stream): (&str, &str),
    (changed, detach): (bool, bool),
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    let released = match (changed, detach) {
        (true, true) => {
            return Err(ApiError::usage("what only changed was here before, and is not detached").help(format!(
                "correct it in {connection}, or let it in: `nave anomalies let-in {connection}/{stream} --changed --reason TEXT`"
            )));
        }
        (_, true) => engine.detach_refused((connection, stream), by, reason).await?,
        (true, false) => engine.let_in((connection, stream), &Went::Changed, by, reason).await?,
        (false, false) => engine.let_in((connection, stream), &Went::Arrived, by, reason).await?,
    };
    let records = count(usize::try_from(released.done).unwrap_or(usize::MAX), "record", "records");
    let mut message = match detach {
        true => format!("{records} of {connection}/{stream} detached: they are in {connection}, and nowhere here any more."),
        false => format!("{records} of {connection}/{stream} let in: they go where everything goes with the next sync."),
    };
    if released.left > 0 {
        message.push_str(&format!(
            " {} left as they were, because another system knows them too: let them in, or part them first.",
            released.left
        ));
    }
    Ok(Answer::done(message, released.done))
}
