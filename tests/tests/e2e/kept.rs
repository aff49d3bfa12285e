//! Secrets that are kept elsewhere: in a file that somebody writes, and in a vault that is sealed, rotates, takes tokens back and goes
//! away. The vault here is a few lines that answer as the documentation of HashiCorp's says; `tests/systems` asks one that others wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use nave_sim::SimConfig;
use nave_tests::leaks::Places;
use nave_tests::project::{Project, Ran, until};
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

/// What the CRM does not take.
const WRONG: &str = "pat-that-the-crm-refuses-3141592653";
const ROLE: &str = "7c1d4b1e-role";
const SECRET_ID: &str = "5f0a-secret-id-of-the-hub-9911";
const NAMESPACE: &str = "team-a/";

struct Bed {
    project: Project,
    crm: Crm,
}

impl Bed {
    /// A CRM that is connected with a secret that it refuses.
    fn new() -> Self {
        let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(11) });
        let project = Project::init();
        project.install("hubspot");
        let sim = crm.sim().expect("a simulator");
        project.connect("hubspot", crm.name(), &[("url", sim.running.base_url())], Some(WRONG));
        Self { project, crm }
    }

    fn token(&self) -> String {
        self.crm.sim().expect("a simulator").running.credential.token.clone()
    }

    fn outside(&self, name: &str) -> PathBuf {
        self.project.dir().parent().expect("a folder").join(name)
    }

    fn works(&self) -> bool {
        self.project.run(&["connection", "check", "crm"]).code == Some(0)
    }

    /// What is said of a call that comes to nothing.
    fn refused(&self, command: &[&str]) -> String {
        let ran = self.project.run(command);
        assert_ne!(ran.code, Some(0), "{ran:?}");
        said(&ran)
    }

    fn listed(&self) -> Value {
        let list = self.project.json(&["secret", "list"])["secrets"].clone();
        list.as_array().into_iter().flatten().find(|one| one["name"] == "crm").cloned().expect("it is listed")
    }

    fn audit(&self, action: &str) -> Vec<Value> {
        let audit = self.project.json(&["audit", "--limit", "500"]);
        let entries = audit["entries"].as_array().cloned().unwrap_or_default();
        entries.into_iter().filter(|entry| entry["action"] == action).collect()
    }
}

fn said(ran: &Ran) -> String {
    format!("{} {}", ran.out, ran.err)
}

fn put(path: &Path, text: &str, mode: u32) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("written");
    fs::set_permissions(&beside, fs::Permissions::from_mode(mode)).expect("its mode");
    fs::rename(&beside, path).expect("in its place");
}

#[test]
fn a_secret_in_a_file_is_read_where_it_is_and_again_when_it_is_written() {
    let bed = Bed::new();
    let (project, token) = (&bed.project, bed.token());
    let file = bed.outside("crm-token");
    let path = file.display().to_string();
    assert!(!bed.works());
    put(&file, &format!("{token}\n"), 0o600);
    let refer = project.json(&["secret", "refer", "crm", "--file", &path]);
    assert!(refer["message"].as_str().unwrap_or_default().contains("It was fetched just now"), "{refer}");
    assert!(bed.works());
    let checked = project.json(&["secret", "check", "crm"]);
    assert_eq!((&checked["kind"], checked["source"].as_str()), (&json!("file"), Some(format!("the file {path}").as_str())));
    assert!(checked["lease_s"].as_u64().is_some_and(|seconds| (1..=300).contains(&seconds)), "{checked}");
    let line = bed.listed();
    assert_eq!((&line["kind"], &line["version"]), (&json!("file"), &json!(2)));
    let access = project.json(&["access", "list"]).to_string();
    assert!(access.contains(&path), "{access}");
    let rotated = project.run(&["secret", "rotate", "crm", "--from-file", &path]);
    assert!(rotated.code == Some(2) && said(&rotated).contains("change it there"), "{rotated:?}");

    // A hub that serves sees what is written, at once and without a restart.
    let serving = project.serve();
    assert!(bed.works());
    let exposed = project.json(&["plugin", "exposure", "hubspot"]).to_string();
    assert!(exposed.contains(&path), "{exposed}");
    put(&file, WRONG, 0o600);
    assert!(!bed.works(), "what is there now counts");
    put(&file, &token, 0o600);
    assert!(bed.works());
    // Being written at this moment: what was read goes on.
    put(&file, "", 0o600);
    assert!(bed.works());
    let empty = bed.refused(&["secret", "check", "crm"]);
    assert!(empty.contains("is empty") && empty.contains("secret-unreachable"), "{empty}");
    serving.stop();

    // Where others may read it, it is no secret.
    put(&file, &token, 0o644);
    let open = bed.refused(&["connection", "check", "crm"]);
    for part in ["secret-unreachable", "nave secret check crm", "nothing was sent"] {
        assert!(open.contains(part), "{part}: {open}");
    }
    // Where it is kept is not told to a plugin, and so not by what it answers.
    assert!(!open.contains(&path) && !open.contains("0644"), "{open}");
    let why = bed.refused(&["secret", "check", "crm"]);
    assert!(why.contains("mode 0644") && why.contains("chmod 600"), "{why}");
    let doctor = said(&project.run(&["doctor"]));
    assert!(doctor.contains("secret crm") && doctor.contains("chmod 600"), "{doctor}");
    put(&file, &token, 0o600);
    assert!(bed.works(), "it goes on by itself");
    for (wrong, part) in [
        (project.dir().join("nave.toml").display().to_string(), "within the project"),
        (project.data().join("master.key").display().to_string(), "within the project"),
        (bed.outside("nothing").display().to_string(), "there is no file"),
    ] {
        let refer = said(&project.run(&["secret", "refer", "crm", "--file", &wrong]));
        assert!(refer.contains(part), "{refer}");
    }
    let relative = project.run(&["secret", "refer", "crm", "--file", "token"]);
    assert!(relative.code == Some(2) && said(&relative).contains("absolute path"), "{relative:?}");

    // Another master key, and a backup: the reference is in both, what it leads to is in neither.
    project.ok(&["secret", "refer", "crm", "--file", &path]);
    project.ok(&["key", "change", "--because", "a test", "--yes"]);
    assert!(bed.works());
    let copy = bed.outside("copy.nave").display().to_string();
    project.ok(&["backup", &copy]);
    project.ok(&["restore", &copy, "--replace"]);
    assert!(bed.works());
    let found = places(&bed, &[]).find(token.as_bytes());
    assert_eq!(found, [], "it is nowhere");
    assert!(!bed.audit("secret.resolved").is_empty() && !bed.audit("secret.unresolved").is_empty());
}

/// All that the project keeps, and what its commands say at their most talkative.
fn places(bed: &Bed, more: &[&[&str]]) -> Places {
    let mut places = Places::default();
    let commands: [&[&str]; 6] = [
        &["connection", "check", "crm"],
        &["secret", "check", "crm"],
        &["secret", "list"],
        &["access", "list"],
        &["audit", "--limit", "500"],
        &["doctor"],
    ];
    for command in commands.iter().chain(more) {
        let mut ran = bed.project.command(command);
        let ran =
            ran.env("NAVE_LOG", "debug,nave=trace,nave_hub=trace,nave_store=trace,hyper=trace").output().expect("nave runs");
        assert!(ran.stderr.len() > 100, "it is talkative: {command:?}");
        places.add("output", command.join(" "), ran.stdout);
        places.add("log", command.join(" "), ran.stderr);
    }
    places.add_files("file", bed.project.dir(), &[]);
    places.add("backup", "copy.nave", fs::read(bed.outside("copy.nave")).expect("a backup"));
    assert!(places.many("file") > 5 && places.many("log") >= 6);
    places
}

/// What the vault holds and how it is.
#[derive(Default)]
struct Inside {
    /// Path → whole answer.
    at: BTreeMap<String, Value>,
    /// Tokens that are good.
    tokens: Vec<String>,
    logins: u64,
    sealed: bool,
    away: bool,
    leases: u64,
    renewals: u64,
    /// Leases that were ended, by their ids.
    revoked: Vec<String>,
    /// Paths that no token may read.
    forbidden: Vec<String>,
    /// Method, path and namespace of every request.
    asked: Vec<(String, String, String)>,
}

/// A vault that answers as HashiCorp's.
#[derive(Clone)]
struct Keeper {
    addr: SocketAddr,
    inside: Arc<Mutex<Inside>>,
}

impl Keeper {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let keeper = Self { addr: listener.local_addr().expect("an address"), inside: Arc::default() };
        let serving = keeper.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let keeper = serving.clone();
                std::thread::spawn(move || keeper.carry(client));
            }
        });
        keeper
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no thread panicked")
    }

    /// Version 2 of the key-value engine: no lease.
    fn put(&self, path: &str, token: &str) {
        let data = json!({"data": {"token": token}, "metadata": {"created_time": "2026-01-01T00:00:00Z", "version": 1}});
        self.inside().at.insert(path.to_owned(), json!({"lease_id": "", "renewable": false, "lease_duration": 0, "data": data}));
    }

    /// How often a path was asked for.
    fn asked(&self, path: &str) -> usize {
        self.inside().asked.iter().filter(|(_, asked, _)| asked == path).count()
    }

    fn carry(&self, mut client: TcpStream) {
        let Some((head, body)) = request(&mut client) else { return };
        let mut line = head.lines().next().unwrap_or_default().split(' ');
        let (method, path) = (line.next().unwrap_or_default().to_owned(), line.next().unwrap_or_default().to_owned());
        let header = |name: &str| {
            let found = head.lines().find_map(|line| line.split_once(": ").filter(|(known, _)| known.eq_ignore_ascii_case(name)));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let (token, namespace) = (header("x-vault-token"), header("x-vault-namespace"));
        let (status, answer) = {
            let mut inside = self.inside();
            if inside.away {
                return;
            }
            inside.asked.push((method.clone(), path.clone(), namespace.clone()));
            inside.answer(&method, &path, &token, &namespace, &serde_json::from_str(&body).unwrap_or_default())
        };
        let body = answer.to_string();
        let _ = write!(
            client,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }
}

impl Inside {
    fn answer(&mut self, method: &str, path: &str, token: &str, namespace: &str, body: &Value) -> (u16, Value) {
        let error = |text: &str| json!({"errors": [text]});
        if self.sealed {
            return (503, error("Vault is sealed"));
        }
        if namespace != NAMESPACE {
            return (404, error("no handler for route"));
        }
        if (method, path) == ("POST", "/v1/auth/approle/login") {
            if body["role_id"] != ROLE || body["secret_id"] != SECRET_ID {
                return (400, error("invalid role or secret ID"));
            }
            self.logins += 1;
            let token = format!("hvs.t0ken-of-log-in-{}-abcdef", self.logins);
            self.tokens.push(token.clone());
            return (200, json!({"auth": {"client_token": token, "lease_duration": 3600, "renewable": true}}));
        }
        if !self.tokens.iter().any(|known| known == token) {
            return (403, error("permission denied"));
        }
        if (method, path) == ("POST", "/v1/sys/leases/renew") {
            self.renewals += 1;
            return (200, json!({"lease_id": body["lease_id"], "renewable": true, "lease_duration": 1}));
        }
        if (method, path) == ("POST", "/v1/sys/leases/revoke") {
            self.revoked.push(body["lease_id"].as_str().unwrap_or_default().to_owned());
            return (204, json!(null));
        }
        if self.forbidden.iter().any(|forbidden| path.ends_with(forbidden)) {
            return (403, error("permission denied"));
        }
        match self.at.get(path.trim_start_matches("/v1/")).filter(|_| method == "GET").cloned() {
            None => (404, error("")),
            Some(mut found) => {
                if found["lease_id"] == "dynamic" {
                    self.leases += 1;
                    found["lease_id"] = json!(format!("{path}/{}", self.leases));
                }
                (200, found)
            }
        }
    }
}

fn request(client: &mut TcpStream) -> Option<(String, String)> {
    let mut held = Vec::new();
    let end = loop {
        let mut piece = [0; 4_096];
        let read = client.read(&mut piece).ok().filter(|read| *read > 0)?;
        held.extend_from_slice(&piece[..read]);
        if let Some(end) = held.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&held[..end]).into_owned();
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = held.split_off(end);
    while body.len() < length {
        let mut piece = [0; 4_096];
        let read = client.read(&mut piece).ok().filter(|read| *read > 0)?;
        body.extend_from_slice(&piece[..read]);
    }
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

/// `nave.toml` with the vault as `corp`, whose values are held for so long.
fn describe(bed: &Bed, keeper: &Keeper, hold: &str) {
    let text = bed.project.read("nave.toml");
    let text = text.split("\n[vaults.corp]").next().unwrap_or_default().to_owned();
    let vault = format!(
        "\n[vaults.corp]\nkind = \"hashicorp\"\naddress = \"http://{}\"\nsign-in = \"app-role\"\nsecret = \"corp-role\"\nnamespace = \"{NAMESPACE}\"\n\
         networks = [\"127.0.0.0/8\"]\ninsecure = true\nbecause = \"a vault of the test\"\nhold = \"{hold}\"\n",
        keeper.addr
    );
    bed.project.write("nave.toml", &(text + &vault));
}

const REFER: [&str; 9] = ["secret", "refer", "crm", "--vault", "corp", "--path", "kv/data/crm", "--field", "token"];

#[test]
fn a_secret_in_a_vault_is_fetched_held_and_said_to_be_away() {
    let (bed, keeper) = (Bed::new(), Keeper::start());
    let (project, token) = (&bed.project, bed.token());
    keeper.put("kv/data/crm", &token);
    let unknown = said(&project.run(&REFER));
    assert!(unknown.contains("[vaults.corp]"), "{unknown}");
    describe(&bed, &keeper, "1h");
    project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:not-the-secret-id-of-anybody"));
    // What is stored here is not given up for what cannot be had.
    let refused = bed.refused(&REFER);
    assert!(refused.contains("nothing was changed") && refused.contains("nave secret set corp-role"), "{refused}");
    assert_eq!(bed.listed()["version"], json!(1), "the stored one is still there");
    // A good one. No data go anywhere but to the vault's own address.
    project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:{SECRET_ID}"));
    project.ok(&REFER);
    assert!(bed.works());
    let checked = project.json(&["secret", "check", "crm"]);
    assert_eq!(
        (&checked["kind"], &checked["source"]),
        (&json!("hashicorp"), &json!("kv/data/crm in the vault corp, field token"))
    );
    assert!(keeper.inside().asked.iter().all(|(_, _, namespace)| namespace == NAMESPACE));

    let serving = project.serve();
    assert!(bed.works());
    let asked = keeper.asked("/v1/kv/data/crm");
    for _ in 0..5 {
        assert!(bed.works());
    }
    assert_eq!(keeper.asked("/v1/kv/data/crm"), asked, "it is held, and not fetched for every call");
    // The token is taken back over there: the hub signs in anew, and nobody notices.
    let logins = {
        let mut inside = keeper.inside();
        inside.tokens.clear();
        inside.logins
    };
    project.ok(&["secret", "check", "crm"]);
    assert!(keeper.inside().logins > logins);
    // Sealed, and away: within the lease that costs nothing.
    keeper.inside().sealed = true;
    assert!(bed.works());
    let sealed = bed.refused(&["secret", "check", "crm"]);
    assert!(sealed.contains("503 (Vault is sealed)") || sealed.contains("answered 503"), "{sealed}");
    assert!(bed.works(), "a check that fails takes nothing away");
    keeper.inside().away = true;
    assert!(bed.works());
    assert_eq!(bed.listed()["kind"], "hashicorp");
    assert!(bed.listed()["lease_s"].as_u64().is_some_and(|seconds| seconds > 3_000), "{}", bed.listed());
    serving.stop();

    // After it, calls say who knows why, and nothing goes to the system.
    let before = bed.crm.sim().expect("a simulator").last_request();
    let away = bed.refused(&["connection", "check", "crm"]);
    for part in ["secret-unreachable", "nothing was sent", "nave secret check crm"] {
        assert!(away.contains(part), "{part}: {away}");
    }
    let doctor = said(&project.run(&["doctor"]));
    assert!(doctor.contains("secret crm") && doctor.contains("could not be fetched"), "{doctor}");
    assert_eq!(bed.crm.sim().expect("a simulator").last_request(), before, "nothing was sent without its secret");
    describe(&bed, &keeper, "1s");
    {
        let mut inside = keeper.inside();
        (inside.sealed, inside.away) = (false, false);
    }
    let serving = project.serve();
    assert!(bed.works());
    keeper.inside().away = true;
    until("the lease ends", || (!bed.works()).then_some(()));
    keeper.inside().away = false;
    until("the hub recovers by itself", || bed.works().then_some(()));
    serving.stop();
    assert!(bed.audit("secret.unresolved").iter().all(|entry| entry["subject"] == "crm"));
    assert!(bed.audit("secret.resolved").len() >= 2 && !bed.audit("secret.unresolved").is_empty());

    let copy = bed.outside("copy.nave").display().to_string();
    project.ok(&["backup", &copy]);
    let found = places(&bed, &[&["secret", "check", "corp-role"]]);
    for secret in [&token, SECRET_ID, "hvs.t0ken-of-log-in-"] {
        assert_eq!(found.find(secret.as_bytes()), [], "{secret} is nowhere");
    }
    project.ok(&["key", "change", "--because", "a test", "--yes"]);
    project.ok(&["restore", &copy, "--replace"]);
    assert!(bed.works(), "a backup keeps the reference");
}

#[test]
fn a_value_that_its_system_refuses_is_fetched_anew_before_it_is_called_bad() {
    let (bed, keeper) = (Bed::new(), Keeper::start());
    describe(&bed, &keeper, "1h");
    keeper.put("kv/data/crm", WRONG);
    bed.project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:{SECRET_ID}"));
    bed.project.ok(&REFER);
    let serving = bed.project.serve();
    let refused = bed.refused(&["connection", "check", "crm"]);
    assert!(refused.contains("unauthorized-there"), "{refused}");
    // It is held for an hour; what ends that is the system's refusal.
    keeper.put("kv/data/crm", &bed.token());
    until("the new one is fetched", || bed.works().then_some(()));
    // Of a system that refuses everything the vault is not asked with every call.
    keeper.put("kv/data/crm", WRONG);
    bed.project.ok(&["secret", "check", "crm"]);
    bed.refused(&["connection", "check", "crm"]);
    let asked = keeper.asked("/v1/kv/data/crm");
    bed.refused(&["connection", "check", "crm"]);
    assert_eq!(keeper.asked("/v1/kv/data/crm"), asked);
    serving.stop();
}

#[test]
fn a_lease_is_renewed_and_an_edited_address_gets_nothing() {
    let (bed, keeper) = (Bed::new(), Keeper::start());
    describe(&bed, &keeper, "1h");
    let data = json!({"username": "u", "token": bed.token()});
    let leased = json!({"lease_id": "dynamic", "renewable": true, "lease_duration": 1, "data": data});
    keeper.inside().at.insert("database/creds/crm".to_owned(), leased);
    let project = &bed.project;
    project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:{SECRET_ID}"));
    project.ok(&["secret", "refer", "crm", "--vault", "corp", "--path", "database/creds/crm", "--field", "token"]);
    let serving = project.serve();
    until("a lease is renewed", || {
        assert!(bed.works());
        (keeper.inside().renewals >= 2).then_some(())
    });
    serving.stop();
    // Whoever edits the vault's address does not get what the hub signs in with.
    let other = Keeper::start();
    describe(&bed, &other, "1h");
    let held = bed.refused(&["secret", "check", "crm"]);
    assert!(held.contains("corp-role") && held.contains("nave connection approve hub"), "{held}");
    assert!(other.inside().asked.is_empty(), "nothing was sent there");
    let lint = said(&project.run(&["mapping", "lint"]));
    assert!(lint.contains("corp-role"), "{lint}");
}

/// A user and a password that are made for the hub are one secret, of one lease; what another has taken the place of is taken back.
#[test]
fn a_dynamic_user_and_password_are_one_secret_of_one_lease() {
    let (bed, keeper) = (Bed::new(), Keeper::start());
    describe(&bed, &keeper, "1h");
    let token = bed.token();
    let (first, second) = token.split_at(token.len() / 2);
    let data = json!({"username": first, "password": second});
    let leased = json!({"lease_id": "dynamic", "renewable": false, "lease_duration": 3600, "data": data});
    keeper.inside().at.insert("database/creds/crm".to_owned(), leased);
    let project = &bed.project;
    project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:{SECRET_ID}"));
    let refer = |field: &str| {
        project.run(&["secret", "refer", "crm", "--vault", "corp", "--path", "database/creds/crm", "--field", field])
    };
    for (field, expected) in [("{username", "no template of fields"), ("{username}:{pass}", "there is no field `pass`")] {
        let refused = said(&refer(field));
        assert!(refused.contains(expected), "{refused}");
    }
    let serving = project.serve();
    let leases = keeper.inside().leases;
    // The token of this system stands in two fields of one answer.
    let referred = refer("{username}{password}");
    assert_eq!(referred.code, Some(0), "{referred:?}");
    assert!(bed.works());
    let made = keeper.inside().leases - leases;
    assert!(
        (1..=2).contains(&made),
        "one to see whether there is one before what was stored is given up, and one that is used: {made}"
    );
    // Another takes its place: the one before is ended over there.
    let held = format!("/v1/database/creds/crm/{}", keeper.inside().leases);
    project.ok(&["secret", "check", "crm"]);
    until("the one before is ended", || keeper.inside().revoked.contains(&held).then_some(()));
    let last = format!("/v1/database/creds/crm/{}", keeper.inside().leases);
    assert!(bed.works() && !keeper.inside().revoked.contains(&last), "the one that is used is not");
    // Whoever ends gives back what it was given: the hub that serves, and a command that opened one.
    serving.stop();
    assert!(keeper.inside().revoked.contains(&last), "{:?}", keeper.inside().revoked);
    project.ok(&["secret", "check", "crm"]);
    let given = |keeper: &Keeper| (1..=keeper.inside().leases).map(|number| format!("/v1/database/creds/crm/{number}")).collect();
    let (given, back): (BTreeSet<String>, BTreeSet<String>) = (given(&keeper), keeper.inside().revoked.iter().cloned().collect());
    assert_eq!(back, given, "nothing is left over there");
}

/// However many secrets a vault refuses, it is not signed in at for each of them.
#[test]
fn a_vault_that_refuses_is_not_signed_in_at_for_every_secret() {
    let (bed, keeper) = (Bed::new(), Keeper::start());
    describe(&bed, &keeper, "1h");
    let project = &bed.project;
    project.tell(&["secret", "set", "corp-role"], &format!("{ROLE}:{SECRET_ID}"));
    keeper.put("kv/data/crm", &bed.token());
    project.ok(&REFER);
    let serving = project.serve();
    assert!(bed.works());
    keeper.inside().forbidden = (0..12).map(|number| format!("kv/data/closed-{number}")).collect();
    let (before, began) = (keeper.inside().logins, std::time::Instant::now());
    for number in 0..12 {
        let path = format!("kv/data/closed-{number}");
        let refused = said(&project.run(&["secret", "refer", &format!("closed-{number}"), "--vault", "corp", "--path", &path]));
        assert!(refused.contains("answered 403"), "{refused}");
    }
    let made = keeper.inside().logins - before;
    assert!(keeper.asked("/v1/kv/data/closed-11") > 0, "it was asked for each");
    // One at once, and no more than one in each 5 seconds that all this took.
    let allowed = 1 + began.elapsed().as_secs() / 5;
    assert!((1..=allowed).contains(&made), "{made} log-ins, {allowed} allowed");
    // What it may read goes on by the same log-in, and a token that was taken back is replaced.
    project.ok(&["secret", "check", "crm"]);
    serving.stop();
}
