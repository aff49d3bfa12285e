//! What a thief of a secret would reach, and a proof that a plugin that turns bad reaches no more than it was granted: every limit
//! is tried on the real connection, and each is refused before anything is sent.

use std::collections::BTreeSet;

use nave_core::catalog::Connection;
use nave_core::grant::{check_call, effective};
use nave_core::scopes;
use tokio::task::block_in_place;

use super::{audit, unknown};
use crate::api::{ApiError, DrillAnswer, DrillCase, DrillReach};
use crate::egress::{Channel, Request};
use crate::hub::Hub;
use crate::secrets::SecretSource as _;
use crate::spoke::SpokeError;

/// A host that nobody has (RFC 6761).
const ELSEWHERE: &str = "https://stolen.invalid";

/// Plays that somebody has this secret.
pub(super) async fn stolen(hub: &Hub, secret: &str, by: &str) -> Result<DrillAnswer, ApiError> {
    let catalog = hub.engine.catalog();
    let uses = |one: &Connection| {
        one.credentials.values().any(|credential| credential.secret == secret)
            || one.webhook.as_ref().is_some_and(|webhook| webhook.secret == secret)
    };
    let users: Vec<_> = catalog.connections.values().filter(|one| uses(one)).cloned().collect();
    if users.is_empty() {
        let names: BTreeSet<&String> =
            catalog.connections.values().flat_map(|one| one.credentials.values()).map(|one| &one.secret).collect();
        return Err(unknown("secret in use", secret, names.into_iter()));
    }
    let mut answer = DrillAnswer { secret: secret.to_owned(), ..DrillAnswer::default() };
    for connection in &users {
        answer.reach.push(reach(hub, connection, secret)?);
        limits(hub, connection, secret, &mut answer.cases).await?;
    }
    let failed = answer.cases.iter().filter(|case| !case.passed).count();
    audit(
        &hub.engine,
        by,
        "drill.stolen-credential",
        secret,
        &format!("{} limits tried, {failed} did not hold", answer.cases.len()),
    )
    .await?;
    Ok(answer)
}

fn broken(error: SpokeError) -> ApiError {
    ApiError::failed(error.to_string()).help("`nave connection list` shows the connections; `nave plugin list` their plugins")
}

/// What whoever has the secret gets at, over there and through the hub.
fn reach(hub: &Hub, connection: &Connection, secret: &str) -> Result<DrillReach, ApiError> {
    let manifest = block_in_place(|| hub.guests.manifest(&connection.plugin)).map_err(broken)?;
    let mut reach = DrillReach { connection: connection.name.clone(), ..DrillReach::default() };
    for (slot, credential) in connection.credentials.iter().filter(|(_, one)| one.secret == secret) {
        let standing = block_in_place(|| hub.guests.standing(&connection.name, slot)).ok().flatten();
        match standing {
            Some(standing) => reach.there.push(format!("with the token behind it: {}", standing.scopes.join(", "))),
            None => {
                let asked = scopes::asked(&manifest, &connection.grants, slot, &credential.kind);
                reach.there.push(match asked.is_empty() {
                    true => "everything that the account may, from anywhere: give the hub an account of its own".to_owned(),
                    false => {
                        format!("everything that the account may, from anywhere; the hub needs no more than {}", asked.join(", "))
                    }
                });
            }
        }
        for (name, asked) in manifest.endpoints.iter().filter(|(_, asked)| asked.credential.as_deref() == Some(slot.as_str())) {
            let Some(grant) = connection.grants.endpoints.get(name) else { continue };
            let lines = if grant.allow.is_empty() { asked.allow.clone() } else { effective(&asked.allow, &grant.allow) };
            for line in lines {
                for path in &line.paths {
                    let methods: Vec<&str> = line
                        .methods
                        .iter()
                        .map(String::as_str)
                        .filter(|method| check_call(name, &asked.allow, grant, method, path).is_ok())
                        .collect();
                    if !methods.is_empty() {
                        reach.through_the_hub.push(format!("{} {}{path}", methods.join(" "), grant.base));
                    }
                }
            }
        }
    }
    let catalog = hub.engine.catalog();
    for mapping in catalog.mappings.values().filter(|mapping| mapping.connection == connection.name) {
        reach.flows.push(format!("{} ({} ↔ {})", mapping.name, mapping.stream, mapping.entity));
    }
    Ok(reach)
}

/// Every limit that the hub keeps of a connection, tried.
async fn limits(hub: &Hub, connection: &Connection, secret: &str, cases: &mut Vec<DrillCase>) -> Result<(), ApiError> {
    let manifest = block_in_place(|| hub.guests.manifest(&connection.plugin)).map_err(broken)?;
    let mut note = |case: String, expected: &str, found: String| {
        let passed = expected.split('|').any(|code| code == found);
        cases.push(DrillCase { connection: connection.name.clone(), case, expected: expected.to_owned(), found, passed });
    };
    let elsewhere = BTreeSet::from([ELSEWHERE.to_owned()]);
    let held = match block_in_place(|| hub.vault.may_go(secret, &elsewhere)) {
        Err(crate::secrets::SecretError::Held { .. } | crate::secrets::SecretError::Missing(_)) => "net.secret-held",
        Err(_) => "unreadable",
        Ok(()) => "sent",
    };
    note("the secret to a host that it was not given for".to_owned(), "net.secret-held", held.to_owned());
    let channel = match block_in_place(|| hub.guests.drill_channel(&connection.name)) {
        Ok(channel) => channel,
        Err(SpokeError::Held(_)) => {
            note("any call at all: the connection is held".to_owned(), "net.secret-held", "net.secret-held".to_owned());
            return Ok(());
        }
        Err(error) => return Err(broken(error)),
    };
    for (name, asked) in manifest.endpoints.iter().filter(|(name, _)| connection.grants.endpoints.contains_key(*name)) {
        let Some(grant) = connection.grants.endpoints.get(name) else { continue };
        let code = |method: &'static str, path: &str, headers: Vec<(String, String)>| {
            tried(&channel, name, method, path.to_owned(), headers)
        };
        note(format!("another host on `{name}`"), "net.denied", code("GET", &format!("{ELSEWHERE}/"), vec![]).await);
        note(format!("a path out of `{name}`"), "net.bad-path", code("GET", "/%2e%2e/nave-drill", vec![]).await);
        note(
            format!("a method that nobody asked for on `{name}`"),
            "net.not-requested|net.method-denied",
            code("NAVE-DRILL", "/", vec![]).await,
        );
        if check_call(name, &asked.allow, grant, "GET", "/nave-drill").is_err() {
            note(
                format!("a path that was not granted on `{name}`"),
                "net.not-requested|net.method-denied",
                code("GET", "/nave-drill", vec![]).await,
            );
        }
        if grant.read_only {
            let writes = asked.allow.iter().filter(|line| line.methods.iter().any(|method| method == "DELETE"));
            if let Some(path) = writes.flat_map(|line| &line.paths).next() {
                note(format!("a deletion on `{name}`, which only reads"), "net.read-only", code("DELETE", path, vec![]).await);
            }
        }
        if let Some(line) = asked.allow.first()
            && let (Some(path), Some(method)) = (line.paths.first(), line.methods.first())
            && check_call(name, &asked.allow, grant, method, path).is_ok()
            && method == "GET"
        {
            let own = vec![("Authorization".to_owned(), "Bearer nave-drill".to_owned())];
            note(format!("a credential of its own on `{name}`"), "net.header-denied", code("GET", path, own).await);
        }
    }
    note(
        "an endpoint that nobody granted".to_owned(),
        "net.not-requested",
        tried(&channel, "nave-drill", "GET", "/".to_owned(), vec![]).await,
    );
    Ok(())
}

/// The code of a refusal, or the status of an answer.
async fn tried(channel: &Channel, endpoint: &str, method: &str, path: String, headers: Vec<(String, String)>) -> String {
    let request = Request { method: method.to_owned(), path, headers, body: None };
    match channel.send(endpoint, request).await {
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.code().to_owned(),
    }
}
