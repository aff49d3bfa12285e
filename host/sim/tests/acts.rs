//! Acts: what happens in a system without a client's doing.

mod common;

use common::{Sim, config, properties};
use nave_sim::{SimConfig, System};
use serde_json::{Value, json};

const CONTACTS: &str = "/crm/v3/objects/contacts";

async fn refused(sim: &Sim, act: Value, part: &str) {
    let bearer = format!("Bearer {}", sim.running.control_token);
    let (status, answer) = sim.send("POST", "/_sim/act", &[("authorization", &bearer)], Some(act.to_string())).await.unwrap();
    assert!(status == 400 && answer["message"].as_str().unwrap().contains(part), "{act}: {status} {answer}, not {part}");
}

#[tokio::test]
async fn many_are_deleted_at_once_and_the_same_ones_for_the_same_seed() {
    for (system, list, gone) in [
        (System::Crm, "contacts", json!({"archived": true})),
        (System::Books, "Contacts", json!({"ContactStatus": "ARCHIVED"})),
        (System::Desk, "users", json!({"deleted": true})),
        (System::Mail, "members", json!({"status": "archived"})),
    ] {
        let run = async || {
            let sim = Sim::start(system, 40).await;
            let told = sim.act(json!({"act": "mass-delete", "share": 0.3})).await;
            let state = sim.state().await;
            let (name, want) = gone.as_object().unwrap().iter().next().unwrap();
            let all = state[list].as_array().unwrap();
            let count = all.iter().filter(|object| object[name] == *want).count();
            assert_eq!(count, (all.len() as f64 * 0.3).round() as usize);
            assert_eq!(told["deleted"].as_array().unwrap().len(), count);
            sim.act(json!({"act": "mass-delete", "count": 1})).await;
            refused(&sim, json!({"act": "mass-delete", "count": 100}), "there are only").await;
            refused(&sim, json!({"act": "mass-delete", "share": 2}), "between 0 and 1").await;
            refused(&sim, json!({"act": "mass-delete"}), "share or count").await;
            refused(&sim, json!({"act": "mass-delete", "count": 1, "object": "horses"}), "there are no `horses` here").await;
            told
        };
        assert_eq!(run().await, run().await);
    }
}

#[tokio::test]
async fn two_become_one() {
    let sim = Sim::start(System::Crm, 5).await;
    let told = sim.act(json!({"act": "merge"})).await;
    let loser = sim.get(&format!("{CONTACTS}/{}", told["loser"].as_str().unwrap())).await;
    assert_eq!(loser["id"], told["winner"], "its id answers with the other");
    refused(&sim, json!({"act": "merge", "winner": told["winner"]}), "or neither").await;
    refused(&sim, json!({"act": "merge", "winner": told["winner"], "loser": told["winner"]}), "with itself").await;
    refused(&sim, json!({"act": "merge", "winner": "1", "loser": told["winner"]}), "not found").await;

    let sim = Sim::start(System::Books, 30).await;
    let invoices = sim.get("/api.xro/2.0/Invoices").await;
    let loser = invoices["Invoices"][0]["Contact"]["ContactID"].clone();
    let contacts = sim.get("/api.xro/2.0/Contacts").await;
    let winner = contacts["Contacts"].as_array().unwrap().iter().find(|c| c["ContactID"] != loser).unwrap()["ContactID"].clone();
    sim.act(json!({"act": "merge", "winner": winner, "loser": loser})).await;
    let old = sim.get(&format!("/api.xro/2.0/Contacts/{}", loser.as_str().unwrap())).await["Contacts"][0].clone();
    assert_eq!((&old["ContactStatus"], &old["MergedToContactID"]), (&json!("ARCHIVED"), &winner));
    let invoice = sim.get(&format!("/api.xro/2.0/Invoices/{}", invoices["Invoices"][0]["InvoiceID"].as_str().unwrap())).await;
    assert_eq!(invoice["Invoices"][0]["Contact"]["ContactID"], winner);
}

#[tokio::test]
async fn the_schema_changes_and_stays_changed() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let (config, _) = config(7, 0);
        Sim::start_with(System::Crm, SimConfig { state_file: Some(folder.path().join("crm.jsonl")), ..config }).await
    };
    let sim = start().await;
    let (_, made) =
        sim.call("POST", CONTACTS, properties(&[("city", "Bonn"), ("zip", "53111"), ("state", "1"), ("jobtitle", "x")])).await;
    let one = format!("{CONTACTS}/{}", made["id"].as_str().unwrap());
    for act in [
        json!({"change": "rename", "field": "city", "to": "town"}),
        json!({"change": "remove", "field": "zip"}),
        json!({"change": "retype", "field": "state", "type": "number"}),
        json!({"change": "retype", "field": "jobtitle", "type": "number"}),
        json!({"change": "add", "field": "shoe_size", "type": "number"}),
    ] {
        let mut act = act;
        act["act"] = "schema".into();
        sim.act(act).await;
    }
    for (act, part) in [
        (json!({"change": "remove", "field": "city"}), "there is no `city`"),
        (json!({"change": "remove", "field": "createdate"}), "the system's own"),
        (json!({"change": "rename", "field": "town"}), "needs `to`"),
        (json!({"change": "add", "field": "email"}), "there twice"),
        (json!({"change": "add", "field": "Shoe Size"}), "lower case"),
        (json!({"change": "remove", "field": "town", "to": "city"}), "says nothing"),
        (json!({"change": "paint", "field": "town"}), "unknown variant"),
        (json!({"change": "add", "field": "x", "colour": "red"}), "unknown field"),
    ] {
        let mut act = act;
        act["act"] = "schema".into();
        refused(&sim, act, part).await;
    }
    let check = async |sim: &Sim| {
        let shown = sim.get(&format!("{one}?properties=town,state,jobtitle,shoe_size")).await["properties"].clone();
        assert_eq!((&shown["town"], &shown["state"], shown.get("jobtitle")), (&json!("Bonn"), &json!("1"), None));
        assert_eq!(sim.call("GET", &format!("{one}?properties=zip"), Value::Null).await.0, 400);
        assert_eq!(sim.call("PATCH", &one, properties(&[("shoe_size", "large")])).await.0, 400);
        assert_eq!(sim.call("PATCH", &one, properties(&[("shoe_size", "41")])).await.0, 200);
    };
    check(&sim).await;
    let before = sim.state().await;
    sim.running.stop().await;
    let sim = start().await;
    assert_eq!(sim.state().await, before);
    check(&sim).await;

    let books = Sim::start(System::Books, 0).await;
    refused(&books, json!({"act": "schema", "change": "remove", "field": "Name"}), "field-gone").await;
}

#[tokio::test]
async fn merge_fields_change_and_stay_changed() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let (config, _) = config(7, 0);
        Sim::start_with(System::Mail, SimConfig { state_file: Some(folder.path().join("mail.jsonl")), ..config }).await
    };
    let sim = start().await;
    let members = "/3.0/lists/a1b2c3d4e5/members";
    let fields = json!({"FNAME": "Ann", "COMPANY": "x", "PHONE": "12"});
    let member = json!({"email_address": "ann@example.org", "status": "subscribed", "merge_fields": fields});
    let (_, made) = sim.call("POST", members, member).await;
    for (change, field, more) in [
        ("rename", "FNAME", json!({"to": "GIVEN"})),
        ("remove", "COMPANY", json!({})),
        ("retype", "PHONE", json!({"type": "number"})),
        ("add", "SHOE", json!({"type": "number"})),
    ] {
        let mut act = json!({"act": "schema", "change": change, "field": field});
        act.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sim.act(act).await;
    }
    refused(&sim, json!({"act": "schema", "change": "add", "field": "shoe"}), "upper case").await;
    refused(&sim, json!({"act": "merge", "winner": "a", "loser": "b"}), "does not merge").await;
    let before = sim.state().await;
    let shown = sim.get(&format!("{members}/{}", made["id"].as_str().unwrap())).await["merge_fields"].clone();
    assert_eq!(shown, json!({"GIVEN": "Ann", "LNAME": "", "PHONE": 12, "NAVE_ID": "", "SHOE": ""}));
    sim.running.stop().await;
    assert_eq!(start().await.state().await, before);
}

#[tokio::test]
async fn what_a_person_does_is_hit_by_no_switch_and_in_no_log() {
    let sim = Sim::start(System::Crm, 0).await;
    sim.fault(json!({"switch": "down"})).await;
    let person = json!({"act": "person", "method": "POST", "path": CONTACTS, "body": {"properties": {"email": "a@example.org"}}});
    let made = sim.act(person.clone()).await;
    assert_eq!((&made["status"], &made["answer"]["properties"]["email"]), (&json!(201), &json!("a@example.org")));
    assert_eq!(sim.control("GET", "/_sim/requests", Value::Null).await["requests"], json!([]));
    refused(&sim, person, "409").await;
    refused(&sim, json!({"act": "person", "method": "GET", "path": "/nowhere"}), "404").await;
    refused(&sim, json!({"act": "person", "method": "a b", "path": "/"}), "is no method").await;
}
