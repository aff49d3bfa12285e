//! Which addresses may be dialled. Decides; does no I/O.
//!
//! An address is judged with whatever IPv4 address hides in it: mapped, compatible, NAT64, 6to4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// What kind of address it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Anybody's.
    Public,
    /// Only with a grant of its network; with a word for people.
    Inside(&'static str),
    /// Never; with a word for people.
    Never(&'static str),
}

/// Judges an address.
pub(super) fn classify(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(v4) => classify_v4(v4),
        IpAddr::V6(v6) => classify_v6(v6),
    }
}

/// Whether this address may be dialled under a grant of `networks`. An error is a word for people.
pub(super) fn check(address: IpAddr, networks: &[IpNet]) -> Result<(), &'static str> {
    match classify(address) {
        Class::Public => Ok(()),
        Class::Never(what) => Err(what),
        Class::Inside(what) => {
            let canonical = address.to_canonical();
            if networks.iter().any(|net| net.contains(&canonical)) { Ok(()) } else { Err(what) }
        }
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    let [a, b, c, d] = address.octets();
    match (a, b, c, d) {
        // Clouds hand out credentials and configuration on these: AWS, GCP, Azure, ECS, EKS, Tencent, Alibaba, Oracle.
        (169, 254, 169 | 170, _) | (169, 254, 0, 23) | (100, 100, 100, 200) | (192, 0, 0, 192) | (168, 63, 129, 16) => {
            Class::Never("a cloud's metadata address")
        }
        (0, ..) => Class::Never("an unspecified address"),
        (127, ..) => Class::Inside("a loopback address"),
        (10, ..) | (192, 168, ..) => Class::Inside("a private address"),
        (172, 16..=31, ..) => Class::Inside("a private address"),
        (169, 254, ..) => Class::Inside("a link-local address"),
        (100, 64..=127, ..) => Class::Inside("a carrier-grade NAT address"),
        (198, 18 | 19, ..) => Class::Inside("an address for benchmarks"),
        (192, 0, 0, _) | (192, 88, 99, _) => Class::Inside("a protocol assignment"),
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => Class::Inside("an address for documentation"),
        (224..=239, ..) => Class::Never("a multicast address"),
        (255, 255, 255, 255) => Class::Never("the broadcast address"),
        (240.., ..) => Class::Never("a reserved address"),
        _ => Class::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> Class {
    if let Some(hidden) = hidden_v4(address) {
        return classify_v4(hidden);
    }
    let segments = address.segments();
    if segments[0] == 0xfd00 && segments[1] == 0x0ec2 || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254) {
        return Class::Never("a cloud's metadata address");
    }
    if address.is_unspecified() {
        return Class::Never("an unspecified address");
    }
    if address.is_loopback() {
        return Class::Inside("a loopback address");
    }
    match segments[0] {
        0xff00..=0xffff => Class::Never("a multicast address"),
        0xfe80..=0xfebf => Class::Inside("a link-local address"),
        0xfec0..=0xfeff => Class::Inside("a site-local address"),
        0xfc00..=0xfdff => Class::Inside("a private address"),
        0x64 => Class::Inside("a translated address"),
        0x0100 => Class::Never("a discard address"),
        0x2001 if segments[1] < 0x200 => Class::Inside("a protocol assignment or tunnel"),
        0x2001 if segments[1] == 0xdb8 => Class::Inside("an address for documentation"),
        0x3fff if segments[1] < 0x1000 => Class::Inside("an address for documentation"),
        0x5f00 => Class::Inside("a segment-routing address"),
        // Global unicast is 2000::/3; the rest is not handed out.
        0x2000..=0x3fff => Class::Public,
        _ => Class::Never("a reserved address"),
    }
}

/// The IPv4 address in an IPv6 one.
fn hidden_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let low = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0xffff, a, b] => Some(low(a, b)),
        [0, 0, 0, 0, 0xffff, 0, a, b] => Some(low(a, b)),
        // Compatible addresses; `::` and `::1` are not among them.
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 || b > 1 => Some(low(a, b)),
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(low(a, b)),
        [0x2002, a, b, ..] => Some(low(a, b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_class(text: &str, expected: &str) {
        let class = match classify(text.parse().expect(text)) {
            Class::Public => "public",
            Class::Inside(_) => "inside",
            Class::Never(_) => "never",
        };
        assert_eq!(class, expected, "{text}");
    }

    /// Lines 62 and 63 of the attack list.
    #[test]
    fn every_kind_of_address_is_known() {
        for (text, class) in [
            ("127.0.0.1", "inside"),
            ("127.255.255.254", "inside"),
            ("10.1.2.3", "inside"),
            ("172.16.0.1", "inside"),
            ("172.31.255.255", "inside"),
            ("172.32.0.1", "public"),
            ("192.168.1.1", "inside"),
            ("100.64.0.1", "inside"),
            ("100.127.255.255", "inside"),
            ("100.128.0.1", "public"),
            ("100.100.100.200", "never"),
            ("169.254.1.1", "inside"),
            ("169.254.169.254", "never"),
            ("169.254.170.2", "never"),
            ("168.63.129.16", "never"),
            ("192.0.0.192", "never"),
            ("192.0.0.1", "inside"),
            ("198.18.0.1", "inside"),
            ("198.20.0.1", "public"),
            ("0.0.0.0", "never"),
            ("0.1.2.3", "never"),
            ("224.0.0.1", "never"),
            ("240.0.0.1", "never"),
            ("255.255.255.255", "never"),
            ("8.8.8.8", "public"),
            ("::", "never"),
            ("::1", "inside"),
            ("::127.0.0.1", "inside"),
            ("::ffff:127.0.0.1", "inside"),
            ("::ffff:169.254.169.254", "never"),
            ("::ffff:0:10.0.0.1", "inside"),
            ("64:ff9b::a9fe:a9fe", "never"),
            ("64:ff9b::10.0.0.1", "inside"),
            ("64:ff9b::8.8.8.8", "public"),
            ("64:ff9b:1::1", "inside"),
            ("2002:7f00:1::", "inside"),
            ("2002:a9fe:a9fe::1", "never"),
            ("2001:0:1::1", "inside"),
            ("2001:db8::1", "inside"),
            ("fe80::1", "inside"),
            ("fec0::1", "inside"),
            ("fc00::1", "inside"),
            ("fd00:ec2::254", "never"),
            ("fd20:ce::254", "never"),
            ("ff02::1", "never"),
            ("100::1", "never"),
            ("4000::1", "never"),
            ("2606:4700::1111", "public"),
        ] {
            check_class(text, class);
        }
    }

    #[test]
    fn a_network_grant_lifts_only_what_lies_inside() {
        let networks: Vec<IpNet> = ["10.0.0.0/8", "169.254.0.0/16", "fd00::/8"].map(|n| n.parse().unwrap()).to_vec();
        for (text, allowed) in [
            ("10.2.3.4", true),
            ("::ffff:10.2.3.4", true),
            ("169.254.1.1", true),
            ("169.254.169.254", false),
            ("fd01::1", true),
            ("fd00:ec2::254", false),
            ("192.168.0.1", false),
            ("2002:0a02:0304::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(check(text.parse().unwrap(), &networks).is_ok(), allowed, "{text}");
        }
    }
}
