//! What a recording gives to work with: a first page of each stream, and where in an answer a value of a record stands.

use std::sync::Arc;

use nave_core::catalog::{RemoteType, StreamInfo};
use nave_core::conformance::place::{self, Path};
use nave_core::conformance::values::same;
use nave_runtime::HttpError;
use nave_runtime::contract::{Page, WriteOperation};
use serde_json::{Value as Json, json};

use super::super::record::{Answer, Body, Recording};
use super::bench::{Bench, delivery, nested};
use super::stage::{Asked, Given, Script};
use super::tree::{self, Form};

/// Places that are tried before none is said to be there.
const TRIED_MAX: usize = 24;

/// A stream, with what was recorded of it.
pub(super) struct Subject {
    pub(super) stream: StreamInfo,
    pub(super) recording: Option<Arc<Recording>>,
    /// Records that were asked for.
    pub(super) limit: u32,
    /// Its first page, as the recording gives it.
    pub(super) page: Option<Page>,
    /// A text of a record, and a number.
    pub(super) text: Option<Place>,
    pub(super) number: Option<Place>,
    /// Fields that a write carries as they are.
    pub(super) text_field: Option<String>,
    pub(super) number_field: Option<String>,
}

/// Where a record's value stands in an answer, or in a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// None: in a file.
    pub(super) exchange: Option<usize>,
    pub(super) at: Path,
    /// It stands in XML, which knows texts alone.
    pub(super) is_text: bool,
    pub(super) remote_id: String,
    pub(super) in_body: Path,
}

impl Subject {
    pub(super) fn name(&self) -> &str {
        &self.stream.name
    }

    /// A record's id that was read, or one that there may be.
    pub(super) fn an_id(&self) -> String {
        let records = self.page.iter().flat_map(|page| &page.records);
        records.map(|record| record.remote_id.clone()).find(|id| !id.is_empty()).unwrap_or_else(|| "1".to_owned())
    }
}

impl Place {
    /// A value as this place says it: XML has the digits of a number.
    pub(super) fn said(&self, value: &Json) -> Json {
        match value {
            Json::Number(number) if self.is_text => Json::String(number.to_string()),
            other => other.clone(),
        }
    }
}

/// The recording with another value at a place.
pub(super) fn with(recording: &Recording, place: &Place, value: &Json) -> Option<Recording> {
    if place.exchange.is_some() {
        return change(recording, place, |answer| place::put(answer, &place.at, value.clone()));
    }
    // A file of JSON, line by line: its words are there once.
    let mut changed = recording.clone();
    let text = place.at.first()?;
    for file in &mut changed.files {
        if let Body::Text(whole) = &mut file.body
            && whole.matches(text.as_str()).count() == 1
        {
            *whole = whole.replacen(text.as_str(), &value.to_string(), 1);
            return Some(changed);
        }
    }
    None
}

/// The recording with an answer changed.
pub(super) fn change(recording: &Recording, place: &Place, change: impl FnOnce(&mut Json) -> bool) -> Option<Recording> {
    let mut changed = recording.clone();
    let Answer::Response { body, .. } = &mut changed.exchanges.get_mut(place.exchange?)?.answer else { return None };
    let (form, mut answer) = tree::parse(&body.bytes())?;
    if !change(&mut answer) {
        return None;
    }
    *body = Body::Text(tree::write(form, &answer)?);
    Some(changed)
}

/// Everything that is known of the streams.
pub(super) async fn subjects(bench: &Bench) -> Vec<Subject> {
    let mut found = Vec::new();
    for stream in &bench.streams {
        let recorded = bench.recordings.iter().find_map(|recording| {
            let first = recording.calls.iter().find(|call| {
                call.function == "read"
                    && call.arguments.first().and_then(Json::as_str) == Some(&stream.name)
                    && call.arguments.get(1).is_none_or(Json::is_null)
            })?;
            let limit = first.arguments.get(2).and_then(Json::as_u64).and_then(|limit| u32::try_from(limit).ok());
            Some((recording.clone(), limit.unwrap_or(10)))
        });
        let mut subject = Subject {
            stream: stream.clone(),
            recording: recorded.as_ref().map(|(recording, _)| recording.clone()),
            limit: recorded.map_or(10, |(_, limit)| limit),
            page: None,
            text: None,
            number: None,
            text_field: None,
            number_field: None,
        };
        sample(bench, &mut subject).await;
        fields(bench, &mut subject).await;
        found.push(subject);
    }
    found
}

async fn sample(bench: &Bench, subject: &mut Subject) {
    let Some(recording) = subject.recording.clone() else { return };
    let stage = bench.stage(Some(&recording), Script::Recorded);
    let Ok(page) = bench.read(&stage, subject.name(), None, subject.limit).await else { return };
    let used = stage.used();
    let answers: Vec<(usize, Form, Json)> = used
        .iter()
        .filter_map(|at| match &recording.exchanges[*at].answer {
            Answer::Response { body, .. } => tree::parse(&body.bytes()).map(|(form, answer)| (*at, form, answer)),
            Answer::Error(_) => None,
        })
        .collect();
    let mut texts = Vec::new();
    let mut numbers = Vec::new();
    for record in page.records.iter().filter(|record| !record.remote_id.is_empty()) {
        let Ok(body) = serde_json::from_slice::<Json>(&record.body) else { continue };
        for (in_body, leaf) in place::leaves(&body) {
            let taken = |text: &str| {
                text == record.remote_id || record.version.as_deref() == Some(text) || record.modified_at.as_deref() == Some(text)
            };
            let list = match leaf {
                Json::String(text) if text.chars().count() > 1 && !taken(text) => &mut texts,
                Json::Number(number) if !taken(&number.to_string()) => &mut numbers,
                _ => continue,
            };
            let answered = answers
                .iter()
                .find_map(|(exchange, form, answer)| Some((Some(*exchange), place::only(answer, leaf)?, *form == Form::Xml)));
            let filed = || recording.files.iter().find_map(|file| in_file(&file.body, leaf)).map(|(none, at)| (none, at, false));
            if let Some((exchange, at, is_text)) = answered.or_else(filed) {
                list.push(Place { exchange, at, is_text, remote_id: record.remote_id.clone(), in_body });
            }
        }
    }
    // Names first: ids, mailboxes, addresses and times are what plugins look into.
    let looked_into = |place: &Place| {
        let path = place.in_body.join(".").to_lowercase();
        ["id", "mail", "url", "time", "date", "_at", "key", "hash", "phone"].iter().filter(|word| path.contains(**word)).count()
    };
    texts.sort_by_key(looked_into);
    numbers.sort_by_key(looked_into);
    subject.text = carried(bench, subject, &recording, texts, json!("Plain text")).await;
    subject.number = carried(bench, subject, &recording, numbers, json!(4711)).await;
    subject.page = Some(page);
}

/// A value that is spelled once in a file of JSON: the words themselves are its place.
fn in_file(body: &Body, leaf: &Json) -> Option<(Option<usize>, Path)> {
    let (Body::Text(text), Json::String(_)) = (body, leaf) else { return None };
    let spelled = leaf.to_string();
    (text.matches(&spelled).count() == 1).then(|| (None, vec![spelled]))
}

/// The first place from which a value comes out in its record.
async fn carried(bench: &Bench, subject: &Subject, recording: &Recording, places: Vec<Place>, value: Json) -> Option<Place> {
    for place in places.into_iter().take(TRIED_MAX) {
        let Some(changed) = with(recording, &place, &value) else { continue };
        let stage = bench.stage(Some(&changed), Script::Recorded);
        let Ok(page) = bench.read(&stage, subject.name(), None, subject.limit).await else { continue };
        let found = page.records.iter().find(|record| record.remote_id == place.remote_id);
        let body: Option<Json> = found.and_then(|record| serde_json::from_slice(&record.body).ok());
        if body.as_ref().and_then(|body| place::at(body, &place.in_body)).is_some_and(|there| same(&value, there)) {
            return Some(place);
        }
    }
    None
}

/// Fields whose values a write carries.
async fn fields(bench: &Bench, subject: &mut Subject) {
    if !subject.stream.capabilities.writable {
        return;
    }
    let of = |kinds: &[RemoteType]| -> Vec<String> {
        let plain =
            subject.stream.fields.iter().filter(|field| {
                kinds.contains(&field.kind) && !field.read_only && field.values.is_empty() && field.target.is_none()
            });
        let mut paths: Vec<(bool, String)> = plain.map(|field| (!field.required, field.path.clone())).collect();
        paths.sort();
        paths.into_iter().map(|(_, path)| path).collect()
    };
    let (texts, numbers) = (of(&[RemoteType::Text]), of(&[RemoteType::Decimal, RemoteType::Integer]));
    subject.text_field = sent(bench, subject, texts, json!("Plain text")).await;
    subject.number_field = sent(bench, subject, numbers, json!(4711)).await;
}

async fn sent(bench: &Bench, subject: &Subject, paths: Vec<String>, value: Json) -> Option<String> {
    for path in paths.into_iter().take(TRIED_MAX) {
        let asked = attempt(bench, subject, &path, &value).await.1;
        if asked.iter().any(|asked| carries(asked, &value)) {
            return Some(path);
        }
    }
    None
}

/// Creates a thing with one value and loses the answer: what the delivery came to, and what was sent.
pub(super) async fn attempt(
    bench: &Bench,
    subject: &Subject,
    path: &str,
    value: &Json,
) -> (Result<Vec<nave_runtime::contract::Outcome>, nave_runtime::CallError>, Vec<Asked>) {
    let lost = Given::Error(HttpError::NoAnswer("the answer was lost".to_owned()));
    let stage = bench.stage(subject.recording.as_deref(), Script::Writes(lost));
    let one = delivery("nave-conformance-1", WriteOperation::Create, &nested(path, value.clone()));
    let came = bench.write(&stage, subject.name(), vec![one]).await;
    let asked = stage.take().into_iter().filter(|asked| asked.writes).collect();
    (came, asked)
}

/// Whether a request carries a value, as JSON, in XML or as text in its body or address.
pub(super) fn carries(asked: &Asked, value: &Json) -> bool {
    let text = match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    let path = percent_encoding::percent_decode_str(&asked.path.replace('+', " ")).decode_utf8_lossy().into_owned();
    let body = asked.body.as_deref().unwrap_or_default();
    let tree = tree::parse(body).map(|(_, tree)| tree);
    let leaf = |(_, leaf): (Path, &Json)| match leaf {
        Json::String(there) => there.contains(&text),
        there => same(value, there),
    };
    let form = percent_encoding::percent_decode(body).decode_utf8_lossy().replace('+', " ");
    tree.as_ref().is_some_and(|tree| place::leaves(tree).into_iter().any(leaf))
        || tree.is_none() && (String::from_utf8_lossy(body).contains(&text) || form.contains(&text))
        || path.contains(&text)
}
