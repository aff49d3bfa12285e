//! Alerts: tried out, and taken on by somebody.

use super::{audit, listed};
use crate::api::{Answer, ApiError};
use crate::engine::Engine;
use crate::hub::Hub;

/// Tells sinks that this is a test. Fails where one of them cannot be told.
pub(super) async fn test(hub: &Hub, sink: Option<&str>, by: &str) -> Result<Answer, ApiError> {
    let said = crate::alerts::test(hub, sink).await?;
    let names: Vec<String> = said.iter().map(|(sink, _)| sink.clone()).collect();
    audit(&hub.engine, by, "alert.tested", &names.join(", "), "").await?;
    let failed: Vec<String> =
        said.iter().filter_map(|(sink, answer)| Some(format!("{sink}: {}", answer.as_ref().err()?))).collect();
    if failed.is_empty() {
        return Ok(Answer::done(format!("{} took a test message; is it there?", listed(&names)), names.len() as u64));
    }
    Err(ApiError::failed(format!("not every sink could be told: {}", failed.join("; ")))
        .help("correct [alerts.sinks] in nave.toml or the secret that it names, then `nave alert test`"))
}

/// Somebody works on it.
pub(super) async fn acknowledge(engine: &Engine, id: u64, by: &str) -> Result<Answer, ApiError> {
    let name = crate::alerts::acknowledge(engine, id, by).await?;
    Ok(Answer::done(format!("Alert {id} ({name}) is yours: nothing more is told of it until it is well again."), 1))
}
