//! `nave test scenarios`: what happens to flows sooner or later, through the project's own mappings; nobody else is asked.

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::{Books, Crm, System as _};
use serde_json::Value;

use super::connected::connect;

fn message<'r>(run: &'r Value, name: &str) -> (&'r str, &'r str) {
    let case = run["cases"].as_array().into_iter().flatten().find(|case| case["name"] == name);
    let case = case.unwrap_or_else(|| panic!("no case {name}: {run}"));
    (case["result"].as_str().unwrap_or_default(), case["message"].as_str().unwrap_or_default())
}

#[test]
fn every_flow_is_tried_with_more_than_thirty_cases_and_nobody_is_asked() {
    let crm = Crm::start("crm", SimConfig { records: 6, ..SimConfig::new(29) });
    let books = Books::start("books", SimConfig { records: 6, ..SimConfig::new(29) });
    let project = Project::init();
    let (sim, other) = (crm.sim().expect("a simulator"), books.sim().expect("a simulator"));
    connect(&project, &[("crm", sim), ("books", other)]);
    let asked = (sim.last_request(), other.last_request());
    let ran = project.run(&["test", "scenarios"]);
    let run = ran.json();
    assert_eq!(ran.code, Some(0), "{run}");
    assert_eq!((sim.last_request(), other.last_request()), asked, "nothing is asked of anybody");
    assert_eq!(project.json(&["record", "list", "contact"])["records"].as_array().map(Vec::len), Some(0), "nothing is stored");

    for flow in ["crm-contacts", "books-contacts"] {
        let of = |result: &str| {
            let cases = run["cases"].as_array().into_iter().flatten();
            cases
                .filter(|case| case["result"] == result && case["name"].as_str().is_some_and(|name| name.starts_with(flow)))
                .count()
        };
        assert!(of("passed") >= 30 && of("failed") == 0, "{flow}: {run}");
    }
    for (name, result, words) in [
        ("crm-contacts: normal", "passed", "carried unchanged to books-contacts"),
        ("crm-contacts: emoji", "passed", "carried unchanged to books-contacts"),
        ("crm-contacts: spaces around it", "passed", "as the mapping says"),
        ("crm-contacts: very long", "passed", "carried to books-contacts"),
        ("crm-contacts: a list for a text", "passed", "set aside as `type`"),
        ("crm-contacts: country that is none", "passed", "set aside as `lookup`"),
        ("crm-contacts: body that cannot be read", "passed", "set aside as `syntax`"),
        ("books-contacts: target rejects", "passed", "set aside as `format`"),
        ("books-contacts: answer lost", "passed", "carried unchanged to books-contacts"),
        ("crm-contacts: currency that is none", "skipped", "no field of this flow"),
    ] {
        let (is, said) = message(&run, name);
        assert!(is == result && said.contains(words), "{name}: {is} {said}");
        assert!(result == "skipped" || said.starts_with("must: "), "{said}");
    }

    // One flow alone; a filter that nothing passes is said.
    let mapping = project.read("mappings/crm-contacts.toml");
    let filtered = mapping.replacen(
        "[flow.in]\n",
        "[flow.in]\nfilter = \"properties.city = 'Nowhere' and properties.city = 'Elsewhere'\"\n",
        1,
    );
    assert_ne!(mapping, filtered);
    project.write("mappings/crm-contacts.toml", &filtered);
    let run = project.json(&["test", "scenarios", "crm-contacts"]);
    assert!(
        run["cases"]
            .as_array()
            .into_iter()
            .flatten()
            .all(|case| case["name"].as_str().is_some_and(|name| name.starts_with("crm-")))
    );
    let (is, said) = message(&run, "crm-contacts: normal");
    assert!(is == "skipped" && said.contains("filter"), "{said}");
    assert_eq!(message(&run, "crm-contacts: target rejects").0, "passed", "{run}");
    assert_eq!(project.run(&["test", "scenarios", "nothing"]).code, Some(2));

    let kept = project.json(&["test", "history"]);
    let suites: Vec<&str> = kept["runs"].as_array().into_iter().flatten().filter_map(|run| run["suite"].as_str()).collect();
    assert_eq!(suites, ["scenarios", "scenarios"]);
}
