//! How often flows are read, and why; another target, or a boost for a while.

use nave_core::accounting::Counts;
use nave_core::catalog::Mapping;
use nave_core::model::{Cause, RunStatus, Time};
use nave_core::schedule::{EVERY_MS_MIN, Found, advice, parse_span, span};

use super::{audit, audit_entry, unknown};
use crate::api::{AdviceAnswer, AdviceLine, Answer, ApiError, ComparisonLine, ScheduleAnswer, ScheduleLine};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::project;
use crate::scheduler::{Boost, Scheduled, boost_of, boost_row};

/// A boost ends by itself; a longer one is a target.
const BOOST_MS_MAX: u64 = 7 * 86_400_000;
/// Runs of a flow that advice looks at.
const RUNS_ADVISED_MAX: usize = 500;

/// Every flow that reads.
pub(super) fn list(hub: &Hub) -> Result<ScheduleAnswer, ApiError> {
    let engine = hub.engine.as_ref();
    let (catalog, now) = (engine.catalog(), engine.now());
    let mut flows = Vec::new();
    for mapping in catalog.mappings.values() {
        let (Some(inward), Some(scheduled)) = (&mapping.flow_in, Scheduled::of(hub, mapping, now)) else { continue };
        let connection = catalog.connections.get(&mapping.connection);
        let closed = connection.and_then(|connection| connection.calendar.open(now).err());
        let boost = boost_of(engine.store.as_ref(), &mapping.name, now)?;
        flows.push(ScheduleLine {
            flow: mapping.name.clone(),
            connection: mapping.connection.clone(),
            process: inward.purpose.process.clone().unwrap_or_default(),
            purpose: inward.purpose.sentence(&catalog.hub),
            paused: engine.store.flow(&mapping.name)?.paused,
            freshness_ms: inward.freshness_ms,
            every_ms: scheduled.pace.every_ms,
            because: scheduled.pace.because,
            attainable: scheduled.pace.attainable,
            next: scheduled.next.filter(|next| *next > now).map(|next| next.to_string()),
            attained_ms: scheduled.attained_ms,
            reads: scheduled.reads,
            boosted_until: boost.map(|boost| Time(boost.until).to_string()),
            closed: closed.as_ref().map(|closed| closed.because.clone()),
            closed_until: closed.and_then(|closed| closed.until).map(|until| until.to_string()),
            told: hub.told.waiting(&mapping.connection),
        });
    }
    Ok(ScheduleAnswer { flows, comparisons: comparisons(engine)? })
}

/// Every two systems that hold the same entity are compared by schedule.
fn comparisons(engine: &Engine) -> Result<Vec<ComparisonLine>, ApiError> {
    let every_ms = engine.catalog().hub.reconcile.every_ms;
    let mut lines = Vec::new();
    for pair in engine.pairs() {
        let kept = engine.kept_of(&pair)?;
        let last = kept.as_ref().and_then(|kept| kept.outcomes.last());
        lines.push(ComparisonLine {
            every_ms,
            last: last.map(|last| last.at.to_string()),
            apart: last.map(crate::engine::compared::Outcome::apart),
            next: kept.as_ref().map(|kept| kept.due.to_string()),
            left: pair.left,
            right: pair.right,
            entity: pair.entity,
        });
    }
    Ok(lines)
}

fn reading(engine: &Engine, flow: &str) -> Result<std::sync::Arc<Mapping>, ApiError> {
    let catalog = engine.catalog();
    let mapping = catalog.mappings.get(flow).ok_or_else(|| unknown("flow", flow, catalog.mappings.keys()))?;
    if mapping.flow_in.is_none() {
        return Err(ApiError::usage(format!("`{flow}` reads nothing, and sends as soon as there is something to send"))
            .help("`nave schedule list` shows the flows that read"));
    }
    Ok(mapping.clone())
}

fn duration(text: &str) -> Result<u64, ApiError> {
    parse_span(text).filter(|ms| *ms >= EVERY_MS_MIN).ok_or_else(|| {
        ApiError::usage(format!("`{}` is no length of time of a second or more", text.escape_debug()))
            .help("write a number and s, m, h or d, as 15m")
    })
}

/// Writes another freshness target into the flow's file and puts it in force.
pub(super) async fn set(hub: &Hub, flow: &str, freshness: &str, by: &str) -> Result<Answer, ApiError> {
    let mapping = reading(&hub.engine, flow)?;
    let ms = duration(freshness)?;
    let before = mapping.flow_in.as_ref().map_or(0, |inward| inward.freshness_ms);
    tokio::task::block_in_place(|| {
        project::set_freshness(&hub.dir, flow, freshness)?;
        hub.reload()
    })?;
    audit(&hub.engine, by, "schedule.set", flow, &format!("{} instead of {}", span(ms), span(before))).await?;
    hub.engine.news().notify_one();
    let message = format!(
        "`{flow}` is to be no older than {} (before: {}); it is in force, and in mappings/{flow}.toml",
        span(ms),
        span(before)
    );
    Ok(Answer::done(message, 1))
}

/// Reads a flow more often for a while; none takes a boost back.
pub(super) async fn boost(hub: &Hub, flow: &str, wanted: Option<(&str, &str)>, by: &str) -> Result<Answer, ApiError> {
    reading(&hub.engine, flow)?;
    let now = hub.engine.now();
    let boost = match wanted {
        None => None,
        Some((every, lasting)) => {
            let (every_ms, lasting_ms) = (duration(every)?, duration(lasting)?);
            if lasting_ms > BOOST_MS_MAX {
                return Err(ApiError::usage(format!("a boost lasts {} at most", span(BOOST_MS_MAX)))
                    .help(format!("for good: `nave schedule set {flow} {every}`")));
            }
            Some(Boost { every_ms, until: now.plus_ms(lasting_ms as i64).0, by: by.to_owned() })
        }
    };
    let said = match &boost {
        Some(boost) => format!("every {} until {}", span(boost.every_ms), Time(boost.until)),
        None => "as before".to_owned(),
    };
    hub.engine
        .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            draft.batch.rows.push(boost_row(flow, boost.as_ref()));
            draft.batch.audit.push(audit_entry(draft.now, by, "schedule.boosted", flow, &said));
            Ok(())
        })
        .await?;
    hub.engine.news().notify_one();
    let after = if boost.is_some() { "; then as before, by itself" } else { "" };
    Ok(Answer::done(format!("`{flow}` is read {said}{after}"), 1))
}

/// Whether flows are read as often as their systems change.
pub(super) fn advise(engine: &Engine) -> Result<AdviceAnswer, ApiError> {
    let mut flows = Vec::new();
    for mapping in engine.catalog().mappings.values() {
        let Some(inward) = &mapping.flow_in else { continue };
        let mut found = Found::default();
        for run in engine.store.runs(Some(&mapping.name), RUNS_ADVISED_MAX)? {
            let Counts::In(counts) = run.counts else { continue };
            if run.direction != "in" || run.status != RunStatus::Success {
                continue;
            }
            let changes = counts.created + counts.updated + counts.deleted + counts.merged;
            found.reads += 1;
            found.with_changes += u64::from(changes > 0);
            found.changes += changes;
        }
        let (wanted, because) = advice(inward.freshness_ms, found);
        let flow = mapping.name.clone();
        flows.push(AdviceLine {
            fix: wanted.map(|ms| format!("nave schedule set {flow} {}", word(ms))),
            flow,
            freshness_ms: inward.freshness_ms,
            advised_ms: wanted,
            because,
        });
    }
    Ok(AdviceAnswer { flows })
}

/// As it is typed: one number and one unit.
fn word(ms: u64) -> String {
    for (size, unit) in [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m")] {
        if ms.is_multiple_of(size) {
            return format!("{}{unit}", ms / size);
        }
    }
    format!("{}s", ms / 1_000)
}
