//! How many calls an account over there may take, for whom some of them are kept, and what they cost.
//!
//! Days and months are those of UTC: the same for every system, whatever the vendor's own day is.

mod heard;

pub use heard::{heard, hold_max_ms};

use rust_decimal::Decimal;

use crate::model::Time;

const DAY_MS: i64 = 86_400_000;

/// A budget; nothing in it: no bound of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Calls in one day.
    pub per_day: Option<u64>,
    /// Calls in one month.
    pub per_month: Option<u64>,
    /// A warning is given when this share of it is used up, percent.
    pub warn_percent: u64,
    /// Share kept for a person's own resync, percent.
    pub person_percent: u64,
    /// Share kept for canary records, percent.
    pub canary_percent: u64,
    /// What one call costs.
    pub cost: Option<Cost>,
}

/// Money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// For one call.
    pub per_call: Decimal,
    /// ISO 4217.
    pub currency: String,
}

impl Default for Budget {
    fn default() -> Self {
        Self { per_day: None, per_month: None, warn_percent: 80, person_percent: 5, canary_percent: 2, cost: None }
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// A flow's work.
    #[default]
    Ordinary,
    /// A canary record, which tells whether anything works at all.
    Canary,
    /// What a person asked for and waits for.
    Person,
    /// The work of a flow that is marked `critical`: it goes on beyond the budget.
    Critical,
}

/// Calls so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Days since 1970.
    pub day: i64,
    /// Calls on that day.
    pub today: u64,
    /// Calls in that day's month, that day's among them.
    pub this_month: u64,
}

/// Not before then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedUp {
    /// When the next day or month begins.
    pub until: Time,
    /// For people: `its 10000 calls of this month are used up`.
    pub because: String,
}

/// The day of a time.
pub fn day_of(at: Time) -> i64 {
    at.0.div_euclid(DAY_MS)
}

/// Year and month of a day, as `year * 12 + month - 1`.
pub fn month_of(day: i64) -> i64 {
    let date = jiff::Timestamp::from_second(day.saturating_mul(DAY_MS / 1_000)).map(|at| jiff::tz::Offset::UTC.to_datetime(at));
    date.map_or(0, |date| i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
}

/// First moment of the month after a day's.
fn next_month(day: i64) -> Time {
    let month = month_of(day);
    // No month has more days; the first of them that belongs to another one.
    let first = (day + 1..=day + 31).find(|next| month_of(*next) != month).unwrap_or(day + 31);
    Time(first.saturating_mul(DAY_MS))
}

impl Spent {
    /// As it stands at a later time: a new day begins at nothing, and so does a new month.
    pub fn at(mut self, now: Time) -> Self {
        let day = day_of(now);
        if day > self.day {
            if month_of(day) != month_of(self.day) {
                self.this_month = 0;
            }
            (self.day, self.today) = (day, 0);
        }
        self
    }

    /// One call more.
    pub fn call(&mut self) {
        self.today += 1;
        self.this_month += 1;
    }
}

impl Budget {
    /// Whether a call may be made.
    ///
    /// # Errors
    /// [`UsedUp`]: what is left is kept for others, or nothing is.
    pub fn may(&self, spent: Spent, purpose: Purpose) -> Result<(), UsedUp> {
        let kept = match purpose {
            Purpose::Critical => return Ok(()),
            Purpose::Person => 0,
            Purpose::Canary => self.person_percent,
            Purpose::Ordinary => self.person_percent.saturating_add(self.canary_percent),
        };
        let bounds = [
            (self.per_day, spent.today, "day", Time(spent.day.saturating_add(1).saturating_mul(DAY_MS))),
            (self.per_month, spent.this_month, "month", next_month(spent.day)),
        ];
        for (limit, used, word, until) in bounds {
            let Some(limit) = limit else { continue };
            let open = limit - limit.saturating_mul(kept.min(100)) / 100;
            if used >= open {
                let because = match kept {
                    0 => format!("its {limit} calls of this {word} are used up"),
                    _ => format!(
                        "its {limit} calls of this {word} are used up, but for the {} that are kept for people and canary records",
                        limit - open
                    ),
                };
                return Err(UsedUp { until, because });
            }
        }
        Ok(())
    }

    /// The larger share that is used up, percent; none where there is no bound.
    pub fn used_percent(&self, spent: Spent) -> Option<u64> {
        let share = |limit: Option<u64>, used: u64| limit.map(|limit| used.saturating_mul(100) / limit.max(1));
        share(self.per_day, spent.today).max(share(self.per_month, spent.this_month))
    }

    /// What so many calls cost.
    pub fn cost_of(&self, calls: u64) -> Option<Decimal> {
        self.cost.as_ref().map(|cost| cost.per_call * Decimal::from(calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(per_day: Option<u64>, per_month: Option<u64>) -> Budget {
        Budget { per_day, per_month, person_percent: 5, canary_percent: 2, ..Budget::default() }
    }

    #[track_caller]
    fn check(budget: &Budget, today: u64, this_month: u64, purpose: Purpose, expected: Option<&str>) {
        // 2026-11-28.
        let spent = Spent { day: 20_785, today, this_month };
        assert_eq!(budget.may(spent, purpose).err().map(|used| used.until.to_string()).as_deref(), expected);
    }

    #[test]
    fn what_is_kept_is_kept() {
        let daily = budget(Some(100), None);
        let tomorrow = Some("2026-11-29T00:00:00Z");
        check(&daily, 92, 92, Purpose::Ordinary, None);
        check(&daily, 93, 93, Purpose::Ordinary, tomorrow);
        check(&daily, 94, 94, Purpose::Canary, None);
        check(&daily, 95, 95, Purpose::Canary, tomorrow);
        check(&daily, 99, 99, Purpose::Person, None);
        check(&daily, 100, 100, Purpose::Person, tomorrow);
        check(&daily, 1_000, 1_000, Purpose::Critical, None);
        check(&budget(None, Some(100)), 1, 93, Purpose::Ordinary, Some("2026-12-01T00:00:00Z"));
        check(&budget(None, None), u64::MAX, u64::MAX, Purpose::Ordinary, None);
        check(&budget(Some(0), None), 0, 0, Purpose::Person, tomorrow);
    }

    #[test]
    fn days_and_months_begin_anew() {
        let at = |text: &str| Time::parse(text).unwrap();
        let mut spent = Spent::default().at(at("2026-11-28T23:59:59Z"));
        assert_eq!(spent, Spent { day: 20_785, today: 0, this_month: 0 });
        spent.call();
        spent.call();
        assert_eq!(spent.at(at("2026-11-29T00:00:00Z")), Spent { day: 20_786, today: 0, this_month: 2 });
        assert_eq!(spent.at(at("2026-12-01T00:00:00Z")), Spent { day: 20_788, today: 0, this_month: 0 });
        assert_eq!(spent.at(at("2027-11-28T00:00:00Z")).this_month, 0);
        assert_eq!(spent.at(at("2026-11-27T00:00:00Z")), spent, "a clock that is put back gives nothing back");
    }

    #[test]
    fn cost_and_share() {
        let mut budget = budget(Some(200), Some(1_000));
        assert_eq!(budget.used_percent(Spent { day: 0, today: 100, this_month: 900 }), Some(90));
        assert_eq!(budget.cost_of(10), None);
        budget.cost = Some(Cost { per_call: "0.002".parse().unwrap(), currency: "EUR".into() });
        assert_eq!(budget.cost_of(10_000).map(|cost| cost.to_string()).as_deref(), Some("20.000"));
    }
}
