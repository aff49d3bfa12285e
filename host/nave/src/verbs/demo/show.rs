//! What the demo shows at its end: whether all agree, and one example of each thing that a hub is for.

use std::path::Path;

use nave_core::accounting::Counts;
use nave_core::model::RunStatus;
use nave_hub::api::{
    ApiError, DeadLetterLine, FieldWhy, FlowStatus, RecordAnswer, RecordRef, Request, ReviewAnswer, ReviewLine, RunLine,
    StatusAnswer,
};
use serde::Serialize;

use crate::context::{Context, want};
use crate::output::{clean, say};
use crate::verbs::flows;

/// Records looked at for an example.
const EXAMPLES_MAX: usize = 400;
/// Exceptions listed where the dashboard goes on to show them all.
const LISTED: usize = 5;

/// What the demo came to.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// Everything was read again, and nothing had to be written, except for what is listed.
    pub(super) agreed: bool,
    status: StatusAnswer,
    runs: Vec<RunLine>,
    merged: Option<String>,
    conflict: Option<(String, String)>,
    reviews: Vec<ReviewLine>,
    dead_letters: Vec<DeadLetterLine>,
}

pub(super) async fn summary(context: &Context, list_all: bool) -> Result<Summary, ApiError> {
    say("\n$ nave sync --full        # everything is read again; whatever differs would be written now");
    let request = Request::Sync { flows: Vec::new(), full: true, once: true, retry: false, shadow: false };
    let runs = want!(context.call(request).await?, Sync).runs;
    flows::runs(&runs);
    say("\n$ nave status");
    let status = want!(context.call(Request::Status).await?, Status);
    flows::show_status(&status);
    let reviews = want!(context.call(Request::ReviewList { all: false }).await?, Reviews).reviews;
    let letters = Request::DlqList { flow: None, class: None, limit: 10_000 };
    let dead_letters = want!(context.call(letters).await?, DeadLetters).dead_letters;
    let examples = examples(context).await?;
    if let Some(record) = &examples.merged {
        merged(record);
    }
    if let Some((record, field)) = &examples.conflict {
        conflict(record, field);
    }
    if let Some(review) = reviews.first() {
        let review = want!(context.call(Request::ReviewShow { id: review.id }).await?, Review);
        waiting(&review);
    }
    if let Some(letter) = dead_letters.iter().find(|letter| letter.class == "length").or(dead_letters.first()) {
        failed(letter);
    }
    exceptions(&reviews, &dead_letters, list_all);
    let agreed =
        runs.iter().all(|run| agrees(run, &reviews, &dead_letters)) && status.flows.iter().all(|flow| at_rest(flow, &runs));
    let records: u64 = status.records.iter().map(|count| count.active).sum();
    say(if agreed {
        format!("\nAll {records} records agree in every system, except for what is listed above.")
    } else {
        "\nNot everything agrees yet: see the runs above.".to_owned()
    });
    Ok(Summary {
        agreed,
        status,
        runs,
        merged: examples.merged.map(|record| record.record),
        conflict: examples.conflict.map(|(record, field)| (record.record, field.field)),
        reviews,
        dead_letters,
    })
}

/// Nothing came in that was not known, nothing went out; what failed or is held is among what is listed.
fn agrees(run: &RunLine, reviews: &[ReviewLine], letters: &[DeadLetterLine]) -> bool {
    let listed = letters.iter().filter(|letter| letter.flow == run.flow).count() as u64;
    run.status == RunStatus::Success
        && match run.counts {
            Counts::In(c) => {
                c.created + c.updated + c.deleted + c.merged == 0 && c.quarantined <= listed && c.held <= reviews.len() as u64
            }
            Counts::Out(c) => c.delivered + c.parked == 0 && c.failed <= listed && c.held <= reviews.len() as u64,
        }
}

/// No comparison is left to make but those that wait for a person, no write waits, none is open.
fn at_rest(flow: &FlowStatus, runs: &[RunLine]) -> bool {
    let held = |run: &RunLine| match run.counts {
        Counts::Out(counts) if run.flow == flow.flow => Some(counts.held),
        _ => None,
    };
    flow.pending <= runs.iter().rev().find_map(held).unwrap_or(0) && flow.parked + flow.open == 0
}

#[derive(Default)]
struct Examples {
    merged: Option<RecordAnswer>,
    conflict: Option<(RecordAnswer, FieldWhy)>,
}

/// Looks through the first records for one that several rows of one system make up, and for a field that two disagree on.
async fn examples(context: &Context) -> Result<Examples, ApiError> {
    let mut found = Examples::default();
    let request = Request::Records { entity: Some("contact".into()), query: String::new(), after: 0, limit: EXAMPLES_MAX };
    for line in want!(context.call(request).await?, Records).records {
        if found.merged.is_some() && found.conflict.is_some() {
            break;
        }
        let Ok(record) = line.record.parse::<RecordRef>() else { continue };
        let shown = want!(context.call(Request::RecordShow { record: record.clone(), at: None }).await?, Record);
        if found.conflict.is_none() && line.connections.len() > 1 {
            let why = want!(context.call(Request::RecordWhy { record, field: None }).await?, Why);
            let fields = ["address.street", "job_title", "last_name", "email", "phone"];
            let conflict = why.fields.into_iter().find(|field| {
                fields.contains(&field.field.as_str()) && field.losers.iter().any(|loser| loser.display != field.display)
            });
            found.conflict = conflict.map(|field| (shown.clone(), field));
        }
        if found.merged.is_none() && is_merged(&shown) {
            found.merged = Some(shown);
        }
    }
    Ok(found)
}

/// Two objects of the same system are about one person.
fn is_merged(record: &RecordAnswer) -> bool {
    let names: Vec<&str> = record.contributions.iter().map(|contribution| contribution.connection.as_str()).collect();
    (1..names.len()).any(|at| names[..at].contains(&names[at]))
}

fn merged(record: &RecordAnswer) {
    say("\n— A duplicate that was merged");
    say(format_args!("  {} {} is known under these ids:", record.record, clean(&record.title)));
    for contribution in &record.contributions {
        say(format_args!("    {} ({})", clean(&contribution.remote), clean(&contribution.state)));
    }
    say(format_args!("  nave record show {}", record.record));
}

fn conflict(record: &RecordAnswer, field: &FieldWhy) {
    say("\n— A conflict that a rule decided");
    say(format_args!("  {} {}: {} = {}", record.record, clean(&record.title), clean(&field.field), clean(&field.display)));
    say(format_args!("    {}", clean(&field.sentence)));
    say(format_args!("  nave record why {} {}", record.record, field.field));
}

fn waiting(review: &ReviewAnswer) {
    say("\n— A record that waits for a person");
    say(format_args!("  {}", clean(&review.question)));
    for candidate in &review.candidates {
        say(format_args!("    {} {}: {}", candidate.record, clean(&candidate.title), clean(&candidate.reason)));
    }
    let choice = review.candidates.first().map_or("new", |candidate| candidate.record.as_str());
    say(format_args!("  nave review show {0}\n  nave review decide {0} {choice} --reason TEXT", review.review.id));
}

fn failed(letter: &DeadLetterLine) {
    say("\n— One that failed, with its fix");
    say(format_args!("  {} {} → {}: {}", clean(&letter.subject), clean(&letter.title), letter.flow, clean(&letter.message)));
    say(format_args!("    fix: {}", clean(&letter.fix)));
    say(format_args!("  nave dlq show {}", letter.id));
}

fn exceptions(reviews: &[ReviewLine], letters: &[DeadLetterLine], all: bool) {
    let shown = if all { usize::MAX } else { LISTED };
    if !reviews.is_empty() {
        say(format_args!("\nWaiting for a person ({}, `nave review list`):", reviews.len()));
    }
    for review in reviews.iter().take(shown) {
        say(format_args!("  {} {}", review.id, clean(&review.title)));
    }
    if !letters.is_empty() {
        say(format_args!("\nSet aside ({}, `nave dlq list`):", letters.len()));
    }
    for letter in letters.iter().take(shown) {
        say(format_args!(
            "  {} {} {} {}: {}",
            letter.id,
            letter.flow,
            clean(&letter.subject),
            letter.class,
            clean(&letter.message)
        ));
    }
}

/// What to type next.
pub(super) fn next_steps(dir: &Path) {
    let dir = dir.display();
    say("\nThe hub goes on: a change in one system reaches the others. Ctrl-C ends it; `nave demo` goes on from there.");
    say("Open the dashboard, or in another terminal:");
    for (command, what) in [
        ("status", "health of every flow"),
        ("record list contact wagner", "find somebody"),
        ("review list", "what waits for you"),
        ("dlq list", "what was set aside, and its fix"),
        ("mapping explain crm-contacts", "a mapping in plain English"),
        ("plugin grants", "what each plugin may do"),
        ("sync --full --json", "read everything again; nothing is written where nothing changed"),
    ] {
        say(format_args!("  nave --dir {dir} {command:<32} {what}"));
    }
}
