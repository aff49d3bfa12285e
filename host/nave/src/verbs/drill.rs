//! `drill`: what would happen if, tried without harm.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// What would happen if: tried without harm
#[derive(Debug, Subcommand)]
pub(crate) enum Drill {
    /// Somebody has one of the secrets: what is reached with it, and a proof that a plugin reaches no more than it was granted
    StolenCredential {
        /// Name of the secret, as `nave secret list` shows it
        secret: String,
    },
}

pub(crate) async fn run(verb: Drill, context: &Context) -> Outcome {
    let Drill::StolenCredential { secret } = verb;
    let answer = want!(context.call(Request::DrillStolen { name: secret }).await?, Drill);
    let failed = answer.cases.iter().filter(|case| !case.passed).count();
    let code = if failed == 0 { exit::OK } else { exit::FAILED };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    for reach in &answer.reach {
        say(format_args!("{}", clean(&reach.connection)));
        reach.there.iter().for_each(|line| say(format_args!("  whoever has the secret may there: {}", clean(line))));
        reach.through_the_hub.iter().for_each(|line| say(format_args!("  a plugin may through the hub: {}", clean(line))));
        reach.flows.iter().for_each(|line| say(format_args!("  used for {}", clean(line))));
    }
    let mut rows = Rows::new(&["connection", "tried", "found", "held"]);
    for case in &answer.cases {
        let held = if case.passed { "yes".to_owned() } else { format!("NO, {} was expected", case.expected) };
        rows.row([case.connection.clone(), case.case.clone(), case.found.clone(), held]);
    }
    rows.print("Nothing was tried.");
    say(format_args!("{} limits tried, {failed} did not hold. Nothing was sent.", answer.cases.len()));
    Ok(code)
}
