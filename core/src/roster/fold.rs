//! Admissions folded into roles. Arrival order does not matter: each change is folded from the start.

use std::collections::BTreeMap;

use super::{Admission, Genesis, Role};
use crate::clock::WallTime;
use crate::codec;
use crate::id::{DeviceId, Hash, SpaceId};

/// How many admissions are kept that do not count as far as is known.
const MAX_PENDING: usize = 256;

/// What the roster knows of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// When they were let in, by the clock of whoever countersigned.
    pub since: WallTime,
}

/// Who is in the space.
#[derive(Clone, Debug)]
pub struct Roster {
    genesis: Genesis,
    /// By hash, so that an admission that arrives twice counts once.
    admissions: BTreeMap<Hash, Admission>,
    members: BTreeMap<DeviceId, Member>,
}

impl Roster {
    /// The roster of a space that has only its creator.
    pub fn new(genesis: Genesis) -> Self {
        let mut roster = Self { genesis, admissions: BTreeMap::new(), members: BTreeMap::new() };
        roster.fold();
        roster
    }

    /// The space's beginning.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The member's standing, or nothing if it is not one.
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.members.get(device)
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (&DeviceId, &Member)> {
        self.members.iter()
    }

    /// The admissions that count, for somebody who has none yet.
    pub fn admissions(&self) -> Vec<Admission> {
        self.admissions.values().filter(|admission| self.counts(admission)).cloned().collect()
    }

    /// Takes in an admission; says whether anybody's standing changed. One that is not sound, or for
    /// another space, is passed over.
    pub fn take(&mut self, admission: Admission) -> bool {
        let key = key(&admission);
        let ours = admission.certificate().space() == self.space();
        if !ours || self.admissions.contains_key(&key) || admission.verify().is_err() {
            return false;
        }
        // One that does not count yet may count with another that is still to come. But anybody can make those up.
        let pending = self.admissions.values().filter(|held| !self.counts(held)).count();
        if !self.counts(&admission) && pending >= MAX_PENDING {
            return false;
        }
        self.admissions.insert(key, admission);
        let before = self.members.clone();
        self.fold();
        before != self.members
    }

    /// Whether `admission` was taken in before.
    pub fn knows(&self, admission: &Admission) -> bool {
        self.admissions.contains_key(&key(admission))
    }

    /// Whether `admission` would count, as far as this roster knows.
    pub fn would_admit(&self, admission: &Admission) -> bool {
        admission.certificate().space() == self.space()
            && self.counts(admission)
            && admission.verify().is_ok()
    }

    fn space(&self) -> SpaceId {
        self.genesis.space()
    }

    /// Repeats over the admissions until a round changes nothing. Members are only ever added and roles
    /// only raised, so the rounds end, and in the same place whatever the order.
    fn fold(&mut self) {
        let creator = Member { role: Role::Admin, since: self.genesis.created() };
        self.members = BTreeMap::from([(self.genesis.creator(), creator)]);
        loop {
            let counted: Vec<_> = self
                .admissions
                .values()
                .filter(|admission| self.counts(admission))
                .map(|admission| {
                    let role = admission.certificate().role();
                    (admission.device(), Member { role, since: admission.at() })
                })
                .collect();
            let mut changed = false;
            for (device, member) in counted {
                changed |= raise(&mut self.members, device, member);
            }
            if !changed {
                return;
            }
        }
    }

    fn counts(&self, admission: &Admission) -> bool {
        let certificate = admission.certificate();
        let issued_by_admin =
            self.member(&certificate.issuer()).is_some_and(|issuer| issuer.role == Role::Admin);
        issued_by_admin
            && self.member(&admission.witness()).is_some()
            && admission.at() <= certificate.expires()
    }
}

fn key(admission: &Admission) -> Hash {
    Hash::of("driftline admission key 1", &[&codec::encode(admission)])
}

/// Lets the higher role stand, and of equal ones the earlier.
fn raise(members: &mut BTreeMap<DeviceId, Member>, device: DeviceId, new: Member) -> bool {
    let better =
        |held: &Member| new.role > held.role || (new.role == held.role && new.since < held.since);
    let changed = members.get(&device).is_none_or(better);
    if changed {
        members.insert(device, new);
    }
    changed
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use quickcheck::quickcheck;
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::super::Ticket;
    use super::*;
    use crate::identity::DeviceKey;

    fn key(n: u8) -> DeviceKey {
        DeviceKey::from_seed(&[n; 32])
    }

    fn genesis() -> Genesis {
        Genesis::new("kitchen", &key(0), WallTime(0), &mut ChaCha8Rng::seed_from_u64(0))
    }

    fn admission(issuer: u8, witness: u8, joiner: u8, role: Role, at: u64) -> Admission {
        let mut rng = ChaCha8Rng::seed_from_u64(u64::from(joiner));
        let term = (WallTime(0), Duration::from_millis(100));
        let space = genesis().space();
        Ticket::issue(space, &key(issuer), role, term, Vec::new(), &mut rng)
            .request(&key(joiner))
            .admit(&key(witness), WallTime(at))
    }

    fn folded(admissions: impl IntoIterator<Item = Admission>) -> Roster {
        let mut roster = Roster::new(genesis());
        for admission in admissions {
            roster.take(admission);
        }
        roster
    }

    #[test]
    fn a_member_may_countersign_what_an_admin_issued() {
        let roster =
            folded([admission(0, 0, 1, Role::Reader, 5), admission(0, 1, 2, Role::Writer, 6)]);
        assert_eq!(roster.member(&key(2).id()).map(|member| member.role), Some(Role::Writer));
    }

    #[test]
    fn only_admins_invite_and_only_members_countersign() {
        let by_writer = [admission(0, 0, 1, Role::Writer, 5), admission(1, 0, 2, Role::Reader, 6)];
        assert_eq!(folded(by_writer).member(&key(2).id()), None);
        assert_eq!(folded([admission(0, 9, 2, Role::Reader, 6)]).member(&key(2).id()), None);
    }

    #[test]
    fn a_ticket_ends() {
        assert!(folded([admission(0, 0, 1, Role::Writer, 101)]).member(&key(1).id()).is_none());
    }

    quickcheck! {
        fn any_arrival_order_gives_the_same_members(order: Vec<(u8, u8, u8, u8)>) -> bool {
            let roles = [Role::Reader, Role::Writer, Role::Anchor, Role::Admin];
            let all: Vec<_> = order
                .iter()
                .take(12)
                .map(|(issuer, witness, joiner, role)| {
                    let role = roles[usize::from(role % 4)];
                    admission(issuer % 5, witness % 5, joiner % 5, role, u64::from(*joiner))
                })
                .collect();
            folded(all.clone()).members == folded(all.into_iter().rev()).members
        }
    }
}
