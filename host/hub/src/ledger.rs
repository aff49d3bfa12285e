//! Calls per account and day, in the store: what budgets are kept by, and what a forecast is made from.

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_core::budget::{Spent, day_of};
use nave_store::{Batch, KeyedRow, Store};
use serde::{Deserialize, Serialize};

use crate::clock::now;
use crate::egress::{Ledger, Mark};

/// Space of the marks: account → until when calls may have been made, and how many.
const MARKS: &str = "calls";
/// Space of the days: `["account", day]` → calls.
const DAYS: &str = "calls-days";
/// Days that are kept: a year, and the month before it.
const DAYS_KEPT: i64 = 400;

#[derive(Serialize, Deserialize)]
struct Row {
    until: i64,
    day: i64,
    today: u64,
    month: u64,
}

/// The ledger of one store.
pub(crate) struct StoreLedger(Arc<dyn Store>);

impl StoreLedger {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    /// Calls of each account on each of the last days, newest last.
    pub(crate) fn days(store: &dyn Store, last: i64) -> Result<BTreeMap<String, BTreeMap<i64, u64>>, nave_store::StoreError> {
        let from = day_of(now()) - last;
        let mut found: BTreeMap<String, BTreeMap<i64, u64>> = BTreeMap::new();
        for (key, value) in store.rows(DAYS)? {
            let (Ok((account, day)), Ok(calls)) = (serde_json::from_str::<(String, i64)>(&key), serde_json::from_slice(&value))
            else {
                continue;
            };
            if day > from {
                found.entry(account).or_default().insert(day, calls);
            }
        }
        Ok(found)
    }
}

impl Ledger for StoreLedger {
    fn mark(&self, account: &str) -> Mark {
        let row = self.0.row(MARKS, account).ok().flatten().and_then(|row| serde_json::from_slice::<Row>(&row).ok());
        row.map_or_else(Mark::default, |row| Mark {
            until: row.until,
            spent: Spent { day: row.day, today: row.today, this_month: row.month },
        })
    }

    fn put(&self, account: &str, mark: Mark) -> Result<(), String> {
        let Spent { day, today, this_month } = mark.spent;
        let row = Row { until: mark.until, day, today, month: this_month };
        let text = |value: Result<Vec<u8>, serde_json::Error>| value.map_err(|error| error.to_string());
        let key = |day: i64| serde_json::to_string(&(account, day)).map_err(|error| error.to_string());
        let rows = vec![
            KeyedRow { space: MARKS.into(), key: account.to_owned(), value: Some(text(serde_json::to_vec(&row))?) },
            KeyedRow { space: DAYS.into(), key: key(day)?, value: Some(text(serde_json::to_vec(&today))?) },
            KeyedRow { space: DAYS.into(), key: key(day - DAYS_KEPT)?, value: None },
        ];
        self.0.commit(Batch { at: now(), rows, ..Batch::default() }).map(drop).map_err(|error| error.to_string())
    }
}

/// Calls on an average day of those on which there were any, of the last `days` full days.
pub(crate) fn per_day(days: &BTreeMap<i64, u64>, today: i64) -> Option<u64> {
    let full: Vec<u64> = days.iter().filter(|(day, calls)| **day < today && **calls > 0).map(|(_, calls)| *calls).collect();
    let count = u64::try_from(full.len()).ok().filter(|count| *count > 0)?;
    Some(full.iter().sum::<u64>().div_ceil(count))
}
