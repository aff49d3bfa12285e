//! Where a build is shown at work: a simulated system, a system that was named, or recordings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_core::manifest::{CredentialKind, Manifest};
use nave_hub::Hub;
use nave_hub::api::{ApiError, Asked, ProgressSender, Request, SecretText, Service as _};
use nave_hub::plugins::{self, Seen};
use nave_hub::project::{self, NewConnection};
use nave_sim::{RunningSim, SimConfig, System};
use serde_json::{Map, Value as Json, json};

use crate::context::want;

/// Connection of the project that is made for it.
const NAME: &str = "dev";
/// Records of a page that are looked at.
const RECORDS: u32 = 5;
/// People in a simulated system.
const PEOPLE: usize = 20;

/// Where it is shown.
pub(super) enum Place {
    Recorded(PathBuf),
    System(Reached),
    Simulated(Box<RunningSim>, System),
}

/// A system that somebody named.
pub(super) struct Reached {
    settings: Map<String, Json>,
    secret: Option<String>,
    networks: Vec<String>,
}

impl Place {
    pub(super) fn recorded(folder: PathBuf) -> Self {
        Self::Recorded(folder)
    }

    pub(super) fn given(settings: Map<String, Json>, secret: Option<String>, networks: Vec<String>) -> Self {
        Self::System(Reached { settings, secret, networks })
    }

    pub(super) async fn simulated(system: System) -> Result<Self, ApiError> {
        let running = nave_sim::start(system, SimConfig { records: PEOPLE, ..SimConfig::new(7) })
            .await
            .map_err(|error| ApiError::failed(format!("the simulated system does not start: {error}")))?;
        Ok(Self::Simulated(Box::new(running), system))
    }

    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Recorded(_) => "without a network",
            Self::System(_) => "with the system that you named",
            Self::Simulated(..) => "with a simulated system",
        }
    }

    pub(super) async fn close(self) {
        if let Self::Simulated(running, _) = self {
            running.stop().await;
        }
    }

    /// What a build does there.
    pub(super) async fn look(&self, file: &Path) -> Result<Seen, ApiError> {
        match self {
            Self::Recorded(folder) => match Seen::in_recordings(file, folder).await? {
                Some(seen) => Ok(seen),
                None => alone(file).await,
            },
            Self::System(reached) => at(file, reached).await,
            Self::Simulated(running, system) => {
                let (_, manifest, _) = plugins::inspect_file(file)?;
                at(file, &simulated(running, *system, &manifest)).await
            }
        }
    }
}

/// Settings and secret by which a plugin reaches a simulated system.
fn simulated(running: &RunningSim, system: System, manifest: &Manifest) -> Reached {
    let base = running.base_url();
    let base = if system == System::Books { format!("{base}/api.xro/2.0") } else { base };
    let mut settings = Map::from_iter([("url".to_owned(), json!(base))]);
    let mut more = |name: &str, value: Option<&str>| {
        if let (true, Some(value)) = (manifest.settings.contains_key(name), value) {
            settings.insert(name.to_owned(), json!(value));
        }
    };
    more("tenant", running.credential.tenant_id.as_deref());
    more("audience", Some("a1b2c3d4e5"));
    let kind = manifest.credentials.values().flat_map(|slot| &slot.kinds).next();
    let token = &running.credential.token;
    let secret = match (kind, &running.credential.user) {
        (Some(CredentialKind::Basic { .. }), Some(user)) => format!("{user}:{token}"),
        (Some(CredentialKind::Basic { .. }), None) => format!("any:{token}"),
        _ => token.clone(),
    };
    Reached { settings, secret: Some(secret), networks: vec!["127.0.0.0/8".to_owned()] }
}

/// Without anything to ask: only what it says of itself.
async fn alone(file: &Path) -> Result<Seen, ApiError> {
    let mut seen = Seen::default();
    let result = plugins::call_file(file, json!({}), "discover", &[]).await;
    seen.note("discover", result.unwrap_or_else(|error| json!({ "error": error.to_string() })));
    Ok(seen)
}

/// A project of its own, in a temporary folder: installed, granted and asked as everywhere else.
async fn at(file: &Path, reached: &Reached) -> Result<Seen, ApiError> {
    let folder = tempfile::Builder::new()
        .prefix("nave-dev-")
        .tempdir()
        .map_err(|error| ApiError::failed(format!("a temporary folder cannot be made: {error}")))?;
    let dir = folder.path().join("hub");
    project::init(&dir, true, "dev")?;
    let (_, manifest, _) = plugins::inspect_file(file)?;
    let (to, from) = (dir.clone(), file.to_owned());
    tokio::task::spawn_blocking(move || plugins::install(&to, &from, Default::default()))
        .await
        .map_err(|error| ApiError::failed(error.to_string()))??;
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let new = NewConnection {
        name: NAME.to_owned(),
        environment: "dev".to_owned(),
        settings: reached.settings.iter().map(|(name, value)| (name.clone(), text(value))).collect(),
        networks: reached.networks.clone(),
        insecure: true,
        because: Some("a plugin that is being written".to_owned()),
        ..NewConnection::default()
    };
    let mut planned = project::plan_connection(&dir, &manifest, &new)?;
    planned.files.retain(|(file, _)| file.starts_with("connections"));
    project::write_connection(&dir, &planned)?;
    let hub = Hub::open(&dir).await?;
    if let Some(secret) = &reached.secret {
        let value = SecretText(secret.clone());
        ask(&hub, Request::SecretSet { name: NAME.to_owned(), value, give_later: true }).await?;
    }
    ask(
        &hub,
        Request::ConnectionApprove {
            name: NAME.to_owned(),
            secrets: planned.destinations,
            added: true,
            reason: Some("a plugin in the making".to_owned()),
        },
    )
    .await?;
    let mut seen = Seen::default();
    seen.note("check", call(&hub, "check", vec![]).await);
    let discovered = call(&hub, "discover", vec![]).await;
    let streams = Seen::streams(&discovered);
    seen.note("discover", discovered);
    for stream in streams {
        let page = call(&hub, "read", vec![json!(stream), Json::Null, json!(RECORDS)]).await;
        seen.note(&format!("read {stream}"), page);
    }
    Ok(seen)
}

async fn ask(hub: &Arc<Hub>, request: Request) -> Result<nave_hub::api::Answer, ApiError> {
    hub.call(Asked::locally("dev", request), ProgressSender::none()).await
}

/// A failure is what is to be seen, too.
async fn call(hub: &Arc<Hub>, function: &str, arguments: Vec<Json>) -> Json {
    let answer = async {
        let request = Request::PluginCall { connection: NAME.to_owned(), function: function.to_owned(), arguments };
        Ok::<_, ApiError>(want!(ask(hub, request).await?, Call).result)
    };
    answer.await.unwrap_or_else(|error| json!({ "error": error.message }))
}
