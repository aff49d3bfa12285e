//! Paths and expressions, looked up in the schema of the side that they are about.

use std::collections::BTreeMap;

use super::super::entity::did_you_mean;
use super::super::reader::At;
use super::super::{FieldInfo, FieldType, RemoteType, StreamInfo};
use super::Between;
use crate::mapping::{self, Expression, Issue, Predicate, Scope, Type};

/// Whose paths an expression looks at.
#[derive(Clone, Copy)]
pub(super) enum Side<'s> {
    Remote,
    Canonical,
    /// Elements of a remote list.
    Elements(&'s str),
    /// Elements that are things of their own: the paths are those of their stream.
    Children,
    /// Sub-fields of a canonical list.
    SubFields(&'s BTreeMap<String, FieldType>),
}

/// Names said at once.
const NAMES_MAX: usize = 12;

/// What to do about a field that is not there, and like no other.
fn offered(stream: &StreamInfo, names: &[String]) -> String {
    let more = if names.len() > NAMES_MAX { format!(" and {} more", names.len() - NAMES_MAX) } else { String::new() };
    let names: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    format!(
        "`{}` has {}{more}: correct the name, or take it out; where it is new there, `nave connection discover NAME --save` asks again",
        stream.name,
        names.join(", ")
    )
}

impl<'k> Between<'k, '_> {
    pub(super) fn read_only(&self, path: &At<String>) {
        self.file.error(
            path.span.clone(),
            "read-only",
            format!("`{}` cannot be written there", path.value),
            Some("direction = \"in\"".to_owned()),
        );
    }

    /// A remote path, known or noted as unknown.
    pub(super) fn remote(&self, path: &At<String>) -> Found<'k> {
        let Some(stream) = self.stream.filter(|stream| !stream.fields.is_empty()) else {
            return Found { value: path.value.clone(), info: None };
        };
        match remote_field(stream, &path.value) {
            Remote::Field(info) => Found { value: path.value.clone(), info: Some(info) },
            Remote::Within => Found { value: path.value.clone(), info: None },
            Remote::Unknown => {
                let names: Vec<String> = stream.fields.iter().map(|field| field.path.clone()).collect();
                self.file.error(
                    path.span.clone(),
                    "unknown-remote-field",
                    format!("`{}` has no field `{}`", stream.name, path.value),
                    did_you_mean(&path.value, &names).or_else(|| Some(offered(stream, &names))),
                );
                Found { value: path.value.clone(), info: None }
            }
        }
    }

    pub(super) fn issues(&self, text: &At<String>, issues: Vec<Issue>) {
        for issue in issues {
            let span = self.file.within(text, issue.offset, issue.length.max(1));
            self.file.error(span, issue.code, issue.message, issue.help);
        }
    }

    fn type_at(&self, side: Side<'_>, path: &str) -> Type {
        match side {
            Side::Remote | Side::Children => match self.stream.map(|stream| remote_field(stream, path)) {
                Some(Remote::Field(info)) => Type::of_remote(info.kind),
                _ => Type::Any,
            },
            Side::Elements(list) => match self.stream.map(|stream| remote_field(stream, &format!("{list}.{path}"))) {
                Some(Remote::Field(info)) => Type::of_remote(info.kind),
                _ => Type::Any,
            },
            Side::Canonical => {
                canonical_type(&self.entity.fields.iter().map(|(name, field)| (name.as_str(), &field.kind)).collect(), path)
                    .unwrap_or(Type::Any)
            }
            Side::SubFields(fields) => fields.get(path).map_or(Type::Any, Type::of_field),
        }
    }

    /// Notes paths that are not there.
    pub(super) fn paths(&self, text: &At<String>, paths: &[String], side: Side<'_>) {
        for path in paths {
            let at = text.value.find(path.as_str()).unwrap_or(0);
            let span = self.file.within(text, at, path.len());
            match side {
                Side::Remote | Side::Children => {
                    self.remote(&At { value: path.clone(), span });
                }
                Side::Elements(list) => {
                    let Some(stream) = self.stream else { continue };
                    let inside: Vec<String> = stream
                        .fields
                        .iter()
                        .filter_map(|field| field.path.strip_prefix(list)?.strip_prefix('.').map(str::to_owned))
                        .collect();
                    let found = inside.is_empty()
                        || path.is_empty()
                        || inside.iter().any(|known| {
                            known == path || path.starts_with(&format!("{known}.")) || known.starts_with(&format!("{path}."))
                        });
                    if !found {
                        self.file.error(
                            span,
                            "unknown-remote-field",
                            format!("elements of `{list}` have no field `{path}`"),
                            did_you_mean(path, &inside),
                        );
                    }
                }
                Side::Canonical => {
                    let fields: BTreeMap<&str, &FieldType> =
                        self.entity.fields.iter().map(|(name, field)| (name.as_str(), &field.kind)).collect();
                    if canonical_type(&fields, path).is_none() {
                        self.file.error(
                            span,
                            "unknown-field",
                            format!("{} has no field `{path}`", self.entity.name),
                            did_you_mean(path, self.entity.fields.keys()),
                        );
                    }
                }
                Side::SubFields(fields) => {
                    if !fields.contains_key(path) {
                        self.file.error(
                            span,
                            "unknown-field",
                            format!("the elements have no sub-field `{path}`"),
                            did_you_mean(path, fields.keys()),
                        );
                    }
                }
            }
        }
    }

    pub(super) fn expression(
        &mut self,
        text: &At<String>,
        own: Option<&str>,
        side: Side<'_>,
        functions: bool,
    ) -> Option<Expression> {
        let mut externals = std::mem::take(&mut self.externals);
        let before = externals.len();
        let compiled = {
            let types = |path: &str| self.type_at(side, path);
            let mut scope = Scope {
                own,
                lookups: self.known.lookups,
                functions: functions.then_some(self.known.functions),
                externals: &mut externals,
                types: &types,
            };
            mapping::compile(&text.value, &mut scope)
        };
        let new: Vec<String> = externals[before..].iter().flat_map(|call| &call.arguments).flat_map(Expression::paths).collect();
        self.externals = externals;
        match compiled {
            Ok(expression) => {
                let mut paths = expression.paths();
                paths.extend(new);
                // The field's own path is checked where it is written.
                paths.retain(|path| Some(path.as_str()) != own);
                if own.is_some_and(|own| self.meant_operation(text, own, side)) {
                    return None;
                }
                self.paths(text, &paths, side);
                Some(expression)
            }
            Err(mut issues) => {
                for issue in &mut issues {
                    let name = text.value.get(issue.offset..issue.offset + issue.length).unwrap_or_default();
                    if issue.code == "unknown-operation" && self.known.functions.contains_key(name) {
                        issue.message =
                            format!("`{name}` is a plugin's function, and those can only be called in `in` of a [[field]]");
                        issue.help = None;
                    }
                }
                self.issues(text, issues);
                None
            }
        }
    }

    /// A word at the beginning of a pipe is a field where it is no operation. Where it is nearly one, and no field that is known, an
    /// operation was meant: whether that is an error. Where nothing is known of the fields, it is a warning.
    fn meant_operation(&self, text: &At<String>, own: &str, side: Side<'_>) -> bool {
        let head = text.value.split('|').next().unwrap_or_default();
        let word = head.trim();
        let plain = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || word == own || mapping::OPERATIONS.iter().any(|(name, ..)| *name == word) {
            return false;
        }
        let Some(near) = mapping::nearest(word, mapping::OPERATIONS.iter().map(|(name, ..)| *name)) else { return false };
        let fields = match side {
            Side::Remote | Side::Children => self.stream.map(|stream| !matches!(remote_field(stream, word), Remote::Unknown)),
            Side::Elements(_) => None,
            Side::Canonical => {
                let fields = self.entity.fields.iter().map(|(name, field)| (name.as_str(), &field.kind)).collect();
                Some(canonical_type(&fields, word).is_some())
            }
            Side::SubFields(fields) => Some(fields.contains_key(word)),
        };
        let at = head.len() - head.trim_start().len();
        let span = self.file.within(text, at, word.len());
        match fields {
            Some(true) => false,
            Some(false) => {
                let message = format!("`{word}` is neither an operation nor a field");
                self.file.error(span, "unknown-operation", message, Some(format!("did you mean `{near}`?")));
                true
            }
            None => {
                let message = format!("`{word}` is no operation, and is taken for a field of its name");
                let help = format!("did you mean `{near}`? A field stands in back quotes: `` `{word}` ``");
                self.file.warning(span, "unknown-operation", message, Some(help));
                false
            }
        }
    }

    pub(super) fn predicate(&mut self, text: &At<String>, side: Side<'_>) -> Option<Predicate> {
        let compiled = {
            let types = |path: &str| self.type_at(side, path);
            let mut scope =
                Scope { own: None, lookups: self.known.lookups, functions: None, externals: &mut Vec::new(), types: &types };
            mapping::compile_predicate(&text.value, &mut scope)
        };
        match compiled {
            Ok(predicate) => {
                self.paths(text, &predicate.paths(), side);
                Some(predicate)
            }
            Err(issues) => {
                self.issues(text, issues);
                None
            }
        }
    }
}

pub(super) struct Found<'k> {
    pub(super) value: String,
    pub(super) info: Option<&'k FieldInfo>,
}

pub(super) enum Remote<'k> {
    Field(&'k FieldInfo),
    /// Below or above a field that is known: what is there is not described.
    Within,
    Unknown,
}

pub(super) fn remote_field<'k>(stream: &'k StreamInfo, path: &str) -> Remote<'k> {
    if let Some(info) = stream.fields.iter().find(|field| field.path == path) {
        return Remote::Field(info);
    }
    let below = |field: &FieldInfo| {
        path.strip_prefix(&field.path).is_some_and(|rest| rest.starts_with('.'))
            && matches!(field.kind, RemoteType::Object | RemoteType::Json | RemoteType::List | RemoteType::Reference)
    };
    let above = |field: &FieldInfo| field.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    if stream.fields.iter().any(|field| below(field) || above(field)) { Remote::Within } else { Remote::Unknown }
}

/// Type at a canonical path: a field, or something inside one.
fn canonical_type(fields: &BTreeMap<&str, &FieldType>, path: &str) -> Option<Type> {
    if let Some(kind) = fields.get(path) {
        return Some(Type::of_field(kind));
    }
    path.rmatch_indices('.').find_map(|(at, _)| match (fields.get(&path[..at])?, &path[at + 1..]) {
        (FieldType::Money, "amount") => Some(Type::Decimal),
        (FieldType::Money, "currency") => Some(Type::Text),
        (FieldType::Object | FieldType::File | FieldType::List { .. }, _) => Some(Type::Any),
        _ => None,
    })
}
