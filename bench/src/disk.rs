//! What the disk itself can do: 4 KiB written and made durable, one after the other, on the file system of the test.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::fdatasync;

use crate::Outcome;
use crate::open::Latencies;
use crate::pairs::Sample;

const BLOCK: [u8; 4096] = [0x5a; 4096];
/// Blocks of the file that is written in place.
const BLOCKS: u64 = 4096;

/// A file that exists in full already, so that a write changes no metadata: the disk's best case, and so the stricter
/// yardstick.
pub(crate) struct Disk {
    file: File,
    next: u64,
}

impl Disk {
    pub(crate) fn prepare(folder: &Path) -> Outcome<Disk> {
        let file = File::create(folder.join("yardstick"))?;
        for block in 0..BLOCKS {
            file.write_all_at(&BLOCK, block * BLOCK.len() as u64)?;
        }
        file.sync_all()?;
        Ok(Disk { file, next: 0 })
    }

    /// Durable writes for about `time`, with the latency of each.
    pub(crate) fn run(&mut self, time: Duration) -> Outcome<(Sample, Latencies)> {
        let mut latencies = Vec::new();
        let started = Instant::now();
        while started.elapsed() < time {
            let one = Instant::now();
            self.file.write_all_at(&BLOCK, self.next % BLOCKS * BLOCK.len() as u64)?;
            fdatasync(&self.file)?;
            self.next += 1;
            latencies.push(one.elapsed());
        }
        let wall = started.elapsed();
        Ok((Sample { operations: latencies.len() as f64, wall, cpu: wall }, Latencies::of(latencies)))
    }
}
