//! Where log lines go: to standard error, as text for a person or as JSON lines.
//!
//! What is in a line comes from systems and plugins too: whatever it is, an event is one line, and nothing in it steers a terminal.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Verb};

/// `NAVE_LOG` chooses (`info`, `nave_hub=debug`); without it: what a server does, warnings otherwise. What the audit notes of a refusal is
/// no second warning beside the error that a command ends with.
pub(crate) fn start(cli: &Cli) {
    let default = if matches!(cli.verb, Verb::Serve(_)) { "info" } else { "warn,nave_hub::audit=error" };
    let filter = EnvFilter::try_from_env("NAVE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::stderr().is_terminal();
    let json = std::env::var_os("NAVE_LOG_JSON").is_some();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(true);
    let lines = lines.with_writer(move || OneLine { to: io::stderr(), colours: terminal && !json, json });
    // A subscriber is set once per process; here is that once.
    let _ = if json { lines.json().try_init() } else { lines.with_ansi(terminal).try_init() };
}

/// Writes an event, which comes whole, as one line.
struct OneLine<W> {
    to: W,
    /// The escape character passes: the subscriber colours with it, and takes it out of what it was given.
    colours: bool,
    /// It is escaped as JSON spells it; of what steers, all but a few signs is escaped already there.
    json: bool,
}

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let (line, end) = text.strip_suffix('\n').map_or((&*text, ""), |line| (line, "\n"));
        let mut clean = String::with_capacity(text.len());
        for c in line.chars() {
            match c {
                '\u{1b}' if self.colours => clean.push(c),
                c if steers(c) && self.json => clean.push_str(&format!("\\u{:04x}", u32::from(c))),
                c if steers(c) => clean.extend(c.escape_unicode()),
                c => clean.push(c),
            }
        }
        clean.push_str(end);
        // Nobody reads it any more (`2>&1 | head`): that is no reason to stop what is being done, and the subscriber would panic
        // where it says so on the same closed standard error.
        let _ = self.to.write_all(clean.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.to.flush();
        Ok(())
    }
}

/// What ends a line, moves a cursor, or turns the reading direction.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_closed_standard_error_stops_nothing() {
        let mut to = OneLine { to: Closed, colours: false, json: false };
        assert_eq!((to.write(b"an event\n").unwrap(), to.flush().unwrap()), (9, ()));
    }

    /// T30, T115: whatever a record or a plugin says, in the message or in a field, however it is written: one event is one line.
    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        for text in [
            "plain, grüß dich",
            "two\nlines",
            "a\r\n2026-11-29T20:00:00Z  INFO audit: actor=\"ada\" action=\"access.revoked\"",
            "\u{1b}[2J\u{1b}[31mred\u{7}",
            "nul \0 and \u{9b}31m",
            "\u{202e}desrever\u{2028}next\u{2029}",
        ] {
            for json in [true, false] {
                let kept = Kept::default();
                let to = kept.clone();
                let lines = tracing_subscriber::fmt().with_writer(move || OneLine { to: to.clone(), colours: false, json });
                let log = || {
                    tracing::warn!(target: "plugin", connection = text, "{text}");
                    tracing::info!(error = %text, other = ?text, message = text);
                };
                if json {
                    tracing::subscriber::with_default(lines.json().finish(), log);
                } else {
                    tracing::subscriber::with_default(lines.with_ansi(false).finish(), log);
                }
                let written = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
                let odd: Vec<char> = written.chars().filter(|c| *c != '\n' && steers(*c)).collect();
                assert_eq!((written.lines().count(), written.ends_with('\n'), odd), (2, true, vec![]), "{text:?}: {written:?}");
                if json {
                    for line in written.lines() {
                        let event: serde_json::Value = serde_json::from_str(line).unwrap();
                        assert_eq!(event["fields"]["message"], text, "{line}");
                    }
                }
            }
        }
    }
}
