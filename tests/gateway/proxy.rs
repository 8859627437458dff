//! The gateway behind nginx, as `deploy/README.md` has it.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::anchor::{Anchor, free_port};
use crate::asking::{Guest, NOTES, SESSION, typed};
use crate::eventually;
use crate::plain::ask;
use crate::socket::{Socket, at};

/// A running nginx, and where it listens.
struct Nginx {
    process: Child,
    folder: TempDir,
    port: u16,
}

impl Nginx {
    /// Starts it in front of an anchor; says loudly why not where it is missing.
    fn in_front_of(anchor: &Anchor) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        fs::write(folder.path().join("nginx.conf"), settings(folder.path(), anchor, port)).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "error.log"]);
        command.args(["-g", "daemon off;"]).stderr(Stdio::null());
        let Ok(process) = command.spawn() else { return skip() };
        let nginx = Self { process, folder, port };
        eventually("nginx listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(nginx)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // A service manager's way: it takes its workers along.
        let id = self.process.id().to_string();
        _ = Command::new("kill").args(["-TERM", &id]).status();
        _ = self.process.wait();
    }
}

/// The recipe, with another port and without a certificate, which is nginx' own business.
fn settings(folder: &Path, anchor: &Anchor, port: u16) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/README.md");
    let page = fs::read_to_string(page).unwrap();
    let recipe = page.split("```nginx").nth(1).unwrap().split("```").next().unwrap();
    let recipe = recipe
        .lines()
        .filter(|line| !line.contains("ssl_certificate"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("listen 443 ssl;", &format!("listen 127.0.0.1:{port};"))
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", anchor.port()))
        .replace("/var/log/nginx/", "");
    let folder = folder.display();
    format!(
        "user root;\npid nginx.pid;\nevents {{}}\nhttp {{\nclient_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\nfastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n{recipe}\n}}\n"
    )
}

fn skip() -> Option<Nginx> {
    let required = std::env::var_os("DRIFTLINE_REQUIRE_TOOLS").is_some_and(|set| set == "1");
    assert!(!required, "DRIFTLINE_REQUIRE_TOOLS is set, and there is no `nginx`");
    // Written past the test harness, which would keep it to itself.
    let said = "\n!!! SKIPPED, the recipe for nginx was not tried: there is no `nginx` !!!\n\n";
    _ = std::io::stderr().write_all(said.as_bytes());
    None
}

#[test]
fn guests_come_through_nginx() {
    let flags = ["--http-proxy", "127.0.0.1", "--http-max-connections-per-address", "2"];
    let anchor = Anchor::opens_with(&flags);
    let Some(nginx) = Nginx::in_front_of(&anchor) else { return };
    let ann = Guest::at(nginx.port, &anchor.pass("Ann", "writer", "1h"));
    assert_eq!(ann.posts(NOTES, &typed(7, "milk")).status, 200);
    assert_eq!(ann.gets(NOTES).status, 200);
    let pass = anchor.pass("Bob", "writer", "1h");
    let mut first = Socket::opens(nginx.port, &at("notes/today", &pass));
    let mut second = Socket::opens(nginx.port, &at("notes/today", &pass));
    first.is_synced();
    second.is_synced();
    // nginx says that they come from one address, and so does whoever claims another.
    let third = Socket::tries(nginx.port, &at("notes", &pass), &[("x-forwarded-for", "192.0.2.1")]);
    assert_eq!(third.err(), Some(429));
    drop((first, second));
    let bearer = format!("Authorization: Bearer {pass}");
    let begins = || ask(nginx.port, "POST", SESSION, &[&bearer], &[]);
    eventually("they have left", || begins().status == 200);
    let cookie = begins().header("set-cookie").split(';').next().unwrap().to_owned();
    let own = format!("http://127.0.0.1:{}", nginx.port);
    let headers = [("cookie", cookie.as_str()), ("origin", own.as_str())];
    let mut page = Socket::tries(nginx.port, "/y/kitchen/notes/today", &headers).unwrap();
    page.is_synced();
    let log = nginx.log();
    assert!(log.contains("/y/kitchen/notes/today") && !log.contains("driftpass1"), "{log}");
}
