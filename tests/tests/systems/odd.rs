//! Line 117 of the attack list, on real systems: a value that is searched for stays a value. What the system itself answers is
//! heard on the way: whoever did not ask for somebody is not told of them, whatever the connector would drop afterwards.

use std::net::SocketAddr;

use nave_tests::project::Project;
use serde_json::{Value, json};

use super::hub;
use super::proxy::Proxy;
use super::real::{BottleCrm, Tryton, text};
use super::tracker::Tracker;

/// Nobody asks for this one.
const BYSTANDER: &str = "Bystander";
const ODD: [&str; 16] = [
    "O'Brien",
    "' OR 1=1 --",
    "' OR id > 0 OR Subject = '",
    "\\' OR id > 0 OR Subject = \\'",
    "\" OR id > 0 OR \"a\"=\"a",
    "back\\slash",
    "1 OR id > 0",
    "%",
    "_%",
    "B%",
    "Bystande_",
    "*)(uid=*",
    "`id` $(id)",
    "x&limit=100",
    "a#b?c=d;e,f",
    "a/../b",
];
/// In place of an id.
const NO_IDS: [&str; 6] = ["1/history", "1/../2", "1%2Fhistory", "1?x=1", "1 OR id > 0", "'"];

/// A connection, as a person calls its functions.
struct Asked<'p> {
    project: &'p Project,
    proxy: &'p Proxy,
    connection: &'static str,
}

impl Asked<'_> {
    fn call(&self, function: &str, arguments: &[&str]) -> (Option<i32>, String) {
        // As JSON, so that each is the text that it is.
        let arguments: Vec<String> = arguments.iter().map(|text| json!(text).to_string()).collect();
        let mut all = vec!["plugin", "call", self.connection, function, "--"];
        all.extend(arguments.iter().map(String::as_str));
        let ran = self.project.run(&all);
        (ran.code, ran.out)
    }

    /// Who has this value is found, and nobody else; nor does the system tell of anybody else.
    #[track_caller]
    fn check(&self, stream: &str, path: &str, value: &str, there: &str) {
        self.proxy.hear();
        let (code, found) = self.call("find", &[stream, path, value]);
        let heard = self.proxy.heard();
        assert_eq!(code, Some(0), "{path} {value:?}: {found}");
        let found: Value = serde_json::from_str(&found).expect("JSON");
        let bodies: Vec<Value> = found.as_array().into_iter().flatten().map(|record| record["body"].clone()).collect();
        let shown: Vec<String> = bodies.iter().map(|body| text(&body[path])).collect();
        assert_eq!(shown, if there.is_empty() { vec![] } else { vec![there.to_owned()] }, "{path} {value:?}: {found:#}");
        assert!(!heard.is_empty(), "the system was asked for {value:?}");
        assert!(heard.iter().all(|answer| !answer.contains(BYSTANDER)), "{path} {value:?}: {heard:#?}");
    }

    /// What is no id is not asked for, or gone for good: nothing comes of it.
    #[track_caller]
    fn no_id(&self, stream: &str) {
        for id in NO_IDS {
            self.proxy.hear();
            let (code, found) = self.call("get", &[stream, id]);
            let heard = self.proxy.heard();
            assert!(code != Some(0) || found.trim() == "[]", "{stream} {id:?}: {found}");
            assert!(heard.iter().all(|answer| !answer.contains(BYSTANDER)), "{stream} {id:?}: {heard:#?}");
        }
    }
}

#[track_caller]
fn asked(
    connect: impl FnOnce(&Project, SocketAddr),
    upstream: SocketAddr,
    connection: &'static str,
    check: impl FnOnce(&Asked<'_>),
) {
    let (project, proxy) = (Project::init(), Proxy::start(upstream));
    connect(&project, proxy.addr);
    check(&Asked { project: &project, proxy: &proxy, connection });
}

#[test]
fn no_value_changes_a_query_of_request_tracker() {
    let Some(tracker) = Tracker::open() else { return };
    tracker.create(json!({ "Name": BYSTANDER, "RealName": BYSTANDER, "EmailAddress": "bystander@odd.test" }));
    tracker.ticket(BYSTANDER, "bystander@odd.test");
    for odd in ODD {
        tracker.ticket(odd, "somebody@odd.test");
    }
    let addr = tracker.api.addr;
    asked(
        |project, addr| hub::connect_tracker(project, &tracker, addr),
        addr,
        "desk",
        |desk| {
            for odd in ODD {
                desk.check("tickets", "Subject", odd, odd);
                desk.check("users", "Name", odd, "");
                desk.check("users", "EmailAddress", odd, "");
            }
            // This server decodes a slash before it looks for a route: below a thing lie others.
            let other = tracker.api.call("GET", "/user/1%2Fhistory", None);
            assert!(other["items"].is_array(), "{other}");
            desk.no_id("users");
            desk.no_id("tickets");
        },
    );
}

#[test]
fn no_value_changes_a_query_of_tryton() {
    let Some(tryton) = Tryton::open() else { return };
    let party = |name: &str, email: &str| {
        tryton.create(json!({ "name": name, "contact_mechanisms": [["create", [{ "type": "email", "value": email }]]] }));
    };
    party(BYSTANDER, "Bystander@odd.test");
    for odd in ODD {
        party(odd, odd);
    }
    let addr = tryton.api.addr;
    asked(
        |project, addr| hub::connect_tryton(project, &tryton, addr),
        addr,
        "erp",
        |erp| {
            for odd in ODD {
                erp.check("persons", "name", odd, odd);
                erp.check("persons", "email", odd, odd);
                erp.check("persons", "marker", odd, "");
                erp.check("contact-mechanisms", "value", odd, odd);
            }
            erp.check("persons", "email", "bystande_@odd.test", "");
            erp.no_id("persons");
            erp.no_id("contact-mechanisms");
        },
    );
}

#[test]
fn no_value_changes_a_question_to_bottlecrm() {
    let Some(crm) = BottleCrm::open() else { return };
    crm.create("contacts", json!({ "first_name": "B", "last_name": BYSTANDER, "email": "bystander@odd.test" }));
    crm.create("contacts", json!({ "first_name": "O", "last_name": "Brien", "email": "o'brien%_@odd.test" }));
    crm.create("accounts", json!({ "name": BYSTANDER }));
    for odd in ODD {
        crm.create("accounts", json!({ "name": odd }));
    }
    let addr = crm.api.addr;
    asked(
        |project, addr| hub::connect_crm_at(project, &crm, addr),
        addr,
        "crm",
        |asked| {
            for odd in ODD {
                asked.check("accounts", "name", odd, odd);
                asked.check("contacts", "email", odd, "");
                asked.check("contacts", "custom_fields.nave_id", odd, "");
            }
            asked.check("contacts", "email", "o'brien%_@odd.test", "o'brien%_@odd.test");
            asked.check("contacts", "email", "bystande_@odd.test", "");
            asked.no_id("contacts");
            asked.no_id("accounts");
        },
    );
}
