//! What a plugin says of itself, and whether it is so: its manifest, its streams, and what they can do.

use nave_core::conformance::kinds::Kind;
use nave_core::conformance::report::{Case, Plan};
use nave_core::conformance::streams;
use nave_runtime::contract::{Failure, Outcome, WriteOperation};
use nave_runtime::{CallError, HttpError};
use serde_json::json;

use super::bench::{Bench, came, delivered, delivery, is_broken, nested};
use super::sample::Subject;
use super::stage::{Asked, Given, Script};

const MANIFEST: Plan = Plan {
    name: "contract/manifest",
    expected: "a strict manifest, and a file that imports nothing which it does not ask for",
    change: "correct manifest.json; sdk/README.md lists its keys",
};
const POWERS: Plan = Plan {
    name: "contract/powers",
    expected: "what the manifest asks for is used: endpoints by `http` or `blob`, folders by `folder`",
    change: "take out of manifest.json what the plugin never uses: an operator is asked to grant it",
};
const DISCOVER: Plan = Plan {
    name: "contract/discover",
    expected: "streams, or `unavailable` where it has to ask a system that is out of reach",
    change: "answer `unavailable` for what could not be asked; in Rust `request.send()?`",
};
const STREAMS: Plan = Plan {
    name: "contract/streams",
    expected: "paths once, references to streams that are there, `searchable` and `upsert-by` of fields, capabilities that fit each other",
    change: "correct what `discover` answers",
};
const NO_STREAM: Plan = Plan {
    name: "contract/unknown-stream",
    expected: "`rejected` or `misconfigured` for a stream that `discover` does not name (of files that may still come: an empty page that ends no scan), and nothing asked of the system",
    change: "answer a failure for names that you do not know; in Rust `Failure::no_such_stream(stream)`",
};
const WRITABLE: Plan = Plan {
    name: "contract/writable",
    expected: "a stream that can be written sends a create, and one that cannot be refuses it",
    change: "make `writable` in `discover` say what `write` does",
};
const DELETABLE: Plan = Plan {
    name: "contract/deletable",
    expected: "a stream that can delete sends it, and one that cannot refuses it",
    change: "make `deletable` in `discover` say what `write` does with `delete`",
};
const MERGEABLE: Plan = Plan {
    name: "contract/mergeable",
    expected: "a stream that can merge sends it, and one that cannot refuses it",
    change: "make `mergeable` in `discover` say what `write` does with `merge`",
};
const SEARCHABLE: Plan = Plan {
    name: "contract/searchable",
    expected: "`find` asks the system for each path that is `searchable`, and never says that nothing is there for one that is not, or when nobody answers",
    change: "make `searchable` in `discover` the paths that `find` takes, and refuse all others",
};
const IDEMPOTENCY: Plan = Plan {
    name: "contract/idempotency-key",
    expected: "where `idempotency-key` is said, a create that comes again is the same request, and one with another id another request",
    change: "send the delivery's id, or a digest of it and the bytes, as the system's idempotency key",
};
const CONDITIONAL: Plan = Plan {
    name: "contract/conditional-write",
    expected: "where `conditional-write` is said, another version than the one over there is sent along or found to be a conflict",
    change: "send `if-version` as the system wants it (If-Match and the like), or do not say `conditional-write`",
};
const BATCH: Plan = Plan {
    name: "contract/no-deliveries",
    expected: "no outcomes for no deliveries, and nothing asked of the system",
    change: "answer an empty list at once",
};

const OTHER_VERSION: &str = "1999-12-31T23:59:59Z";

/// Manifest and imports, of every plugin.
pub(super) fn declared(bench: &Bench) -> Vec<Case> {
    let inspection = bench.plugin.inspection();
    let manifest = &inspection.manifest;
    let imports = |part: &str| inspection.imports.iter().any(|name| name.starts_with(&format!("nave:plugin/{part}@")));
    let mut unused = Vec::new();
    if !manifest.endpoints.is_empty() && !imports("http") && !imports("blob") {
        unused.push("it asks for endpoints and imports neither `http` nor `blob`".to_owned());
    }
    if !manifest.folders.is_empty() && !imports("folder") {
        unused.push("it asks for folders and does not import `folder`".to_owned());
    }
    // A file that breaks the first of them is refused before anything can be tried.
    let about = format!("{} {} (serial {})", manifest.name, manifest.version, manifest.serial);
    vec![MANIFEST.passed(about), POWERS.judged(&unused, "everything that it asks for")]
}

/// All cases of this group, of a connector.
pub(super) async fn run(bench: &Bench, known: bool) -> Vec<Case> {
    let mut cases = declared(bench);
    cases.push(discover(bench).await);
    if !known {
        let skip = |plan: Plan| plan.skipped("its streams are not known without answers of its system", super::RECORD);
        cases.extend([STREAMS, NO_STREAM, WRITABLE, DELETABLE, MERGEABLE, SEARCHABLE, IDEMPOTENCY, CONDITIONAL, BATCH].map(skip));
        return cases;
    }
    let writes = bench.plugin.inspection().exports.contains("destination");
    cases.push(STREAMS.judged(&streams::faults(&bench.streams, writes), format!("{} streams", bench.streams.len())));
    cases.push(unknown_stream(bench).await);
    cases.push(operation(bench, WRITABLE, |_| WriteOperation::Create, |subject| subject.stream.capabilities.writable).await);
    let delete = |subject: &Subject| WriteOperation::Delete(subject.an_id());
    cases.push(operation(bench, DELETABLE, delete, |subject| subject.stream.capabilities.deletable).await);
    let merge = |subject: &Subject| WriteOperation::Merge("nave-loser".to_owned(), subject.an_id());
    cases.push(operation(bench, MERGEABLE, merge, |subject| subject.stream.capabilities.mergeable).await);
    cases.push(searchable(bench).await);
    cases.push(idempotency(bench).await);
    cases.push(conditional(bench).await);
    cases.push(batch(bench).await);
    cases
}

fn out_of_reach() -> Given {
    Given::Error(HttpError::Unreachable("connection refused".to_owned()))
}

fn lost() -> Given {
    Given::Error(HttpError::NoAnswer("the answer was lost".to_owned()))
}

async fn discover(bench: &Bench) -> Case {
    let stage = bench.stage(bench.recordings.first().map(|one| &**one), Script::All(out_of_reach()));
    let result = match bench.start(&stage).await {
        Ok(mut instance) => instance.discover().await,
        Err(error) => Err(error),
    };
    match &result {
        Ok(streams) if streams.is_empty() => DISCOVER.failed("it has no streams"),
        Ok(streams) => DISCOVER.passed(format!("{} streams without a network", streams.len())),
        Err(CallError::Failure(Failure::Unavailable(_))) => DISCOVER.passed("it asks its system, and says that it cannot"),
        // Settings that nobody gave may be what is missing.
        Err(CallError::Failure(Failure::Misconfigured(why))) if stage.take().is_empty() => {
            DISCOVER.skipped(format!("it wants other settings: {why}"), "give them: `--set NAME=VALUE`")
        }
        Err(error) => DISCOVER.failed(error.to_string()),
    }
}

async fn unknown_stream(bench: &Bench) -> Case {
    let mut wrong = Vec::new();
    let stage = bench.stage(bench.recordings.first().map(|one| &**one), Script::Loose);
    let name = "nave-no-such-stream";
    let read = bench.read(&stage, name, None, 1).await;
    // A stream that a file makes may be there tomorrow.
    let folders = !bench.plugin.manifest().folders.is_empty();
    let none_yet = folders && read.as_ref().is_ok_and(|page| page.records.is_empty() && !page.complete_scan);
    let mut said = Vec::new();
    if !none_yet {
        said.push(("read", came(&read)));
    }
    if bench.plugin.inspection().exports.contains("destination") {
        let one = delivery("nave-conformance-1", WriteOperation::Create, &json!({}));
        said.push(("write", delivered(&bench.write(&stage, name, vec![one]).await)));
    }
    for (what, came) in said {
        if !matches!(came.kind, Kind::Rejected | Kind::Misconfigured) {
            wrong.push(format!("{what}: {} ({})", came.kind.word(), came.words));
        }
    }
    wrong.extend(stage.take().iter().map(|asked| format!("{} was asked", asked.line())));
    NO_STREAM.judged(&wrong, "refused")
}

/// One operation of every stream: sent where the stream can, refused where it cannot.
async fn operation(bench: &Bench, plan: Plan, make: impl Fn(&Subject) -> WriteOperation, can: impl Fn(&Subject) -> bool) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost()));
        let operation = make(subject);
        let body = match operation {
            WriteOperation::Create => nested(subject.text_field.as_deref().unwrap_or("name"), json!("Plain text")),
            _ => json!({}),
        };
        let result = bench.write(&stage, subject.name(), vec![delivery("nave-conformance-1", operation, &body)]).await;
        let asked = stage.take();
        let sent = asked.iter().any(|asked| asked.writes);
        let came = delivered(&result);
        tried += 1;
        let of = subject.name();
        match (can(subject), &result) {
            (_, Err(error)) if is_broken(error) => wrong.push(format!("{of}: {error}")),
            (true, Err(CallError::NotExported(what))) => wrong.push(format!("{of}: it does not export `{what}`")),
            (true, _) if came.kind == Kind::Rejected && !sent && asked.is_empty() && !refuses_body(&result) => {
                wrong.push(format!("{of}: refused ({})", came.words));
            }
            (false, _) if sent => wrong.push(format!("{of}: it was sent all the same")),
            (false, _) if came.kind == Kind::Written => wrong.push(format!("{of}: it is said to be written")),
            _ => {}
        }
    }
    match tried {
        0 => plan.skipped("it has no streams", ""),
        _ => plan.judged(&wrong, "as `discover` says"),
    }
}

/// It is the made-up body that is refused, by the name of a field.
fn refuses_body(result: &Result<Vec<Outcome>, CallError>) -> bool {
    matches!(result, Ok(outcomes) if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Rejected(no) if no.field.is_some() || no.class == "required")))
}

async fn searchable(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in &bench.subjects {
        let paths = &subject.stream.capabilities.searchable;
        for (path, is) in paths.iter().map(|path| (path.as_str(), true)).chain([("nave.no-such-path", false)]) {
            let stage = bench.stage(subject.recording.as_deref(), Script::All(out_of_reach()));
            let Ok(mut instance) = bench.start(&stage).await else { continue };
            let result = instance.find(subject.name(), path, vec!["nave-conformance@masked.example".to_owned()]).await;
            let asked = !stage.take().is_empty();
            tried += 1;
            let of = format!("{} by {path}", subject.name());
            match &result {
                Ok(_) => wrong.push(format!("{of}: an answer, though nobody was reached")),
                Err(error) if is_broken(error) => wrong.push(format!("{of}: {error}")),
                Err(error) if is && !asked => wrong.push(format!("{of}: nothing was asked ({error})")),
                Err(_) => {}
            }
        }
    }
    if bench.plugin.manifest().endpoints.is_empty() {
        return SEARCHABLE.skipped("it has no endpoints to be asked", "");
    }
    match tried {
        0 => SEARCHABLE.skipped("it has no streams", ""),
        _ => SEARCHABLE.judged(&wrong, "as `discover` says"),
    }
}

async fn created(bench: &Bench, subject: &Subject, id: &str) -> Vec<Asked> {
    let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost()));
    let body = nested(subject.text_field.as_deref().unwrap_or("name"), json!("Plain text"));
    let _ = bench.write(&stage, subject.name(), vec![delivery(id, WriteOperation::Create, &body)]).await;
    stage.take().into_iter().filter(|asked| asked.writes).collect()
}

async fn idempotency(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.idempotency_key) {
        let first = created(bench, subject, "nave-conformance-1").await;
        if first.is_empty() {
            continue;
        }
        tried += 1;
        if created(bench, subject, "nave-conformance-1").await != first {
            wrong.push(format!("{}: a create that comes again is another request", subject.name()));
        }
        if created(bench, subject, "nave-conformance-2").await == first {
            wrong.push(format!("{}: the id of the delivery is not in the request", subject.name()));
        }
    }
    match tried {
        0 => IDEMPOTENCY.skipped("no stream of it says that it has a key", ""),
        _ => IDEMPOTENCY.judged(&wrong, "the key is in the request"),
    }
}

async fn conditional(bench: &Bench) -> Case {
    let (mut wrong, mut tried) = (Vec::new(), 0_usize);
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.conditional_write) {
        let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost()));
        let path = subject.text_field.as_deref().unwrap_or("name");
        let mut update =
            delivery("nave-conformance-1", WriteOperation::Update(subject.an_id()), &nested(path, json!("Plain text")));
        update.if_version = Some(OTHER_VERSION.to_owned());
        let came = delivered(&bench.write(&stage, subject.name(), vec![update]).await);
        let sent: Vec<Asked> = stage.take().into_iter().filter(|asked| asked.writes).collect();
        if sent.is_empty() && came.kind != Kind::Conflict {
            // It looked at what is there, and that was not recorded.
            continue;
        }
        tried += 1;
        let names = |asked: &Asked| {
            asked.headers.iter().any(|(_, value)| value.contains(OTHER_VERSION))
                || super::sample::carries(asked, &json!(OTHER_VERSION))
        };
        if came.kind != Kind::Conflict && !sent.iter().any(names) {
            wrong.push(format!("{}: {} without the version", subject.name(), sent[0].line()));
        }
    }
    match tried {
        0 => CONDITIONAL.skipped("no stream of it says so, or what it looks at first was not recorded", ""),
        _ => CONDITIONAL.judged(&wrong, "it is honoured"),
    }
}

async fn batch(bench: &Bench) -> Case {
    let mut wrong = Vec::new();
    let mut tried = 0_usize;
    for subject in bench.subjects.iter().filter(|subject| subject.stream.capabilities.writable) {
        let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost()));
        let result = bench.write(&stage, subject.name(), Vec::new()).await;
        tried += 1;
        if let Err(error) = &result {
            wrong.push(format!("{}: {error}", subject.name()));
        }
        if stage.take().iter().any(|asked| asked.writes) {
            wrong.push(format!("{}: something was sent", subject.name()));
        }
    }
    match tried {
        0 => BATCH.skipped("no stream of it can be written", ""),
        _ => BATCH.judged(&wrong, "nothing"),
    }
}
