//! `legacy`: a folder of CSV exports, read and never written.

use nave_sim::System;
use serde_json::json;

use super::{Shown, Spelled, Spoken, text, texts};

pub(super) const LEGACY: Spoken = Spoken {
    sim: System::Legacy,
    plugin: "files",
    stream: "contacts",
    kind: "contacts",
    settings: |_, _| Vec::new(),
    fields: &[
        Spelled { canonical: "email", path: "Email", own: "Email" },
        Spelled { canonical: "first_name", path: "FirstName", own: "FirstName" },
        Spelled { canonical: "last_name", path: "LastName", own: "LastName" },
        Spelled { canonical: "job_title", path: "JobTitle", own: "JobTitle" },
    ],
    marker: None,
    marker_own: "",
    unmapped: "Street",
    tables: "",
    technical: &[],
    make: |texts| ("POST", "/rows".to_owned(), json!(texts)),
    edit: |id, texts| ("PATCH", format!("/rows/{id}"), json!(texts)),
    made: |answer| text(&answer["id"]),
    show: |state| {
        let shown = state["contacts"].as_array().into_iter().flatten().map(|row| Shown {
            id: text(&row["id"]),
            texts: texts(&row["cells"]),
            modified: row["modified"].to_string(),
            gone: row["gone"] == true,
            company: String::new(),
        });
        shown.collect()
    },
};
