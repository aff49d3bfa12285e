//! S9.5 to S9.7, S6.16: what the command line, the API and the metrics say are the same numbers.

use nave_tests::http;
use serde_json::Value;

use super::contacts;

/// The value of a metric with these labels.
fn metric(text: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let line = text.lines().find(|line| {
        let Some(rest) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix('{')) else { return false };
        labels.iter().all(|(name, value)| rest.contains(&format!("{name}=\"{value}\"")))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

#[test]
fn the_same_numbers_everywhere() {
    let mut world = contacts::world(5);
    for _ in 0..15 {
        world.act();
    }
    world.sync();
    for _ in 0..6 {
        world.act();
    }
    world.sync();
    let serving = world.project.serve();
    let token = serving.token.clone().expect("its first token");
    let bearer = format!("Bearer {token}");
    let ask =
        |path: &str, token: &str| http::request(serving.addr, "GET", path, &[("authorization", token)], None).expect("an answer");
    assert_eq!(ask("/metrics", "Bearer no").status, 401, "with a token, as every route");
    let cli = world.project.json(&["status"]);
    let api = ask("/v1/status", &bearer).json();
    let metrics = ask("/metrics", &bearer);
    assert_eq!(metrics.status, 200);
    assert!(metrics.text.ends_with("# EOF\n"), "whole");
    let number = |value: &Value, what: &str| value.as_f64().unwrap_or_else(|| panic!("{what}: {value}"));
    let mut compared = 0;
    for (flow, other) in cli["flows"].as_array().unwrap().iter().zip(api["flows"].as_array().unwrap()) {
        let name = flow["flow"].as_str().unwrap();
        assert_eq!(flow["meter"], other["meter"], "{name}");
        let mut same = |path: &str, value: &Value, labels: &[(&str, &str)]| {
            let labels: Vec<(&str, &str)> = [("flow", name)].into_iter().chain(labels.iter().copied()).collect();
            assert_eq!(metric(&metrics.text, path, &labels), Some(number(value, path)), "{path} {labels:?}");
            compared += 1;
        };
        same("nave_pending", &flow["pending"], &[]);
        same("nave_parked", &flow["parked"], &[]);
        for (key, count) in flow["meter"]["records"].as_object().unwrap() {
            let (direction, became) = key.split_once(' ').unwrap();
            same("nave_records_total", count, &[("direction", direction), ("became", became)]);
        }
        for (key, count) in flow["meter"]["runs"].as_object().unwrap() {
            let (direction, status) = key.split_once(' ').unwrap();
            same("nave_runs_total", count, &[("direction", direction), ("status", status)]);
        }
        if flow["writes"] == true {
            same("nave_attempts_total", &flow["meter"]["attempts"], &[]);
            same("nave_change_latency_seconds_count", &flow["meter"]["latency"]["count"], &[]);
        }
    }
    assert!(compared > 40, "only {compared}");
    // I14 adds up over all runs, too.
    for flow in cli["flows"].as_array().unwrap() {
        let of = |name: &str| flow["meter"]["records"][name].as_u64().unwrap_or_default();
        let parts = ["created", "updated", "unchanged", "deleted", "merged", "filtered", "held", "quarantined"];
        assert_eq!(of("in read"), parts.iter().map(|part| of(&format!("in {part}"))).sum::<u64>(), "{flow}");
    }
    for system in cli["systems"].as_array().unwrap() {
        assert_eq!(system["breaker"], "closed", "{system}");
        let name = system["connection"].as_str().unwrap();
        assert_eq!(metric(&metrics.text, "nave_breaker_open", &[("connection", name)]), Some(0.0));
    }
    serving.stop();
}
