//! `run`, `token`, `doctor`, `backup`, `restore`: running the hub.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, Request, RunLine, exit};
use nave_hub::project;
use serde_json::json;

use super::{Outcome, flows};
use crate::context::{Context, want};
use crate::output::{self, clean, say};
use crate::{open, socket};

/// Runs and their accounting
#[derive(Debug, Subcommand)]
pub(crate) enum Run {
    /// Newest first
    List {
        /// One flow
        #[arg(long)]
        flow: Option<String>,
        /// How many
        #[arg(long, default_value_t = 20, value_parser = super::at_least_one)]
        limit: usize,
    },
    /// One run
    Show {
        /// Number
        id: u64,
    },
}

pub(crate) async fn runs(verb: Run, context: &Context) -> Outcome {
    match verb {
        Run::List { flow, limit } => {
            let answer = want!(context.call(Request::RunList { flow, limit }).await?, Runs);
            if context.json {
                output::json(&answer);
            } else {
                flows::runs(&answer.runs);
            }
        }
        Run::Show { id } => {
            let run = want!(context.call(Request::RunShow { id }).await?, Run);
            if context.json {
                output::json(&run);
            } else {
                flows::runs(std::slice::from_ref(&run));
                under(&run);
            }
        }
    }
    Ok(exit::OK)
}

/// Under which configuration, with which plugins a run ran, and the drift that it saw.
fn under(run: &RunLine) {
    say(format_args!("\nconfiguration  {}", clean(&run.catalog)));
    for plugin in &run.plugins {
        say(format_args!("plugin         {} {}", clean(&plugin.name), clean(&plugin.digest)));
    }
    for one in &run.tries {
        let next = one.next.as_ref().map_or_else(|| "set aside".to_owned(), |next| format!("again {next}"));
        say(format_args!("tried          {} {}, {next}: {}", one.at, clean(&one.record), clean(&one.why)));
    }
    for drift in &run.drift {
        say(format_args!("drift          {} {}", clean(&drift.record), clean(&drift.paths.join(", "))));
    }
}

/// Tokens for the dashboard and the HTTP API
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token, replacing the one of this name; shown this once
    Reset {
        /// Whose
        #[arg(default_value = "admin")]
        name: String,
        /// For how long it is good: 90d, 12h, at most 3650d [default: until it is reset or revoked]
        #[arg(long = "for", value_name = "SPAN")]
        lasting: Option<String>,
        /// Who uses it and what for: for the audit and the register of access; none is made without
        #[arg(long, alias = "reason", value_name = "TEXT", default_value = "", hide_default_value = true)]
        because: String,
    },
}

pub(crate) async fn token(verb: Token, context: &Context) -> Outcome {
    let Token::Reset { name, lasting, because } = verb;
    let answer = want!(context.call(Request::TokenReset { name, lasting, reason: because }).await?, Token);
    if context.json {
        output::json(&answer);
    } else {
        let until = answer.until.as_ref().map(|until| format!(" and good until {}", clean(until))).unwrap_or_default();
        eprintln!("Token of {}, shown this once{until}:", clean(&answer.name));
        say(&answer.token);
    }
    Ok(exit::OK)
}

/// Look for what is wrong, and say what to type
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nave doctor --json")]
pub(crate) struct Doctor {}

pub(crate) async fn doctor(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Doctor).await?, Doctor);
    let well = answer.checks.iter().all(|check| check.ok);
    if context.json {
        output::json(&answer);
    } else {
        for check in &answer.checks {
            say(format_args!("{} {}: {}", if check.ok { "✓" } else { "✗" }, clean(&check.name), clean(&check.detail)));
            if let Some(fix) = &check.fix {
                say(format_args!("    fix: {}", clean(fix)));
            }
        }
    }
    Ok(if well { exit::OK } else { exit::FAILED })
}

/// Copy the data into a new file, sealed as a whole, while the hub works
#[derive(Debug, Args)]
#[command(after_help = "Without the master key (data/master.key, or the file that NAVE_MASTER_KEY_FILE names) nothing in the\n\
  file can be read or restored. It is not part of the backup: keep both, apart. Where the key was changed, keep\n\
  the one of before as long as the backups that were made under it.\n\n\
  In the data folder itself secrets, the changelog's values and what systems sent are sealed; records, what each system\n\
  last held, and dead letters are not. That folder is for the hub's user alone: put it on an encrypted disk. While a backup\n\
  is made, the data folder needs room for one more copy.\n\n\
  Example:\n  nave backup hub-2025-01-31.nave")]
pub(crate) struct Backup {
    /// New file
    to: PathBuf,
}

pub(crate) async fn backup(verb: Backup, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Backup { to: verb.to }).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

/// Put a backup in place of the data; the hub must not be running
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A file that `backup` wrote
    from: PathBuf,
    /// Replaces data that is there; it is kept beside it under another name
    #[arg(long)]
    replace: bool,
    /// The master key that it was made under, where that is neither the one in place nor one that was kept in the data folder
    /// when it was changed; what is restored is under the key in place from then on
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

pub(crate) async fn restore(verb: &Restore, context: &Context) -> Outcome {
    let place = project::place(context.dir())?;
    if socket::connect(&place.socket()).await?.is_some() {
        return Err(ApiError::new("serving", exit::UNAVAILABLE, "the hub is running").help("stop `nave serve` first"));
    }
    let (dir, from, replace) = (context.dir().to_owned(), verb.from.clone(), verb.replace);
    let (by, key_file) = (context.local(), verb.key_file.clone());
    let message = tokio::task::spawn_blocking(move || open::restore(&dir, &from, replace, key_file.as_deref(), &by))
        .await
        .map_err(|error| ApiError::failed(error.to_string()))??;
    if context.json {
        output::json(&json!({ "message": message }));
    } else {
        say(clean(&message));
    }
    Ok(exit::OK)
}
