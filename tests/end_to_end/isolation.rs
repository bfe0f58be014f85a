//! What a build can reach, and what a rebuild changes.

use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};

use crate::common::{Place, matrix};

/// What must not be found in any build; `look.sh` has the same word in two parts.
const SECRET: &str = "kmatrix-test-secret";

#[test]
fn a_build_reaches_no_network() {
    let place = Place::new();
    place.build_of("reaches-network", "", "rebuilds = 0", "");
    // On every address of the host: the loopback and the engine's bridge are among them.
    let listener = TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut hosts = vec!["127.0.0.1".to_owned()];
    // No packet is sent: the kernel only says from which address it would be.
    for elsewhere in ["192.0.2.1:9", "172.17.0.2:9"] {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        if socket.connect(elsewhere).is_ok() {
            hosts.push(socket.local_addr().expect("an address").ip().to_string());
        }
    }
    let list: String = hosts
        .iter()
        .map(|host| format!("{host} {port}\n"))
        .collect();
    let source = place.path().join("modules/reaches-network");
    fs::write(source.join("listeners.txt"), &list).expect("a file");
    for host in &hosts {
        TcpStream::connect((host.as_str(), port)).expect("the listener answers outside");
        listener.accept().expect("a caller");
    }

    let ran = place.kmatrix(&["build", "matrix.toml", "--format", "json"]);
    let log = place.log(&ran.json()["cells"][0], "reference.log");
    assert!(ran.status == 0, "{log}");
    listener.set_nonblocking(true).expect("a socket");
    assert!(listener.accept().is_err(), "somebody called");
}

#[test]
fn a_build_finds_no_key_no_socket_and_no_neighbour() {
    let place = Place::new();
    for name in ["reads-key", "reproducible"] {
        place.fixture(name);
    }
    // In a neighbour's source, in and beside the state directory, at home, and in the environment of
    // the program that orders the build, whose memory has it by that.
    for file in [
        "signing.key",
        "modules/reproducible/secret.txt",
        "state/secret.key",
        "state/out/secret.key",
        "home/secret.key",
    ] {
        let path = place.path().join(file);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, SECRET).expect("a file");
    }
    place.write(&matrix(
        &[
            ("reads-key", "modules/reads-key", ""),
            ("reproducible", "modules/reproducible", ""),
        ],
        "",
        "",
    ));
    let mut command = place.command(&["build", "matrix.toml", "--format", "json"]);
    for name in [
        "KMATRIX_TEST_KEY",
        "KMATRIX_KEY_PASSWORD",
        "COSIGN_PASSWORD",
        "SIGSTORE_ID_TOKEN",
    ] {
        command.env(name, SECRET);
    }
    let ran = crate::common::Ran::of(command);
    let document = ran.json();
    let log = place.log(&document["cells"][0], "reference.log");
    assert!(ran.status == 0, "{log}");
    assert_eq!(document["cells"][0]["standing"], "labelled");
    // That it looked: where processes may look into each other at all, it saw the word in its own.
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    let may_look = yama.map_or(true, |scope| scope.trim() == "0");
    assert!(
        log.contains("memory can be read here") || !may_look,
        "{log}"
    );
}

fn seen(log: &str) -> BTreeMap<String, String> {
    log.lines()
        .filter_map(|line| line.strip_prefix("seen "))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_variation_reaches_the_build() {
    let place = Place::new();
    place.build_of("prints-surroundings", "", "rebuilds = 2", "");
    let document = place.build(&[], 0);
    let cell = &document["cells"][0];
    let reference = seen(&place.log(cell, "reference.log"));
    let rebuild = seen(&place.log(cell, "rebuild-1.log"));
    let expected = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    let cpus = std::thread::available_parallelism().expect("CPUs").get();
    let headers = &reference["working-directory"];
    assert!(headers.starts_with("/usr/src/"), "{headers}");
    assert_eq!(
        reference,
        expected(&[
            ("build-path", "/build/module"),
            ("host-name", "reference"),
            ("domain-name", "kmatrix.invalid"),
            ("user", "1000:1000"),
            ("user-name", "build"),
            ("locale", "C.UTF-8"),
            ("time-zone", "+0000"),
            ("umask", "0022"),
            ("environment", "0"),
            ("cpus", &cpus.to_string()),
            ("kcflags", "-ffile-prefix-map=/build/module=."),
            ("working-directory", headers),
        ])
    );
    let path = "/build/rebuild-1/a/longer/path/to/the-same.source";
    assert_eq!(
        rebuild,
        expected(&[
            ("build-path", path),
            ("host-name", "rebuild-1"),
            ("domain-name", "elsewhere-1.invalid"),
            ("user", "20001:30001"),
            ("user-name", "rebuilder1"),
            ("locale", "tr_TR.UTF-8"),
            ("time-zone", "+1330"),
            ("umask", "0077"),
            ("environment", "3"),
            ("cpus", "1"),
            ("kcflags", &format!("-ffile-prefix-map={path}=.")),
            ("working-directory", headers),
        ])
    );
    // On all CPUs and with more jobs than that: what races the reference's threads on one CPU never would.
    let crowded = seen(&place.log(cell, "rebuild-2.log"));
    assert_eq!(crowded["cpus"], (cpus + 3).to_string());
    for (name, value) in &reference {
        let is_fixed = name == "working-directory" || (name == "cpus" && cpus == 1);
        assert_eq!(rebuild[name] == *value, is_fixed, "{name}");
    }
}
