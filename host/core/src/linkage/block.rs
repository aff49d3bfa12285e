//! Which pairs are worth comparing: those that share something rare, or two things at once that together are rare.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;

use super::Kind;
use super::table::{Column, Table};

/// Records with the same term beyond which it is too common to make pairs by itself.
const BLOCK_MAX: usize = 14;
/// Records with the same terms up to which they may be one thing that is there again and again: each meets the next.
const CHAIN_MAX: usize = 64;
/// Words of one value that are looked at: a title has fewer, of a page of text the first say enough.
const WORDS_MAX: usize = 32;
/// Common terms of a record that are taken two by two.
const COMMON_MAX: usize = 12;
/// Pairs have to meet so often; what identifies meets twice at once.
const MEETINGS_MIN: usize = 2;

/// Something that a record has, hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    hash: u64,
    row: u32,
    /// Identifies by itself.
    strong: bool,
}

/// Pairs of records, the smaller number first, each once and in order.
pub(super) fn candidates(table: &Table) -> Vec<(u32, u32)> {
    let mut terms = Vec::new();
    // What goes with a town (its region, its country) would only make every pair meet again.
    let telling = |column: &Column| !matches!(column.kind, Kind::Region | Kind::Country | Kind::Category);
    let all = table.columns.iter().all(|column| !telling(column));
    for (at, column) in table.columns.iter().enumerate().filter(|(_, column)| all || telling(column)) {
        let own = of_values(at, column);
        for (row, cell) in column.cells.iter().enumerate() {
            for (hash, strong) in &own[*cell as usize] {
                terms.push(Term { hash: *hash, row: row as u32, strong: *strong });
            }
        }
    }
    let whole = whole_rows(table).into_iter().enumerate();
    terms.extend(whole.map(|(row, hash)| Term { hash, row: row as u32, strong: true }));
    terms.sort_unstable();
    terms.dedup_by_key(|term| (term.hash, term.row));
    let mut pairs: Vec<u64> = Vec::new();
    // Of each record its common terms: how many have it, and its hash.
    let mut common: Vec<Vec<(u32, u64)>> = vec![Vec::new(); table.rows()];
    for block in terms.chunk_by(|one, other| one.hash == other.hash) {
        if block.len() > BLOCK_MAX {
            if block[0].strong {
                // So many of one mailbox may be one thing typed again and again: each meets the next.
                block.windows(2).for_each(|two| meet([two[0].row, two[1].row].into_iter(), MEETINGS_MIN, &mut pairs));
            }
            for term in block.iter().filter(|_| block.len() * 2 < table.rows()) {
                common[term.row as usize].push((block.len() as u32, term.hash));
            }
            continue;
        }
        meet(block.iter().map(|term| term.row), if block[0].strong { MEETINGS_MIN } else { 1 }, &mut pairs);
    }
    drop(terms);
    let mut twos: Vec<(u64, u32)> = Vec::new();
    for (row, mut own) in common.into_iter().enumerate() {
        own.sort_unstable();
        own.truncate(COMMON_MAX);
        for (at, (_, one)) in own.iter().enumerate() {
            twos.extend(own[at + 1..].iter().map(|(_, other)| ((one ^ other).wrapping_mul(0x9e37_79b9_7f4a_7c15), row as u32)));
        }
    }
    twos.sort_unstable();
    for block in twos.chunk_by(|one, other| one.0 == other.0) {
        if block.len() <= BLOCK_MAX {
            meet(block.iter().map(|(_, row)| *row), 1, &mut pairs);
        } else if block.len() <= CHAIN_MAX {
            block.windows(2).for_each(|two| meet([two[0].1, two[1].1].into_iter(), 1, &mut pairs));
        }
    }
    pairs.sort_unstable();
    let met = pairs.chunk_by(|one, other| one == other).filter(|met| met.len() >= MEETINGS_MIN);
    met.map(|met| ((met[0] >> 32) as u32, met[0] as u32)).collect()
}

/// Every two of these records meet, so many times.
fn meet(rows: impl Iterator<Item = u32> + Clone, times: usize, pairs: &mut Vec<u64>) {
    for (at, left) in rows.clone().enumerate() {
        for right in rows.clone().skip(at + 1) {
            let (first, second) = (left.min(right), left.max(right));
            pairs.extend(std::iter::repeat_n(u64::from(first) << 32 | u64::from(second), times));
        }
    }
}

/// What a record says in all, hashed: the same record typed twice is a candidate, however common all that it says is.
fn whole_rows(table: &Table) -> Vec<u64> {
    let row = |row: usize| {
        let mut hasher = FixedState::with_seed(11).build_hasher();
        table.columns.iter().for_each(|column| hasher.write_u32(column.cells[row]));
        hasher.finish()
    };
    (0..table.rows()).map(row).collect()
}

/// The terms of each different value of a column.
fn of_values(at: usize, column: &Column) -> Vec<Vec<(u64, bool)>> {
    let family = match column.kind {
        // A first name is looked for among last names too, a phone among mobiles.
        Kind::Given | Kind::Surname | Kind::Name => "name".to_owned(),
        Kind::Phone | Kind::Mobile => "phone".to_owned(),
        Kind::Email => "email".to_owned(),
        _ => at.to_string(),
    };
    let seed = FixedState::with_seed(7);
    let hash = |what: &str, text: &str| {
        let mut hasher = seed.build_hasher();
        [family.as_str(), what, text].iter().for_each(|part| {
            hasher.write(part.as_bytes());
            hasher.write_u8(0);
        });
        hasher.finish()
    };
    let strong = matches!(column.kind, Kind::Identifier | Kind::Email | Kind::Phone | Kind::Mobile | Kind::Date);
    let terms = |text: &str, date: Option<super::normal::Date>| -> Vec<(u64, bool)> {
        if text.is_empty() {
            return Vec::new();
        }
        let words = || text.split(' ').filter(|word| word.len() >= 2).take(WORDS_MAX);
        match column.kind {
            Kind::Email => {
                let local = text.split('@').next().unwrap_or(text);
                vec![(hash("whole", text), true), (hash("local", local), false)]
            }
            Kind::Date => match date {
                Some(date) => {
                    let (low, high) = (date.month.min(date.day), date.month.max(date.day));
                    vec![
                        (hash("whole", &format!("{}{low:02}{high:02}", date.year)), true),
                        (hash("year", &date.year.to_string()), false),
                    ]
                }
                None => vec![(hash("whole", text), true)],
            },
            Kind::Given | Kind::Surname | Kind::Name => {
                words().flat_map(|word| [(hash("word", word), false), (hash("sound", &skeleton(word)), false)]).collect()
            }
            Kind::Street | Kind::Company | Kind::Text => {
                let mut found: Vec<_> = words().map(|word| (hash("word", word), false)).collect();
                found.push((hash("whole", text), false));
                found
            }
            _ => vec![(hash("whole", text), strong)],
        }
    };
    column.values.iter().map(|value| terms(&value.normal.text, value.normal.date)).collect()
}

/// What a name sounds like, roughly: its first letter, then consonants by the groups of the Soundex code, none twice in a row.
/// What is numbered is told apart by its number, and sounds like nothing but itself.
pub(super) fn skeleton(word: &str) -> String {
    if word.bytes().any(|byte| byte.is_ascii_digit()) {
        return word.to_owned();
    }
    let group = |c: char| match c {
        'b' | 'f' | 'p' | 'v' | 'w' => Some('1'),
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => Some('2'),
        'd' | 't' => Some('3'),
        'l' => Some('4'),
        'm' | 'n' => Some('5'),
        'r' => Some('6'),
        _ => None,
    };
    let mut out = String::new();
    let mut before = None;
    for (at, c) in word.chars().enumerate() {
        let own = group(c);
        if at == 0 {
            out.push(c);
        } else if let Some(digit) = own.filter(|_| own != before) {
            out.push(digit);
        }
        if at == 0 || !matches!(c, 'h' | 'w') {
            before = own;
        }
    }
    out.truncate(4);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_alike() {
        for (one, other) in [("robert", "rupert"), ("smith", "smyth"), ("meier", "mayer"), ("tymczak", "tymszak")] {
            assert_eq!(skeleton(one), skeleton(other), "{one} {other}");
        }
        for (one, other) in [("robert", "rubin"), ("agent12", "agent13"), ("12", "13")] {
            assert_ne!(skeleton(one), skeleton(other), "{one} {other}");
        }
    }

    #[test]
    fn who_shares_something_rare_is_a_candidate() {
        let row = |given: &str, email: &str, city: &str| vec![given.to_owned(), email.to_owned(), city.to_owned()];
        let mut rows: Vec<Vec<String>> =
            (0..100).map(|at| row(["ann", "bob"][at % 2], &format!("u{at}@x.test"), "kew")).collect();
        rows[17][1] = "u3@x.test".into();
        let table = Table::new(&[Kind::Given, Kind::Email, Kind::City].map(|kind| (String::new(), kind)), &rows);
        assert_eq!(candidates(&table), [(3, 17)]);
    }
}
