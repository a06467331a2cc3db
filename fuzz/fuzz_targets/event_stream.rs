//! Frames of event streams, as the local cloud writes them and clients read them: however they are cut, what was sent
//! arrives. The first byte says how they are cut.
#![cfg_attr(feature = "libfuzzer", no_main)]

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::BytesMut;
use throng_fuzz::fuzz_target;
use throng_local::{lambda, logs};

fuzz_target!(|data: &[u8]| {
    let [cut, payload @ ..] = data else { return };
    let cut = usize::from(*cut) + 1;
    let update = serde_json::json!({"message": String::from_utf8_lossy(payload), "timestamp": payload.len()});
    let stream = [lambda::fuzzing::chunk(payload.to_vec()), logs::fuzzing::frame(&update)].concat();
    let [chunk, told] = &read(&stream, cut).expect("our own frames")[..] else { panic!("not two frames") };
    assert_eq!(chunk, payload);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(told).ok(), Some(update));
    // A byte that was changed on its way is noticed.
    if let Some(at) = payload.first().map(|byte| usize::from(*byte) % stream.len()) {
        let mut broken = stream.clone();
        broken[at] ^= 1;
        let read = read(&broken, cut);
        assert!(read.is_none_or(|read| read.len() < 2), "a broken frame was taken");
    }
    let _ = read(payload, cut);
});

fn read(stream: &[u8], cut: usize) -> Option<Vec<Vec<u8>>> {
    let (mut decoder, mut buffer, mut found) = (MessageFrameDecoder::new(), BytesMut::new(), Vec::new());
    for piece in stream.chunks(cut) {
        buffer.extend_from_slice(piece);
        while let DecodedFrame::Complete(message) = decoder.decode_frame(&mut buffer).ok()? {
            found.push(message.payload().to_vec());
        }
    }
    Some(found)
}
