//! The operator's control over what is written, with the binary against simulated systems: S2.1, S5.3, S5.12, S8.6.

use std::collections::BTreeMap;

use nave_sim::SimConfig;
use nave_tests::model::Texts;
use nave_tests::project::Project;
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

use super::contacts::connect_crm;

/// Two CRMs that agree on contacts.
pub(crate) struct Pair {
    pub(crate) project: Project,
    pub(crate) crm: Crm,
    pub(crate) other: Crm,
}

fn mapping(connection: &str, out: &str) -> String {
    let field = |remote: &str, canonical: &str| {
        format!(
            "[[field]]\nremote = \"properties.{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n"
        )
    };
    format!(
        "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\nmarker = \"properties.nave_id\"\n\
         [flow.in]\nfreshness = \"1h\"\n[flow.out]\nfreshness = \"5m\"\n{out}\n{}{}{}{}",
        field("firstname", "first_name"),
        field("lastname", "last_name"),
        field("email", "email"),
        field("jobtitle", "job_title"),
    )
}

pub(crate) fn texts(words: &[(&str, &str)]) -> Texts {
    words.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>()
}

impl Pair {
    /// Connected; nobody has agreed to anything. `out` is added to the other one's `[flow.out]`.
    pub(crate) fn new(out: &str) -> Self {
        let project = Project::init();
        let sim = |name: &str| Crm::start(name, SimConfig { records: 0, ..SimConfig::new(5) });
        let (crm, other) = (sim("crm"), sim("other"));
        project.install("hubspot");
        connect_crm(&project, &crm);
        connect_crm(&project, &other);
        project.write("mappings/crm.toml", &mapping("crm", ""));
        project.write("mappings/other.toml", &mapping("other", out));
        project.ok(&["mapping", "lint"]);
        Self { project, crm, other }
    }

    /// People in the first one.
    pub(crate) fn people(&mut self, names: &[&str]) {
        for name in names {
            let email = format!("{name}@x.test");
            self.crm.create(&texts(&[("firstname", name), ("lastname", "Ek"), ("email", &email), ("jobtitle", "pilot")]));
        }
    }

    /// The id of a person.
    pub(crate) fn id(system: &Crm, name: &str) -> String {
        let found = system.show().into_iter().find(|shown| shown.end.is_none() && shown.texts["firstname"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {}", system.name())).id
    }

    /// Somebody's title.
    pub(crate) fn title(system: &Crm, name: &str) -> String {
        let id = Self::id(system, name);
        let shown = system.show().into_iter().find(|shown| shown.id == id).expect("it is there");
        shown.texts["jobtitle"].clone()
    }

    pub(crate) fn fault(system: &Crm, rule: Value) {
        system.sim().expect("a simulator").fault(rule);
    }
}

#[test]
fn a_few_records_are_written_first_and_read_back() {
    let mut pair = Pair::new("");
    pair.people(&["ada", "bea", "cy"]);
    pair.project.sync(&[]);
    let refused = pair.project.run(&["apply", "--limit", "2", "--flow", "other"]);
    assert!(refused.code == Some(4) && refused.out.contains("nave plan --flow other --limit 2"), "{refused:?}");
    let plan = pair.project.json(&["plan", "--flow", "other", "--limit", "2"]);
    assert_eq!(plan["flows"][0]["writes"].as_array().map(Vec::len), Some(2), "{plan}");
    let done = pair.project.run(&["apply", "--flow", "other", "--limit", "2"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let sampled = &done.json()["sampled"][0];
    assert_eq!((&sampled["things"], &sampled["mismatches"]), (&json!(2), &json!([])), "{sampled}");
    assert_eq!(pair.other.show().len(), 2);
    pair.project.sync(&[]);
    assert_eq!(pair.other.show().len(), 2, "the rest waits for its plan");

    // The system answers as ever and stores nothing: reading back says so.
    pair.project.json(&["plan", "--flow", "other", "--limit", "2"]);
    Pair::fault(&pair.other, json!({ "switch": "silent-drop", "only": "writes" }));
    let failed = pair.project.run(&["apply", "--flow", "other", "--limit", "1"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(failed.json()["sampled"][0]["run"]["delivered"], 0, "{failed:?}");
}

#[test]
fn a_run_is_taken_back_and_stays_back() {
    let mut pair = Pair::new("");
    pair.people(&["ada", "bea"]);
    pair.project.agree();
    pair.project.sync(&[]);
    for name in ["ada", "bea"] {
        pair.crm.edit(&Pair::id(&pair.crm, name), &texts(&[("jobtitle", "captain")]));
    }
    let runs = pair.project.sync(&[]);
    let wrote = |run: &&Value| run["flow"] == "other" && run["delivered"].as_u64() > Some(0);
    let run = format!("run/{}", runs.iter().find(wrote).unwrap_or_else(|| panic!("{runs:?}"))["run"]);
    // Somebody changes one of them since.
    pair.other.edit(&Pair::id(&pair.other, "bea"), &texts(&[("jobtitle", "cook")]));

    let unseen = pair.project.run(&["rollback", &run]);
    assert!(unseen.code == Some(4) && unseen.out.contains("--plan"), "{unseen:?}");
    let plan = pair.project.json(&["rollback", &run, "--plan"]);
    assert_eq!((&plan["to_restore"], &plan["left"]), (&json!(1), &json!(1)), "{plan}");
    assert_eq!(Pair::title(&pair.other, "ada"), "captain");
    let done = pair.project.run(&["rollback", &run, "--reason", "a wrong import"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let done = done.json();
    assert_eq!((&done["restored"], &done["to_restore"], &done["left"]), (&json!(1), &json!(0), &json!(1)), "{done}");
    let left = done["lines"].as_array().and_then(|lines| lines.iter().find(|line| line["what"] == "left")).cloned();
    assert_eq!(left.map(|line| line["why"].clone()), Some(json!("somebody changed it since")), "{done}");
    let titles = |system: &Crm| [Pair::title(system, "ada"), Pair::title(system, "bea")];
    assert_eq!(titles(&pair.other), ["pilot", "cook"]);
    pair.project.sync(&[]);
    pair.project.sync(&["--full"]);
    assert_eq!(titles(&pair.other), ["pilot", "cook"], "it stays back");
    let status = pair.project.json(&["status"]);
    let flow = status["flows"].as_array().and_then(|flows| flows.iter().find(|flow| flow["flow"] == "other")).cloned();
    assert_eq!(flow.map(|flow| flow["held_back"].clone()), Some(json!(1)), "{status}");

    pair.project.ok(&["rollback", &run, "--release"]);
    pair.project.sync(&[]);
    assert_eq!(Pair::title(&pair.other, "ada"), "captain");
    let audit = pair.project.json(&["audit", "--limit", "50"])["entries"].to_string();
    assert!(
        audit.contains("run.rolled-back") && audit.contains("a wrong import") && audit.contains("rollback.released"),
        "{audit}"
    );
}

#[test]
fn one_record_is_put_right() {
    let mut pair = Pair::new("");
    pair.people(&["ada", "bea"]);
    pair.project.agree();
    pair.project.sync(&[]);
    pair.crm.edit(&Pair::id(&pair.crm, "ada"), &texts(&[("jobtitle", "captain")]));
    let record = format!("crm:{}", Pair::id(&pair.crm, "ada"));
    let plan = pair.project.run(&["record", "resync", &record, "--plan"]);
    assert!(plan.code == Some(0) && plan.out.contains("captain"), "{plan:?}");
    assert_eq!(Pair::title(&pair.other, "ada"), "pilot", "a plan writes nothing");
    let done = pair.project.run(&["record", "resync", &record]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(Pair::title(&pair.other, "ada"), "captain");
    let changes = pair.other.sim().expect("a simulator").last_request();
    let again = pair.project.json(&["record", "resync", &record]);
    assert!(again["looked"].as_array().is_some_and(|all| all.iter().all(|one| one["state"] == "as known")), "{again}");
    assert_eq!(pair.other.sim().expect("a simulator").changes_since(changes), Vec::<Value>::new());
}

#[test]
fn a_flow_says_how_it_reads() {
    let pair = Pair::new("");
    let plan = pair.project.json(&["plan", "crm", "--explain"]);
    let chosen = &plan["strategies"][0];
    assert_eq!((&chosen["flow"], &chosen["reads"]), (&json!("crm"), &json!("cursor poll")), "{plan}");
    assert!(chosen["why"].to_string().contains("tells what changed in `contacts`"), "{plan}");
}

fn flow(status: &Value, name: &str) -> Value {
    let flows = status["flows"].as_array().cloned().unwrap_or_default();
    flows.into_iter().find(|flow| flow["flow"] == name).unwrap_or_else(|| panic!("no {name}: {status}"))
}

#[test]
fn a_shadow_sends_nothing_and_says_what_it_would() {
    let mut pair = Pair::new("mode = \"shadow\"");
    pair.people(&["ada"]);
    pair.project.agree();
    let requests = pair.other.sim().expect("a simulator").last_request();
    pair.project.sync(&[]);
    assert_eq!(pair.other.sim().expect("a simulator").changes_since(requests), Vec::<Value>::new());
    assert_eq!(pair.other.show().len(), 0);
    let report = pair.project.json(&["shadow", "report"]);
    assert_eq!(
        (&report["flows"][0]["differs"], &report["flows"][0]["lines"][0]["operation"]),
        (&json!(1), &json!("create")),
        "{report}"
    );
    assert_eq!(flow(&pair.project.json(&["status"]), "other")["shadow"], true);
    // Without the line, the same agreement holds and the real difference goes.
    pair.project.write("mappings/other.toml", &mapping("other", ""));
    pair.project.sync(&[]);
    assert_eq!(Pair::title(&pair.other, "ada"), "pilot");
    // And for once, with a flow that sends.
    pair.crm.edit(&Pair::id(&pair.crm, "ada"), &texts(&[("jobtitle", "captain")]));
    pair.project.sync(&["--shadow"]);
    assert_eq!(Pair::title(&pair.other, "ada"), "pilot");
    let noted = pair.project.json(&["shadow", "report", "other", "--clear"]);
    assert!(noted.to_string().contains("captain"), "{noted}");
    pair.project.sync(&[]);
    assert_eq!(Pair::title(&pair.other, "ada"), "captain");
}

#[test]
fn a_canary_sees_what_is_dropped_silently() {
    let mut pair = Pair::new("");
    let canary = "\n[flow.canary]\nevery = \"1h\"\nvalues = { first_name = \"Canary\", last_name = \"Nave\", email = \"canary@x.test\" }\n";
    let text = mapping("other", "").replacen("[[field]]", &format!("{canary}[[field]]"), 1);
    pair.project.write("mappings/other.toml", &text);
    pair.people(&["ada"]);
    pair.project.agree();
    pair.project.sync(&[]);
    let arrived = pair.project.run(&["canary", "run", "other"]);
    assert_eq!(arrived.code, Some(0), "{arrived:?}");
    assert_eq!(pair.other.show().iter().filter(|shown| shown.end.is_none()).count(), 1, "it is taken away again");
    // One field of it is not stored; then it is well again; then nothing is.
    let failed = |rule: Value, says: &str| {
        Pair::fault(&pair.other, rule);
        let failed = pair.project.run(&["canary", "run", "other"]);
        assert!(failed.code == Some(1) && failed.out.contains(says), "{failed:?}");
        assert!(flow(&pair.project.json(&["status"]), "other")["canary_failed"].is_string());
        Pair::fault(&pair.other, json!({ "switch": "silent-drop", "on": false }));
    };
    failed(json!({ "switch": "silent-drop", "field": "firstname" }), "`properties.firstname`");
    assert!(pair.project.json(&["audit"])["entries"].to_string().contains("canary.failed"));
    let arrived = pair.project.run(&["canary", "run", "other"]);
    assert_eq!(arrived.code, Some(0), "{arrived:?}");
    assert_eq!(flow(&pair.project.json(&["status"]), "other")["canary_failed"], Value::Null);
    failed(json!({ "switch": "silent-drop", "only": "writes" }), "it was not written");
    assert_eq!(pair.crm.show().len(), 1, "it goes nowhere else");
}

#[test]
fn what_no_reading_shows_is_verified_in_turn() {
    let mut pair = Pair::new("");
    pair.people(&["ada", "bea", "cy"]);
    pair.project.agree();
    pair.project.sync(&[]);
    // Its search index shows nothing of an edit; a look at the thing itself does.
    Pair::fault(&pair.crm, json!({ "switch": "stale-index", "seconds": 86_400 }));
    pair.crm.edit(&Pair::id(&pair.crm, "bea"), &texts(&[("jobtitle", "captain")]));
    pair.project.sync(&[]);
    assert_eq!(Pair::title(&pair.other, "bea"), "pilot", "no reading showed it");
    let status = pair.project.json(&["reconcile", "status"]);
    assert!(status["flows"][0]["oldest"].is_string() && status["flows"][0]["every_days"] == 30, "{status}");
    let done = pair.project.json(&["reconcile", "run", "crm", "--budget", "10"]);
    assert_eq!(done["flows"][0]["batch"]["differed"], 1, "{done}");
    Pair::fault(&pair.crm, json!({ "switch": "stale-index", "on": false }));
    pair.project.sync(&[]);
    assert_eq!(Pair::title(&pair.other, "bea"), "captain");
    assert!(flow(&pair.project.json(&["status"]), "crm")["oldest_unverified"].is_string());
}

#[test]
fn tests_leave_no_trace_but_their_results() {
    let pair = Pair::new("");
    pair.project.agree();
    let seeded = pair.project.json(&["test", "seed", "contact", "--count", "2"]);
    let there = |record: &Value| record["there"].as_array().map_or(0, Vec::len);
    assert_eq!(seeded["records"].as_array().map(|all| all.iter().map(there).collect::<Vec<_>>()), Some(vec![2, 2]), "{seeded}");
    let names = |system: &Crm| -> Vec<String> {
        system.show().into_iter().filter(|shown| shown.end.is_none()).map(|shown| shown.texts["firstname"].clone()).collect()
    };
    assert!(names(&pair.other).len() == 2 && names(&pair.other).iter().all(|name| name.starts_with("TEST-DELETE-ME")));
    let cleaned = pair.project.run(&["test", "clean"]);
    assert_eq!(cleaned.code, Some(0), "{cleaned:?}");
    assert_eq!((names(&pair.crm).len(), names(&pair.other).len()), (0, 0));

    let tried = pair.project.run(&["test", "roundtrip"]);
    assert_eq!(tried.code, Some(0), "{tried:?}");
    let tried = tried.json();
    let case = |name: &str| {
        let cases = tried["cases"].as_array().cloned().unwrap_or_default();
        cases.into_iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no {name}: {tried}"))["result"].clone()
    };
    for name in [
        "other → crm: job_title",
        "crm → other: job_title",
        "crm ↔ other: job_title comes to rest",
        "test records are taken away",
    ] {
        assert_eq!(case(name), "passed", "{name}: {tried}");
    }
    assert_eq!((names(&pair.crm).len(), names(&pair.other).len()), (0, 0));

    let (junit, html) = (pair.project.dir().join("tests.xml"), pair.project.dir().join("tests.html"));
    let (xml, page) = (junit.display().to_string(), html.display().to_string());
    let kept = pair.project.json(&["test", "history", "--junit", &xml, "--html", &page]);
    assert_eq!(kept["runs"].as_array().map(Vec::len), Some(2), "{kept}");
    assert_eq!(
        (&kept["runs"][0]["suite"], kept["runs"][0]["plugins"][0]["name"].as_str()),
        (&json!("roundtrip"), Some("hubspot"))
    );
    assert_eq!(kept["runs"][0]["catalog"], pair.project.json(&["status"])["catalog"]);
    assert!(
        pair.project.read("tests.xml").contains("<testsuite name=\"roundtrip\"")
            && pair.project.read("tests.html").contains("clean")
    );

    // What is answered and not stored does not pass, and what a system keeps is said.
    Pair::fault(&pair.other, json!({ "switch": "silent-drop", "only": "writes", "field": "jobtitle" }));
    let failed = pair.project.run(&["test", "roundtrip"]);
    assert!(failed.code == Some(1) && failed.out.contains("\"failed\""), "{failed:?}");
}

#[test]
fn no_test_record_goes_to_production() {
    let mut pair = Pair::new("");
    pair.people(&["ada"]);
    pair.project.agree();
    let requests = pair.other.sim().expect("a simulator").last_request();
    for file in ["nave.toml", "connections/crm.toml", "connections/other.toml"] {
        let text = pair.project.read(file);
        assert!(text.contains("environment = \"staging\""), "{file}: {text}");
        pair.project.write(file, &text.replace("environment = \"staging\"", "environment = \"production\""));
    }
    let refused = pair.project.run(&["test", "seed"]);
    assert!(refused.code != Some(0), "{refused:?}");
    assert_eq!(pair.other.sim().expect("a simulator").changes_since(requests), Vec::<Value>::new());
}
