//! `[[field]]`, and what it shares with the sub-fields of a list.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::entity::did_you_mean;
use super::super::reader::{At, Table};
use super::super::{Clear, Direction, FieldInfo, FieldMapping, FieldType, Note, RemoteType};
use super::scope::Side;
use super::{Between, DIRECTIONS, fit};
use crate::mapping::{Expression, Type};

const CLEARS: &[(&str, Clear)] =
    &[("null", Clear::Null), ("empty-text", Clear::EmptyText), ("omit", Clear::Omit), ("cannot", Clear::Cannot)];

impl Between<'_, '_> {
    pub(super) fn field(&mut self, mut table: Table<'_>) -> Option<FieldMapping> {
        let remote = table.needed("remote", "the path over there: remote = \"properties.email\"")?;
        let direction = table.word("direction", DIRECTIONS);
        let info = self.remote(&remote).info;
        if direction.is_none() && !table.has("direction") {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "`direction` is missing",
                Some("direction = \"in\", \"out\", \"both\" or \"ignore\"".to_owned()),
            );
        }
        let canonical = table.text("canonical");
        if let (Some(direction), None) = (&direction, &canonical)
            && direction.value != Direction::Ignore
            && !table.has("canonical")
        {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "`canonical` is missing",
                Some(format!("name a field of {}, or use direction = \"ignore\" with `because`", self.entity.name)),
            );
        }
        let kind = canonical.as_ref().and_then(|canonical| match self.entity.fields.get(&canonical.value) {
            Some(field) => {
                if matches!(field.kind, FieldType::List { .. }) && info.is_some_and(|info| info.kind == RemoteType::List) {
                    self.file.error(
                        canonical.span.clone(),
                        "wrong-shape",
                        format!("`{}` is a list of elements with sub-fields", canonical.value),
                        Some("map it with [[list]] and [[list.field]]".to_owned()),
                    );
                }
                Some(field.kind.clone())
            }
            None => {
                self.file.error(
                    canonical.span.clone(),
                    "unknown-field",
                    format!("{} has no field `{}`", self.entity.name, canonical.value),
                    did_you_mean(&canonical.value, self.entity.fields.keys()),
                );
                None
            }
        });
        let direction = direction.map(|direction| direction.value);
        self.rest_of_field(table, remote, canonical, kind, direction, info, Side::Remote, Side::Canonical)
    }

    #[expect(clippy::too_many_arguments, reason = "what fields and sub-fields share, once both have found their names")]
    pub(super) fn rest_of_field(
        &mut self,
        mut table: Table<'_>,
        remote: At<String>,
        canonical: Option<At<String>>,
        kind: Option<FieldType>,
        direction: Option<Direction>,
        info: Option<&FieldInfo>,
        there: Side<'_>,
        here: Side<'_>,
    ) -> Option<FieldMapping> {
        let because = table.text("because");
        let sub_field = matches!(there, Side::Elements(_) | Side::Children);
        if let Some(word @ (Direction::Both | Direction::Ignore)) = direction
            && because.is_none()
            && !sub_field
        {
            let name = if word == Direction::Both { "both" } else { "ignore" };
            let help = if word == Direction::Both {
                "say who edits it where: because = \"…\""
            } else {
                "say why it stays there: because = \"…\""
            };
            self.file.error(
                table.key_span("direction"),
                "missing-because",
                format!("direction = \"{name}\" needs `because`"),
                Some(help.to_owned()),
            );
        }
        let text_in = table.text("in");
        let text_out = table.text("out");
        for (text, fits, key) in [
            (&text_in, direction.is_none_or(Direction::reads), "in"),
            (&text_out, direction.is_none_or(Direction::writes), "out"),
        ] {
            if let (Some(text), false) = (text, fits) {
                self.file.error(
                    text.span.clone(),
                    "unused-key",
                    format!("`{key}` has no use: no value goes {key}"),
                    Some("leave it out, or change `direction`".to_owned()),
                );
            }
        }
        if direction.is_some_and(Direction::writes) && info.is_some_and(|info| info.read_only) {
            self.read_only(&remote);
        }

        let target = kind.as_ref().map_or(Type::Any, Type::of_field);
        let remote_type = info.map_or(Type::Any, |info| Type::of_remote(info.kind));
        let mut failed = false;
        let read = match (&text_in, direction.is_some_and(Direction::reads)) {
            (_, false) => None,
            (None, true) => Some(Expression::path(&remote.value, remote_type)),
            (Some(text), true) => {
                let expression = self.expression(text, Some(&remote.value), there, !sub_field);
                failed |= expression.is_none();
                expression
            }
        };
        if let Some(read) = &read {
            self.fits(read.gives(), target, text_in.as_ref().map_or(&remote.span, |text| &text.span), canonical.as_ref(), "in");
            if direction == Some(Direction::Both) && read.invents() {
                let span = text_in.as_ref().map_or(remote.span.clone(), |text| text.span.clone());
                self.file.error(
                    span,
                    "default-on-both",
                    "`default` is refused on `both`: it would write invented data back",
                    Some("leave it out, or use direction = \"in\"".to_owned()),
                );
                failed = true;
            }
        }
        let write = match (&canonical, direction.is_some_and(Direction::writes)) {
            (Some(canonical), true) => {
                match (&text_out, &read) {
                    (Some(text), _) => self.expression(text, Some(&canonical.value), here, false),
                    (None, Some(read)) if !failed => match read.invert(&remote.value, &canonical.value) {
                        Ok(inverse) if inverse.is_path() => Some(Expression::path(&canonical.value, target)),
                        Ok(inverse) => Some(inverse),
                        Err(why) => {
                            let span = text_in.as_ref().map_or(remote.span.clone(), |text| text.span.clone());
                            self.file.error(
                                span,
                                "no-inverse",
                                format!("there is no way back out: {why}"),
                                Some("write the way back: out = \"…\", or use direction = \"in\"".to_owned()),
                            );
                            None
                        }
                    },
                    (None, Some(_)) => None,
                    (None, None) if failed => None,
                    // It only goes out, as it is.
                    (None, None) => Some(Expression::path(&canonical.value, target)),
                }
            }
            _ => None,
        };
        if let Some(write) = write.as_ref().filter(|_| !info.is_some_and(|info| info.read_only)) {
            let span = text_out.as_ref().map_or(&remote.span, |text| &text.span);
            self.fits(write.gives(), remote_type, span, Some(&remote), "out");
        }

        let target = fit::Target {
            remote: &remote,
            kind: kind.as_ref(),
            info,
            writes: direction.is_some_and(Direction::writes),
            sub_field,
        };
        let constraints = self.constraints(&mut table, &target);
        let note = Note {
            comment: table.plain("comment"),
            approved_by: table.plain("approved-by"),
            approved_on: table.plain("approved-on"),
        };
        let clear = table.word("clear", CLEARS).map_or_else(Clear::default, |word| word.value);
        table.finish();
        let direction = direction?;
        // A field with a mistake is kept, so that the mapping as a whole is judged as it was meant.
        let paths = |expression: &Option<Expression>| expression.as_ref().map(Expression::paths).unwrap_or_default();
        Some(FieldMapping {
            canonical: canonical.map(|canonical| canonical.value).filter(|_| direction != Direction::Ignore),
            inputs: paths(&read),
            outputs: if matches!(here, Side::Canonical) { self.roots(paths(&write)) } else { paths(&write) },
            remote: remote.value,
            direction,
            read,
            write,
            clear,
            constraints,
            because: because.map(|because| because.value),
            note,
        })
    }

    /// The canonical fields that these paths lie in: `price.amount` is of `price`.
    fn roots(&self, paths: Vec<String>) -> Vec<String> {
        let known = |name: &str| self.entity.fields.contains_key(name);
        let mut roots: Vec<String> = Vec::new();
        for path in paths {
            let inside = || path.rmatch_indices('.').map(|(at, _)| &path[..at]).find(|root| known(root)).map(str::to_owned);
            let root = if known(&path) { None } else { inside() }.unwrap_or(path);
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
        roots
    }

    fn fits(&self, from: Type, to: Type, span: &Range<usize>, target: Option<&At<String>>, way: &str) {
        if from.fits(to) {
            return;
        }
        let target = target.map_or("", |target| target.value.as_str());
        let article = if way == "in" { "holds" } else { "takes, over there," };
        self.file.error(
            span.clone(),
            "type-mismatch",
            format!("this gives {}, and `{target}` {article} {}", from.name(), to.name()),
            from.advice(to).map(|advice| {
                if way == "in" {
                    advice.to_owned()
                } else {
                    format!("{advice} to `out`").replace("add `| ", "add `out = \"… | ").replace("` to `out`", "\"`")
                }
            }),
        );
    }

    /// Two fields that would write the same place.
    pub(super) fn clashes(&self, fields: &[FieldMapping], places: &[Range<usize>]) {
        let mut claimed: BTreeMap<&str, &str> = BTreeMap::new();
        let mut written: BTreeMap<&str, &str> = BTreeMap::new();
        for (field, place) in fields.iter().zip(places) {
            let Some(canonical) = &field.canonical else {
                continue;
            };
            if field.direction.reads()
                && let Some(other) = claimed.insert(canonical, &field.remote)
            {
                self.file.error(
                    place.clone(),
                    "claimed-twice",
                    format!("`{other}` and `{}` both claim `{canonical}`", field.remote),
                    Some(format!("claim it once: in = \"coalesce({other}, {})\"", field.remote)),
                );
            }
            if field.direction.writes()
                && let Some(other) = written.insert(&field.remote, canonical)
            {
                self.file.error(
                    place.clone(),
                    "written-twice",
                    format!("`{other}` and `{canonical}` are both written to `{}`", field.remote),
                    Some("write it once, with out = \"…\"".to_owned()),
                );
            }
        }
    }
}
