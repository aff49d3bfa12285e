//! One word → another of the same length, letter for letter of the same sort.

use std::collections::{HashMap, HashSet};

use super::{Digest, Originals};

/// Tries until a word is found that is none of the originals and nobody else's mask.
const TRIES_MAX: u32 = 400;
/// Letters around one in Unicode among which another of its sort is looked for: a script's small and large letters are that near.
const NEAR: u32 = 64;

const VOWELS: &[u8] = b"aeiou";
const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxyz";

/// Words and their masks, in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    masks: HashMap<String, String>,
    taken: HashSet<String>,
}

impl Words {
    /// The mask of a word, with its upper and lower case.
    pub(super) fn mask(&mut self, digest: Digest<'_>, originals: &Originals, word: &str) -> String {
        let lower: String = word.chars().map(lower).collect();
        let mask = match self.masks.get(&lower) {
            Some(known) => known.clone(),
            None => {
                let made = self.make(digest, originals, &lower);
                self.taken.insert(made.clone());
                self.masks.insert(lower, made.clone());
                made
            }
        };
        word.chars().zip(mask.chars()).map(|(as_it_was, new)| if as_it_was.is_uppercase() { upper(new) } else { new }).collect()
    }

    fn make(&self, digest: Digest<'_>, originals: &Originals, word: &str) -> String {
        let mut second_best = None;
        for number in 0..TRIES_MAX {
            let made = shuffled(digest, word, number);
            if made == word || originals.stands_in(&made) {
                continue;
            }
            if !self.taken.contains(&made) {
                return made;
            }
            second_best.get_or_insert(made);
        }
        // Of one letter there are only so many others.
        second_best.unwrap_or_else(|| shuffled(digest, word, TRIES_MAX))
    }
}

fn lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    match (lower.next(), lower.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// Other letters and digits, from the digest of the word and a number.
fn shuffled(digest: Digest<'_>, word: &str, number: u32) -> String {
    let mut stream = Stream { digest, seed: [word.as_bytes(), &[0], &number.to_be_bytes()].concat(), block: 0, left: Vec::new() };
    word.chars().enumerate().map(|(at, c)| other(c, at == 0, &mut stream)).collect()
}

/// Another character of the same sort. A zero in front stays, and nothing else becomes one.
fn other(c: char, first: bool, stream: &mut Stream<'_, '_>) -> char {
    match c {
        '0' if first => '0',
        '0'..='9' if first => char::from(b'1' + stream.below(9) as u8),
        '0'..='9' => char::from(b'0' + stream.below(10) as u8),
        'a' | 'e' | 'i' | 'o' | 'u' => char::from(VOWELS[stream.below(VOWELS.len() as u32) as usize]),
        'a'..='z' => char::from(CONSONANTS[stream.below(CONSONANTS.len() as u32) as usize]),
        _ => {
            let start = c as u32 / NEAR * NEAR;
            let fits = |near: &char| {
                near.is_alphabetic() == c.is_alphabetic()
                    && near.is_numeric() == c.is_numeric()
                    && near.is_lowercase() == c.is_lowercase()
                    && near.is_uppercase() == c.is_uppercase()
                    && near.len_utf8() == c.len_utf8()
                    && lower(*near) == *near
                    && lower(upper(*near)) == *near
                    // It may stand where one is large.
                    && (upper(*near) != *near) == (upper(c) != c)
            };
            let near: Vec<char> = (start..start + NEAR).filter_map(char::from_u32).filter(fits).collect();
            match near.len() {
                0 => 'x',
                count => near[stream.below(count as u32) as usize],
            }
        }
    }
}

/// Numbers from digests, as many as are wanted.
struct Stream<'d, 'f> {
    digest: &'f (dyn Fn(&[u8]) -> [u8; 32] + 'd),
    seed: Vec<u8>,
    block: u32,
    left: Vec<u8>,
}

impl Stream<'_, '_> {
    /// A number below another.
    fn below(&mut self, bound: u32) -> u32 {
        while self.left.len() < 4 {
            let seed = [self.seed.as_slice(), &self.block.to_be_bytes()].concat();
            self.block += 1;
            self.left.extend((self.digest)(&seed));
        }
        let taken: Vec<u8> = self.left.drain(..4).collect();
        let number = taken.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        u32::try_from((number * u64::from(bound)) >> 32).unwrap_or(0)
    }
}
