//! When rolling reconciliation is due, a batch an hour for each flow that reads; and when two systems are compared.

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

/// Compares the pairs whose time has come, of which this connection is the first. What was last read is compared: no call is
/// made.
pub(crate) async fn compare(hub: &Hub, connection: &str) {
    let engine = &hub.engine;
    for pair in engine.pairs().into_iter().filter(|pair| pair.left == connection) {
        if !matches!(engine.compare_due(&pair).await, Ok(true)) {
            continue;
        }
        let compared = match engine.put_off_compare(&pair).await {
            Ok(()) => tokio::task::block_in_place(|| engine.compare([&pair.left, &pair.right], &pair.entity, 0)),
            Err(error) => Err(error),
        };
        let kept = match compared {
            Ok(compared) => engine.keep_compared(&pair, &compared, "hub").await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = kept {
            tracing::warn!(left = pair.left, right = pair.right, entity = pair.entity, %error, "two systems were not compared");
        }
    }
}
