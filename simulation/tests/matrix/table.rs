//! What is expected of each cell, as one would say it to somebody who uses the product.

/// Who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Stranger,
    Reader,
    Writer,
    Anchor,
    Admin,
}

/// What they try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// Read a document.
    Read,
    /// Write into a document.
    Write,
    /// Issue a ticket, with which somebody comes.
    Invite,
    /// Let somebody in who holds a ticket of an admin's.
    Admit,
    /// Give a member another role.
    Appoint,
    /// Remove a member.
    Remove,
    /// Close a ticket.
    Close,
    /// Write a mend.
    Mend,
    /// Write into the roster what is no deed.
    Babble,
    /// Write an update into the roster.
    Smuggle,
    /// Go on with the chain of somebody else.
    Forge,
    /// Write on an own chain under the Yjs client of somebody else.
    Squat,
    /// Show where they are in a document.
    Show,
    /// Show somebody else there.
    Pose,
}

/// How it gets to the device that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Route {
    /// At once.
    Direct,
    /// Through an honest member.
    Relayed,
    /// At once, to a device that was restarted before and is again after.
    Restarted,
    /// Through an honest member, while the device is away.
    CatchUp,
}

/// Under which circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// All is in order.
    Valid,
    /// The ticket that it is about has expired.
    Expired,
    /// They were removed, and know it.
    Removed,
    /// They were removed, and act as if they did not know.
    Pretending,
    /// They were removed, and whoever they talk to has not heard of it.
    Unheard,
    /// It was done before by those who may, and undone since: the old bytes are played again.
    Replayed,
    /// It is in order in another space.
    OtherSpace,
    /// They speak a version of the protocol that is none any more.
    OldVersion,
}

/// What should come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Expected {
    Allowed,
    Denied,
}

/// Somebody tries something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    pub(super) role: Role,
    pub(super) action: Action,
    pub(super) route: Route,
    pub(super) state: State,
}

impl Role {
    pub(super) const ALL: [Self; 5] =
        [Self::Stranger, Self::Reader, Self::Writer, Self::Anchor, Self::Admin];
}

impl Action {
    pub(super) const ALL: [Self; 14] = [
        Self::Read,
        Self::Write,
        Self::Invite,
        Self::Admit,
        Self::Appoint,
        Self::Remove,
        Self::Close,
        Self::Mend,
        Self::Babble,
        Self::Smuggle,
        Self::Forge,
        Self::Squat,
        Self::Show,
        Self::Pose,
    ];
}

impl Route {
    pub(super) const ALL: [Self; 4] = [Self::Direct, Self::Relayed, Self::Restarted, Self::CatchUp];

    /// Whether it goes by way of an honest member.
    pub(super) fn is_by_others(self) -> bool {
        matches!(self, Self::Relayed | Self::CatchUp)
    }
}

impl State {
    pub(super) const ALL: [Self; 8] = [
        Self::Valid,
        Self::Expired,
        Self::Removed,
        Self::Pretending,
        Self::Unheard,
        Self::Replayed,
        Self::OtherSpace,
        Self::OldVersion,
    ];
}

/// What should come of it: the rules of a space, all of them.
pub(super) fn expected(role: Role, action: Action, state: State) -> Expected {
    use Action::*;
    let may = match state {
        State::Valid => match action {
            // Whoever is in reads, is seen, and opens the door to whoever holds a ticket.
            Read | Show | Admit => role != Role::Stranger,
            Write => matches!(role, Role::Writer | Role::Anchor | Role::Admin),
            // Only admins say who is in.
            Invite | Appoint | Remove | Close => role == Role::Admin,
            Mend => matches!(role, Role::Anchor | Role::Admin),
            // Nobody speaks in the name of others, nor talks nonsense.
            Babble | Smuggle | Forge | Squat | Pose => false,
        },
        // Who may read may read again. Nothing else happens twice.
        State::Replayed => action == Read && role != Role::Stranger,
        State::Expired
        | State::Removed
        | State::Pretending
        | State::Unheard
        | State::OtherSpace
        | State::OldVersion => false,
    };
    if may { Expected::Allowed } else { Expected::Denied }
}

/// Whether there is such a thing.
fn makes_sense(cell: &Cell) -> bool {
    use Action::*;
    let Cell { role, action, route, state } = *cell;
    match state {
        State::Valid => true,
        // Only tickets expire.
        State::Expired => matches!(action, Invite | Admit),
        // A stranger can't be removed.
        State::Removed | State::Pretending => role != Role::Stranger,
        // Nobody keeps from whom they take for a member what members read.
        State::Unheard => role != Role::Stranger && action != Read && route.is_by_others(),
        State::Replayed => {
            matches!(action, Read | Write | Show | Invite | Admit | Appoint | Remove)
        }
        // What a member reads, they do not read by way of another space.
        State::OtherSpace => action != Read || role == Role::Stranger,
        // Whoever comes with a ticket of theirs speaks for themselves.
        State::OldVersion => action != Invite,
    }
}

/// All cells that make sense.
pub(super) fn cells() -> impl Iterator<Item = Cell> {
    let states = State::ALL.into_iter();
    let routes = states.flat_map(|state| Route::ALL.map(|route| (state, route)));
    let roles = routes.flat_map(|(state, route)| Role::ALL.map(|role| (state, route, role)));
    let all = roles.flat_map(|(state, route, role)| {
        Action::ALL.map(|action| Cell { role, action, route, state })
    });
    all.filter(makes_sense)
}
