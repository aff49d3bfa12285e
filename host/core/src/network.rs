//! Networks, as lists of who may call: written and compared. Decides; does no I/O.

use std::net::IpAddr;

/// Bits in front of an IPv4 address that is written as one of IPv6: `::ffff:192.0.2.2`.
const MAPPED_BITS: u8 = 96;

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or one address.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) if bits.len() <= 3 && bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                (address, Some(bits.parse::<u8>().ok()?))
            }
            Some(_) => return None,
            None => (text, None),
        };
        let first: IpAddr = address.parse().ok()?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return None;
        }
        // An IPv4 address in the clothes of IPv6 is the IPv4 address here too; a network larger than all of those is one of IPv6.
        match first.to_canonical() {
            first @ IpAddr::V4(_) if most == 128 && bits >= MAPPED_BITS => Some(Self { first, bits: bits - MAPPED_BITS }),
            _ => Some(Self { first, bits }),
        }
    }

    /// Whether an address is one of these. An IPv4 address in the clothes of IPv6 is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(other)) => {
                u32::from(self.bits) == 0 || (first.to_bits() ^ other.to_bits()) >> (32 - u32::from(self.bits)) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(other)) => {
                u32::from(self.bits) == 0 || (first.to_bits() ^ other.to_bits()) >> (128 - u32::from(self.bits)) == 0
            }
            _ => false,
        }
    }
}

/// Whether a caller is on a list; an empty one lets everybody in, another one nobody whose address is not known.
pub fn may_call(list: &[Network], caller: Option<IpAddr>) -> bool {
    list.is_empty() || caller.is_some_and(|caller| list.iter().any(|network| network.contains(caller)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list, and who is on it; `-` before who is not.
    #[track_caller]
    fn check(list: &[&str], callers: &[&str]) {
        let networks: Vec<Network> = list.iter().map(|text| Network::parse(text).unwrap()).collect();
        for caller in callers {
            let address: IpAddr = caller.trim_start_matches('-').parse().unwrap();
            assert_eq!(may_call(&networks, Some(address)), !caller.starts_with('-'), "{caller} on {list:?}");
        }
    }

    #[test]
    fn lists_say_who_may_call() {
        check(&[], &["203.0.113.9", "::1"]);
        check(&["10.0.0.0/8"], &["10.255.0.1", "-11.0.0.1", "-::1", "::ffff:10.1.2.3", "-::ffff:11.1.2.3"]);
        check(&["203.0.113.9"], &["203.0.113.9", "-203.0.113.8"]);
        check(&["203.0.113.9/31", "2001:db8::/32"], &["203.0.113.8", "-203.0.113.10", "2001:db8:1::5", "-2001:db9::"]);
        check(&["0.0.0.0/0"], &["8.8.8.8", "-::1"]);
        check(&["::ffff:192.0.2.2"], &["192.0.2.2", "::ffff:192.0.2.2", "-192.0.2.3", "-::1"]);
        check(&["::ffff:10.0.0.0/104"], &["10.9.8.7", "-11.0.0.1"]);
        check(&["::/0"], &["::1", "-8.8.8.8"]);
        assert!(!may_call(&[Network::parse("::/0").unwrap()], None), "nobody knows who it is");
        for broken in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "a.example", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8"] {
            assert_eq!(Network::parse(broken), None, "{broken}");
        }
    }
}
