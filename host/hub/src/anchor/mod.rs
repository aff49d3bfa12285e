//! What the audit said, noted outside of the store: its head, signed, a line at a time.
//!
//! The audit is a chain of digests, which a person with the file could make anew, or put back with the whole data folder.
//! So its head goes into a file of its own, signed with a key that is derived from the master key. Promises that whoever
//! has not that key can take lines out of the file, and not put any in. A copy of it elsewhere makes that noticed too.
//!
//! Where the master key is changed, the new key signs the head and names the key before ([`Kind::KeyChanged`]): lines of the
//! key before count in front of that line and nowhere behind it, so the old key forges nothing that comes after.

mod damaged;
mod judge;

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nave_core::model::Time;
use nave_store::{AUDIT_DIGEST_BYTES, AuditHead, KeyedRow, Store, StoreError};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

pub use damaged::audit_of_damaged;
pub(crate) use damaged::{named, salvaged};
pub use judge::{Chain, Finding, How, against, legible};

use crate::clock::now;
use crate::hub::Hub;
use crate::plugins::hex;
use crate::vault::{MasterKey, Purpose};

/// A head that moved is noted this long after the one before.
const NOTE_MS: i64 = 600_000;
/// Looks after which everything is gone through again.
const LOOKS_A_DAY: u64 = 144;
/// Read from the end of the file at a start: thousands of anchors.
const TAIL_BYTES: u64 = 1 << 20;
/// A file of anchors is read whole up to this.
pub const FILE_BYTES_MAX: u64 = 64 << 20;
/// Audit lines read at once.
const CHUNK: usize = 2_000;
/// Rows of the store about it.
const SPACE: &str = "audit";
/// How many lines were noted last.
const NOTED: &str = "noted";
/// What was found, until a person has said that they know.
const FOUND: &str = "found";
/// The anchors by which keys took over from those before them, oldest first.
const KEYS: &str = "keys";

/// Why an anchor is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The head moved.
    #[default]
    Noted,
    /// A backup was brought back: what was noted before is not to be asked for.
    Restored,
    /// A person knows what was found, and goes on from here.
    Accepted,
    /// The master key was changed: this one's key signs from here on, and vouches for the one before.
    KeyChanged,
}

/// One line of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// When.
    pub at: String,
    /// Why.
    pub kind: Kind,
    /// The hub's id.
    pub hub: String,
    /// Lines of the audit.
    pub lines: u64,
    /// Digest of the last one, hexadecimal.
    pub head: String,
    /// What a person said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Public key, hexadecimal.
    pub key: String,
    /// Where the key was changed: the public key before, hexadecimal.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub before: String,
    /// Ed25519 over the rest, hexadecimal.
    pub signature: String,
}

impl Anchor {
    /// What is signed. Never change it: what was signed would not be believed any more.
    fn statement(&self) -> String {
        let kind = match self.kind {
            Kind::Noted => "noted",
            Kind::Restored => "restored",
            Kind::Accepted => "accepted",
            Kind::KeyChanged => "key-changed",
        };
        let before = if self.before.is_empty() { String::new() } else { format!("{}\n", self.before) };
        let reason = serde_json::Value::from(self.reason.as_str());
        format!(
            "nave audit anchor 1\n{}\n{kind}\n{}\n{}\n{}\n{reason}\n{}\n{before}",
            self.at, self.hub, self.lines, self.head, self.key
        )
    }
}

/// What was found, as it is kept until a person has said that they know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// When it was found first.
    pub(crate) since: Time,
    /// Code and text of each.
    pub(crate) findings: Vec<(String, String)>,
}

/// What a key leaves to the one after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HandOver {
    /// Its public key, hexadecimal.
    key: String,
    /// What a person had accepted last.
    accepted: Option<Anchor>,
}

/// Who has signed an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Ours,
    /// A key from which ours descends.
    OfBefore,
    /// Another hub's.
    Foreign,
    Nobodys,
}

/// A hub's anchors.
pub(crate) struct Anchors {
    path: PathBuf,
    hub: String,
    key: Ed25519KeyPair,
}

impl Anchors {
    /// Those of a hub, in this file.
    pub(crate) fn new(path: PathBuf, hub: String, master: &MasterKey) -> Result<Self, String> {
        let seed = zeroize::Zeroizing::new(master.derive(Purpose::Audit));
        let key = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|error| error.to_string())?;
        Ok(Self { path, hub, key })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A signed anchor of this head.
    fn sign(&self, kind: Kind, head: AuditHead, reason: &str) -> Anchor {
        let mut anchor = Anchor {
            at: now().to_string(),
            kind,
            hub: self.hub.clone(),
            lines: head.lines,
            head: hex(&head.digest),
            reason: reason.to_owned(),
            key: self.public_key(),
            before: String::new(),
            signature: String::new(),
        };
        self.seal(&mut anchor);
        anchor
    }

    fn seal(&self, anchor: &mut Anchor) {
        anchor.signature = hex(self.key.sign(anchor.statement().as_bytes()).as_ref());
    }

    fn public_key(&self) -> String {
        hex(self.key.public_key().as_ref())
    }

    /// The head as it is now, signed: what an export ends with.
    pub(crate) fn signed_head(&self, store: &dyn Store) -> Result<Anchor, StoreError> {
        Ok(self.sign(Kind::Noted, store.audit_head()?, ""))
    }

    fn is_ours(&self, anchor: &Anchor) -> bool {
        is_signed(anchor, self.key.public_key().as_ref())
    }

    /// Anchors in a text, and what is wrong with it. A line that is none says nothing: it was cut off while it was written, or is as
    /// good as taken out. What a key of before has signed counts in front of the line that vouches for it, or where it is among
    /// `before`; and then what was noted alone, nothing that would begin anew: whoever stole that key could have put it there.
    pub(crate) fn read(&self, text: &str, before: &BTreeSet<String>) -> (Vec<Anchor>, Vec<Finding>) {
        let (mut before, mut lines) = (before.clone(), Vec::new());
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let Some(line) = line.strip_suffix('\n') else { break };
            let Ok(anchor) = serde_json::from_str::<Anchor>(line) else { continue };
            lines.push((number + 1, anchor));
        }
        let whose: Vec<Whose> = lines.iter().rev().map(|(_, anchor)| self.whose(anchor, &mut before)).collect();
        let (mut ours, mut found, mut foreign) = (Vec::new(), Vec::new(), None);
        for ((number, anchor), whose) in lines.into_iter().zip(whose.into_iter().rev()) {
            match whose {
                Whose::Foreign => foreign = Some(anchor.hub),
                Whose::Nobodys => found.push(Finding::Unsigned(number)),
                Whose::Ours | Whose::OfBefore => {
                    foreign = None;
                    if whose == Whose::Ours || anchor.kind == Kind::Noted {
                        ours.push(anchor);
                    }
                }
            }
        }
        // What a person has taken on lies behind: an unsigned line before it was known.
        found.extend(foreign.map(Finding::Foreign));
        (ours, found)
    }

    /// Who has signed an anchor. One that changes the key adds the one before to those that count.
    fn whose(&self, anchor: &Anchor, before: &mut BTreeSet<String>) -> Whose {
        let whose = if anchor.hub != self.hub {
            Whose::Foreign
        } else if self.is_ours(anchor) {
            Whose::Ours
        } else if before.contains(&anchor.key) && unhex(&anchor.key).is_some_and(|key| is_signed(anchor, &key)) {
            Whose::OfBefore
        } else {
            Whose::Nobodys
        };
        if matches!(whose, Whose::Ours | Whose::OfBefore) && anchor.kind == Kind::KeyChanged {
            before.insert(anchor.before.clone());
        }
        whose
    }

    /// Public keys from which ours descends, by what is kept in the store and in the file: for copies of the file that are older
    /// than a change.
    fn before(&self, store: &dyn Store) -> Result<BTreeSet<String>, StoreError> {
        let mut before = BTreeSet::new();
        for anchor in handed_over(store)?.iter().rev() {
            self.whose(anchor, &mut before);
        }
        let text = self.text(true).ok().flatten().unwrap_or_default();
        for anchor in text.lines().rev().filter_map(|line| serde_json::from_str(line).ok()) {
            self.whose(&anchor, &mut before);
        }
        Ok(before)
    }

    /// The file's text, or its end alone; none where there is no file.
    fn text(&self, whole: bool) -> std::io::Result<Option<String>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let size = file.metadata()?.len();
        let skip = if whole { size.saturating_sub(FILE_BYTES_MAX) } else { size.saturating_sub(TAIL_BYTES) };
        file.seek(SeekFrom::Start(skip))?;
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        // The first of a part is not whole.
        Ok(Some(if skip > 0 { text.split_once('\n').map(|(_, rest)| rest.to_owned()).unwrap_or_default() } else { text }))
    }

    /// Appends an anchor of the head as it is, durable when it returns.
    fn append(&self, store: &dyn Store, kind: Kind, reason: &str) -> Result<(), String> {
        let head = store.audit_head().map_err(|error| error.to_string())?;
        self.write(store, &[self.sign(kind, head, reason)])
    }

    fn write(&self, store: &dyn Store, anchors: &[Anchor]) -> Result<(), String> {
        let mut line = String::new();
        for anchor in anchors {
            line.push_str(&serde_json::to_string(anchor).map_err(|error| error.to_string())?);
            line.push('\n');
        }
        let lines = anchors.last().map(|anchor| anchor.lines).unwrap_or_default();
        let io = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&self.path).map_err(io)?;
        // What was being written when the machine stopped stays a line of its own.
        if file.metadata().map_err(io)?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).and_then(|_| file.read_exact(&mut last)).map_err(io)?;
            if last != [b'\n'] {
                line.insert(0, '\n');
            }
        }
        file.write_all(line.as_bytes()).and_then(|()| file.sync_data()).map_err(io)?;
        let row = KeyedRow { space: SPACE.into(), key: NOTED.into(), value: Some(lines.to_string().into_bytes()) };
        let batch = nave_store::Batch { at: now(), rows: vec![row], ..Default::default() };
        store.commit(batch).map(drop).map_err(|error| error.to_string())
    }

    /// The anchors against the store, without going through the chain: what a start can afford.
    fn glance(&self, store: &dyn Store, text: Option<&str>, before: &BTreeSet<String>) -> Result<Vec<Finding>, StoreError> {
        let noted = store.row(SPACE, NOTED)?.and_then(|row| String::from_utf8(row).ok()?.parse().ok());
        let Some(text) = text else {
            return Ok(noted.map(Finding::Missing).into_iter().collect());
        };
        let (anchors, mut found) = self.read(text, before);
        let (head, goes_on) = ends(store)?;
        let goes_on = goes_on.unwrap_or(head);
        found.extend(against(head, &anchors, |number| digest_at(store, number))?);
        // What was written since it was noted last is missed as well.
        if head.lines < goes_on.lines && !found.iter().any(|one| matches!(one, Finding::Cut { .. })) {
            found.push(Finding::Cut { first: head.lines + 1, were: goes_on.lines, at: String::new() });
        } else if found.is_empty() && head != goes_on {
            found.push(Finding::Head(head.lines));
        }
        if anchors.is_empty() && found.is_empty() {
            found.extend(noted.map(Finding::Missing));
        }
        Ok(found)
    }

    /// Everything: each line of the audit, and the anchors in the hub's file or in `given`.
    pub(crate) fn verify(&self, store: &dyn Store, given: Option<&str>) -> Result<Verified, String> {
        let said = |error: StoreError| error.to_string();
        let mut chain = Chain::default();
        let mut after = 0;
        let (head, goes_on) = ends(store).map_err(said)?;
        loop {
            let rows = store.audit_rows(after, CHUNK).map_err(said)?;
            // Whatever a store answers, no row is taken twice.
            let Some(last) = rows.last().filter(|last| last.number > after) else { break };
            after = last.number;
            chain.take(&rows);
        }
        let text = match given {
            Some(text) => Some(text.to_owned()),
            None => self.text(true).map_err(|error| format!("{}: {error}", self.path.display()))?,
        };
        // The hub's own file holds what vouches for the keys of before; a copy may be older than that.
        let before = if given.is_some() { self.before(store).map_err(said)? } else { BTreeSet::new() };
        let anchors = text.as_deref().map(|text| self.read(text, &before).0).unwrap_or_default();
        let accepted = anchors.iter().rev().find(|anchor| anchor.kind == Kind::Accepted).cloned();
        let sound = chain.sound();
        let mut findings = chain.end(goes_on.filter(|_| store.audit_head().is_ok_and(|now| now == head)));
        // What lies before it and was known then is told apart.
        let known = |finding: &Finding| match (finding, &accepted) {
            (Finding::Altered(entry, _) | Finding::Misplaced(entry, _), Some(accepted)) => *entry <= accepted.lines,
            (Finding::Unsigned(line), Some(accepted)) => {
                text.as_deref().is_some_and(|text| text.lines().skip(*line).any(|line| line.contains(&accepted.signature)))
            }
            _ => false,
        };
        for finding in self.glance(store, text.as_deref(), &before).map_err(said)? {
            let told = match &finding {
                // An entry in there is not as it was, and nobody knows it yet: that is why.
                Finding::Rewritten { first, last, .. } => findings.iter().any(|one| {
                    matches!(one, Finding::Altered(entry, _) | Finding::Misplaced(entry, _) if (first..=last).contains(&entry))
                        && !known(one)
                }),
                // By the anchors it is known when they were there.
                Finding::Cut { at, .. } if !at.is_empty() => {
                    findings.retain(|one| !matches!(one, Finding::Cut { .. }));
                    false
                }
                Finding::Cut { .. } | Finding::Head(_) => true,
                _ => false,
            };
            if !told {
                findings.push(finding);
            }
        }
        let (known, findings) = findings.into_iter().partition(known);
        Ok(Verified {
            sound,
            head: store.audit_head().map_err(said)?,
            anchors: anchors.len(),
            last: anchors.into_iter().last(),
            findings,
            known,
            accepted,
        })
    }

    /// At a start, and from time to time: what is wrong is kept and said, and a head that moved is noted. Where something
    /// is wrong nothing is noted: what was there is what an expert will ask for.
    pub(crate) fn look(&self, store: &dyn Store, at_once: bool) -> Result<Vec<Finding>, String> {
        let text = self.text(false).map_err(|error| format!("{}: {error}", self.path.display()))?;
        let none = BTreeSet::new();
        let found = self.glance(store, text.as_deref(), &none).map_err(|error| error.to_string())?;
        if !found.is_empty() {
            keep(store, &found).map_err(|error| error.to_string())?;
            return Ok(found);
        }
        settle(store).map_err(|error| error.to_string())?;
        let last = text.as_deref().and_then(|text| self.read(text, &none).0.pop());
        let head = store.audit_head().map_err(|error| error.to_string())?;
        let due = match &last {
            None => true,
            Some(last) if last.lines == head.lines => false,
            Some(last) => {
                at_once || last.at.parse::<jiff::Timestamp>().map_or(true, |at| now().0 - at.as_millisecond() >= NOTE_MS)
            }
        };
        if due {
            self.append(store, Kind::Noted, "")?;
        }
        Ok(found)
    }

    /// Goes through everything, keeps what is wrong, and says it.
    pub(crate) fn verify_and_keep(&self, store: &dyn Store) -> Result<(), String> {
        let verified = self.verify(store, None)?;
        if !verified.findings.is_empty() {
            say(&verified.findings);
            keep(store, &verified.findings).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A backup is what the hub has from here on.
    pub(crate) fn restored(&self, store: &dyn Store) -> Result<(), String> {
        self.append(store, Kind::Restored, "")?;
        forget(store).map_err(|error| error.to_string())
    }

    /// What the next key has to know of this one. Refused where anything is wrong: the next one would vouch for it.
    pub(crate) fn hand_over(&self, store: &dyn Store) -> Result<HandOver, String> {
        let verified = self.verify(store, None)?;
        if let Some(found) = verified.findings.first() {
            return Err(found.text());
        }
        Ok(HandOver { key: self.public_key(), accepted: verified.accepted })
    }

    /// The key has been changed, and this is the new one: it signs the head, names the key before, and says again what a
    /// person had accepted. Does nothing where that was done.
    pub(crate) fn take_over(&self, store: &dyn Store, from: &HandOver) -> Result<(), String> {
        let said = |error: StoreError| error.to_string();
        let mut handed_over = handed_over(store).map_err(said)?;
        if handed_over.last().is_some_and(|last| last.before == from.key && self.is_ours(last)) {
            return Ok(());
        }
        let mut anchors = Vec::new();
        if let Some(accepted) = &from.accepted {
            let mut again = Anchor { key: self.public_key(), ..accepted.clone() };
            self.seal(&mut again);
            anchors.push(again);
        }
        let mut changed =
            Anchor { before: from.key.clone(), ..self.sign(Kind::KeyChanged, store.audit_head().map_err(said)?, "") };
        self.seal(&mut changed);
        anchors.push(changed.clone());
        self.write(store, &anchors)?;
        handed_over.push(changed);
        let row = serde_json::to_vec(&handed_over).map_err(|error| error.to_string())?;
        let row = KeyedRow { space: SPACE.into(), key: KEYS.into(), value: Some(row) };
        let batch = nave_store::Batch { at: now(), rows: vec![row], ..Default::default() };
        store.commit(batch).map(drop).map_err(|error| error.to_string())
    }

    /// A person knows what was found.
    pub(crate) fn accept(&self, store: &dyn Store, reason: &str) -> Result<(), String> {
        self.append(store, Kind::Accepted, reason)?;
        forget(store).map_err(|error| error.to_string())
    }
}

/// Says in the log what is wrong.
pub(crate) fn say(found: &[Finding]) {
    for one in found {
        tracing::error!(code = one.code(), "the audit is not as it was: {}; `nave audit verify` says more", one.text());
    }
}

/// Notes the head while a hub serves, and goes through everything at its start and once a day. Ends when it is dropped.
pub(crate) fn watch(hub: &Hub) -> Watching {
    let (anchors, store) = (hub.anchors.clone(), hub.store.clone());
    Watching(tokio::spawn(async move {
        let mut looks = 0_u64;
        loop {
            let (anchors, store) = (anchors.clone(), store.clone());
            let whole = looks.is_multiple_of(LOOKS_A_DAY);
            let looked = tokio::task::spawn_blocking(move || {
                if whole {
                    anchors.verify_and_keep(store.as_ref())?;
                }
                anchors.look(store.as_ref(), false).map(|found| say(&found))
            });
            if let Ok(Err(error)) = looked.await {
                tracing::warn!(%error, "the audit's head could not be noted");
            }
            looks += 1;
            tokio::time::sleep(Duration::from_millis(NOTE_MS.unsigned_abs())).await;
        }
    }))
}

/// Keeps watching until it is dropped.
pub(crate) struct Watching(tokio::task::JoinHandle<()>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The last thing that a hub does: its head is noted as it is.
pub(crate) async fn end(hub: &Hub) {
    let (anchors, store) = (hub.anchors.clone(), hub.store.clone());
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || anchors.look(store.as_ref(), true)).await {
        tracing::warn!(%error, "the audit's head could not be noted");
    }
}

/// What going through everything came to.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// The last entry before the first that is not as it was.
    pub(crate) sound: u64,
    pub(crate) head: AuditHead,
    pub(crate) anchors: usize,
    pub(crate) last: Option<Anchor>,
    /// What is wrong.
    pub(crate) findings: Vec<Finding>,
    /// What was wrong when a person said that they know.
    pub(crate) known: Vec<Finding>,
    pub(crate) accepted: Option<Anchor>,
}

/// Keeps what was found, so that it is told until a person has said that they know.
pub(crate) fn keep(store: &dyn Store, found: &[Finding]) -> Result<(), StoreError> {
    let findings: Vec<(String, String)> = found.iter().map(|one| (one.code().to_owned(), one.text())).collect();
    let before = kept(store)?;
    if before.as_ref().is_some_and(|kept| kept.findings == findings) {
        return Ok(());
    }
    let since = before.map_or_else(now, |kept| kept.since);
    let row = serde_json::to_vec(&Kept { since, findings }).map_err(|error| StoreError::Damaged(error.to_string()))?;
    put(store, Some(row))
}

/// What is kept of what was found.
pub(crate) fn kept(store: &dyn Store) -> Result<Option<Kept>, StoreError> {
    Ok(store.row(SPACE, FOUND)?.and_then(|row| serde_json::from_slice(&row).ok()))
}

/// The anchors are in order: what was wrong with them is not any more. An entry that is not as it was stays told.
fn settle(store: &dyn Store) -> Result<(), StoreError> {
    let Some(mut kept) = kept(store)? else { return Ok(()) };
    let before = kept.findings.len();
    kept.findings.retain(|(code, _)| matches!(code.as_str(), "audit.altered" | "audit.misplaced" | "audit.unreadable"));
    if kept.findings.is_empty() {
        return forget(store);
    }
    if kept.findings.len() == before {
        return Ok(());
    }
    put(store, Some(serde_json::to_vec(&kept).map_err(|error| StoreError::Damaged(error.to_string()))?))
}

/// How the keys followed one another, oldest first. Each is signed by the key that came.
fn handed_over(store: &dyn Store) -> Result<Vec<Anchor>, StoreError> {
    Ok(store.row(SPACE, KEYS)?.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
}

fn is_signed(anchor: &Anchor, key: &[u8]) -> bool {
    let signature = unhex(&anchor.signature).unwrap_or_default();
    UnparsedPublicKey::new(&ED25519, key).verify(anchor.statement().as_bytes(), &signature).is_ok()
}

fn forget(store: &dyn Store) -> Result<(), StoreError> {
    put(store, None)
}

fn put(store: &dyn Store, value: Option<Vec<u8>>) -> Result<(), StoreError> {
    let row = KeyedRow { space: SPACE.into(), key: FOUND.into(), value };
    let batch = nave_store::Batch { at: now(), rows: vec![row], ..Default::default() };
    store.commit(batch).map(drop).map_err(|error| StoreError::Engine(error.to_string()))
}

/// The head, and where the store would go on from; without that where others write all the time.
fn ends(store: &dyn Store) -> Result<(AuditHead, Option<AuditHead>), StoreError> {
    for _ in 0..3 {
        let (before, head) = (store.audit_goes_on()?, store.audit_head()?);
        if store.audit_goes_on()? == before {
            return Ok((head, Some(before)));
        }
    }
    Ok((store.audit_head()?, None))
}

fn digest_at(store: &dyn Store, number: u64) -> Result<Option<[u8; AUDIT_DIGEST_BYTES]>, StoreError> {
    let row = store.audit_rows(number.saturating_sub(1), 1)?.pop();
    Ok(row.filter(|row| row.number == number).map(|row| row.digest))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests;
