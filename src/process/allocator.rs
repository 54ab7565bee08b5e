//! `[os]` The allocator of the process.
#![allow(unsafe_code, reason = "implements `GlobalAlloc`")]

use std::alloc::{GlobalAlloc, Layout, System};

use zeroize::Zeroize;

use super::panic::abort_with;

/// Wipes every block when it is freed, so that no dependency has to be trusted to do so.
///
/// `realloc` is the trait's default, which allocates, copies and frees: the C library's `realloc` may move a block and
/// leave the old bytes behind.
#[derive(Debug)]
pub struct WipingAllocator;

// SAFETY: every block comes from `System` and goes back to it with the layout it was allocated with.
unsafe impl GlobalAlloc for WipingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        or_abort(unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        or_abort(unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is `layout.size()` bytes long and no longer referenced.
        unsafe { std::slice::from_raw_parts_mut(block, layout.size()) }.zeroize();
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Exits with 125 when there is no memory; the standard library would raise `SIGABRT`.
fn or_abort(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        abort_with("vault-exec: out of memory\nhint: raise the limit (ulimit -v, docker run --memory)\n")
    }
    block
}
