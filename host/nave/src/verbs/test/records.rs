//! `test seed`, `test clean`, `test roundtrip`: what is tried with test records.

use clap::Args;
use nave_hub::api::{Request, TestResult, TestRun, exit};

use crate::context::{Context, want};
use crate::output::{self, Rows, clean as cleaned, say};
use crate::verbs::Outcome;

/// Make test records, called TEST-DELETE-ME, and carry them to every system; refused in production
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// Entity [default: the one that most systems have in common]
    entity: Option<String>,
    /// How many
    #[arg(long, default_value_t = 3, value_parser = super::super::at_least_one)]
    count: usize,
}

/// Take every test record away from every system, and prove that none is left
#[derive(Debug, Args)]
pub(crate) struct Clean {}

/// Edit one system and look at the other, and the other way round, field by field; then nothing may move
#[derive(Debug, Args)]
pub(crate) struct Roundtrip {
    /// One flow, against each other one of its entity [default: all]
    flow: Option<String>,
}

pub(crate) async fn seed(verb: Seed, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::TestSeed { entity: verb.entity, count: verb.count }).await?, Seeded);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["record", "is there as"]);
    for record in &answer.records {
        rows.row([record.record.clone(), record.there.join(", ")]);
    }
    rows.print("None.");
    if answer.records.iter().all(|record| record.there.is_empty()) {
        say("No system took them: `nave plan` shows what is not agreed to, `nave dlq list` what was refused.");
    }
    say("`nave test clean` takes them away again.");
    Ok(exit::OK)
}

pub(crate) async fn clean(_verb: &Clean, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::TestClean).await?, Test);
    Ok(show(&answer, context))
}

pub(crate) async fn roundtrip(verb: Roundtrip, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::TestRoundtrip { flow: verb.flow }).await?, Test);
    Ok(show(&answer, context))
}

/// A suite as it ended; 1 where a case failed.
pub(super) fn show(run: &TestRun, context: &Context) -> u8 {
    let failed = run.count(TestResult::Failed);
    let code = if failed > 0 { exit::FAILED } else { exit::OK };
    if context.json {
        output::json(run);
        return code;
    }
    let mut rows = Rows::new(&["", "case", "why"]);
    for case in &run.cases {
        let word = match case.result {
            TestResult::Passed => "passed",
            TestResult::Failed => "FAILED",
            TestResult::Skipped => "skipped",
        };
        rows.row([word.to_owned(), case.name.clone(), cleaned(case.message.as_deref().unwrap_or_default())]);
    }
    rows.print("There was nothing to try.");
    say(format_args!(
        "\n{} {}: {} passed, {failed} failed, {} skipped; kept as test run {}",
        run.suite,
        run.at,
        run.count(TestResult::Passed),
        run.count(TestResult::Skipped),
        run.id
    ));
    code
}
