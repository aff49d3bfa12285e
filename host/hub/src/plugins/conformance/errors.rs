//! Whether failures of the system come out as what the contract calls them: each its own kind, a wait carried over, a lost write unknown.

use nave_core::conformance::kinds::{Came, Fault, Kind, TRIALS, Trial, judge, one_word};
use nave_core::conformance::report::{Case, Plan};
use nave_runtime::contract::WriteOperation;
use serde_json::json;

use super::bench::{Bench, came, delivered, delivery, given, nested};
use super::sample::Subject;
use super::stage::{Asked, Script};

const KINDS: Plan = Plan {
    name: "errors/kinds",
    expected: "a refused credential, a missing right, a thing that is not there, too many calls and a broken server are told apart",
    change: "look at the status: 401 is `unauthorized`, 429 `retry-after`, 5xx `unavailable`, other 4xx `rejected` or `misconfigured`; in Rust `answer.ok()?` does that",
};
const LOST: Plan = Plan {
    name: "errors/lost-write",
    expected: "a write that was sent and not answered is `unknown`: neither written nor refused, and not a failure that says nothing was sent",
    change: "answer `unknown` when the request of a write got no answer; in Rust `request.send().map_err(write::lost)?`",
};
/// Trials that are told apart.
const APART: [&str; 5] = ["401", "403", "404", "429", "500"];

const fn plan(name: &'static str) -> Plan {
    Plan {
        name,
        expected: "the kind that the contract has for it (`wit/v0.2/types.wit`, `failure`, and `outcome` of a write), with the wait that the system names",
        change: "class it by its status where the answer comes in; in Rust `answer.ok()?` of a call that reads, `write::refused(&answer)` of a write",
    }
}

/// Names of the cases, in the order of [`TRIALS`].
static PLANS: [Plan; 17] = [
    plan("errors/400"),
    plan("errors/401"),
    plan("errors/403"),
    plan("errors/404"),
    plan("errors/409"),
    plan("errors/422"),
    plan("errors/429"),
    plan("errors/429-with-a-wait"),
    plan("errors/500"),
    plan("errors/502"),
    plan("errors/503"),
    plan("errors/503-with-a-wait"),
    plan("errors/504"),
    plan("errors/timeout"),
    plan("errors/reset"),
    plan("errors/unreachable"),
    plan("errors/too-large"),
];

/// All cases of this group.
pub(super) async fn run(bench: &Bench) -> Vec<Case> {
    let mut apart = Vec::new();
    let mut found = Vec::new();
    for (trial, plan) in TRIALS.iter().zip(&PLANS) {
        let (mut wrong, mut tried) = (Vec::new(), 0_usize);
        for (of, came) in reading(bench, trial).await {
            tried += 1;
            if APART.contains(&trial.name) {
                apart.push((of.clone(), came.kind));
            }
            wrong.extend(judge(trial, trial.reading, &came).err().map(|why| format!("{of}: {why}")));
        }
        if !matches!(trial.fault, Fault::Timeout | Fault::Reset) {
            for (of, came) in writing(bench, trial).await {
                tried += 1;
                wrong.extend(judge(trial, trial.writing, &came).err().map(|why| format!("{of}: {why}")));
            }
        }
        found.push((plan, wrong, tried));
    }
    let mut names: Vec<&String> = apart.iter().map(|(of, _)| of).collect();
    names.sort();
    names.dedup();
    let same: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let kinds: Vec<Kind> = apart.iter().filter(|(of, _)| of == name).map(|(_, kind)| *kind).collect();
            one_word(&kinds).map(|kind| format!("{name}: {} all come out as {}", APART.join(", "), kind.word()))
        })
        .collect();
    let nothing = apart.is_empty();
    let mut cases = vec![match nothing {
        true => KINDS.skipped(NOTHING_ASKED, ""),
        false => KINDS.judged(&same, "they come out as different kinds"),
    }];
    for (plan, wrong, tried) in found {
        cases.push(match (tried, same.is_empty()) {
            (0, _) => plan.skipped(NOTHING_ASKED, ""),
            (_, false) => plan.skipped("all errors are one kind", "mend errors/kinds first"),
            _ => plan.judged(&wrong, format!("as the contract says, in {tried} calls")),
        });
    }
    cases.push(lost(bench).await);
    cases
}

pub(super) const NOTHING_ASKED: &str = "it asks nothing of a system over HTTP without answers that are not recorded";

/// What reading calls come to; only those that asked anything.
async fn reading(bench: &Bench, trial: &Trial) -> Vec<(String, Came)> {
    let mut found = Vec::new();
    let stage = bench.stage(bench.recordings.first().map(|one| &**one), Script::All(given(trial)));
    if let Ok(mut instance) = bench.start(&stage).await {
        let result = instance.check().await;
        if !stage.take().is_empty() {
            found.push(("check".to_owned(), came(&result)));
        }
    }
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.readable) {
        let stage = bench.stage(subject.recording.as_deref(), Script::All(given(trial)));
        let result = bench.read(&stage, subject.name(), None, subject.limit).await;
        if !stage.take().is_empty() {
            found.push((format!("read {}", subject.name()), came(&result)));
        }
    }
    found
}

/// What deliveries come to; only those of which a writing request went out.
async fn writing(bench: &Bench, trial: &Trial) -> Vec<(String, Came)> {
    let mut found = Vec::new();
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.writable) {
        for (what, operation) in [("create", WriteOperation::Create), ("update", WriteOperation::Update(subject.an_id()))] {
            let (came, asked) = one(bench, subject, operation, trial).await;
            if asked.iter().any(Asked::asks_to_write) {
                found.push((format!("{what} in {}", subject.name()), came));
            }
        }
    }
    found
}

async fn one(bench: &Bench, subject: &Subject, operation: WriteOperation, trial: &Trial) -> (Came, Vec<Asked>) {
    let stage = bench.stage(subject.recording.as_deref(), Script::Writes(given(trial)));
    let field = subject.text_field.as_deref().or_else(|| {
        let fields = subject.stream.fields.iter().find(|field| !field.read_only && field.target.is_none());
        fields.map(|field| field.path.as_str())
    });
    let body = field.map_or_else(|| json!({}), |path| nested(path, json!("Plain text")));
    let result = bench.write(&stage, subject.name(), vec![delivery("nave-conformance-1", operation, &body)]).await;
    (delivered(&result), stage.take())
}

/// What becomes of writes whose answer was lost, and that nothing is sent again.
async fn lost(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for trial in TRIALS.iter().filter(|trial| matches!(trial.fault, Fault::Timeout | Fault::Reset)) {
        for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.writable) {
            for (what, operation) in [("create", WriteOperation::Create), ("update", WriteOperation::Update(subject.an_id()))] {
                let (came, asked) = one(bench, subject, operation, trial).await;
                let sent: Vec<&Asked> = asked.iter().filter(|asked| asked.asks_to_write()).collect();
                if sent.is_empty() {
                    continue;
                }
                tried += 1;
                let of = format!("{what} in {}", subject.name());
                wrong.extend(judge(trial, trial.writing, &came).err().map(|why| format!("{of}: {why}")));
                if let Some(again) = (1..sent.len()).find(|at| sent[..*at].contains(&sent[*at])) {
                    wrong.push(format!("{of}: {} was sent a second time by the plugin itself", sent[again].line()));
                }
            }
        }
    }
    match tried {
        0 => LOST.skipped("no stream of it sends a write without answers that are not recorded", ""),
        _ => LOST.judged(&wrong, format!("unknown, in {tried} writes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trial_has_a_case() {
        for (trial, plan) in TRIALS.iter().zip(&PLANS) {
            assert_eq!(plan.name, format!("errors/{}", trial.name));
        }
        assert!(APART.iter().all(|name| TRIALS.iter().any(|trial| trial.name == *name)));
    }
}
