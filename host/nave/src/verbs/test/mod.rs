//! `test`: does the hub keep its promises? Each on systems and in folders of its own; nothing of yours is touched.

pub(crate) mod faults;

use clap::Subcommand;

use super::Outcome;
use crate::context::Context;

/// Prove what the hub promises, on simulated systems and in a folder of its own
#[derive(Debug, Subcommand)]
pub(crate) enum Test {
    Faults(faults::Faults),
}

pub(crate) async fn run(verb: Test, context: &Context) -> Outcome {
    match verb {
        Test::Faults(verb) => faults::run(&verb, context).await,
    }
}
