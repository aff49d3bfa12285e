//! Test records, the round trip, and the results of every suite, kept with what they ran under.

use std::collections::BTreeMap;
use std::time::Instant;

use nave_core::Value;
use nave_core::catalog::{Entity, FieldType, Mapping};
use nave_core::limits::TEST_RUNS_MAX;
use nave_core::model::Cause;
use nave_store::KeyedRow;

use super::{audit_entry, unknown};
use crate::api::{ApiError, PluginPin, SeedAnswer, SeedLine, TestCase, TestHistoryAnswer, TestResult, TestRun};
use crate::engine::roundtrip::Tried;
use crate::engine::synthetic::{Seeded, TEST_PREFIX};
use crate::engine::{Engine, EngineError};

/// Rows: suites that ran, by number.
const SPACE: &str = "test runs";
/// Test records made at once.
const SEEDS_MAX: usize = 100;

/// Keeps a suite's results, with the digests of what they ran under. Any suite's: the name says which.
pub(super) async fn keep(engine: &Engine, suite: &str, cases: Vec<TestCase>, by: &str) -> Result<TestRun, ApiError> {
    if suite.is_empty() || suite.chars().count() > 64 {
        return Err(ApiError::usage("a suite has a name, of at most 64 characters"));
    }
    let catalog = engine.catalog();
    let rows = engine.store.rows(SPACE)?;
    let last = rows.last().and_then(|(key, _)| key.parse::<u64>().ok()).unwrap_or(0);
    let pin = |(name, plugin): (&String, &nave_core::catalog::LockedPlugin)| PluginPin {
        name: name.clone(),
        digest: plugin.digest.clone(),
    };
    let run = TestRun {
        id: last + 1,
        suite: suite.to_owned(),
        at: engine.now().to_string(),
        by: by.to_owned(),
        environment: catalog.hub.environment.clone(),
        catalog: catalog.digest.clone(),
        plugins: catalog.plugins.iter().map(pin).collect(),
        cases,
    };
    let value = serde_json::to_vec(&run).map_err(|error| ApiError::failed(error.to_string()))?;
    let old = rows.len().saturating_sub(TEST_RUNS_MAX - 1);
    let gone: Vec<String> = rows.into_iter().take(old).map(|(key, _)| key).collect();
    engine
        .write(Cause::default(), |draft| {
            let row = |key: String, value| KeyedRow { space: SPACE.into(), key, value };
            draft.batch.rows.extend(gone.iter().map(|key| row(key.clone(), None)));
            draft.batch.rows.push(row(format!("{:020}", run.id), Some(value.clone())));
            let detail = format!("{} passed, {} failed", run.count(TestResult::Passed), run.count(TestResult::Failed));
            draft.batch.audit.push(audit_entry(draft.now, by, "test.run", suite, &detail));
            Ok(())
        })
        .await?;
    Ok(run)
}

/// Suites that ran, newest first.
pub(super) fn history(engine: &Engine, limit: usize) -> Result<TestHistoryAnswer, ApiError> {
    let rows = engine.store.rows(SPACE)?;
    let runs = rows.iter().rev().take(limit).map(|(_, row)| serde_json::from_slice(row));
    Ok(TestHistoryAnswer { runs: runs.collect::<Result<_, _>>().map_err(|error| ApiError::failed(error.to_string()))? })
}

/// Flows that read and write an entity's things.
fn both_ways(engine: &Engine, entity: &str) -> Vec<std::sync::Arc<Mapping>> {
    let both = |mapping: &&std::sync::Arc<Mapping>| {
        mapping.entity == entity && mapping.flow_in.is_some() && mapping.flow_out.is_some() && mapping.id.is_none()
    };
    engine.catalog().mappings.values().filter(both).cloned().collect()
}

fn entity_of(engine: &Engine, asked: Option<&str>) -> Result<std::sync::Arc<Entity>, ApiError> {
    let catalog = engine.catalog();
    if let Some(name) = asked {
        return catalog.entities.get(name).cloned().ok_or_else(|| unknown("entity", name, catalog.entities.keys()));
    }
    let found = catalog.entities.values().max_by_key(|entity| both_ways(engine, &entity.name).len());
    found.filter(|entity| !both_ways(engine, &entity.name).is_empty()).cloned().ok_or_else(|| {
        ApiError::person("no entity is read from and written to any system")
            .help("a mapping with [flow.in] and [flow.out] makes one")
    })
}

/// What a test record says: every text begins with the prefix, so that whoever meets it knows what it is.
pub(super) fn values(entity: &Entity, mappings: &[std::sync::Arc<Mapping>], number: u64, at: usize) -> BTreeMap<String, Value> {
    let mapped = |name: &str| {
        mappings.iter().any(|mapping| {
            mapping.fields.iter().any(|field| field.canonical.as_deref() == Some(name) && field.direction.writes())
        })
    };
    let mut values = BTreeMap::new();
    for field in entity.fields.values().filter(|field| mapped(&field.name)) {
        let value = match field.kind {
            FieldType::Text => format!("{TEST_PREFIX}-{} {at}", field.name.rsplit('.').next().unwrap_or(&field.name)),
            FieldType::Email => format!("{}-{number}-{at}@example.com", TEST_PREFIX.to_lowercase()),
            _ => continue,
        };
        values.insert(field.name.clone(), Value::text(value));
    }
    values
}

fn line(seeded: &Seeded) -> SeedLine {
    let there = seeded.there.iter().map(ToString::to_string).collect();
    SeedLine { record: format!("{}/{}", seeded.entity, seeded.record), there }
}

async fn made(engine: &Engine, entity: &Entity, count: usize, by: &str) -> Result<Vec<Seeded>, ApiError> {
    let mappings = both_ways(engine, &entity.name);
    let number = engine.now().0.unsigned_abs();
    let all: Vec<_> = (1..=count.clamp(1, SEEDS_MAX)).map(|at| values(entity, &mappings, number, at)).collect();
    let seeded = engine.seed(&entity.name, &all).await?;
    super::audit(engine, by, "test.seeded", &entity.name, &format!("{} test records", seeded.len())).await?;
    Ok(seeded)
}

/// Makes test records and carries them to every system.
pub(super) async fn seed(engine: &Engine, entity: Option<&str>, count: usize, by: &str) -> Result<SeedAnswer, ApiError> {
    let entity = entity_of(engine, entity)?;
    let seeded = made(engine, &entity, count, by).await?;
    Ok(SeedAnswer { records: seeded.iter().map(line).collect() })
}

/// Takes every test record away and proves that none is left; kept as a test run.
pub(super) async fn clean(engine: &Engine, by: &str) -> Result<TestRun, ApiError> {
    let began = Instant::now();
    let seeded = engine.seeded()?;
    let (_, left) = engine.clean().await?;
    let cases = seeded.iter().map(|seeded| {
        let there: Vec<String> = seeded.there.iter().map(ToString::to_string).filter(|key| left.contains(key)).collect();
        TestCase {
            name: line(seeded).record,
            result: if there.is_empty() { TestResult::Passed } else { TestResult::Failed },
            message: (!there.is_empty()).then(|| format!("still there: {}", there.join(", "))),
            ms: 0,
        }
    });
    let mut cases: Vec<TestCase> = cases.collect();
    let asked = |why: &&String| !seeded.iter().any(|seeded| seeded.there.iter().any(|key| key.to_string() == **why));
    cases.extend(left.iter().filter(asked).map(|why| TestCase {
        name: "taken away".into(),
        result: TestResult::Failed,
        message: Some(why.clone()),
        ms: 0,
    }));
    if let Some(first) = cases.first_mut() {
        first.ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    }
    keep(engine, "clean", cases, by).await
}

/// Edits one system, looks at the other, and the other way round, for every field that both carry both ways; then nothing may
/// move. With a test record of its own, which is taken away again.
pub(super) async fn roundtrip(engine: &Engine, only: Option<&str>, by: &str) -> Result<TestRun, ApiError> {
    let catalog = engine.catalog();
    if let Some(name) = only.filter(|name| !catalog.mappings.contains_key(*name)) {
        return Err(unknown("flow", name, catalog.mappings.keys()));
    }
    let mut cases = Vec::new();
    for entity in catalog.entities.values() {
        let flows = both_ways(engine, &entity.name);
        let meant = flows.len() > 1 && only.is_none_or(|only| flows.iter().any(|flow| flow.name == only));
        if !meant {
            continue;
        }
        let seeded = made(engine, entity, 1, by).await?;
        let Some(record) = seeded.first().map(|seeded| seeded.record) else { continue };
        let mut number = 0;
        for (at, one) in flows.iter().enumerate() {
            for other in &flows[at + 1..] {
                if only.is_some_and(|only| one.name != only && other.name != only) {
                    continue;
                }
                for both in engine.carried_both_ways(one, other) {
                    for (from, to) in [(other, one), (one, other)] {
                        number += 1;
                        let value = match both.email {
                            true => format!("{}-{}-{number}@example.com", TEST_PREFIX.to_lowercase(), engine.now().0),
                            false => format!("{TEST_PREFIX} {number}"),
                        };
                        let name = format!("{} → {}: {}", from.name, to.name, both.field);
                        let value = Value::text(value);
                        let tried = engine.shows(record, &from.name, &to.name, &both.field, &value);
                        cases.push(case(name, tried).await?);
                    }
                    let name = format!("{} ↔ {}: {} comes to rest", one.name, other.name, both.field);
                    cases.push(case(name, engine.quiescent(record)).await?);
                }
            }
        }
    }
    let (_, left) = engine.clean().await?;
    let result = if left.is_empty() { TestResult::Passed } else { TestResult::Failed };
    let message = (!left.is_empty()).then(|| left.join(", "));
    cases.push(TestCase { name: "test records are taken away".into(), result, message, ms: 0 });
    keep(engine, "roundtrip", cases, by).await
}

async fn case(name: String, tried: impl Future<Output = Result<Tried, EngineError>>) -> Result<TestCase, ApiError> {
    let began = Instant::now();
    let (result, message) = match tried.await {
        Ok(Tried::Passed) => (TestResult::Passed, None),
        Ok(Tried::Skipped(why)) => (TestResult::Skipped, Some(why)),
        Ok(Tried::Failed(why)) => (TestResult::Failed, Some(why)),
        Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error.into()),
        Err(error) => (TestResult::Failed, Some(error.to_string())),
    };
    Ok(TestCase { name, result, message, ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX) })
}
