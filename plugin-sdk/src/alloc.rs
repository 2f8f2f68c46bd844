//! A bump allocator for instances that live for one call, or for many calls one after the other.
//!
//! Allocation moves a pointer, freeing anything but the newest block does nothing. That beats a general allocator
//! by a third of the whole call in a block that mostly reads JSON. What keeps it from growing without bound:
//!
//! - the newest block grows, shrinks and is freed in place, which is the common case of a string being built;
//! - [`begin_call`] draws a line below everything that the call owns. When the last block above the line is freed,
//!   which the generated `post-return` code does after the host has read the result, the memory above it is used
//!   again. So an instance that is kept warm stays small, and what a call leaves in a static survives, because it
//!   keeps its own region alive and the next call's line is drawn above it.
//!
//! Memory comes from `memory.grow` only: the space between the stack and the first page boundary belongs to libc's
//! own allocator.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;

const PAGE: usize = 64 * 1024;
/// Growth is at least this. Pages that are never touched cost nothing.
const MIN_GROWTH: usize = 256 * 1024;
/// Growth beyond what is needed is at most this, so that a memory limit is not reached early.
const MAX_SPARE: usize = 16 * 1024 * 1024;

struct State {
    /// The next free byte.
    next: usize,
    /// The end of the memory that was grown last.
    end: usize,
    /// The line below which nothing is used again.
    floor: usize,
    /// How many live blocks are at or above `floor`.
    live: usize,
}

struct Bump(UnsafeCell<State>);

// SAFETY: the target has no threads, and no code of the allocator calls back into the program.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump(UnsafeCell::new(State { next: 0, end: 0, floor: 0, live: 0 }));

/// Draws the line below the call's arguments, which are the first blocks that it owns.
///
/// They must be all that was allocated since the last call ended, as the canonical ABI guarantees.
pub(crate) fn begin_call(arguments: [&String; 3]) {
    let owned = arguments.iter().filter(|text| text.capacity() > 0);
    let lowest = owned.clone().map(|text| text.as_ptr().addr()).min();
    // SAFETY: one thread, and no other reference to the state lives outside of a method below.
    let state = unsafe { &mut *ALLOCATOR.0.get() };
    // Memory that libc grew in between may separate an argument from the rest; then the old line stays.
    if let Some(lowest) = lowest.filter(|lowest| *lowest >= state.floor && *lowest < state.next) {
        state.floor = lowest;
        state.live = owned.count();
    }
}

impl State {
    /// The start of a free block, or `None` if the memory's limit is reached.
    fn reserve(&mut self, layout: Layout) -> Option<usize> {
        let start = self.next.checked_next_multiple_of(layout.align())?;
        let end = start.checked_add(layout.size())?;
        if end <= self.end {
            self.next = end;
            return Some(start);
        }
        self.grow(layout)?;
        let start = self.next.checked_next_multiple_of(layout.align())?;
        self.next = start.checked_add(layout.size())?;
        Some(start)
    }

    /// Makes room for `layout` after `next`.
    #[cold]
    fn grow(&mut self, layout: Layout) -> Option<()> {
        let needed = layout.size().checked_add(layout.align())?;
        let spare = self.end.clamp(MIN_GROWTH, MAX_SPARE);
        let wanted = needed.checked_add(spare)?.div_ceil(PAGE);
        let (pages, before) = match grow_memory(wanted) {
            Some(before) => (wanted, before),
            None => (needed.div_ceil(PAGE), grow_memory(needed.div_ceil(PAGE))?),
        };
        let start = before.checked_mul(PAGE)?;
        if start != self.end {
            // Somebody else has grown the memory in between: go on behind them.
            *self = Self { next: start, end: start, floor: start, live: 0 };
        }
        self.end = start.saturating_add(pages.checked_mul(PAGE)?);
        Some(())
    }

    fn is_newest(&self, block: usize, size: usize) -> bool {
        block.checked_add(size) == Some(self.next)
    }

    fn free(&mut self, block: usize, size: usize) {
        if self.is_newest(block, size) {
            self.next = block;
        }
        if block >= self.floor {
            self.live = self.live.saturating_sub(1);
            if self.live == 0 {
                self.next = self.floor;
            }
        }
    }

    /// Gives the newest block another size where it is.
    fn resize(&mut self, block: usize, old: usize, new: usize) -> bool {
        if !self.is_newest(block, old) {
            return new <= old;
        }
        let Some(end) = block.checked_add(new) else { return false };
        if end > self.end {
            let more = Layout::from_size_align(end - self.end, 1);
            let grown = more.is_ok_and(|more| self.grow(more).is_some());
            // Growth that could not follow on the block has moved `next` away from it.
            if !grown || !self.is_newest(block, old) || end > self.end {
                return false;
            }
        }
        self.next = end;
        true
    }
}

/// The size of the memory before, in pages, or `None` if it may not grow.
fn grow_memory(pages: usize) -> Option<usize> {
    match core::arch::wasm32::memory_grow::<0>(pages) {
        usize::MAX => None,
        before => Some(before),
    }
}

// SAFETY: `reserve` hands out ranges of grown memory that overlap no live block: `next` only moves back over the
// newest block, or to `floor` when no block at or above it is live. Failure gives null. `realloc` keeps the block or
// copies the smaller of both sizes out of it.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and the reference ends here.
        let state = unsafe { &mut *self.0.get() };
        match state.reserve(layout) {
            Some(start) => {
                state.live += 1;
                ptr::with_exposed_provenance_mut(start)
            }
            None => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread, and the reference ends here.
        let state = unsafe { &mut *self.0.get() };
        state.free(block.addr(), layout.size());
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        {
            // SAFETY: one thread, and the reference ends with this block.
            let state = unsafe { &mut *self.0.get() };
            if state.resize(block.addr(), layout.size(), new_size) {
                return block;
            }
        }
        // SAFETY: the caller guarantees that `new_size` is valid for the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        // SAFETY: `new_size` is not zero, as the caller guarantees.
        let new_block = unsafe { self.alloc(new_layout) };
        if !new_block.is_null() {
            // SAFETY: both are valid for the smaller size and do not overlap, since the old block is still live.
            unsafe { ptr::copy_nonoverlapping(block, new_block, layout.size().min(new_size)) };
            // SAFETY: the block is the caller's to give back.
            unsafe { self.dealloc(block, layout) };
        }
        new_block
    }
}
