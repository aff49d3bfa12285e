//! What a claim of a field that is compared three ways is made against.

use super::*;
use crate::catalog::{Catalog, PluginInfo, SourceFile, Survivorship, check};
use crate::codec;
use crate::model::{ContributionId, RecordId, RecordState, RemoteKey, Rule};

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
direction = "both"
because = "anywhere"
[[field]]
remote = "phone"
canonical = "mobile"
direction = "both"
because = "anywhere"
in = "phone"
[[list]]
remote = "phones"
canonical = "phones"
direction = "both"
id = "id"
because = "anywhere"
[[list.field]]
remote = "value"
canonical = "number"
direction = "both"
because = "as the list"
"#;

fn catalog() -> Catalog {
    let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
    let files = [
        file("systems.toml", "[erp]\nkind = \"other\"\nowner = \"ops\"\n"),
        file("connections/erp.toml", "plugin = \"p\"\nenvironment = \"dev\"\n"),
        file("nave.lock", "[plugins.p]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
        file("mappings/m.toml", MAPPING),
    ];
    let manifest = r#"{"name":"p","version":"1.0.0","serial":1,"title":"P","description":"","kind":"connector"}"#;
    let plugin = PluginInfo { manifest: serde_json::from_str(manifest).unwrap(), streams: BTreeMap::new() };
    match check(&files, &[("p".to_owned(), plugin)].into()) {
        Ok((catalog, _)) => catalog,
        Err(found) => panic!("{}", found[0]),
    }
}

/// One field: what the shadow holds, what was sent, what the system said itself, what stands, what it says now (each as JSON, `-` for
/// nothing) → what its claim is made against, and whether that was what stood.
#[test]
fn what_a_claim_is_made_against() {
    let phones = |text: &str| format!(r#"[{{"id":"p1","value":"{text}"}}]"#);
    let number = |text: &str| format!(r#"{{"number":"{text}"}}"#);
    let table = [
        ("last", "last_name", r#""Mueller""#, "-", r#""Mueller""#, r#""Mueller""#, r#""Maier""#, "Mueller known"),
        ("last", "last_name", r#""Mueller""#, "-", r#""Mueller""#, r#""Moll""#, r#""Maier""#, "Mueller"),
        // Written by the hub, and kept there in the system's own spelling.
        ("last", "last_name", r#""Mueller""#, r#""Müller""#, r#""Moll""#, r#""Müller""#, r#""Maier""#, "Müller known"),
        ("last", "last_name", r#""Mueller""#, r#""Müller""#, "-", r#""Moll""#, r#""Maier""#, "Müller"),
        // What was there cannot be read again.
        ("phone", "mobile", r#""call me""#, "-", r#""+4930111""#, r#""+4930111""#, r#""+4930222""#, "+4930111 known"),
        ("phone", "mobile", r#""call me""#, "-", r#""+4930111""#, r#""+4930333""#, r#""+4930222""#, "+4930111"),
        ("phone", "mobile", r#""call me""#, "-", "-", r#""+4930333""#, r#""+4930222""#, "+4930333 known"),
        // Of a list, each element.
        (
            "phones",
            "phones",
            &phones("(30) 111"),
            &phones("030 111"),
            &number("030 1"),
            &number("030 111"),
            &phones("030 222"),
            "number: 030 111 known",
        ),
        ("phones", "phones", &phones("(30) 111"), &phones("030 111"), "-", &number("030 111"), "[]", "number: 030 111 known"),
    ];
    let catalog = catalog();
    let mapping = &catalog.mappings["m"];
    let mut entity = Entity::clone(&catalog.entities["contact"]);
    entity.fields.values_mut().for_each(|field| field.survivorship = Survivorship::ThreeWay);
    for (remote, canonical, shadow, sent, own, stands, says, expected) in table {
        let json = |text: &str| codec::decode(text.as_bytes()).unwrap();
        let list = remote == "phones";
        let (path, name) = match list {
            true => ("phones#phones".to_owned(), "phones/1".to_owned()),
            false => (remote.to_owned(), canonical.to_owned()),
        };
        let mut row = Contribution::new(ContributionId(1), RemoteKey::new("erp", "contacts", "1"), Time(0));
        row.shadow.insert(path.as_str(), json(shadow));
        if sent != "-" {
            row.sent.insert(path.as_str(), json(sent));
        }
        if own != "-" {
            let claim = Claim { value: json(own), claimed_at: Time(1), observed_at: Time(1), base: None };
            row.claims.insert(name.as_str(), claim);
        }
        row.elements.insert("phones", vec![(ElementId(1), "p1".into())]);
        let field = Field { value: json(stands), winner: ContributionId(2), rule: Rule::ThreeWay, claimed_at: Time(2) };
        let mut record = Record {
            id: RecordId(1),
            entity: "contact".into(),
            state: RecordState::Active,
            version: 1,
            fields: [(Text::from(name.as_str()), field)].into_iter().collect(),
            contributions: vec![ContributionId(1), ContributionId(2)],
            next_element: 2,
        };
        let mut body = Value::Object(NameMap::new());
        body.put(remote, json(says));
        let coverage = Coverage::Only(vec![remote.to_owned()]);
        let pulled = Pulled {
            body,
            coverage,
            version: None,
            modified_at: None,
            field_times: vec![],
            read_at: Time(5),
            observed_at: Time(6),
        };
        let mapped = map_in(mapping, &entity, Some(&row), &pulled, &[], Some("DE")).unwrap();
        take(mapping, &entity, &mut row, &mut record, &pulled, mapped, Some("DE"));
        let base = row.claims[name.as_str()].base.clone().unwrap();
        let found = format!("{}{}", base.value.display(), if base.known.is_some() { " known" } else { "" });
        assert_eq!(found, expected, "{remote}: {shadow} sent {sent} own {own} stands {stands}");
    }
}
