//! Cases of a transform: every function over every value, alone and among others, twice.

use std::sync::Arc;

use nave_core::conformance::report::{Case, Plan};
use nave_core::conformance::values::{samples, shown};
use nave_core::manifest::Function;
use nave_runtime::contract::{Batch, Column};
use nave_runtime::{CallError, Instance, InstanceLimits, NoHost};
use serde_json::Value as Json;

use super::bench::Bench;
use super::values::value_plans;

const CHANGE: &str =
    "a row that cannot be transformed is an error of that row (in Rust `push_error`), never of the batch, and null is a value";
const EXPECTED: &str = "a result or an error for each row, and no crash";

static PLANS: [Plan; 14] = value_plans(EXPECTED, CHANGE);
const SAME: Plan = Plan {
    name: "quiet/same-again",
    expected: "the same columns give the same result, twice and in another instance",
    change: "use no randomness, no order of a hash map and nothing that was kept from another call",
};
const APART: Plan = Plan {
    name: "quiet/rows-apart",
    expected: "a row comes out alone as it does among others",
    change: "keep nothing from one row to the next",
};
const FUNCTIONS: Plan = Plan {
    name: "contract/functions",
    expected: "every function of the manifest is there, takes no rows too, and one that is not there is refused",
    change: "make `functions` of manifest.json the names that `call` knows",
};

/// All cases of a transform.
pub(super) async fn run(bench: &Bench) -> Vec<Case> {
    let functions = bench.plugin.manifest().functions.clone();
    let mut cases = super::contract::declared(bench);
    cases.push(known(bench, &functions).await);
    let samples = samples(bench.seed);
    for (plan, sample) in PLANS.iter().zip(&samples) {
        let mut wrong = Vec::new();
        for function in &functions {
            for value in &sample.values {
                let result = call(bench, function, std::slice::from_ref(value)).await;
                wrong.extend(result.err().map(|error| format!("{}({}): {error}", function.name, shown(value))));
            }
        }
        cases.push(plan.judged(&wrong, format!("{} functions", functions.len())));
    }
    // Long ones would only take long.
    let rows: Vec<Json> =
        samples.iter().filter(|sample| sample.name != "long-text").flat_map(|sample| sample.values.clone()).collect();
    let (mut differs, mut apart) = (Vec::new(), Vec::new());
    for function in &functions {
        let (one, two) = (call(bench, function, &rows).await, call(bench, function, &rows).await);
        match (one, two) {
            (Ok(one), Ok(two)) if one != two => differs.push(format!("{}: another result the second time", function.name)),
            (Ok(one), Ok(_)) => {
                for (nth, row) in rows.iter().enumerate() {
                    let alone = call(bench, function, std::slice::from_ref(row)).await;
                    if alone.is_ok_and(|alone| at(&alone, 0) != at(&one, nth)) {
                        apart.push(format!("{}: {} comes out otherwise among others", function.name, shown(row)));
                    }
                }
            }
            (Err(error), _) | (_, Err(error)) => differs.push(format!("{}: {error}", function.name)),
        }
    }
    cases.push(SAME.judged(&differs, "the same"));
    cases.push(APART.judged(&apart, "the same"));
    cases
}

async fn known(bench: &Bench, functions: &[Function]) -> Case {
    let mut wrong = Vec::new();
    for function in functions {
        wrong.extend(call(bench, function, &[]).await.err().map(|error| format!("{} of no rows: {error}", function.name)));
    }
    let unknown = Function { name: "nave_no_such_function".to_owned(), ..functions[0].clone() };
    match call(bench, &unknown, &[]).await {
        Err(CallError::Broken(_)) => {}
        Ok(_) => wrong.push("a function that is not there has a result".to_owned()),
        Err(error) => wrong.push(format!("a function that is not there: {error}")),
    }
    FUNCTIONS.judged(&wrong, format!("{} functions", functions.len()))
}

/// What is in a row, and whether it failed.
fn at(batch: &Batch, row: usize) -> (Option<Json>, Option<String>) {
    let failed = batch.errors.iter().find(|error| error.row as usize == row).map(|error| error.message.clone());
    if failed.is_some() {
        return (None, failed);
    }
    let value = batch.columns.first().filter(|column| column.is_valid(row)).and_then(|column| match column {
        Column::Text { .. } => column.text_at(row).map(Json::from),
        Column::Integer { values, .. } => values.get(row).map(|value| Json::from(*value)),
        Column::Boolean { values, .. } => values.get(row).map(|value| Json::from(*value)),
    });
    (value, None)
}

async fn call(bench: &Bench, function: &Function, rows: &[Json]) -> Result<Batch, CallError> {
    let mut instance = Instance::start(&bench.plugin, Arc::new(NoHost), InstanceLimits::default()).await?;
    let inputs = function.inputs.iter().map(|kind| column(kind, rows)).collect();
    instance.transform(&function.name, inputs).await
}

/// The rows as a column: a value that its type cannot hold is null there.
fn column(kind: &str, rows: &[Json]) -> Column {
    let texts: Vec<Option<String>> = rows
        .iter()
        .map(|value| match value {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        })
        .collect();
    let bits = |valid: Vec<bool>| {
        let mut bits = vec![0_u8; valid.len().div_ceil(8)];
        valid.iter().enumerate().filter(|(_, valid)| **valid).for_each(|(row, _)| bits[row / 8] |= 1 << (row % 8));
        bits
    };
    match kind {
        "integer" => {
            let parsed: Vec<Option<i64>> = texts.iter().map(|text| text.as_ref()?.parse().ok()).collect();
            let values = parsed.iter().map(|value| value.unwrap_or(0)).collect();
            Column::Integer { valid: bits(parsed.iter().map(Option::is_some).collect()), values }
        }
        "boolean" => Column::Boolean { valid: bits(texts.iter().map(Option::is_some).collect()), values: vec![1; rows.len()] },
        _ => Column::text(texts.iter().map(Option::as_deref)),
    }
}
