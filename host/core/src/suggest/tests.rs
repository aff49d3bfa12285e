use super::*;
use crate::catalog::shipped_entities;

/// `connection path type value,value`.
fn columns(text: &[&str]) -> Vec<Column> {
    let column = |line: &&str| {
        let mut parts = line.splitn(4, ' ');
        let mut next = || parts.next().unwrap_or_default().to_owned();
        let (connection, path, kind, values) = (next(), next(), next(), next());
        Column {
            connection,
            stream: "s".into(),
            path,
            label: String::new(),
            kind: serde_json::from_value(kind.into()).unwrap(),
            mapped: None,
            element: None,
            values: values.split(',').filter(|value| !value.is_empty()).map(str::to_owned).collect(),
        }
    };
    text.iter().map(column).collect()
}

#[track_caller]
fn check(text: &[&str], expected: &[&str]) {
    let columns = columns(text);
    let found = suggest(&shipped_entities()["contact"], &columns);
    let told: Vec<String> = found
        .iter()
        .map(|one| {
            let path = |alias: &Alias| format!("{}.{}", columns[alias.column].connection, columns[alias.column].path);
            let mut aliases: Vec<String> = one.aliases.iter().map(path).collect();
            aliases.sort();
            let element = one.element.as_ref().map(|element| format!("[].{element}")).unwrap_or_default();
            format!("{}{element}: {}", one.field, aliases.join(" "))
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn three_names_of_one_thing() {
    check(
        &["crm email_address text", "books customer_email text", "desk contact_email email"],
        &[
            "email: books.customer_email crm.email_address desk.contact_email",
            "emails[].address: books.customer_email crm.email_address desk.contact_email",
        ],
    );
    check(
        &["crm properties.firstname text", "crm properties.lastname text", "books FirstName text", "books family_name text"],
        &["first_name: books.FirstName crm.properties.firstname", "last_name: books.family_name crm.properties.lastname"],
    );
    check(&["crm zip text", "books address.postcode text"], &["address.postal_code: books.address.postcode crm.zip"]);
    check(
        &["crm MobilePhone phone", "crm Telephone phone"],
        &["mobile: crm.MobilePhone", "phone: crm.Telephone", "phones[].number: crm.MobilePhone crm.Telephone"],
    );
    check(&["crm dob date", "books BirthDate timestamp"], &["birth_date: books.BirthDate crm.dob"]);
}

/// As other languages call it, and as their texts spell it.
#[test]
fn headings_and_spellings_of_other_languages() {
    check(
        &[
            "drop Vorname text",
            "drop Nachname text",
            "drop Straße text",
            "drop PLZ text",
            "drop Ort text",
            "drop Land text",
            "drop Geburtsdatum text 10.12.1975,01.02.1980",
            "drop Telefon text",
        ],
        &[
            "address.city: drop.Ort",
            "address.country: drop.Land",
            "address.postal_code: drop.PLZ",
            "address.street: drop.Straße",
            "birth_date: drop.Geburtsdatum",
            "first_name: drop.Vorname",
            "last_name: drop.Nachname",
            "phone: drop.Telefon",
        ],
    );
    check(
        &["drop prenom text", "drop nom text", "drop ville text"],
        &["address.city: drop.ville", "first_name: drop.prenom", "last_name: drop.nom"],
    );
}

/// One word in common that many fields have says nothing; nor does a number of a company say its name, nor where a system shows
/// a thing which street it is in.
#[test]
fn what_only_sounds_alike_is_not_proposed() {
    check(&["crm properties.createdate timestamp 2024-01-02T10:00:00Z,2024-02-03T11:00:00Z"], &[]);
    check(&["books CompanyNumber text HRB 12345,HRB 99887"], &[]);
    check(&["desk url url http://desk.test/users/1.json,http://desk.test/users/2.json"], &[]);
    check(&["crm website url http://a.test/x,http://b.test/y"], &["website: crm.website"]);
}

#[test]
fn what_is_nothing_of_ours_is_not_proposed() {
    check(&["crm hs_object_id integer", "crm engine_size decimal", "crm tags list", "crm owner reference"], &[]);
    // An e-mail field wants mailboxes: what is called so and holds none is left alone.
    check(&["crm email boolean"], &[]);
}

#[test]
fn what_a_mapping_says_already_is_nothing_else() {
    let mut columns = columns(&["crm mail email", "crm email email", "books City text", "crm city text"]);
    columns[1].mapped = Some(Vec::new());
    let found = suggest(&shipped_entities()["contact"], &columns);
    let told: Vec<(&str, Vec<usize>)> =
        found.iter().map(|one| (one.field.as_str(), one.aliases.iter().map(|alias| alias.column).collect())).collect();
    assert_eq!(told, [("address.city", vec![2, 3]), ("email", vec![0])]);
}

#[test]
fn what_it_holds_counts_where_the_name_says_nothing() {
    let mails = "ada@x.test,bob@x.test,eve@x.test";
    check(
        &[&format!("drop f7 text {mails}"), &format!("crm email email {mails}")],
        &["email: crm.email drop.f7", "emails[].address: crm.email drop.f7"],
    );
}

#[test]
fn values_in_common_decide_between_two() {
    let (ours, others) = ("ada@x.test,bob@x.test,eve@x.test", "billing@x.test,office@x.test,info@x.test");
    let lines = [format!("crm email email {ours}"), format!("drop mail_a text {others}"), format!("drop mail_b text {ours}")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    check(&lines, &["email: crm.email drop.mail_b", "emails[].address: crm.email drop.mail_a drop.mail_b"]);
    let columns = columns(&lines);
    let found = suggest(&shipped_entities()["contact"], &columns);
    let reasons = found[0].aliases.iter().find(|alias| alias.column == 2).unwrap().reasons.join("; ");
    assert!(reasons.contains("of its values are in crm/s.email too"), "{reasons}");
}

/// One stream, several mailboxes: fields of their own, one text, a list of texts, a list of objects.
#[test]
fn several_of_one_stream_are_elements_of_a_list() {
    let check = |text: &[&str], elements: &[(usize, &str)], expected: &[(&str, &str, Option<&str>)]| {
        let mut columns = columns(text);
        for (at, element) in elements {
            columns[*at].element = Some((*element).to_owned());
        }
        let found = suggest(&shipped_entities()["contact"], &columns);
        let list = found.iter().find(|one| one.element.is_some()).map(|one| one.aliases.clone()).unwrap_or_default();
        let mut told: Vec<(&str, &str, Option<&str>)> =
            list.iter().map(|one| (columns[one.column].path.as_str(), one.inward.unwrap_or_default(), one.split)).collect();
        told.sort_unstable();
        assert_eq!(told, expected, "{text:?}");
    };
    let mail = "trim | lower";
    check(&["crm email email", "crm work_email text"], &[], &[("email", mail, Some(";")), ("work_email", mail, Some(";"))]);
    check(&["crm mails text a@x.test,b@x.test"], &[], &[]);
    check(&["crm mails text a@x.test; b@x.test,c@x.test"], &[], &[("mails", mail, Some(";"))]);
    check(&["crm phones text 030-1234567|0170-123456"], &[], &[("phones", "phone", Some("|"))]);
    check(&["crm phones text 030-1234567"], &[], &[]);
    check(&["crm Emails list a@x.test,b@x.test"], &[(0, "")], &[("Emails", mail, None)]);
    check(&["crm Phones list 030-1234567,0170-123456"], &[(0, "PhoneNumber")], &[("Phones", "phone", None)]);
    check(&["crm fax text 030-1234567", "crm phone text 030-7654321"], &[], &[]);
}

#[test]
fn where_there_is_no_list_what_is_left_over_is_told() {
    let columns = columns(&["crm email email", "crm billing_email email", "crm office_email text", "crm city text"]);
    let entity = &shipped_entities()["company"];
    let left = |suggestions: &[Suggestion]| -> Vec<(usize, String)> {
        unplaced(entity, &columns, suggestions).into_iter().map(|one| (one.column, one.field)).collect()
    };
    let found = suggest(entity, &columns);
    assert_eq!(found.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["address.city", "email"]);
    assert_eq!(left(&found), [(1, "email".to_owned()), (2, "email".to_owned())]);
}
