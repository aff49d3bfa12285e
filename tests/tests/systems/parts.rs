//! The phones of a contact as what they are in Tryton: contact mechanisms, each a thing of its own with its party's id. CSV → hub →
//! Tryton and back into a second file, through `[[part]]`: edited one by one there, answers lost after Tryton committed, the hub killed
//! with -9 between two steps. In the end each phone is there once, and nothing is left to write (I5, I6, I7, I11).

use nave_tests::project::Project;

use super::folder::Folder;
use super::hub::{self, killed, settle};
use super::proxy::Proxy;
use super::real::{self, Tryton, phone_row, phones};
use super::thread::{COMPANIES, CONTACTS, EXPORT, connect_files, exported, with_every_number};

const PART: &str = r#"[[part]]
stream = "contact-mechanisms"
parent = "party"
canonical = "phones"
direction = "both"
only = { type = ["phone", "mobile"] }
because = "whoever hears of a new number first enters it"

[[part.field]]
remote = "value"
canonical = "number"
in = "phone"

[[part.field]]
remote = "type"
canonical = "kind"

[[field]]
remote = "contact_mechanisms"
direction = "ignore"
because = "each is a part"
"#;
/// Where a debug build ends itself, between or within the steps of one delivery.
const KILLS: [&str; 6] =
    ["after-intent:2", "after-send:1", "after-send:2", "before-settle:2", "before-commit:2", "after-commit:4"];

struct Parts {
    project: Project,
    tryton: Tryton,
    proxy: Proxy,
    old: Folder,
}

impl Parts {
    fn start(tryton: Tryton) -> Self {
        let project = Project::init();
        let home = project.dir().parent().expect("a folder").to_owned();
        let old = Folder::new(&home.join("drop"), "Id,FirstName,LastName,Email,Phones,Company");
        std::fs::create_dir_all(home.join("export")).expect("a folder");
        let proxy = Proxy::start(tryton.api.addr);
        hub::connect_tryton(&project, &tryton, proxy.addr);
        connect_files(&project, &home);
        project.write("mappings/old-contacts.toml", CONTACTS);
        project.write("mappings/old-companies.toml", COMPANIES);
        project.write("mappings/old-export.toml", EXPORT);
        let path = "mappings/erp-persons.toml";
        project.write(path, &with_every_number(&project.read(path), PART));
        project.ok(&["mapping", "lint"]);
        Self { project, tryton, proxy, old }
    }

    /// The old system's row.
    fn put(&mut self, numbers: &[&str]) {
        self.old.put(&format!("7,Ada,Lovelace,ada@acme.test,{},Acme AG", numbers.join("; ")));
    }

    /// What Tryton and the export hold of the one person.
    #[track_caller]
    fn check(&self, numbers: &[&str]) {
        let mut numbers: Vec<String> = numbers.iter().map(|number| (*number).to_owned()).collect();
        numbers.sort();
        let party = self.tryton.party("Ada Lovelace");
        assert_eq!(self.tryton.persons().len(), 1, "one person in Tryton");
        assert_eq!(self.tryton.persons().first().map(|person| person.email.as_str()), Some("ada@acme.test"), "{party}");
        assert_eq!(phones(&party), numbers, "{party}");
        let rows = exported(&self.project);
        assert_eq!(rows.len(), 1, "{rows:#?}");
        let mut there: Vec<&str> =
            rows[0]["phones"].as_array().into_iter().flatten().filter_map(|phone| phone["number"].as_str()).collect();
        there.sort_unstable();
        assert_eq!(there, numbers, "{}", rows[0]);
    }
}

#[test]
fn parts() {
    let Some(tryton) = Tryton::open() else { return };
    let mut parts = Parts::start(tryton);

    // There. The answers to two of the creations are lost: the party's, and a phone's.
    parts.put(&["+49 221 1111", "+49 170 2222"]);
    parts.project.agree();
    parts.proxy.lose("POST", "/party.party", 1);
    settle(&parts.project);
    parts.check(&["+492211111", "+491702222"]);
    parts.put(&["+49 221 1111", "+49 170 2222", "+49 30 3333"]);
    parts.proxy.lose("POST", "/party.contact_mechanism", 1);
    settle(&parts.project);
    assert_eq!(parts.proxy.lost(), 2, "both answers were lost");
    parts.check(&["+492211111", "+491702222", "+49303333"]);

    // Back: one corrected, one more, one less, each by itself; Tryton's own party does not move.
    let party = parts.tryton.party("Ada Lovelace");
    parts.tryton.edit_mechanism(phone_row(&party, "3333"), "+49 30 4444");
    parts.tryton.add_mechanism(real::id(&party), "mobile", "+49 171 5555");
    parts.tryton.add_mechanism(real::id(&party), "fax", "+49 221 9999");
    settle(&parts.project);
    parts.check(&["+492211111", "+491702222", "+49304444", "+491715555"]);
    let party = parts.tryton.party("Ada Lovelace");
    parts.tryton.delete_mechanism(phone_row(&party, "2222"));
    settle(&parts.project);
    parts.check(&["+492211111", "+49304444", "+491715555"]);

    // Both sides at once: one removed and one added here, one corrected there.
    parts.put(&["+49 170 2222", "+49 30 3333", "+49 89 6666"]);
    let party = parts.tryton.party("Ada Lovelace");
    parts.tryton.edit_mechanism(phone_row(&party, "5555"), "+49 171 7777");
    settle(&parts.project);
    parts.check(&["+49304444", "+491717777", "+49896666"]);

    // Killed between the steps, and within them.
    let mut count = 0;
    for (number, at) in KILLS.into_iter().enumerate() {
        let (one, two) = (format!("+49 40 100{number}"), format!("+49 40 200{number}"));
        parts.put(&["+49 170 2222", "+49 30 3333", "+49 89 6666", &one, &two]);
        count += usize::from(killed(&parts.project, at));
        settle(&parts.project);
        let digits = |number: &str| number.replace(' ', "");
        parts.check(&["+49304444", "+491717777", "+49896666", &digits(&one), &digits(&two)]);
    }
    assert!(count >= KILLS.len() - 1, "too many syncs ended before they could be killed: {count} of {} were", KILLS.len());

    hub::nothing_to_write(&parts.project);
    let before = parts.tryton.api.writes();
    hub::nothing_to_write(&parts.project);
    assert_eq!(parts.tryton.api.writes(), before, "writes by Tryton's own log");
    assert_eq!(hub::status(&parts.project).dead_letters, 0);
}
