//! Servers, users, rooms and networks for tests: what tests/it, the bridge and the benchmarks are built from.
