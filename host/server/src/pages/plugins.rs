//! Installed plugins: what each asks for, what each connection lets it do, and another build that waits for somebody to agree.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{Answer, ApiError, Asked, PluginLine, PowersView, Request, UpgradeAnswer, UpgradeHow};
use serde::Deserialize;

use super::{Frame, error_page, other_session, page, segment, want};
use crate::auth::Person;
use crate::state::State;

const HERE: &str = "connections";

#[derive(Template)]
#[template(path = "plugins.html")]
struct PluginsPage {
    frame: Frame,
    plugins: Vec<PluginLine>,
}

#[derive(Template)]
#[template(path = "plugin.html")]
struct PluginPage {
    frame: Frame,
    plugin: PluginLine,
    /// One sentence per power that it asks for, with its reason.
    asks: Vec<String>,
    /// What it may do by each connection that uses it.
    connections: Vec<PowersView>,
    /// What the build that waits does otherwise, or why that cannot be said.
    held: Option<Result<UpgradeAnswer, ApiError>>,
}

impl PluginPage {
    /// What is different in the build that waits: a heading, and the lines below it.
    fn differences(answer: &UpgradeAnswer) -> Vec<(&'static str, &[String])> {
        let all = [
            ("It asks for more", answer.powers_added.as_slice()),
            ("It no longer asks for", &answer.powers_removed),
            ("Its settings and functions", &answer.schema),
            ("It would send something else", &answer.writes),
            ("It reads something else", &answer.reads),
            ("Not compared", &answer.not_compared),
        ];
        all.into_iter().filter(|(_, lines)| !lines.is_empty()).collect()
    }
}

/// What becomes of the build that waits.
#[derive(Deserialize)]
struct Upgrade {
    #[serde(default)]
    form_token: String,
    /// Digest of the build that was looked at.
    #[serde(default)]
    digest: String,
    /// `approve` or `decline`.
    #[serde(default)]
    what: String,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/plugins", get(list)).route("/plugins/{name}", get(show)).route("/plugins/{name}/upgrade", post(upgrade))
}

/// Plugins of which another build waits. The page says the rest where the hub does not answer this.
pub(super) async fn held(state: &State) -> Vec<PluginLine> {
    match state.call(Request::PluginList).await {
        Ok(Answer::Plugins(answer)) => answer.plugins.into_iter().filter(|plugin| plugin.held.is_some()).collect(),
        _ => Vec::new(),
    }
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let answer = want!(state.call(Request::PluginList).await, Plugins, &person, HERE);
    page(&PluginsPage { frame: Frame::new(&person, HERE), plugins: answer.plugins })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(name): Path<String>) -> Response {
    let plugins = want!(state.call(Request::PluginList).await, Plugins, &person, HERE).plugins;
    let Some(plugin) = plugins.into_iter().find(|plugin| plugin.name == name) else {
        return error_page(&person, HERE, &ApiError::not_found(format!("plugin `{name}` is not installed")).help("open Plugins"));
    };
    let grants = want!(state.call(Request::PluginGrants { name: None }).await, Grants, &person, HERE);
    let asks = grants.plugins.into_iter().find(|view| view.name == name).map(|view| view.powers).unwrap_or_default();
    let connections = grants.connections.into_iter().filter(|view| plugin.connections.contains(&view.name)).collect();
    let held = match plugin.held {
        Some(_) => match state.call(compare(&name, UpgradeHow::Check)).await {
            Ok(Answer::Upgrade(answer)) => Some(Ok(*answer)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        },
        None => None,
    };
    page(&PluginPage { frame: Frame::new(&person, HERE), plugin, asks, connections, held })
}

fn compare(name: &str, how: UpgradeHow) -> Request {
    let (rollback, other_source) = (false, false);
    Request::PluginUpgrade { target: name.to_owned(), how, rollback, other_source, reach: Default::default() }
}

async fn upgrade(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Form(form): Form<Upgrade>,
) -> Response {
    if let Some(refused) = other_session(&person, HERE, &form.form_token, "plugin") {
        return refused;
    }
    let how = match form.what.as_str() {
        "approve" => UpgradeHow::Approve,
        "decline" => UpgradeHow::Decline,
        _ => return error_page(&person, HERE, &ApiError::usage("choose whether it is put in force or declined")),
    };
    // What was agreed to is what was looked at: another build may wait by now.
    let waits = want!(state.call(compare(&name, UpgradeHow::Check)).await, Upgrade, &person, HERE);
    if waits.to.digest != form.digest {
        let error =
            ApiError::usage(format!("another build of {name} waits by now: {}", waits.to.version)).help("look at it first");
        return error_page(&person, HERE, &error);
    }
    want!(state.call_by(Asked::by(&person.name, compare(&name, how))).await, Upgrade, &person, HERE);
    Redirect::to(&format!("/plugins/{}", segment(&name))).into_response()
}
