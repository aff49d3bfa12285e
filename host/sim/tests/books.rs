//! The books, through real HTTP.

mod common;

use common::Sim;
use nave_sim::System;
use serde_json::{Value, json};

const CONTACTS: &str = "/api.xro/2.0/Contacts";

async fn made(sim: &Sim, contact: Value) -> Value {
    let (status, body) = sim.call("PUT", CONTACTS, json!({"Contacts": [contact]})).await;
    assert_eq!(status, 200, "{body}");
    body["Contacts"][0].clone()
}

fn id(contact: &Value) -> &str {
    contact["ContactID"].as_str().unwrap()
}

fn names(body: &Value) -> Vec<&str> {
    body["Contacts"].as_array().unwrap().iter().map(|contact| contact["Name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn requests_and_what_they_are_answered() {
    let sim = Sim::start(System::Books, 20).await;
    let ann = made(&sim, json!({"Name": "Ann Other", "EmailAddress": "ann@example.org", "ContactNumber": "N-1"})).await;
    let one = format!("{CONTACTS}/{}", id(&ann));
    let n = Value::Null;
    let put = |contact: Value| json!({"Contacts": [contact]});
    sim.check(&[
        ("GET", &one, n.clone(), 200, "Ann Other"),
        ("GET", &format!("{CONTACTS}/N-1"), n.clone(), 200, "Ann Other"),
        ("GET", &format!("{CONTACTS}/N-2"), n.clone(), 404, "NotFound"),
        ("GET", &format!("{CONTACTS}?where=EmailAddress%3D%3D%22ANN@example.org%22"), n.clone(), 200, "Ann Other"),
        ("GET", &format!("{CONTACTS}?where=ContactNumber%3D%3D%22N-1%22"), n.clone(), 200, "Ann Other"),
        ("GET", &format!("{CONTACTS}?where=Shoe%3D%3D%22N-1%22"), n.clone(), 400, "QueryParseException"),
        ("GET", &format!("{CONTACTS}?where=Name%3D%3D"), n.clone(), 400, "QueryParseException"),
        ("GET", &format!("{CONTACTS}?order=Shoe"), n.clone(), 400, "No property or field 'Shoe'"),
        ("GET", &format!("{CONTACTS}?page=0"), n.clone(), 400, "page is a number from 1"),
        ("GET", &format!("{CONTACTS}?page=1&pageSize=1001"), n.clone(), 400, "at most 1000"),
        ("GET", &format!("{CONTACTS}?expand=1"), n.clone(), 400, "does not exist on this resource"),
        ("GET", &format!("{CONTACTS}?IDs={}", id(&ann)), n.clone(), 200, "Ann Other"),
        ("GET", &format!("{CONTACTS}?searchTerm=nn%20oth"), n.clone(), 200, "Ann Other"),
        ("GET", "/api.xro/2.0/Accounts", n.clone(), 404, "NotFound"),
        ("DELETE", &one, n.clone(), 405, "ApiMethodInvalidException"),
        ("PUT", &one, put(json!({"Name": "x"})), 405, "ApiMethodInvalidException"),
        ("POST", "/api.xro/2.0/Invoices", json!({"Invoices": []}), 405, "ApiMethodInvalidException"),
        ("PUT", CONTACTS, put(json!({"Name": "ann other"})), 400, "already assigned to another contact"),
        ("PUT", CONTACTS, put(json!({"Name": "B", "ContactNumber": "N-1"})), 400, "contact number N-1"),
        ("PUT", CONTACTS, put(json!({"FirstName": "B"})), 400, "must be specified"),
        ("PUT", CONTACTS, put(json!({"Name": "B", "Shoe": 1})), 400, "Shoe does not exist"),
        ("PUT", CONTACTS, put(json!({"Name": "x".repeat(256)})), 400, "maximum length of 255"),
        ("PUT", CONTACTS, json!({"Contacts": []}), 400, "NoDataProcessedException"),
        ("PUT", CONTACTS, json!({"Kontakte": []}), 400, "Kontakte"),
        ("PUT", CONTACTS, json!([1]), 400, "PostDataInvalidException"),
        (
            "POST",
            CONTACTS,
            put(json!({"ContactID": "00000000-0000-4000-8000-000000000000", "Name": "B"})),
            400,
            "could not be found",
        ),
        ("POST", CONTACTS, put(json!({"ContactNumber": "N-1", "LastName": "Other"})), 200, "\"LastName\":\"Other\""),
        ("POST", &one, json!({"FirstName": "Ann"}), 200, "\"FirstName\":\"Ann\""),
        ("POST", CONTACTS, put(json!({"Name": "Ann Other", "TaxNumber": "T1"})), 200, id(&ann)),
        ("POST", CONTACTS, put(json!({"Name": "Ann Other", "ContactNumber": "N-9"})), 400, "already assigned"),
        ("POST", CONTACTS, put(json!({"ContactNumber": "N-9", "Name": "Ben"})), 200, "\"ContactNumber\":\"N-9\""),
        ("GET", "/connections", n.clone(), 200, "tenantId"),
        ("GET", "/api.xro/2.0/Organisation", n.clone(), 200, "BaseCurrency"),
    ])
    .await;
}

#[tokio::test]
async fn nobody_gets_in_without_token_and_tenant() {
    let sim = Sim::start(System::Books, 1).await;
    let credential = sim.running.credential.clone();
    let bearer = format!("Bearer {}", credential.token);
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer wrong"), ("xero-tenant-id", credential.tenant_id.as_deref().unwrap())], 401),
        (vec![("authorization", bearer.as_str())], 403),
        (vec![("authorization", bearer.as_str()), ("xero-tenant-id", "other")], 403),
        (vec![("authorization", bearer.as_str()), ("xero-tenant-id", credential.tenant_id.as_deref().unwrap())], 200),
    ] {
        assert_eq!(sim.send("GET", CONTACTS, &headers, None).await.unwrap().0, status, "{headers:?}");
    }
    let body =
        format!("grant_type=client_credentials&client_id={}&client_secret={}", credential.client_id, credential.client_secret);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let (status, token) = sim.send("POST", "/identity/connect/token", &form, Some(body)).await.unwrap();
    assert_eq!((status, token["token_type"].as_str(), token["expires_in"].as_i64()), (200, Some("Bearer"), Some(1_800)));
}

#[tokio::test]
async fn pages_order_and_what_changed_since() {
    let sim = Sim::start(System::Books, 130).await;
    let mut seen = Vec::new();
    let mut page = 1;
    loop {
        let body = sim.get(&format!("{CONTACTS}?page={page}&pageSize=50")).await;
        let rows = body["Contacts"].as_array().unwrap().clone();
        assert_eq!(body["pagination"]["pageCount"], 3);
        seen.extend(rows.iter().map(|row| id(row).to_owned()));
        if rows.len() < 50 {
            assert_eq!(body["pagination"]["itemCount"], seen.len());
            break;
        }
        page += 1;
    }
    assert!(seen.len() >= 130);
    assert_eq!(seen.iter().collect::<std::collections::BTreeSet<_>>().len(), seen.len());

    let changed = made(&sim, json!({"Name": "Zz Last"})).await;
    let ms: i64 =
        changed["UpdatedDateUTC"].as_str().unwrap().trim_start_matches("/Date(").trim_end_matches("+0000)/").parse().unwrap();
    assert_eq!(ms, common::NOON);
    for since in ["2025-10-09T08:53:20", "2025-10-09T08:53:20.000Z", "Thu, 09 Oct 2025 08:53:20 GMT"] {
        let (status, body) =
            sim.call_with("GET", &format!("{CONTACTS}?page=1"), &[("if-modified-since", since)], Value::Null).await.unwrap();
        assert_eq!((status, names(&body)), (200, vec!["Zz Last"]), "{since}");
    }
    let (_, none) = sim.call_with("GET", CONTACTS, &[("if-modified-since", "2025-10-09T08:53:21")], Value::Null).await.unwrap();
    assert_eq!(none["Contacts"], json!([]));
    let body = sim.get(&format!("{CONTACTS}?page=1&pageSize=1&order=Name%20DESC")).await;
    assert!(!names(&body).is_empty());
    let last = sim.get(&format!("{CONTACTS}?page=1&pageSize=1&order=UpdatedDateUTC%20DESC")).await;
    assert_eq!(names(&last), ["Zz Last"]);
}

#[tokio::test]
async fn one_bad_element_refuses_all_unless_asked_otherwise() {
    let sim = Sim::start(System::Books, 0).await;
    let body = json!({"Contacts": [{"Name": "Good"}, {"Name": "Bad", "EmailAddress": "nobody"}, {"Name": "good"}]});
    let (status, refused) = sim.call("PUT", CONTACTS, body.clone()).await;
    assert_eq!(
        (status, &refused["ErrorNumber"], refused["Elements"].as_array().unwrap().len()),
        (400, &json!(10), 2),
        "{refused}"
    );
    assert_eq!(refused["Elements"][0]["ValidationErrors"][0]["Message"], "Email address must be valid.");
    assert_eq!(sim.get(CONTACTS).await["Contacts"], json!([]));
    let (status, mixed) = sim.call("PUT", &format!("{CONTACTS}?summarizeErrors=false"), body).await;
    let words: Vec<&str> =
        mixed["Contacts"].as_array().unwrap().iter().map(|c| c["StatusAttributeString"].as_str().unwrap()).collect();
    assert_eq!((status, words), (200, vec!["OK", "ERROR", "ERROR"]), "{mixed}");
    assert_eq!(names(&sim.get(CONTACTS).await), ["Good"]);
}

#[tokio::test]
async fn the_same_key_gets_the_same_answer() {
    let sim = Sim::start(System::Books, 0).await;
    let key = [("idempotency-key", "k-1")];
    let body = json!({"Contacts": [{"Name": "Once"}]});
    let first = sim.call_with("PUT", CONTACTS, &key, body.clone()).await.unwrap();
    let again = sim.call_with("PUT", CONTACTS, &key, body.clone()).await.unwrap();
    assert_eq!((first.0, &first), (200, &again));
    let (status, other) = sim.call_with("PUT", CONTACTS, &key, json!({"Contacts": [{"Name": "Twice"}]})).await.unwrap();
    assert_eq!(status, 400, "{other}");
    let (status, _) = sim.call_with("PUT", CONTACTS, &[("idempotency-key", "k-2")], body.clone()).await.unwrap();
    assert_eq!(status, 400, "another key is another request: the name is taken");
    let long = "k".repeat(129);
    assert_eq!(sim.call_with("PUT", CONTACTS, &[("idempotency-key", &long)], body).await.unwrap().0, 400);
    assert_eq!(names(&sim.get(CONTACTS).await), ["Once"]);
}

#[tokio::test]
async fn an_archived_contact_hides_and_frees_its_name() {
    let sim = Sim::start(System::Books, 0).await;
    let first = made(&sim, json!({"Name": "Ann"})).await;
    let path = format!("{CONTACTS}/{}", id(&first));
    assert_eq!(sim.call("POST", &path, json!({"ContactStatus": "ARCHIVED"})).await.0, 200);
    assert_eq!(sim.get(CONTACTS).await["Contacts"], json!([]));
    assert_eq!(names(&sim.get(&format!("{CONTACTS}?includeArchived=true")).await), ["Ann"]);
    made(&sim, json!({"Name": "Ann"})).await;
    let (status, body) = sim.call("POST", &path, json!({"ContactStatus": "ACTIVE"})).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn invoices_are_read_only_and_belong_to_contacts() {
    let sim = Sim::start(System::Books, 60).await;
    let page = sim.get("/api.xro/2.0/Invoices?page=1&pageSize=5").await;
    let invoice = &page["Invoices"][0];
    assert!(!invoice["LineItems"].as_array().unwrap().is_empty());
    let contact = sim.get(&format!("{CONTACTS}/{}", invoice["Contact"]["ContactID"].as_str().unwrap())).await;
    assert_eq!(contact["Contacts"][0]["Name"], invoice["Contact"]["Name"]);
    assert_eq!(contact["Contacts"][0]["IsCustomer"], true);
    let cents = |value: &Value| value.to_string().replace('.', "").parse::<i64>().unwrap();
    let lines: i64 = invoice["LineItems"].as_array().unwrap().iter().map(|line| cents(&line["LineAmount"])).sum();
    assert_eq!(lines, cents(&invoice["SubTotal"]));
    assert_eq!(cents(&invoice["Total"]), cents(&invoice["SubTotal"]) + cents(&invoice["TotalTax"]));
    let without = sim.get("/api.xro/2.0/Invoices").await;
    assert_eq!(without["Invoices"][0]["LineItems"], json!([]));
    let paid = sim.get("/api.xro/2.0/Invoices?where=Status%3D%3D%22PAID%22%20AND%20AmountDue%3D%3D0&page=1").await;
    assert!(paid["Invoices"].as_array().unwrap().iter().all(|invoice| invoice["Status"] == "PAID"));
    let one = sim.get(&format!("/api.xro/2.0/Invoices/{}", invoice["InvoiceNumber"].as_str().unwrap())).await;
    assert_eq!(one["Invoices"][0]["InvoiceID"], invoice["InvoiceID"]);
}
