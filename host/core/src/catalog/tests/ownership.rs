//! Who decided whose word counts; every test changes a line of the good project, to which a second system is added.

use super::*;

const BOOKS: &str = "plugin = \"hubspot\"\nsystem = \"crm\"\n[settings]\nportal = \"1\"\n[credentials.key]\nsecret = \"b\"\n[grants.endpoints.api]\nbase = \"https://api.hubapi.com\"\n";
const BOOKS_CONTACTS: &str = "connection = \"books\"\nstream = \"people\"\nentity = \"contact\"\n[flow.in]\nprocess = \"sales\"\nbecause = \"x\"\n[flow.out]\nprocess = \"sales\"\nbecause = \"x\"\n\
    [[field]]\nremote = \"mail\"\ncanonical = \"email\"\ndirection = \"both\"\nbecause = \"x\"\n[[field]]\nremote = \"land\"\ncanonical = \"address.country\"\ndirection = \"DIRECTION\"\nbecause = \"x\"\n";

/// Fields that nobody decided, and the findings about entities and ownership.
fn asked(entity: &str, direction: &str) -> (Vec<String>, Vec<String>) {
    let mut files = project();
    files.iter_mut().find(|file| file.path == "entities/contact.toml").unwrap().text = entity.to_owned();
    files.push(SourceFile { path: "connections/books.toml".into(), text: BOOKS.into() });
    files.push(SourceFile { path: "mappings/books-contacts.toml".into(), text: BOOKS_CONTACTS.replace("DIRECTION", direction) });
    let (catalog, found) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{found:?}"));
    let unowned = catalog.unowned.iter().map(|one| format!("{}: {}", one.field, one.claimed_by.join(", "))).collect();
    let told = found.iter().filter(|found| matches!(found.code, "unowned" | "no-steward"));
    (unowned, told.map(|found| format!("{}:{}: {}", found.path, found.line, found.message)).collect())
}

#[track_caller]
fn check_owned(entity: &str, direction: &str, unowned: &[&str], told: &[&str]) {
    let (fields, findings) = asked(entity, direction);
    assert_eq!(fields, unowned, "{entity}");
    assert_eq!(findings.len(), told.len(), "{findings:?}");
    for (found, expected) in findings.iter().zip(told) {
        assert!(found.contains(expected), "`{found}` does not say `{expected}`");
    }
}

#[test]
fn a_field_that_several_write_needs_somebody_who_decided() {
    let email = "[fields.email]\nsurvivorship = { owner = \"crm\" }\nsteward = \"sales\"\nbecause = \"x\"\n";
    let country = "[fields.address.country]\nsurvivorship = \"newest\"\nsteward = \"sales\"\nbecause = \"x\"\n";
    check_owned("", "in", &["address.country: books, crm", "email: books, crm"], &["`email`", "`email`", "`address.country`"]);
    check_owned(email, "both", &["address.country: books, crm"], &["books-contacts.toml:17", "crm-contacts.toml:33"]);
    check_owned(&format!("{email}{country}"), "both", &[], &[]);
    // For the whole entity at once.
    check_owned("steward = \"sales\"\nsurvivorship = \"newest\"\n", "both", &[], &[]);
    // What only goes out there is said by nobody else.
    check_owned(email, "out", &[], &[]);
}

#[test]
fn a_policy_line_has_a_steward_and_a_reason() {
    let rest = "[fields.address.country]\nsurvivorship = \"newest\"\nsteward = \"x\"\nbecause = \"x\"\n";
    let line = |more: &str| format!("[fields.email]\nsurvivorship = \"newest\"\n{more}{rest}");
    check_owned(&line("because = \"x\"\n"), "in", &[], &["who wins `email` is decided, and not said who answers for it"]);
    check_owned(&line("steward = \"x\"\n"), "in", &[], &["who wins `email` is decided, and not said why"]);
    check_owned(&line("steward = \"x\"\nbecause = \"x\"\n"), "in", &[], &[]);
    check_owned(&format!("steward = \"x\"\n{}", line("because = \"x\"\n")), "in", &[], &[]);
}

#[test]
fn who_decided_it_is_kept_and_changes_nothing_that_is_written() {
    let digest = |entity: &str| {
        let mut files = project();
        files.iter_mut().find(|file| file.path == "entities/contact.toml").unwrap().text = entity.to_owned();
        let (catalog, _) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{found:?}"));
        let email = &catalog.entities["contact"].fields["email"];
        assert_eq!(catalog.entities["contact"].steward_of("email"), email.steward.clone().unwrap_or_default());
        (email.decided_by.clone(), email.decided_on.clone(), catalog.mappings["crm-contacts"].digest.clone())
    };
    let plain = "[fields.email]\nsurvivorship = \"newest\"\nbecause = \"x\"\n[fields.x.crm.score]\ntype = \"integer\"\n";
    let said = plain.replace("because", "steward = \"Ada\"\ndecided-by = \"Ada\"\ndecided-on = \"2026-11-03\"\nbecause");
    let (plain, said) = (digest(plain), digest(&said));
    assert_eq!((said.0.as_deref(), said.1.as_deref()), (Some("Ada"), Some("2026-11-03")));
    assert_eq!((plain.0, plain.1), (None, None));
    assert_eq!(plain.2, said.2);
    let at = "entities/contact.toml";
    check_patch(
        at,
        "because = \"Sales owns it\"",
        "because = \"Sales owns it\"\ndecided-on = \"yesterday\"",
        &format!("{at}:6:14: `yesterday` is no date [bad-date] → write decided-on = \"2026-11-03\""),
    );
}

/// Who is asked: the steward of the field's policy line, else the mapping's, else the entity's.
#[test]
fn who_answers_for_what_a_mapping_meets() {
    let line = |field: &str, steward: &str| format!("[fields.{field}]\nsurvivorship = \"newest\"\nbecause = \"x\"\n{steward}");
    let mail = line("email", "steward = \"mailboxes\"\n");
    let phones = line("phones", "steward = \"switchboard\"\n");
    let country = line("address.country", "");
    let entity = |head: &str| format!("{head}{mail}{phones}{country}[fields.x.crm.score]\ntype = \"integer\"\n");
    let cases = [
        // The place, who is asked where the mapping has a steward, where only the entity has one, and where neither has.
        (Some("email"), ["mailboxes"; 3]),
        (Some("phones"), ["switchboard"; 3]),
        // An element of a list, by its number here and by its path there.
        (Some("phones/3"), ["switchboard"; 3]),
        (Some("phones[1].value"), ["switchboard"; 3]),
        (Some("phones.number"), ["switchboard"; 3]),
        // By the path there, and by the canonical field.
        (Some("country"), ["desk", "data", ""]),
        (Some("address.country"), ["desk", "data", ""]),
        (Some("created"), ["desk", "data", ""]),
        (Some("id"), ["desk", "data", ""]),
        (Some("nowhere"), ["desk", "data", ""]),
        (Some(""), ["desk", "data", ""]),
        (None, ["desk", "data", ""]),
    ];
    let heads = [("steward = \"desk\"\n", "steward = \"data\"\n"), ("", "steward = \"data\"\n"), ("", "")];
    for (column, (mapping, of_entity)) in heads.into_iter().enumerate() {
        let mut files = project();
        files.iter_mut().find(|file| file.path == "entities/contact.toml").unwrap().text = entity(of_entity);
        let contacts = files.iter_mut().find(|file| file.path == "mappings/crm-contacts.toml").unwrap();
        contacts.text = format!("{mapping}{}", contacts.text);
        let (catalog, _) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{found:?}"));
        for (place, expected) in &cases {
            let steward = catalog.mappings["crm-contacts"].steward_for(&catalog, *place);
            assert_eq!(steward, expected[column], "{place:?}, mapping {mapping:?}, entity {of_entity:?}");
        }
        // What `nave flows` shows is who is asked.
        for line in crate::catalog::lineage(&catalog).iter().filter(|line| line.mapping == "crm-contacts") {
            let asked = catalog.mappings["crm-contacts"].steward_for(&catalog, line.field.as_deref());
            assert_eq!(line.steward, asked, "{line:?}");
        }
    }
}

/// What is left out on the way in is not known, and is made again on the way out.
#[test]
fn what_is_left_out_is_not_made() {
    const IN: &str = "[flow.in]\nprocess = \"sales\"\nfilter = \"land = DE\"\n";
    for (filtered, out, other, told) in [
        (true, "", "", true),
        (true, "filter = \"address.country = DE\"\n", "", false),
        (true, "ALONE", "", false),
        (false, "", "", false),
        // It is which of the two a thing belongs to.
        (true, "", "[flow.in]\nprocess = \"sales\"\nfilter = \"land != DE\"\nbecause = \"x\"\n", false),
    ] {
        let (head, out) = if out == "ALONE" { ("create = false\n", "") } else { ("", out) };
        let text = BOOKS_CONTACTS.replace("DIRECTION", "both").replace("[flow.out]\n", &format!("[flow.out]\n{out}"));
        let mut text = text.replace("[flow.in]", &format!("{head}[flow.in]"));
        if filtered {
            text = text.replace("[flow.in]\nprocess = \"sales\"\n", IN);
        }
        let mut files = project();
        files.push(SourceFile { path: "connections/books.toml".into(), text: BOOKS.into() });
        files.push(SourceFile { path: "mappings/books-contacts.toml".into(), text });
        if !other.is_empty() {
            let field = "[[field]]\nremote = \"mail\"\ncanonical = \"email\"\ndirection = \"in\"\n";
            let text = format!("connection = \"books\"\nstream = \"people\"\nentity = \"company\"\n{other}{field}");
            files.push(SourceFile { path: "mappings/books-others.toml".into(), text });
        }
        let found = match check(&files, &plugins()) {
            Ok((_, found)) => found,
            Err(found) => panic!("{found:?}"),
        };
        let said: Vec<_> = found.iter().filter(|one| one.code == "left-out").map(|one| (one.path.as_str(), one.line)).collect();
        assert_eq!(said, if told { vec![("mappings/books-contacts.toml", 6)] } else { vec![] }, "{out} {other}");
    }
}
