//! S6.12: a system that does not answer is told within a minute, by the binary that serves, to a listener that is not the hub's.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;

use nave_tests::project::until;
use serde_json::{Value, json};

use super::contacts;

/// Takes POSTs and hands their bodies on.
fn listener() -> (u16, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let (mut text, mut piece) = (Vec::new(), [0; 4096]);
            // The head, then as many bytes as it says.
            let body = loop {
                match stream.read(&mut piece) {
                    Ok(0) | Err(_) => break None,
                    Ok(read) => text.extend_from_slice(&piece[..read]),
                }
                let Some(head) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                let lines = String::from_utf8_lossy(&text[..head]).to_ascii_lowercase();
                let length = lines.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
                if text.len() - head - 4 >= length.unwrap_or_default() {
                    let path = lines.split(' ').nth(1).unwrap_or_default().to_owned();
                    break serde_json::from_slice(&text[head + 4..]).ok().map(|body| (path, body));
                }
            };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if let Some(body) = body
                && sender.send(body).is_err()
            {
                return;
            }
        }
    });
    (port, receiver)
}

#[test]
fn a_system_that_is_down_is_told_and_so_is_its_end() {
    let mut world = contacts::world(7);
    for _ in 0..4 {
        world.act();
    }
    world.sync();
    let (port, heard) = listener();
    let settings = world.project.read("nave.toml");
    let reach = "networks = [\"127.0.0.0/8\"]\ninsecure = true\nbecause = \"a test\"\n";
    let sinks = format!(
        "\n[alerts.sinks.ops]\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/json\"\n{reach}\
         \n[alerts.sinks.chat]\nkind = \"slack\"\nurl = \"http://127.0.0.1:{port}/chat/\"\npath-secret = \"chat\"\n{reach}"
    );
    world.project.write("nave.toml", &format!("{settings}{sinks}"));
    for flow in ["crm", "books", "drop"] {
        let path = format!("mappings/{flow}.toml");
        let text = world.project.read(&path).replace("freshness = \"24h\"", "freshness = \"1s\"");
        world.project.write(&path, &text);
    }
    world.project.tell(&["secret", "set", "chat"], "T1/B2/x9\n");
    // Both are told the test, over the address that only the vault knows whole.
    world.project.ok(&["alert", "test"]);
    let mut paths = [heard.recv().unwrap().0, heard.recv().unwrap().0];
    paths.sort();
    assert_eq!(paths, ["/chat/t1/b2/x9", "/json"]);

    let fault = |rule: Value| world.systems[0].sim().into_iter().for_each(|sim| sim.fault(rule.clone()));
    let runs = || world.project.json(&["run", "list", "--flow", "crm", "--limit", "1"])["runs"][0]["run"].as_u64();
    let before = runs();
    let serving = world.project.serve();
    // It is at work when it goes down.
    until("a run of its own", || (runs() > before).then_some(()));
    fault(json!({ "switch": "down" }));
    let next = |kind: &str, news: &str| {
        until(&format!("{kind} is told as {news}"), || {
            let (path, body) = heard.try_recv().ok()?;
            (path == "/json" && body["kind"] == kind && body["news"] == news).then_some(body)
        })
    };
    let opened = next("breaker-open", "opened");
    assert_eq!(opened["subject"], "crm");
    assert!(opened["fix"].as_str().unwrap().starts_with("nave connection check crm"), "{opened}");
    let listed = world.project.json(&["alert", "list"]);
    let open = listed["alerts"].as_array().unwrap().iter().find(|alert| alert["kind"] == "breaker-open").unwrap().clone();
    world.project.ok(&["alert", "ack", &open["id"].to_string()]);
    fault(json!({ "switch": "down", "on": false }));
    // A person says that it is well again; one call that is answered closes the breaker.
    until("it answers again", || (world.project.run(&["connection", "check", "crm"]).code == Some(0)).then_some(()));
    next("breaker-open", "resolved");
    serving.stop();
}
