//! A system that takes part in a case: started for it, worked in by people, spoilt by switches, and asked what it holds.

use std::path::Path;
use std::sync::Arc;

use nave_hub::api::ApiError;
use nave_sim::{ControlClient, ObjectSchema, RunningSim, SimConfig, System};
use serde_json::{Value as Json, json};

use super::clock::Clock;
use super::flows::{Part, Way};
use super::hub::Reach;
use super::systems::{Act, Shown, Texts};

/// A running system.
pub(super) struct Side {
    pub(super) part: &'static Part,
    running: RunningSim,
    control: ControlClient,
    folder: Option<std::path::PathBuf>,
}

/// Which requests it got since a number.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) last: u64,
    /// Those that write, changed or not.
    pub(super) writes: usize,
}

impl Side {
    /// Starts it, empty.
    pub(super) async fn start(part: &'static Part, folder: &Path, clock: &Clock, seed: u64) -> Result<Self, ApiError> {
        let time = clock.clone();
        let folder = (part.sim == System::Legacy).then(|| folder.join(part.name));
        let schemas = (part.sim == System::Crm).then(|| vec![contacts(part.marked), ObjectSchema::companies()]);
        let config = SimConfig { clock: Arc::new(move || time.now()), schemas, folder: folder.clone(), ..SimConfig::new(seed) };
        let failed = |error: String| ApiError::failed(format!("the simulated {}: {error}", part.name));
        let running = nave_sim::start(part.sim, config).await.map_err(|error| failed(error.to_string()))?;
        let control =
            ControlClient::new(&running.base_url(), &running.control_token).map_err(|error| failed(error.to_string()))?;
        Ok(Self { part, running, control, folder })
    }

    pub(super) fn reach(&self) -> Reach {
        match &self.folder {
            Some(folder) => Reach::Folder(folder.clone()),
            None => {
                let tenant = self.running.credential.tenant_id.clone().unwrap_or_default();
                Reach::Net(self.running.base_url(), tenant, self.running.credential.token.clone())
            }
        }
    }

    /// What nobody but it and the vault may know.
    pub(super) fn secret(&self) -> Option<&str> {
        self.folder.is_none().then_some(self.running.credential.token.as_str())
    }

    /// The hub writes to it.
    pub(super) fn is_written(&self) -> bool {
        self.part.way != Way::In
    }

    async fn call(&self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, ApiError> {
        let said = |error: nave_sim::ControlError| {
            ApiError::failed(format!("{} {path} {}: {error}", self.part.name, body.unwrap_or(&Json::Null)))
        };
        self.control.call(method, path, body).await.map_err(said)
    }

    /// Somebody does something in it. Answers what the system said.
    pub(super) async fn person(&self, (method, path, body): Act) -> Result<Json, ApiError> {
        let act = json!({ "act": "person", "method": method, "path": path, "body": body });
        Ok(self.call("POST", "act", Some(&act)).await?["answer"].take())
    }

    /// Makes somebody, with a note that is nobody else's business; answers the id.
    pub(super) async fn make(&self, texts: &Texts, note: Option<&str>) -> Result<String, ApiError> {
        let spoken = self.part.spoken();
        let mut own = spoken.there(texts);
        own.extend(note.map(|note| (spoken.unmapped.to_owned(), note.to_owned())));
        Ok((spoken.made)(&self.person((spoken.make)(&own)).await?))
    }

    pub(super) async fn edit(&self, id: &str, texts: &Texts) -> Result<(), ApiError> {
        let spoken = self.part.spoken();
        self.person((spoken.edit)(id, &spoken.there(texts))).await.map(drop)
    }

    /// Everything in it, as it spells that itself.
    pub(super) async fn state(&self) -> Result<Json, ApiError> {
        self.call("GET", "state", None).await
    }

    /// Everything in it.
    pub(super) async fn show(&self) -> Result<Vec<Shown>, ApiError> {
        Ok((self.part.spoken().show)(&self.state().await?))
    }

    /// The one that bears this mailbox.
    pub(super) async fn find(&self, email: &str) -> Result<Option<Shown>, ApiError> {
        let spoken = self.part.spoken();
        let is_theirs = |shown: &Shown| !shown.gone && spoken.here(shown, "email").eq_ignore_ascii_case(email);
        Ok(self.show().await?.into_iter().find(is_theirs))
    }

    /// Switches of this system that make sense here.
    pub(super) async fn knows(&self, switch: &str) -> Result<bool, ApiError> {
        let all = self.call("GET", "fault", None).await?;
        let mut here = all["switches"].as_array().into_iter().flatten();
        Ok(here.any(|line| line["switch"] == switch && line["not_here"].is_null()))
    }

    /// Sets a switch; `@name` stands for its own name of that canonical field.
    pub(super) async fn spoil(&self, rule: &str) -> Result<(), ApiError> {
        self.call("POST", "fault", Some(&self.spelled(rule)?)).await.map(drop)
    }

    /// Has something happen in it.
    pub(super) async fn act(&self, act: &str) -> Result<Json, ApiError> {
        self.call("POST", "act", Some(&self.spelled(act)?)).await
    }

    fn spelled(&self, text: &str) -> Result<Json, ApiError> {
        let spoken = self.part.spoken();
        let mut text =
            text.replace("@kind", spoken.kind).replace("@unmapped", spoken.unmapped).replace("@marker", spoken.marker_own);
        for field in spoken.fields {
            text = text.replace(&format!("@{}", field.canonical), field.own);
        }
        serde_json::from_str(&text).map_err(|error| ApiError::failed(format!("{text}: {error}")))
    }

    /// Clears all switches.
    pub(super) async fn heal(&self) -> Result<(), ApiError> {
        self.call("DELETE", "fault", None).await.map(drop)
    }

    pub(super) async fn asked(&self, since: u64) -> Result<Asked, ApiError> {
        let log = self.call("GET", &format!("requests?since={since}"), None).await?;
        let writes = log["requests"].as_array().into_iter().flatten().filter(|request| request["write"] == true).count();
        Ok(Asked { last: log["last"].as_u64().unwrap_or(since), writes })
    }

    /// From now on it tells what changes in it, signed with this.
    pub(super) async fn tells(&self, url: &str, secret: &str) -> Result<(), ApiError> {
        self.call("POST", "webhooks", Some(&json!({ "url": url, "secret": secret }))).await.map(drop)
    }

    pub(super) async fn stop(self) {
        self.running.stop().await;
    }
}

/// The vendor's contacts; without marks, nothing of theirs is unique.
fn contacts(marked: bool) -> ObjectSchema {
    let mut schema = ObjectSchema::contacts();
    if !marked {
        schema.properties.iter_mut().for_each(|property| property.unique = false);
        schema.properties.retain(|property| property.name != "nave_id");
    }
    schema
}
