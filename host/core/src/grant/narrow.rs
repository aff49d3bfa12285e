//! What of a grant in force stands where its file was edited since: nobody waits to have a power taken away.

use super::{EndpointGrant, Grants};
use crate::manifest::{Allow, FolderAccess};

impl Grants {
    /// What both allow: these grants, without what `file` does not allow any more. What only `file` allows is not in it; another address
    /// of an endpoint, or another path of a folder, leaves it as it is: it waits to be agreed to.
    pub fn narrowed_to(&self, file: &Self) -> Self {
        let endpoints = self.endpoints.iter().filter_map(|(name, grant)| {
            let grant = file.endpoints.get(name).map(|other| grant.narrowed_to(other))?;
            Some((name.clone(), grant))
        });
        let folders = self.folders.iter().filter_map(|(name, grant)| {
            let mut grant = grant.clone();
            if file.folders.get(name)?.access == FolderAccess::Read {
                grant.access = FolderAccess::Read;
            }
            Some((name.clone(), grant))
        });
        Self { endpoints: endpoints.collect(), folders: folders.collect() }
    }
}

impl EndpointGrant {
    fn narrowed_to(&self, file: &Self) -> Self {
        let allow = match (self.allow.as_slice(), file.allow.as_slice()) {
            // Nothing said is all that the plugin asks for.
            (_, []) => self.allow.clone(),
            ([], some) => some.to_vec(),
            (mine, theirs) => mine.iter().flat_map(|one| left_of(one, theirs)).collect(),
        };
        // An empty list would say all: nothing is left to be called.
        let allow = if allow.is_empty() && !self.allow.is_empty() { vec![nothing()] } else { allow };
        Self {
            base: self.base.clone(),
            allow,
            networks: self.networks.iter().filter(|network| file.networks.contains(network)).cloned().collect(),
            insecure: self.insecure && file.insecure,
            read_only: self.read_only || file.read_only,
            because: self.because.clone(),
        }
    }
}

/// What of a line stands in the file: the whole of it, or what it has in common with others.
fn left_of(one: &Allow, file: &[Allow]) -> Vec<Allow> {
    let same = |other: &&Allow| (&other.methods, &other.paths) == (&one.methods, &one.paths);
    if file.iter().any(|other| same(&other)) {
        return vec![one.clone()];
    }
    file.iter().filter_map(|other| both(one, other)).collect()
}

/// The methods and paths that stand in both, letter by letter; none where there are none.
fn both(one: &Allow, other: &Allow) -> Option<Allow> {
    let common = |mine: &[String], theirs: &[String]| mine.iter().filter(|word| theirs.contains(word)).cloned().collect();
    let (methods, paths): (Vec<String>, Vec<String>) = (common(&one.methods, &other.methods), common(&one.paths, &other.paths));
    (!methods.is_empty() && !paths.is_empty()).then_some(Allow { methods, paths, reads: one.reads && other.reads })
}

fn nothing() -> Allow {
    Allow { methods: Vec::new(), paths: Vec::new(), reads: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written for what.
    type Edits<'a> = &'a [(&'a str, &'a str)];

    fn grants(toml: &str) -> Grants {
        toml::from_str(toml).expect("grants")
    }

    #[test]
    fn what_a_file_takes_away_is_gone_and_what_it_adds_waits() {
        let held = "[endpoints.api]\nbase = \"https://a.example\"\nnetworks = [\"10.0.0.0/8\", \"127.0.0.0/8\"]\ninsecure = true\n\
                    allow = [{ methods = [\"GET\", \"POST\"], paths = [\"/a\", \"/b\"] }]\n[folders.drop]\npath = \"in\"\naccess = \"read-write\"\n";
        let edits = |pairs: Edits<'_>| pairs.iter().fold(held.to_owned(), |text, (from, to)| text.replace(from, to));
        let table: [(Edits<'_>, Edits<'_>); 10] = [
            (&[], &[]),
            (&[("insecure", "read-only = true\ninsecure")], &[("insecure", "read-only = true\ninsecure")]),
            (&[("insecure = true\n", "")], &[("insecure = true\n", "")]),
            (&[("\"10.0.0.0/8\", ", "\"0.0.0.0/0\", ")], &[("\"10.0.0.0/8\", ", "")]),
            (&[("\"GET\", \"POST\"", "\"GET\", \"DELETE\"")], &[("\"GET\", \"POST\"", "\"GET\"")]),
            (&[("\"/a\", \"/b\"", "\"/b\", \"/c\"")], &[("\"/a\", \"/b\"", "\"/b\"")]),
            (&[("\"/a\", \"/b\"", "\"/c\"")], &[("[\"GET\", \"POST\"], paths = [\"/a\", \"/b\"]", "[], paths = []")]),
            (&[("read-write", "read")], &[("read-write", "read")]),
            // Elsewhere is more, and not less.
            (&[("a.example", "b.example"), ("\"in\"", "\"out\"")], &[]),
            (&[("allow = [{ methods = [\"GET\", \"POST\"], paths = [\"/a\", \"/b\"] }]", "")], &[]),
        ];
        for (edit, expected) in table {
            assert_eq!(grants(held).narrowed_to(&grants(&edits(edit))), grants(&edits(expected)), "{edit:?}");
        }
        let all = edits(&[("allow = [{ methods = [\"GET\", \"POST\"], paths = [\"/a\", \"/b\"] }]", "")]);
        assert_eq!(grants(&all).narrowed_to(&grants(held)), grants(held), "all, and then some of it");
        assert_eq!(grants(held).narrowed_to(&Grants::default()), Grants::default());
        // Lines that overlap: what both say is no line of its own.
        let overlap = edits(&[("[{ methods", "[{ methods = [\"GET\"], paths = [\"/a\"] }, { methods")]);
        assert_eq!(grants(&overlap).narrowed_to(&grants(&overlap)), grants(&overlap));
    }
}
