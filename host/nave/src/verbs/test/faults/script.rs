//! One case from beginning to end: agreement, the switch, edits on all sides, the switch off, agreement again.

use std::time::{Duration, Instant};

use nave_hub::api::ApiError;
use nave_sim::System;

use super::cases::Case;
use super::clock::Clock;
use super::expect::{Expect, Plot};
use super::flows::Way;
use super::hub::{Bench, Template};
use super::people::People;
use super::side::Side;
use super::systems::Texts;
use super::verdict::{Before, Verdict, before, judge};
use super::{linked, plots, secrets, settle};

/// People at the start for each system where people are made, made in turn in each: one of whom nothing is ever said, two who are
/// edited in one system, one who is edited in two systems at the same time, one whose same field is.
const PEOPLE: usize = 5;
/// Edits and syncs while the switch is set.
const ROUNDS: usize = 2;
/// Records that are compared once more at the end, field by field: nothing differs, so nothing is written.
const COMPARED: usize = 12;
/// A case that takes longer hangs.
const CASE_MAX: Duration = Duration::from_secs(180);

/// How a case came out, and how long it took.
pub(super) struct Ran {
    pub(super) case: Case,
    pub(super) verdict: Verdict,
    pub(super) seconds: f64,
}

/// A case under way.
pub(super) struct Scene {
    pub(super) case: Case,
    pub(super) bench: Bench,
    pub(super) sides: Vec<Side>,
    pub(super) clock: Clock,
    pub(super) people: People,
    pub(super) verdict: Verdict,
}

/// Plays a case. An error is one of the machine or of the case, and fails it too.
pub(super) async fn play(case: Case, template: &Template, seed: u64) -> Ran {
    let began = Instant::now();
    let verdict = match tokio::time::timeout(CASE_MAX, acts(case, template, seed)).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => failed(format!("{}{}", error.message, error.help.map(|help| format!(" ({help})")).unwrap_or_default())),
        Err(_) => failed(format!("it did not end within {} seconds", CASE_MAX.as_secs())),
    };
    Ran { case, verdict, seconds: began.elapsed().as_secs_f64() }
}

fn failed(why: String) -> Verdict {
    let mut verdict = Verdict::default();
    verdict.wrong(why);
    verdict
}

async fn acts(case: Case, template: &Template, seed: u64) -> Result<Verdict, ApiError> {
    let folder = template.copy()?;
    let expect = &case.spec.expect;
    let serves = matches!(expect.plot, Plot::Told(..));
    let clock = if serves { Clock::on_the_wall() } else { Clock::default() };
    let mut sides = Vec::new();
    for (nth, part) in case.flow.parts.iter().enumerate() {
        sides.push(Side::start(part, folder.path(), &clock, seed.wrapping_add(nth as u64)).await?);
    }
    let reaches: Vec<_> = sides.iter().map(|side| (side.part, side.reach())).collect();
    let bench = Bench::open(folder.path().join("hub"), &reaches, &clock, expect).await?;
    let mut scene = Scene { case, bench, sides, clock, people: People::new(seed), verdict: Verdict::default() };
    let befores = scene.agreement().await?;
    scene.trouble().await?;
    scene.recovery().await?;
    scene.judge(&befores).await?;
    let Scene { mut verdict, bench, sides, .. } = scene;
    let tokens: Vec<String> = sides.iter().filter_map(|side| side.secret().map(str::to_owned)).collect();
    for found in secrets::search(&bench, &tokens).await? {
        verdict.wrong(format!("a credential was found in {found}"));
    }
    drop(bench);
    for side in sides {
        side.stop().await;
    }
    Ok(verdict)
}

impl Scene {
    /// Systems in which people make others.
    pub(super) fn makers(&self) -> Vec<usize> {
        (0..self.sides.len()).filter(|side| self.sides[*side].part.way != Way::Out).collect()
    }

    pub(super) async fn arrive(&mut self, side: usize, bystander: bool) -> Result<(), ApiError> {
        let (email, texts) = self.people.arrive(side, bystander);
        self.sides[side].make(&texts, Some(&format!("http://note.example/{side}/{email}"))).await.map(drop)
    }

    pub(super) async fn edit(&mut self, email: &str, field: &str, side: usize) -> Result<(), ApiError> {
        let text = self.people.text(field);
        let Some(shown) = self.sides[side].find(email).await? else {
            // A system that throws people out may have thrown this one out.
            return if self.case.spec.expect.removes {
                Ok(())
            } else {
                Err(ApiError::failed(format!("nobody is {email} there")))
            };
        };
        self.sides[side].edit(&shown.id, &Texts::from([(field.to_owned(), text.clone())])).await?;
        self.people.say(email, field, &text, side);
        Ok(())
    }

    /// The nth person of those who were made in a system at the start.
    fn nth(&self, nth: usize, maker: usize, makers: usize) -> String {
        self.people.arrived.get(maker + nth * makers).cloned().unwrap_or_default()
    }

    /// Nothing tells whose edit of the same field was the last one.
    fn apart(&self) -> bool {
        // All that tells of a row's time is the file's, which also moves when another row changes.
        self.case.spec.expect.apart || self.sides.iter().any(|side| side.part.sim == System::Legacy)
    }

    /// Everybody is everywhere, and every plan was agreed to.
    async fn agreement(&mut self) -> Result<Vec<Before>, ApiError> {
        if self.case.spec.expect.always {
            self.spoil().await?;
        }
        let makers = self.makers();
        for nth in 0..PEOPLE * makers.len() + self.case.spec.expect.crowd {
            self.arrive(makers[nth % makers.len()], true).await?;
        }
        self.bench.sync(false, false).await?;
        self.bench.agree().await?;
        for _ in 0..2 {
            self.clock.pass(10);
            self.bench.sync(false, false).await?;
        }
        let mut befores = Vec::new();
        let nothing = Expect::default();
        for (nth, side) in self.sides.iter().enumerate() {
            let shown = side.show().await?;
            let seen = before(side, &shown);
            judge(&mut self.verdict, (nth, side), &shown, &self.people, &seen, &nothing);
            befores.push(seen);
        }
        if self.verdict.lost + self.verdict.duplicated + self.verdict.unowned > 0 {
            self.verdict.wrong("the systems did not even agree before anything went wrong".to_owned());
        }
        Ok(befores)
    }

    /// Sets the switch in every system that is to be hit and that knows it.
    async fn spoil(&mut self) -> Result<(), ApiError> {
        let mut set = 0;
        for rule in self.case.spec.rules {
            for side in self.sides.iter().filter(|side| self.case.hits(side.part.sim)) {
                if side.knows(&switch(rule)).await? {
                    side.spoil(rule).await?;
                    set += 1;
                }
            }
        }
        if set == 0 && !self.case.spec.rules.is_empty() {
            return Err(ApiError::failed("no system of this flow knows the switch: the case tries nothing"));
        }
        Ok(())
    }

    /// The switch is set, and people go on working.
    async fn trouble(&mut self) -> Result<(), ApiError> {
        let (spec, expect) = (self.case.spec, self.case.spec.expect);
        let hit: Vec<usize> = (0..self.sides.len()).filter(|side| self.case.hits(self.sides[*side].part.sim)).collect();
        if !expect.always && !expect.late {
            self.spoil().await?;
        }
        let healthy: Vec<usize> = self.makers().into_iter().filter(|side| !expect.meanwhile || !hit.contains(side)).collect();
        if expect.plot != Plot::Days {
            return plots::play(self, expect.plot).await;
        }
        for round in 0..ROUNDS {
            self.day(round, &healthy).await?;
            if round == 0 && expect.late {
                self.spoil().await?;
            }
            if round == 0 {
                for act in spec.acts {
                    for side in &hit {
                        self.sides[*side].act(act).await?;
                    }
                }
            }
            self.clock.pass(1);
            // It says what it could not do; what it answers is judged by what the systems hold.
            self.bench.sync(expect.full, false).await?;
            self.look().await?;
            if expect.short {
                self.heal().await?;
            }
        }
        self.no_torn_texts().await?;
        if expect.meanwhile {
            self.others_agree(&healthy).await?;
        }
        Ok(())
    }

    /// Nothing was written with characters that nobody could read.
    async fn no_torn_texts(&mut self) -> Result<(), ApiError> {
        for side in self.sides.iter().filter(|side| side.is_written()) {
            let shown = side.show().await?;
            if let Some(torn) = shown.iter().flat_map(|one| one.texts.values()).find(|text| text.contains('\u{fffd}')) {
                self.verdict.wrong(format!("{}: {torn:?} was written, which nobody said", side.part.name));
            }
        }
        Ok(())
    }

    /// All switches are cleared.
    async fn heal(&self) -> Result<(), ApiError> {
        for side in &self.sides {
            side.heal().await?;
        }
        Ok(())
    }

    /// What people do in a day.
    pub(super) async fn day(&mut self, round: usize, makers: &[usize]) -> Result<(), ApiError> {
        let all = self.makers();
        let at = |side: usize| all.iter().position(|maker| *maker == side).unwrap_or_default();
        for side in makers {
            // Made there; or made elsewhere, but of those whom a system that is only read made, that one tells.
            let swaps = round > 0 && all.iter().all(|side| self.sides[*side].is_written());
            let other = if swaps { (at(*side) + 1) % all.len() } else { at(*side) };
            let email = self.nth(1 + round, other, all.len());
            self.edit(&email, "first_name", *side).await?;
            if self.case.flow.is_linked() {
                linked::change_employer(self, &email, *side, round == 0).await?;
            }
            self.clock.pass(1);
        }
        if let (Some(first), Some(last)) = (makers.first(), makers.last())
            && first != last
            && !self.case.spec.expect.alone
        {
            // Two of them, each in another field of the same person.
            let email = self.nth(3, at(*first), all.len());
            self.edit(&email, "job_title", *first).await?;
            self.edit(&email, "first_name", *last).await?;
            if !self.apart() {
                // And both in the same field: who was last wins.
                let email = self.nth(4, at(*first), all.len());
                self.edit(&email, "last_name", *first).await?;
                self.clock.pass(1);
                self.edit(&email, "last_name", *last).await?;
            }
        }
        if !self.case.spec.expect.no_arrivals {
            for side in makers {
                self.arrive(*side, false).await?;
                if let (true, Some(email)) = (self.case.flow.is_linked(), self.people.arrived.last().cloned()) {
                    linked::change_employer(self, &email, *side, round > 0).await?;
                }
            }
        }
        Ok(())
    }

    /// What was said in systems that are well has reached the others that are.
    async fn others_agree(&mut self, healthy: &[usize]) -> Result<(), ApiError> {
        let said = self.people.said.clone();
        for side in healthy {
            for (email, field, _) in said.iter().filter(|(_, _, from)| healthy.contains(from)) {
                let wanted = self.people.all[email].texts[field].clone();
                let shown = self.sides[*side].find(email).await?.unwrap_or_default();
                let found = self.sides[*side].part.spoken().here(&shown, field).to_owned();
                if found != wanted {
                    let name = self.sides[*side].part.name;
                    self.verdict.lost(format!("meanwhile, {name}: {field} of {email} is {found:?}, not {wanted:?}"));
                }
            }
        }
        Ok(())
    }

    /// The switch is cleared; until nothing is open any more. What must have been asked was asked.
    async fn recovery(&mut self) -> Result<(), ApiError> {
        let expect = self.case.spec.expect;
        if !expect.stays {
            self.heal().await?;
        }
        settle::settle(self).await?;
        let seen = self.verdict.reviews.clone();
        if let Some(wanted) = expect.review.filter(|wanted| !seen.contains(*wanted)) {
            self.verdict.wrong(format!("nobody was asked ({wanted}), only {seen:?}"));
        }
        let set_aside = self.verdict.letters.clone();
        if !expect.letters && !set_aside.is_empty() {
            self.verdict.wrong(format!("set aside, though the system was only not well: {set_aside:?}"));
        }
        Ok(())
    }

    /// The systems are asked, and then two more rounds send nothing.
    async fn judge(&mut self, befores: &[Before]) -> Result<(), ApiError> {
        let expect = self.case.spec.expect;
        settle::unasked(self).await?;
        if self.case.flow.is_linked() {
            linked::judge(self).await?;
        }
        for (nth, (side, before)) in self.sides.iter().zip(befores).enumerate() {
            let shown = side.show().await?;
            judge(&mut self.verdict, (nth, side), &shown, &self.people, before, &expect);
            let asked = side.asked(0).await?;
            if !side.is_written() && asked.writes > 0 {
                self.verdict
                    .unowned(asked.writes, format!("{}: written {} times, though it is only read", side.part.name, asked.writes));
            }
        }
        let mut marks = Vec::new();
        for side in &self.sides {
            marks.push(side.asked(0).await?.last);
        }
        self.verdict.quiescent = true;
        for full in [false, true] {
            self.clock.pass(10);
            self.bench.sync(full, true).await?;
        }
        self.bench.compare(COMPARED).await?;
        for (side, mark) in self.sides.iter().zip(marks) {
            let writes = side.asked(mark).await?.writes;
            if writes > 0 {
                self.verdict.quiescent = false;
                self.verdict.why.push(format!("{}: {writes} more writes after everything agreed", side.part.name));
            }
        }
        Ok(())
    }

    /// Which reviews and dead letters there are.
    pub(super) async fn look(&mut self) -> Result<(), ApiError> {
        self.verdict.reviews.extend(self.bench.reviews().await?.into_iter().map(|review| review.kind));
        self.verdict.letters.extend(self.bench.letters().await?.into_iter().map(|letter| letter.class));
        Ok(())
    }
}

/// The switch of a rule.
fn switch(rule: &str) -> String {
    let rule: serde_json::Value = serde_json::from_str(rule).unwrap_or_default();
    rule["switch"].as_str().unwrap_or_default().to_owned()
}
