//! S3.2: three systems call a mailbox differently. It is proposed that they are elements of one list; nothing is written before a person
//! says so, and what is written then is read as it stands.

use std::collections::BTreeSet;

use nave_sim::{ObjectSchema, Property, PropertyType, SimConfig, System};
use nave_tests::project::Project;
use nave_tests::systems::Sim;
use serde_json::{Value, json};

/// A CRM whose people have these text properties.
fn system(names: &[&str]) -> Sim {
    let text = |name: &&str| Property::new(name, "", PropertyType::String);
    let properties = names.iter().map(text).collect();
    let schema = ObjectSchema::new("contacts", "contact", "0-1", "lastmodifieddate", properties);
    Sim::start(System::Crm, SimConfig { schemas: Some(vec![schema, ObjectSchema::companies()]), ..SimConfig::new(5) })
}

fn person(sim: &Sim, properties: &Value) -> String {
    let made = sim.call("POST", "/crm/v3/objects/contacts", Some(json!({ "properties": properties }))).json();
    made["id"].as_str().expect("an id").to_owned()
}

/// Mailboxes of all records.
fn mailboxes(project: &Project) -> BTreeSet<String> {
    let list = project.json(&["record", "list", "contact"]);
    let mut found = BTreeSet::new();
    for line in list["records"].as_array().expect("records") {
        let record = project.json(&["record", "show", line["record"].as_str().expect("a name")]);
        for field in record["fields"].as_array().expect("fields") {
            if field["field"].as_str().is_some_and(|name| name.starts_with("emails/")) {
                found.extend(field["value"]["address"].as_str().map(str::to_owned));
            }
        }
    }
    found
}

fn set(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|one| (*one).to_owned()).collect()
}

#[test]
fn mailboxes_of_three_systems_are_one_list() {
    let systems = [
        ("crm", system(&["first_name", "last_name", "email_address", "work_email"])),
        ("books", system(&["given_name", "family_name", "customer_email"])),
        ("desk", system(&["forename", "surname", "contact_email", "other_mails"])),
    ];
    let ann =
        json!({ "first_name": "Ann", "last_name": "Berg", "email_address": "ann@x.test", "work_email": "a.berg@work.test" });
    let id = person(&systems[0].1, &ann);
    person(&systems[0].1, &json!({ "first_name": "Bo", "last_name": "Lund", "email_address": "bo@x.test" }));
    person(&systems[1].1, &json!({ "given_name": "Cem", "family_name": "Aydin", "customer_email": "Cem@x.test" }));
    person(&systems[1].1, &json!({ "given_name": "Dee", "family_name": "Roth", "customer_email": "dee@x.test" }));
    let other =
        json!({ "forename": "Eve", "surname": "Falk", "contact_email": "eve@x.test", "other_mails": "e1@x.test; e2@x.test" });
    person(&systems[2].1, &other);
    person(&systems[2].1, &json!({ "forename": "Finn", "surname": "Gade", "contact_email": "finn@x.test" }));

    let project = Project::init();
    project.install("hubspot");
    for (name, sim) in &systems {
        let settings = [("url", sim.running.base_url()), ("objects", "[\"contacts\"]".to_owned())];
        project.connect("hubspot", name, &settings, Some(&sim.running.credential.token));
        project.json(&["connection", "discover", name, "--save"]);
    }
    let files = || std::fs::read_dir(project.dir().join("mappings")).expect("a folder").count();
    let before = files();
    let ask = ["mapping", "suggest", "crm", "books", "desk"];
    let answer = project.json(&ask);
    let listed = answer["fields"].as_array().expect("fields").iter().find(|field| field["field"] == "emails[]");
    let aliases = listed.unwrap_or_else(|| panic!("no list: {answer}"))["aliases"].as_array().expect("aliases").clone();
    let paths =
        aliases.iter().map(|alias| format!("{}.{}", alias["connection"].as_str().unwrap(), alias["path"].as_str().unwrap()));
    assert_eq!(
        paths.collect::<BTreeSet<_>>(),
        set(&[
            "crm.properties.email_address",
            "crm.properties.work_email",
            "books.properties.customer_email",
            "desk.properties.contact_email",
            "desk.properties.other_mails",
        ])
    );
    assert_eq!(files(), before, "nothing is written before a person says so");

    let mut approved = ask.to_vec();
    approved.push("--apply");
    // Nobody answers for what would be written: it is said what to type, and nothing is.
    let nobody = project.run(&approved);
    assert_eq!((nobody.code, files()), (Some(2), before), "{nobody:?}");
    assert!(nobody.out.contains("--entity contact --steward sales-ops --apply"), "{nobody:?}");
    approved.extend(["--steward", "sales-ops"]);
    let applied = project.json(&approved);
    assert_eq!((applied["edits"]["written"].as_bool(), files()), (Some(true), before + 3), "{applied}");
    let lint = project.json(&["mapping", "lint"]);
    assert!(!lint.to_string().contains("no-steward"), "{lint}");
    let flows = project.json(&["flows", "--entity", "contact", "--field", "emails"]);
    assert!(flows.to_string().contains("\"steward\":\"sales-ops\""), "{flows}");
    project.sync(&[]);
    let all = ["ann@x.test", "a.berg@work.test", "bo@x.test", "cem@x.test", "dee@x.test", "eve@x.test", "e1@x.test", "e2@x.test"];
    let mut all = all.to_vec();
    all.push("finn@x.test");
    assert_eq!(mailboxes(&project), set(&all));

    // One field there is emptied, another one takes over a mailbox: the others stand.
    let edit = json!({ "properties": { "email_address": "a.berg@work.test", "work_email": "" } });
    systems[0].1.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(edit));
    project.sync(&[]);
    all.retain(|one| *one != "ann@x.test");
    assert_eq!(mailboxes(&project), set(&all));

    let again = project.json(&ask);
    assert_eq!(again["edits"]["files"], json!([]), "everything that is proposed is mapped: {again}");
}
