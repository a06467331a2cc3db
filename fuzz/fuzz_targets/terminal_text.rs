//! What functions wrote, on its way to a terminal, on the screen and in tables: no character of it is obeyed, and
//! harmless text stays.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_core::words::{Clean, Lines, clip, clip_start, width, wrap, wrap_words};
use throng_core::{clean, lines};
use throng_fuzz::fuzz_target;
use throng_fuzz::is_obeyed;

fuzz_target!(|text: &str| {
    let shown = Clean::new(text);
    assert!(!shown.contains(is_obeyed), "{shown:?}");
    assert_eq!(Clean::new(&shown), shown, "what is clean stays");
    assert_eq!(Clean::from(text.to_owned()), shown);
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        assert_eq!(&*shown, text);
    }
    assert!(Clean::lines(text).iter().all(|line| !line.contains(is_obeyed)));
    let of_lines = |char: char| char != '\n' && is_obeyed(char);
    assert!(!Lines::new(text).contains(of_lines));
    composed(text, of_lines);

    let columns = text.len() % 40;
    assert!(width(&clip(&shown, columns)) <= columns && width(&clip_start(&shown, columns)) <= columns);
    let whole = |pieces: Vec<Clean>| Clean::join(pieces, "");
    assert_eq!(whole(wrap(&shown, columns)), shown, "a piece of a line is lost");
    let letters = |text: &str| text.chars().filter(|char| *char != ' ').collect::<String>();
    assert_eq!(letters(&whole(wrap_words(&shown, columns))), letters(&shown), "a word is lost");
});

/// Of two texts with ours between them, neither hides ours.
fn composed(text: &str, of_lines: impl Fn(char) -> bool + Copy) {
    let middle = (0..=text.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let (first, second) = text.split_at(middle);
    let line = clean!("{first} between {second}");
    assert!(line.contains(" between ") && !line.contains(is_obeyed), "{line:?}");
    let lines = lines!("{first}\nbetween\n{second}");
    assert!(lines.contains("\nbetween\n") && !lines.contains(of_lines), "{lines:?}");
    let value = serde_json::json!({first: second});
    let Ok(json) = Lines::json(&value) else { panic!("no JSON of {value}") };
    assert!(!json.contains(of_lines), "{json:?}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).ok(), Some(value), "JSON of the same value");
}
