//! Columns of a transform as rows: readers that hand out `&str`, builders that write one flat buffer.
//! Nothing is owned per row: rebuilding rows costs more than the call.

pub use crate::bindings::transform::exports::nave::plugin::transform::{
    Batch, BooleanColumn, Column, IntegerColumn, RowError, TextColumn,
};

/// The rows of a text column.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    column: &'a TextColumn,
    data: &'a str,
}

impl<'a> Texts<'a> {
    /// Reads a column as text. A column of another type, or one whose bytes do not fit, is a mistake of the caller.
    pub fn of(column: &'a Column) -> Result<Self, String> {
        let Column::Text(column) = column else {
            return Err("expected a text column".to_owned());
        };
        let data = std::str::from_utf8(&column.data).map_err(|error| format!("the column is not UTF-8: {error}"))?;
        let mut start = 0;
        for &end in &column.ends {
            if end < start || !data.is_char_boundary(end as usize) {
                return Err("the column's ends do not fit its data".to_owned());
            }
            start = end;
        }
        if column.valid.len() * 8 < column.ends.len() {
            return Err("the column has fewer validity bits than rows".to_owned());
        }
        Ok(Self { column, data })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.column.ends.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.column.ends.is_empty()
    }

    /// Row by row; null is none.
    pub fn rows(self) -> impl Iterator<Item = Option<&'a str>> {
        let mut start = 0;
        self.column.ends.iter().enumerate().map(move |(row, &end)| {
            let text = &self.data[start..end as usize];
            start = end as usize;
            is_valid(&self.column.valid, row).then_some(text)
        })
    }
}

/// Whether a row's bit is set.
pub fn is_valid(valid: &[u8], row: usize) -> bool {
    valid.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
}

/// Makes a text column row by row, with errors beside it.
#[derive(Debug, Default)]
pub struct TextBuilder {
    valid: Vec<u8>,
    ends: Vec<u32>,
    data: Vec<u8>,
    errors: Vec<RowError>,
}

impl TextBuilder {
    /// Room for this many rows.
    pub fn with_capacity(rows: usize) -> Self {
        Self {
            valid: Vec::with_capacity(rows.div_ceil(8)),
            ends: Vec::with_capacity(rows),
            data: Vec::with_capacity(rows * 16),
            errors: Vec::new(),
        }
    }

    /// One row with this text, or null.
    pub fn push(&mut self, text: Option<&str>) {
        if let Some(text) = text {
            self.data.extend_from_slice(text.as_bytes());
        }
        self.finish_row(text.is_some());
    }

    /// One row that cannot be transformed.
    pub fn push_error(&mut self, message: impl Into<String>) {
        self.errors.push(RowError { row: self.ends.len() as u32, message: message.into() });
        self.finish_row(false);
    }

    fn finish_row(&mut self, valid: bool) {
        let row = self.ends.len();
        if row.is_multiple_of(8) {
            self.valid.push(0);
        }
        if let (true, Some(byte)) = (valid, self.valid.last_mut()) {
            *byte |= 1 << (row % 8);
        }
        self.ends.push(self.data.len() as u32);
    }

    /// The batch with this one column.
    pub fn finish(self) -> Batch {
        Batch {
            columns: vec![Column::Text(TextColumn { valid: self.valid, ends: self.ends, data: self.data })],
            errors: self.errors,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back() {
        let rows = [Some("a"), None, Some(""), Some("ü"), None, Some("x"), Some("y"), Some("z"), Some("ninth"), None];
        let mut builder = TextBuilder::with_capacity(rows.len());
        for row in rows {
            builder.push(row);
        }
        builder.push_error("bad");
        let batch = builder.finish();
        assert_eq!(batch.errors, [RowError { row: 10, message: "bad".into() }]);
        let texts = Texts::of(&batch.columns[0]).expect("a text column");
        assert_eq!(texts.len(), 11);
        assert_eq!(texts.rows().take(10).collect::<Vec<_>>(), rows);
    }

    #[test]
    fn columns_that_do_not_fit_are_refused() {
        let column = |valid: &[u8], ends: &[u32], data: &[u8]| {
            Column::Text(TextColumn { valid: valid.to_vec(), ends: ends.to_vec(), data: data.to_vec() })
        };
        assert!(Texts::of(&column(&[1], &[1], b"a")).is_ok());
        assert!(Texts::of(&column(&[1], &[2], b"a")).is_err());
        assert!(Texts::of(&column(&[], &[1], b"a")).is_err());
        assert!(Texts::of(&column(&[3], &[1, 0], b"a")).is_err());
        assert!(Texts::of(&column(&[1], &[1], "ü".as_bytes())).is_err());
        assert!(Texts::of(&column(&[1], &[1], &[0xff])).is_err());
    }
}
