use super::*;

const ALICE: DeviceId = DeviceId([1; 32]);
const BOB: DeviceId = DeviceId([2; 32]);

fn port(port: u16) -> Multiaddr {
    format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
}

fn ports(dials: &[Dial]) -> Vec<Multiaddr> {
    dials.iter().flat_map(|dial| dial.addresses.clone()).collect()
}

#[test]
fn a_device_that_cannot_be_reached_is_dialled_ever_more_rarely() {
    let mut now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    let mut pauses = Vec::new();
    for _ in 0..10 {
        assert_eq!(dialer.take_due(now).len(), 1);
        assert_eq!(dialer.next_due(), None, "one attempt at a time");
        dialer.failed(&Target::Device(ALICE), now, 1.0);
        let next = dialer.next_due().unwrap();
        pauses.push((next - now).as_millis());
        now = next;
    }
    assert_eq!(pauses, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
}

#[test]
fn a_new_address_is_tried_at_once() {
    let now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    dialer.take_due(now);
    dialer.failed(&Target::Device(ALICE), now, 1.0);
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    assert!(dialer.take_due(now).is_empty(), "it is not new");
    dialer.remember(Target::Device(ALICE), port(2), Source::Application, now);
    assert_eq!(ports(&dialer.take_due(now)), [port(2), port(1)]);
}

#[test]
fn whoever_is_connected_is_not_dialled_until_lost() {
    let now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    dialer.remember(Target::Address(port(2)), port(2), Source::Application, now);
    dialer.take_due(now);
    // Bob answers at the address of which nobody knew whose it is; Alice comes by herself.
    dialer.connected(BOB, Some(&Target::Address(port(2))), now);
    dialer.connected(ALICE, None, now);
    assert_eq!(dialer.next_due(), None);

    let later = now + GOOD_CONNECTION;
    dialer.lost(BOB, later, later, 1.0);
    assert_eq!(dialer.next_due(), Some(later + FIRST_DELAY));
    assert_eq!(ports(&dialer.take_due(later + FIRST_DELAY)), [port(2)]);
}

#[test]
fn a_peer_that_drops_every_connection_is_dialled_ever_more_rarely() {
    let mut now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    for pause in [200, 400, 800] {
        dialer.take_due(now);
        dialer.connected(ALICE, Some(&Target::Device(ALICE)), now);
        dialer.lost(ALICE, now, now, 1.0);
        assert_eq!(dialer.next_due(), Some(now + Duration::from_millis(pause)));
        now += Duration::from_millis(pause);
    }
}

#[test]
fn a_banned_peer_is_left_alone_for_the_time_of_its_ban() {
    let now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Application, now);
    dialer.connected(ALICE, None, now);
    dialer.lost(ALICE, now, now + Duration::from_secs(10), 0.0);
    assert_eq!(dialer.next_due(), Some(now + Duration::from_secs(10)));
}

#[test]
fn addresses_are_few_and_announcements_do_not_push_out_what_the_application_said() {
    let now = Instant::now();
    let mut dialer = Dialer::default();
    let alice = || Target::Device(ALICE);
    dialer.remember(alice(), port(1), Source::Application, now);
    for n in 2..100 {
        dialer.remember(alice(), port(n), Source::Discovery, now);
    }
    let known = ports(&dialer.take_due(now));
    assert_eq!(known.len(), MAX_ADDRESSES);
    assert!(known.contains(&port(1)));
}

#[test]
fn an_announced_address_expires() {
    let now = Instant::now();
    let mut dialer = Dialer::default();
    dialer.remember(Target::Device(ALICE), port(1), Source::Discovery, now);
    dialer.expire(ALICE, &port(1));
    assert_eq!(dialer.next_due(), None);
    assert!(dialer.targets.is_empty());
}

#[test]
fn jitter_at_most_halves_a_delay() {
    assert_eq!(delay(1, 0.0), FIRST_DELAY);
    assert_eq!(delay(u32::MAX, 1.0), LONGEST_DELAY);
}
