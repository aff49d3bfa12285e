//! `[[part]]`: one good mapping over a stream of children; every test changes a line of it.

use super::*;

const COMPANIES: &str = r#"connection = "crm"
stream = "companies"
entity = "company"

flow.in = { process = "sales", because = "sales hears of a number first" }

flow.out = { process = "sales", because = "who calls needs the number" }

[[field]]
remote = "name"
canonical = "name"
direction = "both"
because = "both"

[[part]]
stream = "numbers"
parent = "company"
canonical = "phones"
direction = "both"
only = { type = ["phone", "mobile"] }
because = "whoever hears of one enters it"

[[part.field]]
remote = "value"
canonical = "number"
in = "phone"
"#;

fn plugins() -> BTreeMap<String, PluginInfo> {
    let mut plugins = super::plugins();
    let numbers = StreamInfo {
        name: "numbers".into(),
        fields: vec![
            FieldInfo { read_only: true, ..field("id", RemoteType::Integer) },
            FieldInfo { required: true, ..field("company", RemoteType::Integer) },
            FieldInfo { required: true, ..field("type", RemoteType::Enum) },
            FieldInfo { required: true, max_length: Some(20), ..field("value", RemoteType::Text) },
            FieldInfo { read_only: true, ..field("changed", RemoteType::Timestamp) },
            field("marker", RemoteType::Text),
        ],
        capabilities: Capabilities {
            searchable: vec!["company".into(), "marker".into()],
            deletable: true,
            ..Capabilities::default()
        },
        ..StreamInfo::default()
    };
    let log = StreamInfo {
        name: "log".into(),
        fields: vec![field("company", RemoteType::Text), field("text", RemoteType::Text), field("due", RemoteType::Boolean)],
        capabilities: Capabilities { writable: false, ..Capabilities::default() },
        ..StreamInfo::default()
    };
    plugins.get_mut("hubspot").unwrap().streams.get_mut("crm").unwrap().extend([numbers, log]);
    plugins
}

fn files(from: &str, to: &str) -> Vec<SourceFile> {
    assert!(COMPANIES.contains(from), "the good mapping has no {from:?}");
    let mut files = project();
    files.iter_mut().find(|file| file.path.ends_with("crm-companies.toml")).unwrap().text = COMPANIES.replacen(from, to, 1);
    files
}

/// What is said when one text is replaced.
#[track_caller]
fn check_part(from: &str, to: &str, expected: &[&str]) {
    let found = match check(&files(from, to), &plugins()) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    let found: Vec<String> = found
        .iter()
        .map(|diagnostic| diagnostic.to_string().replace("\n  help: ", " → ").replace("mappings/crm-companies.toml:", ""))
        .collect();
    assert_eq!(found, expected, "{from} → {to}");
}

#[test]
fn a_good_part() {
    let (catalog, warnings) = check(&files("", ""), &plugins()).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(warnings, []);
    let mapping = &catalog.mappings["crm-companies"];
    let part = &mapping.parts[0];
    assert_eq!((part.stream.as_str(), part.parent.as_str(), part.numbered), ("numbers", "company", true));
    assert_eq!((part.list.remote.as_str(), part.list.canonical.as_str()), ("numbers[]", "phones"));
    assert_eq!(part.list.fields[0].constraints.max_length, Some(20));
    let told = explain(mapping, &catalog.entities["company"]);
    assert!(
        told.ends_with(
            "- each of `numbers` is an element of phones: both ways (yellow), only elements where `type` is phone or mobile; `company` there says whose it is. Each is made, changed and deleted there by itself, once its owner is there. Why: whoever hears of one enters it\n    - `value` ↔ number: both ways (yellow). It comes in as `value`, as a phone number. It takes at most 20 characters there; what does not fit is not sent, but reported.\n"
        ),
        "{told}"
    );
    let plugins = plugins();
    let stream = plugins["hubspot"].streams["crm"].iter().find(|stream| stream.name == "numbers").unwrap();
    let found = part_coverage(mapping, stream);
    assert_eq!((found.mapped, found.unmapped), (texts(&["company", "type", "value"]), texts(&["id", "changed", "marker"])));
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn names_in_parts() {
    check_part(
        "stream = \"numbers\"",
        "stream = \"number\"",
        &["16:10: `crm` offers no stream `number` [unknown-stream] → did you mean `numbers`?"],
    );
    check_part(
        "stream = \"numbers\"",
        "stream = \"companies\"",
        &[
            "16:10: `companies` is the mapping's own stream, and no part of it [wrong-shape] → name the stream that the children are in",
        ],
    );
    check_part(
        "parent = \"company\"",
        "parent = \"companie\"",
        &[
            "16:10: warning: `numbers` cannot be searched for by `companie`, and has no marker [not-searchable] → where the answer to a create is lost, a person will be asked",
            "16:10: `company` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"company\" = \"…\" }",
            "17:10: `numbers` has no field `companie` [unknown-remote-field] → did you mean `company`?",
        ],
    );
    check_part(
        "canonical = \"phones\"",
        "canonical = \"phone\"",
        &[
            "16:10: the part maps no sub-field [missing-key] → add [[part.field]] with remote and canonical",
            "16:10: `value` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"value\" = \"…\" }",
            "18:13: `phone` is no list [wrong-shape] → map it with [[field]]",
        ],
    );
    check_part(
        "canonical = \"number\"",
        "canonical = \"nummer\"",
        &[
            "16:10: the part maps no sub-field [missing-key] → add [[part.field]] with remote and canonical",
            "16:10: `value` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"value\" = \"…\" }",
            "25:13: elements of `phones` have no sub-field `nummer` [unknown-field] → did you mean `number`?",
        ],
    );
    check_part(
        "remote = \"value\"",
        "remote = \"valu\"",
        &[
            "16:10: `value` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"value\" = \"…\" }",
            "24:11: `numbers` has no field `valu` [unknown-remote-field] → did you mean `value`?",
        ],
    );
    check_part(
        "only = { type",
        "only = { kind",
        &[
            "16:10: `type` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"type\" = \"…\" }",
            "16:10: `numbers` has no field `kind` [unknown-remote-field] → `numbers` has `id`, `company`, `type`, `value`, `changed`, `marker`: correct the name, or take it out; where it is new there, `nave connection discover NAME --save` asks again",
        ],
    );
    check_part(
        "parent = \"company\"",
        "parent = \"company\"\nmarker = \"markr\"",
        &[
            "18:10: warning: `markr` cannot be searched for in `numbers` [not-searchable] → it can find things by company, marker",
            "18:10: `numbers` has no field `markr` [unknown-remote-field] → did you mean `marker`?",
        ],
    );
}

#[test]
fn what_a_part_asks_of_its_stream() {
    check_part(
        "remote = \"value\"\ncanonical = \"number\"\nin = \"phone\"",
        "remote = \"changed\"\ncanonical = \"number\"\nin = \"text\"\nout = \"text\"",
        &[
            "16:10: `value` is required there, and nothing is written to it [required-field] → map it with [[part.field]], or give new ones a value: only = { \"value\" = \"…\" }",
            "24:10: `changed` cannot be written there [read-only] → direction = \"in\"",
        ],
    );
    check_part(
        "because = \"whoever hears of one enters it\"\n",
        "",
        &["19:13: direction = \"both\" needs `because` [missing-because] → say who edits it where: because = \"…\""],
    );
    check_part(
        "flow.in = { process = \"sales\", because = \"sales hears of a number first\" }\n",
        "",
        &[
            "1:1: a part is read before anything of it is written, and nothing is read [no-flow] → add [flow.in] with freshness = \"1h\"",
            "1:1: warning: fields come in, but nothing is read [no-flow] → add [flow.in] with freshness = \"1h\"",
        ],
    );
    check_part(
        "entity = \"company\"",
        "entity = \"company\"\nid = \"name\"",
        &[
            "1:1: `id` makes ids of our own, and the children name their parents by the system's [own-ids] → leave `id` or [[part]] out",
        ],
    );
    check_part(
        "[[part]]\n",
        "[[part]]\nstream = \"log\"\nparent = \"company\"\ncanonical = \"phones\"\ndirection = \"both\"\nbecause = \"both\"\n[[part.field]]\nremote = \"text\"\ncanonical = \"number\"\nin = \"phone\"\n\n[[part]]\n",
        &[
            "16:10: warning: `log` cannot be searched for by `company`, and has no marker [not-searchable] → where the answer to a create is lost, a person will be asked",
            "16:10: `log` cannot be written [not-writable] → direction = \"in\"",
            "29:1: `log` and `numbers` both claim `phones` [claimed-twice] → leave one of the two out",
        ],
    );
}
