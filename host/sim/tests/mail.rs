//! The mail system, through real HTTP.

mod common;

use common::Sim;
use nave_sim::System;
use serde_json::{Value, json};

const LIST: &str = "/3.0/lists/a1b2c3d4e5";
/// Of `ann@example.org`.
const ANN: &str = "8b5a6a28fc840441be692d74a81ccd1a";

fn member(email: &str, more: Value) -> Value {
    let mut member = json!({"email_address": email, "status": "subscribed"});
    member.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    member
}

#[tokio::test]
async fn requests_and_what_they_are_answered() {
    let sim = Sim::start(System::Mail, 0).await;
    let members = format!("{LIST}/members");
    let ann = sim.call("POST", &members, member("Ann@example.org", json!({"merge_fields": {"FNAME": "Ann"}}))).await.1;
    let one = format!("{members}/{}", ann["id"].as_str().unwrap());
    let contact = format!("{members}/{}", ann["contact_id"].as_str().unwrap());
    let n = Value::Null;
    sim.check(&[
        ("GET", &one, n.clone(), 200, "\"email_address\":\"ann@example.org\""),
        ("GET", &contact, n.clone(), 200, "\"full_name\":\"Ann\""),
        ("GET", &format!("{members}/ANN@example.org"), n.clone(), 200, "ann@example.org"),
        ("GET", &format!("{members}/nobody"), n.clone(), 404, "Resource Not Found"),
        ("GET", "/3.0/lists/none/members", n.clone(), 404, "Resource Not Found"),
        ("GET", &format!("{one}?fields=id"), n.clone(), 200, ann["id"].as_str().unwrap()),
        ("GET", &format!("{members}?count=1001"), n.clone(), 400, "1000 or less"),
        ("GET", &format!("{members}?shoe=1"), n.clone(), 400, "no such parameter"),
        ("GET", &format!("{members}?since_last_changed=soon"), n.clone(), 400, "date and time"),
        ("GET", &format!("{members}?sort_field=shoe"), n.clone(), 400, "last_changed, timestamp_opt"),
        ("PUT", &members, json!({}), 405, "Method Not Allowed"),
        ("POST", &members, member("ann@example.org", json!({})), 400, "Member Exists"),
        ("POST", &members, member("nobody", json!({})), 400, "valid email address"),
        ("POST", &members, json!({"email_address": "b@example.org"}), 400, "should not be blank"),
        ("POST", &members, member("b@example.org", json!({"status": "archived"})), 400, "must be one of"),
        ("POST", &members, member("b@example.org", json!({"shoe": 1})), 400, "no such field"),
        ("POST", &members, member("b@example.org", json!({"merge_fields": {"SHOE": "1"}})), 400, "no such merge field"),
        ("POST", &members, member("b@example.org", json!({"merge_fields": {"FNAME": "x".repeat(256)}})), 400, "255"),
        ("POST", &members, json!([1]), 400, "JSON Parse Error"),
        ("PATCH", &one, json!({"merge_fields": {"LNAME": "Other"}}), 200, "\"full_name\":\"Ann Other\""),
        ("PATCH", &format!("{members}/nobody"), json!({}), 404, "Resource Not Found"),
        ("PUT", &one, json!({"email_address": "ann@example.org", "status_if_new": "pending"}), 200, "\"status\":\"subscribed\""),
        (
            "PUT",
            &format!("{members}/0"),
            json!({"email_address": "new@example.org", "status_if_new": "pending"}),
            200,
            "\"status\":\"pending\"",
        ),
        ("PATCH", &format!("{members}/new@example.org"), json!({"email_address": "ann@example.org"}), 400, "Member Exists"),
        ("POST", &format!("{one}/tags"), json!({"tags": [{"name": "Fair", "status": "active"}]}), 204, ""),
        ("POST", &format!("{one}/tags"), json!({"tags": [{"name": "Fair", "status": "on"}]}), 400, "inactive, active"),
        ("GET", &format!("{one}/tags"), n.clone(), 200, "Fair"),
        ("GET", &format!("{LIST}/merge-fields"), n.clone(), 200, "\"tag\":\"NAVE_ID\""),
        ("GET", "/3.0/lists", n.clone(), 200, "Newsletter"),
        ("GET", "/3.0/campaigns?status=sent&list_id=a1b2c3d4e5", n.clone(), 200, "\"total_items\":1"),
        ("GET", "/3.0/campaigns/c0000001aa", n.clone(), 200, "Spring news"),
        ("POST", "/3.0/campaigns", json!({}), 405, "Method Not Allowed"),
        ("GET", "/3.0/ping", n.clone(), 200, "Chimpy"),
        ("GET", "/3.0/", n.clone(), 200, "account_name"),
        ("GET", "/2.0/ping", n.clone(), 404, ""),
        ("DELETE", &one, n.clone(), 204, ""),
        ("DELETE", &one, n.clone(), 405, "cannot be removed"),
        ("GET", &one, n.clone(), 200, "\"status\":\"archived\""),
        (
            "PUT",
            &one,
            json!({"email_address": "ann@example.org", "status_if_new": "subscribed"}),
            200,
            "\"status\":\"subscribed\"",
        ),
        ("POST", &format!("{one}/actions/delete-permanent"), n.clone(), 204, ""),
        ("GET", &one, n.clone(), 404, "Resource Not Found"),
        ("POST", &members, member("ann@example.org", json!({})), 400, "Forgotten Email"),
    ])
    .await;
    assert_eq!(ann["id"], ANN);
}

#[tokio::test]
async fn nobody_gets_in_without_a_key() {
    use base64::Engine as _;
    let sim = Sim::start(System::Mail, 0).await;
    let token = sim.running.credential.token.clone();
    let basic =
        |password: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("anybody:{password}")));
    for (authorization, status) in
        [(basic(&token), 200), (basic("wrong"), 401), (format!("Bearer {token}"), 200), ("Bearer wrong".to_owned(), 401)]
    {
        let headers = [("authorization", authorization.as_str())];
        assert_eq!(sim.send("GET", "/3.0/ping", &headers, None).await.unwrap().0, status, "{authorization}");
    }
}

#[tokio::test]
async fn what_changed_since_is_shown_and_what_is_archived_only_when_asked_for() {
    let sim = Sim::start(System::Mail, 40).await;
    let all = async |query: &str| {
        let (mut seen, mut offset) = (Vec::new(), 0);
        loop {
            let page = sim.get(&format!("{LIST}/members?count=7&offset={offset}&{query}")).await;
            seen.extend(page["members"].as_array().unwrap().clone());
            offset += 7;
            if offset >= page["total_items"].as_u64().unwrap() {
                return seen;
            }
        }
    };
    let everybody = all("").await;
    let ids: std::collections::BTreeSet<String> = everybody.iter().map(|member| member["id"].to_string()).collect();
    assert_eq!(ids.len(), everybody.len());
    let since = "since_last_changed=2025-10-09T08:53:19%2B00:00";
    assert_eq!(all(since).await.len(), 0);
    let one = format!("{LIST}/members/{}", everybody[3]["id"].as_str().unwrap());
    sim.call("PATCH", &one, json!({"merge_fields": {"NAVE_ID": "7"}})).await;
    let changed = all(since).await;
    assert_eq!((changed.len(), &changed[0]["merge_fields"]["NAVE_ID"]), (1, &json!("7")));
    let sorted = all("sort_field=last_changed&sort_dir=DESC").await;
    assert_eq!(sorted[0]["id"], everybody[3]["id"]);

    sim.call("DELETE", &one, Value::Null).await;
    assert_eq!(all(since).await.len(), 0, "nobody says that it is gone");
    assert_eq!(all(&format!("{since}&status=archived")).await.len(), 1);
}

#[tokio::test]
async fn of_many_each_stands_for_itself() {
    let sim = Sim::start(System::Mail, 0).await;
    let batch = |update: bool| {
        let members =
            [member("a@example.org", json!({"language": "de"})), member("nobody", json!({})), member("b@example.org", json!({}))];
        json!({"members": members, "update_existing": update})
    };
    let count = |body: &Value| {
        let number = |name: &str| body[name].as_u64().unwrap();
        (number("total_created"), number("total_updated"), number("error_count"))
    };
    let (status, made) = sim.call("POST", LIST, batch(false)).await;
    assert_eq!((status, count(&made)), (200, (2, 0, 1)), "{made}");
    let (_, again) = sim.call("POST", LIST, batch(false)).await;
    assert_eq!((count(&again), &again["errors"][0]["error_code"]), ((0, 0, 3), &json!("ERROR_CONTACT_EXISTS")));
    let (_, updated) = sim.call("POST", LIST, batch(true)).await;
    assert_eq!(count(&updated), (0, 2, 1));
    let many: Vec<Value> = (0..501).map(|n| member(&format!("n{n}@example.org"), json!({}))).collect();
    assert_eq!(sim.call("POST", LIST, json!({"members": many})).await.0, 400);
}
