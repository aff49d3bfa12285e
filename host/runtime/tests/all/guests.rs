//! The contract in languages other than Rust: `tests/guests` through the real runtime, under the real limits.
//!
//! `NAVE_GUESTS` names the directory that the `build.sh` of each guest wrote to. Where it is not set the test says
//! that it was skipped.

use std::{fs, path::Path, sync::Arc};

use crate::support::{TestHost, engine};
use nave_runtime::{
    AbiVersion, CallError, CompileCache, Instance, InstanceLimits, NoHost, Plugin, contract::*, embed_manifest, parse_manifest,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_in_other_languages() {
    let Some(dir) = std::env::var_os("NAVE_GUESTS") else {
        println!("skipped: guests_in_other_languages (set NAVE_GUESTS to where tests/guests/*/build.sh wrote)");
        return;
    };
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/manifest.json");
    let manifest = parse_manifest(&fs::read(manifest).expect("manifest.json")).expect("good manifest");
    let cache = CompileCache::open(Path::new(&dir).join("compiled"), [1; 32]).expect("cache");
    for language in ["javascript", "python"] {
        let file = Path::new(&dir).join(format!("{language}.wasm"));
        let bytes = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let bytes = embed_manifest(&bytes, &manifest).expect("takes a manifest");
        let plugin = tokio::task::block_in_place(|| Plugin::compile(engine(), &bytes, Some(&cache)))
            .unwrap_or_else(|error| panic!("{language}: {error}"));
        println!("{language}: {} bytes, imports {:?}", bytes.len(), plugin.inspection().imports);
        // They stay as they are: plugins of an old version, that this runtime runs.
        assert_eq!(plugin.inspection().abi_version, AbiVersion::V0_1);
        converse(&plugin).await;
    }
}

/// The whole conversation that a guest must hold.
async fn converse(plugin: &Plugin) {
    let host = Arc::new(TestHost { body: "ada@example.com", ..TestHost::default() });
    let mut instance = Instance::start(plugin, host.clone(), InstanceLimits::default()).await.expect("starts within the limits");

    let streams = instance.discover().await.expect("discover");
    assert_eq!(streams.len(), 1);
    assert_eq!((streams[0].name.as_str(), streams[0].fields.len()), ("contacts", 2));
    assert_eq!(streams[0].capabilities.changes, ChangeDetection::FullScan);
    assert_eq!((streams[0].fields[0].path.as_str(), streams[0].fields[0].unique), ("id", true));

    let first = instance.read("contacts", None, 1).await.expect("first page");
    assert_eq!((first.records.len(), first.more, first.complete_scan, first.total), (1, true, false, None));
    let again = instance.read("contacts", None, 1).await.expect("the same page");
    assert_eq!(first, again);
    let second = instance.read("contacts", Some(&first.next), 100).await.expect("second page");
    assert_eq!((second.records.len(), second.more, second.complete_scan), (1, false, true));
    let record = &second.records[0];
    assert_eq!((record.remote_id.as_str(), &record.coverage, &record.operation), ("2", &Coverage::Complete, &Operation::Upsert));
    let body: serde_json::Value = serde_json::from_slice(&record.body).expect("JSON");
    assert_eq!(body, serde_json::json!({"id": "2", "name": "Grace ☃"}));
    instance.acknowledge("contacts", &second.next).await.expect("acknowledge");

    let got = instance.get("contacts", vec!["1".into(), "9".into()]).await.expect("get");
    assert_eq!(got.iter().map(|record| record.remote_id.as_str()).collect::<Vec<_>>(), ["1"]);

    let failed = instance.read("deals", None, 1).await.expect_err("no such stream");
    assert_eq!(failed, CallError::Failure(Failure::Misconfigured("no stream deals".into())));

    assert_eq!(instance.check().await.expect("check").account, "ada@example.com");
    assert_eq!(instance.write("contacts", Vec::new()).await, Err(CallError::NotExported("destination.write")));
    assert_eq!(instance.starts(), 1);
    let lines = host.lines.lock().expect("lines").clone();
    assert!(lines.contains(&(LogLevel::Info, "read 1".into())), "{lines:?}");

    // without a grant it is told so, in words that it can pass on
    let mut poor = Instance::start(plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts");
    match poor.check().await.expect_err("denied") {
        CallError::Failure(Failure::Unavailable(why)) => {
            assert!(why.starts_with("denied: endpoint `api`"), "{why}")
        }
        other => panic!("{other}"),
    }
}
