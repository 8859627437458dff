//! Who may read which bucket, by its ledger.

use std::collections::{BTreeMap, BTreeSet};

use super::Deed;
use crate::id::{ChainId, DeviceId, DocumentId};
use crate::log::{Frontier, Point};
use crate::roster::Act;

/// What stands of grants and revocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::roster) struct Grants {
    /// Who was granted which ledger.
    pub(in crate::roster) given: BTreeMap<DocumentId, BTreeSet<DeviceId>>,
    /// Where the chains end there of those whose grant was revoked. It counts only while they may not read the ledger.
    pub(in crate::roster) ends: BTreeMap<(DocumentId, DeviceId), Frontier>,
    /// All ends that were ever named: up to there, what was cut off on its way is vouched for.
    pub(in crate::roster) vouched: BTreeSet<(ChainId, Point)>,
}

/// A grant stands that knew of every revocation, and of every removal of its member: so revoking is stronger than granting,
/// where neither knew of the other, and whoever comes back comes back with nothing.
pub(super) fn grants<'a>(counting: impl Iterator<Item = &'a Deed>) -> Grants {
    let mut grants = Grants::default();
    let (mut given, mut taken) = (Vec::new(), Vec::new());
    for deed in counting {
        match &deed.act {
            Act::Grant { ledger, device } => given.push((*ledger, *device, deed)),
            Act::Revoke { ledger, device, cuts } => {
                taken.push((Some(*ledger), *device, deed));
                let ends = grants.ends.entry((*ledger, *device)).or_default();
                ends.join(cuts);
                grants.vouched.extend(cuts.iter().map(|(chain, point)| (*chain, *point)));
            }
            Act::Remove { device, .. } => taken.push((None, *device, deed)),
            _ => {}
        }
    }
    for (ledger, device, grant) in given {
        let concerns = |of: &Option<DocumentId>, whom: &DeviceId| {
            *whom == device && of.is_none_or(|of| of == ledger)
        };
        let mut against = taken.iter().filter(|(of, whom, _)| concerns(of, whom));
        if against.all(|(_, _, deed)| deed.is_known_to(grant)) {
            grants.given.entry(ledger).or_default().insert(device);
        }
    }
    grants
}
