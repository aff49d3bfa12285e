//! `assess`: a connected system measured, beside what its connector claims.

use clap::Args;
use nave_core::schedule::parse_span;
use nave_hub::api::{ApiError, AssessAnswer, Lengths, Request, Showed, StreamAssessment, exit};

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, ago, clean, say};

/// Longest wait that makes sense: a day.
const WAIT_MS_MAX: u64 = 86_400_000;

/// Measure a connected system: how fast it answers, how large its pages are, how far its clock is off; and, with test records, when
/// a write shows where
#[derive(Debug, Args)]
#[command(after_help = "It reads a few pages of each stream, within the account's budget, and keeps nothing of them. With\n\
      --write-test-records it also writes one record, called TEST-DELETE-ME, through each flow that writes there, looks for it by\n\
      id, by search, by listing and by webhook, deletes it, and looks again; `nave test clean` takes away what a broken-off run\n\
      left. What was not measured is said, with the reason. Exit code 1: test records are left.\n\n\
      Examples:\n  nave assess crm\n  nave assess crm --write-test-records --wait 5m\n  nave assess crm --history --json")]
pub(crate) struct Assess {
    /// Connection
    connection: String,
    /// Also write a test record and take it away again; refused in production
    #[arg(long, conflicts_with = "history")]
    write_test_records: bool,
    /// Longest wait for anything to show
    #[arg(long, value_name = "SPAN", default_value = "3m")]
    wait: String,
    /// Show the assessments that were kept, measure nothing
    #[arg(long)]
    history: bool,
}

pub(crate) async fn run(verb: Assess, context: &Context) -> Outcome {
    let name = verb.connection;
    if verb.history {
        let answer = want!(context.call(Request::Assessments { name: Some(name), limit: 50 }).await?, Assessments);
        if context.json {
            output::json(&answer);
            return Ok(exit::OK);
        }
        let mut rows = Rows::new(&["run", "", "requests", "p95", "not as claimed", "settings", "by"]);
        for one in &answer.assessments {
            let slowest = one.streams.iter().filter_map(|stream| stream.pages.p95_ms).max();
            rows.row([
                one.id.to_string(),
                ago(&one.at),
                one.requests.to_string(),
                slowest.map_or_else(String::new, |ms| format!("{ms} ms")),
                one.disagreements.len().to_string(),
                one.settings.len().to_string(),
                one.by.clone(),
            ]);
        }
        rows.print("It was not assessed yet: `nave assess NAME`");
        return Ok(exit::OK);
    }
    let wait_ms = parse_span(&verb.wait).filter(|ms| (1_000..=WAIT_MS_MAX).contains(ms)).ok_or_else(|| {
        ApiError::usage(format!("`{}` is no time to wait", verb.wait.escape_debug())).help("write it as 90s or 5m, a day at most")
    })?;
    let request = Request::Assess { name, write_test_records: verb.write_test_records, wait_s: wait_ms / 1_000 };
    let answer = want!(context.call(request).await?, Assess);
    let code = if answer.left.is_empty() { exit::OK } else { exit::FAILED };
    if context.json {
        output::json(&answer);
        return Ok(code);
    }
    show(&answer);
    Ok(code)
}

fn show(answer: &AssessAnswer) {
    let mut rows = Rows::new(&["stream", "request p50", "p95", "page p50", "p95", "records a page"]);
    for one in &answer.streams {
        let given = match one.page_given {
            Some(given) => format!("{given} (asked for {})", one.page_asked),
            None => format!("all in one (asked for {})", one.page_asked),
        };
        let [request, request_95] = both(&one.requests);
        let [page, page_95] = both(&one.pages);
        rows.row([one.stream.clone(), request, request_95, page, page_95, given]);
    }
    rows.print("No stream could be read.");
    let mut rows = Rows::new(&["stream", "measured", "after a write", "claimed"]);
    for one in &answer.streams {
        for (what, showed) in one.written.iter().flat_map(|written| written.showed()) {
            rows.row([one.stream.clone(), what.to_owned(), span(showed), claim(one, what)]);
        }
    }
    if answer.streams.iter().any(|one| one.written.is_some()) {
        say("");
        rows.print("Nothing showed.");
    }
    say("");
    if let Some(ms) = answer.skew_ms {
        say(format_args!("clock: {} ms {} ours, to about a second", ms.abs(), if ms < 0 { "behind" } else { "ahead of" }));
    }
    for (name, value) in &answer.rates {
        say(format_args!("rate: {}: {}", clean(name), clean(value)));
    }
    for said in &answer.disagreements {
        say(format_args!("NOT AS CLAIMED: {}", clean(said)));
    }
    for one in &answer.not_measured {
        let stream = one.stream.as_ref().map_or_else(String::new, |stream| format!("{stream}: "));
        say(format_args!("not measured: {stream}{}: {}", one.what, clean(&one.why)));
    }
    for one in &answer.settings {
        let section = if one.section.is_empty() { String::new() } else { format!("[{}]\n", one.section) };
        say(format_args!("\nin {}, because of {}:\n{section}{}", one.file, clean(&one.why), one.line));
    }
    for left in &answer.left {
        say(format_args!("STILL THERE: {}: `nave test clean` tries again", clean(left)));
    }
    say(format_args!("\n{} requests; kept as test run {}", answer.requests, answer.id));
}

fn both(lengths: &Lengths) -> [String; 2] {
    [lengths.p50_ms, lengths.p95_ms].map(|ms| ms.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms")))
}

/// `90.1 s (not before 87.0 s)`.
fn span(showed: Showed) -> String {
    let seconds = |ms: u64| format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10);
    match showed.not_before_ms {
        Some(before) => format!("{} (not before {})", seconds(showed.after_ms), seconds(before)),
        None => format!("{}, at the first look", seconds(showed.after_ms)),
    }
}

fn claim(one: &StreamAssessment, what: &str) -> String {
    match what {
        what if what.starts_with("a deletion") => format!("deletions: {}", one.claimed.deletes),
        "webhook delay" => "tells at once".to_owned(),
        _ => format!("at most {} ms", one.claimed.read_lag_ms),
    }
}
