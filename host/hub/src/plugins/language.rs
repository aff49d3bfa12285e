//! The languages that a plugin's crate may be written in.

use std::path::Path;

use super::PluginsError;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `Cargo.toml`.
    Rust,
    /// `package.json`.
    JavaScript,
    /// `pyproject.toml`.
    Python,
}

/// File that says in which language a crate is.
const MARKS: [(&str, Language); 3] =
    [("Cargo.toml", Language::Rust), ("package.json", Language::JavaScript), ("pyproject.toml", Language::Python)];

impl Language {
    /// The language of the crate in `dir`, by the first of `Cargo.toml`, `package.json`, `pyproject.toml` that is there.
    ///
    /// # Errors
    /// [`PluginsError::Crate`] where none is.
    pub fn of(dir: &Path) -> Result<Self, PluginsError> {
        MARKS.iter().find(|(file, _)| dir.join(file).is_file()).map(|(_, language)| *language).ok_or_else(|| {
            PluginsError::Crate {
                file: dir.to_owned(),
                message: "in which language is this? There is no Cargo.toml, package.json or pyproject.toml".to_owned(),
                help: "`nave plugin new NAME --lang python` makes a crate that builds".to_owned(),
            }
        })
    }

    /// How it is called in `--lang`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "javascript",
            Self::Python => "python",
        }
    }

    /// What runs a new crate's tests.
    pub fn test_command(self) -> &'static str {
        match self {
            Self::Rust => "cargo test",
            Self::JavaScript => "npm test",
            Self::Python => "python3 -m unittest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_says_its_language() {
        for (files, expected) in [
            (vec!["Cargo.toml"], Some(Language::Rust)),
            (vec!["package.json"], Some(Language::JavaScript)),
            (vec!["pyproject.toml", "requirements.txt"], Some(Language::Python)),
            // A crate in Rust whose tests need something of Node's is one in Rust.
            (vec!["package.json", "Cargo.toml"], Some(Language::Rust)),
            (vec!["requirements.txt"], None),
        ] {
            let dir = tempfile::tempdir().expect("a folder");
            files.iter().for_each(|file| std::fs::write(dir.path().join(file), "").expect("written"));
            assert_eq!(Language::of(dir.path()).ok(), expected, "{files:?}");
        }
    }
}
