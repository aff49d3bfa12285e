//! Request Tracker as the people who work in it use it: its own REST interface, by small calls of our own.
//!
//! Shares nothing with the plugin. Must not know the hub.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::real::{Api, Person, distinct, text};

/// Users that are seeded and stay.
const SEEDED: [&str; 4] = ["RT_System", "Nobody", "root", "hub"];
const FIELDS: &str = "fields=id,Name,RealName,EmailAddress,Address1,Zip,City,Organization&per_page=100&orderby=id";

/// Request Tracker, through its REST interface.
pub(crate) struct Tracker {
    /// It.
    pub(crate) api: Api,
}

impl Tracker {
    /// The running one, emptied: users cannot be deleted, so they give up their names and mailboxes.
    pub(crate) fn open() -> Option<Self> {
        let tracker = Self { api: Api::named("NAVE_RT", "token")? };
        for user in tracker.list("&find_disabled_rows=1") {
            if text(&user["Name"]).starts_with("gone-") {
                continue;
            }
            let id = id(&user);
            tracker.edit(id, json!({ "Name": format!("gone-{id}"), "EmailAddress": "", "Disabled": 1 }));
        }
        let tickets = tracker.api.call("GET", "/tickets?query=id%3E0&per_page=100", None);
        for ticket in tickets["items"].as_array().into_iter().flatten() {
            tracker.api.call("DELETE", &format!("/ticket/{}", text(&ticket["id"])), None);
        }
        Some(tracker)
    }

    /// Every user who is not disabled and not seeded.
    pub(crate) fn users(&self) -> Vec<Value> {
        self.list("")
    }

    /// Every user who is not seeded, page by page.
    fn list(&self, more: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let query = "query=%5B%7B%22field%22%3A%22id%22%2C%22operator%22%3A%22%3E%22%2C%22value%22%3A0%7D%5D";
            let answer = self.api.call("GET", &format!("/users?{query}&{FIELDS}&page={page}{more}"), None);
            let items = answer["items"].as_array().cloned().unwrap_or_default();
            let last = items.len() < 100;
            all.extend(items.into_iter().filter(|user| !SEEDED.contains(&text(&user["Name"]).as_str())));
            if last {
                break;
            }
        }
        all
    }

    /// The id of the one user of this real name.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> u64 {
        let found: Vec<Value> = self.users().into_iter().filter(|user| user["RealName"] == name).collect();
        assert_eq!(found.len(), 1, "users that are called {name:?} in Request Tracker: {found:#?}");
        id(&found[0])
    }

    /// Makes a user, and says what its id is.
    #[track_caller]
    pub(crate) fn create(&self, user: Value) -> u64 {
        let name = text(&self.api.call("POST", "/user", Some(&user))["id"]);
        id(&self.api.call("GET", &format!("/user/{name}"), None))
    }

    /// Changes what is named.
    #[track_caller]
    pub(crate) fn edit(&self, id: u64, user: Value) {
        self.api.call("PUT", &format!("/user/{id}"), Some(&user));
    }

    /// What Request Tracker has in place of deleting.
    #[track_caller]
    pub(crate) fn disable(&self, id: u64) {
        self.api.call("DELETE", &format!("/user/{id}"), None);
    }

    /// Makes a ticket.
    #[track_caller]
    pub(crate) fn ticket(&self, subject: &str, requestor: &str) -> String {
        let body = json!({ "Queue": "General", "Subject": subject, "Requestor": requestor, "Content": "hi", "ContentType": "text/plain" });
        text(&self.api.call("POST", "/ticket", Some(&body))["id"])
    }

    /// Answers whoever wrote a ticket.
    #[track_caller]
    pub(crate) fn answer(&self, ticket: &str, text: &str) {
        let body = json!({ "Content": text, "ContentType": "text/plain" });
        self.api.call("POST", &format!("/ticket/{ticket}/correspond"), Some(&body));
    }

    /// Its customers.
    pub(crate) fn persons(&self) -> BTreeSet<Person> {
        let seen = |user: &Value| Person {
            name: text(&user["RealName"]),
            email: text(&user["EmailAddress"]),
            address: ["Address1", "Zip", "City"].map(|field| text(&user[field])),
            company: String::new(),
        };
        distinct(self.users().iter().map(seen).collect())
    }
}

/// A user's number, as text or as number.
#[track_caller]
pub(crate) fn id(user: &Value) -> u64 {
    let id = user["id"].as_u64().or_else(|| user["id"].as_str()?.parse().ok());
    id.unwrap_or_else(|| panic!("no user: {user}"))
}
