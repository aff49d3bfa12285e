//! What is tried in staging reaches neither the hosts nor the secrets of production, and goes there as configuration alone (S2.9, S5.2, S7.14).

use std::process::Command;

use nave_sim::SimConfig;
use nave_tests::project::{Project, Ran, run};
use nave_tests::systems::{Crm, System};
use serde_json::{Value, json};

fn sim(name: &str, seed: u64) -> Crm {
    Crm::start(name, SimConfig { records: 3, ..SimConfig::new(seed) })
}

/// Adds the CRM to an environment, with a secret.
fn add(project: &Project, environment: &str, crm: &Crm, secret: &str) -> Ran {
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, secret).expect("a token");
    let address = crm.sim().expect("a simulator").running.base_url();
    let (url, token) = (format!("url={address}"), token.display().to_string());
    project.run(&[
        "--env",
        environment,
        "connection",
        "add",
        "hubspot",
        "--name",
        "crm",
        "--set",
        &url,
        "--grant-network",
        "127.0.0.0/8",
        "--insecure",
        "--because",
        "a test",
        "--secret-from",
        &token,
        "--yes",
    ])
}

fn token(crm: &Crm) -> String {
    crm.sim().expect("a simulator").running.credential.token.clone()
}

/// Runs a command that gets a text on standard input, whatever comes of it.
fn tell(project: &Project, arguments: &[&str], text: &str) -> Ran {
    run(&mut project.command(arguments), Some(text))
}

#[track_caller]
fn says(ran: &Ran, code: i32, words: &str) {
    let all = format!("{}{}", ran.out, ran.err);
    assert!(ran.code == Some(code) && all.contains(words), "{words}: {ran:?}");
}

#[test]
fn what_is_tried_stays_apart_until_it_is_promoted() {
    let project = Project::init();
    let (live, sandbox) = (sim("live", 1), sim("sandbox", 2));
    let list = project.json(&["env", "list"]);
    assert_eq!(list["environments"][0]["name"], "staging", "a new project is one to try things in");

    // Production: its own host, its own secret.
    project.ok(&["env", "new", "production"]);
    project.install("hubspot");
    project.write("lookups/colours.toml", "\"red\" = \"R\"\n");
    // Something uses the plugin, so the promotion needs it.
    project.write("connections/first.toml", "plugin = \"hubspot\"\n");
    let only_there = project.dir().join("environments/production/lookups/only-there.toml");
    std::fs::create_dir_all(only_there.parent().expect("a folder")).expect("a folder");
    std::fs::write(&only_there, "\"x\" = \"Y\"\n").expect("written");
    for arguments in [&["promote"][..], &["promote", "--yes"]] {
        let ran = project.run(arguments);
        says(&ran, 1, "in production: hubspot 0.1.0 is not signed");
        // The difference is shown first, and what only production has.
        let answer = ran.json();
        assert!(answer["files"].to_string().contains("lookups/colours.toml") && answer["written"] == false, "{answer}");
        assert!(answer["notes"].to_string().contains("lookups/only-there.toml is in production alone"), "{answer}");
        assert_eq!(answer["error"]["code"], "plugin.unsigned", "{answer}");
    }
    let told = Command::new(nave_tests::binary::nave()).arg("--dir").arg(project.dir()).arg("promote").output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&told.stdout).into_owned(), String::from_utf8_lossy(&told.stderr).into_owned());
    assert!(out.contains("+\"red\" = \"R\"") && err.contains("is not signed"), "{out}{err}");
    assert!(!project.dir().join("environments/production/lookups/colours.toml").exists(), "nothing is written");
    let help = project.run(&["promote", "--help"]).out;
    assert!(help.contains("nave --env staging promote"), "{help}");
    std::fs::remove_file(&only_there).expect("gone");
    std::fs::remove_file(project.dir().join("lookups/colours.toml")).expect("gone");
    std::fs::remove_file(project.dir().join("connections/first.toml")).expect("gone");
    let trust = project.dir().join("environments/production/nave.toml");
    let text = std::fs::read_to_string(&trust).expect("nave.toml");
    std::fs::write(&trust, format!("{text}\n[plugins]\nunsigned = \"allow\"\n")).expect("nave.toml");
    // The plugin goes along; its mappings wait for a connection there.
    project.ok(&["promote", "--yes"]);
    says(&add(&project, "production", &live, &token(&live)), 0, "");

    // The host of production is refused in staging, and its secret; nothing is stored.
    says(&add(&project, "staging", &live, "another"), 3, "host-of-production");
    says(&add(&project, "staging", &sandbox, &token(&live)), 1, "this is a secret of production");
    let stored = project.json(&["secret", "list"])["secrets"].clone();
    assert_eq!(stored, json!([]), "the secret of production is not stored here");
    says(&add(&project, "staging", &sandbox, &token(&sandbox)), 0, "");
    project.ok(&["--env", "staging", "connection", "check", "crm"]);
    // And the other way round.
    let other = tell(&project, &["--env", "production", "secret", "set", "crm", "--from-file", "-"], &token(&sandbox));
    says(&other, 1, "this is a secret of staging");
    // Wherever it is kept: the value of the one is refused in the other, and so is the very same place.
    let kept = project.dir().parent().expect("a folder").join("kept");
    let put = |text: &str| {
        std::fs::write(&kept, text).expect("written");
        std::fs::set_permissions(&kept, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode");
    };
    let path = kept.display().to_string();
    let refer = |environment: &str| project.run(&["--env", environment, "secret", "refer", "kept", "--file", &path]);
    put(&token(&live));
    says(&refer("staging"), 0, "this is a secret of production");
    says(&project.run(&["--env", "staging", "secret", "check", "kept"]), 1, "this is a secret of production");
    project.ok(&["--env", "staging", "secret", "remove", "kept"]);
    put("a-secret-of-neither-of-them");
    says(&refer("production"), 0, "It was fetched just now");
    says(&refer("staging"), 1, "this is a secret of production");
    project.ok(&["--env", "production", "secret", "remove", "kept"]);

    // What was tried goes along, once somebody has looked at the difference.
    project.write("lookups/tiers.toml", "\"gold\" = \"A\"\n");
    let shown = project.json(&["promote"]);
    let diff =
        |answer: &Value| answer["files"].as_array().expect("files").iter().map(|file| file["path"].clone()).collect::<Vec<_>>();
    assert!(diff(&shown).contains(&json!("lookups/tiers.toml")) && shown["written"] == false, "{shown:#}");
    let there = project.dir().join("environments/production/lookups/tiers.toml");
    assert!(!there.exists(), "looking writes nothing");
    let written = project.json(&["promote", "--from", "staging", "--to", "production", "--yes"]);
    assert!(there.exists() && written["written"] == true, "{written:#}");
    let connection = std::fs::read_to_string(project.dir().join("environments/production/connections/crm.toml")).expect("read");
    assert!(connection.contains(&live.sim().expect("a simulator").running.base_url()), "{connection}");
    let audit = project.json(&["--env", "production", "audit", "--limit", "50"]).to_string();
    assert!(audit.contains("configuration.promoted") && audit.contains("lookups/tiers.toml"), "{audit}");

    // Commands are about the one that is in use.
    project.ok(&["env", "use", "production"]);
    project.sync(&[]);
    let records = |status: &Value| {
        status["records"].as_array().expect("records").iter().map(|one| one["active"].as_u64().unwrap_or(0)).sum::<u64>()
    };
    assert!(records(&project.json(&["status"])) > 0, "production read its system");
    assert_eq!(records(&project.json(&["--env", "staging", "status"])), 0, "staging holds nothing of it");
    says(&project.run(&["env", "use", "nowhere"]), 2, "nave env new nowhere");
}

/// S2.9, S5.2: from an empty environment to one that holds all, with what each step says comes next.
#[test]
fn a_new_environment_is_filled_step_by_step() {
    let project = Project::init();
    let (live, sandbox) = (sim("live", 1), sim("sandbox", 2));
    project.install("hubspot");
    project.install("files");
    says(&add(&project, "staging", &sandbox, &token(&sandbox)), 0, "");
    project.ok(&["policy", "init", "crm-centric"]);
    project.ok(&["env", "new", "production"]);
    // Both are unsigned; the one that something uses must be trusted, and the other stays without holding anything up.
    let ran = project.run(&["promote"]);
    says(&ran, 1, "in production: hubspot 0.1.0 is not signed");
    says(&ran, 1, "plugin `files` stays in staging, where no connection and no mapping uses it");
    let file = project.dir().join("environments/production/nave.toml");
    let text = std::fs::read_to_string(&file).expect("nave.toml");
    std::fs::write(&file, format!("{text}\n[plugins]\nunsigned = \"allow\"\n")).expect("nave.toml");

    let first = project.json(&["promote", "--yes"]);
    let waits = "entities/contact.toml";
    assert!(first["notes"].to_string().contains(waits), "{first:#}");
    assert!(
        first["next"][0].as_str().is_some_and(|next| next.contains("nave --env production connection add hubspot --name crm")),
        "{first:#}"
    );
    says(&add(&project, "production", &live, &token(&live)), 0, "");
    let second = project.json(&["promote", "--yes"]);
    assert!(second["files"].to_string().contains(waits), "{second:#}");
    assert!(project.json(&["promote"])["what"].as_str().is_some_and(|what| what == "production holds all that staging holds"));
    project.ok(&["--env", "production", "mapping", "lint"]);
}
