//! `[os]` The heap of the process: one span of memory that is locked against swapping, whose blocks are wiped when freed.
#![allow(unsafe_code, reason = "implements `GlobalAlloc`, and maps memory")]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use dlmalloc::{Allocator, Dlmalloc};
use nix::libc;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap_anonymous, munmap};
use zeroize::Zeroize;

use super::panic::abort_with;

/// Length of a span. It is reserved at once and used page by page, so that `RLIMIT_MEMLOCK` either allows it as a whole or
/// is too low: a page that is needed later is not refused.
const SPAN_BYTES: usize = 60 * 1024 * 1024;

/// What is locked under a limit that does not allow a span: an ordinary start needs less.
const MIN_LOCKED_BYTES: usize = 4 * 1024 * 1024;

/// Pages that every start touches, made present by a single call.
const HOT_BYTES: usize = 64 * 1024;

/// Wipes every block when it is freed, so that no dependency has to be trusted to do so.
///
/// `realloc` is the trait's default, which allocates, copies and frees: that of an allocator may move a block and leave the
/// old bytes behind.
#[allow(missing_debug_implementations, reason = "the allocator has none")]
pub struct WipingAllocator(Mutex<Dlmalloc<Spans>>);

impl WipingAllocator {
    /// A heap that maps its first span when the first block is requested.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "only for a static")]
    pub const fn new() -> Self {
        Self(Mutex::new(Dlmalloc::new_with_allocator(Spans { locked: Cell::new(None) })))
    }

    /// Whether no block is ever in memory that can be swapped out.
    pub(super) fn is_locked(&self) -> bool {
        self.with(|heap| heap.allocator().locked.get() == Some(true))
    }

    fn with<T>(&self, call: impl FnOnce(&mut Dlmalloc<Spans>) -> T) -> T {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// SAFETY: every block comes from `Dlmalloc` and goes back to it with the layout it was allocated with.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        let block = self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) });
        if block.is_null() {
            // The standard library would raise `SIGABRT`.
            abort_with("vault-exec: out of memory\nhint: raise the limit (ulimit -v, docker run --memory)\n")
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes long and no longer referenced.
        unsafe { std::slice::from_raw_parts_mut(block, layout.size()) }.zeroize();
        // SAFETY: the caller's promises are the same.
        self.with(|heap| unsafe { heap.free(block, layout.size(), layout.align()) });
    }
}

/// Maps spans, and keeps them until the process ends.
struct Spans {
    /// Whether the first span is locked. Then memory that cannot be locked counts as no memory.
    locked: Cell<Option<bool>>,
}

// SAFETY: a span is new, private and writable memory that is never unmapped.
unsafe impl Allocator for Spans {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        // Under a limit on memory (`RLIMIT_AS`) only what is needed.
        for length in [SPAN_BYTES.max(size), size] {
            let Some(length) = NonZeroUsize::new(length) else { break };
            let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
            // SAFETY: a new private mapping at an address of the kernel's choice overlaps nothing.
            let span = unsafe { mmap_anonymous(None, length, ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, flags) };
            let Ok(span) = span else { continue };
            let start = span.cast::<u8>().as_ptr();
            // A huge page would make 2 MiB resident for the first byte.
            // SAFETY: the mapping was made above.
            let _ = unsafe { madvise(span, length.get(), MmapAdvise::MADV_NOHUGEPAGE) };
            let locked = lock_memory(start, length.get());
            if locked || self.locked.get() != Some(true) {
                if !locked {
                    lock_memory(start, length.get().min(MIN_LOCKED_BYTES));
                }
                if self.locked.get().is_none() {
                    self.locked.set(Some(locked));
                    // SAFETY: as above.
                    let _ = unsafe { madvise(span, HOT_BYTES, MmapAdvise::MADV_POPULATE_WRITE) };
                }
                return (start, length.get(), 0);
            }
            // SAFETY: as above.
            let _ = unsafe { munmap(span, length.get()) };
        }
        (ptr::null_mut(), 0, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        4096
    }
}

/// Locks the pages of this range, each when it is first touched. Returns whether that is permitted.
pub(super) fn lock_memory(start: *const u8, length: usize) -> bool {
    // SAFETY: no memory is read or written, and the kernel checks the range.
    unsafe { libc::mlock2(start.cast(), length, libc::MLOCK_ONFAULT) == 0 }
}
