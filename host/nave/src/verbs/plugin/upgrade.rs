//! Another build of a plugin beside the one that runs; recordings that the two are compared by.

use clap::Args;
use nave_hub::api::{ApiError, Request, UpgradeAnswer, UpgradeHow, exit};

use super::{Reach, installed};
use crate::context::{Context, want};
use crate::output::{self, clean, say};
use crate::verbs::Outcome;

/// What to upgrade, and how.
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// A plugin's name (what is held of it, or what its source gives now), or a source
    target: String,
    /// Only say what is different; exit 1 if anything is, 4 if nobody can say because something was not compared
    #[arg(long, conflicts_with_all = ["approve", "decline"])]
    check: bool,
    /// Put it in force, whatever is different
    #[arg(long, conflicts_with = "decline")]
    approve: bool,
    /// Take away what is held
    #[arg(long)]
    decline: bool,
    /// Accept an older one than was ever installed
    #[arg(long)]
    rollback: bool,
    /// Accept another author or place than the installed one's
    #[arg(long)]
    other_source: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn run(upgrade: Upgrade, context: &Context) -> Outcome {
    let how = match (upgrade.check, upgrade.approve, upgrade.decline) {
        (true, ..) => UpgradeHow::Check,
        (_, true, _) => UpgradeHow::Approve,
        (.., true) => UpgradeHow::Decline,
        _ => UpgradeHow::Unless,
    };
    let request = Request::PluginUpgrade {
        target: upgrade.target,
        how,
        rollback: upgrade.rollback,
        other_source: upgrade.other_source,
        reach: upgrade.reach.into(),
    };
    let answer = want!(context.call(request).await?, Upgrade);
    if context.json {
        output::json(&answer);
    } else {
        show(&answer);
    }
    Ok(match answer.state.as_str() {
        "checked" if answer.changed => exit::FAILED,
        "checked" if answer.waits => exit::PERSON,
        "held" => exit::PERSON,
        _ => exit::OK,
    })
}

pub(super) fn show(answer: &UpgradeAnswer) {
    let build = |line: &nave_hub::api::BuildLine| {
        format!("{} (serial {}, {}…)", line.version, line.serial, line.digest.get(..12).unwrap_or(&line.digest))
    };
    say(format_args!("{}: {} → {}", answer.plugin, build(&answer.from), build(&answer.to)));
    for (title, lines) in [
        ("It asks for more:", &answer.powers_added),
        ("It no longer asks for:", &answer.powers_removed),
        ("Its declarations:", &answer.schema),
        ("It would read otherwise:", &answer.reads),
        ("It would send otherwise:", &answer.writes),
        ("Compared:", &answer.compared),
        ("Not compared:", &answer.not_compared),
    ] {
        if !lines.is_empty() {
            say(title);
            lines.iter().for_each(|line| say(format_args!("  {}", clean(line))));
        }
    }
    match answer.state.as_str() {
        "same" => say("It is the one that runs already."),
        "checked" if answer.changed => say("Nothing was done."),
        "checked" if answer.waits => {
            say("What was compared is the same; what was not, a person has to agree to. Nothing was done.")
        }
        "checked" => say("Nothing of that which can be compared is different; nothing was done."),
        "held" => say(format_args!(
            "Held: {} goes on running. `nave plugin upgrade {} --approve` puts the other in force, `--decline` takes it away.",
            answer.from.version, answer.plugin
        )),
        "declined" => say(format_args!("Declined: {} goes on running.", answer.from.version)),
        _ => {}
    }
    if let Some(answer) = &answer.installed {
        installed(answer);
    }
}

/// Keeps a recording.
pub(crate) async fn record(connection: String, records: u32, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::PluginRecord { connection, records }).await?, Recording);
    if context.json {
        output::json(&answer);
    } else {
        say(format_args!(
            "Recorded {} calls with {} requests into {}; {} values are masked. An upgrade of the plugin plays it through both builds.",
            answer.calls, answer.exchanges, answer.file, answer.masked
        ));
        if !answer.open.is_empty() {
            say(format_args!(
                "Their end was too far to be recorded, so an upgrade waits for somebody to agree: {}.",
                clean(&answer.open.join(", "))
            ));
        }
    }
    Ok::<_, ApiError>(exit::OK)
}
