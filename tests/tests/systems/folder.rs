//! An old system that drops one CSV file, whole, whenever something changed.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The folder and what is in its file.
pub(crate) struct Folder {
    path: PathBuf,
    /// Header first.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Folder {
    /// With a header and no row. The columns are separated by commas here.
    pub(crate) fn new(path: &Path, header: &str) -> Self {
        std::fs::create_dir_all(path).expect("a folder");
        Self { path: path.to_owned(), rows: vec![row(header)] }
    }

    /// Sets the row that begins with this id, or adds it, and drops the file.
    pub(crate) fn put(&mut self, cells: &str) {
        let new = row(cells);
        match self.rows.iter_mut().skip(1).find(|row| row[0] == new[0]) {
            Some(old) => *old = new,
            None => self.rows.push(new),
        }
        self.write();
    }

    /// Takes a row away and drops the file.
    pub(crate) fn remove(&mut self, id: &str) {
        self.rows.retain(|row| row[0] != id);
        self.write();
    }

    /// The file appears whole, under its name, with a time that is not before this call: a file system's clock goes in steps of some
    /// milliseconds, and what was written later would seem to be earlier than what another system did just before.
    pub(crate) fn write(&self) {
        let mut out = csv::Writer::from_writer(Vec::new());
        for row in &self.rows {
            out.write_record(row).expect("a row");
        }
        let new = self.path.join(".contacts.csv.part");
        let (began, bytes) = (SystemTime::now(), out.into_inner().expect("a file"));
        loop {
            std::fs::write(&new, &bytes).expect("the disk takes it");
            if std::fs::metadata(&new).and_then(|file| file.modified()).expect("a time") >= began {
                break;
            }
        }
        std::fs::rename(&new, self.path.join("contacts.csv")).expect("a name");
    }
}

fn row(cells: &str) -> Vec<String> {
    cells.split(',').map(|cell| cell.trim().to_owned()).collect()
}
