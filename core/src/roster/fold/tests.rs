use std::collections::{BTreeMap, BTreeSet};

use quickcheck::{Arbitrary, Gen, quickcheck};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::{Former, Member};
use crate::clock::WallTime;
use crate::codec;
use crate::document::Label;
use crate::id::{ChainId, DeviceId, DocumentId, Hash};
use crate::identity::DeviceKey;
use crate::log::{ChainHead, EntryKind, Frontier, Point, Segment, SegmentBuilder, Tip};
use crate::roster::{
    Act, Genesis, Invitation, JoinRequest, Quote, Rank, Reach, Role, Roster, Ticket,
};

/// Somebody with a roster and a chain of their own in its log.
struct Person {
    key: DeviceKey,
    roster: Roster,
    /// Their chain's head, and where it ends.
    chain: Option<(ChainHead, Tip)>,
    written: Vec<Segment>,
    time: u64,
}

fn key(n: u8) -> DeviceKey {
    DeviceKey::from_seed(&[n; 32])
}

fn genesis() -> Genesis {
    Genesis::new("kitchen", &key(0), WallTime(0), &mut ChaCha8Rng::seed_from_u64(0))
}

impl Person {
    fn new(n: u8) -> Self {
        let (roster, written) = (Roster::new(genesis()), Vec::new());
        Self { key: key(n), roster, chain: None, written, time: 10 }
    }

    fn id(&self) -> DeviceId {
        self.key.id()
    }

    /// Does something, entitled or not.
    fn does(&mut self, act: Act) {
        let entry = self.roster.entry(act);
        let space = genesis().space();
        let document = crate::space::roster_document(&space);
        let opened = WallTime(self.time);
        let head =
            ChainHead { document, device: self.id(), previous: None, opened, nonce: [0; 16] };
        let (head, mut builder) = match self.chain.take() {
            Some((head, end)) => (head.clone(), SegmentBuilder::behind(head.id(), end)),
            None => (head.clone(), SegmentBuilder::opening(head)),
        };
        builder.push(EntryKind::ROSTER, &codec::encode(&entry), opened);
        self.chain = Some((head, builder.tip()));
        let segment = builder.seal(&self.key);
        self.roster.take([(self.id(), &segment)]);
        self.written.push(segment);
    }

    /// Somebody with the same key, who knows the same, and goes on in the same chain.
    fn twin(&self) -> Self {
        let (key, roster) = (DeviceKey::from_seed(&self.key.seed()), self.roster.clone());
        Self { key, roster, chain: self.chain.clone(), written: Vec::new(), time: self.time }
    }

    /// Shows what somebody wrote, as whoever holds it does when they hear of a fork.
    fn quotes(&mut self, other: &Self) {
        let Some((head, _)) = &other.chain else { return };
        for segment in &other.written {
            let (head, segment) = (head.clone(), segment.clone());
            self.does(Act::Quote(Box::new(Quote { head, segment })));
        }
    }

    fn ticket(&self, role: Role) -> Ticket {
        let seen = self.roster.heads();
        let invitation = Invitation { role, rank: None, expires: WallTime(100), seen };
        let mut rng = ChaCha8Rng::seed_from_u64(self.time + u64::from(self.id().0[0]));
        Ticket::issue(genesis().space(), &self.key, invitation, Vec::new(), &mut rng)
    }

    fn lets_in(&mut self, other: &Self, role: Role) {
        let request = self.ticket(role).request(&other.key);
        self.does(Act::Admit(Box::new(request)));
    }

    fn removes(&mut self, other: DeviceId) {
        self.does(Act::Remove { device: other, cuts: Frontier::default() });
    }

    fn appoints(&mut self, device: DeviceId, role: Role) {
        self.does(Act::Appoint { device, role, rank: None, cuts: Frontier::default() });
    }

    /// Hears all that others have written.
    fn hears(&mut self, others: &[&Self]) {
        for other in others {
            for segment in &other.written {
                self.roster.take([(other.id(), segment)]);
            }
        }
    }

    fn role_of(&self, other: &Self) -> Option<Role> {
        self.roster.member(&other.id()).map(|member| member.role)
    }
}

/// Everybody hears everything; all rosters must say the same.
fn meet(people: &mut [&mut Person]) {
    let all: Vec<(DeviceId, Segment)> = people
        .iter()
        .flat_map(|person| person.written.iter().map(|segment| (person.id(), segment.clone())))
        .collect();
    for person in people.iter_mut() {
        person.roster.take(all.iter().map(|(author, segment)| (*author, segment)));
        person.time += 1;
    }
    for pair in people.windows(2) {
        assert_eq!(pair[0].roster.outcome(), pair[1].roster.outcome());
    }
}

/// Alice began the space; Bob and Carol are admins, Dave writes.
fn four() -> [Person; 4] {
    let [mut alice, mut bob, mut carol, mut dave] = [0, 1, 2, 3].map(Person::new);
    alice.lets_in(&bob, Role::Admin);
    alice.lets_in(&carol, Role::Admin);
    alice.lets_in(&dave, Role::Writer);
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    [alice, bob, carol, dave]
}

fn notes() -> Label {
    Label::new("notes").expect("a good name")
}

#[test]
fn a_deletion_stands_until_somebody_restores_who_knew_of_it() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    dave.does(Act::Delete { document: notes() });
    assert_eq!(dave.roster.deletion(&notes()), None, "a writer deletes nothing");
    alice.does(Act::Delete { document: notes() });
    bob.does(Act::Delete { document: notes() });
    carol.hears(&[&alice]);
    carol.does(Act::Restore { document: notes() });
    assert_eq!(carol.roster.deletion(&notes()), None);
    meet(&mut [&mut alice, &mut bob, &mut carol]);
    let deleted = carol.roster.deletion(&notes()).expect("Carol did not know of Bob's deletion");
    assert_eq!(deleted.by, bob.id());
    assert_eq!(carol.roster.named(&notes()), notes().next(), "whoever begins one begins another");
    carol.does(Act::Restore { document: notes() });
    meet(&mut [&mut alice, &mut bob, &mut carol]);
    assert_eq!(alice.roster.named(&notes()), notes());
}

fn desk() -> DocumentId {
    Label::ledger(&"desk".into()).document(&genesis().space())
}

#[test]
fn taking_back_a_grant_is_stronger_than_granting() {
    let [mut alice, mut bob, mut carol, dave] = four();
    let grants = |device| Act::Grant { ledger: desk(), device };
    let revokes = |device| Act::Revoke { ledger: desk(), device, cuts: Frontier::default() };
    carol.does(grants(dave.id()));
    assert!(carol.roster.reads(&dave.id(), &desk()));
    meet(&mut [&mut alice, &mut bob, &mut carol]);
    alice.does(revokes(dave.id()));
    bob.does(grants(dave.id()));
    meet(&mut [&mut alice, &mut bob, &mut carol]);
    assert!(!carol.roster.reads(&dave.id(), &desk()), "Bob did not know of it");
    bob.does(grants(dave.id()));
    carol.hears(&[&bob]);
    assert!(carol.roster.reads(&dave.id(), &desk()));
    assert!(carol.roster.reads(&alice.id(), &desk()), "an admin needs no grant");
}

#[test]
fn who_was_removed_comes_back_with_no_grants() {
    let [mut alice, _, _, dave] = four();
    alice.does(Act::Grant { ledger: desk(), device: dave.id() });
    alice.removes(dave.id());
    let ticket = alice.ticket(Role::Writer);
    alice.does(Act::Admit(Box::new(ticket.request(&dave.key))));
    assert!(alice.roster.member(&dave.id()).is_some());
    assert!(!alice.roster.reads(&dave.id(), &desk()));
}

#[test]
fn what_a_removed_admin_deletes_without_knowing_of_it_stays() {
    let [mut alice, mut bob, _, _] = four();
    alice.removes(bob.id());
    bob.does(Act::Delete { document: notes() });
    meet(&mut [&mut alice, &mut bob]);
    assert_eq!(alice.roster.deletion(&notes()), None);
}

#[test]
fn a_member_may_countersign_what_an_admin_issued() {
    let [alice, _, _, mut dave] = four();
    let erin = Person::new(4);
    let request = alice.ticket(Role::Reader).request(&erin.key);
    dave.does(Act::Admit(Box::new(request)));
    assert_eq!(dave.role_of(&erin), Some(Role::Reader));
}

#[test]
fn only_admins_invite_appoint_remove_and_close() {
    let [mut alice, mut bob, _, mut dave] = four();
    let erin = Person::new(4);
    dave.lets_in(&erin, Role::Reader);
    dave.appoints(dave.id(), Role::Admin);
    dave.removes(bob.id());
    let ticket = alice.ticket(Role::Writer);
    dave.does(Act::Close { bearer: ticket.certificate().bearer() });
    alice.does(Act::Admit(Box::new(ticket.request(&key(5)))));
    meet(&mut [&mut alice, &mut bob, &mut dave]);
    assert_eq!(alice.role_of(&erin), None);
    assert_eq!(alice.role_of(&dave), Some(Role::Writer));
    assert_eq!(alice.role_of(&bob), Some(Role::Admin));
    assert!(alice.roster.member(&key(5).id()).is_some(), "the ticket is still good");
}

#[test]
fn a_ticket_ends() {
    let [mut alice, ..] = four();
    let erin = Person::new(4);
    alice.time = 101;
    alice.lets_in(&erin, Role::Writer);
    assert_eq!(alice.role_of(&erin), None);
}

#[test]
fn a_removed_member_is_told_by_whom_and_when() {
    let [mut alice, _, _, mut dave] = four();
    alice.removes(dave.id());
    dave.hears(&[&alice]);
    let former = Former { by: alice.id(), at: WallTime(alice.time) };
    assert_eq!(dave.roster.former(&dave.id()), Some(&former));
    assert_eq!(dave.role_of(&dave), None);
}

#[test]
fn a_removal_beats_what_the_removed_one_did_without_knowing() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let erin = Person::new(4);
    alice.removes(bob.id());
    bob.lets_in(&erin, Role::Admin);
    bob.appoints(dave.id(), Role::Admin);
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(alice.role_of(&bob), None);
    assert_eq!(alice.role_of(&erin), None);
    assert_eq!(alice.role_of(&dave), Some(Role::Writer));
}

#[test]
fn admins_who_remove_one_another_are_both_out() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    bob.removes(carol.id());
    carol.removes(bob.id());
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!((alice.role_of(&bob), alice.role_of(&carol)), (None, None));
    assert_eq!(alice.role_of(&alice), Some(Role::Admin));
}

#[test]
fn three_who_remove_one_another_in_a_ring_are_all_out() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    alice.removes(bob.id());
    bob.removes(carol.id());
    carol.removes(alice.id());
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(dave.roster.members().map(|(id, _)| *id).collect::<Vec<_>>(), [dave.id()]);
}

#[test]
fn a_removed_admin_takes_down_whoever_removed_them_and_nobody_else() {
    // Whoever was removed can pretend not to have heard of it. All that this gets them is what an honest admin gets
    // who strikes back in the same moment.
    let [mut alice, mut bob, mut carol, mut dave] = four();
    alice.removes(bob.id());
    bob.removes(alice.id());
    bob.removes(carol.id());
    bob.removes(dave.id());
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!((alice.role_of(&alice), alice.role_of(&bob)), (None, None));
    assert_eq!(alice.role_of(&carol), Some(Role::Admin));
    assert_eq!(alice.role_of(&dave), Some(Role::Writer));
}

#[test]
fn a_puppet_appointed_without_knowing_changes_nothing() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let mut erin = Person::new(4);
    alice.removes(bob.id());
    bob.lets_in(&erin, Role::Admin);
    erin.hears(&[&alice, &bob, &carol]);
    // She knows of the removal, so that she never was a member by what she knew.
    erin.removes(carol.id());
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave, &mut erin]);
    assert_eq!(alice.role_of(&erin), None);
    assert_eq!(alice.role_of(&carol), Some(Role::Admin));
}

#[test]
fn who_was_removed_does_not_come_back_with_an_old_ticket() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let (again, unused) = (bob.ticket(Role::Writer), alice.ticket(Role::Writer));
    alice.removes(dave.id());
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    for old in [again, unused] {
        bob.does(Act::Admit(Box::new(old.request(&dave.key))));
        assert_eq!(bob.role_of(&dave), None);
    }
    // A ticket by somebody who knew of it is another matter.
    bob.lets_in(&dave, Role::Reader);
    assert_eq!(bob.role_of(&dave), Some(Role::Reader));
}

#[test]
fn a_removal_closes_the_tickets_that_were_issued_or_used() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let [erin, frank] = [4, 5].map(Person::new);
    let issued = bob.ticket(Role::Writer);
    let used = carol.ticket(Role::Writer);
    carol.does(Act::Admit(Box::new(used.request(&erin.key))));
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    alice.removes(bob.id());
    alice.removes(erin.id());
    dave.does(Act::Admit(Box::new(issued.request(&frank.key))));
    dave.does(Act::Admit(Box::new(used.request(&frank.key))));
    assert_eq!(dave.role_of(&frank), Some(Role::Writer), "he could not know");
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(dave.role_of(&frank), None);
}

#[test]
fn a_closed_ticket_lets_in_nobody_more() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let [erin, frank] = [4, 5].map(Person::new);
    let ticket = alice.ticket(Role::Writer);
    alice.does(Act::Admit(Box::new(ticket.request(&erin.key))));
    bob.hears(&[&alice]);
    bob.does(Act::Close { bearer: ticket.certificate().bearer() });
    dave.does(Act::Admit(Box::new(ticket.request(&frank.key))));
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(alice.role_of(&erin), Some(Role::Writer), "whoever is in stays in");
    assert_eq!(alice.role_of(&frank), None);
}

/// Whoever held the one branch never took in the other, nor what others did who had seen that: rosters differed for ever.
#[test]
fn a_forked_chain_counts_with_all_its_branches_whichever_came_first() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let [erin, frank] = [4, 5].map(Person::new);
    let mut twin = bob.twin();
    bob.lets_in(&erin, Role::Writer);
    twin.lets_in(&frank, Role::Writer);
    alice.hears(&[&bob]);
    carol.hears(&[&twin]);
    // Each rests on what the other has not.
    alice.appoints(erin.id(), Role::Reader);
    carol.appoints(frank.id(), Role::Admin);
    meet(&mut [&mut bob]);
    alice.hears(&[&carol]);
    carol.hears(&[&alice]);
    assert_ne!(alice.roster.outcome(), carol.roster.outcome());
    dave.quotes(&bob);
    dave.quotes(&twin);
    meet(&mut [&mut alice, &mut carol, &mut dave, &mut twin, &mut bob]);
    assert_eq!(carol.role_of(&erin), Some(Role::Reader));
    assert_eq!(alice.role_of(&frank), Some(Role::Admin));
    assert_eq!(alice.role_of(&bob), Some(Role::Admin), "it may be a copied folder");
    // Who knows of both branches can say so.
    carol.removes(bob.id());
    carol.lets_in(&bob, Role::Writer);
    meet(&mut [&mut alice, &mut carol]);
    assert_eq!(alice.role_of(&bob), Some(Role::Writer));
    assert_eq!(
        (alice.role_of(&erin), alice.role_of(&frank)),
        (Some(Role::Reader), Some(Role::Admin))
    );
}

#[test]
fn a_removed_admin_undoes_nothing_by_forking() {
    // Had the chain been cut where it was forked, whoever was removed could have taken back all that they ever did.
    let [mut alice, mut bob, _, mut dave] = four();
    let erin = Person::new(4);
    let mut twin = bob.twin();
    bob.lets_in(&erin, Role::Writer);
    alice.hears(&[&bob]);
    alice.removes(bob.id());
    twin.removes(dave.id());
    dave.quotes(&bob);
    dave.quotes(&twin);
    meet(&mut [&mut alice, &mut dave]);
    assert_eq!(alice.role_of(&erin), Some(Role::Writer));
    assert_eq!(alice.role_of(&dave), Some(Role::Writer));
    assert_eq!(alice.role_of(&bob), None);
}

#[test]
fn nobody_quotes_what_somebody_else_did_not_write() {
    let [mut alice, mut bob, carol, _] = four();
    let mut mallory = Person::new(6);
    let mut twin = alice.twin();
    alice.removes(carol.id());
    twin.key = key(6);
    twin.removes(bob.id());
    mallory.quotes(&twin);
    meet(&mut [&mut alice, &mut bob]);
    bob.hears(&[&mallory]);
    assert!(!bob.roster.is_forked(&alice.written[0].chain));
    assert_eq!(bob.role_of(&bob), Some(Role::Admin));
}

#[test]
fn of_two_appointments_at_once_the_lower_stands() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    alice.appoints(dave.id(), Role::Admin);
    bob.appoints(dave.id(), Role::Reader);
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(alice.role_of(&dave), Some(Role::Reader));
    carol.appoints(dave.id(), Role::Writer);
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(alice.role_of(&dave), Some(Role::Writer), "who knew of both settles it");
}

#[test]
fn a_rank_is_given_and_changed() {
    let [mut alice, .., dave] = four();
    let rank: Rank = "terminal".parse().unwrap();
    let (device, role, cuts) = (dave.id(), Role::Writer, Frontier::default());
    alice.does(Act::Appoint { device, role, rank: Some(rank.clone()), cuts });
    assert_eq!(alice.roster.member(&dave.id()).and_then(|m| m.rank.clone()), Some(rank));
}

#[test]
fn chains_of_the_removed_end_at_the_furthest_cut() {
    let [mut alice, mut bob, mut carol, mut dave] = four();
    let (near, far) = (point(3), point(5));
    let chain = ChainId([7; 32]);
    let cuts = |point: Point| [(chain, point)].into_iter().collect::<Frontier>();
    assert_eq!(alice.roster.reach(&dave.id(), &chain), Reach::Whole);
    alice.does(Act::Remove { device: dave.id(), cuts: cuts(near) });
    bob.does(Act::Remove { device: dave.id(), cuts: cuts(far) });
    meet(&mut [&mut alice, &mut bob, &mut carol, &mut dave]);
    assert_eq!(alice.roster.reach(&dave.id(), &chain), Reach::Upto(far));
    assert_eq!(alice.roster.reach(&dave.id(), &ChainId([8; 32])), Reach::Nothing);
}

#[test]
fn what_follows_an_entry_that_is_no_deed_counts_whatever_comes_first() {
    // An entry that is no deed was not taken for progress: what waited for it on a chain that had been looked at before
    // went on waiting, so the outcome depended on the order of arrival.
    for (odd, even) in [(0, 1), (1, 0)] {
        let mut people = four();
        let carol = people[2].id();
        let elsewhere = Invitation {
            role: Role::Writer,
            rank: None,
            expires: WallTime(100),
            seen: Frontier::default(),
        };
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let space = crate::id::SpaceId([9; 32]);
        let foreign = Ticket::issue(space, &key(0), elsewhere, Vec::new(), &mut rng);
        people[odd].does(Act::Admit(Box::new(foreign.request(&key(5)))));
        let heard = people[odd].written.clone();
        let author = people[odd].id();
        people[even].roster.take(heard.iter().map(|segment| (author, segment)));
        people[even].removes(carol);
        let [even, odd] = [even, odd].map(|who| &people[who]);
        let mut dave = people[3].roster.clone();
        dave.take([(even.id(), even.written.last().unwrap())]);
        dave.take([(odd.id(), odd.written.last().unwrap())]);
        assert_eq!(dave.member(&carol), None);
    }
}

fn point(number: u64) -> Point {
    Point { number, hash: Hash(*blake3::hash(&number.to_le_bytes()).as_bytes()) }
}

/// What somebody does, and whom they hear first.
#[derive(Clone, Debug)]
struct Step {
    who: u8,
    hears: u8,
    whom: u8,
    what: u8,
    role: Role,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut below = |n: u8| u8::arbitrary(g) % n;
        let roles = [Role::Reader, Role::Writer, Role::Anchor, Role::Admin];
        let (who, hears, whom, what) = (below(8), below(255), below(5), below(11));
        Self { who, hears, whom, what, role: roles[usize::from(below(4))] }
    }
}

/// Lets things happen, among people of whom some are admins. Some have their devices copied, and act twice from one point.
fn played(steps: &[Step]) -> Vec<(DeviceId, Segment)> {
    let [alice, bob, carol, dave] = four();
    let mut people = vec![alice, bob, carol, dave, Person::new(4)];
    let mut copied = BTreeSet::new();
    let mut tickets: Vec<Ticket> = Vec::new();
    for step in steps {
        let at = usize::from(step.who) % people.len();
        for other in (0..people.len()).filter(|other| step.hears & (1 << (other % 8)) != 0) {
            let heard: Vec<_> = people[other].written.clone();
            let id = people[other].id();
            let who = &mut people[at].roster;
            who.take(heard.iter().map(|segment| (id, segment)));
        }
        let whom = people[usize::from(step.whom)].id();
        let whose = key(step.whom);
        if step.what == 10 {
            copied.insert(people[at].id());
            let twin = people[at].twin();
            people.push(twin);
            continue;
        }
        let who = &mut people[at];
        who.time += 1;
        match step.what {
            0 | 1 => who.removes(whom),
            2 => who.appoints(whom, step.role),
            3 => tickets.push(who.ticket(step.role)),
            4 => {
                let bearer = tickets.last().map(|ticket| ticket.certificate().bearer());
                bearer.into_iter().for_each(|bearer| who.does(Act::Close { bearer }));
            }
            5 => who.does(Act::Delete { document: notes() }),
            6 => who.does(Act::Restore { document: notes() }),
            7 => who.does(Act::Grant { ledger: desk(), device: whom }),
            8 => {
                let (ledger, cuts) = (desk(), Frontier::default());
                who.does(Act::Revoke { ledger, device: whom, cuts });
            }
            _ => {
                let ticket = tickets.get(usize::from(step.hears) % tickets.len().max(1));
                let request: Option<JoinRequest> = ticket.map(|ticket| ticket.request(&whose));
                request.into_iter().for_each(|request| who.does(Act::Admit(Box::new(request))));
            }
        }
    }
    // Whoever holds something of a forked chain shows it.
    let mut witness = Person::new(9);
    people.iter().filter(|it| copied.contains(&it.id())).for_each(|it| witness.quotes(it));
    people.push(witness);
    let of = |person: &Person| -> Vec<_> {
        person.written.iter().map(|segment| (person.id(), segment.clone())).collect()
    };
    people.iter().flat_map(of).collect()
}

fn folded<'a>(log: impl IntoIterator<Item = &'a (DeviceId, Segment)>) -> Roster {
    let mut roster = Roster::new(genesis());
    for (author, segment) in log {
        roster.take([(*author, segment)]);
    }
    roster
}

fn members(roster: &Roster) -> BTreeMap<DeviceId, Member> {
    roster.members().map(|(device, member)| (*device, member.clone())).collect()
}

quickcheck! {
    fn any_arrival_order_gives_the_same_outcome(steps: Vec<Step>, order: Vec<u8>) -> bool {
        let steps = &steps[..steps.len().min(14)];
        let log = played(steps);
        // Chains arrive in their own order, and each branch in its own, interleaved as `order` says.
        let mut chains: BTreeMap<usize, Vec<&(DeviceId, Segment)>> = BTreeMap::new();
        let follows = |(_, next): &(DeviceId, Segment), (_, last): &(DeviceId, Segment)| {
            next.chain == last.chain && next.before().number == last.last()
        };
        let mut branch = 0;
        for (at, entry) in log.iter().enumerate() {
            branch += usize::from(at > 0 && !follows(entry, &log[at - 1]));
            chains.entry(branch).or_default().insert(0, entry);
        }
        let mut shuffled = Vec::new();
        let mut order = order.into_iter().cycle();
        while !chains.is_empty() {
            let pick = usize::from(order.next().unwrap_or(0)) % chains.len();
            let branch = *chains.keys().nth(pick).unwrap();
            let chain = chains.get_mut(&branch).unwrap();
            shuffled.extend(chain.pop());
            if chain.is_empty() {
                chains.remove(&branch);
            }
        }
        folded(&log).outcome() == folded(shuffled).outcome()
    }

    fn hearing_it_all_again_changes_nothing(steps: Vec<Step>) -> bool {
        let log = played(&steps[..steps.len().min(14)]);
        let mut roster = folded(&log);
        let before = members(&roster);
        let again = roster.take(log.iter().map(|(author, segment)| (*author, segment)));
        !again && members(&roster) == before
    }

    /// Whoever is removed by somebody entitled, with all else known, is out, and no deed or ticket from before brings
    /// them back.
    fn a_removed_member_never_regains_by_replay(steps: Vec<Step>, whom: u8) -> bool {
        let steps = &steps[..steps.len().min(14)];
        let log = played(steps);
        let mut judge = Person::new(0);
        judge.roster = folded(&log);
        // Alice's chain goes on where it was.
        let own: Vec<_> = log.iter().filter(|(author, _)| *author == judge.id()).collect();
        let Some((_, last)) = own.last() else { return true };
        let entries = own.iter().map(|(_, segment)| segment.entries().count() as u64).sum();
        let hash = judge.roster.heads().get(&last.chain).map(|point| point.hash);
        let Some(hash) = hash else { return true };
        let tip = crate::log::Tip { number: entries, hash, time: WallTime(judge.time) };
        let Some(head) = own[0].1.head().filter(|_| !judge.roster.is_forked(&last.chain)) else {
            return true;
        };
        judge.chain = Some((head.clone(), tip));
        let whom = key(whom % 5).id();
        if whom == judge.id() || judge.roster.member(&judge.id()).map(|m| m.role) != Some(Role::Admin) {
            return true;
        }
        judge.removes(whom);
        let all = log.iter().map(|(author, segment)| (*author, segment));
        judge.roster.take(all);
        judge.roster.member(&whom).is_none()
    }
}
