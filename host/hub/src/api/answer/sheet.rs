//! Mappings as a sheet: one line per field, coloured by direction.

use nave_core::catalog::Direction;
use serde::{Deserialize, Serialize};

/// The legend: direction, word, name of the colour, its value (RGB).
pub const LEGEND: [(Direction, &str, &str, u32); 4] = [
    (Direction::Ignore, "stays in its system", "blue", 0x00BD_D7EE),
    (Direction::In, "one way, in", "green", 0x00C6_E0B4),
    (Direction::Out, "one way, out", "green", 0x00C6_E0B4),
    (Direction::Both, "both ways", "yellow", 0x00FF_E699),
];

/// Mappings as sheets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetAnswer {
    /// By name.
    pub mappings: Vec<MappingSheet>,
}

/// One mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingSheet {
    /// Mapping.
    pub mapping: String,
    /// Connection.
    pub connection: String,
    /// Stream.
    pub stream: String,
    /// Entity.
    pub entity: String,
    /// Who decides.
    pub steward: String,
    /// Digest of its file: what an edited copy was made from.
    pub base: String,
    /// Its fields, in the order of the file.
    pub lines: Vec<SheetLine>,
}

/// One field. The first ten are what a person may change in an exported copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetLine {
    /// Position among the `[[field]]`s of the file; none: a part of a list, shown and not changed here.
    pub place: Option<u64>,
    /// Path over there.
    pub remote: String,
    /// Canonical field.
    pub canonical: String,
    /// Direction.
    pub direction: Direction,
    /// What is done to it on the way in, as written.
    pub inward: String,
    /// What is done to it on the way out, as written.
    pub outward: String,
    /// Why.
    pub because: String,
    /// A remark or a question.
    pub comment: String,
    /// Who agreed to it.
    pub approved_by: String,
    /// When (date).
    pub approved_on: String,
    /// Who wins, as a phrase.
    pub rule: String,
    /// Person or team that answers for it.
    pub steward: String,
    /// In plain English.
    pub explanation: String,
}

impl SheetLine {
    fn legend(&self) -> (&'static str, &'static str, u32) {
        let found = LEGEND.iter().find(|(direction, ..)| *direction == self.direction);
        found.map_or(("", "", 0x00FF_FFFF), |(_, word, colour, rgb)| (word, colour, *rgb))
    }

    /// The direction in words: "both ways".
    pub fn word(&self) -> &'static str {
        self.legend().0
    }

    /// Name of its colour: "yellow".
    pub fn colour(&self) -> &'static str {
        self.legend().1
    }

    /// Its colour, RGB.
    pub fn rgb(&self) -> u32 {
        self.legend().2
    }
}
