//! Targets without libFuzzer: each file that is named is an input, once.

/// Runs a target with the files that the command line names. A target that panics ends the program; the last line tells
/// with which file.
pub fn run(target: impl Fn(&[u8])) {
    let mut count = 0;
    for path in std::env::args_os().skip(1) {
        println!("{}", path.display());
        let input = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        target(&input);
        count += 1;
    }
    println!("{count} seeds");
}

/// An input of a target that takes text: what comes before the first byte that is none, as libFuzzer's targets do it.
pub fn text(data: &[u8]) -> &str {
    let valid = std::str::from_utf8(data).map_or_else(|error| error.valid_up_to(), str::len);
    std::str::from_utf8(&data[..valid]).unwrap_or_default()
}
