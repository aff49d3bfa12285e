//! People are told once, and told the end; a restart neither loses nor repeats; what nobody mends becomes somebody's task.

use std::sync::{Arc, Mutex};

use nave_core::model::{DecisionChoice, Review, ReviewId, ReviewKind};
use nave_hub::alerts::{Message, Outlet, Watch};
use nave_hub::engine::Engine;
use nave_hub::spoke::{BoxFuture, SpokeError};

use super::bench::{Bench, Kind};
use super::system::{Fault, System};

on_both_stores!(
    a_system_that_does_not_answer_is_told_once_and_so_is_its_end,
    many_failures_of_one_class_are_one_message,
    a_restart_neither_loses_nor_repeats,
    a_sink_that_hangs_holds_up_nobody,
    silence_is_told_and_the_heartbeat_stops,
    what_nobody_mends_becomes_a_task_with_owner_and_due_time,
    a_task_is_answered,
    a_budget_is_told_before_it_is_used_up_and_then,
    a_canary_that_does_not_arrive_is_told,
    a_system_that_is_left_alone_may_be_silent,
);

const PEOPLE: &str = r#"
connection = "drop"
stream = "contacts"
entity = "contact"
steward = "sales-ops"
marker = "marker"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"
[[field]]
remote = "first"
canonical = "first_name"
direction = "both"
because = "people correct names anywhere"
"#;

const SETTINGS: &str = "[alerts]\ndue = \"4h\"\n\
    [alerts.sinks.ops]\nkind = \"webhook\"\nurl = \"https://ops.example.com/x\"\n\
    [alerts.sinks.slow]\nkind = \"slack\"\nurl = \"https://slow.example.com/x\"\n\
    [alerts.heartbeat]\nurl = \"https://beat.example.com/x\"\nevery = \"1m\"\n";

/// Hears what is told: `sink kind subject news count`.
#[derive(Default)]
struct Ears {
    heard: Mutex<Vec<String>>,
    /// The sink `slow` takes nothing, and its calls do not end.
    hangs: std::sync::atomic::AtomicBool,
    down: std::sync::atomic::AtomicBool,
    beats: std::sync::atomic::AtomicUsize,
}

impl Outlet for Ears {
    fn tell<'a>(&'a self, sink: &'a str, message: &'a Message) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if sink == "slow" && self.hangs.load(std::sync::atomic::Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            if self.down.load(std::sync::atomic::Ordering::SeqCst) {
                return Err("the sink is down".into());
            }
            if sink == "ops" {
                let line = format!("{} {} {:?} {}", message.kind, message.subject, message.news, message.count);
                self.heard.lock().unwrap().push(line);
            }
            Ok(())
        })
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), String>> {
        self.beats.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }
}

impl Ears {
    /// What was told since it was asked last.
    fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    fn set(flag: &std::sync::atomic::AtomicBool, to: bool) {
        flag.store(to, std::sync::atomic::Ordering::SeqCst);
    }
}

async fn bench(kind: Kind) -> (Bench, Arc<Engine>, Arc<Ears>, Watch) {
    set_up(kind, &[]).await
}

/// The bench with these files instead of its own, or beside them.
async fn set_up(kind: Kind, others: &[(&str, &str)]) -> (Bench, Arc<Engine>, Arc<Ears>, Watch) {
    let there = PEOPLE.replace("\"drop\"", "\"erp\"");
    let systems = vec![System::new("drop", &["contacts"]), System::new("erp", &["contacts"])];
    let mut files =
        vec![("nave.toml", SETTINGS), ("mappings/drop-contacts.toml", PEOPLE), ("mappings/erp-contacts.toml", there.as_str())];
    files.retain(|(path, _)| others.iter().all(|(other, _)| other != path));
    files.extend(others);
    let bench = Bench::new(kind, systems, &files);
    bench.round().await;
    bench.approve_all().await;
    let (hub, ears) = (bench.another(), Arc::new(Ears::default()));
    let watch = Watch::new(hub.clone(), ears.clone());
    (bench, hub, ears, watch)
}

/// One look, and everybody was told who can be.
async fn look(watch: &Watch) {
    for told in watch.look().await.unwrap() {
        told.await.unwrap();
    }
}

async fn round(hub: &Engine) {
    for flow in ["drop-contacts", "erp-contacts"] {
        let _ = hub.run_in(flow, false).await;
    }
    for flow in ["drop-contacts", "erp-contacts"] {
        let _ = hub.run_out(flow).await;
    }
}

async fn a_system_that_does_not_answer_is_told_once_and_so_is_its_end(kind: Kind) {
    let (bench, hub, ears, watch) = bench(kind).await;
    look(&watch).await;
    assert!(ears.heard().is_empty(), "all is well");
    bench.system("erp").state.lock().unwrap().down = Some(SpokeError::Unavailable("503".into()));
    for _ in 0..3 {
        let _ = hub.run_in("erp-contacts", false).await;
    }
    look(&watch).await;
    let heard = ears.heard();
    assert!(heard.contains(&"breaker-open erp Opened 1".to_owned()), "{heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("run-failed erp-contacts Opened")), "{heard:?}");
    look(&watch).await;
    assert!(ears.heard().is_empty(), "once");
    bench.system("erp").state.lock().unwrap().down = None;
    bench.pass(61_000);
    round(&hub).await;
    look(&watch).await;
    let heard = ears.heard();
    assert!(heard.contains(&"breaker-open erp Resolved 1".to_owned()), "{heard:?}");
    assert!(heard.iter().any(|line| line.starts_with("run-failed erp-contacts Resolved")), "{heard:?}");
}

async fn many_failures_of_one_class_are_one_message(kind: Kind) {
    let (bench, hub, ears, watch) = bench(kind).await;
    for number in 0..60 {
        bench.system("drop").create("contacts", &format!(r#"{{"first":"P{number}"}}"#));
        bench.system("erp").fault(Fault::Refuse);
    }
    round(&hub).await;
    look(&watch).await;
    assert_eq!(ears.heard(), ["dead-letter erp-contacts format Opened 60"]);
}

async fn a_restart_neither_loses_nor_repeats(kind: Kind) {
    let (mut bench, hub, ears, watch) = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    bench.system("erp").fault(Fault::Refuse);
    round(&hub).await;
    Ears::set(&ears.down, true);
    look(&watch).await;
    drop((watch, hub));
    bench.restart();
    Ears::set(&ears.down, false);
    let watch = Watch::new(bench.another(), ears.clone());
    look(&watch).await;
    assert!(ears.heard().is_empty(), "it stands on the ladder");
    bench.pass(61_000);
    look(&watch).await;
    assert_eq!(ears.heard(), ["dead-letter erp-contacts format Opened 1"], "not lost");
    drop(watch);
    bench.restart();
    let watch = Watch::new(bench.another(), ears.clone());
    look(&watch).await;
    assert!(ears.heard().is_empty(), "not repeated");
}

async fn a_sink_that_hangs_holds_up_nobody(kind: Kind) {
    let (bench, hub, ears, watch) = bench(kind).await;
    bench.system("drop").create("contacts", r#"{"first":"Ada"}"#);
    bench.system("erp").fault(Fault::Refuse);
    round(&hub).await;
    Ears::set(&ears.hangs, true);
    let telling = watch.look().await.unwrap();
    let mut done = telling.into_iter();
    done.next().unwrap().await.unwrap();
    assert_eq!(ears.heard(), ["dead-letter erp-contacts format Opened 1"], "the other sink was told");
    assert_eq!(watch.look().await.unwrap().len(), 1, "the one that hangs is not called twice at once");
    // Synchronisation goes on meanwhile.
    bench.system("drop").create("contacts", r#"{"first":"Bo"}"#);
    round(&hub).await;
    assert!(bench.system("erp").dump("contacts").iter().any(|thing| thing.contains("Bo")));
}

async fn silence_is_told_and_the_heartbeat_stops(kind: Kind) {
    let (bench, hub, ears, watch) = bench(kind).await;
    let beats = || ears.beats.load(std::sync::atomic::Ordering::SeqCst);
    look(&watch).await;
    look(&watch).await;
    assert_eq!(beats(), 1, "once a minute");
    bench.pass(2 * 3_600_000 - 60_000);
    look(&watch).await;
    assert!(ears.heard().is_empty(), "not yet twice its freshness");
    assert_eq!(beats(), 2);
    // Nobody runs anything any more.
    bench.pass(120_000);
    look(&watch).await;
    assert_eq!(ears.heard(), ["flow-silent drop-contacts Opened 1", "flow-silent erp-contacts Opened 1"]);
    bench.pass(120_000);
    look(&watch).await;
    assert_eq!(beats(), 2, "no heartbeat while a flow is silent");
    round(&hub).await;
    look(&watch).await;
    assert_eq!(ears.heard(), ["flow-silent drop-contacts Resolved 1", "flow-silent erp-contacts Resolved 1"]);
    assert_eq!(beats(), 3);
}

fn tasks(bench: &Bench) -> Vec<Review> {
    let open = bench.store.reviews(true, ReviewId(0), 100).unwrap();
    open.into_iter().filter(|review| matches!(review.kind, ReviewKind::DeadLetter { .. })).collect()
}

/// Ada, set aside in the erp so often.
async fn refused(bench: &Bench, hub: &Engine, times: usize) {
    bench.system("drop").create("contacts", r#"{"first":"A0"}"#);
    for time in 0..times {
        bench.system("erp").fault(Fault::Refuse);
        if time > 0 {
            let id = bench.system("drop").only_id("contacts");
            bench.system("drop").edit("contacts", &id, |body| {
                *body = nave_core::codec::decode(format!(r#"{{"first":"A{time}"}}"#).as_bytes()).unwrap()
            });
        }
        round(hub).await;
    }
}

async fn what_nobody_mends_becomes_a_task_with_owner_and_due_time(kind: Kind) {
    let (bench, hub, ears, watch) = bench(kind).await;
    refused(&bench, &hub, 2).await;
    look(&watch).await;
    assert!(tasks(&bench).is_empty(), "twice is not yet three times");
    let _ = ears.heard();
    refused_once_more(&bench, &hub).await;
    look(&watch).await;
    let open = tasks(&bench);
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].steward, "sales-ops");
    assert!(ears.heard().contains(&"escalated erp-contacts Opened 1".to_owned()));
    look(&watch).await;
    assert_eq!(tasks(&bench).len(), 1, "one task");
    bench.pass(4 * 3_600_000);
    round(&hub).await;
    look(&watch).await;
    assert!(ears.heard().contains(&"review-overdue sales-ops Opened 1".to_owned()));
    // It is mended: the record changes, and is accepted.
    let id = bench.system("drop").only_id("contacts");
    bench.system("drop").edit("contacts", &id, |body| *body = nave_core::codec::decode(br#"{"first":"Ada"}"#).unwrap());
    round(&hub).await;
    look(&watch).await;
    assert!(tasks(&bench).is_empty(), "closed by itself");
    let heard = ears.heard();
    for line in ["escalated erp-contacts Resolved 1", "review-overdue sales-ops Resolved 1"] {
        assert!(heard.contains(&line.to_owned()), "{heard:?}");
    }
}

async fn refused_once_more(bench: &Bench, hub: &Engine) {
    bench.system("erp").fault(Fault::Refuse);
    let id = bench.system("drop").only_id("contacts");
    bench.system("drop").edit("contacts", &id, |body| *body = nave_core::codec::decode(br#"{"first":"once more"}"#).unwrap());
    round(hub).await;
}

async fn a_task_is_answered(kind: Kind) {
    for (choice, there) in [(DecisionChoice::Approve, 1), (DecisionChoice::Refuse, 0)] {
        let (bench, hub, _ears, watch) = bench(kind).await;
        refused(&bench, &hub, 3).await;
        look(&watch).await;
        let task = tasks(&bench).remove(0);
        hub.decide(task.id, choice.clone(), "ann", "").await.unwrap();
        assert!(bench.store.dead_letters(0, 10).unwrap().is_empty(), "{choice:?}");
        round(&hub).await;
        assert_eq!(bench.system("erp").dump("contacts").len(), there, "{choice:?}");
    }
}

async fn a_budget_is_told_before_it_is_used_up_and_then(kind: Kind) {
    let (bench, _hub, ears, watch) = bench(kind).await;
    for (percent, expected) in [
        (Some(79), &[][..]),
        (Some(80), &["budget erp Opened 1"]),
        (Some(99), &[]),
        (Some(100), &[]),
        (Some(2), &["budget erp Resolved 1"]),
        (None, &[]),
    ] {
        bench.system("erp").state.lock().unwrap().used_percent = percent;
        look(&watch).await;
        assert_eq!(ears.heard(), expected, "{percent:?}");
    }
}

async fn a_canary_that_does_not_arrive_is_told(kind: Kind) {
    let canary = "[flow.canary]\nevery = \"1h\"\nvalues = { first_name = \"Canary\" }\n";
    let there = format!("{}{canary}", PEOPLE.replace("\"drop\"", "\"erp\""));
    let (bench, hub, ears, watch) = set_up(kind, &[("mappings/erp-contacts.toml", &there)]).await;
    bench.system("erp").fault(Fault::Unwritten);
    for expected in ["canary-failed erp-contacts Opened 1", "canary-failed erp-contacts Resolved 1"] {
        hub.canary("erp-contacts").await.unwrap();
        look(&watch).await;
        assert!(ears.heard().contains(&expected.to_owned()), "{expected}");
        bench.pass(60_000);
    }
}

/// While a system is left alone, and while its account may not be asked, silence is as it should be.
async fn a_system_that_is_left_alone_may_be_silent(kind: Kind) {
    // The bench's clock begins at 00:16 of 1970-01-01, a Thursday.
    let erp = "plugin = \"scripted\"\nenvironment = \"dev\"\nblackouts = [\"thu 01:00-06:00\"]\n";
    let (bench, _hub, ears, watch) = set_up(kind, &[("connections/erp.toml", erp)]).await;
    bench.system("drop").state.lock().unwrap().used_percent = Some(100);
    look(&watch).await;
    assert_eq!(ears.heard(), ["budget drop Opened 1"]);
    bench.pass(3 * 3_600_000);
    look(&watch).await;
    assert_eq!(ears.heard(), [""; 0], "three hours without a run, and both have their reason");
    bench.system("drop").state.lock().unwrap().used_percent = None;
    look(&watch).await;
    assert_eq!(ears.heard(), ["budget drop Resolved 1", "flow-silent drop-contacts Opened 1"]);
    bench.pass(3 * 3_600_000);
    look(&watch).await;
    assert_eq!(ears.heard(), ["flow-silent erp-contacts Opened 1"], "after six it is open again");
}
