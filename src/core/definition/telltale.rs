//! Variables that look like secrets, by their names and by what they hold.

/// Words of names that are secrets.
const WORDS: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "SECRET",
    "SECRETS",
    "TOKEN",
    "APIKEY",
    "APITOKEN",
    "CREDENTIAL",
    "CREDENTIALS",
    "PRIVKEY",
];
/// Words before `KEY` that make it one.
const OF_KEY: [&str; 8] = ["API", "ACCESS", "SECRET", "PRIVATE", "AUTH", "ACCOUNT", "ENCRYPTION", "SIGNING"];
/// Last words that say that the value is something else: where the secret is, or what kind it is of.
const ABOUT: [&str; 12] =
    ["FILE", "PATH", "DIR", "URL", "URI", "ENDPOINT", "NAME", "TYPE", "LENGTH", "TTL", "EXPIRY", "HEADER"];
/// How keys of well-known services begin, and how many characters they have at least: of AWS (IAM user guide, "Unique
/// identifiers"), `GitHub`, `GitLab`, Slack, Google, Hugging Face, `OpenAI`.
const BEGINNINGS: [(&str, usize); 11] = [
    ("AKIA", 20),
    ("ASIA", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("xoxb-", 20),
    ("xoxp-", 20),
    ("AIza", 35),
    ("hf_", 30),
    ("sk-", 30),
];

/// Whether a variable seems to be a secret.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    let value = value.trim();
    !value.is_empty() && (named(name, value) || held(value))
}

fn named(name: &str, value: &str) -> bool {
    // A file's name, a number or a switch is no secret, whatever it is called.
    if value.starts_with('/')
        || value.len() < 3
        || matches!(value.to_lowercase().as_str(), "true" | "false" | "none" | "null")
    {
        return false;
    }
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    if words.last().is_some_and(|last| ABOUT.contains(last)) {
        return false;
    }
    words.iter().any(|word| WORDS.contains(word))
        || words.windows(2).any(|pair| pair[1] == "KEY" && OF_KEY.contains(&pair[0]))
}

fn held(value: &str) -> bool {
    let word = !value.contains(char::is_whitespace);
    let begins = |(begin, least): &(&str, usize)| value.starts_with(begin) && value.len() >= *least;
    (word && BEGINNINGS.iter().any(begins))
        || (value.starts_with("-----BEGIN ") && value.contains("PRIVATE KEY"))
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn secrets_are_known_by_their_names_and_by_what_they_hold() {
        for (name, value) in [
            ("PASSWORD", "admin"),
            ("db_passwd", "geheim"),
            ("JUPYTER_TOKEN", "root"),
            ("AWS_ACCESS_KEY_ID", "x123"),
            ("AWS_SECRET_ACCESS_KEY", "x123"),
            ("MY_API_KEY", "x123"),
            ("KEY", "AKIAIOSFODNN7EXAMPLE"),
            ("CERT", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [
            ("TOKENIZER", "bert"),
            ("MAX_TOKENS", "100"),
            ("PASSWORD", ""),
            ("PASSWORD_FILE", "secret.txt"),
            ("TOKEN", "/run/secrets/token"),
            ("SECRET_NAME", "abc"),
            ("KEYS", "a,b,c"),
            ("SORT_KEY", "name"),
            ("PASS", "2"),
            ("SECRET", "true"),
            ("TEXT", "sk-"),
        ] {
            assert!(!is_secret(name, value), "{name}");
        }
    }
}
