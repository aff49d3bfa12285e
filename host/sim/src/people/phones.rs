//! A telephone number and the ways in which people write it down.

use super::names::Locale;
use crate::rng::Rng;

/// A number in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phone {
    /// `49`
    pub(crate) calling: &'static str,
    /// `030`, as dialled inside the country.
    pub(crate) area: &'static str,
    /// The rest, digits only.
    pub(crate) number: String,
}

impl Phone {
    pub(crate) fn new(locale: &'static Locale, area: &'static str, rng: &mut Rng) -> Self {
        let digits = match locale.code {
            "DE" | "AT" => 7,
            "FR" => 8,
            "SE" | "ES" | "PL" | "GB" | "US" | "GR" => {
                9usize.saturating_sub(area.trim_start_matches('0').len()).max(6)
                    + usize::from(matches!(locale.code, "US" | "GB" | "GR"))
            }
            _ => 8,
        };
        let number = (0..digits)
            .map(|at| char::from(b'0' + u8::try_from(if at == 0 { 2 + rng.below(8) } else { rng.below(10) }).unwrap_or(2)))
            .collect();
        Self { calling: locale.calling, area, number }
    }

    /// The area code as it stands after the country's own; Italy keeps its zero.
    fn area_abroad(&self) -> &'static str {
        if self.calling == "39" { self.area } else { self.area.trim_start_matches('0') }
    }

    /// `+49301234567`
    pub(crate) fn e164(&self) -> String {
        format!("+{}{}{}", self.calling, self.area_abroad(), self.number)
    }

    /// One of the ways in which a person or an old system writes it.
    pub(crate) fn written(&self, style: usize) -> String {
        let (calling, area, abroad) = (self.calling, self.area, self.area_abroad());
        let (head, tail) = self.number.split_at(self.number.len() / 2);
        match style % 6 {
            0 => self.e164(),
            1 => format!("+{calling} {abroad} {head} {tail}"),
            2 => format!("+{calling} ({abroad}) {head}-{tail}"),
            3 => format!("00{calling} {abroad} {head}{tail}"),
            4 => format!("+{calling}-{abroad}-{head}{tail}"),
            _ => format!("{area} {head}{tail}"),
        }
    }
}
