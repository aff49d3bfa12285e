//! `governance`: five numbers that say whether master data can be trusted.

use clap::Args;
use nave_hub::api::{Request, exit};

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
pub(crate) struct Anomalies {}

pub(crate) async fn anomalies(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Anomalies).await?, Anomalies);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for line in &answer.anomalies {
        say(format_args!("{} {}: {}", line.kind, clean(&line.subject), clean(&line.what)));
        say(format_args!("  {} times, from {} to {}: `{}`", line.count, line.since, line.last, clean(&line.command)));
    }
    if answer.anomalies.is_empty() {
        say("Nothing unusual is seen.");
    }
    Ok(exit::OK)
}
