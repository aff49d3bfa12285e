//! A recording played through a build of a plugin, and what two builds do differently.

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_runtime::{Instance, InstanceLimits, Plugin};
use serde_json::{Value as Json, json};

use super::super::call::call_instance;
use super::hosts::{Asked, Player};
use super::{Body, Call, Recording};

/// Deliveries that are tried of each stream.
const WRITES_MAX: usize = 3;
/// Differences that are listed of one call.
const LISTED_MAX: usize = 20;

/// What a build did.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Behaviour {
    /// Call → what it answered, and what was asked for it.
    done: BTreeMap<String, (Json, Vec<Json>)>,
}

/// Where two builds differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// What `discover` says.
    Schema,
    /// What is read.
    Reads,
    /// What would be sent.
    Writes,
}

/// One difference, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Where.
    pub(crate) part: Part,
    /// What.
    pub(crate) text: String,
}

/// Plays a recording: everything that was called, then a few writes made of what was read. Nothing is sent to anybody.
pub(crate) async fn play(recording: &Recording, plugin: &Plugin) -> Behaviour {
    let player = Arc::new(Player::new(recording, plugin.manifest().folders.keys().cloned()));
    let mut behaviour = Behaviour::default();
    let mut read: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut writable = Vec::new();
    for call in &recording.calls {
        let result = one(plugin, &player, call).await;
        if call.function == "discover" {
            writable.extend(result.as_array().into_iter().flatten().filter_map(|stream| {
                let can = stream["capabilities"]["writable"] == true;
                can.then(|| stream["name"].as_str().map(str::to_owned)).flatten()
            }));
        }
        if let ("read", Some(stream)) = (call.function.as_str(), call.arguments.first().and_then(Json::as_str)) {
            let found = result["records"].as_array().cloned().unwrap_or_default();
            read.entry(stream.to_owned()).or_default().extend(found);
        }
        behaviour.note(title(call), result, player.take());
    }
    for (stream, records) in &read {
        if !writable.contains(stream) {
            continue;
        }
        for record in records.iter().take(WRITES_MAX) {
            for (what, delivery) in deliveries(record) {
                let call = Call { function: "write".into(), arguments: vec![json!(stream), json!([delivery])] };
                let result = one(plugin, &player, &call).await;
                let title = format!("write {stream} {what} {}", record["remote-id"].as_str().unwrap_or_default());
                behaviour.note(title, result, player.take());
            }
        }
    }
    behaviour
}

/// An update and a creation of what was read.
fn deliveries(record: &Json) -> [(&'static str, Json); 2] {
    let (id, body) = (&record["remote-id"], &record["body"]);
    let update = json!({ "id": "d-1", "operation": { "update": id }, "changed": body, "desired": body });
    [("update", update), ("create", json!({ "id": "d-2", "operation": "create", "changed": body, "desired": body }))]
}

/// Each call has an instance of its own: one that crashed is no reason for the next to differ.
pub(super) async fn one(plugin: &Plugin, player: &Arc<Player>, call: &Call) -> Json {
    let started = Instance::start(plugin, player.clone(), InstanceLimits::default()).await;
    match started {
        Err(error) => json!({ "error": error.to_string() }),
        Ok(mut instance) => match call_instance(&mut instance, &call.function, &call.arguments).await {
            Ok(result) => result,
            Err(error) => json!({ "error": error.to_string() }),
        },
    }
}

fn title(call: &Call) -> String {
    let words = call.arguments.iter().map(|argument| match argument {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    });
    std::iter::once(call.function.clone()).chain(words).collect::<Vec<_>>().join(" ")
}

impl Behaviour {
    fn note(&mut self, title: String, result: Json, asked: Vec<Asked>) {
        let asked = asked.into_iter().map(|asked| {
            let body = asked.body.map(|body| match Body::of(&body) {
                Body::Text(text) => serde_json::from_str(&text).unwrap_or(Json::String(text)),
                Body::Base64(text) => json!({ "base64": text }),
            });
            json!({ "call": format!("{} {}", asked.method, asked.path), "endpoint": asked.endpoint, "body": body })
        });
        self.done.insert(title, (result, asked.collect()));
    }

    /// A call that was made elsewhere: what it answered, and nothing of what it asked.
    pub(crate) fn answered(&mut self, title: &str, result: Json) {
        self.done.insert(title.to_owned(), (result, Vec::new()));
    }

    /// What another recording's calls did, too.
    pub(crate) fn merge(&mut self, other: Self) {
        self.done.extend(other.done);
    }

    /// Each call, and what it answered.
    pub(crate) fn results(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.done.iter().map(|(title, (result, _))| (title.as_str(), result))
    }

    /// Streams that the recording does not read to their end and once more.
    pub(crate) fn open(&self, recording: &Recording) -> Vec<String> {
        let mut reads: BTreeMap<&str, Vec<&Json>> = BTreeMap::new();
        for call in recording.calls.iter().filter(|call| call.function == "read") {
            let (Some(stream), Some((result, _))) = (call.arguments.first().and_then(Json::as_str), self.done.get(&title(call)))
            else {
                continue;
            };
            reads.entry(stream).or_default().push(result);
        }
        let through = |reads: &[&Json]| {
            let (last, before) = reads.split_last().map_or((None, reads), |(last, before)| (Some(*last), before));
            // What cannot be read is recorded as that.
            last.is_some_and(|last| last.get("error").is_some()) || before.iter().any(|read| read["more"] != true)
        };
        reads.into_iter().filter(|(_, reads)| !through(reads)).map(|(stream, _)| stream.to_owned()).collect()
    }

    /// Calls that were played.
    pub(crate) fn calls(&self) -> usize {
        self.done.len()
    }
}

/// What a new build does otherwise than an old one.
pub(crate) fn differences(old: &Behaviour, new: &Behaviour) -> Vec<Difference> {
    let mut found = Vec::new();
    for (title, (result, asked)) in &old.done {
        let part = match title.split(' ').next() {
            Some("discover") => Part::Schema,
            Some("write") => Part::Writes,
            _ => Part::Reads,
        };
        let Some((other, then)) = new.done.get(title) else {
            found.push(Difference { part, text: format!("{title}: not there any more") });
            continue;
        };
        let mut lines = Vec::new();
        compare("", &keyed(result), &keyed(other), &mut lines);
        if part == Part::Writes || lines.is_empty() {
            compare("request ", &Json::Array(asked.clone()), &Json::Array(then.clone()), &mut lines);
        }
        let more = lines.len().saturating_sub(LISTED_MAX);
        lines.truncate(LISTED_MAX);
        found.extend(lines.into_iter().map(|line| Difference { part, text: format!("{title}: {line}") }));
        if more > 0 {
            found.push(Difference { part, text: format!("{title}: and {more} more") });
        }
    }
    for title in new.done.keys().filter(|title| !old.done.contains_key(*title)) {
        let part = if title.starts_with("write ") { Part::Writes } else { Part::Reads };
        found.push(Difference { part, text: format!("{title}: new") });
    }
    found
}

/// Lists of things with a name of their own as maps: an added field is one difference and not one for each after it.
fn keyed(value: &Json) -> Json {
    match value {
        Json::Array(all) => {
            let name =
                |one: &Json| ["remote-id", "path", "name"].iter().find_map(|key| one.get(key)?.as_str().map(str::to_owned));
            let names: Option<std::collections::BTreeSet<String>> = all.iter().map(name).collect();
            match names {
                Some(names) if names.len() == all.len() && !all.is_empty() => {
                    Json::Object(all.iter().filter_map(|one| Some((name(one)?, keyed(one)))).collect())
                }
                _ => Json::Array(all.iter().map(keyed).collect()),
            }
        }
        Json::Object(all) => Json::Object(all.iter().map(|(key, one)| (key.clone(), keyed(one))).collect()),
        other => other.clone(),
    }
}

fn compare(at: &str, old: &Json, new: &Json, out: &mut Vec<String>) {
    let below = |name: &str| if at.is_empty() || at.ends_with(' ') { format!("{at}{name}") } else { format!("{at}.{name}") };
    match (old, new) {
        (Json::Object(one), Json::Object(other)) => {
            let names: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                match (one.get(name), other.get(name)) {
                    (Some(one), Some(other)) => compare(&below(name), one, other, out),
                    (Some(one), None) => out.push(format!("{} is gone (was {})", below(name), short(one))),
                    (None, Some(other)) => out.push(format!("{} is new: {}", below(name), short(other))),
                    (None, None) => {}
                }
            }
        }
        (Json::Array(one), Json::Array(other)) => {
            for at in 0..one.len().max(other.len()) {
                match (one.get(at), other.get(at)) {
                    (Some(one), Some(other)) => compare(&below(&(at + 1).to_string()), one, other, out),
                    (Some(one), None) => out.push(format!("{} is gone (was {})", below(&(at + 1).to_string()), short(one))),
                    (None, Some(other)) => out.push(format!("{} is new: {}", below(&(at + 1).to_string()), short(other))),
                    (None, None) => {}
                }
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            out.push(format!("{}: {} → {}", if at.is_empty() { "answer" } else { at.trim_end() }, short(one), short(other)))
        }
    }
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(title: &str, old: Json, new: Json, expected: &[&str]) {
        let of = |result: Json| Behaviour {
            done: BTreeMap::from([(
                title.to_owned(),
                (result["result"].clone(), result["asked"].as_array().cloned().unwrap_or_default()),
            )]),
        };
        let found: Vec<String> =
            differences(&of(old), &of(new)).into_iter().map(|one| format!("{:?} {}", one.part, one.text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_difference_is_said_once_and_where_it_is() {
        let stream = |fields: Json| json!({ "result": [{ "name": "contacts", "fields": fields }] });
        let field = |path: &str, long: u64| json!({ "path": path, "max-length": long });
        check("discover", stream(json!([field("a", 1)])), stream(json!([field("a", 1)])), &[]);
        check(
            "discover",
            stream(json!([field("a", 1), field("b", 2)])),
            stream(json!([field("x", 9), field("a", 1), field("b", 3)])),
            &[
                "Schema discover: contacts.fields.b.max-length: 2 → 3",
                "Schema discover: contacts.fields.x is new: {\"max-length\":9,\"path\":\"x\"}",
            ],
        );
        let read = |name: &str| json!({ "result": { "records": [{ "remote-id": "7", "body": { "name": name } }] } });
        check("read contacts", read("Ada"), read("ADA"), &["Reads read contacts: records.7.body.name: \"Ada\" → \"ADA\""]);
        let write = |body: Json| json!({ "result": [{ "unknown": "x" }], "asked": [{ "call": "PATCH /7", "body": body }] });
        check(
            "write contacts update 7",
            write(json!({ "name": "Ada" })),
            write(json!({ "name": "Ada", "city": "" })),
            &["Writes write contacts update 7: request 1.body.city is new: \"\""],
        );
    }
}
