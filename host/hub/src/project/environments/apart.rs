//! Hosts of different environments are different: what is tried out must not reach what customers have.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::{Catalog, Diagnostic, Severity, is_production};

use super::super::read;
use super::{Environment, all};

/// Code of the finding.
const CODE: &str = "host-of-production";

/// An error for each connection that reaches a host which a production environment's connection reaches too.
pub(in super::super) fn faults(dir: &Path, catalog: &Catalog) -> Vec<Diagnostic> {
    if is_production(&catalog.hub.environment) {
        return Vec::new();
    }
    let taken = hosts_of_production(dir);
    if taken.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for connection in catalog.connections.values().filter(|connection| connection.shared_host.is_none()) {
        for grant in connection.grants.endpoints.values() {
            let Some(host) = authority(&grant.base) else { continue };
            let Some((environment, other)) = taken.get(&host) else { continue };
            found.push(Diagnostic {
                path: format!("connections/{}.toml", connection.name),
                line: 1,
                column: 1,
                span: (0, 0),
                message: format!("this is {}, and {host} is where `{other}` of {environment} works", catalog.hub.environment),
                help: Some(
                    "give the host of a sandbox; where the vendor has one host for both, say why: shared-host = \"sandbox accounts answer there too\""
                        .to_owned(),
                ),
                severity: Severity::Error,
                code: CODE,
            });
        }
    }
    found
}

/// Host and port → environment and connection that reach it, in production. Read as it is written, so that a mistake elsewhere in
/// that environment's files opens nothing.
fn hosts_of_production(dir: &Path) -> BTreeMap<String, (String, String)> {
    let mut taken = BTreeMap::new();
    for Environment { name, dir, .. } in all(dir).unwrap_or_default().into_iter().filter(|other| other.production) {
        let Ok(files) = std::fs::read_dir(dir.join("connections")) else { continue };
        for path in files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|kind| kind == "toml")) {
            let connection = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let table = read::text(&path).ok().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
            let endpoints = table.get("grants").and_then(|grants| grants.get("endpoints")).and_then(toml::Value::as_table);
            for base in endpoints.into_iter().flat_map(|endpoints| endpoints.values()).filter_map(|one| one.get("base")?.as_str())
            {
                if let Some(host) = authority(base) {
                    taken.entry(host).or_insert_with(|| (name.clone(), connection.clone()));
                }
            }
        }
    }
    taken
}

/// `host:port` of an address. Every name of this machine is one: `localhost`, what ends in it, and the addresses that lead back here.
fn authority(base: &str) -> Option<String> {
    let url = url::Url::parse(base).ok()?;
    let host = url.host_str()?.trim_end_matches('.');
    let is_here = match url.host()? {
        url::Host::Domain(_) => host == "localhost" || host.ends_with(".localhost"),
        url::Host::Ipv4(address) => address.is_loopback() || address.is_unspecified(),
        url::Host::Ipv6(address) => {
            address.is_loopback() || address.is_unspecified() || address.to_ipv4_mapped().is_some_and(|four| four.is_loopback())
        }
    };
    Some(format!("{}:{}", if is_here { "localhost" } else { host }, url.port_or_known_default()?))
}
