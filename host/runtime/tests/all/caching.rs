//! Compiled code on disk is loaded only if this hub wrote it, for exactly this plugin.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    sync::Arc,
};

use crate::support::{connector, connector_component, engine, plugin};
use nave_runtime::{CacheError, CompileCache, Instance, InstanceLimits, NoHost, Plugin};

const KEY: [u8; 32] = [7; 32];

fn only_file(dir: &std::path::Path) -> PathBuf {
    let mut files = fs::read_dir(dir).expect("directory").map(|entry| entry.expect("entry").path());
    let file = files.next().expect("a file");
    assert_eq!(files.next(), None);
    file
}

async fn works(bytes: &[u8], cache: &CompileCache) {
    let plugin = Plugin::compile(engine(), bytes, Some(cache)).expect("compiles");
    let mut instance = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts");
    instance.check().await.expect("answers");
}

/// Marks the file's time so that a rewrite shows.
fn age(file: &std::path::Path) {
    fs::File::options().append(true).open(file).and_then(|file| file.set_modified(std::time::UNIX_EPOCH)).expect("time");
}

fn was_rewritten(file: &std::path::Path) -> bool {
    fs::metadata(file).and_then(|found| found.modified()).expect("time") != std::time::UNIX_EPOCH
}

#[tokio::test]
async fn only_our_own_code_is_loaded() {
    let temporary = tempfile::tempdir().expect("directory");
    let dir = temporary.path().join("compiled");
    let cache = CompileCache::open(&dir, KEY).expect("opens");
    let bytes = plugin(&connector_component("", &[]), &connector());
    works(&bytes, &cache).await;
    let file = only_file(&dir);
    assert_eq!(fs::metadata(&file).expect("file").permissions().mode() & 0o777, 0o600);

    age(&file);
    works(&bytes, &cache).await;
    assert!(!was_rewritten(&file), "a good file is used, not written again");

    // one bit anywhere: at the front, in the tag, in the code, at the end; and a file cut short
    let good = fs::read(&file).expect("file");
    for at in [0, 10, 60, good.len() / 2, good.len() - 1] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        fs::write(&file, &altered).expect("write");
        age(&file);
        works(&bytes, &cache).await;
        assert!(was_rewritten(&file), "altered at {at}: compiled again");
        assert_eq!(fs::read(&file).expect("file")[..40], good[..40]);
    }
    fs::write(&file, &good[..20]).expect("write");
    age(&file);
    works(&bytes, &cache).await;
    assert!(was_rewritten(&file));

    // another hub's file
    let other = CompileCache::open(&dir, [8; 32]).expect("opens");
    age(&file);
    works(&bytes, &other).await;
    assert!(was_rewritten(&file));

    // good code of another plugin under this one's name
    let second = plugin(&connector_component("", &[("check", "unreachable")]), &connector());
    let fresh = temporary.path().join("fresh");
    let cache = CompileCache::open(&fresh, KEY).expect("opens");
    Plugin::compile(engine(), &second, Some(&cache)).expect("compiles");
    let wrong = fs::read(only_file(&fresh)).expect("file");
    fs::write(&file, wrong).expect("write");
    works(&bytes, &CompileCache::open(&dir, KEY).expect("opens")).await;
}

#[test]
fn directories_of_others_are_refused() {
    let temporary = tempfile::tempdir().expect("directory");
    let path = |name: &str| temporary.path().join(name);
    fs::create_dir(path("open")).expect("directory");
    fs::set_permissions(path("open"), fs::Permissions::from_mode(0o777)).expect("mode");
    fs::create_dir(path("own")).expect("directory");
    fs::set_permissions(path("own"), fs::Permissions::from_mode(0o700)).expect("mode");
    symlink(path("own"), path("link")).expect("link");
    fs::write(path("file"), "").expect("file");
    for (name, says) in [("open", "others may write"), ("link", "symbolic link"), ("file", "not a directory")] {
        match CompileCache::open(path(name), KEY).map(drop) {
            Err(CacheError::Unsafe { why, .. }) => assert!(why.contains(says), "{name}: {why}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(CompileCache::open(path("own"), KEY).is_ok());
    assert!(matches!(CompileCache::open(path("no/such/parent"), KEY), Err(CacheError::Io { .. })));
}
