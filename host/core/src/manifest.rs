//! What a plugin asks for: the custom section `nave:manifest` of its component, strict JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::signing::HmacAlgorithm;
use crate::webhook::{Encoding, SignedTime, WebhookScheme};

/// Name of the custom section.
pub const MANIFEST_SECTION: &str = "nave:manifest";

/// A plugin's manifest. Unknown keys are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// `[a-z0-9-]{1,64}`.
    pub name: String,
    /// Semantic version, for people.
    pub version: String,
    /// Grows with every release; an older one is a rollback.
    pub serial: u64,
    /// What it is called in lists.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// Connector or transform.
    pub kind: PluginKind,
    /// Settings that a connection must give.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// Endpoints that it wants to reach.
    #[serde(default)]
    pub endpoints: BTreeMap<String, EndpointRequest>,
    /// Credential slots.
    #[serde(default)]
    pub credentials: BTreeMap<String, CredentialSlot>,
    /// Folders.
    #[serde(default)]
    pub folders: BTreeMap<String, FolderRequest>,
    /// Functions of a transform.
    #[serde(default)]
    pub functions: Vec<Function>,
    /// Starter mappings: file name → TOML text. `connection add` writes them with the connection's name put in for `{connection}`.
    #[serde(default)]
    pub mappings: BTreeMap<String, String>,
    /// How the system tells at once that something changed, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookScheme>,
}

impl Manifest {
    /// Whether an endpoint is called at all where credentials are applied in these ways: one that is only there for signing in
    /// is needed by none of the other ways.
    pub fn calls<'k>(&self, endpoint: &str, mut kinds: impl Iterator<Item = &'k CredentialKind>) -> bool {
        self.endpoints.get(endpoint).is_none_or(|asked| !asked.allow.is_empty())
            || kinds.any(|kind| kind.named_endpoints().contains(&endpoint))
    }
}

/// What kind of plugin it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum PluginKind {
    Connector,
    Transform,
}

/// A setting of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// Asked of a person.
    pub label: String,
    /// Explains it.
    #[serde(default)]
    pub help: String,
    /// Type of value.
    #[serde(default, rename = "type")]
    pub kind: SettingType,
    /// Must be given.
    #[serde(default)]
    pub required: bool,
    /// Used when not given.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// Whole-value regular expression for text.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// Type of a setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum SettingType {
    #[default]
    Text,
    Url,
    Integer,
    Boolean,
    /// Any JSON, for settings with structure.
    Json,
}

/// An endpoint that the plugin wants to reach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndpointRequest {
    /// Base address, `https://api.example.com/v1`; may hold `{settings.name}`.
    pub base: String,
    /// Methods and path prefixes below the base.
    pub allow: Vec<Allow>,
    /// Credential slot applied to it, if any.
    #[serde(default)]
    pub credential: Option<String>,
    /// Of the headers that otherwise only the hub sets, those that the plugin sets here: `Origin`, `Referer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Said to the operator: "to read and write contacts".
    pub reason: String,
}

/// Methods on path prefixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allow {
    /// Method tokens, upper case.
    pub methods: Vec<String>,
    /// Path prefixes below the base, on segment boundaries; `/` is all.
    pub paths: Vec<String>,
    /// In a manifest: these calls only read, whatever their method says: a search that is a POST. A read-only connection
    /// may make them; without it, only GET and HEAD. Never for PUT, PATCH and DELETE.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reads: bool,
}

/// A slot for a credential that the host applies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CredentialSlot {
    /// Ways that the system accepts; the first is the default.
    pub kinds: Vec<CredentialKind>,
    /// Said to the operator.
    pub reason: String,
    /// Where a person finds it.
    #[serde(default)]
    pub help: String,
    /// What it must be allowed over there. More than this is flagged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<ScopeRequest>,
}

/// A scope of a system that a credential needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScopeRequest {
    /// As the system spells it.
    pub name: String,
    /// Said to the operator: "to read contacts".
    pub reason: String,
    /// It allows to write: a read-only connection does not ask for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub writes: bool,
}

/// Where one step of a sign-in goes: an endpoint of the manifest, so that nothing goes to a host that is not granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Place {
    /// Endpoint of the manifest.
    pub endpoint: String,
    /// Path below its base.
    pub path: String,
}

/// How a client says who it is to a token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuthentication {
    /// By `Authorization: Basic`, as the standard prefers.
    #[default]
    Basic,
    /// In the form.
    Post,
    /// It has no secret: the client id alone, with PKCE.
    None,
}

/// How a credential is applied to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CredentialKind {
    /// `Authorization: Bearer …` (or another scheme word).
    Bearer {
        /// The word before the token.
        #[serde(default)]
        scheme: Option<String>,
    },
    /// The secret is `user:password`.
    Basic {},
    /// A header of this name.
    Header {
        /// Header name.
        name: String,
    },
    /// A query parameter of this name.
    Query {
        /// Parameter name.
        name: String,
    },
    /// The text of one element of an XML body, as SOAP services want their password: an argument of the call, or `Password` of
    /// WS-Security. The plugin leaves the element empty, and the host writes the secret into it.
    Body {
        /// The element's place by local names from the root: `/Envelope/Header/Security/UsernameToken/Password`.
        element: String,
        /// What an answer with an error's status says where the secret was refused and the status does not tell.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refused: Option<String>,
    },
    /// A signature over the request, made with a key that stays in the hub. The secret is the key, or `id:key` with `id_header`.
    Hmac {
        /// Header that carries the signature.
        header: String,
        /// What stands before it: `sha256=`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
        /// Digest.
        #[serde(default)]
        algorithm: HmacAlgorithm,
        /// How it is written.
        #[serde(default)]
        encoding: Encoding,
        /// What it covers: a template of `{time}`, `{method}`, `{host}`, `{target}` (path with query), `{path}`, `{query}`,
        /// `{body}` and `{id}`.
        over: String,
        /// Header with the time that it covers, where it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time: Option<SignedTime>,
        /// Header with the key's public name, where the system has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id_header: Option<String>,
    },
    /// OAuth 2 client credentials; the secret is `client-id:client-secret`.
    OauthClientCredentials {
        /// Endpoint (of the manifest) and path of the token call.
        endpoint: String,
        /// Path.
        path: String,
        /// Scopes, blank-separated.
        #[serde(default)]
        scopes: String,
    },
    /// OAuth 2 to which a person agrees over there: by the authorization code with PKCE through the hub's own callback, or by
    /// the device grant. The secret is `client-id:client-secret`, or `client-id:` for a client without a secret. What the
    /// system grants is kept in the vault, apart from it.
    Oauth2 {
        /// Where tokens are asked for and renewed.
        token: Place,
        /// Where a person's browser is sent to agree.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorization: Option<Place>,
        /// Where a code for a device without a browser is asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<Place>,
        /// Scopes, blank-separated; empty: those that the slot lists.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        scopes: String,
        /// Who must have answered (`iss`, RFC 9207). None: an answer that names somebody must name the origin of
        /// `authorization`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
        /// How the client says who it is.
        #[serde(default)]
        client: ClientAuthentication,
        /// More parameters of the authorization address, such as `access_type = "offline"`; none of the standard's own.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        parameters: BTreeMap<String, String>,
    },
    /// A signature as AWS wants it (version 4). The secret is `access-key-id:secret-access-key`, or that with `:session-token`.
    /// The hub's own: no manifest can ask for it.
    #[serde(skip)]
    AwsV4 {
        /// Region.
        region: String,
        /// Service, as it is signed: `secretsmanager`.
        service: String,
    },
    /// A log-in request run by the host.
    Login {
        /// Endpoint (of the manifest) of the log-in call.
        endpoint: String,
        /// Path.
        path: String,
        /// JSON body with `{user}` and `{password}`; the secret is `user:password`.
        body: String,
        /// Where the token is: a JSON pointer into the answer, or `cookie:NAME`, a cookie that it sets.
        token: String,
        /// JSON pointer to its life in seconds; a cookie without it lives as long as it says itself.
        #[serde(default)]
        expires_in: Option<String>,
        /// Header that carries the token afterwards; default `Authorization: Bearer`. A cookie goes back as a cookie.
        #[serde(default)]
        header: Option<String>,
    },
}

/// Before the name of a cookie where a JSON pointer could stand.
const COOKIE: &str = "cookie:";

/// Parameters of an authorization address that only the hub sets.
pub const OAUTH_PARAMETERS: [&str; 9] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
];

impl CredentialKind {
    /// Endpoints that a secret is sent to in order to get what requests then carry.
    pub fn sign_in_endpoints(&self) -> Vec<&str> {
        match self {
            Self::OauthClientCredentials { endpoint, .. } | Self::Login { endpoint, .. } => vec![endpoint],
            Self::Oauth2 { token, device, .. } => {
                let mut all = vec![token.endpoint.as_str()];
                all.extend(device.iter().map(|place| place.endpoint.as_str()).filter(|name| *name != token.endpoint));
                all
            }
            _ => Vec::new(),
        }
    }

    /// Every endpoint that a sign-in leads to: [`Self::sign_in_endpoints`], and where a person's browser is sent.
    pub fn named_endpoints(&self) -> Vec<&str> {
        let mut all = self.sign_in_endpoints();
        if let Self::Oauth2 { authorization: Some(place), .. } = self {
            all.push(&place.endpoint);
        }
        all
    }

    /// The cookie that carries the token of a log-in, if one does.
    pub fn cookie(&self) -> Option<&str> {
        match self {
            Self::Login { token, .. } => token.strip_prefix(COOKIE),
            _ => None,
        }
    }
}

/// Headers that a manifest may ask to set: where the request is said to come from.
pub const ASKED_HEADERS: [&str; 2] = ["origin", "referer"];

/// A folder that the plugin wants.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FolderRequest {
    /// Reading only, or writing too.
    pub access: FolderAccess,
    /// Said to the operator.
    pub reason: String,
    /// May stay ungranted.
    #[serde(default)]
    pub optional: bool,
}

/// Access to a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FolderAccess {
    Read,
    ReadWrite,
}

/// A function of a transform, for mappings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Function {
    /// Name in mappings.
    pub name: String,
    /// Type of each input: `text`, `integer`, `boolean`.
    pub inputs: Vec<String>,
    /// Type of the result.
    pub output: String,
    /// Phrase that completes "the value …": "written as an international phone number".
    pub explain: String,
}
