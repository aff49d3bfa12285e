//! Says "certainly not here", in about nine bits a key: one foreign key in 250 passes.
//!
//! A binary fuse filter; its bytes are part of the file, its layout the library's. The index is derived: should a
//! later version of the library read them otherwise, the shape's version moves on and the index is rebuilt.

use xorf::{BinaryFuse8, Descriptor, Filter as _};

use super::IndexFault;

/// Bytes of a stored descriptor: the seed and three lengths.
const DESCRIPTOR_BYTES: usize = 20;

/// `None`: it could not be made (a rare draw of keys), and everything passes.
#[derive(Debug)]
pub(crate) struct Filter(Option<BinaryFuse8>);

impl Filter {
    /// From ascending keys; equal ones count once.
    pub(crate) fn new(keys: impl Iterator<Item = u64>) -> Self {
        let mut keys: Vec<u64> = keys.collect();
        keys.dedup();
        Self(BinaryFuse8::try_from(&keys).ok())
    }

    pub(crate) fn perhaps(&self, key: u64) -> bool {
        self.0.as_ref().is_none_or(|filter| filter.contains(&key))
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let Some(BinaryFuse8 { descriptor, fingerprints }) = &self.0 else { return };
        out.extend_from_slice(&descriptor.seed.to_le_bytes());
        for length in [descriptor.segment_length, descriptor.segment_length_mask, descriptor.segment_count_length] {
            out.extend_from_slice(&length.to_le_bytes());
        }
        out.extend_from_slice(fingerprints);
    }

    /// Checks that no key can lead outside of the fingerprints.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, IndexFault> {
        const DAMAGED: IndexFault = IndexFault::Damaged("a filter is not one that was ever written");
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let (descriptor, fingerprints) = bytes.split_at_checked(DESCRIPTOR_BYTES).ok_or(DAMAGED)?;
        let (seed, lengths) = descriptor.split_first_chunk::<8>().ok_or(DAMAGED)?;
        let [length, mask, count_length] = *lengths.as_chunks::<4>().0 else { return Err(DAMAGED) };
        let descriptor = Descriptor {
            seed: u64::from_le_bytes(*seed),
            segment_length: u32::from_le_bytes(length),
            segment_length_mask: u32::from_le_bytes(mask),
            segment_count_length: u32::from_le_bytes(count_length),
        };
        let whole = descriptor.segment_length.is_power_of_two()
            && descriptor.segment_length_mask == descriptor.segment_length - 1
            && descriptor.segment_count_length.is_multiple_of(descriptor.segment_length);
        let reach = u64::from(descriptor.segment_count_length) + 2 * u64::from(descriptor.segment_length);
        if !whole || reach > fingerprints.len() as u64 {
            return Err(DAMAGED);
        }
        Ok(Self(Some(BinaryFuse8 { descriptor, fingerprints: fingerprints.into() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> u64 {
        n.wrapping_mul(0x2545_f491_4f6c_dd1d).rotate_left(23)
    }

    #[track_caller]
    fn check(count: u64) {
        let mut keys: Vec<u64> = (0..count).map(key).collect();
        keys.push(key(0));
        keys.sort_unstable();
        let filter = Filter::new(keys.into_iter());
        let mut bytes = Vec::new();
        filter.put(&mut bytes);
        for filter in [filter, Filter::read(&bytes).unwrap()] {
            assert!((0..count).all(|n| filter.perhaps(key(n))), "{count} keys");
            let wrong = (count..count + 100_000).filter(|n| filter.perhaps(key(*n))).count();
            assert!(wrong < 600, "{wrong} of 100,000 foreign keys pass with {count}");
        }
        assert!(count < 1000 || bytes.len() < count as usize * 11 / 8 + 100, "{} bytes for {count}", bytes.len());
    }

    #[test]
    fn a_filter_has_no_false_negative_and_few_false_positives() {
        [1, 2, 3, 10, 309, 1_000, 9_000, 32_768].into_iter().for_each(check);
    }

    #[test]
    fn damaged_filters_are_refused() {
        let mut bytes = Vec::new();
        Filter::new((0..1000).map(key).collect::<std::collections::BTreeSet<_>>().into_iter()).put(&mut bytes);
        assert!(Filter::read(&bytes[..10]).is_err());
        assert!(Filter::read(&bytes[..bytes.len() - 1]).is_err());
        for at in 8..20 {
            let mut altered = bytes.clone();
            altered[at] ^= 0x55;
            // Refused, or it leads nowhere outside.
            if let Ok(filter) = Filter::read(&altered) {
                let _ = (0..1000).filter(|n| filter.perhaps(key(*n))).count();
            }
        }
    }
}
