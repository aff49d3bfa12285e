//! What accounts were asked, what they may be asked, and what the next days will take if they go on as before.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::accounting::Counts;
use nave_core::budget::{Purpose, day_of};
use nave_core::model::Time;

use crate::api::{ApiError, BudgetAnswer, BudgetLine};
use crate::hub::Hub;
use crate::ledger::{StoreLedger, per_day};
use crate::spoke::Spokes as _;

/// Days looked back for an average.
const DAYS_BACK: i64 = 30;
/// Runs of a flow looked at.
const RUNS_MAX: usize = 10_000;
const DAY_MS: i64 = 86_400_000;

/// Every account, with a forecast over this many days.
pub(super) fn of_accounts(hub: &Hub, days: u64) -> Result<BudgetAnswer, ApiError> {
    let (catalog, now) = (hub.engine.catalog(), hub.engine.now());
    let history = StoreLedger::days(hub.store.as_ref(), DAYS_BACK)?;
    let mut connections: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for connection in catalog.connections.values() {
        connections.entry(&connection.account).or_default().insert(&connection.name);
    }
    let mut accounts = Vec::new();
    for (account, names) in connections {
        let Some(first) = names.first().and_then(|name| catalog.connections.get(*name)) else { continue };
        let spent = hub.guests.spent(account);
        let used = hub.guests.used_up(&first.name, Purpose::Ordinary);
        let average = history.get(account).and_then(|days| per_day(days, day_of(now)));
        let forecast = average.map(|average| average.saturating_mul(days));
        let flows = catalog.mappings.values().filter(|mapping| names.contains(mapping.connection.as_str()));
        let (mut written, mut changed) = (0, 0);
        for mapping in flows {
            let (out, back) = per_day_of(hub, &mapping.name, now)?;
            written += out;
            changed += back;
        }
        accounts.push(BudgetLine {
            account: account.to_owned(),
            connections: names.iter().map(|name| (*name).to_owned()).collect(),
            today: spent.today,
            this_month: spent.this_month,
            requests_per_second: names.iter().filter_map(|name| catalog.connections[*name].requests_per_second).min(),
            per_day: first.budget.per_day,
            per_month: first.budget.per_month,
            used_percent: first.budget.used_percent(spent),
            warning: first.budget.used_percent(spent).is_some_and(|percent| percent >= first.budget.warn_percent),
            waits_until: used.as_ref().map(|used| used.until.to_string()),
            because: used.map(|used| used.because),
            calls_per_day: average,
            writes_per_day: written,
            changes_per_day: changed,
            forecast_days: days,
            forecast_calls: forecast,
            cost_this_month: first.budget.cost_of(spent.this_month).map(|cost| cost.normalize().to_string()),
            forecast_cost: forecast.and_then(|calls| first.budget.cost_of(calls)).map(|cost| cost.normalize().to_string()),
            currency: first.budget.cost.as_ref().map(|cost| cost.currency.clone()),
        });
    }
    Ok(BudgetAnswer { accounts })
}

/// Things written and things found changed on an average day of the last [`DAYS_BACK`], by a flow's runs.
fn per_day_of(hub: &Hub, flow: &str, now: Time) -> Result<(u64, u64), ApiError> {
    let runs = hub.store.runs(Some(flow), RUNS_MAX)?;
    let since = now.plus_ms(-DAYS_BACK * DAY_MS);
    let runs: Vec<_> = runs.iter().filter(|run| run.started_at >= since).collect();
    let Some(oldest) = runs.iter().map(|run| run.started_at).min() else { return Ok((0, 0)) };
    let days = u64::try_from((now.0 - oldest.0).max(DAY_MS).div_euclid(DAY_MS)).unwrap_or(1).max(1);
    let (mut written, mut changed) = (0, 0);
    for run in runs {
        match run.counts {
            Counts::Out(counts) => written += counts.delivered,
            Counts::In(counts) => changed += counts.created + counts.updated + counts.deleted + counts.merged,
        }
    }
    Ok((u64::div_ceil(written, days), u64::div_ceil(changed, days)))
}
