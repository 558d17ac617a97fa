//! Messages from device to device.

pub mod send_event_to_device;

#[cfg(test)]
mod tests;
