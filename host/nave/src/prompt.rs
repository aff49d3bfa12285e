//! Questions, asked only where a person sits at a terminal.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use nave_hub::api::{ApiError, SecretText};

/// Longest secret: a certificate with its chain fits.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Whether somebody can answer.
pub(crate) fn possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// A line of text; the default where nothing was typed.
pub(crate) fn line(question: &str, default: Option<&str>) -> Result<String, ApiError> {
    let hint = default.filter(|text| !text.is_empty()).map(|text| format!(" [{text}]")).unwrap_or_default();
    eprint!("{question}{hint}: ");
    let _ = std::io::stderr().flush();
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).map_err(|error| ApiError::failed(format!("nothing could be read: {error}")))?;
    let text = text.trim();
    Ok(if text.is_empty() { default.unwrap_or_default().to_owned() } else { text.to_owned() })
}

/// Yes or no; no where nothing was typed.
pub(crate) fn yes(question: &str) -> Result<bool, ApiError> {
    Ok(matches!(line(&format!("{question} [y/N]"), None)?.to_lowercase().as_str(), "y" | "yes"))
}

/// A secret: from a file, from standard input (`-`, or where it is no terminal), or typed without an echo.
pub(crate) fn secret(question: &str, from: Option<&Path>) -> Result<SecretText, ApiError> {
    let text = match from {
        Some(path) if path != Path::new("-") => {
            let file = std::fs::File::open(path).map_err(|error| ApiError::usage(format!("{}: {error}", path.display())))?;
            read(file)?
        }
        None if possible() => rpassword::prompt_password(format!("{question} (not shown): "))
            .map_err(|error| ApiError::failed(format!("nothing could be read: {error}")))?,
        _ => read(std::io::stdin())?,
    };
    // One line end belongs to the file, not to the secret.
    let text = SecretText(text);
    let trimmed = text.0.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text.0);
    if trimmed.is_empty() {
        return Err(
            ApiError::usage("the secret is empty").help("give it on standard input, with --from-file, or type it at the prompt")
        );
    }
    Ok(SecretText(trimmed.to_owned()))
}

fn read(source: impl std::io::Read) -> Result<String, ApiError> {
    let mut text = String::new();
    let size = source
        .take(SECRET_BYTES_MAX + 1)
        .read_to_string(&mut text)
        .map_err(|error| ApiError::usage(format!("the secret could not be read: {error}")))?;
    if size as u64 > SECRET_BYTES_MAX {
        return Err(ApiError::usage(format!("a secret has at most {SECRET_BYTES_MAX} bytes")));
    }
    Ok(text)
}
