//! A drop folder without a file is no error: its stream is there when its first file is.

use std::path::Path;

use nave_tests::project::Project;
use serde_json::{Value, json};

const MAPPING: &str = "connection = \"drop\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\n\
    [[field]]\nremote = \"Email\"\ncanonical = \"email\"\ndirection = \"in\"\n";

/// The one run of the flow: status, read, created, message.
#[track_caller]
fn sync(project: &Project, code: i32) -> Value {
    let ran = project.run(&["sync"]);
    assert_eq!(ran.code, Some(code), "{ran:?}");
    let runs = ran.lines();
    assert_eq!(runs.len(), 1, "{runs:?}");
    json!([runs[0]["status"], runs[0]["read"], runs[0]["created"], runs[0]["message"].as_str().unwrap_or_default()])
}

#[test]
fn an_empty_drop_folder_waits_for_its_first_file() {
    let project = Project::init();
    project.install("files");
    let folder = project.dir().join("inbox");
    project.connect_drop("drop", Path::new("inbox"));
    project.write("mappings/drop.toml", MAPPING);
    let waits = "no file yet in inbox";
    assert!(
        project.ok(&["mapping", "lint"]).out.contains("no file yet in inbox, which is not there: "),
        "its name may be a slip"
    );
    for command in [&["mapping", "lint"][..], &["plan"]] {
        let said = project.ok(command);
        assert!(said.out.contains(waits), "nave {}: {said:?}", command.join(" "));
    }
    assert_eq!(sync(&project, 0), json!(["success", 0, 0, waits]));
    let status = project.json(&["status"]);
    assert_eq!(status["flows"][0]["last_error"], Value::Null, "{status}");
    // What it offered when it was asked is saved, and still says nothing against the mapping.
    project.json(&["connection", "discover", "drop", "--save"]);
    assert!(project.ok(&["mapping", "lint"]).out.contains("there was no file in inbox"), "a warning, and no error");
    assert_eq!(sync(&project, 0), json!(["success", 0, 0, waits]));

    // While a hub serves, too: the first file is read without anybody asking again.
    let serving = project.serve();
    assert_eq!(sync(&project, 0), json!(["success", 0, 0, waits]));
    std::fs::write(folder.join("contacts.csv"), "Email\nada@example.org\n").expect("a file");
    assert_eq!(sync(&project, 0), json!(["success", 1, 1, ""]));
    serving.stop();
    assert!(!project.ok(&["plan"]).out.contains(waits), "there is one now");

    // Gone again: nobody deletes anything because of that, and nobody calls it new.
    std::fs::remove_file(folder.join("contacts.csv")).expect("it goes");
    for _ in 0..3 {
        let failed = sync(&project, 1);
        assert_eq!((&failed[0], &failed[1]), (&json!("failed"), &json!(0)), "{failed}");
        assert!(failed[3].as_str().is_some_and(|said| said.contains("has no stream `contacts`")), "{failed}");
    }
    let records = project.json(&["record", "list", "contact"])["records"].as_array().map(Vec::len);
    assert_eq!(records, Some(1), "the record stays");
    // Another file is no first file: a misspelt stream is still an error.
    std::fs::write(folder.join("people.csv"), "Email\nada@example.org\n").expect("a file");
    project.write("mappings/drop.toml", &MAPPING.replace("\"contacts\"", "\"peeple\""));
    std::fs::remove_file(project.dir().join("streams/drop.json")).expect("it goes");
    let failed = sync(&project, 1);
    assert!(failed[3].as_str().is_some_and(|said| said.contains("has no stream `peeple` (it has people)")), "{failed}");
    // It says what to type, and that works.
    let said = failed[3].as_str().unwrap_or_default();
    assert!(said.contains("`nave mapping suggest drop --stream people --apply` maps what is called people there"), "{failed}");
    let suggested = project.json(&["mapping", "suggest", "drop", "--stream", "people"]);
    assert_eq!(suggested["sides"], json!([{ "connection": "drop", "stream": "people", "sampled": 1, "others": [] }]));
    // Of several the likeliest is taken, the others are named, and each can be asked for.
    std::fs::write(folder.join("leads.csv"), "Mail,Vorname,Nachname\nada@example.org,Ada,Lee\nbo@example.org,Bo,Lund\n")
        .expect("a file");
    std::fs::write(folder.join("bolts.csv"), "id,width\n1,2.5\n").expect("a file");
    std::fs::write(folder.join("bounced.csv"), "E-Mail\nx@example.org\n").expect("a file");
    std::fs::remove_file(project.dir().join("mappings/drop.toml")).expect("it goes");
    project.json(&["connection", "discover", "drop", "--save"]);
    let sides = |words: &[&str]| project.json(&[&["mapping", "suggest", "drop"], words].concat())["sides"].clone();
    assert_eq!((&sides(&[])[0]["stream"], &sides(&[])[0]["others"]), (&json!("people"), &json!(["leads"])), "by its name");
    assert_eq!(sides(&["--stream", "drop/leads"])[0]["stream"], "leads");
    assert_eq!(sides(&["--entity", "employee"])[0]["others"], json!(["bounced", "people"]), "by what they hold");
    for (words, expected) in [
        (&["--stream", "lead"][..], "did you mean `leads`"),
        (&["--stream", "leads", "--stream", "people"], "two streams of `drop`"),
    ] {
        let refused = project.run(&[&["mapping", "suggest", "drop"], words].concat());
        assert!(refused.code != Some(0) && format!("{refused:?}").contains(expected), "{refused:?}");
    }
}

/// `connection add`, and what it prints to type next: a starter mapping knows more columns than one export has.
#[test]
fn the_steps_that_are_printed_leave_a_project_that_works() {
    let project = Project::init();
    project.install("files");
    let folder = project.dir().join("inbox");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("contacts.csv"), "Id,FirstName,LastName,Email\n1,Ada,Lovelace,ada@example.org\n").expect("a file");
    project.ok(&["connection", "add", "files", "--name", "drop", "--folder", "drop=inbox", "--reason", "a test", "--yes"]);
    project.ok(&["connection", "check", "drop"]);
    let saved = project.json(&["connection", "discover", "drop", "--save"]);
    let notes = saved["notes"].to_string();
    assert!(notes.contains("mappings/drop-contacts.toml") && notes.contains("`Status`") && !notes.contains("`Email`"), "{notes}");
    project.ok(&["plan"]);
    assert_eq!(sync(&project, 0), json!(["success", 1, 1, ""]));
    let mapping = project.read("mappings/drop-contacts.toml");
    assert!(mapping.contains("# remote = \"Status\"") && mapping.contains("\nremote = \"Email\""), "{mapping}");
    // A column that is lost later is told, not taken out; neither is a typo.
    std::fs::write(folder.join("contacts.csv"), "Id,FirstName,LastName\n1,Ada,Lovelace\n").expect("a file");
    let saved = project.json(&["connection", "discover", "drop", "--save"]);
    assert_eq!(saved["notes"], json!([]));
    let lost = project.run(&["mapping", "lint"]);
    assert!(lost.code == Some(3) && format!("{lost:?}").contains("`contacts` has `Id`"), "{lost:?}");
    assert_eq!(project.read("mappings/drop-contacts.toml"), mapping);
    project.write("mappings/drop-contacts.toml", &mapping.replace("\nremote = \"FirstName\"", "\nremote = \"FirstNam\""));
    let typo = project.run(&["mapping", "lint"]);
    assert!(typo.code == Some(3) && format!("{typo:?}").contains("did you mean `FirstName`?"), "{typo:?}");
}
