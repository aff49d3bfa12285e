//! Scenarios of flows: played in memory, kept like every suite.

use std::collections::BTreeMap;

use super::{tests_kept, unknown};
use crate::api::{ApiError, TestRun};
use crate::hub::Hub;
use crate::project::load_streams;
use crate::scenarios::{Parts, play};
use crate::spoke::Spokes as _;

/// Plays every case through one flow, or through all.
pub(super) async fn scenarios(hub: &Hub, only: Option<&str>, by: &str) -> Result<TestRun, ApiError> {
    let catalog = hub.engine.catalog();
    if let Some(name) = only.filter(|name| !catalog.mappings.contains_key(*name)) {
        return Err(unknown("flow", name, catalog.mappings.keys()));
    }
    if catalog.mappings.is_empty() {
        return Err(
            ApiError::person("there is no flow to be tried").help("`nave connection add PLUGIN` writes the first mappings")
        );
    }
    let mut streams = BTreeMap::new();
    for connection in catalog.connections.keys() {
        streams.extend(load_streams(&hub.dir, connection)?.map(|found| (connection.clone(), found)));
    }
    let parts = Parts { catalog: catalog.clone(), streams, transforms: hub.guests.transforms() };
    let mut cases = Vec::new();
    for flow in catalog.mappings.values().filter(|flow| only.is_none_or(|only| flow.name == only)) {
        cases.extend(play(&parts, flow).await);
    }
    tests_kept::keep(hub.engine.as_ref(), "scenarios", cases, by).await
}
