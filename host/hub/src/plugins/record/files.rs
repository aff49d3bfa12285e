//! What a connection that only reaches folders is compared by: the files that lie there, read by both builds.
//!
//! Nothing of it is kept, and nothing is written to the folders: what a build would write is written in memory.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use nave_core::catalog::Connection;
use nave_core::limits::PAGE_RECORDS;
use nave_runtime::Plugin;
use serde_json::{Value as Json, json};

use super::super::PluginsError;
use super::hosts::Player;
use super::play::one;
use super::{Body, Call, FORMAT, RecordedFile, Recording};
use crate::guest::folder::Folders;
use crate::project::place;
use crate::workers::off_the_workers;

/// Bytes of all files that are looked at.
const BYTES_MAX: u64 = 16 << 20;
/// Bytes of a file that are asked for at once.
const PIECE_BYTES: u32 = 1 << 20;
/// Pages that are read of each stream.
const PAGES_MAX: usize = 100;

/// What two builds are run over.
pub(crate) struct OfFiles {
    /// As a recording, with the calls that the running build makes.
    pub(crate) recording: Recording,
    /// Files that lie there, also those that are too large to be looked at.
    pub(crate) there: usize,
}

/// Takes in the files of a connection's folders, and finds out what is called to read them.
///
/// # Errors
/// [`PluginsError`] where a folder cannot be opened.
pub(crate) async fn of_files(dir: &Path, connection: &Connection, plugin: &Plugin) -> Result<OfFiles, PluginsError> {
    let data = place(dir)?.data;
    let failed = |what: String| PluginsError::Call(format!("the files of {}: {what}", connection.name));
    let (files, there) = off_the_workers(|| gathered(dir, &data, connection)).map_err(failed)?;
    let mut recording = Recording {
        format: FORMAT.to_owned(),
        connection: connection.name.clone(),
        plugin: plugin.manifest().name.clone(),
        digest: plugin.digest().to_string(),
        at: crate::clock::now().0.unsigned_abs(),
        settings: connection.settings.clone(),
        calls: Vec::new(),
        exchanges: Vec::new(),
        files,
    };
    if !recording.files.is_empty() {
        recording.calls = calls(&recording, plugin).await;
    }
    Ok(OfFiles { recording, there })
}

/// Files that fit, the smaller first, and how many there are.
fn gathered(dir: &Path, data: &Path, connection: &Connection) -> Result<(Vec<RecordedFile>, usize), String> {
    let folders = Folders::open(dir, data, &connection.grants.folders)?;
    let mut listed = Vec::new();
    for folder in connection.grants.folders.keys() {
        // A folder that is only written to has nothing to read.
        let found = folders.list(folder).unwrap_or_default();
        listed.extend(found.into_iter().map(|entry| (entry.size, folder.clone(), entry)));
    }
    listed.sort_by_key(|(size, _, _)| *size);
    let (there, mut room, mut files) = (listed.len(), BYTES_MAX, Vec::new());
    for (size, folder, entry) in listed {
        let Some(left) = room.checked_sub(size) else { break };
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            let piece = folders.read(&folder, &entry.name, bytes.len() as u64, PIECE_BYTES);
            let piece = piece.map_err(|error| format!("{}: {error:?}", entry.name))?;
            if piece.is_empty() {
                break;
            }
            bytes.extend_from_slice(&piece);
        }
        room = left;
        files.push(RecordedFile { folder, name: entry.name, modified_at: entry.modified_at, body: Body::of(&bytes) });
    }
    Ok((files, there))
}

/// Everything that reads: each stream to its end, and once more from there.
async fn calls(recording: &Recording, plugin: &Plugin) -> Vec<Call> {
    let player = Arc::new(Player::new(recording, plugin.manifest().folders.keys().cloned()));
    let call = |function: &str, arguments: Vec<Json>| Call { function: function.to_owned(), arguments };
    let mut calls = vec![call("check", vec![]), call("discover", vec![])];
    let discovered = one(plugin, &player, &calls[1]).await;
    let readable = discovered.as_array().into_iter().flatten().filter(|stream| stream["capabilities"]["readable"] == true);
    let streams: BTreeSet<&str> = readable.filter_map(|stream| stream["name"].as_str()).collect();
    for stream in streams {
        let (mut checkpoint, mut ended) = (Json::Null, false);
        for _ in 0..PAGES_MAX {
            let read = call("read", vec![json!(stream), checkpoint.clone(), json!(PAGE_RECORDS)]);
            let mut page = one(plugin, &player, &read).await;
            calls.push(read);
            if page.get("error").is_some() || ended {
                break;
            }
            ended = page["more"] != true;
            checkpoint = page["next"].take();
        }
    }
    calls
}
