use super::*;

fn set(axes: &[Axis]) -> BTreeSet<Axis> {
    axes.iter().copied().collect()
}

fn chosen(value: &str) -> BTreeMap<Axis, String> {
    [
        (Axis::Cpus, value.to_owned()),
        (Axis::Umask, value.to_owned()),
    ]
    .into_iter()
    .collect()
}

/// Rebuilds until the inquiry is over, beginning with one that varies everything for each of these
/// values of the axes that have but a few, and returns what was found and all rebuilds.
fn trials_of(
    values: &[&str],
    mut same: impl FnMut(&BTreeSet<Axis>, &BTreeMap<Axis, String>, usize) -> bool,
) -> (Answer, Vec<Trial>) {
    let mut trials: Vec<Trial> = Vec::new();
    let mut make = |trials: &mut Vec<Trial>, axes: BTreeSet<Axis>, values| {
        let mut choices: BTreeMap<Axis, String> = values;
        choices.retain(|axis, _| axes.contains(axis));
        let same = same(&axes, &choices, trials.len());
        trials.push(Trial {
            number: trials.len() as u32 + 1,
            axes,
            choices,
            same,
        });
    };
    for value in values {
        make(&mut trials, Axis::all(), chosen(value));
    }
    loop {
        match inquire(&trials) {
            Inquiry::Try { .. } if trials.len() == MOST_TRIALS => {
                let axes = trials[0].axes.clone();
                return (Answer::Unsteady { axes }, trials);
            }
            Inquiry::Try { axes, like } => {
                let values = trials[like as usize - 1].choices.clone();
                make(&mut trials, axes, values);
            }
            Inquiry::Over(finding) => return (finding, trials),
        }
    }
}

fn solve_with(
    values: &[&str],
    same: impl FnMut(&BTreeSet<Axis>, &BTreeMap<Axis, String>, usize) -> bool,
) -> (Answer, usize) {
    let (finding, trials) = trials_of(values, same);
    (finding, trials.len())
}

fn confirmations(axis: Axis) -> usize {
    if axis == Axis::Cpus {
        CONFIRMATIONS_OF_CPUS
    } else {
        CONFIRMATIONS
    }
}

fn solve(mut same: impl FnMut(&BTreeSet<Axis>, usize) -> bool) -> (Answer, usize) {
    solve_with(&["one"], |axes, _, number| same(axes, number))
}

#[test]
fn one_value_of_an_axis_may_do_it_and_another_not() {
    for values in [
        ["one", "two", "two"],
        ["two", "one", "two"],
        ["two", "two", "one"],
    ] {
        for axis in [Axis::Cpus, Axis::Umask] {
            let (finding, trials) = solve_with(&values, |_, choices, _| {
                choices.get(&axis).is_none_or(|value| value == "two")
            });
            let expected = Answer::Axes {
                sets: vec![set(&[axis])],
                agreeing: confirmations(axis),
            };
            assert_eq!(finding, expected, "{values:?}");
            assert!(trials <= 15 + confirmations(axis), "{trials}");
        }
    }
}

#[test]
fn every_value_that_makes_it_differ_is_asked_what_else_does() {
    // One value of the umask does it, and with the others something that the first has not shown.
    let (finding, trials) = solve_with(&["one", "two"], |axes, choices, _| {
        match choices.get(&Axis::Umask).map(String::as_str) {
            Some("one") => false,
            Some(_) => !axes.contains(&Axis::Memory),
            None => true,
        }
    });
    let expected = Answer::Axes {
        sets: vec![set(&[Axis::Umask])],
        agreeing: CONFIRMATIONS,
    };
    assert_eq!(finding, expected);
    let (finding, more) = solve_with(&["one", "two"], |axes, choices, _| {
        match choices.get(&Axis::Cpus).map(String::as_str) {
            Some("one") => false,
            Some(_) | None => !axes.contains(&Axis::Memory),
        }
    });
    let Answer::Axes { mut sets, .. } = finding else {
        panic!("{finding:?}");
    };
    sets.sort();
    assert_eq!(sets, [set(&[Axis::Cpus]), set(&[Axis::Memory])]);
    assert!(
        trials < MOST_TRIALS && more < MOST_TRIALS,
        "{trials} {more}"
    );
}

#[test]
fn which_rebuild_ended_first_changes_nothing() {
    let same = |axes: &BTreeSet<Axis>, _: &BTreeMap<Axis, String>, _: usize| {
        !axes.contains(&Axis::HostName)
    };
    let mut trials = trials_of(&["one", "two"], same).1;
    let found = inquire(&trials);
    assert!(
        matches!(found, Inquiry::Over(Answer::Axes { .. })),
        "{found:?}"
    );
    for _ in 0..trials.len() {
        trials.rotate_left(1);
        assert_eq!(inquire(&trials), found);
    }
    trials.reverse();
    assert_eq!(inquire(&trials), found);
}

#[test]
fn more_values_than_there_are_end_an_inquiry() {
    let trial = |number: u32, axes: &[Axis], value: u32, same| Trial {
        number,
        axes: set(axes),
        choices: axes.iter().map(|axis| (*axis, value.to_string())).collect(),
        same,
    };
    let mut trials: Vec<Trial> = (1..4).map(|n| trial(n, &[], 0, true)).collect();
    trials.extend((4..2000).map(|n| trial(n, &[Axis::Locale], (n - 4) / 3, false)));
    let axes = set(&[Axis::Locale]);
    assert_eq!(inquire(&trials), Inquiry::Over(Answer::Unsteady { axes }));
}

#[test]
fn what_differs_without_the_axes_that_were_found_is_unsteady() {
    let mut trials = Vec::new();
    let mut add = |axes: BTreeSet<Axis>, same| {
        let number = trials.len() as u32 + 1;
        let choices = BTreeMap::new();
        trials.push(Trial {
            number,
            axes,
            choices,
            same,
        });
        inquire(&trials)
    };
    let whole = set(&[Axis::Home, Axis::Locale, Axis::Umask]);
    add(whole.clone(), false);
    for _ in 0..CONFIRMATIONS {
        add(set(&[]), true);
    }
    add(set(&[Axis::Home]), true);
    add(set(&[Axis::Home, Axis::Locale]), true);
    for _ in 0..CONFIRMATIONS {
        add(set(&[Axis::Umask]), false);
    }
    add(set(&[Axis::Home, Axis::Locale]), true);
    let found = add(set(&[Axis::Home, Axis::Locale]), true);
    assert!(
        matches!(found, Inquiry::Over(Answer::Axes { .. })),
        "{found:?}"
    );
    // One of another run.
    let found = add(set(&[Axis::Locale]), false);
    let axes = set(&[Axis::Locale]);
    assert_eq!(found, Inquiry::Over(Answer::Unsteady { axes }));
}

#[test]
fn every_single_axis_is_found() {
    for axis in Axis::ALL {
        let (finding, trials) = solve(|axes, _| !axes.contains(&axis));
        let expected = Answer::Axes {
            sets: vec![set(&[axis])],
            agreeing: confirmations(axis),
        };
        assert_eq!(finding, expected);
        assert!(trials <= 12 + confirmations(axis), "{axis} took {trials}");
    }
}

#[test]
fn axes_that_do_it_together_are_found_together() {
    for (index, one) in Axis::ALL.into_iter().enumerate() {
        for other in Axis::ALL.into_iter().skip(index + 1) {
            let (finding, _) = solve(|axes, _| !(axes.contains(&one) && axes.contains(&other)));
            let expected = Answer::Axes {
                sets: vec![set(&[one, other])],
                agreeing: confirmations(one).max(confirmations(other)),
            };
            assert_eq!(finding, expected);
        }
    }
}

#[test]
fn three_axes_are_found_together_and_of_four_it_is_said_that_they_are_too_many() {
    let of = |needed: &[Axis]| {
        let needed = set(needed);
        solve(|axes, _| !needed.is_subset(axes))
    };
    let three = [Axis::HostName, Axis::Locale, Axis::Memory];
    let (finding, _) = of(&three);
    let expected = Answer::Axes {
        sets: vec![set(&three)],
        agreeing: CONFIRMATIONS,
    };
    assert_eq!(finding, expected);
    let (finding, trials) = of(&[Axis::HostName, Axis::Locale, Axis::Umask, Axis::Memory]);
    let expected = Answer::TooMany {
        axes: Axis::all(),
        limit: MOST_TOGETHER,
    };
    assert_eq!(finding, expected);
    assert!(trials < MOST_TRIALS, "{trials}");
}

#[test]
fn axes_that_each_do_it_are_found_one_by_one() {
    let (finding, _) =
        solve(|axes, _| !axes.contains(&Axis::HostName) && !axes.contains(&Axis::Clock));
    let Answer::Axes { mut sets, .. } = finding else {
        panic!("{finding:?}");
    };
    sets.sort();
    assert_eq!(sets, [set(&[Axis::HostName]), set(&[Axis::Clock])]);
}

#[test]
fn what_differs_with_nothing_varied_is_noise() {
    let (finding, trials) = solve(|_, _| false);
    assert_eq!(
        finding,
        Answer::Noise {
            differing: 1,
            of: 1
        }
    );
    assert_eq!(trials, 2);
}

#[test]
fn what_flips_is_hardly_ever_blamed_on_an_axis() {
    // A linear congruential generator (Knuth's MMIX), for coins that fall alike every time.
    let mut state: u64 = 1;
    let mut flips = |of_ten: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 10 < of_ten
    };
    let mut blamed = |values: &[&str], of_ten: u64, with_more_jobs: u64| {
        let mut blamed = 0;
        for _ in 0..2000 {
            let (finding, _) = solve_with(values, |_, choices, number| {
                let of_ten = match choices.get(&Axis::Cpus).map(String::as_str) {
                    Some("more-jobs") => with_more_jobs,
                    Some(_) | None => of_ten,
                };
                !flips(of_ten) && number > 0
            });
            match finding {
                Answer::Axes { .. } => blamed += 1,
                Answer::Noise { .. }
                | Answer::Unsteady { .. }
                | Answer::TooMany { .. }
                | Answer::Same => {}
            }
        }
        blamed
    };
    assert!(blamed(&["one"], 4, 4) <= 20);
    assert!(blamed(&["one", "two", "two"], 4, 4) <= 20);
    assert!(blamed(&["one"], 2, 2) <= 20);
    // A race of threads, which always shows where there are many of them.
    let races = blamed(&["one", "more-jobs"], 4, 10);
    assert!(races <= 20, "{races}");
}

#[test]
fn of_rebuilds_on_one_cpu_one_counts() {
    let trial = |number: u32, cpus: &str, same| Trial {
        number,
        axes: set(&[Axis::Cpus, Axis::Home]),
        choices: [(Axis::Cpus, cpus.to_owned())].into_iter().collect(),
        same,
    };
    let trials = [
        trial(1, "1", true),
        trial(2, "1", true),
        trial(3, "more-jobs", true),
        trial(4, "more-jobs", true),
        trial(5, "more-jobs", false),
    ];
    let axes = set(&[Axis::Cpus]);
    let counts: Vec<u32> = (0..=5)
        .map(|n| agreeing_with(&trials[..n], &axes))
        .collect();
    assert_eq!(counts, [0, 1, 1, 2, 3, 3]);
    assert_eq!(agreeing_with(&trials, &set(&[Axis::Umask])), 0);
}

#[test]
fn what_agreeing_rebuilds_exclude_is_a_number() {
    for (agreeing, percent) in [(1, 95), (2, 78), (3, 63), (8, 31), (59, 5), (299, 1)] {
        let rate = rate_not_excluded(agreeing) * 100.0;
        assert_eq!(rate.round() as u32, percent, "{agreeing}");
    }
}
