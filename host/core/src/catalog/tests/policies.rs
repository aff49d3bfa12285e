//! What a mapping says of things that are deleted, doubled or required; every test changes a line of the good project.

use super::*;

#[test]
fn what_is_required_there_and_may_be_empty_here() {
    let at = "mappings/crm-contacts.toml";
    let warning = |out: &str| {
        format!(
            "{at}:18:1: warning: `email` is required there, and `email` may be empty here [possible-null] → hold such records back, with the reason: required = [\"email\"]; or send something else: out = \"{out} | default('…')\""
        )
    };
    let patch = |out: &str, expected: &str| {
        let mut files = patched(at, "required = [\"email\"]\n", "");
        let file = files.iter_mut().find(|file| file.path == at).unwrap();
        file.text = file.text.replace("in = \"trim | lower\"", &format!("in = \"trim | lower\"\n{out}"));
        let (_, found) = check(&files, &plugins()).unwrap();
        let found: Vec<String> = found.iter().map(|found| found.to_string().replace("\n  help: ", " → ")).collect();
        assert_eq!(found.join("\n"), expected, "{out}");
    };
    patch("", &warning("`email`"));
    patch("out = \"email | upper\"", &warning("email | upper"));
    patch("out = \"coalesce(email, name)\"", &warning("coalesce(email, name)"));
    patch("out = \"concat('mailto:', email)\"", &warning("concat('mailto:', email)"));
    patch("out = \"email | default('x') | null_if('x')\"", &warning("email | default('x') | null_if('x')"));
    patch("out = \"email | default('')\"", &warning("email | default('')"));
    // It always gives something.
    patch("out = \"email | default('nobody@x.test') | lower\"", "");
    patch("out = \"coalesce(email, name, 'nobody')\"", "");
    patch("out = \"when(archived, 'gone', email | default('x'))\"", "");
    patch("out = \"concat(email | default('x'), '!')\"", "");
    // A constant stands in; nothing new is made; it is not required there.
    for (from, to) in [
        ("constants = {", "constants = { \"email\" = \"nobody@x.test\","),
        ("marker = \"marker\"\n", "marker = \"marker\"\ncreate = false\n"),
        ("marker = \"marker\"\n", "marker = \"email\"\n"),
    ] {
        let mut files = patched(at, from, to);
        let file = files.iter_mut().find(|file| file.path == at).unwrap();
        file.text = file.text.replace("required = [\"email\"]\n", "");
        let found = check(&files, &plugins()).unwrap().1;
        assert!(found.iter().all(|found| found.code != "possible-null"), "{to}: {found:?}");
    }
    // Lists too.
    let mut plugins = plugins();
    for stream in plugins.get_mut("hubspot").unwrap().streams.get_mut("crm").unwrap() {
        stream.fields.iter_mut().filter(|field| field.path == "phones").for_each(|field| field.required = true);
    }
    let found = check(&project(), &plugins).unwrap().1;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [format!(
            "{at}:1:1: warning: `phones` is required there, and `phones` may be empty here [possible-null]\n  help: hold such records back, with the reason: required = [\"phones\"]"
        )]
    );
}

#[test]
fn policies() {
    let at = "mappings/crm-contacts.toml";
    let able = |mergeable: bool, deletable: bool| {
        let mut plugins = plugins();
        let contacts = &mut plugins.get_mut("hubspot").unwrap().streams.get_mut("crm").unwrap()[0];
        contacts.fields.push(field("is_active", RemoteType::Boolean));
        (contacts.capabilities.mergeable, contacts.capabilities.deletable) = (mergeable, deletable);
        plugins
    };
    let said = |from: &str, to: &str, plugins: &BTreeMap<String, PluginInfo>| {
        let found = match check(&patched(at, from, to), plugins) {
            Ok((_, found)) | Err(found) => found,
        };
        let found = found.iter().filter(|found| found.code != "coverage" || to.contains("archive ="));
        found.map(|found| found.to_string().replace("\n  help: ", " → ")).collect::<Vec<_>>().join("\n")
    };
    let marker = "marker = \"marker\"\n";
    let with = |lines: &str| format!("{marker}{lines}\n");
    // What is needed and missing, with the line to add.
    assert_eq!(
        said(marker, &with("duplicates = \"archive\""), &able(false, false)),
        format!(
            "{at}:5:1: duplicates = \"archive\" needs to know how a thing is put away there [missing-archive] → add the line archive = {{ is_active = false }}"
        )
    );
    assert_eq!(
        said("on-leave = \"keep\"", "on-leave = \"archive\"", &plugins()),
        format!(
            "{at}:15:1: on-leave = \"archive\" needs to know how a thing is put away there [missing-archive] → add the line archive = {{ \"…\" = … }} with the path and the value by which it is put away"
        )
    );
    assert_eq!(
        said(marker, &with("restore = { is_active = true }"), &able(false, false)),
        format!(
            "{at}:5:1: `restore` takes out again what `archive` put away, and there is no `archive` [missing-archive] → add the line archive = {{ is_active = false }}"
        )
    );
    // What the system cannot do.
    assert_eq!(
        said(marker, &with("duplicates = \"merge\""), &able(false, true)),
        format!(
            "{at}:5:1: nothing can be merged in `contacts` by its plugin [not-mergeable] → use duplicates = \"archive\" or \"review\""
        )
    );
    assert_eq!(said(marker, &with("duplicates = \"merge\""), &able(true, false)), "");
    assert_eq!(
        said("on-leave = \"keep\"", "on-leave = \"delete\"", &able(true, false)),
        format!("{at}:15:1: nothing can be deleted in `contacts` [not-deletable] → use on-leave = \"archive\" or \"keep\"")
    );
    assert_eq!(said("on-leave = \"keep\"", "on-leave = \"delete\"", &able(false, true)), "");
    // The table is checked as constants are.
    assert_eq!(said(marker, &with("archive = { is_active = false }\nduplicates = \"archive\""), &able(false, false)), "");
    assert_eq!(
        said(marker, &with("archive = { is_actve = false }"), &able(false, false)).lines().last().unwrap(),
        format!("{at}:5:13: `contacts` has no field `is_actve` [unknown-remote-field] → did you mean `is_active`?")
    );
    assert_eq!(
        said(marker, &with("archive = { created = 1 }"), &plugins()),
        format!("{at}:5:13: `created` cannot be written there [read-only] → direction = \"in\"")
    );
    assert_eq!(
        said(marker, &with("archive = { country = \"gone\" }"), &plugins()),
        format!(
            "{at}:5:1: `country` is written by a field and by `archive` [written-twice] → let the field go `in`, or leave it out here"
        )
    );
    // How much may go at once.
    let above = |value: &str| said("freshness = \"1h\"", &format!("hold-above = {value}"), &able(true, false));
    assert_eq!(above("{ count = 0, percent = 100 }"), "");
    let lines = above("{ count = -1, percent = 101, share = 5 }");
    let lines: Vec<&str> = lines.lines().map(|line| line.split_once(": ").map_or(line, |(_, words)| words)).collect();
    assert_eq!(
        lines,
        [
            "`count` must be a whole number, 0 or more, not an integer [wrong-type]",
            "`percent` is at most 100 [wrong-value]",
            "`share` is not a key here [unknown-key] → known here: count, percent"
        ]
    );
    // Policies without what they are about.
    assert_eq!(
        said(
            "filter = \"address.country in (DE, AT) and not archived\"\non-leave = \"keep\"",
            "on-leave = \"delete\"",
            &able(false, true)
        ),
        format!(
            "{at}:14:1: warning: nothing ever leaves: [flow.out] has no filter [no-filter] → add filter = \"…\", or leave `on-leave` out"
        )
    );
    check_patch(
        "mappings/crm-companies.toml",
        "entity = \"company\"",
        "entity = \"company\"\nduplicates = \"merge\"\narchive = { name = \"gone\" }",
        "mappings/crm-companies.toml:4:1: this is about writing, and nothing is written [no-flow] → add [flow.out], or duplicates = \"review\"\nmappings/crm-companies.toml:4:1: nothing can be merged in `companies` by its plugin [not-mergeable] → use duplicates = \"archive\" or \"review\"\nmappings/crm-companies.toml:5:1: `archive` is about writing, and nothing is written [no-flow] → add [flow.out]",
    );
    check_mapping(
        marker,
        &with("delete = \"archiv\""),
        &format!(
            "{at}:5:10: `delete` is one of `ignore`, `detach`, `archive`, `propagate`, not `archiv` [unknown-word] → did you mean `archive`?"
        ),
    );
}

#[test]
fn policies_are_told_in_words() {
    let files = patched(
        "mappings/crm-contacts.toml",
        "marker = \"marker\"\n",
        "marker = \"marker\"\narchive = { id = 0 }\nrestore = { id = 1 }\ndelete = \"archive\"\nduplicates = \"archive\"\n",
    );
    let (catalog, _) = check(&files, &plugins()).unwrap_or_else(|found| panic!("{}", found[0]));
    let told = explain(&catalog.mappings["crm-contacts"], &catalog.entities["contact"]);
    for line in [
        "A thing is put away there by `id` = 0, and taken out again by `id` = 1.\n",
        "What is deleted there is archived here, and put away in the other systems that can.\n",
        "Of two there that are one here, the second is put away.\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

/// What only says when and whether something is sent asks for no new agreement.
#[test]
fn shadow_verify_and_canary_are_no_other_configuration() {
    let at = "mappings/crm-contacts.toml";
    let of = |files: &[SourceFile]| check(files, &plugins()).unwrap().0.mappings["crm-contacts"].digest.clone();
    let digest = |from: &str, to: &str| of(&patched(at, from, to));
    let before = of(&project());
    for (from, to) in [
        ("on-leave = \"keep\"", "on-leave = \"keep\"\nmode = \"shadow\""),
        ("[flow.in]", "[flow.in]\nverify = \"7d\""),
        ("[flow.out]", "[flow.canary]\nevery = \"2h\"\nvalues = { email = \"canary@x.test\" }\n[flow.out]"),
    ] {
        assert_eq!(digest(from, to), before, "{to}");
    }
    let canary = |line: &str| {
        let found = check(&patched(at, "[flow.out]", &format!("[flow.canary]\n{line}\n[flow.out]")), &plugins());
        found.unwrap_err().into_iter().map(|found| found.code.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(canary("values = { emali = \"x\" }"), ["unknown-field"]);
    assert_eq!(canary("every = \"now\""), ["bad-duration"]);
    assert_ne!(digest("marker = \"marker\"\n", "marker = \"marker\"\ncreate = false\n"), before);
}

#[test]
fn a_reason_that_says_nothing_is_none() {
    for blank in ["", " ", "\u{a0}"] {
        let mut files = project();
        let contacts = files.iter_mut().find(|file| file.path == "mappings/crm-contacts.toml").unwrap();
        contacts.text = contacts.text.replacen("because = \"both\"", &format!("because = \"{blank}\""), 1);
        let found = check(&files, &plugins()).err().unwrap_or_default();
        assert!(found.iter().any(|found| found.code == "no-reason"), "{blank:?}: {found:?}");
    }
}
