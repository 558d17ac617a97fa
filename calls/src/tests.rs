//! Stories of whole calls: sessions wired over a simulated room, media engines pretended, the clock in hand.

mod answering;
mod candidates;
mod devices;
mod elsewhere;
mod ending;
mod glare;
mod histories;
mod negotiating;
mod network;
mod old_peers;
mod pretended;
mod ringing;
mod storms;
mod world;
