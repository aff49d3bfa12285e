//! What connections offer, compared over time.

use nave_core::catalog::{StreamInfo, lineage, schema_diff};
use tokio::task::block_in_place;

use super::configuration::broken;
use super::unknown;
use crate::api::{ApiError, SchemaDiffAnswer, SchemaDifference};
use crate::hub::Hub;
use crate::project;

/// Compares two of `crm@2026-10`, `crm@saved` and `crm@now`.
pub(super) async fn diff(hub: &Hub, from: &str, to: &str) -> Result<SchemaDiffAnswer, ApiError> {
    let (before, from_at) = side(hub, from).await?;
    let (after, to_at) = side(hub, to).await?;
    let catalog = hub.engine.catalog();
    let connection = from.split('@').next().unwrap_or_default();
    let lines = lineage(&catalog);
    let changes = schema_diff(&before, &after)
        .into_iter()
        .map(|change| {
            let touched = lines.iter().filter(|line| line.connection == connection && line.stream == change.stream);
            let touched = touched.filter(|line| change.field.as_ref().is_none_or(|field| line.remote == *field));
            let mut affects: Vec<String> = touched.map(|line| line.mapping.clone()).collect();
            affects.sort();
            affects.dedup();
            SchemaDifference { change, affects }
        })
        .collect();
    Ok(SchemaDiffAnswer { from: format!("{from} ({from_at})"), to: format!("{to} ({to_at})"), changes })
}

/// One side, and when it was so.
async fn side(hub: &Hub, what: &str) -> Result<(Vec<StreamInfo>, String), ApiError> {
    let (connection, date) = what.split_once('@').ok_or_else(|| {
        ApiError::usage(format!("`{what}` does not say when")).help("write CONNECTION@DATE: crm@2026-10, crm@saved or crm@now")
    })?;
    let catalog = hub.engine.catalog();
    if !catalog.connections.contains_key(connection) {
        return Err(unknown("connection", connection, catalog.connections.keys()));
    }
    match date {
        "now" => {
            let spoke = hub.engine.spoke(connection)?;
            let streams = spoke.discover().await.map_err(|error| broken(connection, error))?;
            Ok((streams, "as it is".to_owned()))
        }
        "saved" => {
            let streams = block_in_place(|| project::load_streams(&hub.dir, connection))?;
            let streams = streams.ok_or_else(|| {
                ApiError::not_found(format!("nothing of {connection} was saved"))
                    .help(format!("`nave discover {connection} --save` saves what it offers"))
            })?;
            Ok((streams, "what mappings are checked against".to_owned()))
        }
        date => {
            let snapshot = block_in_place(|| project::snapshot_at(&hub.dir, connection, date))?;
            Ok((snapshot.streams, format!("saved {}", snapshot.saved)))
        }
    }
}
