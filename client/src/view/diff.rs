//! One change to an ordered list, as the SDK's `VectorDiff` says it; the UI applies them in order.

use matrix_sdk_ui::eyeball_im::{Vector, VectorDiff as SdkDiff};
use serde::Serialize;
use ts_rs::TS;

#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum VectorDiff<T: TS> {
    Append {
        values: Vec<T>,
    },
    Clear,
    PushFront {
        value: T,
    },
    PushBack {
        value: T,
    },
    PopFront,
    PopBack,
    Insert {
        index: u32,
        value: T,
    },
    Set {
        index: u32,
        value: T,
    },
    Remove {
        index: u32,
    },
    Truncate {
        length: u32,
    },
    /// The whole list anew: sent first, and after a gap.
    Reset {
        values: Vec<T>,
    },
}

/// A list's position as the wire has it.
pub(crate) fn index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// The SDK's change in our words; a value that `make` cannot make leaves the list out of step, so it must make all.
pub(crate) fn from_sdk<S: Clone, T: TS>(change: SdkDiff<S>, make: impl Fn(S) -> Option<T>) -> VectorDiff<T> {
    let all = |values: Vector<S>| values.into_iter().filter_map(&make).collect();
    let changed = match change {
        SdkDiff::Append { values } => Some(VectorDiff::Append { values: all(values) }),
        SdkDiff::Clear => Some(VectorDiff::Clear),
        SdkDiff::PushFront { value } => make(value).map(|value| VectorDiff::PushFront { value }),
        SdkDiff::PushBack { value } => make(value).map(|value| VectorDiff::PushBack { value }),
        SdkDiff::PopFront => Some(VectorDiff::PopFront),
        SdkDiff::PopBack => Some(VectorDiff::PopBack),
        SdkDiff::Insert { index: at, value } => make(value).map(|value| VectorDiff::Insert { index: index(at), value }),
        SdkDiff::Set { index: at, value } => make(value).map(|value| VectorDiff::Set { index: index(at), value }),
        SdkDiff::Remove { index: at } => Some(VectorDiff::Remove { index: index(at) }),
        SdkDiff::Truncate { length } => Some(VectorDiff::Truncate { length: index(length) }),
        SdkDiff::Reset { values } => Some(VectorDiff::Reset { values: all(values) }),
    };
    changed.unwrap_or(VectorDiff::Append { values: Vec::new() })
}

#[cfg(test)]
mod tests {
    use matrix_sdk_ui::eyeball_im::{Vector, VectorDiff as SdkDiff};

    use super::{VectorDiff, from_sdk};

    #[test]
    fn changes_keep_their_place_and_their_values() {
        let double = |n: u32| Some(n * 2);
        assert_eq!(from_sdk(SdkDiff::Insert { index: 3, value: 4 }, double), VectorDiff::Insert { index: 3, value: 8 });
        assert_eq!(
            from_sdk(SdkDiff::Reset { values: Vector::from_iter([1, 2]) }, double),
            VectorDiff::Reset { values: vec![2, 4] }
        );
        assert_eq!(
            serde_json::to_value(from_sdk(SdkDiff::Truncate { length: 2 }, double)).unwrap(),
            serde_json::json!({"op": "truncate", "length": 2})
        );
    }
}
