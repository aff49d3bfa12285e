//! Why a project's directory could not be read or written.

use std::path::{Path, PathBuf};

use crate::api::{ApiError, exit};

/// Named by what the person does next.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The disk said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// There is no `nave.toml`.
    #[error("{} is not a project of Nave: it has no nave.toml", .0.display())]
    NotAProject(
        /// The directory.
        PathBuf,
    ),
    /// `init` found files.
    #[error("{} is not empty", .0.display())]
    NotEmpty(
        /// The directory.
        PathBuf,
    ),
    /// A file is larger than a configuration can be.
    #[error("{} has {size} bytes; a configuration file may have {max}", path.display())]
    TooLarge {
        /// File.
        path: PathBuf,
        /// Bytes.
        size: u64,
        /// Bytes.
        max: u64,
    },
    /// A file does not hold what it should.
    #[error("{}: {message}", path.display())]
    Malformed {
        /// File.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Something of this name is there already.
    #[error("{0}")]
    Exists(String),
    /// A name, setting or power is missing or wrong.
    #[error("{0}")]
    Invalid(String),
}

impl ProjectError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

impl From<ProjectError> for ApiError {
    fn from(error: ProjectError) -> Self {
        let message = error.to_string();
        match error {
            ProjectError::Io { source, path } if source.kind() == std::io::ErrorKind::NotFound => {
                Self::not_found(message).help(format!("is the path right? there is no {}", path.display()))
            }
            ProjectError::Io { .. } => Self::failed(message).help("is the file yours, and is there room on the disk?"),
            ProjectError::NotAProject(dir) => Self::new("not-a-project", exit::USAGE, message)
                .help(format!("run `nave init {}`, or name the project's directory with --dir", dir.display())),
            ProjectError::NotEmpty(_) => Self::new("not-empty", exit::USAGE, message)
                .help("name an empty directory, or add --force-safe: it adds what is missing and changes no file"),
            ProjectError::TooLarge { .. } => Self::new("configuration", exit::CONFIGURATION, message),
            ProjectError::Malformed { path, .. } => Self::new("configuration", exit::CONFIGURATION, message)
                .help(format!("correct {}, then the same again", path.display())),
            ProjectError::Exists(_) | ProjectError::Invalid(_) => Self::usage(message),
        }
    }
}
