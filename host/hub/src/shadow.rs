//! How often a flow in shadow mode computes what it would write: what waits for it never gets less.

use nave_core::catalog::Mapping;

use crate::clock::now;
use crate::hub::Hub;

/// Runs looked through for the last one of a shadow.
const RUNS_LOOKED_AT: usize = 16;

/// Whether a flow may run now. One that sends always may; a shadow once within its freshness.
pub(crate) fn due(hub: &Hub, mapping: &Mapping) -> bool {
    let Some(flow) = mapping.flow_out.as_ref().filter(|flow| flow.shadow) else { return true };
    let every = i64::try_from(flow.freshness_ms.max(1_000)).unwrap_or(i64::MAX);
    let last = hub.store.runs(Some(&mapping.name), RUNS_LOOKED_AT).unwrap_or_default();
    let last = last.into_iter().find(|run| run.direction == "shadow");
    last.is_none_or(|run| now().0 - run.started_at.0 >= every)
}
