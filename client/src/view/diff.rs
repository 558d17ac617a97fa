//! One change to an ordered list, as the SDK's `VectorDiff` says it; the UI applies them in order.

use serde::Serialize;
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum VectorDiff<T: TS> {
    Append { values: Vec<T> },
    Clear,
    PushFront { value: T },
    PushBack { value: T },
    PopFront,
    PopBack,
    Insert { index: u32, value: T },
    Set { index: u32, value: T },
    Remove { index: u32 },
    Truncate { length: u32 },
    /// The whole list anew: sent first, and after a gap.
    Reset { values: Vec<T> },
}
