//! The register of access, made from what is there: tokens, secrets and who put them there, what people agreed to at systems, and
//! what plugins were granted. Reviewed every quarter, and revoked with a reason.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Catalog, Connection};
use nave_core::model::{Cause, Time, TokenRow};
use nave_core::reason::is_blank;
use nave_store::KeyedRow;
use tokio::task::block_in_place;

use super::{audit, audit_entry, authorizations, granted::without_query, may, operations::refused, token_use};
use crate::alerts::REVIEWED;
use crate::api::{AccessAnswer, AccessLine, Answer, ApiError, Finding, GrantUse, LOCAL, exit};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::project::{Granted, revoke_grant};
use crate::vault::VaultError;

/// A quarter: what was not used for so long is asked about, and so is what nobody renewed.
pub(crate) const QUARTER_DAYS: u64 = 90;
pub(super) const DAY_MS: i64 = 86_400_000;
/// Lines of the audit looked through.
const LINES_MAX: usize = 100_000;

/// Who has access to what. With a person: what they have, so that it can be taken away when they leave.
pub(super) fn list(hub: &Hub, person: Option<&str>) -> Result<AccessAnswer, ApiError> {
    let mut lines = Vec::new();
    let now = hub.engine.now();
    tokens(hub, now, &mut lines)?;
    secrets(hub, now, &mut lines)?;
    agreed(hub, now, &mut lines)?;
    plugins(hub, now, &mut lines)?;
    if let Some(person) = person {
        lines = of(hub, lines, person)?;
    }
    let reviewed_at = reviewed(&hub.engine)?.map(|at| at.to_string());
    Ok(AccessAnswer { access: lines, reviewed_at, missing: missing(hub) })
}

/// What the register cannot tell, because its file is broken.
fn missing(hub: &Hub) -> Vec<String> {
    let Some(broken) = &hub.broken else { return Vec::new() };
    let at = |found: &Finding| format!("{}:{}:{}: {}", found.path, found.line, found.column, found.message);
    let errors: Vec<String> = broken.findings.iter().filter(|found| found.error).map(at).collect();
    if errors.is_empty() { vec![broken.message.clone()] } else { errors }
}

/// Of these, what a person has: the tokens too that were made for others, since whoever made one was shown it.
fn of(hub: &Hub, mut lines: Vec<AccessLine>, person: &str) -> Result<Vec<AccessLine>, ApiError> {
    let local = format!("{LOCAL}{person}");
    let is = |who: &str| who == person || who == local;
    let (audit, tokens) = (hub.store.audit(LINES_MAX)?, hub.store.tokens()?);
    let actors = audit.iter().map(|entry| entry.actor.as_str());
    // Whoever had a token that was revoked is known, and has nothing.
    let known: BTreeSet<String> = lines.iter().map(|line| line.who.as_str()).chain(actors).map(str::to_owned).collect();
    let known: BTreeSet<String> = known.into_iter().chain(tokens.iter().map(|row| row.name.clone())).collect();
    if !known.iter().any(|who| is(who)) {
        let people: BTreeSet<String> = known.iter().map(|who| who.trim_start_matches(LOCAL).to_owned()).collect();
        return Err(super::unknown("person", person, people.iter()));
    }
    let mut made: BTreeMap<&str, &str> = BTreeMap::new();
    for entry in audit.iter().rev().filter(|entry| entry.action == "token.reset") {
        made.insert(&entry.subject, &entry.actor);
    }
    for line in lines.iter_mut().filter(|line| line.what == "token" && !is(&line.who)) {
        if made.get(line.name.as_str()).is_some_and(|who| is(who)) {
            line.who = person.to_owned();
            line.role = format!("made it, and was shown it: {}", line.role);
        }
    }
    lines.retain(|line| is(&line.who));
    if known.contains(&local) {
        lines.push(AccessLine {
            who: local,
            role: "worked on the hub's machine, and may have read the master key there".to_owned(),
            what: "key".to_owned(),
            name: "master key".to_owned(),
            fix: "nave key change --because TEXT".to_owned(),
            ..AccessLine::default()
        });
    }
    Ok(lines)
}

/// What a person should look at: unused for a quarter, not renewed for one, or more than is needed.
pub(super) fn review(hub: &Hub) -> Result<AccessAnswer, ApiError> {
    let mut answer = list(hub, None)?;
    answer.access.retain(|line| !line.findings.is_empty());
    Ok(answer)
}

/// Somebody has looked.
pub(super) async fn reviewed_by(hub: &Hub, by: &str, reason: &str) -> Result<AccessAnswer, ApiError> {
    if is_blank(reason) {
        return Err(ApiError::usage("a review without a word about what came of it is none").help("add --reason 'all needed'"));
    }
    let missing = missing(hub);
    if !missing.is_empty() {
        let message = format!("the register is not whole, so nobody can have reviewed it: {}", missing.join("; "));
        return Err(ApiError::new("configuration", exit::CONFIGURATION, message)
            .help("mend the files and run `nave mapping lint`, then review again; what must go now can be revoked before that"));
    }
    hub.engine
        .write(Cause::default(), |draft| {
            let value = Some(draft.now.0.to_le_bytes().to_vec());
            draft.batch.rows.push(KeyedRow { space: REVIEWED.0.to_owned(), key: REVIEWED.1.to_owned(), value });
            draft.batch.audit.push(audit_entry(draft.now, by, "access.reviewed", "all", reason));
            Ok(())
        })
        .await?;
    review(hub)
}

/// When access was reviewed last.
fn reviewed(engine: &Engine) -> Result<Option<Time>, ApiError> {
    let row = engine.store.row(REVIEWED.0, REVIEWED.1)?;
    Ok(row.and_then(|row| Some(Time(i64::from_le_bytes(row.try_into().ok()?)))))
}

/// Takes one thing away: the next use of it is refused.
pub(super) async fn revoke(hub: &Hub, what: &str, name: &str, by: &str, reason: &str) -> Result<Answer, ApiError> {
    if is_blank(reason) {
        return Err(ApiError::usage("nothing is revoked without a reason").help("add --reason 'left the company'"));
    }
    let done = match what {
        "secret" => {
            block_in_place(|| hub.vault.remove(name)).map_err(refused)?;
            format!("The secret `{name}` is destroyed: the next call that needs it is refused.")
        }
        "authorization" => {
            let (connection, slot) = name.split_once('/').ok_or_else(|| {
                ApiError::usage(format!("`{name}` is no authorization"))
                    .help("it is called CONNECTION/CREDENTIAL: `nave access list`")
            })?;
            let was = match block_in_place(|| hub.guests.channel(connection)) {
                Ok(channel) => channel.forget(slot).await.map_err(|error| ApiError::failed(error.to_string()))?,
                // Its connection cannot be read, or is gone: what it was granted is forgotten without it.
                Err(_) => {
                    let forgotten = || block_in_place(|| forget(hub, name));
                    hub.guests.egress().end_authorization(name, forgotten).await.map_err(refused)?
                }
            };
            if !was {
                return Err(
                    ApiError::not_found(format!("nobody agreed to `{name}`")).help("`nave access list` shows what there is")
                );
            }
            format!(
                "What `{connection}` was granted is forgotten here: the next call is refused. Take it back at the system too."
            )
        }
        "token" => {
            token(&hub.engine, name, reason).await?;
            format!("The token of {name} is worth nothing any more.")
        }
        "grant" => {
            let (connection, grant) = name.split_once('/').ok_or_else(|| {
                ApiError::usage(format!("`{name}` is no grant"))
                    .help("it is called 'CONNECTION/endpoint NAME', with folder or secret in its place: `nave plugin grants`")
            })?;
            grant_of(hub, connection, grant, by, reason).await?
        }
        other => {
            return Err(ApiError::usage(format!("`{other}` is not revoked here"))
                .help("a secret, an authorization, a token or a grant is"));
        }
    };
    audit(&hub.engine, by, "access.revoked", &format!("{what} {name}"), reason).await?;
    Ok(Answer::done(done, 1))
}

/// Takes a grant away: first where it is in force, then in the connection's file, which may be broken, as the others may be.
async fn grant_of(hub: &Hub, connection: &str, grant: &str, by: &str, reason: &str) -> Result<String, ApiError> {
    let granted = Granted::parse(grant)?;
    let was = hub.take_away(connection, grant);
    let findings = match block_in_place(|| revoke_grant(&hub.dir, connection, &granted)) {
        Ok(Some(findings)) => findings,
        Ok(None) if was => Vec::new(),
        Ok(None) => {
            return Err(ApiError::not_found(format!("`{connection}` was not granted `{grant}`"))
                .help("`nave plugin grants` shows what there is"));
        }
        Err(error) => {
            let file = format!("connections/{connection}.toml");
            let mut message = format!("{file} could not be changed, and grants what stands in it: {}", error.message);
            if was {
                let said = format!("{reason} ({file} could not be changed)");
                audit(&hub.engine, by, "access.revoked", &format!("grant {connection}/{grant}"), &said).await?;
                message = format!(
                    "`{connection}` has `{grant}` no more in the hub that was asked, and the next use of it there is refused; but {message}"
                );
            }
            let help = format!(
                "take {} out of {file} by hand, or it is in force again when that is read; then `nave mapping lint`",
                granted.table()
            );
            return Err(ApiError { findings: error.findings, ..ApiError::failed(message) }.help(help));
        }
    };
    let mut said: Vec<String> = findings.into_iter().map(|finding| format!(" {}", finding.message)).collect();
    // The rest of the files may be broken: what was taken away is away all the same.
    if let Err(error) = block_in_place(|| hub.reload()) {
        said.push(format!(" {} (`nave mapping lint`); what was in force before stays so.", error.message));
    }
    Ok(format!("`{connection}` has `{grant}` no more: the next use of it is refused.{}", said.concat()))
}

/// Forgets what a system granted, by its place in the vault. False where there is nothing.
fn forget(hub: &Hub, place: &str) -> Result<bool, VaultError> {
    let there = hub.vault.authorization_places()?.iter().any(|known| known == place);
    if there {
        hub.vault.keep_authorization(place, None)?;
    }
    Ok(there)
}

/// Puts a hash in a token's place that no text has. What was revoked before is an error.
async fn token(engine: &Engine, name: &str, reason: &str) -> Result<(), ApiError> {
    let Some(row) = engine.store.tokens()?.into_iter().find(|row| row.name == name) else {
        return Err(ApiError::not_found(format!("there is no token `{name}`")).help("`nave access list` shows what there is"));
    };
    if row.is_revoked() {
        return Err(ApiError::not_found(format!("the token of {name} was revoked already, on {}", row.created_at))
            .help(format!("`nave token reset {name} --because TEXT` makes another")));
    }
    engine
        .write(Cause::default(), |draft| {
            let (name, hash, reason) = (name.to_owned(), TokenRow::REVOKED.to_owned(), format!("revoked: {reason}"));
            draft.batch.tokens.push(TokenRow { name, hash, created_at: draft.now, until: None, reason });
            Ok(())
        })
        .await?;
    Ok(())
}

pub(super) fn days(now: Time, since: Time) -> u64 {
    u64::try_from((now.0 - since.0) / DAY_MS).unwrap_or(0)
}

/// What is to be looked at of a secret.
fn aged(now: Time, created: Time, last_used: Option<Time>, named: bool, days_max: u64) -> Vec<String> {
    let (unused, old) = (days(now, last_used.unwrap_or(created)), days(now, created));
    let found = [
        (unused >= QUARTER_DAYS, format!("unused for {unused} days")),
        (old >= days_max, format!("not rotated for {old} days")),
        (!named, "no connection names it".to_owned()),
    ];
    found.into_iter().filter(|(is, _)| *is).map(|(_, what)| what).collect()
}

fn tokens(hub: &Hub, now: Time, lines: &mut Vec<AccessLine>) -> Result<(), ApiError> {
    let used = token_use::last(hub.store.as_ref())?;
    // One that was revoked opens nothing, as little as one that ended.
    for row in hub.store.tokens()?.into_iter().filter(|row| !row.is_revoked() && row.holds(now)) {
        let until = row.until.map(|until| format!(", until {until}")).unwrap_or_default();
        let last = used.get(&row.hash).copied();
        // How old one may get is said where it is made; here only that nobody uses it.
        let mut findings = aged(now, now, Some(last.unwrap_or(row.created_at)), true, u64::MAX);
        findings.extend(row.reason.is_empty().then(|| "nobody said why there is one".to_owned()));
        lines.push(AccessLine {
            who: row.name.clone(),
            role: format!("everything that the API and the dashboard have{until}"),
            what: "token".to_owned(),
            fix: format!("nave access revoke token {} --reason 'left the company'", row.name),
            last_used: last.map(|last| last.to_string()),
            unused_days: Some(days(now, last.unwrap_or(row.created_at))),
            findings,
            reasons: Some(row.reason).filter(|reason| !reason.is_empty()).into_iter().collect(),
            name: row.name,
            since: Some(row.created_at.to_string()),
            ..AccessLine::default()
        });
    }
    Ok(())
}

/// Flows of connections, and why they are there.
fn behind(catalog: &Catalog, connections: &[String]) -> (Vec<String>, Vec<String>) {
    let mut reasons = BTreeSet::new();
    let mut flows = Vec::new();
    for mapping in catalog.mappings.values().filter(|mapping| connections.contains(&mapping.connection)) {
        flows.push(mapping.name.clone());
        reasons.extend(mapping.purpose().sentence(&catalog.hub));
    }
    for connection in catalog.connections.values().filter(|one| connections.contains(&one.name)) {
        reasons.extend(connection.grants.endpoints.values().filter_map(|grant| grant.because.clone()));
    }
    (flows, reasons.into_iter().collect())
}

fn secrets(hub: &Hub, now: Time, lines: &mut Vec<AccessLine>) -> Result<(), ApiError> {
    let catalog = hub.engine.catalog();
    let days_max = catalog.hub.credential_age_ms / DAY_MS as u64;
    for secret in hub.vault.list().map_err(refused)? {
        let connections = super::operations::users(&hub.engine, &secret.name);
        let (flows, reasons) = behind(&catalog, &connections);
        let unused = days(now, secret.last_used.unwrap_or(secret.created));
        // Of what is kept elsewhere nobody knows here how old it is.
        let days_max = if secret.reference.is_some() { u64::MAX } else { days_max };
        let findings = aged(now, secret.created, secret.last_used, !connections.is_empty(), days_max);
        let (role, fix) = match &secret.reference {
            None => ("put it there, and may know it".to_owned(), format!("nave secret rotate {}", secret.name)),
            Some(place) => (
                format!("said that it is kept in {place}: who may read that knows it"),
                format!("nave secret check {}", secret.name),
            ),
        };
        let mut people = hub.vault.known_to(&secret.name).map_err(refused)?;
        if people.is_empty() {
            people.push("nobody knows who".to_owned());
        }
        for who in people {
            lines.push(AccessLine {
                who,
                role: role.clone(),
                what: "secret".to_owned(),
                name: secret.name.clone(),
                connections: connections.clone(),
                flows: flows.clone(),
                reasons: reasons.clone(),
                since: Some(secret.created.to_string()),
                last_used: secret.last_used.map(|time| time.to_string()),
                unused_days: Some(unused),
                findings: findings.clone(),
                fix: fix.clone(),
            });
        }
    }
    Ok(())
}

fn agreed(hub: &Hub, now: Time, lines: &mut Vec<AccessLine>) -> Result<(), ApiError> {
    let catalog = hub.engine.catalog();
    for line in authorizations::list(hub, None)?.authorizations {
        let Some(who) = line.by.clone() else { continue };
        let connections = vec![line.connection.clone()];
        let (flows, reasons) = behind(&catalog, &connections);
        let used = line.renewed_at.as_deref().and_then(Time::parse);
        let unused = used.map(|used| days(now, used));
        let mut findings = Vec::new();
        if let Some(unused) = unused.filter(|unused| *unused >= QUARTER_DAYS) {
            findings.push(format!("unused for {unused} days"));
        }
        if !line.excess.is_empty() {
            findings.push(format!("more than is needed: {}", line.excess.join(", ")));
        }
        lines.push(AccessLine {
            who,
            role: match line.scopes.as_slice() {
                [] => "agreed to it over there".to_owned(),
                scopes => format!("agreed over there to {}", scopes.join(", ")),
            },
            what: "authorization".to_owned(),
            name: format!("{}/{}", line.connection, line.slot),
            connections,
            flows,
            reasons,
            since: line.given_at.clone(),
            last_used: line.renewed_at.clone(),
            unused_days: unused,
            findings,
            fix: format!("nave connection authorize {}", line.connection),
        });
    }
    Ok(())
}

fn plugins(hub: &Hub, now: Time, lines: &mut Vec<AccessLine>) -> Result<(), ApiError> {
    let catalog = hub.engine.catalog();
    for connection in catalog.connections.values() {
        let connections = vec![connection.name.clone()];
        let (flows, reasons) = behind(&catalog, &connections);
        let reads = !connection.grants.endpoints.is_empty() && connection.grants.endpoints.values().all(|grant| grant.read_only);
        let mut findings = Vec::new();
        if flows.is_empty() {
            findings.push("no flow uses it".to_owned());
        }
        let may = may::of(hub, &catalog, connection)?;
        for one in &may {
            match one.too_much() {
                Some(too_much) => findings.push(format!("`{}`: {too_much}; {}", one.slot, one.advice())),
                None if one.granted.is_none() && one.reads => {
                    findings.push(format!("`{}`: {}; {}", one.slot, one.said(), one.advice()));
                }
                None if one.granted.is_none() => findings.push(format!("`{}`: {}", one.slot, one.said())),
                None => {}
            }
        }
        let told: Vec<String> = may.iter().map(|one| format!("; with `{}` {}", one.slot, one.said())).collect();
        lines.push(AccessLine {
            who: format!("plugin:{}", connection.plugin),
            role: format!("{}{}", if reads { "reads" } else { "reads and writes what it was granted" }, told.concat()),
            what: "connection".to_owned(),
            fix: format!("nave plugin grants {}", connection.name),
            name: connection.name.clone(),
            connections: connections.clone(),
            flows: flows.clone(),
            reasons,
            findings,
            ..AccessLine::default()
        });
        let grants = super::plugins::uses_of(hub, connection, now)?;
        lines.extend(grants.into_iter().map(|one| granted(connection, one, &connections, &flows)));
    }
    Ok(())
}

/// One grant of a connection. Where it leads is said without what may be a secret.
fn granted(connection: &Connection, one: GrantUse, connections: &[String], flows: &[String]) -> AccessLine {
    let (kind, name) = one.what.split_once(' ').unwrap_or((&one.what, ""));
    let endpoint = connection.grants.endpoints.get(name).filter(|_| kind == "endpoint");
    let role = match kind {
        "endpoint" => format!("reaches {}", without_query(&one.to)),
        "folder" => format!("has the folder {}", one.to),
        _ => "signs in with it".to_owned(),
    };
    let unused = one.unused_days.filter(|_| one.unused);
    AccessLine {
        who: format!("plugin:{}", connection.plugin),
        role,
        what: "grant".to_owned(),
        name: format!("{}/{}", connection.name, one.what),
        connections: connections.to_vec(),
        flows: flows.to_vec(),
        reasons: endpoint.and_then(|grant| grant.because.clone()).into_iter().collect(),
        findings: unused.map(|days| format!("unused for {days} days")).into_iter().collect(),
        fix: one.revoke(&connection.name),
        since: one.since,
        last_used: one.last_used,
        unused_days: one.unused_days,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Days since it was made and since it was used; whether a connection names it; what is found.
    #[track_caller]
    fn check(made: i64, used: Option<i64>, named: bool, expected: &str) {
        check_at(90, made, used, named, expected);
    }

    #[track_caller]
    fn check_at(days_max: u64, made: i64, used: Option<i64>, named: bool, expected: &str) {
        let now = Time(1_000 * DAY_MS);
        let ago = |days: i64| Time(now.0 - days * DAY_MS);
        assert_eq!(aged(now, ago(made), used.map(ago), named, days_max).join("; "), expected);
    }

    #[test]
    fn a_quarter_without_use_or_renewal_is_found() {
        check(1, Some(0), true, "");
        check(89, None, true, "");
        check(90, Some(1), true, "not rotated for 90 days");
        check(90, None, true, "unused for 90 days; not rotated for 90 days");
        check(200, Some(91), true, "unused for 91 days; not rotated for 200 days");
        check(1, None, false, "no connection names it");
        // The age is the policy's; what is not used is asked about all the same.
        check_at(30, 29, Some(1), true, "");
        check_at(30, 30, Some(1), true, "not rotated for 30 days");
        check_at(365, 200, Some(1), true, "");
        check_at(365, 200, None, true, "unused for 200 days");
    }
}
