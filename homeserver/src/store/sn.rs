//! Short numbers that stand for the protocol's long names inside the database.

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, sqlx::Type, serde::Serialize, serde::Deserialize)]
        #[sqlx(transparent)]
        #[serde(transparent)]
        pub struct $name(pub i64);
    )+};
}

numbers! {
    /// A server name; ours is 1.
    ServerSn,
    /// A user id.
    UserSn,
    /// A room id.
    RoomSn,
    /// An event id.
    EventSn,
    /// An event type.
    TypeSn,
    /// A pair of event type and state key.
    KeySn,
    /// A state of a room.
    SnapshotSn,
    /// An application service.
    AppserviceSn,
    /// A place in the server's one stream of changes; backfilled events have negative ones.
    Position,
}

impl ServerSn {
    /// This server.
    pub const OURS: Self = Self(1);
}
