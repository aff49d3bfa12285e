//! `plan`, `apply`, `sync`, `pause`, `resume`, `status`: flows as a whole.

use clap::Args;
use nave_core::model::RunStatus;
use nave_hub::api::{ApiError, FlowPlan, Request, RunLine, SchemaStep, StatusAnswer, exit};

use super::serve::interrupted;
use super::{Outcome, control};
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, ago_or_never, clean, say};
use crate::report;

/// Said where nothing is written: what says that anything is.
const NO_FLOW: &str = "No flow writes anything yet. A mapping says what a flow reads and writes: `nave mapping suggest CONNECTION --apply` \
                       begins one, with [flow.out] it writes.";

/// Show what would be written into each system; writes nothing
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nave plan\n  nave plan --flow crm-contacts --limit 20\n  nave plan crm --explain       # how each flow of it reads and writes, and why\n  nave plan --initial           # before the first write: what two systems say differently, and who wins\n  nave plan --initial --apply --prefer crm"
)]
pub(crate) struct Plan {
    /// One flow, or the flows of one connection
    #[arg(value_name = "FLOW", conflicts_with = "flow")]
    named: Option<String>,
    /// One flow only
    #[arg(long)]
    flow: Option<String>,
    /// Say how each flow reads and writes, and why
    #[arg(long)]
    explain: bool,
    /// Writes, or pairs, that are listed
    #[arg(long, default_value_t = 5)]
    limit: usize,
    /// Instead of writes: records that two systems hold already and say differently, field by field with who would win and why
    #[arg(long, conflicts_with = "explain")]
    initial: bool,
    /// Agree to these plans, if somebody decided who wins each field that differs
    #[arg(long, requires = "initial")]
    apply: bool,
    /// The connection that wins the fields for which nobody decided that; written into the entities' files
    #[arg(long, requires = "apply", value_name = "CONNECTION")]
    prefer: Option<String>,
    /// Why, for the audit
    #[arg(long, requires = "apply", default_value = "")]
    reason: String,
    /// Instead of writes: calls and what they cost in the days ahead, from what they were before (as `nave budget`)
    #[arg(long, value_name = "SPAN", conflicts_with_all = ["named", "flow", "explain", "initial"])]
    forecast: Option<String>,
}

pub(crate) async fn plan(verb: Plan, context: &Context) -> Outcome {
    if let Some(forecast) = verb.forecast {
        return super::budget::run(super::budget::Budget { forecast }, context).await;
    }
    if verb.initial {
        let Plan { named, flow, limit, apply, prefer, reason, .. } = verb;
        let request = Request::PlanInitial { flow: named.or(flow), limit, apply, prefer, reason };
        return super::initial::initial(request, context).await;
    }
    let answer = want!(
        context.call(Request::Plan { flow: verb.named.or(verb.flow), limit: verb.limit, explain: verb.explain }).await?,
        Plan
    );
    let open = answer.flows.iter().any(|flow| !flow.approved);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    report::findings(context, &answer.warnings);
    control::strategies(&answer.strategies);
    let mut rows = Rows::new(&["flow", "system", "create", "update", "delete", "blocked", "waiting", "equal", "agreed"]);
    for flow in &answer.flows {
        let counts = [flow.creates, flow.updates, flow.deletes, flow.blocked, flow.waiting, flow.unchanged];
        let mut cells = vec![flow.flow.clone(), flow.connection.clone()];
        cells.extend(counts.iter().map(u64::to_string));
        cells.push(output::mark(flow.approved).to_owned());
        rows.row(cells);
    }
    rows.print(NO_FLOW);
    for flow in &answer.flows {
        if let Some(purpose) = &flow.purpose {
            say(format_args!("  {}: for {}", clean(&flow.flow), clean(purpose)));
        }
    }
    answer.flows.iter().for_each(writes);
    schema(&answer.schema, "needs your word: `nave apply --schema`", "they keep it with `nave apply`; then plan again");
    if open {
        say("\nNothing is sent to a system before its plan is agreed to: `nave apply`.");
    }
    Ok(exit::OK)
}

/// Names that are new are counted; what takes something away or has another name is named.
fn schema(steps: &[SchemaStep], word: &str, kept: &str) {
    let renamed = |step: &&SchemaStep| step.change.starts_with("renamed from ");
    let new = steps.iter().filter(|step| !step.consent && !renamed(step)).count();
    if new > 0 {
        say(format_args!("\n{new} new entities, fields and streams have a place in nave.lock once the plan is applied."));
    }
    for step in steps.iter().filter(|step| step.consent || renamed(step)) {
        let held = if step.records == 1 {
            "1 record holds a value".to_owned()
        } else {
            format!("{} records hold a value", step.records)
        };
        let word = if step.consent { word } else { kept };
        say(format_args!("  {}: {}; {held}; {word}", clean(&step.name), clean(&step.change)));
    }
}

fn writes(flow: &FlowPlan) {
    if flow.writes.is_empty() && flow.reasons.is_empty() {
        return;
    }
    say(format_args!("\n{} → {}", clean(&flow.flow), clean(&flow.connection)));
    for write in &flow.writes {
        say(format_args!("  {} {} {}", write.operation, write.record, clean(&write.title)));
        for field in &write.fields {
            super::resync::field(field);
        }
    }
    let shown = flow.writes.len() as u64;
    let all = flow.creates + flow.updates + flow.deletes;
    if all > shown {
        say(format_args!("  … and {} more (`nave plan --flow {} --limit {all}`)", all - shown, flow.flow));
    }
    for reason in &flow.reasons {
        say(format_args!("  blocked: {}", clean(reason)));
    }
}

/// Agree to the plans that were shown; deliveries start with the next sync
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nave apply --reason 'pilot with sales'\n  nave apply --flow crm-contacts\n  nave plan --limit 5 && nave apply --limit 5      # writes five records of each plan and reads them back"
)]
pub(crate) struct Apply {
    /// Write only so many records of each plan, as they were shown, and read each back; the rest waits
    #[arg(long, value_parser = super::at_least_one)]
    limit: Option<usize>,
    /// One flow only
    #[arg(long)]
    flow: Option<String>,
    /// Agree to removed entities, fields and streams and to changed types, too
    #[arg(long)]
    schema: bool,
    /// Why, for the audit
    #[arg(long, default_value = "")]
    reason: String,
}

pub(crate) async fn apply(verb: Apply, context: &Context) -> Outcome {
    let sample = verb.limit.is_some();
    let request = Request::Apply { flow: verb.flow, limit: verb.limit, schema: verb.schema, reason: verb.reason };
    let answer = want!(context.call(request).await?, Apply);
    if sample {
        return Ok(control::sampled(context, &answer));
    }
    let code = if answer.unseen.is_empty() { exit::OK } else { exit::PERSON };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    for (flows, what) in [(&answer.applied, "agreed to"), (&answer.already, "was agreed to before")] {
        for flow in flows {
            say(format_args!("  {what}: {flow}"));
        }
    }
    for flow in &answer.unseen {
        let why = if let Some(more) = answer.grown.get(flow) {
            format!("{more} came to its plan since it was shown")
        } else if answer.never_planned.contains(flow) {
            "no plan of it was shown yet".to_owned()
        } else {
            "its configuration changed since its plan was shown".to_owned()
        };
        say(format_args!("  not agreed to: {flow}; {why}: `nave plan --flow {flow}`"));
    }
    schema(&answer.schema, "agreed to", "kept under the new name; now plan again");
    if answer.applied.is_empty() && answer.already.is_empty() && answer.unseen.is_empty() {
        say(NO_FLOW);
    }
    Ok(code)
}

/// Read from and deliver to every system now
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  nave sync\n  nave sync crm-contacts --once\n  nave sync --retry           # also what waits for its next try\n  nave sync --full --json    # reads everything again; one line per run"
)]
pub(crate) struct Sync {
    /// These flows [default: all that are not paused; `start` says the same]
    flows: Vec<String>,
    /// Ignore checkpoints: read every record again
    #[arg(long)]
    full: bool,
    /// One round; otherwise rounds until nothing moves any more
    #[arg(long)]
    once: bool,
    /// Also try at once what waits for its next try
    #[arg(long)]
    retry: bool,
    /// Compute and note what would be written, and send nothing; `nave shadow report` compares it with what is there
    #[arg(long)]
    shadow: bool,
}

pub(crate) async fn sync(verb: Sync, context: &Context) -> Outcome {
    let Sync { flows, full, once, retry, shadow } = verb;
    let request = Request::Sync { flows, full, once, retry, shadow };
    let answer = tokio::select! {
        answer = context.call(request) => want!(answer?, Sync),
        () = interrupted() => return Err(stopped(context).await),
    };
    if context.json {
        answer.runs.iter().for_each(output::json_line);
    } else {
        runs(&answer.runs);
    }
    Ok(code_of(&answer.runs))
}

/// Ctrl-C: a commit that is under way ends whole, the runs are closed, nothing new begins.
async fn stopped(context: &Context) -> ApiError {
    let hub = context.hub.lock().await.clone();
    let Some(hub) = hub else {
        return ApiError::failed("stopped asking; the hub that serves goes on").help("`nave pause` stops its flows");
    };
    hub.interrupted().await;
    ApiError::failed("stopped; what was committed is kept").help("`nave sync` goes on from there")
}

/// 1 where a run failed, 4 where something waits for a person: held, refused for good, or set aside.
pub(crate) fn code_of(runs: &[RunLine]) -> u8 {
    if runs.iter().any(|run| run.status != RunStatus::Success) {
        exit::FAILED
    } else if runs.iter().any(|run| run.for_a_person() > 0) {
        exit::PERSON
    } else {
        exit::OK
    }
}

/// What fails, by system and class; nothing where nothing ever did.
fn failing(answer: &StatusAnswer) {
    let mut rows = Rows::new(&["fails in", "attempts", "class", "failures", "set aside", "next"]);
    let mut any = false;
    for system in answer.failing() {
        for line in system.classes {
            any = true;
            rows.row([
                system.connection.clone(),
                system.attempts.to_string(),
                line.class,
                line.failures.to_string(),
                line.set_aside.to_string(),
                line.command,
            ]);
        }
    }
    if any {
        say("");
        rows.print("");
    }
}

/// Runs as a table; counts that are 0 are left out.
pub(crate) fn runs(runs: &[RunLine]) {
    let mut rows = Rows::new(&["run", "flow", "", "status", "counts", "began"]);
    for run in runs {
        let mut counts = run.named_counts();
        let all = counts.remove(0);
        let parts: Vec<String> =
            counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| format!("{count} {name}")).collect();
        let mut text = format!("{} {}", all.1, all.0);
        if !parts.is_empty() {
            text = format!("{text}: {}", parts.join(", "));
        }
        if run.drifted() > 0 {
            text = format!("{text}; {} changed there against a one-way field", run.drifted());
        }
        if let Some(misfits) = run.misfits() {
            text = format!("{text}; {misfits}");
        }
        if let Some(message) = &run.message {
            text = format!("{text} — {message}");
        }
        let arrow = if run.direction() == "in" { "←" } else { "→" };
        rows.row([
            run.run.to_string(),
            run.flow.clone(),
            arrow.to_owned(),
            status_word(run.status).to_owned(),
            text,
            ago(&run.started_at),
        ]);
    }
    rows.print("Nothing to do.");
    let sunsets: std::collections::BTreeSet<&String> = runs.iter().filter_map(|run| run.sunset.as_ref()).collect();
    for said in sunsets {
        say(format_args!("warning: {}; `nave doctor` says what to type", clean(said)));
    }
}

fn status_word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Running => "running",
        RunStatus::Success => "ok",
        RunStatus::Failed => "failed",
    }
}

/// Stop flows until they are resumed, at once: a call that is under way ends, nothing more is sent
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// One flow [default: all]
    flow: Option<String>,
}

/// Let paused flows go on
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// One flow [default: all]
    flow: Option<String>,
}

pub(crate) async fn pause(verb: Pause, context: &Context) -> Outcome {
    switch(Request::Pause { flow: verb.flow }, context).await
}

pub(crate) async fn resume(verb: Resume, context: &Context) -> Outcome {
    switch(Request::Resume { flow: verb.flow }, context).await
}

async fn switch(request: Request, context: &Context) -> Outcome {
    let answer = want!(context.call(request).await?, Flows);
    if context.json {
        output::json(&answer);
    } else {
        for flow in &answer.flows {
            say(format_args!("  {}: {flow}", if answer.paused { "paused" } else { "resumed" }));
        }
    }
    Ok(exit::OK)
}

/// Health of every flow: last success, what is pending, what failed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  nave status\n  nave status --json | jq '.flows[] | select(.failed > 0)'")]
pub(crate) struct Status {}

pub(crate) async fn status(_verb: &Status, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::Status).await?, Status);
    if context.json {
        output::json(&answer);
    } else {
        show_status(&answer);
    }
    Ok(exit::OK)
}

pub(crate) fn show_status(answer: &StatusAnswer) {
    let mut rows =
        Rows::new(&["flow", "system", "entity", "", "health", "linked", "pending", "parked", "failed", "last in", "last out"]);
    for flow in &answer.flows {
        let arrows = match (flow.reads, flow.writes) {
            (true, true) => "↔",
            (true, false) => "←",
            (false, _) => "→",
        };
        rows.row([
            flow.flow.clone(),
            flow.connection.clone(),
            flow.entity.clone(),
            arrows.to_owned(),
            flow.health().to_owned(),
            flow.linked.to_string(),
            flow.pending.to_string(),
            (flow.parked + flow.open).to_string(),
            flow.failed.to_string(),
            if flow.reads { ago_or_never(flow.last_in.as_ref()) } else { String::new() },
            if flow.writes { ago_or_never(flow.last_out.as_ref()) } else { String::new() },
        ]);
    }
    rows.print("No flows yet: `nave connection add PLUGIN` makes some.");
    answer.broken.iter().for_each(|fault| say(format_args!("  {}", clean(fault))));
    for flow in answer.flows.iter().filter(|flow| flow.last_error.is_some()) {
        say(format_args!("  {}: {}", flow.flow, clean(flow.last_error.as_deref().unwrap_or_default())));
    }
    for flow in &answer.flows {
        if let Some(until) = &flow.waits_until {
            say(format_args!(
                "  {}: nothing is sent to {} before {until}; `nave sync {} --retry` tries now",
                flow.flow, flow.connection, flow.flow
            ));
        }
        if let (Some(at), Some(why)) = (&flow.next_try, &flow.parked_because) {
            say(format_args!("  {}: {} wait, the first until {}: {}", flow.flow, flow.parked, clean(at), clean(why)));
        }
    }
    for flow in &answer.flows {
        if let Some(why) = &flow.canary_failed {
            say(format_args!(
                "  {}: its canary did not arrive: {}; `nave canary run {}` sends another",
                flow.flow,
                clean(why),
                flow.flow
            ));
        }
        if let Some(held) = flow.held_back() {
            say(format_args!("  {}: {held}", flow.flow));
        }
    }
    for flow in &answer.flows {
        if let Some(misfits) = flow.misfits() {
            say(format_args!("  {}: {misfits} (`nave mapping explain {}`)", flow.flow, flow.flow));
        }
    }
    for flow in answer.flows.iter().filter(|flow| flow.drifted > 0) {
        say(format_args!(
            "  {}: {} changed there against a one-way field, put right with the next delivery (`nave run list --flow {}`)",
            flow.flow, flow.drifted, flow.flow
        ));
    }
    let oldest = answer.flows.iter().filter_map(|flow| Some((flow.oldest_unverified.as_ref()?, &flow.flow))).min();
    if let Some((at, flow)) = oldest {
        say(format_args!("Longest not verified: {}, in {flow} (`nave reconcile status`)", ago(at)));
    }
    for flow in &answer.flows {
        if let Some(seconds) = flow.oldest_pending_s.filter(|seconds| *seconds >= 60) {
            say(format_args!("  {}: the oldest change that was not delivered is {} min old", flow.flow, seconds / 60));
        }
    }
    // A `Date` is exact to a second.
    for system in &answer.systems {
        if let Some(skew) = system.skew_ms.filter(|skew| skew.abs() >= 5_000) {
            let way = if skew > 0 { "ahead" } else { "behind" };
            say(format_args!("  {}: its clock is {} s {way}; its times are put right", system.connection, skew.abs() / 1_000));
        }
    }
    failing(answer);
    let records: Vec<String> = answer.records.iter().map(|count| format!("{} {}", count.active, clean(&count.entity))).collect();
    if !records.is_empty() {
        say(format_args!("\nRecords: {}", records.join(", ")));
    }
    if answer.reviews > 0 {
        say(format_args!("{} wait for a person: `nave review list`", answer.reviews));
    }
    if answer.dead_letters > 0 {
        say(format_args!("{} were set aside: `nave dlq list`", answer.dead_letters));
    }
    if answer.flows.iter().any(|flow| flow.writes && !flow.approved) {
        say("Some flows send nothing until their plan is agreed to: `nave plan`, then `nave apply`");
    }
}
