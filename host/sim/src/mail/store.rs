//! The members of all lists, and the indexes that make reading them quick.
//!
//! Promises that [`Store::put`] is the only way in, so that indexes and rows agree.

use super::member::Member;
use crate::sorted::SortedIndex;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
pub(crate) struct Store {
    /// The last serial that was given out for something that was not kept.
    pub(crate) spent: u64,
    members: BTreeMap<u64, Member>,
    /// List and mailbox; archived and forgotten ones too.
    by_email: HashMap<(String, String), u64>,
    /// List and hash of the mailbox.
    by_hash: HashMap<(String, String), u64>,
    by_contact: HashMap<String, u64>,
    by_modified: SortedIndex,
    /// Members before and after each change, where somebody wants to know.
    pub(crate) watched: Option<Vec<(Option<Member>, Member)>>,
}

impl Store {
    pub(crate) fn put(&mut self, member: Member) {
        if let Some(watched) = &mut self.watched {
            watched.push((self.members.get(&member.serial).cloned(), member.clone()));
        }
        if let Some(old) = self.members.get(&member.serial) {
            self.by_modified.remove((old.modified, old.serial));
            self.by_email.remove(&(old.list.clone(), old.email.clone()));
            self.by_hash.remove(&(old.list.clone(), old.hash()));
        }
        self.by_modified.insert((member.modified, member.serial));
        self.by_email.insert((member.list.clone(), member.email.clone()), member.serial);
        self.by_hash.insert((member.list.clone(), member.hash()), member.serial);
        self.by_contact.insert(member.contact.clone(), member.serial);
        self.members.insert(member.serial, member);
    }

    /// By mailbox; archived and forgotten ones too.
    pub(crate) fn by_email(&self, list: &str, email: &str) -> Option<&Member> {
        self.members.get(self.by_email.get(&(list.to_owned(), email.to_lowercase()))?)
    }

    /// What a path names: by hash, by contact id, or by mailbox. Forgotten ones are not there any more.
    pub(crate) fn named(&self, list: &str, name: &str) -> Option<&Member> {
        let by_hash = self.by_hash.get(&(list.to_owned(), name.to_lowercase()));
        let found = by_hash.or_else(|| self.by_contact.get(name)).and_then(|serial| self.members.get(serial));
        found.or_else(|| self.by_email(list, name)).filter(|member| member.list == list && !member.forgotten)
    }

    pub(crate) fn contact(&self, id: &str) -> Option<&Member> {
        self.members.get(self.by_contact.get(id)?).filter(|member| !member.forgotten)
    }

    pub(crate) fn all(&self) -> impl DoubleEndedIterator<Item = &Member> {
        self.members.values()
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.members.last_key_value().map_or(1, |(serial, _)| serial + 1).max(self.spent + 1)
    }

    pub(crate) fn last_modified(&self) -> i64 {
        let last = self.by_modified.len().saturating_sub(1);
        self.by_modified.slice(last..last + 1).next().map_or(0, |(modified, _)| modified)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }
}
