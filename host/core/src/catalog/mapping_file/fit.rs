//! What a field takes over there, and what to do with a value that it does not take: `max-length`, `characters`, `pattern`,
//! `values`, `precision`, `scale`; `misfit`, `mark`, `transform`.

use super::super::reader::{At, Table};
use super::super::{FieldInfo, FieldType, RemoteType};
use super::Between;
use crate::fit::{Characters, Constraints, MARK, Misfit, Pattern};
use crate::mapping::{self, Expression, Scope, Type};

/// The policies by name; what a policy needs besides is read with it.
#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Reject,
    Truncate,
    Transform,
}

const POLICIES: &[(&str, Policy)] =
    &[("reject", Policy::Reject), ("truncate", Policy::Truncate), ("transform", Policy::Transform)];

/// What is said in a mapping alone; `max-length` was always allowed on fields that only come in.
const KEYS: [&str; 8] = ["characters", "pattern", "values", "precision", "scale", "misfit", "mark", "transform"];

/// The field that a value goes to.
pub(super) struct Target<'t> {
    pub(super) remote: &'t At<String>,
    pub(super) kind: Option<&'t FieldType>,
    pub(super) info: Option<&'t FieldInfo>,
    pub(super) writes: bool,
    pub(super) sub_field: bool,
}

impl Between<'_, '_> {
    /// Discovered, narrowed by what is declared.
    pub(super) fn constraints(&mut self, table: &mut Table<'_>, target: &Target<'_>) -> Constraints {
        for key in KEYS.into_iter().filter(|key| !target.writes && table.has(key)) {
            self.file.error(
                table.key_span(key),
                "unused-key",
                format!("`{key}` has no use: no value goes out"),
                Some("leave it out, or change `direction`".to_owned()),
            );
        }
        let said = table.has("misfit");
        let mut constraints = Constraints {
            max_length: self.max_length(table, target),
            characters: self.compiled(table, "characters", Characters::new),
            pattern: self.compiled(table, "pattern", Pattern::new),
            values: self.values_of(table, target),
            precision: self.digits(table, "precision"),
            scale: self.digits(table, "scale"),
            misfit: Misfit::Reject,
            said,
        };
        constraints.misfit = self.misfit(table, target, &constraints);
        constraints
    }

    fn max_length(&self, table: &mut Table<'_>, target: &Target<'_>) -> Option<u32> {
        let there = target.info.and_then(|info| info.max_length);
        let declared = table.number("max-length");
        if let (Some(declared), Some(there)) = (&declared, there)
            && declared.value > u64::from(there)
        {
            self.file.error(
                declared.span.clone(),
                "too-long",
                format!("`{}` takes {there} characters there", target.remote.value),
                Some(format!("max-length = {there}")),
            );
        }
        declared.and_then(|number| u32::try_from(number.value).ok()).or(there)
    }

    fn values_of(&self, table: &mut Table<'_>, target: &Target<'_>) -> Vec<String> {
        let declared = table.strings("values");
        match target.info.filter(|info| info.kind == RemoteType::Enum) {
            Some(info) if declared.is_empty() => info.values.clone(),
            _ => declared,
        }
    }

    fn digits(&self, table: &mut Table<'_>, key: &'static str) -> Option<u32> {
        table.number(key).and_then(|number| u32::try_from(number.value).ok())
    }

    fn compiled<T>(&self, table: &mut Table<'_>, key: &'static str, compile: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = table.text(key)?;
        compile(&text.value)
            .map_err(|why| self.file.error(text.span, "wrong-value", format!("`{key}` cannot be used: {why}"), None))
            .ok()
    }

    fn misfit(&mut self, table: &mut Table<'_>, target: &Target<'_>, constraints: &Constraints) -> Misfit {
        let policy = table.word("misfit", POLICIES);
        let (mark, transform) = (table.text("mark"), table.text("transform"));
        let chosen = policy.as_ref().map_or(Policy::Reject, |policy| policy.value);
        for (key, given, wanted) in [("mark", &mark, Policy::Truncate), ("transform", &transform, Policy::Transform)] {
            if let (Some(given), true) = (given, chosen != wanted) {
                let word = POLICIES.iter().find(|(_, policy)| *policy == wanted).map_or("", |(word, _)| word);
                self.file.error(
                    given.span.clone(),
                    "unused-key",
                    format!("`{key}` belongs to misfit = \"{word}\""),
                    Some(format!("add misfit = \"{word}\", or leave `{key}` out")),
                );
            }
        }
        let Some(policy) = policy.filter(|policy| policy.value != Policy::Reject) else { return Misfit::Reject };
        if target.sub_field {
            self.file.error(
                policy.span,
                "wrong-value",
                "elements of a list are written as they are, or not at all",
                Some("misfit = \"reject\", which is the default".to_owned()),
            );
            return Misfit::Reject;
        }
        match policy.value {
            Policy::Truncate => self.truncate(&policy.span, mark, target, constraints),
            _ => self.transform(&policy.span, transform, target),
        }
    }

    fn truncate(
        &self,
        span: &std::ops::Range<usize>,
        mark: Option<At<String>>,
        target: &Target<'_>,
        constraints: &Constraints,
    ) -> Misfit {
        let name = &target.remote.value;
        let another = matches!(target.info.map(|info| info.kind), Some(RemoteType::Email | RemoteType::Phone | RemoteType::Url))
            || matches!(target.kind, Some(FieldType::Email | FieldType::Phone | FieldType::Url));
        if another {
            self.file.error(
                span.clone(),
                "wrong-value",
                format!("`{name}` holds an address, and the beginning of one is another"),
                Some("misfit = \"reject\", or \"transform\" with an operation that gives a shorter one".to_owned()),
            );
        }
        let Some(max) = constraints.max_length else {
            self.file.error(
                span.clone(),
                "no-limit",
                format!("nothing says how long `{name}` may be, so nothing can be cut"),
                Some("add max-length = 100".to_owned()),
            );
            return Misfit::Reject;
        };
        let place = mark.as_ref().map_or(span.clone(), |mark| mark.span.clone());
        let mark = mark.map_or_else(|| MARK.to_owned(), |mark| mark.value);
        if mark.chars().count() >= max as usize {
            self.file.error(
                place,
                "wrong-value",
                format!("the mark leaves no room: `{name}` takes {max} characters"),
                Some("a shorter mark, or mark = \"\" for none".to_owned()),
            );
        }
        Misfit::Truncate(mark)
    }

    fn transform(&mut self, span: &std::ops::Range<usize>, text: Option<At<String>>, target: &Target<'_>) -> Misfit {
        let Some(text) = text else {
            self.file.error(
                span.clone(),
                "missing-key",
                "`transform` is missing: what is done with a value that does not fit",
                Some("transform = \"collapse | truncate(100)\"".to_owned()),
            );
            return Misfit::Reject;
        };
        let kind = target.info.map_or(Type::Any, |info| Type::of_remote(info.kind));
        let compiled = {
            let types = |_: &str| kind;
            let mut scope =
                Scope { own: Some(""), lookups: self.known.lookups, functions: None, externals: &mut Vec::new(), types: &types };
            mapping::compile(&text.value, &mut scope)
        };
        match compiled {
            Ok(operations) => {
                self.value_alone(&text, &operations);
                Misfit::Transform(operations)
            }
            Err(issues) => {
                self.issues(&text, issues);
                Misfit::Reject
            }
        }
    }

    /// Operations of `transform` know the value that would go out, and nothing else.
    fn value_alone(&self, text: &At<String>, operations: &Expression) {
        for path in operations.paths().iter().filter(|path| !path.is_empty()) {
            let at = text.value.find(path.as_str()).unwrap_or(0);
            self.file.error(
                self.file.within(text, at, path.len()),
                "unknown-field",
                format!("`transform` works on the value that would go out: there is no `{path}`"),
                Some("begin with an operation: transform = \"collapse | truncate(100)\"".to_owned()),
            );
        }
    }
}
