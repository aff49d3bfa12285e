//! `governance`: five numbers that say whether master data can be trusted.

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// Whether master data can be trusted: duplicates, orphans, unowned fields, open conflicts and stale cross-references
#[derive(Debug, Args)]
#[command(after_help = "Everything that is stored is gone through once; nothing is read from any system.\n\n\
                        Examples:\n  nave governance\n  nave governance --show --json\n  nave governance duplicates --limit 500")]
pub(crate) struct Governance {
    /// List what this number counts: duplicates, orphans, unowned-fields, open-conflicts or stale-xrefs
    line: Option<String>,
    /// Show the first of each
    #[arg(long, conflicts_with = "line")]
    show: bool,
    /// At most so many of a number
    #[arg(long, default_value_t = 50, requires = "line")]
    limit: usize,
}

pub(crate) async fn run(verb: &Governance, context: &Context) -> Outcome {
    if let Some(line) = &verb.line {
        return list(line, verb.limit, context).await;
    }
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

/// What one number counts, with what to type about each.
async fn list(line: &str, limit: usize, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::GovernanceList { line: line.to_owned(), limit }).await?, GovernanceList);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{}: {}", answer.what, answer.count));
    let mut rows = Rows::new(&["", "", "what to type"]);
    for entry in &answer.entries {
        rows.row([clean(&entry.subject), clean(&entry.what), format!("`{}`", entry.command)]);
    }
    rows.print("");
    if answer.count > answer.entries.len() as u64 {
        say(format_args!(
            "{} more: `nave governance {} --limit {}`",
            answer.count - answer.entries.len() as u64,
            answer.name,
            answer.count
        ));
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
