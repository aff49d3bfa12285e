//! What holds for every system: restart, faults, the control interface.

mod common;

use common::{Sim, config, properties};
use nave_sim::{SimConfig, System, start};
use serde_json::{Value, json};
use std::path::Path;

/// A write that each system takes, by number.
fn write(system: System, n: usize) -> (&'static str, &'static str, Value) {
    match system {
        System::Crm => ("POST", "/crm/v3/objects/contacts", properties(&[("email", &format!("n{n}@example.org"))])),
        System::Books => ("PUT", "/api.xro/2.0/Contacts", json!({"Contacts": [{"Name": format!("N {n}")}]})),
        System::Mail => {
            let member = json!({"email_address": format!("n{n}@example.org"), "status": "subscribed"});
            ("POST", "/3.0/lists/a1b2c3d4e5/members", member)
        }
        System::Desk => ("POST", "/api/v2/users", json!({"user": {"name": format!("N {n}"), "external_id": n.to_string()}})),
        System::Legacy => unreachable!("it answers no requests; see legacy.rs"),
    }
}

fn read(system: System) -> &'static str {
    match system {
        System::Crm => "/crm/v3/objects/contacts",
        System::Books => "/api.xro/2.0/Contacts?page=1",
        System::Desk => "/api/v2/users",
        System::Mail => "/3.0/lists/a1b2c3d4e5/members",
        System::Legacy => unreachable!("it answers no requests; see legacy.rs"),
    }
}

fn count(system: System, state: &Value) -> usize {
    let name = match system {
        System::Crm => "contacts",
        System::Books => "Contacts",
        System::Desk => "users",
        System::Mail => "members",
        System::Legacy => "contacts",
    };
    state[name].as_array().unwrap().len()
}

async fn with_file(system: System, seed: u64, records: usize, path: &Path) -> Sim {
    let (config, _) = config(seed, records);
    Sim::start_with(system, SimConfig { state_file: Some(path.to_owned()), ..config }).await
}

#[tokio::test]
async fn a_system_comes_back_as_it_was() {
    for system in System::ALL {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        let sim = with_file(system, 7, 40, &path).await;
        let key = [("idempotency-key", "k")];
        let (method, route, body) = write(system, 1);
        let first = sim.call_with(method, route, &key, body.clone()).await.unwrap();
        for n in 2..8 {
            let (method, route, body) = write(system, n);
            sim.call(method, route, body).await;
        }
        let before = sim.state().await;
        sim.running.stop().await;
        let size = std::fs::metadata(&path).unwrap().len();

        // The file wins over the number of records asked for.
        let sim = with_file(system, 7, 0, &path).await;
        assert_eq!(sim.state().await, before);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size, "nothing to compact, nothing written");
        if system == System::Books {
            assert_eq!(sim.call_with(method, route, &key, body).await.unwrap(), first, "keys are remembered too");
        }
        let (method, route, body) = write(system, 9);
        let (status, answer) = sim.call(method, route, body).await;
        assert!(status < 300, "{answer}");
        assert_eq!(count(system, &sim.state().await), count(system, &before) + 1);
    }
}

#[tokio::test]
async fn a_long_history_is_compacted_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    let sim = with_file(System::Crm, 7, 0, &path).await;
    let (_, made) = sim.call("POST", "/crm/v3/objects/contacts", properties(&[("firstname", "Ann")])).await;
    let one = format!("/crm/v3/objects/contacts/{}", made["id"].as_str().unwrap());
    for n in 0..1_100 {
        assert_eq!(sim.call("PATCH", &one, properties(&[("city", &n.to_string())])).await.0, 200);
    }
    let before = sim.state().await;
    sim.running.stop().await;
    let size = std::fs::metadata(&path).unwrap().len();
    let sim = with_file(System::Crm, 7, 0, &path).await;
    assert_eq!(sim.state().await, before);
    assert!(std::fs::metadata(&path).unwrap().len() < size / 100);
}

#[tokio::test]
async fn a_state_file_of_another_system_or_seed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.jsonl");
    with_file(System::Crm, 7, 1, &path).await.running.stop().await;
    for (system, seed, part) in [(System::Books, 7, "not of `books`"), (System::Crm, 8, "with seed 8")] {
        let config = SimConfig { state_file: Some(path.clone()), ..SimConfig::new(seed) };
        let error = start(system, config).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    with_file(System::Crm, 7, 1, &path).await;
}

#[tokio::test]
async fn a_lost_response_is_committed_and_a_reset_is_not() {
    for system in System::ALL {
        let sim = Sim::start(system, 0).await;
        let try_write = async |n: usize| {
            let (method, route, body) = write(system, n);
            sim.try_call(method, route, body).await
        };
        sim.fault(json!({"switch": "lost-response", "nth": 2})).await;
        assert!(try_write(1).await.is_some());
        assert!(sim.try_call("GET", read(system), Value::Null).await.is_some(), "reads are not hit");
        assert!(try_write(2).await.is_none());
        assert!(try_write(3).await.is_some());
        assert_eq!(count(system, &sim.state().await), 3, "all three are there");

        sim.fault(json!({"switch": "reset", "nth": 1})).await;
        assert!(try_write(4).await.is_none());
        assert_eq!(count(system, &sim.state().await), 3, "the fourth is not");
        assert!(try_write(4).await.is_some());

        sim.fault(json!({"switch": "down"})).await;
        assert_eq!(sim.call("GET", read(system), Value::Null).await.0, 503);
        assert_eq!(try_write(5).await.unwrap().0, 503);
        sim.fault(json!({"switch": "down", "on": false})).await;
        assert_eq!(sim.call("GET", read(system), Value::Null).await.0, 200);
        assert_eq!(count(system, &sim.state().await), 4);

        let log = sim.control("GET", "/_sim/requests?since=0", Value::Null).await;
        let dropped: Vec<(u64, bool)> = log["requests"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|r| r["dropped"] == true)
            .map(|r| (r["status"].as_u64().unwrap(), r["changed"] == true))
            .collect();
        assert_eq!(dropped.len(), 2);
        assert!(dropped[0].0 >= 200 && dropped[0].1, "committed, then lost");
        assert_eq!(dropped[1], (0, false), "closed before it was looked at");
    }
}

#[tokio::test]
async fn a_share_of_responses_is_lost_and_always_the_same_ones() {
    let run = async || {
        let sim = Sim::start(System::Crm, 0).await;
        sim.fault(json!({"switch": "lost-response", "share": 0.3})).await;
        let mut lost = Vec::new();
        for n in 0..40 {
            let (method, route, body) = write(System::Crm, n);
            lost.push(sim.try_call(method, route, body).await.is_none());
        }
        assert_eq!(count(System::Crm, &sim.state().await), 40);
        lost
    };
    let first = run().await;
    assert!((4..22).contains(&first.iter().filter(|lost| **lost).count()), "{first:?}");
    assert_eq!(first, run().await);
}

#[tokio::test]
async fn the_log_says_what_was_written() {
    for system in System::ALL {
        let sim = Sim::start(system, 5).await;
        sim.call("GET", read(system), Value::Null).await;
        let (method, route, body) = write(system, 1);
        let (_, first) = sim.call(method, route, body.clone()).await;
        sim.call(method, route, body).await;
        let log = sim.control("GET", "/_sim/requests?since=0", Value::Null).await;
        let seen: Vec<(bool, bool)> =
            log["requests"].as_array().unwrap().iter().map(|r| (r["write"] == true, r["changed"] == true)).collect();
        assert_eq!(seen, [(false, false), (true, true), (true, false)], "{first}");
        assert_eq!(log["last"], 3);
        let rest = sim.control("GET", "/_sim/requests?since=2", Value::Null).await;
        assert_eq!(rest["requests"].as_array().unwrap().len(), 1);
        assert_eq!(rest["requests"][0]["number"], 3);
    }
}

#[tokio::test]
async fn the_control_interface_has_a_token_of_its_own() {
    for system in System::ALL {
        let sim = Sim::start(system, 1).await;
        for path in ["/_sim/state", "/_sim/requests", "/_sim/fault", "/%5fsim/state"] {
            assert_eq!(sim.call("GET", path, Value::Null).await.0, 401, "{path}");
        }
        let bearer = format!("Bearer {}", sim.running.control_token);
        let control = [("authorization", bearer.as_str())];
        for (method, path, body, status) in [
            ("GET", "/_sim/other", None, 404),
            ("DELETE", "/_sim/state", None, 405),
            ("GET", "/_sim/requests?from=1", None, 400),
            ("POST", "/_sim/fault", Some("{\"switch\":\"rain\"}"), 400),
            ("POST", "/_sim/fault", Some("{\"switch\":\"down\",\"share\":2}"), 400),
        ] {
            let (got, answer) = sim.send(method, path, &control, body.map(str::to_owned)).await.unwrap();
            assert_eq!(got, status, "{method} {path}: {answer}");
        }
        let (status, _) = sim.send("GET", read(system), &control, None).await.unwrap();
        assert_eq!(status, 401, "and it does not open the system");
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_system() {
    for system in System::ALL {
        let first = Sim::start(system, 60).await.state().await;
        let second = Sim::start(system, 60).await.state().await;
        assert_eq!(first, second);
        let other = Sim::start_with(system, SimConfig { records: 60, ..SimConfig::new(8) }).await.state().await;
        assert_ne!(first, other);
    }
}
