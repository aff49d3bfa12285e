//! The parts of Xero's `where` and `order` that integrations use.
//!
//! `where`: comparisons joined by `AND` or `&&`; a field, `==`, `!=`, `>`, `>=`, `<`, `<=`, and a text, number, `true`, `false`, `null`,
//! `Guid("…")` or `DateTime(y, m, d[, h, m, s])`; or `Field.StartsWith("…")`, `.EndsWith`, `.Contains`. Anything else is refused, not
//! guessed. Must not know contacts or invoices: a row answers for its fields.

use super::refusal::Refusal;
use crate::time;
use rust_decimal::Decimal;

/// A field's value, or a literal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Val {
    Text(String),
    Time(i64),
    Number(Decimal),
    Bool(bool),
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Clause {
    pub(crate) field: String,
    pub(crate) op: Op,
    pub(crate) value: Val,
}

impl Clause {
    pub(crate) fn holds(&self, own: &Val) -> bool {
        use std::cmp::Ordering::{Equal, Greater, Less};
        if let (Val::Text(own), Val::Text(want)) = (own, &self.value) {
            return match self.op {
                // The vendor compares texts without regard to case.
                Op::Eq => own.to_lowercase() == want.to_lowercase(),
                Op::Ne => own.to_lowercase() != want.to_lowercase(),
                Op::StartsWith => own.starts_with(want.as_str()),
                Op::EndsWith => own.ends_with(want.as_str()),
                Op::Contains => own.contains(want.as_str()),
                Op::Gt | Op::Ge | Op::Lt | Op::Le => false,
            };
        }
        let order = match (own, &self.value) {
            (Val::Time(own), Val::Time(want)) => Some(own.cmp(want)),
            (Val::Number(own), Val::Number(want)) => Some(own.cmp(want)),
            (Val::Bool(own), Val::Bool(want)) => Some(own.cmp(want)),
            (Val::Null, Val::Null) => Some(Equal),
            _ => None,
        };
        match self.op {
            Op::Eq => order == Some(Equal),
            Op::Ne => order != Some(Equal),
            Op::Gt => order == Some(Greater),
            Op::Ge => matches!(order, Some(Greater | Equal)),
            Op::Lt => order == Some(Less),
            Op::Le => matches!(order, Some(Less | Equal)),
            Op::StartsWith | Op::EndsWith | Op::Contains => false,
        }
    }
}

/// Reads a `where`.
pub(crate) fn parse(text: &str) -> Result<Vec<Clause>, Refusal> {
    let mut reader = Reader { text, at: 0 };
    let mut clauses = Vec::new();
    loop {
        clauses.push(reader.clause()?);
        reader.blanks();
        if reader.rest().is_empty() {
            return Ok(clauses);
        }
        if !(reader.eat("&&") || reader.eat_word("AND")) {
            return Err(reader.refuse("AND"));
        }
    }
}

/// Reads an `order`: a field and `ASC` or `DESC`. True where it is descending.
pub(crate) fn parse_order(text: &str) -> Result<(String, bool), Refusal> {
    let mut words = text.split_whitespace();
    let (field, direction, more) = (words.next(), words.next(), words.next());
    let descending = match direction.map(str::to_ascii_uppercase).as_deref() {
        None | Some("ASC") => false,
        Some("DESC") => true,
        Some(_) => {
            return Err(Refusal::query(format!("order \"{text}\" is not a field and ASC or DESC")));
        }
    };
    match (field, more) {
        (Some(field), None) => Ok((field.to_owned(), descending)),
        _ => Err(Refusal::query(format!("order \"{text}\" is not a field and ASC or DESC"))),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn refuse(&self, wanted: &str) -> Refusal {
        Refusal::query(format!("where: {wanted} expected at position {} of {}", self.at, self.text))
    }

    fn blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.blanks();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.blanks();
        let found = self.rest().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
            && self.rest()[word.len()..].starts_with([' ', '(']);
        if found {
            self.at += word.len();
        }
        found
    }

    fn word(&mut self) -> &'a str {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn clause(&mut self) -> Result<Clause, Refusal> {
        let word = self.word();
        if word.is_empty() {
            return Err(self.refuse("a field"));
        }
        for (call, op) in [(".StartsWith", Op::StartsWith), (".EndsWith", Op::EndsWith), (".Contains", Op::Contains)] {
            if let Some(field) = word.strip_suffix(call) {
                let value = self.arguments(Self::quoted)?;
                return Ok(Clause { field: field.to_owned(), op, value: Val::Text(value) });
            }
        }
        for (sign, op) in
            [("==", Op::Eq), ("!=", Op::Ne), (">=", Op::Ge), ("<=", Op::Le), (">", Op::Gt), ("<", Op::Lt), ("=", Op::Eq)]
        {
            if self.eat(sign) {
                return Ok(Clause { field: word.to_owned(), op, value: self.literal()? });
            }
        }
        Err(self.refuse("a comparison"))
    }

    fn arguments<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
        if !self.eat("(") {
            return Err(self.refuse("("));
        }
        let value = read(self)?;
        if self.eat(")") { Ok(value) } else { Err(self.refuse(")")) }
    }

    fn quoted(&mut self) -> Result<String, Refusal> {
        if !self.eat("\"") {
            return Err(self.refuse("a text in quotes"));
        }
        let mut out = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, c)) = letters.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Ok(out);
                }
                '\\' => out.extend(letters.next().map(|(_, c)| c)),
                _ => out.push(c),
            }
        }
        Err(self.refuse("a closing quote"))
    }

    fn literal(&mut self) -> Result<Val, Refusal> {
        self.blanks();
        if self.rest().starts_with('"') {
            return self.quoted().map(Val::Text);
        }
        if self.rest().starts_with('-') {
            self.at += 1;
            return match self.word().parse::<Decimal>() {
                Ok(number) => Ok(Val::Number(-number)),
                Err(_) => Err(self.refuse("a number")),
            };
        }
        match self.word().to_ascii_lowercase().as_str() {
            "guid" => self.arguments(Self::quoted).map(Val::Text),
            "datetime" => self.arguments(Self::date).map(Val::Time),
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            "null" => Ok(Val::Null),
            number => number.parse().map(Val::Number).map_err(|_| self.refuse("a value")),
        }
    }

    fn date(&mut self) -> Result<i64, Refusal> {
        let mut parts = Vec::new();
        loop {
            parts.push(self.word().parse::<i16>().map_err(|_| self.refuse("a number"))?);
            if !self.eat(",") {
                break;
            }
        }
        let at = |index: usize| parts.get(index).and_then(|part| i8::try_from(*part).ok());
        let ms = match (parts.len(), at(1), at(2)) {
            (3, Some(month), Some(day)) => time::civil(parts[0], month, day, 0, 0, 0),
            (6, Some(month), Some(day)) => match (at(3), at(4), at(5)) {
                (Some(h), Some(m), Some(s)) => time::civil(parts[0], month, day, h, m, s),
                _ => None,
            },
            _ => None,
        };
        ms.ok_or_else(|| self.refuse("DateTime(year, month, day[, hour, minute, second])"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(field: &str, op: Op, value: Val) -> Clause {
        Clause { field: field.to_owned(), op, value }
    }

    #[test]
    fn what_integrations_send() {
        let text = |text: &str| Val::Text(text.to_owned());
        for (given, want) in [
            (r#"EmailAddress=="a@b.c""#, vec![one("EmailAddress", Op::Eq, text("a@b.c"))]),
            (
                r#"ContactStatus == "ACTIVE" AND Name.StartsWith("O\"B")"#,
                vec![one("ContactStatus", Op::Eq, text("ACTIVE")), one("Name", Op::StartsWith, text("O\"B"))],
            ),
            (
                r#"ContactID==Guid("x-1")&&IsCustomer==true"#,
                vec![one("ContactID", Op::Eq, text("x-1")), one("IsCustomer", Op::Eq, Val::Bool(true))],
            ),
            ("UpdatedDateUTC>=DateTime(2025, 06, 01)", vec![one("UpdatedDateUTC", Op::Ge, Val::Time(1_748_736_000_000))]),
            ("AmountDue>-1.50", vec![one("AmountDue", Op::Gt, Val::Number("-1.50".parse().unwrap()))]),
            ("EmailAddress!=null", vec![one("EmailAddress", Op::Ne, Val::Null)]),
        ] {
            assert_eq!(parse(given).unwrap(), want, "{given}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for given in [
            "",
            "Name",
            "Name==",
            "Name==\"x",
            "Name==\"x\" OR Name==\"y\"",
            "DateTime(2025)",
            "A==DateTime(2025,13,01)",
            "Name==x",
            "==1",
        ] {
            assert!(parse(given).is_err(), "{given}");
        }
        assert!(parse_order("Name SIDEWAYS").is_err());
        assert_eq!(parse_order("Name desc").unwrap(), ("Name".to_owned(), true));
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = parse(&text);
            let _ = parse_order(&text);
        }
    }
}
