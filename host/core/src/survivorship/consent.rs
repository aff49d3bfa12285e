//! Fields of consent: a refusal by any source stands until that same source grants again.
//!
//! A source is a system, whichever of its objects speaks, or the stewards. Its stance is the latest thing that it said itself
//! that refuses or grants. What says neither (empty, or a value of neither list) is no stance and lifts nothing; nor does it
//! when the object is deleted, merged away or no longer read. Nobody else's grant lifts a refusal, however new it is; a
//! steward's does where the connection was removed that refused ([`lifted`]). What the
//! hub wrote into a system is nobody's stance: claims are only what a system said itself.

use super::{Contender, STEWARD, field, newest};
use crate::NameMap;
use crate::catalog::{Entity, EntityField, Mapping, Stance, Stances, Survivorship};
use crate::intake::{paths, put_claim, shadow_body};
use crate::mapping::{Env, find};
use crate::model::{Claim, Contribution, ContributionId, Field, Rule, Time};
use crate::value::Value;

/// What refuses and what grants, where a field is one of consent.
pub fn stances<'e>(entity: &'e Entity, name: &str) -> Option<&'e Stances> {
    match super::rule_of(entity, name) {
        Survivorship::Consent(stances) => Some(stances),
        _ => None,
    }
}

/// Fields of consent of an entity.
pub fn fields(entity: &Entity) -> impl Iterator<Item = (&EntityField, &Stances)> {
    entity.fields.values().filter_map(|field| match &field.survivorship {
        Survivorship::Consent(stances) => Some((field, stances)),
        _ => None,
    })
}

/// Whether what was said before stays said, because this is no stance and that was a refusal.
pub fn stays(entity: &Entity, name: &str, before: Option<&Claim>, now: &Value) -> bool {
    let Some(before) = before else { return false };
    stances(entity, name).is_some_and(|stances| stances.of(&before.value) == Some(Stance::Refusal) && stances.of(now).is_none())
}

/// Sources whose latest stance is a refusal, each by its latest refusal, newest first. `contenders` are all claims, of what
/// is gone too.
pub fn refusals<'a>(stances: &Stances, contenders: &[Contender<'a>]) -> Vec<Contender<'a>> {
    let mut latest: Vec<(Contender<'a>, Stance)> = Vec::new();
    for &contender in contenders {
        let Some(stance) = stances.of(&contender.claim.value) else { continue };
        let source = &contender.contribution.key.connection;
        match latest.iter_mut().find(|(known, _)| known.contribution.key.connection == *source) {
            None => latest.push((contender, stance)),
            Some(known) => {
                // Said at the same time, a refusal is the later one.
                let rank = |one: &Contender<'_>, stance: Stance| (one.claim.claimed_at, stance == Stance::Refusal);
                if rank(&contender, stance) > rank(&known.0, known.1) {
                    *known = (contender, stance);
                }
            }
        }
    }
    let mut refusing: Vec<Contender<'a>> =
        latest.into_iter().filter(|(_, stance)| *stance == Stance::Refusal).map(|(contender, _)| contender).collect();
    refusing.sort_by(|left, right| {
        right.claim.claimed_at.cmp(&left.claim.claimed_at).then_with(|| left.contribution.key.cmp(&right.contribution.key))
    });
    refusing
}

/// Refusals by sources that are not there any more (their connection was removed: they can grant nothing again) which a steward has lifted by
/// granting since. All else stands, so that nobody's refusal goes away with a file.
pub fn lifted(entity: &Entity, rows: &[&Contribution], is_there: impl Fn(&str) -> bool) -> Vec<(ContributionId, String)> {
    let mut found = Vec::new();
    for (field, stances) in fields(entity) {
        let said =
            |row: &&Contribution| row.claims.get(field.name.as_str()).map(|claim| (claim.claimed_at, stances.of(&claim.value)));
        let by_steward = rows.iter().filter(|row| row.key.connection == STEWARD).filter_map(said).max_by_key(|(at, _)| *at);
        let Some((granted, Some(Stance::Grant))) = by_steward else { continue };
        let gone = rows.iter().filter(|row| row.key.connection != STEWARD && !is_there(&row.key.connection));
        let refused = gone.filter(|row| said(row).is_some_and(|(at, stance)| stance == Some(Stance::Refusal) && at <= granted));
        found.extend(refused.map(|row| (row.id, field.name.clone())));
    }
    found
}

/// What a field of consent holds. `counting` are the claims that count; `gone` those of objects that are no longer there, whose
/// refusals stand and whose grants only lift what the same source refused before.
pub(super) fn choose(stances: &Stances, counting: &[Contender<'_>], gone: &[Contender<'_>]) -> Option<Field> {
    let mut all: Vec<Contender<'_>> = counting.iter().chain(gone).copied().collect();
    all.sort_by(|left, right| left.contribution.key.cmp(&right.contribution.key));
    let rule = if all.len() == 1 { Rule::Only } else { Rule::Consent };
    if let Some(refusal) = refusals(stances, &all).first() {
        return Some(field(*refusal, rule));
    }
    let saying = |wanted: &dyn Fn(Option<Stance>, &Value) -> bool| -> Vec<Contender<'_>> {
        counting.iter().copied().filter(|one| wanted(stances.of(&one.claim.value), &one.claim.value)).collect()
    };
    let granting = saying(&|stance, _| stance == Some(Stance::Grant));
    // A refusal that its own source has lifted says nothing any more.
    let neither = saying(&|stance, value| stance.is_none() && !value.is_empty());
    let empty = saying(&|_, value| value.is_empty());
    let winner = newest(&granting).or_else(|| newest(&neither)).or_else(|| newest(&empty))?;
    Some(field(winner, rule))
}

/// What a thing holds that the hub has just made is nobody's stance, but for what it was sent: a default there neither refuses
/// nor grants. Notes it as known, so that the next reading finds nothing new.
pub fn made(mapping: &Mapping, entity: &Entity, row: &mut Contribution, body: &Value) {
    for field in read_of(mapping, entity).map(|(field, _)| field) {
        for path in paths(field) {
            if let Some(value) = find(body, path) {
                row.shadow.or_insert_with(path, || value.clone());
            }
        }
    }
}

/// What was sent as a grant and is there as a refusal, the system said itself: it did not take it. Noted as its claim. `row` has
/// what came back as its shadow. Says whether anything was.
pub fn answered(
    mapping: &Mapping,
    entity: &Entity,
    row: &mut Contribution,
    sent: &NameMap<Value>,
    at: Time,
    region: Option<&str>,
) -> bool {
    let mut refused = false;
    let there = shadow_body(mapping, row);
    let mut given = there.clone();
    for (path, value) in sent.iter().filter(|(path, _)| !path.contains('#')) {
        given.put(path, value.clone());
    }
    for (line, stances) in read_of(mapping, entity) {
        let (Some(read), Some(name)) = (&line.read, &line.canonical) else { continue };
        if !sent.contains_key(&line.remote) {
            continue;
        }
        let means = |body: &Value| {
            let env = Env { body, externals: &[], connection: &mapping.connection, region };
            read.evaluate(&env).ok()
        };
        let (Some(meant), Some(holds)) = (means(&given), means(&there)) else { continue };
        if stances.of(&meant) == Some(Stance::Grant) && stances.of(&holds) == Some(Stance::Refusal) {
            refused |= put_claim(row, name.as_str().into(), holds, at, at, None);
            row.sent.remove(&line.remote);
        }
    }
    refused
}

/// Lines of a mapping that read a field of consent.
fn read_of<'a>(
    mapping: &'a Mapping,
    entity: &'a Entity,
) -> impl Iterator<Item = (&'a crate::catalog::FieldMapping, &'a Stances)> {
    mapping.fields.iter().filter(|field| field.direction.reads()).filter_map(|field| {
        let stances = stances(entity, field.canonical.as_deref()?)?;
        Some((field, stances))
    })
}
