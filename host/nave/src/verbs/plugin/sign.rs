//! Keys of authors, signatures beside plugins, and the keys that a project trusts.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::civil::Date;
use nave_core::conformance::report::{Verdict, count};
use nave_core::trust::TrustedKey;
use nave_hub::api::{ApiError, Request, exit};
use nave_hub::plugins::signature::{SigningKey, read_beside, write_beside};
use nave_hub::plugins::trusting::TrustChange;
use nave_hub::plugins::{self, BuildOptions, Judge, PluginsError, Tested, Vouched, inspect_file};
use serde_json::json;

use super::test::Bed;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};
use crate::verbs::{Outcome, shipped};

/// The key that an author signs with
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key; whoever has the file signs as you
    New {
        /// File for the private key; PEM, for its owner alone
        file: PathBuf,
    },
    /// The public key of a private one: what others put into their trust.toml
    Show {
        /// File with the private key
        file: PathBuf,
    },
}

pub(crate) fn key(verb: Key, context: &Context) -> Outcome {
    let (key, file, made) = match &verb {
        Key::New { file } => (SigningKey::create(file)?, file, true),
        Key::Show { file } => (SigningKey::read(file)?, file, false),
    };
    if context.json {
        output::json(&json!({ "file": file.display().to_string(), "key": key.public() }));
    } else if made {
        say(format_args!(
            "Made {}: keep it where nobody else can read it, and a copy where you find it again.\n\n{}\n\nThe line above is public. Next: nave plugin pack FILE.wasm --sign {}",
            file.display(),
            key.public(),
            file.display()
        ));
    } else {
        say(key.public());
    }
    Ok(exit::OK)
}

/// What a plugin is packed with.
#[derive(Debug, Args)]
pub(crate) struct Pack {
    /// A .wasm file, or the crate that it is built from
    pub(crate) plugin: PathBuf,
    /// File with the private key
    #[arg(long)]
    pub(crate) sign: PathBuf,
    /// Days until the signature is no reason any more to install it
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) days: u32,
    /// Folder for the .wasm of a crate [default: plugins in cargo's target folder]
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// How the suite is run before it is signed
    #[command(flatten)]
    pub(crate) bed: Bed,
}

pub(crate) async fn pack(pack: Pack, context: &Context) -> Outcome {
    let key = SigningKey::read(&pack.sign)?;
    let (file, beside) = match pack.plugin.is_dir() {
        true => {
            let (dir, options) = (pack.plugin, BuildOptions { out: pack.out, quiet: context.json });
            let built = shipped::build(&dir, options).await?;
            plugins::lint(&built).await?;
            (built.file, Some(dir.join("recordings")))
        }
        false => (pack.plugin, None),
    };
    let (bytes, _, digest) = inspect_file(&file)?;
    let tested = plugins::test(&file, &pack.bed.options(beside)?).await?;
    passed(&file, &tested)?;
    if inspect_file(&file)?.2 != digest {
        return Err(ApiError::failed(format!("{} was changed while it was tested: nothing was signed", file.display())));
    }
    let signed = key.sign(&bytes, jiff::Timestamp::now(), pack.days)?;
    let to = write_beside(&file, &signed)?;
    let [good, skipped] = [Verdict::Passed, Verdict::Skipped].map(|verdict| count(&tested.cases, verdict));
    if context.json {
        output::json(&json!({
            "file": file.display().to_string(), "signature": to.display().to_string(), "statement": signed.statement, "key": signed.key,
            "passed": good, "skipped": skipped,
        }));
    } else {
        say(format_args!("The suite of every plugin: {good} cases passed, {skipped} skipped."));
        say(format_args!(
            "{} {} (serial {}) is signed until {}: give {} and {} to whoever runs it.\nThey type: nave plugin trust add {} --name {}",
            signed.statement.name,
            signed.statement.version,
            signed.statement.serial,
            signed.statement.expires,
            file.display(),
            to.display(),
            signed.key,
            signed.statement.name
        ));
    }
    Ok(exit::OK)
}

/// Refuses to sign what the suite of every plugin fails.
fn passed(file: &Path, tested: &Tested) -> Result<(), ApiError> {
    let failed: Vec<String> = tested
        .cases
        .iter()
        .filter(|case| case.verdict == Verdict::Failed)
        .map(|case| format!("{} ({})", case.name, clean(&case.happened)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (manifest, many) = (&tested.manifest, if failed.len() == 1 { "a case" } else { "cases" });
    let message = format!(
        "{} {} is not signed: it fails {many} of the suite that every plugin must pass: {}",
        manifest.name,
        manifest.version,
        failed.join("; ")
    );
    Err(ApiError::new("plugin.fails", exit::FAILED, message).help(format!(
        "`nave plugin test {}` shows of each what to change; what `nave plugin build` makes can be tried without a signature",
        file.display()
    )))
}

/// The key that vouches for a file, and its owner.
fn sign_of(file: &Path, context: &Context) -> Result<(String, String), ApiError> {
    let (bytes, ..) = inspect_file(file)?;
    let found = nave_runtime::inspect(&bytes).map_err(PluginsError::from)?;
    let judge = Judge::with(context.dir(), false);
    match judge.judge(&found, read_beside(file)?.as_deref(), jiff::Timestamp::now())? {
        Vouched::By { key, owner } => Ok((key, owner)),
        Vouched::Nobody(no) => Err(PluginsError::from(no).into()),
    }
}

/// Who vouches for a file, by the signature beside it and the project's trust.toml.
pub(crate) fn verify(file: &Path, context: &Context) -> Result<serde_json::Value, ApiError> {
    let (bytes, ..) = inspect_file(file)?;
    let found = nave_runtime::inspect(&bytes).map_err(PluginsError::from)?;
    let (key, owner) = sign_of(file, context)?;
    if !context.json {
        let who = if owner.is_empty() { &key } else { &owner };
        say(format_args!("{} {} is what {} signed", found.manifest.name, found.manifest.version, clean(who)));
        say(format_args!("  SHA-256 {}", found.digest));
    }
    Ok(json!({
        "name": found.manifest.name, "version": found.manifest.version, "serial": found.manifest.serial,
        "digest": found.digest.to_string(), "key": key, "owner": owner,
    }))
}

/// Whether a crate becomes the very same file. That nobody signed it is no fault here; that somebody else did is.
pub(crate) async fn rebuild(file: &Path, source: &Path, context: &Context) -> Outcome {
    let (_, manifest, digest) = inspect_file(file)?;
    let signed = match sign_of(file, context) {
        Ok((key, _)) => Some(key),
        Err(no) if matches!(no.code.as_str(), "plugin.unsigned" | "plugin.unknown-key") => None,
        Err(no) => return Err(no),
    };
    let folder = tempfile::tempdir().map_err(|error| ApiError::failed(format!("no folder to build into: {error}")))?;
    let (from, options) = (source.to_owned(), BuildOptions { out: Some(folder.path().to_owned()), quiet: context.json });
    let built = shipped::build(&from, options).await?;
    if built.digest != digest {
        return Err(ApiError::new(
            "plugin.other-build",
            exit::FAILED,
            format!("{} becomes another file: SHA-256 {}, and {} has {digest}", source.display(), built.digest, file.display()),
        )
        .help("is it the source of this very version, with its Cargo.lock, and the toolchain that it was built with?"));
    }
    if context.json {
        output::json(
            &json!({ "name": manifest.name, "version": manifest.version, "digest": digest, "key": signed, "rebuilt": true }),
        );
    } else {
        say(format_args!("{} {} is what {} becomes: SHA-256 {digest}", manifest.name, manifest.version, source.display()));
        match signed {
            Some(key) => say(format_args!("  signed by {key}")),
            None => say("  signed by nobody whom this project trusts"),
        }
    }
    Ok(exit::OK)
}

/// Whose plugins this project accepts
#[derive(Debug, Subcommand)]
pub(crate) enum Trust {
    /// Accept what a key signs, for some names
    Add {
        /// Public key, ed25519:…
        key: String,
        /// Names that it may sign: hubspot, acme-*, *
        #[arg(long = "name", required = true)]
        names: Vec<String>,
        /// Who has it
        #[arg(long, default_value = "")]
        owner: String,
        /// First day on which it counts
        #[arg(long)]
        from: Option<Date>,
        /// Last day on which it counts
        #[arg(long)]
        until: Option<Date>,
        /// Why
        #[arg(long, default_value = "")]
        because: String,
    },
    /// Accept nothing more that a key ever signed: what is installed stops
    Revoke {
        /// Public key
        key: String,
        /// Why
        #[arg(long)]
        because: String,
    },
    /// Forget a key
    Remove {
        /// Public key
        key: String,
    },
    /// The keys that are trusted
    List,
}

pub(crate) async fn trust(verb: Trust, context: &Context) -> Outcome {
    let change = match verb {
        Trust::Add { key, names, owner, from, until, because } => {
            TrustChange::Add(TrustedKey { key, names, owner, from, until, revoked: None, because })
        }
        Trust::Revoke { key, because } => TrustChange::Revoke { key, because },
        Trust::Remove { key } => TrustChange::Remove { key },
        Trust::List => return list(context),
    };
    let answer = want!(context.call(Request::PluginTrust { change }).await?, Done);
    if context.json {
        output::json(&answer);
    } else {
        say(clean(&answer.message));
    }
    Ok(exit::OK)
}

fn list(context: &Context) -> Outcome {
    let judge = Judge::of(context.dir());
    let trust = judge.trust()?;
    if context.json {
        output::json(trust);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["key", "may sign", "owner", "from", "until", ""]);
    for known in &trust.keys {
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let state = known.revoked.map(|day| format!("revoked on {day}: {}", known.because)).unwrap_or_default();
        rows.row([known.key.as_str(), &known.names.join(", "), &known.owner, &day(known.from), &day(known.until), &state]);
    }
    rows.print("No key is trusted yet: `nave plugin trust add KEY --name NAME`.");
    Ok(exit::OK)
}
