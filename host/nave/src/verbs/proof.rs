//! `reconcile`, `shadow`, `canary`: whether everything is as it should be.

use clap::{Args, Subcommand};
use nave_hub::api::{ReconcileAnswer, Request, exit};

use super::{Outcome, compare};
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, ago_or_never, clean, say};

/// Compare what two systems hold, with what to do about each difference; and read things back in turn, so that silent ones are found
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "What was read last is compared, through the hub's records: it says how old that is, and `--read` reads both anew. \
                  Nothing is written to any system.\n`nave serve` compares every two systems that hold the same things once a week \
                  (`every` of [reconcile] in nave.toml), and reads things back each hour: every thing has its turn within `verify` of its \
                  [flow.in], 30 days where it does not say.\n\n\
                  Examples:\n  nave reconcile crm books --entity company\n  nave reconcile crm books --entity company --read --limit 5 --json\n  \
                  nave reconcile history crm books"
)]
pub(crate) struct Reconcile {
    #[command(subcommand)]
    verb: Option<ReconcileVerb>,
    /// Connection
    #[arg(required = true)]
    left: Option<String>,
    /// The other connection
    #[arg(required = true)]
    right: Option<String>,
    /// Of what
    #[arg(long, default_value = "contact")]
    entity: String,
    /// Read both anew before
    #[arg(long)]
    read: bool,
    /// Keep the numbers in the history, as the weekly comparison does
    #[arg(long)]
    keep: bool,
    /// Findings of each kind that are listed
    #[arg(long, default_value_t = 20, value_parser = super::at_least_one)]
    limit: usize,
}

/// What else reconciling is.
#[derive(Debug, Subcommand)]
enum ReconcileVerb {
    /// Verify now what was longest not
    Run {
        /// One flow [default: all that read]
        flow: Option<String>,
        /// So many things of each flow [default: this hour's share]
        #[arg(long, value_parser = super::at_least_one)]
        budget: Option<usize>,
    },
    /// How long ago the oldest look at a thing of each flow was
    Status,
    /// What comparisons came to over time, with the difference to the one before
    History {
        /// Only those with this connection
        left: Option<String>,
        /// And with this one
        right: Option<String>,
    },
}

/// What was noted in shadow mode
#[derive(Debug, Subcommand)]
#[command(
    after_help = "A flow is a shadow with `mode = \"shadow\"` in its [flow.out], or for once with `nave sync --shadow`: everything is computed, \
                  nothing is sent."
)]
pub(crate) enum Shadow {
    /// Compare what would have been written with what the systems hold by now
    Report {
        /// One flow [default: all of which something was noted]
        flow: Option<String>,
        /// Forget it afterwards
        #[arg(long)]
        clear: bool,
    },
}

/// Synthetic records that see whether what is answered is done
#[derive(Debug, Subcommand)]
#[command(after_help = "A flow has one with a [flow.canary] section in its mapping: every = \"1h\", values = { … }.")]
pub(crate) enum Canary {
    /// Send one now: it is made, read back, and taken away again
    Run {
        /// One flow [default: all that have one]
        flow: Option<String>,
    },
}

pub(crate) async fn reconcile(verb: Reconcile, context: &Context) -> Outcome {
    let request = match verb.verb {
        Some(ReconcileVerb::Run { flow, budget }) => Request::ReconcileRun { flow, budget },
        Some(ReconcileVerb::Status) => Request::ReconcileStatus,
        Some(ReconcileVerb::History { left, right }) => return compare::history(left, right, context).await,
        None => {
            let Reconcile { left, right, entity, read, keep, limit, .. } = verb;
            let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
            return compare::compare(Request::Compare { left, right, entity, limit, read, keep }, context).await;
        }
    };
    let answer = want!(context.call(request).await?, Reconcile);
    let failed = answer.flows.iter().any(|flow| flow.batch.as_ref().is_some_and(|batch| batch.failed.is_some()));
    if context.json {
        output::json(&answer);
    } else {
        verified(&answer);
    }
    Ok(if failed { exit::FAILED } else { exit::OK })
}

fn verified(answer: &ReconcileAnswer) {
    let mut rows = Rows::new(&["flow", "things", "longest not verified", "each within", "verified", "differed", "now"]);
    for flow in &answer.flows {
        let now = match &flow.batch {
            None => flow.cannot.clone().unwrap_or_default(),
            Some(batch) => match &batch.failed {
                Some(why) => why.clone(),
                None => format!("{} verified, {} differed", batch.verified, batch.differed),
            },
        };
        rows.row([
            flow.flow.clone(),
            flow.things.to_string(),
            ago_or_never(flow.oldest.as_ref()),
            format!("{} d", flow.every_days),
            flow.verified.to_string(),
            flow.differed.to_string(),
            now,
        ]);
    }
    rows.print("No flow reads anything yet.");
    if answer.flows.iter().any(|flow| flow.batch.as_ref().is_some_and(|batch| batch.differed > 0)) {
        say("What differed was taken in; `nave sync` carries it on.");
    }
}

pub(crate) async fn shadow(verb: Shadow, context: &Context) -> Outcome {
    let Shadow::Report { flow, clear } = verb;
    let answer = want!(context.call(Request::ShadowReport { flow, clear }).await?, Shadow);
    let unread = answer.flows.iter().any(|flow| flow.unread.is_some());
    let code = if unread { exit::FAILED } else { exit::OK };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    for flow in &answer.flows {
        say(format_args!("{}: {} fields hold what would have been written, {} do not", flow.flow, flow.same, flow.differs));
        if let Some(why) = &flow.unread {
            say(format_args!("  the system could not be asked: {}", clean(why)));
        }
        let shown = |value: &Option<serde_json::Value>| value.as_ref().map(|value| clean(&value.to_string())).unwrap_or_default();
        let mut rows = Rows::new(&["record", "", "", "field", "would hold", "holds", "wanted since"]);
        for line in flow.lines.iter().filter(|line| !line.same) {
            let path = line.path.clone().unwrap_or_else(|| "(the whole)".to_owned());
            let cells =
                [&line.record, &line.title, &line.operation, &path, &shown(&Some(line.wanted.clone())), &shown(&line.found)];
            rows.row(cells.into_iter().cloned().chain([ago(&line.since)]));
        }
        rows.print("");
    }
    if answer.flows.is_empty() {
        say("Nothing was noted: `nave sync --shadow` notes what would be written.");
    }
    Ok(code)
}

pub(crate) async fn canary(verb: Canary, context: &Context) -> Outcome {
    let Canary::Run { flow } = verb;
    let answer = want!(context.call(Request::CanaryRun { flow }).await?, Canary);
    let failed = answer.canaries.iter().any(|canary| canary.failed.is_some());
    if context.json {
        output::json(&answer);
    } else {
        for canary in &answer.canaries {
            match &canary.failed {
                None => say(format_args!("  arrived: {}", canary.flow)),
                Some(why) => say(format_args!("  failed:  {}: {}", canary.flow, clean(why))),
            }
        }
        if answer.canaries.is_empty() {
            say("No flow has a canary: a [flow.canary] section in its mapping makes one.");
        }
    }
    Ok(if failed { exit::FAILED } else { exit::OK })
}
