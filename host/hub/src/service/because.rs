//! A decision has a reason: whoever reads it later has to know why. What asks for one, and what to type.

use nave_core::model::DecisionChoice;
use nave_core::reason::is_blank;

use super::find::load;
use super::names::reference;
use crate::api::{ApiError, DeadLetters, Request};
use crate::engine::Engine;
use crate::shell;

/// Refuses an act that has to have a reason and has none.
///
/// # Errors
/// With what to type.
pub(super) fn check(engine: &Engine, request: &Request) -> Result<(), ApiError> {
    match wanted(request) {
        Some((reason, example)) if is_blank(reason) => {
            let help = format!("say it: `{}`", example(engine)?);
            Err(ApiError::usage("whoever reads this later has to know why").help(help))
        }
        _ => Ok(()),
    }
}

type Example<'r> = Box<dyn Fn(&Engine) -> Result<String, ApiError> + 'r>;

/// The reason of an act that has to have one, and how it is said. Acts whose refusal says more about them look for themselves.
fn wanted(request: &Request) -> Option<(&str, Example<'_>)> {
    let (reason, example): (&String, Example<'_>) = match request {
        Request::MergeRecords { one, other, plan: false, reason, .. } => {
            (reason, Box::new(move |_| Ok(format!("nave match merge {one} {other} --reason 'the same person'"))))
        }
        Request::Unmerge { which, plan: false, reason, .. } => {
            (reason, Box::new(move |_| Ok(format!("nave match unmerge {} --reason 'two people after all'", shell::word(which)))))
        }
        Request::RecordSet { record, field, value, reason } => (
            reason,
            Box::new(move |_| {
                let (field, value) = (shell::word(field), shell::word(value));
                Ok(format!("nave record set {record} {field} {value} --reason 'she said so by telephone'"))
            }),
        ),
        Request::RecordRelease { record, field, reason } => (
            reason,
            Box::new(move |_| Ok(format!("nave record release {record} {} --reason 'typed by mistake'", shell::word(field)))),
        ),
        Request::ReviewDecide { id, choice, reason, .. } => (
            reason,
            Box::new(move |engine| {
                let choice = typed(engine, choice)?;
                Ok(format!("nave review decide {id} {} --reason 'asked her'", shell::word(&choice)))
            }),
        ),
        Request::DlqEdit { id, field, value, reason } => (
            reason,
            Box::new(move |_| {
                Ok(format!("nave dlq edit {id} {} {} --reason 'asked her'", shell::word(field), shell::word(value)))
            }),
        ),
        Request::DlqDiscard { which, reason } => (
            reason,
            Box::new(move |_| {
                let which = match which {
                    DeadLetters::Ids(ids) => ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" "),
                    DeadLetters::Class(class) => format!("--class {}", shell::word(class)),
                    DeadLetters::Flow(flow) => format!("--flow {}", shell::word(flow)),
                    DeadLetters::All => "--all".to_owned(),
                };
                Ok(format!("nave dlq discard {which} --reason 'test data'"))
            }),
        ),
        Request::SurgeRelease { connection, stream, detach, reason, .. } => (
            reason,
            Box::new(move |_| {
                let of = shell::word(&format!("{connection}/{stream}")).into_owned();
                Ok(match detach {
                    true => format!("nave anomalies detach {of} --reason 'a robot made them'"),
                    false => format!("nave anomalies let-in {of} --reason 'an import after all'"),
                })
            }),
        ),
        // Where none is needed, none is better than one that says nothing.
        Request::FieldAdd { field, because: Some(because), from, to, .. } => (
            because,
            Box::new(move |_| {
                let to = to.iter().map(|to| shell::word(to)).collect::<Vec<_>>().join(" ");
                let (field, from) = (shell::word(field), shell::word(from));
                Ok(format!("nave field add {field} --from {from} --to {to} --because 'support asks for it'"))
            }),
        ),
        _ => return None,
    };
    Some((reason, example))
}

/// A choice as a person types it.
fn typed(engine: &Engine, choice: &DecisionChoice) -> Result<String, ApiError> {
    Ok(match choice {
        DecisionChoice::Existing(id) => load(engine, *id)?.map_or_else(|| id.to_string(), |record| reference(&record)),
        DecisionChoice::Remote(key) => key.to_string(),
        DecisionChoice::New => "new".to_owned(),
        DecisionChoice::Approve => "approve".to_owned(),
        DecisionChoice::Refuse => "refuse".to_owned(),
    })
}
