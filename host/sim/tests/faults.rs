//! Every fault switch, on every system that can show it, through real HTTP.

mod common;

use common::{NOON, Sim, properties};
use nave_sim::System;
use serde_json::{Value, json};

/// What the tests need to know of a system to ask it the same things.
struct Face {
    system: System,
    /// Where objects are listed and made.
    list: &'static str,
    /// The kind of objects.
    object: &'static str,
    /// A text field of theirs, and one to make an object with.
    field: &'static str,
    name: &'static str,
    /// The time of the last modification, and a time as it is written there.
    time: &'static str,
    written: fn(i64) -> String,
    /// Two fields that can be searched by, and how.
    searched: [&'static str; 2],
    search: fn(&str) -> (&'static str, String, Value),
    /// Makes objects of these names.
    make: fn(&[&str]) -> (&'static str, &'static str, Value),
    /// Sets a field.
    edit: fn(&str, &str, &str) -> (&'static str, String, Value),
    /// The objects of an answer.
    objects: fn(&Value) -> Vec<Value>,
    /// Id and fields of an object.
    id: fn(&Value) -> String,
    get: fn(&Value, &str) -> Value,
}

const FACES: [Face; 4] = [
    Face {
        system: System::Crm,
        list: "/crm/v3/objects/contacts",
        object: "contacts",
        field: "city",
        name: "lastname",
        time: "lastmodifieddate",
        written: |ms| format!("{:.3}", jiff::Timestamp::from_millisecond(ms).unwrap()),
        searched: ["city", "lastname"],
        search: |field| {
            let filter = json!({"propertyName": field, "operator": "EQ", "value": "Bonn"});
            ("POST", "/crm/v3/objects/contacts/search".to_owned(), json!({"filterGroups": [{"filters": [filter]}]}))
        },
        make: |names| {
            let inputs: Vec<Value> = names.iter().map(|name| properties(&[("lastname", name), ("city", "Bonn")])).collect();
            ("POST", "/crm/v3/objects/contacts/batch/create", json!({"inputs": inputs}))
        },
        edit: |id, field, value| ("PATCH", format!("/crm/v3/objects/contacts/{id}"), properties(&[(field, value)])),
        objects: |body| match body["results"].as_array() {
            Some(list) => list.clone(),
            None => vec![body.clone()],
        },
        id: |object| object["id"].as_str().unwrap().to_owned(),
        get: |object, field| object["properties"][field].clone(),
    },
    Face {
        system: System::Books,
        list: "/api.xro/2.0/Contacts",
        object: "Contacts",
        field: "TaxNumber",
        name: "Name",
        time: "UpdatedDateUTC",
        written: |ms| format!("/Date({ms}+0000)/"),
        searched: ["TaxNumber", "Name"],
        search: |field| ("GET", format!("/api.xro/2.0/Contacts?where={field}%3D%3D%22Bonn%22"), Value::Null),
        make: |names| {
            let contacts: Vec<Value> = names.iter().map(|name| json!({"Name": name, "TaxNumber": "Bonn"})).collect();
            ("PUT", "/api.xro/2.0/Contacts", json!({"Contacts": contacts}))
        },
        edit: |id, field, value| ("POST", format!("/api.xro/2.0/Contacts/{id}"), json!({"Contacts": [{field: value}]})),
        objects: |body| body["Contacts"].as_array().cloned().unwrap_or_default(),
        id: |object| object["ContactID"].as_str().unwrap().to_owned(),
        get: |object, field| object[field].clone(),
    },
    Face {
        system: System::Desk,
        list: "/api/v2/users",
        object: "users",
        field: "details",
        name: "name",
        time: "updated_at",
        written: |ms| format!("{:.0}", jiff::Timestamp::from_millisecond(ms - ms.rem_euclid(1_000)).unwrap()),
        searched: ["external_id", "name"],
        search: |field| {
            let param = if field == "name" { "query" } else { field };
            ("GET", format!("/api/v2/users/search?{param}=Bonn"), Value::Null)
        },
        make: |names| {
            let users: Vec<Value> = names.iter().map(|name| json!({"name": name, "details": "Bonn"})).collect();
            match users.as_slice() {
                [user] => ("POST", "/api/v2/users", json!({"user": user})),
                _ => ("POST", "/api/v2/users/create_many", json!({"users": users})),
            }
        },
        edit: |id, field, value| ("PUT", format!("/api/v2/users/{id}"), json!({"user": {field: value}})),
        objects: |body| match body["users"].as_array() {
            Some(list) => list.clone(),
            None => vec![body["user"].clone()],
        },
        id: |object| object["id"].to_string(),
        get: |object, field| object[field].clone(),
    },
    Face {
        system: System::Mail,
        list: "/3.0/lists/a1b2c3d4e5/members",
        object: "members",
        field: "COMPANY",
        name: "LNAME",
        time: "last_changed",
        written: |ms| {
            let second = jiff::Timestamp::from_millisecond(ms - ms.rem_euclid(1_000)).unwrap();
            format!("{second:.0}").replace('Z', "+00:00")
        },
        searched: ["unique_email_id", "since_last_changed"],
        search: |field| ("GET", format!("/3.0/lists/a1b2c3d4e5/members?{field}=2025-01-01"), Value::Null),
        make: |names| {
            let member = |name: &&str| {
                let mailbox = format!("{}@example.org", name.replace(' ', ""));
                let fields = json!({"LNAME": name, "COMPANY": "Bonn"});
                json!({"email_address": mailbox, "status": "subscribed", "merge_fields": fields})
            };
            match names {
                [name] => ("POST", "/3.0/lists/a1b2c3d4e5/members", member(name)),
                _ => ("POST", "/3.0/lists/a1b2c3d4e5", json!({"members": names.iter().map(member).collect::<Vec<_>>()})),
            }
        },
        edit: |id, field, value| {
            ("PATCH", format!("/3.0/lists/a1b2c3d4e5/members/{id}"), json!({"merge_fields": {field: value}}))
        },
        objects: |body| match body["members"].as_array() {
            Some(list) => list.clone(),
            None => vec![body.clone()],
        },
        id: |object| object["id"].as_str().unwrap().to_owned(),
        get: |object, field| match object["merge_fields"].get(field) {
            Some(value) => value.clone(),
            None => object[field].clone(),
        },
    },
];

/// A system and how to talk to it.
struct Sut {
    sim: Sim,
    face: &'static Face,
}

impl Sut {
    async fn make(&self, names: &[&str]) -> Option<(u16, Value)> {
        let (method, path, body) = (self.face.make)(names);
        self.sim.try_call(method, path, body).await
    }

    async fn made(&self, name: &str) -> String {
        let (status, body) = self.make(&[name]).await.unwrap();
        assert!(status < 300, "{body}");
        (self.face.id)(&(self.face.objects)(&body)[0])
    }

    async fn edit(&self, id: &str, field: &str, value: &str) -> (u16, Value) {
        let (method, path, body) = (self.face.edit)(id, field, value);
        self.sim.call(method, &path, body).await
    }

    /// A field of an object as a read by id shows it.
    async fn shown(&self, id: &str, field: &str) -> Value {
        let query = if self.face.system == System::Crm { format!("?properties={field}") } else { String::new() };
        let body = self.sim.get(&format!("{}/{id}{query}", self.face.list)).await;
        (self.face.get)(&(self.face.objects)(&body)[0], field)
    }

    /// The same as the control interface shows it, which no switch hits.
    async fn kept(&self, id: &str, field: &str) -> Value {
        let state = self.sim.state().await;
        let object =
            state[self.face.object].as_array().unwrap().iter().find(|object| (self.face.id)(object) == id).unwrap().clone();
        (self.face.get)(&object, field)
    }

    async fn list(&self) -> u16 {
        self.sim.call("GET", self.face.list, Value::Null).await.0
    }

    async fn listed(&self) -> usize {
        (self.face.objects)(&self.sim.get(self.face.list).await).len()
    }

    async fn count(&self) -> usize {
        self.sim.state().await[self.face.object].as_array().unwrap().len()
    }

    /// Why a rule is refused.
    async fn refusal(&self, rule: Value) -> String {
        let bearer = format!("Bearer {}", self.sim.running.control_token);
        let answer = self.sim.send("POST", "/_sim/fault", &[("authorization", &bearer)], Some(rule.to_string())).await.unwrap();
        assert_eq!(answer.0, 400, "{rule}: {}", answer.1);
        answer.1["message"].as_str().unwrap().to_owned()
    }
}

/// Runs a test on every system.
async fn each(records: usize, test: impl AsyncFn(&Sut)) {
    for face in &FACES {
        let sut = Sut { sim: Sim::start(face.system, records).await, face };
        test(&sut).await;
    }
}

#[tokio::test]
async fn rate_limits_say_when_to_come_back_or_do_not() {
    each(1, async |sut| {
        for (rule, want) in [
            (json!({"switch": "rate-limited", "nth": 1}), None),
            (json!({"switch": "rate-limited", "retry_after": 7, "nth": 1}), Some("7".to_owned())),
            (
                json!({"switch": "rate-limited", "retry_after": 20, "http_date": true, "nth": 1}),
                Some("Thu, 09 Oct 2025 08:53:40 GMT".to_owned()),
            ),
        ] {
            sut.sim.fault(rule.clone()).await;
            let answer = sut.sim.full("GET", sut.face.list, Value::Null).await.unwrap();
            let after = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
            assert_eq!((answer.status().as_u16(), after), (429, want), "{rule}");
            assert_eq!(sut.list().await, 200);
        }
    })
    .await;
}

/// What asks by the time of the last change is refused, everything else is answered; a vendor who could not show it says why not.
#[tokio::test]
async fn questions_by_the_time_of_the_last_change_are_refused() {
    each(3, async |sut| {
        let rule = json!({"switch": "no-updated-since"});
        let by_time: (&str, &str, Value) = match sut.face.system {
            System::Crm => {
                let filter = json!({"propertyName": "lastmodifieddate", "operator": "GTE", "value": "0"});
                ("POST", "/crm/v3/objects/contacts/search", json!({"filterGroups": [{"filters": [filter]}]}))
            }
            System::Mail => ("GET", "/3.0/lists/a1b2c3d4e5/members?since_last_changed=2020-01-01T00:00:00%2B00:00", Value::Null),
            _ => {
                assert!(sut.refusal(rule).await.contains("makes no sense here"));
                return;
            }
        };
        let before = sut.listed().await;
        assert_eq!(sut.sim.call(by_time.0, by_time.1, by_time.2.clone()).await.0, 200);
        sut.sim.fault(rule.clone()).await;
        let (status, said) = sut.sim.call(by_time.0, by_time.1, by_time.2.clone()).await;
        assert_eq!(status, 400, "{said}");
        assert_eq!((sut.list().await, sut.listed().await), (200, before), "the list itself is there");
        sut.sim.fault(json!({"switch": "no-updated-since", "on": false})).await;
        assert_eq!(sut.sim.call(by_time.0, by_time.1, by_time.2).await.0, 200);
    })
    .await;
}

#[tokio::test]
async fn errors_have_the_status_asked_for_and_may_come_after_the_commit() {
    each(0, async |sut| {
        for (status, json) in [(500, true), (502, false), (503, true), (504, false)] {
            sut.sim.fault(json!({"switch": "error", "status": status, "nth": 1})).await;
            let answer = sut.sim.full("GET", sut.face.list, Value::Null).await.unwrap();
            assert_eq!(answer.status().as_u16(), status);
            let kind = answer.headers()["content-type"].to_str().unwrap();
            assert_eq!(kind.starts_with("application/json"), json, "{status}: {kind}");
        }
        for (committed, count) in [(false, 0), (true, 1)] {
            sut.sim.fault(json!({"switch": "error", "committed": committed, "only": "writes", "nth": 1})).await;
            assert_eq!(sut.make(&["Ann"]).await.unwrap().0, 500);
            assert_eq!(sut.count().await, count);
        }
    })
    .await;
}

/// A request that is held is seen in the log while its client waits; a bound of no seconds ends it.
#[tokio::test]
async fn a_timeout_is_no_answer_at_all() {
    for face in &FACES {
        let sut = std::sync::Arc::new(Sut { sim: Sim::start(face.system, 0).await, face });
        for (committed, count) in [(false, 0), (true, 1)] {
            sut.sim.fault(json!({"switch": "timeout", "committed": committed, "nth": 1, "only": "writes"})).await;
            let last = sut.sim.control("GET", "/_sim/requests", Value::Null).await["last"].as_u64().unwrap();
            let waiting = sut.clone();
            let client = tokio::spawn(async move { waiting.make(&["Ann"]).await });
            let entry = loop {
                let log = sut.sim.control("GET", &format!("/_sim/requests?since={last}"), Value::Null).await;
                if let Some(entry) = log["requests"].get(0) {
                    break entry.clone();
                }
            };
            assert_eq!((&entry["dropped"], sut.count().await), (&json!(true), count));
            assert!(!client.is_finished());
            client.abort();
        }
        sut.sim.fault(json!({"switch": "timeout", "seconds": 0, "nth": 1})).await;
        assert!(sut.sim.try_call("GET", sut.face.list, Value::Null).await.is_none());
        assert_eq!(sut.list().await, 200);
    }
}

#[tokio::test]
async fn a_token_or_a_permission_goes() {
    each(1, async |sut| {
        sut.sim.fault(json!({"switch": "bad-token"})).await;
        assert_eq!(sut.list().await, 401);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let token = match sut.face.system {
            System::Crm => Some("/oauth/v1/token"),
            System::Books => Some("/identity/connect/token"),
            System::Desk | System::Mail | System::Legacy => None,
        };
        let credential = &sut.sim.running.credential;
        let grant = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}",
            credential.client_id, credential.client_secret
        );
        if let Some(token) = token {
            assert_eq!(sut.sim.send("POST", token, &form, Some(grant)).await.unwrap().0, 200, "a new one can be had");
        }
        sut.sim.heal().await;
        assert_eq!(sut.list().await, 200);
        for (rule, want) in [
            (json!({"switch": "forbidden", "object": sut.face.object}), 403),
            (json!({"switch": "forbidden", "object": "other"}), 200),
            (json!({"switch": "forbidden", "path": sut.face.list}), 403),
            (json!({"switch": "forbidden", "only": "writes"}), 200),
        ] {
            sut.sim.fault(rule.clone()).await;
            assert_eq!(sut.list().await, want, "{rule}");
        }
        assert_eq!(sut.make(&["Ann"]).await.unwrap().0, 403);
    })
    .await;
}

#[tokio::test]
async fn a_field_disappears() {
    each(0, async |sut| {
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        assert_eq!(sut.shown(&id, field).await, "Bonn");
        sut.sim.fault(json!({"switch": "field-gone", "field": field})).await;
        assert_eq!(sut.shown(&id, field).await, Value::Null);
        let (status, body) = sut.edit(&id, field, "Ulm").await;
        assert_eq!(status, 400, "{body}");
        assert!(
            ["does not exist", "no such attribute", "no such field"].iter().any(|said| body.to_string().contains(said)),
            "{body}"
        );
        assert_eq!(sut.edit(&id, sut.face.name, "Anna").await.0, 200, "others are as they were");
        sut.sim.heal().await;
        assert_eq!(sut.shown(&id, field).await, "Bonn", "the value was never gone");
    })
    .await;
    let sim = Sim::start(System::Crm, 0).await;
    sim.fault(json!({"switch": "field-gone", "field": "city"})).await;
    assert!(!sim.get("/crm/v3/properties/contacts").await.to_string().contains("\"city\""));
}

#[tokio::test]
async fn a_field_may_not_be_set_or_searched_by_any_more() {
    each(0, async |sut| {
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        sut.sim.fault(json!({"switch": "read-only", "field": field})).await;
        assert_eq!(sut.edit(&id, field, "Ulm").await.0, 400);
        assert_eq!(sut.shown(&id, field).await, "Bonn");
        assert_eq!(sut.edit(&id, sut.face.name, "Anna").await.0, 200);
        sut.sim.heal().await;

        let search = async |field: &str| {
            let (method, path, body) = (sut.face.search)(field);
            sut.sim.call(method, &path, body).await.0
        };
        let [gone, other] = sut.face.searched;
        assert_eq!(search(gone).await, 200);
        sut.sim.fault(json!({"switch": "no-search", "field": gone})).await;
        assert!([400, 422].contains(&search(gone).await));
        assert_eq!(search(other).await, 200);
        assert_eq!(sut.edit(&id, field, "Ulm").await.0, 200, "it may still be set");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_ignored() {
    let sim = Sim::start(System::Books, 0).await;
    let write = async || {
        let (method, path, body) = (FACES[1].make)(&["Ann"]);
        sim.call_with(method, path, &[("idempotency-key", "k")], body).await.unwrap().0
    };
    assert_eq!((write().await, write().await), (200, 200), "the same answer");
    sim.fault(json!({"switch": "no-idempotency"})).await;
    assert_eq!(write().await, 400, "made again: the name is taken");
    let desk = Sim::start(System::Desk, 0).await;
    let ticket = async || {
        let body = json!({"ticket": {"subject": "Late", "comment": {"body": "Where is it?"}}});
        desk.call_with("POST", "/api/v2/tickets", &[("idempotency-key", "k")], body).await.unwrap().1["ticket"]["id"].clone()
    };
    assert_eq!((ticket().await, ticket().await), (json!(1), json!(1)));
    desk.fault(json!({"switch": "no-idempotency"})).await;
    assert_eq!(ticket().await, 2);
    let crm = Sut { sim: Sim::start(System::Crm, 0).await, face: &FACES[0] };
    let why = crm.refusal(json!({"switch": "no-idempotency"})).await;
    assert!(why.contains("HubSpot has no idempotency keys"), "{why}");
}

#[tokio::test]
async fn values_are_kept_in_another_spelling() {
    each(0, async |sut| {
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        for (how, sent, want) in [
            ("upper", "Ulm", "ULM"),
            ("trim", " Ulm ", "Ulm"),
            ("phone", "+49 (30) 123456", "+49 301 234 56"),
            ("number", "a", "a #4"),
        ] {
            sut.sim.fault(json!({"switch": "reformat", "field": field, "how": how})).await;
            let (status, body) = sut.edit(&id, field, sent).await;
            assert_eq!((status, (sut.face.get)(&(sut.face.objects)(&body)[0], field)), (200, json!(want)), "the answer shows it");
            assert_eq!(sut.kept(&id, field).await, want);
        }
    })
    .await;
    let sim = Sim::start(System::Books, 0).await;
    sim.fault(json!({"switch": "reformat", "field": "PhoneNumber", "how": "phone"})).await;
    let phones = json!([{"PhoneType": "MOBILE", "PhoneNumber": "0151/234567"}]);
    let (_, made) = sim.call("PUT", FACES[1].list, json!({"Contacts": [{"Name": "Ann", "Phones": phones}]})).await;
    assert_eq!(made["Contacts"][0]["Phones"][3]["PhoneNumber"], "015 123 456 7");
}

#[tokio::test]
async fn nothing_is_stored_and_nobody_says_so() {
    each(0, async |sut| {
        sut.sim.fault(json!({"switch": "silent-drop", "count": 2})).await;
        let (status, body) = sut.make(&["Ann"]).await.unwrap();
        assert!(status < 300 && !(sut.face.id)(&(sut.face.objects)(&body)[0]).is_empty(), "{body}");
        assert_eq!(sut.count().await, 0);
        sut.make(&["Ann"]).await.unwrap();
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        let log = sut.sim.control("GET", "/_sim/requests", Value::Null).await;
        let changed: Vec<bool> = log["requests"].as_array().unwrap().iter().map(|entry| entry["changed"] == true).collect();
        assert_eq!((changed, sut.count().await), (vec![false, false, true], 1));

        sut.sim.fault(json!({"switch": "silent-drop", "field": field})).await;
        assert_eq!(sut.edit(&id, field, "Ulm").await.0, 200);
        assert_eq!(sut.kept(&id, field).await, "Bonn");
        assert_eq!(sut.edit(&id, sut.face.name, "Anna").await.0, 200);
        assert_eq!(sut.kept(&id, sut.face.name).await, "Anna");
    })
    .await;
}

#[tokio::test]
async fn half_a_batch_commits() {
    each(0, async |sut| {
        sut.sim.fault(json!({"switch": "partial-batch", "nth": 1})).await;
        assert!(sut.make(&["One"]).await.unwrap().0 < 300, "one alone is no batch, and is not counted");
        let (status, body) = sut.make(&["Ann", "Ben", "Cy", "Di"]).await.unwrap();
        match sut.face.system {
            System::Crm => {
                assert_eq!((status, &body["numErrors"]), (207, &json!(2)), "{body}");
                assert_eq!((body["results"].as_array().unwrap().len(), body["errors"].as_array().unwrap().len()), (2, 2));
            }
            System::Books => {
                let names: Vec<&str> = body["Elements"].as_array().unwrap().iter().map(|e| e["Name"].as_str().unwrap()).collect();
                assert_eq!((status, names), (400, vec!["Cy", "Di"]), "{body}");
            }
            System::Desk => {
                let job = sut.sim.get(&format!("/api/v2/job_statuses/{}.json", body["job_status"]["id"].as_str().unwrap())).await;
                let results = job["job_status"]["results"].as_array().unwrap();
                let done: Vec<bool> = results.iter().map(|result| result["success"] == true).collect();
                assert_eq!((status, done), (200, vec![true, true, false, false]), "{job}");
            }
            System::Legacy => unreachable!("it has no face: its files are tried in legacy.rs"),
            System::Mail => {
                let (made, failed) = (body["total_created"].as_u64().unwrap(), body["errors"].as_array().unwrap());
                assert_eq!(
                    (status, made, &failed[0]["email_address"], failed.len()),
                    (200, 2, &json!("Cy@example.org"), 2),
                    "{body}"
                );
            }
        }
        assert_eq!(sut.count().await, 3);
        sut.sim.fault(json!({"switch": "partial-batch", "how": "connection", "nth": 1})).await;
        assert!(sut.make(&["Ed", "Flo"]).await.is_none());
        assert_eq!(sut.count().await, 4);
    })
    .await;
    let sim = Sim::start(System::Books, 0).await;
    sim.fault(json!({"switch": "partial-batch"})).await;
    let (_, _, body) = (FACES[1].make)(&["Ann", "Ben"]);
    let (status, body) = sim.call("PUT", "/api.xro/2.0/Contacts?summarizeErrors=false", body).await;
    let words: Vec<&str> =
        body["Contacts"].as_array().unwrap().iter().map(|c| c["StatusAttributeString"].as_str().unwrap()).collect();
    assert_eq!((status, words), (200, vec!["OK", "ERROR"]));
}

#[tokio::test]
async fn an_automation_changes_what_was_just_written() {
    each(0, async |sut| {
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        sut.sim.fault(json!({"switch": "rewrite", "field": field, "value": "Köln", "nth": 1})).await;
        let (_, body) = sut.edit(&id, field, "Ulm").await;
        let object = &(sut.face.objects)(&body)[0];
        assert_eq!((sut.face.get)(object, field), "Ulm", "the answer does not know it yet");
        assert_eq!(sut.shown(&id, field).await, "Köln");
        let (then, now) = ((sut.face.get)(object, sut.face.time), sut.shown(&id, sut.face.time).await);
        // The times of these are to the second.
        assert_eq!(then != now, ![System::Desk, System::Mail].contains(&sut.face.system));

        sut.sim.fault(json!({"switch": "rewrite", "field": field, "how": "number"})).await;
        for want in ["Ulm #2", "Ulm #3"] {
            sut.edit(&id, field, "Ulm").await;
            assert_eq!(sut.shown(&id, field).await, want);
        }
    })
    .await;
}

/// The pages of a listing whose pages are counted: the names on them.
async fn pages(sut: &Sut, pages: usize) -> Vec<String> {
    let mut names = Vec::new();
    for page in 0..pages {
        let body = match sut.face.system {
            System::Crm => {
                let sort = json!({"propertyName": "lastmodifieddate", "direction": "ASCENDING"});
                let search = json!({"limit": 2, "after": (2 * page).to_string(), "sorts": [sort], "properties": ["lastname"]});
                sut.sim.call("POST", "/crm/v3/objects/contacts/search", search).await.1
            }
            System::Books => sut.sim.get(&format!("{}?page={}&pageSize=2", sut.face.list, page + 1)).await,
            System::Mail => sut.sim.get(&format!("{}?offset={}&count=2", sut.face.list, 2 * page)).await,
            System::Desk => sut.sim.get(&format!("/api/v2/organizations?page={}&per_page=2", page + 1)).await,
            System::Legacy => unreachable!("it has no face: its files are tried in legacy.rs"),
        };
        if sut.face.system == System::Desk {
            names.extend(body["organizations"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap().to_owned()));
            continue;
        }
        names.extend((sut.face.objects)(&body).iter().map(|o| (sut.face.get)(o, sut.face.name).as_str().unwrap().to_owned()));
    }
    names
}

#[tokio::test]
async fn pages_shift_while_they_are_read() {
    each(0, async |sut| {
        for name in ["A", "B", "C", "D"] {
            if sut.face.system == System::Desk {
                sut.sim.call("POST", "/api/v2/organizations", json!({"organization": {"name": name}})).await;
            } else {
                sut.made(name).await;
            }
        }
        assert_eq!(pages(sut, 2).await, ["A", "B", "C", "D"]);
        sut.sim.fault(json!({"switch": "page-shift", "nth": 1})).await;
        // What changed moves to the end; where the order is that of ids, what is gone lets the others move up.
        let want: &[&str] =
            if [System::Desk, System::Mail].contains(&sut.face.system) { &["A", "B", "D"] } else { &["A", "B", "D", "A"] };
        assert_eq!(pages(sut, 2).await, want, "C slipped by");
    })
    .await;
}

#[tokio::test]
async fn the_clock_is_off() {
    each(0, async |sut| {
        let date = async || {
            let answer = sut.sim.full("GET", sut.face.list, Value::Null).await.unwrap();
            answer.headers()["date"].to_str().unwrap().to_owned()
        };
        let time = async |name: &str| {
            let id = sut.made(name).await;
            sut.kept(&id, sut.face.time).await.as_str().unwrap().to_owned()
        };
        let written = sut.face.written;
        assert_eq!((date().await.as_str(), time("A").await), ("Thu, 09 Oct 2025 08:53:20 GMT", written(NOON)));
        sut.sim.fault(json!({"switch": "clock-offset", "offset_ms": -120_000})).await;
        let slow = (date().await, time("B").await, time("C").await);
        assert_eq!(slow, ("Thu, 09 Oct 2025 08:51:20 GMT".to_owned(), written(NOON - 120_000), written(NOON - 119_999)));
        sut.sim.fault(json!({"switch": "rate-limited", "nth": 1, "only": "reads"})).await;
        assert!(time("E").await >= slow.2, "another switch does not turn the clock back");
        sut.sim.heal().await;
        assert_eq!(time("D").await, written(NOON + 1), "right again, and after all others");
    })
    .await;
}

#[tokio::test]
async fn an_index_lags_and_a_read_does() {
    each(0, async |sut| {
        let (id, field) = (sut.made("Ann").await, sut.face.field);
        for (switch, by_id) in [("stale-index", "Ulm"), ("read-lag", "Bonn")] {
            sut.edit(&id, field, "Bonn").await;
            let before = sut.listed().await;
            sut.sim.fault(json!({"switch": switch, "seconds": 30})).await;
            sut.edit(&id, field, "Ulm").await;
            sut.made(&format!("New {switch}")).await;
            assert_eq!((sut.listed().await, sut.shown(&id, field).await), (before, json!(by_id)), "{switch}");
            sut.sim.pass(29);
            assert_eq!((sut.listed().await, sut.shown(&id, field).await), (before, json!(by_id)), "{switch}");
            sut.sim.pass(1);
            assert_eq!((sut.listed().await, sut.shown(&id, field).await), (before + 1, json!("Ulm")), "{switch}");
            sut.sim.heal().await;
        }
    })
    .await;
}

#[tokio::test]
async fn checkpoints_expire() {
    let sim = Sim::start(System::Crm, 30).await;
    let page = async |after: &str| sim.call("GET", &format!("{}?after={after}", FACES[0].list), Value::Null).await;
    let first = sim.get(FACES[0].list).await["paging"]["next"]["after"].as_str().unwrap().to_owned();
    sim.fault(json!({"switch": "expired-checkpoint", "seconds": 60})).await;
    let (status, body) = page(&first).await;
    assert_eq!(status, 400, "handed out before anybody counted: {body}");
    let first = sim.get(FACES[0].list).await["paging"]["next"]["after"].as_str().unwrap().to_owned();
    sim.pass(60);
    assert_eq!(page(&first).await.0, 200);
    sim.pass(1);
    assert_eq!(page(&first).await.0, 400);

    let search = json!({"limit": 5, "after": "0"});
    assert_eq!(sim.call("POST", "/crm/v3/objects/contacts/search", search).await.0, 200, "from the beginning");
    let one = first.as_str();
    let edges = format!("/crm/v4/objects/contacts/{one}/associations/companies?after=1");
    assert_eq!(sim.call("GET", &edges, Value::Null).await.0, 200, "positions in a small list are no checkpoints");

    let sim = Sim::start(System::Desk, 3).await;
    sim.fault(json!({"switch": "expired-checkpoint", "seconds": 60})).await;
    let export = "/api/v2/incremental/users/cursor.json";
    let cursor = sim.get(&format!("{export}?start_time=0")).await["after_cursor"].as_str().unwrap().to_owned();
    for (pass, status) in [(60, 200), (61, 422)] {
        sim.pass(pass);
        assert_eq!(sim.call("GET", &format!("{export}?cursor={cursor}"), Value::Null).await.0, status);
    }

    let sim = Sim::start(System::Books, 3).await;
    sim.fault(json!({"switch": "expired-checkpoint", "seconds": 60})).await;
    for (since, status) in [("2025-10-09T08:52:20", 200), ("2025-10-09T08:52:19", 400)] {
        let since = [("if-modified-since", since)];
        assert_eq!(sim.call_with("GET", FACES[1].list, &since, Value::Null).await.unwrap().0, status);
    }
    assert_eq!(sim.call("GET", FACES[1].list, Value::Null).await.0, 200, "from the beginning is always possible");
}

#[tokio::test]
async fn switches_are_listed_with_what_they_take() {
    each(0, async |sut| {
        sut.sim.fault(json!({"switch": "read-lag", "seconds": 5})).await;
        let all = sut.sim.control("GET", "/_sim/fault", Value::Null).await;
        assert_eq!(all["active"], json!([{"switch": "read-lag", "on": true, "seconds": 5}]));
        let switches = all["switches"].as_array().unwrap();
        assert_eq!(switches.len(), nave_sim::Switch::ALL.len());
        assert!(switches.iter().all(|switch| !switch["about"].as_str().unwrap().is_empty()));
        sut.sim.heal().await;
        assert_eq!(sut.sim.control("GET", "/_sim/fault", Value::Null).await["active"], json!([]));
        for (rule, part) in [
            (json!({"switch": "rain"}), "unknown variant `rain`"),
            (json!({"switch": "down", "seconds": 3}), "`down` has no `seconds`"),
            (json!({"switch": "read-only", "field": "shoe"}), "no object here has a field `shoe`"),
        ] {
            let why = sut.refusal(rule).await;
            assert!(why.contains(part), "{why}");
        }
    })
    .await;
}
