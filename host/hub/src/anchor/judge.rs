//! What the audit and its anchors come to: is it as it was written?

use nave_core::model::Time;
use nave_store::{AUDIT_DIGEST_BYTES, AuditHead, AuditRow};

use super::{Anchor, Kind};

/// Findings of one kind that are listed; more are counted by the last one's words.
const LISTED_MAX: usize = 100;
/// Characters of what an entry says.
const SAID_CHARS_MAX: usize = 400;

/// What is wrong with an entry, as far as its neighbours tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is not what its digest is of: its text was changed, or another entry stood before it.
    Text,
    /// Its text is what was written: what comes behind it goes on from that. Its digest was changed.
    Digest,
    /// Another entry stands in its place: the one that belongs there.
    Moved(u64),
    /// It does not go on from the entry before, which is not as it was itself; whether this one is cannot be told.
    Unsure,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// This entry is not what its digest is of.
    Altered(u64, How),
    /// These entries are not in their places: they were taken out, or got other numbers.
    Misplaced(u64, u64),
    /// These entries cannot be read: the file is damaged there. Without a last: nor can anything behind.
    Unreadable(u64, Option<u64>),
    /// The next entry would go on from another one than the last, which is this: entries were put in or made anew past the hub.
    Head(u64),
    /// Entries that were there are not: the tail was cut, or the data were put back.
    Cut {
        /// The first that is missing.
        first: u64,
        /// How many there were when it was noted.
        were: u64,
        /// When that was; empty: as the last of them was written.
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
            Self::Altered(..) => "audit.altered",
            Self::Misplaced(..) => "audit.misplaced",
            Self::Unreadable(..) => "audit.unreadable",
            Self::Head(_) => "audit.head",
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
            Self::Altered(entry, _) | Self::Misplaced(entry, _) | Self::Unreadable(entry, _) | Self::Head(entry) => Some(*entry),
            Self::Cut { first, .. } | Self::Rewritten { first, .. } => Some(*first),
            Self::Unsigned(_) | Self::Foreign(_) | Self::Missing(_) => None,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let those = |first: &u64, last: &u64| match first == last {
            true => format!("entry {first} is"),
            false => format!("entries {first} to {last} are"),
        };
        match self {
            Self::Altered(entry, How::Text) => {
                format!("entry {entry} is not as it was written: it is not what its digest is of")
            }
            Self::Altered(entry, How::Digest) => {
                format!(
                    "the digest of entry {entry} is not as it was written; its text is: the entry behind it goes on from that"
                )
            }
            Self::Altered(entry, How::Moved(belongs)) => {
                format!("entry {entry} is not as it was written: the one that belongs at {belongs} stands there")
            }
            Self::Altered(entry, How::Unsure) => {
                format!(
                    "entry {entry} does not go on from the one before, which is not as it was; whether it is itself cannot be told"
                )
            }
            Self::Misplaced(first, last) => format!("{} not there, or not in place", those(first, last)),
            Self::Unreadable(first, Some(last)) => {
                format!("{} not to be read: the store's file is damaged there", those(first, last))
            }
            Self::Unreadable(first, None) => {
                format!("entry {first} and what comes behind it cannot be read: the store's file is damaged there")
            }
            Self::Head(last) => {
                format!(
                    "entry {last} is the last, and the next one would go on from another: entries were put in or made anew past the hub"
                )
            }
            Self::Cut { first, were, at } => {
                let since = if at.is_empty() { "the hub wrote them".to_owned() } else { format!("they were there at {at}") };
                format!("{} gone: {since}; the data were put back, or the end was cut off", those(first, were))
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

type Digest = [u8; AUDIT_DIGEST_BYTES];

/// The chain by itself. Goes on behind a broken entry with what is stored there, and with what should be, so that each is named
/// and no other one.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    last: u64,
    /// The last entry's digest as it is stored, and as it should be; none behind a gap.
    digest: Option<Digest>,
    computed: Digest,
    /// The last entry is one that was found.
    broken: bool,
    /// The last entry before the first that is broken.
    sound: Option<(u64, Digest)>,
    /// Stored with entries that were found: an entry that was moved took its digest along.
    strays: Vec<Digest>,
    /// Entries of which it could not be told.
    unsure: Vec<AuditRow>,
    found: Vec<Finding>,
}

impl Chain {
    /// The next rows, ascending.
    pub fn take(&mut self, rows: &[AuditRow]) {
        for row in rows {
            self.one(row);
        }
    }

    /// The entries up to the last could not be read; without a last: nothing behind can.
    pub fn gap(&mut self, last: Option<u64>) {
        self.push(Finding::Unreadable(self.last + 1, last));
        self.sound.get_or_insert((self.last, self.digest.unwrap_or_default()));
        (self.last, self.digest, self.broken) = (last.unwrap_or(u64::MAX), None, false);
    }

    fn push(&mut self, finding: Finding) {
        if self.found.len() < LISTED_MAX {
            self.found.push(finding);
        }
    }

    fn one(&mut self, row: &AuditRow) {
        let fits = |digest: &Digest| row.digest_after(digest) == row.digest;
        // Of the first there is nothing before.
        let before = if self.last == 0 { Some([0; AUDIT_DIGEST_BYTES]) } else { self.digest };
        let computed = row.digest_after(&before.unwrap_or_default());
        let expected = self.last + 1;
        let found = if row.number != expected {
            Some(Finding::Misplaced(expected, row.number.saturating_sub(1).max(expected)))
        } else if before.is_none_or(|digest| fits(&digest)) {
            row.entry().is_none().then_some(Finding::Altered(row.number, How::Text))
        } else if self.broken && fits(&self.computed) {
            // Of the entry before only the digest is another one.
            if let Some(Finding::Altered(entry, how @ How::Text)) = self.found.last_mut()
                && *entry == self.last
            {
                *how = How::Digest;
            }
            None
        } else if self.strays.iter().any(fits) {
            None
        } else if let Some((sound, _)) = self.sound.filter(|(sound, digest)| sound + 1 != row.number && fits(digest)) {
            Some(Finding::Altered(row.number, How::Moved(sound + 1)))
        } else if self.broken {
            if self.unsure.len() < LISTED_MAX {
                self.unsure.push(row.clone());
            }
            Some(Finding::Altered(row.number, How::Unsure))
        } else {
            Some(Finding::Altered(row.number, How::Text))
        };
        let broken = matches!(found, Some(Finding::Altered(..)));
        if found.is_some() {
            self.sound.get_or_insert((self.last, before.unwrap_or_default()));
        }
        if broken {
            // An entry that was not sure goes on from one that was moved here.
            let cleared = |unsure: &AuditRow| unsure.digest_after(&row.digest) == unsure.digest;
            let (unsure, found) = (&self.unsure, &mut self.found);
            found.retain(|one| {
                let Finding::Altered(entry, How::Unsure) = one else { return true };
                !unsure.iter().any(|unsure| unsure.number == *entry && cleared(unsure))
            });
            self.unsure.retain(|unsure| !cleared(unsure));
            if self.strays.len() < LISTED_MAX {
                self.strays.push(row.digest);
            }
        }
        if let Some(finding) = found {
            self.push(finding);
        }
        (self.last, self.digest, self.computed, self.broken) = (row.number, Some(row.digest), computed, broken);
    }

    /// The last entry before the first that is not as it was; all of them where none is.
    pub fn sound(&self) -> u64 {
        self.sound.map_or(self.last, |(sound, _)| sound)
    }

    /// What was found. `goes_on`: where the store would go on, by what it keeps apart from its lines.
    pub fn end(mut self, goes_on: Option<AuditHead>) -> Vec<Finding> {
        let Some(goes_on) = goes_on else { return self.found };
        match self.found.last_mut() {
            // Nothing comes behind it that would tell, but this.
            Some(Finding::Altered(entry, how @ How::Text))
                if *entry == self.last && goes_on.lines == self.last && goes_on.digest == self.computed =>
            {
                *how = How::Digest;
            }
            _ if goes_on.lines > self.last => {
                let cut = Finding::Cut { first: self.last + 1, were: goes_on.lines, at: String::new() };
                self.found.push(cut);
            }
            _ if goes_on.lines < self.last => self.found.push(Finding::Head(self.last)),
            Some(Finding::Altered(entry, _)) if *entry == self.last => {}
            _ if self.digest.unwrap_or_default() != goes_on.digest => self.found.push(Finding::Head(self.last)),
            _ => {}
        }
        self.found
    }
}

/// Which entry it is, as far as it can be read, for people; control characters are spelled out.
pub fn legible(row: &AuditRow) -> String {
    let entry = row.entry();
    let text = String::from_utf8_lossy(&row.text);
    let (at, [actor, action, subject, detail]) = match entry {
        Some(entry) => (Some(entry.at), [entry.actor, entry.action, entry.subject, entry.detail].map(Some)),
        None => {
            let at =
                text.split_once("\"at\":").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
            let at = at.and_then(|digits| digits.parse().ok()).map(Time);
            (at, ["actor", "action", "subject", "detail"].map(|field| part(&text, field)))
        }
    };
    let at = at.map(|at| at.to_string());
    let said: Vec<String> = [at, actor, action, subject, detail].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if said.is_empty() {
        return "nothing of it can be read".to_owned();
    }
    let said = said.join(" ").chars().take(SAID_CHARS_MAX).collect::<String>();
    said.chars().flat_map(|one| if one.is_control() { one.escape_default().collect() } else { vec![one] }).collect()
}

/// A field of a line that is no JSON any more, up to where it ends or the text does.
fn part(text: &str, field: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("\"{field}\":\""))?;
    Some(rest.split_once('"').map_or(rest, |(part, _)| part).to_owned())
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
        assert_eq!(chain.end(None), expected);
    }

    /// T123, S7.11: changed, taken out, moved, added; each is named, and no other one.
    #[test]
    fn each_entry_that_is_not_as_it_was_is_named() {
        use Finding::{Altered, Misplaced};
        use How::{Digest, Moved, Text, Unsure};
        check(|_| {}, &[]);
        // A byte of a line's text, whichever it is.
        for at in 0..rows(6)[2].text.len() {
            check(|rows| rows[2].text[at] ^= 1, &[Altered(3, Text)]);
        }
        // Of its digest; the last one's has nothing behind it that would tell.
        for at in 0..AUDIT_DIGEST_BYTES {
            check(|rows| rows[0].digest[at] ^= 1, &[Altered(1, Digest)]);
            check(|rows| rows[3].digest[at] ^= 1, &[Altered(4, Digest)]);
            check(|rows| rows[5].digest[at] ^= 1, &[Altered(6, Text)]);
        }
        check(|rows| rows[5].text.push(b' '), &[Altered(6, Text)]);
        check(|rows| rows[5].text.clear(), &[Altered(6, Text)]);
        check(|rows| (rows[1].text[20], rows[1].digest[3]) = (0, 0), &[Altered(2, Text), Altered(3, Unsure)]);
        check(|rows| drop(rows.remove(3)), &[Misplaced(4, 4)]);
        check(|rows| drop(rows.remove(0)), &[Misplaced(1, 1)]);
        check(|rows| drop(rows.drain(1..4)), &[Misplaced(2, 4)]);
        // Taken out, and those behind it numbered anew.
        check(
            |rows| {
                rows.remove(3);
                (1..).zip(rows).for_each(|(number, row)| row.number = number);
            },
            &[Altered(4, Text)],
        );
        // Texts that changed places, and whole entries that did.
        check(
            |rows| {
                let text = rows[1].text.clone();
                rows[1].text = std::mem::replace(&mut rows[4].text, text);
            },
            &[Altered(2, Text), Altered(5, Text)],
        );
        for (one, other) in [(1, 4), (2, 3), (0, 5)] {
            check(
                |rows| {
                    rows.swap(one, other);
                    (1..).zip(rows).for_each(|(number, row)| row.number = number);
                },
                &[Altered(one as u64 + 1, Text), Altered(other as u64 + 1, Moved(one as u64 + 1))],
            );
        }
        check(
            |rows| {
                let more = AuditRow { number: 3, ..rows[4].clone() };
                rows.insert(2, more);
            },
            &[Altered(3, Text), Misplaced(4, 4)],
        );
    }

    /// T123: the end, against what the store keeps apart from its lines.
    #[test]
    fn the_end_of_the_chain_is_where_the_store_goes_on() {
        let all = rows(6);
        let ends = |lines: u64| AuditHead { lines, digest: all[lines as usize - 1].digest };
        let check = |change: fn(&mut Vec<AuditRow>), goes_on: AuditHead, expected: &[Finding]| {
            let mut rows = rows(6);
            change(&mut rows);
            let mut chain = Chain::default();
            chain.take(&rows);
            assert_eq!(chain.end(Some(goes_on)), expected);
        };
        check(|_| {}, ends(6), &[]);
        check(|rows| rows[5].digest[0] ^= 1, ends(6), &[Finding::Altered(6, How::Digest)]);
        check(|rows| rows[5].text[9] ^= 1, ends(6), &[Finding::Altered(6, How::Text)]);
        check(|rows| rows.truncate(4), ends(6), &[Finding::Cut { first: 5, were: 6, at: String::new() }]);
        check(Vec::clear, ends(6), &[Finding::Cut { first: 1, were: 6, at: String::new() }]);
        check(|_| {}, ends(4), &[Finding::Head(6)]);
        check(|_| {}, AuditHead { lines: 6, digest: [7; 32] }, &[Finding::Head(6)]);
    }

    /// What cannot be read is named with both ends; what can behind it is compared with itself.
    #[test]
    fn entries_that_cannot_be_read_are_a_gap() {
        let all = rows(6);
        let check = |last: Option<u64>, behind: &[AuditRow], sound: u64, expected: &[Finding]| {
            let mut chain = Chain::default();
            chain.take(&all[..2]);
            chain.gap(last);
            chain.take(behind);
            assert_eq!((chain.sound(), chain.end(None)), (sound, expected.to_vec()));
        };
        check(Some(4), &all[4..], 2, &[Finding::Unreadable(3, Some(4))]);
        check(None, &[], 2, &[Finding::Unreadable(3, None)]);
        let mut behind = all[4..].to_vec();
        behind[1].text[9] ^= 1;
        check(Some(4), &behind, 2, &[Finding::Unreadable(3, Some(4)), Finding::Altered(6, How::Text)]);
    }

    /// As much of an entry as is left, and nothing that a terminal would act on.
    #[test]
    fn an_entry_says_what_of_it_can_be_read() {
        let row = |text: &[u8]| AuditRow { text: text.to_vec(), ..AuditRow::default() };
        let good = rows(1).remove(0);
        assert_eq!(legible(&good), "1970-01-01T00:00:00.001Z ann secret.set s1");
        for (text, expected) in [
            (
                &b"\x01{\"at\":1,\"actor\":\"ann\",\"action\":\"secret.set\",\"subjec\x07\":\"s1\"}"[..],
                "1970-01-01T00:00:00.001Z ann secret.set",
            ),
            (b"\x01{\"at\":x,\"actor\":\"a\x1b[2Jn", "a\\u{1b}[2Jn"),
            (b"\xff\xfe", "nothing of it can be read"),
            (b"", "nothing of it can be read"),
        ] {
            assert_eq!(legible(&row(text)), expected);
        }
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
