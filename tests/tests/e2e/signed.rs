//! Whose plugins a project accepts: signatures, the keys that it trusts, serials that never go back. Lines 45 to 48 and 60 of the
//! attack list.

use std::path::{Path, PathBuf};

use nave_tests::binary;
use nave_tests::project::{Project, Ran};
use serde_json::{Value, json};

use super::update::with_manifest;

/// The code of a refusal.
#[track_caller]
pub(crate) fn code(ran: &Ran) -> String {
    assert_ne!(ran.code, Some(0), "{ran:?}");
    let error: Value = serde_json::from_str(ran.out.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{ran:?}"));
    error["error"]["code"].as_str().unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

/// A project, and a folder beside it for what authors make.
pub(crate) struct Bench {
    pub(crate) project: Project,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { project: Project::init() }
    }

    /// Unsigned plugins are refused, as in production.
    pub(crate) fn strict(self) -> Self {
        let text = self.project.read("nave.toml");
        self.project.write("nave.toml", &format!("{text}\n[plugins]\nunsigned = \"refuse\"\n"));
        self
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.project.dir().parent().expect("a folder").join(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// The smallest plugin that ships, with another manifest.
    pub(crate) fn plugin(&self, name: &str, change: impl FnOnce(&mut Value)) -> String {
        let bytes = std::fs::read(binary::plugin("phone-e164")).expect("the plugin");
        std::fs::write(self.file(name), with_manifest(&bytes, change)).expect("written");
        self.path(name)
    }

    /// A new key; its public half.
    pub(crate) fn key(&self, name: &str) -> String {
        let made = self.project.json(&["plugin", "key", "new", &self.path(name)]);
        made["key"].as_str().expect("a key").to_owned()
    }

    #[track_caller]
    pub(crate) fn trust(&self, key: &str, name: &str) {
        self.project.ok(&["plugin", "trust", "add", key, "--name", name, "--owner", "Acme GmbH"]);
    }

    pub(crate) fn install(&self, file: &str) -> Ran {
        self.project.run(&["plugin", "install", file])
    }

    /// What the installed plugin answers, or the refusal.
    fn called(&self) -> Ran {
        self.project.run(&["plugin", "call", "phone-e164", "phone_e164", "030 1234567", "DE"])
    }
}

#[test]
fn only_what_a_trusted_key_signed_is_installed_and_run() {
    let bench = Bench::new().strict();
    bench.project.ok(&["status"]);
    let file = bench.plugin("phone.wasm", |_| ());
    assert_eq!(code(&bench.install(&file)), "plugin.unsigned");
    let key = bench.key("author.pem");
    bench.project.ok(&["plugin", "pack", &file, "--sign", &bench.path("author.pem")]);
    assert_eq!(code(&bench.install(&file)), "plugin.unknown-key");
    bench.trust(&key, "acme-*");
    assert_eq!(code(&bench.install(&file)), "plugin.unknown-key");
    assert_eq!(code(&bench.project.run(&["plugin", "verify", &file])), "plugin.unknown-key");
    bench.trust(&key, "phone-e164");
    let installed = bench.project.json(&["plugin", "install", &file]);
    assert_eq!((&installed["signed_by"], &installed["plugin"]["key"]), (&json!("Acme GmbH"), &json!(key)), "{installed}");
    assert!(installed["notes"].is_null(), "{installed}");
    assert!(bench.project.read("nave.lock").contains(&key));
    assert_eq!(bench.project.json(&["plugin", "verify", &file])["owner"], "Acme GmbH");
    assert!(bench.called().out.contains("+49301234567"), "{:?}", bench.called());

    // What was installed does not run on: its key was revoked, or its signature was taken away.
    let signature =
        std::fs::read_dir(bench.project.dir().join("plugins")).expect("the folder").flatten().map(|entry| entry.path());
    let signature = signature.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "sig")).expect("it");
    let text = std::fs::read(&signature).expect("read");
    std::fs::remove_file(&signature).expect("removed");
    assert!(bench.called().out.contains("plugin.unsigned"), "{:?}", bench.called());
    std::fs::write(&signature, text).expect("written");
    bench.project.ok(&["plugin", "call", "phone-e164", "phone_e164", "030 1234567", "DE"]);
    bench.project.ok(&["plugin", "trust", "revoke", &key, "--because", "their laptop was stolen"]);
    assert!(bench.called().out.contains("plugin.revoked-key"), "{:?}", bench.called());
    assert_eq!(code(&bench.install(&file)), "plugin.revoked-key");
    let audit = bench.project.json(&["audit", "--limit", "50"]).to_string();
    assert!(audit.contains("trust.revoked") && audit.contains("signed by Acme GmbH"), "{audit}");
}

#[test]
fn a_key_counts_on_its_days_only() {
    let bench = Bench::new();
    let file = bench.plugin("phone.wasm", |_| ());
    let key = bench.key("author.pem");
    bench.project.ok(&["plugin", "pack", &file, "--sign", &bench.path("author.pem")]);
    bench.project.ok(&["plugin", "trust", "add", &key, "--name", "*", "--until", "2020-12-31"]);
    // Also where unsigned ones are allowed: somebody's word is against it.
    assert_eq!(code(&bench.install(&file)), "plugin.expired-key");
}

/// Own builds go on working in a project that is no production, and it is said.
#[test]
fn an_unsigned_build_is_taken_outside_of_production_only() {
    let bench = Bench::new();
    let file = bench.plugin("phone.wasm", |_| ());
    let installed = bench.project.json(&["plugin", "install", &file]);
    assert!(installed["notes"][0].as_str().is_some_and(|note| note.contains("is not signed")), "{installed}");
    bench.project.ok(&["plugin", "call", "phone-e164", "phone_e164", "030 1234567", "DE"]);
    let text = bench.project.read("nave.toml");
    let other = Bench::new();
    other.project.write("nave.toml", &text.replace("environment = \"staging\"", "environment = \"production\""));
    assert!(other.project.read("nave.toml").contains("\"production\""), "{text}");
    assert_eq!(code(&other.install(&file)), "plugin.unsigned");
    other.project.write("nave.toml", &(other.project.read("nave.toml") + "\n[plugins]\nunsigned = \"allow\"\n"));
    other.project.ok(&["plugin", "install", &file]);
}

/// Line 46: one byte of anything.
#[test]
fn one_byte_changed_anywhere_is_noticed() {
    let bench = Bench::new();
    let file = bench.plugin("phone.wasm", |_| ());
    let key = bench.key("author.pem");
    bench.trust(&key, "*");
    bench.project.ok(&["plugin", "pack", &file, "--sign", &bench.path("author.pem")]);
    let beside = bench.file("phone.wasm.sig");
    let (good, signed) = (std::fs::read(&file).expect("read"), std::fs::read_to_string(&beside).expect("read"));
    let statement: Value = serde_json::from_str(&signed).expect("JSON");

    // Of the file: code, and the manifest at its end. Some of these are no plugin any more, which is said first.
    let manifest = good.len() - 40;
    for at in [good.len() / 3, good.len() / 2, manifest] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        std::fs::write(&file, altered).expect("written");
        let refused = code(&bench.install(&file));
        assert!(["plugin.bad-signature", "plugin.invalid", "plugin.bad-manifest"].contains(&refused.as_str()), "{at}: {refused}");
    }
    // A change that leaves a good plugin.
    let other = bench.plugin("phone.wasm", |manifest| manifest["description"] = json!("Now with more."));
    assert_eq!(code(&bench.install(&other)), "plugin.bad-signature");
    std::fs::write(&file, &good).expect("written");

    let change = |path: &[&str], value: &str| {
        let mut changed = statement.clone();
        let mut at = &mut changed;
        for key in path {
            at = &mut at[*key];
        }
        *at = if path.last() == Some(&"serial") { json!(value.parse::<u64>().expect("a number")) } else { json!(value) };
        changed.to_string()
    };
    let flipped = |text: &str| {
        let last = text.chars().nth(9).expect("long");
        text.replacen(last, if last == 'A' { "B" } else { "A" }, 1)
    };
    let of = |name: &str| statement["statement"][name].as_str().unwrap_or_default().to_owned();
    for text in [
        change(&["statement", "digest"], &of("digest").replacen(|c: char| c.is_ascii_digit(), "f", 1)),
        change(&["statement", "manifest"], &of("manifest").replacen(|c: char| c.is_ascii_digit(), "f", 1)),
        change(&["statement", "expires"], "2035-01-01T00:00:00Z"),
        change(&["statement", "issued"], "2020-01-01T00:00:00Z"),
        change(&["statement", "serial"], "999"),
        change(&["statement", "name"], "other"),
        change(&["statement", "version"], "9.9.9"),
        change(&["signature"], &flipped(statement["signature"].as_str().expect("text"))),
        change(&["signature"], ""),
        change(&["key"], &bench.key("other.pem")),
        change(&["key"], "ed25519:x"),
        change(&["format"], "nave-plugin-signature/2"),
        change(&["statement", "more"], "x"),
        signed.replace('}', ""),
        "x".repeat(20_000),
        String::new(),
    ] {
        std::fs::write(&beside, &text).expect("written");
        assert_eq!(code(&bench.install(&file)), "plugin.bad-signature", "{text:.300}");
    }
    std::fs::write(&beside, &signed).expect("written");
    bench.project.ok(&["plugin", "install", &file]);
}

/// Line 47.
#[test]
fn a_signature_of_another_plugin_is_worth_nothing() {
    let bench = Bench::new();
    let key = bench.key("author.pem");
    bench.trust(&key, "*");
    let file = bench.plugin("phone.wasm", |_| ());
    bench.project.ok(&["plugin", "pack", &file, "--sign", &bench.path("author.pem")]);
    for (at, change) in [("name", json!("mail-check")), ("version", json!("7.0.0")), ("serial", json!(70))] {
        let other = bench.plugin("other.wasm", |manifest| manifest[at] = change);
        std::fs::copy(bench.file("phone.wasm.sig"), bench.file("other.wasm.sig")).expect("copied");
        assert_eq!(code(&bench.install(&other)), "plugin.other-statement", "{at}");
    }
}

/// Line 48: not by removing it first, and not by putting the files of last week back.
#[test]
fn a_serial_never_goes_back_unsaid() {
    let bench = Bench::new();
    let (older, newer) =
        (bench.plugin("older.wasm", |_| ()), bench.plugin("newer.wasm", |manifest| manifest["serial"] = json!(7)));
    bench.project.ok(&["plugin", "install", &older]);
    bench.project.ok(&["status"]);
    let folder = bench.project.dir().join("plugins");
    let (lock, old) = (bench.project.read("nave.lock"), files(&folder));
    bench.project.ok(&["plugin", "install", &newer]);
    assert_eq!(code(&bench.install(&older)), "plugin.rollback");
    bench.project.ok(&["plugin", "remove", "phone-e164"]);
    assert_eq!(code(&bench.install(&older)), "plugin.rollback");

    bench.project.write("nave.lock", &lock);
    for (name, bytes) in &old {
        std::fs::write(folder.join(name), bytes).expect("written");
    }
    assert!(bench.called().out.contains("plugin.rollback"), "{:?}", bench.called());

    bench.project.ok(&["plugin", "install", &older, "--rollback"]);
    bench.project.ok(&["plugin", "call", "phone-e164", "phone_e164", "030 1234567", "DE"]);
    assert!(bench.project.json(&["audit", "--limit", "50"]).to_string().contains("plugin.installed"));
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).expect("read")))
        .collect()
}

/// Line 60: who signed it is part of what it is.
#[test]
fn a_plugin_of_the_same_name_by_somebody_else_needs_a_word() {
    let bench = Bench::new();
    let (one, other) = (bench.key("one.pem"), bench.key("other.pem"));
    bench.trust(&one, "*");
    bench.trust(&other, "*");
    let first = bench.plugin("first.wasm", |_| ());
    bench.project.ok(&["plugin", "pack", &first, "--sign", &bench.path("one.pem")]);
    bench.project.ok(&["plugin", "install", &first]);
    let second = bench.plugin("second.wasm", |manifest| manifest["serial"] = json!(8));
    assert_eq!(code(&bench.install(&second)), "plugin.other-source");
    bench.project.ok(&["plugin", "pack", &second, "--sign", &bench.path("other.pem")]);
    assert_eq!(code(&bench.install(&second)), "plugin.other-source");
    bench.project.ok(&["plugin", "install", &second, "--other-source"]);
    assert!(bench.project.read("nave.lock").contains(&other));
}
