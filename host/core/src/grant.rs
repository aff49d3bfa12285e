//! What a plugin was given, per connection. Both keys are needed for a call: the manifest asks, the operator grants.

mod narrow;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manifest::{Allow, FolderAccess};

/// Everything a connection's plugin may reach. Deny by default: what is not here is refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Grants {
    /// Endpoint name → grant.
    pub endpoints: BTreeMap<String, EndpointGrant>,
    /// Folder name → grant.
    pub folders: BTreeMap<String, FolderGrant>,
}

/// A granted endpoint: one concrete base address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndpointGrant {
    /// Concrete base address: scheme, host, port, path.
    pub base: String,
    /// What was granted of that which the manifest asked for. `connection add` writes it. Empty: all that the installed
    /// manifest asks for; a `plugin install` of another build writes down first what that was, so an update never
    /// brings a power with it.
    #[serde(default)]
    pub allow: Vec<Allow>,
    /// Private or loopback networks (CIDR) that this endpoint may resolve to. Metadata addresses never.
    #[serde(default)]
    pub networks: Vec<String>,
    /// Allows `http://`. Needs `because`.
    #[serde(default)]
    pub insecure: bool,
    /// Only GET and HEAD and what `allow` of the manifest marks as reading, whatever the key can do.
    #[serde(default)]
    pub read_only: bool,
    /// Why.
    #[serde(default)]
    pub because: Option<String>,
}

/// A granted folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FolderGrant {
    /// Path; relative to the project's directory.
    pub path: String,
    /// Access.
    pub access: FolderAccess,
}

/// A refusal, with the grant that would lift it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Code that tests and audits use: `net.denied`, `net.method-denied`, …
    pub code: &'static str,
    /// What happened and what to write to allow it.
    pub message: String,
}

/// Proof that one use was checked: what leaves for a network, what takes a secret out of the vault for a plugin and what
/// reaches into a folder asks for one. Only this module makes one, and only where a check came out well, so a way that
/// skips the check does not compile. It is for the use that was checked: it cannot be copied.
///
/// ```
/// use nave_core::grant::check_folder;
/// use nave_core::manifest::FolderAccess;
///
/// let grant = check_folder("drop", Some(FolderAccess::Read), false).unwrap();
/// assert_eq!(grant.what(), "folder `drop`");
/// ```
///
/// Nobody else makes one,
///
/// ```compile_fail,E0451
/// let forged = nave_core::grant::Grant { what: "folder `drop`".to_owned() };
/// ```
///
/// nor takes one for another use.
///
/// ```compile_fail,E0599
/// use nave_core::grant::check_folder;
/// use nave_core::manifest::FolderAccess;
///
/// let grant = check_folder("drop", Some(FolderAccess::Read), false).unwrap();
/// let another = grant.clone();
/// ```
#[derive(Debug)]
pub struct Grant {
    what: String,
}

impl Grant {
    /// What it is for, for people.
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// Whether a folder is granted, to be read or also written.
///
/// # Errors
/// [`Denied`], with the grant that would lift it.
pub fn check_folder(folder: &str, granted: Option<FolderAccess>, write: bool) -> Result<Grant, Denied> {
    let denied = |message: String| Err(Denied { code: "folder.denied", message });
    match granted {
        Some(FolderAccess::Read) if write => denied(format!(
            "folder `{folder}` may only be read; `access = \"read-write\"` under [grants.folders.{folder}] would allow writing"
        )),
        Some(_) => Ok(Grant { what: format!("folder `{folder}`") }),
        None => denied(format!(
            "folder `{folder}` is not granted; `path` and `access` under [grants.folders.{folder}] would allow it"
        )),
    }
}

/// Whether a credential's secret may be used on an endpoint: an update of the plugin cannot move it to another. `granted` are
/// the endpoints of its slot; none means that they were never narrowed.
///
/// # Errors
/// [`Denied`], with the grant that would lift it.
pub fn check_sign_in(connection: &str, slot: &str, granted: Option<&[String]>, endpoint: &str) -> Result<Grant, Denied> {
    match granted {
        Some(granted) if !granted.iter().any(|granted| granted == endpoint) => Err(Denied {
            code: "net.credential-denied",
            message: format!(
                "the plugin asks to sign in on endpoint `{endpoint}` with `{slot}`, and is not granted that; add \"{endpoint}\" to `endpoints` under [credentials.{slot}] in connections/{connection}.toml"
            ),
        }),
        _ => Ok(Grant { what: format!("signing in with `{slot}` on `{endpoint}`") }),
    }
}

/// Whether `path` lies under `prefix` on segment boundaries: `/v1` covers `/v1` and `/v1/x`, not `/v10`.
/// A path with a `.` or `..` segment, plain or percent-encoded, or with a backslash, lies under nothing.
pub fn path_under(prefix: &str, path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or("");
    let decoded = path
        .replace("%2e", ".")
        .replace("%2E", ".")
        .replace("%2f", "/")
        .replace("%2F", "/")
        .replace("%5c", "\\")
        .replace("%5C", "\\");
    if decoded.contains('\\') || decoded.split('/').any(|segment| segment == "." || segment == "..") {
        return false;
    }
    let prefix = prefix.trim_end_matches('/');
    path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}

/// What is both asked for and granted, line by line.
pub fn effective(asked: &[Allow], granted: &[Allow]) -> Vec<Allow> {
    let mut out: Vec<Allow> = Vec::new();
    for asked in asked {
        for granted in granted {
            let methods: Vec<String> = asked.methods.iter().filter(|method| granted.methods.contains(method)).cloned().collect();
            let mut paths = Vec::new();
            for one in &asked.paths {
                for other in &granted.paths {
                    let narrower = if path_under(other, one) { one } else { other };
                    if (path_under(other, one) || path_under(one, other)) && !paths.contains(narrower) {
                        paths.push(narrower.clone());
                    }
                }
            }
            let line = Allow { methods, paths, reads: asked.reads };
            if !line.methods.is_empty() && !line.paths.is_empty() && !out.contains(&line) {
                out.push(line);
            }
        }
    }
    out
}

/// Without the lines that another one covers: what it allows is said once.
pub fn distinct(lines: Vec<Allow>) -> Vec<Allow> {
    let covers = |one: &Allow, other: &Allow| {
        let under = |path: &String| one.paths.iter().any(|prefix| path_under(prefix, path));
        other.methods.iter().all(|method| one.methods.contains(method)) && other.paths.iter().all(under)
    };
    let covered = |at: usize, line: &Allow| {
        // Of two that cover each other the first stays.
        lines.iter().enumerate().any(|(other, wide)| other != at && covers(wide, line) && (other < at || !covers(line, wide)))
    };
    lines.iter().enumerate().filter(|(at, line)| !covered(*at, line)).map(|(_, line)| line.clone()).collect()
}

/// What is asked for and not wholly granted, one line per path.
pub fn beyond(asked: &[Allow], granted: &[Allow]) -> Vec<Allow> {
    let covered = |method: &String, path: &str| {
        granted.iter().any(|line| line.methods.contains(method) && line.paths.iter().any(|prefix| path_under(prefix, path)))
    };
    let mut out: Vec<Allow> = Vec::new();
    for line in asked {
        for path in &line.paths {
            let methods: Vec<String> = line.methods.iter().filter(|method| !covered(method, path)).cloned().collect();
            let line = Allow { methods, paths: vec![path.clone()], reads: line.reads };
            if !line.methods.is_empty() && !out.contains(&line) {
                out.push(line);
            }
        }
    }
    out
}

/// Whether this method on this path (below the endpoint's base) is asked for by the manifest *and* granted.
pub fn check_call(endpoint: &str, asked: &[Allow], grant: &EndpointGrant, method: &str, path: &str) -> Result<Grant, Denied> {
    let covers = |allow: &[Allow]| {
        allow.iter().any(|line| {
            line.methods.iter().any(|granted| granted == method) && line.paths.iter().any(|prefix| path_under(prefix, path))
        })
    };
    let shown = path.split(['?', '#']).next().unwrap_or("");
    if !covers(asked) {
        return Err(Denied {
            code: "net.not-requested",
            message: format!(
                "{method} {shown} on endpoint `{endpoint}` is not asked for by the plugin's manifest; only its author can add it"
            ),
        });
    }
    if grant.read_only && !matches!(method, "GET" | "HEAD") && !covers_reading(asked, method, path) {
        return Err(Denied {
            code: "net.read-only",
            message: format!(
                "{method} {shown}: the connection is read-only; `read-only = false` under [grants.endpoints.{endpoint}] would allow it"
            ),
        });
    }
    if !grant.allow.is_empty() && !covers(&grant.allow) {
        return Err(Denied {
            code: "net.method-denied",
            message: format!(
                "{method} {shown} is not granted; add {{ methods = [\"{method}\"], paths = [\"{shown}\"] }} to `allow` under [grants.endpoints.{endpoint}]"
            ),
        });
    }
    Ok(Grant { what: format!("{method} {shown} on `{endpoint}`") })
}

/// Listed search POSTs: a line of the manifest that says `reads`, or whose every path ends in `/search`.
fn covers_reading(asked: &[Allow], method: &str, path: &str) -> bool {
    !matches!(method, "PUT" | "PATCH" | "DELETE")
        && asked.iter().any(|line| {
            line.methods.iter().any(|m| m == method)
                && (line.reads || line.paths.iter().all(|prefix| prefix.ends_with("/search")))
                && line.paths.iter().any(|prefix| path_under(prefix, path))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_line_covers_is_said_once() {
        let line = |text: &str| {
            let (methods, paths) = text.split_once(' ').unwrap();
            let words = |text: &str| text.split(',').map(str::to_owned).collect();
            Allow { methods: words(methods), paths: words(paths), reads: false }
        };
        for (given, left) in [
            (&["GET,POST /a", "POST /a/search"][..], &["GET,POST /a"][..]),
            (&["POST /a/search", "GET,POST /a"], &["GET,POST /a"]),
            (&["GET /a", "GET /a"], &["GET /a"]),
            (&["GET /a", "POST /a/search", "GET /ab"], &["GET /a", "POST /a/search", "GET /ab"]),
            (&["GET /", "GET,PUT /a"], &["GET /", "GET,PUT /a"]),
            (&[], &[]),
        ] {
            let lines = |texts: &[&str]| texts.iter().map(|text| line(text)).collect::<Vec<_>>();
            assert_eq!(distinct(lines(given)), lines(left), "{given:?}");
        }
    }

    /// The shipped connector whose reads are POSTs.
    const HUBSPOT: &str = include_str!("../../../plugins/hubspot/manifest.json");

    #[test]
    fn a_read_only_connection_may_search_and_read_in_batches_and_write_nothing() {
        let manifest: crate::manifest::Manifest = serde_json::from_str(HUBSPOT).unwrap();
        let asked = &manifest.endpoints["api"].allow;
        let base = "https://api.hubapi.com".to_owned();
        let grant = EndpointGrant { base, allow: vec![], networks: vec![], insecure: false, read_only: true, because: None };
        for (call, code) in [
            ("GET /crm/v3/objects/contacts/1", None),
            ("POST /crm/v3/objects/contacts/search", None),
            ("POST /crm/v3/objects/companies/batch/read", None),
            ("POST /crm/v3/objects/contacts", Some("net.read-only")),
            ("POST /crm/v3/objects/contacts/batch/upsert", Some("net.read-only")),
            ("POST /crm/v3/objects/contacts/search/../batch/upsert", Some("net.not-requested")),
            ("DELETE /crm/v3/objects/contacts/search", Some("net.read-only")),
            ("PATCH /crm/v3/objects/contacts/1", Some("net.read-only")),
            ("PUT /crm/v4/objects/contacts/1", Some("net.read-only")),
        ] {
            let (method, path) = call.split_once(' ').unwrap();
            let denied = check_call("api", asked, &grant, method, path).err().map(|denied| denied.code);
            assert_eq!(denied, code, "{call}");
        }
    }

    #[test]
    fn reads_is_never_believed_of_a_method_that_writes() {
        let line = |method: &str| Allow { methods: vec![method.into()], paths: vec!["/x".into()], reads: true };
        let base = "https://api.example.com".to_owned();
        let grant = EndpointGrant { base, allow: vec![], networks: vec![], insecure: false, read_only: true, because: None };
        for (method, fits) in [("POST", true), ("REPORT", true), ("PUT", false), ("PATCH", false), ("DELETE", false)] {
            assert_eq!(check_call("api", &[line(method)], &grant, method, "/x").is_ok(), fits, "{method}");
        }
    }

    fn lines(text: &str) -> Vec<Allow> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let line = |line: &str| {
            line.split_once(':').map(|(methods, paths)| Allow { methods: words(methods), paths: words(paths), reads: false })
        };
        text.split(';').filter_map(line).collect()
    }

    /// `METHODS:PATHS;…`: asked for, granted, in force, refused.
    #[track_caller]
    fn check(asked: &str, granted: &str, in_force: &str, refused: &str) {
        let (asked, granted) = (lines(asked), lines(granted));
        assert_eq!((effective(&asked, &granted), beyond(&asked, &granted)), (lines(in_force), lines(refused)));
    }

    #[test]
    fn an_update_brings_no_power() {
        check("GET:/a", "GET:/a", "GET:/a", "");
        check("GET:/a /b", "GET:/a", "GET:/a", "GET:/b");
        check("GET DELETE:/a", "GET:/a", "GET:/a", "DELETE:/a");
        check("GET:/", "GET:/a /b", "GET:/a /b", "GET:/");
        check("GET:/a/x", "GET POST:/a", "GET:/a/x", "");
        check("GET:/a", "GET:/ab", "", "GET:/a");
        check("GET:/a", "", "", "GET:/a");
        check("", "GET:/a", "", "");
    }
}
