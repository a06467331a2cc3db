//! Variables that a launch gives to scripts: which names and values may stand in a run's record for everybody to read.

use super::is_reserved;
use std::collections::BTreeMap;
use throng_contract::layout::OWN_VARIABLES;

/// Longest value that Linux takes in a variable, less room for its name (`MAX_ARG_STRLEN`), in bytes.
const LONGEST: usize = 120 * 1024;
/// All of a task together, in bytes: an event of Lambda has 256 KiB at most (`InvokeFunction`, asynchronous).
const ALL: usize = 128 * 1024;
/// Words that names of secrets have.
const SECRET: [&str; 14] = [
    "KEY",
    "APIKEY",
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PWD",
    "SECRET",
    "SECRETS",
    "CREDENTIAL",
    "CREDENTIALS",
    "AUTH",
    "COOKIE",
    "BEARER",
];

/// Refuses a variable that no script can get, or whose value would be a secret in run.json. The error is a sentence.
///
/// # Errors
/// The name is none, is the runtime's own or a secret's; the value is too long or looks like a key.
pub(crate) fn check_value(name: &str, value: &str) -> Result<(), String> {
    let mut chars = name.chars();
    let begins = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !begins || !chars.all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!("`{name}` is not a variable name: a letter or _, then letters, digits and _"));
    }
    let ours = ["AWS_", "THRONG_", "LAMBDA_"].iter().any(|begin| name.starts_with(begin));
    if ours || OWN_VARIABLES.contains(&name) || is_reserved(name) {
        return Err(format!("`{name}` is set by Lambda or throng itself: choose another name"));
    }
    if is_secret_name(name) || is_secret_value(value) {
        return Err(format!(
            "`{name}` looks like a secret, and variables of a run stand in its record: give it to the function instead (in its \
             definition, `environment: Variables: {name}: ${{{name}}}`, where it is encrypted and kept out of image and record)"
        ));
    }
    if value.len() > LONGEST || value.contains('\0') {
        return Err(format!("the value of `{name}` is longer than {LONGEST} bytes, or holds a zero byte"));
    }
    Ok(())
}

/// Refuses what one event cannot hold.
///
/// # Errors
/// The sentence says how much it is.
pub(crate) fn check_values(variables: &BTreeMap<String, String>) -> Result<(), String> {
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 6).sum();
    if size > ALL {
        return Err(format!(
            "a task's variables have {size} bytes: {ALL} are allowed; put long values into an input"
        ));
    }
    Ok(())
}

fn is_secret_name(name: &str) -> bool {
    name.split('_').any(|word| SECRET.contains(&word.to_ascii_uppercase().as_str()))
}

/// Keys of AWS, and private keys in PEM.
fn is_secret_value(value: &str) -> bool {
    let is_key_id = |word: &str| {
        word.len() == 20
            && ["AKIA", "ASIA"].iter().any(|begin| word.starts_with(begin))
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    // AWS's secret keys: 40 characters of base64, not all of them hexadecimal digits as those of a commit.
    let is_secret_key = |word: &str| {
        word.len() == 40
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+'))
            && word.bytes().any(|byte| byte.is_ascii_uppercase())
            && word.bytes().any(|byte| byte.is_ascii_lowercase())
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    value.contains("PRIVATE KEY-----")
        || value
            .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '+')))
            .any(|word| is_key_id(word) || is_secret_key(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_refused_by_name_and_by_value() {
        for name in ["API_KEY", "TOKEN", "HF_TOKEN", "DbPassword_", "db_password", "AUTH"] {
            let refused = check_value(name, "1").is_err_and(|why| why.contains("secret"));
            assert_eq!(refused, name != "DbPassword_", "{name}");
        }
        for value in [
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "-----BEGIN RSA PRIVATE KEY-----",
        ] {
            assert!(check_value("X", value).is_err(), "{value}");
        }
        let commit = "0123456789abcdef0123456789abcdef01234567";
        for (name, value) in [("ALPHA", "0.1"), ("KEYFRAMES", "5"), ("MONKEY", "x"), ("COMMIT", commit)] {
            assert_eq!(check_value(name, value), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_of_the_runtime_and_what_is_no_name_are_refused() {
        for name in
            ["", "1X", "A-B", "INPUT_FILE_PATH", "TASK_INDEX", "AWS_REGION", "THRONG_RUN", "FILES_DIR"]
        {
            assert!(check_value(name, "1").is_err(), "{name}");
        }
        let long =
            BTreeMap::from([("A".to_owned(), "x".repeat(LONGEST)), ("B".to_owned(), "x".repeat(9000))]);
        assert!(check_values(&long).is_err());
    }
}
