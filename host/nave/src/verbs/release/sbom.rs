//! The bill of materials of what is released, as CycloneDX 1.5 in JSON: every package that is linked, with version, licence and
//! checksum, made of what cargo resolved and of Cargo.lock. The same checkout gives the same bytes: no time, no random number.
//!
//! Made here because cargo knows all of it and the format needs a handful of its fields; the tools for it would have to be built first
//! on every machine that makes a release.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use nave_hub::api::ApiError;
use nave_hub::plugins;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use spdx::{Expression, ParseMode};

/// What plugins are built for.
pub(crate) const WASM: &str = "wasm32-wasip2";

/// What cargo resolved for one target.
#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    #[serde(default)]
    license: Option<String>,
    #[serde(default)]
    description: Option<String>,
    /// None: it is of this checkout.
    #[serde(default)]
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    /// None: linked; else `build` or `dev`.
    kind: Option<String>,
}

/// A checkout: what its packages are, for one target, and which licences may be passed on with it.
pub(crate) struct Checkout {
    metadata: Metadata,
    /// Name and version → SHA-256, as Cargo.lock has it.
    checksums: BTreeMap<(String, String), String>,
    allowed: BTreeSet<String>,
}

/// What this machine builds for.
///
/// # Errors
/// [`ApiError`] where rustc cannot be asked.
pub(crate) fn host() -> Result<String, ApiError> {
    let said = asked(Path::new("."), "rustc", &["-vV"])?;
    let line = String::from_utf8_lossy(&said).lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned));
    line.ok_or_else(|| ApiError::failed("rustc does not say what it builds for"))
}

impl Checkout {
    /// Asks cargo, which fetches nothing that Cargo.lock does not name.
    ///
    /// # Errors
    /// [`ApiError`] where it is no checkout, or cargo refuses.
    pub(crate) fn read(dir: &Path, target: &str) -> Result<Self, ApiError> {
        let text = asked(dir, "cargo", &["metadata", "--format-version", "1", "--locked", "--filter-platform", target])?;
        let metadata =
            serde_json::from_slice(&text).map_err(|error| ApiError::failed(format!("cargo metadata cannot be read: {error}")))?;
        let table = |name: &str| -> Result<toml::Table, ApiError> {
            let text = std::fs::read_to_string(dir.join(name))
                .map_err(|error| ApiError::usage(format!("{name}: {error}")).help("name the checkout with --checkout"))?;
            text.parse().map_err(|error: toml::de::Error| ApiError::failed(format!("{name}: {}", error.message())))
        };
        let (lock, deny) = (table("Cargo.lock")?, table("deny.toml")?);
        let locked = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
        let word = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let checksum = |package| Some(((word(package, "name")?, word(package, "version")?), word(package, "checksum")?));
        let list = deny.get("licenses").and_then(|table| table.get("allow")).and_then(toml::Value::as_array);
        let allowed = list.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect();
        Ok(Self { metadata, checksums: locked.filter_map(checksum).collect(), allowed })
    }

    fn package(&self, id: &str) -> Option<&Package> {
        self.metadata.packages.iter().find(|package| package.id == id)
    }

    /// What a package links, by id. What only runs while it is built is not in it: build scripts and procedural macros.
    fn linked(&self, id: &str) -> Vec<&str> {
        let node = self.metadata.resolve.nodes.iter().find(|node| node.id == id);
        let deps = node.map(|node| node.deps.as_slice()).unwrap_or_default().iter();
        let runs = |id: &str| {
            let macros = |target: &Target| target.kind.iter().any(|kind| kind == "proc-macro");
            self.package(id).is_none_or(|package| package.targets.iter().any(macros))
        };
        let linked = deps.filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()) && !runs(&dep.pkg));
        linked.map(|dep| dep.pkg.as_str()).collect()
    }

    /// The bill of one package of this checkout, as it was made into a file with this digest.
    ///
    /// # Errors
    /// [`ApiError`] where there is no such package, or something in it may not be passed on: no licence, one that deny.toml does not
    /// allow, or a package that Cargo.lock has no checksum of.
    pub(crate) fn bill(&self, name: &str, sha256: &str) -> Result<Json, ApiError> {
        let root = self.metadata.packages.iter().find(|package| package.source.is_none() && package.name == name);
        let root = root.ok_or_else(|| ApiError::failed(format!("the checkout has no package `{name}`")))?;
        let (mut todo, mut seen) = (vec![root.id.as_str()], BTreeSet::from([root.id.as_str()]));
        while let Some(id) = todo.pop() {
            todo.extend(self.linked(id).into_iter().filter(|id| seen.insert(id)));
        }
        let mut all: Vec<&Package> = seen.iter().filter_map(|id| self.package(id)).collect();
        all.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
        let wrong: Vec<String> = all.iter().filter_map(|package| self.wrong(package)).collect();
        if !wrong.is_empty() {
            return Err(ApiError::failed(format!("{name} may not be passed on as it is: {}", wrong.join("; ")))
                .help("look at the licence; where it may be passed on under Apache-2.0, add it to `allow` under [licenses] in deny.toml"));
        }
        let components: Vec<Json> =
            all.iter().filter(|package| package.id != root.id).map(|package| self.component(package, "library", None)).collect();
        let depends = |package: &&Package| {
            let mut on: Vec<String> = self.linked(&package.id).into_iter().filter_map(|id| self.package(id)).map(purl).collect();
            on.sort();
            json!({ "ref": purl(package), "dependsOn": on })
        };
        Ok(json!({
            "bomFormat": "CycloneDX",
            "specVersion": "1.5",
            "version": 1,
            "metadata": { "component": self.component(root, "application", Some(sha256)) },
            "components": components,
            "dependencies": all.iter().map(depends).collect::<Vec<_>>(),
        }))
    }

    fn component(&self, package: &Package, kind: &str, sha256: Option<&str>) -> Json {
        let mut component = json!({
            "type": kind, "bom-ref": purl(package), "name": package.name, "version": package.version, "purl": purl(package),
        });
        if let Some(license) = &package.license {
            component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
        }
        if let Some(description) = &package.description {
            component["description"] = json!(description.trim());
        }
        let known = self.checksums.get(&(package.name.clone(), package.version.clone())).map(String::as_str);
        if let Some(content) = sha256.or(known) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": content }]);
        }
        component
    }

    /// Why a package may not be passed on.
    fn wrong(&self, package: &Package) -> Option<String> {
        let who = format!("{} {}", package.name, package.version);
        let Some(license) = &package.license else { return Some(format!("{who} names no licence")) };
        let Ok(expression) = Expression::parse_mode(license, ParseMode::LAX) else {
            return Some(format!("{who}: `{license}` is no licence that is known"));
        };
        if !expression.evaluate(|asked| self.allowed.contains(&asked.to_string())) {
            return Some(format!("{who} is under {license}"));
        }
        let key = (package.name.clone(), package.version.clone());
        let foreign = package.source.is_some();
        (foreign && !self.checksums.contains_key(&key)).then(|| format!("{who} has no checksum in Cargo.lock"))
    }
}

/// The SHA-256 of a file that is released.
///
/// # Errors
/// [`ApiError`] where it cannot be read.
pub(crate) fn digest_of(file: &Path) -> Result<String, ApiError> {
    let bytes = std::fs::read(file).map_err(|error| ApiError::failed(format!("{}: {error}", file.display())))?;
    Ok(plugins::digest(&bytes))
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

fn asked(dir: &Path, program: &str, arguments: &[&str]) -> Result<Vec<u8>, ApiError> {
    let ran = Command::new(program).args(arguments).current_dir(dir).stdin(Stdio::null()).output();
    let ran =
        ran.map_err(|error| ApiError::failed(format!("{program}: {error}")).help("install Rust, with cargo on the PATH"))?;
    match ran.status.success() {
        true => Ok(ran.stdout),
        false => Err(ApiError::failed(format!("{program} refused: {}", String::from_utf8_lossy(&ran.stderr).trim()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    /// Names and versions of what cargo says itself that it links, by another way than the bill is made.
    fn by_cargo_tree(package: &str, target: &str) -> BTreeSet<(String, String)> {
        let arguments = [
            "tree",
            "-p",
            package,
            "-e",
            "normal,no-proc-macro",
            "--target",
            target,
            "--prefix",
            "none",
            "--locked",
            "--no-dedupe",
        ];
        let said = asked(&root(), "cargo", &arguments).expect("cargo tree");
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.trim_start_matches('v').to_owned()))
        };
        String::from_utf8_lossy(&said).lines().filter_map(line).collect()
    }

    /// S7.3: every package that is linked is in the bill, with version, licence and checksum; each licence is one that may be passed on.
    #[test]
    fn the_bill_names_everything_that_is_linked() {
        let text = |json: &Json, key: &str| json[key].as_str().unwrap_or_else(|| panic!("no {key}: {json}")).to_owned();
        let host = host().expect("a host");
        for (package, target) in [("nave", host.as_str()), ("nave-plugin-xero", WASM), ("nave-plugin-files", WASM)] {
            let checkout = Checkout::read(&root(), target).expect("a checkout");
            let bill = checkout.bill(package, "abc").expect("a bill");
            let own = &bill["metadata"]["component"];
            assert_eq!((text(own, "name"), own["hashes"][0]["content"].as_str()), (package.to_owned(), Some("abc")));
            let components = bill["components"].as_array().expect("components");
            let mut found: BTreeSet<(String, String)> =
                components.iter().map(|one| (text(one, "name"), text(one, "version"))).collect();
            found.insert((text(own, "name"), text(own, "version")));
            let linked = by_cargo_tree(package, target);
            let missing: Vec<_> = linked.difference(&found).collect();
            assert!(linked.len() > 3 && missing.is_empty(), "{package}: {missing:?}");
            for one in components {
                let licence = one["licenses"][0]["expression"].as_str().unwrap_or_default();
                assert!(Expression::parse(licence).is_ok(), "{one}");
                let ours = text(one, "name").starts_with("nave");
                let hash = one["hashes"][0]["content"].as_str().unwrap_or_default();
                assert!(ours || hash.len() == 64, "{one}");
            }
            let refs: BTreeSet<String> =
                bill["dependencies"].as_array().expect("a graph").iter().map(|one| text(one, "ref")).collect();
            assert_eq!(refs.len(), components.len() + 1, "each is in the graph once");
        }
    }

    /// One package of somebody else's, with this licence and checksum; what is said of it.
    #[track_caller]
    fn check(license: Option<&str>, checksum: bool, expected: Option<&str>) {
        let package = |id: &str, source: Option<&str>, license: Option<&str>| json!({ "id": id, "name": id, "version": "1.0.0", "license": license, "source": source, "targets": [{ "kind": ["lib"] }] });
        let metadata = json!({
            "packages": [package("ours", None, Some("Apache-2.0")), package("theirs", Some("a registry"), license)],
            "resolve": { "nodes": [
                { "id": "ours", "deps": [{ "pkg": "theirs", "dep_kinds": [{ "kind": null }] }] },
                { "id": "theirs", "deps": [] } ] } });
        let key = ("theirs".to_owned(), "1.0.0".to_owned());
        let checkout = Checkout {
            metadata: serde_json::from_value(metadata).expect("metadata"),
            checksums: checksum.then(|| (key, "0".repeat(64))).into_iter().collect(),
            allowed: ["Apache-2.0", "MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into(),
        };
        match (checkout.bill("ours", "abc"), expected) {
            (Ok(bill), None) => assert_eq!(bill["components"][0]["name"], "theirs"),
            (Err(error), Some(part)) => assert!(error.message.contains(part), "{error:?}"),
            (other, _) => panic!("{license:?}: {other:?}"),
        }
    }

    #[test]
    fn what_may_not_be_passed_on_stops_the_release() {
        check(Some("MIT"), true, None);
        check(Some("GPL-3.0-only OR MIT"), true, None);
        check(Some("GPL-3.0/MIT"), true, None);
        check(Some("(MIT OR Apache-2.0) AND Unicode-3.0"), true, None);
        check(Some("Apache-2.0 WITH LLVM-exception"), true, None);
        check(Some("GPL-3.0-only"), true, Some("theirs 1.0.0 is under GPL-3.0-only"));
        check(Some("MIT AND GPL-3.0-only"), true, Some("is under MIT AND GPL-3.0-only"));
        check(Some("my own"), true, Some("is no licence that is known"));
        check(None, true, Some("names no licence"));
        check(Some("MIT"), false, Some("has no checksum"));
    }
}
