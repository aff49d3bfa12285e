//! `nave assess`: what a system does is measured, not believed. Its searches show a write late, its connector says otherwise: the
//! report says so, and the line that it recommends makes it true.

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::Sim;
use nave_tests::world::World;
use serde_json::{Value, json};

use super::connected::connect;
use super::contacts;

/// How late the CRM's listings and searches are.
const LAG_S: u64 = 3;
const LAG_MS: u64 = LAG_S * 1_000;
/// Its connector is told another lag in seconds.
const SETTING: &str = "lag-seconds";

fn crm(world: &World) -> &Sim {
    world.systems[0].sim().expect("a simulator")
}

fn alive(world: &World) -> usize {
    world.systems[0].show().iter().filter(|shown| shown.end.is_none()).count()
}

/// The CRM claims this lag.
fn claim(world: &World, seconds: u64) {
    let text = world.project.read("connections/crm.toml");
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with(SETTING)).collect();
    let section = "[settings]";
    let text = without.join("\n").replace(section, &format!("{section}\n{SETTING} = {seconds}"));
    assert!(text.contains(SETTING), "{text}");
    world.project.write("connections/crm.toml", &text);
}

fn contacts_of(report: &Value) -> Value {
    let streams = report["streams"].as_array().cloned().unwrap_or_default();
    streams.into_iter().find(|stream| stream["stream"] == "contacts").unwrap_or_else(|| panic!("{report}"))
}

fn skipped(report: &Value, what: &str) -> String {
    let all = report["not_measured"].as_array().cloned().unwrap_or_default();
    let found = all.iter().find(|one| one["what"].as_str().is_some_and(|known| known.contains(what)));
    found.map_or_else(String::new, |one| one["why"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_lag_is_measured_and_the_setting_that_follows_holds() {
    let mut world = contacts::world_now(31);
    (0..10).for_each(|_| world.act());
    claim(&world, 0);
    world.project.agree();
    world.project.sync(&[]);
    let before = alive(&world);

    // Reading alone writes nothing, and says what it could not measure.
    let mark = crm(&world).last_request();
    let read = world.project.json(&["assess", "crm"]);
    assert_eq!(crm(&world).changes_since(mark), Vec::<Value>::new());
    let stream = contacts_of(&read);
    assert_eq!((stream["pages"]["count"].as_u64(), stream["written"].is_null()), (Some(8), true), "{read}");
    assert!(stream["requests"]["p95_ms"].is_u64() && read["skew_ms"].is_i64(), "{read}");
    assert!(skipped(&read, "lags").contains("--write-test-records"), "{read}");
    assert_eq!((&read["disagreements"], &read["settings"]), (&json!([]), &json!([])), "{read}");
    assert!(skipped(&read, "rate").contains("no answer had a header"), "{read}");

    crm(&world).fault(json!({ "switch": "stale-index", "seconds": LAG_S }));
    let report = world.project.json(&["assess", "crm", "--write-test-records", "--wait", "60s"]);
    let written = contacts_of(&report)["written"].clone();
    for (late, by_id) in [("by_search", "by_id"), ("by_listing", "by_id"), ("gone_by_listing", "gone_by_id")] {
        let (after, missed) = (written[late]["after_ms"].as_u64(), written[late]["not_before_ms"].as_u64());
        // Nobody answers it earlier; and what was asked in vain was asked before it could show, from when it was there at the latest.
        let there = written[by_id]["after_ms"].as_u64().expect("it was there");
        assert!(after.is_some_and(|ms| ms > LAG_MS / 2), "{late}: {report}");
        assert!(missed.is_none_or(|ms| ms < there + LAG_MS), "{late}: {report}");
    }
    for at_once in ["by_id", "gone_by_id"] {
        assert_eq!(written[at_once]["not_before_ms"], Value::Null, "the first look showed it: {report}");
    }
    assert_eq!(written["searched"], "properties.email", "{report}");
    let marked = report["disagreements"].to_string();
    assert!(marked.contains("search-index lag") && marked.contains("claims at most 0.0 s"), "{report}");
    assert!(skipped(&report, "webhook delay").contains("[webhook]"), "{report}");
    assert_eq!((alive(&world), &report["left"]), (before, &json!([])), "what it wrote is taken away: {report}");

    // The line that follows, as it stands there, makes the connector claim what was measured.
    let setting = &report["settings"][0];
    assert_eq!((&setting["file"], &setting["section"]), (&json!("connections/crm.toml"), &json!("settings")), "{report}");
    let line = setting["line"].as_str().expect("a line");
    let seconds: u64 = line.strip_prefix("lag-seconds = ").and_then(|text| text.parse().ok()).expect("seconds");
    assert!(seconds >= LAG_S, "{report}");
    claim(&world, seconds);
    world.project.ok(&["mapping", "lint"]);
    let offered = world.project.json(&["connection", "discover", "crm"]);
    assert!(offered.to_string().contains(&format!("\"read-lag-ms\":{}", seconds * 1_000)), "{offered}");
    crm(&world).fault(json!({ "switch": "stale-index", "on": false }));
    world.project.agree();
    let again = world.project.json(&["assess", "crm", "--write-test-records", "--wait", "60s"]);
    assert_eq!((&again["disagreements"], &again["settings"]), (&json!([]), &json!([])), "{again}");

    // Kept, as every suite is.
    let kept = world.project.json(&["assess", "crm", "--history"]);
    assert_eq!(kept["assessments"].as_array().map(Vec::len), Some(3), "{kept}");
    let runs = world.project.json(&["test", "history"]);
    let failed = runs["runs"][1]["cases"].as_array().into_iter().flatten().filter(|case| case["result"] == "failed").count();
    assert!(runs["runs"][1]["suite"] == "assess crm" && failed >= 1, "{runs}");
    assert_eq!(world.project.run(&["assess", "nobody"]).code, Some(2));
    world.sync();
}

/// What the system tells by webhook is measured where the hub serves.
#[test]
fn a_hub_that_serves_hears_the_webhook() {
    let world = contacts::world_now(37);
    let file = "connections/crm.toml";
    let text = world.project.read(file);
    world.project.write(file, &format!("{text}\n[webhook]\nsecret = \"crm-hooks\"\nfold = \"50ms\"\n"));
    world.project.tell(&["secret", "set", "crm-hooks"], "whsec-4e1f");
    world.project.agree();
    let serving = world.project.serve();
    let hook = format!("http://{}/hooks/crm", serving.addr);
    crm(&world).control("POST", "/_sim/webhooks", Some(json!({ "url": hook, "secret": "whsec-4e1f" })));
    let report = world.project.json(&["assess", "crm", "--write-test-records", "--wait", "60s"]);
    let written = contacts_of(&report)["written"].clone();
    assert!(written["by_webhook"]["after_ms"].is_u64(), "{report}");
    assert_eq!((alive(&world), &report["left"]), (0, &json!([])), "{report}");
    serving.stop();
}

/// Nothing is written where the hub is a production environment, whoever asks for it.
#[test]
fn production_is_only_read() {
    let sim = Sim::start(nave_sim::System::Crm, SimConfig { records: 5, ..SimConfig::new(41) });
    let project = Project::init();
    let hub = project.read("nave.toml");
    let lines: Vec<&str> = hub.lines().filter(|line| !line.starts_with("environment")).collect();
    project.write("nave.toml", &format!("environment = \"production\"\n{}\n[plugins]\nunsigned = \"allow\"\n", lines.join("\n")));
    connect(&project, &[("crm", &sim)]);
    let report = project.json(&["assess", "crm", "--write-test-records"]);
    assert!(skipped(&report, "lags").contains("test records never go there"), "{report}");
    assert!(contacts_of(&report)["pages"]["p95_ms"].is_u64(), "{report}");
    assert_eq!(sim.changes_since(0), Vec::<Value>::new());
}
