//! Changes of the configuration's files that a person asked for: shown, or written, noted in the audit and put in force.

use tokio::task::block_in_place;

use super::audit;
use crate::api::{Answer, ApiError, Request};
use crate::clock::now;
use crate::hub::Hub;
use crate::project;

/// Answers a request that edits files, and puts in force what was written.
pub(super) async fn change(hub: &Hub, request: &Request, by: &str) -> Result<Answer, ApiError> {
    let today = now().to_string();
    let today = today.get(..10).unwrap_or_default();
    let answer = block_in_place(|| edited(hub, request, by, today))?;
    if let Answer::Edits(edits) = &answer
        && edits.written
        && !edits.files.is_empty()
    {
        for file in &edits.files {
            audit(&hub.engine, by, "configuration.edited", &file.path, &edits.what).await?;
        }
        block_in_place(|| hub.reload())?;
    }
    Ok(answer)
}

fn edited(hub: &Hub, request: &Request, by: &str, today: &str) -> Result<Answer, ApiError> {
    match request {
        Request::PolicyInit { template, owner, steward, plan } => {
            let by = by.strip_prefix(crate::api::LOCAL).unwrap_or(by);
            let decision = project::Decision { owner: owner.as_deref(), steward: steward.as_deref(), by, on: today };
            project::policy_init(&hub.dir, template, &decision, *plan)
        }
        Request::FieldAdd { field, from, from_path, to, to_paths, kind, because, apply } => {
            let new = project::NewField {
                field,
                from,
                from_path: from_path.as_deref(),
                to,
                to_paths,
                kind: kind.as_deref(),
                because: because.as_deref(),
            };
            project::field_add(&hub.dir, &new, *apply)
        }
        _ => Err(ApiError::failed("this request edits no files; please report it")),
    }
}
