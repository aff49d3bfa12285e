//! Plugins that `nave.lock` pins and whose file is not there.

use super::*;
use crate::remap::{Changed, reading};

/// A transform whose file is gone: the lock's functions keep the mapping whole, a warning says that it is held.
#[test]
fn a_missing_transform_holds_only_the_mappings_that_call_it() {
    let mut there = plugins();
    let functions = there.remove("phone-e164").unwrap().manifest.functions;
    let lock = |functions: Vec<crate::manifest::Function>| {
        let source = "phone-e164.wasm".to_owned();
        let locked =
            LockedPlugin { source, digest: "00".into(), serial: 1, version: "1.0.0".into(), key: None, functions, held: None };
        let mut files = project();
        files.push(SourceFile {
            path: "nave.lock".into(),
            text: lock_text(&[("phone-e164".to_owned(), locked)].into(), &Default::default()),
        });
        files
    };
    let (catalog, found) = check(&lock(functions), &there).unwrap();
    let missing: Vec<String> = found.iter().filter(|found| found.code == "missing-plugin").map(ToString::to_string).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].starts_with("mappings/crm-contacts.toml:42:7: warning: the flow is held"), "{missing:?}");
    assert!(missing[0].ends_with("help: install it again: nave plugin install FILE.wasm"), "{missing:?}");
    assert_eq!(
        catalog.mappings["crm-contacts"].externals,
        check(&project(), &plugins()).unwrap().0.mappings["crm-contacts"].externals
    );
    assert_eq!(catalog.functions["phone_e164"], "phone-e164");
    // A lock that says nothing of functions cannot tell a missing one from a misspelt one.
    assert!(check(&lock(Vec::new()), &there).is_err());
}

/// S10.14, X.10: a mapping is another one under another build of a transform that it calls, and what that had a part in is read anew.
#[test]
fn another_build_of_a_transform_is_another_mapping() {
    let under = |digest: &str| {
        let source = "phone-e164.wasm".to_owned();
        let locked = LockedPlugin {
            source,
            digest: digest.into(),
            serial: 1,
            version: "1.0.0".into(),
            key: None,
            functions: Vec::new(),
            held: None,
        };
        let mut files = project();
        files.push(SourceFile {
            path: "nave.lock".into(),
            text: lock_text(&[("phone-e164".to_owned(), locked)].into(), &Default::default()),
        });
        check(&files, &plugins()).unwrap().0
    };
    let (one, same, other) = (under("00"), under("00"), under("11"));
    for (mapping, changes) in [("crm-contacts", true), ("crm-companies", false)] {
        let (one, same, other) = (&one.mappings[mapping], &same.mappings[mapping], &other.mappings[mapping]);
        assert_eq!((one.digest == same.digest, one.digest != other.digest), (true, changes), "{mapping}");
        let changed = Changed::between(&reading(one), &reading(other));
        let expected: Vec<&str> = if changes { vec!["phone"] } else { Vec::new() };
        assert_eq!(
            (changed.fields.iter().map(String::as_str).collect::<Vec<_>>(), changed.gone.len()),
            (expected, 0),
            "{mapping}"
        );
    }
}

/// A stream that is written to is offered, or nothing can go there: no file that is still to come makes it.
#[test]
fn an_outgoing_stream_that_is_not_offered_is_an_error() {
    let connection = "plugin = \"hubspot\"\nenvironment = \"dev\"\n[settings]\nportal = \"12\"\n\
        [grants.folders.inbox]\npath = \"inbox\"\naccess = \"read\"\n";
    let export = StreamInfo {
        name: "export-contacts".into(),
        capabilities: Capabilities { writable: true, ..Capabilities::default() },
        ..StreamInfo::default()
    };
    for (flow, stream, offered, expected) in [
        ("in", "contacts", vec![], Some("no-file-yet")),
        ("in", "contacts", vec![export.clone()], Some("no-file-yet")),
        ("out", "export-contact", vec![export.clone()], Some("unknown-stream")),
        ("out", "export-contacts", vec![], Some("unknown-stream")),
        ("out", "export-contacts", vec![export], None),
    ] {
        let mapping = format!(
            "connection = \"crm\"\nstream = \"{stream}\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.{flow}]\n\
             [[field]]\nremote = \"Email\"\ncanonical = \"email\"\ndirection = \"{flow}\"\n"
        );
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let files = [
            file("systems.toml", SYSTEMS),
            file("connections/crm.toml", connection),
            file("mappings/crm-contacts.toml", &mapping),
        ];
        let mut plugins = plugins();
        plugins.get_mut("hubspot").unwrap().streams = [("crm".to_owned(), offered)].into();
        let found = match check(&files, &plugins) {
            Ok((_, found)) | Err(found) => found,
        };
        let found = found.iter().find(|found| ["no-file-yet", "unknown-stream"].contains(&found.code));
        assert_eq!(found.map(|found| found.code), expected, "{flow} {stream}");
        assert!(found.is_none_or(|found| found.help.is_some()));
    }
}

#[test]
fn a_function_that_does_not_say_what_it_does_is_not_used() {
    let mut plugins = plugins();
    plugins.get_mut("phone-e164").unwrap().manifest.functions[0].explain = " ".to_owned();
    let found = check(&project(), &plugins).unwrap_err();
    let told: Vec<_> = found.iter().map(|found| (found.path.as_str(), found.code)).collect();
    assert_eq!(told, [("mappings/crm-contacts.toml", "missing-explain")]);
    assert!(found[0].message.contains("`phone_e164` of plugin `phone-e164`"), "{}", found[0].message);
}
