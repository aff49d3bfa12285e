//! Systems that tell at once what changed: `nave serve` believes them by their signature, reads what they told of, and a change is
//! in the other system without anybody having read on schedule (the flows' target is an hour).

use nave_tests::http;
use nave_tests::project::until;
use nave_tests::systems::{Shown, Sim, System};
use nave_tests::world::World;
use serde_json::{Value, json};

use super::contacts;

const SECRET: &str = "whsec-4e1f";

/// The emails of everything in a system.
fn emails(system: &dyn System) -> Vec<String> {
    let mails = |shown: &Shown| shown.texts.values().find(|text| text.contains('@')).cloned();
    let mut found: Vec<String> = system.show().iter().filter_map(mails).collect();
    found.sort();
    found
}

fn sim(world: &World, system: usize) -> &Sim {
    world.systems[system].sim().expect("a simulator")
}

fn audited(world: &World, action: &str) -> usize {
    let audit = world.project.json(&["audit", "--limit", "100"]);
    audit["entries"].as_array().expect("lines").iter().filter(|line| line["action"] == action).count()
}

#[test]
fn what_a_system_tells_is_read_at_once() {
    let world = contacts::world_now(23);
    for (name, secret) in [("crm", "crm-hooks"), ("books", "books-hooks")] {
        let file = format!("connections/{name}.toml");
        let text = world.project.read(&file);
        // A burst is waited for generously: what is tested is that it is one write, not how fast this machine is.
        let fold = if name == "crm" { "3s" } else { "50ms" };
        world.project.write(&file, &format!("{text}\n[webhook]\nsecret = \"{secret}\"\nfold = \"{fold}\"\n"));
        world.project.tell(&["secret", "set", secret], SECRET);
    }
    let serving = world.project.serve();
    let hook = |name: &str| format!("http://{}/hooks/{name}", serving.addr);
    for (system, name) in [(0, "crm"), (1, "books")] {
        sim(&world, system).control("POST", "/_sim/webhooks", Some(json!({ "url": hook(name), "secret": SECRET })));
    }
    let post = |name: &str, headers: &[(&str, &str)], body: &Value| {
        http::request(serving.addr, "POST", &format!("/hooks/{name}"), headers, Some(body)).expect("an answer").status
    };

    // Made in the books, told, and there in the CRM.
    let person = |number: usize| format!("told{number}@example.org");
    let create = |system: usize, number: usize| {
        let body = match system {
            0 => json!({ "properties": { "firstname": "Ada", "lastname": format!("Told{number}"), "email": person(number) } }),
            _ => {
                json!({ "Contacts": [{ "Name": person(number), "FirstName": "Ada", "LastName": format!("Told{number}"), "EmailAddress": person(number) }] })
            }
        };
        let (method, path) = if system == 0 { ("POST", "/crm/v3/objects/contacts") } else { ("PUT", "/api.xro/2.0/Contacts") };
        sim(&world, system).call(method, path, Some(body)).json()
    };
    let arrives = |system: usize, number: usize| {
        until("it is there", || emails(world.systems[system].as_ref()).contains(&person(number)).then_some(()));
    };
    create(1, 1);
    arrives(0, 1);
    let made = create(0, 2);
    arrives(1, 2);

    // Told twice, in another order, and once by a forger who says that it is deleted: nothing comes of that.
    for switch in ["webhook-duplicate", "webhook-reordered", "webhook-forged"] {
        sim(&world, 1).fault(json!({ "switch": switch }));
    }
    for number in 3..8 {
        create(1, number);
    }
    // One that was held back goes with the next.
    sim(&world, 1).control("DELETE", "/_sim/fault", None);
    create(1, 8);
    for number in 3..9 {
        arrives(0, number);
    }
    assert!(audited(&world, "webhook.refused") > 0, "forged calls are in the audit");

    // A burst of edits is one write.
    let before = sim(&world, 1).last_request();
    let id = made["id"].as_str().expect("an id");
    let titles: Vec<String> = (0..40).map(|number| format!("Fold{number}")).collect();
    for title in &titles {
        let body = json!({ "properties": { "lastname": title } });
        sim(&world, 0).call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(body));
    }
    let last = titles.last().expect("titles").clone();
    until("the last edit is there", || {
        let shown = world.systems[1].show();
        shown.iter().any(|shown| shown.texts.values().any(|text| *text == last)).then_some(())
    });
    let writes = sim(&world, 1).changes_since(before);
    assert_eq!(writes.len(), 1, "{writes:?}");

    // Nothing of a stranger's is believed, and nothing tells him why.
    for (name, headers, status) in [
        ("crm", &[][..], 401),
        ("crm", &[("x-hubspot-signature-v3", "AAAA"), ("x-hubspot-request-timestamp", "1")], 401),
        ("books", &[("x-xero-signature", "AAAA")], 401),
        ("drop", &[], 401),
        ("nobody", &[], 401),
    ] {
        assert_eq!(post(name, headers, &json!([])), status, "{name} {headers:?}");
    }

    // What was not told is found by reading.
    sim(&world, 1).fault(json!({ "switch": "webhook-dropped" }));
    create(1, 9);
    assert!(!emails(world.systems[0].as_ref()).contains(&person(9)));
    world.project.sync(&[]);
    arrives(0, 9);
    assert_eq!(emails(world.systems[0].as_ref()), emails(world.systems[1].as_ref()));

    // How it is read, and why; another target and a boost hold at once, and the file says the same.
    let line = || {
        let all = world.project.json(&["schedule", "list"]);
        all["flows"].as_array().expect("flows").iter().find(|line| line["flow"] == "crm").cloned().expect("the flow")
    };
    assert!(line()["because"].as_str().expect("a reason").contains("tells at once"), "{}", line());
    until("everything that was told is read", || (line()["told"] == 0).then_some(()));
    world.project.ok(&["schedule", "set", "crm", "15m"]);
    assert_eq!(line()["every_ms"], 900_000);
    assert!(world.project.read("mappings/crm.toml").contains("freshness = \"15m\""));
    world.project.ok(&["schedule", "boost", "crm", "--every", "5m", "--for", "2h"]);
    assert_eq!(line()["every_ms"], 300_000);
    world.project.ok(&["schedule", "unboost", "crm"]);
    assert_eq!(line()["every_ms"], 900_000);
    assert_eq!(world.project.run(&["schedule", "set", "crm", "often"]).code, Some(2));
    assert_eq!(world.project.json(&["plan"])["flows"][0]["approved"], true, "a target is no matter of a plan");
    serving.stop();
}
