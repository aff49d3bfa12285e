//! To which endpoints a private network is granted: those that a person placed there, and no other. A plugin's own address
//! (where it gets tokens, say) stays out of them, whatever its name leads to.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// An endpoint with its address.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) endpoint: String,
    pub(super) base: String,
    /// A person gave the address, or a part of it.
    pub(super) given: bool,
}

/// Endpoint → the networks that it gets. Those whose given address stands in the network; where there is none, those whose
/// given address is a name, which may lead there. A network that nobody gets is a mistake.
pub(super) fn share(networks: &[String], placed: &[Placed], wrong: &mut Vec<String>) -> BTreeMap<String, Vec<String>> {
    let mut shared: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for text in networks {
        let Ok(network) = text.parse::<IpNet>() else {
            wrong.push(format!("`{text}` is not a network; write 10.1.0.0/16 or 127.0.0.1/32"));
            continue;
        };
        let of = |wanted: Where| {
            let fits = placed.iter().filter(move |one| one.given && place(&one.base, &network) == wanted);
            fits.map(|one| one.endpoint.clone()).collect::<Vec<_>>()
        };
        let within = of(Where::Within);
        let all = if within.is_empty() { of(Where::Name) } else { within };
        if all.is_empty() && !placed.is_empty() {
            let where_to: Vec<String> = placed.iter().map(|one| format!("`{}` {}", one.endpoint, one.base)).collect();
            wrong.push(format!(
                "no endpoint was placed in {text} ({}); give the address there with --set, or leave --grant-network {text} away",
                where_to.join(", ")
            ));
        }
        for endpoint in all {
            shared.entry(endpoint).or_default().push(text.clone());
        }
    }
    shared
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Within,
    Name,
    Elsewhere,
}

fn place(base: &str, network: &IpNet) -> Where {
    let url = Url::parse(base).ok();
    let ip: IpAddr = match url.as_ref().and_then(Url::host) {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain("localhost")) => match network {
            IpNet::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpNet::V6(_) => Ipv6Addr::LOCALHOST.into(),
        },
        Some(Host::Domain(_)) => return Where::Name,
        None => return Where::Elsewhere,
    };
    if network.contains(&ip) { Where::Within } else { Where::Elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that were given, and the plugin's own in brackets → which of them get the network, or why none does.
    #[track_caller]
    fn check(network: &str, bases: &[&str], expected: Result<&[&str], &str>) {
        let placed = bases.iter().map(|text| {
            let own = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
            Placed { endpoint: (*text).to_owned(), base: own.unwrap_or(text).to_owned(), given: own.is_none() }
        });
        let mut wrong = Vec::new();
        let shared = share(&[network.to_owned()], &placed.collect::<Vec<_>>(), &mut wrong);
        match expected {
            Ok(expected) => assert_eq!(shared.into_keys().collect::<Vec<_>>(), expected, "{network} {bases:?} {wrong:?}"),
            Err(part) => assert!(wrong.len() == 1 && wrong[0].contains(part), "{network} {bases:?} {wrong:?}"),
        }
    }

    #[test]
    fn a_network_goes_where_a_person_placed_an_endpoint() {
        let identity = "(https://identity.test)";
        check("127.0.0.0/8", &["http://127.0.0.1:9", identity], Ok(&["http://127.0.0.1:9"]));
        check("127.0.0.0/8", &["http://localhost:9", "https://public.test"], Ok(&["http://localhost:9"]));
        check("::1/128", &["http://[::1]:9", identity], Ok(&["http://[::1]:9"]));
        // A name may lead there; one that stands there leaves the names out.
        check("10.0.0.0/8", &["https://erp.test", identity], Ok(&["https://erp.test"]));
        check("10.0.0.0/8", &["https://erp.test", "https://10.0.0.9"], Ok(&["https://10.0.0.9"]));
        check("127.0.0.0/8", &["(http://127.0.0.1:9)", identity], Err("no endpoint was placed in 127.0.0.0/8"));
        check("127.0.0.0/8", &["http://10.0.0.9"], Err("`http://10.0.0.9`"));
        check("loopback", &["http://127.0.0.1"], Err("is not a network"));
        check("127.0.0.0/8", &[], Ok(&[]));
    }
}
