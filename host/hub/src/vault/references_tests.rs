//! Leases under a clock that stands still, and references in the store.

use std::collections::VecDeque;
use std::time::Duration;

use nave_core::limits::{REFERENCE_REFETCH_MS, REFERENCE_RETRY_MS};
use nave_store::Memory;
use tokio::sync::Semaphore;
use tokio::time::{advance, sleep};

use super::leases::{Fetch, Fetched};
use super::*;

const CANARY: &str = "c4nary-of-a-reference";
/// How long values live here, seconds.
const LIFE_S: u64 = 30;

/// A place that says what it was told to, one answer after the other; the last one stays.
struct Place {
    answers: Mutex<VecDeque<Result<&'static str, &'static str>>>,
    /// What it was asked: the handle that is held, if any, and whether a person asks.
    asked: Mutex<Vec<(Option<String>, bool)>>,
    /// Answers wait for one of these.
    may: Semaphore,
    old: std::sync::atomic::AtomicBool,
    /// Each question has a handle of its own.
    numbered: std::sync::atomic::AtomicBool,
    /// Handles of leases that were ended.
    released: Mutex<Vec<String>>,
    life_ms: u64,
}

impl Place {
    fn new(answers: &[Result<&'static str, &'static str>]) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.iter().copied().collect()),
            asked: Mutex::default(),
            may: Semaphore::new(1_000),
            old: false.into(),
            numbered: false.into(),
            released: Mutex::default(),
            life_ms: LIFE_S * 1_000,
        })
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Fetch for Place {
    fn fetch<'a>(
        &'a self,
        _: &'a str,
        _: &'a SecretReference,
        held: Option<&'a str>,
        asked: bool,
    ) -> BoxFuture<'a, Result<Fetched, String>> {
        Box::pin(async move {
            self.asked.lock().unwrap().push((held.map(str::to_owned), asked));
            self.may.acquire().await.unwrap().forget();
            let mut answers = self.answers.lock().unwrap();
            let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().copied() };
            let numbered = self.numbered.load(std::sync::atomic::Ordering::Relaxed);
            let handle = if numbered { format!("h{}", self.asked()) } else { "h".to_owned() };
            let fetched = |value| Fetched { value, life_ms: self.life_ms, handle: Some(handle.clone()) };
            match answer.expect("an answer") {
                Ok("renewed") => {
                    Ok(Fetched { handle: held.map(str::to_owned).or_else(|| Some(handle.clone())), ..fetched(None) })
                }
                Ok(text) => Ok(fetched(Some(SecretBytes::new(text)))),
                Err(why) => Err(why.to_owned()),
            }
        })
    }

    fn release<'a>(&'a self, _: &'a SecretReference, handle: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            self.released.lock().unwrap().push(handle.to_owned());
            Ok(())
        })
    }

    fn is_old(&self, _: &SecretReference, _: Option<&str>) -> bool {
        self.old.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn place(&self, reference: &SecretReference) -> String {
        reference.to_string()
    }
}

fn reference() -> SecretReference {
    SecretReference::Vault { vault: "corp".into(), path: "kv/data/crm".into(), field: "token".into(), stage: None }
}

struct Bench {
    _dir: tempfile::TempDir,
    store: Arc<Memory>,
    vault: Arc<Vault>,
    place: Arc<Place>,
}

impl Bench {
    fn new(answers: &[Result<&'static str, &'static str>]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Memory::new());
        let key = MasterKey::load_or_create_in(dir.path()).unwrap();
        let vault = Arc::new(Vault::with_key(&key, "dev", store.clone()).unwrap());
        let place = Place::new(answers);
        vault.fetched_by(place.clone());
        vault.refer("crm", &reference()).unwrap();
        vault.bind("crm", &BTreeSet::from(["https://crm.example".to_owned()]), None).unwrap();
        Self { _dir: dir, store, vault, place }
    }

    async fn get(&self, refused: Option<&str>) -> Result<String, SecretError> {
        let refused = refused.map(SecretBytes::new);
        let origins = BTreeSet::from(["https://crm.example".to_owned()]);
        let value = self.vault.fetched("crm", &origins, refused.as_ref()).await?.expect("a reference");
        Ok(String::from_utf8(value.expose().to_vec()).unwrap())
    }

    /// What is had, and how often the place was asked by then.
    #[track_caller]
    fn check(&self, found: Result<String, SecretError>, expected: Result<&str, &str>, asked: usize) {
        match (&found, expected) {
            (Ok(value), Ok(text)) => assert_eq!(value, text),
            (Err(error @ SecretError::Away { .. }), Err(part)) => {
                let said = error.to_string();
                assert!(
                    said.contains(part) && said.contains("`nave secret check crm`") && said.contains("kv/data/crm"),
                    "{said}"
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(self.place.asked(), asked, "how often the place was asked");
    }

    fn audit(&self) -> Vec<(String, String)> {
        let entries = self.store.audit(100).unwrap();
        let ours = entries.iter().filter(|entry| entry.subject == "crm");
        ours.map(|entry| (entry.action.clone(), entry.detail.clone())).collect()
    }

    fn actions(&self) -> Vec<String> {
        let mut actions: Vec<String> = self.audit().into_iter().map(|(action, _)| action).collect();
        actions.reverse();
        actions
    }
}

/// Lets everything run that can, without time going on.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

async fn after(seconds: u64) {
    advance(Duration::from_secs(seconds)).await;
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_value_is_held_for_its_lease_and_a_changed_one_comes_with_the_next() {
    let bench = Bench::new(&[Ok(CANARY), Ok("the-second")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    after(19).await;
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    // The last third: the held one goes on while another is fetched beside.
    after(1).await;
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    settle().await;
    bench.check(bench.get(None).await, Ok("the-second"), 2);
    // Nobody asks for longer than it lives: it is forgotten, and fetched when it is needed again.
    after(LIFE_S).await;
    assert!(bench.vault.to_look_for().unwrap().is_empty(), "it is forgotten with its lease");
    bench.check(bench.get(None).await, Ok("the-second"), 3);
    assert_eq!(bench.vault.to_look_for().unwrap().len(), 1, "what is held is looked for as every secret is");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_away_costs_nothing_within_the_lease_and_is_said_after_it() {
    let bench = Bench::new(&[Ok(CANARY), Err("it is sealed"), Err("it is sealed"), Err("still sealed"), Ok("the-second")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    after(21).await;
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    settle().await;
    bench.check(bench.get(None).await, Ok(CANARY), 2);
    after(REFERENCE_RETRY_MS / 1_000).await;
    bench.check(bench.get(None).await, Ok(CANARY), 2);
    settle().await;
    bench.check(bench.get(None).await, Ok(CANARY), 3);
    // The lease is over. It was asked four seconds ago, and is not asked again with every call.
    after(4).await;
    bench.check(bench.get(None).await, Err("it is sealed"), 3);
    after(1).await;
    bench.check(bench.get(None).await, Err("still sealed"), 4);
    bench.check(bench.get(None).await, Err("still sealed"), 4);
    after(REFERENCE_RETRY_MS / 1_000).await;
    bench.check(bench.get(None).await, Ok("the-second"), 5);
    assert_eq!(bench.actions(), ["secret.resolved", "secret.unresolved", "secret.resolved"]);
    let audit = format!("{:?}", bench.audit());
    assert!(audit.contains("it is sealed") && !audit.contains(CANARY) && !audit.contains("the-second"), "{audit}");
}

#[tokio::test(start_paused = true)]
async fn one_fetch_at_a_time_however_many_wait() {
    let bench = Arc::new(Bench::new(&[Ok(CANARY)]));
    bench.place.may.forget_permits(1_000);
    let waiting: Vec<_> = (0..50)
        .map(|_| {
            tokio::spawn({
                let bench = bench.clone();
                async move { bench.get(None).await }
            })
        })
        .collect();
    settle().await;
    // One of them gives up: the fetch goes on.
    waiting[0].abort();
    settle().await;
    bench.place.may.add_permits(1_000);
    let mut had = 0;
    for task in waiting {
        had += usize::from(task.await.is_ok_and(|found| found.is_ok_and(|value| value == CANARY)));
    }
    assert!(had >= 49, "{had}");
    assert_eq!(bench.place.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_value_is_fetched_anew_once_in_a_while() {
    let bench = Bench::new(&[Ok(CANARY), Ok("the-second"), Ok("the-second")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    bench.check(bench.get(Some(CANARY)).await, Ok("the-second"), 2);
    // Somebody who was refused with the old one: there is another by now.
    bench.check(bench.get(Some(CANARY)).await, Ok("the-second"), 2);
    // This one is refused as well: not with every call.
    bench.check(bench.get(Some("the-second")).await, Ok("the-second"), 2);
    after(REFERENCE_REFETCH_MS / 1_000).await;
    bench.check(bench.get(Some("the-second")).await, Ok("the-second"), 3);
    bench.check(bench.get(Some("the-second")).await, Ok("the-second"), 3);
    // A refusal asks for another value, never for the same lease renewed.
    assert!(bench.place.asked.lock().unwrap().iter().all(|(held, _)| held.is_none()));
}

/// A vault that makes a new credential with each question: one that may not do something is refused whichever it is.
#[tokio::test(start_paused = true)]
async fn what_is_refused_whatever_its_value_makes_no_new_one_with_every_call() {
    let bench = Bench::new(&[Ok(CANARY), Ok("the-second"), Ok("the-third"), Ok("the-fourth")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    bench.check(bench.get(Some(CANARY)).await, Ok("the-second"), 2);
    for _ in 0..20 {
        bench.check(bench.get(Some("the-second")).await, Ok("the-second"), 2);
    }
    after(REFERENCE_REFETCH_MS / 1_000).await;
    bench.check(bench.get(Some("the-second")).await, Ok("the-third"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_and_the_value_stays() {
    let bench = Bench::new(&[Ok(CANARY), Ok("renewed"), Ok("renewed"), Ok("the-second")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    for round in 2..4 {
        after(21).await;
        bench.check(bench.get(None).await, Ok(CANARY), round - 1);
        settle().await;
        bench.check(bench.get(None).await, Ok(CANARY), round);
    }
    assert_eq!(bench.place.asked.lock().unwrap()[1..], [(Some("h".to_owned()), false), (Some("h".to_owned()), false)]);
    // The timer of the first lease has rung by now, and did not take the renewed value.
    assert_eq!(bench.vault.to_look_for().unwrap().len(), 1);
    // Without a held value a renewal is no answer.
    let bench = Bench::new(&[Ok("renewed"), Ok(CANARY)]);
    bench.check(bench.get(None).await, Err("nothing is held"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_old_is_read_at_once() {
    let bench = Bench::new(&[Ok(CANARY), Err("it is empty"), Ok("the-second")]);
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    bench.place.old.store(true, std::sync::atomic::Ordering::Relaxed);
    // Somebody writes it at this moment: the old one goes on, and it is not read with every call.
    bench.check(bench.get(None).await, Ok(CANARY), 2);
    bench.check(bench.get(None).await, Ok(CANARY), 2);
    after(REFERENCE_RETRY_MS / 1_000).await;
    bench.check(bench.get(None).await, Ok("the-second"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_asks_is_answered_now() {
    let bench = Bench::new(&[Err("it is sealed"), Ok(CANARY), Ok("the-second")]);
    bench.check(bench.get(None).await, Err("it is sealed"), 1);
    assert_eq!(bench.vault.try_reference("crm").await, Ok(reference()));
    assert_eq!(bench.place.asked.lock().unwrap().last(), Some(&(None, true)));
    bench.check(bench.get(None).await, Ok(CANARY), 2);
    // Referred to anew: nothing of before is held.
    bench.vault.refer("crm", &reference()).unwrap();
    assert!(bench.vault.to_look_for().unwrap().is_empty());
    bench.check(bench.get(None).await, Ok("the-second"), 3);
    sleep(Duration::from_secs(LIFE_S)).await;
    assert_eq!(bench.vault.standing("crm").left_ms, None);
}

#[tokio::test(start_paused = true)]
async fn a_value_goes_where_the_secret_was_given_for_and_nowhere_else() {
    let bench = Bench::new(&[Ok(CANARY)]);
    let elsewhere = BTreeSet::from(["https://evil.example".to_owned()]);
    let found = bench.vault.fetched("crm", &elsewhere, None).await;
    assert!(matches!(found, Err(SecretError::Held { .. })), "{found:?}");
    assert_eq!(bench.place.asked(), 0, "nothing is fetched for what may not be sent");
    let found = bench.vault.own_value("crm", &elsewhere).await;
    assert!(matches!(found, Err(SecretError::Held { .. })), "{found:?}");
    // It is no sealed secret in anybody's eyes.
    assert!(bench.vault.own("crm", &BTreeSet::new()).is_err());
}

#[tokio::test]
async fn a_reference_is_a_secret_in_every_list_and_takes_the_place_of_one() {
    let bench = Bench::new(&[Ok(CANARY)]);
    let vault = &bench.vault;
    assert_eq!(vault.reference("crm").unwrap(), Some((reference(), 1)));
    vault.set("crm", &SecretBytes::new("sealed-here")).unwrap();
    assert_eq!((vault.reference("crm").unwrap(), vault.list().unwrap()[0].version), (None, 2));
    vault.succeed("crm", &SecretBytes::new("its-successor")).unwrap();
    assert_eq!(vault.refer("crm", &reference()).unwrap(), Stored { version: 3, same_as: vec![] });
    assert!(vault.successor("crm").unwrap().is_none() && vault.rotation("crm").unwrap().is_none());
    assert!(matches!(vault.reveal("crm"), Err(VaultError::Missing(_))), "the value of before is destroyed");
    assert!(matches!(vault.succeed("crm", &SecretBytes::new("x-successor")), Err(VaultError::Elsewhere(..))));
    let list = vault.list().unwrap();
    assert_eq!((list.len(), &list[0].reference, list[0].version), (1, &Some(reference()), 3));
    assert_eq!(vault.refer("also", &reference()).unwrap().same_as, ["crm"]);
    assert!(vault.contains("also").unwrap());
    vault.remove("also").unwrap();
    assert!(matches!(vault.remove("also"), Err(VaultError::Missing(_))));
    let bad = SecretReference::File { path: "relative".into() };
    assert!(matches!(vault.refer("also", &bad), Err(VaultError::BadReference(_))));
    assert!(matches!(vault.refer("A", &reference()), Err(VaultError::BadName(_))));
}

/// Line 121: whoever writes to the store's file leads no secret elsewhere.
#[tokio::test]
async fn a_reference_that_was_moved_or_changed_does_not_open() {
    let bench = Bench::new(&[Ok(CANARY)]);
    let (vault, space) = (&bench.vault, references::REFERENCE_SPACE);
    vault.refer("other", &SecretReference::File { path: "/run/secrets/other".into() }).unwrap();
    let row = |name: &str| bench.store.row(space, name).unwrap().unwrap();
    let (crm, other) = (row("crm"), row("other"));
    assert!(!crm.windows(4).any(|bytes| bytes == b"corp"), "where it is kept is not readable");
    let put = |space: &str, bytes: &[u8]| commit(&*bench.store, vec![keyed(space, "crm", Some(bytes.to_vec()))]).unwrap();
    put(space, &other);
    assert!(matches!(vault.reference("crm"), Err(VaultError::Damaged(_))));
    let found = bench.get(None).await;
    assert!(matches!(found, Err(SecretError::Unreadable { .. })), "{found:?}");
    let mut flipped = crm.clone();
    *flipped.last_mut().unwrap() ^= 1;
    put(space, &flipped);
    assert!(matches!(vault.reference("crm"), Err(VaultError::Damaged(_))));
    // As a sealed secret it is none, so its text is never sent as one.
    put(space, &crm);
    put(SPACE, &crm);
    assert!(matches!(vault.reveal("crm"), Err(VaultError::Damaged(_))));
}

/// Under another master key every reference is as it was.
#[test]
fn a_reference_goes_along_to_another_master_key() {
    let bench = Bench::new(&[Ok(CANARY)]);
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(dir);
    let from = MasterKey::load_or_create_in(bench._dir.path()).unwrap();
    let to = MasterKey::load_or_create_in(other.path()).unwrap();
    let reseal = Reseal::new(&*bench.store, &from, &to).unwrap();
    assert_eq!(reseal.try_all(&*bench.store).unwrap().secrets, 1);
    let mut rows = Vec::new();
    for space in [CHECK.0, references::REFERENCE_SPACE, bound::BOUND_SPACE] {
        for (key, bytes) in bench.store.rows(space).unwrap() {
            rows.extend(reseal.row(space, &key, &bytes).unwrap().map(|row| keyed(space, &key, Some(row))));
        }
    }
    commit(&*bench.store, rows).unwrap();
    let vault = Vault::with_key(&to, "dev", bench.store.clone()).unwrap();
    assert_eq!(vault.reference("crm").unwrap(), Some((reference(), 1)));
}

/// A dynamic user that another has taken the place of is taken back, once no call signs in with it any more.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_replaced_is_ended_when_no_call_uses_it_any_more() {
    let bench = Bench::new(&[Ok(CANARY), Ok("the-second"), Ok("renewed"), Ok("the-third")]);
    bench.place.numbered.store(true, std::sync::atomic::Ordering::Relaxed);
    let origins = BTreeSet::from(["https://crm.example".to_owned()]);
    let call = bench.vault.fetched("crm", &origins, None).await.unwrap().expect("a value");
    after(21).await;
    bench.check(bench.get(None).await, Ok(CANARY), 1);
    settle().await;
    bench.check(bench.get(None).await, Ok("the-second"), 2);
    after(2).await;
    assert_eq!(*bench.place.released.lock().unwrap(), [""; 0], "a call still uses it");
    drop(call);
    after(1).await;
    assert_eq!(*bench.place.released.lock().unwrap(), ["h1"]);
    // A lease that was renewed is the same one, and goes on.
    after(20).await;
    bench.check(bench.get(None).await, Ok("the-second"), 2);
    settle().await;
    bench.check(bench.get(None).await, Ok("the-second"), 3);
    after(2).await;
    assert_eq!(*bench.place.released.lock().unwrap(), ["h1"]);
    // A call that never ends keeps its lease until that ends by itself.
    let call = bench.vault.fetched("crm", &origins, None).await.unwrap().expect("a value");
    bench.check(bench.get(Some("the-second")).await, Ok("the-third"), 4);
    after(LIFE_S + 1).await;
    assert_eq!(*bench.place.released.lock().unwrap(), ["h1"]);
    drop(call);
    after(2).await;
    assert_eq!(*bench.place.released.lock().unwrap(), ["h1"], "it is over, and nobody is asked to end it");
}

/// S2.9: the other environments know of a value that is held, and of the place that it is kept in, by their marks.
#[tokio::test(start_paused = true)]
async fn held_values_are_marked() {
    let bench = Bench::new(&[Ok(CANARY)]);
    let key = MasterKey::load_or_create_in(bench._dir.path()).unwrap();
    let mark = |text: &str| Marker::new(&key).mark(text.as_bytes());
    let place = mark(&reference().to_string());
    assert_eq!(bench.vault.marks().unwrap(), std::slice::from_ref(&place), "what is not held cannot be");
    assert_eq!(bench.vault.mark_of("crm").unwrap(), None);
    bench.get(None).await.unwrap();
    let mut both = vec![place.clone(), mark(CANARY)];
    both.sort_unstable();
    assert_eq!(bench.vault.marks().unwrap(), both);
    assert_eq!(bench.vault.mark_of("crm").unwrap(), Some(mark(CANARY)));
    after(LIFE_S + 1).await;
    assert_eq!(bench.vault.marks().unwrap(), [place]);
    // Of one that is sealed here likewise.
    bench.vault.set("crm", &SecretBytes::new("sealed-here")).unwrap();
    assert_eq!(bench.vault.mark_of("crm").unwrap(), Some(mark("sealed-here")));
    assert_eq!(bench.vault.mark_of("nothing").unwrap(), None);
}
