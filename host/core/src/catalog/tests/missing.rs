//! Plugins that `nave.lock` pins and whose file is not there.

use super::*;

/// A transform whose file is gone: the lock's functions keep the mapping whole, a warning says that it is held.
#[test]
fn a_missing_transform_holds_only_the_mappings_that_call_it() {
    let mut there = plugins();
    let functions = there.remove("phone-e164").unwrap().manifest.functions;
    let lock = |functions: Vec<crate::manifest::Function>| {
        let source = "phone-e164.wasm".to_owned();
        let locked = LockedPlugin { source, digest: "00".into(), serial: 1, version: "1.0.0".into(), functions };
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
