//! The programs that run inside functions, as `build.rs` embedded them.

use crate::core::definition::Architecture;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The runtime for an architecture, a static ELF executable. `None` when it could not be built where throng was.
#[must_use]
pub const fn runtime(architecture: Architecture) -> Option<&'static [u8]> {
    match architecture {
        Architecture::X86_64 => RUNTIME_X86_64,
        Architecture::Arm64 => RUNTIME_ARM64,
    }
}

/// The demo function's program for an architecture, a static ELF executable. `None` as for [`runtime`].
#[must_use]
pub const fn slices(architecture: Architecture) -> Option<&'static [u8]> {
    match architecture {
        Architecture::X86_64 => SLICES_X86_64,
        Architecture::Arm64 => SLICES_ARM64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    #[test]
    fn the_programs_are_static_executables() {
        for program in [runtime(Architecture::X86_64), slices(Architecture::X86_64)].into_iter().flatten() {
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
