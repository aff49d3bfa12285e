//! The books' share of the population, and their invoices.

use super::{
    Books,
    contact::{Contact, Part},
    invoice::{Invoice, Line},
};
use crate::{
    legacy::otherwise,
    people::{Company, Home, Person, Place, Population, SEEDED_FROM_MS, Special, names::Locale, phones::Phone},
    rng::{Rng, uuid},
};
use rust_decimal::Decimal;

const GOODS: &[&str] =
    &["Consulting, day rate", "Maintenance, quarterly", "Spare parts", "Licence, yearly", "Freight", "Training on site"];

pub(crate) fn fill(books: &mut Books, records: usize) {
    let all = Population::new(books.seed, records);
    let mut nth = 0;
    for person in all.of(Place::Books) {
        add(books, &mut nth, contact(books.seed, person, None));
        match person.special {
            // The same person once more, spelled otherwise.
            Special::SpelledOtherwise => {
                add(books, &mut nth, contact(books.seed, person, Some(otherwise(&person.first, &person.last))))
            }
            // Somebody else with the same mailbox.
            Special::SharedMailbox => {
                let other = (format!("Desk {}", person.index), "Accounts".to_owned());
                add(books, &mut nth, contact(books.seed, person, Some(other)));
            }
            _ => {}
        }
    }
    for (index, company) in all.companies.iter().enumerate() {
        // Not every customer of sales has been sent an invoice yet.
        if Rng::new(books.seed, "books company", index as u64).chance(60) {
            add(books, &mut nth, organisation(books.seed, index, company));
        }
    }
    invoices(books);
}

fn add(books: &mut Books, nth: &mut i64, mut contact: Contact) {
    if books.store.by_name(contact.text("Name")).is_some() {
        return;
    }
    contact.serial = books.store.next_serial();
    contact.id = uuid(books.seed, "contact", contact.serial);
    contact.modified = SEEDED_FROM_MS + *nth / 3 * 39_119;
    *nth += 1;
    books.store.put_contact(contact);
}

fn phone(phone: Option<&Phone>, style: usize) -> Part {
    let mut part = Part::new();
    let Some(phone) = phone else { return part };
    let mut put = |name: &str, value: &str| _ = part.insert(name.to_owned(), value.to_owned());
    match style % 3 {
        0 => {
            put("PhoneCountryCode", phone.calling);
            put("PhoneAreaCode", phone.area.trim_start_matches(if phone.calling == "39" { '-' } else { '0' }));
            put("PhoneNumber", &phone.number);
        }
        1 => {
            put("PhoneAreaCode", phone.area);
            put("PhoneNumber", &phone.number);
        }
        _ => put("PhoneNumber", &phone.written(style)),
    }
    part
}

fn contact(seed: u64, person: &Person, renamed: Option<(String, String)>) -> Contact {
    let mut rng = person.rng(seed, Place::Books);
    let mut contact = Contact::new(0, String::new());
    let (first, last) = renamed.unwrap_or_else(|| (person.first.clone(), person.last.clone()));
    let mut text = |name: &str, value: String| {
        if !value.is_empty() {
            contact.texts.insert(name.to_owned(), value);
        }
    };
    text("Name", format!("{first} {last}"));
    text("FirstName", first);
    text("LastName", last);
    let email = if rng.chance(5) && person.special == Special::Nothing { String::new() } else { person.email.clone() };
    text("EmailAddress", email);
    text("DefaultCurrency", person.locale.currency.to_owned());
    if rng.chance(40) {
        text("TaxNumber", format!("{}{:09}", person.locale.code, rng.below(1_000_000_000)));
    }
    if rng.chance(60) {
        text("AccountNumber", format!("K{:06}", person.index + 1));
    }
    let style = rng.below(3);
    let mobile = person.other_mobile(seed, Place::Books);
    for (kind, part) in [("DEFAULT", phone(person.phone.as_ref(), style)), ("MOBILE", phone(mobile.as_ref(), style))] {
        if !part.is_empty() {
            contact.phones.insert(kind.to_owned(), part);
        }
    }
    let street = street(&person.other_home(seed, Place::Books), person.locale);
    contact.addresses.insert("STREET".to_owned(), street);
    contact
}

/// A company as bookkeeping knows it: the name as on papers, a tax number, and where it was when it was entered.
fn organisation(seed: u64, index: usize, company: &Company) -> Contact {
    let mut rng = Rng::new(seed, "books company view", index as u64);
    let mut contact = Contact::new(0, String::new());
    let mut text = |name: &str, value: String| _ = contact.texts.insert(name.to_owned(), value);
    text("Name", if rng.chance(20) { company.name.to_uppercase() } else { company.name.clone() });
    if rng.chance(70) {
        text("EmailAddress", format!("office@{}", company.domain));
    }
    text("DefaultCurrency", company.locale.currency.to_owned());
    text("TaxNumber", format!("{}{:09}", company.locale.code, rng.below(1_000_000_000)));
    text("AccountNumber", format!("F{:06}", index + 1));
    let part = phone(Some(&company.phone), rng.below(3));
    contact.phones.insert("DEFAULT".to_owned(), part);
    contact.addresses.insert("STREET".to_owned(), street(&company.home, company.locale));
    contact
}

fn street(home: &Home, locale: &Locale) -> Part {
    [
        ("AddressLine1", home.street.as_str()),
        ("City", home.city),
        ("Region", home.region),
        ("PostalCode", &home.postal_code),
        ("Country", locale.country),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// One invoice for every second contact, some with more.
fn invoices(books: &mut Books) {
    let seed = books.seed;
    let contacts: Vec<Contact> = books.store.contacts().cloned().collect();
    let mut serial = 0;
    for mut contact in contacts {
        let mut rng = Rng::new(seed, "invoices", contact.serial);
        let count = [0, 0, 0, 1, 1, 3][rng.below(6)];
        for _ in 0..count {
            serial += 1;
            let step = i64::try_from(serial).unwrap_or(0);
            let date = SEEDED_FROM_MS / 86_400_000 * 86_400_000 - 86_400_000 * i64::try_from(rng.below(150)).unwrap_or(0);
            let lines = (0..1 + rng.below(4))
                .map(|line| Line {
                    id: uuid(seed, "line", serial << 3 | line as u64),
                    description: rng.pick(GOODS).to_owned(),
                    quantity: Decimal::from(1 + rng.below(20)),
                    unit_amount: Decimal::new(i64::try_from(500 + rng.below(250_000)).unwrap_or(500), 2),
                    account: "200".to_owned(),
                    tax_percent: Decimal::from([0, 19, 20][rng.below(3)]),
                })
                .collect();
            books.store.put_invoice(Invoice {
                serial,
                id: uuid(seed, "invoice", serial),
                number: format!("INV-{serial:05}"),
                reference: if rng.chance(50) { format!("PO {}", rng.below(100_000)) } else { String::new() },
                contact: contact.id.clone(),
                date,
                due: date + 30 * 86_400_000,
                status: rng.pick(&["DRAFT", "AUTHORISED", "AUTHORISED", "PAID"]).to_owned(),
                currency: match contact.text("DefaultCurrency") {
                    "" => "EUR".to_owned(),
                    currency => currency.to_owned(),
                },
                lines,
                modified: SEEDED_FROM_MS + step / 2 * 61_027,
            });
        }
        if count > 0 {
            contact.customer = true;
            books.store.put_contact(contact);
        }
    }
}
