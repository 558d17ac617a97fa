//! Events of calls in a room.
#![no_main]

use calls::fuzz::events;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| events(input));
