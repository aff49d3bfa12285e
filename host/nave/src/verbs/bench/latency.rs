//! `bench latency`: from the moment somebody edits one system to the moment another system has confirmed the hub's write.
//!
//! A hub that serves, in a process of its own, keeps three simulated systems in agreement while people edit them at a steady rate. The
//! edit's moment is that before its request is sent; the write's that at which the system's own log says it was answered.

mod bed;
mod figures;
mod side;
mod systems;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use nave_hub::api::ApiError;
use serde_json::{Value as Json, json};
use tokio::time::{Instant, MissedTickBehavior};

use crate::context::Context;
use crate::output::{self, say};
use bed::{Bed, Serving};
use figures::Times;
use side::Side;

/// Nobody is edited twice within this time: an edit that the desk's exports hold back is not to be overtaken by the next one.
const APART: Duration = PATIENCE.saturating_add(Duration::from_secs(60));
/// How often the systems are asked what was written.
const LOOK: Duration = Duration::from_millis(20);
/// What is not there this long after the last edit counts as not delivered. The desk's exports hold back a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// With webhooks, nothing is found by reading on schedule.
const SELDOM: &str = "1h";

/// Measure how long an edit in one system takes to be confirmed in the others
#[derive(Debug, Args)]
#[command(
    after_help = "The desk's exports hold back the last minute, as Zendesk's do: by polling, its edits take at least that long, and\n\
                        `shown_at_once` is without them.\n\nThe plugins come from the folder that NAVE_PLUGINS names, from beside the binary, or are built from the \
                        checkout.\n\nExamples:\n  nave bench latency --changes-per-hour 10000 --seconds 60\n  \
                        nave bench latency --webhooks --json"
)]
pub(crate) struct Latency {
    /// Edits, spread over the three systems, one after the other at the same distance
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    changes_per_hour: u64,
    /// How long people edit
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// How often each system is read
    #[arg(long, default_value = "1s", conflicts_with = "webhooks")]
    freshness: String,
    /// The systems tell at once what changed; on schedule they are read once an hour
    #[arg(long)]
    webhooks: bool,
    /// Everything that looks random in the systems follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// An edit that has not arrived in a system.
struct Waiting {
    from: usize,
    email: String,
    text: String,
    at_ms: i64,
}

pub(super) async fn measure(verb: &Latency, context: &Context) -> Result<Json, ApiError> {
    output::hush(context.json);
    let result = whole(verb).await;
    output::hush(false);
    result
}

async fn whole(verb: &Latency) -> Result<Json, ApiError> {
    let edits = (verb.changes_per_hour * verb.seconds / 3_600).max(1);
    let people = edits.min(verb.changes_per_hour * APART.as_secs() / 3_600).max(1);
    let mut sides = Vec::new();
    for spoken in &systems::ALL {
        sides.push(Side::start(spoken, verb.seed).await?);
    }
    say("Connecting three systems …");
    let freshness = if verb.webhooks { SELDOM } else { &verb.freshness };
    let bed = Bed::make(&sides, freshness, verb.webhooks).await?;
    say(format_args!("Bringing {people} people into each …"));
    let ids = agree(&bed, &sides, people).await?;
    let serving = bed.serve().await?;
    if verb.webhooks {
        for side in &sides {
            side.tell(&format!("{}/hooks/{}", serving.url, side.spoken.name), bed::SECRET).await?;
        }
    }
    say(format_args!("Editing for {} seconds …", verb.seconds));
    let measured = play(verb, edits, &sides, &ids, &serving).await;
    serving.stop().await;
    for side in sides {
        side.running.stop().await;
    }
    measured
}

/// By a person's e-mail, their id in each system.
type Ids = BTreeMap<String, Vec<String>>;

/// Makes people in the first system and has the hub bring them into the others.
async fn agree(bed: &Bed, sides: &[Side], people: u64) -> Result<Ids, ApiError> {
    for number in 0..people {
        sides[0].person(systems::make(&format!("p{number}@example.org"))).await?;
    }
    bed.run(&["sync"]).await?;
    bed.run(&["plan", "--limit", "1"]).await?;
    bed.run(&["apply", "--reason", "it is measured"]).await?;
    bed.run(&["sync"]).await?;
    let mut ids = Ids::new();
    for side in sides {
        for person in side.show().await? {
            ids.entry(person.email).or_default().push(person.id);
        }
    }
    let whole = ids.values().filter(|known| known.len() == sides.len()).count() as u64;
    if whole == people && ids.len() as u64 == people {
        Ok(ids)
    } else {
        Err(ApiError::failed(format!("of {people} people {whole} are in all three systems before anything was measured"))
            .help("please report it"))
    }
}

fn now_ms() -> i64 {
    nave_sim::system_clock()()
}

async fn play(verb: &Latency, edits: u64, sides: &[Side], ids: &Ids, serving: &Serving) -> Result<Json, ApiError> {
    let everybody: Vec<(&String, &Vec<String>)> = ids.iter().collect();
    let mut marks = vec![0; sides.len()];
    for (side, mark) in sides.iter().zip(&mut marks) {
        side.written(mark).await?;
    }
    // Of each system, what is to arrive in it.
    let mut waiting: Vec<Vec<Waiting>> = sides.iter().map(|_| Vec::new()).collect();
    let mut times = Times::default();
    let (cpu, began) = (serving.cpu_seconds(), Instant::now());
    let mut turn = tokio::time::interval(Duration::from_secs_f64(3_600.0 / verb.changes_per_hour as f64));
    turn.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut made, mut end) = (0, None);
    loop {
        tokio::select! {
            _ = turn.tick(), if made < edits => {
                let number = usize::try_from(made).unwrap_or(0);
                let (from, (email, own)) = (number % sides.len(), everybody[number % everybody.len()]);
                let (text, at_ms) = (format!("Edit{number}"), now_ms());
                sides[from].person((sides[from].spoken.rename)(&own[from], &text)).await?;
                for (to, waiting) in waiting.iter_mut().enumerate().filter(|(to, _)| *to != from) {
                    times.wanted(from, to);
                    waiting.push(Waiting { from, email: email.clone(), text: text.clone(), at_ms });
                }
                made += 1;
                if made == edits {
                    end = Some(Instant::now() + PATIENCE);
                }
            }
            _ = look.tick() => {
                for (to, side) in sides.iter().enumerate() {
                    arrived(to, side, &mut marks[to], &mut waiting[to], &mut times).await?;
                }
            }
        }
        let all = made == edits && waiting.iter().all(Vec::is_empty);
        if all || end.is_some_and(|end| Instant::now() > end) {
            break;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu.zip(serving.cpu_seconds()).map(|(before, after)| after - before);
    let names: Vec<&str> = sides.iter().map(|side| side.spoken.name).collect();
    // What is told is not read from the exports.
    let held_back: Vec<bool> = sides.iter().map(|side| side.spoken.held_back && !verb.webhooks).collect();
    let mut figures = json!({
        "changes": edits, "changes_per_hour": verb.changes_per_hour, "by": if verb.webhooks { "webhooks" } else { "polling" },
        "seconds": figures::round(seconds), "hub_cpu_seconds": cpu.map(figures::round),
    });
    if let (Some(figures), Json::Object(more)) = (figures.as_object_mut(), times.figures(&names, &held_back)) {
        figures.extend(more);
    }
    Ok(figures)
}

/// Takes from what waits for a system what is in it by now, after the hub wrote something.
async fn arrived(to: usize, side: &Side, mark: &mut u64, waiting: &mut Vec<Waiting>, times: &mut Times) -> Result<(), ApiError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let Some(before) = side.written(mark).await? else { return Ok(()) };
    let there = side.show().await?;
    // What was written while it was asked may be shown: of both moments the later one is never too early.
    let at_ms = side.written(mark).await?.map_or(before, |after| after.max(before));
    let there: BTreeMap<&str, &str> = there.iter().map(|person| (person.email.as_str(), person.last_name.as_str())).collect();
    waiting.retain(|edit| {
        let is_there = there.get(edit.email.as_str()).is_some_and(|text| *text == edit.text);
        if is_there {
            times.took(edit.from, to, u64::try_from(at_ms - edit.at_ms).unwrap_or(0));
        }
        !is_there
    });
    Ok(())
}
