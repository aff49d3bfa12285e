//! `governance`: five numbers that say whether master data can be trusted.

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// Whether master data can be trusted: duplicates, orphans, unowned fields, open conflicts and stale cross-references
#[derive(Debug, Args)]
#[command(after_help = "Everything that is stored is gone through once; nothing is read from any system.\n\n\
                        Examples:\n  nave governance\n  nave governance --show --json")]
pub(crate) struct Governance {
    /// Show the first of each
    #[arg(long)]
    show: bool,
}

pub(crate) async fn run(verb: &Governance, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Governance).await?, Governance);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["", "how many", "what is counted", "what to type"]);
    for line in &answer.lines {
        rows.row([line.name.clone(), line.count.to_string(), line.what.clone(), format!("`{}`", line.command)]);
    }
    rows.print("");
    for line in answer.lines.iter().filter(|line| verb.show && !line.examples.is_empty()) {
        say(format_args!("\n{}", line.name));
        line.examples.iter().for_each(|example| say(format_args!("  {}", clean(example))));
    }
    Ok(exit::OK)
}

/// What is unusual: fields that something nobody knows writes again and again, and volumes that are held
#[derive(Debug, Args)]
#[command(
    after_help = "Connectors are told no actor of a change. An unknown writer is seen by what it does: it changes a field right after \
                        the hub has written it, or changes it back each time.\n\nExample:\n  nave anomalies --json"
)]
pub(crate) struct Anomalies {
    #[command(subcommand)]
    what: Option<Refused>,
}

/// What becomes of what came at once and was refused
#[derive(Debug, Subcommand)]
enum Refused {
    /// Let in after all what was refused: it goes where everything goes with the next sync
    LetIn {
        /// crm/contacts
        stream: String,
        /// What changed at once, instead of what was new
        #[arg(long)]
        changed: bool,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
    /// Detach for good what was refused: it is no record any more; nothing is deleted in any system
    Detach {
        /// crm/contacts
        stream: String,
        /// Why, for whoever reads it later
        #[arg(long)]
        reason: String,
    },
}

async fn release(verb: Refused, context: &Context) -> Outcome {
    let (named, changed, detach, reason) = match verb {
        Refused::LetIn { stream, changed, reason } => (stream, changed, false, reason),
        Refused::Detach { stream, reason } => (stream, false, true, reason),
    };
    let Some((connection, stream)) = named.split_once('/').map(|(left, right)| (left.to_owned(), right.to_owned())) else {
        return Err(ApiError::usage(format!("`{named}` is no stream"))
            .help("name it as CONNECTION/STREAM: crm/contacts; `nave anomalies` lists them"));
    };
    let answer = want!(context.call(Request::SurgeRelease { connection, stream, changed, detach, reason }).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

pub(crate) async fn anomalies(verb: Anomalies, context: &Context) -> Outcome {
    if let Some(refused) = verb.what {
        return release(refused, context).await;
    }
    let answer = want!(context.call(Request::Anomalies).await?, Anomalies);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for line in &answer.anomalies {
        say(format_args!("{} {}: {}", line.kind, clean(&line.subject), clean(&line.what)));
        let times = match line.since.is_empty() {
            true => String::new(),
            false => format!("{} times, from {} to {}: ", line.count, line.since, line.last),
        };
        say(format_args!("  {times}`{}`", clean(&line.command)));
    }
    if answer.anomalies.is_empty() {
        say("Nothing unusual is seen.");
    }
    Ok(exit::OK)
}
