//! How much two values of a kind agree, in five levels.

use serde::{Deserialize, Serialize};

use super::Kind;
use super::likeness::{Spelled, alike, begins, one_slip, same_letters};
use super::model::coincidence;
use super::normal::Date;
use super::table::{Table, Value};

/// Levels: nothing to compare, different, faintly alike, alike, the same.
pub(super) const LEVELS: usize = 5;
/// One of them says nothing.
pub(super) const UNKNOWN: u8 = 0;
/// They are different.
pub(super) const DIFFERENT: u8 = 1;
/// Faintly alike.
pub(super) const FAINT: u8 = 2;
/// Alike: a slip of the pen.
pub(super) const ALIKE: u8 = 3;
/// The same.
pub(super) const SAME: u8 = 4;

/// What is compared as one: a column, or all columns of an address, which a move changes together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Group {
    One(usize, Kind),
    /// Columns, each with what its agreement is worth, bits.
    Address(Vec<(usize, f64)>),
}

impl Group {
    pub(super) fn is_name(&self) -> bool {
        matches!(self, Self::One(_, kind) if kind.is_name())
    }

    /// Whether it can tell who or what something is, beside its name: an occupation or a description cannot.
    pub(super) fn tells_who(&self) -> bool {
        !self.is_name() && !matches!(self.kind(), Some(Kind::Text | Kind::Category | Kind::Number))
    }

    pub(super) fn is_personal(&self) -> bool {
        matches!(self, Self::One(_, kind) if kind.is_personal())
    }

    /// One person's, as a rule, and here and there a whole home's.
    pub(super) fn is_lent(&self) -> bool {
        matches!(self.kind(), Some(Kind::Email | Kind::Mobile))
    }

    pub(super) fn is_shared(&self) -> bool {
        match self {
            Self::One(_, kind) => kind.is_shared(),
            Self::Address(_) => true,
        }
    }

    /// Whether it is where a household or an office is found.
    pub(super) fn is_home(&self) -> bool {
        match self {
            Self::One(_, kind) => kind.is_address() || matches!(kind, Kind::Phone | Kind::Company),
            Self::Address(_) => true,
        }
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        match self {
            Self::One(_, kind) => Some(*kind),
            Self::Address(_) => None,
        }
    }
}

/// The groups of a table.
pub(super) fn groups(table: &Table) -> Vec<Group> {
    let address: Vec<(usize, f64)> = (0..table.columns.len())
        .filter(|at| table.columns[*at].kind.is_address())
        .map(|at| (at, -coincidence(table, at).max(1e-9).log2()))
        .collect();
    let one = |at: usize| Group::One(at, table.columns[at].kind);
    let mut groups: Vec<Group> = (0..table.columns.len()).filter(|at| !table.columns[*at].kind.is_address()).map(one).collect();
    groups.truncate(GROUPS_MAX - 1);
    match address.as_slice() {
        [] => {}
        [(only, _)] => groups.push(one(*only)),
        _ => groups.push(Group::Address(address)),
    }
    groups
}

/// The levels of two records, one per group: three bits each, the first group lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pattern(u64);

/// Groups that a pattern holds.
pub(super) const GROUPS_MAX: usize = 21;

impl Pattern {
    /// Level of a group.
    pub(super) fn level(self, group: usize) -> u8 {
        (self.0 >> (3 * group) & 7) as u8
    }

    fn put(&mut self, group: usize, level: u8) {
        self.0 = self.0 & !(7 << (3 * group)) | u64::from(level) << (3 * group);
    }

    /// Groups of which something is known, with their levels.
    pub(super) fn known(self) -> impl Iterator<Item = (usize, u8)> {
        (0..GROUPS_MAX).map(move |group| (group, self.level(group))).filter(|(_, level)| *level != UNKNOWN)
    }
}

/// Different values of a column up to which every two of them are compared only once.
const REMEMBERED_MAX: usize = 1_200;
/// Records from which on it is worth remembering.
const REMEMBERED_FROM: usize = 200;
const NOT_YET: u8 = u8::MAX;

/// Compares records of a table, and remembers what came of values that many have.
pub(super) struct Comparer<'t> {
    table: &'t Table,
    groups: &'t [Group],
    /// Of each column: level of two values, where it has few.
    remembered: Vec<Vec<u8>>,
}

impl<'t> Comparer<'t> {
    pub(super) fn new(table: &'t Table, groups: &'t [Group]) -> Self {
        // Of a few records each pair is compared once.
        let few_records = table.rows() <= REMEMBERED_FROM;
        let remembered = table.columns.iter().map(|column| match column.values.len() {
            _ if few_records => Vec::new(),
            few @ ..=REMEMBERED_MAX => vec![NOT_YET; few * few],
            _ => Vec::new(),
        });
        Self { table, groups, remembered: remembered.collect() }
    }

    /// The levels of two records.
    pub(super) fn pattern(&mut self, left: u32, right: u32) -> Pattern {
        self.patterns(&[(left, right)])[0]
    }

    /// The levels of each two records: group after group, since the values of one column stay near the processor and those of all
    /// do not.
    pub(super) fn patterns(&mut self, pairs: &[(u32, u32)]) -> Vec<Pattern> {
        let mut patterns = vec![Pattern(0); pairs.len()];
        for group in 0..self.groups.len() {
            for ((left, right), pattern) in pairs.iter().zip(&mut patterns) {
                pattern.put(group, self.level(group, *left, *right));
            }
        }
        for ((left, right), pattern) in pairs.iter().zip(&mut patterns) {
            turned(self.table, self.groups, *left, *right, pattern);
            named(self.table, self.groups, *left, *right, pattern);
        }
        patterns
    }

    fn one(&mut self, at: usize, left: u32, right: u32) -> u8 {
        let column = &self.table.columns[at];
        let (left, right) = (column.cells[left as usize], column.cells[right as usize]);
        if left == 0 || right == 0 {
            return UNKNOWN;
        }
        if left == right {
            return SAME;
        }
        let compare = || values(column.kind, &column.values[left as usize], &column.values[right as usize]);
        let place = left as usize * column.values.len() + right as usize;
        match self.remembered[at].get_mut(place) {
            None => compare(),
            Some(known) => {
                if *known == NOT_YET {
                    *known = compare();
                }
                *known
            }
        }
    }

    fn level(&mut self, group: usize, left: u32, right: u32) -> u8 {
        let groups = self.groups;
        match &groups[group] {
            Group::One(at, _) => self.one(*at, left, right),
            Group::Address(columns) => {
                let (mut agreed, mut of) = (0.0, 0.0);
                for (at, worth) in columns {
                    let share = match self.one(*at, left, right) {
                        UNKNOWN => continue,
                        SAME => 1.0,
                        ALIKE => 0.8,
                        FAINT => 0.4,
                        _ => 0.0,
                    };
                    of += worth;
                    agreed += worth * share;
                }
                let whole: f64 = columns.iter().map(|(_, worth)| worth).sum();
                match agreed / of {
                    share if share.is_nan() => UNKNOWN,
                    // Of an address of which only the town is known, little is known to be the same.
                    share if share >= 0.3 && of < whole * 0.5 => FAINT,
                    share if share >= 0.93 => SAME,
                    share if share >= 0.6 => ALIKE,
                    share if share >= 0.3 => FAINT,
                    _ => DIFFERENT,
                }
            }
        }
    }
}

/// First and last name that changed places are alike. Where there is one name only, it may be either.
fn turned(table: &Table, groups: &[Group], left: u32, right: u32, pattern: &mut Pattern) {
    let find = |kind| groups.iter().position(|group| group.kind() == Some(kind));
    let (Some(given), Some(surname)) = (find(Kind::Given), find(Kind::Surname)) else { return };
    if pattern.level(given) != DIFFERENT || !matches!(pattern.level(surname), DIFFERENT | UNKNOWN) {
        return;
    }
    let text = |group: usize, row| match &groups[group] {
        Group::One(at, _) => table.columns[*at].of(row).map(Value::spelled),
        Group::Address(_) => None,
    };
    let near = |one: Option<Spelled>, other: Option<Spelled>| matches!((one, other), (Some(one), Some(other)) if names(one, other) == ALIKE || one.text == other.text);
    let (one, other) = (near(text(given, left), text(surname, right)), near(text(surname, left), text(given, right)));
    let (left, right) = (text(surname, left), text(surname, right));
    if one && other {
        pattern.put(given, ALIKE);
        pattern.put(surname, ALIKE);
    } else if one && left.is_none() || other && right.is_none() {
        pattern.put(given, UNKNOWN);
        pattern.put(surname, ALIKE);
    }
}

/// A mailbox that is made of the name says nothing besides the name, unless it is the same mailbox: `ada.lee@` elsewhere, and
/// `ada.lee2@`, may be another Ada Lee's.
fn named(table: &Table, groups: &[Group], left: u32, right: u32, pattern: &mut Pattern) {
    let find = |kind| groups.iter().position(|group| group.kind() == Some(kind));
    let Some(email) = find(Kind::Email).filter(|email| matches!(pattern.level(*email), FAINT | ALIKE)) else { return };
    let text = |group: usize, row| match &groups[group] {
        Group::One(at, _) => table.columns[*at].of(row).map_or("", |value| value.normal.text.as_str()),
        Group::Address(_) => "",
    };
    let has_name = |row| {
        let local: String = text(email, row).split('@').next().unwrap_or("").chars().filter(char::is_ascii_alphabetic).collect();
        let names = [Kind::Surname, Kind::Given, Kind::Name].into_iter().filter_map(find);
        names.flat_map(|group| text(group, row).split(' ')).any(|word| word.len() >= 3 && local.contains(word))
    };
    if has_name(left) && has_name(right) {
        pattern.put(email, UNKNOWN);
    }
}

/// Two values.
fn values(kind: Kind, left: &Value, right: &Value) -> u8 {
    let (a, b) = (left.spelled(), right.spelled());
    if a.has_letters_of(b) && left.normal == right.normal {
        return SAME;
    }
    match kind {
        // A pet name says less than the name: faintly alike speaks for nothing, and against nothing.
        Kind::Given if super::nickname::same_name(a.text, b.text) => ALIKE.min(names(a, b).max(FAINT)),
        // `Agent 12` and `Agent 13`, `Werk 2 GmbH` and `Werk 3 GmbH`: what is numbered is told apart by nothing else.
        Kind::Given | Kind::Surname | Kind::Name | Kind::Company if are_numbered_apart(a, b) => DIFFERENT,
        Kind::Given | Kind::Surname => names(a, b),
        Kind::Email => emails(a, b),
        Kind::Phone | Kind::Mobile if are_neighbours(a.text, b.text) => FAINT,
        Kind::Phone | Kind::Mobile | Kind::Identifier | Kind::House => {
            if a.text.len() >= 5 && one_slip(a, b) {
                ALIKE
            } else {
                DIFFERENT
            }
        }
        Kind::Date => match (left.normal.date, right.normal.date) {
            (Some(left), Some(right)) => dates(left, right, a, b),
            // There is no 21st month: somebody slipped, and nothing is known.
            _ if one_slip(a, b) => ALIKE,
            _ => UNKNOWN,
        },
        Kind::Postal => {
            if one_slip(a, b) {
                ALIKE
            } else if a.text.len() >= 4 && b.text.len() >= 4 && a.text.as_bytes()[..2] == b.text.as_bytes()[..2] {
                FAINT
            } else {
                DIFFERENT
            }
        }
        Kind::Region | Kind::Country | Kind::Category | Kind::Number => {
            if a.text.len() >= 4 && one_slip(a, b) {
                ALIKE
            } else {
                DIFFERENT
            }
        }
        Kind::Name if are_two_names(a.text, b.text) => DIFFERENT,
        Kind::Text if are_two_models(a.text, b.text) => texts(left, right).min(FAINT),
        _ => texts(left, right),
    }
}

/// Whether two first names are those of two people: neither a slip of the pen, nor a part, nor a form of the other.
pub fn are_two_first_names(one: &str, other: &str) -> bool {
    let form = |text| super::normal::normal(Kind::Given, text).text;
    let (one, other) = (form(one), form(other));
    !one.is_empty()
        && !other.is_empty()
        && one != other
        && names(one.as_str().into(), other.as_str().into()) == DIFFERENT
        && !super::nickname::same_name(&one, &other)
}

/// Whether two whole names have one word each that the other has no form of: `David Anderson` and `David Gonzalez` are two people,
/// `D. Anderson` and `Dave Andersen` are hardly.
fn are_two_names(a: &str, b: &str) -> bool {
    fn own<'t>(text: &'t str, other: &str) -> Vec<&'t str> {
        text.split(' ').filter(|word| other.split(' ').all(|known| known != *word)).collect()
    }
    let (mine, theirs) = (own(a, b), own(b, a));
    let is_other = |word: &&str, among: &[&str]| {
        among.iter().all(|other| names((*word).into(), (*other).into()) == DIFFERENT && !super::nickname::same_name(word, other))
    };
    mine.iter().any(|word| is_other(word, &theirs)) && theirs.iter().any(|word| is_other(word, &mine))
}

/// Whether two last names are others, and neither is a slip of the other or a part of it: one may have married, or they are two.
pub fn are_two_last_names(one: &str, other: &str) -> bool {
    let form = |text| super::normal::normal(Kind::Surname, text).text;
    let (one, other) = (form(one), form(other));
    !one.is_empty() && !other.is_empty() && one != other && names(one.as_str().into(), other.as_str().into()) == DIFFERENT
}

/// Whether two texts are the same but for numbers that both have.
fn are_numbered_apart(a: Spelled, b: Spelled) -> bool {
    a.has_digit() && b.has_digit() && without_digits(a.text).eq(without_digits(b.text))
}

fn without_digits(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| !byte.is_ascii_digit())
}

/// Whether each has a word with a number that the other has not: `router WRT54GL` and `router WRT54GS`, `part 1` and `part 2`.
fn are_two_models(a: &str, b: &str) -> bool {
    let has_own = |text: &str, other: &str| {
        let numbered = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
        text.split(' ').filter(numbered).any(|word| other.split(' ').all(|known| known != word))
    };
    has_own(a, b) && has_own(b, a)
}

fn names(a: Spelled, b: Spelled) -> u8 {
    let (short, long) = if a.text.len() <= b.text.len() { (a, b) } else { (b, a) };
    let slip = one_slip(a, b);
    if long.text.len() >= 4 && slip {
        return ALIKE;
    }
    let likeness = if short.text.len() >= 3 { alike(a, b) } else { 0.0 };
    if short.text.len() >= 4 && likeness >= 0.92 {
        return ALIKE;
    }
    // Of so short a name a letter too few, or two that changed places, say neither that it is the same nor that it is not.
    if long.text.len() == 3 && slip && (short.text.len() == 2 || same_letters(a, b)) {
        return FAINT;
    }
    let begins = (short.text.len() == 1 || short.text.len() >= 3) && begins(long, short);
    // One word is in another one word only where they are the same.
    let inner = || short.text.split(' ').any(|word| word.len() >= 3 && long.text.split(' ').any(|other| other == word));
    if begins || likeness >= 0.84 || long.has(b' ') && inner() || short.text.len() >= 5 && same_letters(a, b) {
        FAINT
    } else {
        DIFFERENT
    }
}

fn emails(a: Spelled, b: Spelled) -> u8 {
    let (Some((mine, here)), Some((theirs, there))) = (a.text.split_once('@'), b.text.split_once('@')) else {
        return if one_slip(a, b) { ALIKE } else { DIFFERENT };
    };
    if here == there && mine != theirs && without_digits(mine).eq(without_digits(theirs)) {
        // `ada.lee12` and `ada.lee13`: the provider numbers those of one name.
        return UNKNOWN;
    }
    if one_slip(a, b) || mine == theirs && mine.len() >= 6 {
        ALIKE
    } else if mine == theirs || here == there && alike(mine.into(), theirs.into()) >= 0.93 {
        FAINT
    } else {
        DIFFERENT
    }
}

fn dates(left: Date, right: Date, a: Spelled, b: Spelled) -> u8 {
    let turned = left.year == right.year && left.month == right.day && left.day == right.month;
    if left.year == right.year && (left.month, left.day) == (right.month, right.day)
        || turned && (left.doubtful || right.doubtful)
    {
        SAME
    } else if turned || one_slip(a, b) {
        ALIKE
    } else if left.year == right.year && (left.month == right.month || left.day == right.day)
        || (left.month, left.day) == (right.month, right.day)
    {
        FAINT
    } else {
        DIFFERENT
    }
}

fn texts(left: &Value, right: &Value) -> u8 {
    let (a, b) = (left.spelled(), right.spelled());
    if a.text.len().min(b.text.len()) >= 4 && one_slip(a, b) {
        return ALIKE;
    }
    let common = common(&left.words, &right.words);
    let dice = 2.0 * common as f64 / (left.words.len() + right.words.len()).max(1) as f64;
    if dice >= 0.8 {
        return ALIKE;
    }
    let alike = if a.text.len().max(b.text.len()) <= 40 { alike(a, b) } else { 0.0 };
    let within = common >= 2 && common == left.words.len().min(right.words.len());
    if alike >= 0.93 {
        ALIKE
    } else if dice >= 0.5 || within || alike >= 0.86 {
        FAINT
    } else {
        DIFFERENT
    }
}

/// Words in both of two sorted lists.
fn common(left: &[u64], right: &[u64]) -> usize {
    let (mut at, mut count) = (0, 0);
    for word in left {
        while right.get(at).is_some_and(|other| other < word) {
            at += 1;
        }
        count += usize::from(right.get(at) == Some(word));
    }
    count
}

/// Last digits of a telephone number that are a line of the same house or series.
const LINE_DIGITS: usize = 4;

/// Whether two numbers differ in one digit of their ends only: as probably the next desk's, or the next of a series, as a slip.
fn are_neighbours(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut apart = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y).map(|(at, _)| at);
    a.len() == b.len() && matches!((apart.next(), apart.next()), (Some(at), None) if at + LINE_DIGITS >= a.len())
}

#[cfg(test)]
mod tests {
    use super::super::normal::normal;
    use super::*;

    #[test]
    fn levels_of_values() {
        let value = |kind, text| {
            let rows = vec![vec![String::from(text)]];
            let mut table = Table::new(&[(String::new(), kind)], &rows);
            table.columns.remove(0).values.pop().unwrap()
        };
        for (kind, a, b, expected) in [
            (Kind::Given, "Ada", "A.", FAINT),
            (Kind::Given, "Alex", "Alexander", FAINT),
            (Kind::Given, "Marian", "Marlan", ALIKE),
            (Kind::Given, "James", "Isabella", DIFFERENT),
            (Kind::Given, "Bob", "Robert", FAINT),
            (Kind::Given, "Hans", "Johannes", FAINT),
            (Kind::Given, "Sofia", "Sophie", FAINT),
            (Kind::Surname, "Bob", "Robert", DIFFERENT),
            (Kind::Given, "Mia", "Mai", FAINT),
            (Kind::Given, "Léa", "éa", FAINT),
            (Kind::Given, "Tim", "Kim", DIFFERENT),
            (Kind::Given, "José", "Jsoé", ALIKE),
            (Kind::Given, "Jürgen", "Juergen", SAME),
            (Kind::Text, "Router WRT54GL, silver, with stand", "Router WRT54GS, silver, with stand", FAINT),
            (Kind::Text, "Router WRT54GL, silver, with stand", "Router WRT54GL, silver, with a stand", ALIKE),
            (Kind::Email, "ada.lee@x.test", "ada.lee@y.test", ALIKE),
            (Kind::Email, "ada@x.test", "bob@x.test", DIFFERENT),
            (Kind::Email, "al.lee12@x.test", "al.lee13@x.test", UNKNOWN),
            (Kind::Email, "al.lee12@x.test", "al.lex12@x.test", ALIKE),
            (Kind::Date, "1960-02-10", "1960-10-02", ALIKE),
            (Kind::Date, "1960-02-10", "02/10/1960", SAME),
            (Kind::Date, "1960-02-10", "1961-02-10", ALIKE),
            (Kind::Date, "1960-02-10", "1960-02-27", FAINT),
            (Kind::Date, "1960-02-10", "1999-11-27", DIFFERENT),
            (Kind::Date, "19181115", "19182115", ALIKE),
            (Kind::Date, "19181115", "19992701", UNKNOWN),
            (Kind::Company, "Acme Foods Ltd", "Acme Foods Trading", ALIKE),
            (Kind::Text, "the quick brown fox", "quick brown dog", FAINT),
            (Kind::Postal, "4011", "4012", ALIKE),
            (Kind::Phone, "0123 456789", "0123 456780", FAINT),
            (Kind::Mobile, "0123 456789", "0123 455789", FAINT),
            (Kind::Phone, "0123 456789", "0124 456789", ALIKE),
            (Kind::Phone, "0123 456789", "0123 456798", ALIKE),
            (Kind::Phone, "0123 456789", "0123 45678", ALIKE),
            (Kind::Identifier, "0123 456789", "0123 456780", ALIKE),
            (Kind::Given, "Agent 12", "Agent 13", DIFFERENT),
            (Kind::Company, "Werk 12 GmbH", "Werk 13 GmbH", DIFFERENT),
            (Kind::Company, "Werk 12 GmbH", "Wrek 12 GmbH", ALIKE),
            (Kind::Name, "David Anderson", "David Gonzalez", DIFFERENT),
            (Kind::Name, "David Anderson", "Mary Anderson", DIFFERENT),
            (Kind::Name, "David Anderson", "D. Anderson", FAINT),
            (Kind::Name, "Robert Anderson", "Bob Anderson", FAINT),
            (Kind::Name, "David Anderson", "Anderson, David", ALIKE),
            (Kind::Name, "David M Anderson", "David Anderson", ALIKE),
        ] {
            assert_eq!(values(kind, &value(kind, a), &value(kind, b)), expected, "{a} {b}");
            assert_eq!(values(kind, &value(kind, b), &value(kind, a)), expected, "{b} {a}");
            assert_ne!(normal(kind, a).text, "");
        }
    }

    #[test]
    fn names_that_changed_places() {
        let kinds = [Kind::Given, Kind::Surname].map(|kind| (format!("{kind:?}"), kind));
        for (left, right, expected) in [
            (["Ada", "Lee"], ["Lee", "Ada"], [ALIKE, ALIKE]),
            (["Ada", "Okafor"], ["Okafro", "Ada"], [ALIKE, ALIKE]),
            // Of one name alone nobody knows which it is.
            (["Vlaentina", "Weiß"], ["Weiß", "Valentina"], [ALIKE, ALIKE]),
            (["Okafor", ""], ["Ada", "Okafor"], [UNKNOWN, ALIKE]),
            (["Ada", "Okafor"], ["Okafor", ""], [UNKNOWN, ALIKE]),
            (["Ada", "Okafor"], ["Weber", ""], [DIFFERENT, UNKNOWN]),
            (["Ada", "Okafor"], ["Okafor", "Weber"], [DIFFERENT, DIFFERENT]),
        ] {
            let rows: Vec<Vec<String>> = [left, right].map(|row| row.map(str::to_owned).into()).into();
            let table = Table::new(&kinds, &rows);
            let groups = groups(&table);
            let pattern = Comparer::new(&table, &groups).pattern(0, 1);
            assert_eq!([pattern.level(0), pattern.level(1)], expected, "{left:?} {right:?}");
        }
    }
}
