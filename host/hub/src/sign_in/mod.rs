//! Sign-ins by people at systems (OAuth 2): begun here, agreed to over there, taken back in.
//!
//! A sign-in lives in memory for ten minutes. The address that begins one is good once and marks the browser that opened it;
//! what comes back is believed from that browser alone, once, with the state that it was sent with, and from the system that it
//! was sent to. Tokens never pass here: the egress takes and keeps them.

mod device;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use nave_core::limits::{SIGN_IN_MS, SIGN_INS_MAX};
use nave_core::oauth::answered_by;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::api::{ApiError, SignInAnswer, exit};
use crate::egress::{Pkce, random_text, same};
use crate::hub::Hub;
use crate::secrets::SecretBytes;
use crate::spoke::SpokeError;

/// Path of the address that a person opens; the ticket follows.
pub const START: &str = "/oauth/start/";
/// Path of the address that systems send people back to.
pub const CALLBACK: &str = "/oauth/callback";
/// Longest wait of one question for what became of a sign-in.
const WAIT_MS_MAX: u64 = 20_000;
/// Characters kept of what a system says went wrong.
const WHY_CHARS_MAX: usize = 200;

/// Where a browser goes next, and the mark that it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInStart {
    /// The system's address.
    pub address: String,
    /// The mark, for a cookie.
    pub binding: String,
}

/// What a browser brought back.
#[derive(Clone, Default)]
pub struct SignInCallback {
    /// State that it was sent with.
    pub state: String,
    /// The system's code.
    pub code: Option<String>,
    /// Who says that it answered.
    pub issuer: Option<String>,
    /// The system's word for what went wrong.
    pub error: Option<String>,
    /// In its own sentences.
    pub error_description: Option<String>,
    /// The mark of the browser.
    pub binding: Option<String>,
}

impl std::fmt::Debug for SignInCallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignInCallback(…)")
    }
}

/// It has come to a good end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// Connection.
    pub connection: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
}

/// What became of one.
type Outcome = Option<Result<SignedIn, String>>;

/// One that was begun.
struct SignIn {
    id: u64,
    connection: String,
    slot: String,
    by: String,
    began: Instant,
    life: Duration,
    /// For a browser.
    browser: Option<Browser>,
    shown: SignInAnswer,
    outcome: watch::Sender<Outcome>,
}

struct Browser {
    /// Good once; gone when it was used.
    ticket: Option<String>,
    state: String,
    binding: Option<String>,
    callback: String,
    pkce: Arc<Pkce>,
    /// The system's address, and who must answer; known when the browser was sent there.
    sent_to: Option<(String, Option<String>)>,
}

/// What a browser that opened the address is sent away with.
struct Opened {
    connection: String,
    slot: String,
    callback: String,
    state: String,
    pkce: Arc<Pkce>,
}

/// What a browser came back to.
struct Back {
    id: u64,
    connection: String,
    slot: String,
    by: String,
    over: bool,
    browser: Browser,
}

impl SignIn {
    fn is_over(&self) -> bool {
        self.began.elapsed() >= self.life
    }
}

/// All that are under way.
#[derive(Default)]
pub(crate) struct SignIns {
    all: Mutex<Vec<SignIn>>,
    last: AtomicU64,
    /// Where the hub listens, `http://host:port`; none where it does not.
    listens: RwLock<Option<String>>,
}

impl SignIns {
    /// People's browsers reach the hub here.
    pub(crate) fn listens(&self, origin: &str) {
        *self.listens.write().unwrap_or_else(PoisonError::into_inner) = Some(origin.to_owned());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<SignIn>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, sign_in: SignIn) -> Result<(), ApiError> {
        let mut all = self.lock();
        all.retain(|one| !one.is_over());
        if all.len() >= SIGN_INS_MAX
            && let Some(ended) = all.iter().position(|one| one.outcome.borrow().is_some())
        {
            all.remove(ended);
        }
        if all.len() >= SIGN_INS_MAX {
            return Err(ApiError::failed(format!("{SIGN_INS_MAX} sign-ins are under way already"))
                .help("each is over after ten minutes; wait for one"));
        }
        all.push(sign_in);
        Ok(())
    }

    /// The sign-in that an address begins; the address is worth nothing then.
    fn opened(&self, ticket: &str) -> Option<Opened> {
        let mut all = self.lock();
        let of = |one: &SignIn| one.browser.as_ref().and_then(|browser| browser.ticket.clone());
        let found = all.iter_mut().find(|one| !one.is_over() && of(one).is_some_and(|known| same(&known, ticket)))?;
        let browser = found.browser.as_mut()?;
        browser.ticket = None;
        let (connection, slot) = (found.connection.clone(), found.slot.clone());
        Some(Opened {
            connection,
            slot,
            callback: browser.callback.clone(),
            state: browser.state.clone(),
            pkce: browser.pkce.clone(),
        })
    }

    /// The sign-in that a state belongs to; it is good once.
    fn back(&self, state: &str) -> Option<Back> {
        let mut all = self.lock();
        let is_it = |one: &&mut SignIn| one.browser.as_ref().is_some_and(|browser| same(&browser.state, state));
        let one = all.iter_mut().find(is_it).filter(|_| !state.is_empty())?;
        let browser = one.browser.take()?;
        let (connection, slot, by) = (one.connection.clone(), one.slot.clone(), one.by.clone());
        Some(Back { id: one.id, connection, slot, by, over: one.is_over(), browser })
    }

    fn end(&self, id: u64, outcome: Result<SignedIn, String>) {
        if let Some(found) = self.lock().iter().find(|one| one.id == id) {
            found.outcome.send_replace(Some(outcome));
        }
    }
}

fn randomness() -> ApiError {
    ApiError::failed("the machine gives no randomness")
}

/// The slot that is meant, and its channel.
fn slot(hub: &Hub, name: &str, slot: Option<&str>) -> Result<(crate::egress::Channel, String), ApiError> {
    let catalog = hub.engine.catalog();
    if !catalog.connections.contains_key(name) {
        return Err(ApiError::not_found(format!("there is no connection `{name}`")).help("`nave connection list` shows them"));
    }
    let channel = tokio::task::block_in_place(|| hub.guests.channel(name)).map_err(|error| match error {
        SpokeError::Held(why) => ApiError::new("secret-held", exit::PERSON, format!("{name}: {why}")),
        error => ApiError::failed(format!("{name}: {error}")),
    })?;
    let slots = channel.authorizable();
    let found = match slot {
        Some(slot) => slots.iter().find(|known| *known == slot),
        None if slots.len() > 1 => {
            return Err(ApiError::usage(format!("`{name}` has several credentials to agree to: {}", slots.join(", ")))
                .help(format!("name one: `nave connection authorize {name} --slot {}`", slots[0])));
        }
        None => slots.first(),
    };
    match found {
        Some(slot) => Ok((channel.clone(), slot.clone())),
        None => Err(ApiError::usage(format!("nobody agrees to `{name}` over there: its credential is not of the kind `oauth2`"))
            .help(format!("`nave secret set NAME` stores what it signs in with; kind = \"oauth2\" in connections/{name}.toml changes that, where its plugin knows it"))),
    }
}

/// Begins one, by a browser or by a code for another device.
pub(crate) async fn begin(
    hub: &Hub,
    name: &str,
    of_slot: Option<&str>,
    device: bool,
    by: &str,
) -> Result<SignInAnswer, ApiError> {
    let (channel, slot) = slot(hub, name, of_slot)?;
    let id = hub.sign_ins.last.fetch_add(1, Ordering::Relaxed) + 1;
    let scopes = reasons(hub, name, &slot, &channel);
    let mut shown = SignInAnswer { id, connection: name.to_owned(), slot: slot.clone(), scopes, ..SignInAnswer::default() };
    shown.state = "waiting".to_owned();
    if device {
        return device::begin(hub, &channel, shown, by).await;
    }
    let catalog = hub.engine.catalog();
    let listens = hub.sign_ins.listens.read().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(listens) = listens else {
        return Err(ApiError::new("not-serving", exit::UNAVAILABLE, "a browser comes back to a hub that serves, and none does")
            .help(format!(
                "start `nave serve` first, or use `nave connection authorize {name} --device` where the system knows devices"
            )));
    };
    let origin = catalog.hub.public_url.clone().unwrap_or(listens);
    let callback = format!("{origin}{CALLBACK}");
    let (ticket, state) = (random_text().ok_or_else(randomness)?, random_text().ok_or_else(randomness)?);
    let pkce = Arc::new(Pkce::new().ok_or_else(randomness)?);
    // What would be refused later is said now.
    channel.authorization_address(&slot, &callback, &state, &pkce).await.map_err(|error| refused(name, &error.to_string()))?;
    shown.way = "browser".to_owned();
    shown.address = format!("{origin}{START}{ticket}");
    shown.callback = Some(callback.clone());
    shown.expires_in_s = SIGN_IN_MS / 1_000;
    let browser = Browser { ticket: Some(ticket), state, binding: None, callback, pkce, sent_to: None };
    hub.sign_ins.add(SignIn {
        id,
        connection: name.to_owned(),
        slot,
        by: by.to_owned(),
        began: Instant::now(),
        life: Duration::from_millis(SIGN_IN_MS),
        browser: Some(browser),
        shown: shown.clone(),
        outcome: watch::channel(None).0,
    })?;
    Ok(shown)
}

fn refused(name: &str, why: &str) -> ApiError {
    ApiError::failed(format!("{name}: {why}"))
        .help(format!("`nave connection list` names its secret; connections/{name}.toml says where it signs in"))
}

/// Scopes that are asked for, each with the plugin's reason.
fn reasons(hub: &Hub, name: &str, slot: &str, channel: &crate::egress::Channel) -> Vec<(String, String)> {
    let catalog = hub.engine.catalog();
    let plugin = catalog.connections.get(name).map(|connection| connection.plugin.clone()).unwrap_or_default();
    let manifest = tokio::task::block_in_place(|| hub.guests.manifest(&plugin)).ok();
    let listed = manifest.and_then(|mut manifest| manifest.credentials.remove(slot)).map(|slot| slot.scopes).unwrap_or_default();
    let reason = |scope: &String| listed.iter().find(|one| one.name == *scope).map(|one| one.reason.clone()).unwrap_or_default();
    channel.asked(slot).iter().map(|scope| (scope.clone(), reason(scope))).collect()
}

/// A browser opened the address that begins one: where it is sent, and the mark that it gets. The address is worth nothing then.
pub(crate) async fn start(hub: &Hub, ticket: &str) -> Result<SignInStart, String> {
    const GONE: &str = "this address was used already, or is too old; begin again";
    let Opened { connection, slot, callback, state, pkce } = hub.sign_ins.opened(ticket).ok_or(GONE)?;
    let channel = tokio::task::block_in_place(|| hub.guests.channel(&connection)).map_err(|error| error.to_string())?;
    let (address, issuer) =
        channel.authorization_address(&slot, &callback, &state, &pkce).await.map_err(|error| error.to_string())?;
    let binding = random_text().ok_or("the machine gives no randomness")?;
    let mut all = hub.sign_ins.lock();
    let browser = all.iter_mut().filter_map(|one| one.browser.as_mut()).find(|browser| browser.state == state);
    let Some(browser) = browser else { return Err(GONE.to_owned()) };
    (browser.binding, browser.sent_to) = (Some(binding.clone()), Some((address.clone(), issuer)));
    Ok(SignInStart { address, binding })
}

/// A browser came back from a system. Whatever it brings, the sign-in is over with it; nothing is stored but what the system
/// grants to the one who was sent there.
pub(crate) async fn callback(hub: &Hub, call: SignInCallback) -> Result<SignedIn, String> {
    const UNKNOWN: &str = "nobody here began this sign-in, or it was ended already; begin again";
    let Back { id, connection, slot, by, over, browser } = hub.sign_ins.back(&call.state).ok_or(UNKNOWN)?;
    let outcome = match believed(&call, over, &browser) {
        Ok(code) => taken(hub, code, &connection, &slot, &by, &browser).await,
        Err(why) => Err(why),
    };
    let detail = match &outcome {
        Ok(signed_in) => format!("{slot}: {}", said(&signed_in.scopes)),
        Err(why) => format!("{slot}: {why}"),
    };
    let action = if outcome.is_ok() { "connection.authorized" } else { "connection.not-authorized" };
    hub.note(&by, action, &connection, &detail).await;
    hub.sign_ins.end(id, outcome.clone());
    outcome
}

fn said(scopes: &[String]) -> String {
    if scopes.is_empty() {
        "the system does not say what was granted".to_owned()
    } else {
        format!("granted {}", scopes.join(", "))
    }
}

/// The code that a browser brought back, where it is the one that was sent, in time, and by the system that was asked.
fn believed<'c>(call: &'c SignInCallback, over: bool, browser: &Browser) -> Result<&'c str, String> {
    if over {
        return Err("more than ten minutes have passed; begin again".to_owned());
    }
    let (Some(binding), Some((address, issuer))) = (&browser.binding, &browser.sent_to) else {
        return Err("this sign-in was never opened in a browser; begin again".to_owned());
    };
    if !call.binding.as_deref().is_some_and(|given| same(binding, given)) {
        return Err("another browser began this sign-in; begin again in this one".to_owned());
    }
    answered_by(issuer.as_deref(), address, call.issuer.as_deref())?;
    if let Some(error) = &call.error {
        let more = call.error_description.as_deref().map(|text| format!(" ({})", plain(text))).unwrap_or_default();
        return Err(format!("the system said {}{more}", plain(error)));
    }
    Ok(call.code.as_deref().filter(|code| !code.is_empty()).ok_or("the system sent no code")?)
}

async fn taken(hub: &Hub, code: &str, connection: &str, slot: &str, by: &str, browser: &Browser) -> Result<SignedIn, String> {
    let channel = tokio::task::block_in_place(|| hub.guests.channel(connection)).map_err(|error| error.to_string())?;
    let code = SecretBytes::new(code);
    // The browser may go away; what the system grants is taken whether or not it waits.
    let (slot, callback, pkce, by) = (slot.to_owned(), browser.callback.clone(), browser.pkce.clone(), by.to_owned());
    let task = tokio::spawn(async move { channel.redeem(&slot, &code, &callback, &pkce, &by).await });
    let standing = task.await.map_err(|_| "taking the code was broken off".to_owned())?.map_err(|error| error.to_string())?;
    Ok(SignedIn { connection: connection.to_owned(), scopes: standing.scopes })
}

/// A system's words on one line, without what could be markup or steer a terminal.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WHY_CHARS_MAX).collect()
}

/// What became of a sign-in, waiting a while for it.
pub(crate) async fn wait(hub: &Hub, id: u64) -> Result<SignInAnswer, ApiError> {
    let found = {
        let all = hub.sign_ins.lock();
        let found = all.iter().find(|one| one.id == id);
        found.map(|one| (one.shown.clone(), one.outcome.subscribe(), one.life.saturating_sub(one.began.elapsed())))
    };
    let Some((mut shown, mut outcome, left)) = found else {
        return Err(
            ApiError::not_found(format!("there is no sign-in {id}")).help("it is over, or the hub was started anew: begin again")
        );
    };
    let most = left.min(Duration::from_millis(WAIT_MS_MAX));
    // A sign-in that is forgotten meanwhile is over.
    let _ = tokio::time::timeout(most, outcome.wait_for(Option::is_some)).await;
    let ended = outcome.borrow().clone();
    match ended {
        Some(Ok(_)) => shown.state = "agreed".to_owned(),
        Some(Err(why)) => (shown.state, shown.why) = ("refused".to_owned(), Some(why)),
        None if left <= most => (shown.state, shown.why) = ("refused".to_owned(), Some("nobody agreed in time".to_owned())),
        None => {}
    }
    Ok(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(sign_ins: &SignIns, name: &str) {
        let browser = Browser {
            ticket: Some(format!("ticket-{name}")),
            state: format!("state-{name}"),
            binding: Some("m4rk".to_owned()),
            callback: "http://localhost:6283/oauth/callback".to_owned(),
            pkce: Arc::new(Pkce::new().unwrap()),
            sent_to: Some(("https://login.example/authorize".to_owned(), None)),
        };
        let sign_in = SignIn {
            id: 1,
            connection: "crm".to_owned(),
            slot: "token".to_owned(),
            by: "ada".to_owned(),
            began: Instant::now(),
            life: Duration::from_millis(SIGN_IN_MS),
            browser: Some(browser),
            shown: SignInAnswer::default(),
            outcome: watch::channel(None).0,
        };
        sign_ins.add(sign_in).unwrap();
    }

    /// T91: ten minutes pass, on a clock that this test moves. What was good until then is not any more, and what comes back is good once.
    #[tokio::test(start_paused = true)]
    async fn after_ten_minutes_nothing_is_believed() {
        let good = SignInCallback {
            code: Some("c0de".to_owned()),
            issuer: Some("https://login.example".to_owned()),
            binding: Some("m4rk".to_owned()),
            ..SignInCallback::default()
        };
        let sign_ins = SignIns::default();
        for name in ["used", "late", "back", "back-late"] {
            begun(&sign_ins, name);
        }
        tokio::time::advance(Duration::from_millis(SIGN_IN_MS - 1)).await;
        assert!(sign_ins.opened("ticket-used").is_some());
        assert!(sign_ins.opened("ticket-used").is_none(), "an address is good once");
        assert!(sign_ins.opened("ticket-of-nobody").is_none() && sign_ins.opened("").is_none());
        let in_time = sign_ins.back("state-back").unwrap();
        assert_eq!(believed(&good, in_time.over, &in_time.browser), Ok("c0de"));
        assert!(sign_ins.back("state-back").is_none(), "a state is good once");
        assert!(sign_ins.back("").is_none() && sign_ins.back("state-of-nobody").is_none());
        for (call, says) in [
            (SignInCallback { binding: None, ..good.clone() }, "another browser"),
            (SignInCallback { binding: Some("other".to_owned()), ..good.clone() }, "another browser"),
            (SignInCallback { code: None, ..good.clone() }, "no code"),
            (SignInCallback { issuer: Some("https://evil.example".to_owned()), ..good.clone() }, ""),
        ] {
            let why = believed(&call, in_time.over, &in_time.browser).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(sign_ins.opened("ticket-late").is_none(), "the address is too old");
        let late = sign_ins.back("state-back-late").unwrap();
        assert_eq!(believed(&good, late.over, &late.browser), Err("more than ten minutes have passed; begin again".to_owned()));
        // They make room for others, and are forgotten.
        begun(&sign_ins, "next");
        assert_eq!(sign_ins.lock().len(), 1);
    }
}
