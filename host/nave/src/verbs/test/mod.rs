//! `test`: one file per kind of test. What each comes to is kept: `test history`.

pub(crate) mod faults;
mod history;
mod records;
mod sample;
mod scenarios;

use clap::Subcommand;

use super::Outcome;
use crate::context::Context;

/// Try the connected systems with test records, or what the hub promises on simulated ones; results are kept
#[derive(Debug, Subcommand)]
#[command(after_help = "Test records are called TEST-DELETE-ME and never go to an environment `production`.")]
pub(crate) enum Test {
    Seed(records::Seed),
    Clean(records::Clean),
    Roundtrip(records::Roundtrip),
    Sample(sample::Sample),
    Scenarios(scenarios::Scenarios),
    History(history::History),
    Faults(faults::Faults),
    /// Hostile files, guests and systems against this installation: as `nave selftest --security`
    Hostile,
}

pub(crate) async fn run(verb: Test, context: &Context) -> Outcome {
    match verb {
        Test::Seed(verb) => records::seed(verb, context).await,
        Test::Clean(verb) => records::clean(&verb, context).await,
        Test::Roundtrip(verb) => records::roundtrip(verb, context).await,
        Test::Sample(verb) => sample::run(verb, context).await,
        Test::Scenarios(verb) => scenarios::run(verb, context).await,
        Test::History(verb) => history::run(verb, context).await,
        Test::Faults(verb) => faults::run(&verb, context).await,
        Test::Hostile => super::selftest::security(context).await,
    }
}
