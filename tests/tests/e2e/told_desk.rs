//! A support desk and a mailing list that tell at once what happened: who is entered there is in the CRM, and a ticket with its
//! comments in the hub, though every flow is read on schedule only after an hour, and the desk's exports hold back the last minute.

use nave_sim::{SimConfig, System};
use nave_tests::http;
use nave_tests::project::{Project, Serving, until};
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::connected::{AUDIENCE, connect};
use super::support::people;

const SECRET: &str = "whsec-77ab";

/// Has the hub listen to this connection and serve, when everything was just read: an hour passes before it is read again.
#[track_caller]
fn serve(project: &Project, connection: &str, mappings: &[&str]) -> Serving {
    for name in mappings.iter().chain(&["crm-contacts", "crm-companies"]) {
        let file = format!("mappings/{name}.toml");
        let often = project.read(&file);
        assert!(often.contains("[flow.in]\nfreshness = \"15m\""), "{often}");
        project.write(&file, &often.replace("[flow.in]\nfreshness = \"15m\"", "[flow.in]\nfreshness = \"1h\""));
    }
    project.ok(&["mapping", "lint"]);
    project.agree();
    project.sync(&[]);
    let file = format!("connections/{connection}.toml");
    let text = project.read(&file);
    project.write(&file, &format!("{text}\n[webhook]\nsecret = \"hooks\"\nfold = \"50ms\"\n"));
    project.tell(&["secret", "set", "hooks"], SECRET);
    project.serve()
}

#[test]
fn what_happens_in_the_desk_is_known_at_once() {
    let (crm, desk) = (Sim::start(System::Crm, SimConfig::new(31)), Sim::start(System::Desk, SimConfig::new(31)));
    let project = Project::init();
    connect(&project, &[("crm", &crm), ("desk", &desk)]);
    let serving = serve(&project, "desk", &["desk-users", "desk-tickets", "desk-comments", "desk-organizations"]);
    let hook = format!("http://{}/hooks/desk", serving.addr);
    desk.control("POST", "/_sim/webhooks", Some(json!({ "url": hook, "secret": SECRET })));

    // Somebody is entered, and another time renamed.
    let ask = |method: &str, path: &str, body: Value| desk.call(method, path, Some(body)).json();
    let made = ask("POST", "/api/v2/users", json!({ "user": { "name": "Ada Told", "email": "ada@told.example" } }));
    let ada = made["user"]["id"].as_u64().expect("an id");
    let arrives = |name: &str| {
        until("it is in the CRM", || {
            people("crm", &crm).contains(&(name.to_owned(), "ada@told.example".to_owned())).then_some(())
        });
    };
    arrives("Ada Told");
    ask("PUT", &format!("/api/v2/users/{ada}"), json!({ "user": { "name": "Ada Retold" } }));
    arrives("Ada Retold");

    // A ticket of theirs, and what is said later.
    let known = |entity: &str, text: &str| {
        until(&format!("the hub knows: {text}"), || {
            let records = project.json(&["record", "list", entity])["records"].clone();
            let record = records[0]["record"].as_str()?.to_owned();
            project.json(&["record", "show", &record]).to_string().contains(text).then_some(())
        });
    };
    let ticket = json!({ "subject": "Late parcel", "comment": { "body": "Where is it?" }, "requester_id": ada });
    let ticket = ask("POST", "/api/v2/tickets", json!({ "ticket": ticket }));
    known("ticket", "Late parcel");
    let number = &ticket["ticket"]["id"];
    let said = json!({ "ticket": { "comment": { "body": "Found behind the shed" } } });
    ask("PUT", &format!("/api/v2/tickets/{number}"), said);
    known("interaction", "Found behind the shed");

    // A stranger is not believed.
    let answer = http::request(serving.addr, "POST", "/hooks/desk", &[], Some(&json!({ "subject": format!("zen:user:{ada}") })));
    assert_eq!(answer.expect("an answer").status, 401);
    let audit = project.json(&["audit", "--limit", "100"]).to_string();
    assert!(audit.contains("webhook.refused"), "{audit}");
    serving.stop();
}

#[test]
fn what_happens_in_the_list_is_known_at_once() {
    let (crm, mail) = (Sim::start(System::Crm, SimConfig::new(32)), Sim::start(System::Mail, SimConfig::new(32)));
    let project = Project::init();
    connect(&project, &[("crm", &crm), ("mail", &mail)]);
    let serving = serve(&project, "mail", &["mail-members", "mail-campaigns"]);
    let hook = format!("http://{}/hooks/mail?secret={SECRET}", serving.addr);
    mail.control("POST", "/_sim/webhooks", Some(json!({ "url": hook, "secret": "" })));

    let arrives = |name: &str, mailbox: &str| {
        until(&format!("{name} is in the CRM"), || {
            people("crm", &crm).contains(&(name.to_owned(), mailbox.to_owned())).then_some(())
        });
    };
    let names = |first: &str| json!({ "FNAME": first, "LNAME": "Told" });
    let new = json!({ "email_address": "bo@told.example", "status": "subscribed", "merge_fields": names("Bo") });
    mail.call("POST", &format!("/3.0/lists/{AUDIENCE}/members"), Some(new));
    arrives("Bo Told", "bo@told.example");
    let change = json!({ "email_address": "bob@told.example", "merge_fields": names("Bob") });
    mail.call("PATCH", &format!("/3.0/lists/{AUDIENCE}/members/bo@told.example"), Some(change));
    arrives("Bob Told", "bob@told.example");

    for path in ["/hooks/mail", "/hooks/mail?secret=guessed"] {
        assert_eq!(http::request(serving.addr, "POST", path, &[], Some(&json!({}))).expect("an answer").status, 401, "{path}");
    }
    serving.stop();
}
