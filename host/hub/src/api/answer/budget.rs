//! What accounts were asked and may be asked.

use serde::{Deserialize, Serialize};

/// Accounts over there, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetAnswer {
    /// They.
    pub accounts: Vec<BudgetLine>,
}

/// One account. Days and months are those of UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// Name: `account` of its connections, or the secret that they share.
    pub account: String,
    /// Who uses it.
    pub connections: Vec<String>,
    /// Calls today.
    pub today: u64,
    /// Calls this month.
    pub this_month: u64,
    /// Rate that holds.
    pub requests_per_second: Option<u32>,
    /// Budget of a day.
    pub per_day: Option<u64>,
    /// Budget of a month.
    pub per_month: Option<u64>,
    /// The larger share that is used up, percent.
    pub used_percent: Option<u64>,
    /// More of it is used up than `warn-percent`.
    pub warning: bool,
    /// Flows that are not critical wait until then.
    pub waits_until: Option<String>,
    /// Why.
    pub because: Option<String>,
    /// Calls on an average day of the last thirty with any; none before the first full day.
    pub calls_per_day: Option<u64>,
    /// Things written there on an average day.
    pub writes_per_day: u64,
    /// Things found changed there on an average day: as many calls more where each is told by webhook and read by itself.
    pub changes_per_day: u64,
    /// Days of the forecast.
    pub forecast_days: u64,
    /// Calls in that time, if it goes on as before.
    pub forecast_calls: Option<u64>,
    /// What this month's calls cost so far.
    pub cost_this_month: Option<String>,
    /// What the forecast's calls cost.
    pub forecast_cost: Option<String>,
    /// ISO 4217.
    pub currency: Option<String>,
}
