//! The real binary in a pseudo-terminal: what a person sees and what their keys do.

use crate::support::Home;
use crate::support::screen::Screen;

#[test]
fn the_demo_opens_on_its_run_and_its_results_are_shown() {
    let home = Home::new();
    let mut screen = Screen::open(&home, 24, 80, &["demo"]);
    screen.wait_for("10/10");
    screen.press("\r");
    screen.wait_for(".png");
    screen.press("o");
    screen.wait_for("▀");
    screen.press("\x1b");
    screen.wait_for("exit code 0");
    screen.press(":functions\r");
    screen.wait_for("Active");
    screen.press("5");
    screen.wait_for("START");
    assert!(screen.quit(), "the terminal is as it was");
    assert_eq!(home.json(&["runs", "last"])["counts"]["succeeded"], 10);
}

#[test]
fn files_that_are_dropped_on_a_function_become_a_run() {
    let home = Home::new();
    home.ok(&["demo", "--no-tui"]);
    let image = home.path().join("home/cache/demo/images/head-anatomical.nii");
    let mut screen = Screen::open(&home, 50, 200, &["tui"]);
    screen.press("1");
    screen.wait_for("throng-demo-slices");
    screen.press(&format!("\x1b[200~{}\x1b[201~", image.display()));
    screen.wait_for("1 file");
    screen.answer("\r", "process each with");
    screen.wait_for("1/1");
    assert!(screen.quit(), "the terminal is as it was");
    let runs = home.json(&["runs"]);
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
    assert_eq!(runs[0]["counts"]["succeeded"], 1, "{runs}");
}

/// What a function answers is hostile to a terminal, and data for a program.
#[test]
fn an_answer_is_neutral_on_a_terminal_and_itself_elsewhere() {
    let evil = "\x1b]0;owned\x07\x1b[2Jred \x1b[31mtext\u{9b}5m\x08\u{202e}end\n";
    let octal = evil.bytes().fold(String::new(), |text, byte| format!("{text}\\{byte:03o}"));
    let home = Home::new();
    let definition = home.function("say", &format!("#!/bin/sh\nprintf '{octal}'\n"), "");
    home.ok(&["deploy", &definition]);
    let screen = Screen::open(&home, 24, 80, &["invoke", "say"]);
    screen.wait_for("end");
    let written = String::from_utf8_lossy(&screen.written()).into_owned();
    for part in ["\x1b]", "\x07", "\x1b[2J", "\x1b[31m", "\u{9b}", "\x08", "\u{202e}"] {
        assert!(!written.contains(part), "{part:?} in {written:?}");
    }
    assert!(written.contains("red ") && written.contains("text"), "{written:?}");
    let piped = home.run(&["invoke", "say"]);
    assert_eq!(String::from_utf8_lossy(&piped.stdout), evil, "a program gets what the function wrote");
    home.ok(&["invoke", "say", "--to", "answer"]);
    assert_eq!(std::fs::read_to_string(home.path().join("answer")).unwrap(), evil);
}

#[test]
fn what_was_typed_before_a_question_deletes_nothing() {
    let home = Home::new();
    home.write("a.txt", "a");
    home.ok(&["put", "a.txt", "data/in"]);
    let mut screen = Screen::open(&home, 24, 80, &["rm", "object", "data/in/a.txt"]);
    screen.press("y\r");
    screen.wait_for("[y/N]");
    assert_eq!(home.json(&["ls", "data/in/"]).as_array().map(Vec::len), Some(1), "it still asks");
    screen.press("y\r");
    screen.wait_for("deleted 1 object");
}

#[test]
fn text_for_another_window_answers_no_question() {
    let home = Home::new();
    home.write("a.txt", "a");
    home.ok(&["put", "a.txt", "data/in"]);
    let there = || home.json(&["ls", "data/in/"]).as_array().map_or(0, Vec::len);
    let mut screen = Screen::open(&home, 24, 80, &["tui"]);
    screen.wait_for("online");
    screen.press(":buckets data/in\r");
    screen.wait_for("a.txt");
    screen.press("delay");
    screen.wait_for("Delete this object?");
    screen.wait_for("Too fast to be an answer");
    assert_eq!(there(), 1);
    screen.answer("y", "Delete this object?");
    screen.wait_for("Nothing in this folder");
    assert_eq!(there(), 0);
    assert!(screen.quit(), "the terminal is as it was");
}
