//! Data through one `check` each: what was seen of children → claims; what a record says → steps.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::{Catalog, Entity, PluginInfo, SourceFile, check};
use crate::codec;
use crate::model::{ContributionId, ElementId, Field, Record, RecordId, RecordState, Rule, Time, WriteKind};

const MAPPING: &str = r#"
connection = "erp"
stream = "contacts"
entity = "contact"
steward = "ops"
[flow.in]
[flow.out]
[[field]]
remote = "last"
canonical = "last_name"
direction = "in"
[[part]]
stream = "phones"
parent = "contact"
canonical = "phones"
direction = "both"
only = { type = ["phone", "mobile"] }
because = "both"
[[part.field]]
remote = "value"
canonical = "number"
in = "phone"
[[part.field]]
remote = "note.text"
canonical = "kind"
"#;

fn catalog(text: &str) -> Catalog {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = [
        file("systems.toml", "[erp]\nkind = \"other\"\nowner = \"ops\"\n"),
        file("connections/erp.toml", "plugin = \"p\"\nenvironment = \"dev\"\n"),
        file("nave.lock", "[plugins.p]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
        file("mappings/m.toml", text),
    ];
    let manifest = r#"{"name":"p","version":"1.0.0","serial":1,"title":"P","description":"","kind":"connector"}"#;
    let plugin = PluginInfo { manifest: serde_json::from_str(manifest).unwrap(), streams: BTreeMap::new() };
    match check(&files, &[("p".to_owned(), plugin)].into()) {
        Ok((catalog, _)) => catalog,
        Err(found) => panic!("{}", found[0]),
    }
}

fn value(json: &str) -> Value {
    codec::decode(json.as_bytes()).unwrap()
}

fn text(value: &Value) -> String {
    String::from_utf8(codec::encode(value)).unwrap()
}

fn record(fields: &str) -> Record {
    let mut record = Record {
        id: RecordId(1),
        entity: "contact".into(),
        state: RecordState::Active,
        version: 1,
        fields: Default::default(),
        contributions: Vec::new(),
        next_element: 7,
    };
    for word in fields.split_whitespace() {
        let (number, phone) = word.split_once('=').unwrap();
        let (phone, rule) = phone.strip_suffix('?').map_or((phone, Rule::Only), |phone| (phone, Rule::Undecided));
        let value = match phone.split_once(':') {
            _ if phone == "-" => Value::Null,
            Some((phone, kind)) => value(&format!(r#"{{"number":"{phone}","kind":"{kind}"}}"#)),
            None => value(&format!(r#"{{"number":"{phone}"}}"#)),
        };
        let field = Field { value, winner: ContributionId(9), rule, claimed_at: Time(0) };
        record.fields.insert(format!("phones/{number}"), field);
    }
    record
}

fn contribution() -> Contribution {
    let key = RemoteKey::new("erp", "contacts", "c1");
    Contribution::new(ContributionId(1), key, Time(0))
}

/// `id=value` per child as settled by us under element number `number`: `3 p1=+4930111`.
fn settled(part: &PartMapping, children: &[(u64, &str, &str, &str)]) -> Contribution {
    let mut row = contribution();
    for (number, id, sent, body) in children {
        let kind = WriteKind::Create;
        settle_child(part, &mut row, &kind, Some(*number), Some(&value(sent)), id, Some(&value(body)), Time(5));
    }
    row
}

#[track_caller]
fn check_steps(mapping: &str, fields: &str, children: &[(u64, &str, &str, &str)], expected: &[&str]) {
    let catalog = catalog(mapping);
    let mapping = &catalog.mappings["m"];
    let part = &mapping.parts[0];
    let row = settled(part, children);
    let (steps, blocked) = steps(mapping, part, &record(fields), Some(&row), &|_| None, Some("DE"));
    let mut found: Vec<String> = steps
        .iter()
        .map(|step| {
            let number = step.difference.elements["phones"][0];
            let kind = match &step.kind {
                WriteKind::Update(id) => format!("update {id}"),
                WriteKind::Delete(id) => format!("delete {id}"),
                kind => format!("{kind:?}").to_lowercase(),
            };
            format!("{kind} for {number}: {}", text(&step.difference.changed))
        })
        .collect();
    found.extend(blocked.iter().map(|error| format!("blocked {}: {}", error.field, error.class)));
    assert_eq!(found, expected, "{fields}");
}

const ONE: (u64, &str, &str, &str) =
    (3, "p1", r#"{"value":"+4930111","type":"phone"}"#, r#"{"value":"+4930111","type":"phone","contact":"c1"}"#);
/// The system spelled it its own way.
const TWO: (u64, &str, &str, &str) =
    (4, "p2", r#"{"value":"+4930222","type":"phone"}"#, r#"{"value":"+49 30 222","type":"phone","contact":"c1"}"#);

#[test]
fn steps_are_what_differs() {
    let check = |fields, children: &[_], expected: &[_]| check_steps(MAPPING, fields, children, expected);
    check("", &[], &[]);
    check("3=+4930111 4=+4930222", &[ONE, TWO], &[]);
    check(
        "3=+4930111 5=+4930333:work",
        &[ONE],
        &[r#"create for 5: {"contact":"c1","note":{"text":"work"},"type":"phone","value":"+4930333"}"#],
    );
    check("3=+4930999 4=+4930222", &[ONE, TWO], &[r#"update p1 for 3: {"value":"+4930999"}"#]);
    // Deletes first, creates last.
    check(
        "3=+4930999 4=- 5=+4930333",
        &[ONE, TWO],
        &[
            "delete p2 for 4: {}",
            r#"update p1 for 3: {"value":"+4930999"}"#,
            r#"create for 5: {"contact":"c1","type":"phone","value":"+4930333"}"#,
        ],
    );
    // Nobody says anything about it: neither written nor deleted.
    check("4=+4930222", &[ONE, TWO], &[]);
    check("3=-", &[], &[]);
    // A person is asked: neither changed, deleted nor made. What is not in question goes on.
    check("3=+4930999? 4=-? 5=+4930333?", &[ONE, TWO], &[]);
    check("3=+4930999? 4=+4930444", &[ONE, TWO], &[r#"update p2 for 4: {"value":"+4930444"}"#]);
    check("3=+4930111:work", &[ONE], &[r#"update p1 for 3: {"note":{"text":"work"}}"#]);
}

#[test]
fn a_part_that_is_only_written() {
    let out = MAPPING.replace("direction = \"both\"", "direction = \"out\"").replace("in = \"phone\"\n", "");
    let check = |fields, children: &[_], expected: &[_]| check_steps(&out, fields, children, expected);
    // What was sent and kept in another spelling is no difference.
    check("3=+4930111 4=+4930222", &[ONE, TWO], &[]);
    check("3=+4930111 4=+4930999", &[ONE, TWO], &[r#"update p2 for 4: {"value":"+4930999"}"#]);
    check("3=- 4=+4930222", &[ONE, TWO], &["delete p1 for 3: {}"]);
}

/// `p1 {body} @time` seen, or `p1 gone @time`, one after the other; then claims, ties and shadow.
#[track_caller]
fn check_seen(row: Contribution, target: &str, seen: &[&str], expected: &[&str]) {
    let catalog = catalog(MAPPING);
    let (mapping, entity): (_, &Entity) = (&catalog.mappings["m"], &catalog.entities["contact"]);
    let part = &mapping.parts[0];
    let (mut row, mut record) = (row, record(target));
    for line in seen {
        let (id, rest) = line.split_once(' ').unwrap();
        let (what, at) = rest.rsplit_once(" @").unwrap();
        let known = shadow(&row, part).iter().find(|element| child_id(element) == Some(id)).cloned();
        let element = (what != "gone").then(|| element(part, id, &value(what), &Coverage::Complete, known.as_ref()));
        let at = Time(at.parse().unwrap());
        let seen = Seen { id, element: element.as_ref(), claimed_at: at, observed_at: at };
        let _ = take_child(mapping, entity, part, &mut row, &mut record, seen, Some("DE"));
    }
    let mut found: Vec<String> =
        row.claims.iter().map(|(name, claim)| format!("{name} {} @{}", claim.value.display(), claim.claimed_at.0)).collect();
    found.extend(row.elements["phones"].iter().map(|(ElementId(number), key)| format!("{number} is {key}")));
    found.extend(shadow(&row, part).iter().map(text));
    assert_eq!(found, expected, "{seen:?}");
    let held: Vec<String> = children(&row).map(|key| key.to_string()).collect();
    let ids: Vec<String> = shadow(&row, part).iter().filter_map(child_id).map(|id| format!("erp/contacts/phones:{id}")).collect();
    assert_eq!(held, ids, "the index leads to each child that is held, and to no other");
}

#[test]
fn what_was_seen_of_a_child_is_claimed() {
    let catalog = catalog(MAPPING);
    let part = &catalog.mappings["m"].parts[0];
    let one = r##"{"#id":"p1","type":"phone","value":"+49 30 111"}"##;
    check_seen(
        contribution(),
        "",
        &[r#"p1 {"value":"+49 30 111","type":"phone","contact":"c1","other":1} @5"#],
        &["phones/7 number: +4930111 @5", "7 is p1", one],
    );
    // Known here by another system: the same element.
    check_seen(
        contribution(),
        "2=+4930111",
        &[r#"p1 {"value":"+49 30 111","type":"phone"} @5"#],
        &["phones/2 number: +4930111 @5", "2 is p1", one],
    );
    // Another spelling is nobody's word; a change is; what is gone was removed.
    check_seen(
        contribution(),
        "",
        &[
            r#"p1 {"value":"+4930-111","type":"phone"} @5"#,
            r#"p2 {"value":"+4930-222","type":"mobile"} @6"#,
            r#"p1 {"value":"+49 30 111","type":"phone"} @7"#,
            r#"p2 {"value":"+4930-223","type":"mobile"} @8"#,
        ],
        &[
            "phones/7 number: +4930111 @5",
            "phones/8 number: +4930223 @8",
            "7 is p1",
            "8 is p2",
            one,
            r##"{"#id":"p2","type":"mobile","value":"+4930-223"}"##,
        ],
    );
    check_seen(
        contribution(),
        "",
        &[r#"p1 {"value":"+4930111","type":"phone"} @5"#, "p1 gone @9", "p1 gone @10"],
        &["phones/7 – @9"],
    );
    // What we wrote ourselves is nobody's word when it comes back, and is one when it is gone.
    let ours = || settled(part, &[ONE]);
    check_seen(
        ours(),
        "3=+4930111",
        &[r#"p1 {"value":"+4930111","type":"phone","contact":"c1"} @9"#],
        &["3 is p1", r##"{"#id":"p1","type":"phone","value":"+4930111"}"##],
    );
    check_seen(ours(), "3=+4930111", &["p1 gone @9"], &["phones/3 – @9"]);
    // What cannot be read moves nothing.
    check_seen(
        ours(),
        "3=+4930111",
        &[r#"p1 {"value":"call me","type":"phone"} @9"#],
        &["3 is p1", r##"{"#id":"p1","type":"phone","value":"+4930111"}"##],
    );
}
