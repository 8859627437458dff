//! Spots of which there is something to say, each once, in the order in which that began.

use std::collections::{BTreeSet, VecDeque};

use crate::presence::Spot;

/// A queue in which a spot waits once, however often it changes meanwhile: whoever takes it out says the newest.
#[derive(Debug, Default)]
pub(in crate::space) struct Queue {
    order: VecDeque<Spot>,
    waiting: BTreeSet<Spot>,
}

impl Queue {
    /// There is something new to say of a spot.
    pub(super) fn push(&mut self, spot: &Spot) {
        if self.waiting.insert(spot.clone()) {
            self.order.push_back(spot.clone());
        }
    }

    /// The spot that has waited longest.
    pub(super) fn pop(&mut self) -> Option<Spot> {
        let spot = self.order.pop_front()?;
        self.waiting.remove(&spot);
        Some(spot)
    }

    /// There is nothing to say of a spot any more.
    pub(super) fn forget(&mut self, spot: &Spot) {
        if self.waiting.remove(spot) {
            self.order.retain(|other| other != spot);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::quickcheck;

    use super::*;
    use crate::id::DeviceId;

    quickcheck! {
        fn a_spot_waits_once_and_in_its_turn(steps: Vec<(u8, u8)>) -> bool {
            let spot = |guest: u8| {
                Spot { device: DeviceId([1; 32]), topic: "notes".into(), guest: u64::from(guest % 8) }
            };
            let (mut queue, mut model) = (Queue::default(), Vec::new());
            steps.into_iter().all(|(what, guest)| {
                let spot = spot(guest);
                match what % 3 {
                    0 => {
                        queue.push(&spot);
                        if !model.contains(&spot) {
                            model.push(spot);
                        }
                        true
                    }
                    1 => {
                        queue.forget(&spot);
                        model.retain(|other| *other != spot);
                        true
                    }
                    _ => queue.pop() == (!model.is_empty()).then(|| model.remove(0)),
                }
            }) && queue.is_empty() == model.is_empty()
        }
    }
}
