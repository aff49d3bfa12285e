//! Tryton ↔ hub ↔ BottleCRM, with a CSV drop as third source, through the mappings that the plugins bring. People make, change and delete
//! contacts and companies in the systems' own interfaces; afterwards both systems say the same, and what was deleted stays deleted (I7, I11).

use nave_tests::project::Project;
use serde_json::json;

use super::folder::Folder;
use super::hub::{self, settle};
use super::real::{self, BottleCrm, Company, Person, Tryton};

const CONTACTS: &str = r#"
connection = "old"
stream = "contacts"
entity = "contact"
steward = "ops"

[flow.in]
freshness = "1h"

[[field]]
remote = "FirstName"
canonical = "first_name"
direction = "in"
in = "trim"

[[field]]
remote = "LastName"
canonical = "last_name"
direction = "in"
in = "trim"

[[field]]
remote = "Email"
canonical = "email"
direction = "in"
in = "trim | lower"

[[field]]
remote = "City"
canonical = "address.city"
direction = "in"
in = "trim"

[[field]]
remote = "Company"
canonical = "company"
direction = "in"
in = "trim | lower | reference(`contacts#company`)"
"#;

const COMPANIES: &str = r#"
connection = "old"
stream = "contacts"
entity = "company"
steward = "ops"
id = "Company | trim | lower"

[flow.in]
freshness = "1h"

[[field]]
remote = "Company"
canonical = "name"
direction = "in"
in = "trim"
"#;

/// Everything that agrees.
struct Both {
    project: Project,
    tryton: Tryton,
    crm: BottleCrm,
    old: Folder,
}

impl Both {
    fn start(tryton: Tryton, crm: BottleCrm) -> Self {
        let project = Project::init();
        let drop = project.dir().parent().expect("a folder").join("drop");
        let old = Folder::new(&drop, "Id,FirstName,LastName,Email,City,Company");
        hub::connect_tryton(&project, &tryton, tryton.api.addr);
        hub::connect_crm(&project, &crm);
        project.install("files");
        project.connect_drop("old", &drop);
        project.write("mappings/old-contacts.toml", CONTACTS);
        project.write("mappings/old-companies.toml", COMPANIES);
        project.ok(&["mapping", "lint"]);
        Self { project, tryton, crm, old }
    }

    /// Syncs to the end; then both hold exactly these.
    #[track_caller]
    fn agree_on(&self, persons: &[Person], companies: &[Company]) {
        settle(&self.project);
        let (persons, companies) = (persons.iter().cloned().collect(), companies.iter().cloned().collect());
        assert_eq!(self.tryton.persons(), persons, "persons in Tryton");
        assert_eq!(self.crm.persons(), persons, "contacts in BottleCRM");
        assert_eq!(self.tryton.companies(), companies, "organisations in Tryton");
        assert_eq!(self.crm.companies(), companies, "accounts in BottleCRM");
        assert_eq!(hub::status(&self.project).dead_letters, 0);
    }
}

fn person(name: &str, email: &str, address: [&str; 3], company: &str) -> Person {
    Person { name: name.to_owned(), email: email.to_owned(), address: address.map(str::to_owned), company: company.to_owned() }
}

fn company(name: &str, email: &str, website: &str, address: [&str; 3]) -> Company {
    Company { name: name.to_owned(), email: email.to_owned(), website: website.to_owned(), address: address.map(str::to_owned) }
}

const NOWHERE: [&str; 3] = ["", "", ""];

#[test]
fn agreement() {
    let (Some(tryton), Some(crm)) = (Tryton::open(), BottleCrm::open()) else { return };
    let mut both = Both::start(tryton, crm);
    let (mut persons, mut companies) = made(&mut both);
    changed(&mut both, &mut persons, &mut companies);
    deleted(&mut both, &mut persons, &mut companies);
    deleted_everywhere(&both);

    hub::nothing_to_write(&both.project);
    let before = (both.tryton.api.writes(), both.crm.api.writes());
    hub::nothing_to_write(&both.project);
    assert_eq!((both.tryton.api.writes(), both.crm.api.writes()), before, "writes by the systems' own logs");
}

/// People make things in all three; one person is in two of them.
fn made(both: &mut Both) -> (Vec<Person>, Vec<Company>) {
    let beta = both.tryton.create(json!({
        "name": "Beta GmbH",
        "contact_mechanisms": [["create", [{ "type": "email", "value": "office@beta.test" }, { "type": "website", "value": "https://beta.test" }]]],
        "addresses": [["create", [{ "street": "Ring 1", "postal_code": "50667", "city": "Köln" }]]],
    }));
    both.tryton.create(json!({
        "name": "Bea Brandt",
        "contact_mechanisms": [["create", [{ "type": "email", "value": "bea@beta.test" }, { "type": "phone", "value": "+49 221 100" }]]],
        "addresses": [["create", [{ "street": "Weg 2", "postal_code": "50668", "city": "Köln" }]]],
        "relations": [["create", [{ "to": beta, "type": 1 }]]],
    }));
    let gamma = both.crm.create("accounts", json!({ "name": "Gamma Ltd", "website": "https://gamma.test", "city": "Leeds" }));
    both.crm.create(
        "contacts",
        json!({ "first_name": "Gus", "last_name": "Grant", "email": "gus@gamma.test", "account": gamma, "address_line": "Lane 3",
            "postcode": "LS1", "city": "Leeds" }),
    );
    both.old.put("1,Dora,Drop,dora@delta.test,Bonn,Delta AG");
    // The same as in Tryton: her e-mail and her last name are equal.
    both.old.put("2,Beatrice,Brandt,bea@beta.test,,");
    both.project.agree();
    let persons = vec![
        person("Beatrice Brandt", "bea@beta.test", ["Weg 2", "50668", "Köln"], "Beta GmbH"),
        person("Gus Grant", "gus@gamma.test", ["Lane 3", "LS1", "Leeds"], "Gamma Ltd"),
        person("Dora Drop", "dora@delta.test", ["", "", "Bonn"], "Delta AG"),
    ];
    let companies = vec![
        company("Beta GmbH", "office@beta.test", "https://beta.test", ["Ring 1", "50667", "Köln"]),
        company("Gamma Ltd", "", "https://gamma.test", ["", "", "Leeds"]),
        company("Delta AG", "", "", NOWHERE),
    ];
    both.agree_on(&persons, &companies);
    (persons, companies)
}

/// People change things in all three at once, also whom somebody works for.
fn changed(both: &mut Both, persons: &mut [Person], companies: &mut [Company]) {
    // BottleCRM corrects Bea's mailbox, Tryton her address.
    let bea = both.crm.contact("Brandt");
    both.crm.edit("contacts", &bea, json!({ "email": "b.brandt@beta.test" }));
    let party = both.tryton.party("Beatrice Brandt");
    let address = party["addresses"][0]["id"].clone();
    both.tryton.edit(real::id(&party), json!({ "addresses": [["write", [address], { "street": "Weg 22" }]] }));
    persons[0] = person("Beatrice Brandt", "b.brandt@beta.test", ["Weg 22", "50668", "Köln"], "Beta GmbH");
    // Gus is another's in Tryton now, and moves to Beta in BottleCRM.
    both.tryton.edit(real::id(&both.tryton.party("Gus Grant")), json!({ "name": "Gus Grantham" }));
    let gus = both.crm.contact("Grant");
    both.crm.edit("contacts", &gus, json!({ "account": both.crm.account("Beta GmbH") }));
    persons[1] = person("Gus Grantham", "gus@gamma.test", ["Lane 3", "LS1", "Leeds"], "Beta GmbH");
    // The old system knows Dora's new city.
    both.old.put("1,Dora,Drop,dora@delta.test,Trier,Delta AG");
    persons[2] = person("Dora Drop", "dora@delta.test", ["", "", "Trier"], "Delta AG");
    // Both know something of Delta.
    let delta = both.crm.account("Delta AG");
    both.crm.edit("accounts", &delta, json!({ "website": "https://delta.test", "city": "Trier" }));
    let party = both.tryton.party("Delta AG");
    let email = json!([["create", [{ "type": "email", "value": "info@delta.test" }]]]);
    both.tryton.edit(real::id(&party), json!({ "contact_mechanisms": email }));
    companies[2] = company("Delta AG", "info@delta.test", "https://delta.test", ["", "", "Trier"]);
    both.agree_on(persons, companies);
}

/// People delete. Nothing is deleted elsewhere by itself, and nothing comes back, not even when the other side changes it.
fn deleted(both: &mut Both, persons: &mut [Person], companies: &mut [Company]) {
    both.crm.delete("contacts", &both.crm.contact("Grantham"));
    both.tryton.delete(real::id(&both.tryton.party("Dora Drop")));
    both.crm.delete("accounts", &both.crm.account("Gamma Ltd"));
    both.old.remove("2");
    for _ in 0..3 {
        settle(&both.project);
        // An export that lacks a row says little; the next one that lacks it too says that it is gone.
        both.old.write();
    }
    let [bea, gus, dora] = [0, 1, 2].map(|index| persons[index].clone());
    // The row that called her Beatrice is gone. Tryton, which had called her Bea, was written that and holds it: it stands.
    let left = |both: &Both, tryton: &[&Person], crm: &[&Person]| {
        let set = |all: &[&Person]| all.iter().map(|person| (*person).clone()).collect();
        assert_eq!(both.tryton.persons(), set(tryton), "persons in Tryton");
        assert_eq!(both.crm.persons(), set(crm), "contacts in BottleCRM");
    };
    // Gus's company is detached there, not he from it.
    left(both, &[&bea, &gus], &[&bea, &dora]);
    assert_eq!(both.tryton.companies(), companies.iter().cloned().collect(), "organisations in Tryton");
    assert_eq!(both.crm.companies(), [companies[0].clone(), companies[2].clone()].into(), "accounts in BottleCRM");

    let party = both.tryton.party("Gus Grantham");
    both.tryton.edit(real::id(&party), json!({ "name": "Gustav Grantham" }));
    let gone = both.crm.contact("Drop");
    both.crm.edit("contacts", &gone, json!({ "city": "Mainz" }));
    settle(&both.project);
    let gus = Person { name: "Gustav Grantham".to_owned(), ..gus };
    let dora = Person { address: ["", "", "Mainz"].map(str::to_owned), ..dora };
    left(both, &[&bea, &gus], &[&bea, &dora]);
    assert_eq!(hub::status(&both.project).dead_letters, 0);
}

/// Where both mappings say so, a deletion in one system is carried to the other; a person is asked first about those that
/// somebody edited there.
fn deleted_everywhere(both: &Both) {
    let name = "Gone Everywhere";
    let emails = ["asked@delta.test", "gone@delta.test", "kept@delta.test"];
    let made = emails.map(|email| {
        let body = json!({ "name": name, "contact_mechanisms": [["create", [{ "type": "email", "value": email }]]] });
        both.tryton.create(body)
    });
    for mapping in ["mappings/erp-persons.toml", "mappings/crm-contacts.toml"] {
        both.project.write(mapping, &format!("delete = \"propagate\"\n{}", both.project.read(mapping)));
    }
    both.project.agree();
    settle(&both.project);
    let there = || -> Vec<String> {
        let mut emails: Vec<String> =
            both.crm.persons().into_iter().filter(|person| person.name == name).map(|person| person.email).collect();
        emails.sort();
        emails
    };
    assert_eq!(there(), emails);

    made.into_iter().for_each(|id| both.tryton.delete(id));
    for contact in both.crm.contacts().iter().filter(|contact| contact["email"] == emails[0] || contact["email"] == emails[2]) {
        let id = contact["id"].as_str().map_or_else(|| contact["id"].to_string(), str::to_owned);
        both.crm.edit("contacts", &id, json!({ "city": "Bonn" }));
    }
    // Tryton names no deleted party: what is missing is looked for twice.
    for _ in 0..3 {
        settle(&both.project);
    }
    let reviews = both.project.json(&["review", "list"])["reviews"].as_array().cloned().unwrap_or_default();
    assert_eq!(reviews.iter().map(|review| &review["kind"]).collect::<Vec<_>>(), ["delete", "delete"], "{reviews:#?}");
    assert_eq!(there(), ["asked@delta.test", "kept@delta.test"], "nobody has agreed yet to those");
    for (review, choice) in reviews.iter().zip(["approve", "refuse"]) {
        both.project.json(&["review", "decide", &review["id"].to_string(), choice, "--reason", "asked him"]);
    }
    settle(&both.project);
    assert_eq!(there().len(), 1, "one was agreed to");
    assert_eq!(both.tryton.persons().iter().filter(|person| person.name == name).count(), 0, "nothing comes back");
}
