//! What was learned of how records compare, and what it says of two of them.

use nave_core::catalog::Scoring;
use nave_core::linkage::LEARN_MIN;
use nave_core::linkage::entity::row_of;

use super::find::find;
use super::names::{Names, reference};
use super::unknown;
use crate::api::{ApiError, CandidateLine, LevelLine, MatchModelAnswer, ReasonLine, RecordRef};
use crate::engine::Engine;

/// What each agreement says.
pub(super) fn model(engine: &Engine, entity: &str) -> Result<MatchModelAnswer, ApiError> {
    let catalog = engine.catalog();
    let Some(entity) = catalog.entities.get(entity) else { return Err(unknown("entity", entity, catalog.entities.keys())) };
    let scoring = scoring_of(entity)?;
    let learned = engine.linker.learned(engine.store.as_ref(), &entity.name)?;
    let levels = learned.as_ref().map(|learned| learned.levels(scoring)).unwrap_or_default();
    let line = |(what, [different, faint, alike, same]): (String, [f64; 4])| LevelLine { what, different, faint, alike, same };
    Ok(MatchModelAnswer {
        entity: entity.name.clone(),
        on: scoring.on,
        because: scoring.because.clone(),
        learned_from: learned.map(|learned| learned.rows() as u64),
        needed: LEARN_MIN as u64,
        sure_bits: scoring.sure_bits,
        ask_bits: scoring.ask_bits,
        cluster_max: scoring.cluster_max as u64,
        levels: levels.into_iter().map(line).collect(),
    })
}

/// Two records compared as they are now.
pub(super) fn explain(engine: &Engine, left: &RecordRef, right: &RecordRef) -> Result<CandidateLine, ApiError> {
    let (left, right) = (find(engine, left)?.record, find(engine, right)?.record);
    let names = Names::new(engine);
    if left.id == right.id {
        return Err(ApiError::usage(format!("both are {}", reference(&left)))
            .help(format!("`nave xref {}` lists what every system calls it", reference(&left))));
    }
    if left.entity != right.entity {
        let message = format!("{} and {} are not of one kind", reference(&left), reference(&right));
        return Err(ApiError::usage(message).help("only records of one entity are compared"));
    }
    let entity = names.catalog.entities.get(left.entity.as_str());
    let entity = entity.ok_or_else(|| unknown("entity", &left.entity, names.catalog.entities.keys()))?;
    let scoring = scoring_of(entity)?;
    let Some(learned) = engine.linker.learned(engine.store.as_ref(), &entity.name)? else {
        return Err(ApiError::failed(format!("nothing was learned of {} yet", entity.name)).help(format!(
            "it takes {LEARN_MIN} of them: `nave sync` reads them in; `nave match candidates --entity {}` compares what is here",
            entity.name
        )));
    };
    let population = usize::try_from(engine.store.heads()?.record).unwrap_or(usize::MAX);
    let judge = learned.judge(scoring, population);
    let fields = judge.fields();
    let [thing, other] = [&left, &right].map(|record| judge.prepare(&row_of(fields, record)));
    let judged = judge.compare(&thing, &[&other], |_, _| true);
    let judged = judged.into_iter().next().ok_or_else(|| ApiError::failed("nothing was compared"))?;
    let verdict = match judged.bits {
        bits if bits >= scoring.sure_bits && judged.is_safe => "same",
        bits if bits >= scoring.ask_bits => "likely",
        _ => "different",
    };
    let reason = |because: nave_core::linkage::Because| ReasonLine {
        what: because.what,
        agreement: because.agreement.to_owned(),
        bits: because.bits,
    };
    Ok(CandidateLine {
        left_title: names.title(&left),
        left: reference(&left),
        right_title: names.title(&right),
        right: reference(&right),
        verdict: verdict.to_owned(),
        bits: judged.bits,
        prior_bits: judged.prior_bits,
        reasons: judged.because.into_iter().map(reason).collect(),
    })
}

fn scoring_of(entity: &nave_core::catalog::Entity) -> Result<&Scoring, ApiError> {
    entity.scoring.as_ref().ok_or_else(|| {
        ApiError::usage(format!("{} is not compared by score: two that are alike are two", entity.name))
            .help(format!("if alike means the same, write [scored] into entities/{}.toml", entity.name))
    })
}
