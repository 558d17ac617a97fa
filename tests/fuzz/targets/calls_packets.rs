//! RTP of pictures and of sound.
#![no_main]

use calls::fuzz::packets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| packets(input));
