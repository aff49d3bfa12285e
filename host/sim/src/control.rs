//! The control interface under `/_sim`: for tests and for `nave sim`, never for a client of the simulated system.
//!
//! Guarded by its own token (`Authorization: Bearer …`); the system's credential does not open it. `GET /_sim/requests?since=N`,
//! `GET /_sim/state`, `GET /_sim/fault`, `POST /_sim/fault`. Its own calls are not in the request log and no fault switch hits them.

use crate::{
    faults::FaultRule,
    server::Running,
    wire::{Call, Reply},
};
use serde_json::{Value, json};

pub(crate) fn handle(running: &mut Running, call: &Call) -> Reply {
    if call.bearer() != Some(running.control_token.as_str()) {
        return refuse(401, "the control interface needs its own token: Authorization: Bearer <control token>");
    }
    let segments: Vec<&str> = call.segments.iter().skip(1).map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["requests"]) => requests(running, call),
        ("GET", ["state"]) => Reply::json(200, running.system.dump()),
        ("GET", ["fault"]) => Reply::json(200, json!({"active": running.faults.active()})),
        ("POST", ["fault"]) => match serde_json::from_slice::<FaultRule>(&call.body) {
            Err(error) => refuse(
                400,
                &format!(
                    "a fault is {{\"switch\": \"lost-response\"|\"down\"|\"reset\", \"on\": true, \"share\": 0.1 or \"nth\": 1}}: {error}"
                ),
            ),
            Ok(rule) => match running.faults.set(rule) {
                Err(why) => refuse(400, &why),
                Ok(()) => Reply::json(200, json!({"active": running.faults.active()})),
            },
        },
        (_, ["requests" | "state" | "fault"]) => refuse(405, "no such method here"),
        _ => refuse(404, "there are /_sim/requests, /_sim/state and /_sim/fault"),
    }
}

fn requests(running: &Running, call: &Call) -> Reply {
    if let Some(name) = call.unknown_param(&["since"]) {
        return refuse(400, &format!("unknown parameter `{name}`; there is `since`"));
    }
    let Ok(since) = call.param("since").unwrap_or("0").parse() else {
        return refuse(400, "`since` is the number of a request");
    };
    let entries: Vec<Value> = running.requests.since(since).filter_map(|entry| serde_json::to_value(entry).ok()).collect();
    Reply::json(200, json!({"last": running.requests.last(), "requests": entries}))
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"message": message}))
}
