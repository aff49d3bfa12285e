//! Each of the three servers is killed with -9 in the middle of a sync and started again, while people go on working in all of them:
//! at the end all three hold the same, and nothing twice (I1, I4, I6).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nave_tests::binary;
use nave_tests::project::{PATIENCE, Project};
use serde_json::json;

use super::hub::{self, settle_with};
use super::proxy::Proxy;
use super::real::{self, Api, Person};
use super::three::{Three, in_crm, in_tracker, in_tryton, person};

/// The systems by number: Tryton, BottleCRM, Request Tracker. Name of the folder of the start script, and of its daemons.
const SERVERS: [(&str, &[&str]); 3] =
    [("tryton", &["trytond"]), ("bottlecrm", &["crm", "postgres"]), ("request-tracker", &["rt"])];

/// When a server is killed: after so many requests to it, or writes, that it has not yet answered, perhaps.
#[derive(Clone, Copy, Debug)]
enum When {
    Requests(usize),
    Writes(usize),
}

const MOMENTS: [When; 2] = [When::Requests(2), When::Writes(1)];

/// Ends everything in the sessions of a server's daemons at once, as the kernel does it when it must.
fn kill(api: &Api, daemons: &[&str]) {
    let leaders: Vec<String> = daemons.iter().map(|name| leader(api.folder(), name)).collect();
    let mut pids = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("a list of processes").flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        // After the name, which may hold anything: state, parent, group, session.
        let session = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(3).map(str::to_owned));
        if session.is_some_and(|session| leaders.contains(&session)) {
            pids.push(pid);
        }
    }
    assert!(pids.len() > daemons.len(), "servers have processes: {leaders:?} {pids:?}");
    let ended = Command::new("kill").arg("-9").args(&pids).stderr(Stdio::null()).status().expect("kill runs");
    assert!(ended.code().is_some(), "kill ends");
}

/// The pid that leads a daemon's session.
fn leader(folder: &Path, name: &str) -> String {
    let file = folder.join(format!("{name}.pid"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text.split_whitespace().next().expect("a pid").to_owned()
}

/// Starts a server again, with the data that it had; returns once it answers.
fn start(name: &str) {
    let script = binary::root().join("tests/systems").join(name).join("start.sh");
    let output = Command::new(&script).arg("start").stdin(Stdio::null()).output().expect("the script runs");
    assert!(output.status.success(), "{}: {}", script.display(), String::from_utf8_lossy(&output.stderr));
}

/// The three systems behind lines that count, and whom they should hold.
struct Killing {
    all: Three,
    lines: [Proxy; 3],
    persons: Vec<Person>,
}

impl Killing {
    /// Somebody enters a person in a system.
    fn enter(&mut self, system: usize, name: &str) {
        let number = self.persons.len();
        let email = format!("p{number}@killed.test");
        let person = person(&format!("{name} Berg{number}"), &email, ["Ring 1", "50667", "Köln"]);
        match system {
            0 => _ = in_tryton(&self.all.tryton, &person),
            1 => _ = in_crm(&self.all.crm, &person),
            _ => _ = in_tracker(&self.all.tracker, &person),
        }
        self.persons.push(person);
    }

    /// Somebody changes the city of a person in a system.
    fn change(&mut self, system: usize, person: usize, city: &str) {
        let wanted = self.persons[person].clone();
        match system {
            0 => {
                let party = self.all.tryton.party(&wanted.name);
                let address = party["addresses"][0]["id"].clone();
                let change = json!({ "addresses": [["write", [address], { "city": city }]] });
                self.all.tryton.edit(real::id(&party), change);
            }
            1 => {
                let (_, last) = wanted.name.split_once(' ').expect("two names");
                self.all.crm.edit("contacts", &self.all.crm.contact(last), json!({ "city": city }));
            }
            _ => self.all.tracker.edit(self.all.tracker.user(&wanted.name), json!({ "City": city })),
        }
        self.persons[person].address[2] = city.to_owned();
    }

    fn api(&self, system: usize) -> &Api {
        match system {
            0 => &self.all.tryton.api,
            1 => &self.all.crm.api,
            _ => &self.all.tracker.api,
        }
    }

    /// Whether the moment has come, counted from `before`.
    fn reached(&self, victim: usize, when: When, before: (usize, usize)) -> bool {
        let (requests, writes) = self.lines[victim].sent();
        match when {
            When::Requests(count) => requests >= before.0 + count,
            When::Writes(count) => writes >= before.1 + count,
        }
    }

    /// One sync in whose middle a server is killed, while people work.
    fn round(&mut self, victim: usize, when: When) {
        let others = [(victim + 1) % 3, (victim + 2) % 3];
        // Something for the hub to write everywhere, and to read.
        (0..3).for_each(|system| self.enter(system, "Pat"));
        self.change(others[0], 0, &format!("Bonn {}", self.persons.len()));
        let before = self.lines[victim].sent();
        let mut sync = self.all.project.command(&["sync"]);
        let mut sync = sync.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nave runs");
        let end = Instant::now() + PATIENCE;
        while !self.reached(victim, when, before) {
            let ended = sync.try_wait().expect("it is ours");
            assert_eq!(ended, None, "the sync ended before {when:?} in {}", SERVERS[victim].0);
            assert!(Instant::now() < end, "{when:?} did not come in {}", SERVERS[victim].0);
        }
        kill(self.api(victim), SERVERS[victim].1);
        // It is down; people work in the others.
        self.enter(others[1], "Kim");
        self.change(others[0], 1, &format!("Trier {}", self.persons.len()));
        start(SERVERS[victim].0);
        self.change(victim, 2, &format!("Mainz {}", self.persons.len()));
        let code = sync.wait().expect("it is ours").code();
        assert!(matches!(code, Some(0 | 1 | 4)), "the sync ended with {code:?}");

        let name = SERVERS[victim].0;
        settle_with(&self.all.project, &["--retry"]);
        println!("{name} was killed at {when:?}; {} persons agree", self.persons.len());
        self.all.hold(&self.persons);
        assert_eq!(hub::status(&self.all.project).dead_letters, 0);
    }
}

#[test]
fn every_server_is_killed_in_the_middle_of_a_sync() {
    let Some((tryton, crm, tracker)) = Three::open() else { return };
    let lines = [&tryton.api, &crm.api, &tracker.api].map(|api| Proxy::start(api.addr));
    let project = Project::init();
    hub::connect_tryton(&project, &tryton, lines[0].addr);
    hub::connect_crm_at(&project, &crm, lines[1].addr);
    hub::connect_tracker(&project, &tracker, lines[2].addr);
    let mut killing = Killing { all: Three { project, tryton, crm, tracker }, lines, persons: Vec::new() };
    (0..3).for_each(|system| killing.enter(system, "Ada"));
    killing.all.project.agree();
    settle_with(&killing.all.project, &[]);
    killing.all.hold(&killing.persons);
    for when in MOMENTS {
        for victim in 0..3 {
            killing.round(victim, when);
        }
    }
    hub::nothing_to_write(&killing.all.project);
}
