//! RustyVault, which speaks the API of HashiCorp Vault and knows nothing of us: secrets by lease, signed in by AppRole and by token,
//! rotated, sealed and unsealed, and gone.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::leaks::Places;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

/// What the CRM does not take.
const WRONG: &str = "pat-that-the-crm-refuses-2718281828";

/// The vault that `tests/systems/rusty-vault/start.sh` started; none: the test is skipped.
struct Vault {
    addr: SocketAddr,
    token: String,
    key: String,
}

impl Vault {
    /// Initialised by us, one key for all.
    fn named() -> Option<Self> {
        let Ok(line) = std::env::var("NAVE_RUSTY_VAULT") else {
            println!("skipped: NAVE_RUSTY_VAULT is not set; tests/systems/run.sh starts the real systems and sets it");
            return None;
        };
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("NAVE_RUSTY_VAULT ({error}): {line}"));
        let addr = line["base"].as_str().unwrap_or_default().trim_start_matches("http://").parse().expect("an address");
        let mut vault = Self { addr, token: String::new(), key: String::new() };
        let made = vault.call("PUT", "sys/init", Some(json!({"secret_shares": 1, "secret_threshold": 1})));
        (vault.token, vault.key) = (text(&made["root_token"]), text(&made["keys"][0]));
        vault.unseal();
        Some(vault)
    }

    fn call(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let headers = [("x-vault-token", self.token.as_str()), ("content-type", "application/json")];
        let headers = if self.token.is_empty() { &headers[1..] } else { &headers[..] };
        let answer = http::request(self.addr, method, &format!("/v1/{path}"), headers, body.as_ref());
        let answer = answer.unwrap_or_else(|| panic!("{method} {path}: no answer"));
        assert!((200..300).contains(&answer.status), "{method} {path}: {answer:?}");
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    fn unseal(&self) {
        let state = self.call("PUT", "sys/unseal", Some(json!({"key": self.key})));
        assert_eq!(state["sealed"], false, "{state}");
    }

    /// Its start script, as `tests/systems/run.sh` calls it.
    fn script(&self, word: &str) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/systems/rusty-vault/start.sh");
        let ran = Command::new(script).arg(word).stdin(Stdio::null()).output().expect("the script runs");
        assert!(ran.status.success(), "{word}: {ran:?}");
    }

    /// As a process of its own again, with what it kept.
    fn reopen(&self) {
        self.script("stop");
        self.script("start");
        self.unseal();
    }

    /// With a lease of so many seconds.
    fn put(&self, token: &str, lease_s: u64) {
        self.call("POST", "secret/crm", Some(json!({"token": token, "ttl": format!("{lease_s}s")})));
    }

    /// `role-id:secret-id` of a role whose tokens live so long. With one that is over this server cannot be unsealed any more.
    fn role(&self, life_s: u64) -> String {
        self.call("POST", "sys/auth/approle", Some(json!({"type": "approle"})));
        let settings = json!({"token_ttl": format!("{life_s}s"), "token_policies": "default"});
        self.call("POST", "auth/approle/role/hub", Some(settings));
        let role = self.call("GET", "auth/approle/role/hub/role-id", None);
        let secret = self.call("POST", "auth/approle/role/hub/secret-id", Some(json!({})));
        format!("{}:{}", text(&role["data"]["role_id"]), text(&secret["data"]["secret_id"]))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// `nave.toml` with the vault as `corp`.
fn describe(project: &Project, vault: &Vault, sign_in: &str) {
    let before = project.read("nave.toml");
    let before = before.split("\n[vaults.corp]").next().unwrap_or_default().to_owned();
    let table = format!(
        "\n[vaults.corp]\nkind = \"hashicorp\"\naddress = \"http://{}\"\nsign-in = \"{sign_in}\"\nsecret = \"corp\"\nnetworks = [\"127.0.0.0/8\"]\n\
         insecure = true\nbecause = \"a vault of the test\"\n",
        vault.addr
    );
    project.write("nave.toml", &(before + &table));
}

#[test]
fn a_secret_of_a_real_vault_is_used_by_lease() {
    let Some(vault) = Vault::named() else { return };
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(12) });
    let sim = crm.sim().expect("a simulator");
    let token = sim.running.credential.token.clone();
    let project = Project::init();
    project.install("hubspot");
    project.connect("hubspot", crm.name(), &[("url", sim.running.base_url())], Some(WRONG));
    let works = || project.run(&["connection", "check", "crm"]).code == Some(0);
    assert!(!works());

    describe(&project, &vault, "app-role");
    let role = vault.role(600);
    project.tell(&["secret", "set", "corp"], &role);
    vault.put(&token, 60);
    let refer = ["secret", "refer", "crm", "--vault", "corp", "--path", "secret/crm", "--field", "token"];
    let referred = project.ok(&refer);
    assert!(referred.out.contains("It was fetched just now"), "{referred:?}");
    let checked = project.json(&["secret", "check", "crm"]);
    assert!(checked["lease_s"].as_u64().is_some_and(|seconds| (50..=60).contains(&seconds)), "{checked}");
    assert!(works());

    // Sealed while the lease runs: nothing happens.
    let serving = project.serve();
    assert!(works());
    vault.call("PUT", "sys/seal", None);
    assert!(works());
    let sealed = project.run(&["secret", "check", "crm"]);
    assert!(sealed.code == Some(1) && format!("{sealed:?}").contains("503"), "{sealed:?}");
    assert!(works());
    serving.stop();
    let sealed = project.run(&["connection", "check", "crm"]);
    assert!(format!("{sealed:?}").contains("secret-unreachable"), "{sealed:?}");

    // Unsealed, with short leases: what is changed there counts with the next one, and the hub never stops.
    vault.reopen();
    vault.put(&token, 2);
    let serving = project.serve();
    assert!(works());
    vault.put(WRONG, 2);
    until("the changed one counts", || (!works()).then_some(()));
    vault.put(&token, 2);
    until("and the right one again", || works().then_some(()));
    vault.script("stop");
    until("the lease ends while nobody is there", || {
        let ran = project.run(&["connection", "check", "crm"]);
        format!("{ran:?}").contains("secret-unreachable").then_some(())
    });
    vault.reopen();
    until("the hub goes on by itself", || works().then_some(()));
    serving.stop();

    // By token; one that nobody gave is refused with what to type, and a good one is kept here or in a file.
    describe(&project, &vault, "token");
    project.tell(&["secret", "set", "corp"], "a-token-that-nobody-gave");
    let refused = project.run(&["secret", "check", "crm"]);
    let said = format!("{refused:?}");
    assert!(said.contains("answered 403") && said.contains("nave secret set corp"), "{said}");
    project.tell(&["secret", "set", "corp"], &vault.token);
    assert!(works());
    let file = project.dir().parent().expect("a folder").join("vault-token");
    std::fs::write(&file, &vault.token).expect("written");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    project.ok(&["secret", "refer", "corp", "--file", &file.display().to_string()]);
    assert!(works());
    let cycle = project.run(&["secret", "refer", "corp", "--vault", "corp", "--path", "secret/crm"]);
    assert!(cycle.code == Some(2) && format!("{cycle:?}").contains("cannot be kept in one"), "{cycle:?}");
    let nothing = project.run(&["secret", "refer", "crm", "--vault", "corp", "--path", "secret/nothing"]);
    assert!(format!("{nothing:?}").contains("has nothing at secret/nothing (404"), "{nothing:?}");

    let copy = project.dir().parent().expect("a folder").join("copy.nave");
    project.ok(&["backup", &copy.display().to_string()]);
    let mut places = Places::default();
    places.add("backup", "copy.nave", std::fs::read(&copy).expect("a backup"));
    places.add_files("file", project.dir(), &[]);
    places.add("output", "audit", project.ok(&["audit", "--limit", "500"]).out);
    places.add("output", "secrets", project.ok(&["secret", "list"]).out);
    for secret in [&token, &vault.token, &role] {
        assert_eq!(places.find(secret.as_bytes()), [], "it is nowhere");
    }
}
