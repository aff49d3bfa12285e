//! `store`: the derived index checked and made anew.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, say};

/// The store's derived index: compare it with the tables, make it anew from them
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave store check --indexes\n  nave store rebuild")]
pub(crate) enum Store {
    /// Compare the indexes (match keys, cross-references, references) with the tables that they are made from
    Check {
        /// The indexes; they are what there is to compare
        #[arg(long)]
        indexes: bool,
    },
    /// Drop the indexes and make them anew from the tables; nothing else is touched, commits wait meanwhile
    Rebuild,
}

pub(crate) async fn run(verb: &Store, context: &Context) -> Outcome {
    let request = match verb {
        Store::Check { .. } => Request::StoreCheck,
        Store::Rebuild => Request::StoreRebuild,
    };
    let answer = want!(context.call(request).await?, StoreCheck);
    let code = if answer.sound { exit::OK } else { exit::FAILED };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    if answer.rebuilt {
        say("The indexes were made anew from the tables.");
    }
    say(format_args!(
        "{} entries are right, {} are missing, {} are there without a reason.",
        answer.agreed, answer.missing, answer.surplus
    ));
    if !answer.sound {
        say("  fix: `nave store rebuild`");
    }
    Ok(code)
}
