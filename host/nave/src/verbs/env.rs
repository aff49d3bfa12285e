//! `env` and `promote`: where things are tried out, where people work, and what goes from the one to the other.

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, EditsAnswer, FetchReach, Request, exit};
use nave_hub::direct;
use nave_hub::project::environments::{self, Environment};
use serde_json::json;

use super::{Outcome, policy};
use crate::call;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// Environments of the project: each with its own hosts, secrets and data
#[derive(Debug, Subcommand)]
#[command(
    after_help = "Examples:\n  nave env new production               # empty, beside the one that is there\n  nave promote --to production --yes    # plugins, entities and lookups go there\n  nave --env production connection add hubspot\n  nave promote --to production --yes    # now the mappings of that connection, too\n  nave env use production               # commands are about that one from now on\n\nA connection of another environment that reaches a host of `production` (or `prod`) is refused, and so is production's secret anywhere else."
)]
pub(crate) enum Env {
    /// All of them, and which one commands are about
    List,
    /// Make one, with nothing in it yet
    New {
        /// dev, staging, production, …
        name: String,
        /// Where its hub listens [default: the port after the others']
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<String>,
    },
    /// Commands given in this directory are about this one from now on
    Use {
        /// Which
        name: String,
    },
}

/// Carry configuration from one environment to another: shown as a difference, and written with --yes
#[derive(Debug, Args)]
#[command(
    after_help = "Entities, lookups, mappings, the inventory and plugins that are missing go along. Connections are each environment's own,\n\
                  with hosts, credentials and grants, and so is everything that was read. Nothing is written to any system.\n\
                  `nave --env NAME promote` is `--from NAME`. What only the other one has is named, and stays there.\n\n\
                  Examples:\n  nave promote --from staging --to production\n  nave promote --from staging --to production --yes\n  \
                  nave --env staging promote"
)]
pub(crate) struct Promote {
    /// Environment that has it [default: the one that --env names, or the one in use]
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Environment that gets it [default: the one that people work in]
    #[arg(long, value_name = "NAME")]
    to: Option<String>,
    /// Write it
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(verb: Env, context: &Context) -> Outcome {
    match verb {
        Env::List => list(context),
        Env::New { name, listen } => {
            let made = environments::make(context.dir(), &name, listen.as_deref())?;
            let text = format!(
                "{name} is in {}. Next: `nave promote --to {name} --yes` brings plugins, entities and lookups; then `nave --env {name} connection add PLUGIN` for each of its systems, and promote again for their mappings.",
                made.dir.display()
            );
            tell(&made, &text, context)
        }
        Env::Use { name } => {
            let used = environments::take_up(context.dir(), &name)?;
            tell(&used, &format!("Commands here are about {name} from now on ({}).", used.dir.display()), context)
        }
    }
}

fn tell(about: &Environment, text: &str, context: &Context) -> Outcome {
    if context.json {
        output::json(about);
    } else {
        say(clean(text));
    }
    Ok(exit::OK)
}

fn list(context: &Context) -> Outcome {
    let all = environments::all(context.dir())?;
    let current = environments::resolve(context.dir(), context.env())?;
    let current = std::path::absolute(&current).unwrap_or(current);
    let is_used = |one: &Environment| one.dir == current || (all.len() == 1);
    if context.json {
        let line =
            |one: &Environment| json!({ "name": one.name, "dir": one.dir, "production": one.production, "used": is_used(one) });
        output::json(&json!({ "environments": all.iter().map(line).collect::<Vec<_>>() }));
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["environment", "", "what it is for", "directory"]);
    for one in &all {
        let what = if one.production { "people work in it" } else { "things are tried out" };
        let used = if is_used(one) { "in use" } else { "" };
        rows.row([one.name.clone(), used.to_owned(), what.to_owned(), one.dir.display().to_string()]);
    }
    rows.print("This is no project: `nave init DIRECTORY` makes one.");
    Ok(exit::OK)
}

pub(crate) async fn promote(verb: Promote, context: &Context) -> Outcome {
    let dir = context.dir();
    let from = match verb.from.as_deref().or(context.env()) {
        Some(name) => environments::named(dir, name)?,
        None => environments::current(dir)?,
    };
    let to = match &verb.to {
        Some(name) => environments::named(dir, name)?,
        None => production(dir)?,
    };
    let mut promotion = environments::promote(&from, &to)?;
    if let Some(refused) = promotion.refused {
        return refuse(&promotion.answer, refused, context);
    }
    if verb.yes && !promotion.is_empty() {
        let target = context.of(&to.dir);
        for file in &promotion.plugins {
            let source = file.display().to_string();
            let reach = FetchReach::default();
            let request = Request::PluginInstall { source, rollback: false, other_source: false, reach };
            want!(target.call(request).await?, Installed);
        }
        promotion.write(&to)?;
        // A hub that serves it notes that it read its configuration again; where none does, it is noted here.
        if !call::reload(&target).await? {
            direct::promoted(&to.dir, &context.local(), &from.name, &promotion.answer).await?;
        }
    }
    let outcome = policy::edits(&promotion.answer, context)?;
    if !context.json && !verb.yes && !promotion.is_empty() {
        say(format_args!("\nTo write it: nave promote --from {} --to {} --yes", from.name, to.name));
    }
    Ok(outcome)
}

/// What would have gone, then why it does not.
fn refuse(shown: &EditsAnswer, refused: ApiError, context: &Context) -> Outcome {
    if !context.json {
        policy::difference(shown);
        return Err(refused);
    }
    let mut answer = serde_json::to_value(shown).unwrap_or_default();
    answer["error"] = json!({ "code": refused.code, "exit": refused.exit, "message": refused.message, "help": refused.help });
    output::json(&answer);
    Ok(refused.exit)
}

/// The one environment that people work in.
fn production(dir: &std::path::Path) -> Result<Environment, ApiError> {
    let mut found = environments::all(dir)?.into_iter().filter(|one| one.production);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(ApiError::usage("there is no environment `production` to promote to")
            .help("`nave env new production` makes it; another one is named with --to")),
        _ => Err(ApiError::usage("there are several that people work in").help("name one with --to")),
    }
}
