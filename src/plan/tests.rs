//! The plan as a whole: tables of selections, problems as they are printed, and properties.

use jiff::civil::{Date, date};
use proptest::prelude::*;

use crate::plan::sample::{catalog, debian, matrix, target};
use crate::plan::{Plan, PlanDocument, PlanError, PlanProblemCode, plan};

const TODAY: Date = date(2026, 11, 20);
const GENERIC: &str =
    "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nmodules = 'm2'\n";

fn planned(rest: &str) -> Result<Plan, PlanError> {
    plan(&matrix(rest), &debian(), TODAY)
}

fn ids(plan: &Plan) -> Vec<String> {
    plan.cells.iter().map(|cell| cell.id.to_string()).collect()
}

/// The kernel releases of a plan for one module.
fn kernels(rest: &str) -> Vec<String> {
    let plan = planned(rest).unwrap_or_else(|error| panic!("{error}"));
    let releases = plan
        .cells
        .iter()
        .map(|cell| cell.id.kernel_release.to_string());
    releases.collect()
}

fn problems(rest: &str) -> String {
    planned(rest).expect_err("problems").to_string()
}

#[test]
fn selectors_select() {
    let target = "[[target]]\ndistro = 'debian'\nmodules = 'm2'\n";
    for (rest, expected) in [
        (
            "release = '12'\narch = 'amd64'\nflavour = ['generic', 'cloud']\nkernel = { series = '6.1', latest = 1 }",
            vec!["6.1.0-56-amd64", "6.1.0-56-cloud-amd64"],
        ),
        (
            "release = '12'\narch = 'amd64'\nflavour = 'generic'\nkernel = { latest = 1 }",
            vec!["6.1.0-56-amd64", "6.12.117+deb12-amd64"],
        ),
        (
            "release = '12'\narch = 'amd64'\nflavour = 'generic'\nkernel = { series = '6.1' }",
            vec!["6.1.0-9-amd64", "6.1.0-55-amd64", "6.1.0-56-amd64"],
        ),
        (
            "release = '12'\narch = 'amd64'\nflavour = 'generic'\nkernel = { series = '6', latest = 1 }",
            vec!["6.12.117+deb12-amd64"],
        ),
        (
            "release = ['12', '13']\narch = 'amd64'\nkernel = { glob = '*+deb1?-amd64', latest = 1 }",
            vec![
                "6.12.117+deb12-amd64",
                "6.12.117+deb13-amd64",
                "7.2.12+deb13-amd64",
            ],
        ),
        (
            "release = '12'\narch = ['arm64', 'amd64']\nkernel = { release = ['6.1.0-56-amd64', '6.1.0-56-arm64'] }",
            vec!["6.1.0-56-amd64", "6.1.0-56-arm64"],
        ),
        (
            "release = '12'\narch = ['amd64', 'arm64']\nflavour = ['rt', '16k']",
            vec!["6.1.0-56-rt-amd64", "6.12.117+deb12-arm64-16k"],
        ),
    ] {
        assert_eq!(kernels(&format!("{target}{rest}\n")), expected, "{rest}");
    }
}

#[test]
fn cells_stand_in_natural_order_and_overlapping_targets_are_one() {
    let rest = "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nflavour = 'generic'\nkernel = { series = '6.1' }\n\
                [[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nflavour = 'generic'\nkernel = { latest = 1, series = '6.1' }\n";
    let plan = planned(rest).expect("a plan");
    assert_eq!(
        ids(&plan),
        [
            "debian-12/amd64/6.1.0-9-amd64=6.1.27-1/m2",
            "debian-12/amd64/6.1.0-9-amd64=6.1.27-1/m10",
            "debian-12/amd64/6.1.0-55-amd64=6.1.192-1/m2",
            "debian-12/amd64/6.1.0-55-amd64=6.1.192-1/m10",
            "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m2",
            "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m10",
        ]
    );
}

/// Two uploads of one kernel release, and an older release.
fn two_uploads() -> Vec<crate::name::Target> {
    vec![
        target("amd64", "6.1.0-56-amd64", "6.1.192-2", "generic"),
        target("amd64", "6.1.0-55-amd64", "6.1.190-1", "generic"),
        target("amd64", "6.1.0-56-amd64", "6.1.192-2~deb12u1", "generic"),
    ]
}

#[test]
fn two_uploads_of_one_kernel_release_are_two_cells() {
    let mut reversed = two_uploads();
    reversed.reverse();
    for targets in [two_uploads(), reversed] {
        let plan = plan(&matrix(GENERIC), &[catalog("12", targets)], TODAY).expect("a plan");
        assert_eq!(
            ids(&plan),
            [
                "debian-12/amd64/6.1.0-55-amd64=6.1.190-1/m2",
                "debian-12/amd64/6.1.0-56-amd64=6.1.192-2~deb12u1/m2",
                "debian-12/amd64/6.1.0-56-amd64=6.1.192-2/m2",
            ]
        );
    }
}

#[test]
fn latest_counts_releases_and_takes_the_newest_upload_of_each() {
    for (rest, expected) in [
        ("kernel = { latest = 1 }", &["6.1.192-2"][..]),
        ("kernel = { latest = 2 }", &["6.1.190-1", "6.1.192-2"]),
        ("kernel = { latest = 9 }", &["6.1.190-1", "6.1.192-2"]),
        (
            "kernel = { release = '6.1.0-56-amd64' }",
            &["6.1.192-2~deb12u1", "6.1.192-2"],
        ),
        (
            "[[exclude]]\nkernel = '6.1.0-56-*'\nreason = 'both'\n",
            &["6.1.190-1"],
        ),
        (
            "kernel = { release = '6.1.0-55-amd64' }\n[[include]]\ndistro = 'debian'\nrelease = '12'\n\
             arch = 'amd64'\nmodules = 'm2'\nkernel = '6.1.0-56-amd64'\n",
            &["6.1.190-1", "6.1.192-2~deb12u1", "6.1.192-2"],
        ),
    ] {
        let matrix = matrix(&format!("{GENERIC}{rest}\n"));
        let plan = plan(&matrix, &[catalog("12", two_uploads())], TODAY).expect("a plan");
        let versions = plan
            .cells
            .iter()
            .map(|cell| cell.id.package_version.as_str());
        assert_eq!(versions.collect::<Vec<_>>(), expected, "{rest}");
    }
}

#[test]
fn the_json_form_is_stable() {
    let plan = planned(&format!(
        "{GENERIC}kernel = {{ series = '6.1', latest = 1 }}\n\
         [[exclude]]\nflavour = ['rt', 'cloud']\nreason = 'not shipped'\nticket = 'KM-7'\nexpires = 2026-11-20\n\
         [[exclude]]\nkernel = '*-rt-*'\nreason = 'no real time'\n\
         [[include]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nkernel = '6.1.0-55-cloud-amd64'\n"
    ))
    .expect("a plan");
    let mut json = Vec::new();
    PlanDocument::from(&plan).write(&mut json).expect("memory");
    let value: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
    insta::assert_snapshot!(serde_json::to_string_pretty(&value).expect("JSON"));
}

#[test]
fn an_empty_line_in_the_matrix_changes_no_digest_and_an_exclude_does() {
    let excluding = format!("{GENERIC}[[exclude]]\nflavour = 'rt'\nreason = 'r'\n");
    let digest = |rest: &str| planned(rest).expect("a plan").digest;
    assert_eq!(digest(&excluding), digest(&format!("\n\n{excluding}")));
    assert_ne!(digest(&excluding), digest(GENERIC));
    let other = excluding.replace("reason = 'r'", "reason = 's'");
    assert_ne!(digest(&excluding), digest(&other));
}

#[test]
fn a_series_that_does_not_exist_says_which_do() {
    insta::assert_snapshot!(problems(&format!(
        "{GENERIC}kernel = {{ series = ['6.1', '6.9'] }}\n"
    )));
}

#[test]
fn every_problem_is_reported_at_once() {
    insta::assert_snapshot!(problems(
        "[[target]]\ndistro = 'debain'\nrelease = '12'\narch = 'amd64'\n\
         [[target]]\ndistro = 'debian'\nrelease = ['12', '14']\narch = 'amd64'\n\
         [[target]]\ndistro = 'debian'\nrelease = '13'\narch = ['amd64', 'arm64']\n\
         [[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nflavour = ['clod', 'generic']\n\
         [[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nflavour = 'rt'\nkernel = { glob = ['7.*', '6.1.*'] }\n\
         [[target]]\ndistro = 'debian'\nrelease = ['12', '13']\narch = 'amd64'\nflavour = ['generic', 'rt']\nkernel = { series = '7.2' }\n\
         [[include]]\ndistro = 'debian'\nrelease = '12'\narch = 'arm64'\nkernel = '6.1.0-57-arm64'\n\
         [[exclude]]\nflavour = 'cloud'\nreason = 'too old'\nticket = 'KM-3'\nexpires = 2026-11-19\n\
         [[exclude]]\nflavour = 'nothing'\nreason = 'not said while targets are wrong'\n"
    ));
}

#[test]
fn excludes_that_take_nothing_away_are_problems() {
    insta::assert_snapshot!(problems(&format!(
        "{GENERIC}[[include]]\ndistro = 'debian'\nrelease = '12'\narch = 'arm64'\nkernel = '6.1.0-56-arm64'\n\
         [[exclude]]\narch = 'arm64'\nreason = 'only includes'\n\
         [[exclude]]\nseries = '5.10'\nreason = 'long gone'\n"
    )));
}

#[test]
fn versions_that_cannot_be_compared_are_a_problem() {
    let kernels = vec![target(
        "amd64",
        "6.1.0-56-amd64",
        "99999999999:1",
        "generic",
    )];
    let matrix = matrix(&format!("{GENERIC}kernel = {{ latest = 1 }}\n"));
    let error = plan(&matrix, &[catalog("12", kernels)], TODAY).expect_err("a problem");
    assert_eq!(error.problems()[0].code, PlanProblemCode::BadVersion);
}

#[test]
fn a_plan_without_cells_is_an_error_of_its_own() {
    let rest = format!("{GENERIC}[[exclude]]\ndistro = 'debian'\nreason = 'a pause'\n");
    let error = planned(&rest).expect_err("no cells");
    assert!(matches!(error, PlanError::NoCells(_)));
    insta::assert_snapshot!(error);
}

#[test]
fn a_hundred_thousand_cells_are_planned() {
    let kernels = (0..1000).map(|abi| {
        let (release, version) = (format!("6.1.0-{abi}-amd64"), format!("6.1.{abi}-1"));
        target("amd64", &release, &version, "generic")
    });
    let catalogs = [catalog("12", kernels.collect())];
    let modules: String = (0..98)
        .map(|index| format!("[[module]]\nname = 'x{index}'\nsource = 'x'\n"))
        .collect();
    let rest = format!("{modules}{}", GENERIC.replace("modules = 'm2'\n", ""));
    let plan = plan(&matrix(&rest), &catalogs, TODAY).expect("a plan");
    assert_eq!(plan.cells.len(), 100_000);
    assert_eq!(
        plan.cells[0].id.to_string(),
        "debian-12/amd64/6.1.0-0-amd64=6.1.0-1/m2"
    );
    let last = &plan.cells[99_999];
    assert_eq!(
        last.id.to_string(),
        "debian-12/amd64/6.1.0-999-amd64=6.1.999-1/x97"
    );
}

/// Parts of a matrix that can stand in any order.
const TARGETS: [&str; 4] = [
    "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\n",
    "[[target]]\ndistro = 'debian'\nrelease = ['13', '12']\narch = 'amd64'\nkernel = { latest = 1 }\n",
    "[[target]]\ndistro = 'debian'\nrelease = '12'\narch = 'arm64'\nmodules = 'm10'\n",
    "[[include]]\ndistro = 'debian'\nrelease = '12'\narch = 'amd64'\nkernel = '6.1.0-56-rt-amd64'\n",
];

const EXCLUDES: [&str; 5] = [
    "[[exclude]]\nflavour = 'cloud'\nreason = 'b'\n",
    "[[exclude]]\nflavour = 'cloud'\nmodule = 'm2'\nreason = 'a'\nticket = 'T'\n",
    "[[exclude]]\nseries = '6.12'\nrelease = '12'\nreason = 'c'\nexpires = 2027-01-01\n",
    "[[exclude]]\nkernel = ['6.1.0-9-*', '7.*']\nreason = 'd'\n",
    "[[exclude]]\ndistro = 'debian'\narch = 'arm64'\nreason = 'e'\n",
];

proptest! {
    #[test]
    fn the_order_of_the_input_changes_nothing(
        parts in Just([&TARGETS[..], &EXCLUDES[..]].concat()).prop_shuffle(),
        order in Just((0..14).collect::<Vec<usize>>()).prop_shuffle(),
        swap in any::<bool>(),
    ) {
        let expected = planned(&[&TARGETS[..], &EXCLUDES[..]].concat().concat()).expect("a plan");
        let mut catalogs = debian();
        for catalog in &mut catalogs {
            let mut kernels: Vec<_> = std::mem::take(&mut catalog.kernels).into_iter().zip(&order).collect();
            kernels.sort_by_key(|(_, place)| **place);
            catalog.kernels = kernels.into_iter().map(|(kernel, _)| kernel).collect();
        }
        if swap {
            catalogs.reverse();
        }
        let shuffled = plan(&matrix(&parts.concat()), &catalogs, TODAY).expect("a plan");
        prop_assert_eq!(&shuffled.cells, &expected.cells);
        prop_assert_eq!(shuffled.digest, expected.digest);
    }

    #[test]
    fn an_exclude_never_adds_a_cell_and_loses_none_silently(
        chosen in proptest::sample::subsequence(EXCLUDES.to_vec(), 0..=EXCLUDES.len()),
        more in 0..EXCLUDES.len(),
    ) {
        let base = TARGETS.concat();
        let fewer = planned(&format!("{base}{}", chosen.concat())).expect("a plan");
        let longer = planned(&format!("{base}{}{}", chosen.concat(), EXCLUDES[more])).expect("a plan");
        let all = planned(&base).expect("a plan");
        prop_assert!(longer.cells.iter().all(|cell| fewer.cells.contains(cell)));
        for cell in &all.cells {
            let is_excluded = longer.exclusions.iter().any(|exclusion| exclusion.id == cell.id);
            prop_assert_ne!(is_excluded, longer.cells.contains(cell), "{}", cell.id);
        }
    }
}
