//! Keeps every flow within its freshness: reads what is due, reads what a system told of, and sends what there is to send.
//!
//! One lane per connection, side by side; within a lane one thing after the other. A lane is looked at when there is news, when
//! something that was told is due, and twice a second. How often a flow is read is decided in `core::schedule`.

mod boost;
mod due;
mod narrowed;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use nave_core::model::Time;
use tokio::task::JoinSet;

use crate::clock::now;
use crate::hub::Hub;
use crate::project::ownership;
use crate::webhook::Due;
pub(crate) use boost::{Boost, boost_of, boost_row};
pub(crate) use due::{Schedule, Scheduled, has_work};
pub(crate) use narrowed::narrowed;

/// How often it is looked whether a flow is due, where nothing rings before.
const TICK: Duration = Duration::from_millis(500);
/// After news, what comes with it is waited for: one look for a burst of commits.
const GATHER: Duration = Duration::from_millis(10);
/// What was told and could not be read is tried again after this long.
const TOLD_AGAIN_MS: i64 = 60_000;

/// Works until `shutdown` resolves, then ends what is under way.
pub(crate) async fn run(hub: Arc<Hub>, shutdown: impl Future<Output = ()> + Send) {
    let _alerts = crate::alerts::watch(&hub);
    let _anchors = crate::anchor::watch(&hub);
    tokio::pin!(shutdown);
    let lanes = Arc::new(Lanes { schedule: Schedule::default(), hub });
    let news = lanes.hub.engine.news();
    let (mut tasks, mut running) = (JoinSet::new(), HashSet::new());
    // Lanes for which there was news while they were at work.
    let mut again = HashSet::new();
    let mut tended = tokio::time::Instant::now();
    let mut files = narrowed::Narrowed::default();
    loop {
        let look = tokio::select! {
            () = &mut shutdown => break,
            () = news.notified() => {
                tokio::time::sleep(GATHER).await;
                Look::News
            }
            () = tokio::time::sleep(lanes.next()) => Look::Time,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => match ended {
                Ok(lane) => Look::Ended(lane),
                Err(error) => {
                    // The name went with the task: all that are not there any more are looked at again.
                    tracing::error!(%error, "a lane of the scheduler broke off");
                    running.clear();
                    Look::Time
                }
            },
        };
        let catalog = lanes.hub.engine.catalog();
        let mut start: Vec<String> = catalog.connections.keys().cloned().collect();
        if let Look::Ended((name, worked)) = &look {
            running.remove(name);
            start.retain(|known| known == name && (*worked || again.contains(name)));
        }
        for name in start {
            if running.contains(&name) {
                if matches!(look, Look::News) {
                    again.insert(name);
                }
                continue;
            }
            again.remove(&name);
            running.insert(name.clone());
            let lanes = lanes.clone();
            tasks.spawn(async move {
                let worked = lanes.lane(&name).await;
                (name, worked)
            });
        }
        if tended.elapsed() >= TICK {
            let store = lanes.hub.store.clone();
            let _ = tokio::task::spawn_blocking(move || store.tend()).await;
            if tokio::task::block_in_place(|| files.look(&lanes.hub))
                && let Err(error) = crate::service::note_granted(&lanes.hub).await
            {
                tracing::warn!(%error, "what was taken away in a connection's file counts, and could not be noted");
            }
            tended = tokio::time::Instant::now();
        }
    }
    while tasks.join_next().await.is_some() {}
    crate::anchor::end(&lanes.hub).await;
}

/// Why it looks.
enum Look {
    News,
    Time,
    /// A lane came to its end, and whether it did something.
    Ended((String, bool)),
}

struct Lanes {
    hub: Arc<Hub>,
    schedule: Schedule,
}

impl Lanes {
    /// How long nothing is due.
    fn next(&self) -> Duration {
        let catalog = self.hub.engine.catalog();
        let told = catalog.connections.values().filter_map(|connection| {
            let webhook = connection.webhook.as_ref()?;
            self.hub.told.next(&connection.name, webhook.fold_ms)
        });
        let wait = told.min().map_or(TICK, |at| Duration::from_millis(u64::try_from(at.0 - now().0).unwrap_or(0)));
        // What is due and could not be read is no reason to look without pause.
        wait.clamp(GATHER, TICK)
    }

    /// Does what is due on one connection. Answers whether something was done.
    async fn lane(&self, name: &str) -> bool {
        let hub = &self.hub;
        let catalog = hub.engine.catalog();
        let Some(connection) = catalog.connections.get(name) else { return false };
        if connection.calendar.open(now()).is_err() {
            return false;
        }
        let mut worked = false;
        if let Some(webhook) = &connection.webhook {
            let due = self.hub.told.due(name, webhook.fold_ms, now());
            for due in due {
                worked |= self.read_told(name, &due).await;
            }
        }
        for mapping in catalog.mappings.values().filter(|mapping| mapping.connection == name) {
            if !hub.engine.may_send(name) {
                return worked; // it is tried when its time has come; the others go on
            }
            let Ok(flow) = hub.store.flow(&mapping.name) else { return worked };
            if flow.paused || hub.engine.used_up(mapping).is_some() || ownership::open(&catalog, &mapping.entity) {
                continue;
            }
            if self.schedule.due(hub, mapping, &flow, now()) {
                worked = true;
                if let Err(error) = hub.engine.run_in(&mapping.name, false).await {
                    tracing::error!(flow = mapping.name, %error, "a run ended early");
                }
            }
            if mapping.flow_out.is_some()
                && flow.approved.as_deref() == Some(mapping.digest.as_str())
                && has_work(&hub.engine, &mapping.name)
                && crate::shadow::due(hub, mapping)
            {
                worked = true;
                if let Err(error) = hub.engine.run_out(&mapping.name).await {
                    tracing::error!(flow = mapping.name, %error, "a run ended early");
                }
            }
            crate::reconcile::tick(hub, mapping).await;
            crate::canary::tick(hub, mapping).await;
        }
        crate::reconcile::compare(hub, name).await;
        worked
    }

    /// Reads what a system told of, by every flow that reads that stream.
    async fn read_told(&self, connection: &str, due: &Due) -> bool {
        let hub = &self.hub;
        if !hub.engine.may_send(connection) || !self.schedule.may_read_told(connection, now()) {
            return false;
        }
        let catalog = hub.engine.catalog();
        let reading = catalog.mappings.values().filter(|mapping| mapping.connection == connection && mapping.flow_in.is_some());
        let mut paused = false;
        for mapping in reading {
            let of_part = mapping.parts.iter().any(|part| part.stream == due.stream);
            if mapping.stream != due.stream && !of_part {
                continue;
            }
            let open = ownership::open(&catalog, &mapping.entity);
            if open || hub.store.flow(&mapping.name).is_ok_and(|flow| flow.paused) || hub.engine.used_up(mapping).is_some() {
                paused = true;
                continue;
            }
            let whole = due.ids.is_empty() || mapping.id.is_some() || of_part;
            let read = match whole {
                true => hub.engine.run_in(&mapping.name, false).await.map(drop),
                false => hub.engine.refetch(&mapping.name, &due.stream, &due.ids, "webhook").await.map(drop),
            };
            if let Err(error) = read {
                tracing::warn!(flow = mapping.name, %error, "what the system told of could not be read yet");
                self.schedule.hold_told(connection, now().plus_ms(TOLD_AGAIN_MS));
                return true;
            }
        }
        if paused {
            self.schedule.hold_told(connection, now().plus_ms(TOLD_AGAIN_MS));
            return false;
        }
        if let Err(error) = hub.told.done(connection, due, now()) {
            tracing::warn!(connection, %error, "what was read stays noted as told, and is read again");
            self.schedule.hold_told(connection, now().plus_ms(TOLD_AGAIN_MS));
        }
        true
    }
}

/// By flow, a moment.
type Moments = HashMap<String, Time>;
