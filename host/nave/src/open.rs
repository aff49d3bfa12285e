//! What needs the data of a project in this process: the open hub, a restore. One process at a time.

use std::path::Path;
use std::sync::Arc;

use nave_hub::api::{ApiError, Service};

use crate::context::Context;

/// The hub; opened when first asked for.
pub(crate) async fn hub(context: &Context) -> Result<Arc<dyn Service>, ApiError> {
    let mut open = context.hub.lock().await;
    if let Some(hub) = open.as_ref() {
        return Ok(hub.clone());
    }
    let hub: Arc<dyn Service> = nave_hub::Hub::open(context.dir()).await?;
    *open = Some(hub.clone());
    Ok(hub)
}

/// Puts a backup in place of a project's data; answers a sentence.
pub(crate) fn restore(dir: &Path, from: &Path, replace: bool, key_file: Option<&Path>, by: &str) -> Result<String, ApiError> {
    nave_hub::restore(dir, from, replace, key_file, by)
}
