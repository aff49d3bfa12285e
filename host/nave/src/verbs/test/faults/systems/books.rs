//! `books`, in Xero's manner. Every active contact's `Name` is unique there: the mailbox is what they are called by.

use nave_sim::System;
use serde_json::{Value as Json, json};

use super::{Shown, Spelled, Spoken, Texts, text, texts};

pub(super) const BOOKS: Spoken = Spoken {
    sim: System::Books,
    plugin: "xero",
    stream: "contacts",
    kind: "Contacts",
    settings: |url, tenant| vec![("url", format!("{url}/api.xro/2.0")), ("tenant", tenant.to_owned())],
    fields: &[
        Spelled { canonical: "email", path: "EmailAddress", own: "EmailAddress" },
        Spelled { canonical: "first_name", path: "FirstName", own: "FirstName" },
        Spelled { canonical: "last_name", path: "LastName", own: "LastName" },
        Spelled { canonical: "job_title", path: "AccountNumber", own: "AccountNumber" },
    ],
    marker: Some("ContactNumber"),
    marker_own: "ContactNumber",
    unmapped: "BankAccountDetails",
    tables: "\n[[field]]\nremote = \"Name\"\ncanonical = \"email\"\ndirection = \"out\"\n",
    technical: &["ContactID", "UpdatedDateUTC", "Name", "ContactStatus"],
    make: |texts| ("PUT", "/api.xro/2.0/Contacts".to_owned(), json!({ "Contacts": [named(texts)] })),
    edit: |id, texts| {
        let mut contact = json!(texts);
        contact["ContactID"] = id.into();
        ("POST", format!("/api.xro/2.0/Contacts/{id}"), json!({ "Contacts": [contact] }))
    },
    made: |answer| text(&answer["Contacts"][0]["ContactID"]),
    show: |state| {
        let shown = state["Contacts"].as_array().into_iter().flatten().map(|object| Shown {
            id: text(&object["ContactID"]),
            texts: texts(object),
            modified: text(&object["UpdatedDateUTC"]),
            gone: object["ContactStatus"] != "ACTIVE",
            company: String::new(),
        });
        shown.collect()
    },
};

fn named(texts: &Texts) -> Json {
    let mut contact = json!(texts);
    contact["Name"] = texts.get("EmailAddress").cloned().unwrap_or_default().into();
    contact
}
