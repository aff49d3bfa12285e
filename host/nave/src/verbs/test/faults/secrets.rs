//! A credential is nowhere but in the vault: not in a file of the project, not in an answer of the hub.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use nave_hub::api::{ApiError, Request, encode};

use super::hub::Bench;

/// Where a token is found, in its own spelling or in base64.
pub(super) async fn search(bench: &Bench, tokens: &[String]) -> Result<Vec<String>, ApiError> {
    let spelled = |token: &String| [token.clone().into_bytes(), inner(token).into_bytes()];
    let needles: Vec<Vec<u8>> = tokens.iter().flat_map(spelled).collect();
    let mut found = Vec::new();
    let list = Request::DlqList { flow: None, class: None, limit: 1_000 };
    for (what, request) in [
        ("the answer to status", Request::Status),
        ("the dead letters", list),
        ("the reviews", Request::ReviewList { all: true }),
        ("the runs", Request::RunList { flow: None, limit: 1_000 }),
        ("the audit", Request::Audit { limit: 1_000, since: String::new() }),
    ] {
        if holds(encode(&bench.ask(request).await?).as_bytes(), &needles) {
            found.push(what.to_owned());
        }
    }
    walk(&bench.dir, &needles, &mut found).map_err(|error| ApiError::failed(format!("{}: {error}", bench.dir.display())))?;
    Ok(found)
}

/// The part of the token's base64 that does not depend on what follows it.
fn inner(token: &str) -> String {
    let text = STANDARD_NO_PAD.encode(token);
    text[..text.len().saturating_sub(1)].to_owned()
}

fn holds(bytes: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| bytes.windows(needle.len()).any(|part| part == needle.as_slice()))
}

fn walk(dir: &Path, needles: &[Vec<u8>], found: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        // Plugins and their compiled code were there before any token.
        let code = path.extension().is_some_and(|kind| kind == "wasm" || kind == "navecc");
        if path.is_dir() {
            walk(&path, needles, found)?;
        } else if path.is_file() && !code && holds(&std::fs::read(&path)?, needles) {
            found.push(path.display().to_string());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_planted_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let token = "tok-0123456789".to_owned();
        let needles = vec![token.clone().into_bytes(), inner(&token).into_bytes()];
        let mut found = Vec::new();
        std::fs::write(folder.path().join("clean.txt"), "nothing").unwrap();
        walk(folder.path(), &needles, &mut found).unwrap();
        assert_eq!(found, Vec::<String>::new());
        std::fs::write(folder.path().join("plain.txt"), format!("…{token}…")).unwrap();
        std::fs::write(folder.path().join("basic.txt"), format!("{}…", STANDARD_NO_PAD.encode(&token))).unwrap();
        walk(folder.path(), &needles, &mut found).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
