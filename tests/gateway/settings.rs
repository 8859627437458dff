//! Settings in a file, in the environment and as flags.

use std::fs;

use crate::anchor::Anchor;
use crate::plain::ask;

/// What `driftline anchor` says to settings that it can't go by.
fn complains(anchor: &Anchor, settings: &str, more: &[&str]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, settings).unwrap();
    let path = file.path().display().to_string();
    let words = [&["anchor", "--config", &path][..], more].concat();
    let told = anchor.fails(&words);
    told.replace(&path, "driftline.toml")
}

#[test]
fn a_file_says_what_flags_say_and_flags_count_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("driftline.toml");
    let settings = "
        # Guests of one address.
        http-max-messages = 1
        http-origin = [\"https://app.example\", \"https://other.example\"]
        http-max-waiting = \"2M\"
        http = \"127.0.0.1:1\"
        mdns = false
    ";
    fs::write(&file, settings).unwrap();
    let anchor = Anchor::opens_with(&["--config", file.to_str().unwrap()]);
    let from = |origin: &str| {
        let origin = format!("Origin: {origin}");
        ask(anchor.port(), "OPTIONS", "/v1/openapi.json", &[&origin], &[])
    };
    for origin in ["https://app.example", "https://other.example"] {
        assert_eq!(from(origin).header("access-control-allow-origin"), origin);
    }
    assert!(!from("https://evil.example").has("access-control-allow-origin"));
}

#[test]
fn settings_that_mean_nothing_are_said_to() {
    let mut anchor = Anchor::opens();
    anchor.is_asked_to_stop();
    let unknown = complains(&anchor, "htttp = 1", &[]);
    assert!(unknown.starts_with("error: driftline.toml: there is no setting “htttp”"), "{unknown}");
    assert!(unknown.contains("http-origin"), "{unknown}");
    let broken = complains(&anchor, "http = ", &[]);
    assert!(broken.starts_with("error: driftline.toml is not TOML"), "{broken}");
    let kind = complains(&anchor, "mdns = \"yes\"", &[]);
    assert!(kind.contains("driftline.toml: “mdns” is to be true or false"), "{kind}");
    let value = complains(&anchor, "http = \"nowhere\"", &[]);
    assert!(
        value.starts_with("error: driftline.toml: invalid value 'nowhere' for '--http"),
        "{value}"
    );
    let half = complains(&anchor, "http = \"127.0.0.1:0\"", &["--tls-key", "key.pem"]);
    assert!(half.contains("TLS takes both --tls-certificate and --tls-key"), "{half}");
    let closed = complains(&anchor, "metrics = \"127.0.0.1:0\"", &[]);
    assert!(closed.contains("--metrics is about guests, who come in only with --http"), "{closed}");
    let missing = anchor.fails(&["anchor", "--config", "/nowhere/driftline.toml"]);
    assert!(missing.contains("can't read the settings in /nowhere/driftline.toml"), "{missing}");
}

#[test]
fn what_is_not_safe_is_said_at_the_start() {
    let mut anchor = Anchor::opens_with(&["--auth-url", "http://app.example/who"]);
    anchor.is_asked_to_stop();
    let log = fs::read_to_string(anchor.log()).unwrap();
    assert!(log.contains("the backend is asked over plain HTTP"), "{log}");
}
