//! Syntax → compiled tree: names resolved, types checked, every mistake with its place and a suggestion.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::country::Spelling;
use super::operation::{Currency, Op};
use super::syntax::{self, Comparison, Issue, Kind, Node, Span};
use super::table::Table;
use super::time::{self, Format};
use super::tree::{Condition, Piece, Pipe, Source};
use super::types::Type;
use super::{Expression, External, Predicate, nearest};
use crate::manifest::Function;
use crate::value::Value;

/// Name, how it is written, and what it does: the reference of the language.
pub const OPERATIONS: &[(&str, &str, &str)] = &[
    ("trim", "trim", "without blanks around it"),
    ("lower", "lower", "in lower case"),
    ("upper", "upper", "in upper case"),
    ("title", "title", "a capital at the start of each word"),
    ("collapse", "collapse", "runs of white space become one blank"),
    ("nfc", "nfc", "accents composed (Unicode NFC)"),
    ("replace", "replace(\"from\", \"to\")", "every occurrence"),
    ("split", "split(\",\", 1)", "a part, counted from 1, or from the end: -1"),
    ("truncate", "truncate(100)", "the first characters"),
    ("default", "default(\"x\")", "for null; not on `both`"),
    ("null_if", "null_if(\"n/a\")", "a spelling of none"),
    ("text", "text", "numbers and booleans as text"),
    ("integer", "integer", "a whole number"),
    ("decimal", "decimal, decimal(\",\"), decimal(tryton)", "a number, exact"),
    ("number", "number", "the same as decimal"),
    ("format_decimal", "format_decimal(\",\"), format_decimal(tryton)", "the way back of decimal"),
    ("boolean", "boolean, boolean(Y, N)", "yes or no"),
    ("format_boolean", "format_boolean(Y, N)", "the way back of boolean"),
    ("date", "date, date(\"%d.%m.%Y\"), date(excel), date(xero), date(tryton), date(unix_s)", "a date; of a time, its day"),
    ("format_date", "format_date(\"%d.%m.%Y\")", "the way back of date"),
    (
        "timestamp",
        "timestamp(iso8601), timestamp(iso8601, \"+02:00\"), timestamp(unix_s | unix_ms | excel | xero | tryton | \"%d.%m.%Y %H:%M\")",
        "a point in time",
    ),
    ("format_timestamp", "format_timestamp(unix_s)", "the way back of timestamp"),
    ("money", "money(EUR), money(path.of.currency), money", "an amount with its currency"),
    ("amount", "amount(EUR), amount", "the amount of money"),
    ("email", "email", "an e-mail address, in lower case"),
    (
        "phone",
        "phone, phone(path.of.country)",
        "a phone number; E.164 where its country is known: it names it, or the path or the hub's region do",
    ),
    ("country", "country, country(name), country(alpha-3)", "names and codes → alpha-2; the word says how it is written back"),
    ("format_country", "format_country(name)", "the way back of country"),
    ("url", "url", "a web address"),
    ("enum_map", "enum_map(lead = new, customer = active)", "a table written here; remote = canonical"),
    ("enum_back", "enum_back(lead = new)", "the way back of enum_map"),
    ("lookup", "lookup(countries)", "the table lookups/countries.toml"),
    ("lookup_back", "lookup_back(countries)", "the way back of lookup"),
    ("reference", "reference(companies)", "an id of that stream, as an edge to its record"),
    ("remote_id", "remote_id(companies)", "the way back of reference"),
    ("prefix", "prefix(\"tel:\")", "put in front"),
    ("suffix", "suffix(\"x\")", "put behind"),
    ("strip_prefix", "strip_prefix(\"tel:\")", "taken away in front, if there"),
    ("strip_suffix", "strip_suffix(\"x\")", "taken away behind, if there"),
    ("json", "json", "JSON text → value"),
    ("json_text", "json_text", "value → JSON text"),
    ("first", "first", "the first filled element of a list"),
    ("join", "join(\", \")", "the elements of a list as one text"),
];

/// Calls that begin a pipe.
pub const CALLS: &[(&str, &str, &str)] = &[
    ("concat", "concat(first, \" \", last)", "put together; null when every path in it is empty"),
    ("coalesce", "coalesce(a, b)", "the first that is filled"),
    ("when", "when(condition, a, b)", "a if the condition holds, else b"),
    ("template", "template(\"{first} {last}\")", "text with paths filled in; null when all of them are empty"),
    ("object", "object(name = a, other = b)", "an object"),
    ("list", "list(a, b)", "a list of what is filled"),
];

pub(super) fn is_operation(name: &str) -> bool {
    OPERATIONS.iter().any(|(known, ..)| *known == name)
}

/// What a text may refer to.
pub struct Scope<'a> {
    /// The field's own path: what a pipe that begins with an operation begins with.
    pub own: Option<&'a str>,
    /// Tables by name.
    pub lookups: &'a BTreeMap<String, Arc<Table>>,
    /// Functions of transform plugins; none where they cannot be called.
    pub functions: Option<&'a BTreeMap<String, Function>>,
    /// Calls found so far.
    pub externals: &'a mut Vec<External>,
    /// Type of what stands at a path; `Any` where it is not known.
    pub types: &'a dyn Fn(&str) -> Type,
}

/// Compiles an expression. All mistakes that can be told apart are told at once.
pub fn compile(text: &str, scope: &mut Scope<'_>) -> Result<Expression, Vec<Issue>> {
    let node = syntax::parse(text).map_err(|issue| vec![issue])?;
    let mut compiler = Compiler { scope, text, issues: Vec::new() };
    let own = compiler.scope.own.map(str::to_owned);
    let (pipe, gives) = compiler.pipe(&node, own.as_deref());
    if compiler.issues.is_empty() { Ok(Expression::new(text, pipe, gives)) } else { Err(compiler.issues) }
}

/// Compiles a condition.
pub fn compile_predicate(text: &str, scope: &mut Scope<'_>) -> Result<Predicate, Vec<Issue>> {
    let node = syntax::parse(text).map_err(|issue| vec![issue])?;
    let mut compiler = Compiler { scope, text, issues: Vec::new() };
    let condition = compiler.condition(&node);
    if compiler.issues.is_empty() { Ok(Predicate::new(text, condition)) } else { Err(compiler.issues) }
}

struct Compiler<'a, 'b> {
    scope: &'a mut Scope<'b>,
    text: &'a str,
    issues: Vec<Issue>,
}

type Typed = (Pipe, Type);

impl Compiler<'_, '_> {
    fn issue(&mut self, span: Span, code: &'static str, message: String, help: Option<String>) {
        self.issues.push(Issue::new(span, code, message).help(help));
    }

    fn nothing() -> Typed {
        (Pipe { source: Source::Literal(Value::Null), steps: Vec::new() }, Type::Any)
    }

    fn literal(value: Value, kind: Type) -> Typed {
        (Pipe { source: Source::Literal(value), steps: Vec::new() }, kind)
    }

    fn read(&self, path: &str) -> Typed {
        (Pipe::path(path), (self.scope.types)(path))
    }

    /// `own`: the path that is meant when the pipe begins with an operation.
    fn pipe(&mut self, node: &Node, own: Option<&str>) -> Typed {
        let (head, rest) = match &node.kind {
            Kind::Pipe(nodes) => match nodes.split_first() {
                Some((head, rest)) => (head, rest),
                None => return Self::nothing(),
            },
            _ => (node, &[][..]),
        };
        let mut typed = self.head(head, own);
        for step in rest {
            typed = self.step(step, typed);
        }
        typed
    }

    fn head(&mut self, node: &Node, own: Option<&str>) -> Typed {
        match &node.kind {
            Kind::Text(text) => Self::literal(Value::text(text), Type::Text),
            Kind::Number(text) => {
                let kind = if text.contains(['.', 'e', 'E']) { Type::Decimal } else { Type::Integer };
                Self::literal(Value::Number(super::number::canonical(text).unwrap_or_else(|| text.into())), kind)
            }
            Kind::Bool(flag) => Self::literal(Value::Bool(*flag), Type::Boolean),
            Kind::Null => Self::literal(Value::Null, Type::Any),
            Kind::Path(path) => self.read(path),
            Kind::Word(word) => match own {
                Some(own) if is_operation(word) || self.is_function(word) => {
                    let start = self.read(own);
                    self.step(node, start)
                }
                _ => self.read(word),
            },
            Kind::Call(name, arguments) => self.call(node, name, arguments, own),
            Kind::Pipe(_) => self.pipe(node, own),
            _ => {
                self.issue(
                    node.span,
                    "syntax",
                    "a condition stands where a value is wanted".to_owned(),
                    Some("use when(condition, a, b)".to_owned()),
                );
                Self::nothing()
            }
        }
    }

    fn is_function(&self, name: &str) -> bool {
        self.scope.functions.is_some_and(|functions| functions.contains_key(name))
    }

    fn call(&mut self, node: &Node, name: &str, arguments: &[Node], own: Option<&str>) -> Typed {
        let parts =
            |compiler: &mut Self| -> Vec<Typed> { arguments.iter().map(|argument| compiler.pipe(argument, None)).collect() };
        let source = match name {
            "concat" | "coalesce" | "list" => {
                if arguments.is_empty() {
                    self.usage(node.span, name);
                    return Self::nothing();
                }
                let parts = parts(self);
                if name == "concat" {
                    for ((_, kind), argument) in parts.iter().zip(arguments) {
                        if matches!(kind, Type::List | Type::Object | Type::Money | Type::Reference) {
                            self.issue(
                                argument.span,
                                "type-mismatch",
                                format!("`concat` takes texts, and this is {}", kind.name()),
                                None,
                            );
                        }
                    }
                }
                let kind = match name {
                    "concat" => Type::Text,
                    "list" => Type::List,
                    _ => common(parts.iter().map(|(_, kind)| *kind)),
                };
                let parts = parts.into_iter().map(|(part, _)| part).collect();
                let source = match name {
                    "concat" => Source::Concat(parts),
                    "list" => Source::List(parts),
                    _ => Source::Coalesce(parts),
                };
                (source, kind)
            }
            "object" => {
                let mut parts = Vec::new();
                for argument in arguments {
                    match &argument.kind {
                        Kind::Compare(key, Comparison::Equal, value) => match word(key) {
                            Some(key) => parts.push((key, self.pipe(value, None).0)),
                            None => self.usage(argument.span, name),
                        },
                        _ => self.usage(argument.span, name),
                    }
                }
                (Source::Object(parts), Type::Object)
            }
            "when" => match arguments {
                [condition, yes, no] => {
                    let condition = self.condition(condition);
                    let (yes, yes_kind) = self.pipe(yes, None);
                    let (no, no_kind) = self.pipe(no, None);
                    (Source::When(Box::new(condition), Box::new(yes), Box::new(no)), common([yes_kind, no_kind].into_iter()))
                }
                _ => {
                    self.usage(node.span, name);
                    return Self::nothing();
                }
            },
            "template" => match arguments {
                [Node { kind: Kind::Text(text), span }] => match template(text) {
                    Ok(pieces) => (Source::Template(pieces), Type::Text),
                    Err(message) => {
                        self.issue(
                            *span,
                            "syntax",
                            message,
                            Some("write {{ and }} for braces that are meant as they are".to_owned()),
                        );
                        return Self::nothing();
                    }
                },
                _ => {
                    self.usage(node.span, name);
                    return Self::nothing();
                }
            },
            _ if is_operation(name) || self.is_function(name) => {
                // A function may be called with all its inputs, or after a value with the others.
                let full = self
                    .scope
                    .functions
                    .and_then(|functions| functions.get(name))
                    .is_some_and(|function| function.inputs.len() == arguments.len());
                if full && !is_operation(name) {
                    return self.function(node, name, arguments, None);
                }
                let start = match own {
                    Some(own) => self.read(own),
                    None => {
                        let help = format!("write `path | {}`", self.slice(node.span));
                        self.issue(node.span, "syntax", format!("`{name}` needs a value in front of it"), Some(help));
                        return Self::nothing();
                    }
                };
                return self.step(node, start);
            }
            _ => {
                self.unknown(node.span, name);
                return Self::nothing();
            }
        };
        (Pipe { source: source.0, steps: Vec::new() }, source.1)
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.0..span.1).unwrap_or_default()
    }

    fn unknown(&mut self, span: Span, name: &str) {
        let functions: Vec<&str> =
            self.scope.functions.iter().flat_map(|functions| functions.keys()).map(String::as_str).collect();
        let known = OPERATIONS.iter().chain(CALLS).map(|(name, ..)| *name).chain(functions);
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "a plugin's function needs its plugin installed".to_owned(),
        };
        let length = name.len();
        self.issue(
            (span.0, span.0 + length),
            "unknown-operation",
            format!("there is no operation or function `{name}`"),
            Some(help),
        );
    }

    fn usage(&mut self, span: Span, name: &str) {
        let usage = OPERATIONS.iter().chain(CALLS).find(|(known, ..)| *known == name).map_or("", |(_, usage, _)| usage);
        self.issue(span, "bad-arguments", format!("`{name}` is not written like this"), Some(format!("write {usage}")));
    }

    fn step(&mut self, node: &Node, (mut pipe, from): Typed) -> Typed {
        let (name, arguments): (&str, &[Node]) = match &node.kind {
            Kind::Word(name) => (name, &[]),
            Kind::Call(name, arguments) => (name, arguments),
            _ => {
                let text = self.slice(node.span).to_owned();
                self.issue(node.span, "syntax", format!("`{text}` is no operation"), None);
                return (pipe, Type::Any);
            }
        };
        if !is_operation(name) {
            if self.is_function(name) {
                return self.function(node, name, arguments, Some((pipe, from)));
            }
            if CALLS.iter().any(|(call, ..)| *call == name) {
                self.issue(node.span, "syntax", format!("`{name}` begins a pipe, it cannot follow `|`"), None);
            } else {
                self.unknown(node.span, name);
            }
            return (pipe, Type::Any);
        }
        let Some(op) = self.operation(node.span, name, arguments) else {
            return (pipe, Type::Any);
        };
        if !op.takes(from) {
            let help = match from {
                Type::Integer | Type::Decimal if matches!(op, Op::Date(_) | Op::Timestamp(_)) => {
                    from.advice(op.gives(from)).map(str::to_owned)
                }
                Type::Integer | Type::Decimal | Type::Boolean if op.takes(Type::Text) => {
                    Some("put `text |` before it".to_owned())
                }
                Type::Reference => Some("put `remote_id(STREAM) |` before it".to_owned()),
                Type::List => Some("put `first |` or `join(\", \") |` before it, or map the list with [[list]]".to_owned()),
                _ => None,
            };
            self.issue(node.span, "type-mismatch", format!("`{name}` cannot work on {}", from.name()), help);
        }
        let gives = op.gives(from);
        pipe.steps.push((op, from));
        (pipe, gives)
    }

    fn function(&mut self, node: &Node, name: &str, arguments: &[Node], piped: Option<Typed>) -> Typed {
        let Some(function) = self.scope.functions.and_then(|functions| functions.get(name)).cloned() else {
            return Self::nothing();
        };
        let given = arguments.len() + usize::from(piped.is_some());
        if given != function.inputs.len() {
            self.issue(
                node.span,
                "bad-arguments",
                format!("`{name}` takes {} values ({}), and gets {given}", function.inputs.len(), function.inputs.join(", ")),
                Some("the value in front of it is the first".to_owned()),
            );
            return (Self::nothing().0, Type::of_function(&function.output));
        }
        let mut inputs: Vec<(Typed, Span)> = Vec::with_capacity(given);
        inputs.extend(piped.map(|typed| (typed, node.span)));
        for argument in arguments {
            inputs.push((self.pipe(argument, None), argument.span));
        }
        for (((_, kind), span), wanted) in inputs.iter().zip(&function.inputs) {
            if !kind.fits(Type::of_function(wanted)) {
                self.issue(
                    *span,
                    "type-mismatch",
                    format!("`{name}` wants {wanted}, and this is {}", kind.name()),
                    kind.advice(Type::of_function(wanted)).map(str::to_owned),
                );
            }
        }
        let call = External {
            function: name.to_owned(),
            arguments: inputs.into_iter().map(|((pipe, kind), _)| Expression::new(&pipe.written(), pipe, kind)).collect(),
        };
        let at = match self.scope.externals.iter().position(|known| *known == call) {
            Some(at) => at,
            None => {
                self.scope.externals.push(call);
                self.scope.externals.len() - 1
            }
        };
        (Pipe { source: Source::External(at, name.to_owned()), steps: Vec::new() }, Type::of_function(&function.output))
    }

    fn operation(&mut self, span: Span, name: &str, arguments: &[Node]) -> Option<Op> {
        let words: Vec<Option<String>> = arguments.iter().map(word).collect();
        let words: Vec<Option<&str>> = words.iter().map(Option::as_deref).collect();
        let op = match (name, words.as_slice()) {
            ("trim", []) => Op::Trim,
            ("lower", []) => Op::Lower,
            ("upper", []) => Op::Upper,
            ("title", []) => Op::Title,
            ("collapse", []) => Op::Collapse,
            ("nfc", []) => Op::Nfc,
            ("replace", [Some(from), Some(to)]) if !from.is_empty() => Op::Replace((*from).to_owned(), (*to).to_owned()),
            ("split", [Some(separator), Some(n)]) if !separator.is_empty() => match n.parse::<i64>() {
                Ok(n) if n != 0 => Op::Split((*separator).to_owned(), n),
                _ => return self.no(span, name),
            },
            ("truncate", [Some(n)]) => match n.parse::<usize>() {
                Ok(n) => Op::Truncate(n),
                Err(_) => return self.no(span, name),
            },
            ("default", [_]) => match arguments.first().and_then(literal) {
                Some(value) => Op::Default(value),
                None => return self.no(span, name),
            },
            ("null_if", [_]) => match arguments.first().and_then(literal) {
                Some(value) => Op::NullIf(value),
                None => return self.no(span, name),
            },
            ("text", []) => Op::Text,
            ("integer", []) => Op::Integer,
            ("decimal" | "number", []) => Op::Decimal(None),
            ("decimal", [Some("tryton")]) => Op::DecimalTagged,
            ("decimal", [Some(",")]) => Op::Decimal(Some(',')),
            ("decimal", [Some(".")]) => Op::Decimal(Some('.')),
            ("format_decimal", [Some("tryton")]) => Op::FormatDecimalTagged,
            ("format_decimal", [Some(",")]) => Op::FormatDecimal(','),
            ("format_decimal", [Some(".")]) => Op::FormatDecimal('.'),
            ("boolean", []) => Op::Boolean(None),
            ("boolean", [Some(yes), Some(no)]) if yes != no => Op::Boolean(Some(((*yes).to_owned(), (*no).to_owned()))),
            ("format_boolean", [Some(yes), Some(no)]) if yes != no => Op::FormatBoolean((*yes).to_owned(), (*no).to_owned()),
            ("date" | "timestamp" | "format_date" | "format_timestamp", rest) => {
                let format = self.format(span, name, rest)?;
                match name {
                    "date" => Op::Date(format),
                    "timestamp" => Op::Timestamp(format),
                    "format_date" => Op::FormatDate(format),
                    _ => Op::FormatTimestamp(format),
                }
            }
            ("money", []) => Op::Money(Currency::Own),
            ("money", [Some(code)]) => Op::Money(currency(&arguments[0], code)),
            ("amount", []) => Op::Amount(Currency::Own),
            ("amount", [Some(code)]) => match currency(&arguments[0], code) {
                code @ Currency::Code(_) => Op::Amount(code),
                _ => return self.no(span, name),
            },
            ("email", []) => Op::Email,
            ("phone", []) => Op::Phone(None),
            ("phone", [Some(path)]) => Op::Phone(Some((*path).to_owned())),
            ("url", []) => Op::Url,
            ("country", []) => Op::Country(Spelling::Alpha2),
            ("country", [Some(spelling)]) => Op::Country(self.spelling(span, name, spelling)?),
            ("format_country", [Some(spelling)]) => Op::FormatCountry(self.spelling(span, name, spelling)?),
            ("enum_map", _) => Op::Lookup(self.table(span, name, arguments)?),
            ("enum_back", _) => Op::LookupBack(self.table(span, name, arguments)?),
            ("lookup", [Some(table)]) => Op::Lookup(self.lookup(arguments[0].span, table)?),
            ("lookup_back", [Some(table)]) => {
                let table = self.lookup(arguments[0].span, table)?;
                if let Some(shared) = &table.shared {
                    let message =
                        format!("table `{}` has no way back: two keys have the value \"{}\"", table.name, shared.display());
                    self.issue(
                        span,
                        "no-inverse",
                        message,
                        Some("leave one of the keys out, or give them different values".to_owned()),
                    );
                    return None;
                }
                Op::LookupBack(table)
            }
            ("reference", [Some(stream)]) => Op::Reference((*stream).to_owned()),
            ("remote_id", [Some(stream)]) => Op::RemoteId((*stream).to_owned()),
            ("prefix", [Some(text)]) => Op::Prefix((*text).to_owned()),
            ("suffix", [Some(text)]) => Op::Suffix((*text).to_owned()),
            ("strip_prefix", [Some(text)]) => Op::StripPrefix((*text).to_owned()),
            ("strip_suffix", [Some(text)]) => Op::StripSuffix((*text).to_owned()),
            ("json", []) => Op::Json,
            ("json_text", []) => Op::JsonText,
            ("first", []) => Op::First,
            ("join", [Some(separator)]) => Op::Join((*separator).to_owned()),
            _ => return self.no(span, name),
        };
        Some(op)
    }

    fn no(&mut self, span: Span, name: &str) -> Option<Op> {
        self.usage(span, name);
        None
    }

    fn format(&mut self, span: Span, name: &str, words: &[Option<&str>]) -> Option<Format> {
        let (format, offset) = match words {
            [] if matches!(name, "date" | "timestamp") => (Some("iso8601"), Some("Z")),
            [format] => (*format, Some("Z")),
            [format, offset] => (*format, *offset),
            _ => (None, None),
        };
        let found = format.zip(offset.and_then(time::offset)).and_then(|(format, offset)| Format::named(format, offset));
        if found.is_none() {
            self.usage(span, name);
        }
        found
    }

    fn spelling(&mut self, span: Span, name: &str, word: &str) -> Option<Spelling> {
        match word {
            "name" => Some(Spelling::Name),
            "alpha-2" => Some(Spelling::Alpha2),
            "alpha-3" => Some(Spelling::Alpha3),
            _ => {
                self.usage(span, name);
                None
            }
        }
    }

    fn lookup(&mut self, span: Span, name: &str) -> Option<Arc<Table>> {
        if let Some(table) = self.scope.lookups.get(name) {
            return Some(table.clone());
        }
        let help = match nearest(name, self.scope.lookups.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                format!("write it as lookups/{name}.toml, one `\"remote\" = \"canonical\"` a line")
            }
        };
        self.issue(span, "unknown-lookup", format!("there is no table `{name}`"), Some(help));
        None
    }

    fn table(&mut self, span: Span, name: &str, arguments: &[Node]) -> Option<Arc<Table>> {
        let mut lines = Vec::with_capacity(arguments.len());
        for argument in arguments {
            let line = match &argument.kind {
                Kind::Compare(key, Comparison::Equal, value) => word(key).zip(literal(value)),
                _ => None,
            };
            match line {
                Some((key, _)) if lines.iter().any(|(known, _)| *known == key) => {
                    self.issue(argument.span, "bad-arguments", format!("\"{key}\" is given twice"), None);
                    return None;
                }
                Some(line) => lines.push(line),
                None => {
                    self.usage(argument.span, name);
                    return None;
                }
            }
        }
        if lines.is_empty() {
            self.usage(span, name);
            return None;
        }
        Some(Arc::new(Table::new("enum_map", lines)))
    }

    fn condition(&mut self, node: &Node) -> Condition {
        match &node.kind {
            Kind::Or(all) => Condition::Any(all.iter().map(|inner| self.condition(inner)).collect()),
            Kind::And(all) => Condition::All(all.iter().map(|inner| self.condition(inner)).collect()),
            Kind::Not(inner) => Condition::Not(Box::new(self.condition(inner))),
            Kind::IsNull(inner) => Condition::IsNull(self.pipe(inner, None).0),
            Kind::IsEmpty(inner) => Condition::IsEmpty(self.pipe(inner, None).0),
            Kind::In(left, values) => {
                let left = self.pipe(left, None).0;
                let mut literals = Vec::with_capacity(values.len());
                for value in values {
                    match literal(value) {
                        Some(value) => literals.push(value),
                        None => self.issue(value.span, "syntax", "only plain values stand in `in (…)`".to_owned(), None),
                    }
                }
                Condition::In(left, literals)
            }
            Kind::Compare(left, comparison, right) => {
                let left = self.pipe(left, None).0;
                // On the right a bare word is text: `status = active`. A path there is written in back quotes.
                let right = match literal(right) {
                    Some(value) if !matches!(right.kind, Kind::Path(_)) => Self::literal(value, Type::Any).0,
                    _ => self.pipe(right, None).0,
                };
                Condition::Compare(left, *comparison, right)
            }
            Kind::Bool(_) => Condition::Truth(self.head(node, None).0),
            Kind::Text(_) | Kind::Number(_) | Kind::Null => {
                self.issue(
                    node.span,
                    "syntax",
                    "a condition is wanted here, not a value".to_owned(),
                    Some("write `path = value`".to_owned()),
                );
                Condition::All(Vec::new())
            }
            _ => {
                let (pipe, kind) = self.pipe(node, None);
                if !kind.fits(Type::Boolean) {
                    self.issue(
                        node.span,
                        "type-mismatch",
                        format!("a condition is wanted here, and this is {}", kind.name()),
                        Some("compare it with something, or write `is not empty`".to_owned()),
                    );
                }
                Condition::Truth(pipe)
            }
        }
    }
}

/// A type that all share, else any.
fn common(mut kinds: impl Iterator<Item = Type>) -> Type {
    let first = kinds.next().unwrap_or(Type::Any);
    if kinds.all(|kind| kind == first) { first } else { Type::Any }
}

fn word(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Word(text) | Kind::Text(text) | Kind::Path(text) | Kind::Number(text) => Some(text.clone()),
        Kind::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn literal(node: &Node) -> Option<Value> {
    Some(match &node.kind {
        Kind::Word(text) | Kind::Text(text) => Value::text(text),
        Kind::Number(text) => Value::Number(super::number::canonical(text)?),
        Kind::Bool(flag) => Value::Bool(*flag),
        Kind::Null => Value::Null,
        _ => return None,
    })
}

fn currency(node: &Node, word: &str) -> Currency {
    let code = word.len() == 3 && word.bytes().all(|b| b.is_ascii_uppercase()) && !matches!(node.kind, Kind::Path(_));
    if code { Currency::Code(word.to_owned()) } else { Currency::Path(word.to_owned()) }
}

fn template(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let here = &rest[at..];
        if let Some(after) = here.strip_prefix("{{") {
            plain.push('{');
            rest = after;
        } else if let Some(after) = here.strip_prefix("}}") {
            plain.push('}');
            rest = after;
        } else if let Some(after) = here.strip_prefix('{') {
            let Some(end) = after.find('}') else {
                return Err("a `{` without its `}`".to_owned());
            };
            let path = after[..end].trim();
            if path.is_empty() {
                return Err("`{}` names no path".to_owned());
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Path(path.into()));
            rest = &after[end + 1..];
        } else {
            return Err("a `}` without its `{`".to_owned());
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}
