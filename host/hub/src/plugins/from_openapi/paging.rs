//! How a list goes on, and how it is asked for what changed: from the names of its parameters and of what its answers hold.

use std::fmt::Write as _;

use serde_json::Value;

use super::document::{Document, Parameter, kind};
use super::text::{folded, quoted, step, todo};

const SIZE: [&str; 12] = [
    "limit",
    "perpage",
    "pagesize",
    "pagelimit",
    "count",
    "size",
    "maxresults",
    "top",
    "resultsperpage",
    "take",
    "pagemaxsize",
    "maxitems",
];
const PAGE: [&str; 5] = ["page", "pagenumber", "pageno", "p", "currentpage"];
const OFFSET: [&str; 8] = ["offset", "skip", "start", "startat", "startindex", "from", "pageoffset", "recordoffset"];
const CURSOR: [&str; 13] = [
    "cursor",
    "after",
    "pagetoken",
    "pageafter",
    "startingafter",
    "nexttoken",
    "continuationtoken",
    "nextpagetoken",
    "pagecursor",
    "bookmark",
    "marker",
    "aftercursor",
    "scrollparam",
];
const NEXT_CURSOR: [&str; 12] = [
    "nextcursor",
    "nextpagetoken",
    "nexttoken",
    "aftercursor",
    "startingafter",
    "continuationtoken",
    "after",
    "cursor",
    "next",
    "endcursor",
    "scrollparam",
    "bookmark",
];
const NEXT_URL: [&str; 8] =
    ["nexturl", "nextlink", "odatanextlink", "nextpageurl", "next", "nextpage", "nextrecordsurl", "nextpagelink"];
const MORE: [&str; 6] = ["hasmore", "hasnext", "hasnextpage", "more", "moreavailable", "hasmoreitems"];
const TOTAL: [&str; 8] = ["total", "totalcount", "totalitems", "totalresults", "count", "itemcount", "totalrecords", "totalsize"];

/// What an answer holds besides its rows: pointer, folded name, schema.
type Held<'d> = (String, String, &'d Value);

fn held<'d>(document: &'d Document, schema: &'d Value, front: &str, depth: usize, all: &mut Vec<Held<'d>>) {
    for property in document.properties(schema) {
        let pointer = format!("{front}/{}", step(property.name));
        if kind(property.schema) == "array" {
            continue;
        }
        if depth < 2 && document.is_object(property.schema) {
            held(document, property.schema, &pointer, depth + 1, all);
        } else {
            all.push((pointer, folded(property.name), property.schema));
        }
    }
}

/// The lines of `[streams.NAME.page]`, and whether it is known how the list goes on.
pub(super) fn page(document: &Document, name: &str, operation: &Value, parameters: &[Parameter<'_>], id: &str) -> String {
    let query: Vec<&Parameter<'_>> = parameters.iter().filter(|parameter| parameter.place == "query").collect();
    let asked =
        |names: &[&str]| names.iter().find_map(|name| query.iter().find(|parameter| folded(parameter.name) == *name)).copied();
    let mut rest = Vec::new();
    if let Some(schema) = document.answer(operation) {
        held(document, schema, "", 0, &mut rest);
    }
    let text = |schema: &Value| matches!(kind(schema), "string" | "integer" | "");
    let told = |names: &[&str], fits: &dyn Fn(&Value) -> bool| {
        names
            .iter()
            .find_map(|name| rest.iter().find(|(_, own, schema)| own == name && fits(schema)))
            .map(|(pointer, ..)| pointer.clone())
    };
    let more = told(&MORE, &|schema| kind(schema) == "boolean");
    let total = told(&TOTAL, &|schema| kind(schema) == "integer");
    let next_url = told(&NEXT_URL, &|schema| kind(schema) == "string" && is_address(schema));
    let linked = operation["responses"]["200"]["headers"]
        .as_object()
        .is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("link")));
    let size = asked(&SIZE);
    let mut lines = String::new();
    if let Some(cursor) = asked(&CURSOR) {
        match told(&NEXT_CURSOR, &text) {
            Some(next) => {
                let _ = writeln!(lines, "style = \"cursor\"\nparameter = {}\ncursor = {}", quoted(cursor.name), quoted(&next));
            }
            None => {
                if more.is_none() {
                    let candidates: Vec<String> = rest.iter().map(|(pointer, ..)| pointer.clone()).collect();
                    let ask =
                        format!("Where does an answer hold what `{}` carries next? Taken to be the last row's id.", cursor.name);
                    lines.push_str(&todo(&ask, &candidates));
                }
                let _ = writeln!(lines, "style = \"keyset\"\nparameter = {}\nfield = {}", quoted(cursor.name), quoted(id));
            }
        }
        push(&mut lines, "more", more);
    } else if let Some(page) = asked(&PAGE) {
        let _ = writeln!(lines, "style = \"page\"\nparameter = {}", quoted(page.name));
        if kind(page.schema) == "string" {
            lines.push_str(&todo("The page's number is said to be a text: is it a cursor?", &[]));
        }
        if page.schema["minimum"] == 0 || page.schema["default"] == 0 {
            lines.push_str("first = 0\n");
        }
        push(&mut lines, "more", more);
        total_or_ask(&mut lines, total, &rest, size.is_some());
    } else if let Some(offset) = asked(&OFFSET).filter(|offset| kind(offset.schema) != "string") {
        let _ = writeln!(lines, "style = \"offset\"\nparameter = {}", quoted(offset.name));
        push(&mut lines, "more", more);
        total_or_ask(&mut lines, total, &rest, true);
        if size.is_none() {
            lines.push_str(&todo("How many rows does a page have?", &[]));
            lines.push_str("size = 100\n");
        }
    } else if let Some(next) = next_url {
        let _ = writeln!(lines, "style = \"next-url\"\nnext = {}", quoted(&next));
        push(&mut lines, "more", more);
    } else if linked {
        lines.push_str("style = \"link\"\n");
    } else {
        let mut candidates: Vec<String> =
            query.iter().map(|parameter| format!("{} ({})", parameter.name, or(kind(parameter.schema), "any"))).collect();
        candidates.extend(rest.iter().map(|(pointer, ..)| format!("answer {pointer}")));
        let mut whole = todo(
            "How does this list go on? The document names no such parameter; it is taken to come whole, and reading stops where an answer shows that it goes on.",
            &candidates,
        );
        if let Some(size) = size {
            let _ = write!(whole, "\n[streams.{name}.page]\nstyle = \"none\"\n{}", sized(size));
        }
        return whole;
    }
    if let Some(size) = size {
        lines.push_str(&sized(size));
    }
    format!("\n[streams.{name}.page]\n{lines}")
}

fn or<'t>(text: &'t str, other: &'t str) -> &'t str {
    if text.is_empty() { other } else { text }
}

fn push(lines: &mut String, key: &str, pointer: Option<String>) {
    if let Some(pointer) = pointer {
        let _ = writeln!(lines, "{key} = {}", quoted(&pointer));
    }
}

/// Without the number of all rows a list of several pages is never called complete.
fn total_or_ask(lines: &mut String, total: Option<String>, rest: &[Held<'_>], sized: bool) {
    match total.filter(|_| sized) {
        Some(total) => push(lines, "total", Some(total)),
        None => {
            let numbers = rest.iter().filter(|(_, _, schema)| kind(schema) == "integer");
            let candidates: Vec<String> = numbers.map(|(pointer, ..)| pointer.clone()).collect();
            let ask = "Is the number of all rows told? Without `total` or `stable` a list of several pages proves no deletion.";
            lines.push_str(&todo(ask, &candidates));
        }
    }
}

fn sized(size: &Parameter<'_>) -> String {
    let most = size.schema["maximum"].as_u64().or_else(|| size.schema["default"].as_u64());
    let rows = most.unwrap_or(100).clamp(1, 1_000);
    format!("size = {rows}\nsize-parameter = {}\n", quoted(size.name))
}

/// Whether a text is said to be an address.
fn is_address(schema: &Value) -> bool {
    let says = |key: &str| schema[key].as_str().unwrap_or_default().to_lowercase();
    matches!(schema["format"].as_str(), Some("uri" | "url" | "uri-reference"))
        || [says("description"), says("example")]
            .iter()
            .any(|text| text.contains("url") || text.contains("http") || text.contains("link"))
}

/// The lines of `[streams.NAME.since]`; empty where nothing asks for what changed.
pub(super) fn since(name: &str, parameters: &[Parameter<'_>]) -> String {
    let fits = |parameter: &&Parameter<'_>| {
        let folded = folded(parameter.name);
        let changes = ["updat", "modif", "chang"].iter().any(|word| folded.contains(word));
        let from = ["since", "after", "from", "min", "gte", "start"].iter().any(|word| folded.contains(word));
        matches!(parameter.place, "query" | "header")
            && kind(parameter.schema) != "object"
            && !folded.contains("before")
            && (changes && from || folded == "since" || folded == "ifmodifiedsince")
    };
    let found: Vec<&Parameter<'_>> = parameters.iter().filter(fits).collect();
    let Some(first) = found.first() else { return String::new() };
    let mut lines = format!("\n[streams.{name}.since]\n");
    if found.len() > 1 {
        let others: Vec<String> = found.iter().map(|parameter| parameter.name.to_owned()).collect();
        lines.push_str(&todo("Which of them asks for what changed?", &others));
    }
    let header = first.place == "header";
    let front = if header { "header:" } else { "" };
    let _ = writeln!(lines, "parameter = {}", quoted(&format!("{front}{}", first.name)));
    let format = match (kind(first.schema), first.schema["format"].as_str()) {
        ("integer" | "number", _) => Some("unix"),
        (_, Some("date")) => Some("date"),
        _ if header => {
            lines.push_str(&todo(
                "How does the header write a time?",
                &["http-date".to_owned(), "local".to_owned(), "rfc3339".to_owned()],
            ));
            Some("http-date")
        }
        (_, Some("date-time")) => None,
        _ => {
            let formats = ["rfc3339", "sql", "date", "unix", "unix-ms"].map(str::to_owned);
            lines.push_str(&todo("How is the time written?", &formats));
            None
        }
    };
    if let Some(format) = format {
        let _ = writeln!(lines, "format = {}", quoted(format));
    }
    lines
}
