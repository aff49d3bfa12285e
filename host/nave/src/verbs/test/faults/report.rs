//! How the matrix is shown: a bar while it runs, a table afterwards; as JSON one line per case, as soon as it is over.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::cases::Case;
use super::script::Ran;
use crate::context::Context;
use crate::output::{Rows, clean, json_line, say};

/// The matrix, as far as it is.
pub(super) struct Report {
    json: bool,
    bar: Option<ProgressBar>,
    ran: Vec<Ran>,
    began: Instant,
}

impl Report {
    pub(super) fn new(context: &Context, cases: usize) -> Self {
        let bar = (!context.json && std::io::stderr().is_terminal()).then(|| ProgressBar::new(cases as u64));
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {msg}")) {
            bar.set_style(style);
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { json: context.json, bar, ran: Vec::new(), began: Instant::now() }
    }

    pub(super) fn preparing(&mut self, plugin: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("preparing the plugin {plugin}"));
        }
    }

    pub(super) fn starts(&mut self, case: &Case) {
        if let Some(bar) = &self.bar {
            bar.set_message(case.name());
        }
    }

    pub(super) fn ends(&mut self, ran: &Ran) {
        let verdict = &ran.verdict;
        if self.json {
            json_line(&json!({
                "case": ran.case.name(), "passed": verdict.passed(), "lost": verdict.lost, "duplicated": verdict.duplicated,
                "unowned": verdict.unowned, "quiescent": verdict.quiescent, "wrong": verdict.wrong,
                "seconds": (ran.seconds * 10.0).round() / 10.0, "why": verdict.why,
                "reviews": verdict.reviews, "dead_letters": verdict.letters,
            }));
        }
        match &self.bar {
            Some(bar) => bar.inc(1),
            // A log is watched line by line.
            None if !self.json => say(line(ran)),
            None => {}
        }
        self.ran.push(Ran { case: ran.case, verdict: verdict.clone(), seconds: ran.seconds });
    }

    /// The table. Answers whether all passed.
    pub(super) fn finish(mut self) -> bool {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
            let mut rows = Rows::new(&["case", "", "lost", "twice", "unowned", "quiet", "seconds"]);
            for ran in &self.ran {
                let verdict = &ran.verdict;
                let word = if verdict.passed() { "ok" } else { "FAILED" };
                let counts = [verdict.lost, verdict.duplicated, verdict.unowned].map(|count| count.to_string());
                let [lost, twice, unowned] = counts;
                let quiet = if verdict.quiescent { "yes" } else { "no" };
                let seconds = format!("{:.1}", ran.seconds);
                rows.row([ran.case.name(), word.to_owned(), lost, twice, unowned, quiet.to_owned(), seconds]);
            }
            rows.print("");
        }
        let failed: Vec<&Ran> = self.ran.iter().filter(|ran| !ran.verdict.passed()).collect();
        if !self.json {
            for ran in &failed {
                say(format_args!("\n{}: {}", ran.case.name(), clean(&ran.case.about())));
                ran.verdict.why.iter().for_each(|why| say(format_args!("  {}", clean(why))));
                say(format_args!("  alone: nave test faults --case '{}'", ran.case.name()));
            }
            let (all, seconds) = (self.ran.len(), self.began.elapsed().as_secs());
            say(format_args!("\n{} passed, {} failed, in {seconds} seconds", all - failed.len(), failed.len()));
        }
        failed.is_empty()
    }
}

fn line(ran: &Ran) -> String {
    let word = if ran.verdict.passed() { "ok    " } else { "FAILED" };
    format!("{word} {} ({:.1} s)", ran.case.name(), ran.seconds)
}

/// The cases, and the kinds of flows.
pub(super) fn list(cases: &[Case], context: &Context) {
    if context.json {
        cases.iter().for_each(|case| json_line(&json!({ "case": case.name(), "sets": case.about() })));
        return;
    }
    let mut rows = Rows::new(&["case", "what goes wrong"]);
    cases.iter().for_each(|case| rows.row([case.name(), case.about()]));
    rows.print("");
    let flows: Vec<_> = super::flows::ALL.iter().map(|flow| format!("  {:<6} {}", flow.name, flow.about)).collect();
    say(format_args!("\nFlows:\n{}", flows.join("\n")));
}
