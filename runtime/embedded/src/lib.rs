//! The programs that run inside functions, as the build script beside this file built and embedded them.

/// One program, for each architecture that it could be built for: static ELF executables.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// For 64-bit Intel and AMD.
    pub x86_64: Option<&'static [u8]>,
    /// For 64-bit Arm, Lambda's Graviton.
    pub arm64: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn the_programs_are_static_executables() {
        for program in [RUNTIME.x86_64, SLICES.x86_64].into_iter().flatten() {
            assert!(program.starts_with(b"\x7fELF\x02"), "no 64-bit ELF");
            // Program headers: offset at 32, size at 54, count at 56. Type 3 names an interpreter, which
            // a static program lacks; a static one at any address (static-pie) has a dynamic section all the same.
            let number = |at: usize, length: usize| {
                program[at..at + length].iter().rev().fold(0, |sum, byte| sum * 256 + usize::from(*byte))
            };
            let (offset, size, count) = (number(32, 8), number(54, 2), number(56, 2));
            let types: Vec<_> = (0..count).map(|index| number(offset + index * size, 4)).collect();
            assert!(!types.contains(&3), "dynamically linked: {types:?}");
        }
    }
}
