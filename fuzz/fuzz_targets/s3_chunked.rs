//! Bodies in `aws-chunked` framing, as SDKs send them, however the network cuts them: a right one is stored as it is,
//! and of a wrong one nothing is stored.
//!
//! The first byte says how the body is cut, the second how it is made, the rest is the body or its content.
#![cfg_attr(feature = "libfuzzer", no_main)]

use base64::Engine as _;
use throng_fuzz::fuzz_target;
use throng_fuzz::s3::{BUCKET, Cloud};

const HASH: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

fuzz_target!(|data: &[u8]| {
    let [cut, kind, rest @ ..] = data else { return };
    let cut = usize::from(*cut) + 1;
    if kind % 2 == 0 {
        let framed = framed(rest, usize::from(*kind) + 1);
        let answer = put(&framed, rest.len(), cut);
        assert!(answer.status.is_success(), "{}", answer.text());
        let stored = Cloud::get().ask("GET", &format!("/{BUCKET}/key"), &[], &[], None);
        assert_eq!(stored.body, rest);
    } else {
        let before = put(&framed(b"before", 3), 6, 9);
        assert!(before.status.is_success(), "{}", before.text());
        let length = rest.len() / 2;
        let answer = put(rest, length, cut);
        let stored = Cloud::get().ask("GET", &format!("/{BUCKET}/key"), &[], &[], None);
        if answer.status.is_success() {
            assert_eq!(stored.body.len(), length, "{rest:?}");
        } else {
            assert!(answer.status.is_client_error(), "{} {}", answer.status, answer.text());
            assert_eq!(stored.body, &b"before"[..], "half of a body was stored");
        }
    }
});

fn framed(content: &[u8], chunk: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in content.chunks(chunk) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    let checksum = base64::engine::general_purpose::STANDARD.encode(crc32fast::hash(content).to_be_bytes());
    out.extend_from_slice(format!("0\r\nx-amz-checksum-crc32:{checksum}\r\n\r\n").as_bytes());
    out
}

fn put(body: &[u8], length: usize, cut: usize) -> throng_fuzz::s3::Answer {
    let pieces: Vec<&[u8]> = body.chunks(cut).collect();
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-decoded-content-length", &*length.to_string()),
    ];
    Cloud::get().ask("PUT", &format!("/{BUCKET}/key"), &headers, &pieces, Some(HASH))
}
