//! Systems reached by a description (plugins/rest/examples) hold in the end what they hold with the shipped connectors: after entries,
//! changes, lost answers and deletions on every side.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nave_sim::{SimConfig, System};
use nave_tests::binary;
use nave_tests::project::{PATIENCE, Project, Ran, run};
use nave_tests::systems::{Clock, Sim};
use serde_json::{Value, json};

/// Packs a description; its file.
fn packed(dir: &Path, out: &Path) -> PathBuf {
    binary::plugin("rest");
    let mut build = Command::new(binary::nave());
    build.current_dir(binary::root()).env("CARGO_TARGET_DIR", binary::target());
    let ran = run(build.args(["--json", "plugin", "build"]).arg(dir).arg("--out").arg(out), None);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    PathBuf::from(ran.json()["file"].as_str().expect("a file"))
}

fn example(name: &str) -> PathBuf {
    binary::root().join("plugins/rest/examples").join(name)
}

struct World {
    project: Project,
    crm: Sim,
    books: Sim,
    desk: Sim,
}

/// Connection, stream, entity, keys of the mapping, and fields: remote and canonical.
type Mapped = (&'static str, &'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// The fields that both ways know.
const MAPPINGS: [Mapped; 4] = [
    (
        "crm",
        "contacts",
        "contact",
        "marker = \"properties.nave_id\"",
        &[
            ("properties.firstname", "first_name"),
            ("properties.lastname", "last_name"),
            ("properties.email", "email"),
            ("properties.jobtitle", "job_title"),
        ],
    ),
    ("crm", "companies", "company", "marker = \"properties.nave_id\"", &[("properties.name", "name")]),
    (
        "books",
        "contacts",
        "contact",
        "natural-key = \"EmailAddress\"\nrequired = [\"Name\"]",
        &[("FirstName", "first_name"), ("LastName", "last_name"), ("EmailAddress", "email")],
    ),
    ("desk", "organizations", "company", "marker = \"external_id\"", &[("name", "name")]),
];

fn mapping((connection, stream, entity, keys, fields): Mapped) -> String {
    let mut text = format!(
        "connection = {connection:?}\nstream = {stream:?}\nentity = {entity:?}\nsteward = \"ops\"\ndelete = \"propagate\"\n{keys}\n\n\
         [flow.in]\nfreshness = \"24h\"\n\n[flow.out]\nfreshness = \"24h\"\n"
    );
    for (remote, canonical) in fields {
        let clean = if *canonical == "email" { "trim | lower | null_if('')" } else { "trim | null_if('')" };
        text.push_str(&format!(
            "\n[[field]]\nremote = {remote:?}\ncanonical = {canonical:?}\ndirection = \"both\"\nin = {clean:?}\nclear = \"empty-text\"\nbecause = \"the test edits it everywhere\"\n"
        ));
    }
    if connection == "books" {
        text.push_str("\n[[field]]\nremote = \"Name\"\ncanonical = \"email\"\ndirection = \"out\"\n");
    }
    text
}

impl World {
    /// Empty systems, connected by their shipped connectors, or by descriptions.
    fn start(described: bool) -> Self {
        let clock = Clock::default();
        let config = || {
            let clock = clock.clone();
            SimConfig { clock: std::sync::Arc::new(move || clock.now()), ..SimConfig::new(11) }
        };
        let (crm, books, desk) =
            (Sim::start(System::Crm, config()), Sim::start(System::Books, config()), Sim::start(System::Desk, config()));
        let project = Project::init();
        let out = tempfile::tempdir().expect("a folder");
        let url = |sim: &Sim, path: &str| ("url", format!("{}{path}", sim.running.base_url()));
        let tenant = books.running.credential.tenant_id.clone().expect("an organisation");
        let user = desk.running.credential.user.clone().expect("a user");
        let desk_secret = format!("{user}:{}", desk.running.credential.token);
        for (name, shipped, settings, secret) in [
            ("crm", "hubspot", vec![url(&crm, "")], crm.running.credential.token.clone()),
            ("books", "xero", vec![url(&books, "/api.xro/2.0"), ("tenant", tenant)], books.running.credential.token.clone()),
            ("desk", "zendesk", vec![url(&desk, "")], desk_secret),
        ] {
            let plugin = if described { format!("rest-{name}") } else { shipped.to_owned() };
            if described {
                project.ok(&["plugin", "install", &packed(&example(name), out.path()).display().to_string()]);
            } else {
                project.install(&plugin);
            }
            project.connect(&plugin, name, &settings, Some(&secret));
            project.json(&["connection", "check", name]);
            project.json(&["connection", "discover", name, "--save"]);
        }
        MAPPINGS.iter().for_each(|own| project.write(&format!("mappings/{}-{}.toml", own.0, own.1), &mapping(*own)));
        project.ok(&["mapping", "lint"]);
        project.agree();
        Self { project, crm, books, desk }
    }

    /// Syncs until nothing is open and nothing was written.
    #[track_caller]
    fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let runs = self.project.sync(&["--retry"]);
            let status = self.project.json(&["status"]);
            let flows = status["flows"].as_array().into_iter().flatten();
            let open: u64 =
                flows.flat_map(|flow| ["open", "pending", "parked"].map(|name| flow[name].as_u64().unwrap_or(0))).sum();
            if open == 0 && runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0) {
                assert_eq!(status["dead_letters"], 0, "{}", self.project.json(&["dlq", "list"]));
                return;
            }
            assert!(Instant::now() < end, "still open: {status}");
        }
    }

    fn contact(&self, email: &str) -> String {
        let state = self.crm.control("GET", "/_sim/state", None);
        let all = state["contacts"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|row| row["properties"]["email"] == email && row["archived"] != true);
        found.and_then(|row| row["id"].as_str()).unwrap_or_else(|| panic!("nobody is {email}: {all:#?}")).to_owned()
    }

    /// What all systems hold, in texts that both ways share.
    fn holds(&self) -> Vec<String> {
        let rows = |sim: &Sim, kind: &str| sim.control("GET", "/_sim/state", None)[kind].as_array().cloned().unwrap_or_default();
        let texts = |own: &Value, names: &[&str]| {
            names.iter().map(|name| own[*name].as_str().unwrap_or_default()).collect::<Vec<_>>().join("|")
        };
        let mut all = Vec::new();
        for row in rows(&self.crm, "contacts") {
            let own = texts(&row["properties"], &["firstname", "lastname", "email", "jobtitle"]);
            all.push(format!("crm contact {own} {}", if row["archived"] == true { "archived" } else { "there" }));
        }
        for row in rows(&self.crm, "companies") {
            all.push(format!(
                "crm company {} {}",
                texts(&row["properties"], &["name"]),
                if row["archived"] == true { "archived" } else { "there" }
            ));
        }
        for row in rows(&self.books, "Contacts") {
            all.push(format!(
                "books contact {}",
                texts(&row, &["Name", "FirstName", "LastName", "EmailAddress", "ContactStatus"])
            ));
        }
        for row in rows(&self.desk, "organizations") {
            all.push(format!(
                "desk organization {} {}",
                texts(&row, &["name"]),
                if row["deleted"] == true { "deleted" } else { "there" }
            ));
        }
        all.sort();
        all
    }

    /// People enter, change and delete in every system; every second answer to the hub's writes is lost once.
    fn live(&self) -> Vec<Vec<String>> {
        let mut held = Vec::new();
        let contact = |first: &str, last: &str, email: &str| json!({ "properties": { "firstname": first, "lastname": last, "email": email, "jobtitle": "cook" } });
        self.crm.call("POST", "/crm/v3/objects/contacts", Some(contact("Ada", "Lovelace", "ada@x.example")));
        self.crm.call("POST", "/crm/v3/objects/contacts", Some(contact("Dora", "Day", "dora@x.example")));
        self.crm.call("POST", "/crm/v3/objects/companies", Some(json!({ "properties": { "name": "Acme AG" } })));
        let bob = json!({ "Name": "Bob Berg", "FirstName": "Bob", "LastName": "Berg", "EmailAddress": "bob@x.example" });
        self.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [bob] })));
        let made = self.desk.call("POST", "/api/v2/organizations", Some(json!({ "organization": { "name": "Delta" } }))).json();
        let delta = made["organization"]["id"].to_string();
        self.settle();
        held.push(self.holds());

        // Changes, while answers to the hub's writes are lost.
        let ada = self.contact("ada@x.example");
        self.crm.call(
            "PATCH",
            &format!("/crm/v3/objects/contacts/{ada}"),
            Some(json!({ "properties": { "lastname": "King", "jobtitle": "" } })),
        );
        let books = self.books.control("GET", "/_sim/state", None)["Contacts"].as_array().cloned().expect("contacts");
        let bob = books.iter().find(|contact| contact["EmailAddress"] == "bob@x.example").expect("Bob")["ContactID"].clone();
        self.books.call(
            "POST",
            "/api.xro/2.0/Contacts",
            Some(json!({ "Contacts": [{ "ContactID": bob, "FirstName": "Bobby" }] })),
        );
        self.desk.call("PUT", &format!("/api/v2/organizations/{delta}"), Some(json!({ "organization": { "name": "Delta AG" } })));
        self.crm.call("POST", "/crm/v3/objects/companies", Some(json!({ "properties": { "name": "Late GmbH" } })));
        for sim in [&self.crm, &self.books, &self.desk] {
            sim.fault(json!({ "switch": "lost-response", "only": "writes", "nth": 1 }));
        }
        let output = self.project.command(&["sync"]).output().expect("nave runs");
        assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
        for sim in [&self.crm, &self.books, &self.desk] {
            sim.fault(json!({ "switch": "lost-response", "on": false }));
        }
        self.settle();
        held.push(self.holds());

        // One is deleted in the CRM, one company in the desk. A list that no longer has one is believed the second time.
        self.crm.call("DELETE", &format!("/crm/v3/objects/contacts/{}", self.contact("dora@x.example")), None);
        self.desk.call("DELETE", &format!("/api/v2/organizations/{delta}"), None);
        for _ in 0..4 {
            self.settle();
        }
        held.push(self.holds());
        held
    }
}

#[test]
fn a_description_leads_where_the_shipped_connector_leads() {
    let (shipped, described) = (World::start(false).live(), World::start(true).live());
    assert_eq!(shipped, described);
    let last = described.last().expect("states");
    for expected in [
        "crm contact Ada|King|ada@x.example| there",
        "crm contact Bobby|Berg|bob@x.example| there",
        "crm contact Dora|Day|dora@x.example|cook archived",
        "books contact ada@x.example|Ada|King|ada@x.example|ACTIVE",
        "books contact dora@x.example|Dora|Day|dora@x.example|ARCHIVED",
        "desk organization Late GmbH there",
        "crm company Delta AG archived",
    ] {
        assert!(last.iter().any(|line| line == expected), "{expected} is not among {last:#?}");
    }
}

/// One file, one digest, over the description too: another description is another plugin, and is held until somebody agrees where it asks for more.
#[test]
fn a_description_is_covered_by_digest_signature_and_grants() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("desk");
    std::fs::create_dir(&dir).expect("a folder");
    let text = std::fs::read_to_string(example("desk").join("rest.toml")).expect("the example");
    // It is signed below, and the suite wants no reader to come back after a conflict.
    let patient = "[[errors.rules]]\nstatus = 409\nmeans = \"retry-after\"\nwait-s = 1\n\n";
    assert!(text.contains(patient));
    let text = text.replace(patient, "");
    let build = |text: &str, out: &str| {
        std::fs::write(dir.join("rest.toml"), text).expect("written");
        packed(&dir, &folder.path().join(out))
    };
    let first = build(&text, "1");
    let same = build(&text, "2");
    assert_eq!(std::fs::read(&first).expect("a file"), std::fs::read(&same).expect("a file"), "the same text is the same file");
    let project = Project::init();
    project.ok(&["plugin", "install", &first.display().to_string()]);
    let sim = Sim::start(System::Desk, SimConfig::new(3));
    let secret = format!("{}:{}", sim.running.credential.user.clone().expect("a user"), sim.running.credential.token);
    project.connect("rest-desk", "desk", &[("url", sim.running.base_url())], Some(&secret));
    let grant = project.read("connections/desk.toml");
    assert!(grant.contains("/organizations") && !grant.contains("/tickets"), "only what is used is granted: {grant}");
    project.json(&["connection", "check", "desk"]);

    // Tickets too: another file, which asks for more.
    let more = format!(
        "{}\n[streams.tickets.read]\npath = \"/tickets\"\nrecords = \"/tickets\"\n",
        text.replace("serial = 1", "serial = 2")
    );
    let more = build(&more, "3");
    let ran = project.run(&["plugin", "upgrade", &more.display().to_string()]);
    assert_eq!(ran.code, Some(4), "it is held: {ran:?}");
    assert!(ran.out.contains("/tickets"), "{ran:?}");

    std::fs::write(dir.join("rest.toml"), &text).expect("written");
    // Whoever changes the text in the file changes what was signed.
    let name = |file: &Path| file.display().to_string();
    let key = folder.path().join("author.pem");
    let made = project.json(&["plugin", "key", "new", &name(&key)]);
    project.json(&["plugin", "trust", "add", made["key"].as_str().expect("a key"), "--name", "rest-*"]);
    project.ok(&["plugin", "pack", &name(&first), "--sign", &name(&key)]);
    project.ok(&["plugin", "verify", &name(&first)]);
    project.ok(&["plugin", "verify", &name(&first), "--rebuild", &name(&dir)]);
    // The same build again keeps its signature; another one does not stand beside the old one's, which would say that it was tampered with.
    let signature = PathBuf::from(format!("{}.sig", name(&first)));
    build(&text, "1");
    assert!(signature.exists(), "it is the very same file");
    let signed = [&first, &signature].map(|file| std::fs::read(file).expect("a file"));
    build(&text.replace("serial = 1", "serial = 2"), "1");
    assert!(!signature.exists(), "it was another build's");
    assert_eq!(crate::signed::code(&project.run(&["plugin", "verify", &name(&first)])), "plugin.unsigned");
    for (file, bytes) in [&first, &signature].into_iter().zip(&signed) {
        std::fs::write(file, bytes).expect("written");
    }
    std::fs::write(dir.join("rest.toml"), &text).expect("written");
    let mut bytes = std::fs::read(&first).expect("the file");
    let at = memchr::memmem::find(&bytes, b"path = \"/organizations\"").expect("the description stands in the file as it is");
    bytes[at + 9] = b'z';
    std::fs::write(&first, bytes).expect("written");
    let ran = project.run(&["plugin", "verify", &name(&first)]);
    assert_ne!(ran.code, Some(0), "{ran:?}");
}

/// What nobody could grant with open eyes does not become a plugin.
#[test]
fn a_description_that_asks_for_what_it_does_not_say_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(example("desk").join("rest.toml")).expect("the example");
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key}: {text}")).to_owned();
    let (base, reason) = (line("base = "), line("reason = "));
    for (from, to, says) in [
        (&reason, "reason = \"\"", "`reason` is empty"),
        (&base, "base = \"https://{settings.nope}\"", "nope"),
        (&base, "base = \"https://*.example.com\"", "not one host"),
    ] {
        std::fs::write(folder.path().join("rest.toml"), text.replacen(from.as_str(), to, 1)).expect("written");
        binary::plugin("rest");
        let mut build = Command::new(binary::nave());
        build.current_dir(binary::root()).env("CARGO_TARGET_DIR", binary::target());
        let ran = run(build.args(["--json", "plugin", "build"]).arg(folder.path()), None);
        assert!(ran.code != Some(0) && ran.out.contains(says), "{to}: {ran:?}");
    }
}

fn new(parent: &Path, arguments: &[&str]) -> Ran {
    run(Command::new(binary::nave()).current_dir(parent).args(["--json", "plugin", "new"]).args(arguments), None)
}

/// From an API's document to a description to a connection that reads and writes.
#[test]
fn a_document_becomes_a_connector() {
    let folder = tempfile::tempdir().expect("a folder");
    let document = binary::root().join("tests/data/openapi/desk.yaml");
    let ran = new(folder.path(), &["helpdesk", "--from", &document.display().to_string()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["streams"], json!(["organizations"]));
    let text = std::fs::read_to_string(folder.path().join("helpdesk/rest.toml")).expect("a description");
    let open = text.lines().filter(|line| line.contains("TODO")).count();
    assert_eq!(ran.json()["open"], json!(open), "{text}");
    let file = packed(&folder.path().join("helpdesk"), folder.path());
    let sim = Sim::start(System::Desk, SimConfig::new(5));
    let secret = format!("{}:{}", sim.running.credential.user.clone().expect("a user"), sim.running.credential.token);
    let project = Project::init();
    project.ok(&["plugin", "install", &file.display().to_string()]);
    project.connect("helpdesk", "desk", &[("url", format!("{}/api/v2", sim.running.base_url()))], Some(&secret));
    let made = sim.call("POST", "/api/v2/organizations", Some(json!({ "organization": { "name": "Acme" } }))).json();
    let found = project.json(&["plugin", "call", "desk", "read", "organizations"]);
    let page = found.to_string();
    assert!(page.contains(&made["organization"]["id"].to_string()), "{page}");

    // Another name of the same folder is refused, as is what is no document.
    let again = new(folder.path(), &["helpdesk", "--rest"]);
    assert_eq!((again.code, again.out.contains("is not empty")), (Some(2), true), "{again:?}");
    let none = new(folder.path(), &["other", "--from", "helpdesk/rest.toml"]);
    assert!(none.code != Some(0) && none.out.contains("OpenAPI"), "{none:?}");
    // A description has no language.
    let language = new(folder.path(), &["neither", "--rest", "--lang", "python"]);
    assert!(language.code == Some(2) && language.err.contains("'--rest' cannot be used with '--lang"), "{language:?}");
    assert!(!folder.path().join("neither").exists());
    let plain = new(folder.path(), &["by-hand", "--rest"]);
    assert_eq!(plain.code, Some(0), "{plain:?}");
    packed(&folder.path().join("by-hand"), folder.path());
}
