//! What a column holds, as far as comparing goes: guessed from its heading, and from its values where that says nothing.

use serde::{Deserialize, Serialize};

use super::headings::{BIRTHPLACES, BORN, HEADINGS, PHONE, PLACES, WHOLE};

/// What a column is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A first name.
    Given,
    /// A last name.
    Surname,
    /// A person's whole name.
    Name,
    /// A mailbox.
    Email,
    /// A telephone that a household or an office may share.
    Phone,
    /// A telephone of one person.
    Mobile,
    /// A date of birth, or another date that belongs to the thing for ever.
    Date,
    /// A number that somebody else gave it: tax, insurance, passport, article.
    Identifier,
    /// Street, with or without the house's number; further lines of an address.
    Street,
    /// The house's number.
    House,
    /// Town.
    City,
    /// State or province.
    Region,
    /// Postal code.
    Postal,
    /// Country.
    Country,
    /// Where somebody was born: no part of an address, and never another.
    Birthplace,
    /// A company's name.
    Company,
    /// Words: a title, an author, a description.
    Text,
    /// An amount or another number.
    Number,
    /// One of a few values.
    Category,
    /// Not compared: the record's own times, notes, what is always empty or always the same.
    Ignored,
}

impl Kind {
    /// Part of an address: compared together, since who moves changes them all.
    pub(super) fn is_address(self) -> bool {
        matches!(self, Self::Street | Self::House | Self::City | Self::Region | Self::Postal | Self::Country)
    }

    /// A name, which alone says little.
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Given | Self::Surname | Self::Name)
    }

    /// Belongs to one person of a household or office, not to all.
    pub(super) fn is_personal(self) -> bool {
        matches!(self, Self::Given | Self::Name | Self::Email | Self::Mobile | Self::Date | Self::Identifier)
    }

    /// Shared by a household or office.
    pub(super) fn is_shared(self) -> bool {
        self.is_address() || matches!(self, Self::Surname | Self::Phone | Self::Company | Self::Birthplace)
    }

    /// The same, where it is known whose records these are: a name is a person's in one entity, a company's in another.
    #[must_use]
    pub fn of_entity(self, entity: &str) -> Self {
        match (self, entity) {
            (Self::Name, "company") => Self::Company,
            (Self::Name, "product") => Self::Text,
            _ => self,
        }
    }

    /// What a heading alone says; none where it says nothing.
    pub fn of_heading(heading: &str) -> Option<Self> {
        by_heading(heading)
    }

    /// The words of a heading, in lower case: `MobilePhone`, `mobile_phone` and `Mobile phone` have the same two.
    pub fn words(heading: &str) -> Vec<String> {
        words_of(heading)
    }

    /// What a column is by its heading and its values. `values` are the filled ones, of at most a few thousand records.
    pub fn guess(heading: &str, values: &[&str]) -> Self {
        if values.is_empty() || values.iter().all(|value| *value == values[0]) {
            return Self::Ignored;
        }
        let by_values = by_values(values);
        match by_heading(heading) {
            // What is called a date and holds none is text; what holds mailboxes is one, whatever it is called.
            Some(Self::Date) if by_values != Some(Self::Date) => Self::Text,
            Some(Self::Phone) if words_of(heading).concat() == PHONE && !dialled(values) => {
                by_values.unwrap_or_else(|| spread(values))
            }
            Some(kind) => kind,
            None => by_values.unwrap_or_else(|| spread(values)),
        }
    }
}

fn by_heading(heading: &str) -> Option<Kind> {
    // `address.city` is a city.
    let within = heading.rmatch_indices('.').find(|(at, _)| heading[at + 1..].starts_with(char::is_alphanumeric));
    let heading = within.map_or(heading, |(at, _)| &heading[at + 1..]);
    let words = words_of(heading);
    let has = |word: &str| words.iter().any(|own| own == word);
    if has("street") && (has("number") || has("no") || has("nr")) {
        return Some(Kind::House);
    }
    let born = BORN.into_iter().any(has);
    if born && PLACES.into_iter().any(has) || BIRTHPLACES.into_iter().any(has) {
        return Some(Kind::Birthplace);
    }
    if has("job") || has("middle") {
        return Some(Kind::Text);
    }
    let together = words.concat();
    let any =
        |(_, lines): &&(Kind, &[&str])| lines.iter().flat_map(|line| line.split(' ')).any(|word| has(word) || word == together);
    let named = HEADINGS.iter().find(any).map(|(kind, _)| *kind);
    named.or_else(|| WHOLE.iter().find(|(_, words)| words.split(' ').any(|word| word == together)).map(|(kind, _)| *kind))
}

/// `MobilePhone`, `mobile_phone` and `Mobile phone` are two words each.
fn words_of(heading: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    for c in heading.chars() {
        if c.is_alphanumeric() {
            let begins = !before.is_alphanumeric() || c.is_uppercase() && before.is_lowercase();
            if begins || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        before = c;
    }
    words
}

/// What most values look like.
fn by_values(values: &[&str]) -> Option<Kind> {
    let share = |test: fn(&str) -> bool| values.iter().filter(|value| test(value.trim())).count() * 10 >= values.len() * 7;
    if share(|value| value.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))) {
        Some(Kind::Email)
    } else if share(|value| super::normal::date(value).is_some()) {
        Some(Kind::Date)
    } else if share(|value| {
        let digits = value.chars().filter(char::is_ascii_digit).count();
        digits >= 7
            && value.chars().all(|c| c.is_ascii_digit() || " +-/().".contains(c))
            && !value.chars().all(|c| c.is_ascii_digit())
    }) {
        Some(Kind::Phone)
    } else {
        None
    }
}

/// Fewer digits than that are no telephone.
const DIALLED_MIN: usize = 6;

/// Whether most values have the digits of a telephone.
fn dialled(values: &[&str]) -> bool {
    let digits = |value: &&&str| value.chars().filter(char::is_ascii_digit).count() >= DIALLED_MIN && !value.contains('.');
    values.iter().filter(digits).count() * 10 >= values.len() * 7
}

/// A column of which nothing is known: by how many different values it has.
fn spread(values: &[&str]) -> Kind {
    let mut different: Vec<&str> = values.to_vec();
    different.sort_unstable();
    different.dedup();
    let numbers = values.iter().filter(|value| super::normal::amount(value).is_some()).count();
    let words = values.iter().map(|value| value.split_whitespace().count()).sum::<usize>();
    if different.len() * 20 <= values.len() || different.len() <= 12 {
        Kind::Category
    } else if numbers * 10 >= values.len() * 9 {
        Kind::Number
    } else if words > values.len() * 40 {
        Kind::Ignored
    } else {
        Kind::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_and_values() {
        let many = |text: &str| (0..30).map(|at| format!("{text}{at}")).collect::<Vec<_>>();
        for (heading, value, expected) in [
            ("given_name", "ada", Kind::Given),
            ("FirstName", "ada", Kind::Given),
            ("Last name", "lee", Kind::Surname),
            ("name", "ada lee", Kind::Name),
            ("street_number", "4", Kind::House),
            ("address_1", "high street", Kind::Street),
            ("Suburb", "kew", Kind::City),
            ("MobilePhone", "0151", Kind::Mobile),
            ("soc_sec_id", "99", Kind::Identifier),
            ("address.city", "kew", Kind::City),
            ("JobTitle", "buyer", Kind::Text),
            ("UpdatedAt", "2026", Kind::Ignored),
            ("contact", "a@b.test", Kind::Email),
            ("Firma", "lux gmbh", Kind::Company),
            ("Firmenname", "lux gmbh", Kind::Company),
            ("Straße", "ringstr.", Kind::Street),
            ("Str.", "ringstr.", Kind::Street),
            ("Hausnr.", "4", Kind::House),
            ("Postleitzahl", "10115", Kind::Postal),
            ("USt-IdNr.", "DE99", Kind::Identifier),
            ("USt.-ID", "DE99", Kind::Identifier),
            ("Steuernummer", "99", Kind::Identifier),
            ("Telefonnummer", "030 123456", Kind::Phone),
            ("E-Mail-Adresse", "x", Kind::Email),
            ("Geburtsdatum", "x", Kind::Text),
            ("Raison sociale", "lux sarl", Kind::Company),
            ("Code postal", "75001", Kind::Postal),
            ("CP", "75001", Kind::Postal),
            ("Numéro de TVA", "FR99", Kind::Identifier),
            ("Prénom", "ada", Kind::Given),
            ("Nom", "lee", Kind::Name),
            ("Nom de famille", "lee", Kind::Surname),
            ("Adresse", "rue x", Kind::Street),
            ("Ville", "paris", Kind::City),
            ("Lieu de naissance", "paris", Kind::Birthplace),
            ("Razón social", "lux sl", Kind::Company),
            ("Apellidos", "lee", Kind::Surname),
            ("Dirección", "calle x", Kind::Street),
            ("Código postal", "28001", Kind::Postal),
            ("NIF", "B99", Kind::Identifier),
            ("Teléfono móvil", "6 123", Kind::Mobile),
            ("Bedrijfsnaam", "lux bv", Kind::Company),
            ("Achternaam", "lee", Kind::Surname),
            ("Woonplaats", "delft", Kind::City),
            ("BTW-nummer", "NL99", Kind::Identifier),
            ("Ragione sociale", "lux srl", Kind::Company),
            ("Partita IVA", "IT99", Kind::Identifier),
            ("CAP", "00100", Kind::Postal),
            ("Cognome", "lee", Kind::Surname),
            ("Indirizzo", "via x", Kind::Street),
            ("ph", "03012345", Kind::Phone),
            ("Ph.", "030 12345", Kind::Phone),
            ("pH", "7.1", Kind::Number),
            ("market cap", "12.5", Kind::Number),
            ("sent via", "some words ", Kind::Text),
            ("x", "12.5", Kind::Number),
            ("x", "some words ", Kind::Text),
        ] {
            let values = many(value);
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            assert_eq!(Kind::guess(heading, &values), expected, "{heading}");
        }
        let born: Vec<String> = (10..28).map(|day| format!("19{day}01{day}")).collect();
        let born: Vec<&str> = born.iter().map(String::as_str).collect();
        assert_eq!(Kind::guess("date_of_birth", &born), Kind::Date);
        assert_eq!(Kind::guess("when", &born), Kind::Date);
        for heading in ["birth_place", "Birthplace", "town of birth", "bornCity"] {
            assert_eq!(Kind::guess(heading, &["Kew", "Bern"]), Kind::Birthplace, "{heading}");
        }
        assert_eq!(Kind::guess("colour", &["red", "blue", "red", "red"]), Kind::Category);
        assert_eq!(Kind::guess("name", &["ada", "ada"]), Kind::Ignored);
        assert_eq!(Kind::guess("name", &[]), Kind::Ignored);
    }
}
