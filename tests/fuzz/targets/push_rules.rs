//! Push rules on an event.
#![no_main]

use homeserver::api::fuzz::push_rules;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| push_rules(input).unwrap());
