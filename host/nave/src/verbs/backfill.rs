//! `backfill`: a stream read whole; before that, what of it would not fit, and after it, what was kept.

use clap::Args;
use nave_hub::api::{BrokenRule, ProfileAnswer, Request, exit};

use super::{Outcome, flows};
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, clean_lines, say};

/// Read a flow's stream whole: what is there from before; first see what of it does not fit
#[derive(Debug, Args)]
#[command(after_help = "What is read goes out with the next `nave sync`.\n\n\
                        Examples:\n  nave backfill crm-contacts --profile\n  nave backfill --profile\n  \
                        nave backfill crm-contacts --archive-misfits --because looked-up-only\n  \
                        nave backfill crm-contacts --archived\n  nave backfill crm-contacts --archived 5432")]
pub(crate) struct Backfill {
    /// Flow; with --profile also a connection [default with --profile: every flow that reads]
    #[arg(required_unless_present = "profile")]
    flow: Option<String>,
    /// Only say what does not fit, by rule; nothing is taken in or written
    #[arg(long, conflicts_with_all = ["archive_misfits", "archived"])]
    profile: bool,
    /// What does not fit is kept as it comes: not synced, not tried again, no dead letter
    #[arg(long, requires = "because", conflicts_with = "archived")]
    archive_misfits: bool,
    /// Why
    #[arg(long, alias = "reason")]
    because: Option<String>,
    /// What was kept; with an id, that one as it came
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "")]
    archived: Option<String>,
    /// How many of what was kept
    #[arg(long, default_value_t = 50, value_parser = super::at_least_one)]
    limit: usize,
    /// After this id
    #[arg(long, default_value = "")]
    after: String,
}

pub(crate) async fn run(verb: Backfill, context: &Context) -> Outcome {
    let Backfill { flow, profile, archive_misfits, because, archived, limit, after } = verb;
    if profile {
        return profiles(flow, context).await;
    }
    let flow = flow.unwrap_or_default();
    if let Some(id) = archived {
        let id = Some(id).filter(|id| !id.is_empty());
        return kept(Request::Archived { flow, remote_id: id, after_id: after, limit }, context).await;
    }
    let request = Request::Backfill { flow, profile, archive_misfits, reason: because.unwrap_or_default() };
    let answer = want!(context.call(request).await?, Sync);
    match context.json {
        true => answer.runs.iter().for_each(output::json),
        false => flows::runs(&answer.runs),
    }
    Ok(flows::code_of(&answer.runs))
}

/// What would not fit: of one flow, of all that read from a connection, or of all that read.
async fn profiles(named: Option<String>, context: &Context) -> Outcome {
    let known = want!(context.call(Request::Status).await?, Status).flows;
    let is_flow = |name: &String| known.iter().any(|flow| flow.flow == *name);
    let of = |name: &String| known.iter().any(|flow| flow.connection == *name && flow.reads);
    let chosen: Vec<String> = match &named {
        Some(name) if is_flow(name) || !of(name) => vec![name.clone()],
        named => {
            let own = known.iter().filter(|flow| flow.reads && named.as_ref().is_none_or(|name| flow.connection == *name));
            own.map(|flow| flow.flow.clone()).collect()
        }
    };
    let one = matches!(&named, Some(name) if !of(name) || is_flow(name));
    let mut all = Vec::new();
    for flow in chosen {
        let request = Request::Backfill { flow, profile: true, archive_misfits: false, reason: String::new() };
        let answer = want!(context.call(request).await?, Profile);
        if !context.json {
            profiled(&answer);
        }
        all.push(answer);
    }
    match all.as_slice() {
        _ if !context.json && all.is_empty() => say("No flow reads anything yet."),
        _ if !context.json => say("\nNothing was taken in."),
        [answer] if one => output::json(answer),
        _ => output::json(&serde_json::json!({ "profiles": all })),
    }
    Ok(exit::OK)
}

fn profiled(answer: &ProfileAnswer) {
    say(format_args!(
        "{}: {} read, {} fit, {} do not, {} left out by its filter or gone",
        answer.flow, answer.read, answer.fit, answer.misfit, answer.left_out
    ));
    if answer.refused > 0 {
        say(format_args!("Of those that fit, {} would be refused by a destination.", answer.refused));
    }
    answer.rules.iter().for_each(rule);
    for child in &answer.children {
        say(format_args!(
            "\n{}: {} read, {} fit, {} do not, {} left out: gone, not mapped, or of something that does not come in",
            clean(&child.stream),
            child.read,
            child.fit,
            child.misfit,
            child.left_out
        ));
        child.rules.iter().for_each(rule);
    }
    if answer.rules.is_empty() && answer.children.iter().all(|child| child.rules.is_empty()) {
        say("Everything fits.");
    }
    for note in &answer.notes {
        say(format_args!("\n{}", clean(note)));
    }
}

fn rule(rule: &BrokenRule) {
    let place = rule.destination.as_ref().map(|to| format!(" → {to}")).unwrap_or_default();
    say(format_args!("\n{} ({} %) {}{place}: {}", rule.count, rule.percent, clean(&rule.field), clean(&rule.rule)));
    if let Some(message) = &rule.message {
        say(format_args!("    {}", clean(message)));
    }
    for example in &rule.examples {
        let value = example.value.as_ref().map_or_else(|| "nothing".to_owned(), |value| clean(value));
        say(format_args!("    {}: {value}", clean(&example.remote_id)));
    }
    say(format_args!("    fix: {}", clean(&rule.fix)));
}

async fn kept(request: Request, context: &Context) -> Outcome {
    let one = matches!(&request, Request::Archived { remote_id: Some(_), .. });
    let answer = want!(context.call(request).await?, Archived);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    if let (true, Some(line)) = (one, answer.archived.first()) {
        say(format_args!("{} {} (kept {}, run {})", answer.flow, clean(&line.remote_id), line.at, line.run));
        say(format_args!("  {}", clean(line.message.as_deref().unwrap_or_default())));
        say(format_args!("\n{}", clean_lines(line.body.as_deref().unwrap_or_default())));
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["its id", "field", "rule", "kept", "run"]);
    for line in &answer.archived {
        rows.row([line.remote_id.clone(), line.field.clone(), line.rule.clone(), ago(&line.at), line.run.to_string()]);
    }
    rows.print("Nothing was kept.");
    say(format_args!("\n{} kept of {}", answer.count, answer.flow));
    if let Some(next) = &answer.next {
        say(format_args!("… more with --after {}", clean(next)));
    }
    Ok(exit::OK)
}
