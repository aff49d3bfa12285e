//! How much two values of a kind agree, in five levels.

use serde::{Deserialize, Serialize};

use super::Kind;
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
        let mut pattern = Pattern(0);
        for group in 0..self.groups.len() {
            let level = self.level(group, left, right);
            pattern.put(group, level);
        }
        turned(self.table, self.groups, left, right, &mut pattern);
        named(self.table, self.groups, left, right, &mut pattern);
        pattern
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
        Group::One(at, _) => table.columns[*at].of(row).map(|value| value.normal.text.as_str()),
        Group::Address(_) => None,
    };
    let near = |one: Option<&str>, other: Option<&str>| matches!((one, other), (Some(one), Some(other)) if one == other || names(one, other) == ALIKE);
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
    let (a, b) = (left.normal.text.as_str(), right.normal.text.as_str());
    if left.normal == right.normal {
        return SAME;
    }
    match kind {
        // A pet name says less than the name: faintly alike speaks for nothing, and against nothing.
        Kind::Given if super::nickname::same_name(a, b) => ALIKE.min(names(a, b).max(FAINT)),
        // `Agent 12` and `Agent 13`, `Werk 2 GmbH` and `Werk 3 GmbH`: what is numbered is told apart by nothing else.
        Kind::Given | Kind::Surname | Kind::Name | Kind::Company if are_numbered_apart(a, b) => DIFFERENT,
        Kind::Given | Kind::Surname => names(a, b),
        Kind::Email => emails(a, b),
        Kind::Phone | Kind::Mobile if are_neighbours(a, b) => FAINT,
        Kind::Phone | Kind::Mobile | Kind::Identifier | Kind::House => {
            if a.len() >= 5 && one_slip(a, b) {
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
            } else if a.len() >= 4 && b.len() >= 4 && a.as_bytes()[..2] == b.as_bytes()[..2] {
                FAINT
            } else {
                DIFFERENT
            }
        }
        Kind::Region | Kind::Country | Kind::Category | Kind::Number => {
            if a.len() >= 4 && one_slip(a, b) {
                ALIKE
            } else {
                DIFFERENT
            }
        }
        Kind::Text if are_two_models(a, b) => texts(left, right).min(FAINT),
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
        && names(&one, &other) == DIFFERENT
        && !super::nickname::same_name(&one, &other)
}

/// Whether two texts are the same but for numbers that both have.
fn are_numbered_apart(a: &str, b: &str) -> bool {
    let is_numbered = |text: &str| text.bytes().any(|byte| byte.is_ascii_digit());
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    is_numbered(a) && is_numbered(b) && letters(a) == letters(b)
}

/// Whether each has a word with a number that the other has not: `router WRT54GL` and `router WRT54GS`, `part 1` and `part 2`.
fn are_two_models(a: &str, b: &str) -> bool {
    let has_own = |text: &str, other: &str| {
        let numbered = |word: &&str| word.bytes().any(|byte| byte.is_ascii_digit());
        text.split(' ').filter(numbered).any(|word| other.split(' ').all(|known| known != word))
    };
    has_own(a, b) && has_own(b, a)
}

fn names(a: &str, b: &str) -> u8 {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if long.len() >= 4 && one_slip(a, b) {
        return ALIKE;
    }
    let likeness = if short.len() >= 3 { alike(a, b) } else { 0.0 };
    if short.len() >= 4 && likeness >= 0.92 {
        return ALIKE;
    }
    // Of so short a name a letter too few, or two that changed places, say neither that it is the same nor that it is not.
    if long.len() == 3 && one_slip(a, b) && (short.len() == 2 || same_letters(a, b)) {
        return FAINT;
    }
    let begins = (short.len() == 1 || short.len() >= 3) && long.starts_with(short);
    // One word is in another one word only where they are the same.
    let inner = || short.split(' ').any(|word| word.len() >= 3 && long.split(' ').any(|other| other == word));
    if begins || likeness >= 0.84 || long.contains(' ') && inner() || short.len() >= 5 && same_letters(a, b) {
        FAINT
    } else {
        DIFFERENT
    }
}

/// Whether two have the same letters but for one more, in whatever order: what was typed in haste has them.
fn same_letters(a: &str, b: &str) -> bool {
    let mut counts = [0_i32; 128];
    a.bytes().filter(u8::is_ascii).for_each(|byte| counts[byte as usize] += 1);
    b.bytes().filter(u8::is_ascii).for_each(|byte| counts[byte as usize] -= 1);
    counts.iter().map(|count| count.unsigned_abs()).sum::<u32>() <= 1
}

fn emails(a: &str, b: &str) -> u8 {
    let (Some((mine, here)), Some((theirs, there))) = (a.split_once('@'), b.split_once('@')) else {
        return if one_slip(a, b) { ALIKE } else { DIFFERENT };
    };
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    if here == there && mine != theirs && letters(mine) == letters(theirs) {
        // `ada.lee12` and `ada.lee13`: the provider numbers those of one name.
        return UNKNOWN;
    }
    if one_slip(a, b) || mine == theirs && mine.len() >= 6 {
        ALIKE
    } else if mine == theirs || here == there && alike(mine, theirs) >= 0.93 {
        FAINT
    } else {
        DIFFERENT
    }
}

fn dates(left: Date, right: Date, a: &str, b: &str) -> u8 {
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
    let (a, b) = (left.normal.text.as_str(), right.normal.text.as_str());
    if a.len().min(b.len()) >= 4 && one_slip(a, b) {
        return ALIKE;
    }
    let common = common(&left.words, &right.words);
    let dice = 2.0 * common as f64 / (left.words.len() + right.words.len()).max(1) as f64;
    if dice >= 0.8 {
        return ALIKE;
    }
    let alike = if a.len().max(b.len()) <= 40 { alike(a, b) } else { 0.0 };
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

/// Whether one slip of the pen makes one of the other: a character more, less, another, or two that changed places
/// (distance 1 after Damerau and Levenshtein).
fn one_slip(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a.as_bytes(), b.as_bytes()) } else { (b.as_bytes(), a.as_bytes()) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let head = short.iter().zip(long).take_while(|(x, y)| x == y).count();
    let (short, long) = (&short[head..], &long[head..]);
    match (short, long) {
        ([], rest) => rest.len() <= 1,
        (short, long) if short.len() < long.len() => *short == long[1..],
        ([x, rest @ ..], [y, others @ ..]) => {
            rest == others
                || matches!((rest, others), ([x2, rest @ ..], [y2, others @ ..]) if x == y2 && y == x2 && rest == others)
        }
        _ => false,
    }
}

/// Nobody asks for less.
const ALIKE_FROM: f64 = 0.84;

/// [`similarity`] where it is at least [`ALIKE_FROM`], else 0: most pairs have too few letters in common for that, which is told faster.
fn alike(a: &str, b: &str) -> f64 {
    let letters = |text: &str| text.bytes().fold(0_u64, |seen, byte| seen | 1 << (byte & 63));
    let (mine, theirs) = (letters(a), letters(b));
    // At most so many characters of each find one in the other.
    let share = |text: &str, only: u64| 1.0 - f64::from(only.count_ones()) / text.len().max(1) as f64;
    let jaro = (share(a, mine & !theirs) + share(b, theirs & !mine) + 1.0) / 3.0;
    if jaro + 0.4 * (1.0 - jaro) < ALIKE_FROM { 0.0 } else { similarity(a, b) }
}

/// Similarity after Jaro and Winkler, 0 to 1, of ASCII texts; beyond 64 characters nothing is alike.
fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    // Even with every character found it would stay below what anybody asks for.
    if shorter == 0 || longer > 64 || shorter * 2 < longer {
        return 0.0;
    }
    let reach = (longer / 2).saturating_sub(1);
    let (mut mine, mut theirs) = (0_u64, 0_u64);
    for (at, byte) in a.iter().enumerate() {
        let from = at.saturating_sub(reach);
        let near = b.iter().enumerate().take(at + reach + 1).skip(from);
        if let Some((other, _)) = near.filter(|(_, found)| *found == byte).find(|(other, _)| theirs & (1 << other) == 0) {
            mine |= 1 << at;
            theirs |= 1 << other;
        }
    }
    let matches = f64::from(mine.count_ones());
    if matches == 0.0 {
        return 0.0;
    }
    let (mut half, mut rest) = (0.0, theirs);
    for (_, byte) in a.iter().enumerate().filter(|(at, _)| mine & (1 << at) != 0) {
        let other = rest.trailing_zeros() as usize;
        rest &= rest - 1;
        half += f64::from(u8::from(b[other] != *byte));
    }
    let jaro = (matches / a.len() as f64 + matches / b.len() as f64 + (matches - half / 2.0) / matches) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count();
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

#[cfg(test)]
mod tests {
    use super::super::normal::normal;
    use super::*;

    #[test]
    fn slips() {
        for (a, b, expected) in [
            ("", "", true),
            ("a", "", true),
            ("abcd", "abcd", true),
            ("abcd", "abd", true),
            ("abcd", "abxd", true),
            ("abcd", "acbd", true),
            ("abcd", "abcde", true),
            ("abcd", "badc", false),
            ("abcd", "ab", false),
            ("abcd", "axxd", false),
            ("stirling", "stirilng", true),
        ] {
            assert_eq!(one_slip(a, b), expected, "{a} {b}");
            assert_eq!(one_slip(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn similarity_is_that_of_the_literature() {
        // Winkler's own examples (1990), to three places.
        for (a, b, expected) in [("martha", "marhta", 0.961), ("dwayne", "duane", 0.840), ("dixon", "dicksonx", 0.813)] {
            assert!((similarity(a, b) - expected).abs() < 0.001, "{a} {b} {}", similarity(a, b));
            assert!((similarity(a, b) - strsim::jaro_winkler(a, b)).abs() < 1e-9);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_told_fast_is_what_is_told_slowly(a in "[a-f0-9@. ]{0,12}", b in "[a-f0-9@. ]{0,12}") {
            let slowly = similarity(&a, &b);
            proptest::prop_assert_eq!(alike(&a, &b).max(ALIKE_FROM), slowly.max(ALIKE_FROM), "{} {}", a, b);
        }
    }

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
