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
    screen.press("\r");
    screen.wait_for("1/1");
    assert!(screen.quit(), "the terminal is as it was");
    let runs = home.json(&["runs"]);
    assert_eq!(runs.as_array().map(Vec::len), Some(2), "{runs}");
    assert_eq!(runs[0]["counts"]["succeeded"], 1, "{runs}");
}
