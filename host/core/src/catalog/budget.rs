//! `[budget]` of a connection: calls in a day and in a month, what is kept for whom, and what a call costs.

use super::reader::Table;
use crate::budget::{Budget, Cost};

pub(super) fn read(mut table: Table<'_>) -> Budget {
    let default = Budget::default();
    let percent = |table: &mut Table<'_>, key: &'static str, default: u64| match table.number(key) {
        Some(number) if number.value > 100 => {
            table.file.error(number.span, "wrong-value", format!("`{key}` is at most 100"), None);
            default
        }
        Some(number) => number.value,
        None => default,
    };
    let span = table.span.clone();
    let budget = Budget {
        per_day: table.number("per-day").map(|number| number.value),
        per_month: table.number("per-month").map(|number| number.value),
        warn_percent: percent(&mut table, "warn-percent", default.warn_percent),
        person_percent: percent(&mut table, "person-percent", default.person_percent),
        canary_percent: percent(&mut table, "canary-percent", default.canary_percent),
        cost: cost(&mut table),
    };
    if budget.person_percent + budget.canary_percent >= 100 {
        table.file.error(span, "wrong-value", "`person-percent` and `canary-percent` leave nothing for the flows", None);
    }
    table.finish();
    budget
}

/// `cost-per-call = "0.002 EUR"`.
fn cost(table: &mut Table<'_>) -> Option<Cost> {
    let text = table.text("cost-per-call")?;
    let parsed = text.value.split_once(' ').and_then(|(amount, currency)| {
        let per_call = amount.parse::<rust_decimal::Decimal>().ok().filter(|amount| !amount.is_sign_negative())?;
        let code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
        code.then(|| Cost { per_call, currency: currency.to_owned() })
    });
    if parsed.is_none() {
        table.file.error(
            text.span,
            "bad-cost",
            format!("`{}` is no amount of money", text.value),
            Some("write amount and currency: cost-per-call = \"0.002 EUR\"".to_owned()),
        );
    }
    parsed
}
