//! Memory that the allocator keeps for later is given back to the system.

/// Gives back what can be. Where the allocator is another one than glibc's, it does so by itself or not at all.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    #[allow(unsafe_code, reason = "the allocator has no safe interface")]
    // SAFETY: it takes the allocator's own locks, touches no memory that is in use, and may be called at any time from any
    // thread.
    unsafe {
        libc::malloc_trim(0);
    }
}
