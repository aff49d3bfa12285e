//! `selftest`: hostile files, guests and systems against this very installation, and what came of each.

mod calls;
mod files;
mod guests;
mod server;

use clap::Args;
use nave_hub::api::{ApiError, exit};
use serde::Serialize;

use super::Outcome;
use crate::context::Context;
use crate::output::{self, Rows, say};

/// Check this installation by attacking it
#[derive(Debug, Args)]
#[command(
    after_help = "Files that are no plugins, plugins that crash, loop and flood, requests that should not leave, and systems that answer what\n\
                  they should not, each made here and tried against this binary: nothing leaves this machine, and no project is needed.\n\
                  Numbers are those of the list of attacks. Exit code 1 where one was not held."
)]
pub(crate) struct Selftest {
    /// The hostile suite; there is no other one yet
    #[arg(long, required = true)]
    security: bool,
}

/// One attack.
#[derive(Debug, Serialize)]
struct Tried {
    /// Line of the list of attacks.
    line: u16,
    /// What was tried.
    case: String,
    /// Whether that is what should come of it.
    passed: bool,
    /// Code of what came of it.
    code: String,
    /// Code of what should.
    expected: String,
}

impl Tried {
    fn new(line: u16, case: impl Into<String>, code: impl Into<String>, expected: impl Into<String>) -> Self {
        let (code, expected) = (code.into(), expected.into());
        Self { line, case: case.into(), passed: code == expected, code, expected }
    }
}

pub(crate) async fn run(verb: &Selftest, context: &Context) -> Outcome {
    debug_assert!(verb.security, "the command line asks for it");
    security(context).await
}

/// The hostile suite.
pub(crate) async fn security(context: &Context) -> Outcome {
    let folder = tempfile::tempdir().map_err(|error| ApiError::failed(format!("no folder for what is tried: {error}")))?;
    let mut tried = files::tried(folder.path()).await?;
    tried.extend(guests::tried().await?);
    tried.extend(calls::tried().await?);
    tried.sort_by_key(|one| one.line);
    let failed = tried.iter().filter(|one| !one.passed).count();
    if context.json {
        output::json(&serde_json::json!({ "passed": tried.len() - failed, "failed": failed, "cases": tried }));
    } else {
        let mut rows = Rows::new(&["", "line", "case", "code"]);
        for one in &tried {
            let code = if one.passed { one.code.clone() } else { format!("{} (not {})", one.code, one.expected) };
            rows.row([if one.passed { "✓" } else { "✗" }, &one.line.to_string(), &one.case, &code]);
        }
        rows.print("Nothing was tried.");
        let lines = tried.iter().map(|one| one.line).collect::<std::collections::BTreeSet<_>>().len();
        say(format_args!("{} attacks of {lines} lines tried, {} held, {failed} not.", tried.len(), tried.len() - failed));
    }
    Ok(if failed == 0 { exit::OK } else { exit::FAILED })
}
