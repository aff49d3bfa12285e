//! One good project; every test changes a line of it and says what the hub answers.

mod address;
mod fits;
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
fn several_fields_there_may_be_one_list_here_and_are_only_read() {
    let of_text = |direction: &str, more: &str| {
        format!(
            "[[list]]\nremote = \"phone\"\ncanonical = \"phones\"\ndirection = \"{direction}\"\n{more}\n[[list.field]]\nremote = \
             \"\"\ncanonical = \"number\"\n\n[[field]]\nremote = \"id\"\n"
        )
    };
    let id = "[[field]]\nremote = \"id\"\n";
    let told = |from: &str, to: &str| findings("mappings/crm-contacts.toml", from, to);
    let both = told(id, &of_text("in", "split = \";\""));
    assert!(both.contains("`phones` and `phone` are both `phones` [claimed-twice]"), "{both}");
    assert!(both.contains("each of them needs direction = \"in\""), "{both}");
    let unsplit = told(id, &of_text("in", ""));
    assert!(unsplit.contains("`phone` is no list over there [wrong-shape]") && unsplit.contains("split = \";\""), "{unsplit}");
    // The same with both only read: the list that is there is made so.
    let mut files = project();
    let mapping = files.iter_mut().find(|file| file.path == "mappings/crm-contacts.toml").unwrap();
    let list = "canonical = \"phones\"\ndirection = \"both\"";
    assert!(mapping.text.contains(list));
    mapping.text = mapping.text.replace(list, &list.replace("both", "in")).replace(id, &of_text("in", "split = \";\""));
    let (catalog, _) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(catalog.mappings["crm-contacts"].lists.len(), 2);
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

#[test]
fn a_mapping_is_told_in_words() {
    let (catalog, _) = check(&project(), &plugins()).unwrap();
    let told = explain(&catalog.mappings["crm-contacts"], &catalog.entities["contact"]);
    assert_eq!(
        told,
        "crm-contacts: each of `contacts` in `crm` is a contact.\n\
         In: what changed there is read within an hour.\n\
         `sales` needs it. Why: sales corrects it there\n\
         Out: what changed here is written within 5 minutes, where address.country in (DE, AT) and not archived; what no longer fits is left alone there.\n\
         `sales` needs it. Why: sales writes to whom the others know\n\
         Nothing is made there without `email`.\n\
         What is deleted there is let go: it stays here, and is not made there again.\n\
         Two there that are one here are both kept up to date.\n\
         - `email` ↔ email (E-mail): both ways (yellow). It comes in as `email`, without blanks around it, in lower case. It takes at most 100 characters there; what does not fit is not sent, but reported. Why: Sales edits it in the CRM; support corrects bounces in the desk\n\
         - `created` → first_seen: one way, in (green). It comes in as `created`, as a time from ISO 8601, as a date.\n\
         - `country` ↔ address.country (Country): both ways (yellow). It comes in as `country`, translated by the table `countries`. It goes out as `address.country`, translated back by the table `countries`. Why: both\n\
         - `phone` → phone: one way, in (green). It comes in as what `phone_e164` makes of it.\n\
         - `company` ↔ company: both ways (yellow). It comes in as `company`, as a whole number, as text, as a reference to one of `companies`. It goes out as `company`, as the id of one of `companies`, as a whole number. Why: both\n\
         - `id`: stays in its system (blue). Why: the CRM's own id\n\
         - list `phones`, phones: both ways (yellow), only elements where `type` is phone or mobile; elements are told apart by `id` there. Why: both\n    \
             - `value` ↔ number: both ways (yellow).\n    \
             - `type` ↔ kind: both ways (yellow).\n"
    );
}

#[test]
fn names_in_mappings() {
    let at = "mappings/crm-contacts.toml";
    check_mapping(
        "connection = \"crm\"",
        "connection = \"crn\"",
        &format!("{at}:1:14: there is no connection `crn` [unknown-connection] → did you mean `crm`?"),
    );
    check_mapping(
        "stream = \"contacts\"",
        "stream = \"contact\"",
        &format!("{at}:2:10: `crm` offers no stream `contact` [unknown-stream] → did you mean `contacts`?"),
    );
    check_mapping(
        "entity = \"contact\"",
        "entity = \"contakt\"",
        &format!("{at}:3:10: there is no entity `contakt` [unknown-entity] → did you mean `contact`?"),
    );
    check_mapping(
        "canonical = \"first_seen\"",
        "canonical = \"first_sen\"",
        &format!("{at}:27:13: contact has no field `first_sen` [unknown-field] → did you mean `first_seen`?"),
    );
    check_mapping("remote = \"created\"", "remote = \"createt\"", &format!("{at}:26:10: `contacts` has no field `createt` [unknown-remote-field] → did you mean `created`?\n{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`").split('\n').rev().collect::<Vec<_>>().join("\n"));
    check_mapping(
        "(DE, AT) and not archived",
        "(DE, AT) and not archivd",
        &format!("{at}:14:47: contact has no field `archivd` [unknown-field] → did you mean `archived`?"),
    );
    check_mapping(
        "direction = \"in\"",
        "direcion = \"in\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:26:10: `direction` is missing [missing-key] → direction = \"in\", \"out\", \"both\" or \"ignore\"\n{at}:28:1: `direcion` is not a key here [unknown-key] → did you mean `direction`?"
        ),
    );
    check_mapping(
        "direction = \"in\"",
        "direction = \"inn\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:28:13: `direction` is one of `in`, `out`, `both`, `ignore`, not `inn` [unknown-word] → did you mean `in`?"
        ),
    );
    check_mapping(
        "phone_e164(country)",
        "phone_e165(country)",
        &format!("{at}:42:7: there is no operation or function `phone_e165` [unknown-operation] → did you mean `phone_e164`?"),
    );
    check_mapping(
        "phone_e164(country)",
        "phone_e164(county)",
        &format!("{at}:42:18: `contacts` has no field `county` [unknown-remote-field] → did you mean `country`?"),
    );
    check_mapping(
        "lookup(countries)",
        "lookup(countrys)",
        &format!("{at}:35:14: there is no table `countrys` [unknown-lookup] → did you mean `countries`?"),
    );
    check_mapping(
        "canonical = \"number\"",
        "canonical = \"nummer\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `phones.value` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:61:13: elements of `phones` have no sub-field `nummer` [unknown-field] → did you mean `number`?"
        ),
    );
    check_mapping(
        "remote = \"value\"",
        "remote = \"valu\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `phones.value` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:60:11: elements of `phones` have no field `valu` [unknown-remote-field] → did you mean `value`?"
        ),
    );
    check_mapping(
        "process = \"sales\"",
        "process = \"sale\"",
        &format!("{at}:10:11: nave.toml has no process `sale` [unknown-process] → did you mean `sales`?"),
    );
    check_mapping(
        "freshness = \"1h\"",
        "freshness = \"1 hour\"",
        &format!("{at}:9:13: `1 hour` is no length of time [bad-duration] → write a number and s, m, h or d: \"5m\""),
    );
    check_mapping(
        "reference(companies)",
        "reference(company)",
        &format!("{at}:48:33: warning: `company` of `crm` is not mapped [unmapped-reference] → did you mean `companies`?"),
    );
}

#[test]
fn types_and_directions_in_mappings() {
    let at = "mappings/crm-contacts.toml";
    check_mapping(
        "direction = \"in\"\nin = \"timestamp(iso8601) | date\"",
        "direction = \"in\"",
        &format!(
            "{at}:26:10: this gives a timestamp, and `first_seen` holds a date [type-mismatch] → add `| date` to keep the date alone"
        ),
    );
    check_mapping(
        "remote = \"created\"",
        "remote = \"id\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:29:7: `timestamp` cannot work on an integer [type-mismatch] → if it counts seconds or milliseconds since 1970, add `| timestamp(unix_s)` or `| timestamp(unix_ms)`"
        ),
    );
    check_mapping(
        "integer | text | reference(companies)",
        "text",
        &format!(
            "{at}:48:6: this gives text, and `company` holds a reference [type-mismatch] → add `| text | reference(STREAM)` with the stream whose ids these are"
        ),
    );
    check_mapping(
        "canonical = \"phone\"\ndirection = \"in\"\nin = \"phone_e164(country)\"",
        "canonical = \"phones\"\ndirection = \"in\"",
        &format!("{at}:39:10: this gives text, and `phones` holds a list [type-mismatch]"),
    );
    check_mapping(
        "direction = \"in\"\nin = \"timestamp(iso8601) | date\"",
        "direction = \"out\"",
        &format!("{at}:26:10: `created` cannot be written there [read-only] → direction = \"in\""),
    );
    check_mapping(
        "because = \"Sales edits it in the CRM; support corrects bounces in the desk\"\n",
        "",
        &format!("{at}:21:1: direction = \"both\" needs `because` [missing-because] → say who edits it where: because = \"…\""),
    );
    check_mapping(
        "because = \"the CRM's own id\"\n",
        "",
        &format!("{at}:69:1: direction = \"ignore\" needs `because` [missing-because] → say why it stays there: because = \"…\""),
    );
    check_mapping(
        "trim | lower",
        "trim | default('x')",
        &format!(
            "{at}:22:6: `default` is refused on `both`: it would write invented data back [default-on-both] → leave it out, or use direction = \"in\""
        ),
    );
    check_mapping(
        "trim | lower",
        "split('@', 1)",
        &format!(
            "{at}:22:6: there is no way back out: `split` forgets the other parts [no-inverse] → write the way back: out = \"…\", or use direction = \"in\""
        ),
    );
    check_mapping("in = \"trim | lower\"", "in = \"split('@', 1)\"\nout = \"suffix('@x.de')\"", "");
    check_mapping(
        "trim | lower",
        "trim | lowr | uper",
        &format!(
            "{at}:22:14: there is no operation or function `lowr` [unknown-operation] → did you mean `lower`?\n{at}:22:21: there is no operation or function `uper` [unknown-operation] → did you mean `upper`?"
        ),
    );
    check_mapping("constants = { \"kind\" = \"person\" }\n", "", &format!("{at}:1:1: `kind` is required there, and nothing is written to it [required-field] → map it with direction out or both, give it a constant, or set create = false: constants = {{ \"kind\" = \"…\" }}\n{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `kind` [coverage] → map each, or say why not: direction = \"ignore\" with `because`").split('\n').rev().collect::<Vec<_>>().join("\n"));
    check_mapping(
        "in = \"phone_e164(country)\"",
        "out = \"phone\"",
        &format!("{at}:42:7: `out` has no use: no value goes out [unused-key] → leave it out, or change `direction`"),
    );
    check_mapping(
        "natural-key = \"email\"",
        "natural-key = \"phone\"",
        &format!(
            "{at}:5:15: warning: `phone` cannot be searched for in `contacts` [not-searchable] → it can find things by email, marker"
        ),
    );
    check_mapping(
        "remote = \"id\"\ndirection = \"ignore\"",
        "remote = \"email\"\ncanonical = \"name\"\ndirection = \"out\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `id` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:68:1: `email` and `name` are both written to `email` [written-twice] → write it once, with out = \"…\""
        ),
    );
}

#[test]
fn lookups_without_a_way_back() {
    check_patch(
        "lookups/countries.toml",
        "Austria = \"AT\"",
        "Deutschland = \"DE\"",
        "mappings/crm-contacts.toml:35:6: there is no way back out: two keys of the table have the same value, so there is no way back [no-inverse] → write the way back: out = \"…\", or use direction = \"in\"",
    );
}

#[test]
fn connections() {
    let at = "connections/crm.toml";
    let patch = |from: &str, to: &str, expected: &str| check_patch(at, from, to, &expected.replace("@", at));
    patch(
        "environment = \"dev\"",
        "environment = \"prod\"",
        "@:2:15: this connection is for `prod`, and this data folder holds `dev` [wrong-environment] → a data folder holds exactly one environment; promotion copies configuration, never data",
    );
    patch(
        "portal = \"12\"",
        "portl = \"12\"",
        "@:5:1: setting `portal` (Portal) is missing [missing-setting] → under [settings]: portal = …\n@:6:1: `portl` is no setting of `hubspot` [unknown-setting] → did you mean `portal`?",
    );
    patch("portal = \"12\"", "portal = 12", "@:6:10: setting `portal` must be a text [wrong-type]");
    patch(
        "secret = \"hubspot-dev\"",
        "secret = \"pat-na1-1234567890abcdef\"",
        "@:9:10: `secret` holds what looks like a secret; it would end up in version control [secret-in-configuration] → keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced",
    );
    patch(
        "portal = \"12\"",
        "portal = \"https://u:p@x.example\"",
        "@:6:10: `portal` holds what looks like a secret; it would end up in version control [secret-in-configuration] → keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced",
    );
    patch(
        "secret = \"hubspot-dev\"",
        "secret = \"hubspot-dev\"\nkind = \"basic\"",
        "@:10:1: this slot takes `bearer` or `header`, not `basic` [unknown-word]",
    );
    patch("secret = \"hubspot-dev\"", "secret = \"hubspot-dev\"\nkind = \"header\"", "");
    patch(
        "[credentials.key]",
        "[credentials.kay]",
        "@:8:14: the plugin has no credential slot `kay` [unknown-credential] → did you mean `key`?",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"http://api.hubapi.com\"",
        "@:12:8: http:// sends everything, secrets too, unencrypted [insecure] → write https://, or insecure = true with `because`",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"http://api.hubapi.com\"\ninsecure = true",
        "@:13:1: `insecure` needs `because` [missing-because] → say why this is acceptable: because = \"…\"",
    );
    patch(
        "base = \"https://api.hubapi.com\"",
        "base = \"https://*.hubapi.com\"",
        "@:12:8: `https://*.hubapi.com` is no concrete address [bad-address] → write base = \"https://api.example.com\"",
    );
    patch(
        "[grants.endpoints.api]",
        "[grants.endpoints.apy]",
        "@:1:1: warning: the plugin asks to reach `api` (to read contacts), and is not granted it [not-granted] → add [grants.endpoints.api] with base = \"https://api.hubapi.com\"\n@:11:19: the plugin asks for no endpoint `apy` [unknown-endpoint] → did you mean `api`?",
    );
    patch(
        "access = \"read\"",
        "access = \"read-write\"",
        "@:16:10: the plugin asks for reading only [more-than-asked] → write access = \"read\"",
    );
    patch(
        "requests-per-second = 10",
        "request-per-second = 10",
        "@:3:1: `request-per-second` is not a key here [unknown-key] → did you mean `requests-per-second`?",
    );
    patch(
        "plugin = \"hubspot\"",
        "plugin = \"phone-e164\"",
        "@:1:10: `phone-e164` is a transform, it connects to nothing [wrong-plugin] → call its functions in mappings",
    );
    patch(
        "environment = \"dev\"",
        "system = \"crn\"",
        "@:2:10: systems.toml has no `crn` [unknown-system] → did you mean `crm`?",
    );
    let found = findings(at, "plugin = \"hubspot\"", "plugin = \"hubspott\"");
    assert_eq!(found, format!("{at}:1:10: no plugin `hubspott` is installed [unknown-plugin] → did you mean `hubspot`?"));
}

/// A pinned plugin whose file is not there is a warning: what needs no plugin goes on.
#[test]
fn a_missing_plugin_is_its_connections_trouble() {
    let lock = "[plugins.hubspot]\nsource = \"hubspot.wasm\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n";
    let mut files = project();
    files.push(SourceFile { path: "nave.lock".into(), text: lock.into() });
    let mut plugins = plugins();
    plugins.remove("hubspot");
    let (catalog, warnings) = check(&files, &plugins).expect("a catalog");
    assert!(catalog.connections.contains_key("crm") && catalog.mappings.contains_key("crm-contacts"));
    let found: Vec<_> = warnings.iter().map(|warning| (warning.path.as_str(), warning.line, warning.code)).collect();
    assert_eq!(found, [("connections/crm.toml", 1, "missing-plugin")]);
}

#[test]
fn entities() {
    let at = "entities/contact.toml";
    let patch = |from: &str, to: &str, expected: &str| check_patch(at, from, to, &expected.replace("@", at));
    patch(
        "[fields.email]",
        "[fields.emial]",
        "@:3:9: contact has no field `emial` [unknown-field] → did you mean `email`? A field of your own needs `type`",
    );
    patch(
        "owner = \"crm\"",
        "owner = \"cmr\"",
        "@:4:26: there is no connection `cmr` [unknown-connection] → did you mean `crm`?",
    );
    patch(
        "survivorship = { owner = \"crm\" }",
        "survivorship = \"newst\"",
        "@:4:16: `survivorship` is one of `newest`, `longest`, `non-empty`, `manual`, `consent`, not `newst` [unknown-word] → did you mean `newest`?",
    );
    patch(
        "because = \"Sales owns it\"",
        "type = \"text\"\nbecause = \"Sales owns it\"",
        "@:5:1: `email` of contact ships with another type [type-changed] → leave `type` out, or make a field of your own: [fields.x.<system>.email]",
    );
    patch("type = \"integer\"", "type = \"intger\"", "@:8:8: there is no type `intger` [unknown-type] → did you mean `integer`?");
    patch(
        "type = \"integer\"",
        "type = \"reference\"\nentity = \"compny\"",
        "@:9:10: there is no entity `compny` [unknown-entity] → did you mean `company`?",
    );
    patch(
        "type = \"integer\"\n",
        "type = \"integer\"\n\n[[match]]\nkey = \"emails.adress\"\nagree = []\n",
        "@:11:7: contact has no field `emails.adress` (match) [unknown-field] → did you mean `emails.address`?",
    );
    patch(
        "type = \"integer\"\n",
        "type = \"integer\"\n\n[[match]]\nkey = \"emails.address\"\n",
        "@:11:7: `agree` is missing: which second field must agree? [missing-key] → write agree = [\"last_name\"], or agree = [] if this field alone identifies, as a tax number does",
    );
}

#[test]
fn fields_of_consent() {
    let at = "entities/contact.toml";
    let patch =
        |to: &str, expected: &str| check_patch(at, "[fields.x.crm.score]\ntype = \"integer\"", to, &expected.replace("@", at));
    let own = |rest: &str| format!("[fields.x.crm.may_call]\n{rest}\nbecause = \"we ask\"");
    let good = [
        "type = \"boolean\"\nsurvivorship = \"consent\"",
        "type = \"boolean\"\nsurvivorship = { refusal = [\"true\"], grant = [\"false\"] }",
        "type = \"enum\"\nvalues = [\"yes\", \"no\", \"asked\"]\nsurvivorship = { refusal = \"no\", grant = [\"yes\"] }",
    ];
    for rule in good {
        patch(&own(rule), "");
    }
    patch(
        &own("type = \"text\"\nsurvivorship = \"consent\""),
        "@:9:1: `x.crm.may_call` is neither, so nobody can refuse or grant by it [not-consent] → a field of consent is a boolean or an enum: type = \"boolean\"",
    );
    let values = "type = \"enum\"\nvalues = [\"yes\", \"no\"]\nsurvivorship = ";
    patch(
        &own(&format!("{values}\"consent\"")),
        "@:10:1: which values of `x.crm.may_call` refuse, and which grant? [not-consent] → write survivorship = { refusal = [\"no\"], grant = [\"yes\"] }, the right way round",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"noo\"], grant = [\"yes\"] }}")),
        "@:10:1: `noo` of `refusal` is no value of `x.crm.may_call` [unknown-word] → did you mean `no`?",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"no\"] }}")),
        "@:10:1: `x.crm.may_call` has no value by which anybody could grant [not-consent] → write both: { refusal = [\"no\"], grant = [\"yes\"] }",
    );
    patch(
        &own(&format!("{values}{{ refusal = [\"no\", \"yes\"], grant = [\"yes\"] }}")),
        "@:10:1: `yes` of `x.crm.may_call` refuses and grants [not-consent] → leave it in one of them; a value in neither list is no stance",
    );
    // What says by its name that it is about consent, and what ships as such, is warned of under another rule.
    patch(
        "[fields.x.crm.optin_sms]\ntype = \"boolean\"\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"",
        "@:9:1: warning: `x.crm.optin_sms` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → write survivorship = \"consent\"",
    );
    patch(
        "[fields.x.crm.opt_out]\ntype = \"boolean\"",
        "@:7:15: warning: `x.crm.opt_out` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → write survivorship = { refusal = [\"true\"], grant = [\"false\"] }",
    );
    patch(
        "[fields.email_marketing]\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"",
        "@:8:1: warning: `email_marketing` says whether a person agreed, and by this rule a word of one system lifts the refusal in another [not-consent] → take the line out: the shipped field keeps refusals",
    );
    // A rule for the whole entity leaves them what they are, and cannot make all fields so.
    let catalog = |text: &str| check(&patched(at, "steward = \"sales-ops\"", text), &plugins());
    let (newest, _) = catalog("steward = \"sales-ops\"\nsurvivorship = \"newest\"").unwrap_or_else(|found| panic!("{found:?}"));
    assert!(matches!(newest.entities["contact"].fields["email_marketing"].survivorship, Survivorship::Consent(_)));
    assert_eq!(newest.entities["contact"].fields["phone"].survivorship, Survivorship::Newest);
    let refused = catalog("steward = \"sales-ops\"\nsurvivorship = \"consent\"").unwrap_err();
    assert!(refused.iter().any(|found| found.message.contains("consent is of one field")), "{refused:?}");
}

#[test]
fn the_other_files() {
    check_patch(
        "nave.toml",
        "environment = \"dev\"",
        "environmnt = \"dev\"",
        "nave.toml:1:1: `environmnt` is not a key here [unknown-key] → did you mean `environment`?",
    );
    check_patch(
        "nave.toml",
        "region = \"DE\"",
        "region = \"Germany\"",
        "nave.toml:2:10: `Germany` is no alpha-2 code of a country [bad-region] → write \"DE\"",
    );
    check_patch(
        "nave.toml",
        "region = \"DE\"",
        "listen = \"6283\"",
        "nave.toml:2:10: `6283` is no address with a port [bad-address] → write \"127.0.0.1:6283\"",
    );
    check_patch(
        "systems.toml",
        "owner =",
        "ownr =",
        "systems.toml:3:1: `ownr` is not a key here [unknown-key] → did you mean `owner`?",
    );
    let broken = findings("nave.toml", "environment = \"dev\"", "environment = ");
    assert!(broken.starts_with("nave.toml:1:"), "{broken}");
    // A broken hub file is one finding among all others, never the only one.
    let mut files = patched("nave.toml", "region", "regoin");
    files.iter_mut().for_each(|file| file.text = file.text.replace("lower", "lowr"));
    let found = check(&files, &plugins()).unwrap_err();
    assert_eq!(found.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(), ["unknown-operation", "unknown-key"]);
}

#[test]
fn the_lock_is_read_as_it_is_written() {
    let locked = LockedPlugin {
        source: "file:a \"b\".wasm".into(),
        digest: "0123456789abcdef0123456789abcdef".into(),
        serial: 3,
        version: "1.0.0".into(),
        key: None,
        functions: Vec::new(),
        held: None,
    };
    let held = HeldPlugin { source: "oci://r.example/x:2".into(), digest: "ff".into(), serial: 4, version: "2.0.0".into() };
    let locked = LockedPlugin { key: Some("ed25519:AAAA".into()), held: Some(held), ..locked };
    let transform =
        LockedPlugin { key: None, held: None, functions: plugins()["phone-e164"].manifest.functions.clone(), ..locked.clone() };
    let all: BTreeMap<String, LockedPlugin> = [("hubspot".to_owned(), locked), ("phone-e164".to_owned(), transform)].into();
    let mut files = project();
    files.push(SourceFile { path: "nave.lock".into(), text: lock_text(&all, &Numbers::default()) });
    assert_eq!(check(&files, &plugins()).unwrap().0.plugins, all);
}

#[test]
fn one_stream_may_feed_two_entities() {
    let second = COMPANIES.replace("\"companies\"", "\"contacts\"").replace("remote = \"name\"", "remote = \"country\"") + "\n";
    let files = |reference: &str| {
        let mut files = patched("mappings/crm-contacts.toml", "reference(companies)", reference);
        files.push(SourceFile { path: "mappings/crm-rows.toml".into(), text: format!("id = \"company | text\"\n{second}") });
        files
    };
    let found = check(&files("reference(contacts)"), &plugins()).unwrap_err();
    assert_eq!(
        found.iter().filter(|d| d.severity == Severity::Error).map(ToString::to_string).collect::<Vec<_>>(),
        [
            "mappings/crm-contacts.toml:48:33: `contacts` of `crm` is not mapped [wrong-reference]\n  help: it feeds several entities: write reference(contacts#contact) or reference(contacts#company)"
        ]
    );
    let found = check(&files("reference(contacts#contact)"), &plugins()).unwrap_err();
    assert!(
        found.iter().any(|d| d.message == "`contacts#contact` holds contact records, and `company` points to company"),
        "{found:?}"
    );
    let (catalog, _) = check(&files("reference(contacts#company)"), &plugins()).unwrap();
    assert_eq!(
        (catalog.mappings["crm-rows"].alias.as_str(), catalog.mappings["crm-contacts"].alias.as_str()),
        ("contacts#company", "contacts#contact")
    );
    assert!(catalog.mappings["crm-rows"].id.is_some());
}

#[test]
fn digests_tell_what_changed() {
    let digests = |files: &[SourceFile]| {
        let catalog = check(files, &plugins()).unwrap().0;
        (
            catalog.digest.clone(),
            catalog.mappings["crm-contacts"].digest.clone(),
            catalog.mappings["crm-companies"].digest.clone(),
        )
    };
    let before = digests(&project());
    assert_eq!(before, digests(&project().into_iter().rev().collect::<Vec<_>>()));
    // What changes what is written: of this mapping, or of all of the connection.
    for (path, from, to, others) in [
        ("entities/contact.toml", "type = \"integer\"", "type = \"text\"", false),
        ("connections/crm.toml", "portal = \"12\"", "portal = \"13\"", true),
        ("connections/crm.toml", "hubspot-dev", "hubspot-test", true),
        ("lookups/countries.toml", "DE", "CH", true),
        ("mappings/crm-contacts.toml", "(DE, AT)", "(DE)", false),
        ("mappings/crm-contacts.toml", "trim | lower", "trim", false),
        ("mappings/crm-contacts.toml", "person", "human", false),
        ("mappings/crm-contacts.toml", "[\"phone\", \"mobile\"]", "[\"mobile\"]", false),
        ("mappings/crm-contacts.toml", "marker = \"marker\"\n", "", false),
    ] {
        let after = digests(&patched(path, from, to));
        assert!(after.0 != before.0 && after.1 != before.1 && (after.2 != before.2) == others, "{path}: {from} -> {to}");
    }
    // What only says when, by whom and why.
    for (path, from, to) in [
        ("entities/contact.toml", "sales-ops", "support"),
        ("entities/contact.toml", "Sales owns it", "They own it"),
        ("connections/crm.toml", "= 10", "= 20"),
        ("mappings/crm-contacts.toml", "\"1h\"", "\"2h\""),
        ("mappings/crm-contacts.toml", "\"5m\"", "\"1d\""),
        ("mappings/crm-contacts.toml", "process = \"sales\"\n", ""),
        ("mappings/crm-contacts.toml", "sales corrects it there", "they do"),
        ("mappings/crm-contacts.toml", "because = \"sales writes to whom the others know\"\n", ""),
        ("mappings/crm-contacts.toml", "entity = \"contact\"", "# a comment\nentity  =  'contact'\nsteward = \"sales-ops\""),
        ("mappings/crm-contacts.toml", "Sales edits it", "Somebody edits it"),
    ] {
        let after = digests(&patched(path, from, to));
        assert!(after.0 != before.0 && after.1 == before.1 && after.2 == before.2, "{path}: {from} -> {to}");
    }
}

#[test]
fn without_discovered_streams_names_there_are_taken_on_trust() {
    let mut plugins = plugins();
    plugins.values_mut().for_each(|info| info.streams.clear());
    let files = patched("mappings/crm-contacts.toml", "remote = \"created\"", "remote = \"whatever\"");
    assert_eq!(check(&files, &plugins).unwrap().1, []);
}

#[test]
fn shipped_entities_are_whole() {
    let (catalog, _) = check(&[], &BTreeMap::new()).unwrap();
    let names: Vec<&str> = catalog.entities.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "campaign",
            "company",
            "contact",
            "deal",
            "employee",
            "interaction",
            "invoice",
            "payment",
            "product",
            "stock-level",
            "ticket",
            "user"
        ]
    );
    for entity in catalog.entities.values() {
        for field in entity.fields.values() {
            let mut kinds = vec![&field.kind];
            if let FieldType::List { fields, key } = &field.kind {
                kinds.extend(fields.values());
                assert!(!key.is_empty(), "{}.{}", entity.name, field.name);
            }
            for kind in kinds {
                if let FieldType::Reference(target) = kind {
                    assert!(catalog.entities.contains_key(target), "{}.{}", entity.name, field.name);
                }
            }
        }
        assert!(!entity.title.is_empty());
        let schema = json_schema(entity);
        assert_eq!(schema["properties"].as_object().unwrap().len(), entity.fields.len());
    }
    let contact = &catalog.entities["contact"];
    assert_eq!(contact.match_rules[0].key, "email");
    assert!(contact.match_rules.iter().all(|rule| !rule.agree.is_empty()), "nothing about a person identifies alone");
    assert_eq!(json_schema(contact)["properties"]["phones"]["items"]["properties"]["number"]["type"][0], "string");
}

#[test]
fn hosts_are_names_alone() {
    for (host, fits) in [
        ("hub.example.com", true),
        ("HUB", true),
        ("10.1.2.3", true),
        ("[fd00::1]", true),
        ("https://hub.example.com", false),
        ("hub.example.com:6283", false),
        ("hub.example.com/x", false),
        ("*.example.com", false),
        ("", false),
        ("a..b", false),
    ] {
        let mut files = project();
        let hub = files.iter_mut().find(|file| file.path == "nave.toml").unwrap();
        hub.text = format!("hosts = [\"{host}\"]\n{}", hub.text);
        let found = check(&files, &plugins());
        match found {
            Ok((catalog, _)) => assert!(fits && catalog.hub.hosts == [host.to_ascii_lowercase()], "{host}"),
            Err(found) => {
                assert!(!fits && found.iter().all(|one| one.code == "bad-host" && one.help.is_some()), "{host}: {found:?}")
            }
        }
    }
}

#[test]
fn coverage_sorts_every_field() {
    let (catalog, _) = check(&project(), &plugins()).unwrap();
    let plugins = plugins();
    let stream = &plugins["hubspot"].streams["crm"][0];
    let found = coverage(&catalog.mappings["crm-contacts"], stream);
    assert_eq!(found.mapped.len() + found.ignored.len() + found.unmapped.len(), stream.fields.len());
    assert_eq!((found.ignored, found.unmapped), (vec!["id".to_owned()], vec![]));
}

#[test]
fn looking_like_a_secret() {
    for secret in [
        "sk-abcdefghijklmnop",
        "ghp_0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "-----BEGIN PRIVATE KEY-----",
        "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW",
        "0123456789abcdef0123456789abcdef",
        "postgres://app:hunter2@db/x",
    ] {
        assert!(secrets::looks_like_secret(secret), "{secret}");
    }
    for plain in [
        "hubspot-dev",
        "https://api.hubapi.com/v1",
        "properties.hs_additional_emails_of_the_contact",
        "550e8400-e29b-41d4-a716-446655440000",
        "trim | lower",
        "sk-short",
        "a-very-long-name-of-a-process-in-this-company",
    ] {
        assert!(!secrets::looks_like_secret(plain), "{plain}");
    }
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
