//! `audit`: who did what, who was given what, and whether what is written there is as it was written.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use nave_hub::api::{ApiError, AuditCheckAnswer, AuditFinding, RecordRef, Request, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};

/// Lines of an export asked for at once.
const EXPORT_LINES: usize = 1_000;
/// A file of anchors is read up to this.
const ANCHORS_BYTES_MAX: u64 = 64 << 20;

/// Who did what: secrets set, plans agreed to, calls refused, records read, sent and shown
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Audit {
    #[command(subcommand)]
    verb: Option<AuditVerb>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum AuditVerb {
    /// The last lines, newest first
    List(List),
    /// Go through every line, and hold the head against what was noted outside of the data
    #[command(
        after_help = "The head is noted in audit-anchor.log beside the data folder (`audit-anchor` in nave.toml), signed, at most every ten\n\
                      minutes and when the hub ends. Exit code 1 where something is not as it was; the first wrong entry is named."
    )]
    Verify {
        /// A copy of the file of anchors that is kept elsewhere
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
    },
    /// Say that what is wrong with the audit is known, and go on from here
    Accept {
        /// Why; kept in the audit and in the anchor
        #[arg(long)]
        reason: String,
    },
    /// Who was given data of a record: systems, plugins with their digests, people; which fields, when and what for
    WhoRead {
        /// `contact/12`, or `crm:5432` by what a system calls it
        record: RecordRef,
    },
    /// Every line as it lies in the store, one JSON object each, and the signed head last
    #[command(
        after_help = "A line's digest is SHA-256 over the digest before it (of the first: 32 zero bytes), a byte 1, and its text. The last line\n\
                      is an anchor: Ed25519 over its fields, with the hub's public key beside it."
    )]
    Export {
        /// Only lines of this day (UTC) or time on: 2026-10-01
        #[arg(long, default_value = "", hide_default_value = true)]
        since: String,
    },
}

#[derive(Debug, Args)]
struct List {
    /// How many lines
    #[arg(long, default_value_t = 50, value_parser = super::at_least_one)]
    limit: usize,
    /// Only lines of this day (UTC) or time on: 2026-10-01
    #[arg(long, default_value = "", hide_default_value = true)]
    since: String,
}

pub(crate) async fn run(verb: Audit, context: &Context) -> Outcome {
    match verb.verb.unwrap_or(AuditVerb::List(verb.list)) {
        AuditVerb::List(List { limit, since }) => list(limit, since, context).await,
        AuditVerb::Verify { anchor } => verify(anchor, context).await,
        AuditVerb::Accept { reason } => {
            let done = want!(context.call(Request::AuditAccept { reason }).await?, Done);
            if context.json {
                output::json(&done)
            } else {
                say(&done.message)
            }
            Ok(exit::OK)
        }
        AuditVerb::WhoRead { record } => who_read(record, context).await,
        AuditVerb::Export { since } => export(since, context).await,
    }
}

async fn list(limit: usize, since: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Audit { limit, since }).await?, Audit);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["when", "who", "what", "on", ""]);
    for line in &answer.entries {
        rows.row([&line.at, &line.actor, &line.action, &line.subject, &line.detail]);
    }
    rows.print("Nothing was noted yet.");
    Ok(exit::OK)
}

async fn verify(anchor: Option<PathBuf>, context: &Context) -> Outcome {
    let read = |path: PathBuf| {
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|file| file.take(ANCHORS_BYTES_MAX).read_to_string(&mut text));
        read.map(|_| text).map_err(|error| {
            ApiError::usage(format!("{}: {error}", path.display())).help("name a copy of the hub's audit-anchor.log")
        })
    };
    let anchors = anchor.map(read).transpose()?;
    let answer = want!(context.call(Request::AuditVerify { anchors }).await?, AuditCheck);
    if context.json {
        output::json(&answer);
    } else {
        show(&answer);
    }
    Ok(if answer.sound { exit::OK } else { exit::FAILED })
}

fn show(answer: &AuditCheckAnswer) {
    let neighbours = |finding: &AuditFinding| {
        if let (Some(entry), Some(says)) = (finding.entry, &finding.says) {
            say(format_args!("    entry {entry} now: {}", clean(says)));
        }
        if let Some(good) = finding.good {
            let says = finding.good_says.as_deref().unwrap_or("before the first");
            say(format_args!("    still good, up to {good}: {}", clean(says)));
        }
    };
    for finding in &answer.findings {
        say(format_args!("✗ {} ({})", clean(&finding.text), finding.code));
        neighbours(finding);
    }
    for finding in &answer.known {
        say(format_args!("  known: {} ({})", clean(&finding.text), finding.code));
        neighbours(finding);
    }
    if let Some(damaged) = &answer.damaged {
        let entries = match answer.findings.is_empty() {
            true => "each is as it was written: the damage lies elsewhere",
            false => "what is wrong stands above",
        };
        say(format_args!("✗ {}", clean(damaged)));
        say(format_args!("  {} entries could be read; {entries}. The anchors were not compared.", answer.lines));
        say("  `nave runbook audit-altered` says what to do");
        return;
    }
    let noted = match &answer.anchored_at {
        Some(at) => format!("noted outside at {} for {} of them", clean(at), answer.anchored_lines),
        None => "never noted outside".to_owned(),
    };
    let whole = if answer.sound { "✓ each is as it was written" } else { "✗ the audit is not as it was" };
    say(format_args!("{whole}: {} lines, {noted} ({})", answer.lines, clean(&answer.anchor_file)));
    if !answer.sound {
        say("  `nave runbook audit-altered` says what to do");
    }
}

async fn who_read(record: RecordRef, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::AuditReaders { record }).await?, Readers);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} {}", clean(&answer.record), clean(&answer.title)));
    let mut rows = Rows::new(&["when", "what", "who", "fields", "plugin", "secret", "run", "what for"]);
    for line in &answer.accesses {
        let run = line.run.map(|run| run.to_string()).unwrap_or_default();
        let plugins: Vec<String> = line.plugins.iter().map(|plugin| plugin.chars().take(24).collect()).collect();
        let cells = [&line.fields.join(", "), &plugins.join(", "), &line.credentials.join(", ")];
        rows.short_row([&line.at, &line.what, &line.who, cells[0], cells[1], cells[2], &run, &line.purpose]);
    }
    rows.print("Nobody that is known of.");
    Ok(exit::OK)
}

async fn export(since: String, context: &Context) -> Outcome {
    let mut after = 0;
    let mut out = std::io::stdout().lock();
    loop {
        let ask = Request::AuditExport { after, since: since.clone(), limit: EXPORT_LINES };
        let answer = want!(context.call(ask).await?, AuditExport);
        let lines = answer.lines.iter().filter_map(|line| serde_json::to_string(line).ok());
        for line in lines.chain(answer.anchor.map(|anchor| anchor.to_string())) {
            // Whoever reads it may have had enough.
            if writeln!(out, "{line}").is_err() {
                return Ok(exit::OK);
            }
        }
        match answer.next {
            Some(next) => after = next,
            None => return Ok(exit::OK),
        }
    }
}
