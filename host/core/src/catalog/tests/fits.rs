//! What a field takes over there, what is done with what it does not take, and what a flow is for.

use super::*;

const AT: &str = "mappings/crm-contacts.toml";
const COUNTRY: &str = "in = \"lookup(countries)\"\n";
const CITY: &str = "canonical = \"address.country\"\ndirection = \"both\"\nin = \"lookup(countries)\"\n";

#[track_caller]
fn check_country(lines: &str, expected: &str) {
    check_mapping(COUNTRY, &format!("{COUNTRY}{lines}\n"), expected);
}

#[test]
fn a_policy_needs_something_to_work_with() {
    check_country("max-length = 9\nmisfit = \"truncate\"", "");
    check_country("characters = \"ascii\"\npattern = \"[A-Za-z ]+\"\nvalues = [\"Germany\"]", "");
    check_country(
        "misfit = \"truncate\"",
        &format!("{AT}:36:10: nothing says how long `country` may be, so nothing can be cut [no-limit] → add max-length = 100"),
    );
    check_country(
        "max-length = 3\nmisfit = \"truncate\"\nmark = \"...\"",
        &format!(
            "{AT}:38:8: the mark leaves no room: `country` takes 3 characters [wrong-value] → a shorter mark, or mark = \"\" for none"
        ),
    );
    check_country(
        "mark = \"…\"",
        &format!(
            "{AT}:36:8: `mark` belongs to misfit = \"truncate\" [unused-key] → add misfit = \"truncate\", or leave `mark` out"
        ),
    );
    check_country(
        "misfit = \"transform\"",
        &format!(
            "{AT}:36:10: `transform` is missing: what is done with a value that does not fit [missing-key] → transform = \"collapse | truncate(100)\""
        ),
    );
    check_country(
        "misfit = \"transform\"\ntransform = \"uper\"",
        &format!(
            "{AT}:37:14: `transform` works on the value that would go out: there is no `uper` [unknown-field] → begin with an operation: transform = \"collapse | truncate(100)\""
        ),
    );
    check_country(
        "misfit = \"transform\"\ntransform = \"city | upper\"",
        &format!(
            "{AT}:37:14: `transform` works on the value that would go out: there is no `city` [unknown-field] → begin with an operation: transform = \"collapse | truncate(100)\""
        ),
    );
    check_country(
        "misfit = \"cut\"",
        &format!("{AT}:36:10: `misfit` is one of `reject`, `truncate`, `transform`, not `cut` [unknown-word]"),
    );
    check_country(
        "characters = \"latin\"",
        &format!(
            "{AT}:36:14: `characters` cannot be used: it is `ascii`, `latin-1`, `bmp`, or a class in brackets: \"[A-Za-z0-9 ]\" [wrong-value]"
        ),
    );
    check_country("pattern = \"(\"", &format!("{AT}:36:11: `pattern` cannot be used: unclosed group [wrong-value]"));
    check_mapping(
        "in = \"trim | lower\"\n",
        "in = \"trim | lower\"\nmisfit = \"truncate\"\n",
        &format!(
            "{AT}:23:10: `email` holds an address, and the beginning of one is another [wrong-value] → misfit = \"reject\", or \"transform\" with an operation that gives a shorter one"
        ),
    );
    check_mapping(
        "canonical = \"number\"\n",
        "canonical = \"number\"\nmax-length = 9\nmisfit = \"truncate\"\n",
        &format!(
            "{AT}:63:10: elements of a list are written as they are, or not at all [wrong-value] → misfit = \"reject\", which is the default"
        ),
    );
    check_mapping(
        "in = \"phone_e164(country)\"\n",
        "in = \"phone_e164(country)\"\npattern = \"x\"\n",
        &format!("{AT}:43:1: `pattern` has no use: no value goes out [unused-key] → leave it out, or change `direction`"),
    );
}

#[test]
fn what_is_discovered_holds_where_nothing_is_declared() {
    let mut plugins = plugins();
    let stream = &mut plugins.get_mut("hubspot").unwrap().streams.get_mut("crm").unwrap()[0];
    let country = stream.fields.iter_mut().find(|field| field.path == "country").unwrap();
    (country.kind, country.values) = (RemoteType::Enum, vec!["Germany".into(), "Austria".into()]);
    let country = |files: &[SourceFile]| {
        let (catalog, _) = check(files, &plugins).unwrap_or_else(|found| panic!("{}", found[0]));
        catalog.mappings["crm-contacts"].fields[2].constraints.clone()
    };
    let found = country(&project());
    assert_eq!(
        (found.values.as_slice(), found.said, found.misfit.word()),
        (&["Germany".into(), "Austria".into()][..], false, "reject")
    );
    let found = country(&patched(
        AT,
        COUNTRY,
        &format!("{COUNTRY}values = [\"Germany\"]\nprecision = 5\nscale = 2\nmisfit = \"reject\"\n"),
    ));
    assert_eq!((found.values.as_slice(), found.said), (&["Germany".into()][..], true));
    assert_eq!((found.precision, found.scale), (Some(5), Some(2)));
}

/// A second source of an address's city, of whatever length `lines` say.
fn two_sources(city: &str, lines: &str) -> String {
    let mut files = patched(AT, CITY, &format!("canonical = \"address.city\"\ndirection = \"both\"\n{city}"));
    let text = format!(
        "connection = \"crm\"\nstream = \"companies\"\nentity = \"contact\"\n[flow.in]\nprocess = \"sales\"\nbecause = \"b\"\n\
         [[field]]\nremote = \"name\"\ncanonical = \"address.city\"\ndirection = \"in\"\n{lines}"
    );
    files.push(SourceFile { path: "mappings/crm-people.toml".into(), text });
    let found = match check(&files, &plugins()) {
        Ok((_, found)) | Err(found) => found,
    };
    // That the stream feeds two entities is another matter.
    found.iter().filter(|found| found.code != "wrong-reference").map(|found| format!("{found}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_source_without_a_limit_is_told_where_nothing_is_said_of_longer_texts() {
    assert_eq!(
        two_sources("max-length = 5\n", ""),
        format!(
            "{AT}:32:10: warning: `country` takes 5 characters, and `address.city` also comes from `name` of `crm`, which has no limit [longer-source]\n  \
             help: say what is done with a longer one: misfit = \"reject\" (set aside for a person; so it is where nothing is said), \
             \"truncate\" (cut, with a mark), or \"transform\" with transform = \"…\""
        )
    );
    assert!(two_sources("max-length = 5\n", "max-length = 9\n").contains("which may have 9"));
    for (city, lines) in [
        ("", ""),
        ("max-length = 5\n", "max-length = 5\n"),
        ("max-length = 5\nmisfit = \"reject\"\n", ""),
        ("max-length = 5\nmisfit = \"truncate\"\n", ""),
    ] {
        assert_eq!(two_sources(city, lines), "", "{city} {lines}");
    }
}

#[test]
fn a_flow_says_what_it_is_for() {
    let help = " → process = \"sales\", and because = \"what goes wrong in it where the two systems differ\"";
    let both = "process = \"sales\"\nbecause = \"sales corrects it there\"\n";
    for (left, expected) in [
        ("because = \"b\"\n", "which business process needs it"),
        ("process = \"sales\"\n", "why"),
        ("", "which business process needs it, nor why"),
    ] {
        check_mapping(both, left, &format!("{AT}:8:1: warning: [flow.in] does not say {expected} [no-purpose]{help}"));
    }
    let (catalog, _) = check(&project(), &plugins()).unwrap();
    let mapping = &catalog.mappings["crm-contacts"];
    let said = mapping.purpose().sentence(&catalog.hub);
    assert_eq!(said.as_deref(), Some("sales (From lead to order): sales writes to whom the others know"));
}
