//! One good project; every test changes a line of it and says what the hub answers.

mod address;
mod connections;
mod entities;
mod files;
mod fits;
mod mappings;
mod missing;
mod numbers;
mod ownership;
mod parts;
mod policies;

use std::collections::BTreeMap;

use super::*;
use crate::codec::decode;
use crate::mapping::{Env, explain};
use crate::model::RemoteKey;
use crate::value::{Reference, Value};

const MANIFEST: &str = r#"{
    "name": "hubspot", "version": "1.0.0", "serial": 1, "title": "HubSpot", "description": "", "kind": "connector",
    "settings": { "portal": { "label": "Portal", "type": "text", "required": true }, "page-size": { "label": "Page size", "type": "integer", "default": 100 } },
    "endpoints": { "api": { "base": "https://api.hubapi.com", "allow": [{ "methods": ["GET"], "paths": ["/"] }], "credential": "key", "reason": "to read contacts" } },
    "credentials": { "key": { "kinds": [{ "kind": "bearer" }, { "kind": "header", "name": "X-Key" }], "reason": "" } },
    "folders": { "inbox": { "access": "read", "reason": "" } }
}"#;
const TRANSFORM: &str = r#"{
    "name": "phone-e164", "version": "1.0.0", "serial": 1, "title": "Phones", "description": "", "kind": "transform",
    "functions": [{ "name": "phone_e164", "inputs": ["text", "text"], "output": "text", "explain": "written as an international phone number" }]
}"#;

const HUB: &str = "environment = \"dev\"\nregion = \"DE\"\n\n[processes]\nsales = \"From lead to order\"\n";
const SYSTEMS: &str = "[crm]\nkind = \"crm\"\nowner = \"Sales\"\n";
const ENTITY: &str = "steward = \"sales-ops\"\n\n[fields.email]\nsurvivorship = { owner = \"crm\" }\nbecause = \"Sales owns it\"\n\n[fields.x.crm.score]\ntype = \"integer\"\n";
const CONNECTION: &str = r#"plugin = "hubspot"
environment = "dev"
requests-per-second = 10

[settings]
portal = "12"

[credentials.key]
secret = "hubspot-dev"

[grants.endpoints.api]
base = "https://api.hubapi.com"

[grants.folders.inbox]
path = "inbox"
access = "read"
"#;
const LOOKUP: &str = "Germany = \"DE\"\nAustria = \"AT\"\n";
const CONTACTS: &str = r#"connection = "crm"
stream = "contacts"
entity = "contact"
marker = "marker"
natural-key = "email"
required = ["email"]
constants = { "kind" = "person" }
[flow.in]
freshness = "1h"
process = "sales"
because = "sales corrects it there"
[flow.out]
freshness = "5m"
filter = "address.country in (DE, AT) and not archived"
on-leave = "keep"
process = "sales"
because = "sales writes to whom the others know"
[[field]]
remote = "email"
canonical = "email"
direction = "both"
in = "trim | lower"
because = "Sales edits it in the CRM; support corrects bounces in the desk"

[[field]]
remote = "created"
canonical = "first_seen"
direction = "in"
in = "timestamp(iso8601) | date"

[[field]]
remote = "country"
canonical = "address.country"
direction = "both"
in = "lookup(countries)"
because = "both"

[[field]]
remote = "phone"
canonical = "phone"
direction = "in"
in = "phone_e164(country)"

[[field]]
remote = "company"
canonical = "company"
direction = "both"
in = "integer | text | reference(companies)"
because = "both"

[[list]]
remote = "phones"
canonical = "phones"
direction = "both"
id = "id"
only = { type = ["phone", "mobile"] }
because = "both"

[[list.field]]
remote = "value"
canonical = "number"

[[list.field]]
remote = "type"
canonical = "kind"

[[field]]
remote = "id"
direction = "ignore"
because = "the CRM's own id"
"#;
const COMPANIES: &str = r#"connection = "crm"
stream = "companies"
entity = "company"
[flow.in]
process = "sales"
because = "contacts belong to them"
[[field]]
remote = "name"
canonical = "name"
direction = "in"
"#;

fn field(path: &str, kind: RemoteType) -> FieldInfo {
    FieldInfo { path: path.into(), kind, ..FieldInfo::default() }
}

fn plugins() -> BTreeMap<String, PluginInfo> {
    let contacts = StreamInfo {
        name: "contacts".into(),
        fields: vec![
            FieldInfo { required: true, max_length: Some(100), ..field("email", RemoteType::Email) },
            FieldInfo { read_only: true, ..field("created", RemoteType::Timestamp) },
            field("country", RemoteType::Text),
            field("phone", RemoteType::Phone),
            field("company", RemoteType::Integer),
            field("phones", RemoteType::List),
            field("phones.value", RemoteType::Text),
            field("phones.type", RemoteType::Text),
            FieldInfo { required: true, ..field("kind", RemoteType::Enum) },
            field("marker", RemoteType::Text),
            field("id", RemoteType::Integer),
        ],
        capabilities: Capabilities { searchable: vec!["email".into(), "marker".into()], ..Capabilities::default() },
        ..StreamInfo::default()
    };
    let companies =
        StreamInfo { name: "companies".into(), fields: vec![field("name", RemoteType::Text)], ..StreamInfo::default() };
    let manifest = |text: &str| serde_json::from_str::<crate::manifest::Manifest>(text).unwrap();
    [
        (
            "hubspot".to_owned(),
            PluginInfo { manifest: manifest(MANIFEST), streams: [("crm".to_owned(), vec![contacts, companies])].into() },
        ),
        ("phone-e164".to_owned(), PluginInfo { manifest: manifest(TRANSFORM), streams: BTreeMap::new() }),
    ]
    .into()
}

fn project() -> Vec<SourceFile> {
    [
        ("nave.toml", HUB),
        ("systems.toml", SYSTEMS),
        ("entities/contact.toml", ENTITY),
        ("connections/crm.toml", CONNECTION),
        ("lookups/countries.toml", LOOKUP),
        ("mappings/crm-contacts.toml", CONTACTS),
        ("mappings/crm-companies.toml", COMPANIES),
    ]
    .map(|(path, text)| SourceFile { path: path.into(), text: text.into() })
    .into()
}

fn patched(path: &str, from: &str, to: &str) -> Vec<SourceFile> {
    let mut files = project();
    let file = files.iter_mut().find(|file| file.path == path).unwrap();
    assert!(file.text.contains(from), "the good project has no {from:?}");
    file.text = file.text.replacen(from, to, 1);
    files
}

/// Findings of the project with one text replaced, each on its own line.
fn findings(path: &str, from: &str, to: &str) -> String {
    let found = match check(&patched(path, from, to), &plugins()) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    found.iter().map(|diagnostic| diagnostic.to_string().replace("\n  help: ", " → ")).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check_patch(path: &str, from: &str, to: &str, expected: &str) {
    assert_eq!(findings(path, from, to), expected);
}

#[track_caller]
fn check_mapping(from: &str, to: &str, expected: &str) {
    check_patch("mappings/crm-contacts.toml", from, to, expected);
}

#[test]
fn the_good_project_is_good() {
    let (catalog, warnings) = check(&project(), &plugins()).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(warnings, []);
    let mapping = &catalog.mappings["crm-contacts"];
    assert_eq!((mapping.alias.as_str(), mapping.steward.as_str()), ("contacts", "sales-ops"));
    assert_eq!(mapping.externals.len(), 1);
    let email = &mapping.fields[0];
    assert_eq!(
        (email.inputs.as_slice(), email.outputs.as_slice(), email.constraints.max_length),
        (&["email".to_owned()][..], &["email".to_owned()][..], Some(100))
    );
    let flow = mapping.flow_out.as_ref().unwrap();
    assert_eq!((flow.freshness_ms, flow.create, flow.marker.as_deref()), (300_000, true, Some("marker")));
    assert_eq!(mapping.lists[0].only["type"], [Value::text("phone"), Value::text("mobile")]);
    assert_eq!(catalog.entities["contact"].fields["email"].survivorship, Survivorship::Owner("crm".into()));
    assert_eq!(catalog.entities["contact"].fields["x.crm.score"].kind, FieldType::Integer);
    assert_eq!(catalog.connections["crm"].settings, serde_json::json!({ "portal": "12", "page-size": 100 }));
    assert_eq!(catalog.connections["crm"].credentials["key"].secret, "hubspot-dev");

    let body = decode(br#"{"company": 42}"#).unwrap();
    let env = Env { body: &body, externals: &[], connection: "crm", region: None };
    let company = &mapping.fields[4];
    let reference = Value::Reference(Reference::Remote(RemoteKey::new("crm", "companies", "42").into()));
    assert_eq!(company.read.as_ref().unwrap().evaluate(&env), Ok(reference.clone()));
    let canonical = Value::Object([("company".to_owned(), reference)].into());
    assert_eq!(company.write.as_ref().unwrap().evaluate(&Env { body: &canonical, ..env }), Ok(Value::Number("42".into())));
}

proptest::proptest! {
    #[test]
    fn any_file_is_checked_or_refused(text in "[a-z\\[\\]{}=\"'.,| ()\n0-9#-]{0,200}", at in 0..7usize) {
        let mut files = project();
        files[at].text = text;
        let found = check(&files, &plugins());
        if let Err(found) = found {
            for diagnostic in found {
                proptest::prop_assert!(diagnostic.line >= 1 && diagnostic.column >= 1);
            }
        }
    }

    #[test]
    fn any_line_may_be_missing_or_twice(at in 0..7usize, line in 0..40usize, twice in proptest::bool::ANY) {
        let mut files = project();
        let mut lines: Vec<&str> = files[at].text.lines().collect();
        let line = line % lines.len();
        if twice { lines.insert(line, lines[line]) } else { let _ = lines.remove(line); }
        files[at].text = lines.join("\n");
        let _ = check(&files, &plugins());
    }
}
