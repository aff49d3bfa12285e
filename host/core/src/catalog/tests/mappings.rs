//! Mappings: names, types, directions, streams and what is covered.

use super::*;

#[test]
fn several_fields_there_may_be_one_list_here_and_are_only_read() {
    let of_text = |direction: &str, more: &str| {
        format!(
            "[[list]]\nremote = \"phone\"\ncanonical = \"phones\"\ndirection = \"{direction}\"\n{more}\n[[list.field]]\nremote = \
             \"\"\ncanonical = \"number\"\n\n[[field]]\nremote = \"id\"\n"
        )
    };
    let id = "[[field]]\nremote = \"id\"\n";
    let told = |from: &str, to: &str| findings("mappings/crm-contacts.toml", from, to);
    let both = told(id, &of_text("in", "split = \";\""));
    assert!(both.contains("`phones` and `phone` are both `phones` [claimed-twice]"), "{both}");
    assert!(both.contains("each of them needs direction = \"in\""), "{both}");
    let unsplit = told(id, &of_text("in", ""));
    assert!(unsplit.contains("`phone` is no list over there [wrong-shape]") && unsplit.contains("split = \";\""), "{unsplit}");
    // The same with both only read: the list that is there is made so.
    let mut files = project();
    let mapping = files.iter_mut().find(|file| file.path == "mappings/crm-contacts.toml").unwrap();
    let list = "canonical = \"phones\"\ndirection = \"both\"";
    assert!(mapping.text.contains(list));
    mapping.text = mapping.text.replace(list, &list.replace("both", "in")).replace(id, &of_text("in", "split = \";\""));
    let (catalog, _) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{}", found[0]));
    assert_eq!(catalog.mappings["crm-contacts"].lists.len(), 2);
}

#[test]
fn a_mapping_is_told_in_words() {
    let (catalog, _) = check(&project(), &plugins()).unwrap();
    let told = explain(&catalog.mappings["crm-contacts"], &catalog.entities["contact"]);
    assert_eq!(
        told,
        "crm-contacts: each of `contacts` in `crm` is a contact.\n\
         In: what changed there is read within an hour.\n\
         `sales` needs it. Why: sales corrects it there\n\
         Out: what changed here is written within 5 minutes, where address.country in (DE, AT) and not archived; what no longer fits is left alone there.\n\
         `sales` needs it. Why: sales writes to whom the others know\n\
         Nothing is made there without `email`.\n\
         What is deleted there is let go: it stays here, and is not made there again.\n\
         Two there that are one here are both kept up to date.\n\
         - `email` ↔ email (E-mail): both ways (yellow). It comes in as `email`, without blanks around it, in lower case. It takes at most 100 characters there; what does not fit is not sent, but reported. Why: Sales edits it in the CRM; support corrects bounces in the desk\n\
         - `created` → first_seen: one way, in (green). It comes in as `created`, as a time from ISO 8601, as a date.\n\
         - `country` ↔ address.country (Country): both ways (yellow). It comes in as `country`, translated by the table `countries`. It goes out as `address.country`, translated back by the table `countries`. Why: both\n\
         - `phone` → phone: one way, in (green). It comes in as what `phone_e164` makes of it.\n\
         - `company` ↔ company: both ways (yellow). It comes in as `company`, as a whole number, as text, as a reference to one of `companies`. It goes out as `company`, as the id of one of `companies`, as a whole number. Why: both\n\
         - `id`: stays in its system (blue). Why: the CRM's own id\n\
         - list `phones`, phones: both ways (yellow), only elements where `type` is phone or mobile; elements are told apart by `id` there. Why: both\n    \
             - `value` ↔ number: both ways (yellow).\n    \
             - `type` ↔ kind: both ways (yellow).\n"
    );
}

#[test]
fn names_in_mappings() {
    let at = "mappings/crm-contacts.toml";
    let once = "`filter-once` asks a `filter`, and there is none [missing-key] → say what it lets in, as filter = \"kind = person\", or leave \
                `filter-once` out";
    check_mapping("[flow.in]\n", "[flow.in]\nfilter-once = true\n", &format!("{at}:8:1: {once}"));
    check_mapping(
        "connection = \"crm\"",
        "connection = \"crn\"",
        &format!("{at}:1:14: there is no connection `crn` [unknown-connection] → did you mean `crm`?"),
    );
    check_mapping(
        "stream = \"contacts\"",
        "stream = \"contact\"",
        &format!("{at}:2:10: `crm` offers no stream `contact` [unknown-stream] → did you mean `contacts`?"),
    );
    check_mapping(
        "entity = \"contact\"",
        "entity = \"contakt\"",
        &format!("{at}:3:10: there is no entity `contakt` [unknown-entity] → did you mean `contact`?"),
    );
    check_mapping(
        "canonical = \"first_seen\"",
        "canonical = \"first_sen\"",
        &format!("{at}:27:13: contact has no field `first_sen` [unknown-field] → did you mean `first_seen`?"),
    );
    check_mapping("remote = \"created\"", "remote = \"createt\"", &format!("{at}:26:10: `contacts` has no field `createt` [unknown-remote-field] → did you mean `created`?\n{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`").split('\n').rev().collect::<Vec<_>>().join("\n"));
    check_mapping(
        "(DE, AT) and not archived",
        "(DE, AT) and not archivd",
        &format!("{at}:14:47: contact has no field `archivd` [unknown-field] → did you mean `archived`?"),
    );
    check_mapping(
        "direction = \"in\"",
        "direcion = \"in\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:26:10: `direction` is missing [missing-key] → direction = \"in\", \"out\", \"both\" or \"ignore\"\n{at}:28:1: `direcion` is not a key here [unknown-key] → did you mean `direction`?"
        ),
    );
    check_mapping(
        "direction = \"in\"",
        "direction = \"inn\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:28:13: `direction` is one of `in`, `out`, `both`, `ignore`, not `inn` [unknown-word] → did you mean `in`?"
        ),
    );
    check_mapping(
        "phone_e164(country)",
        "phone_e165(country)",
        &format!("{at}:42:7: there is no operation or function `phone_e165` [unknown-operation] → did you mean `phone_e164`?"),
    );
    check_mapping(
        "phone_e164(country)",
        "phone_e164(county)",
        &format!("{at}:42:18: `contacts` has no field `county` [unknown-remote-field] → did you mean `country`?"),
    );
    check_mapping(
        "lookup(countries)",
        "lookup(countrys)",
        &format!("{at}:35:14: there is no table `countrys` [unknown-lookup] → did you mean `countries`?"),
    );
    check_mapping(
        "canonical = \"number\"",
        "canonical = \"nummer\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `phones.value` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:61:13: elements of `phones` have no sub-field `nummer` [unknown-field] → did you mean `number`?"
        ),
    );
    check_mapping(
        "remote = \"value\"",
        "remote = \"valu\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `phones.value` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:60:11: elements of `phones` have no field `valu` [unknown-remote-field] → did you mean `value`?"
        ),
    );
    check_mapping(
        "process = \"sales\"",
        "process = \"sale\"",
        &format!("{at}:10:11: nave.toml has no process `sale` [unknown-process] → did you mean `sales`?"),
    );
    check_mapping(
        "freshness = \"1h\"",
        "freshness = \"1 hour\"",
        &format!("{at}:9:13: `1 hour` is no length of time [bad-duration] → write a number and s, m, h or d: \"5m\""),
    );
    check_mapping(
        "reference(companies)",
        "reference(company)",
        &format!("{at}:48:33: warning: `company` of `crm` is not mapped [unmapped-reference] → did you mean `companies`?"),
    );
}

#[test]
fn a_word_that_is_nearly_an_operation_is_no_field() {
    let at = "mappings/crm-contacts.toml";
    let nearly = format!("{at}:22:7: `trimm` is neither an operation nor a field [unknown-operation] → did you mean `trim`?");
    check_mapping("in = \"trim | lower\"", "in = \"trimm | lower\"", &nearly);
    check_mapping("in = \"trim | lower\"", "in = \"trimm\"", &nearly);
    // What is a field is one.
    let field =
        "[[field]]\nremote = \"created\"\ncanonical = \"first_seen\"\ndirection = \"in\"\nin = \"timestamp(iso8601) | date\"";
    assert_eq!(findings(at, field, &field.replace("in = \"time", "in = \"created | time")), "");
    // Of a stream that nobody has described yet, it is asked.
    let mut unknown = plugins();
    unknown.get_mut("hubspot").unwrap().streams.clear();
    let (_, warnings) =
        check(&patched(at, "in = \"trim | lower\"", "in = \"trimm | lower\"\nout = \"lower\""), &unknown).unwrap();
    let told: Vec<String> = warnings.iter().filter(|one| one.code == "unknown-operation").map(ToString::to_string).collect();
    let expected = format!(
        "{at}:22:7: warning: `trimm` is no operation, and is taken for a field of its name [unknown-operation]\n  help: did you mean \
         `trim`? A field stands in back quotes: `` `trimm` ``"
    );
    assert_eq!(told, [expected]);
}

/// What cannot be read says nothing, and nothing that follows from that is told.
#[test]
fn a_file_that_cannot_be_read_has_no_consequences() {
    let twice = "[fields.email]\nsurvivorship = { owner = \"crm\" }";
    for (path, from, to, wrong) in [
        // Everything that the mapping says of `x.crm.score` would be unknown, and everything of the entity unowned.
        ("entities/contact.toml", twice, "[fields.email]\nsurvivorship = = { owner = \"crm\" }", "entities/contact.toml:4"),
        ("connections/crm.toml", "plugin = \"hubspot\"", "plugin = = \"hubspot\"", "connections/crm.toml:1"),
        ("mappings/crm-contacts.toml", "stream = \"contacts\"", "stream = = \"contacts\"", "mappings/crm-contacts.toml:2"),
    ] {
        let mut files = patched(path, from, to);
        let read = |path: &str| files.iter().position(|file| file.path == path).unwrap();
        let companies = read("mappings/crm-companies.toml");
        files[companies].text = COMPANIES.replace("canonical = \"name\"", "canonical = \"nmae\"");
        let found = check(&files, &plugins()).unwrap_err();
        let told: Vec<String> = found.iter().map(|one| format!("{}:{} {}", one.path, one.line, one.code)).collect();
        let of_mapping = path.starts_with("mappings/");
        let mut expected = vec![format!("{wrong} syntax")];
        if of_mapping {
            expected.insert(0, "mappings/crm-companies.toml:9 unknown-field".to_owned());
        }
        assert_eq!(told, expected, "{path}");
    }
}

#[test]
fn types_and_directions_in_mappings() {
    let at = "mappings/crm-contacts.toml";
    check_mapping(
        "direction = \"in\"\nin = \"timestamp(iso8601) | date\"",
        "direction = \"in\"",
        &format!(
            "{at}:26:10: this gives a timestamp, and `first_seen` holds a date [type-mismatch] → add `| date` to keep the date alone"
        ),
    );
    check_mapping(
        "remote = \"created\"",
        "remote = \"id\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `created` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:29:7: `timestamp` cannot work on an integer [type-mismatch] → if it counts seconds or milliseconds since 1970, add `| timestamp(unix_s)` or `| timestamp(unix_ms)`"
        ),
    );
    check_mapping(
        "integer | text | reference(companies)",
        "text",
        &format!(
            "{at}:48:6: this gives text, and `company` holds a reference [type-mismatch] → add `| text | reference(STREAM)` with the stream whose ids these are"
        ),
    );
    check_mapping(
        "canonical = \"phone\"\ndirection = \"in\"\nin = \"phone_e164(country)\"",
        "canonical = \"phones\"\ndirection = \"in\"",
        &format!("{at}:39:10: this gives text, and `phones` holds a list [type-mismatch]"),
    );
    check_mapping(
        "direction = \"in\"\nin = \"timestamp(iso8601) | date\"",
        "direction = \"out\"",
        &format!("{at}:26:10: `created` cannot be written there [read-only] → direction = \"in\""),
    );
    check_mapping(
        "because = \"Sales edits it in the CRM; support corrects bounces in the desk\"\n",
        "",
        &format!("{at}:21:1: direction = \"both\" needs `because` [missing-because] → say who edits it where: because = \"…\""),
    );
    check_mapping(
        "because = \"the CRM's own id\"\n",
        "",
        &format!("{at}:69:1: direction = \"ignore\" needs `because` [missing-because] → say why it stays there: because = \"…\""),
    );
    check_mapping(
        "trim | lower",
        "trim | default('x')",
        &format!(
            "{at}:22:6: `default` is refused on `both`: it would write invented data back [default-on-both] → leave it out, or use direction = \"in\""
        ),
    );
    check_mapping(
        "trim | lower",
        "split('@', 1)",
        &format!(
            "{at}:22:6: there is no way back out: `split` forgets the other parts [no-inverse] → write the way back: out = \"…\", or use direction = \"in\""
        ),
    );
    check_mapping("in = \"trim | lower\"", "in = \"split('@', 1)\"\nout = \"suffix('@x.de')\"", "");
    check_mapping(
        "trim | lower",
        "trim | lowr | uper",
        &format!(
            "{at}:22:14: there is no operation or function `lowr` [unknown-operation] → did you mean `lower`?\n{at}:22:21: there is no operation or function `uper` [unknown-operation] → did you mean `upper`?"
        ),
    );
    check_mapping("constants = { \"kind\" = \"person\" }\n", "", &format!("{at}:1:1: `kind` is required there, and nothing is written to it [required-field] → map it with direction out or both, give it a constant, or set create = false: constants = {{ \"kind\" = \"…\" }}\n{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `kind` [coverage] → map each, or say why not: direction = \"ignore\" with `because`").split('\n').rev().collect::<Vec<_>>().join("\n"));
    check_mapping(
        "in = \"phone_e164(country)\"",
        "out = \"phone\"",
        &format!("{at}:42:7: `out` has no use: no value goes out [unused-key] → leave it out, or change `direction`"),
    );
    check_mapping(
        "natural-key = \"email\"",
        "natural-key = \"phone\"",
        &format!(
            "{at}:5:15: warning: `phone` cannot be searched for in `contacts` [not-searchable] → it can find things by email, marker"
        ),
    );
    check_mapping(
        "remote = \"id\"\ndirection = \"ignore\"",
        "remote = \"email\"\ncanonical = \"name\"\ndirection = \"out\"",
        &format!(
            "{at}:1:1: warning: 1 of 11 fields are neither mapped nor ignored: `id` [coverage] → map each, or say why not: direction = \"ignore\" with `because`\n{at}:68:1: `email` and `name` are both written to `email` [written-twice] → write it once, with out = \"…\""
        ),
    );
}

#[test]
fn lookups_without_a_way_back() {
    check_patch(
        "lookups/countries.toml",
        "Austria = \"AT\"",
        "Deutschland = \"DE\"",
        "mappings/crm-contacts.toml:35:6: there is no way back out: two keys of the table have the same value, so there is no way back [no-inverse] → write the way back: out = \"…\", or use direction = \"in\"",
    );
}

#[test]
fn one_stream_may_feed_two_entities() {
    let second = COMPANIES.replace("\"companies\"", "\"contacts\"").replace("remote = \"name\"", "remote = \"country\"") + "\n";
    let files = |reference: &str| {
        let mut files = patched("mappings/crm-contacts.toml", "reference(companies)", reference);
        files.push(SourceFile { path: "mappings/crm-rows.toml".into(), text: format!("id = \"company | text\"\n{second}") });
        files
    };
    let found = check(&files("reference(contacts)"), &plugins()).unwrap_err();
    assert_eq!(
        found.iter().filter(|d| d.severity == Severity::Error).map(ToString::to_string).collect::<Vec<_>>(),
        [
            "mappings/crm-contacts.toml:48:33: `contacts` of `crm` is not mapped [wrong-reference]\n  help: it feeds several entities: write reference(contacts#contact) or reference(contacts#company)"
        ]
    );
    let found = check(&files("reference(contacts#contact)"), &plugins()).unwrap_err();
    assert!(
        found.iter().any(|d| d.message == "`contacts#contact` holds contact records, and `company` points to company"),
        "{found:?}"
    );
    let (catalog, _) = check(&files("reference(contacts#company)"), &plugins()).unwrap();
    assert_eq!(
        (catalog.mappings["crm-rows"].alias.as_str(), catalog.mappings["crm-contacts"].alias.as_str()),
        ("contacts#company", "contacts#contact")
    );
    assert!(catalog.mappings["crm-rows"].id.is_some());
}

#[test]
fn without_discovered_streams_names_there_are_taken_on_trust() {
    let mut plugins = plugins();
    plugins.values_mut().for_each(|info| info.streams.clear());
    let files = patched("mappings/crm-contacts.toml", "remote = \"created\"", "remote = \"whatever\"");
    assert_eq!(check(&files, &plugins).unwrap().1, []);
}

#[test]
fn coverage_sorts_every_field() {
    let (catalog, _) = check(&project(), &plugins()).unwrap();
    let plugins = plugins();
    let stream = &plugins["hubspot"].streams["crm"][0];
    let found = coverage(&catalog.mappings["crm-contacts"], stream);
    assert_eq!(found.mapped.len() + found.ignored.len() + found.unmapped.len(), stream.fields.len());
    assert_eq!((found.ignored, found.unmapped), (vec!["id".to_owned()], vec![]));
}
