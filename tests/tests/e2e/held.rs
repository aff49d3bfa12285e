//! A secret is bound to the host that it was given for: an edited file holds the connection until somebody approves.

use nave_sim::SimConfig;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System};

use super::contacts::connect_crm;

const FIELD: &str = "[[field]]\nremote = \"properties.email\"\ncanonical = \"email\"\ndirection = \"in\"\n";

fn sim(name: &str) -> Crm {
    Crm::start(name, SimConfig { records: 2, ..SimConfig::new(5) })
}

fn address(crm: &Crm) -> String {
    crm.sim().expect("a simulator").running.base_url()
}

fn asked(crm: &Crm) -> u64 {
    crm.sim().expect("a simulator").last_request()
}

/// A connected CRM, and another that the secret was not given for; then `change` makes a file of the first one's.
#[track_caller]
fn check(change: impl Fn(&Project, &str, &str), connection: &str) {
    let project = Project::init();
    let (crm, other) = (sim("crm"), sim("other"));
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    assert_eq!(project.json(&["connection", "approve"])["held"], serde_json::json!([]), "adding it has said where");
    let (before, file) = (asked(&other), project.read("connections/crm.toml"));
    change(&project, &address(&crm), &address(&other));

    project.write(
        "mappings/work.toml",
        &format!(
            "connection = {connection:?}\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\n{FIELD}"
        ),
    );
    let approve = format!("nave connection approve {connection}");
    let says = |arguments: &[&str]| {
        let ran = project.run(arguments);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains(&approve), "`nave {}` says what to type: {ran:?}", arguments.join(" "));
        assert!(all.contains(&address(&crm)) && all.contains(&address(&other)), "and what changed: {ran:?}");
        ran.code
    };
    assert_eq!(says(&["connection", "check", connection]), Some(4));
    assert_eq!(says(&["doctor"]), Some(1));
    assert_eq!(says(&["mapping", "lint"]), Some(0));
    assert_eq!(says(&["plan"]), Some(0));
    assert_eq!(says(&["sync"]), Some(1));
    let refused = project.run(&["connection", "approve", connection]);
    assert_eq!(refused.code, Some(4), "nobody has approved: {refused:?}");
    // A new version of the secret is not given for more than the one before.
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, &crm.sim().expect("a simulator").running.credential.token).expect("a token");
    project.ok(&["secret", "set", "crm", "--from-file", &token.display().to_string()]);
    assert_eq!(says(&["connection", "check", connection]), Some(4));
    assert_eq!(asked(&other), before, "nothing was sent");

    let silent = project.run(&["connection", "approve", connection, "--yes"]);
    assert!(silent.code == Some(4) && silent.out.contains("--reason TEXT"), "S7.16: {silent:?}");
    project.ok(&["connection", "approve", connection, "--reason", "it moved", "--yes"]);
    project.run(&["connection", "check", connection]);
    assert!(asked(&other) > before, "what was approved is sent");
    let audit = project.json(&["audit", "--limit", "200"])["entries"].to_string();
    assert!(audit.contains("secret.given") && audit.contains(&address(&other)), "{audit}");
    // A host that nobody uses any more is forgotten; the other connection's stays.
    project.write("connections/crm.toml", &file);
    let back = project.run(&["connection", "check", "crm"]);
    assert_eq!(back.code, Some(if connection == "crm" { 4 } else { 0 }), "{back:?}");
}

#[test]
fn a_host_that_was_changed_by_hand() {
    check(
        |project, from, to| project.write("connections/crm.toml", &project.read("connections/crm.toml").replace(from, to)),
        "crm",
    );
}

/// What the audit says of changed grants, the last first.
fn changed(project: &Project) -> Vec<String> {
    let lines = project.json(&["audit", "--limit", "200"])["entries"].as_array().cloned().expect("lines");
    lines.iter().filter(|line| line["action"] == "grants.changed").map(|line| line["detail"].to_string()).collect()
}

/// T58: what a connection may do was widened in its file, on the same host: it is noted, with what is new.
#[test]
fn a_grant_that_was_widened_by_hand_is_noted() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    assert_eq!(changed(&project), Vec::<String>::new());
    let file = project.read("connections/crm.toml");
    let wide = file.replacen("networks = [", "networks = [\"10.0.0.0/8\", ", 1);
    assert_ne!(wide, file);
    project.write("connections/crm.toml", &wide);
    project.ok(&["status"]);
    let found = changed(&project);
    assert!(found.len() == 1 && found[0].contains("now also endpoint api: network 10.0.0.0/8"), "{found:?}");
    // While a hub serves, with the next plan.
    let serving = project.serve();
    project.write("connections/crm.toml", &file);
    project.json(&["plan"]);
    serving.stop();
    let found = changed(&project);
    assert!(found.len() == 2 && found[0].contains("no more endpoint api: network 10.0.0.0/8"), "{found:?}");
}

/// S7.15: what somebody takes away in a connection's file counts while the hub serves, before any plan; what is put back waits for one.
#[test]
fn what_a_file_takes_away_counts_at_once() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    let serving = project.serve();
    let works = || project.run(&["connection", "check", "crm"]).code == Some(0);
    let pending = || {
        let grants = project.json(&["plugin", "grants", "hubspot"]);
        grants["connections"].as_array().into_iter().flatten().any(|view| view["name"] == "crm" && view["pending"] == true)
    };
    assert!(works() && !pending());
    let (file, table) = (project.read("connections/crm.toml"), "[grants.endpoints.api]\n");
    project.write("connections/crm.toml", &file.replacen(table, &format!("{table}read-only = true\n"), 1));
    until("what is taken away is noted", || {
        changed(&project).first().is_some_and(|said| said.contains("no more endpoint api: writing")).then_some(())
    });
    assert!(works() && !pending(), "reading goes on, and what the file says is in force");
    let (before, rest) = file.split_once(table).expect("the grant");
    let after = rest.find("\n[").map_or("", |at| &rest[at..]);
    project.write("connections/crm.toml", &format!("{before}{after}"));
    until("nothing is reached", || (!works()).then_some(()));
    project.write("connections/crm.toml", &file);
    until("what is put back is seen", || pending().then_some(()));
    assert!(!works(), "and waits");
    project.json(&["plan"]);
    assert!(works() && !pending());
    serving.stop();
}

/// What is pasted where a name goes is refused, and nothing of it is kept: by its looks, or by being in the vault.
#[test]
fn a_value_that_is_pasted_for_a_name_is_written_nowhere() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.tell(&["secret", "set", "garden"], "tulips-in-spring");
    let file = project.read("connections/crm.toml");
    let address = format!("base = \"{}", address(&crm));
    let (key, query) = (["k-12345678", "90abcdef"].concat(), ["?api_key=zX8q1LmN0p", "Q7rS2tUvW3xY"].concat());
    for (from, to, secret) in [
        ("secret = \"crm\"", format!("secret = \"{key}\""), key.as_str()),
        ("secret = \"crm\"", "secret = \"tulips-in-spring\"".to_owned(), "tulips-in-spring"),
        (address.as_str(), format!("{address}/{query}"), &query[9..]),
    ] {
        let edited = file.replacen(from, &to, 1);
        assert_ne!(edited, file, "{from}");
        project.write("connections/crm.toml", &edited);
        let lint = project.run(&["mapping", "lint"]);
        assert!(lint.code != Some(0) && format!("{lint:?}").contains("secret"), "{from}: {lint:?}");
        for arguments in
            [&["mapping", "lint"][..], &["status"], &["scan"], &["audit", "--limit", "200"], &["plugin", "exposure", "hubspot"]]
        {
            let ran = project.run(arguments);
            assert!(!format!("{ran:?}").contains(secret), "{from}, nave {}: {ran:?}", arguments.join(" "));
        }
        project.write("connections/crm.toml", &file);
        project.ok(&["status"]);
        let audit = project.run(&["audit", "--limit", "200"]);
        assert!(!format!("{audit:?}").contains(secret), "{from}: {audit:?}");
    }
}

/// Who only looks changes nothing; and what lapsed is said as it was.
#[test]
fn a_typo_of_a_moment_takes_nothing_away() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    let file = project.read("connections/crm.toml");
    let typo = file.replace("secret = \"crm\"", "secret = \"cmr\"");
    project.write("connections/crm.toml", &typo);
    for arguments in [&["mapping", "lint"][..], &["scan"], &["audit"], &["audit", "verify"]] {
        project.run(arguments);
    }
    project.write("connections/crm.toml", &file);
    project.ok(&["connection", "check", "crm"]);
    let audit = project.json(&["audit", "--limit", "200"])["entries"].to_string();
    assert!(!audit.contains("secret.lapsed") && !audit.contains("grants.changed"), "{audit}");
    // In force for a while: then it has lapsed, and it is said when it was given, and since when it is not.
    project.write("connections/crm.toml", &typo);
    project.ok(&["status"]);
    project.write("connections/crm.toml", &file);
    let held = project.run(&["connection", "check", "crm"]);
    let said = format!("was given to {} on 20", address(&crm));
    assert!(held.code == Some(4) && held.out.contains(&said) && held.out.contains("and that lapsed on 20"), "{held:?}");
    assert!(held.out.contains("nave connection approve crm") && !held.out.contains("never given"), "{held:?}");
    project.ok(&["connection", "approve", "crm", "--reason", "a typo", "--yes"]);
    project.ok(&["connection", "check", "crm"]);
}

#[test]
fn another_connection_that_names_the_secret() {
    let copy = |project: &Project, from: &str, to: &str| {
        project.write("connections/thief.toml", &project.read("connections/crm.toml").replace(from, to));
    };
    check(copy, "thief");
}

/// A secret that is stored when its connection is there already goes where that sends it; one that nobody gave is held.
#[test]
fn a_connection_written_by_hand() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, &crm.sim().expect("a simulator").running.credential.token).expect("a token");
    let file = project.read("connections/crm.toml");
    project.write("connections/mine.toml", &file.replace("secret = \"crm\"", "secret = \"mine\""));
    let stored = project.ok(&["secret", "set", "mine", "--from-file", &token.display().to_string()]);
    assert!(stored.out.contains(&format!("It may go to {} and nowhere else", address(&crm))), "{stored:?}");
    project.ok(&["connection", "check", "mine"]);

    project.ok(&["secret", "set", "early", "--from-file", &token.display().to_string()]);
    project.write("connections/late.toml", &file.replace("secret = \"crm\"", "secret = \"early\""));
    let held = project.run(&["connection", "check", "late"]);
    assert!(held.code == Some(4) && held.out.contains("was never given for any host"), "{held:?}");
    project.ok(&["connection", "approve", "--reason", "it moved", "--yes"]);
    project.ok(&["connection", "check", "late"]);
}

/// `connection add` gives a new secret for the hosts that it showed, not for those of a file that waits for it.
#[test]
fn a_connection_that_waits_for_anothers_secret() {
    let project = Project::init();
    let (crm, other) = (sim("crm"), sim("other"));
    project.install("hubspot");
    connect_crm(&project, &crm);
    let planted = project.read("connections/crm.toml").replace("secret = \"crm\"", "secret = \"new\"");
    project.write("connections/planted.toml", &planted.replace(&address(&crm), &address(&other)));
    let url = format!("url={}", address(&crm));
    let mut add = vec!["connection", "add", "hubspot", "--name", "new", "--set", &url, "--secret-from", "-", "--yes"];
    add.extend(["--grant-network", "127.0.0.1/32", "--insecure", "--because", "it runs on this machine"]);
    project.tell(&add, &crm.sim().expect("a simulator").running.credential.token);
    project.ok(&["connection", "check", "new"]);
    let before = asked(&other);
    assert_eq!(project.run(&["connection", "check", "planted"]).code, Some(4));
    assert_eq!(asked(&other), before, "nothing was sent");
}

/// A host whose connection was taken out cannot be brought back by an edit.
#[test]
fn a_host_that_no_connection_goes_to_any_more() {
    let project = Project::init();
    let (crm, other) = (sim("crm"), sim("other"));
    project.install("hubspot");
    connect_crm(&project, &crm);
    let file = project.read("connections/crm.toml");
    project.write("connections/second.toml", &file.replace(&address(&crm), &address(&other)));
    project.ok(&["connection", "approve", "second", "--reason", "it moved", "--yes"]);
    let listed = |project: &Project| project.json(&["secret", "list"])["secrets"][0]["given_for"].to_string();
    assert!(listed(&project).contains(&address(&other)));
    std::fs::remove_file(project.dir().join("connections/second.toml")).expect("it was there");
    assert!(!listed(&project).contains(&address(&other)), "{}", listed(&project));
    let before = asked(&other);
    project.write("connections/crm.toml", &file.replace(&address(&crm), &address(&other)));
    assert_eq!(project.run(&["connection", "check", "crm"]).code, Some(4));
    assert_eq!(asked(&other), before, "nothing was sent");
}

/// A certificate of nobody's.
const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBQDCB86ADAgECAhRGe8uase4tR3i2u1EVRNm0LrHnHjAFBgMrZXAwFTETMBEG
A1UEAwwKRXhhbXBsZSBDQTAgFw0yNjExMjgxNzE5NTVaGA8yMTI2MTEwNDE3MTk1
NVowFTETMBEGA1UEAwwKRXhhbXBsZSBDQTAqMAUGAytlcAMhAMWnIWaYcad/KbD7
qIQAmDLroGn14Sxv/jwyiCZmjeyCo1MwUTAdBgNVHQ4EFgQUoYw7pNae1hicLnrP
/Bq6qMfv9WgwHwYDVR0jBBgwFoAUoYw7pNae1hicLnrP/Bq6qMfv9WgwDwYDVR0T
AQH/BAUwAwEB/zAFBgMrZXADQQD4CaZaC100o61bJVKlZ/ahFreoLAcq/4+EPaa8
STzTj1M+t/OJRT6Y6nzfCAcF1K7SWyuGDY4WnpH9qEONljgE
-----END CERTIFICATE-----
";

/// The way to the network is part of what a secret was given for: a proxy, and whose certificates are believed.
#[test]
fn a_proxy_or_an_authority_that_was_added_by_hand() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    let hub = project.read("nave.toml");
    project.write("ca.pem", AUTHORITY);
    project.write("other.pem", &format!("# another\n{AUTHORITY}"));
    for (line, shown) in [
        (
            "proxy = \"http://127.0.0.1:9\"",
            "without a proxy, and nave.toml now sends everything through the proxy http://127.0.0.1:9",
        ),
        (
            "proxy = \"http://127.0.0.1:10\"",
            "through the proxy http://127.0.0.1:9, and nave.toml now sends everything through the proxy http://127.0.0.1:10",
        ),
        ("ca-file = \"ca.pem\"", "without a ca-file, and nave.toml now trusts another ca-file (sha256:"),
        ("ca-file = \"other.pem\"", "and nave.toml now trusts another ca-file (sha256:"),
    ] {
        project.write("nave.toml", &format!("{line}\n{hub}"));
        let before = asked(&crm);
        for (arguments, code) in [
            (["connection", "check", "crm"].as_slice(), 4),
            (&["doctor"], 1),
            (&["mapping", "lint"], 0),
            (&["connection", "approve"], 4),
        ] {
            let ran = project.run(arguments);
            let all = format!("{}{}", ran.out, ran.err);
            assert!(ran.code == Some(code) && all.contains(shown) && all.contains("nave.toml"), "{line}: {ran:?}");
        }
        assert_eq!(asked(&crm), before, "nothing was sent");
        project.ok(&["connection", "approve", "--reason", "it moved", "--yes"]);
        project.ok(&["connection", "check", "crm"]);
    }
    let audit = project.json(&["audit", "--limit", "200"])["entries"].to_string();
    assert!(
        audit.contains("secret.given") && audit.contains("proxy http://127.0.0.1:9") && audit.contains("ca sha256:"),
        "{audit}"
    );
    // Without either again, nothing is asked.
    project.write("nave.toml", &hub);
    project.ok(&["connection", "check", "crm"]);
}

/// The first secret is given for the way that is there; one that comes later, for a way that was agreed to.
#[test]
fn a_proxy_that_was_there_from_the_start_is_agreed_to_with_the_first_secret() {
    let project = Project::init();
    let crm = sim("crm");
    let hub = project.read("nave.toml");
    project.write("nave.toml", &format!("proxy = \"http://127.0.0.1:9\"\n{hub}"));
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, &crm.sim().expect("a simulator").running.credential.token).expect("a token");
    let file = project.read("connections/crm.toml");
    let second = |name: &str| {
        project.write(&format!("connections/{name}.toml"), &file.replace("secret = \"crm\"", &format!("secret = {name:?}")));
        project.ok(&["secret", "set", name, "--from-file", &token.display().to_string()]);
        project.run(&["connection", "check", name])
    };
    assert_eq!(second("second").code, Some(0), "the same way");
    project.write("nave.toml", &format!("proxy = \"http://127.0.0.1:10\"\n{hub}"));
    let third = second("third");
    assert!(third.code == Some(4) && third.out.contains("correct nave.toml"), "another way: {third:?}");
}
