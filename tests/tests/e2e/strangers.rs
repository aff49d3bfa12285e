//! Who reaches the hub's port, its data folder or its machine without being asked: webhooks that mean harm and come by the thousand, a
//! cache that others write to, a look at the process, a disk that is full, and a token after its end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nave_tests::binary;
use nave_tests::http;
use nave_tests::project::{PATIENCE, Project, until, wait_for};
use serde_json::{Value, json};

const SECRET: &str = "whsec-05d1";

/// Two lists whose system tells by an address with a secret in it; neither has to answer for that.
fn listening() -> Project {
    let project = Project::init();
    project.install("mailchimp");
    for name in ["mail", "other"] {
        let settings = [("url", "http://127.0.0.1:1".to_owned()), ("audience", "l1".to_owned())];
        project.connect("mailchimp", name, &settings, Some("nave:key"));
    }
    for name in ["mail", "other"] {
        let file = format!("connections/{name}.toml");
        let text = project.read(&file);
        project.write(&file, &format!("{text}\n[webhook]\nsecret = \"hooks\"\nfold = \"1m\"\n"));
    }
    project.tell(&["secret", "set", "hooks"], SECRET);
    project
}

fn hook(name: &str, secret: &str) -> String {
    format!("/hooks/{name}?secret={secret}")
}

/// The status of a request with these bytes, whatever its headers say of them.
fn post(addr: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    head += "\r\n";
    // It may have answered before it has read everything.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer).into_owned();
    line.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer to {path}: {line:?}"))
}

fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("gzip runs");
    let mut stdin = gzip.stdin.take().expect("a pipe");
    let text = text.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&text));
    let output = gzip.wait_with_output().expect("it ends");
    writer.join().expect("it wrote").expect("it reads all");
    output.stdout
}

/// T97: what is not believed is bytes that nobody parses; what is believed is read by a guest, within its bounds. Whatever is in it and
/// whatever it says it is, it is one answer, and the hub and the next call are as before.
#[test]
fn a_webhook_full_of_bombs_is_bytes_until_it_is_believed() {
    let project = listening();
    let serving = project.serve();
    let token = format!("Bearer {}", serving.token.clone().expect("a token"));
    let entities: String = (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let laughs = format!("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY l0 \"ha\">{entities}]><l>&l9;</l>");
    let nested = "[".repeat(200_000);
    let objects = r#"{"a":"#.repeat(50_000);
    let pairs = "a=1&".repeat(100_000);
    let zeros = gzipped(&vec![b' '; 50 << 20]);
    let wide: Vec<u8> = "{\"type\":\"subscribe\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(zeros.len() < 1 << 20, "{}", zeros.len());
    let good = b"type=subscribe&data%5Blist_id%5D=l1&data%5Bemail%5D=ada%40told.example";
    let form = ("content-type", "application/x-www-form-urlencoded");
    for (what, headers, body) in [
        ("lists without end", vec![("content-type", "application/json")], nested.as_bytes()),
        ("objects without end", vec![("content-type", "text/plain")], objects.as_bytes()),
        ("entities of entities", vec![("content-type", "application/xml")], laughs.as_bytes()),
        ("entities that say they are JSON", vec![("content-type", "application/json; charset=utf-7")], laughs.as_bytes()),
        ("fifty megabytes in fifty kilobytes", vec![form, ("content-encoding", "gzip")], &zeros),
        ("the same, without saying so", vec![form], &zeros),
        ("a hundred thousand pairs", vec![form], pairs.as_bytes()),
        ("wide characters", vec![("content-type", "application/json; charset=utf-16")], &wide),
        ("a boundary that never comes", vec![("content-type", "multipart/form-data; boundary=x")], good),
        ("two types", vec![form, ("content-type", "application/json")], good),
        ("a number beyond all numbers", vec![("content-type", "application/json")], br#"{"type":1e999999999,"type":2}"#),
        ("no text", vec![form], b"type=%ff%fe&data[\xff]=\0\x80"),
        ("nothing", vec![form], b""),
    ] {
        assert_eq!(post(serving.addr, &hook("mail", "guessed"), &headers, body), 401, "{what}: not believed");
        let believed = post(serving.addr, &hook("mail", SECRET), &headers, body);
        assert!([200, 400, 413, 503].contains(&believed), "{what}: {believed}");
        // A call of the same kind that is in order is understood right after it; another content each time, or it would be a repetition.
        let next = [&good[..], format!("&data%5Bid%5D={}", what.len()).as_bytes()].concat();
        assert_eq!(post(serving.addr, &hook("mail", SECRET), &[form], &next), 200, "after {what}");
    }
    let status = http::request(serving.addr, "GET", "/v1/status", &[("authorization", &token)], None).expect("an answer");
    assert_eq!(status.status, 200, "{}", status.text);
    assert_eq!(project.json(&["record", "list"])["records"], json!([]), "nothing of it became a record");
    serving.stop();
}

/// T98: one that floods is told to wait; everybody else is answered meanwhile, every time.
#[test]
fn a_flood_of_one_keeps_nobody_else_waiting() {
    let project = listening();
    let serving = project.serve();
    let token = format!("Bearer {}", serving.token.clone().expect("a token"));
    let (addr, path) = (serving.addr, hook("mail", "guessed"));
    let request = format!("POST {path} HTTP/1.1\r\nhost: {addr}\r\ncontent-length: 1\r\n\r\nx");
    // Each connection sends without waiting for answers, until one says that it is enough.
    let floods: Vec<_> = (0..4)
        .map(|_| {
            let request = request.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(addr).expect("it listens");
                stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                let (mut sent, mut seen) = (0, String::new());
                let mut buffer = vec![0; 64 << 10];
                while !seen.contains("HTTP/1.1 429") && sent < 50_000 {
                    stream.write_all(request.repeat(100).as_bytes()).expect("it reads");
                    sent += 100;
                    let answers = |seen: &str| seen.matches("HTTP/1.1 ").count();
                    let before = answers(&seen);
                    while answers(&seen) < before + 50 && !seen.contains("HTTP/1.1 429") {
                        let length = stream.read(&mut buffer).expect("it answers");
                        assert!(length > 0, "it was closed after {sent}");
                        seen += &String::from_utf8_lossy(&buffer[..length]);
                    }
                }
                (sent, seen.contains("HTTP/1.1 429"), seen.contains("HTTP/1.1 500"))
            })
        })
        .collect();
    let (mut asked, mut answered) = (0, 0);
    while asked < 100 || floods.iter().any(|flood| !flood.is_finished()) {
        let body = format!("type=subscribe&data%5Blist_id%5D=l1&data%5Bemail%5D=ada%40told.example&data%5Bid%5D={asked}");
        let told = post(addr, &hook("other", SECRET), &[("content-type", "application/x-www-form-urlencoded")], body.as_bytes());
        let status = http::request(addr, "GET", "/v1/status", &[("authorization", &token)], None).map(|answer| answer.status);
        asked += 1;
        answered += usize::from((told, status) == (200, Some(200)));
    }
    assert_eq!(answered, asked, "of the others");
    for flood in floods {
        let (sent, told_to_wait, broke) = flood.join().expect("it ended");
        assert!(told_to_wait && !broke, "after {sent}");
    }
    let audit = project.json(&["audit", "--limit", "200"]);
    let refused = audit["entries"].as_array().expect("lines").iter().filter(|line| line["action"] == "webhook.refused").count();
    assert!((1..5).contains(&refused), "{refused} lines for thousands of calls");
    serving.stop();
}

/// T99: a token with an end is taken until then, by the API and by what it opened, and not after.
#[test]
fn a_token_is_good_until_its_end() {
    let project = Project::init();
    let serving = project.serve();
    let made = project.json(&["token", "reset", "ada", "--for", "3s", "--because", "a test"]);
    let lasting = project.json(&["token", "reset", "bo", "--for", "90d", "--because", "a test"]);
    let status = |token: &Value| {
        let bearer = format!("Bearer {}", token["token"].as_str().expect("a token"));
        http::request(serving.addr, "GET", "/v1/status", &[("authorization", &bearer)], None).expect("an answer").status
    };
    assert!(made["until"].is_string() && lasting["until"].is_string(), "{made} {lasting}");
    assert_eq!((status(&made), status(&lasting)), (200, 200));
    until("its end comes", || (status(&made) == 401).then_some(()));
    assert_eq!(status(&lasting), 200);
    let refused = project.run(&["token", "reset", "ada", "--for", "soon", "--because", "a test"]);
    assert_eq!((refused.code, &refused.json()["error"]["code"]), (Some(2), &json!("usage")), "{refused:?}");
    serving.stop();
}

/// T19: what is loaded from a folder runs as the hub, so it does not start on one that is not its own.
#[test]
fn a_hub_does_not_start_on_a_cache_of_others() {
    let project = Project::init();
    project.serve().stop();
    let cache = project.data().join("compiled");
    assert!(cache.is_dir());
    let elsewhere = project.dir().parent().expect("a folder").join("elsewhere");
    for (what, says) in [("link", "symbolic link"), ("others", "others may write"), ("file", "not a directory")] {
        let _ = std::fs::remove_dir_all(&cache);
        let _ = std::fs::remove_file(&cache);
        match what {
            "link" => {
                std::fs::create_dir(&elsewhere).expect("a folder");
                symlink(&elsewhere, &cache).expect("a link");
            }
            "others" => {
                std::fs::create_dir(&cache).expect("a folder");
                std::fs::set_permissions(&cache, PermissionsExt::from_mode(0o777)).expect("a mode");
            }
            _ => std::fs::write(&cache, "").expect("a file"),
        }
        let mut serve = project.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut serve = serve.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let code = wait_for(&mut serve);
        let mut said = String::new();
        serve.stdout.take().expect("its output").read_to_string(&mut said).expect("text");
        let error = serde_json::from_str::<Value>(&said).expect("one object")["error"].clone();
        assert_eq!((code, &error["code"]), (Some(5), &json!("unavailable")), "{what}: {said}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(says) && message.contains("rm -r"), "{what}: {message}");
    }
    std::fs::remove_file(&cache).expect("as it was told");
    project.serve().stop();
}

/// T127: of the running hub others see no memory, no dump is left of it, and its environment holds no key. As another user where this
/// test runs as root, whom nothing is hidden from.
#[test]
fn the_running_hub_keeps_itself_to_itself() {
    let folder = tempfile::Builder::new().prefix("nave-test-").tempdir().expect("a folder");
    let program = folder.path().join("nave");
    std::fs::copy(binary::nave(), &program).expect("a copy");
    let own = std::fs::metadata(folder.path()).expect("a folder").uid();
    let user = if own == 0 { 65_534 } else { own };
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.env_clear().env("HOME", folder.path()).env("PATH", "/usr/bin:/bin").arg("--dir").arg(folder.path().join("hub"));
        if own == 0 {
            command.uid(user).gid(user);
        }
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    if own == 0 {
        let done = Command::new("chown").arg("-R").arg(format!("{user}:{user}")).arg(folder.path()).status().expect("chown runs");
        assert!(done.success());
    }
    let made = run(&["init"]).arg(folder.path().join("hub")).status().expect("it runs");
    assert!(made.success());
    let mut hub = run(&["--json", "serve", "--listen", "127.0.0.1:0"]).spawn().expect("it starts");
    let mut said = [0; 1];
    hub.stdout.as_mut().expect("its output").read_exact(&mut said).expect("it serves");
    let of = |name: &str| Path::new("/proc").join(hub.id().to_string()).join(name);
    // What the kernel gives to root is what it keeps from the process's own user.
    let kept = ["mem", "environ", "maps", "auxv"].map(|name| std::fs::metadata(of(name)).expect("it runs").uid());
    let limits = std::fs::read_to_string(of("limits")).expect("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line").to_owned();
    let plain = Command::new("sleep").arg("60").env_clear().env("PATH", "/usr/bin:/bin").uid(user).spawn();
    let mut plain = plain.expect("it starts");
    let others = until("it is there", || {
        let uid = std::fs::metadata(format!("/proc/{}/mem", plain.id())).ok()?.uid();
        (uid == user).then_some(uid)
    });
    let _ = plain.kill();
    let _ = plain.wait();
    let _ = hub.kill();
    let _ = hub.wait();
    assert_eq!((kept, others), ([0; 4], user), "a process that does not ask for it is its user's");
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
}

/// T126: the disk of a running hub is full. Nothing that a person asks for is done without its line in the audit: it is refused, and
/// once there is room everything is as it was, without a repair.
#[test]
fn a_full_disk_refuses_what_it_cannot_note() {
    let project = Project::init();
    project.tell(&["secret", "set", "before"], "s3cret");
    let token = project.json(&["token", "reset", "ada", "--because", "a test"])["token"].as_str().expect("a token").to_owned();
    let lines = || project.json(&["audit", "--limit", "200"])["entries"].as_array().expect("lines").len();
    let names = || project.json(&["secret", "list"])["secrets"].to_string();
    for (arguments, input) in [
        (&["secret", "set", "new"][..], "another"),
        (&["secret", "remove", "before"], ""),
        (&["token", "reset", "ada", "--because", "a test"], ""),
        (&["token", "reset", "bo", "--because", "a test"], ""),
        (&["access", "revoke", "token", "ada", "--reason", "left"], ""),
        (&["access", "review", "--done", "--reason", "all needed"], ""),
    ] {
        // The signal for it is ignored, as the hub would get an error and not a signal on a real disk.
        let inner = project.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut hub = Command::new("sh");
        hub.arg("-c").arg("trap '' XFSZ; exec \"$@\"").arg("sh").arg(inner.get_program()).args(inner.get_args());
        let mut hub = hub.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut said = String::new();
        BufReader::new(hub.stdout.take().expect("its output")).read_line(&mut said).expect("it serves");
        assert!(said.contains("address"), "{said}");
        let before = (lines(), names());
        // From now on no file may be written beyond its first kilobyte.
        let full = Command::new("prlimit").arg(format!("--pid={}", hub.id())).arg("--fsize=1024:1024").status();
        assert!(full.expect("prlimit runs").success());
        let ran = nave_tests::project::run(&mut project.command(arguments), Some(input));
        let _ = hub.kill();
        let _ = hub.wait();
        assert!(!matches!(ran.code, Some(0 | 4) | None), "{arguments:?}: {ran:?}");
        // With room again, what was there is there, and nothing else.
        assert_eq!((lines(), names()), before, "{arguments:?}");
        project.ok(&["audit", "verify"]);
        let serving = project.serve();
        let bearer = format!("Bearer {token}");
        let status = http::request(serving.addr, "GET", "/v1/status", &[("authorization", &bearer)], None).expect("an answer");
        assert_eq!(status.status, 200, "{arguments:?}: her token is what it was");
        serving.stop();
    }
    project.ok(&["store", "check"]);
    let before = lines();
    project.tell(&["secret", "set", "new"], "another");
    assert_eq!(lines(), before + 1, "and with room it goes on");
}
