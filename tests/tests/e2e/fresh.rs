//! What a project is told before anything runs: a required field that nothing is written to (S2.11), and that duplicates are looked
//! for unless somebody says why not (S4.13).

use nave_sim::{SimConfig, System};
use nave_tests::project::Project;
use nave_tests::systems::Sim;

use super::connected::connect;

const CONTACTS: &str = "mappings/books-contacts.toml";

#[test]
fn a_required_field_without_a_mapping_fails_the_lint_before_any_run() {
    let books = Sim::start(System::Books, SimConfig::new(3));
    let project = Project::init();
    connect(&project, &[("books", &books)]);
    project.json(&["connection", "discover", "books", "--save"]);
    project.ok(&["mapping", "lint"]);
    let text = project.read(CONTACTS);

    let line = "[[field]]\nremote = \"Name\"\n";
    let (before, after) = text.split_once(line).expect("the mapping of the name");
    let rest = after.split_once("[[field]]").map_or(String::new(), |(_, rest)| format!("[[field]]{rest}"));
    project.write(CONTACTS, &format!("{before}{rest}"));
    for command in [&["mapping", "lint"][..], &["sync"], &["plan"]] {
        let ran = project.run(command);
        let said = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, Some(3), "nave {}: {said}", command.join(" "));
        assert!(said.contains("required-field") && said.contains("`Name` is required there"), "{said}");
        assert!(said.contains(CONTACTS) && said.contains("give it a constant"), "where, and what to do: {said}");
    }
    // A constant is a source too.
    let (head, tail) = before.split_once("\n\n").expect("its first table");
    project.write(CONTACTS, &format!("{head}\nconstants = {{ \"Name\" = \"A customer\" }}\n\n{tail}{rest}"));
    let lint = project.run(&["mapping", "lint"]);
    assert!(!lint.out.contains("required-field"), "{lint:?}");
    project.write(CONTACTS, &text);
    project.ok(&["mapping", "lint"]);
    // Nothing has run.
    assert_eq!(project.json(&["run", "list"])["runs"].as_array().map(Vec::len), Some(0));
}

#[test]
fn a_fresh_project_looks_for_duplicates_and_stops_only_with_a_reason() {
    let project = Project::init();
    let model = || project.json(&["match", "model", "--entity", "contact"]);
    assert_eq!(model()["on"], true, "{}", model());
    let turned_off = |because: &str| {
        project.write("entities/contact.toml", &format!("[scored]\non = false\n{because}"));
        project.run(&["mapping", "lint"])
    };
    let refused = turned_off("");
    let said = format!("{}{}", refused.out, refused.err);
    assert_eq!(refused.code, Some(3), "{said}");
    assert!(said.contains("duplicates of contact are no longer looked for, and nobody says why"), "{said}");
    assert!(said.contains("write because = "), "{said}");
    let agreed = turned_off("because = \"one system alone\"\n");
    assert_eq!(agreed.code, Some(0), "{agreed:?}");
    assert_eq!((&model()["on"], &model()["because"]), (&false.into(), &"one system alone".into()));
}
