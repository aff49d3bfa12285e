//! How often each flow is read and why, and what each account was asked: the numbers of `nave schedule list` and `nave budget`.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_core::schedule::span;
use nave_hub::api::{BudgetLine, Request, ScheduleLine};

use super::{Frame, page, short_time, want};
use crate::auth::Person;
use crate::state::State;

/// Days of the forecast.
const FORECAST_DAYS: u64 = 30;

/// One flow as the page shows it.
struct Flow {
    line: ScheduleLine,
    target: String,
    every: String,
    /// A time, or a word for what keeps it from having one.
    next: Next,
    /// Empty where nothing is measured yet.
    attained: String,
    notes: Vec<String>,
}

/// When a flow is read next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    At(String),
    Word(&'static str),
}

impl Flow {
    fn of(line: ScheduleLine) -> Self {
        let next = match (line.paused, &line.closed_until, &line.closed, &line.next) {
            (true, ..) => Next::Word("paused"),
            (_, Some(until), ..) => Next::At(until.clone()),
            (_, None, Some(_), _) => Next::Word("never"),
            (.., Some(next)) => Next::At(next.clone()),
            (.., None) => Next::Word("now"),
        };
        let mut notes = Vec::new();
        if let Some(until) = &line.boosted_until {
            notes.push(format!("boosted until {}; `nave schedule unboost {}` takes it back", short_time(until), line.flow));
        }
        if let Some(closed) = &line.closed {
            notes.push(format!("{} is {closed}", line.connection));
        }
        if line.told > 0 {
            notes.push(format!("{} things that {} told of are still to be read", line.told, line.connection));
        }
        if !line.attainable {
            notes.push(format!(
                "the target cannot be kept; `nave schedule set {} {}` is one that can",
                line.flow,
                word(line.every_ms)
            ));
        }
        Self {
            target: span(line.freshness_ms),
            every: span(line.every_ms),
            attained: line.attained_ms.map(|ms| format!("{} in {} reads", span(ms), line.reads)).unwrap_or_default(),
            next,
            notes,
            line,
        }
    }
}

/// A length of time as it is typed, rounded up to whole seconds, minutes or hours.
fn word(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000).max(1);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds.div_ceil(60)),
        _ => format!("{}h", seconds.div_ceil(3_600)),
    }
}

/// One account as the page shows it.
struct Account {
    line: BudgetLine,
    used_by: String,
    /// `120 of 1,000`, or the calls alone where there is no budget.
    today: String,
    month: String,
    rate: String,
    forecast: String,
    cost: String,
}

impl Account {
    fn of(line: BudgetLine) -> Self {
        let of = |calls: u64, budget: Option<u64>| match budget {
            Some(budget) => format!("{calls} of {budget}"),
            None => calls.to_string(),
        };
        let money = |amount: &Option<String>| match (amount, &line.currency) {
            (Some(amount), Some(currency)) => format!("{amount} {currency}"),
            _ => String::new(),
        };
        Self {
            used_by: line.connections.join(", "),
            today: of(line.today, line.per_day),
            month: of(line.this_month, line.per_month),
            rate: line.requests_per_second.map(|rate| format!("{rate} a second")).unwrap_or_default(),
            forecast: line.forecast_calls.map_or("after the first whole day".to_owned(), |calls| format!("{calls} calls")),
            cost: [money(&line.cost_this_month), money(&line.forecast_cost)].join(" → ").trim_matches([' ', '→']).to_owned(),
            line,
        }
    }
}

#[derive(Template)]
#[template(path = "schedule.html")]
struct SchedulePage {
    frame: Frame,
    flows: Vec<Flow>,
    accounts: Vec<Account>,
    days: u64,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/schedule", get(schedule))
}

async fn schedule(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let schedule = want!(state.call(Request::ScheduleList).await, Schedule, &person, "schedule");
    let budget = want!(state.call(Request::Budget { days: FORECAST_DAYS }).await, Budget, &person, "schedule");
    page(&SchedulePage {
        frame: Frame::new(&person, "schedule"),
        flows: schedule.flows.into_iter().map(Flow::of).collect(),
        accounts: budget.accounts.into_iter().map(Account::of).collect(),
        days: FORECAST_DAYS,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_read_is_a_time_or_says_what_keeps_it() {
        let line = |change: fn(&mut ScheduleLine)| {
            let mut line = ScheduleLine { attainable: true, ..ScheduleLine::default() };
            change(&mut line);
            Flow::of(line).next
        };
        let at = |text: &str| Next::At(text.to_owned());
        for (change, expected) in [
            ((|_| ()) as fn(&mut ScheduleLine), Next::Word("now")),
            (|line| line.next = Some("2026-01-01T00:00:00Z".into()), at("2026-01-01T00:00:00Z")),
            (|line| line.closed = Some("closed".into()), Next::Word("never")),
            (
                |line| (line.closed, line.closed_until) = (Some("closed".into()), Some("2026-01-02T00:00:00Z".into())),
                at("2026-01-02T00:00:00Z"),
            ),
            (|line| (line.paused, line.next) = (true, Some("2026-01-01T00:00:00Z".into())), Next::Word("paused")),
        ] {
            assert_eq!(line(change), expected);
        }
    }

    #[test]
    fn a_target_that_cannot_be_kept_comes_with_one_that_can() {
        for (ms, expected) in [(1, "1s"), (119_000, "119s"), (121_000, "3m"), (7_200_000, "2h"), (7_200_001, "3h")] {
            assert_eq!(word(ms), expected, "{ms}");
            let line = ScheduleLine { flow: "crm-contacts".into(), every_ms: ms, ..ScheduleLine::default() };
            let notes = Flow::of(line).notes;
            assert!(notes[0].contains(&format!("`nave schedule set crm-contacts {expected}`")), "{notes:?}");
        }
    }
}
