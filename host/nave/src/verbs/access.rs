//! `access`: who has access to what, and why.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};

/// Who has access to what, and why: the register, its quarterly review, and how to end it
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave access list\n  nave access leaver ann\n  nave access review\n  \
  nave access revoke secret old-key --reason 'nothing uses it'")]
pub(crate) enum Access {
    /// Everybody and everything that has access
    List,
    /// What was not used or not renewed for a quarter, or may more than is needed
    Review {
        /// Note that you have looked: the next review is due in a quarter
        #[arg(long)]
        done: bool,
        /// What came of it; `--done` needs it
        #[arg(long, alias = "because", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Take access away: the next use is refused
    Revoke {
        /// `secret`, `authorization`, `token` or `grant`
        what: String,
        /// Its name, as `nave access list` shows it; of a grant 'CONNECTION/endpoint NAME', as `nave plugin grants` shows it
        name: String,
        /// Why; nothing is revoked without
        #[arg(long, alias = "because", default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// What somebody who leaves has had access to, each with what to type
    Leaver {
        /// Name of a token, or of a user of this machine
        person: String,
    },
}

pub(crate) async fn run(verb: Access, context: &Context) -> Outcome {
    let (request, none) = match verb {
        Access::List => (Request::AccessList { person: None }, "Nobody has access to anything yet."),
        Access::Review { done, reason } => (Request::AccessReview { done, reason }, "Nothing is to be looked at."),
        Access::Leaver { person } => (Request::AccessList { person: Some(person) }, "Nothing that is known here."),
        Access::Revoke { what, name, reason } => {
            let answer = want!(context.call(Request::AccessRevoke { what, name, reason }).await?, Done);
            if context.json {
                output::json(&answer);
            } else {
                say(clean(&answer.message));
            }
            return Ok(exit::OK);
        }
    };
    let answer = want!(context.call(request).await?, Access);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["who", "role", "what", "name", "flows", "because", "last used", "to look at", "type"]);
    for line in &answer.access {
        rows.row([
            line.who.clone(),
            line.role.clone(),
            line.what.clone(),
            line.name.clone(),
            line.flows.join(", "),
            line.reasons.join("; "),
            line.last_used.as_deref().map(ago).unwrap_or_default(),
            line.findings.join("; "),
            line.fix.clone(),
        ]);
    }
    rows.print(none);
    answer.missing.iter().for_each(|why| say(format_args!("Not in it, for the file is broken: {}", clean(why))));
    if let Some(at) = &answer.reviewed_at {
        say(format_args!("Reviewed {}", ago(at)));
    }
    Ok(exit::OK)
}
