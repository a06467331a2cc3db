//! What functions wrote, on its way to a terminal, on the screen and in tables: no character of it is obeyed, and
//! harmless text stays.
#![cfg_attr(feature = "libfuzzer", no_main)]

use throng_cli::fuzzing::clean as print_clean;
use throng_fuzz::fuzz_target;
use throng_fuzz::is_obeyed;
use throng_tui::fuzzing::{clean, clean_lines, clip, clip_start, width, wrap, wrap_words};

fuzz_target!(|text: &str| {
    let shown = clean(text);
    assert!(!shown.contains(is_obeyed), "{shown:?}");
    assert_eq!(clean(&shown), shown, "what is clean stays");
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        assert_eq!(shown, text);
    }
    assert!(clean_lines(text).iter().all(|line| !line.contains(is_obeyed)));
    let printed = print_clean(text);
    assert!(!printed.contains(is_obeyed), "{printed:?}");

    let columns = text.len() % 40;
    assert!(width(&clip(&shown, columns)) <= columns && width(&clip_start(&shown, columns)) <= columns);
    assert_eq!(wrap(&shown, columns).concat(), shown, "a piece of a line is lost");
    let letters = |text: &str| text.chars().filter(|char| *char != ' ').collect::<String>();
    assert_eq!(letters(&wrap_words(&shown, columns).concat()), letters(&shown), "a word is lost");
});
