//! A simulated system that takes part: people work in it past the hub, and its own log says when the hub's writes were confirmed.

use nave_hub::api::ApiError;
use nave_sim::{ControlClient, RunningSim, SimConfig};
use serde_json::{Value as Json, json};

use super::systems::{Act, Person, Spoken};

/// A running system.
pub(super) struct Side {
    pub(super) spoken: &'static Spoken,
    pub(super) running: RunningSim,
    control: ControlClient,
}

impl Side {
    /// Starts it, empty, in this process.
    pub(super) async fn start(spoken: &'static Spoken, seed: u64) -> Result<Self, ApiError> {
        let failed = |error: String| ApiError::failed(format!("the simulated {}: {error}", spoken.name));
        let running = nave_sim::start(spoken.sim, SimConfig::new(seed)).await.map_err(|error| failed(error.to_string()))?;
        let control =
            ControlClient::new(&running.base_url(), &running.control_token).map_err(|error| failed(error.to_string()))?;
        Ok(Self { spoken, running, control })
    }

    /// What the hub is given as the connection's secret.
    pub(super) fn secret(&self) -> String {
        let credential = &self.running.credential;
        match &credential.user {
            Some(user) => format!("{user}:{}", credential.token),
            None => credential.token.clone(),
        }
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, ApiError> {
        let said = |error: nave_sim::ControlError| ApiError::failed(format!("{} {path}: {error}", self.spoken.name));
        self.control.call(method, path, body).await.map_err(said)
    }

    /// Somebody does something in it; that is in no log.
    pub(super) async fn person(&self, (method, path, body): Act) -> Result<(), ApiError> {
        let act = json!({ "act": "person", "method": method, "path": path, "body": body });
        self.call("POST", "act", Some(&act)).await.map(drop)
    }

    /// From now on it tells this address what happens.
    pub(super) async fn tell(&self, url: &str, secret: &str) -> Result<(), ApiError> {
        self.call("POST", "webhooks", Some(&json!({ "url": url, "secret": secret }))).await.map(drop)
    }

    /// Everybody in it.
    pub(super) async fn show(&self) -> Result<Vec<Person>, ApiError> {
        Ok((self.spoken.show)(&self.call("GET", "state", None).await?))
    }

    /// When the newest write of the hub was answered that changed something, among requests later than `since` (moved to the last).
    pub(super) async fn written(&self, since: &mut u64) -> Result<Option<i64>, ApiError> {
        let log = self.call("GET", &format!("requests?since={since}"), None).await?;
        *since = log["last"].as_u64().unwrap_or(*since);
        let changed = log["requests"].as_array().into_iter().flatten().filter(|request| request["changed"] == true);
        Ok(changed.filter_map(|request| request["at_ms"].as_i64()).max())
    }
}
