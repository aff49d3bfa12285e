//! Tells people when something is wrong, once per thing and not a thousand times.
//!
//! What is wrong is read from what is stored anyway ([`conditions`]), so that nothing is lost with a restart; what was told to whom is
//! kept in rows of its own, written after it was told: a crash in between tells it once more, never not at all. A sink that is down
//! is tried again on the ladder; nothing waits for it.

mod conditions;
pub(crate) use conditions::REVIEWED;
mod message;
mod sinks;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nave_core::alert::{Alert, Condition, News};
use nave_core::catalog::Alerts;
use nave_core::model::{Cause, Time};
use nave_store::KeyedRow;

pub use message::Message;
pub(crate) use sinks::destinations;
pub use sinks::{OWN, Outlets, Sinks};

use crate::api::{AlertLine, AlertsAnswer, ApiError, SinkLine};
use crate::engine::{Engine, EngineError};
use crate::hub::Hub;
use crate::spoke::BoxFuture;

/// Rows: alerts, by kind and subject.
const SPACE: &str = "alert";
/// Time between two looks: well within the minute in which an open breaker is to be told.
const LOOK: Duration = Duration::from_secs(10);
/// What is well again is shown for so long.
const KEEP_MS: i64 = 7 * 24 * 3_600_000;

/// Where messages go. The hub's own speaks HTTP and SMTP; tests listen.
pub trait Outlet: Send + Sync {
    /// Tells one sink; an error is for people, without secrets.
    fn tell<'a>(&'a self, sink: &'a str, message: &'a Message) -> BoxFuture<'a, Result<(), String>>;
    /// Calls the heartbeat's address.
    fn beat(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// Looks at what is wrong, and tells.
pub struct Watch {
    engine: Arc<Engine>,
    outlet: Arc<dyn Outlet>,
    /// Sinks that are being told something at this moment.
    busy: Arc<Mutex<HashSet<String>>>,
    beaten: Mutex<Option<Time>>,
}

/// Keeps watching until it is dropped.
pub struct Watching(tokio::task::JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Watches an open hub, in a task of its own.
pub fn watch(hub: &Hub) -> Watching {
    let outlet = Arc::new(Outlets::new(hub.engine.clone(), hub.guests.egress().clone(), hub.vault.clone(), hub.store.clone()));
    let watch = Watch::new(hub.engine.clone(), outlet);
    Watching(tokio::spawn(async move {
        loop {
            // Nothing waits for those who are told: a sink that hangs is left to its task.
            if let Err(error) = watch.look().await {
                tracing::error!(%error, "alerts could not be looked after; they are with the next look");
            }
            tokio::time::sleep(LOOK).await;
        }
    }))
}

impl Watch {
    /// Over these parts.
    pub fn new(engine: Arc<Engine>, outlet: Arc<dyn Outlet>) -> Self {
        Self { engine, outlet, busy: Arc::default(), beaten: Mutex::new(None) }
    }

    /// One look: what is wrong is noted, and sinks are told in tasks of their own, which are handed back: one for each sink that is
    /// not still busy with an earlier look.
    pub async fn look(&self) -> Result<Vec<tokio::task::JoinHandle<()>>, EngineError> {
        self.engine.escalate().await?;
        self.engine.overdue_merges().await?;
        note(&self.engine).await?;
        let settings = self.engine.catalog().hub.alerts.clone();
        let mut told = Vec::new();
        for sink in settings.sinks.keys() {
            // A sink that hangs holds up nobody else, and is not told twice at once.
            if !self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(sink.clone()) {
                continue;
            }
            let (engine, outlet, busy) = (self.engine.clone(), self.outlet.clone(), self.busy.clone());
            let (sink, interval_ms) = (sink.clone(), settings.interval_ms);
            told.push(tokio::spawn(async move {
                if let Err(error) = tell(&engine, outlet.as_ref(), &sink, interval_ms).await {
                    tracing::error!(%error, sink, "what a sink was told could not be kept; it is told once more");
                }
                busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&sink);
            }));
        }
        told.extend(self.beat(&settings));
        Ok(told)
    }

    /// An outside watcher is told that the hub lives, while no flow is silent.
    fn beat(&self, settings: &Alerts) -> Option<tokio::task::JoinHandle<()>> {
        let heartbeat = settings.heartbeat.as_ref()?;
        let now = self.engine.now();
        {
            let mut beaten = self.beaten.lock().unwrap_or_else(PoisonError::into_inner);
            if beaten.is_some_and(|at| at.plus_ms(heartbeat.every_ms as i64) > now) {
                return None;
            }
            let silent = stored(&self.engine).is_ok_and(|all| {
                all.iter().any(|(_, alert)| alert.condition.kind == "flow-silent" && alert.resolved_at.is_none())
            });
            if silent {
                return None;
            }
            *beaten = Some(now);
        }
        let outlet = self.outlet.clone();
        Some(tokio::spawn(async move {
            if let Err(error) = outlet.beat().await {
                tracing::warn!(error, "the heartbeat did not get through");
            }
        }))
    }
}

/// Under which an alert is kept.
fn key(condition: &Condition) -> String {
    format!("{} {}", condition.kind, condition.subject)
}

/// All alerts, by key.
fn stored(engine: &Engine) -> Result<Vec<(String, Alert)>, EngineError> {
    let rows = engine.store.rows(SPACE)?;
    Ok(rows.into_iter().filter_map(|(key, row)| Some((key, serde_json::from_slice(&row).ok()?))).collect())
}

fn row(key: &str, alert: Option<&Alert>) -> KeyedRow {
    let value = alert.and_then(|alert| serde_json::to_vec(alert).ok());
    KeyedRow { space: SPACE.into(), key: key.to_owned(), value }
}

/// Brings the stored alerts in step with what is wrong now.
async fn note(engine: &Engine) -> Result<(), EngineError> {
    let found = tokio::task::block_in_place(|| conditions::all(engine))?;
    let settings = engine.catalog().hub.alerts.clone();
    let sinks: Vec<&str> = settings.sinks.keys().map(String::as_str).collect();
    let now = engine.now();
    let mut changed = Vec::new();
    let mut known = tokio::task::block_in_place(|| stored(engine))?;
    let mut next = known.iter().map(|(_, alert)| alert.id).max().unwrap_or_default() + 1;
    for condition in &found {
        if !known.iter().any(|(known, _)| *known == key(condition)) {
            let alert = Alert { id: next, condition: condition.clone(), opened_at: now, ..Alert::default() };
            changed.push((key(condition), true));
            known.push((key(condition), alert));
            next += 1;
        }
    }
    for (name, alert) in &mut known {
        if alert.see(now, found.iter().find(|condition| key(condition) == *name)) {
            changed.push((name.clone(), true));
        }
        if alert.is_over(&sinks, now, KEEP_MS) {
            changed.push((name.clone(), false));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    engine
        .write(Cause::default(), |draft| {
            for (name, stays) in &changed {
                let Some((_, alert)) = known.iter().find(|(known, _)| known == name) else { continue };
                // What a sink was told, or a person said, since it was read stays.
                let mut alert = alert.clone();
                if let Some(now) = draft.row(SPACE, name)?.and_then(|row| serde_json::from_slice::<Alert>(&row).ok()) {
                    alert.told = now.told;
                    if alert.opened_at == now.opened_at {
                        alert.acknowledged_by = now.acknowledged_by;
                    }
                }
                draft.batch.rows.push(row(name, stays.then_some(&alert)));
            }
            Ok(())
        })
        .await
}

/// Tells one sink what there is to tell it.
async fn tell(engine: &Engine, outlet: &dyn Outlet, sink: &str, interval_ms: u64) -> Result<(), EngineError> {
    for (name, alert) in tokio::task::block_in_place(|| stored(engine))? {
        let Some(news) = alert.news(sink, engine.now(), interval_ms) else { continue };
        let message = Message::new(&engine.catalog().hub.environment, &alert, news, engine.now());
        let answer = outlet.tell(sink, &message).await;
        if let Err(why) = &answer {
            tracing::warn!(sink, why, "an alert did not get through; it is tried again");
        }
        settle(engine, &name, sink, news, alert.condition.count, answer.err()).await?;
    }
    Ok(())
}

/// Keeps what a sink was told.
async fn settle(
    engine: &Engine,
    name: &str,
    sink: &str,
    news: News,
    count: u64,
    failed: Option<String>,
) -> Result<(), EngineError> {
    engine
        .write(Cause::default(), |draft| {
            let Some(mut alert) = draft.row(SPACE, name)?.and_then(|row| serde_json::from_slice::<Alert>(&row).ok()) else {
                return Ok(());
            };
            match &failed {
                None => {
                    alert.took(sink, draft.now, news);
                    if let Some(told) = alert.told.get_mut(sink) {
                        told.count = count;
                    }
                }
                Some(why) => alert.failed(sink, draft.now, why),
            }
            draft.batch.rows.push(row(name, Some(&alert)));
            Ok(())
        })
        .await
}

/// Everything that is wrong now, as it is stored: what alerts are made of.
///
/// # Errors
/// Those of the store.
pub fn wrong_now(engine: &Engine) -> Result<Vec<Condition>, crate::engine::EngineError> {
    conditions::all(engine)
}

/// Alerts for people: open ones, or all that are kept; and how the sinks do.
pub(crate) fn list(engine: &Engine, all: bool) -> Result<AlertsAnswer, ApiError> {
    let settings = engine.catalog().hub.alerts.clone();
    let mut known: Vec<Alert> = stored(engine)?.into_iter().map(|(_, alert)| alert).collect();
    known.sort_by_key(|alert| alert.id);
    let sinks = settings.sinks.iter().map(|(name, sink)| {
        let of = |alert: &Alert| alert.told.get(name).and_then(|told| told.error.clone());
        let failing: Vec<String> = known.iter().filter_map(of).collect();
        SinkLine {
            sink: name.clone(),
            kind: message::kind_of(&sink.kind).to_owned(),
            waiting: failing.len() as u64,
            error: failing.into_iter().next_back(),
        }
    });
    let sinks = sinks.collect();
    let alerts = known.iter().filter(|alert| all || alert.resolved_at.is_none()).map(|alert| AlertLine {
        id: alert.id,
        kind: alert.condition.kind.clone(),
        subject: alert.condition.subject.clone(),
        count: alert.condition.count,
        what: alert.condition.what.clone(),
        fix: alert.condition.fix.clone(),
        runbook: alert.condition.runbook.clone(),
        owner: alert.condition.owner.clone(),
        since: alert.condition.since.to_string(),
        opened_at: alert.opened_at.to_string(),
        resolved_at: alert.resolved_at.map(|time| time.to_string()),
        acknowledged_by: alert.acknowledged_by.clone(),
        told: alert.told.iter().filter(|(_, told)| told.at.is_some()).map(|(sink, _)| sink.clone()).collect(),
    });
    Ok(AlertsAnswer { alerts: alerts.collect(), sinks, heartbeat: settings.heartbeat.map(|heartbeat| heartbeat.url) })
}

/// Somebody works on it: nothing more is told but the end.
pub(crate) async fn acknowledge(engine: &Engine, id: u64, by: &str) -> Result<String, ApiError> {
    let known = tokio::task::block_in_place(|| stored(engine))?;
    let found = known.into_iter().find(|(_, alert)| alert.id == id && alert.resolved_at.is_none());
    let Some((name, _)) = found else {
        return Err(ApiError::not_found(format!("there is no open alert {id}")).help("`nave alert list` shows them"));
    };
    engine
        .write(Cause::default(), |draft| {
            let Some(mut alert) = draft.row(SPACE, &name)?.and_then(|row| serde_json::from_slice::<Alert>(&row).ok()) else {
                return Ok(());
            };
            alert.acknowledged_by = Some(by.to_owned());
            draft.batch.rows.push(row(&name, Some(&alert)));
            draft.batch.audit.push(nave_core::model::AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "alert.acknowledged".to_owned(),
                subject: name.clone(),
                detail: String::new(),
            });
            Ok(())
        })
        .await?;
    Ok(name)
}

/// Tells sinks that this is a test; answers one line each, with what went wrong.
pub(crate) async fn test(hub: &Hub, only: Option<&str>) -> Result<Vec<(String, Result<(), String>)>, ApiError> {
    let engine = &hub.engine;
    let settings = engine.catalog().hub.alerts.clone();
    let known: Vec<String> = settings.sinks.keys().cloned().collect();
    if known.is_empty() {
        return Err(ApiError::usage("nave.toml has no [alerts.sinks.NAME]: nobody is told when something is wrong")
            .help("add one:\n\n[alerts.sinks.ops]\nkind = \"slack\"\nurl = \"https://hooks.slack.com/services/\"\npath-secret = \"slack\"\n\nthen `nave secret set slack` and `nave alert test`"));
    }
    if let Some(only) = only.filter(|only| !settings.sinks.contains_key(*only)) {
        return Err(ApiError::not_found(format!("there is no sink `{only}`")).help(format!("there are: {}", known.join(", "))));
    }
    let outlet = Outlets::new(engine.clone(), hub.guests.egress().clone(), hub.vault.clone(), hub.store.clone());
    let message = Message::test(&engine.catalog().hub.environment, engine.now());
    let mut said = Vec::new();
    for sink in known.into_iter().filter(|sink| only.is_none_or(|only| only == *sink)) {
        let answer = outlet.tell(&sink, &message).await;
        said.push((sink, answer));
    }
    Ok(said)
}
