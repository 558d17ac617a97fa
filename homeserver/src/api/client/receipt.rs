//! Receipts and read markers.

pub mod create_receipt;
pub mod set_read_marker;
