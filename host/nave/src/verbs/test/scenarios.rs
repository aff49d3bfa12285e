//! `test scenarios`: everything that happens to flows sooner or later.

use clap::Args;
use nave_hub::api::Request;

use super::records::show;
use crate::context::{Context, want};
use crate::verbs::Outcome;

/// Play what happens to flows sooner or later (odd values, deletions, refusals, lost answers) through the project's own mappings, on a hub and systems in memory
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing of the project's systems is asked or written, and nothing is stored but the results: `nave test history`.\n\
        Each case says what must happen (carried unchanged, transformed as the mapping says, set aside as a class, held for a person)\n\
        and what happened. Exit code 1 where one failed.\n\n\
        Examples:\n  nave test scenarios\n  nave test scenarios crm-contacts --json"
)]
pub(crate) struct Scenarios {
    /// One flow [default: all]
    flow: Option<String>,
}

pub(crate) async fn run(verb: Scenarios, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::TestScenarios { flow: verb.flow }).await?, Test);
    Ok(show(&answer, context))
}
