//! The JSON half of filter patterns: `{ $.field = "x" && … }`.

use super::{PatternError, quoted};
use serde_json::Value;

/// Parentheses deeper than this are refused: the parser recurses.
const DEEPEST: usize = 32;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Test { path: Vec<Step>, test: Test },
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Field(String),
    Index(usize),
}

#[derive(Clone, Debug)]
pub(super) enum Test {
    Text { equal: bool, pattern: Vec<String> },
    Number { operator: Operator, value: f64 },
    Null,
    Bool(bool),
    Missing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Expression {
    pub(super) fn holds(&self, value: &Value) -> bool {
        match self {
            Self::And(left, right) => left.holds(value) && right.holds(value),
            Self::Or(left, right) => left.holds(value) || right.holds(value),
            Self::Test { path, test } => test.holds(select(value, path)),
        }
    }
}

impl Test {
    fn holds(&self, found: Option<&Value>) -> bool {
        match (self, found) {
            (Self::Missing, found) => found.is_none(),
            (_, None) => false,
            (Self::Null, Some(value)) => value.is_null(),
            (Self::Bool(expected), Some(value)) => value.as_bool() == Some(*expected),
            (Self::Text { equal, pattern }, Some(value)) => {
                let same = match value {
                    Value::String(text) => wildcard(pattern, text),
                    Value::Number(number) => wildcard(pattern, &number.to_string()),
                    _ => false,
                };
                same == *equal
            }
            (Self::Number { operator, value }, Some(found)) => found.as_f64().is_some_and(|found| {
                let order = found.total_cmp(value);
                match operator {
                    Operator::Equal => order.is_eq(),
                    Operator::Unequal => order.is_ne(),
                    Operator::Less => order.is_lt(),
                    Operator::LessEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    Operator::GreaterEqual => order.is_ge(),
                }
            }),
        }
    }
}

fn select<'v>(value: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Index(index) => value.get(index),
    })
}

/// Whether `text` consists of the parts, in order, with anything between them (they were separated by `*`).
fn wildcard(parts: &[String], text: &str) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let Some((last, middle)) = rest.split_last() else { return text == first };
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        match left.find(part.as_str()) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.ends_with(last.as_str())
}

pub(super) fn parse(text: &str) -> Result<Expression, PatternError> {
    let inner = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .ok_or_else(|| wrong("`{` is not closed", text))?;
    let mut parser = Parser { rest: inner, depth: 0 };
    let expression = parser.any_of()?;
    if parser.peek().is_empty() { Ok(expression) } else { Err(wrong("unexpected", parser.rest)) }
}

fn wrong(what: &str, at: &str) -> PatternError {
    let at: String = at.chars().take(30).collect();
    PatternError(format!("{what}, at `{at}`"))
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn peek(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, word: &str) -> bool {
        let rest = self.peek();
        rest.strip_prefix(word).map(|rest| self.rest = rest).is_some()
    }

    fn any_of(&mut self) -> Result<Expression, PatternError> {
        let mut left = self.all_of()?;
        while self.take("||") {
            left = Expression::Or(Box::new(left), Box::new(self.all_of()?));
        }
        Ok(left)
    }

    fn all_of(&mut self) -> Result<Expression, PatternError> {
        let mut left = self.one()?;
        while self.take("&&") {
            left = Expression::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Expression, PatternError> {
        if !self.take("(") {
            let path = self.path()?;
            return Ok(Expression::Test { path, test: self.test()? });
        }
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(wrong("too many parentheses", self.rest));
        }
        let inner = self.any_of()?;
        self.depth -= 1;
        if self.take(")") { Ok(inner) } else { Err(wrong("`)` expected", self.rest)) }
    }

    fn path(&mut self) -> Result<Vec<Step>, PatternError> {
        if !self.take("$") {
            return Err(wrong("a field such as `$.name` expected", self.rest));
        }
        let mut path = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                let end =
                    rest.find(|c: char| !(c.is_alphanumeric() || "_-@#".contains(c))).unwrap_or(rest.len());
                if end == 0 {
                    return Err(wrong("a field name expected", rest));
                }
                path.push(Step::Field(rest[..end].to_owned()));
                self.rest = &rest[end..];
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let end = rest.find(']').ok_or_else(|| wrong("`]` expected", rest))?;
                let inside = rest[..end].trim();
                path.push(match inside.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Field(inside.trim_matches(['\'', '"']).to_owned()),
                });
                self.rest = &rest[end + 1..];
            } else if path.is_empty() {
                return Err(wrong("a field such as `$.name` expected", self.rest));
            } else {
                return Ok(path);
            }
        }
    }

    fn test(&mut self) -> Result<Test, PatternError> {
        for (words, test) in [
            (["IS", "NULL"], Test::Null),
            (["IS", "TRUE"], Test::Bool(true)),
            (["IS", "FALSE"], Test::Bool(false)),
            (["NOT", "EXISTS"], Test::Missing),
        ] {
            let before = self.rest;
            if self.take(words[0]) && self.take(words[1]) {
                return Ok(test);
            }
            self.rest = before;
        }
        let operator = self.operator()?;
        let rest = self.peek();
        if rest.starts_with('"') {
            let (value, tail) = quoted(rest).ok_or_else(|| wrong("a quotation mark is not closed", rest))?;
            self.rest = tail;
            return text_test(operator, &value);
        }
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, ')' | '&' | '|' | '}'))
            .unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return Err(wrong("a value expected", rest));
        }
        self.rest = &rest[end..];
        match word.parse() {
            Ok(value) => Ok(Test::Number { operator, value }),
            Err(_) => text_test(operator, word),
        }
    }

    fn operator(&mut self) -> Result<Operator, PatternError> {
        [
            ("!=", Operator::Unequal),
            ("<=", Operator::LessEqual),
            (">=", Operator::GreaterEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ]
        .into_iter()
        .find_map(|(word, operator)| self.take(word).then_some(operator))
        .ok_or_else(|| wrong("an operator such as `=` expected", self.rest))
    }
}

fn text_test(operator: Operator, value: &str) -> Result<Test, PatternError> {
    let equal = match operator {
        Operator::Equal => true,
        Operator::Unequal => false,
        _ => return Err(wrong("only `=` and `!=` compare text", value)),
    };
    Ok(Test::Text { equal, pattern: value.split('*').map(str::to_owned).collect() })
}
