//! A mapping in plain English, told by the hub itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalog::{
    Clear, DeletePolicy, Direction, DuplicatePolicy, Entity, FieldMapping, ListMapping, Mapping, OnLeave, PartMapping, Purpose,
};
use crate::fit::{Constraints, Misfit};

/// A mapping in plain English, one paragraph and one line per field.
pub fn explain(mapping: &Mapping, entity: &Entity) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = header(&mut out, mapping, entity);
    for field in &mapping.fields {
        let _ = line(&mut out, field, entity, "- ");
    }
    for list in &mapping.lists {
        let _ = list_lines(&mut out, list, None, entity);
    }
    for part in &mapping.parts {
        let _ = list_lines(&mut out, &part.list, Some(part), entity);
    }
    out
}

/// One scalar field of a mapping in plain English.
pub fn explain_field(field: &FieldMapping, entity: &Entity) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = line(&mut out, field, entity, "");
    out.trim_end().to_owned()
}

fn header(out: &mut String, mapping: &Mapping, entity: &Entity) -> std::fmt::Result {
    let label = entity.label.to_lowercase();
    writeln!(out, "{}: each of `{}` in `{}` is a {label}.", mapping.name, mapping.stream, mapping.connection)?;
    if let Some(flow) = &mapping.flow_in {
        write!(out, "In: what changed there is read within {}", duration(flow.freshness_ms))?;
        match &flow.filter {
            Some(filter) if flow.filter_once => {
                writeln!(out, ", where {} when it is seen first; it stays one then.", filter.text())?;
            }
            Some(filter) => writeln!(out, ", where {}.", filter.text())?,
            None => writeln!(out, ".")?,
        }
        purpose(out, &flow.purpose)?;
    } else {
        writeln!(out, "In: nothing is read.")?;
    }
    if let Some(flow) = &mapping.flow_out {
        write!(out, "Out: what changed here is written within {}", duration(flow.freshness_ms))?;
        match &flow.filter {
            Some(filter) => {
                let leaves = match flow.on_leave {
                    OnLeave::Keep => "left alone there",
                    OnLeave::Archive => "put away there, if it was ever written",
                    OnLeave::Delete => "deleted there, if it was ever written and a person agrees",
                };
                writeln!(out, ", where {}; what no longer fits is {leaves}.", filter.text())?;
            }
            None => writeln!(out, ".")?,
        }
        let share = flow.pilot.percent.map(|percent| format!("{percent} % of them"));
        let chosen = flow.pilot.filter.as_ref().map(|filter| format!("those where {}", filter.text()));
        let pilot: Vec<String> = [chosen, share].into_iter().flatten().collect();
        if !pilot.is_empty() {
            writeln!(out, "A pilot: only {}; all others are left as they are there.", pilot.join(", "))?;
        }
        purpose(out, &flow.purpose)?;
        if !flow.create {
            writeln!(out, "Nothing new is made there.")?;
        }
        if !flow.required.is_empty() {
            writeln!(out, "Nothing is made there without {}.", names(&flow.required))?;
        }
    } else {
        writeln!(out, "Out: nothing is written.")?;
    }
    if !mapping.archive.is_empty() {
        write!(out, "A thing is put away there by {}", settings(&mapping.archive))?;
        match mapping.restore.is_empty() {
            true => writeln!(out, "; it is not taken out again by us.")?,
            false => writeln!(out, ", and taken out again by {}.", settings(&mapping.restore))?,
        }
    }
    match mapping.delete {
        DeletePolicy::Ignore => writeln!(out, "What is deleted there changes nothing here.")?,
        DeletePolicy::Detach => writeln!(out, "What is deleted there is let go: it stays here, and is not made there again.")?,
        DeletePolicy::Archive => {
            writeln!(out, "What is deleted there is archived here, and put away in the other systems that can.")?
        }
        DeletePolicy::Propagate => writeln!(
            out,
            "What is deleted there is deleted in the other systems that say so too; a person is asked first if it was edited since, or stays in one of them."
        )?,
    }
    match mapping.duplicates {
        DuplicatePolicy::KeepInStep => writeln!(out, "Two there that are one here are both kept up to date.")?,
        DuplicatePolicy::Merge => {
            writeln!(out, "Of two there that are one here, the second is merged into the first, if a person agrees.")?
        }
        DuplicatePolicy::Archive => writeln!(out, "Of two there that are one here, the second is put away.")?,
        DuplicatePolicy::Review => writeln!(out, "Of two there that are one here, the second waits for a person.")?,
    }
    Ok(())
}

/// Which process needs it, and why.
fn purpose(out: &mut String, purpose: &Purpose) -> std::fmt::Result {
    match (&purpose.process, &purpose.because) {
        (Some(process), Some(because)) => writeln!(out, "`{process}` needs it. Why: {because}"),
        (Some(process), None) => writeln!(out, "`{process}` needs it."),
        (None, Some(because)) => writeln!(out, "Why: {because}"),
        (None, None) => Ok(()),
    }
}

/// Direction and its colour: never a colour without its word.
fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::In => "one way, in (green)",
        Direction::Out => "one way, out (green)",
        Direction::Both => "both ways (yellow)",
        Direction::Ignore => "stays in its system (blue)",
    }
}

fn line(out: &mut String, field: &FieldMapping, entity: &Entity, indent: &str) -> std::fmt::Result {
    let canonical = field.canonical.as_deref().map(|name| match entity.fields.get(name) {
        Some(known) if known.label.to_lowercase().replace(' ', "_") != name => {
            format!("{name} ({})", known.label)
        }
        _ => name.to_owned(),
    });
    match (&canonical, field.direction) {
        (_, Direction::Ignore) | (None, _) => write!(out, "{indent}`{}`: {}.", field.remote, direction(Direction::Ignore))?,
        (Some(canonical), Direction::In) => {
            write!(out, "{indent}`{}` → {canonical}: {}", field.remote, direction(Direction::In))?
        }
        (Some(canonical), Direction::Out) => {
            write!(out, "{indent}{canonical} → `{}`: {}", field.remote, direction(Direction::Out))?
        }
        (Some(canonical), Direction::Both) => {
            write!(out, "{indent}`{}` ↔ {canonical}: {}", field.remote, direction(Direction::Both))?
        }
    }
    if field.direction != Direction::Ignore {
        if let Some(read) = field.read.as_ref().filter(|read| !read.is_path() || read.paths().first() != Some(&field.remote)) {
            write!(out, ". It comes in as {}", read.phrase())?;
        }
        if let Some(write) =
            field.write.as_ref().filter(|write| !write.is_path() || write.paths().first() != field.canonical.as_ref())
        {
            write!(out, ". It goes out as {}", write.phrase())?;
        }
        if field.direction.writes() {
            constraints(out, &field.constraints)?;
        }
        if field.direction.writes() {
            match field.clear {
                Clear::Null => {}
                Clear::EmptyText => write!(out, ". It is cleared there by an empty text")?,
                Clear::Omit => write!(out, ". It is cleared there by leaving it out")?,
                Clear::Cannot => write!(out, ". It cannot be cleared there; that is reported")?,
            }
        }
        write!(out, ".")?;
    }
    match &field.because {
        Some(because) => writeln!(out, " Why: {because}"),
        None => writeln!(out),
    }
}

/// What the system takes, and what becomes of a value that it does not take.
fn constraints(out: &mut String, of: &Constraints) -> std::fmt::Result {
    let all = [
        of.max_length.map(|max| format!("at most {max} characters")),
        of.characters.as_ref().map(|characters| format!("the characters `{}` alone", characters.text)),
        of.pattern.as_ref().map(|pattern| format!("what matches `{}`", pattern.text)),
        (!of.values.is_empty()).then(|| format!("one of {} values", of.values.len())),
        of.precision.map(|digits| format!("at most {digits} digits")),
        of.scale.map(|digits| format!("at most {digits} digits after the point")),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    if all.is_empty() {
        return Ok(());
    }
    write!(out, ". It takes {} there; what does not fit is ", all.join(", "))?;
    match &of.misfit {
        Misfit::Reject => write!(out, "not sent, but reported"),
        Misfit::Truncate(mark) if mark.is_empty() => write!(out, "cut"),
        Misfit::Truncate(mark) => write!(out, "cut, with `{mark}` behind it"),
        Misfit::Transform(operations) => write!(out, "sent {}", operations.phrase()),
    }
}

fn list_lines(out: &mut String, list: &ListMapping, part: Option<&PartMapping>, entity: &Entity) -> std::fmt::Result {
    match part {
        Some(part) => write!(out, "- each of `{}` is an element of ", part.stream)?,
        None => write!(out, "- list `{}`, ", list.remote)?,
    }
    write!(out, "{}: {}", list.canonical, direction(list.direction))?;
    if !list.only.is_empty() {
        let only: Vec<String> = list
            .only
            .iter()
            .map(|(path, values)| {
                format!("`{path}` is {}", values.iter().map(crate::Value::display).collect::<Vec<_>>().join(" or "))
            })
            .collect();
        write!(out, ", only elements where {}", only.join(" and "))?;
    }
    match (part, &list.id) {
        (Some(part), _) => {
            write!(out, "; `{}` there says whose it is.", part.parent)?;
            if list.direction.writes() {
                write!(out, " Each is made, changed and deleted there by itself, once its owner is there.")?;
            }
        }
        (None, Some(id)) => write!(out, "; elements are told apart by `{id}` there.")?,
        (None, None) => write!(out, "; elements are told apart by what they hold.")?,
    }
    match &list.because {
        Some(because) => writeln!(out, " Why: {because}")?,
        None => writeln!(out)?,
    }
    for field in &list.fields {
        line(out, field, entity, "    - ")?;
    }
    Ok(())
}

/// "`active` = false".
fn settings(values: &BTreeMap<String, crate::Value>) -> String {
    values.iter().map(|(path, value)| format!("`{path}` = {}", value.display())).collect::<Vec<_>>().join(", ")
}

fn names(all: &[String]) -> String {
    all.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn duration(ms: u64) -> String {
    let (number, unit) = match ms {
        ms if ms % 86_400_000 == 0 => (ms / 86_400_000, "day"),
        ms if ms % 3_600_000 == 0 => (ms / 3_600_000, "hour"),
        ms if ms % 60_000 == 0 => (ms / 60_000, "minute"),
        ms => (ms.div_ceil(1000), "second"),
    };
    if number == 1 { format!("a{} {unit}", if unit == "hour" { "n" } else { "" }) } else { format!("{number} {unit}s") }
}
