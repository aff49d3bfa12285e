//! `match`: which records are about the same thing.

mod evaluate;
mod file;
mod found;
mod merges;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nave_hub::api::RecordRef;

use super::Outcome;
use crate::context::Context;

/// What two systems have in common, before anything is written: things in both by rule, likely in both by score, and only in one
#[derive(Debug, Args)]
#[command(
    after_help = "What was never read is read first, whatever is decided yet; nothing is sent. Later what `nave sync` read last is \
                        compared.\n\n\
                        Examples:\n  nave census crm books --entity company\n  nave census crm books --double-entry --json\n  \
                        nave census --double-entry"
)]
pub(crate) struct Census {
    /// Connection [default: every two that are mapped to the same entity]
    #[arg(requires = "right")]
    left: Option<String>,
    /// The other connection
    right: Option<String>,
    /// Of what [default: contact; without connections every entity]
    #[arg(long)]
    entity: Option<String>,
    /// Only fields that hold the same in both though the hub does not carry them: somebody types them twice
    #[arg(long)]
    double_entry: bool,
    /// Likely pairs shown
    #[arg(long, default_value_t = 20)]
    limit: usize,
}

/// Which records are about the same thing
#[derive(Debug, Subcommand)]
pub(crate) enum Match {
    /// Records of an entity that may be the same, strongest first, with what speaks for and against it
    #[command(after_help = "Nothing is merged.\n\nExample:\n  nave match candidates --entity contact --limit 50")]
    Candidates {
        /// Of what
        #[arg(long, default_value = "contact")]
        entity: String,
        /// Pairs shown
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Two records compared: what speaks for their being one, and what against it
    #[command(after_help = "Nothing is merged.\n\nExample:\n  nave match explain contact/12 contact/15")]
    Explain {
        /// contact/12, crm:5432
        left: RecordRef,
        /// The other
        right: RecordRef,
    },
    /// What was learned of how records compare: what each agreement says, and from which odds on who decides
    #[command(
        after_help = "It is learned from the records themselves, without anybody's help. A steward changes it in entities/ENTITY.toml:\n\n  \
                      [scored]\n  sure = 9        # bits from which nobody is asked: 9 is 512 to one\n  ask = 2         # bits from which a person is asked\n  \
                      cluster-max = 20\n  [scored.weights]\n  job_title = 0   # counts for nothing; 1 is as learned\n\n\
                      Example:\n  nave match model --entity contact"
    )]
    Model {
        /// Of what
        #[arg(long, default_value = "contact")]
        entity: String,
    },
    Merge(merges::Merge),
    Unmerge(merges::Unmerge),
    #[command(subcommand)]
    Merges(merges::Merges),
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

pub(crate) async fn run(verb: &Match, context: &Context) -> Outcome {
    match verb {
        Match::Candidates { entity, limit } => found::candidates(entity, *limit, context).await,
        Match::Explain { left, right } => found::explain(left, right, context).await,
        Match::Model { entity } => found::model(entity, context).await,
        Match::Merge(verb) => merges::merge(verb, context).await,
        Match::Unmerge(verb) => merges::unmerge(verb, context).await,
        Match::Merges(verb) => merges::merges(verb, context).await,
        Match::Evaluate { file, truth, entity, show } => evaluate::run(file, truth, entity, *show, context),
    }
}

pub(crate) async fn census(verb: &Census, context: &Context) -> Outcome {
    found::census(verb, context).await
}
