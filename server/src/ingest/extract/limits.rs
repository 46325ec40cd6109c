//! The limits the extracting process sets on itself: memory, processor time, files. The only unsafe
//! code of the ingest; every call is a plain system call on values of this function's own.
//!
//! When a limit is hit the kernel sends a signal (or an allocation fails and the runtime aborts);
//! a handler then writes the `failed` line, so that even a crash ends in a sentence.

/// What the student reads when a limit was hit. Must hold nothing that JSON would escape.
pub(super) const GAVE_UP: &str = "Reading this document took more time or memory than one document may use. If it is very large, split it; otherwise print it to a new PDF and upload that.";

#[cfg(unix)]
pub use unix::apply_to_tool;
#[cfg(unix)]
pub(crate) use unix::{allow_another_page, apply, forbid_new_files};

#[cfg(not(unix))]
mod other {
    /// Windows is served through WSL2; this only lets the crate compile elsewhere.
    pub fn apply() -> std::io::Result<()> {
        Ok(())
    }
    pub fn forbid_new_files() {}
    pub fn allow_another_page() {}
    pub fn apply_to_tool() -> std::io::Result<()> {
        Ok(())
    }
}
#[cfg(not(unix))]
pub use other::apply_to_tool;
#[cfg(not(unix))]
pub(crate) use other::{allow_another_page, apply, forbid_new_files};

#[cfg(unix)]
#[allow(unsafe_code)]
mod unix {
    use super::GAVE_UP;
    use std::{io, mem::MaybeUninit, ptr, sync::OnceLock};

    /// Address space, in bytes: ten times what a heavy textbook needs, and little enough for two
    /// documents side by side on a laptop.
    const ADDRESS_SPACE: libc::rlim_t = 1024 * 1024 * 1024;
    /// Processor seconds one page may take; the parent watches the wall clock besides.
    const PAGE_CPU_SECONDS: libc::rlim_t = 30;
    /// Processor seconds for everything: 30 s, and 1 s for each of at most 5,000 pages.
    const TOTAL_CPU_SECONDS: libc::rlim_t = 5_030;
    /// The standard streams, the document, and what the runtime opens.
    const OPEN_FILES: libc::rlim_t = 16;
    /// Processor seconds a tool may take for one page.
    const TOOL_CPU_SECONDS: libc::rlim_t = 20;
    /// Its streams, its data and its libraries.
    const TOOL_OPEN_FILES: libc::rlim_t = 64;
    /// How much the process steps back behind the server's own work.
    const NICENESS: libc::c_int = 5;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    type Resource = libc::__rlimit_resource_t;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    type Resource = libc::c_int;

    /// The `failed` line, made before anything can go wrong.
    static LAST_WORDS: OnceLock<Vec<u8>> = OnceLock::new();

    /// Sets every limit of this process. Must run before the working thread starts.
    pub fn apply() -> io::Result<()> {
        // A page's line may have been cut in the middle, so this one starts on its own.
        LAST_WORDS.get_or_init(|| {
            format!("\n{{\"failed\":{{\"kind\":\"gave_up\",\"message\":\"{GAVE_UP}\"}}}}\n")
                .into_bytes()
        });
        answer_fatal_signals();
        one_allocator_arena();
        // SAFETY: `nice` takes a plain number and touches no memory of ours.
        unsafe { libc::nice(NICENESS) };
        limit(libc::RLIMIT_CORE, 0, 0)?;
        limit(libc::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)?;
        limit(libc::RLIMIT_CPU, PAGE_CPU_SECONDS, TOTAL_CPU_SECONDS)?;
        // macOS knows the name but refuses to set it.
        let memory = limit(libc::RLIMIT_AS, ADDRESS_SPACE, ADDRESS_SPACE);
        if cfg!(target_os = "linux") {
            memory?;
        }
        // One helper thread: lopdf would start one for each core, each with a stack of its own.
        rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .stack_size(super::super::STACK_BYTES)
            .build_global()
            .map_err(io::Error::other)
    }

    /// Sets the limits under which this process then becomes a tool: little memory and time, and
    /// no file can be written.
    pub fn apply_to_tool() -> io::Result<()> {
        // SAFETY: `nice` takes a plain number and touches no memory of ours.
        unsafe { libc::nice(NICENESS) };
        limit(libc::RLIMIT_CORE, 0, 0)?;
        limit(libc::RLIMIT_FSIZE, 0, 0)?;
        limit(libc::RLIMIT_NOFILE, TOOL_OPEN_FILES, TOOL_OPEN_FILES)?;
        limit(libc::RLIMIT_CPU, TOOL_CPU_SECONDS, TOOL_CPU_SECONDS)?;
        // macOS knows the name but refuses to set it.
        let memory = limit(libc::RLIMIT_AS, ADDRESS_SPACE, ADDRESS_SPACE);
        if cfg!(target_os = "linux") {
            memory?;
        }
        Ok(())
    }

    /// No file or socket can be opened from here on; the open ones go on working.
    pub fn forbid_new_files() {
        // A failure only leaves the earlier, small limit in place.
        let _ = limit(libc::RLIMIT_NOFILE, 0, 0);
    }

    /// Gives the next page its own share of processor time.
    pub fn allow_another_page() {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: getrusage fills the struct it is given; zeroed is a valid rusage if it fails.
        let usage = unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
            usage.assume_init()
        };
        let used = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec;
        let used = libc::rlim_t::try_from(used).unwrap_or(TOTAL_CPU_SECONDS);
        // A failure only leaves the earlier, shorter limit in place.
        let _ = limit(
            libc::RLIMIT_CPU,
            used.saturating_add(PAGE_CPU_SECONDS).min(TOTAL_CPU_SECONDS),
            TOTAL_CPU_SECONDS,
        );
    }

    /// Sets a limit, or keeps a stricter one that is in force already.
    fn limit(resource: Resource, soft: libc::rlim_t, hard: libc::rlim_t) -> io::Result<()> {
        let mut current = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: getrlimit fills the struct it is given.
        if unsafe { libc::getrlimit(resource, &raw mut current) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let hard = hard.min(current.rlim_max);
        let wanted = libc::rlimit {
            rlim_cur: soft.min(hard),
            rlim_max: hard,
        };
        // SAFETY: setrlimit only reads the struct it is given.
        if unsafe { libc::setrlimit(resource, &raw const wanted) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Keeps glibc from reserving an arena of address space for each thread.
    fn one_allocator_arena() {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: mallopt takes two plain numbers; called before other threads exist.
        unsafe {
            libc::mallopt(libc::M_ARENA_MAX, 1);
        }
    }

    fn answer_fatal_signals() {
        const FATAL: [libc::c_int; 5] = [
            libc::SIGABRT,
            libc::SIGSEGV,
            libc::SIGBUS,
            libc::SIGILL,
            libc::SIGXCPU,
        ];
        for signal in FATAL {
            // SAFETY: the struct is zeroed, which is valid, then filled; the handler calls only
            // functions that are safe in a signal handler. SA_ONSTACK uses the alternate stack the
            // runtime gives every thread, so that a stack overflow can be answered too.
            unsafe {
                let mut action: libc::sigaction = MaybeUninit::zeroed().assume_init();
                action.sa_sigaction = say_last_words as *const () as usize;
                action.sa_flags = libc::SA_ONSTACK;
                libc::sigemptyset(&raw mut action.sa_mask);
                libc::sigaction(signal, &raw const action, ptr::null_mut());
            }
        }
    }

    extern "C" fn say_last_words(_signal: libc::c_int) {
        if let Some(words) = LAST_WORDS.get() {
            // SAFETY: write(2) and _exit(2) are async-signal-safe; the buffer outlives the call.
            unsafe { libc::write(1, words.as_ptr().cast(), words.len()) };
        }
        // SAFETY: as above; nothing of the broken process is touched again.
        unsafe { libc::_exit(1) }
    }
}
