//! The CRM, through real HTTP.

mod common;

use common::{Sim, ids, properties};
use nave_sim::{ObjectSchema, SimConfig, System};
use serde_json::{Value, json};

const CONTACTS: &str = "/crm/v3/objects/contacts";

async fn made(sim: &Sim, kind: &str, pairs: &[(&str, &str)]) -> String {
    let (status, body) = sim.call("POST", &format!("/crm/v3/objects/{kind}"), properties(pairs)).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn requests_and_what_they_are_answered() {
    let sim = Sim::start(System::Crm, 0).await;
    let ann = made(&sim, "contacts", &[("email", "ann@example.org"), ("firstname", "Ann")]).await;
    let one = format!("{CONTACTS}/{ann}");
    let n = Value::Null;
    let many = |count: usize| json!({"inputs": (0..count).map(|i| json!({"id": i.to_string()})).collect::<Vec<_>>()});
    sim.check(&[
        ("GET", &one, n.clone(), 200, "\"email\":\"ann@example.org\""),
        ("GET", &format!("{CONTACTS}/ann%40example.org?idProperty=email"), n.clone(), 200, &ann),
        ("GET", &format!("{CONTACTS}/ANN%40example.org?idProperty=email"), n.clone(), 200, &ann),
        ("GET", &format!("{CONTACTS}/Ann?idProperty=firstname"), n.clone(), 400, "not a unique property"),
        ("GET", &format!("{CONTACTS}/1"), n.clone(), 404, "OBJECT_NOT_FOUND"),
        ("GET", &format!("{one}?archived=true"), n.clone(), 404, "resource not found"),
        ("GET", &format!("{one}?properties=nickname"), n.clone(), 400, "PROPERTY_DOESNT_EXIST"),
        ("GET", &format!("{one}?expand=all"), n.clone(), 400, "Unknown query parameter"),
        ("GET", &format!("{one}?propertiesWithHistory=email"), n.clone(), 400, "not simulated"),
        ("GET", "/crm/v3/objects/horses", n.clone(), 400, "Unable to infer object type from: horses"),
        ("GET", "/crm/v3/owners", n.clone(), 404, "No path"),
        ("GET", &format!("{CONTACTS}?limit=101"), n.clone(), 400, "limit must be between 1 and 100"),
        ("GET", &format!("{CONTACTS}?after=x"), n.clone(), 400, "paging cursor"),
        ("PUT", &one, json!({}), 405, "METHOD_NOT_ALLOWED"),
        ("PATCH", CONTACTS, json!({}), 405, "METHOD_NOT_ALLOWED"),
        ("GET", &format!("{CONTACTS}/batch/read"), n.clone(), 405, "METHOD_NOT_ALLOWED"),
        (
            "POST",
            CONTACTS,
            properties(&[("email", "ANN@example.org")]),
            409,
            &format!("Contact already exists. Existing ID: {ann}"),
        ),
        ("POST", CONTACTS, properties(&[("email", "nobody")]), 400, "INVALID_EMAIL"),
        ("POST", CONTACTS, properties(&[("nickname", "x")]), 400, "PROPERTY_DOESNT_EXIST"),
        ("POST", CONTACTS, json!({"properties": {}, "notes": 1}), 400, "unknown field"),
        ("PATCH", &one, properties(&[("hs_object_id", "1")]), 400, "READ_ONLY_VALUE"),
        ("PATCH", &one, properties(&[("lifecyclestage", "friend")]), 400, "INVALID_OPTION"),
        ("PATCH", &format!("{CONTACTS}/1"), properties(&[("firstname", "x")]), 404, "OBJECT_NOT_FOUND"),
        ("PATCH", &format!("{CONTACTS}/ann%40example.org?idProperty=email"), properties(&[("city", "Köln")]), 200, "Köln"),
        ("POST", &format!("{CONTACTS}/batch/archive"), many(101), 400, "between 1 and 100"),
        (
            "POST",
            &format!("{CONTACTS}/batch/read"),
            json!({"inputs": [{"id": "5"}, {"id": "5"}], "properties": []}),
            400,
            "Duplicate IDs",
        ),
        ("POST", &format!("{CONTACTS}/search"), json!({"limit": 201}), 400, "between 1 and 200"),
        ("POST", &format!("{CONTACTS}/search"), json!({"limit": 100, "after": "9901"}), 400, "at most 10000"),
        (
            "POST",
            &format!("{CONTACTS}/search"),
            json!({"filterGroups": [{"filters": [{"propertyName": "email", "operator": "LIKE", "value": "a"}]}]}),
            400,
            "LIKE",
        ),
        (
            "POST",
            &format!("{CONTACTS}/search"),
            json!({"filterGroups": [{"filters": [{"propertyName": "nickname", "operator": "EQ", "value": "a"}]}]}),
            400,
            "PROPERTY_DOESNT_EXIST",
        ),
        ("POST", &format!("{CONTACTS}/search"), json!({"sorts": ["email", "city"]}), 400, "Only one sort"),
        ("POST", &format!("{CONTACTS}/merge"), json!({"primaryObjectId": ann, "objectIdToMerge": ann}), 400, "with itself"),
        ("POST", &format!("{CONTACTS}/merge"), json!({"primaryObjectId": ann, "objectIdToMerge": "1"}), 404, "OBJECT_NOT_FOUND"),
        ("GET", "/crm/v3/properties/contacts", n.clone(), 200, "\"hasUniqueValue\":true"),
        ("GET", "/crm/v3/properties/contacts/email", n.clone(), 200, "\"name\":\"email\""),
        ("GET", "/account-info/v3/details", n.clone(), 200, "portalId"),
        ("DELETE", &one, n.clone(), 204, ""),
        ("DELETE", &one, n.clone(), 204, ""),
        ("GET", &one, n.clone(), 404, "OBJECT_NOT_FOUND"),
        ("GET", &format!("{one}?archived=true"), n.clone(), 200, "\"archived\":true"),
        ("GET", &format!("{CONTACTS}?archived=true"), n.clone(), 200, &ann),
        ("POST", CONTACTS, properties(&[("email", "ann@example.org")]), 201, "ann@example.org"),
    ])
    .await;
}

#[tokio::test]
async fn nobody_gets_in_without_a_token_and_tokens_end() {
    let sim = Sim::start(System::Crm, 1).await;
    let credential = sim.running.credential.clone();
    for headers in [vec![], vec![("authorization", "Bearer wrong")], vec![("authorization", "Basic abc")]] {
        let (status, body) = sim.send("GET", CONTACTS, &headers, None).await.unwrap();
        assert_eq!((status, body["category"].as_str()), (401, Some("INVALID_AUTHENTICATION")));
    }
    let form = |grant: &str, secret: &str, refresh: &str| {
        format!("grant_type={grant}&client_id={}&client_secret={secret}&refresh_token={refresh}", credential.client_id)
    };
    let post =
        |body: String| sim.send("POST", "/oauth/v1/token", &[("content-type", "application/x-www-form-urlencoded")], Some(body));
    for (body, status) in [
        (form("client_credentials", "wrong", ""), 401),
        (form("refresh_token", &credential.client_secret, "wrong"), 400),
        (form("password", &credential.client_secret, ""), 400),
        (form("client_credentials", &credential.client_secret, ""), 200),
    ] {
        assert_eq!(post(body.clone()).await.unwrap().0, status, "{body}");
    }
    let (_, token) = post(form("refresh_token", &credential.client_secret, &credential.refresh_token)).await.unwrap();
    let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
    assert_eq!(sim.send("GET", CONTACTS, &[("authorization", &bearer)], None).await.unwrap().0, 200);
    sim.clock.fetch_add(1_800_001, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(sim.send("GET", CONTACTS, &[("authorization", &bearer)], None).await.unwrap().0, 401);
}

#[tokio::test]
async fn pages_hold_every_object_once() {
    let sim = Sim::start(System::Crm, 250).await;
    let (mut seen, mut path) = (Vec::new(), format!("{CONTACTS}?limit=100&properties=email&associations=companies"));
    loop {
        let page = sim.get(&path).await;
        seen.extend(ids(&page["results"]));
        assert!(page["results"][0]["associations"]["companies"]["results"][0]["id"].is_string());
        let Some(next) = page["paging"]["next"]["after"].as_str() else {
            break;
        };
        path = format!("{CONTACTS}?limit=100&properties=email&associations=companies&after={next}");
    }
    let sorted: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), sorted.len()), (250, 250));
}

#[tokio::test]
async fn a_change_moves_the_time_and_nothing_else_does() {
    let sim = Sim::start(System::Crm, 0).await;
    let id = made(&sim, "contacts", &[("firstname", "Ann"), ("city", "Köln")]).await;
    let path = format!("{CONTACTS}/{id}");
    let time = async || sim.get(&path).await["properties"]["lastmodifieddate"].as_str().unwrap().to_owned();
    let first = time().await;
    sim.call("PATCH", &path, properties(&[("firstname", "Ann"), ("phone", "")])).await;
    assert_eq!(time().await, first, "the same values again");
    sim.call("PATCH", &path, properties(&[("city", "")])).await;
    let second = time().await;
    assert!(second > first, "{second} is not after {first}, though the clock stands still");
    let cleared = sim.get(&format!("{path}?properties=city,phone")).await;
    assert_eq!(cleared["properties"]["city"], "");
    assert!(cleared["properties"].get("phone").is_none());
}

#[tokio::test]
async fn batches() {
    let sim = Sim::start(System::Crm, 0).await;
    let batch = |verb: &str| format!("{CONTACTS}/batch/{verb}");
    let (status, body) = sim
        .call("POST", &batch("create"), json!({"inputs": [
            {"properties": {"email": "a@example.org"}, "objectWriteTraceId": "t-1"}, {"properties": {"email": "b@example.org"}}]}))
        .await;
    assert_eq!(status, 201, "{body}");
    assert_eq!(body["results"][0]["objectWriteTraceId"], "t-1");
    let made = ids(&body["results"]);

    // One conflict refuses them all.
    for twice in ["a@example.org", "c@example.org"] {
        let (status, body) = sim
            .call(
                "POST",
                &batch("create"),
                json!({"inputs": [{"properties": {"email": "c@example.org"}}, {"properties": {"email": twice}}]}),
            )
            .await;
        assert_eq!((status, body["category"].as_str()), (409, Some("CONFLICT")));
    }
    assert_eq!(ids(&sim.get(CONTACTS).await["results"]), made);

    let (status, body) = sim
        .call(
            "POST",
            &batch("upsert"),
            json!({"inputs": [
            {"idProperty": "email", "id": "A@example.org", "properties": {"firstname": "Ann"}},
            {"idProperty": "email", "id": "new@example.org", "properties": {"firstname": "Neo"}}]}),
        )
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!((&body["results"][0]["new"], &body["results"][1]["new"]), (&json!(false), &json!(true)));
    assert_eq!(body["results"][0]["id"], made[0].as_str());
    assert_eq!(body["results"][1]["properties"]["email"], "new@example.org");

    let (status, body) = sim
        .call(
            "POST",
            &batch("update"),
            json!({"inputs": [{"id": made[1], "properties": {"city": "Bonn"}}, {"id": "5", "properties": {}}]}),
        )
        .await;
    assert_eq!((status, &body["numErrors"], &body["errors"][0]["context"]["ids"]), (207, &json!(1), &json!(["5"])));
    assert_eq!(body["results"][0]["properties"]["city"], "Bonn");

    let (status, body) = sim
        .call("POST", &batch("read"), json!({"idProperty": "email", "properties": ["city"], "propertiesWithHistory": [], "inputs": [{"id": "b@example.org"}, {"id": "z@example.org"}]}))
        .await;
    assert_eq!((status, &body["results"][0]["properties"]["city"]), (207, &json!("Bonn")));

    let (status, _) = sim.call("POST", &batch("archive"), json!({"inputs": [{"id": made[0]}, {"id": "5"}]})).await;
    assert_eq!(status, 204);
    assert_eq!(sim.call("GET", &format!("{CONTACTS}/{}", made[0]), Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_merge_leaves_one_object_that_answers_to_both_ids() {
    let sim = Sim::start(System::Crm, 0).await;
    let winner = made(&sim, "contacts", &[("email", "ann@example.org"), ("firstname", "Ann")]).await;
    let loser = made(&sim, "contacts", &[("email", "anna@example.org"), ("firstname", "Anna"), ("city", "Köln")]).await;
    let company = made(&sim, "companies", &[("name", "Hub & Spoke")]).await;
    let (status, _) =
        sim.call("PUT", &format!("/crm/v4/objects/contacts/{loser}/associations/default/companies/{company}"), Value::Null).await;
    assert_eq!(status, 200);
    let (status, merged) =
        sim.call("POST", &format!("{CONTACTS}/merge"), json!({"primaryObjectId": winner, "objectIdToMerge": loser})).await;
    assert_eq!((status, merged["id"].as_str()), (200, Some(winner.as_str())), "{merged}");
    for (name, value) in [
        ("firstname", "Ann"),
        ("city", "Köln"),
        ("email", "ann@example.org"),
        ("hs_merged_object_ids", loser.as_str()),
        ("hs_additional_emails", "anna@example.org"),
        ("associatedcompanyid", company.as_str()),
    ] {
        assert_eq!(merged["properties"][name], value, "{name}");
    }
    for id in [loser.clone(), "anna%40example.org?idProperty=email".to_owned(), "ann%40example.org?idProperty=email".to_owned()] {
        assert_eq!(sim.get(&format!("{CONTACTS}/{id}")).await["id"], winner.as_str(), "{id}");
    }
    assert_eq!(ids(&sim.get(CONTACTS).await["results"]), std::slice::from_ref(&winner));
    let people = sim.get(&format!("/crm/v4/objects/companies/{company}/associations/contacts")).await;
    assert_eq!(people["results"].as_array().unwrap().len(), 1);
    assert_eq!(people["results"][0]["toObjectId"], winner.as_str());
    let (status, changed) = sim.call("PATCH", &format!("{CONTACTS}/{loser}"), properties(&[("city", "Bonn")])).await;
    assert_eq!(
        (status, changed["id"].as_str(), changed["properties"]["city"].as_str()),
        (200, Some(winner.as_str()), Some("Bonn"))
    );
    let (status, _) = sim.call("POST", CONTACTS, properties(&[("email", "anna@example.org")])).await;
    assert_eq!(status, 409, "the loser's address is still taken");
}

#[tokio::test]
async fn associations_at_both_ends() {
    let sim = Sim::start(System::Crm, 0).await;
    let first = made(&sim, "companies", &[("name", "First")]).await;
    let second = made(&sim, "companies", &[("name", "Second")]).await;
    let body = json!({"properties": {"firstname": "Ann"}, "associations": [
        {"to": {"id": first}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}]});
    let (status, ann) = sim.call("POST", CONTACTS, body).await;
    assert_eq!(status, 201, "{ann}");
    let ann = ann["id"].as_str().unwrap();
    let edges = format!("/crm/v4/objects/contacts/{ann}/associations");
    let primary = json!([{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]);
    sim.check(&[
        ("PUT", &format!("{edges}/default/companies/{second}"), Value::Null, 200, "\"associationTypeId\":279"),
        ("PUT", &format!("{edges}/companies/{second}"), primary, 201, "Primary"),
        (
            "PUT",
            &format!("{edges}/companies/{second}"),
            json!([{"associationCategory": "USER_DEFINED", "associationTypeId": 5}]),
            400,
            "does not exist",
        ),
        ("PUT", &format!("{edges}/default/companies/7"), Value::Null, 404, "OBJECT_NOT_FOUND"),
        ("POST", &edges, Value::Null, 404, ""),
        ("POST", &format!("{edges}/companies"), json!({}), 405, ""),
    ])
    .await;
    let shown =
        sim.get(&format!("{CONTACTS}/{ann}?associations=companies")).await["associations"]["companies"]["results"].clone();
    assert_eq!(
        shown,
        json!([
        {"id": second, "type": "contact_to_company"}, {"id": second, "type": "contact_to_company_unlabeled"}, {"id": first, "type": "contact_to_company_unlabeled"}])
    );
    let page = sim.get(&format!("{edges}/companies?limit=1")).await;
    assert_eq!((&page["results"][0]["toObjectId"], &page["paging"]["next"]["after"]), (&json!(second), &json!("1")));
    assert_eq!(sim.call("DELETE", &format!("{edges}/companies/{second}"), Value::Null).await.0, 204);
    assert_eq!(sim.get(&format!("{edges}/companies")).await["results"][0]["toObjectId"], first.as_str());
    assert_eq!(sim.call("DELETE", &format!("/crm/v3/objects/companies/{first}"), Value::Null).await.0, 204);
    assert_eq!(sim.get(&format!("{edges}/companies")).await["results"], json!([]));
    let (status, _) = sim.call("POST", CONTACTS, json!({"properties": {}, "associations": [{"to": {"id": "9"}, "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]}]})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn a_schema_that_nobody_has_seen() {
    let schema = ObjectSchema::generated(11);
    let config = SimConfig { records: 30, schemas: Some(vec![schema.clone()]), ..SimConfig::new(11) };
    let sim = Sim::start_with(System::Crm, config).await;
    let path = format!("/crm/v3/objects/{}", schema.name);
    let page = sim.get(&format!("{path}?limit=100&properties={}", schema.properties[0].name)).await;
    assert_eq!(page["results"].as_array().unwrap().len(), 30);
    let unique = &schema.properties[0].name;
    let value = page["results"][3]["properties"][unique].as_str().unwrap();
    let (status, _) = sim.call("POST", &path, properties(&[(unique, value)])).await;
    assert_eq!(status, 409);
    let upsert = json!({"inputs": [{"idProperty": unique, "id": value, "properties": {}}, {"idProperty": unique, "id": "new one", "properties": {}}]});
    let (status, body) = sim.call("POST", &format!("{path}/batch/upsert"), upsert).await;
    assert_eq!((status, &body["results"][1]["new"]), (200, &json!(true)), "{body}");
    assert_eq!(sim.call("GET", CONTACTS, Value::Null).await.0, 400);
}
