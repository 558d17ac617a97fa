//! Dehydrated devices (MSC3814).

pub mod delete_dehydrated_device;
pub mod get_dehydrated_device;
pub mod get_events;
pub mod put_dehydrated_device;

#[cfg(test)]
mod tests;
