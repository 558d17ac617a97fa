//! The last so many of something.

use std::collections::{BTreeSet, VecDeque};

pub(super) struct Recent<T> {
    most: usize,
    order: VecDeque<T>,
    set: BTreeSet<T>,
}

impl<T: Ord + Clone> Recent<T> {
    pub fn new(most: usize) -> Self {
        Self { most, order: VecDeque::new(), set: BTreeSet::new() }
    }

    pub fn contains(&self, value: &T) -> bool {
        self.set.contains(value)
    }

    /// True when it was not there; the oldest goes when there are too many.
    pub fn insert(&mut self, value: T) -> bool {
        if !self.set.insert(value.clone()) {
            return false;
        }
        self.order.push_back(value);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.set.remove(&oldest);
        }
        true
    }
}
