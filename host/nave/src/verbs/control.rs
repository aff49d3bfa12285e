//! `rollback`, and what `plan --explain` and `apply --limit` say: the operator's control over what is written.

use clap::Args;
use nave_hub::api::{Answer, ApplyAnswer, BackLine, Request, RollbackAnswer, StrategyLine, exit};

use super::{Outcome, flows};
use crate::call::unexpected;
use crate::context::Context;
use crate::output::{self, Rows, clean, say};

/// Take a run back: put back what it overwrote where nobody changed it since, and hold it until it is released
#[derive(Debug, Args)]
#[command(
    after_help = "What is put back stays so, whatever the records say, until `--release`: the hub does not send again what was just \
                  taken back.\nThings that the run made are put away; where that cannot be, a person is asked before they are deleted.\n\n\
                  Examples:\n  nave rollback run/123 --plan\n  nave rollback run/123 --reason 'wrong import'\n  nave rollback run/123 --release"
)]
pub(crate) struct Rollback {
    /// Which: run/123, as `nave run list` shows it
    #[arg(value_parser = run_number)]
    run: u64,
    /// Only show what it would do; comes first
    #[arg(long, conflicts_with = "release")]
    plan: bool,
    /// Let go of what is held of it: what the records say is written again
    #[arg(long)]
    release: bool,
    /// Why, for the audit
    #[arg(long, default_value = "")]
    reason: String,
}

/// `run/123` or `123`.
fn run_number(text: &str) -> Result<u64, String> {
    text.strip_prefix("run/").unwrap_or(text).parse().map_err(|_| "write run/123".to_owned())
}

pub(crate) async fn rollback(verb: Rollback, context: &Context) -> Outcome {
    let request = Request::Rollback { id: verb.run, plan: verb.plan, release: verb.release, reason: verb.reason };
    let answer = match context.call(request).await? {
        Answer::Done(done) => {
            if context.json {
                output::json(&done);
            } else {
                say(&done.message);
            }
            return Ok(exit::OK);
        }
        Answer::Rollback(answer) => answer,
        other => return Err(unexpected(&other)),
    };
    let failed = answer.done_by.as_ref().is_some_and(|run| flows::code_of(std::slice::from_ref(run)) == exit::FAILED);
    let code = match answer.planned {
        true => exit::OK,
        false if failed => exit::FAILED,
        false if answer.waits.is_some() || answer.to_restore + answer.to_remove > 0 => exit::PERSON,
        false => exit::OK,
    };
    if context.json {
        output::json(&answer);
    } else {
        show(&answer);
    }
    Ok(code)
}

fn show(answer: &RollbackAnswer) {
    say(format_args!("run {} of {}\n", answer.run, clean(&answer.flow)));
    if let Some(why) = &answer.unread {
        say(format_args!("What is there now could not be read, this is what was known: {}\n", clean(why)));
    }
    let shown = |value: &Option<serde_json::Value>| value.as_ref().map(|value| clean(&value.to_string())).unwrap_or_default();
    let word = |line: &BackLine| line.why.clone().unwrap_or_else(|| line.what.clone());
    let mut rows = Rows::new(&["record", "", "its id there", "field", "now", "before the run", ""]);
    for line in &answer.lines {
        let path = line.path.clone().unwrap_or_else(|| "(the whole)".to_owned());
        rows.row([
            line.record.clone(),
            line.title.clone(),
            line.remote_id.clone(),
            path,
            shown(&line.now),
            shown(&line.before),
            word(line),
        ]);
    }
    rows.print("It overwrote nothing.");
    if answer.left_out > 0 {
        say(format_args!("… and {} more", answer.left_out));
    }
    let RollbackAnswer { run, flow, restored, to_restore, removed, to_remove, left, .. } = answer;
    say(format_args!(
        "\n{restored} fields are as before, {to_restore} to be put back; {removed} things removed, {to_remove} to be removed; {left} left alone."
    ));
    if answer.planned && to_restore + to_remove > 0 {
        say(format_args!("Nothing was sent: `nave rollback run/{run}` does it."));
    } else if let Some(why) = &answer.waits {
        say(format_args!("It is noted, and nothing was sent yet: {}", clean(why)));
    } else if !answer.planned && *to_remove > 0 {
        say("What the run had made is deleted once a person agrees: `nave review list`");
    }
    if !answer.planned && restored + to_restore + removed + to_remove > 0 {
        say(format_args!("{flow} does not write these again until `nave rollback run/{run} --release`."));
    }
}

/// How each flow reads and writes.
pub(crate) fn strategies(lines: &[StrategyLine]) {
    for line in lines {
        let way = |word: &Option<String>, arrow: &str| word.as_ref().map(|word| format!("{arrow} {word}"));
        let ways: Vec<String> = [way(&line.reads, "←"), way(&line.writes, "→")].into_iter().flatten().collect();
        say(format_args!("{}: {}", clean(&line.flow), clean(&ways.join("; "))));
        if let Some(why) = &line.unknown {
            say(format_args!("    the system could not be asked what it can do: {}", clean(why)));
        }
        line.why.iter().for_each(|why| say(format_args!("    {}", clean(why))));
    }
    if !lines.is_empty() {
        say("");
    }
}

/// Writes of a run that did not come to anything: refused, or to be tried again.
fn waits(run: &nave_hub::api::RunLine) -> u64 {
    match run.counts {
        nave_core::accounting::Counts::Out(counts) => counts.parked + counts.held + counts.failed,
        nave_core::accounting::Counts::In(_) => 0,
    }
}

/// What became of the first records of each plan; 1 where one does not hold what was sent.
pub(crate) fn sampled(context: &Context, answer: &ApplyAnswer) -> u8 {
    let wrong = |line: &nave_hub::api::SampleLine| {
        !line.mismatches.is_empty()
            || !line.unread.is_empty()
            || line.run.as_ref().is_some_and(|run| flows::code_of(std::slice::from_ref(run)) == exit::FAILED || waits(run) > 0)
    };
    let code = match (answer.sampled.iter().any(wrong), answer.sampled.iter().any(|line| line.refused.is_some())) {
        (true, _) => exit::FAILED,
        (_, true) => exit::PERSON,
        _ => exit::OK,
    };
    if context.json {
        output::json(answer);
        return code;
    }
    for line in &answer.sampled {
        if let Some(why) = &line.refused {
            say(format_args!("{}: nothing was written: {}", line.flow, clean(why)));
            continue;
        }
        say(format_args!(
            "{}: {} written, {} read back, {} fields compared",
            line.flow,
            line.records.join(", "),
            line.things,
            line.fields
        ));
        if line.records.is_empty() {
            say("  nothing of what the plan showed is left to write");
        }
        if let Some(message) = line.run.as_ref().and_then(|run| run.message.as_ref()) {
            say(format_args!("  {}", clean(message)));
        }
        if let Some(count) = line.run.as_ref().map(waits).filter(|count| *count > 0) {
            say(format_args!("  {count} not written: `nave status` says what waits and why, `nave dlq list` what was refused"));
        }
        for found in &line.mismatches {
            let there = found.found.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            match &found.path {
                Some(path) => say(format_args!(
                    "  {} ({}): {} was to hold {} and holds {}",
                    found.record,
                    clean(&found.remote_id),
                    clean(path),
                    clean(&found.wanted.to_string()),
                    clean(&there)
                )),
                None => say(format_args!("  {} ({}): it is not there as it was written", found.record, clean(&found.remote_id))),
            }
        }
        line.unread.iter().for_each(|why| say(format_args!("  not read back: {}", clean(why))));
    }
    if answer.sampled.is_empty() {
        say("No flow writes anything yet.");
    }
    if code == exit::OK && answer.sampled.iter().any(|line| !line.records.is_empty()) {
        say("Everything that was written is there. `nave apply` agrees to the rest.");
    }
    code
}
