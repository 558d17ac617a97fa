//! Events of each room version.
#![no_main]

use std::sync::LazyLock;

use homeserver::api::fuzz::federation::Neighbours;
use libfuzzer_sys::fuzz_target;

static NEIGHBOURS: LazyLock<Neighbours> = LazyLock::new(|| Neighbours::open().unwrap());

fuzz_target!(|input: &[u8]| NEIGHBOURS.pdus(input).unwrap());
