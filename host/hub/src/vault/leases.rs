//! Values of secrets that are kept elsewhere: fetched when they are needed, held in memory for their lease, forgotten after it.
//!
//! One fetch at a time per secret, whoever waits for it. While the lease runs, a place that cannot be reached costs nothing; after
//! it, whoever asks is told why, and the next fetch that comes out well ends that. What is told to the audit is a name and a place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use nave_core::lease::{Lease, Next, may_refetch, next};
use nave_core::limits::{LEASE_END_MS_MAX, LEASE_RELEASE_LOOK_MS, LEASE_RELEASE_MS_MAX, REFERENCE_RETRY_MS};
use nave_core::secret_reference::SecretReference;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::egress::{AuditNote, AuditSink};
use crate::secrets::SecretBytes;
use crate::spoke::BoxFuture;
use crate::workers::off_the_workers;

/// Fetches values from where references lead.
pub(crate) trait Fetch: Send + Sync {
    /// The value; with the handle of the one that is held, its lease may be renewed instead. With `asked`, a person wants to know
    /// now: nothing that was refused before is taken for granted. An error is for people and holds no part of a secret.
    fn fetch<'a>(
        &'a self,
        name: &'a str,
        reference: &'a SecretReference,
        held: Option<&'a str>,
        asked: bool,
    ) -> BoxFuture<'a, Result<Fetched, String>>;

    /// Ends the lease of this handle, which nobody needs any more. An error is for the log.
    fn release<'a>(&'a self, _reference: &'a SecretReference, _handle: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    /// Whether what is held under this handle is known to be old: a file that was written since. Cheap.
    fn is_old(&self, reference: &SecretReference, handle: Option<&str>) -> bool;

    /// What is the same place for every environment of a project, in one line.
    fn place(&self, reference: &SecretReference) -> String;
}

/// What a fetch brought.
pub(crate) struct Fetched {
    /// None: the one that is held is good for longer.
    pub(crate) value: Option<SecretBytes>,
    /// For how long, milliseconds.
    pub(crate) life_ms: u64,
    /// By which the same value is asked about again: a lease's id, how a file looked. No secret.
    pub(crate) handle: Option<String>,
}

/// How a reference stands, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// A value is held, for so long; milliseconds.
    pub(crate) left_ms: Option<u64>,
    /// Why the last fetch came to nothing.
    pub(crate) failed: Option<String>,
}

/// Why something is fetched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Because {
    /// The lease is about to end, or there is none.
    Due,
    /// Its system refused what is held.
    Refused,
    /// A person wants to know whether it can be.
    Asked,
}

struct Held {
    value: SecretBytes,
    lease: Lease,
    handle: Option<String>,
    generation: u64,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    failed: Option<(u64, String)>,
    refetched_ms: Option<u64>,
    generation: u64,
    /// What the audit was told last: it could be fetched, or not.
    told: Option<bool>,
}

/// One secret's value.
struct Entry {
    name: String,
    reference: SecretReference,
    version: u32,
    state: Mutex<State>,
    flight: Arc<tokio::sync::Mutex<()>>,
}

impl Entry {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do now, the value that is held, and why the last fetch failed, if that was a moment ago.
    fn next(&self, now_ms: u64) -> (Next, Option<SecretBytes>, Option<String>) {
        let state = self.state();
        let next = next(state.held.as_ref().map(|held| &held.lease), state.failed.as_ref().map(|(at, _)| *at), now_ms);
        let rests = state.failed.as_ref().filter(|(at, _)| now_ms < at.saturating_add(REFERENCE_RETRY_MS));
        (next, state.held.as_ref().map(|held| held.value.clone()), rests.map(|(_, why)| why.clone()))
    }
}

/// The values of one vault.
pub(super) struct Leases {
    entries: Mutex<BTreeMap<String, Arc<Entry>>>,
    fetch: OnceLock<Arc<dyn Fetch>>,
    audit: Arc<dyn AuditSink>,
    began: Instant,
}

impl Leases {
    pub(super) fn new(audit: Arc<dyn AuditSink>) -> Self {
        Self { entries: Mutex::default(), fetch: OnceLock::new(), audit, began: Instant::now() }
    }

    /// Who fetches, from now on. The first one stays.
    pub(super) fn fetched_by(&self, fetch: Arc<dyn Fetch>) {
        let _ = self.fetch.set(fetch);
    }

    pub(super) fn fetcher(&self) -> Option<&Arc<dyn Fetch>> {
        self.fetch.get()
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// What is held of a secret is forgotten, and its lease ended; its next use fetches.
    pub(super) fn forget(&self, name: &str) {
        let gone = self.entries.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        if let Some(gone) = gone {
            self.retire(gone);
        }
    }

    /// Ends the lease of an entry that is none any more.
    fn retire(&self, entry: Arc<Entry>) {
        let (Some(fetch), Ok(runtime)) = (self.fetch.get().cloned(), Handle::try_current()) else { return };
        let began = self.began;
        runtime.spawn(async move {
            // What a fetch that is under way brings is ended too.
            let _one = entry.flight.clone().lock_owned().await;
            let held = entry.state().held.take();
            if let Some(held) = held.filter(|_| entry.reference.vault().is_some()) {
                end(fetch, entry, held, began).await;
            }
        });
    }

    /// Ends every lease, since the hub ends: nobody would use or renew them. What a vault does not do in time ends by itself.
    pub(super) async fn end_all(&self) {
        let Some(fetch) = self.fetch.get() else { return };
        let entries = std::mem::take(&mut *self.entries.lock().unwrap_or_else(PoisonError::into_inner));
        let mut ends = JoinSet::new();
        for entry in entries.into_values().filter(|entry| entry.reference.vault().is_some()) {
            let fetch = fetch.clone();
            ends.spawn(async move {
                let _one = entry.flight.clone().lock_owned().await;
                let handle = entry.state().held.take().and_then(|held| held.handle);
                let Some(handle) = handle else { return };
                if let Err(why) = fetch.release(&entry.reference, &handle).await {
                    tracing::debug!(secret = entry.name, place = %entry.reference, why, "a lease could not be ended; it ends by itself");
                }
            });
        }
        let all = async { while ends.join_next().await.is_some() {} };
        let _ = timeout(Duration::from_millis(LEASE_END_MS_MAX), all).await;
    }

    /// Every value that is held, by name.
    pub(super) fn held(&self) -> Vec<(String, SecretBytes)> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let held = |entry: &Arc<Entry>| Some((entry.name.clone(), entry.state().held.as_ref()?.value.clone()));
        entries.values().filter_map(held).collect()
    }

    /// How a reference stands. Fetches nothing.
    pub(super) fn standing(&self, name: &str) -> Standing {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get(name) else { return Standing::default() };
        let (state, now) = (entry.state(), self.now_ms());
        Standing {
            left_ms: state.held.as_ref().and_then(|held| held.lease.ends_ms.checked_sub(now)).filter(|left| *left > 0),
            failed: state.failed.as_ref().map(|(_, why)| why.clone()),
        }
    }

    /// The entry of a reference; a new one where it is another reference, or was set again.
    fn entry(&self, name: &str, reference: &SecretReference, version: u32) -> Arc<Entry> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(name).filter(|entry| entry.version == version && entry.reference == *reference) {
            return entry.clone();
        }
        let entry = Arc::new(Entry {
            name: name.to_owned(),
            reference: reference.clone(),
            version,
            state: Mutex::default(),
            flight: Arc::default(),
        });
        if let Some(other) = entries.insert(name.to_owned(), entry.clone()) {
            self.retire(other);
        }
        entry
    }

    /// The value, fetched where that is due. With `refused`, its system has refused this one: another is fetched, where there is
    /// one. With `at_once`, it is fetched whatever is held, and whenever that was tried last.
    ///
    /// # Errors
    /// Why it could not be had, without any part of a secret.
    pub(super) async fn value(
        &self,
        name: &str,
        reference: &SecretReference,
        version: u32,
        refused: Option<&SecretBytes>,
        at_once: bool,
    ) -> Result<SecretBytes, String> {
        let Some(fetch) = self.fetch.get() else { return Err("nothing fetches secrets here".to_owned()) };
        let entry = self.entry(name, reference, version);
        if at_once {
            let flight = entry.flight.clone().lock_owned().await;
            self.carry(fetch.clone(), entry.clone(), Because::Asked, flight).await?;
        }
        if let Some(refused) = refused {
            self.refused(fetch, &entry, refused).await;
        }
        let handle = entry.state().held.as_ref().map(|held| held.handle.clone());
        let old = match handle {
            Some(handle) => off_the_workers(|| fetch.is_old(reference, handle.as_deref())),
            None => false,
        };
        match entry.next(self.now_ms()) {
            (Next::Use | Next::UseAndFetch, Some(value), failed) if old => {
                // What is there now is better; where it cannot be read (somebody writes it at this moment), the old one goes on.
                let flight = entry.flight.clone().lock_owned().await;
                if entry.state().held.as_ref().is_some_and(|held| held.value == value) && failed.is_none() {
                    let _ = self.carry(fetch.clone(), entry.clone(), Because::Due, flight).await;
                }
                let state = entry.state();
                Ok(state.held.as_ref().map_or(value, |held| held.value.clone()))
            }
            (Next::Use, Some(value), _) => Ok(value),
            (Next::UseAndFetch, Some(value), _) => {
                if let Ok(flight) = entry.flight.clone().try_lock_owned() {
                    drop(self.begin(fetch.clone(), entry, Because::Due, flight));
                }
                Ok(value)
            }
            (Next::Refuse, _, Some(why)) => Err(why),
            _ => {
                let flight = entry.flight.clone().lock_owned().await;
                // Whoever had it before may have fetched, or tried to, meanwhile.
                match entry.next(self.now_ms()) {
                    (Next::Use | Next::UseAndFetch, Some(value), _) => Ok(value),
                    (Next::Refuse, _, Some(why)) => Err(why),
                    _ => {
                        self.carry(fetch.clone(), entry.clone(), Because::Due, flight).await?;
                        let held = entry.state().held.as_ref().map(|held| held.value.clone());
                        held.ok_or_else(|| "what was fetched was over at once".to_owned())
                    }
                }
            }
        }
    }

    /// Its system has refused a value: it is fetched anew, unless another one is held already or that was done a moment ago.
    async fn refused(&self, fetch: &Arc<dyn Fetch>, entry: &Arc<Entry>, refused: &SecretBytes) {
        let flight = entry.flight.clone().lock_owned().await;
        {
            let (mut state, now) = (entry.state(), self.now_ms());
            let other = state.held.as_ref().is_none_or(|held| held.value != *refused);
            if other || !may_refetch(state.refetched_ms, now) {
                return;
            }
            state.refetched_ms = Some(now);
        }
        // Where it cannot be fetched, what is held is all there is.
        let _ = self.carry(fetch.clone(), entry.clone(), Because::Refused, flight).await;
    }

    /// Fetches to the end, whatever becomes of whoever waits: what a vault gave out meanwhile would be lost with it.
    async fn carry(
        &self,
        fetch: Arc<dyn Fetch>,
        entry: Arc<Entry>,
        because: Because,
        flight: tokio::sync::OwnedMutexGuard<()>,
    ) -> Result<(), String> {
        self.begin(fetch, entry, because, flight).await.unwrap_or_else(|_| Err("the fetch was broken off".to_owned()))
    }

    fn begin(
        &self,
        fetch: Arc<dyn Fetch>,
        entry: Arc<Entry>,
        because: Because,
        flight: tokio::sync::OwnedMutexGuard<()>,
    ) -> tokio::task::JoinHandle<Result<(), String>> {
        let (audit, began) = (self.audit.clone(), self.began);
        tokio::spawn(async move {
            let _one = flight;
            let handle = entry.state().held.as_ref().filter(|_| because == Because::Due).and_then(|held| held.handle.clone());
            let fetched = fetch.fetch(&entry.name, &entry.reference, handle.as_deref(), because == Because::Asked).await;
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            let (told, replaced, result) = settle(&entry, fetched, now);
            if let Some(replaced) = replaced {
                tokio::spawn(end(fetch, entry.clone(), replaced, began));
            }
            if let Some((action, detail)) = told {
                let note = AuditNote { actor: "hub".to_owned(), action, subject: entry.name.clone(), detail };
                off_the_workers(|| audit.note(note));
            }
            let ends = entry.state().held.as_ref().map(|held| (held.generation, held.lease.ends_ms));
            if let Some((generation, ends_ms)) = ends.filter(|_| result.is_ok()) {
                let entry = Arc::downgrade(&entry);
                tokio::spawn(async move {
                    sleep_until(began + Duration::from_millis(ends_ms)).await;
                    let Some(entry) = entry.upgrade() else { return };
                    let mut state = entry.state();
                    if state.held.as_ref().is_some_and(|held| held.generation == generation) {
                        state.held = None;
                    }
                });
            }
            result
        })
    }
}

/// Ends a lease that another one has taken the place of, once no call uses its value any more. Where that cannot be, it ends by itself.
async fn end(fetch: Arc<dyn Fetch>, entry: Arc<Entry>, replaced: Held, began: Instant) {
    let Held { value, lease, handle: Some(handle), .. } = replaced else { return };
    let ends = began + Duration::from_millis(lease.ends_ms);
    let until = ends.min(Instant::now() + Duration::from_millis(LEASE_RELEASE_MS_MAX));
    while value.held_by() > 1 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(LEASE_RELEASE_LOOK_MS)).await;
    }
    if value.held_by() > 1 || Instant::now() >= ends {
        return;
    }
    drop(value);
    if let Err(why) = fetch.release(&entry.reference, &handle).await {
        tracing::warn!(secret = entry.name, place = %entry.reference, why, "a lease that was replaced could not be ended; it ends by itself");
    }
}

/// What a fetch came to: what the audit is told, where that is something new; what was held until now; and whether it came out well.
type Settled = (Option<(&'static str, String)>, Option<Held>, Result<(), String>);

/// Puts down what a fetch came to.
fn settle(entry: &Entry, fetched: Result<Fetched, String>, now: u64) -> Settled {
    let mut state = entry.state();
    let fetched = match fetched {
        Ok(Fetched { value: None, .. }) if state.held.is_none() => Err("nothing is held that could be renewed".to_owned()),
        other => other,
    };
    match fetched {
        Ok(Fetched { value, life_ms, handle }) => {
            state.generation += 1;
            let (generation, lease) = (state.generation, Lease::new(now, life_ms));
            let mut replaced = None;
            match (value, state.held.as_mut()) {
                (Some(value), _) => replaced = state.held.replace(Held { value, lease, handle, generation }),
                (None, Some(held)) => (held.lease, held.handle, held.generation) = (lease, handle, generation),
                (None, None) => {}
            }
            // The very same lease, or a file that was read again: nothing is to be ended.
            let handle = state.held.as_ref().and_then(|held| held.handle.clone());
            let replaced = replaced.filter(|before| before.handle != handle && entry.reference.vault().is_some());
            state.failed = None;
            let before = state.told.replace(true);
            let again = if before.is_some() { ", again" } else { "" };
            let told = (before != Some(true)).then(|| ("secret.resolved", format!("from {}{again}", entry.reference)));
            (told, replaced, Ok(()))
        }
        Err(why) => {
            state.failed = Some((now, why.clone()));
            let before = state.told.replace(false);
            let told = (before != Some(false)).then(|| ("secret.unresolved", format!("from {}: {why}", entry.reference)));
            (told, None, Err(why))
        }
    }
}
