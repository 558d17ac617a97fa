//! The header that says which server asks.
#![no_main]

use std::sync::LazyLock;

use homeserver::api::fuzz::federation::Neighbours;
use libfuzzer_sys::fuzz_target;

static NEIGHBOURS: LazyLock<Neighbours> = LazyLock::new(|| Neighbours::open().unwrap());

fuzz_target!(|input: &[u8]| NEIGHBOURS.x_matrix(input).unwrap());
