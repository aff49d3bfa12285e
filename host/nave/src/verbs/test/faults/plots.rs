//! What is played while a switch is set, where two ordinary days show nothing.

use nave_hub::api::ApiError;

use super::expect::{Hears, Plot};
use super::script::Scene;
use super::serving::Serving;
use super::side::Side;
use super::systems::Texts;
use super::verdict::{Before, Verdict, judge};

/// Syncs after which a field that is written back each time must be frozen: `limits::FREEZE_AFTER_ANY`, and what goes before.
const QUARREL_SYNCS_MAX: usize = 30;
/// Syncs in which it is seen that it is frozen.
const STILL_SYNCS: usize = 2;
/// Longer than anything that a hub which serves needs, in looks of 50 ms.
const LOOKS_MAX: usize = 1_200;

/// Plays it. The switch is set.
pub(super) async fn play(scene: &mut Scene, plot: Plot) -> Result<(), ApiError> {
    match plot {
        Plot::Days => Ok(()),
        Plot::Overtaken => overtaken(scene).await,
        Plot::Many(many, most) => left_alone(scene, many, most).await,
        Plot::OneBad(many) => one_bad(scene, many).await,
        Plot::Quarrel(always) => quarrel(scene, always).await,
        Plot::Told(_, hears) => told(scene, hears).await,
    }
}

/// What was said in the last system is written to the first so late that something else has been said by then. The first goes on
/// showing the earlier value when it holds the later one: that is nobody's word.
async fn overtaken(scene: &mut Scene) -> Result<(), ApiError> {
    let last = scene.sides.len() - 1;
    let (from, to) = (scene.sides[last].part.name, scene.sides[0].part.name);
    let Some(email) = scene.people.arrived.get(last).cloned() else { return Ok(()) };
    scene.edit(&email, "job_title", last).await?;
    scene.bench.sync_one(from).await?;
    scene.clock.pass_ms(1_000);
    scene.edit(&email, "job_title", last).await?;
    scene.clock.pass_ms(1_000);
    scene.bench.sync_one(to).await?;
    scene.clock.pass_ms(5_000);
    let mark = scene.sides[last].asked(0).await?.last;
    for _ in 0..2 {
        scene.bench.sync(false, false).await?;
    }
    let writes = scene.sides[last].asked(mark).await?.writes;
    if writes > 0 {
        scene.verdict.unowned(writes, format!("{from}: the earlier value was written to it, though it alone had said anything"));
    }
    scene.look().await
}

/// So many are made at once, for a system that is not well: it is left alone as soon as that is known, and the calls are counted.
async fn left_alone(scene: &mut Scene, many: usize, most: usize) -> Result<(), ApiError> {
    let Some(maker) = scene.makers().last().copied() else { return Ok(()) };
    for _ in 0..many {
        scene.arrive(maker, false).await?;
    }
    let mut marks = Vec::new();
    for side in &scene.sides {
        marks.push(side.asked(0).await?.last);
    }
    scene.clock.pass(1);
    scene.bench.sync(false, false).await?;
    for (side, mark) in scene.sides.iter().zip(marks).filter(|(side, _)| scene.case.hits(side.part.sim)) {
        let asked = side.asked(mark).await?.writes;
        if asked > most || asked == 0 {
            let why = format!("{}: asked {asked} times though it was not well, and {most} would have told", side.part.name);
            scene.verdict.wrong(why);
        }
    }
    scene.look().await
}

/// So many are made at once, one of them with what may not be written: all others arrive, and it is set aside in the system's words.
async fn one_bad(scene: &mut Scene, many: usize) -> Result<(), ApiError> {
    let Some(maker) = scene.makers().last().copied() else { return Ok(()) };
    let first = scene.people.arrived.len();
    for _ in 0..many {
        scene.arrive(maker, false).await?;
    }
    let bad = scene.people.arrived[first + many / 2].clone();
    scene.edit(&bad, "job_title", maker).await?;
    scene.clock.pass(1);
    scene.bench.sync(false, false).await?;
    scene.look().await?;
    let letters = scene.bench.letters().await?;
    if letters.len() != 1 || !letters[0].message.contains("cannot be") {
        let said: Vec<&str> = letters.iter().map(|letter| letter.message.as_str()).collect();
        scene.verdict.wrong(format!("{} dead letters instead of one in the system's own words: {said:?}", letters.len()));
    }
    for (nth, side) in scene.sides.iter().enumerate().filter(|(nth, _)| *nth != maker) {
        let missing = judged(scene, nth).await?.lost;
        if missing != 1 {
            scene.verdict.lost(format!("{}: {missing} of {many} did not arrive because of one of them", side.part.name));
        }
    }
    Ok(())
}

/// Two people's job titles are changed back each time by robots in the systems that are hit, always to the same or each time to
/// something else, until the hub leaves them. What else is said meanwhile arrives, and what is left is left.
async fn quarrel(scene: &mut Scene, always: Option<&str>) -> Result<(), ApiError> {
    let (last, makers) = (scene.sides.len() - 1, scene.makers());
    let emails: Vec<String> = (0..2).map(|nth| scene.people.arrived[last + nth * makers.len()].clone()).collect();
    for email in &emails {
        scene.edit(email, "job_title", last).await?;
    }
    scene.day(0, &makers).await?;
    let mut frozen = 0;
    for nth in 0..QUARREL_SYNCS_MAX {
        scene.clock.pass(1);
        scene.bench.sync(false, false).await?;
        scene.look().await?;
        frozen = scene.bench.reviews().await?.iter().filter(|review| review.kind == "frozen").count();
        if frozen >= emails.len() {
            break;
        }
        robots(scene, &emails, always, nth).await?;
    }
    let mut marks = Vec::new();
    for side in &scene.sides {
        marks.push(side.asked(0).await?.last);
    }
    for nth in 0..STILL_SYNCS {
        robots(scene, &emails, always, QUARREL_SYNCS_MAX + nth).await?;
        scene.clock.pass(1);
        scene.bench.sync(false, false).await?;
    }
    let hit = |side: &Side| scene.case.hits(side.part.sim);
    for (side, mark) in scene.sides.iter().zip(marks).filter(|(side, _)| hit(side)) {
        let writes = side.asked(mark).await?.writes;
        if writes > 0 {
            let more = format!("{}: {writes} more writes of what is frozen ({frozen} reviews)", side.part.name);
            scene.verdict.wrong(more);
        }
    }
    Ok(())
}

/// Automations see what was written, and write their own.
async fn robots(scene: &Scene, emails: &[String], always: Option<&str>, nth: usize) -> Result<(), ApiError> {
    for side in scene.sides.iter().filter(|side| scene.case.hits(side.part.sim)) {
        for email in emails {
            let Some(shown) = side.find(email).await? else { continue };
            let text = always.map_or_else(|| format!("{} says {nth}", side.part.name), str::to_owned);
            if side.part.spoken().here(&shown, "job_title") != text {
                scene.clock.pass_ms(50);
                side.edit(&shown.id, &Texts::from([("job_title".to_owned(), text)])).await?;
            }
        }
    }
    Ok(())
}

/// The hub serves; systems tell it what people did, in two days. Nobody syncs.
async fn told(scene: &mut Scene, hears: Hears) -> Result<(), ApiError> {
    let serving = Serving::start(&scene.bench).await?;
    for side in &scene.sides {
        serving.hears(side).await?;
    }
    for round in 0..2 {
        scene.day(round, &scene.makers()).await?;
    }
    if hears != Hears::Nothing {
        // One that was held back goes with the next.
        for side in &scene.sides {
            side.heal().await?;
        }
        for maker in scene.makers() {
            scene.arrive(maker, false).await?;
        }
    }
    let mut left = usize::MAX;
    for _ in 0..LOOKS_MAX {
        left = 0;
        for nth in 0..scene.sides.len() {
            left += judged(scene, nth).await?.lost;
        }
        if left == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let heard = serving.stop().await;
    if left > 0 {
        scene.verdict.lost(format!("{left} edits did not arrive while the hub served"));
    }
    if !heard.fits(hears) {
        scene.verdict.wrong(format!("of the calls that it got it should be so ({hears:?}), and it was so: {heard:?}"));
    }
    scene.look().await
}

/// How far one system is from what people said.
async fn judged(scene: &Scene, nth: usize) -> Result<Verdict, ApiError> {
    let (side, mut verdict) = (&scene.sides[nth], Verdict::default());
    judge(&mut verdict, (nth, side), &side.show().await?, &scene.people, &Before::new(), &scene.case.spec.expect);
    Ok(verdict)
}
