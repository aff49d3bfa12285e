//! What is wrong now, read from what is stored anyway. One function per source.

use std::collections::BTreeMap;

use nave_core::alert::Condition;
use nave_core::catalog::Mapping;
use nave_core::model::{DeadLetterSubject, ReviewId, ReviewKind, RunStatus, Time};

use crate::engine::merges::{MergeState, StepOutcome};
use crate::engine::{Engine, EngineError};
use crate::runbooks;
use crate::service::access::QUARTER_DAYS;
use crate::vault::{ROTATION_SPACE, Rotation};

/// Dead letters and reviews read at once.
const CHUNK: usize = 1_000;
/// A flow is silent after this many times its freshness without a success.
const SILENT_FACTOR: i64 = 2;
/// Runs looked at for the first one of a flow that never succeeded.
const RUNS_LOOKED_AT: usize = 100;

/// Where it is noted when somebody looked at who has access to what: space and key.
pub(crate) const REVIEWED: (&str, &str) = ("access", "reviewed");

/// Everything that is wrong now.
pub(super) fn all(engine: &Engine) -> Result<Vec<Condition>, EngineError> {
    let mut found = Vec::new();
    breakers(engine, &mut found);
    authorizations(engine, &mut found);
    rotations(engine, &mut found)?;
    access(engine, &mut found)?;
    flows(engine, &mut found)?;
    dead_letters(engine, &mut found)?;
    reviews(engine, &mut found)?;
    budgets(engine, &mut found);
    canaries(engine, &mut found)?;
    merges(engine, &mut found)?;
    comparisons(engine, &mut found)?;
    sunsets(engine, &mut found)?;
    audit(engine, &mut found)?;
    Ok(found)
}

/// The audit is not as it was written, and nobody has said yet that they know.
fn audit(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let Some(kept) = crate::anchor::kept(engine.store.as_ref())? else { return Ok(()) };
    let what: Vec<&str> = kept.findings.iter().map(|(_, text)| text.as_str()).take(3).collect();
    found.push(Condition {
        kind: "audit-altered".into(),
        subject: "audit".into(),
        count: kept.findings.len() as u64,
        since: kept.since,
        what: format!("the audit is not as it was: {}", what.join("; ")),
        fix: "nave audit verify".into(),
        runbook: "audit-altered".into(),
        owner: String::new(),
    });
    Ok(())
}

/// Merges that a system refused, or that wait there for a person.
fn merges(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    for merge in engine.open_merges()?.into_iter().filter(|merge| merge.state == MergeState::Partial) {
        let why = merge.current().iter().find_map(|step| match &step.outcome {
            StepOutcome::Refused(why) => Some(format!("{}: {why}", step.connection)),
            StepOutcome::Asked(review) => Some(format!("{}: review {review} asks first", step.connection)),
            StepOutcome::Waiting(_) | StepOutcome::Done => None,
        });
        let steward = merge.current().iter().find_map(|step| engine.mapping(step.flow.as_deref()?).ok());
        let what = if merge.undo.is_some() { "taking back merge" } else { "merge" };
        found.push(Condition {
            kind: "merge-partial".into(),
            subject: format!("merge {}", merge.id),
            count: 1,
            since: merge.undo.as_ref().map_or(merge.at, |undo| undo.at),
            what: format!("{what} {} is not done everywhere; {}", merge.id, why.unwrap_or_default()),
            fix: format!("nave match merges show {}", merge.id),
            runbook: "merge-partial".into(),
            owner: steward.map(|mapping| mapping.steward.clone()).unwrap_or_default(),
        });
    }
    Ok(())
}

/// Two systems that differ in more than they did the time before.
fn comparisons(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let catalog = engine.catalog();
    for pair in engine.pairs() {
        let Some(kept) = engine.kept_of(&pair)? else { continue };
        let (Some(more), Some(last)) = (kept.grew(catalog.hub.reconcile.alert_percent), kept.outcomes.last()) else { continue };
        let (left, right, entity) = (&pair.left, &pair.right, &pair.entity);
        let steward = catalog.mappings.values().find(|mapping| mapping.connection == *right && mapping.entity == *entity);
        found.push(Condition {
            kind: "reconcile-grew".into(),
            subject: format!("{left} {right} {entity}"),
            count: more,
            since: last.at,
            what: format!(
                "{left} and {right} differ in {} ({entity}), {more} more than the time before: {} new, {} gone",
                last.apart(),
                last.new,
                last.gone
            ),
            fix: format!("nave reconcile {left} {right} --entity {entity}"),
            runbook: "reconcile-grew".into(),
            owner: steward.map(|mapping| mapping.steward.clone()).unwrap_or_default(),
        });
    }
    Ok(())
}

/// Systems that say that a part of their API goes.
fn sunsets(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let catalog = engine.catalog();
    for (name, connection) in &catalog.connections {
        let Some(said) = engine.sunset(name)? else { continue };
        found.push(Condition {
            kind: "api-sunset".into(),
            subject: name.clone(),
            count: 1,
            since: said.since,
            what: format!("{name} says that {}", said.said()),
            fix: format!("nave plugin upgrade {} --check", connection.plugin),
            runbook: "api-sunset".into(),
            owner: catalog.systems.get(&connection.system).map(|system| system.owner.clone()).unwrap_or_default(),
        });
    }
    Ok(())
}

fn breakers(engine: &Engine, found: &mut Vec<Condition>) {
    for connection in engine.catalog().connections.keys() {
        let Some((since, until, why)) = engine.unanswered(connection) else { continue };
        if engine.patient(connection) {
            continue; // it is well, and asked to wait
        }
        found.push(Condition {
            kind: "breaker-open".into(),
            subject: connection.clone(),
            count: 1,
            since,
            what: format!("{connection} does not answer ({why}); nothing is sent to it before {until}, the others go on"),
            fix: format!("nave connection check {connection}"),
            runbook: "breaker-open".into(),
            owner: engine.catalog().systems.get(connection).map(|system| system.owner.clone()).unwrap_or_default(),
        });
    }
}

/// Connections whose system takes what it granted no longer: a person has to agree anew.
fn authorizations(engine: &Engine, found: &mut Vec<Condition>) {
    let catalog = engine.catalog();
    let hub = catalog.hub.public_url.clone().unwrap_or_else(|| format!("http://{}", catalog.hub.listen));
    for connection in catalog.connections.values() {
        let name = &connection.name;
        let Some((since, why)) = engine.needs_reauth(name) else { continue };
        found.push(Condition {
            kind: "needs-reauth".into(),
            subject: name.clone(),
            count: 1,
            since,
            what: format!("{name} cannot sign in any more: {why}; agree anew at {hub}/connections/{name}"),
            fix: format!("nave connection authorize {name}"),
            runbook: "needs-reauth".into(),
            owner: catalog.systems.get(&connection.system).map(|system| system.owner.clone()).unwrap_or_default(),
        });
    }
}

/// Secrets whose successor a system refused: the old one is used, and is still to be replaced.
fn rotations(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    for (name, row) in engine.store.rows(ROTATION_SPACE)? {
        let Ok(Rotation::Refused { at, why }) = serde_json::from_slice(&row) else { continue };
        found.push(Condition {
            kind: "rotation-refused".into(),
            subject: name.clone(),
            count: 1,
            since: at,
            what: format!("the new secret `{name}` was refused, and the old one is still used: {why}"),
            fix: format!("nave secret rotate {name}"),
            runbook: "rotation-refused".into(),
            owner: String::new(),
        });
    }
    Ok(())
}

/// A quarter has passed since somebody looked at who has access to what.
fn access(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let looked = engine.store.row(REVIEWED.0, REVIEWED.1)?.and_then(|row| Some(Time(i64::from_le_bytes(row.try_into().ok()?))));
    let Some(since) = looked.map_or_else(|| crate::vault::oldest(engine.store.as_ref()), |at| Ok(Some(at)))? else {
        return Ok(());
    };
    let due = since.plus_ms(QUARTER_DAYS as i64 * 86_400_000);
    if due <= engine.now() {
        found.push(Condition {
            kind: "access-review-due".into(),
            subject: "access".into(),
            count: 1,
            since: due,
            what: format!("nobody has looked at who has access to what since {since}"),
            fix: "nave access review".into(),
            runbook: "access-review-due".into(),
            owner: String::new(),
        });
    }
    Ok(())
}

fn budgets(engine: &Engine, found: &mut Vec<Condition>) {
    let catalog = engine.catalog();
    let accounts: BTreeMap<&str, &str> =
        catalog.connections.values().map(|connection| (connection.account.as_str(), connection.name.as_str())).collect();
    for (account, connection) in accounts {
        let Some((percent, warn, used)) = engine.budget_of(connection) else { continue };
        let what = match used {
            Some(used) => format!("{account}: {}; flows that are not critical wait until {}", used.because, used.until),
            None if percent >= warn => format!("{account}: {percent} % of its budget of calls is used up"),
            None => continue,
        };
        found.push(Condition {
            kind: "budget".into(),
            subject: account.to_owned(),
            count: 1,
            since: engine.now(),
            what,
            fix: "nave budget".into(),
            runbook: "budget".into(),
            owner: catalog.systems.get(connection).map(|system| system.owner.clone()).unwrap_or_default(),
        });
    }
}

fn canaries(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    for mapping in engine.catalog().mappings.values() {
        let Some(flown) = engine.last_canary(&mapping.name)? else { continue };
        let Some(why) = flown.failed else { continue };
        found.push(Condition {
            kind: "canary-failed".into(),
            subject: mapping.name.clone(),
            count: 1,
            since: Time(flown.at_ms),
            what: format!("the canary of {} did not arrive: {why}", mapping.name),
            fix: "nave canary run".into(),
            runbook: "canary-failed".into(),
            owner: mapping.steward.clone(),
        });
    }
    Ok(())
}

/// Whether a flow's system is left alone at this time: its silence then is as it should be.
fn left_alone(engine: &Engine, mapping: &Mapping, now: Time) -> bool {
    let catalog = engine.catalog();
    let closed = catalog.connections.get(&mapping.connection).is_some_and(|connection| connection.calendar.open(now).is_err());
    closed || engine.used_up(mapping).is_some()
}

fn flows(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let now = engine.now();
    for mapping in engine.catalog().mappings.values() {
        let state = engine.store.flow(&mapping.name)?;
        if state.paused {
            continue;
        }
        if let (Some(error), Some(direction)) = (&state.last_error, &state.failed) {
            let runs = engine.store.runs(Some(&mapping.name), RUNS_LOOKED_AT)?;
            let failed = runs.iter().filter(|run| run.direction == *direction).take_while(|run| run.status != RunStatus::Success);
            let failed: Vec<_> = failed.filter(|run| run.status == RunStatus::Failed).collect();
            found.push(Condition {
                kind: "run-failed".into(),
                subject: mapping.name.clone(),
                count: failed.len().max(1) as u64,
                since: failed.last().map_or(now, |run| run.started_at),
                what: format!("the last run of {} ({direction}) failed: {error}", mapping.name),
                fix: format!("nave run list --flow {}", mapping.name),
                runbook: "run-failed".into(),
                owner: mapping.steward.clone(),
            });
        }
        if !left_alone(engine, mapping, now)
            && let Some((since, freshness_ms)) = silent(engine, mapping, state.last_in, now)?
        {
            found.push(Condition {
                kind: "flow-silent".into(),
                subject: mapping.name.clone(),
                count: 1,
                since,
                what: format!(
                    "{} had no successful run since {since}; it is to be fresh within {} s",
                    mapping.name,
                    freshness_ms / 1_000
                ),
                fix: format!("nave sync {}", mapping.name),
                runbook: "flow-silent".into(),
                owner: mapping.steward.clone(),
            });
        }
    }
    Ok(())
}

/// Since when a flow had no success, where that is too long. A flow that only writes has nothing to say while nothing waits: its
/// silence is a change that was not delivered.
fn silent(engine: &Engine, mapping: &Mapping, last_in: Option<Time>, now: Time) -> Result<Option<(Time, u64)>, EngineError> {
    let too_long = |since: Time, freshness_ms: u64| {
        let freshness_ms = freshness_ms.max(1_000);
        (now.0 - since.0 > SILENT_FACTOR * freshness_ms as i64).then_some((since, freshness_ms))
    };
    if let Some(inward) = &mapping.flow_in {
        let since = match last_in {
            Some(at) => Some(at),
            None => {
                let runs = engine.store.runs(Some(&mapping.name), RUNS_LOOKED_AT)?;
                runs.iter().filter(|run| run.direction == "in").map(|run| run.started_at).min()
            }
        };
        if let Some(found) = since.and_then(|since| too_long(since, inward.freshness_ms)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn dead_letters(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    // A line for everybody who answers for some of it: of one flow, each field's own steward.
    let mut groups: BTreeMap<(String, String, String), Condition> = BTreeMap::new();
    let catalog = engine.catalog();
    let mut after = 0;
    loop {
        let letters = engine.store.dead_letters(after, CHUNK)?;
        let Some(last) = letters.last() else { break };
        after = last.id;
        for letter in letters {
            let flow = match &letter.subject {
                DeadLetterSubject::SourceRecord { mapping, .. } => mapping,
                DeadLetterSubject::Delivery { destination, .. } => destination,
            };
            let mapping = catalog.mappings.get(flow);
            let owner = mapping.map_or("", |mapping| mapping.steward_for(&catalog, letter.field.as_deref())).to_owned();
            let whole = mapping.is_none_or(|mapping| mapping.steward == owner);
            let subject = format!("{flow} {}{}", letter.class, if whole { String::new() } else { format!(" of {owner}") });
            let group = groups.entry((flow.clone(), letter.class.clone(), owner.clone())).or_insert_with(|| Condition {
                kind: "dead-letter".into(),
                subject,
                count: 0,
                since: letter.first_at,
                what: String::new(),
                fix: format!("nave dlq list --flow {flow} --class {}", letter.class),
                runbook: runbooks::name_for(&letter.class).into(),
                owner,
            });
            group.count += 1;
            group.since = group.since.min(letter.first_at);
            if group.what.is_empty() {
                group.what = letter.message.chars().take(300).collect();
            }
        }
    }
    found.extend(groups.into_values().map(|mut group| {
        group.what = format!("{} set aside; the first: {}", group.count, group.what);
        group
    }));
    Ok(())
}

fn reviews(engine: &Engine, found: &mut Vec<Condition>) -> Result<(), EngineError> {
    let now = engine.now();
    let due_ms = engine.catalog().hub.alerts.due_ms as i64;
    let catalog = engine.catalog();
    let mut groups: BTreeMap<(&'static str, String), Condition> = BTreeMap::new();
    let mut after = ReviewId(0);
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { break };
        after = last;
        for review in reviews {
            let kind = match &review.kind {
                ReviewKind::Volume { connection, stream, .. } => Some(("volume-held", format!("{connection}/{stream}"))),
                ReviewKind::Frozen { destination, .. } => Some(("field-frozen", destination.clone())),
                ReviewKind::UnknownOutcome { destination, .. } => Some(("unknown-outcome", destination.clone())),
                ReviewKind::DeadLetter { flow, .. } => Some(("escalated", flow.clone())),
                ReviewKind::Match { .. }
                | ReviewKind::Alike { .. }
                | ReviewKind::Conflict { .. }
                | ReviewKind::Delete { .. }
                | ReviewKind::Remove { .. } => None,
            };
            // Of one flow, each field's own steward is told by himself.
            let whole = |subject: &str| {
                let mut of = catalog.mappings.values().filter(|mapping| {
                    mapping.name == subject || subject.split_once('/') == Some((&mapping.connection, &mapping.alias))
                });
                of.next().is_none_or(|mapping| mapping.steward == review.steward)
            };
            let kind = kind.map(|(kind, subject)| match whole(&subject) {
                true => (kind, subject),
                false => (kind, format!("{subject} of {}", review.steward)),
            });
            let due = review.opened_at.plus_ms(due_ms);
            let overdue = (due <= now).then(|| ("review-overdue", review.steward.clone()));
            for (kind, subject) in kind.into_iter().chain(overdue) {
                let group = groups.entry((kind, subject.clone())).or_insert_with(|| Condition {
                    kind: kind.into(),
                    subject,
                    count: 0,
                    since: review.opened_at,
                    what: format!("review {}: {} (due {})", review.id.0, review.title, minute(due)),
                    fix: format!("nave review show {}", review.id.0),
                    runbook: kind.into(),
                    owner: review.steward.clone(),
                });
                group.count += 1;
                group.since = group.since.min(review.opened_at);
            }
        }
    }
    found.extend(groups.into_values());
    Ok(())
}

/// `2026-11-30 10:16 UTC`.
fn minute(time: Time) -> String {
    let text = time.to_string();
    text.get(..16).map_or(text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}
