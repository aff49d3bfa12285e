//! The one function that decides who answers: the hub that serves this project, the directory alone, or a hub opened here.

use nave_hub::api::{Answer, ApiError, Asked, Progress, ProgressSender, Request};
use nave_hub::{direct, project};
use tokio::sync::mpsc;

use crate::context::Context;
use crate::progress::Bars;
use crate::{open, socket};

/// Progress that may wait to be shown; more is dropped.
pub(crate) const PROGRESS_QUEUE_MAX: usize = 256;

/// Answers a request, showing how far it is.
pub(crate) async fn call(context: &Context, asked: Asked) -> Result<Answer, ApiError> {
    let place = project::place(context.dir())?;
    let (sender, receiver) = mpsc::channel(PROGRESS_QUEUE_MAX);
    let sender = ProgressSender::new(sender);
    let shown = tokio::spawn(show(receiver, Bars::new(context)));
    let answer = match socket::connect(&place.socket()).await? {
        Some(connection) => connection.call(&asked, &sender).await,
        None => unserved(context, asked, &sender).await,
    };
    // With the last sender gone the bars end by themselves.
    drop(sender);
    let _ = shown.await;
    answer
}

/// Answers where no hub serves: from the directory, or with a hub that is opened here.
async fn unserved(context: &Context, asked: Asked, sender: &ProgressSender) -> Result<Answer, ApiError> {
    let open = context.hub.lock().await.is_some();
    let place = project::place(context.dir())?;
    match &asked.request {
        // Noted in the audit, also where a hub could not open the project as it is.
        Request::PluginInstall { .. }
        | Request::PluginUpgrade { .. }
        | Request::PluginRemove { .. }
        | Request::PluginTrust { .. }
            if !open =>
        {
            return direct::change(context.dir(), &asked).await;
        }
        Request::PluginInstall { .. }
        | Request::PluginUpgrade { .. }
        | Request::PluginRemove { .. }
        | Request::PluginTrust { .. } => {}
        request => match project::answer(context.dir(), request) {
            // Where there is a hub, it tells more than the directory: which connections are held, what was used when.
            Some(Ok(answer))
                if matches!(
                    request,
                    Request::MappingLint { .. }
                        | Request::SystemList
                        | Request::SystemShow { .. }
                        | Request::SystemMatrix
                        | Request::PluginGrants { .. }
                        | Request::PluginExposure { .. }
                ) && place.store().exists() =>
            {
                return match open::hub_for(context, request).await {
                    Ok(hub) => hub.call(asked, sender.clone()).await,
                    Err(_) => Ok(answer),
                };
            }
            Some(answer) => return answer,
            None => {}
        },
    }
    match open::hub_for(context, &asked.request).await {
        Ok(hub) => hub.call(asked, sender.clone()).await,
        // No hub opens a damaged store; which entry of the audit that is in can be told all the same.
        Err(error) if matches!(asked.request, Request::AuditVerify { .. }) => {
            nave_hub::audit_of_damaged(context.dir(), &error).map(Answer::AuditCheck).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

/// Tells a hub that is open, here or serving, that files of the project were changed. Others read them when they open it. Says whether
/// there was one.
pub(crate) async fn reload(context: &Context) -> Result<bool, ApiError> {
    let serving = socket::connect(&project::place(context.dir())?.socket()).await?.is_some();
    if serving || context.hub.lock().await.is_some() {
        context.call(Request::Reload).await?;
        return Ok(true);
    }
    Ok(false)
}

pub(crate) async fn show(mut receiver: mpsc::Receiver<Progress>, mut bars: Bars) {
    while let Some(progress) = receiver.recv().await {
        bars.show(&progress);
    }
    bars.finish();
}

/// An answer of another kind than the request's.
pub(crate) fn unexpected(answer: &Answer) -> ApiError {
    let kind = serde_json::to_value(answer).ok().and_then(|json| Some(json.get("answer")?.as_str()?.to_owned()));
    ApiError::failed(format!("the hub answered `{}`, which this command does not know", kind.unwrap_or_default()))
        .help("the hub that serves this project is of another version: stop it and start it again")
}
