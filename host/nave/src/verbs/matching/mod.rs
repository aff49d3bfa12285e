//! `match`: which records are about the same thing.

mod evaluate;
mod file;

use std::path::PathBuf;

use clap::Subcommand;

use super::Outcome;
use crate::context::Context;

/// Which records are about the same thing
#[derive(Debug, Subcommand)]
pub(crate) enum Match {
    /// How well records of a file are matched, where the truth is known: precision, recall, and what is left for a person
    #[command(
        after_help = "The first column of FILE holds ids; what the others hold is guessed from headings and values. PAIRS has two \
                            ids a line. Nothing is stored, and no hub is needed.\n\n\
                            Example:\n  nave match evaluate people.csv --truth pairs.csv --json"
    )]
    Evaluate {
        /// Records, with a line of headings
        file: PathBuf,
        /// Pairs of ids that are the same
        #[arg(long)]
        truth: PathBuf,
        /// What they are records of
        #[arg(long, default_value = "contact")]
        entity: String,
        /// Show so many of the pairs that were wrong
        #[arg(long, default_value_t = 0)]
        show: usize,
    },
}

pub(crate) fn run(verb: &Match, context: &Context) -> Outcome {
    match verb {
        Match::Evaluate { file, truth, entity, show } => evaluate::run(file, truth, entity, *show, context),
    }
}
