//! The books' rows and the indexes that make reading them quick.
//!
//! Promises that [`Store::put_contact`] and [`Store::put_invoice`] are the only ways in, so that indexes and rows agree.

use super::{
    contact::{Contact, Status},
    invoice::Invoice,
};
use crate::sorted::SortedIndex;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Default)]
pub(crate) struct Store {
    /// The last serial that was given out for something that was not kept.
    pub(crate) spent: u64,
    contacts: BTreeMap<u64, Contact>,
    ids: HashMap<String, u64>,
    /// Of all contacts, and of those that are not archived.
    pub(crate) by_modified: SortedIndex,
    pub(crate) active_by_modified: SortedIndex,
    /// Names of active contacts, lower case: unique.
    names: HashMap<String, u64>,
    numbers: HashMap<String, u64>,
    emails: HashMap<String, Vec<u64>>,
    invoices: BTreeMap<u64, Invoice>,
    invoice_ids: HashMap<String, u64>,
    pub(crate) invoices_by_modified: SortedIndex,
    last_modified: i64,
    /// Contacts before and after each change, where somebody wants to know.
    pub(crate) watched: Option<Vec<(Option<Contact>, Contact)>>,
}

pub(crate) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Store {
    pub(crate) fn put_contact(&mut self, contact: Contact) {
        let serial = contact.serial;
        if let Some(watched) = &mut self.watched {
            watched.push((self.contacts.get(&serial).cloned(), contact.clone()));
        }
        if let Some(old) = self.contacts.get(&serial).cloned() {
            self.by_modified.remove((old.modified, serial));
            self.active_by_modified.remove((old.modified, serial));
            if self.names.get(&folded(old.text("Name"))) == Some(&serial) {
                self.names.remove(&folded(old.text("Name")));
            }
            self.numbers.remove(old.text("ContactNumber"));
            if let Some(list) = self.emails.get_mut(&folded(old.text("EmailAddress"))) {
                list.retain(|other| *other != serial);
            }
        }
        self.last_modified = self.last_modified.max(contact.modified);
        self.ids.insert(contact.id.clone(), serial);
        self.by_modified.insert((contact.modified, serial));
        if contact.status == Status::Active {
            self.active_by_modified.insert((contact.modified, serial));
            self.names.insert(folded(contact.text("Name")), serial);
        }
        if !contact.text("ContactNumber").is_empty() {
            self.numbers.insert(contact.text("ContactNumber").to_owned(), serial);
        }
        if !contact.text("EmailAddress").is_empty() {
            self.emails.entry(folded(contact.text("EmailAddress"))).or_default().push(serial);
        }
        self.contacts.insert(serial, contact);
    }

    pub(crate) fn put_invoice(&mut self, invoice: Invoice) {
        if let Some(old) = self.invoices.get(&invoice.serial) {
            self.invoices_by_modified.remove((old.modified, old.serial));
        }
        self.last_modified = self.last_modified.max(invoice.modified);
        self.invoice_ids.insert(invoice.id.clone(), invoice.serial);
        self.invoices_by_modified.insert((invoice.modified, invoice.serial));
        self.invoices.insert(invoice.serial, invoice);
    }

    pub(crate) fn contact(&self, serial: u64) -> Option<&Contact> {
        self.contacts.get(&serial)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Contact> {
        self.contact(*self.ids.get(&id.to_lowercase())?)
    }

    pub(crate) fn by_number(&self, number: &str) -> Option<&Contact> {
        self.contact(*self.numbers.get(number)?)
    }

    /// The active contact of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<&Contact> {
        self.contact(*self.names.get(&folded(name))?)
    }

    pub(crate) fn by_email(&self, email: &str) -> &[u64] {
        self.emails.get(&folded(email)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn invoice(&self, serial: u64) -> Option<&Invoice> {
        self.invoices.get(&serial)
    }

    /// By id, or by number.
    pub(crate) fn invoice_named(&self, name: &str) -> Option<&Invoice> {
        match self.invoice_ids.get(&name.to_lowercase()) {
            Some(serial) => self.invoice(*serial),
            None => self.invoices.values().find(|invoice| invoice.number == name),
        }
    }

    pub(crate) fn contacts(&self) -> impl Iterator<Item = &Contact> {
        self.contacts.values()
    }

    pub(crate) fn invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.values()
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.contacts.last_key_value().map_or(1, |(serial, _)| serial + 1).max(self.spent + 1)
    }

    pub(crate) fn last_modified(&self) -> i64 {
        self.last_modified
    }

    pub(crate) fn len(&self) -> usize {
        self.contacts.len() + self.invoices.len()
    }
}
