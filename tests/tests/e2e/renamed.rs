//! A field gets another name, and is taken out: plan and apply, `nave.lock`, and what is stored.

use nave_tests::project::Project;
use nave_tests::systems::{Clock, Drop, System as _};
use serde_json::json;

const ENTITY: &str = "steward = \"ops\"\n";

fn configure(project: &Project, entity: &str, field: &str) {
    project.write("entities/contact.toml", &format!("{ENTITY}{entity}"));
    let mapping = "connection = \"drop\"\nstream = \"contacts\"\nentity = \"contact\"\n\n[flow.in]\nfreshness = \"24h\"\n\n\
                   [[field]]\nremote = \"FirstName\"\ncanonical = \"first_name\"\ndirection = \"in\"\n\n";
    let level = |field: &str| format!("[[field]]\nremote = \"Level\"\ncanonical = \"{field}\"\ndirection = \"in\"\n");
    let level = if field.is_empty() {
        "[[field]]\nremote = \"Level\"\ndirection = \"ignore\"\nbecause = \"nobody uses it\"\n".to_owned()
    } else {
        level(field)
    };
    project.write("mappings/drop.toml", &format!("{mapping}{level}"));
}

#[test]
fn renamed() {
    let project = Project::init();
    let folder = project.dir().parent().expect("a folder").join("exports");
    let mut drop = Drop::start("drop", folder.clone(), &["FirstName", "Level"], Clock::default());
    project.install("files");
    project.connect_drop("drop", &folder);
    configure(&project, "[fields.x.drop.tier]\ntype = \"text\"\n[[match]]\nkey = \"x.drop.tier\"\nagree = []\n", "x.drop.tier");
    drop.create(&[("FirstName", "Ada"), ("Level", "gold")].map(|(name, text)| (name.to_owned(), text.to_owned())).into());
    project.sync(&[]);
    project.json(&["plan"]);
    project.json(&["apply"]);
    let line = |field: &str| {
        let lock = project.read("nave.lock");
        lock.lines().find_map(|line| line.strip_prefix(&format!("\"{field}\" = "))).map(str::to_owned)
    };
    let number = line("x.drop.tier").expect("a number");
    let value = |field: &str| {
        let why = project.json(&["record", "why", "contact/1"]);
        let fields = why["fields"].as_array().cloned().unwrap_or_default();
        fields.into_iter().find(|found| found["field"] == field).map(|found| found["value"].clone())
    };
    assert_eq!(value("x.drop.tier"), Some(json!("gold")));

    let entity =
        "[fields.x.drop.level]\ntype = \"text\"\nrenamed-from = \"x.drop.tier\"\n[[match]]\nkey = \"x.drop.level\"\nagree = []\n";
    configure(&project, entity, "x.drop.level");
    let held = project.run(&["sync"]);
    assert_ne!(held.code, Some(0), "{held:?}");
    assert!(held.out.contains("`x.drop.tier` of contact is called `x.drop.level` now"), "{held:?}");
    let step =
        |name: &str, change: &str, consent: bool| json!([{"name": name, "change": change, "records": 1, "consent": consent}]);
    let renamed = step("field contact.x.drop.level", "renamed from x.drop.tier", false);
    assert_eq!(project.json(&["plan"])["schema"], renamed);
    assert_eq!(project.json(&["apply", "--reason", "clearer"])["schema"], renamed);
    assert_eq!((line("x.drop.level"), line("x.drop.tier")), (Some(number), None));
    let runs = project.sync(&[]);
    assert!(runs.iter().all(|run| run["updated"] == 0), "{runs:?}");
    assert_eq!((value("x.drop.level"), value("x.drop.tier")), (Some(json!("gold")), None));
    let found = project.json(&["store", "check"]);
    assert_eq!((&found["sound"], &found["surplus"]), (&json!(true), &json!(0)), "{found}");

    configure(&project, "", "");
    let refused = project.run(&["apply"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.err.contains("--schema") || refused.out.contains("--schema"), "{refused:?}");
    let removed = step("field contact.x.drop.level", "removed", true);
    assert_eq!(project.json(&["apply", "--schema", "--reason", "nobody uses it"])["schema"], removed);
    assert!(line("x.drop.level").is_some_and(|line| line.contains("removed = true")));
}
