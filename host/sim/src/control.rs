//! The control interface under `/_sim`: for tests and for `nave sim`, never for a client of the simulated system.
//!
//! Guarded by its own token (`Authorization: Bearer …`); the system's credential does not open it. Its own calls are not in the request
//! log and no fault switch hits them.

use crate::{
    acts::{self, ACTS, Act},
    faults::{FaultRule, Faults, Switch},
    serve::Running,
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
        ("GET", ["fault"]) => {
            let mut answer = Faults::describe(running.system.as_ref());
            answer["active"] = json!(running.faults.active());
            Reply::json(200, answer)
        }
        ("POST", ["fault"]) => fault(running, call),
        ("DELETE", ["fault"]) => {
            running.faults.clear();
            exported(running)
        }
        ("GET", ["act"]) => {
            let acts: Vec<Value> =
                ACTS.iter().map(|(name, line, takes)| json!({"act": name, "about": line, "takes": takes})).collect();
            Reply::json(200, json!({"acts": acts, "objects": running.system.kinds()}))
        }
        ("POST", ["act"]) => act(running, call),
        ("GET", ["webhooks"]) => Reply::json(200, running.webhooks.describe()),
        ("POST", ["webhooks"]) => match running.webhooks.add(&call.body) {
            Err(why) => refuse(400, &why),
            Ok(()) => {
                running.system.watch(true);
                Reply::json(200, running.webhooks.describe())
            }
        },
        ("DELETE", ["webhooks"]) => {
            running.webhooks.clear();
            running.system.watch(false);
            Reply::json(200, running.webhooks.describe())
        }
        (_, ["requests" | "state" | "fault" | "act" | "webhooks"]) => refuse(405, "no such method here"),
        _ => refuse(404, "there are /_sim/requests, /_sim/state, /_sim/fault, /_sim/act and /_sim/webhooks"),
    }
}

fn active(running: &Running) -> Reply {
    Reply::json(200, json!({"active": running.faults.active()}))
}

fn fault(running: &mut Running, call: &Call) -> Reply {
    let example = "{\"switch\": \"lost-response\", \"share\": 0.1}; GET /_sim/fault lists the switches";
    let rule = match serde_json::from_slice::<FaultRule>(&call.body) {
        Ok(rule) => rule,
        Err(error) => return refuse(400, &format!("a fault is an object as {example}: {error}")),
    };
    let clock = rule.switch == Switch::ClockOffset;
    if let Err(why) = running.faults.set(rule, running.system.as_ref()) {
        return refuse(400, &why);
    }
    if clock {
        // Another clock begins.
        running.floor = i64::MIN;
    }
    exported(running)
}

/// Files show a switch as soon as it is set.
fn exported(running: &mut Running) -> Reply {
    match running.export() {
        Ok(()) => active(running),
        Err(error) => refuse(500, &format!("the export could not be written: {error}")),
    }
}

fn act(running: &mut Running, call: &Call) -> Reply {
    let example = "{\"act\": \"mass-delete\", \"share\": 0.3}; GET /_sim/act lists the acts";
    let act = match Act::read(&call.body) {
        Ok(act) => act,
        Err(error) => return refuse(400, &format!("an act is an object as {example}: {error}")),
    };
    let (now, nth) = (running.modification_time(), running.acts);
    if let Act::Person(act) = &act {
        return person(running, act, now);
    }
    running.acts += 1;
    match acts::carry_out(&act, running.system.as_mut(), running.seed, nth, now) {
        Err(why) => refuse(400, &why),
        Ok((entries, told)) => match running.remember(entries) {
            Err(reply) => reply,
            Ok(()) => Reply::json(200, told),
        },
    }
}

/// Past the switches, into the system. Where it refuses, in its own words.
fn person(running: &mut Running, act: &acts::Person, now: i64) -> Reply {
    let call = match acts::person(act, &running.auth.credential) {
        Ok(call) => call,
        Err(why) => return refuse(400, &why),
    };
    let mut reply = running.system.handle(&mut running.auth, &call, now);
    let answer = reply.json_body().unwrap_or_default();
    if reply.status >= 300 {
        return refuse(400, &format!("{} {answer}", reply.status));
    }
    if reply.changed {
        running.floor = now;
    }
    match running.remember(std::mem::take(&mut reply.entries)) {
        Err(reply) => reply,
        Ok(()) => Reply::json(200, json!({"status": reply.status, "answer": answer})),
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
