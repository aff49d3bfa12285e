//! A small project, exported, edited in the sheet and read back.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::path::Path;

use regex::Regex;

use super::*;
use crate::api::EditsAnswer;
use crate::project::load;

const MAPPING: &str = r#"# Sales' own.
connection = "crm"
stream = "contacts"
entity = "contact"
steward = "sales-ops"
[flow.in]
freshness = "1h"
[flow.out]
freshness = "5m"

[[field]]
remote = "email"  # the primary one
canonical = "email"
direction = "both"
because = "both sides edit it"

[[field]]
remote = "phone"
canonical = "phone"
direction = "in"
in = "trim"

[[field]]
remote = "city"
canonical = "address.city"
direction = "out"

[[field]]
remote = "id"
direction = "ignore"
because = "the CRM's own"
"#;
const MAPPING_FILE: &str = "mappings/crm-contacts.toml";

fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("nave.toml", ""),
        ("systems.toml", "[crm]\n"),
        ("nave.lock", "[plugins.hubspot]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n"),
        ("connections/crm.toml", "plugin = \"hubspot\"\n"),
        (MAPPING_FILE, MAPPING),
    ] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn exported(dir: &Path) -> Vec<MappingSheet> {
    let Answer::Sheet(answer) = sheets(&load(dir).unwrap(), None).unwrap() else { panic!() };
    answer.mappings
}

fn imported(dir: &Path, sheets: &[MappingSheet], apply: bool) -> Result<EditsAnswer, ApiError> {
    match import(dir, &export(sheets).unwrap(), apply)? {
        Answer::Edits(edits) => Ok(edits),
        other => panic!("{other:?}"),
    }
}

fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// Cell → fill colour (RGB, hexadecimal) of the first worksheet; cells without one are left out.
fn fills(bytes: &[u8]) -> BTreeMap<String, String> {
    let styles = part(bytes, "xl/styles.xml");
    let each = |text: &str, pattern: &str| -> Vec<String> {
        Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let within = |tag: &str| {
        let from = styles.find(&format!("<{tag} ")).unwrap();
        styles[from..from + styles[from..].find(&format!("</{tag}>")).unwrap()].to_owned()
    };
    let colours: Vec<Option<String>> = each(&within("fills"), r"(?s)<fill>(.*?)</fill>")
        .iter()
        .map(|fill| each(fill, r#"fgColor rgb="FF([0-9A-F]{6})""#).into_iter().next())
        .collect();
    let formats: Vec<usize> = each(&within("cellXfs"), r#"fillId="(\d+)""#).iter().map(|id| id.parse().unwrap()).collect();
    let sheet = part(bytes, "xl/worksheets/sheet1.xml");
    Regex::new(r#"<c r="([A-Z]+\d+)" s="(\d+)""#)
        .unwrap()
        .captures_iter(&sheet)
        .filter_map(|cell| Some((cell[1].to_owned(), colours[formats[cell[2].parse::<usize>().unwrap()]].clone()?)))
        .collect()
}

#[test]
fn cells_have_the_colour_of_their_direction_and_a_word_beside_it() {
    let dir = project();
    let sheets = exported(dir.path());
    let fills = fills(&export(&sheets).unwrap());
    let (blue, green, yellow) = ("BDD7EE", "C6E0B4", "FFE699");
    let mut expected = BTreeMap::new();
    // The legend, then the fields: path, canonical field, direction.
    for (line, colour) in [(3, blue), (4, green), (5, green), (6, yellow)] {
        expected.extend(["A", "B"].map(|column| (format!("{column}{line}"), colour.to_owned())));
    }
    for (line, colour) in [(9, yellow), (10, green), (11, green), (12, blue)] {
        expected.extend(["B", "C", "D"].map(|column| (format!("{column}{line}"), colour.to_owned())));
    }
    assert_eq!(fills, expected);
    let words: Vec<&str> = sheets[0].lines.iter().map(SheetLine::word).collect();
    assert_eq!(words, ["both ways", "one way, in", "one way, out", "stays in its system"]);
}

/// T114: what looks like a formula is a text in the workbook, whatever program opens it.
#[test]
fn no_cell_is_a_formula() {
    let dir = project();
    let mut sheets = exported(dir.path());
    let formulas = ["=HYPERLINK(\"http://evil.example\",\"click\")", "+1+1", "-2+3", "@SUM(A1)", "=cmd|'/c calc'!A1", "\t=1+1"];
    for (at, text) in formulas.iter().enumerate() {
        let place = at % sheets[0].lines.len();
        sheets[0].lines[place].because = (*text).to_owned();
        sheets[0].lines[place].comment = (*text).to_owned();
    }
    let bytes = export(&sheets).unwrap();
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    assert!(!sheet.contains("<f>") && !sheet.contains("<f "), "{sheet}");
    assert!(!sheet.contains("<hyperlink"), "{sheet}");
    let texts = part(&bytes, "xl/sharedStrings.xml");
    assert!(texts.contains("@SUM(A1)"), "it is there as text: {texts}");
}

#[test]
fn an_untouched_copy_changes_nothing() {
    let dir = project();
    let edits = imported(dir.path(), &exported(dir.path()), true).unwrap();
    assert_eq!(edits.files, []);
    assert_eq!(std::fs::read_to_string(dir.path().join(MAPPING_FILE)).unwrap(), MAPPING);
}

#[test]
fn an_edited_copy_is_a_difference_first_and_a_file_then() {
    let dir = project();
    let mut sheets = exported(dir.path());
    let lines = &mut sheets[0].lines;
    lines[0].because = "Sales and support both hear of it".into();
    lines[0].comment = "is that still so?".into();
    (lines[1].approved_by, lines[1].approved_on) = ("Ada".into(), "2026-11-03".into());
    let new = SheetLine { place: None, remote: "mobile".into(), canonical: "mobile".into(), ..lines[1].clone() };
    lines.remove(2);
    lines.push(new);
    let edits = imported(dir.path(), &sheets, false).unwrap();
    assert!(!edits.written);
    assert_eq!(std::fs::read_to_string(dir.path().join(MAPPING_FILE)).unwrap(), MAPPING);
    let diff = &edits.files[0].diff;
    for line in [
        "-because = \"both sides edit it\"",
        "+because = \"Sales and support both hear of it\"",
        "+comment = \"is that still so?\"",
        "+approved-by = \"Ada\"",
        "-remote = \"city\"",
    ] {
        assert!(diff.contains(line), "no `{line}` in:\n{diff}");
    }
    assert!(imported(dir.path(), &sheets, true).unwrap().written);
    let text = std::fs::read_to_string(dir.path().join(MAPPING_FILE)).unwrap();
    assert!(text.starts_with("# Sales' own.") && text.contains("remote = \"email\"  # the primary one"), "{text}");
    let note = load(dir.path()).unwrap().catalog.mappings["crm-contacts"].fields[0].note.clone();
    assert_eq!(note.comment.as_deref(), Some("is that still so?"));
    // The copy was of the file as it was.
    assert_eq!(imported(dir.path(), &sheets, true).unwrap_err().code, "stale");
}

#[test]
fn a_copy_of_another_state_is_refused() {
    let dir = project();
    let mut sheets = exported(dir.path());
    sheets[0].lines[0].comment = "mine".into();
    let other = MAPPING.replace("both sides edit it", "somebody else was faster");
    std::fs::write(dir.path().join(MAPPING_FILE), &other).unwrap();
    let error = imported(dir.path(), &sheets, true).unwrap_err();
    assert_eq!((error.code.as_str(), error.exit), ("stale", 1));
    assert_eq!(std::fs::read_to_string(dir.path().join(MAPPING_FILE)).unwrap(), other);
}

#[test]
fn what_the_lint_refuses_is_not_written() {
    let dir = project();
    let mut sheets = exported(dir.path());
    sheets[0].lines[1].direction = Direction::Both;
    let error = imported(dir.path(), &sheets, true).unwrap_err();
    assert_eq!(error.exit, 3);
    assert!(error.findings.iter().any(|found| found.code == "missing-because"), "{error:?}");
    assert_eq!(std::fs::read_to_string(dir.path().join(MAPPING_FILE)).unwrap(), MAPPING);
    assert_eq!(import(dir.path(), b"no workbook", true).unwrap_err().code, "usage");
}
