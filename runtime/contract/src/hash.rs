//! One hash for names: FNV-1a with 64 bits. It spreads keys and tells names apart; it is not a seal.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a (Fowler, Noll, Vo; draft-eastlake-fnv) over parts with a byte between them that no text has.
#[must_use]
pub fn of(parts: &[&[u8]]) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    parts.iter().fold(OFFSET, |hash, part| step(part.iter().copied().fold(hash, step), 0xff))
}

/// The same, as 8 hexadecimal digits.
#[must_use]
pub fn short(parts: &[&[u8]]) -> String {
    let hash = of(parts);
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

/// Two hexadecimal digits.
#[must_use]
pub(crate) fn digits(parts: &[&[u8]]) -> String {
    let bytes = of(parts).to_be_bytes();
    format!("{:02x}", bytes.iter().fold(0, |all, byte| all ^ byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_have_other_hashes() {
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_eq!(short(&[b"a"]).len(), 8);
        let first: std::collections::BTreeSet<_> =
            (0..4096_u32).map(|n| digits(&[n.to_string().as_bytes()])).collect();
        assert_eq!(first.len(), 256, "every pair of digits is used");
    }
}
