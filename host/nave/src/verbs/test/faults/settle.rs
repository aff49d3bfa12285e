//! How a hub comes to rest once its systems are well again: by the doors that a person has.

use std::collections::BTreeSet;

use nave_core::model::DecisionChoice;
use nave_hub::api::ApiError;

use super::expect::Decide;
use super::script::Scene;

/// Rounds within which everything must be at rest. Half an hour passes in each: the ladder of retries ends within three.
const ROUNDS_MAX: usize = 12;

/// Syncs, tries dead letters again and decides what is asked, until nothing is open and nothing waits.
pub(super) async fn settle(scene: &mut Scene) -> Result<(), ApiError> {
    let mut said = BTreeSet::new();
    for round in 0..ROUNDS_MAX {
        scene.clock.pass(31);
        scene.bench.sync(scene.case.spec.expect.scan && round == 0, true).await?;
        scene.look().await?;
        let undecided = decide(scene, &mut said).await?;
        let status = scene.bench.status().await?;
        let waiting: u64 = status.flows.iter().map(|flow| flow.open + flow.pending + flow.parked).sum();
        if status.dead_letters > 0 {
            scene.bench.retry_letters().await?;
        } else if waiting == 0 && undecided == 0 && round > 1 {
            return Ok(());
        }
    }
    for letter in scene.bench.letters().await? {
        scene
            .verdict
            .wrong(format!("a dead letter is left: {} {} {}: {}", letter.flow, letter.subject, letter.class, letter.message));
    }
    for flow in scene.bench.status().await?.flows {
        if flow.open + flow.pending + flow.parked > 0 {
            let counts = format!("{} open, {} pending, {} parked", flow.open, flow.pending, flow.parked);
            let why = flow.parked_because.or(flow.last_error).unwrap_or_default();
            scene.verdict.wrong(format!("{} does not come to rest: {counts} {why}", flow.flow));
        }
    }
    Ok(())
}

/// Decides what the case says; what nobody should be asked is wrong. Answers how many were decided.
async fn decide(scene: &mut Scene, said: &mut BTreeSet<u64>) -> Result<usize, ApiError> {
    let mut decided = 0;
    for review in scene.bench.reviews().await? {
        match scene.case.decides(&review.kind) {
            Some(Decide::Leave) => {}
            Some(decide) => {
                let choice = if decide == Decide::Look { look(scene, review.id).await? } else { decide.choice() };
                match scene.bench.decide(review.id, choice).await {
                    Ok(()) => decided += 1,
                    // Asked once more, of what it is now.
                    Err(error) => scene.verdict.note(format!("review {} ({}): {}", review.id, review.kind, error.message)),
                }
            }
            None if said.insert(review.id) => {
                scene.verdict.wrong(format!("a person is asked ({}): {}", review.kind, review.title));
            }
            None => {}
        }
    }
    Ok(decided)
}

/// Whether somebody is there who may have been created: people open the system and look for the mailbox.
async fn look(scene: &Scene, review: u64) -> Result<DecisionChoice, ApiError> {
    let (connection, emails) = scene.bench.suspects(review).await?;
    for side in scene.sides.iter().filter(|side| side.part.name == connection) {
        for email in &emails {
            if side.find(email).await?.is_some() {
                return Ok(DecisionChoice::Approve);
            }
        }
    }
    Ok(DecisionChoice::Refuse)
}

/// What the systems did by themselves is what counts: whom they threw out, what their robots said.
pub(super) async fn unasked(scene: &mut Scene) -> Result<(), ApiError> {
    let expect = scene.case.spec.expect;
    let approved = expect.decide.contains(&("delete", Decide::Approve));
    for side in &scene.sides {
        if !scene.case.hits(side.part.sim) {
            continue;
        }
        let spoken = side.part.spoken();
        for shown in side.show().await? {
            let email = spoken.here(&shown, "email").to_lowercase();
            let Some(person) = scene.people.all.get_mut(&email) else { continue };
            if shown.gone && expect.removes && approved {
                person.removed = true;
            }
            if let Some((field, text)) = expect.automatic
                && !shown.gone
                && spoken.here(&shown, field) == text
            {
                person.texts.insert(field.to_owned(), text.to_owned());
                person.bystander = false;
            }
        }
    }
    if expect.removes && !scene.people.all.values().any(|person| person.removed) {
        scene.verdict.wrong("nobody was thrown out: the case tries nothing".to_owned());
    }
    if let Some((field, text)) = expect.automatic
        && !scene.people.all.values().any(|person| person.texts.get(field).is_some_and(|is| is == text))
    {
        scene.verdict.wrong(format!("no robot's {text:?} is left: what it said was not taken for an edit"));
    }
    Ok(())
}
