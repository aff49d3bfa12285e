//! Answers on standard output: JSON, or tables that a person can read.
//!
//! Values come from systems that anybody may have typed into: nothing that steers a terminal passes.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use comfy_table::{ContentArrangement, Table, presets};
use nave_core::model::Time;
use serde::Serialize;

static HUSHED: AtomicBool = AtomicBool::new(false);

/// Says nothing more, or speaks again: for a command made of commands, where only its own answer is wanted.
pub(crate) fn hush(hushed: bool) {
    HUSHED.store(hushed, Ordering::Relaxed);
}

/// One line. Ends the process where nobody reads any more.
pub(crate) fn say(text: impl Display) {
    if HUSHED.load(Ordering::Relaxed) {
        return;
    }
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{text}").and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// The first characters of a text, with a sign that there are more.
pub(crate) fn cut(text: &str, at_most: usize) -> String {
    match text.char_indices().nth(at_most) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

/// An answer as JSON: indented where a person looks, on one line otherwise.
pub(crate) fn json(answer: &impl Serialize) {
    let text = if std::io::stdout().is_terminal() { serde_json::to_string_pretty(answer) } else { serde_json::to_string(answer) };
    say(text.unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string())));
}

/// An answer as JSON on one line, for lists of lines.
pub(crate) fn json_line(answer: &impl Serialize) {
    say(serde_json::to_string(answer).unwrap_or_else(|error| format!("{{\"error\":{:?}}}", error.to_string())));
}

/// Text without anything that steers a terminal or turns the reading direction; line ends and tabs become blanks.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// As [`clean`], line ends kept.
pub(crate) fn clean_lines(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { visible(c) }).collect()
}

fn visible(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c => c,
    }
}

/// Longest text in a cell: one long name must not push every line past the edge. `--json` has it whole.
const CELL_CHARS_MAX: usize = 60;

/// A text as a cell shows it: cleaned, and cut where it is too long.
fn cell(text: &str) -> String {
    let text = clean(text);
    match text.char_indices().nth(CELL_CHARS_MAX) {
        Some(_) => cut(&text, CELL_CHARS_MAX - 1),
        None => text,
    }
}

/// A table under these headings. Cells are cleaned.
pub(crate) struct Rows(Table);

impl Rows {
    pub(crate) fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        let terminal = std::io::stdout().is_terminal();
        let arrangement = if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled };
        table.load_style(presets::NOTHING).set_content_arrangement(arrangement);
        table.set_header(headings);
        Self(table)
    }

    /// As [`Self::row`], with long texts cut: for lists that a person looks through.
    pub(crate) fn short_row<C: Display>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.add_row(cells.into_iter().map(|text| cell(&text.to_string())));
    }

    pub(crate) fn row<C: Display>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.0.add_row(cells.into_iter().map(|cell| clean(&cell.to_string())));
    }

    /// Prints it, or a sentence where it is empty.
    pub(crate) fn print(self, empty: &str) {
        if self.0.is_empty() {
            say(empty);
        } else {
            say(self.0.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"));
        }
    }
}

/// A time as a person says it: `3 min ago`; the time itself where it is long ago or not one.
pub(crate) fn ago(time: &str) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
    let Some(then) = Time::parse(time) else { return time.to_owned() };
    let seconds = (i64::try_from(now).unwrap_or(i64::MAX) - then.0) / 1000;
    match seconds {
        ..=-1 => time.to_owned(),
        0..=1 => "just now".to_owned(),
        2..=119 => format!("{seconds} s ago"),
        120..=7_199 => format!("{} min ago", seconds / 60),
        7_200..=172_799 => format!("{} h ago", seconds / 3_600),
        _ => time.get(..10).unwrap_or(time).to_owned(),
    }
}

/// A time that may not have been.
pub(crate) fn ago_or_never(time: Option<&String>) -> String {
    time.map_or_else(|| "never".to_owned(), |time| ago(time))
}

/// `yes` or nothing.
pub(crate) fn mark(flag: bool) -> &'static str {
    if flag { "yes" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(clean(text), expected);
    }

    #[test]
    fn a_list_says_the_beginning() {
        for (text, at_most, expected) in [("Zoë", 3, "Zoë"), ("Zoë Berg", 4, "Zoë…"), ("", 0, ""), ("日本語", 2, "日本…")]
        {
            assert_eq!(cut(text, at_most), expected);
        }
    }

    #[test]
    fn nothing_steers_the_terminal() {
        check("Müller & Söhne", "Müller & Söhne");
        check("a\tb\r\nc", "a b  c");
        check("\u{1b}]0;owned\u{7}", "\u{fffd}]0;owned\u{fffd}");
        check("\u{9b}31m", "\u{fffd}31m");
        check("abc\u{202e}fdp.exe", "abc\u{fffd}fdp.exe");
    }

    #[test]
    fn a_long_cell_is_cut() {
        let mut rows = Rows::new(&["record", "", "state"]);
        rows.short_row(["contact/1", &"ä".repeat(5_000), "active"]);
        rows.short_row(["contact/2", &"b".repeat(60), "active"]);
        let lines: Vec<String> = rows.0.to_string().lines().map(|line| line.trim_end().to_owned()).collect();
        assert!(lines.iter().all(|line| line.chars().count() <= 100), "{lines:?}");
        assert!(lines[1].contains(&format!("{}…", "ä".repeat(59))) && lines[2].contains(&"b".repeat(60)), "{lines:?}");
    }
}
