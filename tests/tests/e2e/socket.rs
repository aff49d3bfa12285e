//! While `nave serve` runs, commands go through its local socket, and answer the same. The HTTP API wants a token.

use nave_tests::http;
use serde_json::Value;

use super::contacts;

/// What two answers may differ in: clocks and counters of asking.
fn steady(mut answer: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                for name in
                    ["at", "last_in", "last_out", "read_at", "as_of", "started_at", "ended_at", "run", "requests", "skew_ms"]
                {
                    map.remove(name);
                }
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut answer);
    answer
}

#[test]
fn socket() {
    let mut world = contacts::world(11);
    for _ in 0..12 {
        world.act();
    }
    world.sync();
    let commands: &[&[&str]] = &[
        &["status"],
        &["record", "list", "contact"],
        &["record", "show", "contact/1"],
        &["record", "why", "contact/1"],
        &["record", "history", "contact/1"],
        &["xref", "contact/1"],
        &["review", "list"],
        &["dlq", "list"],
        &["secret", "list"],
        &["connection", "list"],
        &["connection", "check", "crm"],
        &["plugin", "list"],
        &["plugin", "grants"],
        &["mapping", "lint"],
        &["mapping", "explain", "crm"],
        &["schema", "list"],
        &["system", "list"],
        &["plan"],
        &["record", "show", "contact/999999"],
        &["pause", "crm"],
        &["resume", "crm"],
    ];
    let ask = |arguments: &&[&str]| {
        let ran = world.project.run(arguments);
        let answer = serde_json::from_str(&ran.out).unwrap_or(Value::String(ran.out.clone()));
        (ran.code, steady(answer))
    };
    let alone: Vec<_> = commands.iter().map(ask).collect();
    let serving = world.project.serve();
    let through: Vec<_> = commands.iter().map(ask).collect();
    for ((command, alone), through) in commands.iter().zip(&alone).zip(&through) {
        assert_eq!(alone, through, "nave {} answers otherwise through the socket", command.join(" "));
    }
    assert_eq!(alone[18].0, Some(2), "a record that is not there: {:?}", alone[18]);

    // Two hubs on one directory: refused, with the reason.
    let second = world.project.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(5), "{second:?}");

    // The HTTP API: nothing without a token, nothing with a wrong one.
    let token = serving.token.clone().expect("the first token is shown once");
    let get = |path: &str, token: Option<&str>| {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<(&str, &str)> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        http::request(serving.addr, "GET", path, &headers, None).expect("an answer")
    };
    assert_eq!(get("/v1/status", None).status, 401);
    assert_eq!(get("/v1/status", Some("wrong")).status, 401);
    assert_eq!(get("/v1/status", Some(&token[..token.len() - 1])).status, 401);
    let answer = get("/v1/status", Some(&token));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(get("/v1/nothing", Some(&token)).status, 404);

    // The work goes on behind the same door, and the data is free again afterwards.
    world.act();
    world.sync();
    serving.stop();
    world.act();
    world.sync();
}
