//! Listens to how systems answer, and stops sending to one that does not. The others go on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::breaker::Breaker;
use nave_core::catalog::{Mapping, StreamInfo};
use nave_core::model::Time;
use nave_runtime::contract::{CheckReport, Delivery, Outcome, Page, SourceRecord};
use nave_store::{Batch, KeyedRow, Store};

use super::skew::{put_outcomes_right, put_right};
use super::{Clock, Engine, EngineError};
use crate::spoke::{BoxFuture, Spoke, SpokeError};

/// Where the breakers that are not closed are kept: a restart does not try at once.
const SPACE: &str = "breaker";

/// The breakers of all systems.
pub(super) struct Breakers {
    store: Arc<dyn Store>,
    clock: Clock,
    known: Mutex<HashMap<String, Breaker>>,
}

impl Breakers {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        let rows = store.rows(SPACE).unwrap_or_default();
        let known = rows.into_iter().filter_map(|(name, row)| Some((name, serde_json::from_slice(&row).ok()?))).collect();
        Self { store, clock, known: Mutex::new(known) }
    }

    fn get(&self, connection: &str) -> Breaker {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned().unwrap_or_default()
    }

    fn change(&self, connection: &str, change: impl FnOnce(&mut Breaker, Time)) {
        let (before, after) = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let breaker = known.entry(connection.to_owned()).or_default();
            let before = breaker.clone();
            change(breaker, (self.clock)());
            (before, breaker.clone())
        };
        if before.open() == after.open() {
            return;
        }
        match after.open() {
            Some((_, until, why)) => {
                tracing::warn!(connection, why, %until, "the system does not answer; nothing is sent before")
            }
            None => tracing::info!(connection, "the system answers again"),
        }
        let value = after.open().and_then(|_| serde_json::to_vec(&after).ok());
        let rows = vec![KeyedRow { space: SPACE.into(), key: connection.to_owned(), value }];
        // It is known all the same as long as this process lives.
        if let Err(error) = self.store.commit(Batch { at: (self.clock)(), rows, ..Batch::default() }) {
            tracing::warn!(connection, %error, "the state of the system's breaker was not stored");
        }
    }

    /// Hears what a call came to. What says nothing about the system's health changes nothing.
    fn hear<T>(&self, connection: &str, answer: &Result<T, SpokeError>) {
        match answer {
            Ok(_) => self.change(connection, |breaker, _| breaker.answered()),
            Err(SpokeError::Unavailable(why) | SpokeError::Unauthorized(why)) => {
                self.change(connection, |breaker, now| breaker.failed(now, why));
            }
            Err(SpokeError::RetryAfter(ms)) => self.change(connection, |breaker, now| breaker.asked_to_wait(now, *ms)),
            Err(_) => {}
        }
    }

    /// The same of a batch of writes, each of which was answered by itself.
    fn hear_outcomes(&self, connection: &str, outcomes: &[Outcome]) {
        let waits = outcomes.iter().filter_map(|outcome| if let Outcome::RetryAfter(ms) = outcome { Some(*ms) } else { None });
        let mut unknown =
            outcomes.iter().filter_map(|outcome| if let Outcome::Unknown(why) = outcome { Some(why) } else { None });
        match (waits.clone().count(), unknown.clone().count()) {
            (count, _) if count > 0 && count == outcomes.len() => {
                let ms = waits.max().unwrap_or_default();
                self.change(connection, |breaker, now| breaker.asked_to_wait(now, ms));
            }
            (_, count) if count > 0 && count == outcomes.len() => {
                let why = unknown.next_back().cloned().unwrap_or_default();
                self.change(connection, |breaker, now| breaker.failed(now, &why));
            }
            _ => self.change(connection, |breaker, _| breaker.answered()),
        }
    }
}

impl Engine {
    /// Whether something may be sent to a system: it answers, or it is time to try.
    pub fn may_send(&self, connection: &str) -> bool {
        self.breakers.get(connection).allows(self.now())
    }

    /// Whether a flow may go on with its next call: its system answers, and nobody stopped it.
    pub(super) fn may_go_on(&self, mapping: &Mapping) -> Result<bool, EngineError> {
        Ok(self.may_send(&mapping.connection) && !self.store.flow(&mapping.name)?.paused)
    }

    /// Since when, until when and why nothing is sent to a system; none where it answers.
    pub fn unanswered(&self, connection: &str) -> Option<(Time, Time, String)> {
        self.breakers.get(connection).open().map(|(since, until, why)| (since, until, why.to_owned()))
    }

    /// The system is well, and asked for patience.
    pub(crate) fn patient(&self, connection: &str) -> bool {
        self.breakers.get(connection).patient()
    }

    /// How long nothing is sent to a system, in milliseconds.
    pub(super) fn wait_of(&self, connection: &str) -> Option<u64> {
        let until = self.breakers.get(connection).open()?.1;
        u64::try_from(until.0 - self.now().0).ok().filter(|ms| *ms > 0)
    }

    /// A spoke that is listened to.
    pub(super) fn heard(&self, connection: &str, spoke: Arc<dyn Spoke>) -> Arc<dyn Spoke> {
        Arc::new(Heard { connection: connection.to_owned(), spoke, breakers: self.breakers.clone() })
    }
}

struct Heard {
    connection: String,
    spoke: Arc<dyn Spoke>,
    breakers: Arc<Breakers>,
}

impl Heard {
    async fn hear<T>(&self, call: impl Future<Output = Result<T, SpokeError>>) -> Result<T, SpokeError> {
        let answer = call.await;
        self.breakers.hear(&self.connection, &answer);
        answer
    }
}

impl Spoke for Heard {
    // Not every plugin asks its system for these: that it answers says nothing, that it fails does.
    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>> {
        Box::pin(async move {
            let answer = self.spoke.discover().await;
            if answer.is_err() {
                self.breakers.hear(&self.connection, &answer);
            }
            answer
        })
    }

    fn acknowledge(&self, stream: String, checkpoint: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>> {
        self.spoke.acknowledge(stream, checkpoint)
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>> {
        Box::pin(self.hear(self.spoke.check()))
    }

    fn read(&self, stream: String, checkpoint: Option<Vec<u8>>, limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>> {
        Box::pin(async move {
            let mut page = self.hear(self.spoke.read(stream, checkpoint, limit)).await?;
            put_right(&mut page.records, self.spoke.skew_ms());
            Ok(page)
        })
    }

    fn get(&self, stream: String, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            let mut records = self.hear(self.spoke.get(stream, ids)).await?;
            put_right(&mut records, self.spoke.skew_ms());
            Ok(records)
        })
    }

    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>> {
        Box::pin(async move {
            let mut answer = self.spoke.write(stream, deliveries).await;
            if let Ok(outcomes) = &mut answer {
                put_outcomes_right(outcomes, self.spoke.skew_ms());
            }
            match &answer {
                Ok(outcomes) => self.breakers.hear_outcomes(&self.connection, outcomes),
                Err(_) => self.breakers.hear(&self.connection, &answer),
            }
            answer
        })
    }

    fn find(&self, stream: String, path: String, values: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            let mut records = self.hear(self.spoke.find(stream, path, values)).await?;
            put_right(&mut records, self.spoke.skew_ms());
            Ok(records)
        })
    }

    fn digest(&self) -> String {
        self.spoke.digest()
    }

    fn skew_ms(&self) -> Option<i64> {
        self.spoke.skew_ms()
    }
}
