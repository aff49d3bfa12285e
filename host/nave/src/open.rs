//! What needs the data of a project in this process: the open hub, a restore. One process at a time.

use std::path::Path;
use std::sync::Arc;

use nave_hub::api::{ApiError, Request, Service};

use crate::context::Context;

/// The hub; opened when first asked for.
pub(crate) async fn hub(context: &Context) -> Result<Arc<dyn Service>, ApiError> {
    opened(context, None).await
}

/// As [`hub`], for a request that may need nothing of the configuration in order.
pub(crate) async fn hub_for(context: &Context, request: &Request) -> Result<Arc<dyn Service>, ApiError> {
    opened(context, Some(request)).await
}

async fn opened(context: &Context, request: Option<&Request>) -> Result<Arc<dyn Service>, ApiError> {
    let mut open = context.hub.lock().await;
    if let Some(hub) = open.as_ref() {
        return Ok(hub.clone());
    }
    let hub: Arc<dyn Service> = match request {
        Some(request) => nave_hub::Hub::open_for(context.dir(), request).await?,
        None => nave_hub::Hub::open(context.dir()).await?,
    };
    *open = Some(hub.clone());
    Ok(hub)
}

/// Puts a backup in place of a project's data; answers a sentence.
pub(crate) fn restore(dir: &Path, from: &Path, replace: bool, key_file: Option<&Path>, by: &str) -> Result<String, ApiError> {
    nave_hub::restore(dir, from, replace, key_file, by)
}
