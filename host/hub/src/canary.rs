//! When a flow's canary is due.

use nave_core::budget::Purpose;
use nave_core::catalog::Mapping;

use crate::clock::now;
use crate::egress::on_behalf;
use crate::hub::Hub;

/// Sends a flow's canary, if it is time. What failed is in the audit as `canary.failed`, in the flow's status and in its run.
pub(crate) async fn tick(hub: &Hub, mapping: &Mapping) {
    let Some(canary) = mapping.flow_out.as_ref().and_then(|flow| flow.canary.as_ref()) else { return };
    let Ok(last) = hub.engine.last_canary(&mapping.name) else { return };
    let every = i64::try_from(canary.every_ms).unwrap_or(i64::MAX);
    if last.is_some_and(|last| now().0 - last.at_ms < every) {
        return;
    }
    let approved = hub.store.flow(&mapping.name).is_ok_and(|flow| flow.approved.as_deref() == Some(mapping.digest.as_str()));
    if approved && let Err(error) = on_behalf(Purpose::Canary, hub.engine.canary(&mapping.name)).await {
        tracing::warn!(flow = mapping.name, %error, "the canary was not sent");
    }
}
