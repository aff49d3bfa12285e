//! Why a record's fields hold what they hold: who said so, which rule chose it, over whom, decided by whom.

use nave_core::catalog::{Entity, Stance, Survivorship};
use nave_core::model::{Change, Contribution, Field, Record, Rule};
use nave_core::survivorship::{self, Contender, STEWARD};

use super::find::find;
use super::listed;
use super::names::{Names, minute, remote, rule};
use super::notes;
use crate::api::{ApiError, FieldWhy, Loser, PolicyWhy, RecordRef, WhyAnswer};
use crate::engine::{Engine, steward};

/// Changes looked through for the person behind a value.
const CHANGES_SEARCHED_MAX: usize = 500;
/// Characters of a value in a sentence.
const SHOWN_CHARS_MAX: usize = 60;

/// Why a record's fields, or one of them, hold what they hold. A list's name stands for all its elements.
pub(super) fn why(engine: &Engine, which: &RecordRef, only: Option<&str>) -> Result<WhyAnswer, ApiError> {
    let found = find(engine, which)?;
    let names = Names::new(engine);
    let record = &found.record;
    let rows = found.contributions(engine)?;
    let changes = engine.store.record_changes(record.id, CHANGES_SEARCHED_MAX)?;
    let asked =
        |name: &str| only.is_none_or(|only| name == only || name.strip_prefix(only).is_some_and(|rest| rest.starts_with('/')));
    let mut fields = Vec::new();
    for (name, field) in record.fields.iter().filter(|(name, _)| asked(name)) {
        if only.is_none() && name.contains('/') && field.value.is_empty() {
            continue; // an element that was taken out of its list
        }
        let winner = match rows.iter().find(|row| row.id == field.winner) {
            Some(row) => Some(row.clone()),
            None => engine.store.contributions(&[field.winner])?.pop().flatten(),
        };
        let mut told = why_field(&names, record, name, field, winner.as_ref(), &rows, &changes);
        told.notes.extend(notes::clocks(engine, &names, record, name, field, &rows)?);
        if let (Some(row), Some(entity)) = (&winner, names.catalog.entities.get(record.entity.as_str()))
            && row.key.connection != STEWARD
            && !names.catalog.connections.contains_key(row.key.connection.as_str())
            && let Some(stances) = survivorship::consent::stances(entity, name)
            && stances.of(&field.value) == Some(Stance::Refusal)
        {
            let grant = stances.grant.first().map_or("granted", String::as_str);
            told.notes.push(format!(
                "{} is not connected any more and can grant nothing: `nave record set {}/{} {name} {grant} --reason TEXT` lifts its refusal",
                row.key.connection, record.entity, record.id
            ));
        }
        if winner.as_ref().is_some_and(|row| row.key.connection == STEWARD) && field.rule == Rule::Steward {
            let which = format!("{}/{}", record.entity, record.id);
            told.notes.push(format!("`nave record release {which} {name} --reason TEXT` takes a steward's word back"));
        }
        if let Some(row) = winner.as_ref().filter(|row| row.key.connection == STEWARD)
            && let Some(decision) = engine.answered(record.id, name)?
            && row.claims.get(name.as_str()).is_some_and(|claim| claim.claimed_at <= decision.at)
        {
            told.decided_by = Some(decision.by);
            let because = if decision.reason.is_empty() { "no reason was given" } else { decision.reason.as_str() };
            told.notes.push(format!("decided in review {}: {because}", decision.review));
        }
        fields.push(told);
    }
    if fields.is_empty()
        && let Some(only) = only
    {
        return Err(nobody_said(&names, record, only));
    }
    Ok(WhyAnswer { record: found.reference(), title: names.title(record), fields, catalog: names.catalog.digest.clone() })
}

fn nobody_said(names: &Names<'_>, record: &Record, field: &str) -> ApiError {
    let known: Vec<String> = record.fields.keys().map(ToString::to_string).collect();
    let has = if known.is_empty() { "it holds nothing yet".to_owned() } else { format!("it holds: {}", known.join(", ")) };
    let exists = names.catalog.entities.get(record.entity.as_str()).is_some_and(|entity| entity.fields.contains_key(field));
    let message = if exists {
        format!("no system has said anything about `{field}` of {}/{}", record.entity, record.id)
    } else {
        format!("a {} has no field `{field}`", record.entity)
    };
    ApiError::not_found(message).help(has)
}

fn why_field(
    names: &Names<'_>,
    record: &Record,
    name: &str,
    field: &Field,
    winner: Option<&Contribution>,
    rows: &[Contribution],
    changes: &[Change],
) -> FieldWhy {
    let counting: Vec<&Contribution> = rows.iter().filter(|row| names.counts(record, row)).collect();
    let entity = names.catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref);
    let mut others = survivorship::contenders(&counting, name);
    let stances = entity.and_then(|entity| survivorship::consent::stances(entity, name));
    if stances.is_some() {
        // What is gone may have refused, and that stands.
        others = survivorship::contenders(&rows.iter().collect::<Vec<_>>(), name);
        let lifted = entity.map(|entity| super::records::lifted(names, entity, rows)).unwrap_or_default();
        others.retain(|one| !lifted.iter().any(|(id, of)| *id == one.contribution.id && of == name));
    }
    let refusing = stances.map(|stances| survivorship::consent::refusals(stances, &others)).unwrap_or_default();
    let echoes = notes::echoes(names, name, &counting);
    others.retain(|contender| contender.contribution.id != field.winner && !echoes.contains(&contender.contribution.id));
    let set = changes.iter().find(|change| change.fields.iter().any(|field| field.field == name));
    FieldWhy {
        field: name.to_owned(),
        value: field.value.to_json(),
        display: names.display(&field.value),
        from: winner.map(|row| remote(&row.key)).unwrap_or_default(),
        rule: rule(field.rule).to_owned(),
        sentence: match stances {
            Some(_) => consent(names, field, winner, &others, &refusing),
            None => sentence(names, entity, name, field, winner, &others),
        },
        because: said_by_hand(name, winner, changes).or_else(|| because(names, entity, name, winner)),
        policy: entity.and_then(|entity| policy(entity, name)),
        decided_by: decided_by(name, winner, changes),
        claimed_at: field.claimed_at.to_string(),
        sequence: set.map(|change| change.sequence.0),
        committed_at: set.map(|change| change.at.to_string()),
        observed_at: winner.and_then(|row| row.claims.get(name)).map(|claim| claim.observed_at.to_string()),
        notes: notes::spelled(names, record, name, rows),
        losers: others
            .iter()
            .map(|contender| Loser {
                from: remote(&contender.contribution.key),
                value: contender.claim.value.to_json(),
                display: names.display(&contender.claim.value),
                claimed_at: contender.claim.claimed_at.to_string(),
                observed_at: contender.claim.observed_at.to_string(),
                agrees: names.same(&contender.claim.value, &field.value),
            })
            .collect(),
    }
}

/// "crm said so on 2026-03-04 12:30 UTC; the rule `newest` chose it over books (ada@old.test, 2026-01-02 08:00 UTC)."
fn sentence(
    names: &Names<'_>,
    entity: Option<&Entity>,
    name: &str,
    field: &Field,
    winner: Option<&Contribution>,
    others: &[Contender<'_>],
) -> String {
    let who = winner.map_or("a system that is no longer connected", |row| &row.key.connection);
    let said = if field.value.is_empty() { "said that it is empty" } else { "said so" };
    let base = format!("{who} {said} on {}", minute(field.claimed_at));
    let differ = |contender: &&Contender<'_>| !names.same(&contender.claim.value, &field.value);
    let against: Vec<String> = others
        .iter()
        .filter(differ)
        .map(|other| {
            let value = if other.claim.value.is_empty() { "empty".to_owned() } else { cut(&names.display(&other.claim.value)) };
            format!("{} ({value}, {})", other.contribution.key.connection, minute(other.claim.claimed_at))
        })
        .collect();
    let agree: Vec<String> =
        others.iter().filter(|other| !differ(other)).map(|other| other.contribution.key.connection.to_string()).collect();
    let over = if against.is_empty() { String::new() } else { format!(" over {}", listed(&against)) };
    let with = match agree.len() {
        0 => String::new(),
        1 => format!("; {} says the same", agree[0]),
        _ => format!("; {} say the same", listed(&agree)),
    };
    let configured = entity.map(|entity| survivorship::rule_of(entity, name));
    let chosen = format!("{base}; the rule `{}` chose it{over}", rule(field.rule));
    match field.rule {
        Rule::Only => format!("{base}; nobody else says anything about it."),
        Rule::Owner => match configured {
            Some(Survivorship::Owner(owner)) => format!("{chosen}: {owner} owns this field{with}."),
            Some(Survivorship::NewestOr(owner)) => {
                format!("{chosen}: the clock of who spoke last cannot be relied on, and {owner} decides then{with}.")
            }
            _ => format!("{chosen}: it owned this field then{with}."),
        },
        Rule::Priority => match configured {
            Some(Survivorship::Priority(order)) => format!("{chosen}: the order is {}{with}.", order.join(", ")),
            _ => format!("{chosen}{with}."),
        },
        Rule::Newest => match configured {
            Some(Survivorship::Owner(owner)) if others.iter().any(|other| other.contribution.key.connection == *owner) => {
                format!("{chosen}{with}; {owner} owns this field since then: the next sync computes it anew.")
            }
            Some(Survivorship::Owner(owner)) if *owner != who => {
                format!("{base}; {owner} owns this field but says nothing about it, so the rule `newest` chose it{over}{with}.")
            }
            Some(Survivorship::Priority(order)) if !order.iter().any(|one| one == who) => {
                format!("{base}; none of {} says anything about it, so the rule `newest` chose it{over}{with}.", order.join(", "))
            }
            _ => format!("{chosen}{with}."),
        },
        Rule::Longest => format!("{chosen}: it is the longest{with}."),
        Rule::NonEmpty => format!("{chosen}: it is the newest that is not empty{with}."),
        Rule::ThreeWay => format!("{chosen}: nobody else has changed it since it was agreed on{with}."),
        Rule::Undecided => format!(
            "{base}; the rule `three-way` keeps what was agreed on before{over}: several changed it otherwise, and it stays so until a \
             steward says which is right{with}."
        ),
        Rule::Manual => format!("{base}; the rule `manual` keeps it{over}, until a steward changes it{with}."),
        Rule::Steward => format!("{base}; the rule `steward` chose it{over}: a steward's word wins over every rule{with}."),
        Rule::Consent => format!("{chosen}: it was a field of consent then{with}."),
    }
}

/// "crm refused on 2026-03-04 12:30 UTC (refused) and has not granted since; a refusal stands until crm itself grants again, over
/// mail (granted, 2026-03-05 09:00 UTC)."
fn consent(
    names: &Names<'_>,
    field: &Field,
    winner: Option<&Contribution>,
    others: &[Contender<'_>],
    refusing: &[Contender<'_>],
) -> String {
    let who = winner.map_or("a system that is no longer connected", |row| &row.key.connection);
    let said = |one: &Contender<'_>| {
        let value = if one.claim.value.is_empty() { "empty".to_owned() } else { cut(&names.display(&one.claim.value)) };
        let gone = if one.contribution.is_active() { "" } else { ", no longer there" };
        format!("{} ({value}, {}{gone})", one.contribution.key.connection, minute(one.claim.claimed_at))
    };
    let also: Vec<String> = refusing.iter().filter(|one| one.contribution.id != field.winner).map(said).collect();
    let rest = others.iter().filter(|one| {
        one.contribution.id != field.winner && !refusing.iter().any(|refusal| refusal.contribution.id == one.contribution.id)
    });
    let rest: Vec<String> = rest.map(said).collect();
    let value = cut(&names.display(&field.value));
    if !refusing.iter().any(|one| one.contribution.id == field.winner) {
        let over =
            if rest.is_empty() { "nobody else says anything about it".to_owned() } else { format!("beside {}", listed(&rest)) };
        return format!("{who} said {value} on {}, and nobody's refusal stands; {over}.", minute(field.claimed_at));
    }
    let gone = winner.is_some_and(|row| !row.is_active());
    let gone = if gone { " by an object that is no longer there" } else { "" };
    let over = if rest.is_empty() { String::new() } else { format!(" over {}", listed(&rest)) };
    let also = match also.is_empty() {
        true => String::new(),
        false => format!("; so did {}, whose own word is needed too", listed(&also)),
    };
    let whose = if who == STEWARD { "a steward" } else { who };
    format!(
        "{who} refused ({value}) on {}{gone} and has not granted since; the rule `consent` keeps that{over} until {whose} grants again{also}.",
        minute(field.claimed_at)
    )
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The reason that a steward gave for his own word, where that stands: no rule of the configuration chose it.
fn said_by_hand(name: &str, winner: Option<&Contribution>, changes: &[Change]) -> Option<String> {
    let claim = winner.filter(|row| row.key.connection == STEWARD)?.claims.get(name)?;
    let said = changes.iter().filter(|change| change.at == claim.claimed_at);
    let mut reasons = said.filter_map(|change| change.cause.rule.as_deref()?.strip_prefix(steward::BY_HAND));
    reasons.next().map(str::to_owned)
}

/// Reasons given in the configuration: for the rule, and for the mapping that the value came through.
fn because(names: &Names<'_>, entity: Option<&Entity>, name: &str, winner: Option<&Contribution>) -> Option<String> {
    let canonical = name.split_once('/').map_or(name, |(list, _)| list);
    let rule = entity.and_then(|entity| entity.fields.get(canonical)).and_then(|field| field.because.clone());
    let mapping = winner.and_then(|row| names.mapping_of(&row.key)).and_then(|mapping| {
        let scalar = mapping.fields.iter().find(|field| field.canonical.as_deref() == Some(canonical));
        let mut lists = mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list));
        let list = lists.find(|list| list.canonical == canonical);
        scalar.and_then(|field| field.because.clone()).or_else(|| list.and_then(|list| list.because.clone()))
    });
    match (rule, mapping) {
        (Some(rule), Some(mapping)) if rule != mapping => Some(format!("{}; {mapping}", rule.trim_end_matches('.'))),
        (rule, mapping) => rule.or(mapping),
    }
}

/// What the policy line of a field says for people, where somebody decided who wins.
fn policy(entity: &Entity, name: &str) -> Option<PolicyWhy> {
    let canonical = name.split_once('/').map_or(name, |(list, _)| list);
    let field = entity.fields.get(canonical).filter(|field| field.decided)?;
    Some(PolicyWhy {
        because: field.because.clone(),
        steward: Some(entity.steward_of(canonical)).filter(|steward| !steward.is_empty()).map(str::to_owned),
        decided_by: field.decided_by.clone(),
        decided_on: field.decided_on.clone(),
    })
}

/// The person behind the change that last set a field, or the steward whose claim it is.
fn decided_by(name: &str, winner: Option<&Contribution>, changes: &[Change]) -> Option<String> {
    let set = changes.iter().find(|change| change.fields.iter().any(|field| field.field == name));
    let person = set.and_then(|change| change.cause.person.clone());
    person.or_else(|| winner.filter(|row| row.key.connection == STEWARD).map(|_| "a steward".to_owned()))
}
