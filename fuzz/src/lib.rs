//! What several fuzz targets need.

pub mod s3;
#[cfg(not(feature = "libfuzzer"))]
pub mod seeds;

/// Makes a program of what is done with an input: libFuzzer's.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! fuzz_target {
    ($($target:tt)*) => {
        ::libfuzzer_sys::fuzz_target!($($target)*);
    };
}

/// Makes a program of what is done with an input: one that does it with each file that it is given.
#[cfg(not(feature = "libfuzzer"))]
#[macro_export]
macro_rules! fuzz_target {
    (|$data:ident: &[u8]| $body:block) => {
        fn main() {
            $crate::seeds::run(|$data: &[u8]| $body);
        }
    };
    (|$text:ident: &str| $body:block) => {
        fn main() {
            $crate::seeds::run(|data: &[u8]| {
                let $text = $crate::seeds::text(data);
                $body
            });
        }
    };
}

/// The first line of an input, and the rest: inputs that have two parts stay readable, and so do their seeds.
pub fn line_and_rest(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, b""),
    }
}

/// As [`line_and_rest`], for text.
pub fn line_and_text(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// Whether a terminal would obey a character, or show the text around it in another order.
pub fn is_obeyed(char: char) -> bool {
    // Unicode's property Bidi_Control, and the separators that begin a new line.
    let bidi = matches!(char,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    char.is_control() || bidi
}
