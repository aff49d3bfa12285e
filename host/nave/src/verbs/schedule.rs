//! `schedule`, `advise`: how often flows are read, and why.

use clap::Subcommand;
use nave_core::schedule::span;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// How often flows are read, and why; change it at once, or for a while
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave schedule list\n  nave schedule set crm-contacts 15m\n  nave schedule boost crm-contacts --every 5m --for 2h"
)]
pub(crate) enum Schedule {
    /// Each flow's target, the interval chosen from it and why, the next read, and what was attained
    List,
    /// Another freshness target, in force at once and written into the flow's file
    Set {
        /// Flow
        flow: String,
        /// How old what the hub knows may be: 30s, 15m, 1h
        freshness: String,
    },
    /// Read a flow more often for a while; it goes back by itself
    Boost {
        /// Flow
        flow: String,
        /// How often
        #[arg(long, value_name = "SPAN")]
        every: String,
        /// For how long, 7d at most
        #[arg(long = "for", value_name = "SPAN")]
        lasting: String,
    },
    /// Take a boost back
    Unboost {
        /// Flow
        flow: String,
    },
}

/// Advice from what runs came to
#[derive(Debug, Subcommand)]
pub(crate) enum Advise {
    /// Whether flows are read as often as their systems change
    Frequency,
}

pub(crate) async fn run(verb: Schedule, context: &Context) -> Outcome {
    match verb {
        Schedule::List => list(context).await,
        Schedule::Set { flow, freshness } => done(Request::ScheduleSet { flow, freshness }, context).await,
        Schedule::Boost { flow, every, lasting } => done(Request::ScheduleBoost { flow, every, lasting }, context).await,
        Schedule::Unboost { flow } => done(Request::ScheduleUnboost { flow }, context).await,
    }
}

async fn done(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

async fn list(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ScheduleList).await?, Schedule);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["flow", "target", "read every", "next", "attained (p95)"]);
    for flow in &answer.flows {
        let next = match (&flow.paused, &flow.closed_until, &flow.closed, &flow.next) {
            (true, ..) => "paused".to_owned(),
            (_, Some(until), ..) => format!("opens {until}"),
            (_, None, Some(_), _) => "never".to_owned(),
            (.., Some(next)) => next.clone(),
            (.., None) => "now".to_owned(),
        };
        let attained = flow.attained_ms.map_or("not measured".to_owned(), |ms| format!("{} ({} reads)", span(ms), flow.reads));
        rows.row([flow.flow.clone(), span(flow.freshness_ms), span(flow.every_ms), next, attained]);
    }
    rows.print("No flow reads anything yet.");
    for flow in &answer.flows {
        say(format_args!("\n{}: {}", clean(&flow.flow), clean(&flow.because)));
        if let Some(purpose) = &flow.purpose {
            say(format_args!("  for {}", clean(purpose)));
        }
        if let Some(until) = &flow.boosted_until {
            say(format_args!("  boosted until {until}; `nave schedule unboost {}` takes it back", flow.flow));
        }
        if let Some(closed) = &flow.closed {
            say(format_args!("  {} is {}", clean(&flow.connection), clean(closed)));
        }
        if flow.told > 0 {
            say(format_args!("  {} things that {} told of are still to be read", flow.told, clean(&flow.connection)));
        }
    }
    let mut rows = Rows::new(&["compared", "of what", "every", "last", "differed", "next"]);
    for one in &answer.comparisons {
        rows.row([
            format!("{} {}", one.left, one.right),
            one.entity.clone(),
            span(one.every_ms),
            one.last.clone().unwrap_or_else(|| "not yet".to_owned()),
            one.apart.map(|apart| apart.to_string()).unwrap_or_default(),
            one.next.clone().unwrap_or_else(|| "within an hour of `nave serve`".to_owned()),
        ]);
    }
    if !answer.comparisons.is_empty() {
        say("");
        rows.print("");
    }
    Ok(exit::OK)
}

pub(crate) async fn advise(verb: Advise, context: &Context) -> Outcome {
    let Advise::Frequency = verb;
    let answer = want!(context.call(Request::ScheduleAdvise).await?, Advice);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for flow in &answer.flows {
        say(format_args!("{} (every {}): {}", clean(&flow.flow), span(flow.freshness_ms), clean(&flow.because)));
        if let Some(fix) = &flow.fix {
            say(format_args!("  {}", clean(fix)));
        }
    }
    if answer.flows.is_empty() {
        say("No flow reads anything yet.");
    }
    Ok(exit::OK)
}
