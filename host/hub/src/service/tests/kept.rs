//! Secrets that are kept elsewhere, through the one door of an open hub.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Weak};

use nave_store::{Batch, KeyedRow};
use serde_json::{Value, json};

use crate::api::{Answer, ApiError, Asked, ProgressSender, Request, Service as _};
use crate::hub::Hub;
use crate::project;

/// A user of this machine; over the API it is somebody with a token.
const HERE: &str = "local:ada";

async fn ask(hub: &Hub, by: &str, request: Value) -> Result<Answer, ApiError> {
    let request: Request = serde_json::from_value(request).unwrap();
    hub.call(Asked::by(by, request), ProgressSender::none()).await
}

fn put(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn refer(name: &str, file: &Path) -> Value {
    json!({"command": "secret-refer", "name": name, "reference": {"kind": "file", "path": file.display().to_string()}})
}

async fn kinds(hub: &Hub) -> Vec<(String, String)> {
    let Answer::Secrets(secrets) = ask(hub, "ada", json!({"command": "secret-list"})).await.unwrap() else { panic!() };
    secrets.secrets.into_iter().map(|secret| (secret.name, secret.kind)).collect()
}

/// What is stored here is given up for what can be had alone; of a name that nobody knows nothing can be lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_fetched_before_it_takes_a_stored_secret_s_place() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    project::init(dir.path(), false, "dev").unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();
    let file = outside.path().join("token");
    ask(&hub, "ada", json!({"command": "secret-set", "name": "crm", "value": "canary-of-the-vault"})).await.unwrap();
    let sealed = |name: &str| vec![(name.to_owned(), "sealed".to_owned())];
    // Over the API nobody says where a secret is kept, whether the name is known or not.
    put(&file, "canary-of-the-file");
    for name in ["crm", "unknown"] {
        assert_eq!(ask(&hub, "ada", refer(name, &file)).await.unwrap_err().code, "forbidden", "{name}");
    }
    assert_eq!(kinds(&hub).await, sealed("crm"));
    std::fs::remove_file(&file).unwrap();
    let refused = ask(&hub, HERE, refer("crm", &file)).await.unwrap_err();
    assert!(refused.help.as_deref().is_some_and(|help| help.contains("nothing was changed")), "{refused:?}");
    assert_eq!(kinds(&hub).await, sealed("crm"), "the stored one is still there");
    let Answer::Done(done) = ask(&hub, HERE, refer("unknown", &file)).await.unwrap() else { panic!() };
    assert!(done.message.contains("It cannot be had yet"), "{}", done.message);
    put(&file, "canary-of-the-file");
    let Answer::Done(done) = ask(&hub, HERE, refer("crm", &file)).await.unwrap() else { panic!() };
    assert!(done.message.contains("It was fetched just now"), "{}", done.message);
    let file_of = |name: &str| (name.to_owned(), "file".to_owned());
    assert_eq!(kinds(&hub).await, [file_of("crm"), file_of("unknown")]);
}

/// What is looked for in texts is fetched first, also where nobody has used it since the hub was opened.
#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_not_held_yet_is_fetched_to_be_looked_for() {
    use base64::Engine as _;
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    project::init(dir.path(), false, "dev").unwrap();
    let file = outside.path().join("token");
    put(&file, "canary-of-the-file");
    let hub = Hub::open(dir.path()).await.unwrap();
    ask(&hub, HERE, refer("crm", &file)).await.unwrap();
    drop(hub);
    let hub = Hub::open(dir.path()).await.unwrap();
    assert!(hub.vault.to_look_for().unwrap().is_empty(), "nothing is held");
    let text = base64::prelude::BASE64_STANDARD.encode("a log with canary-of-the-file in it");
    let Answer::SecretsFound(found) = ask(&hub, "ada", json!({"command": "secret-find", "texts": [text]})).await.unwrap() else {
        panic!()
    };
    assert_eq!(found.found.iter().map(|one| (one.secret.as_str(), one.at)).collect::<Vec<_>>(), [("crm", 11)]);
}

/// The key under everything is worth more than any secret, and so is one of before: backups open with it.
#[tokio::test(flavor = "multi_thread")]
async fn master_keys_are_looked_for_in_any_spelling() {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();
    let old = dir.path().join("data/master.key.until-2026-01-02");
    put(&old, &format!("{}\n", "5e".repeat(31) + "a7"));
    // One that is none any more keeps nobody from looking for the others.
    put(&dir.path().join("data/master.key.until-2026-01-01"), "torn");
    for (file, name) in [(dir.path().join("data/master.key"), "master.key"), (old, "master.key.until-2026-01-02")] {
        let text = std::fs::read_to_string(file).unwrap();
        let digits = text.trim();
        let pairs = digits.as_bytes().as_chunks::<2>().0.iter();
        let bytes: Vec<u8> = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
        for spelled in [
            text.as_bytes().to_vec(),
            digits.to_uppercase().into_bytes(),
            bytes.clone(),
            BASE64_STANDARD.encode(&bytes).into_bytes(),
            BASE64_URL_SAFE_NO_PAD.encode(&bytes).into_bytes(),
            BASE64_STANDARD.encode(&text).into_bytes(),
            digits.bytes().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes(),
        ] {
            let asked = BASE64_STANDARD.encode([b"key: ".as_slice(), &spelled].concat());
            let found = ask(&hub, "ada", json!({"command": "secret-find", "texts": [asked]})).await.unwrap();
            let Answer::SecretsFound(found) = found else { panic!() };
            let places: Vec<_> = found.found.iter().map(|one| (one.secret.as_str(), one.at)).collect();
            assert_eq!(places, [(name, 5)], "{}", String::from_utf8_lossy(&spelled));
        }
    }
}

/// A row that somebody changed takes its own secret away, and nothing else; the doctor names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_reference_keeps_no_hub_from_opening_and_is_named() {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    project::init(dir.path(), false, "dev").unwrap();
    let file = outside.path().join("token");
    put(&file, "canary-of-the-file");
    let hub = Hub::open(dir.path()).await.unwrap();
    for name in ["crm", "shop"] {
        ask(&hub, HERE, refer(name, &file)).await.unwrap();
    }
    let space = "secret-reference".to_owned();
    let mut row = hub.store.row(&space, "crm").unwrap().unwrap();
    *row.last_mut().unwrap() ^= 1;
    let rows = vec![KeyedRow { space, key: "crm".to_owned(), value: Some(row) }];
    hub.store.commit(Batch { at: hub.engine.now(), rows, ..Batch::default() }).unwrap();
    drop(hub);
    let hub = Hub::open(dir.path()).await.unwrap();
    let Answer::Doctor(doctor) = ask(&hub, "ada", json!({"command": "doctor"})).await.unwrap() else { panic!() };
    let of =
        |title: &str| doctor.checks.iter().find(|check| check.name == title).unwrap_or_else(|| panic!("{title}: {doctor:?}"));
    let damaged = of("secret crm");
    assert!(!damaged.ok && damaged.detail.contains("cannot be read"), "{damaged:?}");
    assert!(damaged.fix.as_deref().is_some_and(|fix| fix.contains("nave secret set crm")), "{damaged:?}");
    assert!(of("secret shop").ok, "the others are fetched all the same");
}

/// The vault leads to what fetches for it, that to channels, and those to the vault: none keeps the others from being dropped.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_ends_drops_its_vault_also_after_an_external_one_was_asked() {
    let dir = tempfile::tempdir().unwrap();
    project::init(dir.path(), false, "dev").unwrap();
    // A port that nobody listens at.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = dir.path().join("nave.toml");
    let table = format!(
        "\n[vaults.corp]\nkind = \"hashicorp\"\naddress = \"http://127.0.0.1:{port}\"\nsecret = \"corp\"\nnetworks = [\"127.0.0.0/8\"]\n\
         insecure = true\nbecause = \"a test\"\n"
    );
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &table).unwrap();
    let hub = Hub::open(dir.path()).await.unwrap();
    ask(&hub, "ada", json!({"command": "secret-set", "name": "corp", "value": "canary-token"})).await.unwrap();
    let reference = json!({"kind": "vault", "vault": "corp", "path": "kv/data/crm", "field": "token"});
    let request = json!({"command": "secret-refer", "name": "crm", "reference": reference});
    let Answer::Done(done) = ask(&hub, HERE, request).await.unwrap() else { panic!() };
    assert!(done.message.contains("It cannot be had yet"), "the vault was asked: {}", done.message);
    let vault: Weak<crate::vault::Vault> = Arc::downgrade(&hub.vault);
    drop(hub);
    // What was still under way ends by itself.
    for _ in 0..1_000 {
        if vault.upgrade().is_none() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("the vault is held by {}", vault.strong_count());
}
