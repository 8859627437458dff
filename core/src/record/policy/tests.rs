//! What people hear, and what everybody sees, when they write the same field: a story for each thing that can happen.
//!
//! It begins with Dan, who sets the field to `old`, if he is in it. A line says who does what, then what they hear of it,
//! at once and later. Who is `blind` has seen nothing but Dan's; who `saw 2` has seen what the first two lines came to;
//! all others have seen everything. The last line is what the field holds in the end.

mod room;

use crate::command::Seen;
use crate::command::tests::kit::{FIELDS, Step, act, command, decide, ledger};
use crate::record::RowId;

use room::{Room, tell, verdict};

#[test]
fn who_has_seen_everything_gets_their_way_under_every_policy() {
    for field in FIELDS {
        let story = "
            Dan sets old : accepted
            Ann sets a   : accepted
            Ben sets b   : accepted
            Cleo sets c  : accepted
            = c
        ";
        tell(field.name(), story);
    }
}

#[test]
fn who_writes_what_nobody_wrote_before_is_in_no_conflict() {
    for field in FIELDS {
        tell(field.name(), "Ben blind sets b : accepted \n = b");
    }
}

#[test]
fn who_writes_twice_is_in_no_conflict_with_themselves() {
    for field in FIELDS {
        let story = "
            Dan sets old      : accepted
            Ben blind sets b1 : accepted
            Ben blind sets b2 : accepted
            = b2
        ";
        tell(field.name(), story);
    }
}

#[test]
fn who_reads_first_is_in_no_conflict_under_any_policy() {
    for field in FIELDS {
        let story = "
            Ann sets a                 : accepted
            Cleo blind reads and sets c : accepted
            = c
        ";
        tell(field.name(), story);
    }
}

// A handler that wrote a field and then read the record, for its output, was taken to have known what it wrote over.
#[test]
fn reading_what_one_has_written_makes_it_no_less_blind() {
    tell("server_wins", "Ann sets a : accepted \n Ben blind sets b and reads : yields to a \n = a");
    tell(
        "first_write",
        "Ann sets a : accepted \n Ben blind sets b and reads : preceded by a \n = a",
    );
}

#[test]
fn server_wins_keeps_what_stands_and_says_so() {
    let story = "
        Dan sets old     : accepted
        Ann blind sets a : accepted
        Ben blind sets b : yields to a
        Cleo sets c      : accepted
        Ben saw 2 sets b : yields to c
        = c
    ";
    tell("server_wins", story);
}

#[test]
fn first_write_refuses_the_second() {
    let story = "
        Dan sets old     : accepted
        Ann blind sets a : accepted
        Ben blind sets b : preceded by a
        Ben saw 2 sets b : accepted
        = b
    ";
    tell("first_write", story);
}

#[test]
fn last_write_lets_the_later_stand_and_tells_nobody() {
    let story = "
        Dan sets old     : accepted
        Ann blind sets a : accepted
        Ben blind sets b : accepted
        = b
    ";
    tell("last_write", story);
}

#[test]
fn rank_lets_the_higher_stand_even_if_later() {
    let story = "
        Dan sets old      : accepted
        Cleo blind sets c : accepted, then overruled by b
        Ben blind sets b  : accepted, then overruled by a
        Ann blind sets a  : accepted
        Ben blind sets b2 : overruled by a
        Cleo blind sets c : overruled by a
        = a
    ";
    tell("rank", story);
}

#[test]
fn of_equal_rank_the_first_stands() {
    let story = "
        Cleo blind sets c : accepted
        Dan blind sets d  : preceded by c
        = c
    ";
    tell("rank", story);
}

#[test]
fn what_is_sealed_is_overruled_by_nobody_who_had_not_seen_it() {
    let rank = "
        Cleo blind sets c and seals : accepted
        Ann blind sets a            : preceded by c
        Ann sets a                  : accepted
        = a, sealed
    ";
    tell("rank", rank);
    for policy in ["last_write", "reject_both", "custom"] {
        let story = "
            Dan sets old     : accepted
            Ann blind sets a : accepted
            Ann seals        : accepted
            Ben blind sets b : preceded by a
            = a, sealed
        ";
        tell(policy, story);
    }
}

#[test]
fn reject_both_goes_back_until_somebody_settles_it_who_saw_all() {
    let story = "
        Dan sets old        : accepted
        Ann blind sets a    : accepted, then contested by b, then contested by c, then settled by d
        Ben blind sets b    : contested by a, then contested by c, then settled by d
        Cleo blind sets c   : contested by a and b, then settled by d
        Dan sets d          : accepted
        = d
    ";
    tell("reject_both", story);
}

#[test]
fn a_third_who_saw_only_one_of_two_that_are_contested_joins_them() {
    let story = "
        Dan sets old             : accepted
        Ann blind sets a         : accepted, then contested by b, then contested by c
        Ben blind sets b         : contested by a, then contested by c
        Cleo saw 2 sets c        : contested by a and b
        = old, contested by a and b and c
    ";
    tell("reject_both", story);
}

#[test]
fn what_somebody_writes_in_several_steps_is_gone_back_from_in_one() {
    let story = "
        Dan sets old      : accepted
        Ann blind sets a1 : accepted
        Ann sets a2       : accepted, then contested by b
        Ben blind sets b  : contested by a2
        = old, contested by a2 and b
    ";
    tell("reject_both", story);
}

#[test]
fn what_stood_when_it_was_contested_is_what_it_goes_back_to() {
    let story = "
        Dan sets old      : accepted
        Ann sets a        : accepted
        Ben sets b        : accepted, then contested by c
        Cleo blind sets c : contested by b
        = a, contested by b and c
    ";
    tell("reject_both", story);
}

// Sealing changes no value, yet those who contested it were told that it was settled.
#[test]
fn sealing_settles_nothing() {
    let story = "
        Dan sets old     : accepted
        Ann blind sets a : accepted, then contested by b
        Ben blind sets b : contested by a
        Cleo seals       : accepted
        = old, sealed, contested by a and b
    ";
    tell("reject_both", story);
}

#[test]
fn keep_both_shows_the_first_and_lists_the_others_until_somebody_settles_it() {
    let listed = "
        Dan sets old      : accepted
        Ann blind sets a  : accepted
        Ben blind sets b  : accepted
        Cleo saw 2 sets c : accepted
        = a, beside b and c
    ";
    tell("keep_both", listed);
    let settled = "
        Dan sets old      : accepted
        Ann blind sets a  : accepted
        Ben blind sets b  : accepted
        Cleo sets c       : accepted
        = c
    ";
    tell("keep_both", settled);
}

// Who wrote again without having seen what was listed beside it went to the end of the list, and so another value showed.
#[test]
fn who_writes_again_takes_the_place_of_what_they_wrote() {
    let story = "
        Dan sets old      : accepted
        Ann blind sets a1 : accepted
        Ben blind sets b  : accepted
        Ann saw 2 sets a2 : accepted
        = a2, beside b
    ";
    tell("keep_both", story);
}

#[test]
fn merge_adds_up_whoever_saw_what() {
    let counter = "
        Dan sets 5           : accepted
        Ann blind adds 2     : accepted
        Ben blind adds 3     : accepted
        Cleo blind adds 1 and 1 : accepted
        = 12
    ";
    tell("merge", counter);
    let set = "
        Ann blind includes 2       : accepted
        Ben blind includes 1 and 3 : accepted
        Cleo blind excludes 2      : accepted
        Dan blind includes 1       : accepted
        = [1,3]
    ";
    tell("merge", set);
}

#[test]
fn a_rule_of_the_apps_own_decides_between_two() {
    let both = "
        Dan sets old     : accepted
        Ann blind sets a : accepted, then overruled by old + a + b
        Ben blind sets b : accepted
        = old + a + b
    ";
    tell("custom", both);
    let larger = "
        Dan sets 1        : accepted
        Ann blind sets 7  : accepted, then overruled by 9
        Ben blind sets 5  : yields to 7
        Ben blind sets 13 : preceded by 7
        Ben blind sets 9  : accepted
        = 9
    ";
    tell("custom", larger);
}

#[test]
fn of_two_who_put_a_record_with_the_same_key_the_first_has_its_fields() {
    tell(
        "server_wins",
        "
        Ann blind puts 1 : accepted
        Ben blind puts 2 : preceded by 1
        = 1
    ",
    );
}

#[test]
fn a_removed_record_is_gone_with_all_that_it_held() {
    tell("server_wins", "Dan sets old : accepted \n Ann removes : accepted \n = gone");
    // Both are for the same.
    tell(
        "server_wins",
        "
        Dan sets old      : accepted
        Ann blind removes : accepted
        Ben blind removes : accepted
        = gone
    ",
    );
}

// A record that was made anew had what the removed one had held.
#[test]
fn a_record_that_is_made_anew_holds_nothing_of_the_old() {
    tell(
        "merge",
        "
        Dan adds 5  : accepted
        Ann removes : accepted
        Ben adds 1  : accepted
        = 1
    ",
    );
    let mut room = Room::new("server_wins");
    room.hear("Dan puts 3");
    room.hear("Ann removes and sets x");
    assert_eq!(room.shown(), "x");
    let row = RowId::new("boards", 0);
    let fields = room.anchor.confirmed().row(&row).map(|row| row.fields().count());
    assert_eq!(fields, Some(1));
}

#[test]
fn who_writes_to_a_record_that_was_removed_hears_that_it_is_gone() {
    tell(
        "last_write",
        "
        Dan sets old     : accepted
        Ann removes      : accepted
        Ben blind sets b : yields to false
        = gone
    ",
    );
}

// A record could be removed with a booking in it that whoever removed it had never seen.
#[test]
fn a_record_stays_where_somebody_wrote_whom_the_remover_had_not_seen() {
    let removed = |hears: &str, then: &str, end: &str| {
        format!(
            "Dan sets old : accepted \n Cleo blind sets c : accepted{then} \n Ben blind removes : {hears} \n = {end}"
        )
    };
    tell("server_wins", &removed("yields to c", "", "c"));
    tell("first_write", &removed("preceded by c", "", "c"));
    tell("last_write", &removed("accepted", "", "gone"));
    tell("rank", &removed("accepted", ", then overruled by null", "gone"));
    tell("reject_both", &removed("yields to c", "", "c"));
    tell("keep_both", &removed("yields to c", "", "c"));
    tell("merge", &removed("accepted", "", "gone"));
    tell("custom", &removed("yields to c", "", "c"));
}

#[test]
fn what_an_author_had_seen_undecided_counts_when_it_is_decided() {
    let mut anchor = ledger(9);
    let first_write = FIELDS.iter().position(|field| field.name() == "first_write");
    let sets = |to: &str| [Step::Set(0, first_write.expect("it is one"), to.into())];
    let mut hears = |who, number, sets: &[Step], seen: &Seen| {
        verdict(&decide(&mut anchor, who, number, act(sets, seen.clone(), 0)))
    };
    assert_eq!(hears(0, 1, &sets("a"), &Seen::default()), "accepted");
    // Ben had Ann's first from herself, before anybody decided upon it; but not her second.
    let bens = Seen { pending: [(command(0, 1).chain, 1)].into(), ..Seen::default() };
    assert_eq!(hears(1, 1, &sets("b"), &bens), "accepted");
    assert_eq!(hears(0, 2, &sets("a2"), &Seen { decided: 2, ..Seen::default() }), "accepted");
    assert_eq!(hears(1, 2, &sets("b2"), &bens), "preceded by a2");
}
