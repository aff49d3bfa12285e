//! `crm`, in HubSpot's manner.

use nave_sim::System;
use serde_json::json;

use super::super::linked;
use super::{Shown, Spelled, Spoken, text, texts};

pub(super) const CRM: Spoken = Spoken {
    sim: System::Crm,
    plugin: "hubspot",
    stream: "contacts",
    kind: "contacts",
    settings: |url, _| vec![("url", url.to_owned())],
    fields: &[
        Spelled { canonical: "email", path: "properties.email", own: "email" },
        Spelled { canonical: "first_name", path: "properties.firstname", own: "firstname" },
        Spelled { canonical: "last_name", path: "properties.lastname", own: "lastname" },
        Spelled { canonical: "job_title", path: "properties.jobtitle", own: "jobtitle" },
    ],
    marker: Some("properties.nave_id"),
    marker_own: "nave_id",
    unmapped: "website",
    tables: "",
    technical: &[
        "hs_object_id",
        "createdate",
        "lastmodifieddate",
        "hs_merged_object_ids",
        "hs_additional_emails",
        "associatedcompanyid",
    ],
    make: |texts| ("POST", "/crm/v3/objects/contacts".to_owned(), json!({ "properties": texts })),
    edit: |id, texts| ("PATCH", format!("/crm/v3/objects/contacts/{id}"), json!({ "properties": texts })),
    made: |answer| text(&answer["id"]),
    show: |state| {
        let shown = state["contacts"].as_array().into_iter().flatten().map(|object| Shown {
            id: text(&object["id"]),
            texts: texts(&object["properties"]),
            modified: text(&object["properties"]["lastmodifieddate"]),
            gone: object["archived"] == true || object["merged_into"].is_string(),
            company: linked::employer(state, object),
        });
        shown.collect()
    },
};
