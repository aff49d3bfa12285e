//! How alike two texts are as they are spelled: one slip of the pen, letters that changed places, Jaro and Winkler's similarity.
//!
//! Most pairs of texts have nothing to do with each other, and which letters they have tells that: no more is looked at.

/// A text, and which letters it has.
#[derive(Clone, Copy)]
pub(super) struct Spelled<'t> {
    pub(super) text: &'t str,
    letters: u128,
}

impl<'t> Spelled<'t> {
    /// `letters` are those of this text, counted before.
    pub(super) fn new(text: &'t str, letters: u128) -> Self {
        Self { text, letters }
    }

    /// Whether both have the same letters, however often: without that they are not the same.
    pub(super) fn has_letters_of(self, other: Self) -> bool {
        self.letters == other.letters
    }

    /// Whether this character of ASCII is in it; of other characters' bytes nothing is known.
    pub(super) fn has(self, byte: u8) -> bool {
        self.letters & bit(byte) != 0
    }

    /// Whether a digit is in it.
    pub(super) fn has_digit(self) -> bool {
        const DIGITS: u128 = 0x3ff << b'0';
        self.letters & DIGITS != 0
    }
}

impl<'t> From<&'t str> for Spelled<'t> {
    fn from(text: &'t str) -> Self {
        Self { text, letters: letters(text) }
    }
}

fn bit(byte: u8) -> u128 {
    1 << (byte & 127)
}

/// Which characters of ASCII a text has, a bit each; bytes of others count as one of them.
pub(super) fn letters(text: &str) -> u128 {
    text.bytes().fold(0, |seen, byte| seen | bit(byte))
}

/// Different letters that only the first has, and that only the second has.
fn own(a: Spelled, b: Spelled) -> (u32, u32) {
    ((a.letters & !b.letters).count_ones(), (b.letters & !a.letters).count_ones())
}

/// Whether the first text begins with the second.
pub(super) fn begins(a: Spelled, b: Spelled) -> bool {
    b.letters & !a.letters == 0 && a.text.starts_with(b.text)
}

/// Whether one slip of the pen makes one of the other: a character more, less, another, or two that changed places
/// (distance 1 after Damerau and Levenshtein).
pub(super) fn one_slip(a: Spelled, b: Spelled) -> bool {
    let (short, long) = if a.text.len() <= b.text.len() { (a, b) } else { (b, a) };
    if long.text.len() - short.text.len() > 1 || !matches!(own(a, b), (0 | 1, 0 | 1)) {
        return false;
    }
    let (short, long) = (short.text.as_bytes(), long.text.as_bytes());
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

/// Whether two have the same letters but for one more, in whatever order: what was typed in haste has them.
pub(super) fn same_letters(a: Spelled, b: Spelled) -> bool {
    if !matches!(own(a, b), (0, 0) | (0, 1) | (1, 0)) {
        return false;
    }
    let mut counts = [0_i32; 128];
    a.text.bytes().filter(u8::is_ascii).for_each(|byte| counts[byte as usize] += 1);
    b.text.bytes().filter(u8::is_ascii).for_each(|byte| counts[byte as usize] -= 1);
    counts.iter().map(|count| count.unsigned_abs()).sum::<u32>() <= 1
}

/// Nobody asks for less.
const ALIKE_FROM: f64 = 0.84;
/// Longest text that is alike to anything, bytes.
const ALIKE_MAX: usize = 64;

/// Similarity after Jaro and Winkler, 0 to 1, where it is at least [`ALIKE_FROM`]; else 0. Beyond 64 characters nothing is alike.
pub(super) fn alike(a: Spelled, b: Spelled) -> f64 {
    // At most so many characters of each find one in the other.
    let (mine, theirs) = own(a, b);
    let share = |text: &str, only: u32| 1.0 - f64::from(only) / text.len().max(1) as f64;
    let jaro = (share(a.text, mine) + share(b.text, theirs) + 1.0) / 3.0;
    if jaro + 0.4 * (1.0 - jaro) < ALIKE_FROM { 0.0 } else { similarity(a.text, b.text) }
}

/// Similarity after Jaro and Winkler of ASCII texts.
fn similarity(a: &str, b: &str) -> f64 {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
    // Even with every character found it would stay below what anybody asks for.
    if shorter == 0 || longer > ALIKE_MAX || shorter * 2 < longer {
        return 0.0;
    }
    let reach = (longer / 2).saturating_sub(1);
    // Of each character, where it is in the other text, a bit each.
    let mut places = [0_u64; 256];
    b.iter().enumerate().for_each(|(at, byte)| places[*byte as usize] |= 1 << at);
    let (mut mine, mut theirs) = (0_u64, 0_u64);
    for (at, byte) in a.iter().enumerate() {
        // From `reach` before it to `reach` behind it; the width stays below 64, since `reach` is below 32.
        let window = (1_u64 << (2 * reach + 1)) - 1;
        let near = if at >= reach { window.checked_shl((at - reach) as u32).unwrap_or(0) } else { window >> (reach - at) };
        let free = places[*byte as usize] & near & !theirs;
        if free != 0 {
            mine |= 1 << at;
            theirs |= free & free.wrapping_neg();
        }
    }
    let matches = f64::from(mine.count_ones());
    if matches == 0.0 {
        return 0.0;
    }
    let (mut half, mut left, mut right) = (0.0, mine, theirs);
    while left != 0 {
        let (one, other) = (left.trailing_zeros() as usize, right.trailing_zeros() as usize);
        half += f64::from(u8::from(a[one] != b[other]));
        left &= left - 1;
        right &= right - 1;
    }
    let jaro = (matches / a.len() as f64 + matches / b.len() as f64 + (matches - half / 2.0) / matches) / 3.0;
    let prefix = a.iter().zip(b).take(4).take_while(|(x, y)| x == y).count();
    jaro + prefix as f64 * 0.1 * (1.0 - jaro)
}

#[cfg(test)]
mod tests {
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
            ("abcd", "xbcx", false),
            ("stirling", "stirilng", true),
        ] {
            assert_eq!(one_slip(a.into(), b.into()), expected, "{a} {b}");
            assert_eq!(one_slip(b.into(), a.into()), expected, "{b} {a}");
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

    #[test]
    fn what_letters_tell() {
        for (a, b, expected) in [
            ("", "", [true, true, false, false]),
            ("ab 1", "ba1 ", [false, true, true, true]),
            ("abc", "ab", [true, true, false, false]),
            ("ab", "abc", [false, true, false, false]),
            ("abb", "ab", [true, true, false, false]),
            ("abbb", "ab", [true, false, false, false]),
            ("a/b", "a:b", [false, false, false, false]),
            ("a9", "a0", [false, false, true, false]),
            ("pq", "qp", [false, true, false, false]),
        ] {
            let (one, other) = (Spelled::from(a), Spelled::from(b));
            let told = [begins(one, other), same_letters(one, other), one.has_digit(), one.has(b' ')];
            assert_eq!(told, expected, "{a} {b}");
        }
    }

    /// As Jaro (1989) and Winkler (1990) put it, character by character.
    fn by_definition(a: &[u8], b: &[u8]) -> f64 {
        let reach = (a.len().max(b.len()) / 2).saturating_sub(1);
        let mut taken = vec![false; b.len()];
        let mut mine = Vec::new();
        for (at, byte) in a.iter().enumerate() {
            let found = (0..b.len()).find(|other| other.abs_diff(at) <= reach && !taken[*other] && b[*other] == *byte);
            if let Some(other) = found {
                taken[other] = true;
                mine.push(*byte);
            }
        }
        let theirs = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(byte, _)| *byte);
        let turned = mine.iter().zip(theirs).filter(|(one, other)| *one != other).count() as f64 / 2.0;
        let found = mine.len() as f64;
        if mine.is_empty() {
            return 0.0;
        }
        let jaro = (found / a.len() as f64 + found / b.len() as f64 + (found - turned) / found) / 3.0;
        let common = a.iter().zip(b).take(4).take_while(|(one, other)| one == other).count();
        jaro + common as f64 * 0.1 * (1.0 - jaro)
    }

    proptest::proptest! {
        #[test]
        fn what_is_told_fast_is_what_is_told_slowly(a in "[a-f0-9@. ]{0,12}", b in "[a-f0-9@. ]{0,12}") {
            let slowly = similarity(&a, &b);
            proptest::prop_assert_eq!(alike(a.as_str().into(), b.as_str().into()).max(ALIKE_FROM), slowly.max(ALIKE_FROM), "{} {}", a, b);
            let slip = strsim::osa_distance(&a, &b) <= 1;
            proptest::prop_assert_eq!(one_slip(a.as_str().into(), b.as_str().into()), slip, "{} {}", a, b);
        }

        #[test]
        fn similarity_is_that_of_its_definition(a in "[a-c]{1,64}", b in "[a-c]{1,64}") {
            let (shorter, longer) = (a.len().min(b.len()), a.len().max(b.len()));
            let expected = if shorter * 2 < longer { 0.0 } else { by_definition(a.as_bytes(), b.as_bytes()) };
            proptest::prop_assert!((similarity(&a, &b) - expected).abs() < 1e-9, "{} {}", a, b);
        }
    }
}
