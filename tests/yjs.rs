//! Driftline's documents against Yjs itself: random sessions, exchanged both ways, must read the same.
//!
//! Our side is the document of `core`, with the client id of a chain, above 2^32; the other is stock Yjs in a node
//! process, with an id of its own below. Both edit at the same time; updates arrive out of order, late and twice.

#[path = "yjs/content.rs"]
mod content;
#[path = "yjs/edits.rs"]
mod edits;
#[path = "yjs/peer.rs"]
mod peer;
#[path = "yjs/random.rs"]
mod random;
#[path = "yjs/session.rs"]
mod session;

use peer::Peer;
use session::Session;

const CASES: u64 = 2_000;

#[test]
fn random_sessions_read_the_same_on_both_sides() {
    let Some(mut peer) = Peer::start() else { return };
    let only = std::env::var("DRIFTLINE_CASE").ok().map(|case| case.parse().unwrap());
    for case in only.map_or(0..CASES, |case| case..case + 1) {
        Session::new(case, &mut peer).play();
    }
}

#[test]
fn zz_experiment() {
    use driftline::yrs::Transact;
    let Ok(file) = std::env::var("YJS_EDITS") else { return };
    let mut peer = Peer::start().unwrap();
    let edits: Vec<serde_json::Value> = std::fs::read_to_string(file).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let made = std::sync::Arc::<std::sync::Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let ours = driftline_core::document::OpenDocument::new(1 << 40, move |u| kept.lock().unwrap().push(u));
    edits::define_roots(ours.doc());
    for txn_edits in &edits {
        let mut txn = ours.doc().transact_mut();
        for e in txn_edits.as_array().unwrap() { edits::perform(&mut txn, e); }
    }
    peer.ask(&[serde_json::json!({"op":"new","doc":"d","client":5})]);
    let order: Vec<usize> = serde_json::from_str(&std::env::var("YJS_ORDER").unwrap()).unwrap();
    let made2 = made.lock().unwrap().clone();
    let mut rq: Vec<_> = order.iter().filter_map(|i| made2.get(*i)).map(|u| peer::apply(u)).collect();
    rq.push(serde_json::json!({"op":"json","doc":"d"}));
    rq.push(serde_json::json!({"op":"diff","doc":"d","since":null}));
    let a = peer.ask(&rq);
    let theirs = a[a.len()-2]["json"].clone();
    let mut rq = vec![serde_json::json!({"op":"new","doc":"d","client":6})];
    rq.extend(edits.iter().map(|e| serde_json::json!({"op":"edit","doc":"d","edits":e})));
    rq.push(serde_json::json!({"op":"json","doc":"d"}));
    let b = peer.ask(&rq);
    let local = b.last().unwrap()["json"].clone();
    let mine = content::content(ours.doc());
    ours.apply(&[&peer::update(a.last().unwrap())]).unwrap();
    let back = content::content(ours.doc());
    println!("OURS   {mine}\nTHEIRS {theirs}\nLOCAL  {local}\nBACK {}", back == theirs);
    assert!(mine == theirs, "DIFFER");
}

#[test]
fn zz_orders() {
    use driftline::yrs::Transact;
    let mut peer = Peer::start().unwrap();
    let j = |s: &str| serde_json::from_str::<serde_json::Value>(s).unwrap();
    let all = [
        j(r#"{"do":"array-insert","at":0,"values":[1]}"#),
        j(r#"{"do":"map-set","key":"a","value":1}"#),
        j(r#"{"do":"xml-element","at":0,"name":"p"}"#),
        j(r#"{"do":"text-insert","at":0,"text":"x"}"#),
    ];
    let made = std::sync::Arc::<std::sync::Mutex<Vec<Vec<u8>>>>::default();
    let kept = made.clone();
    let ours = driftline_core::document::OpenDocument::new(1 << 40, move |u| kept.lock().unwrap().push(u));
    edits::define_roots(ours.doc());
    for e in &all { edits::perform(&mut ours.doc().transact_mut(), e); }
    let made = made.lock().unwrap().clone();
    for len in 1..=4usize {
        for code in 0..4usize.pow(len as u32) {
            let order: Vec<usize> = (0..len).map(|i| code / 4usize.pow(i as u32) % 4).collect();
            let mut rq = vec![serde_json::json!({"op":"new","doc":"d","client":5})];
            rq.extend(order.iter().map(|i| peer::apply(&made[*i])));
            rq.push(serde_json::json!({"op":"json","doc":"d"}));
            rq.push(serde_json::json!({"op":"diff","doc":"d","since":null}));
            let a = peer.ask(&rq);
            let theirs = &a[a.len() - 2]["json"];
            let copy = driftline_core::document::OpenDocument::new(1, |_| {});
            copy.apply(&[&peer::update(a.last().unwrap())]).unwrap();
            let c = content::content(copy.doc());
            let own = driftline_core::document::OpenDocument::new(1, |_| {});
            for i in &order { own.apply(&[&made[*i]]).unwrap(); }
            let o = content::content(own.doc());
            if c != *theirs || o != *theirs { println!("ORDER {order:?} theirs {theirs}\n   copy {c}\n   own {o}"); }
        }
    }
}

#[test]
fn zz_many() {
    use driftline::yrs::Transact;
    use rand::{RngExt, SeedableRng};
    let mut peer = Peer::start().unwrap();
    let mut bad = 0;
    for case in 0..3000u64 {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(case);
        let n = rng.random_range(3..8);
        let made = std::sync::Arc::<std::sync::Mutex<Vec<Vec<u8>>>>::default();
        let docs: Vec<_> = (0..n).map(|_| { let kept = made.clone(); let d = driftline_core::document::OpenDocument::new(rng.random_range(1..1u64<<53), move |u| kept.lock().unwrap().push(u)); edits::define_roots(d.doc()); d }).collect();
        for _ in 0..rng.random_range(3..25) {
            let d = &docs[rng.random_range(0..n)];
            let seen = made.lock().unwrap().clone();
            if rng.random_bool(0.6) { let upto = if rng.random_bool(0.5) { seen.len() } else { rng.random_range(0..=seen.len()) }; for u in &seen[..upto] { d.apply(&[u]).unwrap(); } }
            let mut txn = d.doc().transact_mut();
            let e = random::edit(&mut rng, &txn);
            edits::perform(&mut txn, &e);
        }
        let all = made.lock().unwrap().clone();
        let d = driftline_core::document::OpenDocument::new(7, |_| {});
        for u in &all { d.apply(&[u]).unwrap(); }
        let state = d.state();
        let a = peer.ask(&[serde_json::json!({"op":"new","doc":"d","client":5}), peer::apply(&state), serde_json::json!({"op":"json","doc":"d"}), serde_json::json!({"op":"diff","doc":"d","since":null})]);
        let again = driftline_core::document::OpenDocument::new(7, |_| {});
        again.apply(&[&state]).unwrap();
        let back = driftline_core::document::OpenDocument::new(7, |_| {});
        back.apply(&[&peer::update(&a[3])]).unwrap();
        let mut rq = vec![serde_json::json!({"op":"new","doc":"d","client":5})];
        rq.extend(all.iter().map(|u| peer::apply(u)));
        rq.push(serde_json::json!({"op":"json","doc":"d"}));
        let b = peer.ask(&rq);
        let (c, g, k, t, t2) = (content::content(d.doc()), content::content(again.doc()), content::content(back.doc()), &a[2]["json"], &b.last().unwrap()["json"]);
        let what = [("again", c == g), ("yjs-state", c == *t), ("back", k == *t), ("yjs-one-by-one", c == *t2)].iter().filter(|(_, ok)| !ok).map(|(w, _)| *w).collect::<Vec<_>>();
        if !what.is_empty() { bad += 1; if bad < 12 { println!("CASE {case} {what:?} pending {}\n  ours {c}\n again {g}\n state {t}\n  each {t2}", a[1]["pending"]); } }
    }
    println!("BAD {bad}");
}

#[test]
fn zz_formats() {
    use driftline::yrs::Transact;
    let mut peer = Peer::start().unwrap();
    let j = |s: &str| serde_json::from_str::<serde_json::Value>(s).unwrap();
    let sessions: Vec<Vec<serde_json::Value>> = vec![
        vec![j(r#"{"do":"text-insert","at":0,"text":"abc"}"#), j(r#"{"do":"text-format","at":1,"length":1,"attributes":{"bold":true}}"#), j(r#"{"do":"text-delete","at":1,"length":1}"#), j(r#"{"do":"text-insert","at":1,"text":"x"}"#)],
        vec![j(r#"{"do":"text-insert","at":0,"text":"abc"}"#), j(r#"{"do":"text-format","at":1,"length":1,"attributes":{"bold":true}}"#), j(r#"{"do":"text-insert","at":2,"text":"x"}"#), j(r#"{"do":"text-delete","at":1,"length":1}"#)],
        vec![j(r#"{"do":"text-insert","at":0,"text":"abc"}"#), j(r#"{"do":"text-format","at":1,"length":2,"attributes":{"bold":true}}"#), j(r#"{"do":"text-insert","at":2,"text":"x"}"#), j(r#"{"do":"text-delete","at":1,"length":1}"#),  j(r#"{"do":"text-delete","at":2,"length":1}"#)],
        vec![j(r#"{"do":"text-insert","at":0,"text":"b","attributes":{"bold":true}}"#), j(r#"{"do":"text-insert","at":1,"text":"x"}"#), j(r#"{"do":"text-delete","at":0,"length":1}"#)],
        vec![j(r#"{"do":"text-insert","at":0,"text":"b","attributes":{"bold":true}}"#), j(r#"{"do":"text-delete","at":0,"length":1}"#), j(r#"{"do":"text-insert","at":0,"text":"x"}"#)],
    ];
    for (k, all) in sessions.iter().enumerate() {
        let made = std::sync::Arc::<std::sync::Mutex<Vec<Vec<u8>>>>::default();
        let kept = made.clone();
        let ours = driftline_core::document::OpenDocument::new(1 << 40, move |u| kept.lock().unwrap().push(u));
        edits::define_roots(ours.doc());
        for e in all { edits::perform(&mut ours.doc().transact_mut(), e); }
        let made = made.lock().unwrap().clone();
        let o = content::content(ours.doc());
        let n = made.len();
        for code in 0..n.pow(n as u32) {
            let order: Vec<usize> = (0..n).map(|i| code / n.pow(i as u32) % n).collect();
            if (0..n).any(|i| !order.contains(&i)) { continue }
            let mut rq = vec![serde_json::json!({"op":"new","doc":"d","client":5})];
            rq.extend(order.iter().map(|i| peer::apply(&made[*i])));
            rq.push(serde_json::json!({"op":"json","doc":"d"}));
            let a = peer.ask(&rq);
            let theirs = &a[a.len() - 1]["json"];
            if o != *theirs { println!("SESSION {k} ORDER {order:?}\n   ours {}\n  theirs {}", o["text"], theirs["text"]); }
        }
    }
}

#[test]
fn zz_search() {
    use driftline::yrs::Transact;
    use rand::{RngExt, SeedableRng};
    use rand::seq::SliceRandom;
    let mut peer = Peer::start().unwrap();
    let mut found = 0;
    for n in 2..7usize {
        for case in 0..6000u64 {
            let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(case * 10 + n as u64);
            let made = std::sync::Arc::<std::sync::Mutex<Vec<Vec<u8>>>>::default();
            let kept = made.clone();
            let ours = driftline_core::document::OpenDocument::new(1 << 40, move |u| kept.lock().unwrap().push(u));
            edits::define_roots(ours.doc());
            let mut hist = vec![];
            for _ in 0..n {
                let mut txn = ours.doc().transact_mut();
                let e = loop { let e = random::edit(&mut rng, &txn); if e["path"][0] == "text" { break e } };
                edits::perform(&mut txn, &e);
                hist.push(e);
            }
            let mut order = made.lock().unwrap().clone().into_iter().enumerate().collect::<Vec<_>>();
            order.shuffle(&mut rng);
            let mut rq = vec![serde_json::json!({"op":"new","doc":"d","client":5})];
            rq.extend(order.iter().map(|(_, u)| peer::apply(u)));
            rq.push(serde_json::json!({"op":"json","doc":"d"}));
            let a = peer.ask(&rq);
            let o = content::content(ours.doc());
            let t = &a[a.len() - 1]["json"];
            if o != *t { found += 1; println!("FOUND n {n} order {:?}\n ours {}\n thei {}", order.iter().map(|(i, _)| *i).collect::<Vec<_>>(), o["text"], t["text"]); for h in hist { println!("    {h}"); } if found > 3 { return } }
        }
    }
}
