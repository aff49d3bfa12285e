//! What a stranger learns of who is connected.

use nave_core::catalog::{self, PluginInfo, SourceFile};
use nave_core::manifest::Manifest;

use super::{HookAnswer, HookCall};
use crate::hub::Hub;
use crate::project;

/// A call that nobody believes.
fn forged(name: &str) -> HookCall {
    HookCall {
        connection: name.to_owned(),
        caller: Some("203.0.113.9".parse().unwrap()),
        method: "POST".to_owned(),
        origin: "http://127.0.0.1".to_owned(),
        path: format!("/hooks/{name}"),
        query: Vec::new(),
        headers: Vec::new(),
        body: b"[]".to_vec(),
    }
}

/// A hub that listens to `crm`, from one network.
async fn listening(dir: &std::path::Path) -> std::sync::Arc<Hub> {
    project::init(dir, false, "dev").unwrap();
    let hub = Hub::open(dir).await.unwrap();
    let manifest: Manifest = serde_json::from_str(include_str!("../../../../plugins/hubspot/manifest.json")).unwrap();
    let known = [(manifest.name.clone(), PluginInfo { manifest, streams: Default::default() })].into();
    let files: Vec<SourceFile> = [
        ("nave.toml", ""),
        ("systems.toml", "[crm]\n"),
        ("connections/crm.toml", "plugin = \"hubspot\"\n[webhook]\nsecret = \"hooks\"\nallow-from = [\"192.0.2.0/24\"]\n"),
    ]
    .map(|(path, text)| SourceFile { path: path.into(), text: text.into() })
    .into();
    let (catalog, _) = catalog::lenient(&files, &known);
    assert!(catalog.connections["crm"].webhook.is_some());
    hub.engine.reconfigure(catalog.into());
    hub
}

#[tokio::test(flavor = "multi_thread")]
async fn t96_a_flood_tells_nobody_which_names_are_listened_to() {
    let dir = tempfile::tempdir().unwrap();
    let hub = listening(dir.path()).await;
    // How often each is asked to come later, of 40 calls, while another name is flooded.
    let mut slowed = Vec::new();
    // A name shares its place with the flooded one by chance, seldom; with the one and then the other, never.
    for flooded in ["zz", "yy", "xx"] {
        while hub.hook(forged(flooded)).await != HookAnswer::TooMany {}
        let mut counts = [0, 0];
        for _ in 0..40 {
            for (name, count) in ["crm", "nix"].into_iter().zip(&mut counts) {
                *count += usize::from(hub.hook(forged(name)).await == HookAnswer::TooMany);
                hub.hook(forged(flooded)).await;
            }
        }
        slowed.push(counts);
    }
    assert!(slowed.contains(&[0, 0]), "crm is listened to, nix is not: {slowed:?}");
    // One that is flooded itself is slowed down as well, listened to or not.
    for name in ["crm", "nix"] {
        while hub.hook(forged(name)).await != HookAnswer::TooMany {}
    }
}
