//! How a system is read follows from what it can do now: `nave plan --explain` says which way was chosen and why, before and after
//! its API stops filtering by the time of the last change, and the systems agree either way.

use nave_tests::project::Project;
use nave_tests::rng::{SayHow, seed};
use serde_json::{Value, json};

use super::contacts;

const ACTS: usize = 30;

/// How the CRM's flow is read, and why.
#[track_caller]
fn reads(project: &Project) -> (String, String) {
    let plan = project.json(&["plan", "crm", "--explain"]);
    let flows = plan["strategies"].as_array().cloned().unwrap_or_default();
    assert_eq!(flows.len(), 1, "{plan}");
    let why = flows[0]["why"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    (flows[0]["reads"].as_str().unwrap_or_default().to_owned(), why.join("; "))
}

#[test]
fn the_way_of_reading_follows_what_the_system_offers() {
    let seed = seed(20_261_129);
    let _how = SayHow { test: "the_way_of_reading", seed };
    let mut world = contacts::world(seed);
    let turn = |world: &nave_tests::world::World, on: bool| {
        world.systems[0].sim().expect("a simulator").fault(json!({ "switch": "no-updated-since", "on": on }));
    };
    let asked_by_time = |world: &nave_tests::world::World, since: u64| {
        let all = world.systems[0].sim().expect("a simulator").control("GET", &format!("/_sim/requests?since={since}"), None);
        let requests = all["requests"].as_array().cloned().unwrap_or_default();
        requests.iter().filter(|one| one["status"] == 200 && one["path"].as_str().is_some_and(|p| p.ends_with("/search"))).count()
    };
    for round in 0..2 {
        let (how, why) = reads(&world.project);
        assert_eq!(how, "cursor poll", "{why}");
        assert!(why.contains("crm tells what changed in `contacts` since a point"), "{why}");
        (0..ACTS).for_each(|_| world.act());
        world.sync();

        turn(&world, true);
        let (how, why) = reads(&world.project);
        assert_eq!(how, "full scan and compare", "{why}");
        assert!(why.contains("crm cannot tell what changed in `contacts`: everything is read every"), "{why}");
        let offered = world.project.json(&["connection", "discover", "crm"]);
        assert!(offered.to_string().contains("full-scan"), "{offered}");
        let before = world.systems[0].sim().expect("a simulator").last_request();
        (0..ACTS).for_each(|_| world.act());
        world.sync();
        if round == 0 {
            assert_eq!(asked_by_time(&world, before), 0, "no search by time is answered");
        }
        turn(&world, false);
    }
    (0..ACTS).for_each(|_| world.act());
    world.sync();
    world.check_why();
}

/// A hub that serves notices it too: it asks what the system can do when it is asked, not only when it starts.
#[test]
fn a_hub_that_serves_says_what_is_so_now() {
    let world = contacts::world_now(7);
    world.project.agree();
    let serving = world.project.serve();
    let sim = world.systems[0].sim().expect("a simulator");
    for (on, way) in [(false, "cursor poll"), (true, "full scan and compare"), (false, "cursor poll")] {
        sim.fault(json!({ "switch": "no-updated-since", "on": on }));
        let (how, why) = reads(&world.project);
        assert_eq!(how, way, "{why}");
    }
    serving.stop();
}
