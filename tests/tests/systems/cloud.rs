//! moto, which answers as AWS Secrets Manager does, checks signatures with the vendor's own code and knows nothing of us: secrets of a
//! cloud, signed for, rotated, missing, and refused.

use std::process::{Command, Stdio};

use nave_sim::SimConfig;
use nave_tests::leaks::Places;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System};
use serde_json::Value;

/// What the CRM does not take.
const WRONG: &str = "pat-that-the-crm-refuses-3141592653";

/// What `tests/systems/moto/start.sh` started; none: the test is skipped.
struct Cloud(Value);

impl Cloud {
    fn named() -> Option<Self> {
        let Ok(line) = std::env::var("NAVE_MOTO") else {
            println!("skipped: NAVE_MOTO is not set; tests/systems/run.sh starts the real systems and sets it");
            return None;
        };
        Some(Self(serde_json::from_str(&line).unwrap_or_else(|error| panic!("NAVE_MOTO ({error}): {line}"))))
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("no {key}"))
    }

    /// A secret written by the vendor's own client, by somebody who may.
    fn script(&self, words: &[&str]) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/systems/moto/start.sh");
        let ran = Command::new(script).args(words).stdin(Stdio::null()).output().expect("the script runs");
        assert!(ran.status.success(), "{words:?}: {ran:?}");
    }

    /// With an old and a new password beside the token.
    fn put(&self, token: &str) {
        self.script(&["put", "prod/crm", &serde_json::json!({ "token": token, "user": "hub" }).to_string()]);
    }
}

/// S7.8: a secret that is kept in a cloud's secret manager is used by lease, and is nowhere else.
#[test]
fn a_secret_of_a_cloud_is_used_by_lease() {
    let Some(cloud) = Cloud::named() else { return };
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(13) });
    let sim = crm.sim().expect("a simulator");
    let token = sim.running.credential.token.clone();
    let project = Project::init();
    project.install("hubspot");
    project.connect("hubspot", crm.name(), &[("url", sim.running.base_url())], Some(WRONG));
    let works = || project.run(&["connection", "check", "crm"]).code == Some(0);
    assert!(!works());

    let table = format!(
        "\n[vaults.cloud]\nkind = \"aws\"\nregion = \"{}\"\nendpoint = \"{}\"\nsecret = \"corp\"\nhold = \"2s\"\nnetworks = [\"127.0.0.0/8\"]\n\
         insecure = true\nbecause = \"a cloud of the test\"\n",
        cloud.text("region"),
        cloud.text("base")
    );
    project.write("nave.toml", &(project.read("nave.toml") + &table));
    project.tell(&["secret", "set", "corp"], cloud.text("reader"));
    cloud.put(&token);
    let refer = |more: &[&str]| project.run(&[&["secret", "refer", "crm", "--vault", "cloud"], more].concat());
    let referred = refer(&["--path", "prod/crm", "--field", "token"]);
    assert!(referred.code == Some(0) && referred.out.contains("It was fetched just now"), "{referred:?}");
    let listed = project.ok(&["secret", "list"]).out;
    assert!(listed.contains("\"aws\""), "{listed}");
    assert!(works());

    // A rotated one counts after the time that the old one is held, without a restart; the previous one is still there by its label.
    let serving = project.serve();
    assert!(works());
    cloud.put(WRONG);
    until("the rotated one counts", || (!works()).then_some(()));
    let previous = refer(&["--path", "prod/crm", "--field", "token", "--stage", "AWSPREVIOUS"]);
    assert!(previous.code == Some(0) && works(), "{previous:?}");
    cloud.put(&token);
    assert!(refer(&["--path", "prod/crm", "--field", "token"]).code == Some(0) && works());
    cloud.script(&["delete", "prod/crm"]);
    until("it is gone over there", || {
        let ran = project.run(&["connection", "check", "crm"]);
        format!("{ran:?}").contains("secret-unreachable").then_some(())
    });
    let missing = format!("{:?}", project.run(&["secret", "check", "crm"]));
    assert!(missing.contains("has no secret prod/crm") && missing.contains("[vaults.cloud]"), "{missing}");
    cloud.put(&token);
    until("the hub goes on by itself", || works().then_some(()));
    serving.stop();

    // The whole text is the secret where no field is named, and a field that is not there is told with those that are.
    cloud.script(&["put", "plain", &token]);
    assert!(refer(&["--path", "plain"]).code == Some(0) && works());
    let said = format!("{:?}", refer(&["--path", "prod/crm", "--field", "tokn"]));
    assert!(said.contains("it has token, user"), "{said}");
    let pair = format!("{:?}", refer(&["--path", "prod/crm", "--field", "{user}:{token}"]));
    assert!(pair.contains("It was fetched just now"), "{pair}");
    refer(&["--path", "prod/crm", "--field", "token"]);

    // A key that is not the one of this id, one that nobody gave, one that may not read this, and what is no key at all.
    let (id, key) = cloud.text("reader").split_once(':').expect("a pair");
    for (pair, expected) in [
        (format!("{id}:{}", key.chars().rev().collect::<String>()), "SignatureDoesNotMatch"),
        (format!("AKIAIOSFODNN7EXAMPLE:{key}"), "InvalidClientTokenId"),
        (cloud.text("stranger").to_owned(), "secretsmanager:GetSecretValue"),
        (id.to_owned(), "access-key-id:secret-access-key"),
    ] {
        project.tell(&["secret", "set", "corp"], &pair);
        let refused = project.run(&["secret", "check", "crm"]);
        let said = format!("{refused:?}");
        assert!(refused.code == Some(1) && said.contains(expected) && said.contains("corp"), "{expected}: {said}");
    }
    project.tell(&["secret", "set", "corp"], cloud.text("reader"));
    assert!(works());

    let copy = project.dir().parent().expect("a folder").join("copy.nave");
    project.ok(&["backup", &copy.display().to_string()]);
    let mut places = Places::default();
    places.add("backup", "copy.nave", std::fs::read(&copy).expect("a backup"));
    places.add_files("file", project.dir(), &[]);
    places.add("output", "audit", project.ok(&["audit", "--limit", "500"]).out);
    places.add("output", "secrets", project.ok(&["secret", "list"]).out);
    for secret in [token.as_str(), key] {
        assert_eq!(places.find(secret.as_bytes()), [], "it is nowhere");
    }
}
