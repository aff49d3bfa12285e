//! Debian's docker-registry, to which skopeo pushes: an independent server and an independent client, both of which know nothing of us.

use std::path::Path;
use std::process::{Command, Stdio};

use nave_tests::binary;
use nave_tests::project::{Project, Ran};
use serde_json::{Value, json};

const NAME: &str = "acme/phone-e164";

/// The registry that `tests/systems/registry/start.sh` started; none: the test is skipped.
struct Registry {
    host: String,
    credential: String,
    client: String,
}

impl Registry {
    fn named() -> Option<Self> {
        let Ok(line) = std::env::var("NAVE_REGISTRY") else {
            println!("skipped: NAVE_REGISTRY is not set; tests/systems/run.sh starts the real systems and sets it");
            return None;
        };
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("NAVE_REGISTRY ({error}): {line}"));
        let text = |name: &str| line[name].as_str().unwrap_or_else(|| panic!("NAVE_REGISTRY has no {name}: {line}")).to_owned();
        Some(Self { host: text("base"), credential: text("credential"), client: text("client") })
    }

    /// Pushes a file as an author does: an image layout on disk, copied by the client.
    fn push(&self, folder: &Path, file: &Path, tag: &str, media_type: &str) {
        let layout = folder.join(format!("layout-{tag}"));
        let blobs = layout.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder");
        let blob = |bytes: &[u8]| {
            let digest = sha256(bytes);
            std::fs::write(blobs.join(&digest), bytes).expect("written");
            json!({ "digest": format!("sha256:{digest}"), "size": bytes.len() })
        };
        let described = |media_type: &str, mut blob: Value| {
            blob["mediaType"] = json!(media_type);
            blob
        };
        let manifest = "application/vnd.oci.image.manifest.v1+json";
        let mut body = json!({
            "schemaVersion": 2, "mediaType": manifest,
            "config": described("application/vnd.wasm.config.v0+json", blob(b"{}")),
            "layers": [described(media_type, blob(&std::fs::read(file).expect("the plugin")))],
        });
        if let Ok(signature) = std::fs::read_to_string(format!("{}.sig", file.display())) {
            body["annotations"] = json!({ "nave.plugin.signature": signature });
        }
        let mut entry = described(manifest, blob(body.to_string().as_bytes()));
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        std::fs::write(layout.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string())
            .expect("written");
        std::fs::write(layout.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string()).expect("written");
        let pushed = Command::new(&self.client)
            .args(["copy", "--insecure-policy", "--dest-tls-verify=false", "--dest-creds", &self.credential])
            .arg(format!("oci:{}:{tag}", layout.display()))
            .arg(format!("docker://{}/{NAME}:{tag}", self.host))
            .output()
            .expect("the client runs");
        assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    }

    fn source(&self, tag: &str) -> String {
        format!("oci://{}/{NAME}:{tag}", self.host)
    }
}

fn sha256(bytes: &[u8]) -> String {
    use std::io::Write as _;
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum runs");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    String::from_utf8_lossy(&child.wait_with_output().expect("it ends").stdout)[..64].to_owned()
}

fn code(ran: &Ran) -> String {
    let error: Value = serde_json::from_str(ran.out.lines().last().unwrap_or_default()).unwrap_or_else(|_| panic!("{ran:?}"));
    error["error"]["code"].as_str().unwrap_or_else(|| panic!("{ran:?}")).to_owned()
}

#[test]
fn a_plugin_that_somebody_else_pushed_is_installed_signed_and_pinned() {
    let Some(registry) = Registry::named() else { return };
    let project = Project::init();
    project.write("nave.toml", &(project.read("nave.toml") + "\n[plugins]\nunsigned = \"refuse\"\n"));
    let folder = project.dir().parent().expect("a folder").to_owned();
    let file = folder.join("phone.wasm");
    std::fs::copy(binary::plugin("phone-e164"), &file).expect("copied");
    let name = |file: &Path| file.display().to_string();
    registry.push(&folder, &file, "unsigned", "application/wasm");
    let key =
        project.json(&["plugin", "key", "new", &name(&folder.join("author.pem"))])["key"].as_str().expect("a key").to_owned();
    project.ok(&["plugin", "pack", &name(&file), "--sign", &name(&folder.join("author.pem"))]);
    registry.push(&folder, &file, "1.0.0", "application/wasm");
    registry.push(&folder, &file, "odd", "application/octet-stream");
    project.ok(&["plugin", "trust", "add", &key, "--name", "phone-*", "--owner", "Acme GmbH"]);
    project.ok(&["status"]);
    project.tell(&["secret", "set", "registry"], &registry.credential);
    let install = |tag: &str, more: &[&str]| {
        let source = registry.source(tag);
        let base = ["plugin", "install", &source, "--insecure", "--network", "127.0.0.0/8"];
        project.run(&[&base[..], more].concat())
    };
    let signed_in = ["--secret", "registry"];
    assert_eq!(code(&install("1.0.0", &[])), "registry.sign-in");
    assert_eq!(code(&install("none", &signed_in)), "registry.not-found");
    assert_eq!(code(&install("odd", &signed_in)), "registry.media-type");
    assert_eq!(code(&install("unsigned", &signed_in)), "plugin.unsigned");
    let ran = install("1.0.0", &signed_in);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let installed = ran.json();
    assert_eq!(installed["signed_by"], "Acme GmbH", "{installed}");
    let digest = sha256(&std::fs::read(&file).expect("read"));
    assert_eq!(installed["plugin"]["digest"], digest.as_str());
    let lock = project.read("nave.lock");
    assert!(lock.contains(&registry.source("1.0.0")) && lock.contains(&digest) && lock.contains(&key), "{lock}");
    let called = project.ok(&["plugin", "call", "phone-e164", "phone_e164", "030 1234567", "DE"]);
    assert!(called.out.contains("+49301234567"), "{called:?}");
    // The same again is nothing new, and what is wanted may be named by the manifest's digest.
    assert_eq!(install("1.0.0", &signed_in).code, Some(0));
}
