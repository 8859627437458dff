//! What guests may do at the most, whatever the passes say that they have.

use std::collections::BTreeMap;

use bincode::{Decode, Encode};
use driftline_core::clock::WallTime;
use driftline_core::codec;
use driftline_core::id::SpaceId;
use driftline_core::roster::{BadPass, Pass, PassTerms, Role};
use driftline_storage::Record;
use tokio::sync::{oneshot, watch};

use super::Engine;

const SETTING: &str = "guest/";

type Reply<T> = oneshot::Sender<Result<T, BadPass>>;

/// What is asked about guests.
pub(crate) enum GuestAsking {
    Pass { guest: String, role: Role, lasts: std::time::Duration, reply: Reply<Pass> },
    Limit { guest: String, role: Option<Role>, reply: Reply<()> },
}

/// What each guest may do at the most, for everybody who looks, without asking the engine.
#[derive(Debug, Default)]
pub(crate) struct Guests(watch::Sender<BTreeMap<(SpaceId, String), Standing>>);

/// The same, to be watched.
pub(crate) type Standings = watch::Receiver<BTreeMap<(SpaceId, String), Standing>>;

/// What a guest's passes give, if they were issued by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Standing {
    since: WallTime,
    role: Option<Role>,
}

impl Guests {
    /// What was limited, as settings of the store say.
    pub(super) fn restore(&self, settings: &[(String, Vec<u8>)]) {
        let limited = settings.iter().filter_map(|(name, value)| {
            let (space, guest) = name.strip_prefix(SETTING)?.split_once('/')?;
            Some(((space.parse().ok()?, guest.to_owned()), codec::decode(value).ok()?))
        });
        self.0.send_replace(limited.collect());
    }

    /// What a pass gives now, but for its end.
    pub(crate) fn role(&self, terms: &PassTerms) -> Option<Role> {
        let standings = self.0.borrow();
        match standings.get(&(terms.space, terms.guest.clone())) {
            Some(standing) if terms.issued <= standing.since => {
                standing.role.map(|role| role.min(terms.role))
            }
            _ => Some(terms.role),
        }
    }

    /// Hears of every change.
    pub(crate) fn watch(&self) -> Standings {
        self.0.subscribe()
    }
}

impl Engine {
    pub(super) fn asked_about_guests(&mut self, space: SpaceId, asking: GuestAsking) {
        let hosts = self.spaces.get(&space).is_some_and(|slot| slot.space.hosts());
        match asking {
            GuestAsking::Pass { guest, role, lasts, reply } => {
                let issued = self.now().wall;
                let terms = PassTerms { space, guest, role, issued, expires: issued + lasts };
                let pass =
                    if hosts { Pass::issue(terms, &self.key) } else { Err(BadPass::NotAHost) };
                _ = reply.send(pass);
            }
            GuestAsking::Limit { reply, .. } if !hosts => _ = reply.send(Err(BadPass::NotAHost)),
            GuestAsking::Limit { guest, role, reply } => {
                let standing = Standing { since: self.now().wall, role };
                let name = format!("{SETTING}{space}/{guest}");
                self.write_setting(Record::Setting { name, value: codec::encode(&standing) });
                self.guests.0.send_modify(|held| _ = held.insert((space, guest), standing));
                self.written(Box::new(move |_: &_| _ = reply.send(Ok(()))));
            }
        }
    }
}
