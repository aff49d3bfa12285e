//! What the audit and its anchors come to: is it as it was written?

use nave_store::{AUDIT_DIGEST_BYTES, AuditHead, AuditRow};

use super::{Anchor, Kind};

/// Findings of one kind that are listed; more are counted by the last one's words.
const LISTED_MAX: usize = 100;

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// This entry is not what its digest is of.
    Altered(u64),
    /// Where this entry should be is another number: something was taken out or put in.
    Misplaced(u64),
    /// Entries that were there are not: the tail was cut, or the data were put back.
    Cut {
        /// The first that is missing.
        first: u64,
        /// How many there were when it was noted.
        were: u64,
        /// When that was.
        at: String,
    },
    /// The chain is whole, and is not the one that was noted: it was written anew between these entries.
    Rewritten {
        /// The first that may be another one.
        first: u64,
        /// The last of which it is known.
        last: u64,
        /// When that was noted.
        at: String,
    },
    /// An anchor that this hub's key did not sign: line of the file.
    Unsigned(usize),
    /// The file holds another hub's anchors, and none of this one after them.
    Foreign(String),
    /// The hub noted anchors, and there are none.
    Missing(u64),
}

impl Finding {
    /// Stable word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Altered(_) => "audit.altered",
            Self::Misplaced(_) => "audit.misplaced",
            Self::Cut { .. } => "audit.cut",
            Self::Rewritten { .. } => "audit.rewritten",
            Self::Unsigned(_) => "audit.anchor-unsigned",
            Self::Foreign(_) => "audit.anchor-foreign",
            Self::Missing(_) => "audit.anchor-missing",
        }
    }

    /// The first entry that it concerns.
    pub fn entry(&self) -> Option<u64> {
        match self {
            Self::Altered(entry) | Self::Misplaced(entry) => Some(*entry),
            Self::Cut { first, .. } | Self::Rewritten { first, .. } => Some(*first),
            Self::Unsigned(_) | Self::Foreign(_) | Self::Missing(_) => None,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        match self {
            Self::Altered(entry) => format!("entry {entry} is not as it was written"),
            Self::Misplaced(entry) => format!("entry {entry} is not there, or not in its place"),
            Self::Cut { first, were, at } => {
                format!(
                    "entries {first} to {were} are gone: they were there at {at}; the data were put back, or the end was cut off"
                )
            }
            Self::Rewritten { first, last, at } => {
                format!("entries {first} to {last} are not those that were there at {at}: they were written anew")
            }
            Self::Unsigned(line) => format!("line {line} of the anchors is not signed by this hub"),
            Self::Foreign(hub) => {
                format!("the anchors are those of another hub ({hub}): the data were replaced, or the file was")
            }
            Self::Missing(lines) => format!("the file of anchors is gone: {lines} entries had been noted in it"),
        }
    }
}

/// The chain by itself. Goes on behind a broken entry with the digest that is stored there, so that each is named.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    last: u64,
    digest: [u8; AUDIT_DIGEST_BYTES],
    found: Vec<Finding>,
}

impl Chain {
    /// The next rows, ascending.
    pub fn take(&mut self, rows: &[AuditRow]) {
        for row in rows {
            let found = if row.number != self.last + 1 {
                Some(Finding::Misplaced(self.last + 1))
            } else if row.digest_after(&self.digest) != row.digest || row.entry().is_none() {
                Some(Finding::Altered(row.number))
            } else {
                None
            };
            self.found.extend(found.filter(|_| self.found.len() < LISTED_MAX));
            (self.last, self.digest) = (row.number, row.digest);
        }
    }

    /// What was found.
    pub fn end(self) -> Vec<Finding> {
        self.found
    }
}

/// The store's head against the anchors of this hub, oldest first; `digest_at` looks a line's digest up.
pub fn against<E>(
    head: AuditHead,
    anchors: &[Anchor],
    mut digest_at: impl FnMut(u64) -> Result<Option<[u8; AUDIT_DIGEST_BYTES]>, E>,
) -> Result<Vec<Finding>, E> {
    // What was agreed to, or restored, is where counting begins anew.
    let from = anchors.iter().rposition(|anchor| anchor.kind != Kind::Noted).unwrap_or(0);
    let mut sound = 0;
    for anchor in &anchors[from..] {
        if anchor.lines > head.lines {
            let were = anchors[from..].iter().map(|anchor| anchor.lines).max().unwrap_or(anchor.lines);
            return Ok(vec![Finding::Cut { first: head.lines + 1, were, at: anchor.at.clone() }]);
        }
        let found = if anchor.lines == 0 { Some([0; AUDIT_DIGEST_BYTES]) } else { digest_at(anchor.lines)? };
        if found.map(|digest| crate::plugins::hex(&digest)).as_ref() != Some(&anchor.head) {
            return Ok(vec![Finding::Rewritten { first: sound + 1, last: anchor.lines, at: anchor.at.clone() }]);
        }
        sound = anchor.lines;
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use nave_core::model::{AuditEntry, Time};
    use nave_store::{Batch, Memory, Store as _};

    use super::*;

    fn rows(count: i64) -> Vec<AuditRow> {
        let store = Memory::new();
        let entry = |at| AuditEntry {
            at: Time(at),
            actor: "ann".into(),
            action: "secret.set".into(),
            subject: format!("s{at}"),
            detail: String::new(),
        };
        let audit = (1..=count).map(entry).collect();
        store.commit(Batch { at: Time(1), audit, ..Batch::default() }).expect("commits");
        store.audit_rows(0, 100).expect("rows")
    }

    #[track_caller]
    fn check(change: impl Fn(&mut Vec<AuditRow>), expected: &[Finding]) {
        let mut rows = rows(6);
        change(&mut rows);
        let mut chain = Chain::default();
        // In two parts: what comes between reads is no matter.
        let middle = rows.len() / 2;
        chain.take(&rows[..middle]);
        chain.take(&rows[middle..]);
        assert_eq!(chain.end(), expected);
    }

    /// T123: changed, taken out, moved, added; each is named, and the first is the first.
    #[test]
    fn each_entry_that_is_not_as_it_was_is_named() {
        use Finding::{Altered, Misplaced};
        check(|_| {}, &[]);
        check(|rows| rows[2].text[20] ^= 1, &[Altered(3)]);
        check(|rows| rows[0].digest[0] ^= 1, &[Altered(1), Altered(2)]);
        check(|rows| rows[5].text.push(b' '), &[Altered(6)]);
        check(|rows| rows[5].text.clear(), &[Altered(6)]);
        check(|rows| drop(rows.remove(3)), &[Misplaced(4)]);
        check(|rows| drop(rows.remove(0)), &[Misplaced(1)]);
        check(
            |rows| {
                let text = rows[1].text.clone();
                rows[1].text = std::mem::replace(&mut rows[4].text, text);
            },
            &[Altered(2), Altered(5)],
        );
        check(
            |rows| {
                let more = AuditRow { number: 3, ..rows[4].clone() };
                rows.insert(2, more);
            },
            &[Altered(3), Misplaced(4)],
        );
    }

    /// T122, T123: a whole chain that is not the one that was noted.
    #[test]
    fn another_chain_or_a_shorter_one_is_not_the_one_that_was_noted() {
        let rows = rows(6);
        let anchor = |lines: u64, kind: Kind| Anchor {
            at: format!("at {lines}"),
            kind,
            lines,
            head: match lines {
                0 => crate::plugins::hex(&[0; 32]),
                _ => crate::plugins::hex(&rows[lines as usize - 1].digest),
            },
            ..Anchor::default()
        };
        let noted = |lines: u64| anchor(lines, Kind::Noted);
        let wrong = |lines: u64| Anchor { head: "ab".repeat(32), ..noted(lines) };
        let check = |lines: usize, anchors: &[Anchor], expected: &[Finding]| {
            let head = AuditHead { lines: lines as u64, digest: if lines == 0 { [0; 32] } else { rows[lines - 1].digest } };
            let digest_at = |number: u64| Ok::<_, ()>(rows[..lines].get(number as usize - 1).map(|row| row.digest));
            assert_eq!(against(head, anchors, digest_at), Ok(expected.to_vec()));
        };
        check(6, &[], &[]);
        check(6, &[noted(0), noted(2), noted(6)], &[]);
        check(6, &[noted(2)], &[]);
        let cut = |first, were, at: u64| Finding::Cut { first, were, at: format!("at {at}") };
        check(4, &[noted(2), noted(5), noted(6)], &[cut(5, 6, 5)]);
        check(0, &[noted(3)], &[cut(1, 3, 3)]);
        let rewritten = |first, last| Finding::Rewritten { first, last, at: format!("at {last}") };
        check(6, &[noted(2), wrong(4), noted(6)], &[rewritten(3, 4)]);
        check(6, &[wrong(2)], &[rewritten(1, 2)]);
        // A backup that was brought back, and a finding that somebody took on, are where it begins anew.
        check(4, &[noted(6), anchor(4, Kind::Restored)], &[]);
        check(4, &[noted(6), anchor(4, Kind::Accepted), noted(4)], &[]);
        check(4, &[anchor(4, Kind::Restored), noted(5)], &[cut(5, 5, 5)]);
        check(6, &[noted(2), Anchor { head: "ab".repeat(32), ..anchor(4, Kind::Accepted) }], &[rewritten(1, 4)]);
    }
}
