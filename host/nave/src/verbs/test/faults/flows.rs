//! Kinds of flows: which systems take part, and what the hub may do in each.

use std::fmt::Write as _;

use super::linked;
use super::systems::{self, Spoken};
use nave_sim::System;

/// What the hub may do with a system's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Both,
    In,
    Out,
}

/// A system's part in a flow: name of its connection, which system, which way.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) sim: System,
    pub(super) way: Way,
    /// It has a marker and a field that can be searched for, or neither: then a lost create can only be told by people.
    pub(super) marked: bool,
    /// Its people have employers, as objects of their own that they refer to.
    pub(super) linked: bool,
}

/// A kind of flow.
pub(super) struct Flow {
    pub(super) name: &'static str,
    /// In a line, for people.
    pub(super) about: &'static str,
    pub(super) parts: &'static [Part],
}

const fn part(name: &'static str, sim: System, way: Way) -> Part {
    Part { name, sim, way, marked: true, linked: false }
}

const fn bare(name: &'static str, sim: System, way: Way) -> Part {
    Part { name, sim, way, marked: false, linked: false }
}

const fn linked(name: &'static str) -> Part {
    Part { name, sim: System::Crm, way: Way::Both, marked: true, linked: true }
}

/// All of them.
pub(super) static ALL: [Flow; 6] = [
    Flow {
        name: "both",
        about: "a CRM and books, each written to what the other says",
        parts: &[part("crm", System::Crm, Way::Both), part("books", System::Books, Way::Both)],
    },
    Flow {
        name: "files",
        about: "a folder of exports that is only read, and a CRM that is told",
        parts: &[part("legacy", System::Legacy, Way::In), part("crm", System::Crm, Way::Both)],
    },
    Flow {
        name: "out",
        about: "a CRM that is only read, and books that are only written",
        parts: &[part("crm", System::Crm, Way::In), part("books", System::Books, Way::Out)],
    },
    Flow {
        name: "bare",
        about: "as `both`, without a marker and without a key by which a create is found again",
        parts: &[bare("crm", System::Crm, Way::Both), bare("books", System::Books, Way::Both)],
    },
    Flow {
        name: "three",
        about: "two CRMs and books: what one system does must not keep the others",
        parts: &[
            part("crm", System::Crm, Way::Both),
            part("sales", System::Crm, Way::Both),
            part("books", System::Books, Way::Both),
        ],
    },
    Flow {
        name: "linked",
        about: "two CRMs whose contacts refer to companies; only where a case names it",
        parts: &[linked("crm"), linked("sales")],
    },
];

impl Flow {
    /// People in it have employers.
    pub(super) fn is_linked(&self) -> bool {
        self.parts.iter().any(|part| part.linked)
    }
}

impl Part {
    /// The system as data. There is one for every system that a flow names: a test sees to it.
    pub(super) fn spoken(&self) -> &'static Spoken {
        systems::ALL.iter().find(|spoken| spoken.sim == self.sim).unwrap_or(&systems::ALL[0])
    }

    /// `mappings/<name>.toml`, with how often its flows are read by themselves.
    pub(super) fn mapping(&self, freshness: &str) -> String {
        let spoken = self.spoken();
        let mut out = format!(
            "connection = {:?}\nstream = {:?}\nentity = \"contact\"\nsteward = \"ops\"\ndelete = \"propagate\"\n",
            self.name, spoken.stream
        );
        if let (Some(marker), true) = (spoken.marker, self.marked && self.way != Way::In) {
            let _ = writeln!(out, "marker = {marker:?}");
        }
        // A system that cannot merge keeps a second object of the same record until somebody has looked at it.
        out.push_str("duplicates = \"review\"\n");
        // Also what is only written is read: by that the hub knows what is there.
        let _ = write!(out, "\n[flow.in]\nfreshness = {freshness:?}\n");
        if self.way != Way::In {
            out.push_str("\n[flow.out]\nfreshness = \"24h\"\n");
        }
        for field in spoken.fields {
            let _ = writeln!(out, "\n[[field]]\nremote = {:?}\ncanonical = {:?}", field.path, field.canonical);
            let read = if field.canonical == "email" { "trim | lower | null_if('')" } else { "trim | null_if('')" };
            // The mailbox is read everywhere: by it a person is known.
            match (self.way, field.canonical) {
                (Way::In, _) => _ = writeln!(out, "direction = \"in\"\nin = {read:?}"),
                (Way::Out, name) if name != "email" => out.push_str("direction = \"out\"\n"),
                _ => {
                    let because = "because = \"it is edited on both sides\"\nclear = \"empty-text\"";
                    let _ = writeln!(out, "direction = \"both\"\nin = {read:?}\n{because}");
                }
            }
        }
        if self.way != Way::In {
            out.push_str(spoken.tables);
        }
        if self.linked {
            out.push_str(linked::REFERENCE);
        }
        out
    }
}

/// `entities/contact.toml`: who was last wins, and one mailbox is one person. A job title may have an owner.
pub(super) fn entity(owner: Option<&str>, linked: bool) -> String {
    let mut out = String::new();
    let employer = linked.then_some("company");
    for field in ["email", "first_name", "last_name", "job_title"].into_iter().chain(employer) {
        let rule = match owner {
            Some(owner) if field == "job_title" => format!("{{ owner = {owner:?} }}"),
            _ => "\"newest\"".to_owned(),
        };
        let _ = writeln!(out, "[fields.{field}]\nsurvivorship = {rule}\nbecause = \"who was last knows best\"\n");
    }
    out.push_str("[[match]]\nkey = \"email\"\nagree = []\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flow_has_its_systems() {
        for part in ALL.iter().flat_map(|flow| flow.parts) {
            assert!(part.spoken().sim == part.sim, "{} has no file in systems/", part.name);
        }
    }
}
