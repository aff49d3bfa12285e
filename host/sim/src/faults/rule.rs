//! A switch with its parameters, as it is set. What makes no sense is refused in words.

use super::{spelling::Spelling, switch::Switch};
use crate::limits::FAULT_SECONDS_MAX;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A switch that is to be set or cleared. Which parameters it takes, `GET /_sim/fault` lists.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "`PARAMETERS` says in one line what each is, for people as well")]
pub struct FaultRule {
    pub switch: Switch,
    #[serde(default = "yes")]
    pub on: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Only>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_date: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<bool>,
}

/// Which requests, by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Only {
    /// Requests that read.
    Reads,
    /// Requests that write.
    Writes,
}

fn yes() -> bool {
    true
}

impl FaultRule {
    /// The switch for every request.
    #[must_use]
    pub fn new(switch: Switch) -> Self {
        Self {
            switch,
            on: true,
            share: None,
            nth: None,
            count: None,
            only: None,
            path: None,
            object: None,
            seconds: None,
            offset_ms: None,
            field: None,
            value: None,
            how: None,
            status: None,
            retry_after: None,
            http_date: None,
            committed: None,
        }
    }

    /// The parameters that were given.
    fn given(&self) -> Vec<String> {
        let Ok(Value::Object(all)) = serde_json::to_value(self) else { return Vec::new() };
        all.into_iter().map(|(name, _)| name).filter(|name| name != "switch" && name != "on").collect()
    }

    /// The write is made all the same.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed == Some(true)
    }

    /// # Errors
    /// What is wrong with it, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = self.switch.name();
        let (given, takes) = (self.given(), self.switch.parameters());
        if let Some(odd) = given.iter().find(|given| !takes.contains(&given.as_str())) {
            return Err(format!("`{name}` has no `{odd}`; it takes {}", takes.join(", ")));
        }
        if let Some(need) = self.switch.about().needs.iter().find(|need| !given.iter().any(|given| given == *need)) {
            return Err(format!("`{name}` needs `{need}`: {}", self.switch.about().line));
        }
        if self.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Err("share must be between 0 and 1".to_owned());
        }
        if self.nth == Some(0) || self.count == Some(0) {
            return Err("nth and count count from 1".to_owned());
        }
        if self.nth.is_some() && (self.share.is_some() || self.count.is_some()) {
            return Err("give nth alone, without share or count".to_owned());
        }
        if self.seconds.is_some_and(|seconds| seconds > FAULT_SECONDS_MAX) {
            return Err(format!("seconds are at most {FAULT_SECONDS_MAX}"));
        }
        if self.offset_ms.is_some_and(|offset| offset.unsigned_abs() > FAULT_SECONDS_MAX * 1_000) {
            return Err(format!("offset_ms is at most {FAULT_SECONDS_MAX} seconds either way"));
        }
        if self.status.is_some_and(|status| ![500, 502, 503, 504].contains(&status)) {
            return Err("status is 500, 502, 503 or 504".to_owned());
        }
        if self.http_date.is_some() && self.retry_after.is_none() {
            return Err("http_date says how retry_after is written: give that too".to_owned());
        }
        match (self.switch, self.how.as_deref()) {
            (Switch::PartialBatch, None | Some("answer" | "connection")) => Ok(()),
            (Switch::PartialBatch, Some(other)) => Err(format!("how is answer or connection, not `{other}`")),
            (Switch::Emptied, None | Some("bytes" | "rows")) => Ok(()),
            (Switch::Emptied, Some(other)) => Err(format!("how is bytes or rows, not `{other}`")),
            (Switch::Encoding, None | Some("windows-1252" | "utf-16")) => Ok(()),
            (Switch::Encoding, Some(other)) => Err(format!("how is windows-1252 or utf-16, not `{other}`")),
            (Switch::OlderExport, None | Some("beside" | "instead")) => Ok(()),
            (Switch::OlderExport, Some(other)) => Err(format!("how is beside or instead, not `{other}`")),
            (Switch::Delimiter, _) if !matches!(self.value.as_deref(), Some("," | ";" | "|" | "\t")) => {
                Err("value is one of , ; | or a tab".to_owned())
            }
            (Switch::Rewrite, how) if how.is_some() == self.value.is_some() => Err("give value or how".to_owned()),
            (_, Some(how)) => Spelling::from_name(how).map(|_| ()),
            (_, None) => Ok(()),
        }
    }
}
