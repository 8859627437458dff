use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::clock::{Now, SteadyTime, WallTime};
use crate::identity::DeviceKey;
use crate::roster::{Genesis, Invitation, Role, Ticket};
use crate::space::{Event, Space};

/// A peer is told nothing before it has said which version it speaks. While presence waited for one, the machine asked
/// for a tick at once, again and again.
#[test]
fn a_peer_that_says_nothing_keeps_nobody_busy() {
    let (alice, bob) = (DeviceKey::from_seed(&[1; 32]), DeviceKey::from_seed(&[2; 32]));
    let now = Now { wall: WallTime(1), steady: SteadyTime(Duration::from_secs(10)) };
    let (mut rng, mut effects) = (ChaCha8Rng::seed_from_u64(1), Vec::new());
    let genesis = Genesis::new("kitchen", &alice, now.wall, &mut rng);
    let alice = Arc::new(alice);
    let mut space = Space::found(genesis, alice.clone(), [1; 16], &mut effects);
    let (role, expires) = (Role::Writer, now.wall + Duration::from_secs(60));
    let invitation = Invitation { role, rank: None, expires, seen: space.roster().heads() };
    let ticket = Ticket::issue(space.id(), &alice, invitation, Vec::new(), &mut rng);
    space.admit(ticket.request(&bob), now, &mut rng, &mut effects).expect("an admin lets in");
    space.show_presence("notes", 0, b"here").expect("it is small");
    space.handle(Event::PeerUp { peer: bob.id() }, now, &mut rng, &mut effects);
    space.settle(now, &mut rng, &mut effects);
    assert!(space.deadline() > Some(now.steady), "{:?}", space.deadline());
}
