//! Text → tree. Words, literals, calls, pipes and conditions, each with its place.
//!
//! One grammar for expressions and conditions; which of them is allowed where is decided by
//! [`super::compile`]. Must not know any operation's name.

use winnow::combinator::{alt, delimited, fail, peek, repeat};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::{any, none_of, one_of, take_till, take_while};

use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX};

/// Something wrong with an expression's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Byte offset in the text.
    pub offset: usize,
    /// Bytes concerned.
    pub length: usize,
    /// What is wrong.
    pub message: String,
    /// What to type instead.
    pub help: Option<String>,
    /// Stable name.
    pub code: &'static str,
}

impl Issue {
    pub(super) fn new(span: Span, code: &'static str, message: impl Into<String>) -> Self {
        Self { offset: span.0, length: span.1.saturating_sub(span.0), message: message.into(), help: None, code }
    }

    pub(super) fn help(mut self, help: impl Into<Option<String>>) -> Self {
        self.help = help.into();
        self
    }
}

/// Start and end byte.
pub(super) type Span = (usize, usize);

/// A node and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A bare word: a path, an operation, or text, depending on where it stands.
    Word(String),
    /// A path in back quotes, whatever its characters.
    Path(String),
    Text(String),
    Number(String),
    Bool(bool),
    Null,
    Call(String, Vec<Node>),
    Pipe(Vec<Node>),
    Compare(Box<Node>, Comparison, Box<Node>),
    In(Box<Node>, Vec<Node>),
    IsNull(Box<Node>),
    IsEmpty(Box<Node>),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Contains => "contains",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Path(String),
    Text(String),
    Number(String),
    Compare(Comparison),
    Mark(char),
}

/// Whether a path can be written without back quotes.
pub(super) fn is_plain_path(text: &str) -> bool {
    const RESERVED: [&str; 9] = ["and", "or", "not", "in", "is", "contains", "true", "false", "null"];
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && text.chars().all(is_word)
        && !RESERVED.contains(&text)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '$' | '@' | '#')
}

fn quoted(input: &mut &str) -> ModalResult<String, ContextError> {
    let quote: char = one_of(['"', '\'']).parse_next(input)?;
    let piece = alt((
        ('\\', alt(('n'.value('\n'), 't'.value('\t'), 'r'.value('\r'), one_of(['\\', '"', '\'', '{', '}'])))).map(|(_, c)| c),
        none_of([quote, '\\']),
    ));
    let text: String = repeat(0.., piece).parse_next(input)?;
    one_of([quote]).parse_next(input)?;
    Ok(text)
}

fn token(input: &mut &str) -> ModalResult<Token, ContextError> {
    let first = peek(any).parse_next(input)?;
    match first {
        '"' | '\'' => quoted.map(Token::Text).parse_next(input),
        '`' => delimited('`', take_till(1.., '`'), '`').map(|path: &str| Token::Path(path.to_owned())).parse_next(input),
        '|' | '(' | ')' | ',' => any.map(Token::Mark).parse_next(input),
        '=' | '!' | '<' | '>' => alt((
            alt(("==", "=")).value(Token::Compare(Comparison::Equal)),
            "!=".value(Token::Compare(Comparison::NotEqual)),
            "<=".value(Token::Compare(Comparison::LessOrEqual)),
            ">=".value(Token::Compare(Comparison::GreaterOrEqual)),
            "<".value(Token::Compare(Comparison::Less)),
            ">".value(Token::Compare(Comparison::Greater)),
        ))
        .parse_next(input),
        c if is_word(c) => take_while(1.., is_word).map(word_or_number).parse_next(input),
        _ => fail.parse_next(input),
    }
}

fn word_or_number(text: &str) -> Token {
    if super::number::canonical(text).is_some() { Token::Number(text.to_owned()) } else { Token::Word(text.to_owned()) }
}

fn tokens(text: &str) -> Result<Vec<(Token, Span)>, Issue> {
    if text.len() > EXPRESSION_BYTES_MAX {
        let span = (EXPRESSION_BYTES_MAX, text.len());
        return Err(Issue::new(span, "expression-too-long", format!("longer than {EXPRESSION_BYTES_MAX} bytes")));
    }
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let start = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            return Ok(found);
        };
        let Ok(token) = token.parse_next(&mut rest) else {
            let message = match first {
                '"' | '\'' => {
                    format!("the text that begins here has no closing {first}, or a \\ before a character that needs none")
                }
                '`' => "the path that begins here has no closing `".to_owned(),
                _ => format!("`{}` means nothing here", first.escape_default()),
            };
            return Err(Issue::new((start, start + first.len_utf8()), "syntax", message));
        };
        found.push((token, (start, text.len() - rest.len())));
    }
}

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, Issue> {
    let tokens = tokens(text)?;
    let mut parser = Grammar { tokens: &tokens, at: 0, end: text.len(), depth: 0 };
    if tokens.is_empty() {
        return Err(Issue::new((0, text.len()), "syntax", "nothing is written here"));
    }
    let node = parser.or()?;
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.unexpected("the end, `|`, `and` or `or`")),
    }
}

struct Grammar<'a> {
    tokens: &'a [(Token, Span)],
    at: usize,
    end: usize,
    depth: usize,
}

impl Grammar<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or((self.end, self.end), |(_, span)| *span)
    }

    fn last_end(&self) -> usize {
        self.at.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(0, |(_, span)| span.1)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(found)) if found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn take_mark(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    fn unexpected(&self, expected: &str) -> Issue {
        let found = match self.peek() {
            None => "the text ends here".to_owned(),
            Some(Token::Word(text) | Token::Number(text) | Token::Path(text)) => {
                format!("`{text}` stands here")
            }
            Some(Token::Text(text)) => format!("\"{text}\" stands here"),
            Some(Token::Compare(comparison)) => format!("`{}` stands here", comparison.symbol()),
            Some(Token::Mark(mark)) => format!("`{mark}` stands here"),
        };
        Issue::new(self.span(), "syntax", format!("expected {expected}, but {found}"))
    }

    fn deeper<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Issue>) -> Result<T, Issue> {
        if self.depth >= EXPRESSION_DEPTH_MAX {
            return Err(Issue::new(
                self.span(),
                "expression-too-deep",
                format!("nested deeper than {EXPRESSION_DEPTH_MAX} levels"),
            ));
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    fn node(&self, start: usize, kind: Kind) -> Node {
        Node { span: (start, self.last_end()), kind }
    }

    fn or(&mut self) -> Result<Node, Issue> {
        self.deeper(|parser| {
            let start = parser.span().0;
            let mut all = vec![parser.and()?];
            while parser.take_word("or") {
                all.push(parser.and()?);
            }
            Ok(if all.len() == 1 { all.remove(0) } else { parser.node(start, Kind::Or(all)) })
        })
    }

    fn and(&mut self) -> Result<Node, Issue> {
        let start = self.span().0;
        let mut all = vec![self.not()?];
        while self.take_word("and") {
            all.push(self.not()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { self.node(start, Kind::And(all)) })
    }

    fn not(&mut self) -> Result<Node, Issue> {
        let start = self.span().0;
        if self.take_word("not") {
            let inner = self.deeper(Self::not)?;
            return Ok(self.node(start, Kind::Not(Box::new(inner))));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Node, Issue> {
        let start = self.span().0;
        let left = self.pipe()?;
        if let Some(Token::Compare(comparison)) = self.peek() {
            let comparison = *comparison;
            self.at += 1;
            let right = self.pipe()?;
            return Ok(self.node(start, Kind::Compare(Box::new(left), comparison, Box::new(right))));
        }
        if self.take_word("contains") {
            let right = self.pipe()?;
            return Ok(self.node(start, Kind::Compare(Box::new(left), Comparison::Contains, Box::new(right))));
        }
        if self.take_word("is") {
            let negated = self.take_word("not");
            let kind = if self.take_word("null") {
                Kind::IsNull(Box::new(left))
            } else if self.take_word("empty") {
                Kind::IsEmpty(Box::new(left))
            } else {
                return Err(self.unexpected("`null` or `empty`"));
            };
            let node = self.node(start, kind);
            return Ok(if negated { self.node(start, Kind::Not(Box::new(node))) } else { node });
        }
        let negated = self.is_word("not") && matches!(self.tokens.get(self.at + 1), Some((Token::Word(next), _)) if next == "in");
        self.at += usize::from(negated);
        if self.take_word("in") {
            if !self.take_mark('(') {
                return Err(self.unexpected("`(` and the values that are meant, as in `country in (DE, AT)`"));
            }
            let values = self.list()?;
            let node = self.node(start, Kind::In(Box::new(left), values));
            return Ok(if negated { self.node(start, Kind::Not(Box::new(node))) } else { node });
        }
        Ok(left)
    }

    fn pipe(&mut self) -> Result<Node, Issue> {
        let start = self.span().0;
        let mut all = vec![self.head()?];
        while self.take_mark('|') {
            all.push(self.head()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { self.node(start, Kind::Pipe(all)) })
    }

    /// What stands between `(` and `)`, the latter taken.
    fn list(&mut self) -> Result<Vec<Node>, Issue> {
        let mut all = Vec::new();
        if self.take_mark(')') {
            return Ok(all);
        }
        loop {
            all.push(self.or()?);
            if self.take_mark(')') {
                return Ok(all);
            }
            if !self.take_mark(',') {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
    }

    fn head(&mut self) -> Result<Node, Issue> {
        let start = self.span().0;
        let Some(token) = self.peek().cloned() else {
            return Err(self.unexpected("a path, a value or an operation"));
        };
        let kind = match token {
            Token::Text(text) => Kind::Text(text),
            Token::Number(text) => Kind::Number(text),
            Token::Path(path) => Kind::Path(path),
            Token::Word(word) => match word.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                "and" | "or" | "not" | "in" | "is" | "contains" => {
                    return Err(self
                        .unexpected("a path, a value or an operation")
                        .help(format!("a path of that name is written `{word}` in back quotes")));
                }
                _ => {
                    self.at += 1;
                    if self.take_mark('(') {
                        let arguments = self.list()?;
                        return Ok(self.node(start, Kind::Call(word, arguments)));
                    }
                    return Ok(self.node(start, Kind::Word(word)));
                }
            },
            Token::Mark('(') => {
                self.at += 1;
                let inner = self.or()?;
                if !self.take_mark(')') {
                    return Err(self.unexpected("`)`"));
                }
                return Ok(Node { span: (start, self.last_end()), kind: inner.kind });
            }
            Token::Mark(_) | Token::Compare(_) => {
                return Err(self.unexpected("a path, a value or an operation"));
            }
        };
        self.at += 1;
        Ok(self.node(start, kind))
    }
}
