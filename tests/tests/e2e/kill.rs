//! I1, I3, I5, I6: killed at every phase, killed at any moment, answers lost: afterwards everything is as if nothing had happened.
//!
//! People edit, then a sync is killed, several times over, then a sync runs to its end. Every system must hold what the model says:
//! nothing lost, nothing twice. The books refuse an idempotency key that comes back with other bytes, so a broken key would show too.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use nave_tests::project::{PATIENCE, Project};
use nave_tests::rng::{SayHow, seed};
use nave_tests::world::World;
use serde_json::json;

use super::contacts;

/// Where a debug build ends itself as `kill -9` would.
const PHASES: [&str; 6] = ["before-commit", "after-commit", "after-intent", "after-send", "before-settle", "before-acknowledge"];
/// Kills in all; `.ci/run` asks for 200.
const KILLS: usize = 24;
/// Groups of edits and kills that are tried for each kill of a phase: a run may end before it comes to one.
const GROUPS_EACH: usize = 3;

fn wanted() -> usize {
    std::env::var("NAVE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS)
}

/// Runs a sync that is to be killed. Says whether a signal ended it.
fn killed(mut command: Command, phase: &str) -> bool {
    let output = command.stdin(Stdio::null()).output().expect("nave runs");
    match output.status.code() {
        None => true,
        Some(0 | 4) => false,
        Some(code) => {
            panic!("a sync that was to be killed at {phase} ended with {code}: {}", String::from_utf8_lossy(&output.stderr))
        }
    }
}

/// Runs syncs until nothing is open: an object whose creation was not answered may stay unseen for a while.
fn settle(world: &mut World) {
    let end = Instant::now() + PATIENCE;
    loop {
        world.project.sync(&[]);
        let status = world.project.json(&["status"]);
        let sum =
            |name: &str| -> u64 { status["flows"].as_array().into_iter().flatten().filter_map(|flow| flow[name].as_u64()).sum() };
        assert_eq!((status["dead_letters"].as_u64(), sum("parked")), (Some(0), 0), "{status}");
        if sum("open") == 0 && sum("pending") == 0 {
            break;
        }
        assert!(Instant::now() < end, "still open: {status}");
    }
    world.check();
}

/// Edits, mostly of what is there: creations that are cut off have to wait until the system shows them.
fn acts(world: &mut World, count: usize) {
    for _ in 0..count {
        world.act();
    }
}

/// Sets a switch of every simulated system.
fn fault(world: &World, switch: &serde_json::Value) {
    world.systems.iter().filter_map(|system| system.sim()).for_each(|sim| sim.fault(switch.clone()));
}

#[test]
fn by_phase() {
    let seed = seed(9);
    let _how = SayHow { test: "by_phase", seed };
    let mut world = contacts::world(seed);
    acts(&mut world, 20);
    world.sync();
    let each = wanted().div_ceil(PHASES.len());
    let mut count: BTreeMap<&str, usize> = PHASES.iter().map(|phase| (*phase, 0)).collect();
    for group in 0..GROUPS_EACH * each {
        let mut left: Vec<&str> = PHASES.iter().copied().filter(|phase| count[phase] < each).collect();
        if left.is_empty() {
            break;
        }
        acts(&mut world, 8);
        // Now, before the hub writes anything: what people did is what they did.
        world.expect();
        // One answer in twenty is lost, in every fourth group three in ten: a creation is made, and nobody is told.
        let share = if group % 4 == 3 { 0.3 } else { 0.05 };
        fault(&world, &json!({ "switch": "lost-response", "on": true, "share": share }));
        // The phases that need work to be reached first.
        left.sort_by_key(|phase| (matches!(*phase, "before-commit" | "after-commit" | "before-acknowledge"), count[phase]));
        for phase in left {
            let nth = 1 + world.rng.below(if phase.ends_with("commit") { 8 } else { 2 });
            let mut command = world.project.command(&["sync"]);
            command.env("NAVE_KILL_AT", format!("{phase}:{nth}"));
            if killed(command, phase) {
                world.story.push(format!("--- killed at {phase}:{nth}"));
                *count.get_mut(phase).expect("a phase") += 1;
            }
        }
        fault(&world, &json!({ "switch": "lost-response", "on": false }));
        settle(&mut world);
    }
    eprintln!("killed {count:?}");
    assert!(count.values().all(|n| *n >= each), "not every phase was reached {each} times: {count:?}");
    world.check_why();
}

/// A real `kill -9`, once the systems have seen so many requests: wherever the hub is then.
#[test]
fn at_any_moment() {
    let seed = seed(10);
    let _how = SayHow { test: "at_any_moment", seed };
    let mut world = contacts::world(seed);
    acts(&mut world, 10);
    world.sync();
    let total = (wanted() / 6).max(3);
    let mut kills = 0;
    for _ in 0..total * 3 {
        acts(&mut world, 6);
        world.expect();
        let requests =
            |world: &World| -> u64 { world.systems.iter().filter_map(|system| Some(system.sim()?.last_request())).sum() };
        let until = requests(&world) + world.rng.below(24) as u64;
        let mut child = world
            .project
            .command(&["sync"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nave runs");
        let ended = loop {
            if let Some(status) = child.try_wait().expect("it is ours") {
                break status;
            }
            if requests(&world) >= until {
                child.kill().expect("it is ours");
            }
        };
        if ended.signal() == Some(libc::SIGKILL) {
            world.story.push("--- killed".to_owned());
            kills += 1;
        }
        settle(&mut world);
        if kills == total {
            break;
        }
    }
    assert_eq!(kills, total, "too many syncs ended before they could be killed");
    world.check_why();
}

/// Rows of one drop: every page of them becomes a run of the index, and the tenth run starts a merge.
const ROWS: usize = 70_000;

/// Killed while runs of the index are merged, again and again, on the way through one large import.
#[test]
fn in_an_index_merge() {
    let project = Project::init();
    let folder = project.dir().parent().expect("a folder").join("exports");
    std::fs::create_dir_all(&folder).expect("a folder");
    let row = |id: usize, of: usize| format!("L{id:06},Lee {of},p{of}@example.org,+49301{of:06},+491511{of:06}\n");
    let mut text = "Id,LastName,Email,Phone,MobilePhone\n".to_owned();
    (0..ROWS).for_each(|id| text.push_str(&row(id, id)));
    std::fs::write(folder.join("contacts.csv"), &text).expect("the disk takes it");
    project.install("files");
    let drop = format!("drop={}", folder.display());
    project.ok(&["connection", "add", "files", "--name", "drop", "--folder", &drop, "--reason", "a test", "--yes"]);

    let each = wanted().div_ceil(PHASES.len() + 1).min(12);
    let mut kills = 0;
    // A page's commit takes two steps: every fourth kill lets one page more in, and the merge goes on from there.
    for nth in [1, 2, 1, 3].into_iter().cycle().take(each) {
        let mut command = project.command(&["sync", "--once"]);
        command.env("NAVE_KILL_AT", format!("in-merge:{nth}"));
        if !killed(command, "in-merge") {
            break;
        }
        kills += 1;
    }
    eprintln!("killed in-merge {kills}");
    assert_eq!(kills, each, "the import ended before it was killed often enough");
    project.sync(&["--once"]);

    // Everything is found by what it is called there, and by what it is: nothing twice, nothing lost.
    let again = project.sync(&["--full", "--once"]);
    assert_eq!((&again[0]["read"], &again[0]["unchanged"]), (&json!(ROWS), &json!(ROWS)), "{again:?}");
    for twin in (0..ROWS).step_by(ROWS / 50) {
        text.push_str(&row(ROWS + twin, twin));
    }
    std::fs::write(folder.join("contacts.csv"), &text).expect("the disk takes it");
    let twins = project.sync(&["--once"]);
    assert_eq!((&twins[0]["created"], &twins[0]["merged"]), (&json!(0), &json!(50)), "{twins:?}");
    let status = project.json(&["status"]);
    let contacts = status["records"].as_array().into_iter().flatten().find(|count| count["entity"] == "contact");
    assert_eq!(contacts.map(|count| &count["active"]), Some(&json!(ROWS)), "{status}");
}
