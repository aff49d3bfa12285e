//! The desk's share of the population, and what they ask for.

use super::{
    Desk, ME,
    fields::{Kind, defaults},
    table::{Comment, Row},
};
use crate::{
    people::{Population, SEEDED_FROM_MS, Special},
    rng::Rng,
    simulated::Fields,
    wire::{Call, Reply},
};
use serde_json::{Value, json};

const SUBJECTS: &[&str] = &[
    "Invoice does not match the order",
    "Cannot sign in",
    "Delivery is late",
    "Question about the yearly licence",
    "Spare part arrived broken",
    "Please change our address",
    "Machine stops after start",
    "Training: which dates are free?",
];

const WORDS: &[&str] = &[
    "Please have a look, it is the second time this month.",
    "We need an answer by Friday.",
    "Thank you in advance.",
    "See the number on the delivery note.",
    "My colleague will be there tomorrow.",
];

fn row(id: u64, kind: Kind, at: (i64, i64), values: &[(&str, Value)]) -> Row {
    let mut fields: Fields = defaults(kind);
    for (name, value) in values {
        if value.as_str() != Some("") {
            fields.insert((*name).to_owned(), value.clone());
        }
    }
    Row { id, fields, created: at.0, modified: at.1, gone: false, comments: Vec::new() }
}

/// Whoever the credential belongs to.
pub(crate) fn me(desk: &mut Desk) {
    let at = SEEDED_FROM_MS - 400 * 86_400_000;
    let values =
        [("name", json!("Admin")), ("email", json!("admin@desk.example")), ("role", json!("admin")), ("verified", json!(true))];
    desk.tables[Kind::Users as usize].put(row(ME, Kind::Users, (at, at), &values));
}

/// Creation and last modification of the nth object. Both grow.
fn times(seed: u64, purpose: &str, nth: usize) -> (i64, i64) {
    let mut rng = Rng::new(seed, purpose, nth as u64);
    let nth = i64::try_from(nth).unwrap_or(0);
    let created = SEEDED_FROM_MS - 100 * 86_400_000 + nth * 2_017;
    (created, SEEDED_FROM_MS + nth / 2 * 35_003 + i64::try_from(rng.below(2)).unwrap_or(0) * 500)
}

pub(crate) fn fill(desk: &mut Desk, records: usize) {
    let seed = desk.seed;
    let all = Population::new(seed, records);
    let mut organizations = Vec::new();
    for (nth, company) in all.companies.iter().enumerate() {
        let id = desk.next_id(Kind::Organizations);
        let values = [("name", json!(company.name)), ("domain_names", json!([company.domain]))];
        desk.tables[Kind::Organizations as usize].put(row(
            id,
            Kind::Organizations,
            times(seed, "desk organization", nth),
            &values,
        ));
        organizations.push(id);
    }
    let mut agents = Vec::new();
    for (nth, name) in ["Robin Agent", "Kim Agent", "Alex Agent"].into_iter().enumerate().filter(|_| records > 0) {
        let id = desk.next_id(Kind::Users);
        let email = format!("agent{}@desk.example", nth + 1);
        let values = [("name", json!(name)), ("email", json!(email)), ("role", json!("agent")), ("verified", json!(true))];
        desk.tables[Kind::Users as usize].put(row(id, Kind::Users, (SEEDED_FROM_MS - 200 * 86_400_000, SEEDED_FROM_MS), &values));
        agents.push(id);
    }
    for (nth, person) in all.sample(seed, "desk people", records).into_iter().enumerate() {
        let id = desk.next_id(Kind::Users);
        let mut rng = Rng::new(seed, "desk view", person.index as u64);
        let organization = organizations.get(person.company).copied();
        // A desk knows people by what they sign with.
        let name = match (person.special, rng.below(10)) {
            (Special::LongName, _) => format!("{} {}", person.first, person.last.chars().take(40).collect::<String>()),
            (_, 0) => format!("{} {}", person.first.to_lowercase(), person.last.to_lowercase()),
            _ => format!("{} {}", person.first, person.last),
        };
        let email = if rng.chance(95) { json!(person.email) } else { Value::Null };
        let phone = if rng.chance(50) { person.mobile.as_ref().or(person.phone.as_ref()) } else { None };
        let values = [
            ("name", json!(name)),
            ("email", email),
            ("phone", json!(phone.map(|phone| phone.e164()))),
            ("organization_id", json!(organization)),
            ("locale", json!(person.locale.language)),
            ("verified", json!(rng.chance(70))),
        ];
        desk.tables[Kind::Users as usize].put(row(id, Kind::Users, times(seed, "desk user", nth), &values));
        for _ in 0..[0, 0, 1, 1, 2, 4][rng.below(6)] {
            ticket(desk, &mut rng, (id, organization), &agents);
        }
    }
}

fn ticket(desk: &mut Desk, rng: &mut Rng, (requester, organization): (u64, Option<u64>), agents: &[u64]) {
    let id = desk.next_id(Kind::Tickets);
    let at = times(desk.seed, "desk ticket", usize::try_from(id).unwrap_or(0));
    let status = rng.pick(&["new", "open", "open", "pending", "solved", "closed"]);
    let assignee = if status == "new" { None } else { agents.get(rng.below(agents.len())).copied() };
    let values = [
        ("subject", json!(rng.pick(SUBJECTS))),
        ("status", json!(status)),
        ("priority", json!([None, Some("low"), Some("normal"), Some("high"), Some("urgent")][rng.below(5)])),
        ("type", json!([None, Some("question"), Some("incident"), Some("problem")][rng.below(4)])),
        ("requester_id", json!(requester)),
        ("submitter_id", json!(requester)),
        ("assignee_id", json!(assignee)),
        ("organization_id", json!(organization)),
        ("tags", json!(["seeded"])),
    ];
    let mut row = row(id, Kind::Tickets, at, &values);
    for nth in 0..=rng.below(3) as u64 {
        let author = if nth % 2 == 1 { assignee.unwrap_or(requester) } else { requester };
        let created = at.0 + i64::try_from(nth).unwrap_or(0) * 3_600_000;
        row.comments.push(Comment {
            id: id * 1_000 + nth * 2 + 1,
            author,
            body: rng.pick(WORDS).to_owned(),
            public: true,
            created,
        });
    }
    desk.tables[Kind::Tickets as usize].put(row);
}

/// `GET ticket_fields`: the system's own.
pub(crate) fn ticket_fields(call: &Call) -> Reply {
    let base = super::base(call);
    let types = [
        ("subject", "Subject"),
        ("description", "Description"),
        ("status", "Status"),
        ("tickettype", "Type"),
        ("priority", "Priority"),
        ("assignee", "Assignee"),
    ];
    let fields: Vec<Value> = (1u64..)
        .zip(types)
        .map(|(nth, (kind, title))| {
            let id = 360_000_000_000 + nth;
            json!({
                "url": format!("{base}/api/v2/ticket_fields/{id}.json"), "id": id, "type": kind, "title": title, "raw_title": title,
                "description": "", "raw_description": "", "position": nth, "active": true, "required": false,
                "collapsed_for_agents": false, "regexp_for_validation": null, "title_in_portal": title, "raw_title_in_portal": title,
                "visible_in_portal": true, "editable_in_portal": true, "required_in_portal": false, "tag": null, "removable": false,
                "key": null, "agent_description": null,
            })
        })
        .collect();
    Reply::json(200, json!({"ticket_fields": fields, "next_page": null, "previous_page": null, "count": fields.len()}))
}
