//! `test history`: suites that ran, and their results as files for others.

use std::path::{Path, PathBuf};

use askama::Template;
use clap::Args;
use nave_hub::api::{ApiError, Request, TestCase, TestResult, TestRun, exit};

use crate::context::{Context, want};
use crate::output::{self, Rows, ago, say};
use crate::verbs::Outcome;

/// Suites that ran, newest first, with what they ran under; as JUnit's XML or as a page, too
#[derive(Debug, Args)]
pub(crate) struct History {
    /// How many
    #[arg(long, default_value_t = 20, value_parser = super::super::at_least_one)]
    limit: usize,
    /// Write them to this file as JUnit's XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write them to this file as a page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

#[derive(Template)]
#[template(path = "tests.xml")]
struct Junit<'r> {
    runs: &'r [TestRun],
}

#[derive(Template)]
#[template(path = "tests.html")]
struct Html<'r> {
    runs: &'r [TestRun],
}

/// Seconds, as JUnit has them.
fn seconds(ms: &u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

fn all_seconds(run: &TestRun) -> String {
    seconds(&run.cases.iter().map(|case| case.ms).sum())
}

fn word(case: &TestCase) -> &'static str {
    match case.result {
        TestResult::Passed => "passed",
        TestResult::Failed => "failed",
        TestResult::Skipped => "skipped",
    }
}

/// What a system said, without characters that XML cannot hold.
fn message(case: &TestCase) -> String {
    case.message.iter().flat_map(|text| text.chars()).filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

pub(crate) async fn run(verb: History, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::TestHistory { limit: verb.limit }).await?, TestHistory);
    if let Some(file) = &verb.junit {
        write(file, Junit { runs: &answer.runs }.render())?;
    }
    if let Some(file) = &verb.html {
        write(file, Html { runs: &answer.runs }.render())?;
    }
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["run", "suite", "", "passed", "failed", "skipped", "environment", "configuration", "by"]);
    for run in &answer.runs {
        let count = |result| run.count(result).to_string();
        rows.row([
            run.id.to_string(),
            run.suite.clone(),
            ago(&run.at),
            count(TestResult::Passed),
            count(TestResult::Failed),
            count(TestResult::Skipped),
            run.environment.clone(),
            run.catalog.get(..12).unwrap_or(&run.catalog).to_owned(),
            run.by.clone(),
        ]);
    }
    rows.print("No test was run yet: `nave test roundtrip`");
    for file in verb.junit.iter().chain(&verb.html) {
        say(format_args!("written to {}", file.display()));
    }
    Ok(exit::OK)
}

fn write(file: &Path, text: Result<String, askama::Error>) -> Result<(), ApiError> {
    let text = text.map_err(|error| ApiError::failed(format!("the report could not be made: {error}")))?;
    std::fs::write(file, text).map_err(|error| {
        ApiError::usage(format!("{} cannot be written: {error}", file.display())).help("name a file in a folder that is there")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_said_breaks_no_report() {
        let case = TestCase {
            name: "crm → books: <last & first>".into(),
            result: TestResult::Failed,
            message: Some("\"]]>\u{1}<b>".into()),
            ms: 1_234,
        };
        let run = TestRun { id: 7, suite: "roundtrip".into(), cases: vec![case], ..TestRun::default() };
        let xml = Junit { runs: std::slice::from_ref(&run) }.render().unwrap();
        let html = Html { runs: std::slice::from_ref(&run) }.render().unwrap();
        assert!(xml.contains("tests=\"1\" failures=\"1\" skipped=\"0\"") && xml.contains("time=\"1.234\""), "{xml}");
        for text in [xml, html] {
            assert!(!text.contains("<last") && !text.contains("<b>") && !text.contains('\u{1}'), "{text}");
            assert!(text.contains("&#60;last &#38; first&#62;"), "{text}");
        }
    }
}
