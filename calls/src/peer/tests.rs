//! Two engines in one process that call each other over loopback, each driven by its own state machine.

mod browsers;
mod hostile;
mod lossy;
mod people;
mod stranger;
mod talking;
