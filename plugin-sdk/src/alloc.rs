//! A bump allocator for instances that live for one call, or for many calls one after the other.
//!
//! Allocation moves a pointer; nothing is ever split, merged or searched for. That beats a general allocator by a
//! third of the whole call in a block that mostly reads JSON. What keeps it from growing without bound, and from
//! touching fresh pages, each of which costs the host a page fault:
//!
//! - the newest block grows, shrinks and is freed in place, which is the common case of a string being built;
//! - freed blocks of up to 64 KiB are kept in a list for each size and handed out again;
//! - when the last block above a line is freed, which the generated `post-return` code does after the host has read
//!   the result, all memory above the line is used again. What a call leaves in a static survives, because it counts
//!   as live until [`begin_call`] draws the line above it. So an instance that is kept warm stays small.
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

/// Small sizes are rounded up to this, which is also the largest alignment that a list of free blocks serves.
const STEP: usize = 16;
/// Up to here there is a list for each step, above it four for each doubling.
const SMALL: usize = 1024;
/// Blocks up to this size are used again.
const LARGEST: usize = 64 * 1024;
/// 64 steps (and 0, which never occurs), and four for each of six doublings.
const LISTS: usize = 65 + 24;

struct State {
    /// The next free byte.
    next: usize,
    /// The end of the memory that was grown last.
    end: usize,
    /// The line below which nothing is used again.
    floor: usize,
    /// How many live blocks are at or above `floor`.
    live: usize,
    /// The newest free block of each size; its first word is the one before it, 0 ends the list.
    free: [usize; LISTS],
}

struct Bump(UnsafeCell<State>);

// SAFETY: the target has no threads, and no code of the allocator calls back into the program.
unsafe impl Sync for Bump {}

#[global_allocator]
static ALLOCATOR: Bump = Bump(UnsafeCell::new(State::at(0)));

/// If earlier calls left something, draws the line above it, so that it no longer counts. The arguments end up below
/// the line as well; that happens once for each call that left something, not on every call.
pub(crate) fn begin_call(arguments: [&String; 3]) {
    // SAFETY: one thread, and no other reference to the state lives outside of a method below.
    let state = unsafe { &mut *ALLOCATOR.0.get() };
    let owned = arguments.iter().filter(|text| text.capacity() > 0 && text.as_ptr().addr() >= state.floor).count();
    if state.live > owned {
        state.floor = state.next;
        state.live = 0;
    }
}

/// The layout that is really reserved: the size of a list, or whole steps.
#[inline]
fn rounded(layout: Layout) -> Option<Layout> {
    let size = round_up(layout.size(), granule(layout.size()))?;
    Layout::from_size_align(size, layout.align().max(STEP)).ok()
}

/// By masking: the library's rounding would divide, on every allocation.
#[inline]
fn round_up(number: usize, power_of_two: usize) -> Option<usize> {
    Some(number.checked_add(power_of_two - 1)? & !(power_of_two - 1))
}

/// What a size is rounded up to, a power of two.
#[inline]
fn granule(size: usize) -> usize {
    if size > SMALL && size <= LARGEST { 1 << ((size - 1).ilog2() - 2) } else { STEP }
}

/// The list of a rounded size.
#[inline]
fn list_of(size: usize) -> usize {
    if size <= SMALL {
        return size / STEP;
    }
    let doubling = (size - 1).ilog2() - SMALL.ilog2();
    // Rounded sizes of one doubling are 5, 6, 7 and 8 granules.
    SMALL / STEP + 4 * doubling as usize + (size >> granule(size).ilog2()) - 4
}

impl State {
    /// Nothing reserved, and no memory known behind this address.
    const fn at(start: usize) -> Self {
        Self { next: start, end: start, floor: start, live: 0, free: [0; LISTS] }
    }

    /// The list for blocks of a rounded layout, if they are used again.
    #[inline]
    fn list(&mut self, layout: Layout) -> Option<&mut usize> {
        if layout.align() == STEP && layout.size() <= LARGEST {
            self.free.get_mut(list_of(layout.size()))
        } else {
            None
        }
    }

    /// The start of a free block for a rounded layout, or `None` if the memory's limit is reached.
    #[inline]
    fn take(&mut self, layout: Layout) -> Option<usize> {
        let start = match self.list(layout) {
            Some(newest) if *newest != 0 => {
                let start = *newest;
                // SAFETY: the block is free, aligned and at least a step long, and holds the one before it.
                *newest = unsafe { ptr::with_exposed_provenance::<usize>(start).read() };
                start
            }
            _ => self.reserve(layout)?,
        };
        self.live += usize::from(start >= self.floor);
        Some(start)
    }

    /// The start of a free block, or `None` if the memory's limit is reached.
    #[inline]
    fn reserve(&mut self, layout: Layout) -> Option<usize> {
        let start = round_up(self.next, layout.align())?;
        let end = start.checked_add(layout.size())?;
        if end <= self.end {
            self.next = end;
            return Some(start);
        }
        self.grow(layout)?;
        let start = round_up(self.next, layout.align())?;
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
            *self = Self::at(start);
        }
        self.end = start.saturating_add(pages.checked_mul(PAGE)?);
        Some(())
    }

    fn is_newest(&self, block: usize, size: usize) -> bool {
        block.checked_add(size) == Some(self.next)
    }

    /// Gives back a block of a rounded layout.
    #[inline]
    fn give(&mut self, block: usize, layout: Layout) {
        // `next` never goes below the line: a block across it would not be counted.
        if block >= self.floor && self.is_newest(block, layout.size()) {
            self.next = block;
        } else if let Some(newest) = self.list(layout) {
            // SAFETY: the block was handed out for this layout, so it is aligned, at least a step long and unused now.
            unsafe { ptr::with_exposed_provenance_mut::<usize>(block).write(*newest) };
            *newest = block;
        }
        if block >= self.floor {
            self.live = self.live.saturating_sub(1);
            if self.live == 0 {
                self.next = self.floor;
                self.free = [0; LISTS];
            }
        }
    }

    /// Gives the newest block another size where it is.
    fn resize(&mut self, block: usize, old: usize, new: usize) -> bool {
        if block < self.floor || !self.is_newest(block, old) {
            // Smaller it may stay where it is: what it loses is not used again.
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

// SAFETY: a block comes from the list of its size, where only freed blocks are, or from grown memory at `next`. `next`
// only moves back over the newest block, or to `floor` when no block at or above it is live, and then the lists are
// emptied. Failure gives null. `realloc` keeps the block or copies the smaller of both sizes out of it.
unsafe impl GlobalAlloc for Bump {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and the reference ends here.
        let state = unsafe { &mut *self.0.get() };
        match rounded(layout).and_then(|layout| state.take(layout)) {
            Some(start) => ptr::with_exposed_provenance_mut(start),
            None => ptr::null_mut(),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: one thread, and the reference ends here.
        let state = unsafe { &mut *self.0.get() };
        if let Some(layout) = rounded(layout) {
            state.give(block.expose_provenance(), layout);
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller guarantees that `new_size` is valid for the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if let (Some(old), Some(new)) = (rounded(layout), rounded(new_layout)) {
            // SAFETY: one thread, and the reference ends with this block.
            let state = unsafe { &mut *self.0.get() };
            if old.size() == new.size() || state.resize(block.addr(), old.size(), new.size()) {
                return block;
            }
        }
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
