//! When a statement holds.

use super::pattern::{fits, fits_arn, is_arn};
use super::reading::{Refused, texts};
use super::request::Context;
use serde_json::Value;

/// The keys that the local cloud knows the values of. A condition over another one is refused: it could not be told.
pub const KEYS: [&str; 14] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalType",
    "aws:RequestedRegion",
    "aws:ResourceAccount",
    "aws:SecureTransport",
    "aws:userid",
    "iam:PassedToService",
    "lambda:FunctionArn",
    "s3:delimiter",
    "s3:prefix",
    "sts:ExternalId",
    "sts:RoleSessionName",
];

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringLike,
    /// `ArnEquals` and `ArnLike`, which do the same.
    Arn,
    Bool,
    Null,
}

/// One key of a condition: holds when any value of the request fits any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    operator: Operator,
    /// In lower case: keys are compared so.
    key: String,
    values: Vec<String>,
}

/// Reads a `Condition` block.
pub(super) fn read(block: &Value) -> Result<Vec<Condition>, Refused> {
    let Value::Object(operators) = block else { return Err(Refused::new("Condition must be an object")) };
    let mut conditions = Vec::new();
    for (name, keys) in operators {
        let operator = operator(name)?;
        let Value::Object(keys) = keys else {
            return Err(Refused::new(format!("Condition {name} must be an object")));
        };
        for (key, values) in keys {
            if !KEYS.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                return Err(Refused::new(format!("the condition key {key} is not known here")));
            }
            let values = texts(&format!("Condition {name} {key}"), values)?;
            check(operator, name, key, &values)?;
            conditions.push(Condition { operator, key: key.to_ascii_lowercase(), values });
        }
    }
    Ok(conditions)
}

fn operator(name: &str) -> Result<Operator, Refused> {
    Ok(match name {
        "StringEquals" => Operator::StringEquals,
        "StringLike" => Operator::StringLike,
        "ArnEquals" | "ArnLike" => Operator::Arn,
        "Bool" => Operator::Bool,
        "Null" => Operator::Null,
        other => return Err(Refused::new(format!("the condition operator {other} is not known here"))),
    })
}

fn check(operator: Operator, name: &str, key: &str, values: &[String]) -> Result<(), Refused> {
    let fits = |value: &String| match operator {
        Operator::Bool | Operator::Null => {
            ["true", "false"].iter().any(|word| word.eq_ignore_ascii_case(value))
        }
        Operator::Arn => is_arn(value),
        Operator::StringEquals | Operator::StringLike => true,
    };
    match values.iter().find(|value| !fits(value)) {
        Some(wrong) => Err(Refused::new(format!("Condition {name} {key}: {wrong:?} is no value for it"))),
        None => Ok(()),
    }
}

impl Condition {
    /// Whether it holds for a request.
    pub fn holds(&self, context: &Context) -> bool {
        let given = context.get(&self.key);
        if self.operator == Operator::Null {
            let wanted = if given.is_none() { "true" } else { "false" };
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
        }
        let Some(given) = given else { return false };
        self.values.iter().any(|value| match self.operator {
            Operator::StringEquals => value == given,
            Operator::StringLike => fits(value, given),
            Operator::Arn => fits_arn(value, given),
            Operator::Bool => value.eq_ignore_ascii_case(given),
            Operator::Null => false,
        })
    }
}
