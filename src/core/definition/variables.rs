//! Variables of a function: those that go into the image, those that are set on the function, and secrets.

use super::fields::{Fields, Spanned};
use super::node::Value;
use super::problem::{Position, Report};
use super::secrets::{Environment, expand};
use super::{Definition, limits, telltale};
use std::collections::BTreeMap;
use std::fmt;

const ENVIRONMENT: &[&str] = &["Variables", "variables"];
/// All secrets of a function together, in bytes. Linux takes 128 KiB for one variable; the local cloud encrypts objects of up to
/// 64 KiB, and the keys of storage providers are in the same one.
const SECRETS_BYTES: usize = 48 * 1024;

/// A variable of the script that is a secret: it goes into the encrypted object of the home bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct ScriptSecret {
    /// Its value. Never in a message.
    pub value: String,
    /// As written, where it came from the environment (`${NAME}`).
    pub written: Option<String>,
}

impl fmt::Debug for ScriptSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptSecret").field("written", &self.written).finish_non_exhaustive()
    }
}

/// Reads all of them.
pub(super) fn read(
    lambda: &Fields<'_>,
    container: &Fields<'_>,
    environment: Environment<'_>,
    definition: &mut Definition,
    report: &mut Report,
) {
    for (fields, is_container) in [(container, true), (lambda, false)] {
        let block = fields.map("environment", ENVIRONMENT, report);
        for spelling in ENVIRONMENT {
            for (name, value) in block.pairs(spelling, report) {
                let key = format!("{}.{name}", block.key(spelling));
                if limits::variable_name(&name, value.at, &key, report) {
                    variable(name, &value, is_container, &key, environment, definition, report);
                }
            }
        }
    }
    let at =
        lambda.node("environment").or(container.node("environment")).map_or(Position::default(), |n| n.at);
    limits::variables_size(&definition.lambda_env, at, &lambda.key("environment"), report);
    secrets(lambda, environment, definition, report);
}

fn variable(
    name: String,
    value: &Spanned<String>,
    is_container: bool,
    key: &str,
    environment: Environment<'_>,
    definition: &mut Definition,
    report: &mut Report,
) {
    // SCAR's own settings for udocker mean nothing here.
    if !is_container && name.starts_with("UDOCKER_") {
        return;
    }
    let Some(expanded) = expand(value, &environment, key, report) else { return };
    let secret = expanded.from_environment;
    if secret {
        definition.secrets.insert(name.clone(), value.value.clone());
    } else if telltale::is_secret(&name, &expanded.text) {
        let who = if is_container {
            "its value becomes a part of the image, for everybody who can pull it"
        } else {
            "its value is for everybody to read who may look at the function"
        };
        let message = format!(
            "looks like a secret: it stands in this file, and {who}. Take it out, name it under `secrets: [{name}]`, and give its \
             value in the environment variable {name} of `throng deploy`"
        );
        report.warn(value.at, key, message);
    }
    // Secrets go to the function's configuration, never into the image.
    let target = if is_container && !secret { &mut definition.env } else { &mut definition.lambda_env };
    if let Some(reason) = (!is_container || secret).then(|| limits::reserved(&name)).flatten() {
        report.error(value.at, key, reason);
        return;
    }
    target.insert(name, expanded.text);
}

/// `secrets`: a list of names, whose values are in environment variables of the same names; or a map of names and values.
fn secrets(
    lambda: &Fields<'_>,
    environment: Environment<'_>,
    definition: &mut Definition,
    report: &mut Report,
) {
    let key = lambda.key("secrets");
    let listed: BTreeMap<String, Spanned<String>> = match lambda.node("secrets").map(|node| &node.value) {
        None => return,
        Some(Value::Map(_)) => lambda.pairs("secrets", report),
        Some(_) => {
            let names = lambda.texts("secrets", report).into_iter();
            let own = |name: Spanned<String>| {
                (name.value.clone(), Spanned { at: name.at, value: format!("${{{}}}", name.value) })
            };
            names.map(own).collect()
        }
    };
    for (name, value) in listed {
        let key = format!("{key}.{name}");
        if !limits::variable_name(&name, value.at, &key, report) {
            continue;
        }
        if name.starts_with("THRONG_") {
            report.error(value.at, &key, "is a name that throng sets itself; choose another");
            continue;
        }
        if definition.env.contains_key(&name) || definition.lambda_env.contains_key(&name) {
            let message = "is a variable under `environment`, too: take it out there, or it is no secret";
            report.error(value.at, &key, message);
            continue;
        }
        let Some(expanded) = expand(&value, &environment, &key, report) else { continue };
        let text = expanded.text;
        if text.contains('\0') {
            report.error(
                value.at,
                &key,
                "holds the character 0, which no variable can (its value is not shown)",
            );
            continue;
        }
        let from_environment = expanded.from_environment;
        if !from_environment && !text.is_empty() {
            let message = "stands in the file for everybody who can read it: write `${NAME}`, and give the value in the \
                           environment variable NAME";
            report.warn(value.at, &key, message);
        }
        let written = from_environment.then_some(value.value);
        definition.script_secrets.insert(name, ScriptSecret { value: text, written });
    }
    let size: usize =
        definition.script_secrets.iter().map(|(name, secret)| name.len() + secret.value.len()).sum();
    if let Some(node) = lambda.node("secrets").filter(|_| size > SECRETS_BYTES) {
        let message = format!(
            "{size} bytes of secrets: at most {} KiB in all; let the script fetch what is larger",
            SECRETS_BYTES / 1024
        );
        report.error(node.at, &key, message);
    }
}
