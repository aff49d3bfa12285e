//! Plugins from elsewhere: `https://…`, and `oci://…` from a registry, through the hub's one way out (I10).
//!
//! Promises: nothing inside of the network is reached but what the operator named; a credential goes to the host that it was
//! given for and follows no redirect to another; every answer has a largest size, the body of a layer the size and the digest that
//! its manifest says. Own GETs and no registry client: those that exist bring an HTTP client of their own, which would be a second
//! way out, and read manifests without a bound.

mod oci;

use std::path::Path;
use std::sync::Arc;

use nave_core::catalog::Credential;
use nave_core::grant::{EndpointGrant, Grants};
use nave_core::limits::PLUGIN_SIZE_BYTES_MAX;
use nave_core::manifest::{Allow, CredentialKind, EndpointRequest};
use nave_core::trust::SIGNATURE_BYTES_MAX;
use serde::Deserialize;
use url::{Position, Url};

use super::{Offer, PluginsError, digest};
use crate::api::FetchReach;
use crate::egress::{AuditSink, ChannelConfig, Egress, EgressError, Ledger, Request, Response};
use crate::project::ProjectError;
use crate::secrets::{SecretBytes, SecretError, SecretSource};
pub use oci::SIGNATURE_ANNOTATION;
use oci::{Challenge, Layer, MANIFEST, MANIFEST_BYTES_MAX, Reference};

/// Redirects that are followed for one file.
const REDIRECTS_MAX: usize = 3;
/// Longest answer of whoever gives tokens out, bytes.
const TOKEN_BYTES_MAX: usize = 64 << 10;
/// The name of the endpoint and of the credential's slot, in messages and the audit.
const NAME: &str = "plugin";

/// Why nothing was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// `registry.digest`, `net.address-denied`, …
    pub code: &'static str,
    /// What happened.
    pub message: String,
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// What to type.
    pub(super) fn help(&self) -> &'static str {
        match self.code {
            "net.insecure" => "an address with http:// can be read and changed on its way; --insecure lets it",
            "net.address-denied" => "if it is yours: --network CIDR, for example --network 10.0.0.0/8",
            "registry.sign-in" => "`nave secret set NAME` with user:password, then --secret NAME",
            "registry.realm" => "if that host is right: --sign-in-host HOST",
            "registry.not-found" => "is the name or the tag misspelt?",
            "net.unreachable" | "net.no-answer" => "is the host up, and can this machine reach it?",
            "usage" => "`nave plugin install oci://registry.example.com/desk:1.2.0`",
            _ => "ask whoever runs that registry; nothing was installed",
        }
    }
}

impl From<Refused> for PluginsError {
    fn from(refused: Refused) -> Self {
        Self::Fetch(refused)
    }
}

/// Whether a source is an address and not a file.
pub fn is_address(source: &str) -> bool {
    source.contains("://")
}

/// What a source names: of a folder of this machine, each plugin in it.
///
/// # Errors
/// [`PluginsError`] where a folder cannot be read, or has none in it.
pub fn each(source: &str) -> Result<Vec<String>, PluginsError> {
    let folder = Path::new(source);
    if is_address(source) || !folder.is_dir() {
        return Ok(vec![source.to_owned()]);
    }
    let entries = std::fs::read_dir(folder).map_err(ProjectError::io(folder))?;
    let mut files: Vec<String> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "wasm"))
        .map(|path| path.display().to_string())
        .collect();
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(PluginsError::Usage {
            message: format!("there is no .wasm file in the folder {source}"),
            help: "`nave plugin build FOLDER` makes one from a crate".to_owned(),
        }),
    }
}

/// Fetches plugins.
pub(crate) struct Fetcher {
    pub(crate) egress: Egress,
    pub(crate) secrets: Arc<dyn SecretSource>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) audit: Arc<dyn AuditSink>,
}

/// What a request is signed in with.
#[derive(Clone)]
enum SignIn {
    Nothing,
    /// A token that the registry gave.
    Token(SecretBytes),
    /// A secret of the vault, as user and password.
    Secret(String),
}

/// A token on its way to the one host that it was given by.
struct OneToken(SecretBytes);

impl SecretSource for OneToken {
    fn may_go(&self, _: &str, _: &std::collections::BTreeSet<String>) -> Result<(), SecretError> {
        Ok(())
    }

    fn secret(
        &self,
        _: &str,
        _: &std::collections::BTreeSet<String>,
        _: &nave_core::grant::Grant,
    ) -> Result<SecretBytes, SecretError> {
        Ok(self.0.clone())
    }
}

/// One fetch: the host that the operator named, and what it may.
struct Fetch<'a> {
    by: &'a Fetcher,
    named: Url,
    reach: &'a FetchReach,
}

impl Fetcher {
    /// The origins that a secret goes to for this source: what naming it there gives it for.
    ///
    /// # Errors
    /// [`PluginsError`] where the source is no address.
    pub(crate) fn origins(source: &str, reach: &FetchReach) -> Result<Vec<String>, PluginsError> {
        let named = named(source, reach)?;
        let scheme = named.scheme();
        let other = reach.sign_in_host.iter().filter_map(|host| Url::parse(&format!("{scheme}://{host}")).ok());
        Ok([named.clone()].into_iter().chain(other).map(|url| url.origin().ascii_serialization()).collect())
    }

    /// Fetches a plugin with its signature.
    ///
    /// # Errors
    /// [`PluginsError::Fetch`] with its code.
    pub(crate) async fn fetch(&self, source: &str, reach: &FetchReach) -> Result<Offer, PluginsError> {
        let named = named(source, reach)?;
        let fetch = Fetch { by: self, named, reach };
        Ok(match source.strip_prefix("oci://") {
            Some(rest) => fetch.registry(&reference(rest)?).await?,
            None => fetch.web(source).await?,
        })
    }
}

fn reference(text: &str) -> Result<Reference, Refused> {
    Reference::parse(text).map_err(|help| Refused::new("usage", format!("oci://{text}: {help}")))
}

/// The address whose host the operator named.
fn named(source: &str, reach: &FetchReach) -> Result<Url, Refused> {
    let text = match source.strip_prefix("oci://") {
        Some(rest) => format!("{}://{}", if reach.insecure { "http" } else { "https" }, reference(rest)?.host),
        None => source.to_owned(),
    };
    let wrong = |why: &str| Refused::new("usage", format!("{source}: {why}"));
    let url = Url::parse(&text).map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if reach.insecure => {}
        "http" => return Err(Refused::new("net.insecure", format!("{source} is not encrypted"))),
        _ => return Err(wrong("plugins come from files, https:// and oci://")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong("user, password and # do not belong into it"));
    }
    Ok(url)
}

impl Fetch<'_> {
    /// A file from a web server, and the one beside it.
    async fn web(&self, source: &str) -> Result<Offer, Refused> {
        let answer =
            self.get(&self.named, "application/wasm, application/octet-stream", self.own(), plugin_bytes_max(), REDIRECTS_MAX);
        let answer = answer.await?;
        if answer.status != 200 {
            return Err(status(&self.named, answer.status));
        }
        let mut beside = self.named.clone();
        beside.set_path(&format!("{}.sig", self.named.path()));
        let signed = self.get(&beside, "application/json", self.own(), SIGNATURE_BYTES_MAX as usize, REDIRECTS_MAX).await?;
        let signature = match signed.status {
            200 => Some(String::from_utf8_lossy(&signed.body).into_owned()),
            404 | 410 | 403 => None,
            other => return Err(status(&beside, other)),
        };
        Ok(Offer { bytes: answer.body.to_vec(), signature, source: source.to_owned() })
    }

    /// User and password where they were named.
    fn own(&self) -> SignIn {
        self.reach.secret.clone().map_or(SignIn::Nothing, SignIn::Secret)
    }

    /// A plugin from a registry.
    async fn registry(&self, reference: &Reference) -> Result<Offer, Refused> {
        let at = |what: String| {
            let mut url = self.named.clone();
            url.set_path(&format!("/v2/{}/{what}", reference.name));
            url
        };
        let manifest = at(format!("manifests/{}", reference.asked()));
        let mut sign_in = SignIn::Nothing;
        let mut answer = self.get(&manifest, MANIFEST, SignIn::Nothing, MANIFEST_BYTES_MAX, 0).await?;
        if answer.status == 401 {
            sign_in = self.sign_in(&answer, &reference.name).await?;
            answer = self.get(&manifest, MANIFEST, sign_in.clone(), MANIFEST_BYTES_MAX, 0).await?;
        }
        if answer.status != 200 {
            return Err(status(&manifest, answer.status));
        }
        let found = digest(&answer.body);
        if reference.digest.as_ref().is_some_and(|wanted| *wanted != found) {
            return Err(Refused::new("registry.digest", format!("{} gave a manifest with the digest {found}", reference.text())));
        }
        let Layer { digest: wanted, size, signature } =
            oci::layer(header(&answer, "content-type"), &answer.body, PLUGIN_SIZE_BYTES_MAX)
                .map_err(|no| Refused { message: format!("{}: {}", reference.text(), no.message), ..no })?;
        let blob = at(format!("blobs/sha256:{wanted}"));
        let size_max = usize::try_from(size).unwrap_or(usize::MAX);
        let answer = self.get(&blob, "*/*", sign_in, size_max, REDIRECTS_MAX).await.map_err(|no| match no.code {
            "plugin.too-large" => {
                Refused::new("registry.digest", format!("{blob} gave more than the {size} bytes of its manifest"))
            }
            _ => no,
        })?;
        if answer.status != 200 {
            return Err(status(&blob, answer.status));
        }
        let got = digest(&answer.body);
        if got != wanted || answer.body.len() as u64 != size {
            let message =
                format!("{blob} gave {} bytes with the digest {got}: another file than its manifest says", answer.body.len());
            return Err(Refused::new("registry.digest", message));
        }
        Ok(Offer { bytes: answer.body.to_vec(), signature, source: reference.text() })
    }

    /// What a registry wants to be signed in with, got from where it says, if that is a host of its own or a granted one.
    async fn sign_in(&self, answer: &Response, name: &str) -> Result<SignIn, Refused> {
        let host = self.named.host_str().unwrap_or_default();
        let wanted = || Refused::new("registry.sign-in", format!("{host} gives this to those only who sign in"));
        let challenge = header(answer, "www-authenticate").and_then(Challenge::parse).ok_or_else(wanted)?;
        let Challenge::Bearer { realm, service } = challenge else {
            return match self.own() {
                SignIn::Nothing => Err(wanted()),
                own => Ok(own),
            };
        };
        let other = |why: &str| {
            Refused::new("registry.realm", format!("{host} asks to be signed in to at {}, {why}", realm.escape_debug()))
        };
        let mut url = Url::parse(&realm).map_err(|_| other("which is no address"))?;
        let same = url.origin() == self.named.origin();
        let granted =
            self.reach.sign_in_host.as_ref().is_some_and(|host| url[Position::BeforeHost..Position::AfterPort] == **host);
        if !same && !granted {
            return Err(other("which is another host"));
        }
        if url.scheme() != self.named.scheme() || !url.username().is_empty() || url.password().is_some() {
            return Err(other("which is not how it is reached itself"));
        }
        url.set_query(None);
        url.query_pairs_mut().extend_pairs(service.iter().map(|service| ("service", service.as_str())));
        url.query_pairs_mut().append_pair("scope", &format!("repository:{name}:pull"));
        let answer = self.get(&url, "application/json", self.own(), TOKEN_BYTES_MAX, 0).await?;
        if answer.status == 401 {
            return Err(wanted());
        }
        if answer.status != 200 {
            return Err(status(&url, answer.status));
        }
        #[derive(Deserialize)]
        struct Given {
            token: Option<String>,
            access_token: Option<String>,
        }
        let given = serde_json::from_slice::<Given>(&answer.body).ok().and_then(|given| given.token.or(given.access_token));
        let good = |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        match given.filter(good) {
            Some(token) => Ok(SignIn::Token(SecretBytes::new(token))),
            None => Err(Refused::new("registry.sign-in", format!("{host} gave no token that can be used"))),
        }
    }

    /// GET, following redirects as far as they are followed. What signs in stays with the host that it is for.
    async fn get(&self, url: &Url, accept: &str, mut sign_in: SignIn, cap: usize, redirects: usize) -> Result<Response, Refused> {
        let mut url = url.clone();
        for left in (0..=redirects).rev() {
            let answer = self.one(&url, accept, &sign_in, cap).await?;
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) || redirects == 0 {
                return Ok(answer);
            }
            let refuse = |why: &str| Refused::new("registry.redirect", format!("{url} leads elsewhere, {why}"));
            if left == 0 {
                return Err(refuse("again and again"));
            }
            let to = header(&answer, "location").ok_or_else(|| refuse("and does not say where"))?;
            let next = url.join(to).map_err(|_| refuse("to no address"))?;
            let named = next.origin() == self.named.origin();
            if next.scheme() != "https" && !(named && self.reach.insecure && next.scheme() == "http") {
                return Err(refuse("without encryption"));
            }
            if !next.username().is_empty() || next.password().is_some() {
                return Err(refuse("with a user or a password in the address"));
            }
            if next.origin() != url.origin() {
                sign_in = SignIn::Nothing;
            }
            url = next;
            url.set_fragment(None);
        }
        Err(Refused::new("registry.redirect", format!("{url} leads elsewhere again and again")))
    }

    /// One GET to one origin, under a grant for it alone.
    async fn one(&self, url: &Url, accept: &str, sign_in: &SignIn, cap: usize) -> Result<Response, Refused> {
        let base = url[..Position::BeforePath].to_owned();
        // Only what the operator named may lie inside, or be read on its way.
        let named = url.host() == self.named.host() && url.port_or_known_default() == self.named.port_or_known_default();
        let granted =
            self.reach.sign_in_host.as_ref().is_some_and(|host| url[Position::BeforeHost..Position::AfterPort] == **host);
        let own = named || granted;
        let allow = vec![Allow { methods: vec!["GET".to_owned()], paths: vec!["/".to_owned()], reads: false }];
        let credential = match sign_in {
            SignIn::Nothing => None,
            SignIn::Token(_) => Some(Credential {
                secret: NAME.to_owned(),
                endpoints: None,
                paths: Vec::new(),
                kind: CredentialKind::Bearer { scheme: None },
            }),
            SignIn::Secret(name) => {
                Some(Credential { secret: name.clone(), endpoints: None, paths: Vec::new(), kind: CredentialKind::Basic {} })
            }
        };
        let endpoint = EndpointRequest {
            base: base.clone(),
            allow,
            credential: credential.as_ref().map(|_| NAME.to_owned()),
            headers: Vec::new(),
            reason: "to fetch a plugin".to_owned(),
        };
        let grant = EndpointGrant {
            base,
            allow: Vec::new(),
            networks: if own { self.reach.networks.clone() } else { Vec::new() },
            insecure: own && self.reach.insecure,
            read_only: true,
            because: Some("somebody asked for a plugin from there".to_owned()),
        };
        let secrets: Arc<dyn SecretSource> = match sign_in {
            SignIn::Token(token) => Arc::new(OneToken(token.clone())),
            _ => self.by.secrets.clone(),
        };
        let channel = self.by.egress.channel(ChannelConfig {
            connection: crate::alerts::OWN.to_owned(),
            actor: format!("plugin:{}", crate::alerts::OWN),
            endpoints: [(NAME.to_owned(), endpoint)].into(),
            grants: Grants { endpoints: [(NAME.to_owned(), grant)].into(), ..Grants::default() },
            credentials: credential.map(|credential| (NAME.to_owned(), credential)).into_iter().collect(),
            scopes: Default::default(),
            account: crate::alerts::OWN.to_owned(),
            requests_per_second: None,
            budget: Default::default(),
            ledger: self.by.ledger.clone(),
            headers: Vec::new(),
            secrets,
            audit: self.by.audit.clone(),
        });
        let path = url[Position::BeforePath..Position::AfterQuery].to_owned();
        let headers = vec![("accept".to_owned(), accept.to_owned())];
        let request = Request { method: "GET".to_owned(), path, headers, body: None };
        channel.send_within(NAME, request, cap).await.map_err(|error| failed(url, error))
    }
}

fn plugin_bytes_max() -> usize {
    usize::try_from(PLUGIN_SIZE_BYTES_MAX).unwrap_or(usize::MAX)
}

fn failed(url: &Url, error: EgressError) -> Refused {
    let code = match &error {
        EgressError::TooLarge(_) => "plugin.too-large",
        other => other.code(),
    };
    let said = error.to_string();
    // The grant that would lift it is not in a file here: the help says what is.
    let said = said.split("; `networks").next().unwrap_or(&said);
    Refused::new(code, format!("{}: {said}", &url[..Position::AfterPath]))
}

fn status(url: &Url, status: u16) -> Refused {
    let (code, what) = match status {
        404 | 410 => ("registry.not-found", "there is nothing there"),
        401 | 403 => ("registry.sign-in", "it gives this to those only who sign in"),
        300..=399 => ("registry.redirect", "it leads elsewhere, where nothing may"),
        _ => ("registry.status", "it does not work"),
    };
    Refused::new(code, format!("{} answered with {status}: {what}", &url[..Position::AfterPath]))
}

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
