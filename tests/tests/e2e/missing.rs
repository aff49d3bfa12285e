//! A plugin's file that is not there holds what needs it, and nothing else.

use nave_tests::project::Project;
use serde_json::Value;

fn mapping(connection: &str, phone: &str) -> String {
    format!(
        "connection = {connection:?}\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\n\
         [[field]]\nremote = \"Email\"\ncanonical = \"email\"\ndirection = \"in\"\n\
         [[field]]\nremote = \"Phone\"\ncanonical = \"phone\"\ndirection = \"in\"\nin = {phone:?}\n"
    )
}

#[test]
fn a_missing_transform_holds_the_flows_that_call_it() {
    let project = Project::init();
    for plugin in ["files", "phone-e164"] {
        project.install(plugin);
    }
    for (connection, phone) in [("calls", "phone_e164(Phone, Country)"), ("plain", "Phone")] {
        let folder = project.dir().parent().expect("a folder").join(connection);
        std::fs::create_dir(&folder).expect("a folder");
        let row = format!("Email,Phone,Country\n{connection}@example.org,+49 30 1234567,DE\n");
        std::fs::write(folder.join("contacts.csv"), row).expect("a file");
        project.connect_drop(connection, &folder);
        project.write(&format!("mappings/{connection}.toml"), &mapping(connection, phone));
    }
    // Also where another file is broken.
    let other = project.dir().join("mappings/other.toml");
    for text in ["connection = [", ""] {
        std::fs::write(&other, text).expect("written");
        let removed = project.run(&["plugin", "remove", "phone-e164"]);
        assert!(removed.code == Some(2) && removed.out.contains("mappings/calls.toml"), "{text:?}: {removed:?}");
    }
    std::fs::remove_file(&other).expect("gone");
    let digest = |project: &Project| {
        let plugins = project.json(&["plugin", "list"])["plugins"].as_array().cloned().unwrap_or_default();
        let found = plugins.iter().find(|plugin| plugin["name"] == "phone-e164").cloned().unwrap_or_default();
        found["digest"].as_str().unwrap_or_default().to_owned()
    };
    let file = project.dir().join("plugins").join(format!("{}.wasm", digest(&project)));
    std::fs::remove_file(&file).expect("it was there");

    let install = "nave plugin install FILE.wasm";
    let says = |arguments: &[&str], code: i32| {
        let ran = project.run(arguments);
        assert_eq!(ran.code, Some(code), "nave {}: {ran:?}", arguments.join(" "));
        assert!(ran.out.contains(install), "`nave {}` says what to type: {ran:?}", arguments.join(" "));
        ran
    };
    assert!(says(&["status"], 0).json()["broken"].to_string().contains("calls cannot be read or written"), "which flow");
    assert!(says(&["mapping", "lint"], 0).out.contains("`phone_e164` is of plugin `phone-e164`"), "and why");
    says(&["doctor"], 1);
    project.tell(&["secret", "set", "other"], "s3cret");
    for arguments in [&["plan"][..], &["connection", "check", "plain"], &["plugin", "grants"], &["mapping", "explain", "calls"]] {
        project.ok(arguments);
    }
    let runs = says(&["sync"], 1).lines();
    let run = |flow: &str| runs.iter().find(|run| run["flow"] == flow).cloned().unwrap_or_default();
    assert_eq!((&run("plain")["status"], &run("plain")["created"]), (&"success".into(), &1.into()), "{runs:?}");
    assert_eq!((&run("calls")["status"], &run("calls")["read"]), (&"failed".into(), &0.into()), "nothing was read: {runs:?}");

    project.install("phone-e164");
    let runs = project.sync(&[]);
    let made = runs.iter().find(|run| run["flow"] == "calls").and_then(|run| run["created"].as_u64());
    assert_eq!(made, Some(1), "as if nothing had been: {runs:?}");
    let phones: Vec<Value> = project.json(&["record", "list", "contact"])["records"].as_array().cloned().unwrap_or_default();
    assert_eq!(phones.len(), 2, "{phones:?}");
}
