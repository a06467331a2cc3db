//! What functions wrote, on its way to a terminal, on the screen and in tables: no character of it is obeyed, and
//! harmless text stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throng_fuzz::is_obeyed;

#[path = "../../src/tui"]
#[allow(dead_code, unused_imports)]
mod tui {
    pub mod text;
}

#[path = "../../src/cli"]
#[allow(dead_code, unused_imports)]
mod cli {
    pub mod args {
        /// As the command line has it.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Format {
            Table,
            Json,
        }
    }
    pub mod print;
}

use tui::text::{clean, clean_lines, clip, clip_start, width, wrap, wrap_words};

fuzz_target!(|text: &str| {
    let shown = clean(text);
    assert!(!shown.contains(is_obeyed), "{shown:?}");
    assert_eq!(clean(&shown), shown, "what is clean stays");
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        assert_eq!(shown, text);
    }
    assert!(clean_lines(text).iter().all(|line| !line.contains(is_obeyed)));
    let printed = cli::print::clean(text);
    assert!(!printed.contains(is_obeyed), "{printed:?}");

    let columns = text.len() % 40;
    assert!(width(&clip(&shown, columns)) <= columns && width(&clip_start(&shown, columns)) <= columns);
    assert_eq!(wrap(&shown, columns).concat(), shown, "a piece of a line is lost");
    let letters = |text: &str| text.chars().filter(|char| *char != ' ').collect::<String>();
    assert_eq!(letters(&wrap_words(&shown, columns).concat()), letters(&shown), "a word is lost");
});
