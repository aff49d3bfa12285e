//! X.1, I1, I3, I4, I5, I6, I14: one thing goes wrong at a time, again and again, while people edit. Once it is well again everything
//! is as if nothing had happened: nothing lost, nothing twice.

use std::time::Instant;

use nave_tests::project::PATIENCE;
use nave_tests::rng::{SayHow, seed};
use nave_tests::world::World;
use serde_json::{Value, json};

use super::contacts;

/// Edits and syncs while each switch is set.
const ROUNDS: usize = 3;

/// Switches, and the systems that know them: 0 is the CRM, 1 the books. None of them changes what people said.
fn cases() -> Vec<(&'static [usize], Value)> {
    let both: &[usize] = &[0, 1];
    vec![
        (both, json!({ "switch": "rate-limited", "share": 0.3, "retry_after": 1 })),
        (both, json!({ "switch": "rate-limited", "share": 0.3 })),
        (both, json!({ "switch": "rate-limited", "retry_after": 3_600, "only": "writes" })),
        (both, json!({ "switch": "error", "status": 503, "share": 0.3 })),
        (both, json!({ "switch": "error", "status": 500, "committed": true, "share": 0.3 })),
        (both, json!({ "switch": "error", "status": 502, "only": "writes" })),
        (both, json!({ "switch": "down" })),
        (both, json!({ "switch": "reset", "share": 0.4 })),
        (both, json!({ "switch": "lost-response", "share": 0.4 })),
        (both, json!({ "switch": "timeout", "seconds": 1, "committed": true, "nth": 2, "only": "writes" })),
        (both, json!({ "switch": "partial-batch", "how": "answer" })),
        (both, json!({ "switch": "partial-batch", "how": "connection" })),
        (both, json!({ "switch": "bad-token", "share": 0.3 })),
        (both, json!({ "switch": "page-shift" })),
    ]
}

/// Syncs until nothing is open and nothing waits: a person says that it is well again.
fn settle(world: &mut World, case: &Value) {
    let end = Instant::now() + PATIENCE;
    loop {
        world.project.sync(&["--retry"]);
        let status = world.project.json(&["status"]);
        let sum =
            |name: &str| -> u64 { status["flows"].as_array().into_iter().flatten().filter_map(|flow| flow[name].as_u64()).sum() };
        if status["dead_letters"].as_u64() != Some(0) {
            // What the system refused in so many words is tried again when a person says so.
            world.project.ok(&["dlq", "retry", "--all"]);
        } else if sum("open") + sum("pending") + sum("parked") == 0 {
            break;
        }
        assert!(Instant::now() < end, "{case}: still open: {status}");
    }
    world.check();
}

#[test]
fn whatever_goes_wrong_once() {
    let seed = seed(11);
    let _how = SayHow { test: "whatever_goes_wrong_once", seed };
    let mut world = contacts::world(seed);
    for _ in 0..12 {
        world.act();
    }
    world.sync();
    for (systems, case) in cases() {
        for round in 0..ROUNDS {
            for _ in 0..6 {
                world.act();
            }
            // Now, before the hub writes anything: what people did is what they did.
            world.expect();
            world.story.push(format!("--- {case}, round {round}"));
            let fault = |rule: &Value| {
                for system in systems {
                    world.systems[*system].sim().into_iter().for_each(|sim| sim.fault(rule.clone()));
                }
            };
            fault(&case);
            // It says what it could not do; what it answers is not judged here.
            let output = world.project.command(&["sync"]).output().expect("nave runs");
            assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{case}: {}", String::from_utf8_lossy(&output.stderr));
            fault(&json!({ "switch": case["switch"], "on": false }));
            settle(&mut world, &case);
        }
    }
    world.check_why();
}
