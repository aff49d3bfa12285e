//! A project's directory and the commands that a user types in it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary;

/// Longest wait for anything that should happen at once.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// What a command came to.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// Lines of JSON on standard output.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}\n{self:?}"));
        self.out.lines().filter(|line| !line.trim().is_empty()).map(parse).collect()
    }

    /// The one JSON answer on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }
}

/// A project of its own, gone when dropped (`NAVE_KEEP` leaves it).
pub struct Project {
    folder: Option<TempDir>,
    dir: PathBuf,
}

impl Drop for Project {
    fn drop(&mut self) {
        if std::env::var_os("NAVE_KEEP").is_some()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("kept: {}", folder.keep().display());
        }
    }
}

/// As `nave init` writes it.
pub const REQUIRED: &str = "ownership = \"required\"";

impl Project {
    /// `nave init`. Ownership is only advised.
    #[track_caller]
    pub fn init() -> Self {
        let folder = tempfile::Builder::new().prefix("nave-test-").tempdir().expect("a folder");
        let dir = folder.path().join("hub");
        let project = Self { folder: Some(folder), dir };
        let ran = run(Command::new(binary::nave()).arg("init").arg(&project.dir), None);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        // Most tests are not about who decided what; those that are say "required" again.
        let toml = project.dir.join("nave.toml");
        let text = std::fs::read_to_string(&toml).expect("nave.toml");
        assert!(text.contains(REQUIRED), "{text}");
        std::fs::write(&toml, text.replace(REQUIRED, "ownership = \"advised\"")).expect("nave.toml");
        project
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A command in it, with `--json`, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary::nave());
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NAVE_")) {
            command.env_remove(name);
        }
        command.env("USER", "mallory").env("NAVE_USER", "mallory").arg("--dir").arg(&self.dir).arg("--json").args(arguments);
        command
    }

    /// Runs a command to its end, whatever comes of it.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments), None)
    }

    /// Runs a command that must succeed; one that says that something waits for a person has.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert!(matches!(ran.code, Some(0 | 4)), "nave {}: {ran:?}", arguments.join(" "));
        ran
    }

    /// As [`Self::ok`], its one answer.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.ok(arguments).json()
    }

    /// Runs a command that gets a text on standard input.
    #[track_caller]
    pub fn tell(&self, arguments: &[&str], text: &str) -> Ran {
        let ran = run(&mut self.command(arguments), Some(text));
        assert_eq!(ran.code, Some(0), "nave {}: {ran:?}", arguments.join(" "));
        ran
    }

    /// Installs a shipped plugin.
    #[track_caller]
    pub fn install(&self, plugin: &str) {
        let file = binary::plugin(plugin);
        self.ok(&["plugin", "install", &file.display().to_string()]);
    }

    /// Connects a simulated system on this machine: `connection add` with its secret from a file. Starter mappings are taken away.
    #[track_caller]
    pub fn connect(&self, plugin: &str, name: &str, settings: &[(&str, String)], secret: Option<&str>) {
        let mut arguments =
            vec!["connection".to_owned(), "add".to_owned(), plugin.to_owned(), "--name".to_owned(), name.to_owned()];
        arguments.extend(["--grant-network", "127.0.0.0/8", "--insecure", "--yes"].map(str::to_owned));
        arguments.extend(["--because".to_owned(), "a simulated system on this machine".to_owned()]);
        for (setting, value) in settings {
            arguments.extend(["--set".to_owned(), format!("{setting}={value}")]);
        }
        if secret.is_some() {
            arguments.extend(["--secret-from".to_owned(), "-".to_owned()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        self.tell(&arguments, secret.unwrap_or_default());
        self.clear_mappings(name);
    }

    /// Connects a folder of files.
    #[track_caller]
    pub fn connect_drop(&self, name: &str, folder: &Path) {
        let folder = format!("drop={}", folder.display());
        self.tell(&["connection", "add", "files", "--name", name, "--folder", &folder, "--reason", "a test", "--yes"], "");
        self.clear_mappings(name);
    }

    fn clear_mappings(&self, connection: &str) {
        for entry in fs::read_dir(self.dir.join("mappings")).expect("a folder").flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            if file.starts_with(&format!("{connection}-")) {
                fs::remove_file(entry.path()).expect("it goes");
            }
        }
    }

    /// Writes a file of the configuration.
    #[track_caller]
    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Reads a file of the project.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        let path = self.dir.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// `nave sync --json`: one line per run. Every run must have succeeded and be accounted for (I14).
    #[track_caller]
    pub fn sync(&self, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["sync"];
        all.extend(arguments);
        let runs = self.ok(&all).lines();
        runs.iter().for_each(balanced);
        runs
    }

    /// Reads once without writing, shows the plan and agrees to it.
    #[track_caller]
    pub fn agree(&self) {
        self.sync(&[]);
        self.json(&["plan"]);
        let applied = self.json(&["apply", "--reason", "a test"]);
        assert_eq!(applied["unseen"], serde_json::json!([]), "{applied}");
    }

    /// `nave serve` on a free port; answers once it says where.
    #[track_caller]
    pub fn serve(&self) -> Serving {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("nave runs");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("serve said ({error}): {line}"));
        let url = said["address"].as_str().unwrap_or_default();
        let addr = url.trim_start_matches("http://").parse().unwrap_or_else(|_| panic!("serve said: {line}"));
        Serving { child, addr, token: said["token"].as_str().map(str::to_owned) }
    }
}

/// The counts of a run add up, and it succeeded.
#[track_caller]
pub fn balanced(run: &Value) {
    let count = |name: &str| run[name].as_u64().unwrap_or_else(|| panic!("`{name}` is missing: {run}"));
    let sum = |names: &[&str]| names.iter().map(|name| count(name)).sum::<u64>();
    match run["direction"].as_str() {
        Some("in") => {
            let parts = ["created", "updated", "unchanged", "deleted", "merged", "filtered", "held", "quarantined"];
            // Only where somebody asked for it.
            let archived = run["archived"].as_u64().unwrap_or(0);
            assert_eq!(count("read"), sum(&parts) + archived, "{run}");
        }
        Some("out") => assert_eq!(count("wanted"), sum(&["delivered", "unchanged", "parked", "held", "failed"]), "{run}"),
        _ => panic!("neither in nor out: {run}"),
    }
    assert_eq!(run["status"], "success", "{run}");
}

/// A hub that serves; ended when dropped.
pub struct Serving {
    child: Child,
    /// Where its HTTP API is.
    pub addr: SocketAddr,
    /// The first token, where it made one.
    pub token: Option<String>,
}

impl Serving {
    /// Asks it to end and waits until it has.
    #[track_caller]
    pub fn stop(mut self) {
        signal(&self.child, libc::SIGTERM);
        let code = wait_for(&mut self.child);
        assert_eq!(code, Some(0), "serve ends well when asked to");
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether this process may do everything.
pub fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// Sends a signal to a child of ours.
#[expect(
    unsafe_code,
    reason = "the standard library only knows SIGKILL; the pid is a living child's, which was not waited for yet"
)]
pub fn signal(child: &Child, signal: i32) {
    unsafe {
        libc::kill(child.id().cast_signed(), signal);
    }
}

/// Waits for a child's end, not for ever.
#[track_caller]
pub fn wait_for(child: &mut Child) -> Option<i32> {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().expect("it is ours") {
            return status.code();
        }
        if Instant::now() > until {
            let _ = child.kill();
            panic!("it did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Asks until the answer is some, not for ever.
#[track_caller]
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "within {PATIENCE:?} it did not happen that {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command to its end.
#[track_caller]
pub fn run(command: &mut Command, input: Option<&str>) -> Ran {
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("nave runs");
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // A command that reads nothing closes its end.
        let _ = stdin.write_all(text.as_bytes());
    }
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}
