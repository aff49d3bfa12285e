//! Lines 43, 87 to 90 of the attack list: OAuth 2 with a server that rotates refresh tokens, and takes everything back where an
//! old one is used again, as real ones do.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nave_core::manifest::{ClientAuthentication, CredentialKind, Place};
use nave_hub::egress::{Channel, DeviceAnswer, EgressError, Pkce, Standing};
use nave_hub::secrets::SecretBytes;
use ring::digest::{SHA256, digest};

use crate::server::{Captured, Server, Step, ok, status};
use crate::setup::{CANARY, Fault, Setup, get, outcome, post};

const REDIRECT: &str = "http://127.0.0.1:6283/oauth/callback";
/// Life of an access token, seconds.
const LIFE_S: i64 = 100;

/// What the system has granted.
#[derive(Default)]
struct Granted {
    /// Number of the newest tokens; 0: none.
    newest: usize,
    /// An old refresh token was used: nothing is good any more.
    revoked: bool,
    /// The answer to the next token calls, instead of tokens.
    instead: Option<fn() -> Vec<Step>>,
    /// Tokens without a new refresh token: the one of this number stays good.
    keeps: Option<usize>,
    /// The next answer is lost on the way.
    loses: bool,
    /// What a device is told until then.
    device: Vec<&'static str>,
}

/// A system with a token endpoint and an API that takes the newest token alone.
#[derive(Clone, Default)]
struct Provider(Arc<Mutex<Granted>>);

impl Provider {
    async fn start(&self) -> Server {
        let provider = self.clone();
        Server::start(move |request| provider.answer(request)).await
    }

    fn answer(&self, request: &Captured) -> Vec<Step> {
        let mut granted = self.0.lock().unwrap();
        if request.line().starts_with("POST /device ") {
            return ok(
                r#"{"device_code":"dev-code-1","user_code":"AB-CD","verification_uri":"https://x.example/d","interval":1}"#,
            );
        }
        if !request.line().starts_with("POST /token ") {
            let good = format!("Bearer access-{}-{CANARY}", granted.newest);
            return match !granted.revoked && request.header("authorization") == [good.as_str()] {
                // The system sends everything back that it knows.
                true => ok(&format!("access-{0}-{CANARY} refresh-{0}-token", granted.newest)),
                false => status(401, "", ""),
            };
        }
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if field("grant_type") == "urn:ietf:params:oauth:grant-type:device_code" && !granted.device.is_empty() {
            return status(400, "", &format!(r#"{{"error":"{}"}}"#, granted.device.remove(0)));
        }
        if let Some(instead) = granted.instead.take() {
            return instead();
        }
        if field("grant_type") == "refresh_token" {
            let current = granted.keeps.unwrap_or(granted.newest);
            if field("refresh_token") != format!("refresh-{current}-token") || granted.revoked {
                granted.revoked = true;
                return status(400, "", r#"{"error":"invalid_grant"}"#);
            }
        } else {
            granted.revoked = false;
        }
        granted.newest += 1;
        if std::mem::take(&mut granted.loses) {
            return vec![Step::Close];
        }
        let refresh = match granted.keeps {
            Some(_) => String::new(),
            None => format!(r#","refresh_token":"refresh-{}-token""#, granted.newest),
        };
        ok(&format!(
            r#"{{"access_token":{},"token_type":"bearer","expires_in":{LIFE_S},"scope":"read extra"{refresh}}}"#,
            serde_json::json!(format!("access-{}-{CANARY}", granted.newest))
        ))
    }

    fn instead(&self, answer: fn() -> Vec<Step>) {
        self.0.lock().unwrap().instead = Some(answer);
    }
}

fn place(path: &str) -> Place {
    Place { endpoint: "auth".into(), path: path.into() }
}

fn kind(client: ClientAuthentication) -> CredentialKind {
    CredentialKind::Oauth2 {
        token: place("/token"),
        authorization: Some(place("/authorize?tenant=9")),
        device: Some(place("/device")),
        scopes: String::new(),
        issuer: None,
        client,
        parameters: BTreeMap::from([("prompt".to_owned(), "consent".to_owned())]),
    }
}

struct World {
    provider: Provider,
    server: Server,
    setup: Setup,
    clock: Arc<AtomicI64>,
}

impl World {
    async fn new() -> Self {
        let provider = Provider::default();
        let server = provider.start().await;
        let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.endpoint("auth", &format!("http://auth.test:{}", server.port()));
        setup.names.set("auth.test", &[&["127.0.0.1"]]);
        setup.credential(kind(ClientAuthentication::Basic));
        setup.secrets.set("crm-key", "client-id:cl13nt-secret");
        setup.config.scopes = BTreeMap::from([("key".to_owned(), vec!["read".to_owned()])]);
        let clock = Arc::new(AtomicI64::new(1_000_000));
        setup.clock = Some(clock.clone());
        Self { provider, server, setup, clock }
    }

    /// With a person who has agreed.
    async fn agreed() -> Self {
        let world = Self::new().await;
        agree(&world.setup.channel()).await.unwrap();
        world
    }

    fn expire(&self) {
        self.clock.fetch_add(LIFE_S * 1_000, Ordering::SeqCst);
    }

    /// Calls of the token endpoint, without the one by which somebody agreed.
    fn renewals(&self) -> usize {
        let sent = |request: &Captured| String::from_utf8_lossy(&request.body).contains("grant_type=refresh_token");
        self.server.requests().iter().filter(|request| sent(request)).count()
    }

    async fn standing(&self) -> Standing {
        self.setup.channel().standing("key").await.unwrap().unwrap()
    }
}

async fn agree(channel: &Channel) -> Result<Standing, EgressError> {
    channel.redeem("key", &SecretBytes::new("c0de-once"), REDIRECT, &Pkce::new().unwrap(), "ann").await
}

#[tokio::test]
async fn a_person_is_sent_there_with_a_challenge_and_the_code_comes_with_its_verifier() {
    let world = World::new().await;
    let channel = world.setup.channel();
    let before = outcome(&get(&channel, "/x").await);
    assert_eq!((before.as_str(), world.server.requests().len()), ("net.needs-reauth", 0), "nobody has agreed yet");
    let pkce = Pkce::new().unwrap();
    let (address, issuer) = channel.authorization_address("key", REDIRECT, "st4te", &pkce).await.unwrap();
    assert_eq!(issuer, None);
    let url = url::Url::parse(&address).unwrap();
    assert!(address.starts_with(&format!("http://auth.test:{}/authorize?tenant=9&", world.server.port())), "{address}");
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let expect = [
        ("prompt", "consent"),
        ("response_type", "code"),
        ("client_id", "client-id"),
        ("redirect_uri", REDIRECT),
        ("scope", "read"),
        ("state", "st4te"),
        ("code_challenge_method", "S256"),
    ];
    expect.iter().for_each(|(name, value)| assert_eq!(asked.get(*name).map(String::as_str), Some(*value), "{name}"));
    assert!(!address.contains("cl13nt"), "the client's secret is not a browser's");

    let standing = channel.redeem("key", &SecretBytes::new("c0de-once"), REDIRECT, &pkce, "ann").await.unwrap();
    assert_eq!((standing.by.as_str(), standing.way.as_str()), ("ann", "browser"));
    assert_eq!(standing.scopes, ["read", "extra"], "as the system says");
    let token = &world.server.requests()[0];
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(&token.body).into_owned().collect();
    assert_eq!((form["code"].as_str(), form["redirect_uri"].as_str()), ("c0de-once", REDIRECT));
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()).as_ref());
    assert_eq!(challenge, asked["code_challenge"]);
    assert_eq!(token.header("authorization"), [format!("Basic {}", STANDARD.encode("client-id:cl13nt-secret")).as_str()]);
    assert!(!form.contains_key("client_secret"));

    // What the system sends back of its tokens does not reach the guest.
    let answer = get(&channel, "/x").await.unwrap();
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (200, "*** ***"));
}

#[tokio::test]
async fn a_client_says_who_it_is_as_its_system_wants_it() {
    for (client, expected) in [
        (ClientAuthentication::Post, "client_id=client-id&client_secret=cl13nt-secret"), // nave:no-secret
        (ClientAuthentication::None, "client_id=client-id"),
    ] {
        let mut world = World::new().await;
        world.setup.credential(kind(client));
        world.setup.secrets.set("crm-key", "client-id:cl13nt-secret");
        agree(&world.setup.channel()).await.unwrap();
        let sent = &world.server.requests()[0];
        assert!(sent.header("authorization").is_empty() && String::from_utf8_lossy(&sent.body).ends_with(expected), "{sent:?}");
    }
}

/// Line 87.
#[tokio::test]
async fn a_hundred_callers_with_an_expired_token_make_one_renewal() {
    let world = World::agreed().await;
    world.expire();
    // A hub has several channels of one connection: runs, webhooks, and again after the configuration was read anew.
    let egress = world.setup.egress();
    let calls: Vec<_> = (0..4)
        .map(|_| egress.channel(world.setup.config.clone()))
        .flat_map(|channel| (0..25).map(move |_| channel.clone()))
        .map(|channel| tokio::spawn(async move { outcome(&get(&channel, "/x").await) }))
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), "200");
    }
    assert_eq!(world.renewals(), 1);
    assert_eq!(world.standing().await.renewals, 1);
}

/// The system takes the token back early: one renewal, and none where that token was never taken.
#[tokio::test]
async fn a_token_that_is_refused_early_is_renewed_once() {
    let world = World::agreed().await;
    let channel = world.setup.channel();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    world.provider.0.lock().unwrap().newest += 1;
    world.provider.0.lock().unwrap().keeps = Some(1);
    assert_eq!(outcome(&post(&channel, "/x", "{}").await), "200");
    assert_eq!(world.renewals(), 1);
    world.provider.0.lock().unwrap().newest += 1;
    for _ in 0..5 {
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
    }
    assert_eq!(world.renewals(), 2);
    let refusing = World::agreed().await;
    let channel = refusing.setup.channel();
    {
        let mut granted = refusing.provider.0.lock().unwrap();
        granted.keeps = Some(1);
        granted.newest += 1;
    }
    for _ in 0..5 {
        // Whatever is given is refused at once.
        refusing.provider.instead(|| ok(r#"{"access_token":"never-taken-there"}"#));
        assert_eq!(outcome(&get(&channel, "/x").await), "401");
    }
    assert_eq!(refusing.renewals(), 1);
}

/// A restart uses what is there.
#[tokio::test]
async fn a_restart_needs_no_renewal() {
    let world = World::agreed().await;
    for _ in 0..3 {
        assert_eq!(outcome(&get(&world.setup.channel(), "/x").await), "200");
    }
    assert_eq!(world.renewals(), 0);
}

/// Line 88. When the hub died, renewals until then and after it has started again, and how it goes on. A person is asked only
/// where the system gave a token that never got onto the disk; the old one is tried once more before.
#[tokio::test]
async fn dying_at_any_step_of_a_renewal_loses_no_token_that_was_received() {
    // Write 1 is the agreement; 2 says that a renewal begins; 3 is what it gave.
    for (what, fault, loses, renewals, after) in [
        ("before it was written down that it begins", Some((2, Fault::Dies)), false, [0, 1], "200"),
        ("after the system gave it, before it arrived", None, true, [1, 2], "net.needs-reauth"),
        ("after it arrived, before it was on the disk", Some((3, Fault::Dies)), false, [1, 2], "net.needs-reauth"),
        ("after it was on the disk", None, false, [1, 1], "200"),
    ] {
        let world = World::agreed().await;
        world.expire();
        world.setup.secrets.2.faults.lock().unwrap().extend(fault);
        world.provider.0.lock().unwrap().loses = loses;
        let died = outcome(&get(&world.setup.channel(), "/x").await);
        assert_eq!(died, if fault.is_none() && !loses { "200" } else { "net.unreachable" }, "{what}");
        assert_eq!(world.renewals(), renewals[0], "{what}");
        // The wait after a renewal that is not known to have ended.
        world.clock.fetch_add(1_000, Ordering::SeqCst);
        for _ in 0..3 {
            assert_eq!(outcome(&get(&world.setup.channel(), "/x").await), after, "{what}");
        }
        assert_eq!(world.renewals(), renewals[1], "{what}: never in a loop");
        assert_eq!(world.standing().await.needs_reauth.is_some(), after != "200", "{what}");
    }
}

/// The disk is full when the token comes: it is not used before it is durable, and not lost.
#[tokio::test]
async fn a_token_that_cannot_be_stored_waits_until_it_can() {
    let world = World::agreed().await;
    world.expire();
    let channel = world.setup.channel();
    world.setup.secrets.2.faults.lock().unwrap().extend([(3, Fault::Fails), (4, Fault::Fails)]);
    let used = |world: &World| world.server.requests().iter().filter(|request| request.line().starts_with("GET")).count();
    for _ in 0..2 {
        let result = get(&channel, "/x").await;
        assert!(outcome(&result) == "net.unreachable" && format!("{result:?}").contains("the disk is full"), "{result:?}");
        assert_eq!(used(&world), 0, "not used before it is durable");
    }
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!((world.renewals(), used(&world)), (1, 1));
    assert_eq!(outcome(&get(&world.setup.channel(), "/x").await), "200", "and durable now");
    assert_eq!((world.renewals(), world.setup.secrets.2.writes()), (1, 5));
}

/// Line 43: whoever waits for a renewal is stopped in the middle: it goes on, and what it gave is kept.
#[tokio::test]
async fn a_renewal_outlives_the_caller_who_began_it() {
    let (arrived, mut arrives) = tokio::sync::watch::channel(false);
    let provider = Provider::default();
    let inner = provider.clone();
    let server = Server::start(move |request| {
        let answer = inner.answer(request);
        if String::from_utf8_lossy(&request.body).contains("grant_type=refresh_token") {
            arrived.send_replace(true);
            // Not before two more calls have come: the first caller is gone by then.
            return std::iter::once(Step::Await(3)).chain(answer).collect();
        }
        answer
    })
    .await;
    let mut world = World::new().await;
    let (base, port) = (format!("http://api.test:{}", server.port()), server.port());
    world.setup.endpoint("api", &base);
    world.setup.endpoint("auth", &format!("http://auth.test:{port}"));
    world.setup.endpoint("open", &base);
    world.setup.config.endpoints.get_mut("api").unwrap().credential = Some("key".into());
    (world.provider, world.server) = (provider, server);
    let channel = world.setup.channel();
    agree(&channel).await.unwrap();
    world.expire();
    tokio::select! {
        result = get(&channel, "/x") => panic!("{result:?}"),
        seen = arrives.wait_for(|arrived| *arrived) => assert!(seen.is_ok()),
    }
    channel.send("open", crate::setup::request("GET", "/open")).await.unwrap();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!(world.renewals(), 1);
}

/// Line 89.
#[tokio::test]
async fn a_replayed_refresh_token_ends_in_needs_reauth_and_nothing_is_asked_again() {
    let world = World::agreed().await;
    world.expire();
    let channel = world.setup.channel();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    // Somebody else uses the first one: the system takes everything back.
    world.provider.0.lock().unwrap().revoked = true;
    world.expire();
    for _ in 0..10 {
        let result = get(&channel, "/x").await;
        assert_eq!(outcome(&result), "net.needs-reauth");
        assert!(result.unwrap_err().to_string().contains("nave connection authorize crm"));
    }
    assert_eq!(outcome(&get(&world.setup.channel(), "/x").await), "net.needs-reauth", "after a restart too");
    assert_eq!(world.renewals(), 2, "one that was good, and one that was not");
    assert!(world.setup.audit.notes().iter().any(|note| note.action == "connection.needs-reauth"));
    let standing = world.standing().await;
    assert!(standing.needs_reauth.is_some_and(|(at, why)| at.0 > 0 && why.contains("invalid_grant")));
    agree(&channel).await.unwrap();
    assert_eq!(outcome(&get(&channel, "/x").await), "200", "somebody has agreed anew");
}

/// Line 89: a token endpoint in trouble says nothing about the token.
#[tokio::test]
async fn a_token_endpoint_in_trouble_keeps_the_token_and_is_left_alone_for_a_while() {
    for trouble in [|| status(503, "", "busy"), || status(500, "", r#"{"error":"invalid_grant"}"#), || vec![Step::Close]] {
        let world = World::agreed().await;
        world.expire();
        let channel = world.setup.channel();
        for (wait_ms, renewals) in [(0, 1), (0, 1), (999, 1), (1, 2), (1_999, 2), (1, 3)] {
            world.provider.instead(trouble);
            world.clock.fetch_add(wait_ms, Ordering::SeqCst);
            assert_eq!(outcome(&get(&channel, "/x").await), "net.unreachable");
            assert_eq!(world.renewals(), renewals, "after {wait_ms} ms");
        }
        world.provider.0.lock().unwrap().instead = None;
        world.clock.fetch_add(4_000, Ordering::SeqCst);
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
        assert_eq!(world.standing().await.needs_reauth, None);
    }
}

/// The client is refused, or what answers is no token endpoint: once in five minutes, and the token stays.
#[tokio::test]
async fn a_refused_client_is_not_tried_again_until_its_secret_changes() {
    for answer in [
        || status(401, "", r#"{"error":"invalid_client"}"#),
        || status(302, "Location: http://api.test/elsewhere\r\n", ""),
        || ok("<html>"),
        || ok(r#"{"access_token":"a\r\nX-Evil: 1"}"#),
    ] {
        let world = World::agreed().await;
        world.expire();
        let channel = world.setup.channel();
        for _ in 0..3 {
            world.provider.instead(answer);
            world.clock.fetch_add(60_000, Ordering::SeqCst);
            assert_eq!(outcome(&get(&channel, "/x").await), "net.login-refused");
        }
        assert_eq!(world.renewals(), 1);
        world.provider.0.lock().unwrap().instead = None;
        world.setup.secrets.set("crm-key", "client-id:an0ther-secret");
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
    }
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_leaves_the_old_one_good() {
    let world = World::agreed().await;
    world.provider.0.lock().unwrap().keeps = Some(1);
    let channel = world.setup.channel();
    for renewals in 1..4 {
        world.expire();
        assert_eq!(outcome(&get(&channel, "/x").await), "200");
        assert_eq!(world.renewals(), renewals);
    }
}

/// What one system granted is not shown to another, whatever the file says by now.
#[tokio::test]
async fn a_refresh_token_goes_to_the_one_who_gave_it() {
    let thief = Server::start(|_| ok("{}")).await;
    for (grants, bound, expected) in
        [("auth", false, "net.needs-reauth"), ("auth", true, "net.secret-held"), ("api", true, "net.secret-held")]
    {
        let mut world = World::agreed().await;
        world.expire();
        if bound {
            let port = world.server.port();
            let given = [format!("http://api.test:{port}"), format!("http://auth.test:{port}")];
            world.setup.secrets.bind("crm-key", &[&given[0], &given[1]]);
        }
        world.setup.endpoint(grants, &format!("http://thief.test:{}", thief.port()));
        world.setup.config.endpoints.get_mut("api").unwrap().credential = Some("key".into());
        world.setup.names.set("thief.test", &[&["127.0.0.1"]]);
        assert_eq!(outcome(&get(&world.setup.channel(), "/x").await), expected, "{grants} {bound}");
    }
    assert!(thief.requests().is_empty());
}

/// What is changed in a setting-up, and the code of the refusal that follows.
type Spoiled = (fn(&mut Setup), &'static str);

/// Token calls pass the same guard as every other: granted endpoints, vetted addresses.
#[tokio::test]
async fn token_calls_pass_the_guard() {
    let spoil: [Spoiled; 3] = [
        (|setup| drop(setup.config.grants.endpoints.remove("auth")), "net.denied"),
        (|setup| setup.config.grants.endpoints.get_mut("auth").unwrap().networks.clear(), "net.address-denied"),
        (|setup| setup.config.credentials.get_mut("key").unwrap().endpoints = Some(vec!["api".into()]), "net.credential-denied"),
    ];
    for (spoil, expected) in spoil {
        let mut world = World::agreed().await;
        world.expire();
        let before = world.server.requests().len();
        spoil(&mut world.setup);
        let channel = world.setup.channel();
        assert_eq!(outcome(&get(&channel, "/x").await), expected);
        assert_eq!(agree(&channel).await.unwrap_err().code(), expected);
        assert_eq!(channel.device("key").await.unwrap_err().code(), expected);
        assert_eq!(world.server.requests().len(), before, "{expected}: nothing was sent");
    }
}

#[tokio::test]
async fn a_device_waits_for_a_person() {
    let world = World::new().await;
    world.provider.0.lock().unwrap().device = vec!["authorization_pending", "slow_down", "authorization_pending"];
    let channel = world.setup.channel();
    let device = channel.device("key").await.unwrap();
    assert_eq!((device.user_code.as_str(), device.address.as_str()), ("AB-CD", "https://x.example/d"));
    let mut heard = Vec::new();
    for _ in 0..4 {
        heard.push(match channel.device_agreed("key", &device, "ann").await.unwrap() {
            DeviceAnswer::Pending => "pending".to_owned(),
            DeviceAnswer::SlowDown => "slow".to_owned(),
            DeviceAnswer::Agreed(standing) => standing.way,
            DeviceAnswer::Refused(why) => why,
        });
    }
    assert_eq!(heard, ["pending", "slow", "pending", "device"]);
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert!(channel.forget("key").await.unwrap() && !channel.forget("key").await.unwrap());
    assert_eq!(outcome(&get(&channel, "/x").await), "net.needs-reauth");
    world.provider.0.lock().unwrap().device = vec!["access_denied"];
    let answer = channel.device_agreed("key", &device, "ann").await.unwrap();
    assert!(matches!(&answer, DeviceAnswer::Refused(why) if why.contains("access_denied")), "{answer:?}");
}
