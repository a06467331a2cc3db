//! What decides a task's result: equal fingerprints need not be done again.

use std::collections::BTreeMap;

/// How many bytes of the SHA-256 of [`fingerprinted`] are a fingerprint; it is written in hexadecimal.
pub const FINGERPRINT_BYTES: usize = 16;

/// The bytes whose digest is a task's fingerprint. `function` is the function's part
/// ([`FunctionConfig::fingerprint`](super::FunctionConfig::fingerprint)), `input` the input's `ETag` as a server sends it (in
/// quotes), or an event's bytes. `None` when the function's part is not known.
#[must_use]
pub fn fingerprinted(function: &str, input: &[u8], variables: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let mut bytes = [function.as_bytes(), input].concat();
    if !variables.is_empty() {
        bytes.extend(serde_json::to_vec(variables).unwrap_or_default());
    }
    (!function.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_input_and_variables_decide() {
        let one = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
        let plain = fingerprinted("f", b"\"e\"", &BTreeMap::new());
        assert_eq!(plain.as_deref(), Some(&b"f\"e\""[..]));
        assert_eq!(fingerprinted("f", b"e", &one).as_deref(), Some(&b"fe{\"A\":\"1\"}"[..]));
        assert_eq!(fingerprinted("", b"e", &one), None);
    }
}
