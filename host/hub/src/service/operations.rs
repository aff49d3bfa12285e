//! Secrets, tokens, backup.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nave_core::model::{Cause, TokenRow};
use nave_core::reason::is_blank;
use nave_core::schedule::parse_span;
use nave_core::secret_reference::SecretReference;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::task::block_in_place;

use super::{audit, audit_entry, held, listed};
use crate::api::{
    Answer, ApiError, LOCAL, SecretCheckAnswer, SecretLine, SecretPlace, SecretText, SecretsAnswer, SecretsFoundAnswer,
    TokenAnswer, exit,
};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::plugins::digest;
use crate::project::environments;
use crate::secrets::{SecretBytes, SecretError};
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

/// Vaults that are signed in at with a secret.
fn vaults_by(engine: &Engine, secret: &str) -> Vec<String> {
    let catalog = engine.catalog();
    let vaults = catalog.hub.vaults.iter().filter(|(_, vault)| vault.secret == secret);
    vaults.map(|(name, _)| format!("the vault {name}")).collect()
}

/// Who uses a secret, in a few words.
fn used_by(engine: &Engine, secret: &str) -> String {
    let users: Vec<String> = users(engine, secret).into_iter().chain(vaults_by(engine, secret)).collect();
    match users.len() {
        0 => "no connection names it yet".to_owned(),
        1 => format!("{} uses it", users[0]),
        _ => format!("{} use it", listed(&users)),
    }
}

/// What a reference is, in one word.
fn kind_of(engine: &Engine, reference: Option<&SecretReference>) -> &'static str {
    match reference {
        None => "sealed",
        Some(SecretReference::File { .. }) => "file",
        Some(SecretReference::Vault { vault, .. }) => {
            engine.catalog().hub.vaults.get(vault).map_or("unknown-vault", |vault| vault.kind.word())
        }
    }
}

/// A secret is kept elsewhere from now on. It goes where a secret that is set would go, and is fetched once, to see whether it can be.
pub(super) async fn secret_refer(hub: &Hub, name: &str, reference: &SecretReference, by: &str) -> Result<Answer, ApiError> {
    if !by.starts_with(LOCAL) {
        return Err(ApiError::new("forbidden", exit::USAGE, "where a secret is kept is said on the hub's own machine")
            .help(format!("there: `nave secret refer {name} --file PATH`; over the API a secret is set by its value")));
    }
    let catalog = hub.engine.catalog();
    if let Some(vault) = reference.vault()
        && !catalog.hub.vaults.contains_key(vault)
    {
        block_in_place(|| hub.reload())?;
        let catalog = hub.engine.catalog();
        if !catalog.hub.vaults.contains_key(vault) {
            return Err(super::unknown("vault", vault, catalog.hub.vaults.keys())
                .help(format!("describe it in nave.toml: [vaults.{vault}] with kind, address and secret")));
        }
    }
    if let Some(vault) = reference.vault()
        && hub.engine.catalog().hub.vaults.values().any(|known| known.secret == name)
    {
        return Err(ApiError::usage(format!("the hub signs in at a vault with `{name}`: that cannot be kept in one ({vault})"))
            .help(format!("`nave secret set {name}` keeps it here; `nave secret refer {name} --file PATH` in a file")));
    }
    if let Some(vault) = reference.vault()
        && let Some(settings) = hub.engine.catalog().hub.vaults.get(vault)
    {
        settings.check(reference).map_err(|why| refused(VaultError::BadReference(why)))?;
    }
    if let Some(fetch) = hub.vault.fetcher() {
        environments::refuse_others(&hub.dir, name, fetch.place(reference).as_bytes())?;
    }
    if block_in_place(|| hub.vault.is_sealed(name)).map_err(refused)?
        && let Some(fetch) = hub.vault.fetcher()
    {
        match fetch.fetch(name, reference, None, true).await {
            // It was to see whether there is one. Where it cannot be ended, it ends by itself.
            Ok(fetched) => {
                if let Some(handle) = &fetched.handle
                    && let Err(why) = fetch.release(reference, handle).await
                {
                    tracing::warn!(secret = name, why, "a lease that was tried could not be ended; it ends by itself");
                }
            }
            // What is stored now would be gone for good.
            Err(why) => {
                return Err(away(SecretError::Away { name: name.to_owned(), place: reference.to_string(), why }).help(format!(
                    "nothing was changed: `{name}` is still the secret that is stored here; once it can be had there, again"
                )));
            }
        }
    }
    let stored = block_in_place(|| hub.vault.refer(name, reference)).map_err(refused)?;
    block_in_place(|| hub.vault.note_known(name, by, true)).map_err(refused)?;
    mark(hub)?;
    audit(&hub.engine, by, "secret.referred", name, &format!("to {reference} (version {})", stored.version)).await?;
    let given = held::give_new(hub, name, by).await? + &block_in_place(|| held::goes(hub, name))?;
    let tried = match hub.vault.try_reference(name).await {
        Ok(_) => " It was fetched just now, and can be.".to_owned(),
        Err(error) => format!(" It cannot be had yet: {error}."),
    };
    let same = match stored.same_as.as_slice() {
        [] => String::new(),
        others => format!(" The very same place is named by {}.", listed(others)),
    };
    let used = used_by(&hub.engine, name);
    Ok(Answer::done(format!("`{name}` is kept in {reference} (version {}); {used}.{tried}{given}{same}", stored.version), 1))
}

/// Fetches a secret that is kept elsewhere, now.
pub(super) async fn secret_check(hub: &Hub, name: &str) -> Result<SecretCheckAnswer, ApiError> {
    let reference = block_in_place(|| hub.vault.reference(name)).map_err(refused)?.map(|(reference, _)| reference);
    if reference.is_none() && !block_in_place(|| hub.vault.contains(name)).map_err(refused)? {
        return Err(refused(VaultError::Missing(name.to_owned())));
    }
    if reference.is_some() {
        hub.vault.try_reference(name).await.map_err(away)?;
    }
    Ok(SecretCheckAnswer {
        name: name.to_owned(),
        kind: kind_of(&hub.engine, reference.as_ref()).to_owned(),
        source: reference.map(|reference| reference.to_string()),
        lease_s: hub.vault.standing(name).left_ms.map(|ms| ms.div_ceil(1_000)),
    })
}

/// Why a secret could not be fetched, for whoever asked.
fn away(error: SecretError) -> ApiError {
    match error {
        SecretError::Away { name, place, why } => ApiError::new(
            "secret-unreachable",
            exit::FAILED,
            format!("`{name}` is kept in {place}, and could not be fetched: {why}"),
        )
        .help(format!(
            "put that right, then `nave secret check {name}`; `nave secret refer {name} --file PATH` names another place"
        )),
        other => ApiError::failed(other.to_string()).help("`nave doctor` looks at the data folder and its key"),
    }
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
    let used = used_by(&hub.engine, name);
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
        None => match vaults_by(&hub.engine, name).first() {
            Some(vault) => format!("{vault} is asked with it next"),
            None => "no connection names it, so nothing will try it".to_owned(),
        },
    };
    Ok(Answer::done(format!("The successor of `{name}` is stored: {next}. The old one is used until the new one has worked."), 1))
}

/// Names and ages; never values.
pub(super) fn secrets(hub: &Hub) -> Result<SecretsAnswer, ApiError> {
    let given_for = |name: &str| hub.vault.bound(name).ok().flatten().unwrap_or_default().into_iter().collect();
    let line = |secret: SecretInfo| SecretLine {
        kind: kind_of(&hub.engine, secret.reference.as_ref()).to_owned(),
        lease_s: hub.vault.standing(&secret.name).left_ms.map(|ms| ms.div_ceil(1_000)),
        failed: hub.vault.standing(&secret.name).failed,
        source: secret.reference.map(|reference| reference.to_string()),
        given_for: given_for(&secret.name),
        connections: users(&hub.engine, &secret.name).into_iter().chain(vaults_by(&hub.engine, &secret.name)).collect(),
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
    let users: Vec<String> = users(&hub.engine, name).into_iter().chain(vaults_by(&hub.engine, name)).collect();
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
        VaultError::BadName(_) | VaultError::BadSize(_) | VaultError::BadReference(_) | VaultError::Elsewhere(..) => {
            ApiError::usage(message)
        }
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

/// Where secrets of the vault stand in texts; those that are kept elsewhere are fetched for it, as far as they can be.
pub(super) async fn secrets_in(hub: &Hub, texts: &[String]) -> Result<SecretsFoundAnswer, ApiError> {
    for (name, _) in block_in_place(|| hub.vault.references()).map_err(refused)? {
        if let Err(error) = hub.vault.looked_for(&name).await {
            tracing::warn!(%error, "a secret is not looked for");
        }
    }
    block_in_place(|| found_in(hub, texts))
}

fn found_in(hub: &Hub, texts: &[String]) -> Result<SecretsFoundAnswer, ApiError> {
    let finder = crate::egress::SecretFinder::new(hub.vault.to_look_for().map_err(refused)?);
    let keys = crate::egress::SecretFinder::new(crate::key::to_look_for(&crate::project::place(&hub.dir)?));
    let mut found = Vec::new();
    for (text, encoded) in texts.iter().enumerate() {
        let bytes = STANDARD.decode(encoded).map_err(|error| ApiError::usage(format!("a text is not base64: {error}")))?;
        for (finder, master_key) in [(&finder, false), (&keys, true)] {
            let places = finder.find(&bytes).into_iter();
            found.extend(places.map(|(secret, at)| SecretPlace { text, secret: secret.to_owned(), at, master_key }));
        }
        // A key is looked for as text and as bytes.
        found.dedup_by(|a, b| a.text == b.text && a.master_key && b.master_key && a.secret == b.secret);
    }
    Ok(SecretsFoundAnswer { found })
}

/// Longest span that a token is made for: ten years.
const TOKEN_LASTS_MS_MAX: u64 = 3_650 * 86_400_000;

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
    if is_blank(reason) {
        return Err(ApiError::usage("no token is made without a reason")
            .help("add --because 'who uses it and what for': the audit keeps it, and `nave access list` shows it"));
    }
    let until = match lasting.map(|text| (text, parse_span(text))) {
        None => None,
        Some((text, Some(ms))) if ms > TOKEN_LASTS_MS_MAX => {
            return Err(ApiError::usage(format!("`{text}` is longer than a token may last, which is ten years"))
                .help("write at most 3650d, or leave --for out: it is good until it is reset or revoked"));
        }
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
