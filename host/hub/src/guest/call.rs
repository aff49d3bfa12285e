//! One function of a plugin at work, called by hand.

use std::sync::Arc;

use nave_core::manifest::PluginKind;
use nave_runtime::{Instance, InstanceLimits, NoHost};
use serde_json::Value as Json;

use super::{Guests, failed};
use crate::api::ApiError;
use crate::plugins::call_instance;

/// Functions whose first argument is a stream.
const STREAM_FIRST: [&str; 3] = ["read", "get", "find"];

impl Guests {
    /// Calls a function of a connection's plugin under its grants, with what it can reach and nothing more; or of an
    /// installed transform, by the plugin's name.
    ///
    /// # Errors
    /// [`ApiError`] where there is neither, the call makes no sense, or it gave no answer.
    pub async fn call(&self, connection: &str, function: &str, arguments: &[Json]) -> Result<Json, ApiError> {
        let said = |error: crate::spoke::SpokeError| ApiError::failed(format!("{connection}: {error}"));
        let catalog = self.catalog();
        if !catalog.connections.contains_key(connection) && catalog.plugins.contains_key(connection) {
            let plugin = self.plugin(connection).map_err(said)?;
            if plugin.manifest().kind == PluginKind::Transform {
                let started = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await;
                let mut instance = started.map_err(|error| said(failed(error)))?;
                return Ok(call_instance(&mut instance, function, arguments).await?);
            }
        }
        if !catalog.connections.contains_key(connection) {
            return Err(ApiError::not_found(format!("there is no connection `{connection}`"))
                .help("`nave connection list` shows them; a transform is called by its plugin's name"));
        }
        let guest = self.guest(connection).map_err(said)?;
        let mut slot = guest.instance.lock().await;
        if slot.is_none() {
            let started = Instance::start(&guest.plugin, guest.host.clone(), InstanceLimits::default()).await;
            *slot = Some(started.map_err(|error| said(failed(error)))?);
        }
        let Some(instance) = slot.as_mut() else { return Err(ApiError::failed("no instance")) };
        let stream = arguments.first().and_then(Json::as_str).filter(|_| STREAM_FIRST.contains(&function));
        guest.host.begin_call(stream);
        Ok(call_instance(instance, function, arguments).await?)
    }
}
