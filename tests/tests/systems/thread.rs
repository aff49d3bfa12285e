//! The one thread: a contact with a list of phones and a reference to a company goes CSV → wasm → hub → Tryton and back, and on into a
//! second file. Both sides are edited at once, answers are lost after Tryton committed, the hub is killed with -9 in the middle. In the
//! end there is one person and one company, and nothing left to write (I6, I7, I15).

use std::path::Path;

use nave_tests::project::Project;
use serde_json::{Value, json};

use super::folder::Folder;
use super::hub::{self, killed, settle};
use super::proxy::Proxy;
use super::real::{self, Tryton, phone_row, phones};

/// Contacts of the old file.
pub(crate) const CONTACTS: &str = r#"
connection = "old"
stream = "contacts"
entity = "contact"
steward = "ops"

[flow.in]
freshness = "1h"

[[field]]
remote = "FirstName"
canonical = "first_name"
direction = "in"
in = "trim"

[[field]]
remote = "LastName"
canonical = "last_name"
direction = "in"
in = "trim"

[[field]]
remote = "Email"
canonical = "email"
direction = "in"
in = "trim | lower"

[[field]]
remote = "Company"
canonical = "company"
direction = "in"
in = "trim | lower | reference(`contacts#company`)"

[[list]]
remote = "Phones"
canonical = "phones"
direction = "in"
split = ";"

[[list.field]]
remote = ""
canonical = "number"
in = "phone"
"#;

/// Companies of the same file.
pub(crate) const COMPANIES: &str = r#"
connection = "old"
stream = "contacts"
entity = "company"
steward = "ops"
id = "Company | trim | lower"

[flow.in]
freshness = "1h"

[[field]]
remote = "Company"
canonical = "name"
direction = "in"
in = "trim"
"#;

/// The file that is written.
pub(crate) const EXPORT: &str = r#"
connection = "old"
stream = "export-contacts"
entity = "contact"
steward = "ops"

[flow.out]
freshness = "1h"

[[field]]
remote = "first"
canonical = "first_name"
direction = "out"

[[field]]
remote = "last"
canonical = "last_name"
direction = "out"

[[field]]
remote = "email"
canonical = "email"
direction = "out"

[[list]]
remote = "phones"
canonical = "phones"
direction = "out"

[[list.field]]
remote = "number"
canonical = "number"
"#;

/// Tryton's persons as the starter mapping has them, but with every number, mapped as this says, instead of the first of a kind.
pub(crate) fn with_every_number(starter: &str, numbers: &str) -> String {
    let mut kept: Vec<&str> = starter
        .split("\n\n")
        .filter(|block| {
            !["phone", "mobile", "contact_mechanisms"].iter().any(|path| block.contains(&format!("remote = \"{path}\"")))
        })
        .collect();
    kept.push(numbers);
    kept.join("\n\n")
}

const NUMBERS: &str = r#"[[list]]
remote = "contact_mechanisms"
canonical = "phones"
direction = "both"
id = "id"
only = { type = ["phone", "mobile"] }
because = "whoever hears of a new number first enters it"

[[list.field]]
remote = "value"
canonical = "number"
in = "phone"

[[list.field]]
remote = "type"
canonical = "kind"
"#;

/// Where a debug build ends itself; the write that is cut off is the first or a later one of a sync.
const KILLS: [&str; 11] = [
    "after-intent:1",
    "after-intent:2",
    "after-send:1",
    "after-send:2",
    "before-settle:1",
    "before-settle:2",
    "before-commit:1",
    "before-commit:3",
    "after-commit:1",
    "after-commit:3",
    "before-acknowledge:1",
];

/// Everything of the thread.
struct Thread {
    project: Project,
    tryton: Tryton,
    proxy: Proxy,
    old: Folder,
    phones: Vec<String>,
}

impl Thread {
    fn start(tryton: Tryton) -> Self {
        let project = Project::init();
        let home = project.dir().parent().expect("a folder").to_owned();
        let old = Folder::new(&home.join("drop"), "Id,FirstName,LastName,Email,Phones,Company");
        std::fs::create_dir_all(home.join("export")).expect("a folder");
        let proxy = Proxy::start(tryton.api.addr);
        hub::connect_tryton(&project, &tryton, proxy.addr);
        project.write("mappings/erp-persons.toml", &with_every_number(&project.read("mappings/erp-persons.toml"), NUMBERS));
        connect_files(&project, &home);
        project.write("mappings/old-contacts.toml", CONTACTS);
        project.write("mappings/old-companies.toml", COMPANIES);
        project.write("mappings/old-export.toml", EXPORT);
        project.ok(&["mapping", "lint"]);
        Self { project, tryton, proxy, old, phones: Vec::new() }
    }

    /// The old system's row.
    fn put(&mut self, first: &str, last: &str, email: &str) {
        let phones = self.phones.join("; ");
        self.old.put(&format!("7,{first},{last},{email},{phones},Acme AG"));
    }

    /// What Tryton, the hub and the export hold of the one person.
    #[track_caller]
    fn check(&self, first: &str, last: &str, email: &str, numbers: &[&str]) {
        let mut numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
        numbers.sort();
        let party = self.tryton.party(&format!("{first} {last}"));
        assert_eq!(self.tryton.persons().len(), 1, "one person in Tryton");
        assert_eq!(self.tryton.companies().len(), 1, "one company in Tryton");
        assert_eq!(self.tryton.persons().first().map(|person| person.email.as_str()), Some(email), "{party}");
        assert_eq!(phones(&party), numbers, "{party}");
        assert_eq!(real::markers(&party), 1, "{party}");
        let company = self.tryton.party("Acme AG");
        assert_eq!(real::markers(&company), 1, "{company}");
        assert_eq!(real::works_for(&party), Some(real::id(&company)), "{party}");

        let rows = self.export();
        assert_eq!(rows.len(), 1, "{rows:#?}");
        let row = &rows[0];
        let mut exported: Vec<&str> =
            row["phones"].as_array().into_iter().flatten().filter_map(|phone| phone["number"].as_str()).collect();
        exported.sort_unstable();
        assert_eq!((&row["first"], &row["last"], &row["email"]), (&json!(first), &json!(last), &json!(email)), "{row}");
        assert_eq!(exported, numbers, "{row}");
    }

    fn export(&self) -> Vec<Value> {
        exported(&self.project)
    }
}

/// Lines of the file that is written.
pub(crate) fn exported(project: &Project) -> Vec<Value> {
    let file = project.dir().parent().expect("a folder").join("export/contacts.jsonl");
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// A folder that is read, and one that is written.
pub(crate) fn connect_files(project: &Project, home: &Path) {
    project.install("files");
    let folder = |name: &str| format!("{name}={}", home.join(name).display());
    let (drop, export) = (folder("drop"), folder("export"));
    project.tell(
        &["connection", "add", "files", "--name", "old", "--folder", &drop, "--folder", &export, "--reason", "a test", "--yes"],
        "",
    );
}

#[test]
fn thread() {
    let Some(tryton) = Tryton::open() else { return };
    let mut thread = Thread::start(tryton);
    there(&mut thread);
    back(&mut thread);
    at_once(&mut thread);
    killed_at_every_phase(&mut thread);

    hub::nothing_to_write(&thread.project);
    let before = thread.tryton.api.writes();
    hub::nothing_to_write(&thread.project);
    assert_eq!(thread.tryton.api.writes(), before, "writes by Tryton's own log");
    assert_eq!(hub::status(&thread.project).dead_letters, 0);
}

/// CSV → hub → Tryton. The hub is killed after the company was made there, and the answer to the person's creation is lost.
fn there(thread: &mut Thread) {
    thread.phones = ["+49 221 1111", "+49 170 2222"].map(str::to_owned).into();
    thread.put("Ada", "Lovelace", "ada@acme.test");
    thread.project.agree();
    assert!(killed(&thread.project, "after-intent:1"), "the thread has something to write");
    assert!(killed(&thread.project, "after-send:1"), "the thread has something to write");
    thread.proxy.lose("POST", "/party.party", 1);
    settle(&thread.project);
    assert_eq!(thread.proxy.lost(), 1, "the answer to a creation was lost");
    thread.check("Ada", "Lovelace", "ada@acme.test", &["+492211111", "+491702222"]);
}

/// Tryton → hub → the second file: another name, a phone more, one corrected, one less.
fn back(thread: &mut Thread) {
    let party = thread.tryton.party("Ada Lovelace");
    let corrected = phone_row(&party, "2222");
    let phones =
        json!([["write", [corrected], { "value": "+49 170 3333" }], ["create", [{ "type": "mobile", "value": "+49 171 4444" }]]]);
    thread.tryton.edit(real::id(&party), json!({ "name": "Ada King", "contact_mechanisms": phones }));
    settle(&thread.project);
    thread.check("Ada", "King", "ada@acme.test", &["+492211111", "+491703333", "+491714444"]);

    let party = thread.tryton.party("Ada King");
    thread.tryton.edit(real::id(&party), json!({ "contact_mechanisms": [["delete", [phone_row(&party, "4444")]]] }));
    settle(&thread.project);
    thread.check("Ada", "King", "ada@acme.test", &["+492211111", "+491703333"]);
}

/// Both sides at once: different fields and different phones both stay, of one field the later word.
fn at_once(thread: &mut Thread) {
    // The old file has still said "Lovelace" and the number that was corrected: nobody asserts that anew.
    thread.phones.push("+49 30 5555".to_owned());
    thread.put("Augusta", "Lovelace", "ada@acme.test");
    let party = thread.tryton.party("Ada King");
    let email = phone_row(&party, "ada@acme.test");
    let mechanisms =
        json!([["write", [email], { "value": "ada@king.test" }], ["create", [{ "type": "phone", "value": "+49 89 7777" }]]]);
    thread.tryton.edit(real::id(&party), json!({ "contact_mechanisms": mechanisms }));
    // The answer to the change is lost too.
    let lost = thread.proxy.lost();
    thread.proxy.lose("PUT", "/party.party", 1);
    settle(&thread.project);
    assert_eq!(thread.proxy.lost(), lost + 1, "the answer to a change was lost");
    let numbers = ["+492211111", "+491703333", "+49305555", "+49897777"];
    thread.check("Augusta", "King", "ada@king.test", &numbers);

    // The same field on both sides. The file first, Tryton later ...
    thread.put("Augusta", "Byron", "ada@acme.test");
    let id = real::id(&thread.tryton.party("Augusta King"));
    thread.tryton.edit(id, json!({ "name": "Augusta Noel" }));
    settle(&thread.project);
    thread.check("Augusta", "Noel", "ada@king.test", &numbers);
    // ... and the other way round.
    thread.tryton.edit(id, json!({ "name": "Augusta Milbanke" }));
    thread.put("Augusta", "Gordon", "ada@acme.test");
    settle(&thread.project);
    thread.check("Augusta", "Gordon", "ada@king.test", &numbers);
}

/// Killed wherever the hub can be: after every restart all is as if nothing had happened.
fn killed_at_every_phase(thread: &mut Thread) {
    let mut count = 0;
    for (number, at) in KILLS.into_iter().enumerate() {
        let email = format!("ada{number}@king.test");
        let first = format!("Ada-{number}");
        let name = thread.tryton.persons().pop_first().expect("the person").name;
        let party = thread.tryton.party(&name);
        thread.put(&first, "Gordon", "ada@acme.test");
        let row = phone_row(&party, "@king.test");
        thread.tryton.edit(real::id(&party), json!({ "contact_mechanisms": [["write", [row], { "value": email }]] }));
        if killed(&thread.project, at) {
            count += 1;
        } else {
            println!("a sync did not come to {at}");
        }
        settle(&thread.project);
        thread.check(&first, "Gordon", &email, &["+492211111", "+491703333", "+49305555", "+49897777"]);
    }
    assert!(count >= KILLS.len() - 2, "too many syncs ended before they could be killed: {count} of {} were", KILLS.len());
}
