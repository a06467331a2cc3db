//! Amounts on the screen.

pub use throng_core::words::*;

/// `118 MB`: three digits, powers of 1000 as disks and networks count.
#[must_use]
pub fn bytes(number: u64) -> String {
    scaled(number as f64)
}

/// `3.2 MB/s`
#[must_use]
pub fn rate(per_second: f64) -> String {
    format!("{}/s", scaled(per_second))
}

fn scaled(number: f64) -> String {
    let (mut value, mut unit) = (number, 0);
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 || value >= 99.95 {
        format!("{value:.0} {}", units[unit])
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// Memory in MiB, as Lambda counts it: `87 MiB`.
#[must_use]
pub fn mebibytes(number: u64) -> String {
    let value = number as f64 / 1_048_576.0;
    if value >= 9.95 { format!("{value:.0} MiB") } else { format!("{value:.1} MiB") }
}
