//! `test faults`: the fault matrix. Every switch of the simulated systems in every kind of flow: nothing is lost, nothing is there
//! twice, nothing is written that nobody asked for, and then there is quiet.
//!
//! A case is data (`cases.rs`) in a flow (`flows.rs`) among systems (`systems.rs`); `script.rs` plays it on a hub of its own
//! (`hub.rs`), and `verdict.rs` asks the systems themselves.

mod cases;
mod clock;
mod expect;
mod flows;
mod hub;
mod linked;
mod people;
mod plots;
mod report;
mod script;
mod secrets;
mod serving;
mod settle;
mod side;
mod specs;
mod systems;
mod verdict;

use std::sync::Arc;

use clap::Args;
use nave_hub::api::{ApiError, exit};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::verbs::Outcome;
use cases::Case;
use hub::Template;
use report::Report;

/// Cases that run at the same time.
const LANES: usize = 2;

/// Run every fault switch against every kind of flow, on simulated systems and hubs in temporary folders
#[derive(Debug, Args)]
#[command(
    after_help = "Passed means: no edit is lost, nobody is there twice, nothing is written that no mapping owns or nobody \
                        changed, two more rounds send nothing, and no credential is found anywhere.\n\nThe plugins come from the \
                        folder that NAVE_PLUGINS names, from beside the binary, or are built from the checkout.\n\nExamples:\n  \
                        nave test faults\n  nave test faults --list\n  nave test faults --case 'both/lost-*' --json"
)]
pub(crate) struct Faults {
    /// Only cases of these names: FLOW/SWITCH, with * for anything
    #[arg(long = "case", value_name = "GLOB")]
    cases: Vec<String>,
    /// Everything that looks random follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// Show the cases, run none
    #[arg(long)]
    list: bool,
}

pub(crate) async fn run(verb: &Faults, context: &Context) -> Outcome {
    let chosen = choose(&verb.cases)?;
    if verb.list {
        report::list(&chosen, context);
        return Ok(exit::OK);
    }
    let mut report = Report::new(context, chosen.len());
    let template = Template::make(|name| report.preparing(name)).await?;
    let template = Arc::new(template);
    let (mut waiting, mut running) = (chosen.into_iter(), JoinSet::new());
    loop {
        while running.len() < LANES
            && let Some(case) = waiting.next()
        {
            report.starts(&case);
            let (template, seed) = (template.clone(), verb.seed);
            running.spawn(async move { script::play(case, &template, seed).await });
        }
        match running.join_next().await {
            None => break,
            Some(Ok(ran)) => report.ends(&ran),
            Some(Err(error)) => return Err(ApiError::failed(format!("a case broke off: {error}")).help("please report it")),
        }
    }
    Ok(if report.finish() { exit::OK } else { exit::FAILED })
}

/// The cases whose name one of the patterns has; all without a pattern.
fn choose(patterns: &[String]) -> Result<Vec<Case>, ApiError> {
    let mut read = Vec::new();
    for pattern in patterns {
        let bad = |error: glob::PatternError| ApiError::usage(format!("`{pattern}` is not a pattern: {error}"));
        read.push(glob::Pattern::new(pattern).map_err(bad)?);
    }
    let fits = |case: &Case| read.is_empty() || read.iter().any(|pattern| pattern.matches(&case.name()));
    let chosen: Vec<Case> = cases::all().into_iter().filter(fits).collect();
    if chosen.is_empty() {
        let help = "`nave test faults --list` shows them; a name is FLOW/SWITCH, with * for anything";
        return Err(ApiError::usage(format!("no case is called {}", patterns.join(" or "))).help(help));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_chosen_by_name() {
        let count = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|text| (*text).to_owned()).collect();
            choose(&patterns).map(|chosen| chosen.len()).map_err(|error| error.exit)
        };
        assert_eq!(count(&[]), Ok(cases::all().len()));
        assert_eq!(count(&["both/down"]), Ok(1));
        assert!(count(&["*/down"]).unwrap() > 2);
        assert_eq!(count(&["both/rain"]), Err(exit::USAGE));
        assert_eq!(count(&["both/[down"]), Err(exit::USAGE));
    }
}
