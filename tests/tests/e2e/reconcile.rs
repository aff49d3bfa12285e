//! What two systems hold is compared, decided before the first write, and followed when names and mailboxes change (S3.9, S4.9,
//! S4.11, S4.12).

use nave_tests::project::Project;
use serde_json::{Value, json};

use super::census::Two;

fn counts(project: &Project, words: &[&str]) -> [Option<u64>; 3] {
    let answer = project.json(&[&["reconcile", "crm", "books"][..], words].concat());
    ["missing", "extra", "differing"].map(|kind| answer["counts"][kind].as_u64())
}

fn id_of(sim: &nave_tests::systems::Sim, mail: &str) -> String {
    let all = sim.call("GET", "/crm/v3/objects/contacts?limit=100&properties=email", None).json();
    let found = all["results"].as_array().into_iter().flatten().find(|row| row["properties"]["email"] == mail);
    found.and_then(|row| row["id"].as_str()).expect("the contact is there").to_owned()
}

fn in_books(two: &Two) -> Vec<Value> {
    let all = two.books.call("GET", "/api.xro/2.0/Contacts", None).json();
    all["Contacts"].as_array().cloned().unwrap_or_default()
}

#[test]
fn what_differs_is_decided_before_the_first_write_and_gone_after_it() {
    let two = Two::start();
    let early = two.project.run(&["plan", "--initial", "--apply"]);
    assert!(early.code == Some(4) && early.out.contains("were not read yet"), "{early:?}");
    two.project.sync(&[]);
    let marks = [two.crm.last_request(), two.books.last_request()];
    // The same person has another first name in each.
    // Her telephone is dialled there as in her country, and is the same.
    let changed = json!({ "properties": { "firstname": "Augusta", "phone": "030 55512007", "country": "Germany" } });
    let ada = id_of(&two.crm, "p0@lovelace.example");
    two.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{ada}"), Some(changed));
    let answer = two.project.json(&["reconcile", "crm", "books", "--read"]);
    let differing: Vec<&Value> =
        answer["findings"].as_array().into_iter().flatten().filter(|finding| finding["kind"] == "differing").collect();
    let of_ada = differing.iter().find(|finding| finding["remote_ids"][0] == ada.as_str());
    let fields = of_ada.and_then(|finding| finding["fields"].as_array()).expect("she differs");
    let first = fields.iter().find(|field| field["field"] == "first_name").expect("in her first name");
    assert_eq!((&first["left"], &first["right"]), (&json!("Augusta"), &json!("Ada")), "{answer}");
    assert!(fields.iter().all(|field| field["field"] != "phone"), "{answer}");
    let mut plain = std::process::Command::new(nave_tests::binary::nave());
    let output =
        plain.arg("--dir").arg(two.project.dir()).args(["reconcile", "crm", "books", "--read"]).output().expect("nave runs");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(shown.matches("read just now").count(), 2, "{shown}");
    // One series of comparisons, in whichever order the two are named.
    for (names, expected) in [(["crm", "books"], 0), (["books", "crm"], 16)] {
        let kept = two.project.json(&["reconcile", names[0], names[1], "--keep"])["kept"].clone();
        assert_eq!((kept["new"].as_u64(), kept["still"].as_u64()), (Some(16 - expected), Some(expected)), "{kept}");
    }
    let history = two.project.json(&["reconcile", "history", "crm", "books"]);
    let of = |pair: &&Value| pair["entity"] == "contact";
    let pairs: Vec<&Value> = history["pairs"].as_array().into_iter().flatten().filter(of).collect();
    assert_eq!((pairs.len(), pairs[0]["outcomes"].as_array().map(Vec::len)), (1, Some(2)), "{history}");
    assert_eq!(pairs[0]["outcomes"][0]["counts"], pairs[0]["outcomes"][1]["counts"], "{history}");
    assert!(first["command"].as_str().is_some_and(|command| command.starts_with("nave plan --flow ")), "{first}");
    assert_eq!(answer["counts"]["missing"], 8, "{answer}");
    assert_eq!(answer["counts"]["extra"], 7, "{answer}");

    // Nobody has decided who wins: it is said for each field, and not agreed to.
    let initial = two.project.json(&["plan", "--initial", "--limit", "100"]);
    let undecided = initial["undecided"].as_array().cloned().unwrap_or_default();
    assert!(undecided.contains(&json!("contact.first_name")), "{initial}");
    let refused = two.project.run(&["plan", "--initial", "--apply"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.out.contains("contact.first_name"), "{refused:?}");
    assert!(two.project.json(&["plan"])["flows"].as_array().into_iter().flatten().all(|flow| flow["approved"] == false));
    for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
        let by_hub = |change: &&Value| change["method"] != "PATCH";
        assert_eq!(sim.changes_since(mark).iter().filter(by_hub).count(), 0, "nothing was written");
    }

    // Once it is decided it is agreed to, and after a sync nothing differs any more.
    let applied = two.project.json(&["plan", "--initial", "--apply", "--prefer", "crm", "--reason", "sales knows them"]);
    assert_eq!(applied["applied"], true, "{applied}");
    assert!(two.project.read("entities/contact.toml").contains("[fields.first_name]"));
    two.project.ok(&["mapping", "lint"]);
    two.project.sync(&[]);
    assert_eq!(counts(&two.project, &["--read"])[2], Some(0));

    // It is on the schedule without anybody asking for it, and what is kept has its difference.
    let schedule = two.project.json(&["schedule", "list"]);
    let weekly = schedule["comparisons"].as_array().into_iter().flatten().find(|one| one["entity"] == "contact");
    assert_eq!(weekly.map(|one| &one["every_ms"]), Some(&json!(7 * 86_400_000_u64)), "{schedule}");
    two.project.json(&["reconcile", "books", "crm", "--keep"]);
    two.project.json(&["reconcile", "books", "crm", "--keep"]);
    let history = two.project.json(&["reconcile", "history", "crm", "books"]);
    let of_contacts = history["pairs"].as_array().into_iter().flatten().find(|pair| pair["entity"] == "contact");
    let outcomes = of_contacts.and_then(|pair| pair["outcomes"].as_array()).cloned().unwrap_or_default();
    assert_eq!(outcomes.len(), 4, "two of before: {history}");
    assert_eq!((&outcomes[3]["new"], &outcomes[3]["gone"]), (&json!(0), &json!(0)), "{history}");
}

/// Who wins in the first plan is by the policy that was just written, though everything was read under another one.
#[test]
fn the_first_plan_is_by_the_rules_as_they_are_now() {
    let two = Two::start();
    let ada = id_of(&two.crm, "p0@lovelace.example");
    let changed = json!({ "properties": { "firstname": "Adah" } });
    two.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{ada}"), Some(changed));
    two.project.sync(&["crm-contacts"]);
    two.project.sync(&["books-contacts"]);
    let rule = || -> (Value, Value) {
        let initial = two.project.json(&["plan", "--initial", "--limit", "100"]);
        let pairs = initial["pairs"].as_array().cloned().unwrap_or_default();
        let fields = pairs.iter().flat_map(|pair| pair["fields"].as_array().cloned().unwrap_or_default());
        let first = fields.into_iter().find(|field| field["field"] == "first_name").expect("they differ");
        (first["rule"].clone(), first["wins"].clone())
    };
    assert_eq!(rule().0, "newest");
    two.project.json(&["policy", "init", "crm-centric"]);
    assert_eq!(rule(), (json!("owner"), json!("Adah")));
}

/// A person who is called otherwise and has another mailbox is the same person: what is known there is changed, nothing is made.
#[test]
fn another_name_and_another_mailbox_are_the_same_person() {
    let two = Two::start();
    two.project.sync(&[]);
    two.project.agree();
    two.project.sync(&[]);
    let before = in_books(&two).len();
    let ada = id_of(&two.crm, "p0@lovelace.example");
    let record = two.project.json(&["xref", &format!("crm:{ada}")]);
    let changed = json!({ "properties": { "firstname": "Augusta", "lastname": "King", "email": "augusta@king.example" } });
    two.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{ada}"), Some(changed));
    two.project.sync(&[]);
    assert_eq!(in_books(&two).len(), before, "nothing was made");
    let there: Vec<Value> = in_books(&two).into_iter().filter(|row| row["EmailAddress"] == "augusta@king.example").collect();
    assert_eq!(there.len(), 1, "{there:?}");
    assert_eq!((&there[0]["FirstName"], &there[0]["LastName"]), (&json!("Augusta"), &json!("King")));
    let after = two.project.json(&["xref", &format!("crm:{ada}")]);
    assert_eq!(after["record"], record["record"]);
    assert_eq!(after["remotes"].as_array().map(Vec::len), record["remotes"].as_array().map(Vec::len));
}

/// An automation in the CRM sets the field of whatever was just written: nobody there is known to do that (S1.6). The numbers that say
/// whether the data can be trusted name what nobody decided (S4.2).
#[test]
fn an_automation_that_nobody_knows_is_raised() {
    let two = Two::start();
    two.project.sync(&[]);
    two.project.agree();
    two.project.sync(&[]);
    assert_eq!(two.project.json(&["anomalies"])["anomalies"], json!([]));
    // What the hub made there gets a field that was never sent before: once for each is nobody's doing but ours.
    for last in ["Lindgrenn", "Walshh", "Olsenn", "Smirnovaa"] {
        let found = two.project.json(&["record", "list", "contact", last]);
        let name = found["records"][0]["record"].as_str().expect("known from the books");
        two.project.json(&["record", "set", name, "job_title", "Clerk", "--reason", "asked"]);
    }
    two.project.sync(&[]);
    assert_eq!(two.project.json(&["anomalies"])["anomalies"], json!([]));
    two.crm.fault(json!({ "switch": "rewrite", "field": "firstname", "value": "Robot", "object": "contacts" }));
    let known: Vec<Value> = in_books(&two).into_iter().filter(|row| row["EmailAddress"] != "").take(4).collect();
    assert_eq!(known.len(), 4);
    for row in known {
        let edited = json!({ "ContactID": row["ContactID"], "Name": row["Name"], "LastName": format!("{}-Smith", row["LastName"].as_str().unwrap_or_default()) });
        two.books.call("POST", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [edited] })));
    }
    two.project.sync(&[]);
    two.project.sync(&[]);
    let anomalies = two.project.json(&["anomalies"]);
    let subjects: Vec<&Value> = anomalies["anomalies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["kind"] == "unknown-writer")
        .map(|one| &one["subject"])
        .collect();
    assert!(subjects.contains(&&json!("crm.contact.first_name")), "{anomalies}");
    let governance = two.project.json(&["governance"]);
    let lines = governance["lines"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = lines.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["duplicates", "orphans", "unowned-fields", "open-conflicts", "stale-xrefs"]);
    let count = |name: &str| lines.iter().find(|line| line["name"] == name).and_then(|line| line["count"].as_u64());
    assert_eq!((count("duplicates"), count("orphans"), count("stale-xrefs")), (Some(0), Some(0), Some(0)), "{governance}");
    assert!(count("unowned-fields").is_some_and(|count| count > 0), "{governance}");
    // Each number has its list: as many as it says, and something to type about each.
    for line in &lines {
        let name = line["name"].as_str().unwrap_or_default();
        assert_eq!(line["command"], format!("nave governance {name}"), "{line}");
        let list = two.project.json(&["governance", name, "--limit", "1000"]);
        let entries = list["entries"].as_array().cloned().unwrap_or_default();
        assert_eq!(
            (&list["count"], entries.len() as u64),
            (&line["count"], line["count"].as_u64().unwrap_or_default()),
            "{list}"
        );
        for entry in entries {
            let command = entry["command"].as_str().and_then(|command| command.strip_prefix("nave ")).unwrap_or_default();
            two.project.json(&command.split(' ').collect::<Vec<_>>());
        }
    }
    let unknown = two.project.run(&["governance", "duplicate"]);
    assert!(unknown.code == Some(2) && unknown.out.contains("`duplicates`"), "{unknown:?}");
}

/// The same in the field that the hub itself writes: the CRM's answer shows the other value. It counts as that system's spelling, and is told.
#[test]
fn what_an_automation_makes_of_the_hubs_own_write_is_told() {
    let two = Two::start();
    two.project.sync(&[]);
    two.project.agree();
    two.project.sync(&[]);
    two.crm.fault(json!({ "switch": "rewrite", "field": "firstname", "value": "Robot", "object": "contacts" }));
    for last in ["Lindgrenn", "Walshh", "Olsenn", "Smirnovaa"] {
        let found = two.project.json(&["record", "list", "contact", last]);
        let name = found["records"][0]["record"].as_str().expect("known from the books");
        two.project.json(&["record", "set", name, "first_name", "Malin", "--reason", "her passport"]);
    }
    two.project.sync(&[]);
    let anomalies = two.project.json(&["anomalies"]);
    let all = anomalies["anomalies"].as_array().into_iter().flatten();
    let writers: Vec<&Value> = all.filter(|one| one["kind"] == "unknown-writer").map(|one| &one["subject"]).collect();
    assert_eq!(writers, [&json!("crm.contact.first_name")], "{anomalies}");
    let compared = two.project.json(&["reconcile", "crm", "books"]);
    let otherwise = &compared["otherwise"];
    assert_eq!(otherwise.as_array().map(Vec::len), Some(1), "{compared}");
    assert_eq!((&otherwise[0]["field"], &otherwise[0]["count"]), (&json!("first_name"), &json!(4)), "{compared}");
    let first = &otherwise[0]["first"][0];
    assert_eq!((&first["written"], &first["kept"]), (&json!("Malin"), &json!("Robot")), "{compared}");
    // What is proposed makes it everybody's value.
    let command = first["command"].as_str().expect("a command").replace("WHY", "so-it-is");
    let words: Vec<&str> = command.split(' ').skip(1).map(|word| word.trim_matches('\'')).collect();
    two.project.ok(&words);
    two.project.sync(&[]);
    assert_eq!(two.project.json(&["reconcile", "crm", "books"])["otherwise"][0]["count"], 3);
    assert_eq!(in_books(&two).iter().filter(|row| row["FirstName"] == "Robot").count(), 1);
}
