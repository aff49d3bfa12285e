//! Secrets, tokens, backup.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nave_core::model::{Cause, TokenRow};
use nave_core::schedule::parse_span;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::block_in_place;

use super::{audit, audit_entry, held, listed};
use crate::api::{Answer, ApiError, SecretLine, SecretPlace, SecretText, SecretsAnswer, SecretsFoundAnswer, TokenAnswer, exit};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::plugins::digest;
use crate::project::environments;
use crate::secrets::SecretBytes;
use crate::vault::{Rotation, SecretInfo, VaultError};

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;
/// By this a token is recognised where one was pasted by mistake.
const TOKEN_PREFIX: &str = "nave_";
/// Characters of a name that a person gives.
const NAME_CHARS_MAX: usize = 64;

/// Refuses names that could not be typed again.
fn check_name(name: &str) -> Result<(), ApiError> {
    let fits = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@'));
    if name.eq_ignore_ascii_case("hub") {
        return Err(ApiError::usage(format!("`{name}` is no name for a token: the audit calls the hub itself so"))
            .help("give it another name, the one of a person or a program"));
    }
    if fits {
        return Ok(());
    }
    Err(ApiError::usage(format!("`{}` is no name for a token", name.escape_debug().take(80).collect::<String>()))
        .help(format!("use letters, digits and - _ . @, at most {NAME_CHARS_MAX} of them")))
}

/// Connections that name a secret.
pub(super) fn users(engine: &Engine, secret: &str) -> Vec<String> {
    let catalog = engine.catalog();
    let names = |connection: &nave_core::catalog::Connection| {
        connection.credentials.values().any(|credential| credential.secret == secret)
            || connection.webhook.as_ref().is_some_and(|webhook| webhook.secret == secret)
    };
    catalog.connections.values().filter(|connection| names(connection)).map(|connection| connection.name.clone()).collect()
}

/// Puts a secret into the vault, or a new version of it.
///
/// One that nobody gave for a host yet is given for those of its connection, where a person sets it on this machine; over the
/// API it is stored only, and held until it is approved.
pub(super) async fn secret_set(hub: &Hub, name: &str, value: SecretText, give_later: bool, by: &str) -> Result<Answer, ApiError> {
    let bytes = SecretBytes::new(value.0.as_bytes());
    drop(value);
    environments::refuse_others(&hub.dir, name, bytes.expose())?;
    let stored = block_in_place(|| hub.vault.set(name, &bytes)).map_err(refused)?;
    block_in_place(|| hub.vault.note_known(name, by, true)).map_err(refused)?;
    mark(hub)?;
    audit(&hub.engine, by, "secret.set", name, &format!("version {}", stored.version)).await?;
    let given = match give_later {
        true => String::new(),
        false if by.starts_with(crate::api::LOCAL) => held::give_new(hub, name, by).await?,
        false => String::new(),
    };
    let given = if give_later { given } else { given + &block_in_place(|| held::goes(hub, name))? };
    let users = users(&hub.engine, name);
    let used = match users.len() {
        0 => "no connection names it yet".to_owned(),
        1 => format!("{} uses it", users[0]),
        _ => format!("{} use it", listed(&users)),
    };
    let same = match stored.same_as.as_slice() {
        [] => String::new(),
        others => format!(" The very same secret is stored as {}: that one stays as it is.", listed(others)),
    };
    Ok(Answer::done(format!("`{name}` is stored (version {}); {used}.{given}{same}", stored.version), 1))
}

/// Stores a secret's successor. It may go where the old one may, and nowhere else.
pub(super) async fn secret_rotate(hub: &Hub, name: &str, value: SecretText, by: &str) -> Result<Answer, ApiError> {
    let bytes = SecretBytes::new(value.0.as_bytes());
    drop(value);
    environments::refuse_others(&hub.dir, name, bytes.expose())?;
    block_in_place(|| hub.vault.succeed(name, &bytes)).map_err(refused)?;
    block_in_place(|| hub.vault.note_known(name, by, false)).map_err(refused)?;
    mark(hub)?;
    audit(&hub.engine, by, "secret.rotating", name, "the old one is good until the new one has worked").await?;
    let users = users(&hub.engine, name);
    let next = match users.first() {
        Some(first) => format!("{} will try it with the next call; `nave connection check {first}` does now", listed(&users)),
        None => "no connection names it, so nothing will try it".to_owned(),
    };
    Ok(Answer::done(format!("The successor of `{name}` is stored: {next}. The old one is used until the new one has worked."), 1))
}

/// Names and ages; never values.
pub(super) fn secrets(hub: &Hub) -> Result<SecretsAnswer, ApiError> {
    let given_for = |name: &str| hub.vault.bound(name).ok().flatten().unwrap_or_default().into_iter().collect();
    let line = |secret: SecretInfo| SecretLine {
        given_for: given_for(&secret.name),
        connections: users(&hub.engine, &secret.name),
        rotation: hub.vault.rotation(&secret.name).ok().flatten().map(|found| said(&found)),
        last_used: secret.last_used.map(|time| time.to_string()),
        version: u64::from(secret.version),
        set_at: secret.created.to_string(),
        name: secret.name,
    };
    Ok(SecretsAnswer { secrets: hub.vault.list().map_err(refused)?.into_iter().map(line).collect() })
}

/// How a rotation stands, in a few words.
fn said(rotation: &Rotation) -> String {
    match rotation {
        Rotation::Waiting { at } => format!("a successor waits since {at}"),
        Rotation::Done { at } => format!("rotated {at}"),
        Rotation::Refused { at, why } => format!("the successor was refused {at}: {why}"),
    }
}

/// Tells the project's other environments which secrets are this one's.
fn mark(hub: &Hub) -> Result<(), ApiError> {
    let data = hub.dir.join(&hub.engine.catalog().hub.data);
    block_in_place(|| environments::mark(&hub.dir, &data, &hub.vault)).map_err(refused)
}

/// Destroys a secret. Connections that name it stop working, which is said.
pub(super) async fn secret_remove(hub: &Hub, name: &str, by: &str) -> Result<Answer, ApiError> {
    let users = users(&hub.engine, name);
    if !users.is_empty() && block_in_place(|| hub.vault.contains(name)).map_err(refused)? {
        return Err(ApiError::usage(format!("{} could not sign in any more without `{name}`", listed(&users))).help(format!(
            "`nave secret rotate {name}` puts another in its place; `nave access revoke secret {name} --reason 'it leaked'` destroys it all the same"
        )));
    }
    block_in_place(|| hub.vault.remove(name)).map_err(refused)?;
    mark(hub)?;
    audit(&hub.engine, by, "secret.removed", name, "").await?;
    Ok(Answer::done(format!("`{name}` is destroyed."), 1))
}

pub(super) fn refused(error: VaultError) -> ApiError {
    let message = error.to_string();
    match error {
        VaultError::Missing(_) => ApiError::not_found(message),
        VaultError::BadName(_) | VaultError::BadSize(_) => ApiError::usage(message),
        VaultError::Damaged(_) | VaultError::DamagedAuthorization(..) => ApiError::failed(message),
        VaultError::Key(_)
        | VaultError::WrongKey
        | VaultError::OtherEnvironment(_)
        | VaultError::Store(_)
        | VaultError::NotStored(_) => {
            ApiError::new("vault", exit::UNAVAILABLE, message).help("`nave doctor` looks at the data folder and its key")
        }
    }
}

/// Where secrets of the vault stand in texts.
pub(super) fn secrets_in(hub: &Hub, texts: &[String]) -> Result<SecretsFoundAnswer, ApiError> {
    let finder = crate::egress::SecretFinder::new(hub.vault.to_look_for().map_err(refused)?);
    let mut found = Vec::new();
    for (text, encoded) in texts.iter().enumerate() {
        let bytes = STANDARD.decode(encoded).map_err(|error| ApiError::usage(format!("a text is not base64: {error}")))?;
        let places = finder.find(&bytes).into_iter();
        found.extend(places.map(|(secret, at)| SecretPlace { text, secret: secret.to_owned(), at }));
    }
    Ok(SecretsFoundAnswer { found })
}

/// Makes a token of 256 random bits, replacing the one of this name. Only its hash is stored.
/// With a span it is good for so long, and no longer. The register of access shows why there is one.
pub(super) async fn token_reset(
    engine: &Engine,
    name: &str,
    lasting: Option<&str>,
    reason: &str,
    by: &str,
) -> Result<TokenAnswer, ApiError> {
    check_name(name)?;
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(ApiError::usage("no token is made without a reason")
            .help("add --because 'who uses it and what for': the audit keeps it, and `nave access list` shows it"));
    }
    let until = match lasting.map(|text| (text, parse_span(text))) {
        None => None,
        Some((_, Some(ms))) if ms > 0 => Some(engine.now().plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))),
        Some((text, _)) => return Err(ApiError::usage(format!("`{text}` is no span of time")).help("write 90d, 12h or 30m")),
    };
    let mut bytes = [0_u8; TOKEN_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::failed("the system gives no random numbers"))?;
    let token = format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
    let hash = digest(token.as_bytes());
    engine
        .write(Cause::default(), |draft| {
            let created_at = draft.now;
            let (name, reason) = (name.to_owned(), reason.to_owned());
            draft.batch.tokens.push(TokenRow {
                name: name.clone(),
                hash: hash.clone(),
                created_at,
                until,
                reason: reason.clone(),
            });
            let ends = until.map(|until| format!("; this one is worth nothing from {until}")).unwrap_or_default();
            let detail = format!("{reason}; the one before is worth nothing now{ends}");
            draft.batch.audit.push(audit_entry(created_at, by, "token.reset", &name, &detail));
            Ok(())
        })
        .await?;
    Ok(TokenAnswer { name: name.to_owned(), token, until: until.map(|until| until.to_string()) })
}

/// A consistent copy of the data into a new file, sealed as a whole, while the hub works. A relative path lies where
/// the process was started: the command line makes paths whole before it passes them on.
pub(super) async fn backup(hub: &Hub, to: &Path, by: &str) -> Result<Answer, ApiError> {
    let to = std::path::absolute(to).map_err(|error| ApiError::usage(format!("{}: {error}", to.display())))?;
    if to.exists() {
        return Err(ApiError::usage(format!("{} exists already", to.display())).help("name a file that is not there yet"));
    }
    if let Some(folder) = to.parent()
        && !folder.is_dir()
    {
        return Err(
            ApiError::usage(format!("there is no folder {}", folder.display())).help(format!("mkdir -p {}", folder.display()))
        );
    }
    let (store, key) = (hub.store.clone(), hub.backup_key.clone());
    let file = to.clone();
    tokio::task::spawn_blocking(move || store.backup(&file, &key))
        .await
        .map_err(|error| ApiError::failed(format!("the copy was broken off: {error}")))?
        .map_err(|error| ApiError::failed(format!("{} could not be written: {error}", to.display())))?;
    let bytes = std::fs::metadata(&to).map(|file| file.len()).unwrap_or_default();
    audit(&hub.engine, by, "store.backup", &to.display().to_string(), &format!("{bytes} bytes")).await?;
    Ok(Answer::done(
        format!(
            "{} holds everything as it was a moment ago ({bytes} bytes). The file is sealed as a whole: without the master key nothing in it can be read or restored. Keep that key too, apart from it.",
            to.display()
        ),
        1,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An audit line by `hub` is the hub's own, whoever holds a token.
    #[test]
    fn a_token_is_not_called_what_the_hub_is() {
        for (name, fine) in
            [("ops", true), ("hubs", true), ("hub", false), ("Hub", false), ("local:ann", false), ("plugin:x", false)]
        {
            assert_eq!(check_name(name).is_ok(), fine, "{name}");
        }
    }
}
