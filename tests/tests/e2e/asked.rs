//! Nothing is made in a system while a person is asked whether it is there already (issue 4).

use serde_json::{Value, json};

use super::census::Two;

/// Two people with one mailbox: the one in the books waits for a person. Meanwhile the books do not get a second one.
#[test]
fn who_may_be_there_already_is_not_made_there() {
    let two = Two::start();
    let mailbox = "office@quill.example";
    let there = json!({ "properties": { "firstname": "Nora", "lastname": "Quill", "email": mailbox } });
    two.crm.call("POST", "/crm/v3/objects/contacts", Some(there));
    let own = json!({ "Name": "Otto Pfeil", "FirstName": "Otto", "LastName": "Pfeil", "EmailAddress": mailbox });
    two.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [own] })));
    two.project.sync(&["crm-contacts"]);
    two.project.sync(&[]);
    let in_books = || -> Vec<Value> {
        let all = two.books.call("GET", "/api.xro/2.0/Contacts", None).json();
        let all = all["Contacts"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|row| row["EmailAddress"] == mailbox).collect()
    };
    let list = two.project.json(&["review", "list"]);
    let waits = list["reviews"].as_array().into_iter().flatten().find(|one| one["title"].to_string().contains("Otto Pfeil"));
    let number = waits.and_then(|one| one["id"].as_u64()).expect("a review of who it is").to_string();
    let review = two.project.json(&["review", "show", &number]);
    let nora = review["candidates"][0]["record"].as_str().expect("who it may be").to_owned();

    // The plan leaves her out, a sync holds her and says why, and nothing is made.
    let plan = two.project.json(&["plan", "--limit", "100"]);
    assert!(!plan.to_string().contains("Nora Quill"), "{plan}");
    two.project.agree();
    let runs = two.project.sync(&[]);
    let out = runs.iter().find(|run| run["flow"] == "books-contacts" && run["direction"] == "out").expect("a run");
    assert!(out["held"].as_u64() >= Some(1), "{out}");
    let found = two.project.json(&["reconcile", "crm", "books", "--entity", "contact"]);
    assert!(found.to_string().contains(&format!("nave review show {number}")), "{found}");
    assert_eq!(in_books().len(), 1);

    // It is she: the one that is there gets her name. Were it another one, she would be made then.
    two.project.json(&["review", "decide", &number, &nora, "--reason", "she married"]);
    two.project.sync(&[]);
    two.project.sync(&[]);
    let rows = in_books();
    assert_eq!(rows.len(), 1, "{rows:?}");
    let known = two.project.json(&["xref", &nora]);
    let systems: Vec<&Value> = known["remotes"].as_array().into_iter().flatten().map(|remote| &remote["connection"]).collect();
    assert!(systems.contains(&&json!("books")) && systems.len() == 2, "{known}");
}

/// The answer that it is another one lets it be made.
#[test]
fn who_is_another_one_is_made_after_that_was_said() {
    let two = Two::start();
    let there = json!({ "properties": { "firstname": "Nora", "lastname": "Quill", "email": "office@quill.example" } });
    two.crm.call("POST", "/crm/v3/objects/contacts", Some(there));
    let own = json!({ "Name": "Otto Pfeil", "FirstName": "Otto", "LastName": "Pfeil", "EmailAddress": "office@quill.example" });
    two.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [own] })));
    two.project.sync(&["crm-contacts"]);
    two.project.agree();
    two.project.sync(&[]);
    let list = two.project.json(&["review", "list"]);
    let waits = list["reviews"].as_array().into_iter().flatten().find(|one| one["title"].to_string().contains("Otto Pfeil"));
    let number = waits.and_then(|one| one["id"].as_u64()).expect("a review of who it is").to_string();
    let names = || -> Vec<String> {
        let all = two.books.call("GET", "/api.xro/2.0/Contacts", None).json();
        let all = all["Contacts"].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|row| row["Name"].as_str().map(str::to_owned)).collect()
    };
    assert!(!names().contains(&"Nora Quill".to_owned()), "{:?}", names());
    // Without a reason nothing is decided, and it is said what to type.
    for reason in [&[][..], &["--reason", ""], &["--reason", " \t"], &["--because", " "]] {
        let ran = two.project.run(&[&["review", "decide", &number, "new"][..], reason].concat());
        assert_eq!(ran.code, Some(2), "{reason:?}: {ran:?}");
        assert!(ran.out.contains(&format!("nave review decide {number} new --reason ")), "{reason:?}: {ran:?}");
    }
    two.project.json(&["review", "decide", &number, "new", "--reason", "they share an office"]);
    // The CRM takes a mailbox only once: Otto is set aside there, which is no matter of ours here.
    let output = two.project.command(&["sync"]).output().expect("nave runs");
    assert!(matches!(output.status.code(), Some(0 | 4)), "{output:?}");
    assert!(names().contains(&"Nora Quill".to_owned()) && names().contains(&"Otto Pfeil".to_owned()), "{:?}", names());
}
