//! `mappings/*.toml`: a stream ↔ an entity, checked against both of their schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use super::coverage::coverage;
use super::entity::did_you_mean;
use super::reader::{At, File, Table, json};
use super::{
    Clear, DeletePolicy, Direction, DuplicatePolicy, Entity, FieldInfo, FieldMapping, FieldType, FlowIn, FlowOut, Hub,
    ListMapping, Mapping, OnLeave, RemoteType, StreamInfo,
};
use crate::manifest::Function;
use crate::mapping::{self, Expression, External, Issue, Predicate, Scope, Type};
use crate::value::Value;

/// What a mapping is checked against.
pub(super) struct Known<'k> {
    pub(super) hub: &'k Hub,
    pub(super) entities: &'k BTreeMap<String, Arc<Entity>>,
    /// Also those whose files have mistakes of their own.
    pub(super) connection_names: &'k BTreeSet<String>,
    pub(super) streams: &'k dyn Fn(&str) -> Option<&'k [StreamInfo]>,
    pub(super) lookups: &'k BTreeMap<String, Arc<mapping::Table>>,
    pub(super) functions: &'k BTreeMap<String, Function>,
}

const DIRECTIONS: &[(&str, Direction)] =
    &[("in", Direction::In), ("out", Direction::Out), ("both", Direction::Both), ("ignore", Direction::Ignore)];
const CLEARS: &[(&str, Clear)] =
    &[("null", Clear::Null), ("empty-text", Clear::EmptyText), ("omit", Clear::Omit), ("cannot", Clear::Cannot)];
/// How soon, where a flow does not say.
const FRESHNESS_MS: u64 = 3_600_000;

/// The schemas that one mapping stands between, and what was found while reading it.
struct Between<'k, 'f> {
    file: &'f File<'f>,
    known: &'k Known<'k>,
    entity: &'k Entity,
    stream: Option<&'k StreamInfo>,
    externals: Vec<External>,
}

/// `None` when connection, stream or entity do not resolve: nothing else can be checked then.
pub(super) fn read<'k>(file: &File<'_>, mut table: Table<'_>, known: &'k Known<'k>) -> Option<Mapping> {
    let connection = table.needed("connection", "the connection's file name: connection = \"crm\"");
    let stream = table.needed("stream", "a stream of the connection: stream = \"contacts\"");
    let entity = table.needed("entity", "a canonical type: entity = \"contact\"");
    if let Some(connection) = &connection
        && !known.connection_names.contains(&connection.value)
    {
        let help = did_you_mean(&connection.value, known.connection_names)
            .or_else(|| Some(format!("add connections/{}.toml with `nave connection add`", connection.value)));
        file.error(connection.span.clone(), "unknown-connection", format!("there is no connection `{}`", connection.value), help);
    }
    let known_entity = entity.as_ref().and_then(|entity| {
        let found = known.entities.get(&entity.value);
        if found.is_none() {
            let help = did_you_mean(&entity.value, known.entities.keys())
                .or_else(|| Some(format!("known are {}", known.entities.keys().cloned().collect::<Vec<_>>().join(", "))));
            file.error(entity.span.clone(), "unknown-entity", format!("there is no entity `{}`", entity.value), help);
        }
        found
    });
    let (connection, stream, known_entity) = (connection?, stream?, known_entity?);
    let streams = (known.streams)(&connection.value);
    let stream_info = streams.and_then(|streams| {
        let found = streams.iter().find(|info| info.name == stream.value);
        if found.is_none() {
            let names: Vec<String> = streams.iter().map(|info| info.name.clone()).collect();
            let help = did_you_mean(&stream.value, &names).unwrap_or_else(|| format!("it has {}", names.join(", ")));
            file.error(
                stream.span.clone(),
                "unknown-stream",
                format!("`{}` offers no stream `{}`", connection.value, stream.value),
                Some(help),
            );
        }
        found
    });
    let mut between = Between { file, known, entity: known_entity, stream: stream_info, externals: Vec::new() };

    let steward = table.plain("steward");
    let mut flow_in = None;
    let mut flow_out = None;
    if let Some(mut flow) = table.table("flow") {
        flow_in = flow.table("in").map(|inner| between.flow_in(inner));
        flow_out = flow.table("out").map(|inner| between.flow_out(inner));
        flow.finish();
    }
    let id = table.text("id").and_then(|text| between.expression(&text, None, Side::Remote, false));
    let constants = between.constants(&mut table);
    if let Some(flow) = &mut flow_out {
        flow.create = table.flag("create").unwrap_or(true);
        flow.marker = between.lookup_path(&mut table, "marker");
        flow.natural_key = between.lookup_path(&mut table, "natural-key");
        flow.required = table.texts("required").into_iter().map(|path| between.remote(&path).value).collect();
    } else {
        for key in ["create", "marker", "natural-key", "required"] {
            if table.has(key) {
                file.error(
                    table.key_span(key),
                    "no-flow",
                    format!("`{key}` is about writing, and nothing is written"),
                    Some("add [flow.out]".to_owned()),
                );
            }
        }
        table.flag("create");
        table.text("marker");
        table.text("natural-key");
        table.texts("required");
    }
    let duplicates =
        table.word("duplicates", &[("keep-in-step", DuplicatePolicy::KeepInStep), ("review", DuplicatePolicy::Review)]);
    let delete = table.word(
        "delete",
        &[("ignore", DeletePolicy::Ignore), ("detach", DeletePolicy::Detach), ("propagate", DeletePolicy::Propagate)],
    );

    let mut fields = Vec::new();
    let mut places: Vec<Range<usize>> = Vec::new();
    for inner in table.tables("field") {
        let span = inner.key_span("remote");
        if let Some(field) = between.field(inner) {
            fields.push(field);
            places.push(span);
        }
    }
    let lists: Vec<ListMapping> = table.tables("list").into_iter().filter_map(|inner| between.list(inner)).collect();
    table.finish();
    between.clashes(&fields, &places);

    let mapping = Mapping {
        name: file.stem().to_owned(),
        alias: stream.value.clone(),
        connection: connection.value,
        stream: stream.value,
        entity: entity?.value,
        steward: steward.unwrap_or_else(|| known_entity.steward.clone()),
        id,
        flow_in,
        flow_out,
        fields,
        lists,
        externals: between.externals,
        constants,
        duplicates: duplicates.map_or_else(Default::default, |word| word.value),
        delete: delete.map_or_else(Default::default, |word| word.value),
        digest: String::new(),
    };
    whole(file, &mapping, stream_info);
    Some(mapping)
}

/// What can only be said about the mapping as a whole.
fn whole(file: &File<'_>, mapping: &Mapping, stream: Option<&StreamInfo>) {
    let directions = || mapping.fields.iter().map(|field| field.direction).chain(mapping.lists.iter().map(|list| list.direction));
    if mapping.flow_in.is_none() && directions().any(Direction::reads) {
        file.warning(
            0..0,
            "no-flow",
            "fields come in, but nothing is read",
            Some("add [flow.in] with freshness = \"1h\"".to_owned()),
        );
    }
    if mapping.flow_out.is_none() && directions().any(Direction::writes) {
        file.warning(
            0..0,
            "no-flow",
            "fields go out, but nothing is written",
            Some("add [flow.out] with freshness = \"5m\"".to_owned()),
        );
    }
    let Some(stream) = stream else { return };
    if mapping.flow_in.is_some() && !stream.capabilities.readable {
        file.error(0..0, "not-readable", format!("`{}` cannot be read", stream.name), Some("leave [flow.in] out".to_owned()));
    }
    if let Some(flow) = &mapping.flow_out {
        if !stream.capabilities.writable {
            file.error(
                0..0,
                "not-writable",
                format!("`{}` cannot be written", stream.name),
                Some("leave [flow.out] out, and let fields go `in`".to_owned()),
            );
        }
        let written = |path: &str| {
            mapping.fields.iter().any(|field| field.direction.writes() && field.remote == path)
                || mapping.lists.iter().any(|list| list.direction.writes() && list.remote == path)
                || mapping.constants.contains_key(path)
                || flow.marker.as_deref() == Some(path)
        };
        for field in stream
            .fields
            .iter()
            .filter(|field| flow.create && field.required && !field.read_only && !inside_list(stream, &field.path))
        {
            if !written(&field.path) {
                file.error(
                    0..0,
                    "required-field",
                    format!("`{}` is required there, and nothing is written to it", field.path),
                    Some(format!("map it with direction out or both, give it a constant, or set create = false: constants = {{ \"{}\" = \"…\" }}", field.path)),
                );
            }
        }
    }
    let coverage = coverage(mapping, stream);
    if !coverage.unmapped.is_empty() {
        let shown: Vec<String> = coverage.unmapped.iter().take(10).map(|path| format!("`{path}`")).collect();
        let more = coverage.unmapped.len().saturating_sub(10);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        file.warning(
            0..0,
            "coverage",
            format!(
                "{} of {} fields are neither mapped nor ignored: {}{more}",
                coverage.unmapped.len(),
                stream.fields.len(),
                shown.join(", ")
            ),
            Some("map each, or say why not: direction = \"ignore\" with `because`".to_owned()),
        );
    }
}

fn inside_list(stream: &StreamInfo, path: &str) -> bool {
    path.match_indices('.')
        .any(|(at, _)| stream.fields.iter().any(|field| field.kind == RemoteType::List && field.path == path[..at]))
}

/// Whose paths an expression looks at.
#[derive(Clone, Copy)]
enum Side<'s> {
    Remote,
    Canonical,
    /// Elements of a remote list.
    Elements(&'s str),
    /// Sub-fields of a canonical list.
    SubFields(&'s BTreeMap<String, FieldType>),
}

impl<'k> Between<'k, '_> {
    fn flow_in(&mut self, mut table: Table<'_>) -> FlowIn {
        let flow = FlowIn {
            freshness_ms: table.duration("freshness").unwrap_or(FRESHNESS_MS),
            filter: table.text("filter").and_then(|text| self.predicate(&text, Side::Remote)),
            process: self.process(&mut table),
        };
        table.finish();
        flow
    }

    fn flow_out(&mut self, mut table: Table<'_>) -> FlowOut {
        let flow = FlowOut {
            freshness_ms: table.duration("freshness").unwrap_or(FRESHNESS_MS),
            filter: table.text("filter").and_then(|text| self.predicate(&text, Side::Canonical)),
            on_leave: table.word("on-leave", &[("keep", OnLeave::Keep)]).map_or_else(OnLeave::default, |word| word.value),
            process: self.process(&mut table),
            ..FlowOut::default()
        };
        table.finish();
        flow
    }

    fn process(&self, table: &mut Table<'_>) -> Option<String> {
        let process = table.text("process")?;
        let processes = &self.known.hub.processes;
        if !processes.is_empty() && !processes.contains_key(&process.value) {
            self.file.error(
                process.span,
                "unknown-process",
                format!("nave.toml has no process `{}`", process.value),
                did_you_mean(&process.value, processes.keys()),
            );
        }
        Some(process.value)
    }

    fn constants(&self, table: &mut Table<'_>) -> BTreeMap<String, Value> {
        let Some(inner) = table.table("constants") else {
            return BTreeMap::new();
        };
        let mut out = BTreeMap::new();
        for (path, value) in inner.entries() {
            let path = At { value: path.value.to_owned(), span: path.span };
            if let Some(info) = self.remote(&path).info
                && info.read_only
            {
                self.read_only(&path);
            }
            out.insert(path.value, Value::from_json(&json(value.get_ref())));
        }
        out
    }

    fn lookup_path(&self, table: &mut Table<'_>, key: &'static str) -> Option<String> {
        let path = table.text(key)?;
        self.remote(&path);
        if let Some(stream) = self.stream
            && !stream.capabilities.searchable.contains(&path.value)
        {
            let help = match stream.capabilities.searchable.as_slice() {
                [] => "the plugin can find nothing by a value; a lost answer will wait for a person".to_owned(),
                paths => format!("it can find things by {}", paths.join(", ")),
            };
            self.file.warning(
                path.span,
                "not-searchable",
                format!("`{}` cannot be searched for in `{}`", path.value, stream.name),
                Some(help),
            );
        }
        Some(path.value)
    }

    fn read_only(&self, path: &At<String>) {
        self.file.error(
            path.span.clone(),
            "read-only",
            format!("`{}` cannot be written there", path.value),
            Some("direction = \"in\"".to_owned()),
        );
    }

    /// A remote path, known or noted as unknown.
    fn remote(&self, path: &At<String>) -> Found<'k> {
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
                    did_you_mean(&path.value, &names),
                );
                Found { value: path.value.clone(), info: None }
            }
        }
    }

    fn issues(&self, text: &At<String>, issues: Vec<Issue>) {
        for issue in issues {
            let span = self.file.within(text, issue.offset, issue.length.max(1));
            self.file.error(span, issue.code, issue.message, issue.help);
        }
    }

    fn type_at(&self, side: Side<'_>, path: &str) -> Type {
        match side {
            Side::Remote => match self.stream.map(|stream| remote_field(stream, path)) {
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
    fn paths(&self, text: &At<String>, paths: &[String], side: Side<'_>) {
        for path in paths {
            let at = text.value.find(path.as_str()).unwrap_or(0);
            let span = self.file.within(text, at, path.len());
            match side {
                Side::Remote => {
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

    fn expression(&mut self, text: &At<String>, own: Option<&str>, side: Side<'_>, functions: bool) -> Option<Expression> {
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

    fn predicate(&mut self, text: &At<String>, side: Side<'_>) -> Option<Predicate> {
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

    fn field(&mut self, mut table: Table<'_>) -> Option<FieldMapping> {
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
    fn rest_of_field(
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
        let sub_field = matches!(there, Side::Elements(_));
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

        let max_length = table.number("max-length");
        if let (Some(declared), Some(there)) = (&max_length, info.and_then(|info| info.max_length))
            && declared.value > u64::from(there)
        {
            self.file.error(
                declared.span.clone(),
                "too-long",
                format!("`{}` takes {there} characters there", remote.value),
                Some(format!("max-length = {there}")),
            );
        }
        let clear = table.word("clear", CLEARS).map_or_else(Clear::default, |word| word.value);
        table.finish();
        let direction = direction?;
        // A field with a mistake is kept, so that the mapping as a whole is judged as it was meant.
        let paths = |expression: &Option<Expression>| expression.as_ref().map(Expression::paths).unwrap_or_default();
        Some(FieldMapping {
            canonical: canonical.map(|canonical| canonical.value).filter(|_| direction != Direction::Ignore),
            inputs: paths(&read),
            outputs: paths(&write),
            remote: remote.value,
            direction,
            read,
            write,
            clear,
            max_length: max_length.and_then(|number| u32::try_from(number.value).ok()).or(info.and_then(|info| info.max_length)),
            because: because.map(|because| because.value),
        })
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

    fn list(&mut self, mut table: Table<'_>) -> Option<ListMapping> {
        let remote = table.needed("remote", "the path of the list over there: remote = \"emails\"")?;
        let canonical = table.needed("canonical", "a list field of the entity: canonical = \"emails\"");
        let direction = table.word("direction", DIRECTIONS);
        let because = table.text("because");
        let info = self.remote(&remote).info;
        if direction.is_none() && !table.has("direction") {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "`direction` is missing",
                Some("direction = \"in\", \"out\" or \"both\"".to_owned()),
            );
        }
        let direction = direction.and_then(|direction| {
            if direction.value == Direction::Ignore {
                self.file.error(
                    direction.span.clone(),
                    "unknown-word",
                    "a list that is ignored is written as [[field]]",
                    Some("[[field]] with direction = \"ignore\" and `because`".to_owned()),
                );
                return None;
            }
            if direction.value == Direction::Both && because.is_none() {
                self.file.error(
                    direction.span.clone(),
                    "missing-because",
                    "direction = \"both\" needs `because`",
                    Some("say who edits it where: because = \"…\"".to_owned()),
                );
            }
            Some(direction.value)
        });
        if direction.is_some_and(Direction::writes) && info.is_some_and(|info| info.read_only) {
            self.read_only(&remote);
        }
        if let Some(info) = info
            && !matches!(info.kind, RemoteType::List | RemoteType::Json)
        {
            self.file.error(
                remote.span.clone(),
                "wrong-shape",
                format!("`{}` is no list over there", remote.value),
                Some("map it with [[field]]".to_owned()),
            );
        }
        let sub_fields =
            canonical.as_ref().and_then(|canonical| match self.entity.fields.get(&canonical.value).map(|field| &field.kind) {
                Some(FieldType::List { fields, .. }) => Some(fields),
                Some(_) => {
                    self.file.error(
                        canonical.span.clone(),
                        "wrong-shape",
                        format!("`{}` is no list", canonical.value),
                        Some("map it with [[field]]".to_owned()),
                    );
                    None
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
        let id = table.plain("id");
        let split = table.plain("split");
        let only = table.table("only").map(only).unwrap_or_default();
        let mut fields = Vec::new();
        for mut inner in table.tables("field") {
            let sub_remote = inner.needed("remote", "the path within an element; \"\" for the element itself");
            let sub_canonical = inner.needed("canonical", "a sub-field of the list: canonical = \"number\"");
            let sub_direction = inner.word("direction", DIRECTIONS).map(|word| word.value).or(direction);
            let (Some(sub_remote), Some(sub_canonical), Some(sub_fields)) = (sub_remote, sub_canonical, sub_fields) else {
                continue;
            };
            let kind = sub_fields.get(&sub_canonical.value).cloned();
            if kind.is_none() {
                self.file.error(
                    sub_canonical.span.clone(),
                    "unknown-field",
                    format!(
                        "elements of `{}` have no sub-field `{}`",
                        canonical.as_ref().map_or("", |name| &name.value),
                        sub_canonical.value
                    ),
                    did_you_mean(&sub_canonical.value, sub_fields.keys()),
                );
                continue;
            }
            let at = At { value: sub_remote.value.clone(), span: sub_remote.span.clone() };
            self.paths(&at, std::slice::from_ref(&sub_remote.value), Side::Elements(&remote.value));
            let sub_info =
                self.stream.and_then(|stream| match remote_field(stream, &format!("{}.{}", remote.value, sub_remote.value)) {
                    Remote::Field(info) => Some(info),
                    _ => None,
                });
            fields.extend(self.rest_of_field(
                inner,
                sub_remote,
                Some(sub_canonical),
                kind,
                sub_direction,
                sub_info,
                Side::Elements(&remote.value),
                Side::SubFields(sub_fields),
            ));
        }
        if fields.is_empty() {
            self.file.error(
                remote.span.clone(),
                "missing-key",
                "the list maps no sub-field",
                Some("add [[list.field]] with remote and canonical".to_owned()),
            );
        }
        table.finish();
        Some(ListMapping {
            remote: remote.value,
            canonical: canonical?.value,
            direction: direction?,
            id,
            split,
            only,
            fields,
            because: because.map(|because| because.value),
        })
    }

    /// Two fields that would write the same place.
    fn clashes(&self, fields: &[FieldMapping], places: &[Range<usize>]) {
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

struct Found<'k> {
    value: String,
    info: Option<&'k FieldInfo>,
}

enum Remote<'k> {
    Field(&'k FieldInfo),
    /// Below or above a field that is known: what is there is not described.
    Within,
    Unknown,
}

fn remote_field<'k>(stream: &'k StreamInfo, path: &str) -> Remote<'k> {
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

fn only(table: Table<'_>) -> BTreeMap<String, Vec<Value>> {
    let values = table.entries().map(|(path, value)| {
        let values = match Value::from_json(&json(value.get_ref())) {
            Value::List(values) => values,
            value => vec![value],
        };
        if values.is_empty() || values.iter().any(|value| matches!(value, Value::List(_) | Value::Object(_))) {
            table.file.error(
                value.span(),
                "wrong-type",
                format!("`{}` must be a value, or a list of values", path.value),
                Some("write only = { type = [\"phone\", \"mobile\"] }".to_owned()),
            );
        }
        (path.value.to_owned(), values)
    });
    values.collect()
}
