//! Whether a plugin comes to rest: the same question has the same answer, what was read is not new again, nothing is asked twice.

use nave_core::catalog::WriteMode as Mode;
use nave_core::conformance::kinds::Kind;
use nave_core::conformance::report::{Case, Plan};
use nave_runtime::HttpError;
use nave_runtime::contract::{Page, SourceRecord, WriteOperation};
use serde_json::{Value as Json, json};

use super::bench::{Bench, came, delivery};
use super::errors::NOTHING_ASKED;
use super::stage::{Given, Script};

const SAME: Plan = Plan {
    name: "quiet/same-again",
    expected: "the same call with the same answers gives the same page and asks the same, twice",
    change: "use no randomness and no order of a hash map; what must be remembered travels in the checkpoint",
};
const NO_MEMORY: Plan = Plan {
    name: "quiet/no-memory",
    expected: "what an instance did before changes nothing: a guest may be dropped and made anew between any two calls",
    change: "keep nothing in globals; what must be remembered travels in the checkpoint or in `state`",
};
const CHECKPOINT: Plan = Plan {
    name: "quiet/checkpoint",
    expected: "reading on from the last checkpoint gives nothing that was not read already",
    change: "let the checkpoint say what was read; an overlap may repeat records, as they were",
};
const UNREADABLE: Plan = Plan {
    name: "quiet/unreadable-checkpoint",
    expected: "`checkpoint-expired` for a checkpoint that the plugin cannot read, or the first page",
    change: "answer `checkpoint-expired`, so that the hub reads from the start; in Rust `checkpoint::decode(…)?`",
};
const NOTHING: Plan = Plan {
    name: "quiet/nothing-to-write",
    expected: "an update without a difference sends nothing that writes",
    change: "send nothing where `changed` is an empty object",
};

/// All cases of this group.
pub(super) async fn run(bench: &Bench, no_sample: (&str, &str)) -> Vec<Case> {
    vec![
        same(bench, no_sample).await,
        no_memory(bench, no_sample).await,
        checkpoint(bench, no_sample).await,
        unreadable(bench).await,
        nothing(bench).await,
    ]
}

async fn same(bench: &Bench, no_sample: (&str, &str)) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let (Some(recording), Some(page)) = (&subject.recording, &subject.page) else { continue };
        tried += 1;
        let mut asked = Vec::new();
        for _ in 0..2 {
            let stage = bench.stage(Some(recording), Script::Recorded);
            let again = bench.read(&stage, subject.name(), None, subject.limit).await;
            if again.as_ref() != Ok(page) {
                wrong.push(format!("read {}: another page", subject.name()));
            }
            asked.push(stage.take());
        }
        if asked[0] != asked[1] {
            wrong.push(format!("read {}: it asked something else the second time", subject.name()));
        }
    }
    judged(SAME, tried, &wrong, no_sample)
}

async fn no_memory(bench: &Bench, no_sample: (&str, &str)) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let (Some(recording), Some(page)) = (&subject.recording, &subject.page) else { continue };
        tried += 1;
        let stage = bench.stage(Some(recording), Script::Recorded);
        let Ok(mut instance) = bench.start(&stage).await else { continue };
        // Whatever these come to.
        let _ = instance.read("nave-no-such-stream", None, 1).await;
        let _ = instance.read(subject.name(), Some(page.next.as_slice()), subject.limit).await;
        let _ = instance.get(subject.name(), vec!["nave-no-such-id".to_owned()]).await;
        let body = json!({});
        let update = delivery("nave-conformance-1", WriteOperation::Update("nave-no-such-id".to_owned()), &body);
        let _ = instance.write(subject.name(), vec![update]).await;
        // The answers begin anew, the instance does not.
        let after = instance.read(subject.name(), None, subject.limit).await;
        if after.as_ref().map(|page| &page.records) != Ok(&page.records) {
            wrong.push(format!("read {}: another page after other calls", subject.name()));
        }
    }
    judged(NO_MEMORY, tried, &wrong, no_sample)
}

/// Pages of a recording, at most.
const PAGES_MAX: usize = 50;

async fn checkpoint(bench: &Bench, no_sample: (&str, &str)) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let (Some(recording), Some(first)) = (&subject.recording, &subject.page) else { continue };
        let mut seen: Vec<SourceRecord> = first.records.clone();
        let mut last: Page = first.clone();
        let stage = bench.stage(Some(recording), Script::Recorded);
        for _ in 0..PAGES_MAX {
            if !last.more {
                break;
            }
            match bench.read(&stage, subject.name(), Some(&last.next), subject.limit).await {
                Ok(page) => {
                    seen.extend(page.records.iter().cloned());
                    last = page;
                }
                Err(_) => break,
            }
        }
        if last.more {
            continue;
        }
        // What was recorded may end here.
        let Ok(again) = bench.read(&stage, subject.name(), Some(&last.next), subject.limit).await else { continue };
        if !stage.unrecorded().is_empty() {
            continue;
        }
        tried += 1;
        for record in again.records.iter().filter(|record| !seen.contains(record)) {
            wrong.push(format!("read {}: {:?} is new, though nothing changed", subject.name(), record.remote_id));
        }
    }
    judged(CHECKPOINT, tried, &wrong, if no_sample.0.is_empty() { RECORD_MORE } else { no_sample })
}

const RECORD_MORE: (&str, &str) = (
    "no recording goes on to the end of a stream and once more",
    "record a connection with fewer records, or with more of them in a page: `nave plugin record CONNECTION --records 500`",
);

async fn unreadable(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.readable) {
        for bytes in [b"\xff\x00 no checkpoint of yours".as_slice(), b"", b"{\"nave\":\"conformance\"}"] {
            let stage = bench.stage(subject.recording.as_deref(), Script::Recorded);
            let result = bench.read(&stage, subject.name(), Some(bytes), subject.limit).await;
            tried += 1;
            let from_the_start = matches!((&result, &subject.page), (Ok(page), Some(first)) if page.records == first.records);
            let found = came(&result);
            // Without answers it may have begun from the start, and been told that nobody is there.
            let asked_in_vain = subject.page.is_none() && found.kind == Kind::Unavailable && !stage.take().is_empty();
            if found.kind != Kind::CheckpointExpired && !from_the_start && !asked_in_vain {
                let shown = String::from_utf8_lossy(bytes);
                wrong.push(format!("read {} after {shown:?}: {} ({})", subject.name(), found.kind.word(), found.words));
            }
        }
    }
    judged(UNREADABLE, tried, &wrong, ("its streams are not known without answers of its system", super::RECORD))
}

async fn nothing(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.writable) {
        let page = subject.page.iter().flat_map(|page| &page.records).find(|record| !record.remote_id.is_empty());
        if subject.stream.capabilities.write_mode == Mode::Replace {
            continue;
        }
        let lost = Given::Error(HttpError::NoAnswer("the answer was lost".to_owned()));
        let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost));
        let desired: Json = page.and_then(|record| serde_json::from_slice(&record.body).ok()).unwrap_or_else(|| json!({}));
        let mut update = delivery("nave-conformance-1", WriteOperation::Update(subject.an_id()), &desired);
        update.changed = b"{}".to_vec();
        let _ = bench.write(&stage, subject.name(), vec![update]).await;
        tried += 1;
        wrong.extend(
            stage
                .take()
                .iter()
                .filter(|asked| asked.writes)
                .map(|asked| format!("{}: {} was sent", subject.name(), asked.line())),
        );
    }
    judged(NOTHING, tried, &wrong, (NOTHING_ASKED, ""))
}

fn judged(plan: Plan, tried: usize, wrong: &[String], skipped: (&str, &str)) -> Case {
    match tried {
        0 => plan.skipped(skipped.0, skipped.1),
        _ => plan.judged(wrong, "as it must"),
    }
}
