//! Before the first write: what two systems have in common, what may be a double, what is typed twice (S1.4, S1.5, S4.5).

use std::sync::Arc;

use nave_sim::{SimConfig, System};
use nave_tests::project::{Project, REQUIRED};
use nave_tests::systems::{Clock, Sim};
use serde_json::{Value, json};

use super::connected::connect;

const NAMES: [&str; 20] = [
    "Ada Lovelace",
    "Bo Okafor",
    "Carla Novak",
    "Dmitri Silva",
    "Edith Weber",
    "Farid Rossi",
    "Greta Moreau",
    "Hugo Jansen",
    "Ines Khan",
    "Jonas Larsen",
    "Karin Dubois",
    "Lars Costa",
    "Mira Patel",
    "Nils Olsen",
    "Olga Smirnova",
    "Pablo Ibarra",
    "Quinn Harper",
    "Rosa Blanco",
    "Sven Lindgren",
    "Tara Walsh",
];

/// Both hold the first ten, by mailbox and name; five more that only scores find; five are in one system alone.
pub(super) struct Two {
    pub(super) project: Project,
    pub(super) crm: Sim,
    pub(super) books: Sim,
}

fn parts(name: &str) -> (&str, &str) {
    name.split_once(' ').expect("two parts")
}

fn phone(number: usize) -> String {
    format!("+49 30 55512{number:02}7")
}

impl Two {
    pub(super) fn start() -> Self {
        let clock = Clock::default();
        let config = || {
            let clock = clock.clone();
            SimConfig { clock: Arc::new(move || clock.now()), date: Some(nave_sim::system_clock()), ..SimConfig::new(5) }
        };
        let (crm, books) = (Sim::start(System::Crm, config()), Sim::start(System::Books, config()));
        for (number, name) in NAMES.iter().enumerate() {
            let (first, last) = parts(name);
            let mail = format!("p{number}@{last}.example").to_lowercase();
            let there = json!({ "properties": {
                "firstname": first, "lastname": last, "email": mail, "phone": phone(number), "jobtitle": "Buyer",
                "address": format!("{last} Street {number}"), "city": "Berlin",
            } });
            if number < 18 {
                crm.call("POST", "/crm/v3/objects/contacts", Some(there));
            }
            // From the tenth on without mailbox and telephone, and with a slip of the pen.
            let known = number < 10;
            let slip = if known { last.to_owned() } else { format!("{}{}", last, &last[last.len() - 1..]) };
            let digits: String = phone(number).chars().filter(char::is_ascii_digit).skip(2).collect();
            let own = json!({
                "Name": format!("{first} {slip} {number}"), "FirstName": first, "LastName": slip,
                "EmailAddress": if known { mail } else { String::new() },
                "Phones": [{ "PhoneType": "DEFAULT", "PhoneCountryCode": "49", "PhoneNumber": if known { digits } else { String::new() } }],
                "Addresses": [{ "AddressType": "STREET", "AddressLine1": format!("{last} Street {number}"), "City": "Berlin" }],
            });
            if !(15..18).contains(&number) {
                books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [own] })));
            }
        }
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("books", &books)]);
        Self { project, crm, books }
    }
}

#[test]
fn what_two_systems_have_in_common_is_known_before_anything_is_written() {
    let two = Two::start();
    let marks = [two.crm.last_request(), two.books.last_request()];
    two.project.sync(&[]);
    let census = two.project.json(&["census", "crm", "books"]);
    let counts = ["left_count", "right_count", "exact", "likely", "only_left", "only_right"].map(|name| census[name].as_u64());
    assert_eq!(counts, [18, 17, 10, 5, 3, 2].map(Some), "{census}");
    let found: Vec<&Value> = census["pairs"].as_array().into_iter().flatten().collect();
    for pair in &found {
        let first = |title: &Value| title.as_str().and_then(|title| title.split(' ').next()).map(str::to_owned);
        assert_eq!(first(&pair["left_title"]), first(&pair["right_title"]), "{pair}");
        assert!(pair["reasons"].as_array().is_some_and(|reasons| reasons.len() >= 3), "{pair}");
    }
    assert_eq!(found.len(), 5);

    // The same five are candidates among the hub's own records; nothing was merged, and nothing sent.
    let candidates = two.project.json(&["match", "candidates", "--entity", "contact"]);
    assert_eq!((candidates["records"].as_u64(), candidates["found"].as_u64()), (Some(25), Some(5)), "{candidates}");
    for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
    }

    // The mailbox is the same in both, and nobody carries it: somebody types it twice.
    let twice = |project: &Project| -> Vec<String> {
        let census = project.json(&["census", "crm", "books", "--double-entry"]);
        let fields = census["fields"].as_array().cloned().unwrap_or_default();
        fields.iter().filter_map(|field| field["field"].as_str().map(str::to_owned)).collect()
    };
    let before = twice(&two.project);
    assert!(before.contains(&"email".to_owned()) && before.contains(&"first_name".to_owned()), "{before:?}");
    two.project.ok(&["mapping", "lint"]);
    two.project.agree();
    assert_eq!(twice(&two.project), Vec::<String>::new(), "the hub carries them now");

    // What a person said is two is proposed no more.
    let text = |side: &str| candidates["pairs"][0][side].as_str().expect("a record").to_owned();
    let merge = two.project.json(&["match", "merge", &text("left"), &text("right"), "--reason", "they look so"]);
    let id = merge["id"].as_u64().unwrap_or_else(|| panic!("{merge}")).to_string();
    two.project.json(&["match", "unmerge", &id, "--reason", "father and son"]);
    let candidates = two.project.json(&["match", "candidates", "--entity", "contact"]);
    assert_eq!((candidates["found"].as_u64(), candidates["apart"].as_u64()), (Some(4), Some(1)), "{candidates}");
}

/// A census comes before anybody has decided anything: it reads what was never read, and nothing is sent (S1.4, S1.5). Everything
/// else waits for the decision (S4.3).
#[test]
fn a_census_comes_before_the_decisions() {
    let two = Two::start();
    // One mailbox, two names: a person is asked about them, so that they are likely the same, whatever scores say.
    let there = json!({ "properties": { "firstname": "Nora", "lastname": "Quill", "email": "office@quill.example" } });
    two.crm.call("POST", "/crm/v3/objects/contacts", Some(there));
    let own = json!({ "Name": "Otto Pfeil", "FirstName": "Otto", "LastName": "Pfeil", "EmailAddress": "office@quill.example" });
    two.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [own] })));
    let toml = two.project.read("nave.toml");
    two.project.write("nave.toml", &toml.replace("ownership = \"advised\"", REQUIRED));
    let marks = [two.crm.last_request(), two.books.last_request()];
    let refused = two.project.run(&["sync", "start"]);
    assert!(refused.code == Some(1) && refused.out.contains("nothing is started"), "{refused:?}");
    let census = two.project.json(&["census", "crm", "books", "--entity", "contact"]);
    let counts = ["left_count", "right_count", "exact", "likely", "only_left", "only_right"].map(|name| census[name].as_u64());
    assert_eq!((counts, &census["unread"]), ([19, 18, 10, 6, 3, 2].map(Some), &json!([])), "{census}");
    // What a rule asks about is listed with what is asked, as everything that is counted is; and that there is little to score by.
    let pairs = census["pairs"].as_array().cloned().unwrap_or_default();
    assert_eq!(pairs.len(), 6, "{census}");
    assert_eq!((&pairs[0]["verdict"], &pairs[0]["reasons"][0]["agreement"]), (&json!("asked"), &json!("by rule")), "{census}");
    assert_eq!((&pairs[0]["left_title"], &pairs[0]["right_title"]), (&json!("Nora Quill"), &json!("Otto Pfeil")), "{census}");
    assert_eq!((census["compared"].as_u64(), census["needed"].as_u64()), (Some(17), Some(200)), "{census}");
    let mut plain = std::process::Command::new(nave_tests::binary::nave());
    let output = plain.arg("--dir").arg(two.project.dir()).args(["census", "crm", "books"]).output().expect("nave runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("a person is asked") && shown.contains("17 things are in one system alone"), "{shown}");
    let all = two.project.json(&["census", "--double-entry"]);
    let of = |entity: &&Value| entity["entity"] == "contact";
    let contacts = all["censuses"].as_array().into_iter().flatten().find(of).expect("of contacts");
    let fields: Vec<&Value> = contacts["fields"].as_array().into_iter().flatten().collect();
    let email = fields.iter().find(|field| field["field"] == "email").expect("the mailbox is typed twice");
    assert_eq!((&email["left_path"], &email["right_path"]), (&json!("EmailAddress"), &json!("properties.email")), "{all}");

    // What does not fit, of every flow that reads; what every mapping says.
    let profiles = two.project.json(&["backfill", "--profile"]);
    let of: Vec<(&Value, &Value)> =
        profiles["profiles"].as_array().into_iter().flatten().map(|one| (&one["flow"], &one["read"])).collect();
    assert!(
        of.contains(&(&json!("crm-contacts"), &json!(19))) && of.contains(&(&json!("books-contacts"), &json!(18))),
        "{profiles}"
    );
    let told = two.project.json(&["mapping", "explain"]);
    assert!(told["mappings"]["books-contacts"].as_str().is_some_and(|text| text.contains("EmailAddress")), "{told}");
    for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
    }
    two.project.write("nave.toml", &toml);
    two.project.sync(&["start"]);
}

/// Where rules have merged most doubles, hardly any pair is left to learn from: colleagues must not be learned for them.
#[test]
fn colleagues_are_not_likely_to_be_one() {
    let config = || SimConfig { records: 700, ..SimConfig::new(7) };
    let sims = [System::Crm, System::Books, System::Desk, System::Mail].map(|system| Sim::start(system, config()));
    let project = Project::init();
    let [crm, books, desk, mail] = &sims;
    connect(&project, &[("crm", crm), ("books", books), ("desk", desk), ("mail", mail)]);
    // One after another: which of two things waits for a person then does not hang on which was read first.
    for flow in ["desk-users", "mail-members", "crm-contacts", "books-contacts"] {
        project.sync(&[flow, "--once"]);
    }
    let candidates = project.json(&["match", "candidates", "--limit", "0"]);
    let (records, found) = (candidates["records"].as_u64().unwrap_or(0), candidates["found"].as_u64().unwrap_or(0));
    assert!(records > 700 && found > 0 && found * 20 < records, "{candidates}");
}

/// Of the simulated systems both have companies: the books have six in ten of the CRM's, and no person among them.
#[test]
fn companies_are_compared_as_people_are() {
    let config = || SimConfig { records: 80, ..SimConfig::new(11) };
    let (crm, books) = (Sim::start(System::Crm, config()), Sim::start(System::Books, config()));
    let project = Project::init();
    connect(&project, &[("crm", &crm), ("books", &books)]);
    project.sync(&[]);
    let all = books.call("GET", "/api.xro/2.0/Contacts?pageSize=1000&page=1", None);
    let contacts = all.json()["Contacts"].as_array().cloned().unwrap_or_default();
    let firms = contacts.iter().filter(|contact| contact["FirstName"].as_str().is_none_or(str::is_empty)).count() as u64;
    assert!(firms >= 5 && firms < contacts.len() as u64 / 2, "{firms} of {}", contacts.len());
    let marks = [crm.last_request(), books.last_request()];
    for (entity, right) in [("company", firms), ("contact", contacts.len() as u64 - firms)] {
        let census = project.json(&["census", "crm", "books", "--entity", entity]);
        let count = |name: &str| census[name].as_u64().unwrap_or_else(|| panic!("{name}: {census}"));
        assert_eq!(count("right_count"), right, "{entity}: {census}");
        assert_eq!(count("exact_right") + count("likely_right") + count("only_right"), right, "{entity}: {census}");
    }
    let census = project.json(&["census", "crm", "books", "--entity", "company"]);
    assert_eq!((census["left_count"].as_u64(), census["only_right"].as_u64()), (Some(10), Some(0)), "{census}");
    let reconcile = project.run(&["reconcile", "crm", "books", "--entity", "company"]);
    assert!(reconcile.out.contains("company") && reconcile.code != Some(2), "{}", reconcile.out);
    for (sim, mark) in [&crm, &books].into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new(), "nothing is written");
    }
}

#[test]
fn a_census_that_cannot_be_says_why() {
    let two = Two::start();
    for (words, expected) in [
        (&["census", "crm", "crm"][..], "is compared with itself"),
        (&["census", "crm", "nothing"], "there is no connection `nothing`"),
        (&["census", "crm", "books", "--entity", "planet"], "there is no entity `planet`"),
        (&["census", "crm", "books", "--entity", "product"], "nothing of `crm` is mapped to `product`"),
        (&["census", "crm", "books", "--entity", "product"], "of `crm` there is: company, contact"),
        (&["match", "candidates", "--entity", "planet"], "there is no entity `planet`"),
        (&["review", "decide-all", "existing", "--agree", "emial", "--reason", "x"], "there is no field of any entity `emial`"),
        (&["review", "decide-all", "existing", "--agree", "emial", "--reason", "x"], "did you mean `email`"),
    ] {
        let output = two.project.command(words).output().expect("nave runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && said.contains(expected), "{words:?}: {said}");
    }
}

/// Headings of other languages are understood, and a truth without pairs is told: every figure would be perfect.
#[test]
fn an_evaluation_says_what_it_compared_and_where_it_says_nothing() {
    let project = Project::init();
    let rows =
        (0..40).map(|at| format!("{at};Firma {at} GmbH;Ringstr. {at};{};Bonn{at};DE9990{at};0228555{at:03}\n", 53_000 + at));
    let head = "Nr;Firmenname;Straße;Postleitzahl;Ort;USt-IdNr.;ph\n";
    project.write("firms.csv", &std::iter::once(head.to_owned()).chain(rows).collect::<String>());
    for (pairs, warned) in [("a;b\n", true), ("a;b\n1;2\n", false)] {
        project.write("pairs.csv", pairs);
        let [firms, truth] = ["firms.csv", "pairs.csv"].map(|name| project.dir().join(name).display().to_string());
        let told = project.json(&["match", "evaluate", &firms, "--truth", &truth, "--entity", "company"]);
        assert_eq!(told["warning"].as_str().is_some_and(|text| text.contains("names none")), warned, "{told}");
        let kinds: Vec<&str> = told["columns"].as_array().into_iter().flatten().filter_map(|one| one[1].as_str()).collect();
        assert_eq!(kinds, ["company", "street", "postal", "city", "identifier", "phone"], "{told}");
    }
}
