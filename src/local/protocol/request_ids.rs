//! What identifies a request in answers and events.

/// Who did it, as events and answers tell.
#[derive(Clone, Debug)]
pub struct RequestIds {
    /// `x-amz-request-id`
    pub request_id: String,
    /// `x-amz-id-2`
    pub host_id: String,
}

impl RequestIds {
    /// New ones, shaped as AWS's are.
    #[must_use]
    pub fn random() -> Self {
        use base64::Engine as _;
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let mut bits = rand::random::<u128>();
        let mut request_id = String::with_capacity(16);
        for _ in 0..16 {
            let at = usize::try_from(bits & 31).unwrap_or_default();
            request_id.push(char::from(*ALPHABET.get(at).unwrap_or(&b'0')));
            bits >>= 5;
        }
        let host_id = base64::engine::general_purpose::STANDARD.encode(rand::random::<[u8; 56]>());
        Self { request_id, host_id }
    }
}
