//! Tryton and BottleCRM as the people who work in them use them: their own REST interfaces, by small calls of our own.
//!
//! Shares nothing with the plugins. Must not know the hub.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use nave_tests::http;
use serde_json::Value;

/// A person, as far as both systems know the same about one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Person {
    /// First and last name, one space between.
    pub(crate) name: String,
    /// Mailbox; empty: none.
    pub(crate) email: String,
    /// Street, postal code, city of the one address.
    pub(crate) address: [String; 3],
    /// Name of the company that the person works for; empty: none.
    pub(crate) company: String,
}

/// An organisation, likewise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Company {
    /// Name.
    pub(crate) name: String,
    /// Mailbox; empty: none.
    pub(crate) email: String,
    /// Web site; empty: none.
    pub(crate) website: String,
    /// Street, postal code, city.
    pub(crate) address: [String; 3],
}

/// One system's REST interface.
pub(crate) struct Api {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    /// Key or token.
    pub(crate) credential: String,
    /// Word before the credential.
    scheme: &'static str,
    path: String,
    log: PathBuf,
}

impl Api {
    /// The system that the start script's line in this variable names; none: the test is skipped.
    pub(crate) fn named(variable: &str, scheme: &'static str) -> Option<Self> {
        let Ok(line) = std::env::var(variable) else {
            println!("skipped: {variable} is not set; tests/systems/run.sh starts the real systems and sets it");
            return None;
        };
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{variable} ({error}): {line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("{variable} has no {name}: {line}")).to_owned();
        let base = text("base");
        let (authority, path) = base.trim_start_matches("http://").split_once('/').expect("an address with a path");
        let addr = authority.parse().expect("an address and a port");
        Some(Self { addr, credential: text("credential"), scheme, path: format!("/{path}"), log: text("requests").into() })
    }

    /// A request that must succeed.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let bearer = format!("{} {}", self.scheme, self.credential);
        let path = format!("{}{path}", self.path);
        let answer = http::request(self.addr, method, &path, &[("authorization", &bearer)], body);
        let answer = answer.unwrap_or_else(|| panic!("{method} {path}: no answer"));
        assert!(answer.status < 300, "{method} {path} {body:?}: {} {}", answer.status, answer.text);
        answer.json()
    }

    /// The folder of this running copy: its data, logs and pids.
    pub(crate) fn folder(&self) -> &Path {
        self.log.parent().expect("a log lies in a folder")
    }

    /// Requests so far that can have changed something, by the system's own log.
    pub(crate) fn writes(&self) -> usize {
        let log = std::fs::read(&self.log).unwrap_or_else(|error| panic!("{}: {error}", self.log.display()));
        let changes = |line: &&str| ["\"POST /", "\"PUT /", "\"PATCH /", "\"DELETE /"].iter().any(|verb| line.contains(verb));
        String::from_utf8_lossy(&log).lines().filter(changes).count()
    }
}

/// Tryton, through its REST interface.
pub(crate) struct Tryton {
    /// It.
    pub(crate) api: Api,
}

/// Everything on a party that the tests look at.
const PARTY: &str = "f=name&f=categories.name&f=contact_mechanisms.type&f=contact_mechanisms.value&f=addresses.street&f=addresses.postal_code\
    &f=addresses.city&f=identifiers.code&f=relations.to&f=relations.type";
/// The relation "works for", as seeded, and its reverse.
const WORKS_FOR: i64 = 1;
const EMPLOYS: i64 = 2;
/// Parties up to this id are seeded: they have invoices and stay.
const SEEDED: i64 = 2;

impl Tryton {
    /// The running one, emptied.
    pub(crate) fn open() -> Option<Self> {
        let tryton = Self { api: Api::named("NAVE_TRYTON", "Bearer")? };
        for party in tryton.parties() {
            if id(&party) > SEEDED {
                tryton.delete(id(&party));
            }
        }
        Some(tryton)
    }

    /// Every party.
    pub(crate) fn parties(&self) -> Vec<Value> {
        let all = self.api.call("GET", &format!("/party.party?s=10000&{PARTY}"), None);
        all.as_array().cloned().unwrap_or_default()
    }

    /// The one party of this name.
    #[track_caller]
    pub(crate) fn party(&self, name: &str) -> Value {
        let mut found: Vec<Value> = self.parties().into_iter().filter(|party| party["name"] == name).collect();
        assert_eq!(found.len(), 1, "parties that are called {name:?} in Tryton: {found:#?}\nof {:?}", names(&self.parties()));
        found.remove(0)
    }

    /// Makes a party.
    #[track_caller]
    pub(crate) fn create(&self, party: Value) -> i64 {
        id(&self.api.call("POST", "/party.party?f=name", Some(&party)))
    }

    /// Changes what is named.
    #[track_caller]
    pub(crate) fn edit(&self, id: i64, party: Value) {
        self.api.call("PUT", &format!("/party.party/{id}?f=name"), Some(&party));
    }

    /// Deletes a party.
    #[track_caller]
    pub(crate) fn delete(&self, id: i64) {
        self.api.call("DELETE", &format!("/party.party/{id}"), None);
    }

    /// Adds a contact mechanism to a party, by itself.
    #[track_caller]
    pub(crate) fn add_mechanism(&self, party: i64, kind: &str, value: &str) -> i64 {
        let body = serde_json::json!({ "party": party, "type": kind, "value": value });
        id(&self.api.call("POST", "/party.contact_mechanism?f=value", Some(&body)))
    }

    /// Changes one, by itself.
    #[track_caller]
    pub(crate) fn edit_mechanism(&self, id: i64, value: &str) {
        let body = serde_json::json!({ "value": value });
        self.api.call("PUT", &format!("/party.contact_mechanism/{id}?f=value"), Some(&body));
    }

    /// Deletes one, by itself.
    #[track_caller]
    pub(crate) fn delete_mechanism(&self, id: i64) {
        self.api.call("DELETE", &format!("/party.contact_mechanism/{id}"), None);
    }

    /// Persons that somebody made, or the hub.
    pub(crate) fn persons(&self) -> BTreeSet<Person> {
        let all = self.parties();
        let name = |id: i64| all.iter().find(|party| self::id(party) == id).map_or(String::new(), |party| text(&party["name"]));
        let person = |party: &&Value| id(party) > SEEDED && !is_company(party);
        let seen = |party: &Value| Person {
            name: text(&party["name"]),
            email: mechanism(party, "email"),
            address: address(party),
            company: works_for(party).map_or(String::new(), name),
        };
        let seen: Vec<Person> = all.iter().filter(person).map(seen).collect();
        distinct(seen)
    }

    /// The same, whole, by id.
    pub(crate) fn persons_by_id(&self) -> BTreeMap<String, Value> {
        let persons = self.parties().into_iter().filter(|party| id(party) > SEEDED && !is_company(party));
        persons.map(|party| (id(&party).to_string(), party)).collect()
    }

    /// Organisations that somebody made, or the hub.
    pub(crate) fn companies(&self) -> BTreeSet<Company> {
        let company = |party: &&Value| id(party) > SEEDED && is_company(party);
        let seen = |party: &Value| Company {
            name: text(&party["name"]),
            email: mechanism(party, "email"),
            website: mechanism(party, "website"),
            address: address(party),
        };
        distinct(self.parties().iter().filter(company).map(seen).collect())
    }
}

/// BottleCRM, through its REST interface.
pub(crate) struct BottleCrm {
    /// It.
    pub(crate) api: Api,
}

impl BottleCrm {
    /// The running one, emptied.
    pub(crate) fn open() -> Option<Self> {
        let crm = Self { api: Api::named("NAVE_BOTTLECRM", "Bearer")? };
        for contact in crm.contacts() {
            crm.delete("contacts", &text(&contact["id"]));
        }
        for account in crm.accounts() {
            crm.delete("accounts", &text(&account["id"]));
        }
        Some(crm)
    }

    /// Every contact.
    pub(crate) fn contacts(&self) -> Vec<Value> {
        self.api.call("GET", "/contacts/?limit=10000&offset=0", None)["results"].as_array().cloned().unwrap_or_default()
    }

    /// Every account that is open.
    pub(crate) fn accounts(&self) -> Vec<Value> {
        let all = self.api.call("GET", "/accounts/?limit=10000&offset=0", None);
        all["active_accounts"]["open_accounts"].as_array().cloned().unwrap_or_default()
    }

    /// The id of the one contact of this last name.
    #[track_caller]
    pub(crate) fn contact(&self, last_name: &str) -> String {
        let found: Vec<Value> = self.contacts().into_iter().filter(|contact| contact["last_name"] == last_name).collect();
        assert_eq!(found.len(), 1, "contacts that are called {last_name:?} in BottleCRM: {found:#?}");
        text(&found[0]["id"])
    }

    /// The id of the one account of this name.
    #[track_caller]
    pub(crate) fn account(&self, name: &str) -> String {
        let found: Vec<Value> = self.accounts().into_iter().filter(|account| account["name"] == name).collect();
        assert_eq!(found.len(), 1, "accounts that are called {name:?} in BottleCRM: {found:#?}");
        text(&found[0]["id"])
    }

    /// Makes a contact or an account.
    #[track_caller]
    pub(crate) fn create(&self, kind: &str, body: Value) -> String {
        text(&self.api.call("POST", &format!("/{kind}/"), Some(&body))["id"])
    }

    /// Changes what is named.
    #[track_caller]
    pub(crate) fn edit(&self, kind: &str, id: &str, body: Value) {
        self.api.call("PATCH", &format!("/{kind}/{id}/"), Some(&body));
    }

    /// Deletes a contact or an account.
    #[track_caller]
    pub(crate) fn delete(&self, kind: &str, id: &str) {
        self.api.call("DELETE", &format!("/{kind}/{id}/"), None);
    }

    /// Its contacts.
    pub(crate) fn persons(&self) -> BTreeSet<Person> {
        let seen = |contact: &Value| Person {
            name: format!("{} {}", text(&contact["first_name"]), text(&contact["last_name"])),
            email: text(&contact["email"]),
            address: [text(&contact["address_line"]), text(&contact["postcode"]), text(&contact["city"])],
            company: text(&contact["account_detail"]["name"]),
        };
        distinct(self.contacts().iter().map(seen).collect())
    }

    /// Its accounts, without those that Tryton is seeded with.
    pub(crate) fn companies(&self) -> BTreeSet<Company> {
        let seen = |account: &Value| Company {
            name: text(&account["name"]),
            email: text(&account["email"]),
            website: text(&account["website"]),
            address: [text(&account["address_line"]), text(&account["postcode"]), text(&account["city"])],
        };
        let seeded = |company: &Company| matches!(company.name.as_str(), "Nave Test GmbH" | "Radhaus Köln KG");
        distinct(self.accounts().iter().map(seen).filter(|company| !seeded(company)).collect())
    }
}

/// A set in which nothing was there twice.
#[track_caller]
pub(crate) fn distinct<T: Ord + Clone + std::fmt::Debug>(all: Vec<T>) -> BTreeSet<T> {
    let set: BTreeSet<T> = all.iter().cloned().collect();
    assert_eq!(set.len(), all.len(), "something is there twice: {all:#?}");
    set
}

/// A party's id.
pub(crate) fn id(party: &Value) -> i64 {
    party["id"].as_i64().unwrap_or_else(|| panic!("no party: {party}"))
}

fn names(parties: &[Value]) -> Vec<String> {
    parties.iter().map(|party| text(&party["name"])).collect()
}

fn rows<'a>(party: &'a Value, list: &str) -> impl Iterator<Item = &'a Value> {
    party[list].as_array().into_iter().flatten()
}

/// The first contact mechanism of a type.
fn mechanism(party: &Value, kind: &str) -> String {
    rows(party, "contact_mechanisms").find(|row| row["type"] == kind).map_or(String::new(), |row| text(&row["value"]))
}

/// A party's phone numbers, digits and plus signs only, sorted; one that is there twice is there twice.
pub(crate) fn phones(party: &Value) -> Vec<String> {
    let phones = rows(party, "contact_mechanisms").filter(|row| row["type"] == "phone" || row["type"] == "mobile");
    let mut phones: Vec<String> =
        phones.map(|row| text(&row["value"]).chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()).collect();
    phones.sort();
    phones
}

/// The id of the row with a phone number that is written like this.
#[track_caller]
pub(crate) fn phone_row(party: &Value, end: &str) -> i64 {
    rows(party, "contact_mechanisms")
        .find(|row| text(&row["value"]).ends_with(end))
        .map_or_else(|| panic!("no number ends in {end}: {party}"), id)
}

/// Marks that the hub left on a party.
pub(crate) fn markers(party: &Value) -> usize {
    rows(party, "identifiers").filter(|row| text(&row["code"]).starts_with("nave")).count()
}

/// Whom a party works for.
pub(crate) fn works_for(party: &Value) -> Option<i64> {
    rows(party, "relations").find(|row| row["type"] == WORKS_FOR).and_then(|row| row["to"].as_i64())
}

fn is_company(party: &Value) -> bool {
    rows(party, "relations").any(|row| row["type"] == EMPLOYS)
        || rows(party, "categories").any(|category| category["name"] == "Organisation")
}

fn address(party: &Value) -> [String; 3] {
    let first = rows(party, "addresses").next().cloned().unwrap_or_default();
    ["street", "postal_code", "city"].map(|field| text(&first[field]))
}

/// The text of a value; none is empty.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
