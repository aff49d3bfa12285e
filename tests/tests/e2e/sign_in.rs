//! A person agrees at a system that a connection may sign in there (OAuth 2): with the hub's own callback, attacked on the way;
//! renewed, refused, and killed in the middle of a renewal (lines 88, 89, 91 and 92 of the attack list).

use std::process::Stdio;

use nave_sim::SimConfig;
use nave_tests::project::{Project, Serving, until, wait_for};
use nave_tests::sign_in::{Browser, TokenServer, encoded, field};
use nave_tests::systems::{Crm, System};
use serde_json::Value;

struct World {
    project: Project,
    crm: Crm,
    tokens: TokenServer,
}

impl World {
    /// A CRM that people agree at; nobody has yet.
    fn new(life_s: u64) -> Self {
        let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
        let sim = crm.sim().expect("a simulator");
        let tokens = TokenServer::start(&sim.running.credential.token, life_s);
        let project = Project::init();
        project.install("hubspot");
        let url = format!("url={}", sim.running.base_url());
        project.tell(
            &[
                "connection",
                "add",
                "hubspot",
                "--name",
                "crm",
                "--set",
                &url,
                "--credential-kind",
                "token=oauth2",
                "--grant-network",
                "127.0.0.0/8",
                "--insecure",
                "--because",
                "a test",
                "--secret-from",
                "-",
                "--yes",
            ],
            "the-client:its-secret",
        );
        let here =
            format!("base = \"http://{}\"\nnetworks = [\"127.0.0.0/8\"]\ninsecure = true\nbecause = \"a test\"", tokens.addr);
        let file = project.read("connections/crm.toml");
        for vendor in ["https://app.hubspot.com", "https://api.hubapi.com"] {
            assert!(file.contains(vendor), "{file}");
        }
        let file = file.replace("base = \"https://app.hubspot.com\"", &here).replace("base = \"https://api.hubapi.com\"", &here);
        project.write("connections/crm.toml", &file);
        project.ok(&["connection", "approve", "--reason", "a test", "--yes"]);
        Self { project, crm, tokens }
    }

    /// The address that a person opens.
    fn begin(&self) -> String {
        let begun = self.project.json(&["connection", "authorize", "crm", "--no-wait"]);
        begun["address"].as_str().unwrap_or_else(|| panic!("{begun}")).to_owned()
    }

    fn standing(&self, serving: &Serving) -> Value {
        let another = || {
            self.project.json(&["token", "reset", "ann", "--because", "a test"])["token"].as_str().expect("a token").to_owned()
        };
        let header = format!("Bearer {}", serving.token.clone().unwrap_or_else(another));
        let answer = nave_tests::http::request(serving.addr, "GET", "/v1/authorizations", &[("authorization", &header)], None)
            .expect("an answer");
        answer.json()["authorizations"][0].clone()
    }

    fn check(&self) -> (Option<i32>, String) {
        let ran = self.project.run(&["connection", "check", "crm"]);
        (ran.code, format!("{}{}", ran.out, ran.err))
    }
}

#[test]
fn a_person_agrees_and_nobody_else_can() {
    let world = World::new(3_600);
    let (code, said) = world.check();
    assert!(code == Some(4) && said.contains("nave connection authorize crm"), "{said}");
    let refused = world.project.run(&["connection", "authorize", "crm"]);
    assert!(refused.code == Some(5) && refused.out.contains("--device"), "nobody serves: {refused:?}");

    let serving = world.project.serve();
    let callback = format!("http://{}/oauth/callback", serving.addr);
    let not_agreed = |what: &str| assert_eq!(world.standing(&serving)["state"], "not-agreed", "{what}");
    not_agreed("at first");

    // Line 91: what does not come from where it was sent, with what it was sent with, changes nothing.
    for (what, brought) in [
        ("another state", "code=c0de&state=guessed".to_owned()),
        ("no state", "code=c0de".to_owned()),
        ("another issuer", "code=c0de&state={state}&iss=https%3A%2F%2Fevil.example".to_owned()),
        ("no code", "state={state}".to_owned()),
        ("twice the state", "code=c0de&state={state}&state={state}".to_owned()),
        ("an error", "error=access_denied&state={state}".to_owned()),
    ] {
        world.tokens.bring_back(Some(&brought));
        let page = Browser::default().follow(&world.begin());
        assert_eq!(page.status, 400, "{what}: {page:?}");
        not_agreed(what);
    }
    // Line 92: a system's words are text.
    let script = encoded("<script>alert(1)</script>");
    world.tokens.bring_back(Some(&format!("error=x{script}&error_description={script}&state={{state}}")));
    let page = Browser::default().follow(&world.begin());
    assert!(page.status == 400 && !page.text.contains("<script>alert"), "{page:?}");
    assert!(page.text.contains("&#60;script&#62;") || page.text.contains("&lt;script&gt;"), "{page:?}");
    world.tokens.bring_back(None);

    // Another browser brings back what this one was sent with; then this one, too late: the state is good once.
    let (mut mine, mut other) = (Browser::default(), Browser::default());
    let address = world.begin();
    let there = mine.open(&address).location.expect("it leads to the system");
    assert_eq!(other.open(&address).status, 400, "the address is good once");
    let back = mine.open(&there).location.expect("it leads back");
    assert!(back.starts_with(&callback), "{back}");
    assert_eq!(other.open(&back).status, 400, "another browser");
    assert_eq!(mine.open(&back).status, 400, "used already");
    not_agreed("another browser");
    assert_eq!(world.tokens.asked(), Vec::<String>::new(), "no code was ever exchanged");

    // The same from the page of the connection, all the way.
    let mut person = Browser::default();
    let token = serving.token.as_deref().expect("the first token");
    let header = format!("Bearer {token}");
    let address = nave_tests::http::request(
        serving.addr,
        "POST",
        "/v1/connections/crm/authorize",
        &[("authorization", &header)],
        Some(&serde_json::json!({})),
    );
    let address = address.expect("an answer").json()["address"].as_str().expect("an address").to_owned();
    let page = person.follow(&address);
    assert!(page.status == 200 && page.text.contains("crm") && page.text.contains("Agreed"), "{page:?}");
    let standing = world.standing(&serving);
    assert_eq!(
        (&standing["state"], &standing["by"], &standing["excess"]),
        (&"good".into(), &"admin".into(), &serde_json::json!([]))
    );
    let form = world.tokens.asked().pop().expect("the code was exchanged");
    assert_eq!(field(&form, "redirect_uri"), Some(callback));
    assert!(field(&form, "code_verifier").is_some_and(|verifier| verifier.len() >= 43), "{form}");
    let (code, said) = world.check();
    assert_eq!(code, Some(0), "{said}");
    let audit = world.project.json(&["audit", "--limit", "100"]).to_string();
    assert!(audit.contains("connection.authorized") && audit.contains("connection.not-authorized"), "{audit}");
    let all = format!("{audit}{}{}", world.standing(&serving), world.project.read("connections/crm.toml"));
    let token = &world.crm.sim().expect("a simulator").running.credential.token;
    assert!(!all.contains(token.as_str()) && !all.contains("refresh-1") && !all.contains("its-secret"), "no token is anywhere");
    serving.stop();
}

/// With a person who has agreed.
fn agreed(life_s: u64) -> World {
    let world = World::new(life_s);
    let serving = world.project.serve();
    let page = Browser::default().follow(&world.begin());
    assert_eq!(page.status, 200, "{page:?}");
    serving.stop();
    world
}

#[test]
fn a_permission_that_was_taken_back_is_a_persons_task() {
    let world = agreed(1);
    world.tokens.revoke();
    let said = until("the token has expired and is refused", || {
        let (code, said) = world.check();
        (code == Some(4)).then_some(said)
    });
    assert!(said.contains("needs-reauth") && said.contains("nave connection authorize crm"), "{said}");
    let asked = world.tokens.asked().len();
    for _ in 0..3 {
        assert_eq!(world.check().0, Some(4));
    }
    let doctor = world.project.run(&["doctor"]);
    assert!(doctor.code == Some(1) && doctor.out.contains("nave connection authorize crm"), "{doctor:?}");
    assert_eq!(world.tokens.asked().len(), asked, "nobody asks again");
    let serving = world.project.serve();
    let alert = until("it is told", || {
        let alerts = world.project.json(&["alert", "list"]);
        let all = alerts["alerts"].as_array().cloned().unwrap_or_default();
        all.into_iter().find(|alert| alert["kind"] == "needs-reauth")
    });
    assert_eq!((&alert["subject"], &alert["fix"]), (&"crm".into(), &"nave connection authorize crm".into()));
    assert!(alert["what"].as_str().is_some_and(|what| what.contains("/connections/crm")), "{alert}");
    assert_eq!(world.standing(&serving)["state"], "needs-reauth");
}

/// Killed while the system's answer is on its way: what it gave never arrived. Where the system takes the old refresh token once
/// more, all goes on by itself; where it does not, a person is asked, once.
#[test]
fn killed_in_the_middle_of_a_renewal() {
    for lenient in [true, false] {
        let world = agreed(1);
        if lenient {
            world.tokens.be_lenient();
        }
        world.tokens.hold(true);
        let before = world.tokens.asked().len();
        // The token is good for a moment yet: asked until the hub renews it, and killed there.
        loop {
            let mut child = world
                .project
                .command(&["connection", "check", "crm"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nave runs");
            let renewing = until("it ends or renews", || match world.tokens.asked().len() > before {
                true => Some(true),
                false => child.try_wait().expect("it is ours").map(|_| false),
            });
            let _ = child.kill();
            wait_for(&mut child);
            if renewing {
                break;
            }
        }
        world.tokens.hold(false);
        let (code, said) = until("the wait after it is over", || {
            let (code, said) = world.check();
            (!said.contains("next try at")).then_some((code, said))
        });
        assert_eq!(code, Some(if lenient { 0 } else { 4 }), "{said}");
        assert_eq!(world.tokens.asked().len(), before + 2, "the old one was tried once");
        if !lenient {
            assert!(said.contains("broken off"), "and why is said: {said}");
        }
    }
}

/// S7.4: the whole walk against the simulator that ships, with nothing edited by hand: connect, agree, check.
#[test]
fn a_person_agrees_at_the_simulator() {
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    let running = &crm.sim().expect("a simulator").running;
    let project = Project::init();
    project.install("hubspot");
    let base = running.base_url();
    let sets = [format!("url={base}"), format!("app-url={base}"), format!("token-url={base}")];
    let mut add = vec!["connection", "add", "hubspot", "--name", "crm", "--credential-kind", "token=oauth2"];
    sets.iter().for_each(|set| add.extend(["--set", set]));
    add.extend(["--grant-network", "127.0.0.0/8", "--insecure", "--because", "a test", "--secret-from", "-", "--yes"]);
    let client = format!("{}:{}", running.credential.client_id, running.credential.client_secret);
    let mut command = std::process::Command::new(nave_tests::binary::nave());
    let said = nave_tests::project::run(command.arg("--dir").arg(project.dir()).args(&add), Some(&client));
    assert!(said.code == Some(0) && said.out.contains("Next: `nave connection authorize crm`"), "what comes next: {said:?}");
    let refused = project.run(&["connection", "check", "crm"]);
    assert_eq!(refused.code, Some(4), "nobody has agreed: {refused:?}");

    let serving = project.serve();
    let begun = project.json(&["connection", "authorize", "crm", "--no-wait"]);
    let page = Browser::default().follow(begun["address"].as_str().expect("an address"));
    assert_eq!(page.status, 200, "{page:?}");
    project.ok(&["connection", "check", "crm"]);
    let doctor = project.run(&["doctor"]).json().to_string();
    assert!(doctor.contains("sign-in crm") && doctor.contains("with what is needed"), "{doctor}");
    serving.stop();
}
