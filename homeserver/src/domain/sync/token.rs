//! Tokens of `/v3/sync` and of `prev_batch`: a position, and the point just after it.

use std::{fmt, str::FromStr};

use crate::store::Position;

use super::SyncError;

/// A point in the server's stream, as clients carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    pub position: Position,
    /// Up to where to-device messages were given, when more were waiting than an answer holds.
    pub to_device: Option<Position>,
}

impl SyncToken {
    pub fn at(position: Position) -> Self {
        Self { position, to_device: None }
    }

    /// Up to where the device has its to-device messages.
    pub fn to_device(self) -> Position {
        self.to_device.unwrap_or(self.position)
    }
}

impl fmt::Display for SyncToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position.0)?;
        match self.to_device {
            Some(to_device) => write!(f, "_{}", to_device.0),
            None => Ok(()),
        }
    }
}

impl FromStr for SyncToken {
    type Err = SyncError;

    fn from_str(text: &str) -> Result<Self, SyncError> {
        let number = |text: &str| text.parse().map(Position).map_err(|_| SyncError::BadToken);
        match text.split_once('_') {
            Some((position, to_device)) => {
                Ok(Self { position: number(position)?, to_device: Some(number(to_device)?) })
            }
            None => Ok(Self::at(number(text)?)),
        }
    }
}
