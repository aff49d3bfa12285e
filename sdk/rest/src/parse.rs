//! From text to a description: the top of the file, and what all streams share.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use toml::de::DeTable;

use crate::description::{Check, Description, Errors, Means, Rule, Wait, WaitUnit};
use crate::fault::{Fault, Faults};
use crate::keys;
use crate::limits::{DESCRIPTION_BYTES_MAX, RULES_MAX, STREAMS_MAX};
use crate::pointer::Pointer;
use crate::reader::{Table, Text, json};
use crate::requests::{Context, request};
use crate::{streams, template};

/// Reads and checks a description.
///
/// # Errors
/// All that is wrong with it, in the order of the text.
pub fn parse(text: &str) -> Result<Description, Vec<Fault>> {
    let faults = Faults::new(text);
    if text.len() > DESCRIPTION_BYTES_MAX {
        faults.say(&(0..0), format!("{} bytes; a description has at most {DESCRIPTION_BYTES_MAX}: take streams out", text.len()));
        return Err(faults.finish());
    }
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            faults.say(&error.span().unwrap_or(0..0), error.message());
            return Err(faults.finish());
        }
    };
    let description = top(&Table::top(&document, keys::TOP, &faults));
    let faults = faults.finish();
    if faults.is_empty() { Ok(description) } else { Err(faults) }
}

fn top(top: &Table<'_, '_>) -> Description {
    let faults = top.faults;
    let mut manifest = Map::new();
    for (key, example) in [
        ("name", "\"shop\""),
        ("version", "\"0.1.0\""),
        ("title", "\"Shop\""),
        ("description", "\"Keeps the shop's customers in agreement.\""),
    ] {
        manifest.insert(key.to_owned(), Value::String(top.needed(key, example).0));
    }
    if !top.has("serial") {
        faults.say(&top.span, "the top of the file needs `serial`; write: serial = 1");
    }
    manifest.insert("serial".to_owned(), top.number("serial", 0, u32::MAX).unwrap_or(0).into());
    for (key, section) in [("settings", keys::SETTING), ("endpoints", keys::ENDPOINT), ("credentials", keys::CREDENTIAL)] {
        let mut tables = Map::new();
        for ((name, _), node) in top.entries(key) {
            let table = Table::of(node, section, faults);
            match key {
                "settings" => drop(table.needed("label", "\"Address\"")),
                "endpoints" => {
                    drop(table.needed("base", "\"https://api.example.com/v1\""));
                    drop(table.needed("reason", "\"to read and write customers\""));
                }
                _ => drop(table.needed("reason", "\"the shop asks for an API key\"")),
            }
            tables.insert(name, json(node, faults));
        }
        manifest.insert(key.to_owned(), Value::Object(tables));
    }
    if let Some(webhook) = top.node("webhook") {
        manifest.insert("webhook".to_owned(), json(webhook, faults));
    }
    let names = |key: &str| manifest[key].as_object().into_iter().flat_map(Map::keys).cloned().collect::<Vec<String>>();
    let (settings, endpoints) = (names("settings"), names("endpoints"));
    if endpoints.is_empty() {
        faults.say(
            &top.span,
            "nothing is reached; write a table: [endpoints.api] with base = \"https://api.example.com\" and reason = \"to read …\"",
        );
    }
    let mut context =
        Context { settings: &settings, endpoints: &endpoints, endpoint: None, query: Vec::new(), headers: Vec::new() };
    if let Some(node) = top.node("request") {
        let common = Table::of(node, keys::COMMON, faults);
        context.endpoint = context.endpoint_of(&common);
        let allowed = template::Allowed { settings: &settings, words: &[], record: false };
        context.query = crate::requests::templates(&common, "query", allowed);
        context.headers = crate::requests::templates(&common, "headers", allowed);
    }
    let check = top.node("check").map(|node| check(&Table::of(node, keys::CHECK, faults), &context));
    let errors = top.node("errors").map(|node| errors(&Table::of(node, keys::ERRORS, faults))).unwrap_or_default();
    let all = top.entries("streams");
    if all.is_empty() {
        faults.say(&top.span, "there are no streams; write one: [streams.customers.read] with path and records");
    }
    if let Some(((_, span), _)) = all.get(STREAMS_MAX) {
        faults.say(span, format!("there are more than {STREAMS_MAX} streams; take those out that nobody maps"));
    }
    let names: BTreeSet<String> = all.iter().map(|((name, _), _)| name.clone()).collect();
    let streams = all
        .iter()
        .take(STREAMS_MAX)
        .map(|((name, span), node)| streams::stream(name, span, &Table::of(node, keys::STREAM, faults), &context, &names))
        .collect();
    Description { manifest, check, errors, streams }
}

fn check(table: &Table<'_, '_>, context: &Context<'_>) -> Check {
    Check {
        request: request(table, context, "GET", &[], false),
        account: pointer(table, "account"),
        environment: pointer(table, "environment"),
        must_have: pointer(table, "must-have"),
        limits: table.texts("limits").into_iter().map(|(name, _)| name).collect(),
    }
}

/// A pointer at a key.
pub(crate) fn pointer(table: &Table<'_, '_>, key: &str) -> Option<Pointer> {
    parsed(table, table.text(key)?)
}

fn parsed(table: &Table<'_, '_>, (text, span): Text) -> Option<Pointer> {
    Pointer::parse(&text).map_err(|why| table.faults.say(&span, why)).ok()
}

/// What is marked: where, and the texts that mark it.
pub(crate) fn marked(table: &Table<'_, '_>, key: &str, example: &str) -> (Text, Vec<String>) {
    let is = table.texts("is").into_iter().map(|(text, _)| text).collect();
    (table.needed(key, example), is)
}

const UNITS: [(&str, WaitUnit); 4] = [
    ("seconds", WaitUnit::Seconds),
    ("milliseconds", WaitUnit::Milliseconds),
    ("epoch-seconds", WaitUnit::EpochSeconds),
    ("epoch-milliseconds", WaitUnit::EpochMilliseconds),
];

const MEANS: [(&str, Means); 16] = [
    ("required", Means::Rejected("required")),
    ("format", Means::Rejected("format")),
    ("length", Means::Rejected("length")),
    ("duplicate", Means::Rejected("duplicate")),
    ("reference", Means::Rejected("reference")),
    ("read-only", Means::Rejected("read-only")),
    ("forbidden", Means::Rejected("forbidden")),
    ("other", Means::Rejected("other")),
    ("retry-after", Means::RetryAfter),
    ("unavailable", Means::Unavailable),
    ("unauthorized", Means::Unauthorized),
    ("misconfigured", Means::Misconfigured),
    ("checkpoint-expired", Means::CheckpointExpired),
    ("gone", Means::Gone),
    ("conflict", Means::Conflict),
    ("unknown", Means::Unknown),
];

/// What refusals mean.
pub(crate) fn errors(table: &Table<'_, '_>) -> Errors {
    let faults = table.faults;
    let pointers = |key: &str| table.texts(key).into_iter().filter_map(|text| parsed(table, text)).collect();
    let refused = table.node("refused").and_then(|node| {
        let table = Table::of(node, keys::REFUSED, faults);
        let (at, is) = marked(&table, "at", "\"/error\"");
        Some((parsed(&table, at)?, is))
    });
    let wait = table.node("wait").and_then(|node| {
        let table = Table::of(node, keys::WAIT, faults);
        let unit = table.choice("unit", &UNITS).unwrap_or(WaitUnit::Seconds);
        let place = match (table.text("header"), pointer(&table, "at")) {
            (Some((header, _)), None) => Ok(header),
            (None, Some(at)) => Err(at),
            _ => {
                faults.say(
                    &table.span,
                    "`wait` names either a header or a place in the body; write: { header = \"X-RateLimit-Reset\" }",
                );
                return None;
            }
        };
        Some(Wait { place, unit })
    });
    let rules = table.tables("rules", keys::RULE);
    if let Some(rule) = rules.get(RULES_MAX) {
        faults.say(&rule.span, format!("there are more than {RULES_MAX} rules; several codes fit into one"));
    }
    Errors {
        code: pointers("code"),
        message: pointers("message"),
        field: pointers("field"),
        field_prefix: table.text("field-prefix").map(|(text, _)| text).unwrap_or_default(),
        refused,
        wait,
        rules: rules.iter().take(RULES_MAX).filter_map(rule).collect(),
    }
}

fn rule(table: &Table<'_, '_>) -> Option<Rule> {
    let faults = table.faults;
    let plain = |key: &str| table.texts(key).into_iter().map(|(text, _)| text).collect::<Vec<_>>();
    let status = table.texts("status").into_iter().filter_map(|(text, span)| {
        let range = match text.strip_suffix("xx") {
            Some(hundred) => {
                hundred.parse::<u16>().ok().filter(|hundred| (1..=5).contains(hundred)).map(|h| (h * 100, h * 100 + 99))
            }
            None => text.parse::<u16>().ok().filter(|status| (100..=599).contains(status)).map(|status| (status, status)),
        };
        if range.is_none() {
            faults.say(&span, format!("`{text}` is no status; write 422, [400, 422] or \"4xx\""));
        }
        range
    });
    let rule = Rule {
        status: status.collect(),
        code: plain("code"),
        contains: plain("contains").iter().map(|text| text.to_lowercase()).collect(),
        on_write: table.choice("on", &[("read", false), ("write", true)]),
        means: {
            table.needed("means", "\"duplicate\"");
            table.choice("means", &MEANS)?
        },
        wait_ms: table.number("wait-s", 0, 3600).map(|seconds| u64::from(seconds) * 1000),
    };
    if rule.status.is_empty() && rule.code.is_empty() && rule.contains.is_empty() {
        faults.say(&table.span, "this rule fits every answer; name a status, a code or a part of the words");
    }
    Some(rule)
}
