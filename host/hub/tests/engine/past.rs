//! What a record was at a time: for any sequence of changes, what is told of each moment is what was there then. Invariant used: I2.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::Value;
use nave_core::model::{Record, RecordId, RecordState, Time};
use nave_hub::engine::EngineError;

use super::bench::{Bench, Kind};
use super::policies::{bench, missed, set};

on_both_stores!(every_moment_is_told_as_it_was, before_it_was_made_it_says_when_that_was, a_merged_record_is_told_as_itself);

/// Random, the same for a seed.
struct Rng(u64);

impl Rng {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// What counts of a record: where it stands, and its fields.
type Held = (String, BTreeMap<String, Value>);

fn held(record: &Record) -> Held {
    (word(&record.state), record.fields.iter().map(|(name, field)| (name.to_string(), field.value.clone())).collect())
}

fn word(state: &RecordState) -> String {
    match state {
        RecordState::Active => "active".into(),
        RecordState::Archived => "archived".into(),
        RecordState::Deleted { .. } => "deleted".into(),
        RecordState::MergedInto(into) => format!("merged into {into}"),
    }
}

fn all(bench: &Bench) -> BTreeMap<RecordId, Held> {
    let records = bench.store.records_after(RecordId(0), 1_000).unwrap();
    records.iter().map(|record| (record.id, held(record))).collect()
}

/// Systems whose people make, change, clear and delete things, and make them again; a steward merges.
async fn every_moment_is_told_as_it_was(kind: Kind) {
    let (mut moments, mut unsure, mut told) = (0, 0, 0);
    let mut states = BTreeSet::new();
    for seed in 0..6 {
        let mut rng = Rng(seed * 7_919 + 1);
        let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
        let mut kept: Vec<(Time, BTreeMap<RecordId, Held>)> = Vec::new();
        let mut gone: Vec<(String, String, super::system::Thing)> = Vec::new();
        for step in 0..14 {
            let system = bench.system(["crm", "books"][rng.below(2)]);
            let ids: Vec<String> = system.state.lock().unwrap().things["contacts"].keys().cloned().collect();
            match rng.below(9) {
                _ if ids.is_empty() => drop(make(&bench, step)),
                0 => drop(make(&bench, step)),
                // Somebody is deleted in every system; then nobody says anything of him.
                1 if ids.len() > 1 => {
                    let id = ids[rng.below(ids.len())].clone();
                    let email = system.at("contacts", &id, "email");
                    let thing = system.state.lock().unwrap().things["contacts"][&id].clone();
                    gone.push((system.name.clone(), id, thing));
                    for system in bench.systems.values() {
                        let ids: Vec<String> = system.state.lock().unwrap().things["contacts"].keys().cloned().collect();
                        for id in ids.iter().filter(|id| system.at("contacts", id, "email") == email) {
                            system.delete("contacts", id);
                        }
                    }
                    missed(&bench).await;
                }
                // And is there again, under his old number.
                2 => {
                    if let Some((system, id, thing)) = gone.pop() {
                        bench.system(&system).create_as("contacts", &id, &thing.body.to_json().to_string());
                    }
                }
                3 => set(system, &ids[rng.below(ids.len())], "title", Value::Null),
                4 => set(system, &ids[rng.below(ids.len())], "last", Value::text(format!("Berg{step}"))),
                5 if ids.len() > 1 => {
                    let records: Vec<RecordId> =
                        all(&bench).into_iter().filter(|(_, held)| held.0 == "active").map(|(id, _)| id).collect();
                    if records.len() > 1 {
                        // One that is refused changes nothing, and is a moment like any other.
                        let _ = bench.engine.merge(records[0], records[1], None, "ann", "the same").await;
                    }
                }
                _ => set(system, &ids[rng.below(ids.len())], "title", Value::text(format!("pilot {}", rng.below(4)))),
            }
            bench.pass(3_600_000);
            bench.round().await;
            kept.push((bench.engine.now(), all(&bench)));
            bench.pass(1_000);
        }
        for (time, records) in &kept {
            for (id, expected) in records {
                moments += 1;
                states.insert(expected.0.split(' ').next().unwrap_or_default().to_owned());
                let (_, past) = bench.engine.past(*id, *time).unwrap();
                assert_eq!(word(&past.state), expected.0, "seed {seed}, {id} at {time}");
                for (name, value) in &expected.1 {
                    match past.fields.get(name.as_str()) {
                        Some(field) if field.unsure.is_some() => unsure += 1,
                        Some(field) => assert_eq!(field.value.as_ref(), Some(value), "seed {seed}, {id} {name} at {time}"),
                        None => panic!("seed {seed}, {id} {name} at {time}: it held {value:?}, and nothing is told"),
                    }
                    told += 1;
                }
                for (name, field) in &past.fields {
                    assert!(
                        field.unsure.is_some() || expected.1.contains_key(name.as_str()),
                        "seed {seed}, {id} {name} at {time}: nobody had claimed it, told is {field:?}"
                    );
                }
            }
            for (id, _) in kept.last().unwrap().1.iter().filter(|(id, _)| !records.contains_key(id)) {
                let Err(EngineError::NotFound(why)) = bench.engine.past(*id, *time) else {
                    panic!("seed {seed}: {id} was not there at {time}")
                };
                assert!(why.contains("first made"), "{why}");
            }
        }
    }
    assert!(moments > 100 && told > 400, "{moments} moments, {told} fields");
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ["active", "deleted", "merged"], "each was seen");
    assert!(unsure * 20 < told, "{unsure} of {told} fields are not told: that is hardly a history");
}

fn make(bench: &Bench, step: usize) -> String {
    let (crm, books) = (bench.system("crm"), bench.system("books"));
    let system = if step.is_multiple_of(2) { crm } else { books };
    let body = format!(r#"{{"first":"Ada{step}","last":"Lovelace","email":"ada{step}@x.test","title":"pilot"}}"#);
    system.create("contacts", &body)
}

async fn before_it_was_made_it_says_when_that_was(kind: Kind) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    let before = bench.engine.now();
    bench.pass(60_000);
    make(&bench, 0);
    bench.quiet().await;
    let created = bench.store.record_changes(RecordId(1), 100).unwrap().pop().unwrap().at;
    let Err(EngineError::NotFound(why)) = bench.engine.past(RecordId(1), before) else { panic!("it was not there") };
    assert!(why.contains(&created.to_string()), "{why}");
    assert!(bench.engine.past(RecordId(1), created).is_ok(), "from that moment on it is");
    assert!(bench.engine.past(RecordId(9), created).is_err());
}

async fn a_merged_record_is_told_as_itself(kind: Kind) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    make(&bench, 0);
    make(&bench, 2);
    bench.quiet().await;
    let before = bench.engine.now();
    let expected = all(&bench);
    bench.engine.merge(RecordId(1), RecordId(2), Some(RecordId(1)), "ann", "the same").await.unwrap();
    bench.quiet().await;
    for id in [RecordId(1), RecordId(2)] {
        let (_, past) = bench.engine.past(id, before).unwrap();
        let fields: BTreeMap<String, Value> =
            past.fields.iter().map(|(name, field)| (name.to_string(), field.value.clone().unwrap())).collect();
        assert_eq!((word(&past.state), fields), expected[&id], "{id}");
    }
    let (_, past) = bench.engine.past(RecordId(2), bench.engine.now()).unwrap();
    assert_eq!(past.state, RecordState::MergedInto(RecordId(1)));
}
