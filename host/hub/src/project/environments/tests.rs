use std::path::Path;

use super::*;
use crate::project::init;
use crate::project::load::Sources;

/// A project for staging.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    init(dir.path(), false, "staging").expect("a project");
    dir
}

/// A connection, as far as its hosts go: the plugin is not installed, which is another finding.
fn connect(dir: &Path, name: &str, base: &str, more: &str) {
    let text = format!("plugin = \"crm\"\n{more}\n[grants.endpoints.api]\nbase = \"{base}\"\n");
    write::whole(&dir.join("connections").join(format!("{name}.toml")), text.as_bytes()).expect("written");
    write::whole(&dir.join("systems.toml"), format!("[{name}]\nkind = \"crm\"\n").as_bytes()).expect("written");
    let lock = "[plugins.crm]\nversion = \"1.0.0\"\nserial = 1\ndigest = \"00\"\nsource = \"crm.wasm\"\n";
    write::whole(&dir.join("nave.lock"), lock.as_bytes()).expect("written");
}

#[test]
fn an_environment_is_found_by_its_name_and_taken_up() {
    let dir = project();
    let made = make(dir.path(), "production", None).expect("made");
    assert!(made.production && made.dir.ends_with("environments/production"), "{made:?}");
    let text = std::fs::read_to_string(made.dir.join("nave.toml")).expect("read");
    assert!(text.contains("environment = \"production\"") && text.contains("listen = \"127.0.0.1:6284\""), "{text}");

    let names = |dir: &Path| all(dir).expect("read").into_iter().map(|one| one.name).collect::<Vec<_>>();
    assert_eq!(names(dir.path()), ["staging", "production"]);
    assert_eq!(names(&made.dir), ["staging", "production"], "from within one of them too");

    assert_eq!(resolve(dir.path(), None).expect("itself"), dir.path());
    assert_eq!(resolve(dir.path(), Some("production")).expect("there"), made.dir);
    take_up(dir.path(), "production").expect("there");
    assert_eq!(resolve(dir.path(), None).expect("the one in use"), made.dir);
    assert_eq!(resolve(dir.path(), Some("staging")).expect("asked for"), root(dir.path()));
    let ignored = std::fs::read_to_string(dir.path().join(".gitignore")).expect("read");
    assert!(ignored.lines().any(|line| line == "/.environment"), "{ignored}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    assert_eq!(resolve(elsewhere.path(), Some("staging")).expect("no project, so none"), elsewhere.path());
    take_up(dir.path(), "staging").expect("there");
    assert_eq!(current(dir.path()).expect("there").name, "staging");
}

#[test]
fn a_name_that_is_none_or_taken_says_what_to_type() {
    let dir = project();
    let refused = |name: &str| make(dir.path(), name, None).expect_err("refused").to_string();
    assert!(refused("../x").contains("a-z"), "{}", refused("../x"));
    assert!(refused("staging").contains("there is an environment"), "{}", refused("staging"));
    let error = named(dir.path(), "prod").expect_err("not there");
    assert!(error.help.as_deref().is_some_and(|help| help.contains("nave env new prod")), "{error:?}");
    make(dir.path(), "production", None).expect("made");
    assert!(refused("prod").contains("people work in `production` already"), "{}", refused("prod"));
}

/// Hosts of a connection here and in another environment, what the connection says besides, and whether it is refused.
#[test]
fn a_host_of_production_is_refused_elsewhere() {
    let table = [
        ("production", "https://crm.example/v1", "https://crm.example/other", "", true),
        ("prod", "https://crm.example", "https://CRM.example:443/", "", true),
        ("production", "https://crm.example", "https://crm.example.:443/", "", true),
        ("production", "https://crm.example", "https://sandbox.crm.example", "", false),
        ("production", "http://127.0.0.1:8001", "http://127.0.0.1:8002", "", false),
        ("production", "https://127.0.0.1:8001", "https://localhost:8001", "", true),
        ("production", "https://localhost:8001", "https://crm.localhost.:8001", "", true),
        ("production", "https://[::1]:8001", "https://127.0.0.2:8001", "", true),
        ("production", "https://[::ffff:127.0.0.1]:8001", "https://0.0.0.0:8001", "", true),
        ("production", "https://crm.example", "https://crm.example", "shared-host = \"one host for all accounts\"", false),
        ("dev", "https://crm.example", "https://crm.example", "", false),
    ];
    for (other, theirs, ours, more, refused) in table {
        let dir = project();
        let made = make(dir.path(), other, None).expect("made");
        connect(&made.dir, "crm", theirs, "");
        connect(dir.path(), "crm", ours, more);
        let found = Sources::read(dir.path()).expect("read").check().expect("checked").err().unwrap_or_default();
        let said = found.iter().any(|one| one.code == "host-of-production");
        assert_eq!(said, refused, "{other} {theirs} {ours}: {found:?}");
        // People work there whatever others try out.
        let found = Sources::read(&made.dir).expect("read").check().expect("checked").err().unwrap_or_default();
        assert!(!found.iter().any(|one| one.code == "host-of-production"), "{found:?}");
    }
}

#[test]
fn configuration_goes_along_and_what_is_each_ones_own_stays() {
    let dir = project();
    let here = at(dir.path().to_owned());
    let there = make(dir.path(), "production", None).expect("made");
    let put = |path: &str, text: &str| write::whole(&dir.path().join(path), text.as_bytes()).expect("written");
    put("lookups/vat.toml", "\"DE\" = \"19\"\n");
    put("entities/contact.toml", "[fields.shoe-size]\ntype = \"integer\"\n");
    let toml = std::fs::read_to_string(dir.path().join("nave.toml")).expect("read");
    put("nave.toml", &toml.replace("processes.sales = \"From lead to order\"", "processes.sales = \"From call to cash\""));
    write::whole(&there.dir.join("lookups/old.toml"), b"\"a\" = \"b\"\n").expect("written");

    let mut promotion = promote(&here, &there).expect("looked at");
    let files: Vec<&str> = promotion.answer.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["nave.toml", "entities/contact.toml", "lookups/vat.toml"]);
    assert!(promotion.answer.notes.iter().any(|note| note.starts_with("lookups/old.toml is in production alone")));
    assert!(!there.dir.join("lookups/vat.toml").exists(), "looking writes nothing");
    promotion.write(&there).expect("written");
    let toml = std::fs::read_to_string(there.dir.join("nave.toml")).expect("read");
    assert!(
        toml.contains("From call to cash") && toml.contains("environment = \"production\"") && toml.contains("6284"),
        "{toml}"
    );
    assert!(promote(&here, &there).expect("looked at").is_empty(), "nothing is left");
}

/// S2.9, S5.2: a new environment has no connections yet. What names none of them goes, the rest waits.
#[test]
fn what_names_a_connection_waits_until_it_is_there() {
    use crate::project::edit::Edit;
    let edit = |path: &str, after: &str| Edit { path: path.to_owned(), before: None, after: after.to_owned() };
    let all = [
        edit("entities/company.toml", "[fields.name]\nsurvivorship = { owner = \"crm\", because = \"sales\" }\n"),
        edit("entities/contact.toml", "[fields.shoe-size]\ntype = \"integer\"\n"),
        edit("entities/plant.toml", "[fields.name]\ntype = \"text\"\nsurvivorship = { owner = \"crm\" }\n"),
        edit("entities/pot.toml", "[fields.plant]\ntype = \"reference\"\nentity = \"plant\"\n"),
        edit("lookups/vat.toml", "\"DE\" = \"19\"\n"),
        edit("mappings/crm-contacts.toml", "connection = \"crm\"\nstream = \"contacts\"\nentity = \"contact\"\n"),
        edit("mappings/desk-companies.toml", "connection = \"desk\"\nstream = \"companies\"\nentity = \"company\"\n"),
    ];
    let paths = |edits: &[Edit]| edits.iter().map(|edit| edit.path.clone()).collect::<Vec<_>>();
    for (there, waits) in
        [(&[][..], &[0, 2, 3, 5, 6][..]), (&["desk"], &[0, 2, 3, 5, 6]), (&["crm"], &[6]), (&["crm", "desk"], &[])]
    {
        let dir = project();
        for name in there {
            connect(dir.path(), name, "https://one.example", "");
        }
        let sources = Sources::read(dir.path()).expect("read");
        let mut edits = all.to_vec();
        let held =
            waiting::hold(&sources, &there.iter().map(|name| (*name).to_owned()).collect(), &mut edits).expect("looked at");
        let wanted: Vec<_> = waits.iter().map(|at: &usize| all[*at].path.clone()).collect();
        assert_eq!(held, wanted, "{there:?}");
        assert_eq!(paths(&edits), paths(&all).into_iter().filter(|path| !wanted.contains(path)).collect::<Vec<_>>());
    }
}

#[test]
fn what_would_be_wrong_there_is_not_carried() {
    let dir = project();
    let here = at(dir.path().to_owned());
    let there = make(dir.path(), "production", None).expect("made");
    write::whole(&dir.path().join("entities/contact.toml"), b"[fields.x]\ntype = \"nonsense\"\n").expect("written");
    assert!(promote(&here, &there).expect_err("refused").message.starts_with("in staging:"));
    assert!(promote(&here, &here).expect_err("refused").message.contains("itself"));
}

/// S2.9: who may use a value that is another environment's secret: nobody production's, whoever keeps it, and production goes on
/// whatever somebody did elsewhere.
#[test]
fn a_value_that_is_productions_secret_is_refused_elsewhere_and_production_goes_on() {
    use crate::secrets::SecretBytes;
    use crate::vault::{MasterKey, Vault};
    let dir = project();
    let here = at(dir.path().to_owned());
    let there = make(dir.path(), "production", None).expect("made");
    let test = make(dir.path(), "test", None).expect("made");
    for (environment, value) in [(&here, "staging-value"), (&there, "production-value"), (&test, "test-value")] {
        let data = environment.dir.join("data");
        let key = MasterKey::load_or_create_in(&data).expect("a key");
        let vault = Vault::with_key(&key, &environment.name, std::sync::Arc::new(nave_store::Memory::new())).expect("a vault");
        vault.set("crm", &SecretBytes::new(value)).expect("stored");
        mark(&environment.dir, &data, &vault).expect("marked");
    }
    for (environment, value, when_used, when_stored) in [
        (&here, "production-value", true, true),
        (&test, "production-value", true, true),
        (&there, "production-value", false, false),
        (&there, "staging-value", false, true),
        (&test, "staging-value", false, false),
        (&here, "nobodys-value", false, false),
    ] {
        let used = refuse_productions(&environment.dir, "crm", value.as_bytes());
        let stored = refuse_others(&environment.dir, "crm", value.as_bytes());
        assert_eq!((used.is_err(), stored.is_err()), (when_used, when_stored), "{value} in {}", environment.name);
        if let Err(error) = used {
            assert!(error.message.contains("production") && !error.message.contains(value), "{error}");
        }
    }
}
