use std::collections::BTreeSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::clock::{Now, SteadyTime, WallTime};
use crate::document::Label;
use crate::identity::DeviceKey;
use crate::roster::Genesis;
use crate::space::{Event, Space};

/// Each name that was ever looked into stayed in memory, with the chain that was begun there: guests who made up names
/// could fill it.
#[test]
fn a_document_in_which_nobody_wrote_leaves_nothing_behind() {
    let now = Now { wall: WallTime(1), steady: SteadyTime::default() };
    let (mut rng, mut effects) = (ChaCha8Rng::seed_from_u64(1), Vec::new());
    let alice = DeviceKey::from_seed(&[1; 32]);
    let genesis = Genesis::new("kitchen", &alice, now.wall, &mut rng);
    let mut space = Space::found(genesis, Arc::new(alice), [1; 16], &mut effects);
    let mut look_into = |space: &mut Space, name| {
        let label = Label::new(name).expect("it is a name");
        let chain = space.author(&label, &BTreeSet::new(), now, &mut rng).expect("an admin writes");
        (label.document(&space.id()), chain.chain)
    };
    let (empty, unwritten) = look_into(&mut space, "empty");
    let (notes, chain) = look_into(&mut space, "notes");
    let update = vec![1, 1, 7, 0, 4, 1, 1, b't', 1, b'x', 0];
    let event = Event::LocalUpdate { document: notes, chain, update };
    space.handle(event, now, &mut ChaCha8Rng::seed_from_u64(2), &mut effects);
    space.let_go(&empty, &unwritten);
    space.let_go(&notes, &chain);
    assert_eq!(space.label(&empty), None);
    assert_eq!(space.updates_on(&chain), 1, "what was written waits to be sealed");
}
