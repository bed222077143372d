//! gzip by several threads: blocks become members, which any reader takes as one stream.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes that become one member: large enough to compress well, small enough to wait for.
const BLOCK: usize = 1 << 20;

/// Fast rather than small: half the work of the usual level 6 costs a tenth more bytes.
const LEVEL: u32 = 3;

/// A block and where its compressed form goes.
type Job = (Vec<u8>, Sender<io::Result<Vec<u8>>>);

/// Compresses what is written to it. The result depends on the content alone, not on the number of
/// threads or the sizes of writes.
#[derive(Debug)]
pub struct Gzip<W> {
    output: W,
    block: Vec<u8>,
    jobs: SyncSender<Job>,
    /// Blocks under way, oldest first.
    waiting: VecDeque<Receiver<io::Result<Vec<u8>>>>,
    most_waiting: usize,
}

impl<W: Write> Gzip<W> {
    /// Compresses to `output`, with a thread for each processor, or as many as the system grants.
    ///
    /// # Errors
    /// Not one thread can be started.
    pub fn new(output: W) -> io::Result<Gzip<W>> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
        let (jobs, queue) = sync_channel::<Job>(threads);
        let queue = Arc::new(Mutex::new(queue));
        for started in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new().name("gzip".to_owned());
            match thread.spawn(move || work(&queue)) {
                Err(error) if started == 0 => return Err(error),
                Err(_) => break,
                Ok(_) => {}
            }
        }
        let (block, waiting) = (Vec::with_capacity(BLOCK), VecDeque::new());
        Ok(Gzip { output, block, jobs, waiting, most_waiting: 2 * threads })
    }

    /// Compresses what is left and returns the output.
    ///
    /// # Errors
    /// The output fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.send()?;
        while let Some(next) = self.waiting.pop_front() {
            self.output.write_all(&received(&next)?)?;
        }
        Ok(self.output)
    }

    fn send(&mut self) -> io::Result<()> {
        let block = std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK));
        let (sender, receiver) = channel();
        self.jobs.send((block, sender)).map_err(io::Error::other)?;
        self.waiting.push_back(receiver);
        if self.waiting.len() > self.most_waiting
            && let Some(next) = self.waiting.pop_front()
        {
            self.output.write_all(&received(&next)?)?;
        }
        Ok(())
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..count]);
        if self.block.len() == BLOCK {
            self.send()?;
        }
        Ok(count)
    }

    /// Does nothing: members are complete at [`Gzip::finish`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn received(next: &Receiver<io::Result<Vec<u8>>>) -> io::Result<Vec<u8>> {
    next.recv().map_err(io::Error::other)?
}

/// A thread's life: until nobody can send any more.
fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        // Bound to a name, so that the queue is free while we work.
        let job = match queue.lock() {
            Ok(queue) => queue.recv(),
            Err(_) => return,
        };
        let Ok((block, result)) = job else { return };
        // Whoever gave up waiting does not need it.
        let _ = result.send(member(&block));
    }
}

fn member(block: &[u8]) -> io::Result<Vec<u8>> {
    let output = Vec::with_capacity(block.len() / 2);
    let mut encoder = GzEncoder::new(output, Compression::new(LEVEL));
    encoder.write_all(block)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_result_inflates_to_what_was_written_however_it_was() {
        let content: Vec<u8> = (0..3_500_000u32).map(|number| (number / 7) as u8).collect();
        let compress = |piece: usize| {
            let mut gzip = Gzip::new(Vec::new()).unwrap();
            content.chunks(piece).for_each(|chunk| gzip.write_all(chunk).unwrap());
            gzip.finish().unwrap()
        };
        let compressed = compress(1000);
        assert_eq!(compressed, compress(3_000_000));
        let mut again = Vec::new();
        flate2::read::MultiGzDecoder::new(&compressed[..]).read_to_end(&mut again).unwrap();
        assert!(again == content);
    }
}
