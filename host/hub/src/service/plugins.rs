//! Plugins put in and taken out while the hub works, and one function of a plugin called by hand.

use serde_json::Value as Json;

use super::audit;
use super::configuration::from_directory;
use crate::api::{Answer, ApiError, CallAnswer, Request};
use crate::hub::Hub;

/// Functions that would go past the plan, the journal and the checkpoints.
const REFUSED: [&str; 2] = ["write", "acknowledge"];

/// Audit lines about an answer to a request that changed plugins: action, subject, detail.
pub(crate) fn lines(answer: &Answer, request: &Request) -> Vec<(&'static str, String, String)> {
    match (answer, request) {
        (Answer::Installed(installed), _) => {
            let plugin = &installed.plugin;
            let replaced = installed.replaced.as_ref().map(|version| format!(", in place of {version}")).unwrap_or_default();
            let detail = format!("{} (serial {}), {}{replaced}", plugin.version, plugin.serial, plugin.digest);
            let mut lines = vec![("plugin.installed", plugin.name.clone(), detail)];
            lines.extend(
                installed.pinned.iter().map(|file| ("grants.written", file.clone(), "as they were granted so far".to_owned())),
            );
            lines
        }
        (_, Request::PluginRemove { name }) => vec![("plugin.removed", name.clone(), String::new())],
        _ => Vec::new(),
    }
}

/// Installs or removes, then puts the configuration in force that results. Where that has errors (a mapping that the
/// new version does not fit) the old one stays in force, as with every edit; `nave mapping lint` says what is wrong.
pub(super) async fn change(hub: &Hub, request: &Request, by: &str) -> Result<Answer, ApiError> {
    let answer = from_directory(hub, request)?;
    for (action, subject, detail) in lines(&answer, request) {
        audit(&hub.engine, by, action, &subject, &detail).await?;
    }
    if let Err(error) = tokio::task::block_in_place(|| hub.reload()) {
        tracing::warn!(%error, "the plugin changed, but the configuration was not put in force");
    }
    Ok(answer)
}

/// Runs one function of a connection's plugin under its grants, or of an installed transform under none.
pub(super) async fn call(
    hub: &Hub,
    connection: &str,
    function: String,
    arguments: &[Json],
    by: &str,
) -> Result<Answer, ApiError> {
    if REFUSED.contains(&function.as_str()) {
        return Err(ApiError::usage(format!(
            "`{function}` is the hub's own: by hand it would go past plan, journal and checkpoint"
        ))
        .help("`nave plan`, `nave apply` and `nave sync` write; `nave plugin call FILE.wasm FUNCTION` runs a file without any grants"));
    }
    let result = hub.guests.call(connection, &function, arguments).await?;
    audit(&hub.engine, by, "plugin.called", connection, &function).await?;
    Ok(Answer::Call(CallAnswer { function, result }))
}
