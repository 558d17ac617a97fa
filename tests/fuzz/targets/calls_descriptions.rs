//! A session description.
#![no_main]

use calls::fuzz::description;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| description(input));
