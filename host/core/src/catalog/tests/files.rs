//! The other files of a project, its lock, and the digests that tell what changed.

use super::*;

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
