//! The demo tells its story to the end: real processes, sockets and disks, with less to type.

use std::process::Command;

use serde_json::Value;

#[test]
fn everybody_ends_with_the_same_documents() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_driftline"))
        .args(["demo", "--short", "--json", "--keep"])
        .arg(folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");

    let figures: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(figures["equal"], true);
    assert_eq!(figures["paper"]["edits"], 18_335);
    assert_eq!(figures["friends"]["edits"], 26_078);
    let text_bytes = |name: &str| figures["documents"][name]["text_bytes"].as_u64().unwrap();
    assert!(text_bytes("friends") >= 21_362 && text_bytes("paper") >= 18_451, "{figures}");
    for who in ["alice", "bob", "anchor"] {
        assert!(folder.path().join(who).join("store").is_dir(), "{who} has kept no store");
    }
}
