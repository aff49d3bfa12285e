//! What a plugin is let near and what it was refused; what systems can do; what they say of the end of their own API.

use nave_sim::SimConfig;
use nave_tests::binary;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

use super::contacts::{connect_crm, world, world_now};

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
}

#[test]
fn exposure_names_hosts_secrets_and_every_field_that_is_mapped() {
    let world = world_now(3);
    let found = world.project.json(&["plugin", "exposure", "hubspot"]);
    let connection = &found["connections"][0];
    assert_eq!((&connection["name"], connection["hosts"].as_array().map(Vec::len)), (&json!("crm"), Some(1)), "{found}");
    let base = world.systems[0].sim().expect("a simulator").running.base_url();
    assert_eq!(connection["hosts"][0]["base"], base, "{found}");
    assert!(texts(&connection["hosts"][0]["calls"]).iter().any(|call| call.contains("/crm/v3/objects")), "{found}");
    let secret = &connection["secrets"][0];
    assert!(
        secret["secret"].as_str().is_some_and(|name| name.starts_with("secret://crm") && name.ends_with("/staging")),
        "{found}"
    );
    assert_eq!(texts(&secret["to"]), [base.trim_end_matches('/')]);
    let field = |name: &str| connection["fields"].as_array().into_iter().flatten().find(|one| one["field"] == name).cloned();
    let email = field("contact.email").unwrap_or_else(|| panic!("{found}"));
    assert_eq!((&email["read"], &email["stream"]), (&json!(true), &json!("contacts")), "{email}");
    // What is not mapped is not near; and a transform that nothing calls is near nothing.
    assert!(field("contact.salutation").is_none(), "{found}");
    world.project.install("phone-e164");
    let found = world.project.json(&["plugin", "exposure", "phone-e164"]);
    assert_eq!((found["connections"].as_array().map(Vec::len), found["functions"].as_array().map(Vec::len)), (Some(0), Some(0)));
    assert_ne!(world.project.run(&["plugin", "exposure", "nobody"]).code, Some(0));
}

/// What a plugin read and sent under its grants is no refusal, and what a drill tries is not the plugin's doing.
#[test]
fn what_was_allowed_or_tried_by_a_drill_is_no_refusal() {
    let mut world = world(11);
    world.act();
    world.sync();
    let denials = || world.project.json(&["plugin", "explain-deny", "hubspot"])["denials"].clone();
    world.project.ok(&["drill", "stolen-credential", "crm"]);
    let audit = world.project.json(&["audit", "--limit", "100"])["entries"].to_string();
    assert!(audit.contains("data.read") && audit.contains("\"drill\""), "{audit}");
    assert_eq!(denials(), json!([]));
}

#[test]
fn a_refusal_is_explained_with_what_would_allow_it() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    let before = project.json(&["plugin", "explain-deny", "hubspot"]);
    assert_eq!(before["denials"], json!([]), "{before}");
    let text = project.read("connections/crm.toml").replace("/account-info", "/account-nothing");
    project.write("connections/crm.toml", &text);
    let refused = project.run(&["plugin", "call", "crm", "check"]);
    assert!(!refused.err.contains("nave_hub::audit"), "what the audit notes is no warning beside it: {refused:?}");
    let found = project.json(&["plugin", "explain-deny", "hubspot"]);
    let denial = &found["denials"][0];
    assert_eq!((&denial["code"], &denial["subject"]), (&json!("net.method-denied"), &json!("crm/api")), "{found}");
    assert!(denial["message"].as_str().is_some_and(|text| text.contains("[grants.endpoints.api]")), "{denial}");
    assert!(
        denial["fix"].as_str().is_some_and(|text| text.contains("connections/crm.toml") && text.contains("nave plan")),
        "{denial}"
    );
    assert!(found["not_granted"].to_string().contains("/account-info"), "{found}");
}

/// What is let near through one connection, each call once; where it only reads, only what reads.
#[test]
fn exposure_is_told_of_one_connection_too() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    let url = format!("url={}", crm.sim().expect("a simulator").running.base_url());
    let add = ["connection", "add", "hubspot", "--name", "reading", "--set", &url, "--read-only", "--secret", "token=crm"];
    let more = ["--grant-network", "127.0.0.0/8", "--insecure", "--because", "a test", "--yes"];
    project.ok(&[&add[..], &more].concat());
    let all = project.json(&["plugin", "exposure", "hubspot"]);
    let one = project.json(&["plugin", "exposure", "reading"]);
    let names = |answer: &Value| {
        answer["connections"].as_array().expect("connections").iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!((names(&all), names(&one)), (vec![json!("crm"), json!("reading")], vec![json!("reading")]), "{all} {one}");
    let calls = |answer: &Value| {
        let hosts = answer["connections"][0]["hosts"].as_array().expect("hosts").clone();
        hosts.iter().find(|host| host["endpoint"] == "api").expect("the API")["calls"].to_string()
    };
    let (writing, reading) = (calls(&all), calls(&one));
    assert!(!writing.contains("/search") && writing.contains("GET POST PATCH DELETE /crm/v3/objects"), "once: {writing}");
    assert!(reading.contains("/search") && !reading.contains("DELETE") && !reading.contains("PATCH"), "{reading}");
    let unknown = project.run(&["plugin", "exposure", "nobody"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    let mut told = std::process::Command::new(binary::nave());
    let told = told.arg("--dir").arg(project.dir()).args(["plugin", "exposure", "crm"]).output().expect("it runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("also inside 127.0.0.0/8"), "which network: {told}");
}

#[test]
fn what_systems_can_do_stands_side_by_side() {
    let world = world_now(4);
    // At once: nothing of it was discovered and saved.
    let found = world.project.json(&["system", "matrix"]);
    assert_eq!(found["unknown"], json!([]), "{found}");
    let of = |connection: &str, stream: &str| {
        let lines = found["streams"].as_array().into_iter().flatten();
        lines.into_iter().find(|line| line["connection"] == connection && line["stream"] == stream).cloned()
    };
    let contacts = of("crm", "contacts").unwrap_or_else(|| panic!("{found}"));
    assert_eq!(
        (&contacts["capabilities"]["writable"], &contacts["capabilities"]["changes"]),
        (&json!(true), &json!("incremental"))
    );
    assert!(found["streams"].as_array().is_some_and(|lines| lines.iter().any(|line| line["connection"] == "books")), "{found}");
    world.project.ok(&["connection", "discover", "crm", "--save"]);
    let saved = world.project.json(&["system", "matrix"]);
    assert_eq!((&saved["streams"], &saved["unknown"]), (&found["streams"], &json!([])), "{saved}");
    // Headers about rates are known from the last check on, to whoever asks.
    world.systems[0].sim().expect("a simulator").fault(json!({ "switch": "rate-limited" }));
    let busy = world.project.run(&["connection", "check", "crm"]);
    assert_ne!(busy.code, Some(0), "{busy:?}");
    let heard = world.project.json(&["system", "matrix"]);
    let contacts = heard["streams"].as_array().into_iter().flatten().find(|line| line["connection"] == "crm").cloned();
    assert!(contacts.expect("a stream")["rate_headers"].to_string().contains("ratelimit"), "{heard}");
    // A file says it by itself where it needs no network for that, else as a connection of it has saved it.
    let file = binary::plugin("hubspot").display().to_string();
    let inspected = world.project.json(&["plugin", "inspect", &file, "--capabilities"]);
    let streams: Vec<&Value> = inspected["capabilities"].as_array().into_iter().flatten().collect();
    assert!(
        streams.iter().any(|line| line["stream"] == "contacts" && line["capabilities"]["upsert-by"] != json!([])),
        "{inspected}"
    );
}

/// S2.14: within one run, and it stays known after it.
#[test]
fn an_api_that_goes_is_told_within_one_run() {
    let mut world = world_now(6);
    for _ in 0..3 {
        world.act();
    }
    world.sync();
    let path = "mappings/crm.toml";
    let text = world.project.read(path).replace("freshness = \"24h\"", "freshness = \"1s\"");
    world.project.write(path, &text);
    let quiet = world.project.json(&["system", "show", "crm"]);
    assert!(quiet["systems"][0]["sunset"].is_null(), "{quiet}");
    let sim = world.systems[0].sim().expect("a simulator");
    sim.fault(json!({ "switch": "sunset", "value": "Wed, 11 Nov 2099 23:59:59 GMT" }));
    // Where nobody serves, the run that heard it says so, and so does the doctor.
    let ran = world.project.run(&["sync"]);
    let said =
        |line: &Value| line["sunset"].as_str().is_some_and(|text| text.contains("crm says that") && text.contains("2099-11-11"));
    assert!(ran.lines().iter().any(said), "{ran:?}");
    let doctor = world.project.run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("API of crm"), "{doctor:?}");
    let serving = world.project.serve();
    let alert = until("it is told", || {
        let listed = world.project.json(&["alert", "list"]);
        listed["alerts"].as_array()?.iter().find(|alert| alert["kind"] == "api-sunset").cloned()
    });
    assert_eq!(alert["subject"], "crm");
    assert!(alert["what"].as_str().is_some_and(|text| text.contains("2099-11-11")), "{alert}");
    assert!(alert["fix"].as_str().is_some_and(|text| text == "nave plugin upgrade hubspot --check"), "{alert}");
    serving.stop();
    let systems = world.project.json(&["system", "list"]);
    let crm = systems["systems"].as_array().into_iter().flatten().find(|system| system["name"] == "crm").cloned();
    assert!(crm.as_ref().is_some_and(|crm| crm["sunset"].as_str().is_some_and(|text| text.contains("2099-11-11"))), "{systems}");
}

/// S2.14: documentation that nobody read for more than ninety days.
#[test]
fn documentation_that_is_old_is_told() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 1, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    let told = |docs: &str| {
        project.write("systems.toml", &format!("[crm]\nkind = \"crm\"\ndocs = \"https://docs.example.com\"\n{docs}"));
        let ran = project.run(&["doctor"]);
        ran.out.contains("documentation of crm")
    };
    let today = jiff::Timestamp::now().to_string()[..10].to_owned();
    assert!(told("docs-checked = \"2020-01-31\"\n"));
    assert!(told(""));
    assert!(!told(&format!("docs-checked = \"{today}\"\n")));
}
