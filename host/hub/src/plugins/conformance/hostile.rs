//! Answers that a system in trouble gives with the status of a success, and pages that lead round in circles.

use nave_core::conformance::answers;
use nave_core::conformance::kinds::Kind;
use nave_core::conformance::place;
use nave_core::conformance::report::{Case, Plan};
use nave_runtime::CallError;
use nave_runtime::contract::{Page, WriteOperation};
use serde_json::{Value as Json, json};

use super::super::record::{Answer, Recording};
use super::bench::{Bench, REQUESTS_MAX, delivered, delivery, is_broken, nested};
use super::errors::NOTHING_ASKED;
use super::sample::{Place, Subject, change};
use super::stage::{Given, Script};

const NO_PAGE: &str =
    "a failure: what is no page is neither an empty page nor the end of a scan, for then everything would count as deleted";
const READ_STRICTLY: &str =
    "refuse what is not the answer that was expected (`unavailable`); in Rust `answer.json()?` and `slice::array` do";

macro_rules! plans {
    ($($name:literal),+) => { [$(Plan { name: concat!("hostile/", $name), expected: NO_PAGE, change: READ_STRICTLY }),+] };
}
static PLANS: [Plan; 12] = plans![
    "empty-body",
    "no-content",
    "truncated-json",
    "html-page",
    "html-called-json",
    "not-utf-8",
    "deep-nesting",
    "deep-objects",
    "huge-page",
    "a-number",
    "a-text",
    "redirect"
];
/// May be read as a page without rows, as an answer of a key that nobody knows: it must only not bring the plugin down.
const LENIENT: [&str; 1] = ["huge-page"];

const ROWS: Plan =
    Plan { name: "hostile/rows-of-another-type", expected: "a failure where the list of rows is no list", change: READ_STRICTLY };
const ONE_ROW: Plan = Plan {
    name: "hostile/one-row-of-another-type",
    expected: "the other rows come, and one that is no object is a record of its own or named in the failure",
    change: "make a record of every row, also of one that you do not understand; in Rust `slice::record`",
};
const NO_ID: Plan = Plan {
    name: "hostile/row-without-an-id",
    expected: "the row comes as a record without an id, the others come too, and the scan is not called complete",
    change: "hand it on with an empty id and its body as it came, and do not set `complete-scan`: who is missing, nobody knows",
};
const TWICE: Plan = Plan {
    name: "hostile/duplicate-ids",
    expected: "a row that comes twice is one thing: it is handed over at least once, and nothing breaks",
    change: "do not use ids as keys of something that may not have them twice",
};
const ENDLESS: Plan = Plan {
    name: "hostile/endless-paging",
    expected: "every call ends, though the system answers the same page with the same cursor again and again",
    change: "one page per call: answer `more` with a checkpoint instead of following the system's links within a call",
};
const NOT_WRITTEN: Plan = Plan {
    name: "hostile/answer-to-a-create",
    expected: "a create whose answer says nothing (an empty body, a page of HTML) is `unknown`",
    change: "say `written` only with the id that the system answered",
};

/// All cases of this group.
pub(super) async fn run(bench: &Bench, no_sample: (&str, &str)) -> Vec<Case> {
    let mut cases = pages(bench).await;
    cases.push(
        rows(
            bench,
            ROWS,
            no_sample,
            |list, _| *list = json!({ "unexpected": 17 }),
            |_, result| match result {
                Ok(page) if page.complete_scan => Err(format!("a page of {} records that ends a scan", page.records.len())),
                Ok(page) if !page.records.is_empty() => Err(format!("{} records of it", page.records.len())),
                Ok(_) | Err(CallError::Failure(_)) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
        )
        .await,
    );
    cases.push(
        rows(
            bench,
            ONE_ROW,
            no_sample,
            |list, nth| list[nth] = json!(17),
            |good, result| match result {
                Ok(page) if page.records.len() + 1 < good.records.len() => {
                    Err(format!("{} of {} records came", page.records.len(), good.records.len()))
                }
                Ok(page) if page.records.len() < good.records.len() && page.complete_scan => {
                    Err("the row was left out, and the scan called complete".to_owned())
                }
                Ok(_) => Ok(()),
                Err(CallError::Failure(failure)) => Err(format!("one row stops the whole page: {failure}")),
                Err(error) => Err(error.to_string()),
            },
        )
        .await,
    );
    cases.push(no_id(bench, no_sample).await);
    let twice = |list: &mut Json, nth: usize| {
        if let Some(list) = list.as_array_mut() {
            let row = list[nth].clone();
            list.push(row);
        }
    };
    cases.push(
        rows(bench, TWICE, no_sample, twice, |good, result| match result {
            Ok(page) if page.records.len() >= good.records.len() => Ok(()),
            Ok(page) => Err(format!("{} of {} records came", page.records.len(), good.records.len())),
            Err(error) => Err(error.to_string()),
        })
        .await,
    );
    cases.push(endless(bench, no_sample).await);
    cases.push(not_written(bench).await);
    cases
}

/// The answer that holds the rows, as it was recorded.
fn good(subject: &Subject) -> Vec<u8> {
    let (Some(recording), Some(place)) = (&subject.recording, &subject.text) else { return Vec::new() };
    match place.exchange.map(|at| &recording.exchanges[at].answer) {
        Some(Answer::Response { body, .. }) => body.bytes(),
        _ => Vec::new(),
    }
}

async fn pages(bench: &Bench) -> Vec<Case> {
    let readable: Vec<&Subject> = bench.subjects.iter().filter(|subject| subject.stream.capabilities.readable).collect();
    let mut results: Vec<(Vec<String>, usize)> = vec![(Vec::new(), 0); PLANS.len()];
    for subject in readable {
        for (answer, (wrong, tried)) in answers::all(&good(subject)).into_iter().zip(&mut results) {
            let given = Given::Answer { status: answer.status, headers: answer.headers, body: answer.body.into() };
            let stage = bench.stage(subject.recording.as_deref(), Script::All(given));
            let result = bench.read(&stage, subject.name(), None, subject.limit).await;
            if stage.take().is_empty() {
                continue;
            }
            *tried += 1;
            let of = format!("read {}", subject.name());
            match result {
                Err(error) if is_broken(&error) => wrong.push(format!("{of}: {error}")),
                Ok(page) if !LENIENT.contains(&answer.name) => {
                    let end = if page.complete_scan { ", the end of a scan" } else { "" };
                    wrong.push(format!("{of}: taken for a page of {} records{end}", page.records.len()));
                }
                _ => {}
            }
        }
    }
    let judged = PLANS.iter().zip(results).map(|(plan, (wrong, tried))| match tried {
        0 => plan.skipped(NOTHING_ASKED, ""),
        _ => plan.judged(&wrong, "refused"),
    });
    judged.collect()
}

/// Reads a recorded page whose list of rows was changed.
async fn rows(
    bench: &Bench,
    plan: Plan,
    no_sample: (&str, &str),
    spoil: impl Fn(&mut Json, usize),
    right: impl Fn(&Page, Result<Page, CallError>) -> Result<(), String>,
) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let Some((recording, page, place)) = sampled(subject) else { continue };
        let spoiled = change(recording, place, |answer| {
            let Some((list, nth)) = place::row(answer, &place.at, &place.remote_id) else { return false };
            place::at_mut(answer, &list).map(|list| spoil(list, nth)).is_some()
        });
        let Some(spoiled) = spoiled else { continue };
        tried += 1;
        let stage = bench.stage(Some(&spoiled), Script::Recorded);
        let result = bench.read(&stage, subject.name(), None, subject.limit).await;
        wrong.extend(right(page, result).err().map(|why| format!("read {}: {why}", subject.name())));
    }
    match tried {
        0 => plan.skipped(no_sample.0, no_sample.1),
        _ => plan.judged(&wrong, "as it must"),
    }
}

fn sampled(subject: &Subject) -> Option<(&Recording, &Page, &Place)> {
    Some((subject.recording.as_deref()?, subject.page.as_ref()?, subject.text.as_ref()?))
}

/// The row's id is taken away, wherever in the row it stands.
async fn no_id(bench: &Bench, no_sample: (&str, &str)) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let Some((recording, page, place)) = sampled(subject) else { continue };
        let mut removed = false;
        let spoiled = change(recording, place, |answer| {
            let Some((list, nth)) = place::row(answer, &place.at, &place.remote_id) else { return false };
            let Some(row) = place::at_mut(answer, &list).and_then(|list| list.get_mut(nth)) else { return false };
            let paths: Vec<place::Path> = place::leaves(row)
                .into_iter()
                .filter(|(_, leaf)| place::is_id(leaf, &place.remote_id))
                .map(|(path, _)| path)
                .collect();
            removed = !paths.is_empty();
            paths.iter().all(|path| place::put(row, path, Json::Null))
        });
        let Some(spoiled) = spoiled.filter(|_| removed) else { continue };
        tried += 1;
        let stage = bench.stage(Some(&spoiled), Script::Recorded);
        let of = format!("read {}", subject.name());
        match bench.read(&stage, subject.name(), None, subject.limit).await {
            Err(error) => wrong.push(format!("{of}: one row stops the whole page: {error}")),
            Ok(read) if read.records.len() < page.records.len() => {
                wrong.push(format!("{of}: the row was left out ({} of {} records)", read.records.len(), page.records.len()));
            }
            Ok(read) if read.complete_scan => wrong.push(format!("{of}: the scan was called complete")),
            Ok(_) => {}
        }
    }
    match tried {
        0 => NO_ID.skipped(no_sample.0, no_sample.1),
        _ => NO_ID.judged(&wrong, "a record without an id, and no complete scan"),
    }
}

/// Calls after the first of which a page is always the same.
const ROUNDS: usize = 3;

async fn endless(bench: &Bench, no_sample: (&str, &str)) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let (Some(recording), Some(page)) = (&subject.recording, &subject.page) else { continue };
        tried += 1;
        let script = subject.text.as_ref().and_then(|place| place.exchange).map_or(Script::Loose, Script::Again);
        // A page that is full to the last row: there may be more.
        let limit = u32::try_from(page.records.len().max(1)).unwrap_or(u32::MAX);
        let mut from: Option<Vec<u8>> = None;
        for round in 0..ROUNDS {
            let stage = bench.stage(Some(recording), script.clone());
            let result = bench.read(&stage, subject.name(), from.as_deref(), limit).await;
            let asked = stage.take().len();
            match result {
                _ if asked >= REQUESTS_MAX => {
                    wrong.push(format!("read {}, call {}: {asked} requests without an end", subject.name(), round + 1));
                    break;
                }
                Err(error) if is_broken(&error) => {
                    wrong.push(format!("read {}, call {}: {error}", subject.name(), round + 1));
                    break;
                }
                Err(_) => break,
                Ok(page) if !page.more => break,
                Ok(page) => from = Some(page.next),
            }
        }
    }
    match tried {
        0 => ENDLESS.skipped(no_sample.0, no_sample.1),
        _ => ENDLESS.judged(&wrong, "every call ended"),
    }
}

async fn not_written(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.writable) {
        for (what, body) in [("an empty body", ""), ("HTML", "<html><body>Sign in</body></html>")] {
            let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
            let given = Given::Answer { status: 200, headers, body: body.into() };
            let stage = bench.stage(subject.recording.as_deref(), Script::Writes(given));
            let path = subject.text_field.as_deref().unwrap_or("name");
            let one = delivery("nave-conformance-1", WriteOperation::Create, &nested(path, json!("Plain text")));
            let came = delivered(&bench.write(&stage, subject.name(), vec![one]).await);
            if !stage.take().iter().any(super::stage::Asked::asks_to_write) {
                continue;
            }
            tried += 1;
            if came.kind != Kind::Unknown {
                wrong.push(format!("create in {}, answered with {what}: {} ({})", subject.name(), came.kind.word(), came.words));
            }
        }
    }
    match tried {
        0 => NOT_WRITTEN.skipped("no stream of it sends a create without answers that are not recorded", ""),
        _ => NOT_WRITTEN.judged(&wrong, "unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_case() {
        let names: Vec<String> = answers::all(b"").iter().map(|answer| format!("hostile/{}", answer.name)).collect();
        assert_eq!(names, PLANS.iter().map(|plan| plan.name).collect::<Vec<_>>());
    }
}
