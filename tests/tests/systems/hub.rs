//! The hub between real systems: connected as a user connects it, with the starter mappings that the plugins bring.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nave_tests::project::Project;
use serde_json::Value;

use super::real::{BottleCrm, Tryton};
use super::tracker::Tracker;

/// Longer than the first rung of the retry ladder: a system that is busy for a moment parks a write for a minute.
const PATIENCE: Duration = Duration::from_secs(150);

/// `connection add tryton`, reached at an address.
#[track_caller]
pub(crate) fn connect_tryton(project: &Project, tryton: &Tryton, addr: SocketAddr) {
    add(project, "tryton", "erp", &format!("url=http://{addr}/nave"), &tryton.api.credential);
}

/// `connection add bottlecrm`.
#[track_caller]
pub(crate) fn connect_crm(project: &Project, crm: &BottleCrm) {
    connect_crm_at(project, crm, crm.api.addr);
}

/// The same, reached at an address.
#[track_caller]
pub(crate) fn connect_crm_at(project: &Project, crm: &BottleCrm, addr: SocketAddr) {
    add(project, "bottlecrm", "crm", &format!("url=http://{addr}/api"), &crm.api.credential);
}

/// `connection add request-tracker`, reached at an address.
#[track_caller]
pub(crate) fn connect_tracker(project: &Project, tracker: &Tracker, addr: SocketAddr) {
    add(project, "request-tracker", "desk", &format!("url=http://{addr}"), &tracker.api.credential);
}

#[track_caller]
fn add(project: &Project, plugin: &str, name: &str, setting: &str, secret: &str) {
    project.install(plugin);
    let network = ["--grant-network", "127.0.0.0/8", "--insecure", "--because", "it runs on this machine"];
    let mut arguments = vec!["connection", "add", plugin, "--name", name, "--set", setting, "--secret-from", "-", "--yes"];
    arguments.extend(network);
    project.tell(&arguments, secret);
}

/// `nave status`, with sums over all flows.
pub(crate) struct Status {
    /// Writes whose outcome is not known.
    pub(crate) open: u64,
    /// Comparisons to make.
    pub(crate) pending: u64,
    /// Writes that wait.
    pub(crate) parked: u64,
    /// Things set aside.
    pub(crate) dead_letters: u64,
}

/// Asks for it.
#[track_caller]
pub(crate) fn status(project: &Project) -> Status {
    let status = project.json(&["status"]);
    let sum = |name: &str| status["flows"].as_array().into_iter().flatten().filter_map(|flow| flow[name].as_u64()).sum();
    let dead_letters = status["dead_letters"].as_u64().unwrap_or_else(|| panic!("{status}"));
    Status { open: sum("open"), pending: sum("pending"), parked: sum("parked"), dead_letters }
}

/// Syncs until nothing is open, and once more: what one system answered may be news to another. Says how many syncs that took.
#[track_caller]
pub(crate) fn settle(project: &Project) -> usize {
    settle_with(project, &[])
}

/// The same, with arguments for each sync.
#[track_caller]
pub(crate) fn settle_with(project: &Project, arguments: &[&str]) -> usize {
    let end = Instant::now() + PATIENCE;
    for count in 1.. {
        let runs = project.sync(arguments);
        let now = status(project);
        let quiet = runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0);
        if now.open == 0 && now.pending == 0 && now.parked == 0 && quiet {
            return count;
        }
        assert!(
            Instant::now() < end,
            "still {} open, {} pending, {} parked: {:#}\n{runs:#?}",
            now.open,
            now.pending,
            now.parked,
            project.json(&["status"])
        );
    }
    unreachable!("the loop ends by returning")
}

/// A sync that ends itself as `kill -9` would, at a point of a debug build. Says whether it came that far.
#[track_caller]
pub(crate) fn killed(project: &Project, at: &str) -> bool {
    let mut command: Command = project.command(&["sync"]);
    let output = command.env("NAVE_KILL_AT", at).stdin(Stdio::null()).output().expect("nave runs");
    match output.status.code() {
        None => true,
        Some(0 | 4) => false,
        Some(code) => {
            panic!("a sync that was to be killed at {at} ended with {code}: {}", String::from_utf8_lossy(&output.stderr))
        }
    }
}

/// A sync, and a whole one, that find nothing to write.
#[track_caller]
pub(crate) fn nothing_to_write(project: &Project) {
    for arguments in [&[][..], &["--full"][..]] {
        for run in project.sync(arguments) {
            let wrote = run["delivered"].as_u64().unwrap_or(0);
            let news: u64 = ["created", "updated", "deleted", "merged"].iter().filter_map(|name| run[*name].as_u64()).sum();
            assert_eq!((wrote, news), (0, 0), "nothing is left to do: {run}");
        }
    }
}

/// The run of a flow in one direction.
#[track_caller]
pub(crate) fn run_of<'a>(runs: &'a [Value], flow: &str, direction: &str) -> &'a Value {
    runs.iter()
        .find(|run| run["flow"] == flow && run["direction"] == direction)
        .unwrap_or_else(|| panic!("no run of {flow}: {runs:#?}"))
}
