//! Syncs of both kinds.
#![no_main]

use std::sync::LazyLock;

use homeserver::api::fuzz::Home;
use libfuzzer_sys::fuzz_target;

static HOME: LazyLock<(Home, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    (Home::open(folder.path()).unwrap(), folder)
});

fuzz_target!(|input: &[u8]| HOME.0.sync(input).unwrap());
