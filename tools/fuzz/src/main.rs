//! libFuzzer over one reader, which a variable names. Without one it writes the samples of all, a folder each, below the folder that another
//! variable names.

#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use libfuzzer_sys::fuzz_target;

/// The name of the reader.
const TARGET: &str = "SALVOR_FUZZ_TARGET";
/// The folder for samples.
const SAMPLES: &str = "SALVOR_FUZZ_SAMPLES";

/// How much more memory a reader may take than its input has bytes.
const MEMORY_FACTOR: usize = 400;
/// What it may take besides: buffers of decompressors, and the output that is allowed.
const MEMORY_BASE: usize = 32 << 20;

/// What a reader does with some bytes.
type Read = fn(&[u8]) -> bool;
/// A name, samples, and what reads them.
type Target = (&'static str, fn() -> Vec<Vec<u8>>, Read);

fn targets() -> impl Iterator<Item = Target> {
    let kopia = kopia::fuzz::TARGETS.iter().map(|target| (target.name, target.samples, target.read));
    let restic = restic::fuzz::TARGETS.iter().map(|target| (target.name, target.samples, target.read));
    kopia.chain(restic)
}

/// The reader that was named.
static READ: OnceLock<Read> = OnceLock::new();

fn choose() {
    let found = env::var(TARGET).ok().and_then(|name| targets().find(|target| target.0 == name));
    if let Some((_, _, read)) = found {
        READ.get_or_init(|| read);
    }
    if let Some(folder) = env::var_os(SAMPLES) {
        write_samples(Path::new(&folder)).expect("samples cannot be written");
    }
}

fn write_samples(folder: &Path) -> io::Result<()> {
    for (name, samples, _) in targets() {
        let folder = folder.join(name);
        fs::create_dir_all(&folder)?;
        for (number, sample) in samples().into_iter().enumerate() {
            fs::write(folder.join(format!("sample-{number}")), sample)?;
        }
    }
    Ok(())
}

fuzz_target!(init: choose(), |bytes: &[u8]| {
    if let Some(read) = READ.get() {
        MEMORY.allow(MEMORY_BASE + bytes.len() * MEMORY_FACTOR);
        read(bytes);
        MEMORY.allow(usize::MAX);
    }
});

/// The machine's memory, of which only so much more may be taken: then there is none, and the process ends, which libFuzzer notes.
struct Bounded {
    taken: AtomicUsize,
    limit: AtomicUsize,
}

#[global_allocator]
static MEMORY: Bounded = Bounded { taken: AtomicUsize::new(0), limit: AtomicUsize::new(usize::MAX) };

impl Bounded {
    fn allow(&self, more: usize) {
        self.limit.store(self.taken.load(Ordering::Relaxed).saturating_add(more), Ordering::Relaxed);
    }
}

// SAFETY: all is left to the system's allocator, which is asked for the same that this one is.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let taken = self.taken.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        if taken > self.limit.load(Ordering::Relaxed) {
            self.taken.fetch_sub(layout.size(), Ordering::Relaxed);
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.taken.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the pointer is one of the system's allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}
