//! A workbook: one worksheet per mapping.

use rust_xlsxwriter::{Color, Format, FormatAlign, Workbook, Worksheet, XlsxError};

use super::{COLUMNS, HEADINGS_LINE, direction_text};
use crate::api::{ApiError, LEGEND, MappingSheet, SheetLine};

/// Characters of a worksheet's name.
const NAME_CHARS_MAX: usize = 31;
/// Widths of the columns, in characters.
const WIDTHS: [f64; 13] = [6.0, 28.0, 22.0, 20.0, 26.0, 26.0, 36.0, 30.0, 16.0, 12.0, 24.0, 16.0, 60.0];

/// The bytes of a workbook with these sheets.
///
/// # Errors
/// [`ApiError`] where it cannot be made.
pub fn export(sheets: &[MappingSheet]) -> Result<Vec<u8>, ApiError> {
    workbook(sheets).map_err(|error| ApiError::failed(format!("the workbook could not be made: {error}")))
}

fn workbook(sheets: &[MappingSheet]) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let mut names: Vec<String> = Vec::new();
    for sheet in sheets {
        let cut: String = sheet.mapping.chars().take(NAME_CHARS_MAX).collect();
        // Two long names that begin the same are told apart; the name that counts is in the sheet.
        let name = if names.contains(&cut) { format!("{:.28}~{}", sheet.mapping, names.len()) } else { cut };
        let page = book.add_worksheet();
        page.set_name(&name)?;
        names.push(name);
        fill(page, sheet)?;
    }
    book.save_to_buffer()
}

fn fill(page: &mut Worksheet, sheet: &MappingSheet) -> Result<(), XlsxError> {
    let bold = Format::new().set_bold();
    let wrap = Format::new().set_text_wrap().set_align(FormatAlign::Top);
    for (at, (name, value)) in [("mapping", &sheet.mapping), ("base", &sheet.base)].into_iter().enumerate() {
        page.write_string_with_format(at as u32, 0, name, &bold)?;
        page.write_string(at as u32, 1, value)?;
    }
    page.write_string(
        1,
        4,
        "edit the columns from `path there` to `approved on`, add lines below, take lines out; then: nave mapping import FILE",
    )?;
    for (at, (direction, word, colour, rgb)) in LEGEND.iter().enumerate() {
        let line = at as u32 + 2;
        let filled = Format::new().set_background_color(Color::RGB(*rgb));
        page.write_string_with_format(line, 0, *colour, &filled)?;
        page.write_string_with_format(line, 1, format!("{}: {word}", direction_text(*direction)), &filled)?;
    }
    for (at, ((heading, _), width)) in COLUMNS.iter().zip(WIDTHS).enumerate() {
        page.write_string_with_format(HEADINGS_LINE, at as u16, *heading, &bold)?;
        page.set_column_width(at as u16, width)?;
    }
    for (at, line) in sheet.lines.iter().enumerate() {
        row(page, HEADINGS_LINE + 1 + at as u32, line, &wrap)?;
    }
    page.set_freeze_panes(HEADINGS_LINE + 1, 2)?;
    Ok(())
}

fn row(page: &mut Worksheet, at: u32, line: &SheetLine, wrap: &Format) -> Result<(), XlsxError> {
    let filled = wrap.clone().set_background_color(Color::RGB(line.rgb()));
    let place = line.place.map_or_else(|| "list".to_owned(), |place| place.to_string());
    let direction = format!("{} ({})", direction_text(line.direction), line.word());
    let cells = [
        &place,
        &line.remote,
        &line.canonical,
        &direction,
        &line.inward,
        &line.outward,
        &line.because,
        &line.comment,
        &line.approved_by,
        &line.approved_on,
        &line.rule,
        &line.steward,
        &line.explanation,
    ];
    for (column, cell) in cells.into_iter().enumerate() {
        // What is mapped where, and which way, is what the colour is about.
        let format = if (1..=3).contains(&column) { &filled } else { wrap };
        page.write_string_with_format(at, column as u16, cell, format)?;
    }
    Ok(())
}
