//! Who wins a field. A record's fields are a function of the claims on them, and of nothing else:
//! the order in which claims arrived does not matter.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::catalog::{Entity, Survivorship};
use crate::model::{Claim, Contribution, ContributionId, ContributionState, Field, Record, Rule};
use crate::value::Value;
use crate::{NameMap, Text};

pub mod consent;
pub mod three_way;

/// The connection name under which stewards' own claims are kept.
pub const STEWARD: &str = "steward";

/// A claim with who made it.
#[derive(Clone, Copy)]
pub struct Contender<'a> {
    /// Who.
    pub contribution: &'a Contribution,
    /// What.
    pub claim: &'a Claim,
}

/// Computes all fields from the claims of these contributions (those that count, in any order). `gone` are the record's other
/// contributions: a refusal stands when its object does not, and so does what `manual` keeps when its object was merged. `previous` matters to
/// `manual` alone.
pub fn compute(
    entity: &Entity,
    contributions: &[&Contribution],
    gone: &[&Contribution],
    previous: Option<&Record>,
) -> NameMap<Field> {
    if let [only] = contributions
        && gone.is_empty()
        && previous.is_none()
    {
        // Most records have one contribution when they are made: nobody to choose among.
        let field = |claim: &Claim| Field {
            value: claim.value.clone(),
            winner: only.id,
            rule: if only.key.connection == STEWARD { Rule::Steward } else { Rule::Only },
            claimed_at: claim.claimed_at,
        };
        return only.claims.iter().map(|(name, claim)| (name.clone(), field(claim))).collect();
    }
    let mut names: BTreeSet<&Text> = contributions.iter().flat_map(|c| c.claims.keys()).collect();
    names.extend(gone.iter().flat_map(|c| c.claims.keys()).filter(|name| consent::stances(entity, name).is_some()));
    let mut fields = NameMap::new();
    let standing = previous.into_iter().flat_map(|record| &record.fields);
    names.extend(standing.filter(|(name, kept)| goes_on(entity, name, kept, gone)).map(|(name, _)| name));
    for name in names {
        let contenders = contenders(contributions, name);
        if let Some(stances) = consent::stances(entity, name) {
            let gone = self::contenders(gone, name);
            fields.extend(consent::choose(stances, &contenders, &gone).map(|field| (name.clone(), field)));
            continue;
        }
        let kept = previous.and_then(|record| record.fields.get(name));
        if let Some(kept) = kept.filter(|kept| goes_on(entity, name, kept, gone))
            && !contenders.iter().any(|c| c.contribution.key.connection == STEWARD)
        {
            fields.insert(name.clone(), Field { rule: Rule::Manual, ..kept.clone() });
            continue;
        }
        if let Some(field) = decide(rule_of(entity, name), &contenders, kept, name.contains('/')) {
            fields.insert(name.clone(), field);
        }
    }
    fields
}

/// Whether what stands goes on standing without who said it: only a person decides the field, and the object that said it was made one
/// with another one there. Nobody decided otherwise.
fn goes_on(entity: &Entity, name: &str, kept: &Field, gone: &[&Contribution]) -> bool {
    let merged = |row: &&Contribution| row.id == kept.winner && matches!(row.state, ContributionState::MergedInto(..));
    *rule_of(entity, name) == Survivorship::Manual && gone.iter().any(merged)
}

/// These contributions without the claims that do not count.
pub fn without<'a>(contributions: &[&'a Contribution], claims: &[(ContributionId, String)]) -> Vec<Cow<'a, Contribution>> {
    let silence = |row: &'a Contribution| {
        let mut left = Cow::Borrowed(row);
        for (_, field) in claims.iter().filter(|(id, _)| *id == row.id) {
            left.to_mut().claims.remove(field);
        }
        left
    };
    contributions.iter().map(|row| silence(row)).collect()
}

/// All claims on a field, in the order of their systems' names, streams and ids: an order that is the same whichever of them
/// the hub came to know first.
pub fn contenders<'a>(contributions: &[&'a Contribution], field: &str) -> Vec<Contender<'a>> {
    let mut found: Vec<_> = contributions
        .iter()
        .filter_map(|&contribution| Some(Contender { contribution, claim: contribution.claims.get(field)? }))
        .collect();
    found.sort_by(|left, right| left.contribution.key.cmp(&right.contribution.key));
    found
}

/// The rule of a field; list elements (`phones/3`) follow their list. A field that the entity does not know: newest.
pub fn rule_of<'a>(entity: &'a Entity, field: &str) -> &'a Survivorship {
    let name = field.split_once('/').map_or(field, |(list, _)| list);
    entity.fields.get(name).map_or(&Survivorship::Newest, |field| &field.survivorship)
}

/// Chooses among contenders, which come as [`contenders`] orders them. Ties go to the first of them, so the answer is the same on
/// replay, whichever of two systems answered first.
pub fn choose(rule: &Survivorship, contenders: &[Contender<'_>], previous: Option<&Field>) -> Option<Field> {
    decide(rule, contenders, previous, false)
}

/// As [`choose`]; `element`: of a field that is one element of a list.
fn decide(rule: &Survivorship, contenders: &[Contender<'_>], previous: Option<&Field>, element: bool) -> Option<Field> {
    if let Survivorship::Consent(stances) = rule {
        // A steward's word is one of the stances here: his grant lifts his own refusal, nobody else's.
        return consent::choose(stances, contenders, &[]);
    }
    let steward: Vec<_> = contenders.iter().copied().filter(|c| c.contribution.key.connection == STEWARD).collect();
    if let Some(winner) = newest(&steward) {
        return Some(field(winner, Rule::Steward));
    }
    let of = |connection: &str| -> Option<Contender<'_>> {
        newest(&contenders.iter().copied().filter(|c| c.contribution.key.connection == connection).collect::<Vec<_>>())
    };
    let (winner, rule) = match rule {
        Survivorship::Owner(owner) => match of(owner) {
            Some(winner) => (winner, Rule::Owner),
            None => (newest(contenders)?, Rule::Newest),
        },
        Survivorship::Priority(order) => match order.iter().find_map(|connection| of(connection)) {
            Some(winner) => (winner, Rule::Priority),
            None => (newest(contenders)?, Rule::Newest),
        },
        Survivorship::Newest => (newest(contenders)?, Rule::Newest),
        Survivorship::NewestOr(owner) => {
            let winner = newest(contenders)?;
            let disputed = !winner.claim.timed() && contenders.iter().any(|other| other.claim.value != winner.claim.value);
            match of(owner).filter(|_| disputed) {
                Some(winner) => (winner, Rule::Owner),
                None => (winner, Rule::Newest),
            }
        }
        Survivorship::Longest => {
            let longest = contenders.iter().map(|c| length(&c.claim.value)).max()?;
            let among: Vec<_> = contenders.iter().copied().filter(|c| length(&c.claim.value) == longest).collect();
            (newest(&among)?, Rule::Longest)
        }
        Survivorship::NonEmpty => {
            let full: Vec<_> = contenders.iter().copied().filter(|c| !c.claim.value.is_empty()).collect();
            match newest(&full) {
                Some(winner) => (winner, Rule::NonEmpty),
                None => (newest(contenders)?, Rule::NonEmpty),
            }
        }
        Survivorship::Consent(_) => return None, // above
        Survivorship::ThreeWay if contenders.len() > 1 => return three_way::choose(contenders, element),
        Survivorship::ThreeWay => (*contenders.first()?, Rule::Only),
        Survivorship::Manual => {
            let stays =
                previous.and_then(|kept| contenders.iter().find(|c| c.contribution.id == kept.winner).map(|c| (*c, kept)));
            match stays {
                // The winner stays, and so does its value, whatever it has come to say since.
                Some((_, kept)) => return Some(Field { rule: Rule::Manual, ..kept.clone() }),
                // Whoever said it says it no more, and another one does: a system that merges two objects lets the one say what the
                // other said. Nobody decided otherwise.
                None => match previous
                    .and_then(|kept| contenders.iter().find(|c| c.claim.value == kept.value).map(|c| (c.contribution.id, kept)))
                {
                    Some((winner, kept)) => return Some(Field { winner, rule: Rule::Manual, ..kept.clone() }),
                    // Nobody has decided yet: who was known first keeps what it says, or each new system would take the field.
                    None => (*contenders.iter().min_by_key(|one| one.contribution.id)?, Rule::Manual),
                },
            }
        }
    };
    let rule = if contenders.len() == 1 { Rule::Only } else { rule };
    Some(field(winner, rule))
}

fn field(winner: Contender<'_>, rule: Rule) -> Field {
    Field { value: winner.claim.value.clone(), winner: winner.contribution.id, rule, claimed_at: winner.claim.claimed_at }
}

/// Latest claim; of equal times the first of them.
fn newest<'a>(contenders: &[Contender<'a>]) -> Option<Contender<'a>> {
    let mut best: Option<Contender<'a>> = None;
    for &contender in contenders {
        if best.is_none_or(|best| contender.claim.claimed_at > best.claim.claimed_at) {
            best = Some(contender);
        }
    }
    best
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Number(text) => text.chars().count(),
        Value::List(list) => list.len(),
        Value::Object(map) => map.values().filter(|value| !value.is_empty()).count(),
        Value::Null => 0,
        Value::Bool(_) | Value::Reference(_) => 1,
    }
}

#[cfg(test)]
mod truth;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RemoteKey, Time};

    /// `connection value@time`, one per claim, heard a moment later; with `!` not before that time. `-` is null.
    fn contributions(text: &str) -> Vec<Contribution> {
        text.split_whitespace()
            .enumerate()
            .map(|(index, part)| {
                let (connection, rest) = part.split_once('=').unwrap();
                let (value, time) = rest.split_once('@').unwrap();
                let key = RemoteKey::new(connection, "s", index.to_string());
                let mut contribution = Contribution::new(ContributionId(index as u64 + 1), key, Time(0));
                let value = if value == "-" { Value::Null } else { Value::text(value) };
                let (time, heard) = time.strip_suffix('!').map_or((time, 1), |time| (time, 0));
                let at = Time(time.parse().unwrap());
                contribution.claims.insert("f", Claim { value, claimed_at: at, observed_at: at.plus_ms(heard), base: None });
                contribution
            })
            .collect()
    }

    #[track_caller]
    fn check(rule: &Survivorship, claims: &str, expected: &str, by: Rule) {
        let all = contributions(claims);
        let mut order: Vec<&Contribution> = all.iter().collect();
        for _ in 0..all.len().max(1) {
            let step = usize::from(!order.is_empty());
            order.rotate_left(step);
            let field = choose(rule, &contenders(&order, "f"), None);
            let found = field.as_ref().map_or("nothing".to_owned(), |field| field.value.display());
            assert_eq!(found, expected, "{rule:?} over {claims}");
            if let Some(field) = field {
                assert_eq!(field.rule, by, "{rule:?} over {claims}");
            }
        }
    }

    #[test]
    fn every_rule() {
        use Survivorship as S;
        let owner = S::Owner("crm".into());
        check(&owner, "crm=a@1 books=b@2", "a", Rule::Owner);
        check(&owner, "books=b@1 desk=c@2", "c", Rule::Newest);
        check(&owner, "crm=-@3 books=b@2", "–", Rule::Owner);
        check(&owner, "crm=a@1 books=b@2 steward=s@0", "s", Rule::Steward);
        let priority = S::Priority(vec!["desk".into(), "books".into()]);
        check(&priority, "crm=a@9 books=b@2", "b", Rule::Priority);
        check(&priority, "crm=a@9 mail=b@2", "a", Rule::Newest);
        check(&S::Newest, "crm=a@1 books=b@2", "b", Rule::Newest);
        // At the same time: the first by name.
        check(&S::Newest, "crm=a@2 books=b@2", "b", Rule::Newest);
        check(&S::Newest, "crm=a@1 books=-@2", "–", Rule::Newest);
        check(&S::Newest, "crm=a@1", "a", Rule::Only);
        check(&S::Longest, "crm=abc@1 books=b@2", "abc", Rule::Longest);
        check(&S::Longest, "crm=ab@1 books=cd@2", "cd", Rule::Longest);
        check(&S::NonEmpty, "crm=a@1 books=-@2", "a", Rule::NonEmpty);
        check(&S::Manual, "crm=a@1 books=b@2", "a", Rule::Manual);
        check(&S::Newest, "", "nothing", Rule::Only);
        let or = S::NewestOr("crm".into());
        check(&or, "crm=a@1 desk=b@2", "b", Rule::Newest);
        // The desk's clock is ahead, and it is not known by how much.
        check(&or, "crm=a@1 desk=b@2!", "a", Rule::Owner);
        check(&or, "crm=a@1 desk=a@2!", "a", Rule::Newest);
        check(&or, "books=a@1 desk=b@2!", "b", Rule::Newest);
        check(&or, "crm=a@3 desk=b@2!", "a", Rule::Newest);
        check(&or, "desk=b@2!", "b", Rule::Only);
        check(&or, "crm=a@1 desk=b@2! steward=s@0", "s", Rule::Steward);
    }

    #[test]
    fn manual_keeps_the_value_that_is_there() {
        let all = contributions("crm=a@1 books=b@2");
        let order: Vec<&Contribution> = all.iter().collect();
        let kept = Field { value: Value::text("old"), winner: ContributionId(2), rule: Rule::Manual, claimed_at: Time(0) };
        let field = choose(&Survivorship::Manual, &contenders(&order, "f"), Some(&kept)).unwrap();
        assert_eq!(field.value, Value::text("old"));
        // Its winner is gone: another one who says it goes on for it, else the first one counts.
        for (value, expected, winner) in [("b", "b", 2), ("old", "a", 1)] {
            let kept = Field { value: Value::text(value), winner: ContributionId(9), ..kept.clone() };
            let field = choose(&Survivorship::Manual, &contenders(&order, "f"), Some(&kept)).unwrap();
            assert_eq!((field.value.display(), field.winner), (expected.to_owned(), ContributionId(winner)), "{value}");
        }
    }
}
