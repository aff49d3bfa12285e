//! Inputs that are nearly right: seeds with a few places changed, the way fuzzers do it without coverage.

/// A generator that gives the same for the same seed (xorshift64*, Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    pub(crate) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// What means something to one parser or another.
const TOKENS: [&[u8]; 40] = [
    b"\"",
    b"'",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"(",
    b")",
    b",",
    b":",
    b"|",
    b"=",
    b".",
    b"..",
    b"/",
    b"//",
    b"%2e%2e",
    b"%2f",
    b"%00",
    b"@",
    b"#",
    b"?",
    b"&",
    b"\r\n",
    b"\n\n",
    b"\t",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"null",
    b"true",
    b"-0",
    b"1e309",
    b"18446744073709551616",
    b"\\ud800",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"{{",
    b"$",
];
/// Bytes that an input may grow to.
const LENGTH_MAX: usize = 1 << 16;

/// A seed with one to eight changes.
pub(crate) fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.of(seeds).clone();
    for _ in 0..=random.below(8) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = random.next() as u8,
            2 => _ = bytes.drain(at..end),
            3 => bytes.truncate(at),
            4 => {
                let piece = bytes[at..end].to_vec();
                let times = random.below(40);
                bytes.splice(at..at, piece.repeat(times));
            }
            5 => {
                let other = random.of(seeds);
                let from = random.below(other.len() + 1);
                let piece = other[from..(from + random.below(64)).min(other.len())].to_vec();
                bytes.splice(at..end, piece);
            }
            6 => {
                let token = random.of(&TOKENS).repeat(1 + random.below(3));
                bytes.splice(at..at, token);
            }
            _ => {
                let token = random.of(&TOKENS).to_vec();
                bytes.splice(at..end, token);
            }
        }
        bytes.truncate(LENGTH_MAX);
    }
    bytes
}
