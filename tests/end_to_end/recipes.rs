//! How modules are built: `dkms.conf`, a command of one's own, modules that need others.

use std::fs;

use serde_json::Value;

use crate::common::{Place, matrix};

const DKMS: &str = "recipe = \"dkms\"";

/// Builds and rebuilds one fixture, and returns its cell with the place where it was built.
fn build(fixture: &str, recipe: &str, status: i32) -> (Value, Place) {
    let place = Place::new();
    place.build_of(fixture, recipe, "", "");
    let document = place.build(&[], status);
    (document["cells"][0].clone(), place)
}

/// Builds a fixture that must fail with this class, and returns the message and the log.
fn fail(fixture: &str, recipe: &str, class: &str) -> (String, String) {
    let place = Place::new();
    place.build_of(fixture, recipe, "rebuilds = 0", "");
    failed(&place, fixture, class)
}

fn failed(place: &Place, module: &str, class: &str) -> (String, String) {
    let document = place.build(&[], 30);
    let cell = cell_of(&document, module);
    assert_eq!(cell["standing"], "failed", "{cell:#}");
    assert_eq!(cell["failure"]["class"], class, "{:#}", cell["failure"]);
    assert_eq!(cell["failure"]["infrastructure"], false);
    let message = cell["failure"]["message"].as_str().expect("a message");
    (message.to_owned(), place.log(cell, "reference.log"))
}

fn cell_of<'d>(document: &'d Value, module: &str) -> &'d Value {
    let cells = document["cells"].as_array().expect("cells");
    let ending = format!("/{module}");
    cells
        .iter()
        .find(|cell| cell["id"].as_str().is_some_and(|id| id.ends_with(&ending)))
        .unwrap_or_else(|| panic!("no cell of {module}: {document:#}"))
}

fn paths(cell: &Value) -> Vec<&str> {
    let modules = cell["modules"].as_array().expect("modules");
    modules
        .iter()
        .filter_map(|module| module["path"].as_str())
        .collect()
}

fn bytes_of(place: &Place, cell: &Value, path: &str) -> Vec<u8> {
    let id = cell["id"].as_str().expect("an id");
    fs::read(place.state().join("out").join(id).join(path)).expect("a module")
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn a_dkms_conf_is_followed() {
    let (cell, place) = build("dkms-two-modules", DKMS, 0);
    let first = "kernel/drivers/misc/first.ko";
    let second = "updates/second-renamed.ko";
    assert_eq!(paths(&cell), [first, second]);
    assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    let release = cell["target"]["kernelRelease"].as_str().expect("a release");
    let module = bytes_of(&place, &cell, first);
    assert!(contains(&module, "after the patch"), "it is patched");
    assert!(
        contains(&module, &format!("version=for {release}")),
        "the script before the build had the kernel release"
    );
    // Debian's kernels are built with debug information, and DKMS strips it.
    assert!(!contains(&module, ".debug_info"), "the first is stripped");
    let module = bytes_of(&place, &cell, second);
    assert!(contains(&module, ".debug_info"), "the second is not");
    let log = place.log(&cell, "reference.log");
    assert!(log.contains("after the build: first.ko"), "{log}");
    assert!(!log.contains("does-not-apply"), "{log}");
}

#[test]
fn a_module_that_excludes_itself_is_neither_built_nor_failed() {
    let place = Place::new();
    place.build_of("dkms-excludes", DKMS, "", "require = \"unverified\"");
    let conf = place.path().join("modules/dkms-excludes/dkms.conf");
    let plain = fs::read_to_string(&conf).expect("a file");
    for (directive, value) in [
        ("BUILD_EXCLUSIVE_KERNEL", r"^5\.[0-9]+\."),
        ("BUILD_EXCLUSIVE_KERNEL_MIN", "6.2"),
        ("BUILD_EXCLUSIVE_KERNEL_MAX", "6.0"),
        // 6.1.192 is more than 6.1, to DKMS as well.
        ("BUILD_EXCLUSIVE_KERNEL_MAX", "6.1"),
        ("BUILD_EXCLUSIVE_ARCH", "aarch64"),
        ("BUILD_EXCLUSIVE_CONFIG", "CONFIG_NO_SUCH_THING"),
        ("BUILD_EXCLUSIVE_CONFIG", "!CONFIG_MODULES"),
        ("OBSOLETE_BY", "5.10"),
    ] {
        fs::write(&conf, format!("{plain}{directive}='{value}'\n")).expect("a file");
        let document = place.build(&[], 0);
        let cell = &document["cells"][0];
        assert_eq!(cell["standing"], "excluded", "{directive}: {cell:#}");
        assert_eq!(cell["exclusion"]["directive"], directive);
        assert_eq!(cell["exclusion"]["value"], value);
        assert_eq!(cell["failure"], Value::Null);
        assert_eq!(cell["label"], Value::Null);
        let rollup = &document["rollup"];
        assert_eq!(rollup["promised"], 1);
        assert_eq!(rollup["excluded"], 1);
        assert_eq!(rollup["failed"], 0);
        assert_eq!(rollup["missing"], 0);
    }
    let again = place.kmatrix(&["build", "matrix.toml"]).expect(0);
    assert!(again.stderr.contains("nothing had to be done"), "{again}");
    let reason = "excluded by its dkms.conf: `OBSOLETE_BY` is `5.10`";
    assert!(again.stdout.contains(reason), "{again}");
    assert!(again.stdout.contains("1 cells: 1 excluded"), "{again}");
    let explained = place.kmatrix(&["explain", "dkms-excludes"]).expect(0);
    assert!(explained.stdout.contains(reason), "{explained}");
}

#[test]
fn a_module_that_is_for_the_kernel_is_not_excluded() {
    let place = Place::new();
    place.build_of("dkms-excludes", DKMS, "", "");
    let conf = place.path().join("modules/dkms-excludes/dkms.conf");
    let plain = fs::read_to_string(&conf).expect("a file");
    let all = r#"
BUILD_EXCLUSIVE_KERNEL="^6\.1\."
BUILD_EXCLUSIVE_KERNEL_MIN="6.1"
BUILD_EXCLUSIVE_KERNEL_MAX="6.2"
BUILD_EXCLUSIVE_ARCH="x86_64"
BUILD_EXCLUSIVE_CONFIG="CONFIG_MODULES !CONFIG_NO_SUCH_THING"
OBSOLETE_BY="6.2"
"#;
    fs::write(&conf, format!("{plain}{all}")).expect("a file");
    let cell = place.build(&[], 0)["cells"][0].clone();
    assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    assert_eq!(paths(&cell), ["extra/fixture.ko"]);
}

#[test]
fn a_dkms_conf_that_decides_by_the_place_of_the_build() {
    let (cell, _place) = build("dkms-unsteady", DKMS, 30);
    let failure = &cell["failure"];
    assert_eq!(failure["class"], "unsteady-exclusion", "{cell:#}");
    assert_eq!(failure["detail"]["excluded"], 1);
    assert_eq!(failure["detail"]["included"], 0);
}

#[test]
fn a_patch_that_does_not_apply() {
    let (message, log) = fail("dkms-broken-patch", DKMS, "patch");
    assert_eq!(
        message,
        "the patch `broken.patch` of its dkms.conf cannot be applied"
    );
    assert!(log.contains("Hunk #1 FAILED"), "{log}");
}

#[test]
fn a_script_that_fails() {
    let (message, log) = fail("dkms-failing-script", DKMS, "script");
    assert_eq!(
        message,
        "the script `check.sh` that its dkms.conf names as PRE_BUILD failed (exit code 3)"
    );
    assert!(log.contains("no, not here"), "{log}");
}

#[test]
fn a_dkms_conf_without_a_name() {
    let (message, _) = fail("dkms-no-name", DKMS, "dkms-conf");
    assert_eq!(
        message,
        "its dkms.conf cannot be used: it sets no PACKAGE_NAME"
    );
}

#[test]
fn a_source_needs_what_its_recipe_begins_with_and_nothing_else() {
    let place = Place::new();
    place.build_of("reproducible", DKMS, "rebuilds = 0", "");
    let refused = place.kmatrix(&["build", "matrix.toml"]).expect(10);
    let why = "caused by: `modules/reproducible` has no `dkms.conf`";
    assert!(refused.stderr.contains(why), "{refused}");

    // A makefile is what plain Kbuild needs, and neither of the others.
    let place = Place::new();
    let excludes = place.fixture("dkms-excludes");
    let command = place.fixture("own-command");
    fs::create_dir(excludes.join("src")).expect("a directory");
    for entry in fs::read_dir(&excludes).expect("a directory") {
        let entry = entry.expect("an entry");
        if entry.file_name() != "dkms.conf" && entry.path().is_file() {
            let to = excludes.join("src").join(entry.file_name());
            fs::rename(entry.path(), to).expect("a file");
        }
    }
    let conf = excludes.join("dkms.conf");
    let text = fs::read_to_string(&conf).expect("a file");
    let lines = "MAKE=\"make -C $kernel_source_dir M=$dkms_tree/$module/$module_version/build/src\"\n\
                 CLEAN=true\nBUILT_MODULE_LOCATION=src\n";
    fs::write(&conf, format!("{text}{lines}")).expect("a file");
    fs::rename(command.join("Makefile"), command.join("rules.mk")).expect("a file");
    let recipe = "recipe = { command = \"make -f rules.mk all\", modules = \"out/renamed.ko\" }";
    place.write(&matrix(
        &[
            ("dkms-excludes", "modules/dkms-excludes", DKMS),
            ("own-command", "modules/own-command", recipe),
        ],
        "rebuilds = 0",
        "",
    ));
    let document = place.build(&[], 0);
    for module in ["dkms-excludes", "own-command"] {
        let cell = cell_of(&document, module);
        assert_eq!(cell["standing"], "labelled", "{cell:#}");
    }
}

#[test]
fn a_dkms_conf_is_read_in_the_sealed_container_alone() {
    let (cell, place) = build("dkms-reaches-out", DKMS, 0);
    assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    let log = place.log(&cell, "reference.log");
    assert!(log.contains("dkms.conf runs as 1000 on reference"), "{log}");
    assert!(!log.contains("dkms.conf has "), "{log}");
    let found = walk(place.path());
    assert!(found.iter().any(|path| path.ends_with("dkms.conf")));
    assert!(!found.iter().any(|path| path.ends_with("left-behind")));
}

fn walk(directory: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(walk(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_command_of_ones_own_is_run() {
    for command in [
        r#"command = ["make", "all"], modules = "out/renamed.ko""#,
        r#"command = "make KDIR=$KERNELDIR all && rm module/fixture.ko""#,
    ] {
        let recipe = format!("recipe = {{ {command} }}");
        let (cell, place) = build("own-command", &recipe, 0);
        assert_eq!(paths(&cell), ["out/renamed.ko"], "{command}");
        assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
        let release = cell["target"]["kernelRelease"].as_str().expect("a release");
        let log = place.log(&cell, "rebuild-1.log");
        let told = format!("for {release} on x86 with 1 jobs");
        assert!(log.contains(&told), "{log}");
    }
}

#[test]
fn a_command_that_fails() {
    let recipe = r#"recipe = { command = "echo before; exit 7" }"#;
    let (message, log) = fail("own-command", recipe, "command");
    assert_eq!(message, "the command of its recipe ended with exit code 7");
    let own = log.split_once("kmatrix-probe end\n").map(|(_, own)| own);
    assert_eq!(own, Some("before\n"), "{log}");
}

#[test]
fn a_command_that_leaves_its_module_out() {
    let recipe = r#"recipe = { command = "make all", modules = ["out/other.ko"] }"#;
    let place = Place::new();
    place.build_of("own-command", recipe, "rebuilds = 0", "");
    let document = place.build(&[], 30);
    assert_eq!(document["cells"][0]["failure"]["class"], "no-module");
}

#[test]
fn a_module_is_built_with_the_symbols_of_another() {
    let place = Place::new();
    for fixture in ["exports-symbol", "uses-symbol"] {
        place.fixture(fixture);
    }
    place.write(&matrix(
        &[
            (
                "uses-symbol",
                "modules/uses-symbol",
                "needs = \"exports-symbol\"",
            ),
            ("exports-symbol", "modules/exports-symbol", ""),
        ],
        "",
        "",
    ));
    let document = place.build(&[], 0);
    for module in ["uses-symbol", "exports-symbol"] {
        let cell = cell_of(&document, module);
        assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    }
    let user = cell_of(&document, "uses-symbol");
    assert_eq!(paths(user), ["user.ko"], "what it needs is not handed out");
    assert_eq!(user["modules"][0]["facts"]["depends"], "exporter");
    let record = place.explain("/uses-symbol");
    assert_eq!(
        record["cell"]["inputs"]["needed"][0]["module"],
        "exports-symbol"
    );
    // What it needs says which symbols it exports, and the gate knows them.
    assert_eq!(
        user["label"]["findings"],
        serde_json::Value::Null,
        "{user:#}"
    );
    let gates = record["attempts"][0]["gates"][0]["gates"].as_array();
    let mut gates = gates.expect("gates").iter();
    let symbols = gates.find(|gate| gate["gate"] == "symbols");
    let symbols = symbols.expect("the gate");
    assert_eq!(symbols["verdict"], "passed", "{symbols:#}");
    let evidence = symbols["evidence"][0].to_string();
    assert!(
        evidence.contains("or in that of what it needs"),
        "{evidence}"
    );

    // What is needed is an input: a change of it is a change of the cell.
    let before = user["inputs"].clone();
    let header = place.path().join("modules/exports-symbol/exporter.h");
    let text = fs::read_to_string(&header).expect("a file");
    fs::write(&header, format!("{text}/* changed */\n")).expect("a file");
    let document = place.build(&[], 0);
    assert_ne!(cell_of(&document, "uses-symbol")["inputs"], before);
}

#[test]
fn a_chain_of_three_is_built_in_its_order() {
    let place = Place::new();
    let names = ["uses-two-symbols", "passes-symbol-on", "exports-symbol"];
    for fixture in names {
        place.fixture(fixture);
    }
    let sources = names.map(|name| format!("modules/{name}"));
    // The first needs are implied by the second, and named because their symbols are used.
    let needs = [
        "needs = [\"exports-symbol\", \"passes-symbol-on\"]",
        "needs = \"exports-symbol\"",
        "",
    ];
    let modules: Vec<_> = (0..3)
        .map(|i| (names[i], sources[i].as_str(), needs[i]))
        .collect();
    place.write(&matrix(&modules, "", ""));
    let document = place.build(&[], 0);
    for (name, depends, file) in [
        (names[0], &["exporter", "passer"][..], "last.ko"),
        (names[1], &["exporter"], "passer.ko"),
        (names[2], &[], "exporter.ko"),
    ] {
        let cell = cell_of(&document, name);
        assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
        assert_eq!(paths(cell), [file]);
        let found = cell["modules"][0]["facts"]["depends"]
            .as_str()
            .expect("text");
        let mut found: Vec<&str> = found.split(',').filter(|name| !name.is_empty()).collect();
        found.sort_unstable();
        assert_eq!(found, depends, "{name}");
    }
    let needed = |text: &str| {
        let record = place.explain(&format!("/{text}"));
        // A cell that needs nothing has no list.
        let needed = record["cell"]["inputs"]["needed"].as_array();
        needed.map_or(0, Vec::len)
    };
    assert_eq!(names.map(needed), [2, 1, 0]);

    // One that only needs the second gets the first as well: it is built before it.
    let only = "needs = \"passes-symbol-on\"";
    let uses = place.path().join("modules/uses-two-symbols/last.c");
    let text = fs::read_to_string(&uses).expect("a file");
    let text = text
        .replace("#include <exporter.h>\n", "")
        .replace("exporter_answer() + 1", "43");
    fs::write(&uses, text).expect("a file");
    place.write(&matrix(
        &[modules[1], modules[2], (names[0], &sources[0], only)],
        "rebuilds = 0",
        "",
    ));
    let cell = cell_of(&place.build(&[], 0), names[0]).clone();
    assert_eq!(cell["modules"][0]["facts"]["depends"], "passer", "{cell:#}");
}

#[test]
fn a_dkms_package_is_built_for_another_architecture() {
    let place = Place::new();
    place.fixture("dkms-two-modules");
    let source = "modules/dkms-two-modules";
    let text = matrix(&[("dkms-two-modules", source, DKMS)], "", "");
    place.write(&text.replace("\"amd64\"", "\"arm64\""));
    let document = place.build(&[], 0);
    let cell = &document["cells"][0];
    assert_eq!(cell["target"]["arch"], "arm64", "{cell:#}");
    assert_eq!(cell["comparisons"][0]["same"], true, "{cell:#}");
    let first = "kernel/drivers/misc/first.ko";
    assert_eq!(paths(cell), [first, "updates/second-renamed.ko"]);
    // `strip` has to be the other architecture's as well. ELF's `e_machine` of AArch64 is 183.
    let module = bytes_of(&place, cell, first);
    assert_eq!(module[18..20], [183, 0]);
    assert!(!contains(&module, ".debug_info"), "it is stripped");
    let record = place.explain("/dkms-two-modules");
    assert_eq!(record["executed"], "cross", "{record:#}");
}

#[test]
fn a_module_whose_need_is_not_met() {
    for (recipe, fixture, because, reason) in [
        ("", "no-compile", "compile", "it does not compile"),
        (
            "recipe = { command = \"make\" }",
            "leaves-no-symvers",
            "no-symvers",
            "it left no `Module.symvers`",
        ),
        (
            DKMS,
            "dkms-unsteady",
            "excluded",
            "excluded by its dkms.conf",
        ),
    ] {
        let place = Place::new();
        for name in [fixture, "uses-symbol"] {
            place.fixture(name);
        }
        if fixture == "dkms-unsteady" {
            let conf = place.path().join("modules/dkms-unsteady/dkms.conf");
            let text = fs::read_to_string(&conf).expect("a file");
            fs::write(&conf, format!("{text}BUILD_EXCLUSIVE_KERNEL='^5'\n")).expect("a file");
        }
        place.write(&matrix(
            &[
                ("needed", &format!("modules/{fixture}"), recipe),
                ("uses-symbol", "modules/uses-symbol", "needs = [\"needed\"]"),
            ],
            "rebuilds = 0",
            "",
        ));
        let (message, _) = failed(&place, "uses-symbol", "needed-module");
        let begin = format!("`needed`, which it needs, was not built: {reason}");
        assert!(message.starts_with(&begin), "{message}");
        let document = place.build(&[], 30);
        let failure = &cell_of(&document, "uses-symbol")["failure"];
        assert_eq!(failure["detail"]["because"], because);
        assert_eq!(failure["detail"]["module"], "needed");
    }
}
