//! Function names and ARNs.

use super::error::ApiError;
use throng_contract::local::{ACCOUNT, REGION};

/// A function as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRef {
    /// Its plain name.
    pub name: String,
    /// A version or alias, when one was named.
    pub qualifier: Option<String>,
}

/// `arn:aws:lambda:us-east-1:000000000000:function:<name>`
#[must_use]
pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

const PATTERN: &str = "Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?\
                       ([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)\
                       (:(\\$LATEST|[a-zA-Z0-9-_]+))?";

impl FunctionRef {
    /// Reads a name, a partial ARN (`123456789012:function:name`) or an ARN, each with or without a qualifier.
    ///
    /// # Errors
    /// `ValidationException` when it is none of them; `ResourceNotFoundException` for another account or region.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let bad = || ApiError::constraint(text, "functionName", PATTERN);
        let mut rest = text;
        if let Some(after) = text.strip_prefix("arn:") {
            let parts: Vec<&str> = after.splitn(5, ':').collect();
            let [partition, "lambda", region, account, tail] = parts[..] else { return Err(bad()) };
            if !partition.starts_with("aws") {
                return Err(bad());
            }
            if region != REGION || account != ACCOUNT {
                return Err(ApiError::no_function(text));
            }
            rest = tail;
        } else if let Some((account, tail)) = text.split_once(":function:") {
            if account.rsplit(':').next() != Some(ACCOUNT) {
                return Err(ApiError::no_function(text));
            }
            rest = tail;
        }
        let rest = rest.strip_prefix("function:").unwrap_or(rest);
        let (name, qualifier) = match rest.split_once(':') {
            Some((name, qualifier)) => (name, Some(qualifier)),
            None => (rest, None),
        };
        let qualifier_fits = qualifier.is_none_or(|qualifier| qualifier == "$LATEST" || is_name(qualifier));
        if !is_name(name) || !qualifier_fits {
            return Err(bad());
        }
        Ok(Self { name: name.to_owned(), qualifier: qualifier.map(str::to_owned) })
    }

    /// Adds the qualifier of a query string. Only `$LATEST` exists here: versions and aliases are not kept.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for any other version or alias.
    pub fn latest(self, query: Option<&str>) -> Result<String, ApiError> {
        for qualifier in [self.qualifier.as_deref(), query].into_iter().flatten() {
            if !matches!(qualifier, "" | "$LATEST") {
                return Err(ApiError::no_function(&format!("{}:{qualifier}", function_arn(&self.name))));
            }
        }
        Ok(self.name)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_the_ways_to_name_a_function() {
        for text in [
            "f-1",
            "f-1:$LATEST",
            "000000000000:function:f-1",
            "function:f-1",
            "arn:aws:lambda:us-east-1:000000000000:function:f-1",
            "arn:aws:lambda:us-east-1:000000000000:function:f-1:$LATEST",
        ] {
            assert_eq!(FunctionRef::parse(text).unwrap().latest(None).unwrap(), "f-1", "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "x".repeat(65);
        for text in ["", "a b", "a/b", "../x", "arn:aws:s3:::b", "f:", long.as_str()] {
            assert_eq!(FunctionRef::parse(text).unwrap_err().code, "ValidationException", "{text}");
        }
        let other = FunctionRef::parse("arn:aws:lambda:eu-west-1:000000000000:function:f").unwrap_err();
        assert_eq!(other.status, 404);
        assert_eq!(FunctionRef::parse("f").unwrap().latest(Some("7")).unwrap_err().status, 404);
    }
}
