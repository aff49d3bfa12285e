//! `runbook`: what to do about an error class or an alert.

use clap::Args;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean_lines, say};

/// What to do about an error class or an alert: what happened, why, how to check, what to type, whom to call
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nave runbook\n  nave runbook length")]
pub(crate) struct Runbook {
    /// An error class, or a kind of alert [default: lists them]
    class: Option<String>,
}

pub(crate) async fn run(verb: Runbook, context: &Context) -> Outcome {
    let Some(class) = verb.class else {
        let answer = want!(context.call(Request::RunbookList).await?, Runbooks);
        if context.json {
            output::json(&answer);
            return Ok(exit::OK);
        }
        let mut rows = Rows::new(&["class", "about", "what it means"]);
        for line in &answer.runbooks {
            let meaning = line.title.split_once(": ").map_or(line.title.as_str(), |(_, meaning)| meaning);
            let about = if line.about == "alert" { "an alert" } else { "what was set aside" };
            rows.row([line.class.as_str(), about, meaning]);
        }
        rows.print("There are no runbooks.");
        say("\n`nave runbook CLASS` shows one");
        return Ok(exit::OK);
    };
    let answer = want!(context.call(Request::RunbookShow { class }).await?, Runbook);
    if context.json {
        output::json(&answer);
    } else {
        say(clean_lines(answer.text.trim_end()));
    }
    Ok(exit::OK)
}
