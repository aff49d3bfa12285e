//! `store`: its file and the derived index checked, the index made anew.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, say};

/// The store: compare its file with what was written there and its index with the tables, make the index anew
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave store check\n  nave store rebuild")]
pub(crate) enum Store {
    /// Read the whole file and compare it with what was written there; then the indexes (match keys, cross-references,
    /// references) with the tables that they are made from
    Check {
        /// Of earlier versions, which compared nothing else
        #[arg(long, hide = true)]
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
    if !answer.damaged.is_empty() {
        let places: Vec<String> = answer.damaged.iter().map(|from| format!("{from} to {}", from + 4095)).collect();
        say(format_args!("The store's file (data/nave.redb) is not what was written there, at bytes {}.", places.join(", ")));
        say("  Whatever reads there is refused, and stops the hub's store. Something is wrong with the disk or the memory.");
        say("  fix: stop the hub, and bring back the last backup: `nave restore FILE --replace`");
        return Ok(code);
    }
    say(format_args!("The store's file is as it was written ({} MB read).", answer.bytes.div_ceil(1_000_000)));
    say(format_args!(
        "{} entries are right, {} are missing, {} are there without a reason.",
        answer.agreed, answer.missing, answer.surplus
    ));
    if !answer.sound {
        say("  fix: `nave store rebuild`");
    }
    Ok(code)
}
