//! A plugin on the bench: calls to it, each in an instance of its own, and what came of them in the contract's words.

use std::sync::Arc;
use std::time::Duration;

use nave_core::catalog::StreamInfo;
use nave_core::conformance::kinds::{Came, Fault, Kind, Trial};
use nave_runtime::contract::{Delivery, Failure, Outcome, Page, WriteOperation};
use nave_runtime::{CallError, HttpError, Instance, InstanceLimits, Plugin};
use serde_json::{Value as Json, json};

use super::super::record::Recording;
use super::sample::Subject;
use super::stage::{Given, Script, Stage};

/// Requests of one call. A plugin that has not come to an end by then follows its system round in circles.
pub(super) const REQUESTS_MAX: usize = 250;
/// One call, waiting included; nothing here waits.
const CALL: Duration = Duration::from_secs(60);
/// What the clock says where nothing was recorded: 2026-11-24T02:00:00Z.
pub(super) const AT_MS: u64 = 1_795_485_600_000;

/// The plugin, and what it is tried with.
pub(super) struct Bench {
    pub(super) plugin: Plugin,
    /// Settings that go before those of a recording.
    pub(super) settings: Json,
    pub(super) recordings: Vec<Arc<Recording>>,
    /// What `discover` says, where that is known.
    pub(super) streams: Vec<StreamInfo>,
    pub(super) subjects: Vec<Subject>,
    pub(super) seed: u64,
}

impl Bench {
    /// A host with the answers of a recording.
    pub(super) fn stage(&self, recording: Option<&Recording>, script: Script) -> Arc<Stage> {
        let mut settings = recording.map_or_else(|| json!({}), |recording| recording.settings.clone());
        if let (Json::Object(all), Json::Object(given)) = (&mut settings, &self.settings) {
            for (name, value) in given {
                // What somebody gave counts, what was made up only where nothing was recorded.
                if recording.is_none() || !all.contains_key(name) || !made_up(value) {
                    all.insert(name.clone(), value.clone());
                }
            }
        }
        let at = recording.map_or(AT_MS, |recording| recording.at);
        Stage::new(&settings, at, recording, self.plugin.manifest(), script)
    }

    pub(super) async fn start(&self, stage: &Arc<Stage>) -> Result<Instance, CallError> {
        let limits = InstanceLimits { http_requests: REQUESTS_MAX as u64, call: CALL, ..InstanceLimits::default() };
        Instance::start(&self.plugin, stage.clone(), limits).await
    }

    pub(super) async fn read(
        &self,
        stage: &Arc<Stage>,
        stream: &str,
        from: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, CallError> {
        self.start(stage).await?.read(stream, from, limit).await
    }

    pub(super) async fn write(
        &self,
        stage: &Arc<Stage>,
        stream: &str,
        deliveries: Vec<Delivery>,
    ) -> Result<Vec<Outcome>, CallError> {
        self.start(stage).await?.write(stream, deliveries).await
    }
}

/// Hosts that are nobody's: settings that were made up name them.
pub(super) const NOBODYS_HOST: &str = "https://system.example";

fn made_up(value: &Json) -> bool {
    value == NOBODYS_HOST || value == "conformance"
}

/// What a trial's system answers.
pub(super) fn given(trial: &Trial) -> Given {
    match trial.fault {
        Fault::Status(status) => {
            let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            headers.extend(trial.retry_after_s.map(|seconds| ("retry-after".to_owned(), seconds.to_string())));
            Given::Answer { status, headers, body: br#"{"message":"no"}"#.as_slice().into() }
        }
        Fault::Timeout => Given::Error(HttpError::NoAnswer("no answer came within 30 seconds".to_owned())),
        Fault::Reset => Given::Error(HttpError::NoAnswer("the connection was closed before the answer was there".to_owned())),
        Fault::Unreachable => Given::Error(HttpError::Unreachable("connection refused".to_owned())),
        Fault::TooLarge => Given::Error(HttpError::TooLarge(32 << 20)),
    }
}

/// What a call came to that answers or fails.
pub(super) fn came<T>(result: &Result<T, CallError>) -> Came {
    match result {
        Ok(_) => Came { kind: Kind::Answered, wait_ms: None, words: "no failure at all".to_owned() },
        Err(error) => failed(error),
    }
}

/// What a delivery came to.
pub(super) fn delivered(result: &Result<Vec<Outcome>, CallError>) -> Came {
    match result {
        Ok(outcomes) => outcomes.first().map_or_else(
            || Came { kind: Kind::Broken, wait_ms: None, words: "no outcome".to_owned() },
            |outcome| {
                let (kind, wait_ms, words) = match outcome {
                    Outcome::Written(written) => (Kind::Written, None, format!("as {}", written.remote_id)),
                    Outcome::Conflict(_) => (Kind::Conflict, None, String::new()),
                    Outcome::Gone => (Kind::Gone, None, String::new()),
                    Outcome::MergedInto(winner) => (Kind::MergedInto, None, winner.clone()),
                    Outcome::RetryAfter(ms) => (Kind::RetryAfter, Some(*ms), format!("{ms} ms")),
                    Outcome::Rejected(no) => (Kind::Rejected, None, format!("{}: {}", no.class, no.message)),
                    Outcome::Unknown(why) => (Kind::Unknown, None, why.clone()),
                };
                Came { kind, wait_ms, words }
            },
        ),
        Err(error) => failed(error),
    }
}

fn failed(error: &CallError) -> Came {
    let words = error.to_string();
    let (kind, wait_ms) = match error {
        CallError::Failure(Failure::RetryAfter(ms)) => (Kind::RetryAfter, Some(*ms)),
        CallError::Failure(Failure::Unavailable(_)) => (Kind::Unavailable, None),
        CallError::Failure(Failure::Unauthorized(_)) => (Kind::Unauthorized, None),
        CallError::Failure(Failure::Misconfigured(_)) => (Kind::Misconfigured, None),
        CallError::Failure(Failure::Rejected(_)) => (Kind::Rejected, None),
        CallError::Failure(Failure::CheckpointExpired) => (Kind::CheckpointExpired, None),
        _ => (Kind::Broken, None),
    };
    Came { kind, wait_ms, words }
}

/// Whether the plugin itself is at fault: it crashed, hung, passed a bound or broke the contract.
pub(super) fn is_broken(error: &CallError) -> bool {
    !matches!(error, CallError::Failure(_) | CallError::NotExported(_))
}

/// A delivery of these fields.
pub(super) fn delivery(id: &str, operation: WriteOperation, body: &Json) -> Delivery {
    let bytes = body.to_string().into_bytes();
    Delivery { id: id.to_owned(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

/// `a.b` as an object with this value there.
pub(super) fn nested(path: &str, value: Json) -> Json {
    path.rsplit('.').fold(value, |value, key| json!({ key: value }))
}
