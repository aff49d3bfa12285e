//! The connection's settings: which files are which stream, and how they are spelled.
//! Without settings every file is a stream of its name.

use nave_sdk::serde::Deserialize;
use nave_sdk::types::Failure;

/// All settings; each may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Streams that are described; others are found by name.
    pub(crate) streams: Vec<StreamSetting>,
    /// `csv` or `jsonl`, for exports that are not described.
    pub(crate) export_format: Option<Format>,
    /// Who opens exports that do not say it themselves.
    pub(crate) export_for: Readers,
}

/// Who opens an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Readers {
    /// Every cell is what it is.
    #[default]
    Programs,
    /// In a spreadsheet, which runs what looks like a formula.
    People,
}

/// One described stream.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StreamSetting {
    pub(crate) name: String,
    /// Name pattern with `*`; for an export, the one file's name.
    #[serde(default)]
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) folder: Folder,
    #[serde(default)]
    pub(crate) format: Option<Format>,
    /// Column, or columns, that tell rows apart.
    #[serde(default)]
    pub(crate) id: Option<Columns>,
    /// One character; found from the header when not given.
    #[serde(default)]
    pub(crate) delimiter: Option<char>,
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// Names of the columns of a file without a header row.
    #[serde(default)]
    pub(crate) columns: Option<Vec<String>>,
    /// The files hold only what changed: a row that is missing says nothing.
    #[serde(default)]
    pub(crate) partial: bool,
    /// Who opens this export.
    #[serde(default, rename = "for")]
    pub(crate) readers: Option<Readers>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Folder {
    #[default]
    Drop,
    Export,
}

impl Folder {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Export => "export",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

impl Format {
    /// By the file's ending.
    pub(crate) fn of(file: &str) -> Option<Self> {
        let (_, ending) = file.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "csv" | "tsv" => Some(Self::Csv),
            "jsonl" | "ndjson" => Some(Self::Jsonl),
            _ => None,
        }
    }

    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Encoding {
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "windows-1252")]
    Windows1252,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Columns {
    One(String),
    Several(Vec<String>),
}

impl Columns {
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

impl StreamSetting {
    /// Its cells are texts for a spreadsheet.
    pub(crate) fn is_guarded(&self, file: &str) -> bool {
        let csv = crate::streams::format(self, file) == Format::Csv;
        csv && self.folder == Folder::Export && self.readers == Some(Readers::People)
    }

    /// A stream that was found, not described.
    pub(crate) fn found(name: &str, folder: Folder) -> Self {
        Self {
            name: name.to_owned(),
            file: None,
            folder,
            format: None,
            id: None,
            delimiter: None,
            encoding: Encoding::Utf8,
            columns: None,
            partial: false,
            readers: None,
        }
    }
}

impl Settings {
    pub(crate) fn load() -> Result<Self, Failure> {
        let settings: Self = nave_sdk::host::settings()?;
        for stream in &settings.streams {
            let wrong = |why: &str| Err(Failure::Misconfigured(format!("stream {}: {why}", stream.name)));
            if stream.delimiter.is_some_and(|delimiter| !delimiter.is_ascii() || "\"\r\n".contains(delimiter)) {
                return wrong("the delimiter must be one ASCII character, and no quote or line end");
            }
            if stream.id.as_ref().is_some_and(|id| id.names().is_empty()) {
                return wrong("`id` names no column; leave it out to use `id` or the first one");
            }
            if stream.folder == Folder::Export && stream.file.as_ref().is_some_and(|file| file.contains('*')) {
                return wrong("an export is one file; write its name without `*`");
            }
        }
        Ok(settings)
    }
}
