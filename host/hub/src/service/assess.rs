//! `assess`: a connected system measured, beside what its connector claims, with the settings that follow. Kept as test runs are.

use std::time::Duration;

use nave_core::assess::{lag_seconds, lags_longer, percentile, stated};
use nave_core::catalog::{Capabilities, ChangeDetection, Connection, DeleteDetection, Mapping, StreamInfo};
use nave_core::limits::{ASSESSED_STREAMS_MAX, ASSESSMENTS_MAX, PAGE_RECORDS, SKEW_MS_MIN};
use nave_core::model::Cause;
use nave_store::KeyedRow;
use tokio::task::block_in_place;

use super::{audit, configuration, tests_kept, unknown};
use crate::api::{
    ApiError, AssessAnswer, AssessmentsAnswer, Claimed, Lengths, NotMeasured, ProgressSender, Recommended, Showed,
    StreamAssessment, TestCase, TestResult, WrittenAssessment,
};
use crate::engine::assess::{Look, Probe, Written};
use crate::engine::{Engine, EngineError};
use crate::hub::Hub;

/// Rows: assessments, by connection and number.
const SPACE: &str = "assessments";
/// Setting by which a connector is told how long its system's readings lag; a convention of connectors.
const LAG_SETTING: &str = "lag-seconds";

/// What is to be measured.
pub(super) struct How {
    /// Also with a test record.
    pub(super) write: bool,
    /// Longest wait for anything to show.
    pub(super) wait: Duration,
}

/// Measures a connection.
pub(super) async fn assess(
    hub: &Hub,
    name: &str,
    how: &How,
    by: &str,
    progress: &ProgressSender,
) -> Result<AssessAnswer, ApiError> {
    let engine = hub.engine.as_ref();
    let catalog = engine.catalog();
    let Some(connection) = catalog.connections.get(name) else {
        return Err(unknown("connection", name, catalog.connections.keys()));
    };
    let before = engine.talk(name).requests;
    // What it says now.
    engine.forget_streams(name);
    let spoke = |error| match error {
        EngineError::Spoke(_, error) => configuration::broken(name, error),
        error => error.into(),
    };
    let offered = engine.streams(name).await.map_err(spoke)?;
    let plugin = engine.spoke(name).map_err(spoke)?.digest();
    let mut answer = AssessAnswer { connection: name.to_owned(), by: by.to_owned(), plugin, ..AssessAnswer::default() };
    let mapped = |stream: &StreamInfo| catalog.mappings.values().any(|m| m.connection == name && m.stream == stream.name);
    let mut streams: Vec<&StreamInfo> = offered.iter().filter(|stream| stream.capabilities.readable).collect();
    streams.sort_by_key(|stream| !mapped(stream));
    for (index, stream) in streams.iter().enumerate() {
        if index >= ASSESSED_STREAMS_MAX {
            let why = format!("{ASSESSED_STREAMS_MAX} streams are read at once");
            skip(&mut answer, Some(&stream.name), "everything", &why);
            continue;
        }
        progress.report(&format!("reading {}", stream.name), index as u64, Some(streams.len() as u64));
        match engine.measure_reading(name, &stream.name).await {
            Ok(measured) => answer.streams.push(StreamAssessment {
                stream: stream.name.clone(),
                claimed: claimed(&stream.capabilities),
                requests: lengths(&measured.requests_ms),
                pages: lengths(&measured.pages_ms),
                page_asked: u64::from(PAGE_RECORDS),
                page_given: measured.given,
                written: None,
            }),
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error.into()),
            Err(error) => skip(&mut answer, Some(&stream.name), "everything", &error.to_string()),
        }
    }
    if how.write {
        audit(engine, by, "assess.writes", name, "writes test records, and takes them away again").await?;
        write(hub, connection, how, progress, &mut answer).await?;
    } else {
        let why = "it needs a record that is written and deleted: `--write-test-records`, never in production";
        skip(&mut answer, None, "lags, visibility of deletions, webhook delay", why);
    }
    let talk = engine.talk(name);
    answer.requests = talk.requests.saturating_sub(before);
    answer.skew_ms = talk.skew_ms();
    answer.rates.clone_from(talk.rates());
    if answer.skew_ms.is_none() {
        skip(&mut answer, None, "clock", "no answer said its time (the header Date)");
    }
    if answer.rates.is_empty() {
        skip(&mut answer, None, "rate", "no answer had a header about how often it may be asked");
    }
    let lag_setting = block_in_place(|| hub.guests.manifest(&connection.plugin))
        .is_ok_and(|manifest| manifest.settings.contains_key(LAG_SETTING));
    let set = Set {
        name,
        plugin: &connection.plugin,
        requests_per_second: connection.requests_per_second,
        per_day: connection.budget.per_day,
        lag: lag_setting,
    };
    judge(&mut answer, &set);
    keep(engine, answer, by).await
}

/// Assessments of a connection, or of all, newest first.
pub(super) fn kept(engine: &Engine, name: Option<&str>, limit: usize) -> Result<AssessmentsAnswer, ApiError> {
    let rows = engine.store.rows(SPACE)?;
    let read = rows.iter().map(|(_, row)| serde_json::from_slice::<AssessAnswer>(row));
    let mut all = read.collect::<Result<Vec<_>, _>>().map_err(|error| ApiError::failed(error.to_string()))?;
    all.retain(|one| name.is_none_or(|name| name == one.connection));
    all.sort_by_key(|one| std::cmp::Reverse(one.id));
    all.truncate(limit);
    Ok(AssessmentsAnswer { assessments: all })
}

/// With a test record for each stream that is read and written.
async fn write(
    hub: &Hub,
    connection: &Connection,
    how: &How,
    progress: &ProgressSender,
    answer: &mut AssessAnswer,
) -> Result<(), ApiError> {
    let engine = hub.engine.as_ref();
    let catalog = engine.catalog();
    let watch = hub.webhooks.watch(&connection.name);
    let flows: Vec<&std::sync::Arc<Mapping>> =
        catalog.mappings.values().filter(|m| m.connection == connection.name && m.flow_out.is_some()).collect();
    let mut tried = Vec::new();
    for mapping in flows {
        let Some(at) = answer.streams.iter().position(|one| one.stream == mapping.stream) else { continue };
        if tried.contains(&&mapping.stream) {
            continue;
        }
        tried.push(&mapping.stream);
        progress.report(&format!("writing a test record into {}", mapping.stream), 0, None);
        let entity = catalog.entities.get(&mapping.entity).ok_or_else(|| ApiError::failed("a mapping without an entity"))?;
        let number = engine.now().0.unsigned_abs();
        let values = tests_kept::values(entity, std::slice::from_ref(mapping), number, 1);
        let told = |id: &str| watch.told_at(id);
        let can = &answer.streams[at].claimed;
        let probe = Probe {
            flow: &mapping.name,
            values: &values,
            wait: how.wait,
            told: match (can.webhooks, &connection.webhook, hub.webhooks.is_serving()) {
                (false, ..) => Err("the connector takes no webhooks".to_owned()),
                (_, None, _) => Err(format!(
                    "[webhook] with a secret in connections/{}.toml listens to what the system tells",
                    connection.name
                )),
                (.., false) => Err("webhooks come to `nave serve`, and it does not run".to_owned()),
                _ => Ok(&told),
            },
        };
        match engine.measure_writing(&probe).await {
            Ok(written) => take(answer, at, &mapping.name, written, how.wait),
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error.into()),
            Err(error) => {
                skip(answer, Some(&mapping.stream), "lags, visibility of deletions, webhook delay", &error.to_string());
            }
        }
    }
    let silent: Vec<String> =
        answer.streams.iter().map(|one| one.stream.clone()).filter(|stream| !tried.contains(&stream)).collect();
    for stream in silent {
        skip(answer, Some(&stream), "lags, visibility of deletions, webhook delay", "no flow writes it");
    }
    Ok(())
}

fn take(answer: &mut AssessAnswer, at: usize, flow: &str, written: Written, wait: Duration) {
    let stream = answer.streams[at].stream.clone();
    let mut shown = |what: &str, look: Look| match look {
        Look::Seen(seen) => Some(Showed { after_ms: seen.after_ms, not_before_ms: seen.not_before_ms }),
        Look::Waiting(_) => {
            skip(answer, Some(&stream), what, &format!("it did not show within {} s: `--wait` waits longer", wait.as_secs()));
            None
        }
        Look::Skipped(why) => {
            skip(answer, Some(&stream), what, &why);
            None
        }
    };
    let found = WrittenAssessment {
        flow: flow.to_owned(),
        remote_id: written.remote_id,
        by_id: shown(BY_ID, written.by_id),
        by_search: shown(BY_SEARCH, written.by_search),
        searched: written.searched,
        by_listing: shown(BY_LISTING, written.by_listing),
        by_webhook: shown(BY_WEBHOOK, written.by_webhook),
        gone_by_id: shown(GONE_BY_ID, written.gone_by_id),
        gone_by_listing: shown(GONE_BY_LISTING, written.gone_by_listing),
    };
    answer.left.extend(written.left);
    answer.streams[at].written = Some(found);
}

const BY_ID: &str = "read-after-write lag";
const BY_SEARCH: &str = "search-index lag";
const BY_LISTING: &str = "listing lag";
const BY_WEBHOOK: &str = "webhook delay";
const GONE_BY_ID: &str = "a deletion, by id";
const GONE_BY_LISTING: &str = "a deletion, by listing";

fn skip(answer: &mut AssessAnswer, stream: Option<&str>, what: &str, why: &str) {
    answer.not_measured.push(NotMeasured { stream: stream.map(str::to_owned), what: what.to_owned(), why: why.to_owned() });
}

fn claimed(can: &Capabilities) -> Claimed {
    Claimed {
        changes: match can.changes {
            ChangeDetection::Incremental => "incremental",
            ChangeDetection::FullScan => "full-scan",
        }
        .to_owned(),
        deletes: match can.deletes {
            DeleteDetection::Feed => "feed",
            DeleteDetection::Get => "get",
            DeleteDetection::FullScan => "full-scan",
            DeleteDetection::Never => "never",
        }
        .to_owned(),
        read_lag_ms: can.read_lag_ms,
        webhooks: can.webhooks,
    }
}

fn lengths(values: &[u64]) -> Lengths {
    Lengths { count: values.len() as u64, p50_ms: percentile(values, 50), p95_ms: percentile(values, 95) }
}

/// `90.1 s`.
fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}

/// What is set of a connection by now.
struct Set<'a> {
    name: &'a str,
    plugin: &'a str,
    requests_per_second: Option<u32>,
    per_day: Option<u64>,
    /// Its connector has [`LAG_SETTING`].
    lag: bool,
}

/// What is not as claimed, and which settings follow.
fn judge(answer: &mut AssessAnswer, set: &Set<'_>) {
    let file = format!("connections/{}.toml", set.name);
    let mut longest: Option<(u64, String)> = None;
    for one in &answer.streams {
        let Some(written) = &one.written else { continue };
        let stream = &one.stream;
        let claim = one.claimed.read_lag_ms;
        for (what, showed) in [(BY_ID, written.by_id), (BY_SEARCH, written.by_search), (BY_LISTING, written.by_listing)] {
            let Some(showed) = showed.filter(|showed| lags_longer(showed.after_ms, claim)) else { continue };
            let said =
                format!("{stream}: {what} {}, where the connector claims at most {}", seconds(showed.after_ms), seconds(claim));
            if longest.as_ref().is_none_or(|(known, _)| *known < showed.after_ms) {
                longest = Some((showed.after_ms, said.clone()));
            }
            answer.disagreements.push(said);
        }
        let silent = |what: &str| {
            answer
                .not_measured
                .iter()
                .any(|one| one.stream.as_ref() == Some(stream) && one.what == what && one.why.starts_with("it did not show"))
        };
        for what in [BY_ID, BY_SEARCH, BY_LISTING, BY_WEBHOOK, GONE_BY_ID, GONE_BY_LISTING] {
            if silent(what) {
                answer.disagreements.push(format!("{stream}: {what}: nothing showed while it was waited for"));
            }
        }
    }
    if let Some((ms, said)) = longest {
        let wanted = lag_seconds(ms);
        let why = format!(
            "the overlap window: what changed within {wanted} s before the newest change is read again, and a write is not missed for so long ({said})"
        );
        match set.lag {
            true => answer.settings.push(Recommended {
                file: file.clone(),
                section: "settings".to_owned(),
                line: format!("{LAG_SETTING} = {wanted}"),
                why,
            }),
            false => {
                let why = format!("the plugin `{}` has no setting `{LAG_SETTING}`; tell its author: {said}", set.plugin);
                skip(answer, None, "a setting for the lag", &why);
            }
        }
    }
    let rates = answer.rates.clone();
    let said = stated(|name| rates.get(name).map(String::as_str));
    if let Some(rate) = said.requests_per_second().filter(|rate| set.requests_per_second.is_none_or(|set| u64::from(set) > *rate))
    {
        answer.settings.push(Recommended {
            file: file.clone(),
            section: String::new(),
            line: format!("requests-per-second = {rate}"),
            why: "four fifths of what the system's headers allow: others use the account too".to_owned(),
        });
    }
    if let Some(calls) = said.requests_per_day().filter(|calls| set.per_day.is_none_or(|set| set > *calls)) {
        answer.settings.push(Recommended {
            file,
            section: "budget".to_owned(),
            line: format!("per-day = {calls}"),
            why: "four fifths of what the system's headers allow in a day".to_owned(),
        });
    }
    if let Some(skew) = answer.skew_ms.filter(|skew| skew.abs() >= SKEW_MS_MIN) {
        let way = if skew > 0 { "ahead" } else { "behind" };
        answer.disagreements.push(format!(
            "its clock is {} {way}; its times are put right by that as they are read",
            seconds(skew.unsigned_abs())
        ));
    }
}

/// What is kept as a test run: a case for each measurement.
fn cases(answer: &AssessAnswer) -> Vec<TestCase> {
    let mut cases = Vec::new();
    let case = |name: String, result, message: Option<String>, ms: u64| TestCase { name, result, message, ms };
    for one in &answer.streams {
        let pages = format!("{} pages, p50 {} ms", one.pages.count, one.pages.p50_ms.unwrap_or_default());
        cases.push(case(
            format!("{}: latency", one.stream),
            TestResult::Passed,
            Some(pages),
            one.pages.p95_ms.unwrap_or_default(),
        ));
        let Some(written) = &one.written else { continue };
        for (what, showed) in written.showed() {
            let longer = format!("{}: {what} ", one.stream);
            let disagrees = answer.disagreements.iter().find(|said| said.starts_with(&longer)).cloned();
            let result = if disagrees.is_some() { TestResult::Failed } else { TestResult::Passed };
            cases.push(case(format!("{}: {what}", one.stream), result, disagrees, showed.after_ms));
        }
    }
    for left in &answer.left {
        cases.push(case("test records are taken away".to_owned(), TestResult::Failed, Some(left.clone()), 0));
    }
    let of = |one: &NotMeasured| one.stream.as_ref().map_or_else(|| one.what.clone(), |stream| format!("{stream}: {}", one.what));
    cases.extend(answer.not_measured.iter().map(|one| case(of(one), TestResult::Skipped, Some(one.why.clone()), 0)));
    cases
}

impl WrittenAssessment {
    /// What showed, by what it is called.
    pub fn showed(&self) -> Vec<(&'static str, Showed)> {
        let all = [
            (BY_ID, self.by_id),
            (BY_SEARCH, self.by_search),
            (BY_LISTING, self.by_listing),
            (BY_WEBHOOK, self.by_webhook),
            (GONE_BY_ID, self.gone_by_id),
            (GONE_BY_LISTING, self.gone_by_listing),
        ];
        all.into_iter().filter_map(|(what, showed)| Some((what, showed?))).collect()
    }
}

async fn keep(engine: &Engine, answer: AssessAnswer, by: &str) -> Result<AssessAnswer, ApiError> {
    let run = tests_kept::keep(engine, &format!("assess {:.50}", answer.connection), cases(&answer), by).await?;
    let answer = AssessAnswer { id: run.id, at: run.at, ..answer };
    let value = serde_json::to_vec(&answer).map_err(|error| ApiError::failed(error.to_string()))?;
    let prefix = format!("{}/", answer.connection);
    let mut known: Vec<String> = engine.store.rows(SPACE)?.into_iter().map(|(key, _)| key).collect();
    known.retain(|key| key.starts_with(&prefix));
    let gone = known.len().saturating_sub(ASSESSMENTS_MAX - 1);
    engine
        .write(Cause::default(), |draft| {
            let row = |key: String, value| KeyedRow { space: SPACE.into(), key, value };
            draft.batch.rows.extend(known.iter().take(gone).map(|key| row(key.clone(), None)));
            draft.batch.rows.push(row(format!("{prefix}{:020}", answer.id), Some(value.clone())));
            Ok(())
        })
        .await?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A stream whose connector claims five seconds, with a lag of its search.
    fn answer(search_ms: u64) -> AssessAnswer {
        let showed = |after_ms| Some(Showed { after_ms, not_before_ms: None });
        let written =
            WrittenAssessment { by_id: showed(40), by_search: showed(search_ms), by_listing: showed(60), ..Default::default() };
        let claimed = Claimed { read_lag_ms: 5_000, ..Claimed::default() };
        let stream = StreamAssessment { stream: "contacts".to_owned(), claimed, written: Some(written), ..Default::default() };
        AssessAnswer { streams: vec![stream], ..AssessAnswer::default() }
    }

    #[track_caller]
    fn check(mut answer: AssessAnswer, lag_setting: bool, disagreements: usize, lines: &[&str]) {
        judge(&mut answer, &Set { name: "crm", plugin: "hubspot", requests_per_second: None, per_day: None, lag: lag_setting });
        let found: Vec<&str> = answer.settings.iter().map(|one| one.line.as_str()).collect();
        assert_eq!((answer.disagreements.len(), found), (disagreements, lines.to_vec()), "{answer:?}");
    }

    #[test]
    fn what_is_not_as_claimed_is_marked_and_a_setting_follows() {
        check(answer(4_000), true, 0, &[]);
        check(answer(90_000), true, 1, &["lag-seconds = 100"]);
        // A connector that cannot be told is no reason for a line that nobody reads.
        check(answer(90_000), false, 1, &[]);
        let said = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let rates: BTreeMap<String, String> = [
            said("x-hubspot-ratelimit-max", "100"),
            said("x-hubspot-ratelimit-interval-milliseconds", "10000"),
            said("x-hubspot-ratelimit-daily", "1000"),
        ]
        .into();
        check(AssessAnswer { rates, ..answer(4_000) }, true, 0, &["requests-per-second = 8", "per-day = 800"]);
        check(AssessAnswer { skew_ms: Some(-420_000), ..answer(4_000) }, true, 1, &[]);
        let mut silent = answer(4_000);
        skip(&mut silent, Some("contacts"), GONE_BY_LISTING, "it did not show within 180 s: `--wait` waits longer");
        check(silent, true, 1, &[]);
    }
}
