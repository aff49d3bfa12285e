//! Sympa's faults. The fault's string is the same in every language; its detail may be in the server's, and is only shown.

use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::Stop;

use crate::value::Element;

/// A fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    string: String,
    detail: String,
}

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The application's name or password is wrong, or it may not call this.
    Unauthorized,
    /// The application may not act for a user, or the user is no owner.
    Forbidden,
    NoList,
    NotAMember,
    BadAddress,
    /// A refusal whose reason is in the detail alone, in the server's language.
    Refused,
    /// Sympa is in trouble, or did not understand.
    Trouble,
}

impl Fault {
    pub(crate) fn of(fault: &Element) -> Self {
        let text = |name: &str| fault.text_of(name).unwrap_or_default().trim().to_owned();
        Self { string: text("faultstring"), detail: text("detail") }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        match self.string.trim_end_matches('.').to_lowercase().as_str() {
            "authentication failed" => Meaning::Unauthorized,
            "user not authenticated" | "user not specified" | "not enough privileges" | "not allowed" => Meaning::Forbidden,
            "unknown list" | "undefined list" | "list does not exist" => Meaning::NoList,
            "not a subscriber to this list" => Meaning::NotAMember,
            "unable to add user" => Meaning::BadAddress,
            "undef" | "incorrect number of parameters" => Meaning::Refused,
            _ => Meaning::Trouble,
        }
    }

    /// In its own words.
    pub(crate) fn words(&self) -> String {
        match (self.string.as_str(), self.detail.as_str()) {
            ("Undef", detail) if !detail.is_empty() => detail.to_owned(),
            (string, "") => string.to_owned(),
            (string, detail) => format!("{string}: {detail}"),
        }
    }

    /// What it means to a reading call.
    pub(crate) fn failure(&self) -> Failure {
        let words = self.words();
        match self.meaning() {
            Meaning::Unauthorized => Failure::Unauthorized(format!(
                "{words}; look at the application's name and password, and at allow_commands in trusted_applications.conf"
            )),
            Meaning::Forbidden => Failure::Misconfigured(format!(
                "{words}; the setting `user` names an owner of the list or a listmaster, and trusted_applications.conf says proxy_for_variables USER_EMAIL"
            )),
            Meaning::NoList => Failure::Misconfigured(format!("{words}; correct the setting `list`")),
            Meaning::NotAMember | Meaning::BadAddress | Meaning::Refused => Failure::rejected("other", words),
            Meaning::Trouble => Failure::Unavailable(words),
        }
    }

    /// What it means to a write, where it is not about the member alone.
    pub(crate) fn stop(&self) -> Stop {
        match self.meaning() {
            Meaning::Unauthorized | Meaning::NoList => Stop::NotSent(self.failure()),
            Meaning::Forbidden => Stop::settled(Outcome::Rejected(Rejection::new("forbidden", self.words()))),
            Meaning::BadAddress => Stop::settled(Outcome::Rejected(Rejection::new("format", self.words()).field("email"))),
            Meaning::NotAMember => Stop::settled(Outcome::Gone),
            Meaning::Refused => Stop::settled(Outcome::Rejected(Rejection::new("other", self.words()))),
            // It may have been done before there was trouble.
            Meaning::Trouble => Stop::settled(Outcome::Unknown(self.words())),
        }
    }
}
