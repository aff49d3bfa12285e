//! What one account over there may be asked: shared by every connection that uses it, and remembered across restarts.
//!
//! A rate that no second exceeds, wherever it is begun to be counted; a budget of calls; and what the system itself asks for by its headers. Before the first call
//! of each second a mark is made durable that says until when calls may have been made and how many: whoever starts after a crash
//! waits that second out, and counts at most those calls twice.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nave_core::budget::{Budget, Purpose, Spent, UsedUp};
use nave_core::model::Time;
use tokio::time::Instant;

use super::error::EgressError;

/// A mark holds for this long.
const MARK_MS: i64 = 1_000;
/// Calls that a mark allows for where there is no rate.
const MARK_CALLS: u64 = 20;
/// The second that a rate is counted in, with what a network may push together.
const SECOND: Duration = Duration::from_millis(1_050);
/// Longest wait within a call; what takes longer is put off, and the flow with it.
const WAIT_MAX: Duration = Duration::from_secs(5);

tokio::task_local! {
    static PURPOSE: Purpose;
}

/// Does something whose calls are for this purpose.
pub async fn on_behalf<T>(purpose: Purpose, work: impl Future<Output = T>) -> T {
    PURPOSE.scope(purpose, work).await
}

/// What the calls of the task under way are for.
pub fn purpose() -> Purpose {
    PURPOSE.try_with(|purpose| *purpose).unwrap_or_default()
}

/// What is durable of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Calls may have been made until then.
    pub until: i64,
    /// Calls so far, those among them that the mark allows for.
    pub spent: Spent,
}

/// Keeps marks. Calls are short and may block on the disk.
pub trait Ledger: Send + Sync {
    /// The mark of an account.
    fn mark(&self, account: &str) -> Mark;
    /// Makes a mark durable; a failure keeps the call from being made.
    fn put(&self, account: &str, mark: Mark) -> Result<(), String>;
}

/// Accounts of one egress.
#[derive(Default)]
pub(super) struct Accounts(Mutex<HashMap<String, Arc<Account>>>);

impl Accounts {
    /// The account of this name, with what a connection says of it. Where two say otherwise, the stricter holds.
    pub(super) fn get(&self, name: &str, rate: Option<u32>, budget: &Budget, ledger: &Arc<dyn Ledger>) -> Arc<Account> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let account = all.entry(name.to_owned()).or_insert_with(|| Arc::new(Account::new(name, ledger.clone())));
        account.configure(rate, budget);
        account.clone()
    }

    /// The configuration is read anew: what connections said of accounts is forgotten, what was counted is not.
    pub(super) fn forget_bounds(&self) {
        for account in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            account.lock().bounds = Bounds::default();
        }
    }

    pub(super) fn known(&self, name: &str) -> Option<Arc<Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

#[derive(Clone, Debug, Default)]
struct Bounds {
    rate: Option<u32>,
    budget: Option<Budget>,
}

struct State {
    bounds: Bounds,
    /// Nothing is due before: whoever was here before may have used up that second.
    begin: Instant,
    /// When the last calls were due, as many as the rate has in a second.
    recent: VecDeque<Instant>,
    /// The system asked for patience until then.
    held: Option<Time>,
    spent: Spent,
    /// As made durable.
    mark: Mark,
}

/// One account.
pub(super) struct Account {
    name: String,
    ledger: Arc<dyn Ledger>,
    state: Mutex<State>,
}

impl Account {
    fn new(name: &str, ledger: Arc<dyn Ledger>) -> Self {
        let mark = ledger.mark(name);
        let now = crate::clock::now();
        // Whoever was here before may have used up this second; a clock that was put back keeps nobody waiting for longer.
        let left = (mark.until - now.0).clamp(0, MARK_MS);
        let begin = Instant::now() + Duration::from_millis(left.unsigned_abs());
        let recent = VecDeque::new();
        let state = State { bounds: Bounds::default(), begin, recent, held: None, spent: mark.spent.at(now), mark };
        Self { name: name.to_owned(), ledger, state: Mutex::new(state) }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn configure(&self, rate: Option<u32>, budget: &Budget) {
        let mut state = self.lock();
        let bounds = &mut state.bounds;
        bounds.rate = stricter(bounds.rate, rate);
        bounds.budget = Some(match bounds.budget.take() {
            None => budget.clone(),
            Some(known) => Budget {
                per_day: stricter(known.per_day, budget.per_day),
                per_month: stricter(known.per_month, budget.per_month),
                warn_percent: known.warn_percent.min(budget.warn_percent),
                person_percent: known.person_percent.max(budget.person_percent),
                canary_percent: known.canary_percent.max(budget.canary_percent),
                cost: known.cost.or_else(|| budget.cost.clone()),
            },
        });
    }

    /// Takes a place for a call. Answers when it is due.
    ///
    /// # Errors
    /// [`EgressError::Quota`] where the budget is used up, or the system asked for more patience than a call has.
    pub(super) fn reserve(&self, now: Instant, wall: Time) -> Result<Instant, EgressError> {
        let mut state = self.lock();
        state.spent = state.spent.at(wall);
        if let Err(used) = state.bounds.budget.as_ref().map_or(Ok(()), |budget| budget.may(state.spent, purpose())) {
            return Err(EgressError::Quota(format!("quota.budget: {}: {}; until {}", self.name, used.because, used.until)));
        }
        let mut due = match state.held {
            Some(held) if held.0 - wall.0 > WAIT_MAX.as_millis() as i64 => {
                let seconds = (held.0 - wall.0) / 1_000;
                return Err(EgressError::Quota(format!(
                    "quota.asked: {} asked for patience for {seconds} seconds more",
                    self.name
                )));
            }
            Some(held) if held > wall => now + Duration::from_millis((held.0 - wall.0).unsigned_abs()),
            _ => now,
        };
        due = due.max(state.begin);
        if let Some(rate) = state.bounds.rate {
            let rate = rate.max(1) as usize;
            while state.recent.len() > rate {
                state.recent.pop_front();
            }
            if state.recent.len() == rate
                && let Some(oldest) = state.recent.pop_front()
            {
                due = due.max(oldest + SECOND);
            }
            state.recent.push_back(due);
        }
        state.spent.call();
        let allowed = state.bounds.rate.map_or(MARK_CALLS, u64::from);
        let ahead = state.spent.today > state.mark.spent.today || state.spent.day != state.mark.spent.day;
        let late = wall.0 + i64::try_from(due.saturating_duration_since(now).as_millis()).unwrap_or(0) >= state.mark.until;
        if ahead || late {
            let mut spent = state.spent;
            spent.today += allowed;
            spent.this_month += allowed;
            let wait = i64::try_from(due.saturating_duration_since(now).as_millis()).unwrap_or(0);
            let mark = Mark { until: wall.0 + wait + MARK_MS, spent };
            self.ledger.put(&self.name, mark).map_err(|why| {
                EgressError::Unreachable(format!("the count of calls could not be stored: {why}; nothing was sent"))
            })?;
            state.mark = mark;
        }
        Ok(due)
    }

    /// What the system asked for by the headers of an answer.
    pub(super) fn hold(&self, wall: Time, ms: u64) {
        let until = wall.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        let mut state = self.lock();
        state.held = Some(state.held.map_or(until, |held| held.max(until)));
    }

    /// Calls so far.
    pub(super) fn spent(&self, wall: Time) -> Spent {
        self.lock().spent.at(wall)
    }

    /// Why nothing of this purpose is sent now, and until when.
    pub(super) fn used_up(&self, purpose: Purpose, wall: Time) -> Option<UsedUp> {
        let state = self.lock();
        state.bounds.budget.as_ref()?.may(state.spent.at(wall), purpose).err()
    }
}

/// At an orderly end exactly what was counted is kept.
impl Drop for Account {
    fn drop(&mut self) {
        let state = self.lock();
        if state.mark.spent != state.spent {
            let _ = self.ledger.put(&self.name, Mark { until: state.mark.until, spent: state.spent });
        }
    }
}

fn stricter<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Paper(Mutex<HashMap<String, Mark>>);

    impl Ledger for Paper {
        fn mark(&self, account: &str) -> Mark {
            self.0.lock().unwrap().get(account).copied().unwrap_or_default()
        }
        fn put(&self, account: &str, mark: Mark) -> Result<(), String> {
            self.0.lock().unwrap().insert(account.to_owned(), mark);
            Ok(())
        }
    }

    fn rated(rate: u32, ledger: &Arc<dyn Ledger>) -> Arc<Account> {
        Accounts::default().get("a", Some(rate), &Budget::default(), ledger)
    }

    #[test]
    fn no_second_has_more_than_the_rate() {
        let ledger: Arc<dyn Ledger> = Arc::new(Paper::default());
        let account = rated(4, &ledger);
        let (now, wall) = (Instant::now() + Duration::from_secs(60), crate::clock::now());
        let due: Vec<u64> = (0..10).map(|_| (account.reserve(now, wall).unwrap() - now).as_millis() as u64).collect();
        assert_eq!(due, [0, 0, 0, 0, 1050, 1050, 1050, 1050, 2100, 2100]);
        let later = now + Duration::from_secs(10);
        assert_eq!(account.reserve(later, wall).unwrap(), later, "a rested account is full again");
    }

    /// Two processes one after the other, the first one killed: together no more than the rate in any second.
    #[test]
    fn a_crash_gives_no_second_burst() {
        let ledger: Arc<dyn Ledger> = Arc::new(Paper::default());
        let wall = crate::clock::now();
        let first = rated(4, &ledger);
        let now = Instant::now() + Duration::from_secs(60);
        for _ in 0..4 {
            first.reserve(now, wall).unwrap();
        }
        std::mem::forget(first);
        let second = rated(4, &ledger);
        let due = second.reserve(Instant::now(), crate::clock::now()).unwrap();
        let waited = due.saturating_duration_since(Instant::now()) + Duration::from_millis(100);
        assert!(waited > Duration::from_millis(500), "the second that was begun is waited out: {waited:?}");
        // It was counted for at most once more.
        assert!((4..=9).contains(&second.spent(wall).today), "{:?}", second.spent(wall));
    }

    #[test]
    fn an_orderly_end_counts_exactly() {
        let ledger: Arc<dyn Ledger> = Arc::new(Paper::default());
        let wall = crate::clock::now();
        for expected in 1..4 {
            let account = rated(100, &ledger);
            account.reserve(Instant::now(), wall).unwrap();
            assert_eq!(account.spent(wall).today, expected);
        }
    }

    #[tokio::test]
    async fn the_budget_is_shared_and_a_share_is_kept() {
        let ledger: Arc<dyn Ledger> = Arc::new(Paper::default());
        let accounts = Accounts::default();
        let budget = Budget { per_day: Some(100), person_percent: 10, canary_percent: 0, ..Budget::default() };
        let looser = Budget { per_day: Some(1_000), person_percent: 1, ..budget.clone() };
        let (crm, other) = (accounts.get("a", None, &budget, &ledger), accounts.get("a", None, &looser, &ledger));
        let (now, wall) = (Instant::now(), crate::clock::now());
        let sent = (0..200).filter(|call| if call % 2 == 0 { &crm } else { &other }.reserve(now, wall).is_ok()).count();
        assert_eq!(sent, 90);
        let why = crm.reserve(now, wall).unwrap_err().to_string();
        assert!(why.contains("quota.budget") && why.contains("kept for people"), "{why}");
        let sent = on_behalf(Purpose::Person, async { (0..200).filter(|_| crm.reserve(now, wall).is_ok()).count() }).await;
        assert_eq!(sent, 10);
        assert!(on_behalf(Purpose::Critical, async { crm.reserve(now, wall) }).await.is_ok());
        assert!(crm.used_up(Purpose::Ordinary, wall).is_some());
        let tomorrow = wall.plus_ms(86_400_000);
        assert!(crm.used_up(Purpose::Ordinary, tomorrow).is_none());
        assert!(crm.reserve(now, tomorrow).is_ok());
    }

    #[test]
    fn what_the_system_asks_for_holds_for_everybody() {
        let ledger: Arc<dyn Ledger> = Arc::new(Paper::default());
        let accounts = Accounts::default();
        let (crm, other) =
            (accounts.get("a", None, &Budget::default(), &ledger), accounts.get("a", None, &Budget::default(), &ledger));
        let (now, wall) = (Instant::now() + Duration::from_secs(60), crate::clock::now());
        crm.hold(wall, 3_000);
        assert_eq!(other.reserve(now, wall).unwrap(), now + Duration::from_secs(3));
        crm.hold(wall, 60_000);
        assert!(other.reserve(now, wall).unwrap_err().to_string().contains("quota.asked"));
        let later = now + Duration::from_secs(61);
        assert_eq!(other.reserve(later, wall.plus_ms(61_000)).unwrap(), later);
    }
}
