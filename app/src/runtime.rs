//! The runtime that the app runs on.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A message of 64 KiB can nest 20,000 elements, and the SDK's HTML sanitiser frees them by recursion: a thread's usual
/// two megabytes overflow, which ends the process. Only the part of a stack that was used takes memory.
const STACK: usize = 128 * 1024 * 1024;

/// A runtime whose threads have room for the deepest message that a server lets through.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().thread_name("hearth").thread_stack_size(STACK).build()
}
