use std::path::Path;

use nave_core::manifest::Manifest;

use super::*;

const MANIFEST: &str = r#"{
  "name": "desk", "version": "1.0.0", "serial": 1, "title": "Desk", "description": "Tickets.", "kind": "connector",
  "settings": {
    "base-url": { "label": "Address", "type": "url", "default": "https://api.example.com" },
    "limit": { "label": "Limit", "type": "integer" },
    "region": { "label": "Region", "pattern": "eu|us" }
  },
  "endpoints": { "api": { "base": "{settings.base-url}/v1", "allow": [{ "methods": ["GET"], "paths": ["/"] }],
                          "credential": "token", "reason": "to read tickets" } },
  "credentials": { "token": { "kinds": [{ "kind": "bearer" }, { "kind": "header", "name": "X-Key" }], "reason": "to sign in" } },
  "folders": { "drop": { "access": "read", "reason": "to read files", "optional": true } },
  "mappings": { "tickets.toml": "connection = \"{connection}\"\nstream = \"tickets\"\n" }
}"#;

fn plan(change: impl FnOnce(&mut NewConnection)) -> Result<PlannedConnection, ProjectError> {
    let manifest: Manifest = serde_json::from_str(MANIFEST).unwrap();
    let mut new = NewConnection { name: "desk".into(), environment: "dev".into(), ..NewConnection::default() };
    change(&mut new);
    plan_connection(Path::new("/nowhere"), &manifest, &new)
}

/// Everything in `expected` must be in the connection's file, or in the message of the refusal.
#[track_caller]
fn check(change: impl FnOnce(&mut NewConnection), expected: Result<&[&str], &[&str]>) {
    let (text, parts) = match (plan(change), expected) {
        (Ok(planned), Ok(parts)) => (planned.files[0].1.clone(), parts),
        (Err(error), Err(parts)) => (error.to_string(), parts),
        (Ok(planned), Err(_)) => panic!("was not refused: {}", planned.files[0].1),
        (Err(error), Ok(_)) => panic!("was refused: {error}"),
    };
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

fn set(name: &str, value: &str) -> impl FnOnce(&mut NewConnection) {
    move |new| {
        new.settings.insert(name.into(), value.into());
    }
}

#[test]
fn connections() {
    check(|_| {}, Ok(&["plugin = \"desk\"", "base = \"https://api.example.com/v1\"", "secret = \"desk\"", "kind = \"bearer\""]));
    check(set("base-url", "https://eu.example.com/"), Ok(&["base = \"https://eu.example.com/v1\""]));
    check(set("limit", "12"), Ok(&["limit = 12"]));
    check(|new| _ = new.kinds.insert("token".into(), "header".into()), Ok(&["kind = \"header\""]));
    check(
        |new| _ = new.folders.insert("drop".into(), "in".into()),
        Ok(&["[grants.folders.drop]", "path = \"in\"", "access = \"read\""]),
    );
    check(
        |new| {
            set("base-url", "https://127.0.0.1:9")(new);
            new.networks.push("127.0.0.0/8".into());
        },
        Ok(&["networks = [\"127.0.0.0/8\"]", "because = "]),
    );
    // The plugin's own address is in no private network.
    check(|new| new.networks.push("127.0.0.0/8".into()), Err(&["no endpoint was placed in 127.0.0.0/8", "--set"]));
    check(
        |new| {
            set("base-url", "https://api.example.com")(new);
            new.networks.push("127.0.0.0/8".into());
        },
        Err(&["no endpoint was placed in 127.0.0.0/8"]),
    );
    check(set("limit", "many"), Err(&["setting `limit`", "whole number"]));
    check(set("region", "eux"), Err(&["does not fit"]));
    check(set("colour", "red"), Err(&["no setting `colour`", "base-url"]));
    check(set("base-url", "http://127.0.0.1:1"), Err(&["--insecure"]));
    check(set("base-url", "file:///etc/passwd"), Err(&["not an address"]));
    check(set("base-url", "https://user@example.com"), Err(&["not an address"]));
    check(|new| new.networks.push("loopback".into()), Err(&["`loopback` is not a network"]));
    check(|new| new.name = "Desk 1".into(), Err(&["not a name"]));
    check(|new| new.name = "steward".into(), Err(&["hub's own word"]));
    check(|new| _ = new.secrets.insert("key".into(), "x".into()), Err(&["no credential `key`"]));
    // Every mistake at once.
    check(
        |new| {
            set("limit", "many")(new);
            new.networks.push("x".into());
        },
        Err(&["setting `limit`", "`x` is not a network"]),
    );
}

#[test]
fn a_network_is_granted_to_the_endpoint_that_was_placed_there_alone() {
    let manifest: Manifest = serde_json::from_str(include_str!("../../../../../plugins/xero/manifest.json")).unwrap();
    let mut new = NewConnection { name: "books".into(), environment: "dev".into(), insecure: true, ..NewConnection::default() };
    new.settings.insert("url".into(), "http://127.0.0.1:9".into());
    new.networks.push("127.0.0.0/8".into());
    new.kinds.insert("token".into(), "oauth-client-credentials".into());
    let planned = plan_connection(Path::new("/nowhere"), &manifest, &new).unwrap();
    let document: toml_edit::DocumentMut = planned.files[0].1.parse().unwrap();
    let endpoints = &document["grants"]["endpoints"];
    assert!(endpoints["api"].get("networks").is_some() && endpoints["identity"].get("networks").is_none(), "{document}");
}

/// An address that a person types counts, be it what the plugin would have taken; a name that the plugin chose does not.
#[test]
fn an_address_that_was_typed_was_given() {
    let planned = |set: bool| {
        let manifest = MANIFEST.replace("https://api.example.com", "http://127.0.0.1:9");
        let mut new =
            NewConnection { name: "desk".into(), environment: "dev".into(), insecure: true, ..NewConnection::default() };
        new.networks.push("127.0.0.1/32".into());
        if set {
            new.settings.insert("base-url".into(), "http://127.0.0.1:9".into());
        }
        plan_connection(Path::new("/nowhere"), &serde_json::from_str(&manifest).unwrap(), &new)
            .map(|planned| planned.files[0].1.clone())
    };
    assert!(planned(true).unwrap().contains("127.0.0.1/32"));
    assert!(planned(false).unwrap_err().to_string().contains("no endpoint was placed in 127.0.0.1/32"));
}

#[test]
fn starter_mappings_name_the_connection() {
    let planned = plan(|new| new.name = "help-desk".into()).unwrap();
    let (file, text) = &planned.files[1];
    assert_eq!(file, Path::new("mappings/help-desk-tickets.toml"));
    assert!(text.starts_with("connection = \"help-desk\""), "{text}");
}

#[test]
fn init_then_connect() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("project");
    super::super::init(&root, false, "dev").unwrap();
    assert!(matches!(super::super::init(&root, false, "dev"), Err(ProjectError::NotEmpty(_))));
    assert!(super::super::init(&root, true, "dev").unwrap().is_empty());
    let planned = plan(|_| {}).unwrap();
    let (written, warnings) = write_connection(&root, &planned).unwrap();
    assert_eq!(written.len(), 3, "{written:?}");
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    let systems = std::fs::read_to_string(root.join("systems.toml")).unwrap();
    assert!(systems.starts_with("# The inventory") && systems.contains("[desk]"), "{systems}");
    let paths: Vec<String> = super::super::sources(&root).unwrap().into_iter().map(|file| file.path).collect();
    assert_eq!(paths, ["nave.toml", "systems.toml", "connections/desk.toml", "mappings/desk-tickets.toml"]);
}

#[test]
fn the_lock_keeps_what_it_is_told() {
    use nave_core::catalog::LockedPlugin;
    let dir = tempfile::tempdir().unwrap();
    let locked = |serial| LockedPlugin {
        source: "a\"b.wasm".into(),
        digest: "00".into(),
        serial,
        version: "1.0.0".into(),
        key: None,
        functions: Vec::new(),
        held: None,
    };
    assert!(super::super::read_lock(dir.path()).unwrap().is_empty());
    super::super::lock_plugin(dir.path(), "desk", &locked(1)).unwrap();
    super::super::lock_plugin(dir.path(), "a-plugin", &locked(2)).unwrap();
    super::super::lock_plugin(dir.path(), "desk", &locked(3)).unwrap();
    let found = super::super::read_lock(dir.path()).unwrap();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("a-plugin".to_owned(), locked(2)), ("desk".to_owned(), locked(3))]);
    super::super::unlock_plugin(dir.path(), "desk").unwrap();
    assert_eq!(super::super::read_lock(dir.path()).unwrap().into_keys().collect::<Vec<_>>(), ["a-plugin"]);
}

#[test]
fn the_starter_mappings_of_a_connection_that_only_reads_write_nothing() {
    use nave_core::catalog::{PluginInfo, SourceFile, check};
    let manifest: Manifest = serde_json::from_str(include_str!("../../../../../plugins/hubspot/manifest.json")).unwrap();
    let texts = [
        ("contacts", include_str!("../../../../../plugins/hubspot/mappings/contacts.toml")),
        ("companies", include_str!("../../../../../plugins/hubspot/mappings/companies.toml")),
    ];
    let manifest = Manifest { mappings: texts.map(|(name, text)| (format!("{name}.toml"), text.to_owned())).into(), ..manifest };
    let mut new = NewConnection { name: "crm".into(), environment: "dev".into(), read_only: true, ..NewConnection::default() };
    new.settings.insert("url".into(), "https://api.hubapi.com".into());
    let planned = plan_connection(Path::new("/nowhere"), &manifest, &new).unwrap();
    let mut files: Vec<SourceFile> =
        planned.files.iter().map(|(path, text)| SourceFile { path: path.display().to_string(), text: text.clone() }).collect();
    files.push(SourceFile { path: "systems.toml".into(), text: "[crm]\nkind = \"crm\"\nowner = \"ops\"\n".into() });
    let plugin = PluginInfo { manifest, streams: Default::default() };
    let (catalog, warnings) = check(&files, &[("hubspot".to_owned(), plugin)].into())
        .unwrap_or_else(|found| panic!("{}", found.iter().map(|one| format!("{one}\n")).collect::<String>()));
    assert!(warnings.iter().all(|one| one.code != "no-flow"), "{warnings:?}");
    assert_eq!(catalog.mappings.len(), 2);
    for mapping in catalog.mappings.values() {
        assert!(mapping.flow_in.is_some() && mapping.flow_out.is_none(), "{}", mapping.name);
        assert!(mapping.fields.iter().all(|field| !field.direction.writes()), "{}", mapping.name);
        assert!(mapping.fields.iter().any(|field| field.direction.reads()), "{}", mapping.name);
    }
    assert!(
        planned
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("connections"))
            .all(|(_, text)| text.contains("read-only = true"))
    );
}

/// Faulty starter mappings: what is wrong, at its place in the plugin's own file.
#[test]
fn starter_mappings_are_checked() {
    use super::super::check_starters;
    let found = |mapping: &str| {
        let mut manifest: Manifest = serde_json::from_str(MANIFEST).unwrap();
        manifest.mappings.insert("tickets.toml".into(), mapping.into());
        let stream = nave_core::catalog::StreamInfo { name: "tickets".into(), ..Default::default() };
        let found = check_starters(&manifest, Some(vec![stream]));
        found.iter().map(|d| format!("{}:{}:{} {:?} {}", d.path, d.line, d.column, d.severity, d.code)).collect::<Vec<_>>()
    };
    let at = "mappings/tickets.toml";
    let good = "connection = \"{connection}\"\nstream = \"tickets\"\nentity = \"contact\"\n[flow.in]\nprocess = \"support\"\nbecause = \"b\"\n";
    assert_eq!(found(good), Vec::<String>::new());
    assert_eq!(found(&good.replace("\"tickets\"", "\"tiket\"")), [format!("{at}:2:10 Error unknown-stream")]);
    assert_eq!(found(&good.replace("\"contact\"", "\"kontact\"")), [format!("{at}:3:10 Error unknown-entity")]);
    assert_eq!(found(&good.replace("\n[", "\nstraem = 1\n[")), [format!("{at}:4:1 Error unknown-key")]);
    let field = "[[field]]\nremote = \"x\"\ncanonical = \"first_name\"\ndirection = \"in\"\nin = \"clean_up(x)\"\n";
    assert!(
        found(&format!("{good}{field}")).contains(&format!("{at}:11:7 Warning unknown-operation")),
        "{:?}",
        found(&format!("{good}{field}"))
    );
}

/// A connection that a project could not be loaded with is not written; what was wrong before is not its fault.
#[test]
fn a_connection_is_tried_before_it_is_written() {
    use super::super::{Trial, try_connection};
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("project");
    super::super::init(&root, false, "dev").unwrap();
    let planned = plan(|_| {}).unwrap();
    // `desk` is not installed here, so its connection would be refused.
    let error = try_connection(&root, &planned).unwrap_err();
    assert!(error.message.starts_with("nothing was written: with `desk`, the configuration has"), "{error:?}");
    assert!(!root.join("connections/desk.toml").exists());
    let help = error.help.unwrap();
    assert!(!help.contains("its author") && help.contains("connection again"), "no fault of the plugin's: {help}");
    let lock = nave_core::catalog::LockedPlugin {
        source: "d.wasm".into(),
        digest: "00".into(),
        serial: 1,
        version: "1.0.0".into(),
        key: None,
        functions: Vec::new(),
        held: None,
    };
    super::super::lock_plugin(&root, "desk", &lock).unwrap();
    let mut planned = planned;
    let whole = planned.files.clone();
    planned.files.retain(|(file, _)| file.starts_with("connections"));
    let mapping = whole.iter().find(|(file, _)| file.starts_with("mappings")).unwrap();
    planned.files.push((mapping.0.clone(), "entity = 1\n".to_owned()));
    let help = try_connection(&root, &planned).unwrap_err().help.unwrap();
    assert!(help.contains("tell its author"), "{help}");
    planned.files.truncate(1);
    assert_eq!(try_connection(&root, &planned).unwrap(), Trial { before: true, after: true });
    std::fs::write(root.join("mappings/other.toml"), "connection = \"desk\"\nstream = \"x\"\nentity = \"contact\"\n").unwrap();
    assert_eq!(try_connection(&root, &planned).unwrap(), Trial { before: false, after: true });
    std::fs::write(root.join("mappings/more.toml"), "entity = 1\n").unwrap();
    assert_eq!(try_connection(&root, &planned).unwrap(), Trial { before: false, after: false });
}

#[test]
fn the_lock_keeps_comments_and_numbers() {
    use nave_core::catalog::numbers::Numbered;
    use nave_core::catalog::{LockedPlugin, Numbers};
    let dir = tempfile::tempdir().unwrap();
    let locked = |serial| LockedPlugin {
        source: "a#b.wasm".into(),
        digest: "00".into(),
        serial,
        version: "1.0.0".into(),
        key: None,
        functions: Vec::new(),
        held: None,
    };
    let numbered = |number| Numbered { number, kind: Some("text".into()), removed: false };
    let numbers = |fields: &[(&str, u32)]| Numbers {
        fields: [("contact".into(), fields.iter().map(|(name, n)| ((*name).into(), numbered(*n))).collect())].into(),
        ..Numbers::default()
    };
    super::super::lock_plugin(dir.path(), "desk", &locked(1)).unwrap();
    super::super::lock_numbers(dir.path(), &numbers(&[("name", 1), ("x.desk.tier", 2)])).unwrap();
    let path = dir.path().join("nave.lock");
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "# Written by nave. Every plugin that is installed here, pinned by its digest.\n\n[plugins.\"desk\"]\nsource = \"a#b.wasm\"\n\
         digest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n\n[numbers.fields.\"contact\"]\n\
         \"name\" = { number = 1, type = \"text\" }\n\"x.desk.tier\" = { number = 2, type = \"text\" }\n"
    );
    let told = text
        .replace("[plugins.\"desk\"]", "# the help desk's\n[plugins.\"desk\"]  # not the old one")
        .replace("serial = 1", "serial = 1 # held")
        .replace("\"x.desk.tier\"", "# asked for by Vera\n# in May\n\"x.desk.tier\"")
        + "# the end\n";
    std::fs::write(&path, &told).unwrap();
    super::super::lock_plugin(dir.path(), "a-plugin", &locked(2)).unwrap();
    super::super::unlock_plugin(dir.path(), "a-plugin").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), told.replace("serial = 1 # held", "serial = 1  # held"));
    super::super::lock_numbers(dir.path(), &numbers(&[("email", 3), ("name", 1), ("x.desk.tier", 2)])).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"email\" = { number = 3, type = \"text\" }\n\"name\""), "{text}");
    assert!(text.contains("# asked for by Vera\n# in May\n\"x.desk.tier\"") && text.ends_with("# the end\n"), "{text}");
}

/// A folder that the hub would refuse at every run is refused before anything is written.
#[test]
fn the_hubs_own_folders_are_refused_when_the_connection_is_added() {
    let root = tempfile::tempdir().unwrap();
    let manifest: Manifest = serde_json::from_str(MANIFEST).unwrap();
    std::fs::write(root.path().join("nave.toml"), "data = \"data2\"\n").unwrap();
    std::fs::create_dir(root.path().join("data")).unwrap();
    std::fs::write(root.path().join("data/master.key"), "KEY").unwrap();
    for (path, fine) in
        [("in", true), ("data", false), ("data/in", false), ("data2", false), ("connections", false), (".", false)]
    {
        let mut new = NewConnection { name: "desk".into(), environment: "dev".into(), ..NewConnection::default() };
        new.folders.insert("drop".into(), path.into());
        let planned = plan_connection(root.path(), &manifest, &new);
        assert_eq!(planned.is_ok(), fine, "{path}");
        if let Err(why) = planned {
            assert!(why.to_string().contains("--folder drop="), "{why}");
        }
        assert!(!root.path().join("in").exists(), "planning makes nothing");
    }
}

/// Systems spell telephones as people dial them: where a stream says in which country somebody is, a number is read there. A file's
/// columns are its own, and are not known before it is there.
#[test]
fn starter_mappings_read_telephones_in_the_country_of_their_thing() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let mut read = Vec::new();
    for plugin in std::fs::read_dir(plugins).unwrap().flatten().filter(|plugin| plugin.file_name() != "files") {
        for file in std::fs::read_dir(plugin.path().join("mappings")).into_iter().flatten().flatten() {
            let text = std::fs::read_to_string(file.path()).unwrap();
            let mapping: toml::Table = text.parse().unwrap();
            let fields = mapping.get("field").and_then(toml::Value::as_array).into_iter().flatten();
            let of = |field: &toml::Value, key: &str| field.get(key).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
            let fields: Vec<[String; 3]> = fields.map(|field| ["remote", "canonical", "in"].map(|key| of(field, key))).collect();
            let Some([country, ..]) = fields.iter().find(|[_, canonical, _]| canonical == "address.country") else { continue };
            for [remote, _, read_as] in fields.iter().filter(|[.., read_as]| read_as.starts_with("phone")) {
                assert_eq!(*read_as, format!("phone({country})"), "{remote} in {}", file.path().display());
                read.push(remote.clone());
            }
        }
    }
    assert!(read.len() > 10, "{read:?}");
}
