//! `mapping`: checked, explained, and how complete it is.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use nave_hub::api::{ApiError, MappingCoverage, Request, exit};
use nave_hub::project::sheet;

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, clean_lines, say};
use crate::report;

/// Mappings: check them, read them in plain English, see what they leave out
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave mapping lint\n  nave mapping explain crm-contacts\n  nave mapping coverage")]
pub(crate) enum Mapping {
    /// Propose which columns of systems are the same canonical field: by name, by what they hold, by values in common
    #[command(
        after_help = "Things are read as every other read is; nothing of them is kept. Without --apply nothing is written; with \
                            it mapping files are, in which everything only comes in."
    )]
    Suggest {
        /// Connections
        #[arg(required = true, num_args = 1..)]
        connections: Vec<String>,
        /// Of what
        #[arg(long, default_value = "contact")]
        entity: String,
        /// The stream to look at, where its name does not tell; of several connections as CONNECTION/STREAM
        #[arg(long = "stream", value_name = "STREAM")]
        streams: Vec<String>,
        /// Person or team that answers for what is new [default: the entity's steward, where it has one]
        #[arg(long)]
        steward: Option<String>,
        /// Write mapping files, to be edited
        #[arg(long)]
        apply: bool,
    },
    /// Every error of the configuration at once; needs no network
    Lint {
        /// Warnings of one mapping only
        mapping: Option<String>,
    },
    /// Write mappings into a workbook, a sheet each: coloured by direction, with comments and approvals
    #[command(
        after_help = "Colours: blue stays in its system, green goes one way, yellow goes both ways; a word stands beside each."
    )]
    Export {
        /// A new .xlsx file
        file: PathBuf,
        /// These mappings [default: all]
        #[arg(long = "mapping")]
        mappings: Vec<String>,
    },
    /// Read an edited workbook back: what it changes is shown, and written with --apply
    #[command(after_help = "A copy of another state of a mapping is refused: export anew, and put the changes into that one.")]
    Import {
        /// The .xlsx file
        file: PathBuf,
        /// Write it
        #[arg(long)]
        apply: bool,
    },
    /// One mapping in plain English
    Explain {
        /// Mapping [default: each of them]
        mapping: Option<String>,
    },
    /// Which fields are mapped, which are ignored and why, and which no mapping mentions: together all that were discovered
    Coverage {
        /// One mapping, or all of one connection
        mapping: Option<String>,
    },
}

pub(crate) async fn run(verb: Mapping, context: &Context) -> Outcome {
    match verb {
        Mapping::Suggest { connections, entity, streams, steward, apply } => {
            let request = Request::MappingSuggest { connections, entity, streams, steward, apply };
            suggest(request, apply, context).await
        }
        Mapping::Export { file, mappings } => export(&file, &mappings, context).await,
        Mapping::Import { file, apply } => import(&file, apply, context).await,
        Mapping::Lint { mapping } => lint(mapping, context).await,
        Mapping::Explain { mapping } => explain(mapping, context).await,
        Mapping::Coverage { mapping } => coverage(mapping, context).await,
    }
}

async fn explain(mapping: Option<String>, context: &Context) -> Outcome {
    let names: Vec<String> = match &mapping {
        Some(name) => vec![name.clone()],
        None => want!(context.call(Request::Status).await?, Status).flows.into_iter().map(|flow| flow.flow).collect(),
    };
    let mut all = serde_json::Map::new();
    for (position, name) in names.into_iter().enumerate() {
        let answer = want!(context.call(Request::MappingExplain { mapping: name.clone() }).await?, Text);
        match (context.json, &mapping) {
            (true, Some(_)) => output::json(&answer),
            (true, None) => _ = all.insert(name, answer.text.into()),
            (false, _) if position > 0 => say(format_args!("\n{}", clean_lines(answer.text.trim_end()))),
            (false, _) => say(clean_lines(answer.text.trim_end())),
        }
    }
    if context.json && mapping.is_none() {
        output::json(&serde_json::json!({ "mappings": all }));
    }
    Ok(exit::OK)
}

async fn suggest(request: Request, apply: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Suggest);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for side in &answer.sides {
        say(format_args!("{}/{}: {} things looked at", side.connection, clean(&side.stream), side.sampled));
        if !side.others.is_empty() {
            let others = clean(&side.others.join(", "));
            say(format_args!(
                "  others of {} may hold a {} too: {others}; `--stream` takes one instead",
                side.connection, answer.entity
            ));
        }
    }
    for field in &answer.fields {
        say(format_args!("\n{}.{}", answer.entity, clean(&field.field)));
        let mut rows = Rows::new(&["", "", "", "", ""]);
        for alias in &field.aliases {
            let there = format!("{}/{}.{}", alias.connection, alias.stream, alias.path);
            let inward = alias.inward.as_ref().map(|inward| format!("in = \"{inward}\"")).unwrap_or_default();
            let mapped = if alias.mapped { "mapped already" } else { "" };
            rows.row([&format!("{} %", alias.percent), &there, &inward, &alias.reasons.join("; "), mapped]);
        }
        rows.print("");
    }
    for note in &answer.notes {
        say(format_args!("\n{}", clean(note)));
    }
    if !answer.rest.is_empty() {
        say(format_args!("\nNothing fits, and no mapping speaks of: {}", clean(&answer.rest.join(", "))));
    }
    if apply {
        say("");
        return super::policy::edits(&answer.edits, context);
    }
    let files: Vec<&str> = answer.edits.files.iter().map(|file| file.path.as_str()).collect();
    match files.as_slice() {
        [] => say("\nEverything that is proposed is mapped already."),
        files => say(format_args!("\nNothing is written; `--apply` would write {}, to be edited.", files.join(", "))),
    }
    Ok(exit::OK)
}

async fn export(file: &Path, only: &[String], context: &Context) -> Outcome {
    let mut sheets = Vec::new();
    let asked: Vec<Option<String>> = if only.is_empty() { vec![None] } else { only.iter().cloned().map(Some).collect() };
    for mapping in asked {
        sheets.extend(want!(context.call(Request::MappingSheet { mapping }).await?, Sheet).mappings);
    }
    let bytes = sheet::export(&sheets)?;
    std::fs::write(file, bytes).map_err(|error| {
        ApiError::failed(format!("{}: {error}", file.display())).help("is the folder there, and may you write in it?")
    })?;
    if context.json {
        output::json(&serde_json::json!({ "file": file.display().to_string(), "mappings": sheets.len() }));
    } else {
        say(format_args!("Wrote {} mappings into {}.", sheets.len(), file.display()));
        say("Edited, `nave mapping import FILE` shows what it changes.");
    }
    Ok(exit::OK)
}

async fn import(file: &Path, apply: bool, context: &Context) -> Outcome {
    let bytes = std::fs::read(file).map_err(|error| ApiError::usage(format!("{}: {error}", file.display())))?;
    let answer = want!(sheet::import(context.dir(), &bytes, apply)?, Edits);
    if answer.written && !answer.files.is_empty() {
        crate::call::reload(context).await?;
    }
    let code = super::policy::edits(&answer, context)?;
    if !answer.written && !answer.files.is_empty() && !context.json {
        say("`--apply` writes it.");
    }
    Ok(code)
}

async fn lint(mapping: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::MappingLint { mapping }).await?, Lint);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    report::findings(context, &answer.findings);
    say(match answer.findings.len() {
        0 if answer.undiscovered.is_empty() => format!("{} mappings, nothing to mend.", answer.mappings.len()),
        0 => format!("{} mappings, nothing to mend in themselves.", answer.mappings.len()),
        n => format!("{} mappings, no errors, {n} warnings.", answer.mappings.len()),
    });
    for connection in answer.undiscovered {
        say(format_args!(
            "What `{connection}` has is not known yet, so its names and what it requires were not checked: `nave discover {connection} --save`"
        ));
    }
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
