//! `scan`: secrets in files that are about to be kept.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use nave_core::leak;
use nave_hub::api::{ApiError, Request, exit};
use nave_hub::project;
use nave_hub::scan::{self, Hook, Text};
use serde::Serialize;

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, clean, say};

/// Bytes that are asked about at once; encoded they fit into one request.
const PIECE_BYTES: usize = 480 << 10;
/// Files that are held in memory together; a larger one is alone with those before it.
const TOGETHER_BYTES: usize = 16 << 20;
/// A secret that stands across the border of two pieces is whole in one of them.
const OVERLAP_BYTES: usize = 96 << 10;

/// Look for secrets in files: keys of known vendors, values beside words such as token, and every secret of the vault in any spelling
#[derive(Debug, Args)]
#[command(
    after_help = "`nave init` puts `nave scan --staged` before every commit, where the project is in a git work tree; `nave scan --install`\n\
                  does so later. Found values are never shown. A line that holds none after all says so: nave:no-secret.\n\
                  Exit code 1 where something was found, and where a file is too large to be looked at whole (256 MiB)."
)]
pub(crate) struct Scan {
    /// File or folder [default: the project's directory, without its data and what git ignores]
    path: Option<PathBuf>,
    /// What is staged for the next commit
    #[arg(long, conflicts_with = "path")]
    staged: bool,
    /// Puts the look before every commit
    #[arg(long, conflicts_with_all = ["path", "staged"])]
    install: bool,
}

/// One place.
#[derive(Debug, Serialize)]
struct Found {
    path: String,
    line: usize,
    column: usize,
    what: String,
}

pub(crate) async fn run(verb: Scan, context: &Context) -> Outcome {
    if verb.install {
        return install(context);
    }
    let data = project::place(context.dir()).map(|place| place.data);
    let mut texts = if verb.staged {
        scan::staged(context.dir())?
    } else {
        let data = data.as_ref().cloned().unwrap_or_default();
        scan::under(verb.path.as_deref().unwrap_or(context.dir()), &data)?
    };
    // Only a project with data has a vault.
    let vault = data.is_ok() && project::place(context.dir())?.store().exists();
    let mut seen = Seen::default();
    loop {
        let together = some(&mut texts)?;
        if together.is_empty() {
            break;
        }
        seen.look(&together);
        if vault && seen.note.is_none() {
            match of_the_vault(&together, context).await {
                Ok(more) => seen.found.extend(more),
                Err(error) => seen.note = Some(error.message),
            }
        }
    }
    seen.found.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    seen.found.dedup_by(|a, b| a.path == b.path && a.line == b.line && a.what == b.what);
    show(&seen, context);
    // What could not be compared or looked at is not known to be clean.
    Ok(if seen.found.is_empty() && seen.note.is_none() && seen.cut.is_empty() { exit::OK } else { exit::FAILED })
}

/// What is known of all files so far.
#[derive(Default)]
struct Seen {
    files: usize,
    found: Vec<Found>,
    /// Why they were not compared with the vault.
    note: Option<String>,
    /// Files that were not looked at whole.
    cut: Vec<String>,
}

impl Seen {
    fn look(&mut self, texts: &[Text]) {
        self.files += texts.len();
        for text in texts {
            let leaks = text.text().map(leak::find).unwrap_or_default();
            self.found.extend(leaks.into_iter().map(|leak| Found {
                path: text.path.clone(),
                line: leak.line,
                column: leak.column,
                what: leak.what.to_owned(),
            }));
            if text.cut {
                self.cut.push(text.path.clone());
            }
        }
    }
}

/// The next files, as many as are held in memory together.
fn some(texts: &mut scan::Texts) -> Result<Vec<Text>, ApiError> {
    let (mut together, mut size) = (Vec::new(), 0);
    while size < TOGETHER_BYTES
        && let Some(text) = texts.next()
    {
        let text = text?;
        size += text.bytes.len();
        together.push(text);
    }
    Ok(together)
}

fn show(seen: &Seen, context: &Context) {
    let Seen { files, found, note, cut } = seen;
    if context.json {
        output::json(&serde_json::json!({ "files": files, "found": found, "not_compared": note, "not_whole": cut }));
        return;
    }
    for one in found {
        say(format_args!("{}:{}:{}: {}", clean(&one.path), one.line, one.column, clean(&one.what)));
    }
    for path in cut {
        say(format_args!(
            "{}: not looked at whole: only its first {} MiB were. Split it, or keep it out of version control (.gitignore).",
            clean(path),
            scan::FILE_BYTES_MAX >> 20
        ));
    }
    if let Some(note) = note {
        say(format_args!("not compared with the vault's secrets: {}", clean(note)));
    }
    let files = if *files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    match found.len() {
        0 if !cut.is_empty() => say(format_args!("No secret in what was looked at of {files}.")),
        0 => say(format_args!("No secret in {files}.")),
        count => say(format_args!(
            "{count} {} in {files}. Keep it with `nave secret set NAME` and name it; what was committed or sent anywhere before has to be replaced.",
            if count == 1 { "place that looks like a secret" } else { "places that look like secrets" }
        )),
    }
}

/// Secrets of the vault, by value: the hub looks, which alone can open them.
async fn of_the_vault(texts: &[Text], context: &Context) -> Result<Vec<Found>, ApiError> {
    let mut found = Vec::new();
    let mut batch: Vec<(&Text, usize)> = Vec::new();
    let mut size = 0;
    for text in texts {
        let mut from = 0;
        loop {
            let length = (text.bytes.len() - from).min(PIECE_BYTES);
            if size + length > PIECE_BYTES && !batch.is_empty() {
                found.extend(ask(&std::mem::take(&mut batch), context).await?);
                size = 0;
            }
            batch.push((text, from));
            size += length;
            if from + length >= text.bytes.len() {
                break;
            }
            from += PIECE_BYTES - OVERLAP_BYTES;
        }
    }
    if !batch.is_empty() {
        found.extend(ask(&batch, context).await?);
    }
    Ok(found)
}

async fn ask(batch: &[(&Text, usize)], context: &Context) -> Result<Vec<Found>, ApiError> {
    let piece = |(text, from): &(&Text, usize)| STANDARD.encode(&text.bytes[*from..text.bytes.len().min(from + PIECE_BYTES)]);
    let texts = batch.iter().map(piece).collect();
    let answer = want!(context.call(Request::SecretFind { texts }).await?, SecretsFound);
    let places = answer.found.iter().filter_map(|one| {
        let (text, from) = batch.get(one.text)?;
        let before = &text.bytes[..(from + one.at).min(text.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Some(Found {
            path: text.path.clone(),
            line,
            column: String::from_utf8_lossy(&before[start..]).chars().count() + 1,
            what: match one.master_key {
                true => format!("master key ({})", one.secret),
                false => format!("secret `{}` of the vault", one.secret),
            },
        })
    });
    Ok(places.collect())
}

fn install(context: &Context) -> Outcome {
    let hook = hook(context.dir())?;
    let (done, text) = said(&hook);
    if context.json {
        output::json(&serde_json::json!({ "installed": done, "message": text }));
    } else {
        say(&text);
    }
    Ok(if done { exit::OK } else { exit::FAILED })
}

/// Puts the hook in where the project is in a work tree.
pub(crate) fn hook(dir: &std::path::Path) -> Result<Hook, ApiError> {
    let nave = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("nave"));
    Ok(scan::install_hook(dir, &nave)?)
}

/// Whether commits are looked at now, and a sentence.
pub(crate) fn said(hook: &Hook) -> (bool, String) {
    match hook {
        Hook::Installed(path) => (true, format!("Every commit is looked at for secrets from now on ({}).", path.display())),
        Hook::Present(path) => (true, format!("Every commit is looked at for secrets ({}).", path.display())),
        Hook::Others(path) => (
            false,
            format!("There is a hook already, which stays as it is: let it end with `nave scan --staged` ({}).", path.display()),
        ),
        Hook::NoWorkTree => (false, "This is no git work tree; after `git init` type `nave scan --install`.".to_owned()),
    }
}
