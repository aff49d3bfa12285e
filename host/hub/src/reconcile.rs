//! When rolling reconciliation is due: a batch an hour for each flow that reads.

use nave_core::catalog::Mapping;

use crate::hub::Hub;

/// Verifies this hour's share of a flow's things, if it is time.
pub(crate) async fn tick(hub: &Hub, mapping: &Mapping) {
    if mapping.flow_in.is_none() || mapping.id.is_some() || !matches!(hub.engine.reconcile_due(&mapping.name).await, Ok(true)) {
        return;
    }
    match hub.engine.reconcile(&mapping.name, None, None).await {
        Ok(batch) if batch.differed > 0 => {
            tracing::warn!(
                flow = mapping.name,
                verified = batch.verified,
                differed = batch.differed,
                "things differed from what was known"
            );
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(flow = mapping.name, %error, "nothing was verified this hour"),
    }
}
