//! `init`: a project's directory.

use std::path::PathBuf;

use clap::Args;
use nave_hub::api::exit;
use nave_hub::project;
use serde_json::json;

use super::{Outcome, scan};
use crate::context::Context;
use crate::output;

/// Make a project's directory: configuration to fill in, nothing secret, ready for version control
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nave init hub && cd hub && nave plugin install hubspot.wasm")]
pub(crate) struct Init {
    /// Directory; made where it is missing [default: --dir]
    directory: Option<PathBuf>,
    /// Also in a directory that holds files: adds what is missing, changes none
    #[arg(long)]
    force_safe: bool,
}

pub(crate) fn run(verb: &Init, context: &Context) -> Outcome {
    let dir = verb.directory.as_deref().unwrap_or(context.dir());
    let written = project::init(dir, verb.force_safe, context.env().unwrap_or(project::environments::FIRST))?;
    let hook = scan::hook(dir)?;
    if context.json {
        let looked_at = scan::said(&hook).0;
        output::json(&json!({ "dir": dir.display().to_string(), "written": written, "commits_looked_at": looked_at }));
        return Ok(exit::OK);
    }
    for file in &written {
        output::say(format_args!("  wrote {}", dir.join(file).display()));
    }
    output::say(scan::said(&hook).1);
    output::say("\nNext: `nave plugin install FILE.wasm`, then `nave connection add PLUGIN`.");
    Ok(exit::OK)
}
