//! What the engine needs of microphones, speakers, cameras and screens, the machine's own,
//! and devices that only pretend.
//!
//! A device is open from when [`Devices`] gives it until it is dropped, and it is the clock: each of its methods takes as
//! long as the sound or the picture that it is about.

pub mod card;
pub mod file;
pub mod pixels;
pub mod pretended;
pub mod system;
pub mod tone;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    calls::CallKey,
    change::Side,
    codec::{Frame, Picture, Sound},
};

/// The device cannot be opened, or is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the device is not there")]
pub struct Gone;

/// Why there are no pictures of a camera or a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPicture {
    #[error("there is none")]
    NotThere,
    #[error("it was there and is gone")]
    Vanished,
    #[error("the system does not allow it")]
    NotAllowed,
    #[error("another program has it")]
    Busy,
    /// Nothing is wrong.
    #[error("the person thought better of it")]
    Cancelled,
}

#[async_trait]
pub trait Microphone: Send {
    /// The next 20 milliseconds. May be cancelled.
    async fn hear(&mut self) -> Result<Sound, Gone>;
}

#[async_trait]
pub trait Speaker: Send {
    /// Plays this sound, and comes back when it wants the next one.
    async fn play(&mut self, sound: &Sound) -> Result<(), Gone>;
}

/// A camera, or a screen that is shared.
#[async_trait]
pub trait Camera: Send {
    /// The next picture, of any size. May be cancelled.
    async fn look(&mut self) -> Result<Picture, NoPicture>;
}

/// A device that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub id: String,
    pub name: String,
}

/// What can be chosen now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SoundDevices {
    /// Without those that only repeat what a speaker plays.
    pub microphones: Vec<Named>,
    pub speakers: Vec<Named>,
}

/// Which devices the person chose, by their ids; `None` is the system's default. One that is gone counts as the default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundChoice {
    pub microphone: Option<String>,
    pub speaker: Option<String>,
}

/// Opens devices. What it gives is closed by dropping it.
#[async_trait]
pub trait Devices: Send + Sync {
    async fn microphone(&self) -> Result<Box<dyn Microphone>, Gone>;
    async fn speaker(&self) -> Result<Box<dyn Speaker>, Gone>;
    /// A speaker of its own for what is no part of a call: it rings, and is no echo to be taken out of what is heard.
    async fn bell(&self) -> Result<Box<dyn Speaker>, Gone>;
    async fn camera(&self) -> Result<Box<dyn Camera>, NoPicture>;
    /// Asks the person which screen or window. Finish it: a dialog of the system may be open.
    async fn screen(&self) -> Result<Box<dyn Camera>, NoPicture>;
    /// Asks the system, which takes some milliseconds: not for a thread that others wait for.
    fn sound_devices(&self) -> SoundDevices;
    /// From now on sound comes from and goes to these, in open devices as well.
    fn choose_sound(&self, choice: SoundChoice);
    /// The cameras that can be chosen, the best first.
    async fn cameras(&self) -> Vec<Named>;
    /// Cameras that open from now on are this one. One that is not there counts as none: then the best is taken.
    fn choose_camera(&self, id: Option<String>);
}

/// One encoded picture of a call.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    pub call: &'a CallKey,
    pub whose: Side,
    /// The id of the stream that it belongs to.
    pub stream: &'a str,
    pub frame: &'a Frame,
    /// 90,000 a second, from any start.
    pub stamp: u32,
}

/// Where pictures are seen, theirs and our own. Frames come in order; what is shown can always be decoded.
pub trait Viewer: Send + Sync {
    /// Must come back at once.
    fn show(&self, shown: Shown<'_>);
}
