//! A host for tests, outside wasm: scripted answers, folders in memory, a clock that stands still.
//!
//! ```
//! use nave_sdk::http;
//! use nave_sdk::testing::{FakeHost, reply};
//!
//! let host = FakeHost::new().answer(|endpoint, request| {
//!     assert_eq!((endpoint, request.path.as_str()), ("api", "/me"));
//!     reply(200, r#"{"name":"Ada"}"#)
//! });
//! let (name, host) = host.run(|| http::get("api", "/me").send().unwrap().text("name"));
//! assert_eq!(name, "Ada");
//! assert_eq!(host.requests().len(), 1);
//! ```

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::folder::{Entry, Error as FolderError};
use crate::http::{Error, RawRequest, Response};
use crate::time;

type Answerer = Box<dyn FnMut(&str, &RawRequest) -> Result<Response, Error>>;

/// The host of one test.
pub struct FakeHost {
    settings: String,
    now_ms: u64,
    state: BTreeMap<String, Vec<u8>>,
    folders: BTreeMap<String, BTreeMap<String, (Vec<u8>, String)>>,
    answer: Option<Answerer>,
    requests: Vec<(String, RawRequest)>,
    log: Vec<String>,
    writes: u64,
}

thread_local! {
    static CURRENT: RefCell<Option<FakeHost>> = const { RefCell::new(None) };
}

/// Values that are more than a value for a query language, a path or a shell that takes them as they come (line 117 of the attack
/// list). Some of them are names and mailboxes that people have.
pub const ODD: [&str; 26] = [
    "O'Brien",
    "' OR 1=1 --",
    "' OR 'a'='a",
    "\" OR \"a\"=\"a",
    "\"==\"\" OR Name!=\"",
    "\\' OR id > 0 OR Subject = '",
    "\\",
    "back\\slash",
    "1 OR id > 0",
    "1,2",
    "7;8",
    "%",
    "_%",
    "*",
    "*)(uid=*",
    "role:admin",
    "`id`",
    "$(id)",
    "a\nb",
    "a\0b",
    "x&archived=true",
    "7/../8",
    "7/notes",
    "7?x=1",
    "7#x",
    "7%2Fnotes",
];

/// A parameter of a request's address, decoded.
#[expect(clippy::missing_panics_doc, reason = "a test whose request is not encoded should stop")]
pub fn parameter(request: &RawRequest, name: &str) -> Option<String> {
    let (_, query) = request.path.split_once('?')?;
    let (_, value) = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    let (mut bytes, mut rest) = (Vec::new(), value.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or_default()));
                u8::from_str_radix(&String::from_iter(digits), 16).expect("two digits after %")
            }
            byte => byte,
        });
    }
    Some(String::from_utf8(bytes).expect("UTF-8"))
}

/// A request's path without its parameters.
pub fn path(request: &RawRequest) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

/// An answer with a JSON body.
pub fn reply(status: u16, body: &str) -> Result<Response, Error> {
    Ok(Response {
        status,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.as_bytes().to_vec(),
    })
}

impl Default for FakeHost {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeHost {
    /// No settings, no folders, nothing answers.
    pub fn new() -> Self {
        Self {
            settings: "{}".to_owned(),
            now_ms: 1_795_485_600_000,
            state: BTreeMap::new(),
            folders: BTreeMap::new(),
            answer: None,
            requests: Vec::new(),
            log: Vec::new(),
            writes: 0,
        }
    }

    /// With these settings (JSON).
    #[must_use]
    pub fn settings(mut self, json: &str) -> Self {
        json.clone_into(&mut self.settings);
        self
    }

    /// With the clock at this RFC 3339 time.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "a test with a wrong time should stop")]
    pub fn at(mut self, rfc3339: &str) -> Self {
        self.now_ms = u64::try_from(time::parse_rfc3339(rfc3339).expect("an RFC 3339 time") / 1000).expect("after 1970");
        self
    }

    /// With a granted, empty folder.
    #[must_use]
    pub fn folder(mut self, folder: &str) -> Self {
        self.folders.entry(folder.to_owned()).or_default();
        self
    }

    /// With a file in a granted folder.
    #[must_use]
    pub fn file(mut self, folder: &str, name: &str, content: &str) -> Self {
        self.put(folder, name, content.as_bytes());
        self
    }

    /// With this function answering all requests.
    #[must_use]
    pub fn answer(mut self, answer: impl FnMut(&str, &RawRequest) -> Result<Response, Error> + 'static) -> Self {
        self.answer = Some(Box::new(answer));
        self
    }

    /// Puts a file, with a modification time that grows with every change.
    pub fn put(&mut self, folder: &str, name: &str, content: &[u8]) {
        self.writes += 1;
        let modified = time::rfc3339(i64::try_from(self.now_ms + self.writes).unwrap_or(i64::MAX) * 1000);
        self.folders.entry(folder.to_owned()).or_default().insert(name.to_owned(), (content.to_vec(), modified));
    }

    /// Removes a file.
    pub fn remove(&mut self, folder: &str, name: &str) {
        self.folders.entry(folder.to_owned()).or_default().remove(name);
    }

    /// A file's content.
    pub fn content(&self, folder: &str, name: &str) -> Option<String> {
        let (content, _) = self.folders.get(folder)?.get(name)?;
        Some(String::from_utf8_lossy(content).into_owned())
    }

    /// All requests so far: endpoint and request.
    pub fn requests(&self) -> &[(String, RawRequest)] {
        &self.requests
    }

    /// All log lines so far.
    pub fn log(&self) -> &[String] {
        &self.log
    }

    /// Runs plugin code under this host, on this thread.
    #[expect(clippy::missing_panics_doc, reason = "a host inside a host is a mistake of the test")]
    pub fn run<T>(self, code: impl FnOnce() -> T) -> (T, Self) {
        CURRENT.with(|current| {
            let before = current.borrow_mut().replace(self);
            assert!(before.is_none(), "a fake host runs already on this thread");
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(code));
        let host = CURRENT.with(|current| current.borrow_mut().take());
        match result {
            Ok(result) => (result, host.expect("the host that was put there")),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn with<T>(use_it: impl FnOnce(&mut FakeHost) -> T) -> T {
    CURRENT.with(|current| {
        use_it(current.borrow_mut().as_mut().expect("plugin code outside wasm runs under nave_sdk::testing::FakeHost::run"))
    })
}

/// What wasm code imports, answered by the fake host.
pub(crate) mod imports {
    use super::{Entry, Error, FolderError, RawRequest, Response, with};

    pub(crate) mod clock {
        pub(crate) fn now_ms() -> u64 {
            super::with(|host| host.now_ms)
        }
    }

    pub(crate) mod own {
        pub(crate) fn get() -> String {
            super::with(|host| host.settings.clone())
        }
    }

    pub(crate) mod state {
        pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
            super::with(|host| host.state.get(key).cloned())
        }
        #[expect(clippy::unnecessary_wraps, reason = "the import's signature")]
        pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
            super::with(|host| host.state.insert(key.to_owned(), value.to_vec()));
            Ok(())
        }
    }

    pub(crate) mod logging {
        use crate::types::LogLevel;

        pub(crate) fn write(level: LogLevel, message: &str) {
            super::with(|host| host.log.push(format!("{level:?}: {message}")));
        }
    }

    pub(crate) mod http {
        use super::{Error, RawRequest, Response, with};

        pub(crate) fn send(endpoint: &str, request: &RawRequest) -> Result<Response, Error> {
            let answer = with(|host| {
                host.requests.push((endpoint.to_owned(), request.clone()));
                host.answer.take()
            });
            let Some(mut answer) = answer else {
                return Err(Error::Denied("the test answers no requests".to_owned()));
            };
            let response = answer(endpoint, request);
            with(|host| host.answer = Some(answer));
            response
        }
    }

    pub(crate) mod folder {
        use super::{Entry, FolderError, with};

        fn denied(folder: &str) -> FolderError {
            FolderError::Denied(format!("the folder {folder} is not granted"))
        }

        pub(crate) fn list(folder: &str) -> Result<Vec<Entry>, FolderError> {
            with(|host| {
                let files = host.folders.get(folder).ok_or_else(|| denied(folder))?;
                Ok(files
                    .iter()
                    .map(|(name, (content, modified))| Entry {
                        name: name.clone(),
                        size: content.len() as u64,
                        modified_at: modified.clone(),
                    })
                    .collect())
            })
        }

        pub(crate) fn read(folder: &str, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, FolderError> {
            with(|host| {
                let files = host.folders.get(folder).ok_or_else(|| denied(folder))?;
                let (content, _) = files.get(name).ok_or(FolderError::NotFound)?;
                let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
                let end = start.saturating_add(length as usize).min(content.len());
                Ok(content[start..end].to_vec())
            })
        }

        pub(crate) fn write(folder: &str, name: &str, content: &[u8]) -> Result<(), FolderError> {
            with(|host| {
                host.folders.contains_key(folder).then_some(()).ok_or_else(|| denied(folder))?;
                host.put(folder, name, content);
                Ok(())
            })
        }

        pub(crate) fn append(folder: &str, name: &str, content: &[u8]) -> Result<(), FolderError> {
            with(|host| {
                let files = host.folders.get(folder).ok_or_else(|| denied(folder))?;
                let mut whole = files.get(name).map(|(content, _)| content.clone()).unwrap_or_default();
                whole.extend_from_slice(content);
                host.put(folder, name, &whole);
                Ok(())
            })
        }

        pub(crate) fn remove(folder: &str, name: &str) -> Result<(), FolderError> {
            with(|host| {
                let files = host.folders.get_mut(folder).ok_or_else(|| denied(folder))?;
                files.remove(name).map(|_| ()).ok_or(FolderError::NotFound)
            })
        }
    }
}
