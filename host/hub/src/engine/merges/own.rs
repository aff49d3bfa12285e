//! What objects of a merged record say by themselves when the records are two again: what the merge, or a deletion after it, let them say
//! is the other one's word.

use nave_core::NameMap;
use nave_core::model::{Claim, Contribution, RecordId};
use nave_store::StoreError;

use super::Kept;
use super::kept::Thing;
use crate::engine::draft::Draft;

/// What one object says itself, and which of it came since the merge by somebody's edit.
pub(super) struct Own {
    pub(super) claims: NameMap<Claim>,
    pub(super) edited: Vec<String>,
}

/// What an object says by itself that goes to a record. What it came to say by the merge, or because an object of the other record is
/// gone, is nobody's edit: it is as it was before. What it says in place of a gone object of the same record it goes on saying.
pub(super) fn own_words(draft: &mut Draft<'_>, now: &Contribution, kept: &Kept, to: RecordId) -> Result<Own, StoreError> {
    let id = now.id;
    let thing = kept.things().find(|thing| thing.was.id == id);
    let of_survivor = kept.of_survivor.iter().any(|thing| thing.was.id == id);
    let (mut claims, mut edited) = (now.claims.clone(), Vec::new());
    let gone = gone_beside(draft, now, kept)?;
    for (name, claim) in &now.claims {
        let was = thing.and_then(|thing| {
            thing.was.claims.iter().find(|(own, _)| renumbered(thing, own) == name.as_str()).map(|(_, claim)| claim)
        });
        let same =
            |was: &&Claim| was.value == claim.value && (was.claimed_at, was.observed_at) == (claim.claimed_at, claim.observed_at);
        if let Some(was) = was.filter(same) {
            // What it was said against is what it was before, too.
            claims.insert(name.clone(), was.clone());
            continue;
        }
        let from: Vec<RecordId> = gone.iter().filter(|(row, _)| inherited(name, claim, now, row)).map(|(_, of)| *of).collect();
        if (of_survivor && copied(draft, name, claim, was, now, kept)?) || (!from.is_empty() && !from.contains(&to)) {
            match was {
                Some(was) => drop(claims.insert(name.clone(), was.clone())),
                None => drop(claims.remove(name)),
            }
        } else if thing.is_some() && from.is_empty() && was.is_none_or(|was| was.value != claim.value) {
            edited.push(name.split_once('/').map_or(name.as_str(), |(list, _)| list).to_owned());
        }
    }
    edited.dedup();
    Ok(Own { claims, edited })
}

/// Other objects of the record that are gone, and the record that each belongs to.
fn gone_beside(draft: &mut Draft<'_>, now: &Contribution, kept: &Kept) -> Result<Vec<(Contribution, RecordId)>, StoreError> {
    let mut gone = Vec::new();
    let Some(record) = now.record else { return Ok(gone) };
    for id in draft.record(record)?.contributions.clone() {
        let row = draft.contribution(id)?;
        if id != now.id && !row.is_active() {
            let of_loser = kept.of_loser.iter().any(|thing| thing.was.id == id);
            gone.push((row.clone(), if of_loser { kept.loser.id } else { kept.survivor.id }));
        }
    }
    Ok(gone)
}

/// Whether an object says something only in place of one that is gone: as of the moment when that one said it.
fn inherited(name: &str, claim: &Claim, now: &Contribution, gone: &Contribution) -> bool {
    // Two objects of one stream may be edited in one moment: each to what it then says.
    let elsewhere = gone.key.connection != now.key.connection || gone.key.stream != now.key.stream;
    gone.claims.get(name).is_some_and(|said| {
        said.claimed_at == claim.claimed_at && said.observed_at == claim.observed_at && (elsewhere || said.value == claim.value)
    })
}

/// Whether one of the survivor's own objects came to say something by the merge itself, and not by anybody's edit.
fn copied(
    draft: &mut Draft<'_>,
    name: &str,
    claim: &Claim,
    was: Option<&Claim>,
    now: &Contribution,
    kept: &Kept,
) -> Result<bool, StoreError> {
    let mut copied = false;
    for other in &kept.of_loser {
        let merged_there = other.was.key.connection == now.key.connection
            && other.was.key.stream == now.key.stream
            && !draft.contribution(other.was.id)?.is_active();
        copied |= other.was.claims.iter().any(|(theirs, said)| {
            renumbered(other, theirs) == name
                && said.value == claim.value
                // Handed on with its time, or taken over by the system when it merged the two objects.
                && (said.claimed_at == claim.claimed_at || merged_there && was.is_none_or(|was| was.value.is_empty()))
        });
    }
    Ok(copied)
}

/// A claim's name in the numbering of the record that the object came to.
fn renumbered(thing: &Thing, name: &str) -> String {
    let Some((list, number)) = name.split_once('/') else { return name.to_owned() };
    let known = thing.numbers.iter().find(|known| known.list == list && Ok(known.from) == number.parse());
    known.map_or_else(|| name.to_owned(), |known| format!("{list}/{}", known.to))
}
