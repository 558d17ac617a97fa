//! The app without a window: it owns the parts, joins their streams, and answers what the UI asks.
pub mod api;
