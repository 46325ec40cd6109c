//! How the C library keeps memory that was used and is free again. Left alone, it learns from the
//! first large document that large pieces are usual, and from then on holds tens of megabytes for the
//! next one, in each of many arenas.

/// Sets it for the process; before other threads start. Elsewhere than with glibc nothing is to set.
pub fn give_back_what_is_free() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::set();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[allow(unsafe_code)]
mod glibc {
    /// Bytes from which a piece is mapped on its own and unmapped when it is free: above a page's
    /// text and a batch of vectors, below a picture or a document's whole text. Naming it also stops
    /// the learning.
    const MAPPED_FROM_BYTES: libc::c_int = 256 * 1024;
    /// Free bytes at an arena's end that are kept for what comes next.
    const KEPT_BYTES: libc::c_int = 512 * 1024;
    /// Arenas, each with free pieces of its own: enough that threads seldom wait for one another.
    const ARENAS: libc::c_int = 4;

    pub fn set() {
        // SAFETY: mallopt takes two plain numbers; called before other threads exist.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
            libc::mallopt(libc::M_ARENA_MAX, ARENAS);
        }
    }
}
