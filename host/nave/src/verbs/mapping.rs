//! `mapping`: checked, explained, and how complete it is.

use clap::Subcommand;
use nave_hub::api::{MappingCoverage, Request, exit};

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
    /// Which fields are mapped, which are ignored and why, and which no mapping mentions: together all that were discovered
    Coverage {
        /// One mapping, or all of one connection
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
    let mut rows = Rows::new(&["mapping", "stream", "mapped", "ignored", "unmapped", "of", "covered", "not spoken of"]);
    for mapping in &answer.mappings {
        let name = if mapping.mapping.is_empty() { "(no mapping)" } else { &mapping.mapping };
        let covered = match mapping.fields {
            0 => "not discovered yet".to_owned(),
            fields => format!("{} of {fields} ({} %)", mapping.covered, mapping.covered * 100 / fields),
        };
        rows.row([
            name,
            &mapping.stream,
            &mapping.mapped.to_string(),
            &mapping.ignored.len().to_string(),
            &mapping.missing.len().to_string(),
            &mapping.fields.to_string(),
            &covered,
            &mapping.missing.join(", "),
        ]);
    }
    rows.print("No mappings yet.");
    let ignored: Vec<_> = answer.mappings.iter().flat_map(|one| one.ignored.iter().map(move |field| (one, field))).collect();
    if !ignored.is_empty() {
        say("\nLeft alone on purpose:");
        for (one, field) in &ignored {
            say(format_args!("  {}.{}: {}", clean(&one.stream), clean(&field.field), clean(&field.because)));
        }
    }
    let sum = |of: fn(&MappingCoverage) -> u64| answer.mappings.iter().map(of).sum::<u64>();
    let (mapped, left, unmapped, all) =
        (sum(|one| one.mapped), sum(|one| one.ignored.len() as u64), sum(|one| one.missing.len() as u64), sum(|one| one.fields));
    if all > 0 {
        say(format_args!(
            "\n{mapped} mapped + {left} ignored, each with a reason + {unmapped} unmapped = {all} discovered fields (100 %)."
        ));
    }
    for mapping in answer.mappings.iter().filter(|mapping| mapping.fields == 0) {
        say(format_args!("  {}: `nave connection discover NAME --save` asks the system for its fields", clean(&mapping.mapping)));
    }
    Ok(exit::OK)
}
