//! S3.16: a CRM with people from before, one of whom has no telephone number where it should be. What does not fit is told before
//! anything is taken in; then it is kept as it came, goes nowhere and is no dead letter, until somebody corrects it.

use nave_sim::{SimConfig, System};
use nave_tests::http;
use nave_tests::project::Project;
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::connected::connect;
use super::support::people;

const FLOW: &str = "crm-contacts";
const WRONG: &str = "ask Mrs Berg";

#[test]
fn what_does_not_fit_is_told_then_kept_then_taken_in() {
    let (crm, books) = (Sim::start(System::Crm, SimConfig::new(71)), Sim::start(System::Books, SimConfig::new(71)));
    let project = Project::init();
    connect(&project, &[("crm", &crm), ("books", &books)]);
    for connection in ["crm", "books"] {
        project.json(&["connection", "discover", connection, "--save"]);
    }
    let make = |first: &str, phone: &str| {
        let email = format!("{}@x.example", first.to_lowercase());
        let person = json!({ "properties": { "firstname": first, "lastname": "Berg", "email": email, "phone": phone } });
        crm.call("POST", "/crm/v3/objects/contacts", Some(person)).json()["id"].as_str().expect("an id").to_owned()
    };
    make("Ada", "+49 30 901820");
    let bob = make("Bob", WRONG);
    make("Cleo", "+49 30 901821");

    // Told, and nothing is here or anywhere.
    let mark = crm.last_request();
    let profile = project.json(&["backfill", FLOW, "--profile"]);
    assert_eq!((&profile["read"], &profile["fit"], &profile["misfit"]), (&json!(3), &json!(2), &json!(1)), "{profile}");
    let rule = &profile["rules"][0];
    assert_eq!((&rule["field"], &rule["count"], &rule["percent"]), (&json!("properties.phone"), &json!(1), &json!("33.33")));
    assert_eq!(rule["examples"][0], json!({ "remote_id": bob, "value": "aaa Aaa Aaaa" }), "{profile}");
    assert!(rule["fix"].as_str().expect("a text").contains("--archive-misfits"), "{profile}");
    assert!(!profile.to_string().contains(WRONG), "a person's value is told by its shape: {profile}");
    assert_eq!(crm.changes_since(mark), Vec::<Value>::new());
    assert_eq!(project.json(&["record", "list", "contact"])["records"], json!([]));
    assert_eq!(project.json(&["dlq", "list"])["dead_letters"], json!([]));

    // Kept only where somebody says why.
    assert_ne!(project.run(&["backfill", FLOW, "--archive-misfits"]).code, Some(0));
    let run = project.ok(&["backfill", FLOW, "--archive-misfits", "--because", "numbers of before 2015"]).lines().remove(0);
    assert_eq!(
        (&run["read"], &run["created"], &run["archived"], &run["quarantined"]),
        (&json!(3), &json!(2), &json!(1), &json!(0))
    );
    project.json(&["plan"]);
    project.json(&["apply", "--reason", "a test"]);
    for arguments in [&["sync"][..], &["sync", "--full"]] {
        project.ok(arguments).lines().iter().for_each(nave_tests::project::balanced);
    }
    let names: Vec<String> = people("books", &books).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    assert_eq!(project.json(&["dlq", "list"])["dead_letters"], json!([]));

    // It is listed, and found again by its id, as it came; also by the API.
    let kept = project.json(&["backfill", FLOW, "--archived"]);
    assert_eq!((&kept["count"], &kept["archived"][0]["remote_id"]), (&json!(1), &json!(bob)), "{kept}");
    assert!(!kept.to_string().contains(WRONG), "{kept}");
    let one = project.json(&["backfill", FLOW, "--archived", &bob]);
    assert!(one["archived"][0]["body"].as_str().expect("a text").contains(WRONG), "{one}");
    let file = std::fs::read(project.data().join("nave.redb")).expect("the store");
    assert!(!file.windows(WRONG.len()).any(|window| window == WRONG.as_bytes()), "it is sealed");
    let serving = project.serve();
    let token = format!("Bearer {}", serving.token.clone().expect("its first token"));
    let path = format!("/v1/archived/{FLOW}?remote-id={bob}");
    let answer = http::request(serving.addr, "GET", &path, &[("authorization", &token)], None).expect("an answer").json();
    assert_eq!(answer["archived"][0]["body"], one["archived"][0]["body"], "{answer}");
    serving.stop();

    // Somebody corrects it: it comes in like anybody.
    let change = json!({ "properties": { "phone": "+49 30 901822" } });
    crm.call("PATCH", &format!("/crm/v3/objects/contacts/{bob}"), Some(change));
    project.sync(&[]);
    assert_eq!(people("books", &books).len(), 3);
    assert_eq!(project.json(&["backfill", FLOW, "--archived"])["count"], 0);
    let audit = project.json(&["audit", "--limit", "50"]).to_string();
    assert!(audit.contains("flow.backfilled") && audit.contains("numbers of before 2015"), "{audit}");
}
