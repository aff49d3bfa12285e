//! Countries: names and codes as systems spell them → ISO 3166-1 alpha-2, and back.

use std::collections::HashMap;
use std::sync::LazyLock;

/// One line per country: alpha-2; alpha-3; the English name, then other names that are understood.
const TABLE: &str = include_str!("countries.txt");

struct Country {
    alpha2: &'static str,
    alpha3: &'static str,
    name: &'static str,
}

static COUNTRIES: LazyLock<Vec<Country>> = LazyLock::new(|| {
    lines().map(|(alpha2, alpha3, names)| Country { alpha2, alpha3, name: names.split('|').next().unwrap_or(names) }).collect()
});

static BY_SPELLING: LazyLock<HashMap<String, &'static str>> = LazyLock::new(|| {
    let mut map = HashMap::new();
    for (alpha2, alpha3, names) in lines() {
        map.insert(alpha2.to_lowercase(), alpha2);
        map.insert(alpha3.to_lowercase(), alpha2);
        map.extend(names.split('|').map(|name| (name.to_lowercase(), alpha2)));
    }
    map
});

fn lines() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ';');
        Some((parts.next()?, parts.next()?, parts.next()?))
    })
}

/// All codes, alpha-2.
pub fn codes() -> impl Iterator<Item = &'static str> {
    COUNTRIES.iter().map(|country| country.alpha2)
}

/// How a system spells countries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    Alpha2,
    Alpha3,
    Name,
}

/// The alpha-2 code of any known spelling.
pub(super) fn alpha2(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.len() > 100 {
        return None;
    }
    BY_SPELLING.get(&text.to_lowercase()).copied()
}

/// An alpha-2 code in another spelling.
pub(super) fn spell(code: &str, spelling: Spelling) -> Option<&'static str> {
    let at = COUNTRIES.binary_search_by(|country| country.alpha2.cmp(code)).ok()?;
    let country = COUNTRIES.get(at)?;
    Some(match spelling {
        Spelling::Alpha2 => country.alpha2,
        Spelling::Alpha3 => country.alpha3,
        Spelling::Name => country.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_comes_back() {
        assert_eq!(COUNTRIES.len(), 249);
        for country in COUNTRIES.iter() {
            for spelling in [Spelling::Alpha2, Spelling::Alpha3, Spelling::Name] {
                let spelled = spell(country.alpha2, spelling).unwrap();
                assert_eq!(alpha2(spelled), Some(country.alpha2), "{spelled}");
            }
        }
        assert_eq!(alpha2(" deutschland "), Some("DE"));
        assert_eq!(alpha2("Atlantis"), None);
        assert_eq!(spell("de", Spelling::Name), None);
    }
}
