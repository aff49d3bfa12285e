//! The members of a real mailing list, which is reached by SOAP only, and an export of customers: who is on the list is read, whoever
//! is to get the letter is put on it, a name goes both ways, and who is to get it no more is taken off.

use std::path::PathBuf;
use std::process::Command;

use nave_tests::binary;
use nave_tests::project::{Project, run};
use serde_json::Value;

use super::folder::Folder;
use super::hub;

const LIST: &str = "newsletter";

const IN: &str = r#"
connection = "old"
stream = "contacts"
entity = "contact"
steward = "ops"

[flow.in]
freshness = "1h"

[[field]]
remote = "Email"
canonical = "email"
direction = "in"
in = "trim | lower"

[[field]]
remote = "First"
canonical = "first_name"
direction = "in"

[[field]]
remote = "Last"
canonical = "last_name"
direction = "in"

[[field]]
remote = "Letter"
canonical = "job_title"
direction = "in"
"#;

/// What the starter mapping leaves out: whoever is to get the letter is put on the list.
const OUT: &str = "[flow.out]\nfilter = \"job_title = yes\"\non-leave = \"delete\"";

/// Sympa, by its own library.
struct Sympa {
    base: String,
    credential: String,
    config: PathBuf,
}

impl Sympa {
    /// The running one, with these members on the list.
    fn open(members: &[(&str, &str)]) -> Option<Self> {
        let Ok(line) = std::env::var("NAVE_SYMPA") else {
            println!("skipped: NAVE_SYMPA is not set; tests/systems/run.sh starts the real systems and sets it");
            return None;
        };
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("NAVE_SYMPA ({error}): {line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("NAVE_SYMPA has no {name}: {line}")).to_owned();
        let config = PathBuf::from(text("requests")).with_file_name("sympa.conf");
        let sympa = Self { base: text("base"), credential: text("credential"), config };
        for (email, _) in sympa.members() {
            sympa.people(&["remove", LIST, &email]);
        }
        for (email, name) in members {
            sympa.people(&["add", LIST, email, name]);
        }
        Some(sympa)
    }

    #[track_caller]
    fn people(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("perl");
        command.arg(binary::root().join("tests/systems/sympa/people.pl")).args(arguments).env("SYMPA_CONFIG", &self.config);
        let ran = run(&mut command, None);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
        ran.out
    }

    fn members(&self) -> Vec<(String, String)> {
        let pair = |line: &str| line.split_once('\t').map(|(email, name)| (email.to_owned(), name.to_owned()));
        self.people(&["members", LIST]).lines().filter_map(pair).collect()
    }

    #[track_caller]
    fn hold(&self, expected: &[(&str, &str)]) {
        let expected: Vec<(String, String)> =
            expected.iter().map(|(email, name)| ((*email).to_owned(), (*name).to_owned())).collect();
        assert_eq!(self.members(), expected, "members in Sympa");
    }
}

#[test]
fn letters() {
    const KARL: (&str, &str) = ("karl@mueller.test", "Karl Müller");
    const YUKI: (&str, &str) = ("yuki@hanami.test", "花見 雪");
    let Some(sympa) = Sympa::open(&[("ada@engines.test", "Ada Lovelace"), KARL, YUKI, ("o=brien@x.test", "Nuala O'Brien")])
    else {
        return;
    };
    let project = Project::init();
    let drop = project.dir().parent().expect("a folder").join("drop");
    let mut old = Folder::new(&drop, "Id,Email,First,Last,Letter");
    project.install("sympa");
    let mut add = vec!["connection", "add", "sympa", "--name", "letter", "--secret-from", "-", "--yes"];
    add.extend(["--grant-network", "127.0.0.0/8", "--insecure", "--because", "it runs on this machine"]);
    let url = format!("url={}", sympa.base);
    for setting in [url.as_str(), "application=nave", "user=listmaster@lists.example.test", "list=newsletter"] {
        add.extend(["--set", setting]);
    }
    project.tell(&add, &sympa.credential);
    project.install("files");
    project.connect_drop("old", &drop);
    project.write("mappings/old-contacts.toml", IN);
    let starter = project.read("mappings/letter-members.toml");
    assert!(starter.contains("create = false\n"), "nobody is put on a list for being known: {starter}");
    project.write("mappings/letter-members.toml", &starter.replace("create = false\n", "").replace("[flow.out]", OUT));
    project.ok(&["mapping", "lint"]);

    // Everybody on the list is read; who is to get it and is not on it is put there, whatever the name has in it.
    old.put("1,ada@engines.test,Ada,Lovelace,yes");
    old.put("2,Zoe@x.test,Zoë,<O'Brien> & \"Co\",yes");
    old.put("3,nobody@x.test,No,Body,no");
    project.agree();
    hub::settle(&project);
    let odd = ("o=brien@x.test", "Nuala O'Brien");
    sympa.hold(&[("ada@engines.test", "Ada Lovelace"), KARL, odd, YUKI, ("zoe@x.test", "Zoë <O'Brien> & \"Co\"")]);
    let all = project.json(&["record", "list", "contact", "Müller"]);
    assert!(all.to_string().contains("Karl Müller"), "{all:#}");
    hub::nothing_to_write(&project);

    // A name that was put right in the export arrives, and one that was put right on the list stays.
    old.put("1,ada@engines.test,Ada,Byron,yes");
    sympa.people(&["rename", LIST, "zoe@x.test", "Zoë Brienne"]);
    hub::settle(&project);
    sympa.hold(&[("ada@engines.test", "Ada Byron"), KARL, odd, YUKI, ("zoe@x.test", "Zoë Brienne")]);
    hub::nothing_to_write(&project);

    // Who is to get it no more is taken off, when a person says so.
    old.put("2,Zoe@x.test,Zoë,<O'Brien> & \"Co\",no");
    hub::settle(&project);
    let reviews = project.json(&["review", "list"])["reviews"].as_array().cloned().unwrap_or_default();
    assert_eq!(reviews.len(), 1, "{reviews:#?}");
    project.json(&["review", "decide", &reviews[0]["id"].to_string(), "approve", "--reason", "she asked us to"]);
    hub::settle(&project);
    sympa.hold(&[("ada@engines.test", "Ada Byron"), KARL, odd, YUKI]);
    hub::nothing_to_write(&project);
    assert_eq!(hub::status(&project).dead_letters, 0);
}
