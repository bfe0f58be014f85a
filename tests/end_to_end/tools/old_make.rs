//! The cause that lies in a make which does not sort: `kmk` of Debian's `kbuild`, which is based on GNU make
//! 4.2.1. An image has it beside its own make, and a recipe calls it.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::common::{Place, Ran, docker, matrix, project};

pub const NAME: &str = "link-order-wildcard";

const IMAGE: &str = "debian-12";
const RECIPE: &str = r#"recipe = { command = "kmk -C $KERNELDIR M=$PWD modules" }"#;

/// Defines the image with one package more, and returns where.
fn define(place: &Place) -> PathBuf {
    let images = place.path().join("images");
    fs::create_dir(&images).expect("a directory");
    let file = format!("{IMAGE}.toml");
    let text = fs::read_to_string(project().join("images").join(&file)).expect("a definition");
    let keys = project().join("kernels/keys");
    let more = text
        .replace("    \"make\",\n", "    \"kbuild\",\n    \"make\",\n")
        .replace("../kernels/keys", keys.to_str().expect("UTF-8"));
    assert!(more.contains("kbuild"), "{more}");
    fs::write(images.join(file), more).expect("a definition");
    images
}

/// Writes a module whose objects are listed like this.
fn module(place: &Place, name: &str, objects: &str) {
    let to = place.path().join("modules").join(name);
    fs::create_dir_all(&to).expect("a directory");
    let corpus = project().join("tests/corpus/sound-wildcard");
    for file in ["main.c", "part-a.c", "part-b.c", "part-c.c"] {
        fs::copy(corpus.join(file), to.join(file)).expect("a copy");
    }
    let kbuild = format!(
        "obj-m := corpus.o\ncorpus-y := main.o\n\
         corpus-y += $(patsubst $(src)/%.c,%.o,{objects})\n"
    );
    fs::write(to.join("Kbuild"), kbuild).expect("a file");
    place.commit(&to);
}

#[test]
#[ignore = "long: an image is made"]
fn the_order_of_a_make_that_does_not_sort_is_named_and_goes_away_by_its_fix() {
    let place = Place::new();
    let images = define(&place);
    let kmatrix = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("KMATRIX_IMAGES", &images);
        Ran::of(command)
    };
    let made = kmatrix(&["images", "build", IMAGE]).expect(0).stdout;
    let id = made.trim().strip_prefix(IMAGE).expect("an image").trim();

    module(&place, "unsorted", "$(wildcard $(src)/part-*.c)");
    module(&place, "sorted", "$(sort $(wildcard $(src)/part-*.c))");
    let modules = [
        ("unsorted", "modules/unsorted", RECIPE),
        ("sorted", "modules/sorted", RECIPE),
    ];
    place.write(&matrix(&modules, "rebuilds = 1", ""));
    let built = kmatrix(&["build", "matrix.toml", "--format", "json"]).expect(31);
    let cells = built.json()["cells"].as_array().expect("cells").clone();
    let rebuilds = |name: &str| -> (Value, Value) {
        let is_of = |cell: &&Value| cell["id"].as_str().is_some_and(|id| id.ends_with(name));
        let cell = cells.iter().find(is_of).expect("a cell");
        let label = &cell["label"];
        println!("{name}: {label:#}");
        (
            label["vector"]["reproducibility"].clone(),
            label["rebuilds"].clone(),
        )
    };
    let (grade, unsorted) = rebuilds("/unsorted");
    assert_eq!(grade, "fixed");
    assert_eq!(unsorted["finding"]["sets"], json!([["file-order"]]));
    let causes = unsorted["causes"].as_array().expect("causes");
    let ids: Vec<&Value> = causes.iter().map(|cause| &cause["cause"]).collect();
    assert_eq!(ids, [NAME]);
    let source = &causes[0]["source"];
    assert_eq!(
        (&source["path"], &source["line"]),
        (&json!("Kbuild"), &json!(3))
    );

    let (grade, sorted) = rebuilds("/sorted");
    assert_eq!(grade, "varied");
    assert_eq!(sorted["finding"]["kind"], "same");
    docker(None, &["image", "rm", "--force", id]).expect(0);
}
