//! `budget`: calls to accounts over there, their bounds, and a forecast.

use clap::Args;
use nave_core::schedule::parse_span;
use nave_hub::api::{ApiError, BudgetLine, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

const DAY_MS: u64 = 86_400_000;

/// What each account over there was asked, what it may be asked, and a forecast from what it was before
#[derive(Debug, Args)]
#[command(
    after_help = "Bounds are in connections/NAME.toml: requests-per-second, [budget] with per-day, per-month and cost-per-call.\nExamples:\n  nave budget\n  nave budget --forecast 90d --json"
)]
pub(crate) struct Budget {
    /// How far to look ahead, in days
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub(crate) forecast: String,
}

pub(crate) async fn run(verb: Budget, context: &Context) -> Outcome {
    let days = parse_span(&verb.forecast).map(|ms| ms / DAY_MS).filter(|days| (1..=3_660).contains(days)).ok_or_else(|| {
        ApiError::usage(format!("`{}` is no number of days", verb.forecast.escape_debug())).help("write it as 30d")
    })?;
    let answer = want!(context.call(Request::Budget { days }).await?, Budget);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["account", "used by", "today", "this month", "a day", "next", "cost"]);
    let of = |used: u64, limit: Option<u64>| limit.map_or(used.to_string(), |limit| format!("{used} of {limit}"));
    let unknown = || "not yet known".to_owned();
    for line in &answer.accounts {
        rows.row([
            line.account.clone(),
            line.connections.join(", "),
            of(line.today, line.per_day),
            of(line.this_month, line.per_month),
            line.calls_per_day.map_or_else(unknown, |calls| calls.to_string()),
            line.forecast_calls.map_or_else(unknown, |calls| format!("{calls} calls in {} days", line.forecast_days)),
            cost(line),
        ]);
    }
    rows.print("No connection yet.");
    for line in &answer.accounts {
        if let (Some(because), Some(until)) = (&line.because, &line.waits_until) {
            say(format_args!("{}: {}; flows that are not critical wait until {until}", clean(&line.account), clean(because)));
        } else if line.warning {
            let percent = line.used_percent.unwrap_or_default();
            say(format_args!("{}: {percent} % of its budget is used up", clean(&line.account)));
        }
    }
    Ok(exit::OK)
}

fn cost(line: &BudgetLine) -> String {
    match (&line.cost_this_month, &line.forecast_cost, &line.currency) {
        (Some(now), Some(then), Some(currency)) => format!("{now} so far, {then} {currency} ahead"),
        (Some(now), None, Some(currency)) => format!("{now} {currency} so far"),
        _ => String::new(),
    }
}
