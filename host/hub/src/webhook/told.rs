//! What systems told us of and is still to be read: durable, each thing once however often it was told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::model::Time;
use nave_runtime::contract::Event;
use nave_store::{Batch, CommitError, KeyedRow, Store, StoreError};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

/// Space of the store.
const SPACE: &str = "told";
/// Things that wait, of all systems. Where more are told, their stream is read instead: the same is found that way.
const THINGS_MAX: usize = 50_000;
/// What is told again and again is read after this many times the fold all the same.
const FOLDS_MAX: i64 = 20;
/// Bytes of an id; longer ones are no ids, and their stream is read.
const ID_BYTES_MAX: usize = 1_024;

/// A thing, or with an empty id its whole stream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Thing(String, String, String);

/// When it was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct When {
    first: i64,
    last: i64,
}

/// Things of one stream that are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Stream.
    pub stream: String,
    /// Ids; an empty list means the whole stream.
    pub ids: Vec<String>,
    /// What is told after this is another matter.
    at: Time,
}

/// The things that wait.
pub(crate) struct Told {
    store: Arc<dyn Store>,
    waiting: Mutex<BTreeMap<Thing, When>>,
    news: Arc<Notify>,
}

impl Told {
    /// With what was told before a restart.
    pub(crate) fn open(store: Arc<dyn Store>, news: Arc<Notify>) -> Result<Self, StoreError> {
        let rows = store.rows(SPACE)?.into_iter();
        let waiting = rows.filter_map(|(key, value)| {
            Some((serde_json::from_str::<Thing>(&key).ok()?, serde_json::from_slice::<When>(&value).ok()?))
        });
        Ok(Self { waiting: Mutex::new(waiting.collect()), store, news })
    }

    /// Remembers what was told. Answers how many things that were.
    /// `beside` is committed with it, also where nothing was told.
    pub(crate) fn tell(
        &self,
        connection: &str,
        events: &[Event],
        beside: Vec<KeyedRow>,
        now: Time,
    ) -> Result<usize, CommitError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = BTreeMap::new();
        for event in events {
            let fits = !event.remote_ids.is_empty()
                && waiting.len() + rows.len() + event.remote_ids.len() <= THINGS_MAX
                && event.remote_ids.iter().all(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
            let whole = [String::new()];
            for id in if fits { event.remote_ids.as_slice() } else { &whole } {
                let thing = Thing(connection.to_owned(), event.stream.clone(), id.clone());
                let first = waiting.get(&thing).map_or(now.0, |when| when.first);
                rows.insert(thing, When { first, last: now.0 });
            }
        }
        if rows.is_empty() && beside.is_empty() {
            return Ok(0);
        }
        let all = rows.iter().map(|(thing, when)| row(thing, Some(when))).chain(beside).collect();
        self.store.commit(Batch { at: now, rows: all, ..Batch::default() })?;
        let count = rows.len();
        waiting.extend(rows);
        drop(waiting);
        self.news.notify_one();
        Ok(count)
    }

    /// What is to be read of a connection now: things of which nothing more was told for `fold_ms`.
    pub(crate) fn due(&self, connection: &str, fold_ms: u64, now: Time) -> Vec<Due> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut due: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (thing, when) in of(&waiting, connection) {
            if when.due(fold_ms) <= now.0 {
                due.entry(&thing.1).or_default().push(thing.2.clone());
            }
        }
        let due = due.into_iter().map(|(stream, mut ids)| {
            if ids.iter().any(String::is_empty) {
                ids.clear();
            }
            Due { stream: stream.to_owned(), ids, at: now }
        });
        due.collect()
    }

    /// When the next thing of a connection is due.
    pub(crate) fn next(&self, connection: &str, fold_ms: u64) -> Option<Time> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        of(&waiting, connection).map(|(_, when)| Time(when.due(fold_ms))).min()
    }

    /// These were read. What was told again since stays.
    pub(crate) fn done(&self, connection: &str, due: &Due, now: Time) -> Result<(), CommitError> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |thing: &Thing, when: &When| {
            thing.1 == due.stream && when.last <= due.at.0 && (due.ids.is_empty() || due.ids.binary_search(&thing.2).is_ok())
        };
        let gone: Vec<Thing> =
            of(&waiting, connection).filter(|(thing, when)| read(thing, when)).map(|(thing, _)| thing.clone()).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let rows = gone.iter().map(|thing| row(thing, None)).collect();
        self.store.commit(Batch { at: now, rows, ..Batch::default() })?;
        for thing in gone {
            waiting.remove(&thing);
        }
        Ok(())
    }

    /// How many things wait of a connection.
    pub(crate) fn waiting(&self, connection: &str) -> u64 {
        of(&self.waiting.lock().unwrap_or_else(PoisonError::into_inner), connection).count() as u64
    }
}

impl When {
    fn due(self, fold_ms: u64) -> i64 {
        let fold = i64::try_from(fold_ms).unwrap_or(i64::MAX);
        self.last.saturating_add(fold).min(self.first.saturating_add(fold.saturating_mul(FOLDS_MAX)))
    }
}

fn of<'w>(waiting: &'w BTreeMap<Thing, When>, connection: &str) -> impl Iterator<Item = (&'w Thing, &'w When)> + use<'w> {
    let from = Thing(connection.to_owned(), String::new(), String::new());
    let connection = connection.to_owned();
    waiting.range(from..).take_while(move |(thing, _)| thing.0 == connection)
}

fn row(thing: &Thing, when: Option<&When>) -> KeyedRow {
    let text = |value: serde_json::Result<String>| value.unwrap_or_default();
    KeyedRow {
        space: SPACE.into(),
        key: text(serde_json::to_string(thing)),
        value: when.map(|when| text(serde_json::to_string(when)).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(stream: &str, ids: &[&str]) -> Event {
        Event { stream: stream.to_owned(), remote_ids: ids.iter().map(|id| (*id).to_owned()).collect() }
    }

    #[track_caller]
    fn check(told: &Told, now: i64, expected: &[(&str, &[&str])]) -> Vec<Due> {
        let due = told.due("desk", 250, Time(now));
        let found: Vec<(&str, Vec<&str>)> =
            due.iter().map(|due| (due.stream.as_str(), due.ids.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(stream, ids)| (*stream, ids.to_vec())).collect();
        assert_eq!(found, expected);
        due
    }

    #[test]
    fn a_burst_is_one_read_and_nothing_told_is_lost() {
        let store: Arc<dyn Store> = Arc::new(nave_store::Memory::new());
        let told = Told::open(store.clone(), Arc::default()).unwrap();
        assert_eq!(
            told.tell("desk", &[event("tickets", &["7", "8"]), event("users", &["1"])], Vec::new(), Time(1_000)).unwrap(),
            3
        );
        told.tell("desks", &[event("tickets", &["9"])], Vec::new(), Time(0)).unwrap();
        check(&told, 1_200, &[]);
        // Told again within the fold: it waits for quiet.
        told.tell("desk", &[event("tickets", &["7"])], Vec::new(), Time(1_200)).unwrap();
        assert_eq!(told.next("desk", 250), Some(Time(1_250)));
        let due = check(&told, 1_300, &[("tickets", &["8"]), ("users", &["1"])]);
        // Told again while it is read: it is read again.
        told.tell("desk", &[event("users", &["1"])], Vec::new(), Time(1_310)).unwrap();
        for due in &due {
            told.done("desk", due, Time(1_320)).unwrap();
        }
        check(&told, 1_560, &[("tickets", &["7"]), ("users", &["1"])]);
        // A restart in between forgets nothing.
        let told = Told::open(store, Arc::default()).unwrap();
        assert_eq!((told.waiting("desk"), told.waiting("desks"), told.waiting("des")), (2, 1, 0));
        // Told without end: it is read all the same.
        for at in 0..50 {
            told.tell("desk", &[event("tickets", &["7"])], Vec::new(), Time(1_560 + at * 100)).unwrap();
        }
        check(&told, 6_460, &[("tickets", &["7"]), ("users", &["1"])]);
        // The whole stream stands for all of its things.
        told.tell("desk", &[event("tickets", &[])], Vec::new(), Time(6_470)).unwrap();
        let due = check(&told, 7_000, &[("tickets", &[]), ("users", &["1"])]);
        for due in &due {
            told.done("desk", due, Time(7_001)).unwrap();
        }
        assert_eq!(told.waiting("desk"), 0);
    }

    #[test]
    fn what_does_not_fit_is_read_with_its_stream() {
        let told = Told::open(Arc::new(nave_store::Memory::new()), Arc::default()).unwrap();
        let long = "x".repeat(ID_BYTES_MAX + 1);
        told.tell("desk", &[event("users", &["1", &long])], Vec::new(), Time(0)).unwrap();
        let many: Vec<String> = (0..=THINGS_MAX).map(|number| number.to_string()).collect();
        told.tell("desk", &[Event { stream: "tickets".into(), remote_ids: many }], Vec::new(), Time(0)).unwrap();
        check(&told, 1_000, &[("tickets", &[]), ("users", &[])]);
        assert_eq!(told.waiting("desk"), 2);
    }
}
