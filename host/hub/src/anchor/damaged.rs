//! Which entries of the audit are not as they were, for people: also where the store's file is damaged and no hub opens it.
//!
//! Of a damaged file the entries are read past its checksums and held against their own chain; the anchors are not compared, since
//! what vouches for them lies in the same file. Writes nothing.

use std::path::Path;

use nave_store::{AuditRow, OpenError, Options, Redb, SalvagedAudit};

use super::{CHUNK, Chain, Finding, legible};
use crate::api::{ApiError, AuditCheckAnswer, AuditFinding};
use crate::key::store_key;
use crate::plugins::hex;
use crate::project;
use crate::vault::MasterKey;

/// A finding with the entry that it is about and the one before it. `sound`: the last entry before the first that is wrong.
pub(crate) fn named(finding: &Finding, sound: u64, row_at: impl Fn(u64) -> Option<AuditRow>) -> AuditFinding {
    let entry = finding.entry();
    let gone = matches!(finding, Finding::Cut { .. } | Finding::Misplaced(..) | Finding::Unreadable(..));
    let good = match finding {
        // The one before may be one of those that were put in.
        Finding::Head(_) => None,
        _ => entry.and_then(|entry| entry.checked_sub(1)).filter(|before| *before <= sound),
    };
    AuditFinding {
        code: finding.code().to_owned(),
        entry,
        says: entry.filter(|_| !gone).and_then(&row_at).map(|row| legible(&row)),
        good,
        good_says: good.and_then(&row_at).map(|row| legible(&row)),
        text: finding.text(),
    }
}

/// The audit of a project whose store no hub opens, where that is for damage to its file: none for any other reason.
pub fn audit_of_damaged(dir: &Path, refused: &ApiError) -> Option<AuditCheckAnswer> {
    let place = project::place(dir).ok()?;
    let path = place.store();
    if !path.exists() {
        return None;
    }
    let master = MasterKey::load_or_create(&place.data, &path).ok()?;
    let is_damaged = match Redb::open(&path, &store_key(&master), Options::default()) {
        Err(OpenError::Damaged(..)) => true,
        Err(_) => false,
        Ok(store) => store.check_file().map_or(true, |check| !check.damaged.is_empty()),
    };
    is_damaged.then(|| salvaged(dir, &refused.message)).flatten()
}

/// What the entries of a damaged file come to; `why` is what the store says of it. None where not even a table is found in it.
pub(crate) fn salvaged(dir: &Path, why: &str) -> Option<AuditCheckAnswer> {
    let path = project::place(dir).ok()?.store();
    let audit = SalvagedAudit::open(&path).ok()?;
    let (mut chain, mut last, mut read) = (Chain::default(), AuditRow::default(), 0);
    let mut after = 0;
    loop {
        let found = audit.rows(after, CHUNK);
        read += found.rows.len() as u64;
        chain.take(&found.rows);
        let whole = found.rows.len() == CHUNK;
        if let Some(row) = found.rows.into_iter().next_back() {
            (after, last) = (row.number, row);
        }
        if found.broken {
            // Nothing has a number behind the largest.
            let Some(broken) = after.checked_add(1) else { break };
            let next = audit.next_after(broken);
            chain.gap(next.map(|next| next - 1));
            match next {
                Some(next) => after = next - 1,
                None => break,
            }
        } else if !whole {
            break;
        }
    }
    let sound = chain.sound();
    let row_at = |number: u64| audit.rows(number.checked_sub(1)?, 1).rows.pop().filter(|row| row.number == number);
    let findings: Vec<AuditFinding> = chain.end(None).iter().map(|finding| named(finding, sound, row_at)).collect();
    Some(AuditCheckAnswer {
        sound: false,
        lines: read,
        head: hex(&last.digest),
        findings,
        damaged: Some(format!("{why}; `nave restore FILE --replace` brings a backup back")),
        ..AuditCheckAnswer::default()
    })
}
