//! The desk, through real HTTP.

mod common;

use common::Sim;
use nave_sim::System;
use serde_json::{Value, json};

const USERS: &str = "/api/v2/users";
const TICKETS: &str = "/api/v2/tickets";

async fn user(sim: &Sim, user: Value) -> Value {
    let (status, body) = sim.call("POST", USERS, json!({"user": user})).await;
    assert_eq!(status, 201, "{body}");
    body["user"].clone()
}

async fn ticket(sim: &Sim, ticket: Value) -> Value {
    let (status, body) = sim.call("POST", &format!("{TICKETS}.json"), json!({"ticket": ticket})).await;
    assert_eq!(status, 201, "{body}");
    body["ticket"].clone()
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|object| object["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn requests_and_what_they_are_answered() {
    let sim = Sim::start(System::Desk, 0).await;
    let ann = user(&sim, json!({"name": "Ann", "email": "Ann@example.org", "external_id": "E-1"})).await;
    let one = format!("{USERS}/{}", ann["id"]);
    let n = Value::Null;
    let u = |user: Value| json!({"user": user});
    sim.check(&[
        ("GET", &one, n.clone(), 200, "\"email\":\"ann@example.org\""),
        ("GET", &format!("{one}.json"), n.clone(), 200, "\"role\":\"end-user\""),
        ("GET", &format!("{USERS}/me.json"), n.clone(), 200, "admin@desk.example"),
        ("GET", &format!("{USERS}/1"), n.clone(), 404, "RecordNotFound"),
        ("GET", &format!("{USERS}/search.json?external_id=E-1"), n.clone(), 200, "\"count\":1"),
        ("GET", &format!("{USERS}/search?query=ann@EXAMPLE.org"), n.clone(), 200, "\"count\":1"),
        ("GET", &format!("{USERS}/search?query=nn"), n.clone(), 200, "\"count\":1"),
        ("GET", &format!("{USERS}/search?query=bob"), n.clone(), 200, "\"count\":0"),
        ("GET", &format!("{USERS}/search"), n.clone(), 400, "Invalid attribute"),
        ("GET", &format!("{USERS}/show_many?external_ids=E-1,E-2"), n.clone(), 200, "\"count\":1"),
        ("GET", &format!("{USERS}?shoe=1"), n.clone(), 400, "no parameter shoe"),
        ("GET", &format!("{USERS}?per_page=101"), n.clone(), 400, "between 1 and 100"),
        ("GET", "/api/v2/horses", n.clone(), 404, "InvalidEndpoint"),
        ("PATCH", &one, u(json!({})), 405, "MethodNotAllowed"),
        ("POST", USERS, u(json!({"name": "B", "email": "ANN@example.org"})), 422, "already being used by another user"),
        ("POST", USERS, u(json!({"name": "B", "external_id": "e-1"})), 422, "DuplicateValue"),
        ("POST", USERS, u(json!({"email": "b@example.org"})), 422, "Name: cannot be blank"),
        ("POST", USERS, u(json!({"name": "B", "email": "nobody"})), 422, "not properly formatted"),
        ("POST", USERS, u(json!({"name": "B", "shoe": 1})), 400, "no such attribute"),
        ("POST", USERS, u(json!({"name": "B", "organization_id": 5})), 422, "5 does not exist"),
        ("POST", USERS, json!({"name": "B"}), 400, "name attribute"),
        ("POST", USERS, json!({}), 400, "ParameterMissing"),
        ("PUT", &one, u(json!({"phone": "+49301234567"})), 200, "\"phone\":\"+49301234567\""),
        ("POST", &format!("{USERS}/create_or_update"), u(json!({"external_id": "E-1", "name": "Anna"})), 200, "Anna"),
        ("POST", &format!("{USERS}/create_or_update"), u(json!({"email": "new@example.org", "name": "Neo"})), 201, "Neo"),
        ("POST", TICKETS, json!({"ticket": {"subject": "x"}}), 422, "Description: cannot be blank"),
        ("POST", TICKETS, json!({"ticket": {"comment": {"body": "x", "shoe": 1}}}), 400, "comment.shoe"),
        ("POST", "/api/v2/organizations", json!({"organization": {"name": "Org"}}), 201, "\"name\":\"Org\""),
        ("POST", "/api/v2/organizations", json!({"organization": {"name": "org"}}), 422, "has already been taken"),
        ("GET", "/api/v2/organizations/search?name=ORG", n.clone(), 200, "\"count\":1"),
        ("GET", "/api/v2/ticket_fields.json", n.clone(), 200, "tickettype"),
        ("GET", "/api/v2/user_fields", n.clone(), 200, "\"count\":0"),
        ("DELETE", &one, n.clone(), 200, "\"active\":false"),
        ("GET", &one, n.clone(), 200, "\"active\":false"),
        ("PUT", &one, u(json!({"name": "x"})), 404, "RecordNotFound"),
        ("DELETE", &format!("{USERS}/900000001"), n.clone(), 403, "yourself"),
        ("POST", USERS, u(json!({"name": "B", "email": "ann@example.org"})), 201, "ann@example.org"),
    ])
    .await;
}

#[tokio::test]
async fn nobody_gets_in_without_mailbox_and_token() {
    use base64::Engine as _;
    let sim = Sim::start(System::Desk, 0).await;
    let credential = sim.running.credential.clone();
    let basic = |user: &str, token: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{token}")))
    };
    let user = credential.user.clone().unwrap();
    assert_eq!(user, "admin@desk.example/token");
    for (authorization, status) in [
        (basic(&user, &credential.token), 200),
        (basic(&user, "wrong"), 401),
        (basic("admin@desk.example", &credential.token), 401),
        ("Basic x".to_owned(), 401),
        (format!("Bearer {}", credential.token), 200),
    ] {
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(sim.send("GET", USERS, &headers, None).await.unwrap().0, status, "{authorization}");
    }
}

#[tokio::test]
async fn tickets_have_requesters_comments_and_an_end() {
    let sim = Sim::start(System::Desk, 0).await;
    let made = ticket(
        &sim,
        json!({"subject": "Late", "comment": {"body": "Where <is> it?"}, "requester": {"name": "Ann", "email": "ann@example.org"}}),
    )
    .await;
    let found = sim.get(&format!("{USERS}/search?query=ann@example.org")).await;
    assert_eq!(made["requester_id"], found["users"][0]["id"]);
    assert_eq!((&made["id"], &made["status"], &made["description"]), (&json!(1), &json!("new"), &json!("Where <is> it?")));
    let again = ticket(&sim, json!({"comment": {"body": "Hello"}, "requester": {"email": "ann@example.org"}})).await;
    assert_eq!((&again["requester_id"], &again["id"]), (&made["requester_id"], &json!(2)));

    let one = format!("{TICKETS}/1");
    let put = |ticket: Value| json!({"ticket": ticket});
    let stale = json!({"status": "solved", "safe_update": true, "updated_stamp": "2025-10-09T08:53:19Z"});
    let fresh = json!({"status": "open", "safe_update": true, "updated_stamp": made["updated_at"]});
    sim.check(&[
        ("PUT", &one, put(stale), 409, "UpdateConflict"),
        ("PUT", &one, put(fresh), 200, "\"status\":\"open\""),
        ("PUT", &one, put(json!({"comment": {"body": "Found it", "public": false}})), 200, "Late"),
        ("GET", &format!("{one}/comments.json"), Value::Null, 200, "&lt;is&gt;"),
        ("GET", &format!("{one}/comments"), Value::Null, 200, "\"count\":2"),
        ("PUT", &one, put(json!({"status": "closed"})), 200, "closed"),
        ("PUT", &one, put(json!({"status": "open"})), 422, "closed prevents ticket update"),
        ("DELETE", &one, Value::Null, 204, ""),
        ("GET", &one, Value::Null, 404, "RecordNotFound"),
    ])
    .await;
}

#[tokio::test]
async fn a_key_gets_the_same_ticket() {
    let sim = Sim::start(System::Desk, 0).await;
    let send = async |body: &str| {
        let own = sim.own_headers();
        let mut headers: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.push(("idempotency-key", "k-1"));
        headers.push(("content-type", "application/json"));
        let body = json!({"ticket": {"comment": {"body": body}}}).to_string();
        let answer = sim.answer("POST", TICKETS, &headers, Some(body)).await.unwrap();
        let lookup = answer.headers().get("x-idempotency-lookup").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), lookup)
    };
    assert_eq!(send("Hello").await, (201, Some("miss".to_owned())));
    assert_eq!(send("Hello").await, (201, Some("hit".to_owned())));
    assert_eq!(send("Other").await.0, 400);
    assert_eq!(sim.state().await["tickets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn exports_hold_every_change_once_and_not_the_last_minute() {
    let sim = Sim::start(System::Desk, 30).await;
    let export = async |kind: &str, first: &str| {
        let (mut seen, mut query) = (Vec::new(), first.to_owned());
        loop {
            let page = sim.get(&format!("/api/v2/incremental/{kind}/cursor.json?per_page=7&{query}")).await;
            seen.extend(page[kind].as_array().unwrap().clone());
            let cursor = page["after_cursor"].as_str().unwrap().to_owned();
            assert!(page["after_url"].as_str().unwrap().ends_with(&format!("cursor={}", cursor.replace('=', "%3D"))), "{page}");
            if page["end_of_stream"] == true {
                return (seen, cursor);
            }
            query = format!("cursor={cursor}");
        }
    };
    let state = sim.state().await;
    let (users, cursor) = export("users", "start_time=0").await;
    // Whoever the credential belongs to is a user like others.
    assert_eq!(users.len(), state["users"].as_array().unwrap().len() + 1);
    let (tickets, _) = export("tickets", "start_time=0").await;
    assert_eq!(tickets.len(), state["tickets"].as_array().unwrap().len());

    let id = users[5]["id"].clone();
    sim.call("DELETE", &format!("{USERS}/{id}"), Value::Null).await;
    assert_eq!(export("users", &format!("cursor={cursor}")).await.0, Vec::<Value>::new(), "within the last minute");
    sim.pass(60);
    let (gone, after) = export("users", &format!("cursor={cursor}")).await;
    assert_eq!((gone.len(), &gone[0]["id"], &gone[0]["active"]), (1, &id, &json!(false)));
    assert_eq!(export("users", &format!("cursor={after}")).await.0, Vec::<Value>::new());

    sim.call("DELETE", &format!("{TICKETS}/1"), Value::Null).await;
    sim.pass(60);
    let since = format!("start_time={}", common::NOON / 1_000);
    assert_eq!(export("tickets", &since).await.0[0]["status"], "deleted");
    assert_eq!(export("tickets", &format!("{since}&exclude_deleted=true")).await.0, Vec::<Value>::new());

    let recent = format!("/api/v2/incremental/users/cursor?start_time={}", common::NOON / 1_000 + 61);
    sim.check(&[
        ("GET", &recent, Value::Null, 422, "Too recent start_time"),
        ("GET", "/api/v2/incremental/users/cursor", Value::Null, 400, "start time or a cursor"),
        ("GET", "/api/v2/incremental/users/cursor?cursor=x", Value::Null, 400, "InvalidPaginationParameter"),
        ("GET", "/api/v2/incremental/organizations?start_time=0", Value::Null, 200, "\"end_of_stream\":true"),
    ])
    .await;
}

#[tokio::test]
async fn lists_are_paged_by_cursor_or_by_number() {
    let sim = Sim::start(System::Desk, 25).await;
    let mut by_cursor = Vec::new();
    let mut path = format!("{USERS}?page[size]=10");
    loop {
        let page = sim.get(&path).await;
        by_cursor.extend(ids(&page["users"]));
        let Some(next) = page["links"]["next"].as_str() else { break };
        assert_eq!(page["meta"]["has_more"], true);
        path = next.strip_prefix("http://sim").unwrap().to_owned();
    }
    let mut by_number = Vec::new();
    let mut path = format!("{USERS}.json?per_page=10");
    loop {
        let page = sim.get(&path).await;
        assert_eq!(page["count"], 29, "25 people, 3 agents, and the credential's own");
        by_number.extend(ids(&page["users"]));
        let Some(next) = page["next_page"].as_str() else { break };
        path = next.strip_prefix("http://sim").unwrap().to_owned();
    }
    assert_eq!(by_cursor, by_number);
    assert_eq!(by_cursor.len(), 29);
    assert_eq!(sim.get(&format!("{USERS}?role=agent")).await["count"], 3);
}

#[tokio::test]
async fn jobs_say_what_became_of_each() {
    let sim = Sim::start(System::Desk, 0).await;
    let job = async |method: &str, path: &str, body: Value| {
        let (status, started) = sim.call(method, path, body).await;
        assert_eq!((status, &started["job_status"]["status"]), (200, &json!("queued")), "{started}");
        let url = started["job_status"]["url"].as_str().unwrap().strip_prefix("http://sim").unwrap().to_owned();
        sim.get(&url).await["job_status"]["results"].clone()
    };
    let made =
        job("POST", &format!("{USERS}/create_many"), json!({"users": [{"name": "Ann"}, {"name": ""}, {"name": "Cy"}]})).await;
    let done: Vec<bool> = made.as_array().unwrap().iter().map(|result| result["success"] == true).collect();
    assert_eq!(done, [true, false, true], "{made}");
    let (ann, cy) = (&made[0]["id"], &made[2]["id"]);
    job("PUT", &format!("{USERS}/update_many"), json!({"users": [{"id": ann, "notes": "a"}, {"id": cy, "notes": "c"}]})).await;
    job("PUT", &format!("{USERS}/update_many?ids={ann},{cy}"), json!({"user": {"details": "both"}})).await;
    let shown = sim.get(&format!("{USERS}/show_many?ids={ann},{cy}")).await;
    let notes: Vec<(&Value, &Value)> = shown["users"].as_array().unwrap().iter().map(|u| (&u["notes"], &u["details"])).collect();
    assert_eq!(notes, [(&json!("a"), &json!("both")), (&json!("c"), &json!("both"))]);
    let gone = job("DELETE", &format!("{USERS}/destroy_many?ids={ann},5"), Value::Null).await;
    assert_eq!((&gone[0]["success"], &gone[1]["error"]), (&json!(true), &json!("RecordNotFound")));
    let many: Vec<Value> = (0..101).map(|n| json!({"name": n.to_string()})).collect();
    assert_eq!(sim.call("POST", &format!("{USERS}/create_many"), json!({"users": many})).await.0, 422);
}

#[tokio::test]
async fn two_users_become_one() {
    let sim = Sim::start(System::Desk, 0).await;
    let winner = user(&sim, json!({"name": "Ann"})).await["id"].clone();
    let loser = user(&sim, json!({"name": "Ann Other", "email": "ann@example.org"})).await["id"].clone();
    ticket(&sim, json!({"comment": {"body": "x"}, "requester_id": loser})).await;
    let (status, merged) = sim.call("PUT", &format!("{USERS}/{loser}/merge"), json!({"user": {"id": winner}})).await;
    assert_eq!((status, &merged["user"]["email"]), (200, &json!("ann@example.org")));
    assert_eq!(sim.get(&format!("{USERS}/{loser}")).await["user"]["active"], false);
    assert_eq!(sim.get(&format!("{TICKETS}/1")).await["ticket"]["requester_id"], winner);
    ticket(&sim, json!({"comment": {"body": "y"}})).await;
    sim.act(json!({"act": "merge", "object": "tickets", "winner": "2", "loser": "1"})).await;
    let closed = sim.get(&format!("{TICKETS}/1")).await["ticket"].clone();
    assert_eq!((&closed["status"], &closed["tags"]), (&json!("closed"), &json!(["closed_by_merge"])));
}
