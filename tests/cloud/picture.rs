//! The picture of the README, made from the real program. `.ci/picture` draws it.

use crate::support::Home;
use crate::support::screen::Screen;
use crate::support::svg;

#[test]
#[ignore = "writes assets/screen.svg"]
fn the_picture_of_the_readme_is_drawn() {
    let home = Home::new();
    home.write("home/config/config.toml", "[tui]\ntheme = \"dark\"\n");
    let screen = Screen::open(&home, 22, 104, &["demo"]);
    screen.wait_for("10/10");
    screen.wait_for("100%  in");
    let title = "throng on the run of its demo: ten tasks, their states, times and memory";
    let picture = screen.with_screen(|screen| svg::document(screen, title));
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/screen.svg"), picture).expect("writes");
    assert!(screen.quit(), "the terminal is as it was");
}

#[test]
fn cells_that_look_the_same_are_one_text() {
    let mut parser = vt100::Parser::new(2.try_into().unwrap(), 20.try_into().unwrap(), 0);
    parser.process(b"plain \x1b[1;31m<bold>\x1b[0m\r\n\x1b[44m on blue \x1b[0m");
    let svg = svg::document(parser.screen(), "a & b");
    assert!(svg.starts_with("<svg ") && svg.contains("<title>a &amp; b</title>"), "{svg}");
    assert!(svg.contains(">plain</text>"), "{svg}");
    let bold = svg.lines().find(|line| line.contains("&lt;bold&gt;")).expect("the bold text");
    assert!(bold.contains("fill=\"#e06c75\"") && bold.contains("font-weight=\"bold\""), "{bold}");
    let back = svg.lines().find(|line| line.contains("fill=\"#61afef\"")).expect("the background");
    assert!(back.starts_with("<rect x=\"14.0\" y=\"32.0\" width=\"75.6\""), "{back}");
    assert!(svg.contains(">on blue</text>"), "{svg}");
}
