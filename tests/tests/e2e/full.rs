//! I7, I14: `sync --full` reads everything and writes nothing; after one edit per system, exactly what the edits mean.

use std::collections::BTreeMap;

use nave_tests::model::Texts;
use nave_tests::rng::{SayHow, seed};
use nave_tests::world::World;

use super::contacts;

/// Requests so far, per system that is reached over the network.
fn marks(world: &World) -> Vec<(usize, u64)> {
    let sims = world.systems.iter().enumerate();
    sims.filter_map(|(index, system)| Some((index, system.sim()?.last_request()))).collect()
}

/// Requests since then that changed something, per system, by its own log.
fn changes(world: &World, marks: &[(usize, u64)]) -> BTreeMap<usize, usize> {
    let count =
        |(index, mark): &(usize, u64)| (*index, world.systems[*index].sim().map_or(0, |sim| sim.changes_since(*mark).len()));
    marks.iter().map(count).collect()
}

fn population(world: &World, spoke: usize) -> u64 {
    world.systems[spoke].show().iter().filter(|shown| shown.end.is_none()).count() as u64
}

#[test]
fn full() {
    let seed = seed(77);
    let _how = SayHow { test: "full", seed };
    let mut world = contacts::world(seed);
    for _ in 0..60 {
        world.act();
    }
    world.sync();

    let before = marks(&world);
    let runs = world.project.sync(&["--full"]);
    for (spoke, part) in world.shape.parts.iter().enumerate() {
        let run = runs.iter().find(|run| run["flow"] == part.name && run["direction"] == "in").expect("a run in");
        let population = population(&world, spoke);
        // Things that are gone are told again, and were told before.
        assert!(run["read"].as_u64() >= Some(population), "{}: not everything was read: {run}", part.name);
        let changed: u64 =
            ["created", "updated", "deleted", "merged", "held", "quarantined"].iter().filter_map(|c| run[*c].as_u64()).sum();
        assert_eq!(changed, 0, "{}: nothing had changed: {run}", part.name);
        assert_eq!(run["unchanged"], population, "{}: {run}", part.name);
    }
    assert_eq!(changes(&world, &before), [(0, 0), (1, 0)].into(), "writes by the systems' own logs");
    world.check();

    // I13: the books hear nothing of a field that is not mapped to them, in whatever field of theirs.
    let secret = world.shape.fields.iter().find(|field| field.name == "job_title").expect("a field").clone();
    assert!(!secret.there.contains_key(&1));
    let job_titles: Vec<String> = [0, 2]
        .iter()
        .flat_map(|spoke| {
            world.systems[*spoke].show().into_iter().filter_map(|shown| shown.texts.get(&secret.there[spoke]).cloned())
        })
        .filter(|text| !text.is_empty())
        .collect();
    assert!(job_titles.len() > 5, "there is something to leak: {job_titles:?}");
    let books = world.systems[1].sim().expect("a simulator").control("GET", "/_sim/state", None).to_string();
    for title in job_titles {
        let spelled = serde_json::Value::String(title.clone()).to_string();
        assert!(!books.contains(spelled.trim_matches('"')), "the books were told `{title}`, which is not mapped to them");
    }

    // One edit per system, each of a record of its own.
    let mut edited = Vec::new();
    for spoke in 0..world.systems.len() {
        let object = world.model.objects.iter().find(|object| {
            object.spoke == spoke && object.end.is_none() && !edited.contains(&object.record) && {
                let alive: Vec<usize> = world.model.alive(object.record).map(|index| world.model.objects[index].spoke).collect();
                [0, 1].iter().all(|written| alive.iter().filter(|spoke| *spoke == written).count() == 1)
            }
        });
        let object = object.expect("a record in every written system").clone();
        edited.push(object.record);
        let texts: Texts = [("first_name".to_owned(), format!("Edited {spoke}"))].into();
        let own = world.shape.there(spoke, &texts);
        world.systems[spoke].edit(&object.id, &own);
    }
    let before = marks(&world);
    world.expect();
    world.project.sync(&["--full"]);
    world.check();
    // The CRM's edit reaches the books, the books' the CRM, the drop's both. A system may take several changes in one request, so
    // objects are counted by what they hold.
    for (spoke, wanted) in [(0, [1, 2]), (1, [0, 2])] {
        let shown = world.systems[spoke].show();
        let own = world.shape.fields[0].there[&spoke].clone();
        for from in wanted {
            let found =
                shown.iter().filter(|shown| shown.texts.get(&own).is_some_and(|text| *text == format!("Edited {from}"))).count();
            assert_eq!(found, 1, "the edit in system {from} is in system {spoke} once");
        }
        let requests = changes(&world, &before)[&spoke];
        assert!((1..=2).contains(&requests), "two objects were to be changed, in {requests} requests");
    }
    let before = marks(&world);
    world.project.sync(&["--full"]);
    assert_eq!(changes(&world, &before), [(0, 0), (1, 0)].into(), "and then nothing any more");
}
