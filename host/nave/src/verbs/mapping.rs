//! `mapping`: checked, explained, and how complete it is.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, clean_lines, say};
use crate::report;

/// Mappings: check them, read them in plain English, see what they leave out
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave mapping lint\n  nave mapping explain crm-contacts\n  nave mapping coverage")]
pub(crate) enum Mapping {
    /// Every error of the configuration at once; needs no network
    Lint {
        /// Warnings of one mapping only
        mapping: Option<String>,
    },
    /// One mapping in plain English
    Explain {
        /// Mapping
        mapping: String,
    },
    /// Which fields of a stream no mapping mentions
    Coverage {
        /// One mapping
        mapping: Option<String>,
    },
}

pub(crate) async fn run(verb: Mapping, context: &Context) -> Outcome {
    match verb {
        Mapping::Lint { mapping } => lint(mapping, context).await,
        Mapping::Explain { mapping } => {
            let answer = want!(context.call(Request::MappingExplain { mapping }).await?, Text);
            if context.json {
                output::json(&answer);
            } else {
                say(clean_lines(answer.text.trim_end()));
            }
            Ok(exit::OK)
        }
        Mapping::Coverage { mapping } => coverage(mapping, context).await,
    }
}

async fn lint(mapping: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MappingLint { mapping }).await?, Lint);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    report::findings(context, &answer.findings);
    say(match answer.findings.len() {
        0 => format!("{} mappings, nothing to mend.", answer.mappings.len()),
        n => format!("{} mappings, no errors, {n} warnings.", answer.mappings.len()),
    });
    Ok(exit::OK)
}

async fn coverage(mapping: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MappingCoverage { mapping }).await?, Coverage);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["mapping", "stream", "covered", "missing"]);
    for mapping in &answer.mappings {
        let covered = if mapping.fields == 0 {
            "not discovered yet".to_owned()
        } else {
            format!("{} of {} ({} %)", mapping.covered, mapping.fields, mapping.covered * 100 / mapping.fields)
        };
        rows.row([&mapping.mapping, &mapping.stream, &covered, &mapping.missing.join(", ")]);
    }
    rows.print("No mappings yet.");
    for mapping in answer.mappings.iter().filter(|mapping| mapping.fields == 0) {
        say(format_args!("  {}: `nave connection discover NAME --save` asks the system for its fields", clean(&mapping.mapping)));
    }
    Ok(exit::OK)
}
