//! A function as it is stored: its variables, which may be secret, are encrypted.

use super::model::Function;
use crate::db::{Db, DbError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Where the encrypted variables are in the document.
const SEALED: &str = "sealed_env";

fn failed(error: impl std::fmt::Display) -> DbError {
    DbError::Failed(error.to_string())
}

/// The document of a function.
///
/// # Errors
/// The key of the secrets can be neither read nor made.
pub(super) fn write(db: &Db, function: &Function) -> Result<String, DbError> {
    let mut document = serde_json::to_value(function).map_err(failed)?;
    if !function.settings.env.is_empty() {
        let variables = serde_json::to_vec(&function.settings.env).map_err(failed)?;
        document["settings"]["env"] = json!({});
        document[SEALED] = json!(STANDARD.encode(db.sealer()?.seal(&variables)?));
    }
    Ok(document.to_string())
}

/// The function of a document, and whether its variables were in plain.
///
/// # Errors
/// It cannot be read, or not be decrypted.
pub(super) fn read(db: &Db, document: &str) -> Result<(Function, bool), DbError> {
    let mut document: Value = serde_json::from_str(document).map_err(failed)?;
    let sealed = document.as_object_mut().and_then(|document| document.remove(SEALED));
    let mut function: Function = serde_json::from_value(document).map_err(failed)?;
    let is_plain = !function.settings.env.is_empty();
    if let Some(sealed) = sealed.as_ref().and_then(Value::as_str) {
        let variables = db.sealer()?.open_sealed(&STANDARD.decode(sealed).map_err(failed)?)?;
        function.settings.env = serde_json::from_slice(&variables).map_err(failed)?;
    }
    Ok((function, is_plain))
}
