//! `key`: the master key, under which everything is sealed.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, ProgressSender, exit};
use nave_hub::key::{self, KeyChange};
use nave_hub::project;
use tokio::sync::mpsc;

use super::Outcome;
use crate::call::{PROGRESS_QUEUE_MAX, show};
use crate::context::Context;
use crate::output::{self, clean, say};
use crate::progress::Bars;
use crate::{prompt, socket};

/// The master key, under which everything is sealed: what is known of it, and another one in its place
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Which key is in use, by its fingerprint, and which ones are kept for older backups
    Show,
    /// Put another key in place and seal everything anew under it; no hub may be running
    Change(Change),
}

#[derive(Debug, Args)]
#[command(
    after_help = "A new key is made, the whole store is sealed anew under it in a file beside it, and takes its place in one step:\n\
  killed at any moment, the data are whole under the one key or the other, and the next command ends what was begun.\n\
  The data folder needs room for the store once more.\n\n\
  The key of before is kept (data/master.key.until-DATE): backups that were made before open with it alone. Put it where the\n\
  master key is kept, and delete it when the last of those backups is deleted. Take a backup after the change.\n\n\
  Whoever had the key of before and a copy of the data knows what was in it then: change the systems' secrets too.\n\n\
  Examples:\n  \
  nave key change --because 'the old disk was sold' --plan\n  \
  nave key change --because 'the old disk was sold' --yes\n  \
  nave key change --because 'once a year' --to /mnt/safe/nave-2027.key   # where NAVE_MASTER_KEY_FILE names the key"
)]
pub(crate) struct Change {
    /// Why; kept in the audit
    #[arg(long, value_name = "TEXT")]
    because: String,
    /// Where the new key is to lie, outside of the data folder: made there, or taken from there. The hub has to find it by
    /// NAVE_MASTER_KEY_FILE from then on [default: the data folder's own key is replaced]
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Says what would happen, and changes nothing
    #[arg(long)]
    plan: bool,
    /// Does it without asking
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(verb: Key, context: &Context) -> Outcome {
    match verb {
        Key::Show => show_key(context),
        Key::Change(verb) => change(&verb, context).await,
    }
}

fn show_key(context: &Context) -> Outcome {
    let answer = key::show(context.dir())?;
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let since = answer.since.map(|at| at.to_string()).unwrap_or_default();
    let since = if answer.changed { format!("in use since {since}, when it was changed") } else { format!("written {since}") };
    say(format_args!("{}  {}  {since}", answer.fingerprint, clean(&answer.file.display().to_string())));
    for old in &answer.kept {
        let until = old.until.map(|at| format!("until {at}; ")).unwrap_or_default();
        let fingerprint = old.fingerprint.as_deref().unwrap_or("cannot be read");
        say(format_args!(
            "{fingerprint}  {}  {until}for backups of before: delete it when the last of them is",
            clean(&old.file.display().to_string())
        ));
    }
    Ok(exit::OK)
}

async fn change(verb: &Change, context: &Context) -> Outcome {
    let place = project::place(context.dir())?;
    if socket::connect(&place.socket()).await?.is_some() {
        return Err(ApiError::new("serving", exit::UNAVAILABLE, "the hub is running, and the key is changed while none does")
            .help("stop `nave serve`, change the key, start it again"));
    }
    let to = verb.to.as_deref();
    let planned = key::plan(context.dir(), to).await?;
    if planned.finished_earlier {
        return told(&planned, context);
    }
    if verb.plan {
        if context.json {
            output::json(&planned);
        } else {
            say_plan(&planned);
        }
        return Ok(exit::OK);
    }
    if !context.json {
        say_plan(&planned);
    }
    let person = prompt::possible() && !context.json;
    if !verb.yes && (!person || !prompt::yes("Change the key?")?) {
        return Err(
            ApiError::person("nothing was changed: nobody has agreed to it").help("add --yes, or --plan to see what it does")
        );
    }
    let (sender, receiver) = mpsc::channel(PROGRESS_QUEUE_MAX);
    let shown = tokio::spawn(show(receiver, Bars::new(context)));
    let sender = ProgressSender::new(sender);
    let changed = key::change(context.dir(), to, &verb.because, &context.local(), &sender).await;
    drop(sender);
    let _ = shown.await;
    told(&changed?, context)
}

fn say_plan(planned: &KeyChange) {
    let (held, path) = (&planned.held, |path: &std::path::Path| clean(&path.display().to_string()));
    say(format_args!(
        "{} secrets, {} authorizations and the history of {} records are sealed anew; the store takes {} MB, and as much once more meanwhile.",
        held.secrets,
        held.authorizations,
        planned.records,
        planned.bytes.div_ceil(1_000_000)
    ));
    say(format_args!("The new key will lie in {}.", path(&planned.file)));
    say(format_args!("The key of now ({}) is kept: {}.", planned.before, path(&planned.kept)));
    say("  Backups that were made before open with that one alone. Delete it when the last of them is deleted.");
}

fn told(changed: &KeyChange, context: &Context) -> Outcome {
    if context.json {
        output::json(changed);
        return Ok(exit::OK);
    }
    if changed.finished_earlier {
        say(format_args!("A change of the key had been cut off and is finished now: the key is {}.", changed.before));
        say("  Nothing more was changed. To change it once more, run the command again.");
        return Ok(exit::OK);
    }
    let file = |path: &std::path::Path| clean(&path.display().to_string());
    say(format_args!("The master key is changed: {} → {}.", changed.before, changed.after.as_deref().unwrap_or_default()));
    if let Some(variable) = &changed.set_variable {
        say(format_args!("  Set NAVE_MASTER_KEY_FILE={} before the hub or a command runs again.", file(variable)));
    }
    say(format_args!(
        "  Put a copy of {} where the master key is kept, and make a backup: `nave backup FILE`.",
        file(&changed.file)
    ));
    say(format_args!("  Backups of before need {}: keep it as long as them, apart from this machine.", file(&changed.kept)));
    Ok(exit::OK)
}
