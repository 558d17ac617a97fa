//! Where the app stands, from first start to running; the UI draws the screen that fits.

use serde::Serialize;
use ts_rs::TS;

use super::error::AppError;

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Status {
    /// No account in the data folder: the first-run screen. `keyring` is false where the system has none: then a passphrase is asked for.
    FirstRun {
        keyring: bool,
    },
    /// Making everything, one step after the other.
    Creating {
        step: CreateStep,
    },
    Opening,
    /// The keyring does not answer yet: "Waiting for your keyring".
    WaitingForKeyring,
    /// The keyring is locked, or has lost the key: nothing is deleted, the person unlocks it and presses "Try again".
    KeyringLocked {
        sentence: String,
    },
    /// Secrets are in a file sealed by a passphrase.
    PassphraseNeeded {
        wrong: bool,
    },
    Ready {
        me: Box<Me>,
    },
    /// Cannot go on; `retry` when pressing "Try again" makes sense.
    Failed {
        error: AppError,
        retry: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum CreateStep {
    DataFolder,
    ServerIdentity,
    Server,
    Account,
    CrossSigning,
    RecoveryKey,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Me {
    pub user_id: String,
    pub name: String,
    pub avatar: Option<String>,
    pub hue: u8,
    pub device_id: String,
    /// False until the recovery kit was saved or "Later" chosen; the recovery-kit screen comes first then.
    pub recovery_kit_seen: bool,
    pub recovery_kit_saved: bool,
    /// Our own server in this app, or an account elsewhere.
    pub own_server: bool,
}

/// Whether the server can be reached: the offline banner and the sidebar's foot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Connection {
    pub state: ConnectionState,
    /// In words: "Reachable on this network", "Offline: messages will be sent later".
    pub sentence: String,
    /// Peers' people who are reachable right now, of those in common rooms.
    pub peers_reachable: u32,
    pub peers_known: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    Online,
    Connecting,
    Offline,
}
