//! Which pages of a run wait for the disk together: a group ends with the commit that is durable, and only then may the
//! source be told (I3).

use nave_core::limits::{COMMIT_GROUP_MS_MAX, COMMIT_RECORDS_MAX};
use nave_core::model::Time;

/// Pages that were committed and may still be lost together.
#[derive(Debug)]
pub(super) struct Group {
    records: usize,
    began: Time,
}

impl Group {
    /// None yet.
    pub(super) fn new(now: Time) -> Self {
        Self { records: 0, began: now }
    }

    /// Another page, read at this time. Answers whether its commit has to be durable, and with it those before it.
    pub(super) fn page(&mut self, records: usize, now: Time, last: bool) -> bool {
        self.records += records;
        let durable = last || self.records >= COMMIT_RECORDS_MAX || now.0.saturating_sub(self.began.0) >= COMMIT_GROUP_MS_MAX;
        if durable {
            *self = Self::new(now);
        }
        durable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `records@milliseconds`, `!` for the last page; and the same with `*` where the commit is durable.
    #[track_caller]
    fn check(pages: &str, expected: &str) {
        let mut group = Group::new(Time(0));
        let mut found = Vec::new();
        for page in pages.split_whitespace() {
            let (records, at) = page.trim_end_matches('!').split_once('@').unwrap();
            let durable = group.page(records.parse().unwrap(), Time(at.parse().unwrap()), page.ends_with('!'));
            found.push(format!("{page}{}", if durable { "*" } else { "" }));
        }
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn groups() {
        check("1@0!", "1@0!*");
        check("0@0!", "0@0!*");
        check("500@0 500@10 3@20!", "500@0 500@10 3@20!*");
        check("9999@0 1@1 1@2", "9999@0 1@1* 1@2");
        check("10000@0 10000@1", "10000@0* 10000@1*");
        check("1@0 1@999 1@1000 1@1500 1@2000", "1@0 1@999 1@1000* 1@1500 1@2000*");
        // A clock that was set back holds nothing up: the next page that counts does.
        check("1@0 1@-5000 9998@-4000", "1@0 1@-5000 9998@-4000*");
    }
}
