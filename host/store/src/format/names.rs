//! Field, path and source names as small numbers.
//!
//! Names come from the configuration and from the keys of objects in the data. The table never shrinks, so names
//! from data are taken in only up to [`NAMES_MAX`], and short ones; others are written out. A list element's name
//! (`phones/17`) is its list's number and the element's.

use std::collections::HashMap;
use std::sync::Arc;

use nave_core::Text;

use super::bytes::{FormatError, Reader, put_bytes, put_u64};

/// Names taken in from data: a system that uses ids as object keys must not fill memory.
const NAMES_MAX: usize = 50_000;
/// Longest name taken in from data; configured names are bounded by their files.
const NAME_BYTES_MAX: usize = 128;

/// The table. Number 0 is never given: it announces a name that is written out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    list: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32, foldhash::fast::FixedState>,
}

impl Names {
    pub(crate) fn push(&mut self, name: Arc<str>) -> u32 {
        let number = self.list.len() as u32 + 1;
        self.numbers.insert(name.clone(), number);
        self.list.push(name);
        number
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    pub(crate) fn name(&self, number: u64) -> Option<&str> {
        let at = usize::try_from(number).ok()?.checked_sub(1)?;
        self.list.get(at).map(|name| &**name)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

/// Kinds of rows; each mostly has the fields of the row of its kind before it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Layout {
    Record = 0,
    Contribution = 1,
    Change = 2,
    Intent = 3,
}

/// Names remembered of the last row of a kind; longer rows look the rest up.
const TRAIL_MAX: usize = 256;

/// A field as it was written last time at this place.
#[derive(Debug)]
struct Step {
    name: Box<str>,
    tag: u64,
    element: Option<u64>,
}

/// Writes names, taking in new ones. What is new has to be stored in the transaction that stores the rows.
#[derive(Debug)]
pub(crate) struct Interning<'a> {
    known: &'a Names,
    fresh: Names,
    trails: [Vec<Step>; 4],
    layout: Layout,
    at: usize,
    /// Where each claim of the last contribution stood in its shadow.
    places: Vec<usize>,
}

impl<'a> Interning<'a> {
    pub(crate) fn new(known: &'a Names) -> Self {
        let trails = [const { Vec::new() }; 4];
        Self { known, fresh: Names::default(), trails, layout: Layout::Record, at: 0, places: Vec::new() }
    }

    /// A row of this kind begins: its names are expected in the order of the row before it.
    pub(crate) fn begin(&mut self, layout: Layout) {
        self.layout = layout;
        self.at = 0;
    }

    /// Where the claim of this number probably stands in the shadow.
    pub(crate) fn place(&self, claim: usize) -> usize {
        self.places.get(claim).copied().unwrap_or(claim)
    }

    /// Where it did stand.
    pub(crate) fn note_place(&mut self, claim: usize, place: usize) {
        if claim < TRAIL_MAX && self.places.get(claim) != Some(&place) {
            while self.places.len() <= claim {
                self.places.push(self.places.len());
            }
            self.places[claim] = place;
        }
    }

    /// Number of a configured name: always taken in.
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.known.number(name) {
            return number;
        }
        let base = self.known.len() as u32;
        base + self.fresh.number(name).unwrap_or_else(|| self.fresh.push(name.into()))
    }

    fn number_of_data(&mut self, name: &str) -> u32 {
        let room = self.known.len() + self.fresh.len() < NAMES_MAX && name.len() <= NAME_BYTES_MAX;
        if room || self.known.number(name).is_some() { self.number(name) } else { 0 }
    }

    /// Writes a configured name.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, name: &str) {
        let number = self.number(name);
        put_u64(out, number.into());
    }

    /// Writes a field or object key.
    pub(crate) fn put_field(&mut self, out: &mut Vec<u8>, name: &str) {
        let at = self.at;
        self.at += 1;
        if let Some(step) = self.trails[self.layout as usize].get(at)
            && *step.name == *name
        {
            put_u64(out, step.tag);
            if let Some(element) = step.element {
                put_u64(out, element);
            }
            return;
        }
        let (list, element) = match split_element(name) {
            Some((list, element)) => (list, Some(element)),
            None => (name, None),
        };
        let number = self.number_of_data(list);
        let tag = u64::from(number) << 1 | u64::from(element.is_some());
        put_u64(out, tag);
        if number == 0 {
            put_bytes(out, list.as_bytes());
        } else if at < TRAIL_MAX {
            let step = Step { name: name.into(), tag, element };
            let trail = &mut self.trails[self.layout as usize];
            if at < trail.len() {
                trail[at] = step
            } else if at == trail.len() {
                trail.push(step)
            }
        }
        if let Some(element) = element {
            put_u64(out, element);
        }
    }

    /// Names to add to the table, in the order of their numbers.
    pub(crate) fn into_fresh(self) -> Vec<Arc<str>> {
        self.fresh.list
    }
}

/// `phones/17` → `phones` and 17; only where writing it again gives the same text.
fn split_element(name: &str) -> Option<(&str, u64)> {
    let (list, digits) = name.rsplit_once('/')?;
    let canonical = digits.len() <= 19 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !canonical || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    digits.parse().ok().map(|element| (list, element))
}

/// A name as read, not yet put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldName<'a> {
    pub(crate) base: &'a str,
    pub(crate) element: Option<u64>,
}

impl FieldName<'_> {
    pub(crate) fn is(&self, name: &str) -> bool {
        match self.element {
            None => self.base == name,
            Some(element) => split_element(name) == Some((self.base, element)),
        }
    }

    pub(crate) fn text(self) -> Text {
        match self.element {
            None => self.base.into(),
            Some(element) => format!("{}/{element}", self.base).into(),
        }
    }
}

pub(crate) fn read_name<'n>(reader: &mut Reader<'_>, names: &'n Names) -> Result<&'n str, FormatError> {
    names.name(reader.u64()?).ok_or(FormatError::Unknown("a name that is not in the table"))
}

pub(crate) fn read_field<'a, 'r: 'a, 'n: 'a>(reader: &mut Reader<'r>, names: &'n Names) -> Result<FieldName<'a>, FormatError> {
    let tag = reader.u64()?;
    let base = match tag >> 1 {
        0 => reader.text()?,
        number => names.name(number).ok_or(FormatError::Unknown("a name that is not in the table"))?,
    };
    let element = if tag & 1 == 1 { Some(reader.u64()?) } else { None };
    Ok(FieldName { base, element })
}
