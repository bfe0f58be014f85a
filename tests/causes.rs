//! Causes that are planted with the real compiler: each is named, and goes away by its fix.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

/// One cause, planted by a script that makes `out.ko` in a directory of its own. `$N` is 1 in the
/// first build and 2 in the second; `$AWAY` is the compiler's option that maps the directory away; at
/// `$PORT` of this machine a server has another list every time that it is asked.
struct Row {
    name: &'static str,
    /// The files beside `main.c`.
    before: &'static str,
    after: &'static str,
}

const ROWS: [Row; 23] = [
    Row {
        name: "build-path-code",
        before: "cc -c -O2 -DTEXT=__FILE__ -o out.ko $PWD/main.c",
        after: "cc -c -O2 -DTEXT=__FILE__ -ffile-prefix-map=$PWD=. -o out.ko $PWD/main.c",
    },
    Row {
        name: "build-path-debug",
        before: "cc -c -g -o out.ko main.c",
        after: "cc -c -g -ffile-prefix-map=$PWD=. -o out.ko main.c",
    },
    Row {
        name: "build-path-generated",
        before: r#"cc -c -O2 -DTEXT="\"in /$N/$([ $N = 1 ] || echo and/a/longer/directory/)module\"" -o out.ko main.c"#,
        after: r#"cc -c -O2 -DTEXT="\"in module\"" -o out.ko main.c"#,
    },
    Row {
        name: "header-path",
        before: "h=$PWD/usr/src/linux-headers-6.1/include/linux; mkdir -p $h
            echo '#define TEXT __FILE__ \"\"
            static const char *const header_file = __FILE__;
            const char *where(void) { return header_file; }' >$h/where.h
            cc -c -include $h/where.h -UTEXT -DTEXT='\"x\"' -o out.ko main.c",
        after: "h=$PWD/usr/src/linux-headers-6.1/include/linux; mkdir -p $h
            echo 'static const char *const header_file = __FILE__;
            const char *where(void) { return header_file; }' >$h/where.h
            cc -c -ffile-prefix-map=$PWD/usr/src/= -include $h/where.h -o out.ko main.c",
    },
    Row {
        name: "host-name",
        before: r#"cc -c -DTEXT="\"on host $([ $N = 1 ] && echo alpha || echo beta-two)\"" -o out.ko main.c"#,
        after: r#"cc -c -DTEXT="\"on host any\"" -o out.ko main.c"#,
    },
    Row {
        name: "user",
        before: r#"cc -c -DTEXT="\"built by $([ $N = 1 ] && echo ann || echo robert)\"" -o out.ko main.c"#,
        after: r#"cc -c -DTEXT="\"built by us\"" -o out.ko main.c"#,
    },
    Row {
        name: "locale",
        before: r#"[ $N = 1 ] && l=C || l=C.UTF-8
            echo 'int f() { int x; }' >t.c
            text=$(LC_ALL=$l cc -fsyntax-only -Wunused-variable t.c 2>&1 | grep warning:)
            cc -c -DTEXT="\"$text\"" -o out.ko main.c"#,
        after: r#"[ $N = 1 ] && l=C || l=C.UTF-8; export LC_ALL=$l
            echo 'int f() { int x; }' >t.c
            text=$(LC_ALL=C cc -fsyntax-only -Wunused-variable t.c 2>&1 | grep warning:)
            cc -c -DTEXT="\"$text\"" -o out.ko main.c"#,
    },
    Row {
        name: "time-zone",
        before: r#"[ $N = 1 ] && export TZ=UTC0 || export TZ=KMX-5:30
            cc -c -DTEXT="\"$(date -d @1763711000 '+%Y-%m-%d %H:%M %z')\"" -o out.ko main.c"#,
        after: r#"[ $N = 1 ] && export TZ=UTC0 || export TZ=KMX-5:30
            cc -c -DTEXT="\"$(date -u -d @1763711000 '+%Y-%m-%d %H:%M %z')\"" -o out.ko main.c"#,
    },
    Row {
        name: "clock-code",
        before: "[ $N = 1 ] || sleep 1.1; cc -c -DTEXT=__TIME__ -o out.ko main.c",
        after: "[ $N = 1 ] || sleep 1.1; export SOURCE_DATE_EPOCH=1763711000
            cc -c -DTEXT=__TIME__ -o out.ko main.c",
    },
    Row {
        name: "clock-generated",
        before: r#"[ $N = 1 ] || sleep 1.1
            cc -c -DTEXT="\"built at $(date -u '+%Y-%m-%dT%H:%M:%S')\"" -o out.ko main.c"#,
        after: r#"[ $N = 1 ] || sleep 1.1; SOURCE_DATE_EPOCH=1763711000
            when=$(date -u -d @$SOURCE_DATE_EPOCH '+%Y-%m-%dT%H:%M:%S')
            cc -c -DTEXT="\"built at $when\"" -o out.ko main.c"#,
    },
    Row {
        name: "clock-archive",
        before:
            "echo firmware >blob; touch -d @176371${N}000 blob; gzip -k blob; tar -cf blob.tar blob
            echo '.data; .incbin \"blob.gz\"; .incbin \"blob.tar\"' >blob.s
            cc -c main.c; cc -c blob.s; ld -r -o out.ko main.o blob.o",
        after: "echo firmware >blob; touch -d @176371${N}000 blob; gzip -k -n blob
            tar --mtime=@0 --sort=name --owner=0 --group=0 -cf blob.tar blob
            echo '.data; .incbin \"blob.gz\"; .incbin \"blob.tar\"' >blob.s
            cc -c main.c; cc -c blob.s; ld -r -o out.ko main.o blob.o",
    },
    Row {
        name: "random-bytes",
        before: "n=$(od -An -N8 -tx8 /dev/urandom | tr -d ' '); cc -c -DNUMBER=0x$n -o out.ko main.c",
        after: "cc -c -DNUMBER=0x123456789abcdef0 -o out.ko main.c",
    },
    Row {
        name: "link-order",
        before:
            "for f in a b c; do echo \"int $f(int x) { return x * '$f'; }\" >$f.c; cc -c $f.c; done
            [ $N = 1 ] && l='a.o b.o c.o' || l='c.o a.o b.o'
            cc -c main.c; ld -r -o out.ko main.o $l",
        after:
            "for f in a b c; do echo \"int $f(int x) { return x * '$f'; }\" >$f.c; cc -c $f.c; done
            [ $N = 1 ] && l='a.o b.o c.o' || l='c.o a.o b.o'
            cc -c main.c; ld -r -o out.ko main.o $(printf '%s\\n' $l | sort)",
    },
    Row {
        name: "repository-state",
        before: r#"export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
            g="git -c user.name=a -c user.email=a@example.org"
            git init -q; git add main.c; $g commit -q -m one; $g tag -a -m v1 v1
            [ $N = 1 ] || echo >>main.c
            cc -c -DTEXT="\"$(git describe --dirty)\"" -o out.ko main.c"#,
        after: r#"echo v1 >VERSION; cc -c -DTEXT="\"$(cat VERSION)\"" -o out.ko main.c"#,
    },
    Row {
        name: "compiler-flags",
        before: "cc -c -g -O$N $AWAY -o out.ko main.c",
        after: "cc -c -g -O2 $AWAY -o out.ko main.c",
    },
    Row {
        name: "compression",
        before: "cc -c main.c; touch -d @176371${N}000 main.o; gzip -c main.o >out.ko",
        after: "cc -c main.c; touch -d @176371${N}000 main.o; gzip -n -c main.o >out.ko",
    },
    Row {
        name: "strip",
        before: "cc -c -g $AWAY -o out.ko main.c; [ $N = 1 ] || strip -g out.ko",
        after: "cc -c -g $AWAY -o out.ko main.c; strip -g out.ko",
    },
    Row {
        name: "build-id-alone",
        before: "cc -c -g main.c; ld -r --build-id=sha1 -o out.ko main.o; strip -g out.ko",
        after: "cc -c -g $AWAY main.c; ld -r --build-id=sha1 -o out.ko main.o; strip -g out.ko",
    },
    Row {
        name: "layout",
        before: "cc -c -o out.ko main.c; [ $N = 1 ] || truncate -s %4096 out.ko",
        after: "cc -c -o out.ko main.c",
    },
    Row {
        name: "other-machine",
        before: "[ $N = 1 ] && m=-m64 || m=-m32; cc -c $m -o out.ko main.c",
        after: "cc -c -m64 -o out.ko main.c",
    },
    Row {
        name: "network-content",
        before: r#"fetch="curl --silent --show-error --noproxy '*' http://127.0.0.1:$PORT/list.h -o list.h"
            command="$fetch && cc -c -include list.h -o out.ko main.c"
            eval "$command"; echo "savedcmd_$PWD/out.ko := $command" >.out.ko.cmd"#,
        // It was fetched before, is pinned by its digest, and stands in the source.
        after: r##"echo '#define TEXT "a list of ten names"' >list.h
            echo 'b6530012f81f2a0a0086420789ceb6c27f7c740c82b499ded2623cadd5c1f257  list.h' | sha256sum --check --quiet
            command="cc -c -include list.h -o out.ko main.c"
            eval "$command"; echo "savedcmd_$PWD/out.ko := $command" >.out.ko.cmd"##,
    },
    Row {
        name: "source-drift",
        before: "[ $N = 1 ] || echo 'int more(int x) { return x + 1; }' >>main.c
            cc -c -o out.ko main.c",
        after: "cc -c -o out.ko main.c",
    },
    Row {
        name: "unexplained",
        before: r#"cc -c -DTEXT="\"$([ $N = 1 ] && echo first || echo second)\"" -o out.ko main.c"#,
        after: r#"cc -c -DTEXT="\"first\"" -o out.ko main.c"#,
    },
];

const MAIN: &str = r#"
#ifndef TEXT
#define TEXT "text"
#endif
#ifndef NUMBER
#define NUMBER 0x1111111111111111
#endif
__attribute__((section(".modinfo"), used)) static const char license[] = "license=GPL";
const char *text(void) { return TEXT; }
unsigned long number(void) { return NUMBER; }
"#;

/// Has a server answer with a list of names, with another one every other time, and returns its port.
fn serve() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        let lists = ["a list of ten names", "a longer list, of eleven"];
        for (stream, list) in listener.incoming().zip(lists.iter().cycle()) {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(&stream).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let body = format!("#define TEXT \"{list}\"\n");
            let bytes = body.len();
            write!(
                stream,
                "HTTP/1.0 200 OK\r\nContent-Length: {bytes}\r\n\r\n{body}"
            )
            .expect("somebody who reads");
        }
    });
    port
}

/// Builds in two directories whose names are of different length, and returns the modules.
fn build(place: &Path, script: &str, port: u16) -> [PathBuf; 2] {
    ["1", "2"].map(|number| {
        let below = if number == "1" { "one" } else { "another/one" };
        let directory = place.join(below);
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("main.c"), MAIN).expect("a file");
        let ran = Command::new("sh")
            .args(["-e", "-c", script])
            .current_dir(&directory)
            .env_remove("SOURCE_DATE_EPOCH")
            .env("N", number)
            .env("PORT", port.to_string())
            .env(
                "AWAY",
                format!("-ffile-prefix-map={}=.", directory.display()),
            )
            .output()
            .expect("a shell");
        assert!(
            ran.status.success(),
            "{script}\n{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        directory.join("out.ko")
    })
}

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kmatrix"))
        .arg("explain")
        .args(arguments)
        .output()
        .expect("the program runs")
}

fn json(ran: &Output) -> Value {
    serde_json::from_slice(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&ran.stderr)))
}

#[test]
fn each_cause_is_named_and_goes_away_by_its_fix() {
    let port = serve();
    let mut wrong = Vec::new();
    for row in &ROWS {
        let place = tempfile::tempdir().expect("a directory");
        let broken = build(&place.path().join("before"), row.before, port);
        let pair = [&broken[0], &broken[1]].map(|path| path.to_str().expect("UTF-8"));
        let ran = explain(&[pair[0], pair[1], "--format", "json"]);
        assert_eq!(ran.status.code(), Some(31), "{}", row.name);
        let answer = json(&ran);
        let named: Vec<&str> = answer["causes"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|named| named["cause"].as_str())
            .collect();
        if named != [row.name] {
            let (causes, places) = (&answer["causes"], &answer["places"]);
            wrong.push(format!("{}: {named:?} {causes:#} {places:#}", row.name));
            continue;
        }
        assert!(answer["causes"][0]["evidence"][0]["place"].is_string());
        let people = explain(&pair);
        let people = String::from_utf8_lossy(&people.stdout).into_owned();
        assert!(people.contains(row.name), "{people}");
        assert!(people.contains("fix: "), "{people}");

        let fixed = build(&place.path().join("after"), row.after, port);
        let pair = [&fixed[0], &fixed[1]].map(|path| path.to_str().expect("UTF-8"));
        let ran = explain(&[pair[0], pair[1], "--format", "json"]);
        let answer = json(&ran);
        assert_eq!(ran.status.code(), Some(0), "{}: {answer:#}", row.name);
        assert_eq!(answer["causes"].as_array().map(Vec::len), Some(0));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Compiles one source as the kernel build system does, in a directory of its own, and leaves what it
/// would beside the module: composed of objects, in the way of Linux 6.1, or of one object alone.
fn kept(place: &Path, name: &str, compiler: &str, has_parts: bool) -> PathBuf {
    let directory = place.join(name);
    fs::create_dir_all(&directory).expect("a directory");
    fs::write(directory.join("main.c"), MAIN).expect("a file");
    let at = directory.display();
    let object = if has_parts { "main" } else { "out" };
    let compile = format!("{compiler} -Wp,-MMD,{at}/.x.d -c -o {at}/{object}.o {at}/main.c");
    let link = format!("ld -r -o {at}/out.ko {at}/out.o");
    let mut commands = vec![(format!("{object}.o"), compile)];
    if has_parts {
        fs::write(directory.join("out.mod"), format!("{at}/main.o\n")).expect("a file");
        let join = format!("ld -r -o {at}/out.o @{at}/out.mod");
        commands.push(("out.o".to_owned(), join));
    }
    commands.push(("out.ko".to_owned(), link));
    for (made, command) in commands {
        let ran = Command::new("sh").args(["-e", "-c", &command]).status();
        assert!(ran.expect("a shell").success(), "{command}");
        let kept = format!("savedcmd_{at}/{made} := {command}\n\nsource_{at}/{made} := x\n");
        fs::write(directory.join(format!(".{made}.cmd")), kept).expect("a file");
    }
    directory.join("out.ko")
}

#[test]
fn commands_that_stand_beside_modules_name_what_bytes_do_not() {
    for (compilers, cause, values, has_parts) in [
        (
            ["cc -O1", "cc -O3"],
            "compiler-flags",
            ["-O1", "-O3"],
            false,
        ),
        (["cc -O1", "cc -O3"], "compiler-flags", ["-O1", "-O3"], true),
        (
            ["cc -O2 -DTEXT='\"first\"'", "cc -O2 -DTEXT='\"second\"'"],
            "compiler-flags",
            ["-DTEXT=\"first\"", "-DTEXT=\"second\""],
            true,
        ),
        (
            ["cc -O2 -DNUMBER=7", "cc -O2 -DNUMBER=8"],
            "compiler-flags",
            ["-DNUMBER=7", "-DNUMBER=8"],
            true,
        ),
    ] {
        let place = tempfile::tempdir().expect("a directory");
        let pair = [("one", compilers[0]), ("another/one", compilers[1])]
            .map(|(name, compiler)| kept(place.path(), name, compiler, has_parts));
        let paths = [&pair[0], &pair[1]].map(|path| path.to_str().expect("UTF-8"));
        let answer = json(&explain(&[paths[0], paths[1], "--format", "json"]));
        let named = answer["causes"].as_array().expect("causes");
        assert_eq!(named.len(), 1, "{answer:#}");
        assert_eq!(named[0]["cause"], cause, "{answer:#}");
        let shows = |evidence: &Value| {
            evidence["place"]
                .as_str()
                .is_some_and(|place| place.starts_with("command of "))
                && evidence["first"] == values[0]
                && evidence["second"] == values[1]
        };
        let evidence = named[0]["evidence"].as_array().expect("evidence");
        assert!(evidence.iter().any(shows), "{answer:#}");
        let kinds = answer["commands"].as_array().expect("commands");
        assert!(
            kinds.iter().any(|changed| changed["first"] == values[0]),
            "{answer:#}"
        );

        // A tree that was moved is still the same tree.
        let moved = place.path().join("moved");
        fs::rename(place.path().join("one"), &moved).expect("a move");
        let first = moved.join("out.ko");
        let again = json(&explain(&[
            first.to_str().expect("UTF-8"),
            paths[1],
            "--format",
            "json",
        ]));
        assert_eq!(again["causes"], answer["causes"]);

        // Without them nothing is guessed.
        for entry in fs::read_dir(&moved).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|extension| extension == "cmd") {
                fs::remove_file(path).expect("a file");
            }
        }
        let bare = json(&explain(&[
            first.to_str().expect("UTF-8"),
            paths[1],
            "--format",
            "json",
        ]));
        assert_eq!(bare["commands"], Value::Null);
        assert_eq!(bare["causes"][0]["cause"], "unexplained", "{bare:#}");
    }
}

#[test]
fn commands_of_another_kind_of_file_or_place_are_left_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let pair = [("one", "cc -O1"), ("two", "cc -O3")]
        .map(|(name, compiler)| kept(place.path(), name, compiler, true));
    let paths = [&pair[0], &pair[1]].map(|path| path.to_str().expect("UTF-8"));
    let command = place.path().join("one/.out.ko.cmd");
    let outside = place.path().join("two/main.o");
    for text in [
        format!(
            "savedcmd_out.ko := ld -r -o out.ko ../two/main.o {}\n",
            outside.display()
        ),
        "savedcmd_".to_owned() + &"x".repeat(2 << 20),
        "no command".to_owned(),
    ] {
        fs::write(&command, &text).expect("a file");
        for part in [".out.o.cmd", ".main.o.cmd"] {
            // What is left of the module says nothing of its parts.
            let _ = fs::remove_file(place.path().join("one").join(part));
        }
        let answer = json(&explain(&[paths[0], paths[1], "--format", "json"]));
        assert_eq!(answer["causes"][0]["cause"], "unexplained", "{answer:#}");
    }
    // A pipe that nobody writes to is not waited for.
    fs::remove_file(&command).expect("a file");
    let made = Command::new("mkfifo").arg(&command).status();
    assert!(made.expect("mkfifo runs").success());
    let answer = json(&explain(&[paths[0], paths[1], "--format", "json"]));
    assert_eq!(answer["commands"], Value::Null);
}

#[test]
fn the_catalogue_says_which_fixes_are_tried_here() {
    let listed = json(&explain(&["--causes", "--format", "json"]));
    let causes = listed["causes"].as_array().expect("a list");
    let tried: BTreeSet<&str> = causes
        .iter()
        .filter(|cause| {
            let test = cause["tried"].as_str().unwrap_or_default();
            test.starts_with("tests/causes.rs")
        })
        .filter_map(|cause| cause["id"].as_str())
        .collect();
    let mut rows: BTreeSet<&str> = ROWS.iter().map(|row| row.name).collect();
    // There is no fix to try.
    rows.remove("unexplained");
    assert_eq!(tried, rows);
    let page = explain(&["--causes"]);
    let page = String::from_utf8_lossy(&page.stdout).into_owned();
    for cause in causes {
        let heading = format!("## `{}`", cause["id"].as_str().expect("an id"));
        assert!(page.contains(&heading), "{page}");
    }
}

#[test]
fn a_module_of_the_corpus_that_tries_a_fix_is_there_with_the_fix() {
    let listed = json(&explain(&["--causes", "--format", "json"]));
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut seen = 0;
    for cause in listed["causes"].as_array().expect("a list") {
        let test = cause["tried"].as_str().unwrap_or_default();
        let Some(rest) = test.strip_prefix("tests/corpus/") else {
            continue;
        };
        let module = corpus.join(rest.split(',').next().expect("a name"));
        let planted = fs::read_to_string(module.join("expected.toml"));
        assert!(
            planted.is_ok_and(|text| text.contains(&cause["id"].to_string())),
            "{test}"
        );
        assert!(module.join("mended").is_dir(), "{test}");
        seen += 1;
    }
    assert!(seen >= 8, "only {seen}");
}
