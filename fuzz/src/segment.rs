//! A segment that can be walked can be cut anywhere and joined again.

use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::DeviceId;
use driftline_core::log::{Segment, Tip};

/// In how many places one is cut: the time that a case takes stays in proportion to its length.
const CUTS: u64 = 16;

/// Reads a segment. Says how many entries it has, if they are what they should be.
pub(crate) fn segment(bytes: &[u8]) -> usize {
    let Ok(segment) = codec::decode::<Segment>(bytes) else { return 0 };
    let again: Segment = codec::decode(&codec::encode(&segment)).expect("written just now");
    assert_eq!(again, segment);
    assert!(segment.first() <= segment.last().saturating_add(1));
    let Ok(tip) = segment.walk(WallTime::default()) else { return 0 };
    assert_eq!(segment.last(), tip.number);
    let author = segment.head().map_or(DeviceId([0; 32]), |head| head.device);
    _ = segment.verify(&author, &tip);
    let before = segment.before().number;
    (0..CUTS)
        .map(|at| before.saturating_add(at))
        .for_each(|at| is_joined_again(&segment, &tip, at));
    is_joined_again(&segment, &tip, tip.number);
    (tip.number - before) as usize
}

fn is_joined_again(whole: &Segment, tip: &Tip, at: u64) {
    let Some(rest) = whole.after(at).expect("all of it was walked") else {
        return assert!(at >= tip.number, "there is something behind {at}");
    };
    assert_eq!(rest.walk(tip.time).expect("a part of what was walked").point(), tip.point());
    let place = rest.before();
    let mut front = whole.clone().upto(place).expect("all of it was walked");
    assert!(front.body.len() < whole.body.len(), "something was cut off");
    if !front.body.is_empty() {
        let end = front.walk(WallTime::default()).expect("a part of what was walked");
        assert_eq!(end.point(), place);
    }
    front.join(rest);
    assert_eq!(front, *whole);
}
