//! How numbers are dialled inside a country → the international form. Only where that is sure: a national number begins with the
//! country's trunk prefix, or needs none and has a length that only whole numbers have. What is not sure stays as it was dialled.

/// A country's plan.
struct Plan {
    country: &'static str,
    /// What stands for the country.
    code: &'static str,
    /// Dialled before a whole number inside the country; empty: nothing is.
    trunk: &'static str,
    /// Digits of a whole number without it.
    digits: std::ops::RangeInclusive<usize>,
}

const fn plan(country: &'static str, code: &'static str, trunk: &'static str, least: usize, most: usize) -> Plan {
    Plan { country, code, trunk, digits: least..=most }
}

/// By code of the country, from ITU-T E.164 and its national numbering plans.
const PLANS: [Plan; 46] = [
    plan("AT", "43", "0", 7, 13),
    plan("AU", "61", "0", 9, 9),
    plan("BE", "32", "0", 8, 9),
    plan("BG", "359", "0", 7, 9),
    plan("BR", "55", "0", 10, 11),
    plan("CA", "1", "1", 10, 10),
    plan("CH", "41", "0", 9, 9),
    plan("CL", "56", "", 9, 9),
    plan("CO", "57", "", 10, 10),
    plan("CZ", "420", "", 9, 9),
    plan("DE", "49", "0", 6, 13),
    plan("DK", "45", "", 8, 8),
    plan("EE", "372", "", 7, 8),
    plan("ES", "34", "", 9, 9),
    plan("FI", "358", "0", 6, 12),
    plan("FR", "33", "0", 9, 9),
    plan("GB", "44", "0", 9, 10),
    plan("GR", "30", "", 10, 10),
    plan("HK", "852", "", 8, 8),
    plan("HR", "385", "0", 8, 9),
    plan("HU", "36", "06", 8, 9),
    plan("IE", "353", "0", 7, 10),
    plan("IL", "972", "0", 8, 9),
    plan("IN", "91", "0", 10, 10),
    plan("IT", "39", "", 9, 11),
    plan("JP", "81", "0", 9, 10),
    plan("KR", "82", "0", 8, 10),
    plan("LT", "370", "0", 8, 8),
    plan("LV", "371", "", 8, 8),
    plan("MX", "52", "", 10, 10),
    plan("NL", "31", "0", 9, 9),
    plan("NO", "47", "", 8, 8),
    plan("NZ", "64", "0", 8, 10),
    plan("PL", "48", "", 9, 9),
    plan("PT", "351", "", 9, 9),
    plan("RO", "40", "0", 9, 9),
    plan("RS", "381", "0", 8, 9),
    plan("RU", "7", "8", 10, 10),
    plan("SE", "46", "0", 7, 9),
    plan("SG", "65", "", 8, 8),
    plan("SI", "386", "0", 8, 8),
    plan("SK", "421", "0", 9, 9),
    plan("TR", "90", "0", 10, 10),
    plan("UA", "380", "0", 9, 9),
    plan("US", "1", "1", 10, 10),
    plan("ZA", "27", "0", 9, 9),
];

/// The international form of a number as it is dialled inside a country (alpha-2), digits alone; none: it is not sure.
pub(super) fn international(national: &str, country: &str) -> Option<String> {
    let at = PLANS.binary_search_by(|plan| plan.country.cmp(country)).ok()?;
    let plan = &PLANS[at];
    if !national.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = match plan.trunk {
        "" => national,
        trunk => match national.strip_prefix(trunk) {
            Some(rest) if plan.digits.contains(&rest.len()) => rest,
            // In North America the prefix is left out as often as not; nobody's whole number begins with it.
            _ if trunk == plan.code => national,
            _ => return None,
        },
    };
    let begins_right = plan.country == "IT" || !whole.starts_with('0');
    (plan.digits.contains(&whole.len()) && begins_right).then(|| format!("+{}{whole}", plan.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_in_order() {
        assert!(PLANS.is_sorted_by_key(|plan| plan.country));
    }

    #[test]
    fn dialled_inside_a_country() {
        for (country, national, expected) in [
            ("SE", "0408526035", Some("+46408526035")),
            ("GB", "01319650342", Some("+441319650342")),
            ("DE", "030901820", Some("+4930901820")),
            ("DE", "901820", None),
            ("AT", "06641234567", Some("+436641234567")),
            ("US", "3124802150", Some("+13124802150")),
            ("US", "13124802150", Some("+13124802150")),
            ("US", "5551234", None),
            ("IT", "0612345678", Some("+390612345678")),
            ("IT", "3331234567", Some("+393331234567")),
            ("ES", "698638601", Some("+34698638601")),
            ("HU", "0612345678", Some("+3612345678")),
            ("RU", "84951234567", Some("+74951234567")),
            ("RU", "4951234567", None),
            ("FR", "0123456789", Some("+33123456789")),
            ("FR", "00123456789", None),
            ("DE", "0", None),
            ("DE", "030 x", None),
            ("XX", "030901820", None),
        ] {
            assert_eq!(international(national, country).as_deref(), expected, "{country} {national}");
        }
    }
}
