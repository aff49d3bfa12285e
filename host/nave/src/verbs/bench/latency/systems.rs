//! The three systems, as data: how the hub is connected to each, how somebody is renamed there, and how it shows whom it holds.

use std::fmt::Write as _;

use nave_sim::System;
use serde_json::{Value as Json, json};

/// A request that stands for what a person does there: method, path, body.
pub(super) type Act = (&'static str, String, Json);

/// One system.
pub(super) struct Spoken {
    /// Of its connection, too.
    pub(super) name: &'static str,
    pub(super) sim: System,
    pub(super) plugin: &'static str,
    stream: &'static str,
    /// From the base URL and the tenant.
    pub(super) settings: fn(&str, &str) -> Vec<String>,
    marker: &'static str,
    /// Paths of e-mail, first and last name.
    paths: [&'static str; 3],
    /// More of `[flow.in]`, and of the mapping.
    filter: &'static str,
    more: &'static str,
    /// What it shows by its exports of what changed is a minute old: the vendor's rule, whoever asks however often.
    pub(super) held_back: bool,
    /// Somebody gets another last name: by id and e-mail.
    pub(super) rename: fn(&str, &str) -> Act,
    /// Everybody who is there.
    pub(super) show: fn(&Json) -> Vec<Person>,
}

/// Somebody, as a system shows them.
pub(super) struct Person {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) last_name: String,
}

pub(super) const FIRST_NAME: &str = "Ada";

/// Those that take part. People are made in the first.
pub(super) static ALL: [Spoken; 3] = [
    Spoken {
        name: "crm",
        sim: System::Crm,
        plugin: "hubspot",
        stream: "contacts",
        settings: |url, _| vec![format!("url={url}")],
        marker: "properties.nave_id",
        paths: ["properties.email", "properties.firstname", "properties.lastname"],
        filter: "",
        more: "",
        held_back: false,
        rename: |id, name| ("PATCH", format!("/crm/v3/objects/contacts/{id}"), json!({ "properties": { "lastname": name } })),
        show: |state| {
            let rows = state["contacts"].as_array().into_iter().flatten();
            let alive = rows.filter(|row| row["archived"] != true && !row["merged_into"].is_string());
            let own = |row: &Json, name: &str| text(&row["properties"][name]);
            alive.map(|row| Person { id: text(&row["id"]), email: own(row, "email"), last_name: own(row, "lastname") }).collect()
        },
    },
    Spoken {
        name: "books",
        sim: System::Books,
        plugin: "xero",
        stream: "contacts",
        settings: |url, tenant| vec![format!("url={url}/api.xro/2.0"), format!("tenant={tenant}")],
        marker: "ContactNumber",
        paths: ["EmailAddress", "FirstName", "LastName"],
        filter: "",
        more: "\n[[field]]\nremote = \"Name\"\ncanonical = \"email\"\ndirection = \"out\"\n",
        held_back: false,
        rename: |id, name| {
            let contact = json!({ "ContactID": id, "LastName": name });
            ("POST", format!("/api.xro/2.0/Contacts/{id}"), json!({ "Contacts": [contact] }))
        },
        show: |state| {
            let rows = state["Contacts"].as_array().into_iter().flatten().filter(|row| row["ContactStatus"] == "ACTIVE");
            let person = |row: &Json| Person {
                id: text(&row["ContactID"]),
                email: text(&row["EmailAddress"]),
                last_name: text(&row["LastName"]),
            };
            rows.map(person).collect()
        },
    },
    Spoken {
        name: "desk",
        sim: System::Desk,
        plugin: "zendesk",
        stream: "users",
        settings: |url, _| vec![format!("url={url}")],
        marker: "external_id",
        paths: ["email", "first_name", "last_name"],
        filter: "filter = \"role = 'end-user'\"\n",
        more: "",
        held_back: true,
        rename: |id, name| ("PUT", format!("/api/v2/users/{id}"), json!({ "user": { "name": format!("{FIRST_NAME} {name}") } })),
        show: |state| {
            let rows = state["users"].as_array().into_iter().flatten();
            let alive = rows.filter(|row| row["deleted"] != true && row["role"] == "end-user");
            let person = |row: &Json| Person {
                id: row["id"].as_u64().map_or_else(|| text(&row["id"]), |id| id.to_string()),
                email: text(&row["email"]),
                last_name: text(&row["name"]).rsplit(' ').next().unwrap_or_default().to_owned(),
            };
            alive.map(person).collect()
        },
    },
];

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Somebody new, in the first of [`ALL`].
pub(super) fn make(email: &str) -> Act {
    let person = json!({ "email": email, "firstname": FIRST_NAME, "lastname": "Start" });
    ("POST", "/crm/v3/objects/contacts".to_owned(), json!({ "properties": person }))
}

impl Spoken {
    /// `mappings/NAME.toml`: people both ways, read this often.
    pub(super) fn mapping(&self, freshness: &str) -> String {
        let Self { name, stream, marker, filter, .. } = self;
        let mut out = format!(
            "connection = \"{name}\"\nstream = \"{stream}\"\nentity = \"contact\"\nsteward = \"bench\"\nmarker = \"{marker}\"\n\
             duplicates = \"review\"\n\n[flow.in]\nfreshness = \"{freshness}\"\n{filter}\n[flow.out]\nfreshness = \"{freshness}\"\n"
        );
        for (path, canonical) in self.paths.iter().zip(["email", "first_name", "last_name"]) {
            let read = if canonical == "email" { "trim | lower" } else { "trim" };
            let _ = write!(
                out,
                "\n[[field]]\nremote = \"{path}\"\ncanonical = \"{canonical}\"\ndirection = \"both\"\nin = \"{read}\"\n\
                 because = \"it is edited everywhere\"\n"
            );
        }
        out.push_str(self.more);
        out
    }
}

/// `entities/contact.toml`: who was last wins, and one mailbox is one person.
pub(super) fn entity() -> String {
    let mut out = String::new();
    for field in ["email", "first_name", "last_name"] {
        let _ = writeln!(out, "[fields.{field}]\nsurvivorship = \"newest\"\nbecause = \"who was last knows best\"\n");
    }
    out.push_str("[[match]]\nkey = \"email\"\nagree = []\n");
    out
}
