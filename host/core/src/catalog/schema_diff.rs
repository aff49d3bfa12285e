//! What became different between two descriptions of what a connection offers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{FieldInfo, StreamInfo};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    /// Stream.
    pub stream: String,
    /// Field; none: the stream as a whole.
    pub field: Option<String>,
    /// `added`, `removed`, or what of it changed: `label`, `type`, `required`, `read-only`, `unique`, `max-length`, `values`, `target`.
    pub what: String,
    /// As it was; none where it was not there.
    pub before: Option<String>,
    /// As it is; none where it is gone.
    pub after: Option<String>,
}

/// Differences, by stream and field.
pub fn schema_diff(before: &[StreamInfo], after: &[StreamInfo]) -> Vec<SchemaChange> {
    let (old, new) = (by(before, |stream| &stream.name), by(after, |stream| &stream.name));
    let mut found = Vec::new();
    for name in names(&old, &new) {
        let fields = |stream: &StreamInfo| format!("{} fields", stream.fields.len());
        match (old.get(name), new.get(name)) {
            (Some(old), None) => found.push(change(name, None, "removed", Some(fields(old)), None)),
            (None, Some(new)) => found.push(change(name, None, "added", None, Some(fields(new)))),
            (Some(old), Some(new)) => stream(old, new, &mut found),
            (None, None) => {}
        }
    }
    found
}

fn by<T>(all: &[T], name: fn(&T) -> &String) -> BTreeMap<&str, &T> {
    all.iter().map(|one| (name(one).as_str(), one)).collect()
}

fn names<'n, T>(old: &BTreeMap<&'n str, T>, new: &BTreeMap<&'n str, T>) -> BTreeSet<&'n str> {
    old.keys().chain(new.keys()).copied().collect()
}

fn change(stream: &str, field: Option<&str>, what: &str, before: Option<String>, after: Option<String>) -> SchemaChange {
    SchemaChange { stream: stream.to_owned(), field: field.map(str::to_owned), what: what.to_owned(), before, after }
}

fn stream(before: &StreamInfo, after: &StreamInfo, found: &mut Vec<SchemaChange>) {
    let (old, new) = (by(&before.fields, |field| &field.path), by(&after.fields, |field| &field.path));
    for path in names(&old, &new) {
        match (old.get(path), new.get(path)) {
            (Some(old), None) => found.push(change(&after.name, Some(path), "removed", Some(word(old)), None)),
            (None, Some(new)) => found.push(change(&after.name, Some(path), "added", None, Some(word(new)))),
            (Some(old), Some(new)) => {
                let pairs = facts(old).into_iter().zip(facts(new)).filter(|(old, new)| old != new);
                found.extend(pairs.map(|((what, old), (_, new))| change(&after.name, Some(path), what, Some(old), Some(new))));
            }
            (None, None) => {}
        }
    }
}

/// A field in a few words: "email, required".
fn word(field: &FieldInfo) -> String {
    let notes = [(field.required, "required"), (field.read_only, "read-only"), (field.unique, "unique")];
    let notes = notes.iter().filter(|(set, _)| *set).map(|(_, word)| (*word).to_owned());
    std::iter::once(kind(field)).chain(notes).collect::<Vec<_>>().join(", ")
}

fn kind(field: &FieldInfo) -> String {
    serde_json::to_value(field.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
}

fn facts(field: &FieldInfo) -> [(&'static str, String); 8] {
    let flag = |set: bool| if set { "yes" } else { "no" }.to_owned();
    [
        ("label", field.label.clone()),
        ("type", kind(field)),
        ("required", flag(field.required)),
        ("read-only", flag(field.read_only)),
        ("unique", flag(field.unique)),
        ("max-length", field.max_length.map_or_else(|| "none".to_owned(), |max| max.to_string())),
        ("values", field.values.join(", ")),
        ("target", field.target.clone().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::RemoteType;

    fn streams(change: fn(&mut Vec<StreamInfo>)) -> Vec<StreamInfo> {
        let field = |path: &str| FieldInfo { path: path.into(), label: path.into(), ..FieldInfo::default() };
        let contacts =
            StreamInfo { name: "contacts".into(), fields: vec![field("email"), field("tier")], ..StreamInfo::default() };
        let mut all = vec![contacts];
        change(&mut all);
        all
    }

    #[track_caller]
    fn check(change: fn(&mut Vec<StreamInfo>), expected: &[&str]) {
        let found = schema_diff(&streams(|_| ()), &streams(change));
        let told: Vec<String> = found
            .iter()
            .map(|one| {
                let sides = [&one.before, &one.after].map(|side| side.clone().unwrap_or_else(|| "-".into()));
                format!("{}.{} {}: {} → {}", one.stream, one.field.as_deref().unwrap_or("*"), one.what, sides[0], sides[1])
            })
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn every_kind_of_difference() {
        check(|_| (), &[]);
        check(|all| drop(all[0].fields.pop()), &["contacts.tier removed: text → -"]);
        check(
            |all| {
                all[0].fields.push(FieldInfo {
                    path: "x".into(),
                    required: true,
                    kind: RemoteType::Email,
                    ..FieldInfo::default()
                })
            },
            &["contacts.x added: - → email, required"],
        );
        check(|all| all[0].fields[1].label = "Loyalty".into(), &["contacts.tier label: tier → Loyalty"]);
        check(|all| all[0].fields[1].kind = RemoteType::Enum, &["contacts.tier type: text → enum"]);
        check(|all| all[0].fields[1].values = vec!["gold".into(), "tin".into()], &["contacts.tier values:  → gold, tin"]);
        check(|all| all[0].fields[0].required = true, &["contacts.email required: no → yes"]);
        check(|all| all[0].fields[0].read_only = true, &["contacts.email read-only: no → yes"]);
        check(|all| all[0].fields[0].unique = true, &["contacts.email unique: no → yes"]);
        check(|all| all[0].fields[0].max_length = Some(80), &["contacts.email max-length: none → 80"]);
        check(|all| all[0].fields[0].target = Some("companies".into()), &["contacts.email target:  → companies"]);
        check(|all| all.clear(), &["contacts.* removed: 2 fields → -"]);
        check(|all| all.push(StreamInfo { name: "deals".into(), ..StreamInfo::default() }), &["deals.* added: - → 0 fields"]);
    }
}
