//! `legacy`: what its folder holds, healthy and spoilt.

mod common;

use common::{Sim, config};
use nave_sim::{RunningSim, SimConfig, System, start};
use serde_json::{Value, json};
use std::path::Path;

/// A legacy system over a folder, with so many people.
async fn legacy(folder: &Path, records: usize) -> Sim {
    let (config, clock) = config(7, records);
    let config = SimConfig { folder: Some(folder.to_owned()), ..config };
    Sim { running: start(System::Legacy, config).await.unwrap(), clock }
}

async fn person(sim: &Sim, method: &str, path: &str, body: Value) -> Value {
    sim.act(json!({"act": "person", "method": method, "path": path, "body": body})).await["answer"].clone()
}

fn bytes(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("contacts.csv")).unwrap()
}

/// Header and rows; how many bytes of a last row are without a line end.
fn rows(folder: &Path) -> (Vec<String>, usize) {
    let text = String::from_utf8(bytes(folder)).unwrap();
    let open = if text.ends_with('\n') { 0 } else { text.rsplit('\n').next().unwrap_or_default().len() };
    (text.lines().map(str::to_owned).collect(), open)
}

#[tokio::test]
async fn a_change_is_in_the_next_export_and_a_switch_spoils_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let sim = legacy(dir, 0).await;
    for n in 0..8 {
        person(&sim, "POST", "/rows", json!({"FirstName": format!("Jür {n}"), "Email": format!("p{n}@example.org")})).await;
        sim.pass(60);
    }
    let whole = bytes(dir);
    let (lines, open) = rows(dir);
    assert_eq!((lines.len(), open), (9, 0));
    assert!(lines[8].starts_with("L000008,Jür 7,,p7@example.org"), "{}", lines[8]);
    let modified = std::fs::metadata(dir.join("contacts.csv")).unwrap().modified().unwrap();
    let age = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    assert_eq!(age, common::NOON + 7 * 60_000, "the file has the system's time");

    type Check = fn(&Path);
    let table: [(Value, Check); 12] = [
        (json!({"switch": "half-written"}), |dir| {
            let (lines, open) = rows(dir);
            assert!(lines.len() == 6 && open > 5, "{lines:?}");
        }),
        (json!({"switch": "cut-off", "share": 0.25}), |dir| assert_eq!((rows(dir).0.len(), rows(dir).1), (3, 0))),
        (json!({"switch": "emptied"}), |dir| assert_eq!(bytes(dir), b"")),
        (json!({"switch": "emptied", "how": "rows"}), |dir| assert_eq!(rows(dir).0.len(), 1)),
        (json!({"switch": "field-gone", "field": "Email"}), |dir| {
            assert!(rows(dir).0[0].starts_with("Id,FirstName,LastName,Phone,") && rows(dir).0[1].starts_with("L000001,Jür 0,,,"));
        }),
        (json!({"switch": "delimiter", "value": ";"}), |dir| assert!(rows(dir).0[1].starts_with("L000001;Jür 0;;p0@"))),
        (json!({"switch": "encoding", "how": "windows-1252"}), |dir| {
            assert!(bytes(dir).windows(3).any(|part| part == [b'J', 0xfc, b'r']));
        }),
        (json!({"switch": "encoding", "how": "utf-16"}), |dir| assert!(bytes(dir).starts_with(&[0xff, 0xfe, b'I', 0, b'd', 0]))),
        (json!({"switch": "twice"}), |dir| {
            assert_eq!(std::fs::read(dir.join("contacts-2020-01-01.csv")).unwrap(), bytes(dir));
        }),
        (json!({"switch": "older-export"}), |dir| {
            let older = std::fs::read_to_string(dir.join("contacts-2020-01-01.csv")).unwrap();
            assert_eq!((older.lines().count(), rows(dir).0.len()), (8, 9));
        }),
        (json!({"switch": "older-export", "how": "instead"}), |dir| assert_eq!(rows(dir).0.len(), 8)),
        (json!({"switch": "forbidden"}), |dir| {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(dir.join("contacts.csv")).unwrap().permissions());
            assert_eq!(mode & 0o777, 0);
        }),
    ];
    for (rule, check) in table {
        sim.fault(rule.clone()).await;
        check(dir);
        sim.fault(json!({"switch": rule["switch"], "on": false})).await;
        assert_eq!(bytes(dir), whole, "{rule}: well again");
        let names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["contacts.csv"], "{rule}");
    }
    // What changes while it is spoilt is there afterwards.
    sim.fault(json!({"switch": "older-export", "how": "instead"})).await;
    person(&sim, "PATCH", "/rows/L000001", json!({"City": "Bonn"})).await;
    assert_eq!(rows(dir).0.len(), 8);
    sim.heal().await;
    assert!(rows(dir).0[1].contains(",Bonn,"), "{}", rows(dir).0[1]);
    person(&sim, "DELETE", "/rows/L000001", Value::Null).await;
    assert_eq!(rows(dir).0.len(), 8);
    assert_eq!(sim.act(json!({"act": "mass-delete", "count": 3})).await["deleted"].as_array().unwrap().len(), 3);
    assert_eq!(rows(dir).0.len(), 5);
}

#[tokio::test]
async fn what_it_holds_at_the_start_is_the_drop_and_is_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("drop");
    let state = folder.path().join("legacy.state");
    let open = || async {
        let config = SimConfig { records: 40, folder: Some(dir.clone()), state_file: Some(state.clone()), ..SimConfig::new(7) };
        start(System::Legacy, config).await.unwrap()
    };
    let running = open().await;
    assert_eq!(bytes(&dir), nave_sim::csv_drop(7, 40).unwrap().as_bytes());
    let sim = Sim { running, clock: config(7, 0).1 };
    person(&sim, "DELETE", "/rows/L000001", Value::Null).await;
    let left = bytes(&dir);
    let running: RunningSim = sim.running;
    running.stop().await;
    std::fs::remove_file(dir.join("contacts.csv")).unwrap();
    open().await.stop().await;
    assert_eq!(bytes(&dir), left);
}

#[tokio::test]
async fn only_its_own_switches_make_sense_and_only_at_its_terminal_is_it_worked() {
    let folder = tempfile::tempdir().unwrap();
    let sim = legacy(folder.path(), 5).await;
    let bearer = format!("Bearer {}", sim.running.control_token);
    for (path, body, part) in [
        ("/_sim/fault", json!({"switch": "down"}), "makes no sense here: it drops files"),
        ("/_sim/fault", json!({"switch": "field-gone", "field": "Shoe"}), "no object here has a field `Shoe`"),
        ("/_sim/act", json!({"act": "merge"}), "does not merge"),
        ("/_sim/act", json!({"act": "person", "method": "POST", "path": "/rows", "body": {"Shoe": "1"}}), "no column Shoe"),
        ("/_sim/act", json!({"act": "person", "method": "DELETE", "path": "/rows/X"}), "no row X"),
    ] {
        let (status, answer) = sim.send("POST", path, &[("authorization", &bearer)], Some(body.to_string())).await.unwrap();
        assert!(status == 400 && answer["message"].as_str().unwrap().contains(part), "{body}: {status} {answer}");
    }
    assert_eq!(sim.send("POST", "/rows", &[], Some("{}".to_owned())).await.unwrap().0, 401);
    let none = start(System::Legacy, SimConfig::new(7)).await.unwrap_err().to_string();
    assert!(none.contains("say into which folder"), "{none}");
}
