//! The parts of the OCI distribution specification that a plugin needs: its reference, its manifest, a registry's challenge.
//! Decides; sends nothing.
//!
//! A plugin in a registry is one manifest with one layer, the `.wasm` file itself, so the layer's digest is the plugin's. The
//! signature is an annotation of the manifest: [`SIGNATURE_ANNOTATION`].

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Refused;

/// The one kind of manifest that is read.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The one kind of layer: the bytes of a component, as the registries of WebAssembly have it.
pub(super) const LAYER: &str = "application/wasm";
/// What stands where an image has its configuration; nobody reads it.
const CONFIGS: [&str; 2] = ["application/vnd.wasm.config.v0+json", "application/vnd.oci.empty.v1+json"];
/// The annotation of the manifest with the text of the file `NAME.wasm.sig`.
pub const SIGNATURE_ANNOTATION: &str = "nave.plugin.signature";
/// Longest manifest, bytes.
pub(super) const MANIFEST_BYTES_MAX: usize = 1 << 20;

/// `oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Host, with its port where one is said.
    pub(super) host: String,
    /// Repository.
    pub(super) name: String,
    /// Tag; `latest` where neither tag nor digest is said.
    pub(super) tag: Option<String>,
    /// Digest of the manifest, hexadecimal.
    pub(super) digest: Option<String>,
}

impl Reference {
    /// From what stands behind `oci://`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let help = "write oci://HOST/NAME:TAG or oci://HOST/NAME@sha256:DIGEST";
        let (host, rest) = text.split_once('/').ok_or(help)?;
        let (rest, digest) = match rest.split_once('@') {
            None => (rest, None),
            Some((rest, digest)) => (rest, Some(digest.strip_prefix("sha256:").filter(|digest| is_digest(digest)).ok_or(help)?)),
        };
        let (name, tag) = match rest.split_once(':') {
            None => (rest, None),
            Some((name, tag)) => (name, Some(tag)),
        };
        let (bare, port) = host.rsplit_once(':').map_or((host, None), |(bare, port)| (bare, Some(port)));
        let small = || format!("oci://{}", text.replacen(name, &name.to_ascii_lowercase(), 1));
        let wrong =
            if !nave_core::catalog::is_host(bare) || !port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0)) {
                help.to_owned()
            } else if name.len() <= 255 && name.split('/').all(is_component) {
                if tag.is_none_or(is_tag) {
                    String::new()
                } else {
                    "a tag is letters, digits, `_`, `.` and `-`, at most 128".to_owned()
                }
            } else if name.to_ascii_lowercase().split('/').all(is_component) && name.len() <= 255 {
                format!("registries know only names in lower case: write {}", small())
            } else {
                format!("`{name}` is no name that a registry knows: {help}")
            };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let tag = tag.or(if digest.is_none() { Some("latest") } else { None });
        Ok(Self { host: host.to_owned(), name: name.to_owned(), tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }

    /// As `nave.lock` has it.
    pub(super) fn text(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@sha256:{digest}")).unwrap_or_default();
        format!("oci://{}/{}{tag}{digest}", self.host, self.name)
    }

    /// What the manifest is asked for by: the digest where there is one.
    pub(super) fn asked(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".to_owned(),
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// One part of a repository's name: lower-case words with `.`, `_`, `__` or dashes between them.
fn is_component(part: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let between = |run: &str| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|byte| byte == b'-');
    bytes.first().is_some_and(|byte| word(*byte))
        && bytes.last().is_some_and(|byte| word(*byte))
        && part.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit()).all(between)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=128).contains(&tag.len())
        && word(tag.as_bytes()[0])
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawManifest {
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    urls: Vec<String>,
}

/// What a manifest says of a plugin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layer {
    /// SHA-256 of the file, hexadecimal.
    pub(super) digest: String,
    /// Its bytes.
    pub(super) size: u64,
    /// The signature's text.
    pub(super) signature: Option<String>,
}

/// The one layer of a manifest, which is the plugin.
pub(super) fn layer(content_type: Option<&str>, body: &[u8], size_max: u64) -> Result<Layer, Refused> {
    let media = |why: String| Refused::new("registry.media-type", why);
    let bare = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let header = content_type.map(bare).unwrap_or_default();
    if header != MANIFEST {
        return Err(media(format!("it answered with `{}` and not with a manifest ({MANIFEST})", header.escape_debug())));
    }
    let found: RawManifest = serde_json::from_slice(body)
        .map_err(|error| Refused::new("registry.bad-manifest", format!("the manifest cannot be read: {error}")))?;
    if found.manifests.is_some() || found.media_type.as_deref().is_some_and(|kind| kind != MANIFEST) {
        return Err(media("it is an index, or says another kind of itself; name one manifest".to_owned()));
    }
    if found.schema_version != 2 {
        return Err(Refused::new("registry.bad-manifest", format!("its schema has version {}, not 2", found.schema_version)));
    }
    if let Some(config) = &found.config
        && !CONFIGS.contains(&config.media_type.as_str())
    {
        return Err(media(format!("its configuration is `{}`: that is no plugin", config.media_type.escape_debug())));
    }
    let [layer] = found.layers.as_slice() else {
        return Err(Refused::new("registry.layers", format!("it has {} layers, and a plugin is one", found.layers.len())));
    };
    if layer.media_type != LAYER {
        return Err(media(format!("its layer is `{}`, and a plugin is `{LAYER}`", layer.media_type.escape_debug())));
    }
    if !layer.urls.is_empty() {
        return Err(Refused::new("registry.foreign-layer", "its layer lies somewhere else; a plugin lies in its own registry"));
    }
    let digest = layer.digest.strip_prefix("sha256:").filter(|digest| is_digest(digest));
    let Some(digest) = digest else {
        return Err(Refused::new("registry.bad-manifest", "the digest of its layer is not sha256: and 64 digits"));
    };
    if layer.size > size_max {
        return Err(Refused::new("plugin.too-large", format!("it has {} bytes, at most {size_max} are allowed", layer.size)));
    }
    Ok(Layer { digest: digest.to_owned(), size: layer.size, signature: found.annotations.get(SIGNATURE_ANNOTATION).cloned() })
}

/// What `WWW-Authenticate` asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password with each request.
    Basic,
    /// A token from this address, for this service.
    Bearer {
        /// Where tokens are given out.
        realm: String,
        /// Said when asking for one.
        service: Option<String>,
    },
}

impl Challenge {
    /// From the header's value.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut found = BTreeMap::new();
        let mut rest = rest.trim();
        while let Some((name, after)) = rest.split_once('=') {
            // Values are quoted; a comma may stand in a scope.
            let inner = after.strip_prefix('"')?;
            let (value, next) = inner.split_once('"')?;
            found.insert(name.trim().trim_start_matches(',').trim().to_ascii_lowercase(), value.to_owned());
            rest = next.trim_start();
        }
        Some(Self::Bearer { realm: found.remove("realm")?, service: found.remove("service") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_names_one_thing_of_one_host() {
        let digest = "ab".repeat(32);
        for (text, expected) in [
            ("r.example/desk", Some("oci://r.example/desk:latest")),
            ("r.example:5000/a/b_c/d-e.f:1.2.0", Some("oci://r.example:5000/a/b_c/d-e.f:1.2.0")),
            (&format!("r.example/desk@sha256:{digest}"), Some(&*format!("oci://r.example/desk@sha256:{digest}"))),
            (&format!("r.example/desk:1@sha256:{digest}"), Some(&*format!("oci://r.example/desk:1@sha256:{digest}"))),
            ("127.0.0.1:5000/desk:x", Some("oci://127.0.0.1:5000/desk:x")),
            ("r.example", None),
            ("r.example/", None),
            ("/desk", None),
            ("u@r.example/desk", None),
            ("r.example/Desk", None),
            ("r.example/a//b", None),
            ("r.example/../b", None),
            ("r.example/a___b", None),
            ("r.example/desk:", None),
            ("r.example/desk:a b", None),
            ("r.example/desk:a/../../x", None),
            ("r.example/desk@sha256:12", None),
            ("r.example/desk@md5:12", None),
            ("r.example:99999/desk", None),
            ("r.example:0/desk", None),
            ("r.exa mple/desk", None),
            ("r.example/desk?x=1", None),
        ] {
            assert_eq!(Reference::parse(text).map(|found| found.text()).ok().as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_reference_that_is_none_says_what_to_write() {
        for (text, expected) in [
            ("r.example/Acme/Desk:1.2", "registries know only names in lower case: write oci://r.example/acme/desk:1.2"),
            ("r.example/a//b", "`a//b` is no name that a registry knows: write oci://HOST/NAME:TAG"),
            ("r.example/desk:a b", "a tag is letters, digits, `_`, `.` and `-`, at most 128"),
            ("r.example", "write oci://HOST/NAME:TAG"),
        ] {
            let said = Reference::parse(text).expect_err(text);
            assert!(said.starts_with(expected), "{text}: {said}");
        }
    }

    /// Line 54.
    #[test]
    fn a_manifest_is_one_layer_that_is_the_plugin() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let layer_of = |media: &str, more: &str| format!(r#"{{"mediaType":"{media}","digest":"{digest}","size":9{more}}}"#);
        let wasm = layer_of(LAYER, "");
        let config = r#""config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"sha256:0","size":2}"#;
        let manifest = |layers: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}",{config},"layers":[{layers}]}}"#);
        let many = vec![wasm.clone(); 100].join(",");
        for (content_type, body, expected) in [
            (MANIFEST, manifest(&wasm), "ok"),
            ("application/vnd.oci.image.manifest.v1+json; charset=utf-8", manifest(&wasm), "ok"),
            (MANIFEST, format!(r#"{{"schemaVersion":2,"layers":[{wasm}]}}"#), "ok"),
            ("application/vnd.oci.image.index.v1+json", manifest(&wasm), "registry.media-type"),
            ("text/html", manifest(&wasm), "registry.media-type"),
            ("", manifest(&wasm), "registry.media-type"),
            (MANIFEST, format!(r#"{{"schemaVersion":2,"manifests":[],"layers":[{wasm}]}}"#), "registry.media-type"),
            (MANIFEST, manifest(&wasm).replace(MANIFEST, "application/vnd.oci.image.index.v1+json"), "registry.media-type"),
            (MANIFEST, manifest(&wasm).replace("wasm.config.v0", "oci.image.config.v1"), "registry.media-type"),
            (MANIFEST, manifest(&layer_of("application/octet-stream", "")), "registry.media-type"),
            (MANIFEST, manifest(&layer_of(LAYER, r#","urls":["https://evil.example/x"]"#)), "registry.foreign-layer"),
            (MANIFEST, manifest(""), "registry.layers"),
            (MANIFEST, manifest(&format!("{wasm},{wasm}")), "registry.layers"),
            (MANIFEST, manifest(&many), "registry.layers"),
            (MANIFEST, manifest(&wasm.replace("sha256:ab", "sha256:zz")), "registry.bad-manifest"),
            (MANIFEST, manifest(&wasm.replace("\"size\":9", "\"size\":101")), "plugin.too-large"),
            (MANIFEST, manifest(&wasm.replace("\"size\":9", "\"size\":-1")), "registry.bad-manifest"),
            (MANIFEST, manifest(&wasm).replace(":2,", ":1,"), "registry.bad-manifest"),
            (MANIFEST, "[".repeat(10_000), "registry.bad-manifest"),
            (MANIFEST, String::new(), "registry.bad-manifest"),
        ] {
            let found = layer(Some(content_type), body.as_bytes(), 100).map_or_else(|no| no.code, |_| "ok");
            assert_eq!(found, expected, "{content_type} {body:.200}");
        }
        let signed = manifest(&wasm).replace("\"layers\"", "\"annotations\":{\"nave.plugin.signature\":\"{}\"},\"layers\"");
        assert_eq!(layer(Some(MANIFEST), signed.as_bytes(), 100).unwrap().signature.as_deref(), Some("{}"));
    }

    #[test]
    fn a_challenge_is_read_or_is_none() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(str::to_owned) })
        };
        for (text, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a.example/token\",service=\"r\",scope=\"repository:x:pull,push\"",
                bearer("https://a.example/token", Some("r")),
            ),
            ("bearer realm=\"https://a.example/token\"", bearer("https://a.example/token", None)),
            ("Bearer service=\"r\"", None),
            ("Bearer realm=unquoted", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(text), expected, "{text}");
        }
    }
}
