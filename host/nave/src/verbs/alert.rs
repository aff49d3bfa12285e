//! `alert`: what is wrong now, and who is told.

use clap::Subcommand;
use nave_hub::api::{Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};

/// What is wrong now, and who is told: webhooks, chat, mail (`[alerts]` in nave.toml)
#[derive(Debug, Subcommand)]
#[command(
    after_help = "In nave.toml:\n\n  [alerts.sinks.ops]\n  kind = \"slack\"              # or \"webhook\": the same as JSON for programs\n  url = \"https://hooks.slack.com/services/\"\n  path-secret = \"slack\"       # the end of the address, in the vault\n\n  [alerts.sinks.desk]\n  kind = \"mail\"\n  host = \"smtp.example.com\"   # STARTTLS on 587; tls = \"tls\" for 465\n  user = \"nave\"\n  secret = \"smtp\"\n  from = \"nave@example.com\"\n  to = [\"ops@example.com\"]\n\n  [alerts.heartbeat]          # called while all is well: who watches it notices when the hub is gone\n  url = \"https://watch.example.com/nave\"\n\nAlerts are sent while `nave serve` runs.\n\nExamples:\n  nave alert list\n  nave alert test ops\n  nave alert ack 3"
)]
pub(crate) enum Alert {
    /// What is wrong now
    List {
        /// What is well again, too (kept for a week)
        #[arg(long)]
        all: bool,
    },
    /// Send a test message
    Test {
        /// One sink [default: all]
        sink: Option<String>,
    },
    /// Say that you work on it: nothing more is told of it until it is well again
    Ack {
        /// Number
        id: u64,
    },
}

pub(crate) async fn run(verb: Alert, context: &Context) -> Outcome {
    match verb {
        Alert::List { all } => list(all, context).await,
        Alert::Test { sink } => done(Request::AlertTest { sink }, context).await,
        Alert::Ack { id } => done(Request::AlertAck { id }, context).await,
    }
}

async fn done(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

async fn list(all: bool, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::AlertList { all }).await?, Alerts);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["alert", "kind", "about", "things", "what", "who", "since", "state"]);
    for alert in &answer.alerts {
        let state = match (&alert.resolved_at, &alert.acknowledged_by) {
            (Some(at), _) => format!("well again {}", ago(at)),
            (None, Some(by)) => format!("{by} works on it"),
            (None, None) if alert.told.is_empty() => "open, nobody was told".to_owned(),
            (None, None) => format!("open, told: {}", alert.told.join(", ")),
        };
        rows.row([
            alert.id.to_string(),
            alert.kind.clone(),
            alert.subject.clone(),
            alert.count.to_string(),
            alert.what.clone(),
            alert.owner.clone(),
            ago(&alert.since),
            state,
        ]);
    }
    rows.print("Nothing is wrong, as far as `nave serve` has looked.");
    if answer.sinks.is_empty() {
        say("\nNobody is told: nave.toml has no [alerts.sinks.NAME]; `nave alert --help` shows how");
    }
    for sink in answer.sinks.iter().filter(|sink| sink.waiting > 0) {
        let error = sink.error.as_deref().unwrap_or_default();
        say(format_args!("\n{} ({}): {} did not get through: {}", clean(&sink.sink), sink.kind, sink.waiting, clean(error)));
    }
    if let Some(first) = answer.alerts.iter().find(|alert| alert.resolved_at.is_none()) {
        say(format_args!("\n`nave runbook {}` says what to do", clean(&first.runbook)));
    }
    Ok(exit::OK)
}
