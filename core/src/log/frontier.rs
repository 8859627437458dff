//! How much of a document somebody holds.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};

use crate::id::{ChainId, Hash};

/// The last entry held of one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Point {
    /// Its number, from 1.
    pub number: u64,
    /// The hash of the chain up to it.
    pub hash: Hash,
}

/// For each chain of a document, the last entry held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Frontier {
    points: BTreeMap<ChainId, Point>,
}

impl Frontier {
    /// The last number held of `chain`; 0 if none is.
    pub fn number(&self, chain: &ChainId) -> u64 {
        self.points.get(chain).map_or(0, |point| point.number)
    }

    /// The last entry held of `chain`.
    pub fn get(&self, chain: &ChainId) -> Option<&Point> {
        self.points.get(chain)
    }

    /// Takes in that `chain` is held up to `point`. A frontier never goes back.
    pub fn advance(&mut self, chain: ChainId, point: Point) {
        let held = self.points.entry(chain).or_insert(point);
        if held.number < point.number {
            *held = point;
        }
    }

    /// Takes in all that `other` holds.
    pub fn join(&mut self, other: &Self) {
        for (chain, point) in &other.points {
            self.advance(*chain, *point);
        }
    }

    /// Whether everything in `other` is in here, going by numbers.
    pub fn covers(&self, other: &Self) -> bool {
        other.points.iter().all(|(chain, point)| self.number(chain) >= point.number)
    }

    /// How many entries `other` holds beyond this.
    pub fn behind(&self, other: &Self) -> u64 {
        let missing =
            |(chain, point): (&ChainId, &Point)| point.number.saturating_sub(self.number(chain));
        other.points.iter().map(missing).fold(0, u64::saturating_add)
    }

    /// The chains and the last entry held of each.
    pub fn iter(&self) -> impl Iterator<Item = (&ChainId, &Point)> {
        self.points.iter()
    }

    /// How many chains are held.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }
}

impl FromIterator<(ChainId, Point)> for Frontier {
    fn from_iter<I: IntoIterator<Item = (ChainId, Point)>>(points: I) -> Self {
        let mut frontier = Self::default();
        for (chain, point) in points {
            frontier.advance(chain, point);
        }
        frontier
    }
}

#[cfg(test)]
mod tests {
    use quickcheck::{Arbitrary, Gen, quickcheck};

    use super::*;

    impl Arbitrary for Frontier {
        fn arbitrary(g: &mut Gen) -> Self {
            // A chain's hash follows from its number: two honest frontiers never differ in it.
            let point = |(chain, number): (u8, u8)| {
                let number = u64::from(number);
                let hash = Hash(*blake3::hash(&[chain, number as u8]).as_bytes());
                (ChainId([chain % 4; 32]), Point { number, hash })
            };
            Vec::<(u8, u8)>::arbitrary(g).into_iter().map(point).collect()
        }
    }

    fn joined(a: &Frontier, b: &Frontier) -> Frontier {
        let mut joined = a.clone();
        joined.join(b);
        joined
    }

    quickcheck! {
        fn joining_covers_both(a: Frontier, b: Frontier) -> bool {
            joined(&a, &b).covers(&a) && joined(&a, &b).covers(&b)
        }

        fn joining_twice_is_joining_once(a: Frontier, b: Frontier) -> bool {
            joined(&joined(&a, &b), &b) == joined(&a, &b)
        }

        fn nobody_is_behind_what_they_cover(a: Frontier, b: Frontier) -> bool {
            (a.behind(&b) == 0) == a.covers(&b)
        }

        fn joining_closes_exactly_the_gap(a: Frontier, b: Frontier) -> bool {
            a.behind(&b) == a.behind(&joined(&a, &b))
        }
    }
}
