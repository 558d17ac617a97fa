//! What another host says of whom it delegates federation to.
#![no_main]

use homeserver::api::fuzz::federation::well_known;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| well_known(input).unwrap());
