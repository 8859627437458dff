//! What came of it.

use driftline_core::identity::DeviceKey;
use driftline_core::log::{EntryKind, Segment};
use driftline_core::roster::Role as Standing;
use driftline_core::space::roster_document;
use driftline_simulation::network::Who;
use driftline_simulation::story::{NOTES, label};

use super::{ALICE, Action, CAROL, DAVE, Expected, NINA, Stage, State, is_member};

impl Stage {
    /// Whether it came about, as far as somebody's device knows.
    pub(super) fn happened(&self, who: Who, before: &str) -> bool {
        let dave = self.world.devices[DAVE].id();
        let space = self.world.devices[who].space().expect("honest devices are in");
        let notes = || self.world.stored_content(who, &label(NOTES)).unwrap_or_default();
        match self.cell.action {
            Action::Read => self.hears("secret "),
            // Twice the same is once too often.
            Action::Write if self.cell.state == State::Replayed => {
                notes().matches("milk").count() != 1
            }
            Action::Show | Action::Pose => {
                self.world.sees(who, NOTES).values().any(|state| state == "mallory")
            }
            Action::Write | Action::Mend | Action::Squat => notes().contains("mallory"),
            Action::Forge => {
                notes().contains("mallory")
                    || !self.world.notices.is_empty()
                    || space
                        .frontier(&label(NOTES).document(&self.space))
                        .iter()
                        .any(|(_, p)| p.number > 1)
            }
            Action::Invite | Action::Admit => {
                let nina = self.world.devices.get(NINA).map(|nina| nina.id());
                nina.is_some_and(|nina| is_member(&self.world, who, nina))
            }
            Action::Appoint => {
                space.roster().member(&dave).is_some_and(|dave| dave.role == Standing::Admin)
            }
            Action::Remove => space.roster().member(&dave).is_none(),
            Action::Close => {
                let request = self.ticket.request(&DeviceKey::from_seed(&[77; 32]));
                !space.roster().would_admit(&request, self.world.devices[ALICE].id(), self.wall())
            }
            Action::Babble => self.roster_at(who) != before,
            Action::Smuggle => {
                let log = self.log(who, roster_document(&self.space));
                let entries = log.iter().flat_map(Segment::entries).map_while(Result::ok);
                self.roster_at(who) != before
                    || entries.into_iter().any(|(entry, _)| entry.kind != EntryKind::ROSTER)
            }
        }
    }

    /// What holds whatever is tried.
    pub(super) fn check_laws(&self, before: &str) -> Result<(), String> {
        if self.happened(ALICE, before) != self.happened(CAROL, before) {
            return Err("alice and carol see different outcomes".to_owned());
        }
        if self.roster_at(ALICE) != self.roster_at(CAROL) {
            return Err("alice's roster is not carol's".to_owned());
        }
        let [alice, carol] =
            [ALICE, CAROL].map(|who| self.world.stored_content(who, &label(NOTES)));
        if alice != carol {
            return Err(format!("alice has {alice:?}, and carol {carol:?}"));
        }
        let may_read = super::super::table::expected(self.cell.role, Action::Read, self.cell.state);
        if may_read == Expected::Denied
            && self.cell.state != State::OtherSpace
            && self.cell.state != State::Expired
            && self.hears("secret ")
        {
            return Err("mallory was sent what she may not read".to_owned());
        }
        if self.world.wrongs.is_empty() { Ok(()) } else { Err(self.world.wrongs.join("; ")) }
    }
}
