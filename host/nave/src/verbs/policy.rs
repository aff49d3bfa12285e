//! `policy`: who owns what, written down.

use clap::Subcommand;
use nave_hub::api::{EditsAnswer, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, clean, clean_lines, say};
use crate::report;

/// Who owns what: a start, written into entities/*.toml, to be edited
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Write owners, stewards and reasons by a template; fields that have an owner keep it
    #[command(after_help = "Templates:\n  crm-centric         people, companies and deals are the CRM's\n  \
                      books-for-money     invoices, payments, products and tax numbers are the accounting's\n  \
                      hris-for-employees  employees and their users are HR's")]
    Init {
        /// crm-centric, books-for-money or hris-for-employees
        #[arg(value_parser = ["crm-centric", "books-for-money", "hris-for-employees"])]
        template: String,
        /// Connection that owns [default: the one of that kind]
        #[arg(long)]
        owner: Option<String>,
        /// Person or team that answers for it [default: the system's owner in systems.toml]
        #[arg(long)]
        steward: Option<String>,
        /// Show what would be written, and write nothing
        #[arg(long)]
        plan: bool,
    },
}

pub(crate) async fn run(verb: Policy, context: &Context) -> Outcome {
    let Policy::Init { template, owner, steward, plan } = verb;
    let answer = want!(context.call(Request::PolicyInit { template, owner, steward, plan }).await?, Edits);
    edits(&answer, context)
}

/// What would be written, or was, and what is to be known of it.
pub(crate) fn difference(answer: &EditsAnswer) {
    say(clean(&answer.what));
    for file in &answer.files {
        say(format_args!("\n{}", clean_lines(file.diff.trim_end())));
    }
    answer.notes.iter().for_each(|note| say(format_args!("note: {}", clean(note))));
}

/// Shows files that were changed, or would be.
pub(crate) fn edits(answer: &EditsAnswer, context: &Context) -> Outcome {
    if context.json {
        output::json(answer);
        return Ok(exit::OK);
    }
    difference(answer);
    report::findings(context, if answer.written { &answer.findings } else { &[] });
    match (answer.written, answer.files.len()) {
        (false, 0) => say("Nothing is changed."),
        (true, 0) => {}
        (true, n) => say(format_args!("\nWritten: {n} files. `nave mapping lint` checks everything.")),
        (false, _) => {
            let warnings = answer.findings.len();
            say(format_args!("\nNothing is written yet; the lint has no errors and {warnings} warnings about it."));
            for found in &answer.findings {
                say(format_args!("  {}: {}", found.path, clean(&found.message)));
            }
        }
    }
    if !answer.next.is_empty() {
        say("\nThen:");
        answer.next.iter().enumerate().for_each(|(at, step)| say(format_args!("  {}. {}", at + 1, clean(step))));
    }
    Ok(exit::OK)
}
