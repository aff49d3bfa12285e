//! BottleCRM by a description (plugins/rest/examples/bottlecrm), with the books that a simulator keeps: what is entered, changed and deleted
//! on either side is so on the other.

use std::path::PathBuf;
use std::process::Command;

use nave_sim::{SimConfig, System};
use nave_tests::binary;
use nave_tests::project::{Project, run};
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::hub;
use super::real::BottleCrm;

/// The plugin, packed.
fn packed(out: &std::path::Path) -> PathBuf {
    binary::plugin("rest");
    let mut build = Command::new(binary::nave());
    build.current_dir(binary::root()).env("CARGO_TARGET_DIR", binary::target());
    let ran = run(build.args(["--json", "plugin", "build", "plugins/rest/examples/bottlecrm", "--out"]).arg(out), None);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    PathBuf::from(ran.json()["file"].as_str().expect("a file"))
}

fn mapping(connection: &str, keys: &str, fields: &[(&str, &str)]) -> String {
    let mut text = format!(
        "connection = {connection:?}\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\ndelete = \"propagate\"\n{keys}\n\n\
         [flow.in]\nfreshness = \"24h\"\n\n[flow.out]\nfreshness = \"24h\"\n"
    );
    for (remote, canonical) in fields {
        let clean = if *canonical == "email" { "trim | lower | null_if('')" } else { "trim | null_if('')" };
        text.push_str(&format!(
            "\n[[field]]\nremote = {remote:?}\ncanonical = {canonical:?}\ndirection = \"both\"\nin = {clean:?}\nbecause = \"the test edits it everywhere\"\n"
        ));
    }
    text
}

#[test]
fn a_real_crm_by_a_description() {
    let Some(crm) = BottleCrm::open() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let books = Sim::start(System::Books, SimConfig::new(9));
    let project = Project::init();
    project.ok(&["plugin", "install", &packed(folder.path()).display().to_string()]);
    project.install("xero");
    project.connect("rest-bottlecrm", "crm", &[("url", format!("http://{}/api", crm.api.addr))], Some(&crm.api.credential));
    let tenant = books.running.credential.tenant_id.clone().expect("an organisation");
    let url = format!("{}/api.xro/2.0", books.running.base_url());
    project.connect("xero", "books", &[("url", url), ("tenant", tenant)], Some(&books.running.credential.token));
    let fields = [("first_name", "first_name"), ("last_name", "last_name"), ("email", "email")];
    project.write(
        "mappings/crm-contacts.toml",
        &mapping("crm", "marker = \"custom_fields.nave_id\"\nrequired = [\"first_name\", \"last_name\"]", &fields),
    );
    let fields = [("FirstName", "first_name"), ("LastName", "last_name"), ("EmailAddress", "email")];
    let name = "\n[[field]]\nremote = \"Name\"\ncanonical = \"email\"\ndirection = \"out\"\n";
    project.write(
        "mappings/books-contacts.toml",
        &format!("{}{name}", mapping("books", "natural-key = \"EmailAddress\"\nrequired = [\"Name\"]", &fields)),
    );
    for connection in ["crm", "books"] {
        project.json(&["connection", "check", connection]);
        project.json(&["connection", "discover", connection, "--save"]);
    }
    project.ok(&["mapping", "lint"]);
    project.agree();

    let ada = crm.create("contacts", json!({ "first_name": "Ada", "last_name": "Lovelace", "email": "ada@described.test" }));
    let bob = json!({ "Name": "Bob Berg", "FirstName": "Bob", "LastName": "Berg", "EmailAddress": "bob@described.test" });
    books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [bob] })));
    hub::settle(&project);
    let people = || {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut there: Vec<String> = crm
            .contacts()
            .iter()
            .map(|own| format!("{} {} {}", text(&own["first_name"]), text(&own["last_name"]), text(&own["email"])))
            .collect();
        there.sort();
        let state = books.control("GET", "/_sim/state", None);
        let alive =
            state["Contacts"].as_array().cloned().unwrap_or_default().into_iter().filter(|own| own["ContactStatus"] == "ACTIVE");
        let mut others: Vec<String> = alive
            .map(|own| format!("{} {} {}", text(&own["FirstName"]), text(&own["LastName"]), text(&own["EmailAddress"])))
            .collect();
        others.sort();
        assert_eq!(there, others, "the CRM and the books agree");
        there
    };
    assert_eq!(people(), ["Ada Lovelace ada@described.test", "Bob Berg bob@described.test"]);

    // One is changed in each.
    crm.edit("contacts", &ada, json!({ "last_name": "King" }));
    let all = books.control("GET", "/_sim/state", None)["Contacts"].as_array().cloned().expect("contacts");
    let bob = all.iter().find(|own| own["EmailAddress"] == "bob@described.test").expect("Bob")["ContactID"].clone();
    books.call("POST", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [{ "ContactID": bob, "FirstName": "Bobby" }] })));
    hub::settle(&project);
    assert_eq!(people(), ["Ada King ada@described.test", "Bobby Berg bob@described.test"]);

    // Nothing is left to do, by the system's own log.
    let before = crm.api.writes();
    project.sync(&["--full"]);
    assert_eq!(crm.api.writes(), before);

    // Deleted in the books, deleted in the CRM.
    books.call("POST", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [{ "ContactID": bob, "ContactStatus": "ARCHIVED" }] })));
    let asked = (0..4).any(|_| {
        hub::settle(&project);
        let reviews = project.json(&["review", "list"])["reviews"].as_array().cloned().unwrap_or_default();
        reviews.iter().for_each(|review| {
            project.json(&["review", "decide", &review["id"].to_string(), "approve", "--reason", "asked him"]);
        });
        crm.contacts().len() == 1
    });
    assert!(asked, "{:#?}", crm.contacts());
    assert_eq!(people(), ["Ada King ada@described.test"]);
    assert_eq!(hub::status(&project).dead_letters, 0);
}
