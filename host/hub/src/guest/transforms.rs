//! Functions of transform plugins: rows of values → columns → rows of values.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nave_core::Value;
use nave_core::limits::TRANSFORM_CPU_MS_MAX;
use nave_core::mapping::MapError;
use nave_runtime::contract::Column;
use nave_runtime::{Instance, InstanceLimits, NoHost, Plugin};

use crate::spoke::{BoxFuture, SpokeError, Transforms};

/// The installed transforms. An instance lives for one batch: compiling is cached, starting takes microseconds.
pub(crate) struct GuestTransforms {
    plugins: Vec<Plugin>,
    /// Function → why its plugin cannot be had.
    broken: BTreeMap<String, SpokeError>,
}

impl GuestTransforms {
    pub(crate) fn new(plugins: Vec<Plugin>, broken: BTreeMap<String, SpokeError>) -> Self {
        Self { plugins, broken }
    }
}

impl Transforms for GuestTransforms {
    fn ready(&self, function: &str) -> Result<(), SpokeError> {
        self.broken.get(function).map_or(Ok(()), |why| Err(why.clone()))
    }

    fn call(&self, function: String, rows: Vec<Vec<Value>>) -> BoxFuture<'_, Result<Vec<Result<Value, MapError>>, SpokeError>> {
        Box::pin(async move {
            let found = self.plugins.iter().find_map(|plugin| {
                plugin.manifest().functions.iter().find(|f| f.name == function).map(|declared| (plugin, declared))
            });
            let Some((plugin, declared)) = found else {
                return Err(SpokeError::Misconfigured(format!("no installed plugin has a function `{function}`")));
            };
            let columns: Vec<Column> =
                declared.inputs.iter().enumerate().map(|(index, kind)| column(kind, index, &rows)).collect();
            let broken = |error: nave_runtime::CallError| SpokeError::Guest(format!("`{function}`: {error}"));
            let limits = InstanceLimits { cpu: Duration::from_millis(TRANSFORM_CPU_MS_MAX), ..InstanceLimits::default() };
            let mut instance = Instance::start(plugin, Arc::new(NoHost), limits).await.map_err(broken)?;
            let batch = instance.transform(&function, columns).await.map_err(broken)?;
            let Some(result) = batch.columns.first() else {
                return Err(SpokeError::Guest(format!("`{function}` gave no column back")));
            };
            let mut values: Vec<Result<Value, MapError>> = (0..rows.len()).map(|row| Ok(value(result, row))).collect();
            for error in batch.errors {
                if let Some(slot) = values.get_mut(error.row as usize) {
                    *slot = Err(MapError { class: "external", message: error.message });
                }
            }
            Ok(values)
        })
    }
}

fn column(kind: &str, index: usize, rows: &[Vec<Value>]) -> Column {
    let cell = |row: &'_ Vec<Value>| row.get(index).cloned().unwrap_or_default();
    let mut valid = vec![0_u8; rows.len().div_ceil(8)];
    match kind {
        "integer" => {
            let mut values = Vec::with_capacity(rows.len());
            for (at, row) in rows.iter().enumerate() {
                let number = match cell(row) {
                    Value::Number(text) | Value::Text(text) => text.trim().parse::<i64>().ok(),
                    _ => None,
                };
                valid[at / 8] |= u8::from(number.is_some()) << (at % 8);
                values.push(number.unwrap_or_default());
            }
            Column::Integer { valid, values }
        }
        "boolean" => {
            let mut values = Vec::with_capacity(rows.len());
            for (at, row) in rows.iter().enumerate() {
                let flag = match cell(row) {
                    Value::Bool(flag) => Some(flag),
                    _ => None,
                };
                valid[at / 8] |= u8::from(flag.is_some()) << (at % 8);
                values.push(u8::from(flag.unwrap_or_default()));
            }
            Column::Boolean { valid, values }
        }
        _ => {
            let texts: Vec<Option<String>> = rows
                .iter()
                .map(|row| match cell(row) {
                    Value::Null => None,
                    value => Some(value.display()),
                })
                .collect();
            Column::text(texts.iter().map(Option::as_deref))
        }
    }
}

fn value(column: &Column, row: usize) -> Value {
    if !column.is_valid(row) {
        return Value::Null;
    }
    match column {
        Column::Text { .. } => column.text_at(row).map_or(Value::Null, Value::text),
        Column::Integer { values, .. } => Value::Number(values[row].to_string().into()),
        Column::Boolean { values, .. } => Value::Bool(values[row] != 0),
    }
}
