//! Sign-ins by a code that a person types in on another device: the hub asks from time to time whether they have.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use tokio::sync::watch;

use super::{SignIn, SignedIn, refused, said};
use crate::api::{ApiError, SignInAnswer};
use crate::egress::{Channel, Device, DeviceAnswer};
use crate::engine::Engine;
use crate::hub::Hub;

/// What `slow_down` adds to the time between two questions (RFC 8628).
const SLOWER: Duration = Duration::from_secs(5);

/// Asks the system for a code and begins to ask whether somebody has agreed.
pub(super) async fn begin(hub: &Hub, channel: &Channel, mut shown: SignInAnswer, by: &str) -> Result<SignInAnswer, ApiError> {
    let device = channel.device(&shown.slot).await.map_err(|error| refused(&shown.connection, &error.to_string()))?;
    shown.way = "device".to_owned();
    shown.address.clone_from(&device.address);
    shown.code = Some(device.user_code.clone());
    shown.address_with_code.clone_from(&device.address_with_code);
    shown.expires_in_s = device.life.as_secs();
    let outcome = watch::channel(None).0;
    hub.sign_ins.add(SignIn {
        id: shown.id,
        connection: shown.connection.clone(),
        slot: shown.slot.clone(),
        by: by.to_owned(),
        began: Instant::now(),
        life: device.life,
        browser: None,
        shown: shown.clone(),
        outcome: outcome.clone(),
    })?;
    let (engine, channel, by, asked) = (hub.engine.clone(), channel.clone(), by.to_owned(), shown.clone());
    tokio::spawn(async move {
        let ended = ask(&channel, &asked.slot, &device, &by).await;
        let ended = ended.map(|scopes| SignedIn { connection: asked.connection.clone(), scopes });
        note(&engine, &by, &asked, &ended).await;
        outcome.send_replace(Some(ended));
    });
    Ok(shown)
}

async fn note(engine: &Arc<Engine>, by: &str, asked: &SignInAnswer, ended: &Result<SignedIn, String>) {
    let (action, detail) = match ended {
        Ok(signed_in) => ("connection.authorized", format!("{}: {}", asked.slot, said(&signed_in.scopes))),
        Err(why) => ("connection.not-authorized", format!("{}: {why}", asked.slot)),
    };
    crate::service::note(engine, by, action, &asked.connection, &detail).await;
}

/// Until the person has agreed, or the code is too old. Answers the scopes.
async fn ask(channel: &Channel, slot: &str, device: &Device, by: &str) -> Result<Vec<String>, String> {
    let until = Instant::now() + device.life;
    let mut every = device.interval;
    loop {
        tokio::time::sleep(every).await;
        if Instant::now() >= until {
            return Err("nobody agreed in time".to_owned());
        }
        match channel.device_agreed(slot, device, by).await {
            Ok(DeviceAnswer::Agreed(standing)) => return Ok(standing.scopes),
            Ok(DeviceAnswer::Refused(why)) => return Err(why),
            Ok(DeviceAnswer::Pending) => {}
            Ok(DeviceAnswer::SlowDown) => every += SLOWER,
            // On the way, or in trouble: asked again, less often.
            Err(crate::egress::EgressError::Unreachable(_)) => every = (every * 2).min(Duration::from_secs(60)),
            Err(error) => return Err(error.to_string()),
        }
    }
}
