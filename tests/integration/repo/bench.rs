//! The statistics of the benchmark, and the page with its results.
#![allow(clippy::cast_precision_loss, reason = "no number has more than 15 digits")]

#[path = "../../../benches/launch/results.rs"]
mod results;
#[path = "../../../benches/launch/stats.rs"]
mod stats;

use results::replace_section;
use stats::{Estimate, Random, estimate_median, estimate_ratio, median};

#[test]
fn a_median_ignores_outliers() {
    let values = [9.0, 1.0, 2.0, 1e9, 3.0];
    assert!((median(&values) - 3.0).abs() < f64::EPSILON);
    assert!((estimate_median(&values).value - 3.0).abs() < f64::EPSILON);
}

#[test]
fn random_numbers_are_spread_evenly() {
    let mut random = Random::new(0);
    let mut counts = [0; 7];
    (0..7000).for_each(|_| counts[random.below(7)] += 1);
    assert!(counts.iter().all(|count| (900..1100).contains(count)), "{counts:?}");
    let mut items: Vec<usize> = (0..100).collect();
    random.shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}

/// Of many series, about 95 % have an interval that contains the true value.
#[test]
fn an_interval_contains_the_truth_as_often_as_it_says() {
    let mut random = Random::new(7);
    let (mut medians, mut ratios) = (0, 0);
    for _ in 0..200 {
        let mut series = |scale: f64| -> Vec<f64> {
            (0..101).map(|_| scale * (1.0 + random.below(1 << 20) as f64 / f64::from(1 << 20))).collect()
        };
        let (values, others) = (series(3.0), series(2.0));
        let contains = |estimate: Estimate, truth: f64| (estimate.low..=estimate.high).contains(&truth);
        medians += usize::from(contains(estimate_median(&values), 4.5));
        ratios += usize::from(contains(estimate_ratio(&values, &others), 1.5));
    }
    assert!((176..=200).contains(&medians) && (176..=200).contains(&ratios), "{medians}, {ratios}");
}

#[test]
fn noise_that_a_pair_shares_does_not_widen_the_interval_of_its_ratio() {
    let mut random = Random::new(3);
    let noise: Vec<f64> = (0..101).map(|_| 1.0 + random.below(1000) as f64).collect();
    let doubled: Vec<f64> = noise.iter().map(|value| 2.0 * value).collect();
    let ratio = estimate_ratio(&doubled, &noise);
    assert!((ratio.low - 2.0).abs() < 1e-9 && (ratio.high - 2.0).abs() < 1e-9);
}

#[test]
fn a_run_replaces_the_section_of_its_machine_and_keeps_the_others() {
    let page = "# Title\n\nText\n\n## A\n\nold\n\n### Rows\n\n## B\n\nkept\n";
    let expected = "# Title\n\nText\n\n## B\n\nkept\n\n## A\n\nnew\n";
    assert_eq!(replace_section(page, "## A\n\nnew\n"), expected);
    assert_eq!(replace_section(expected, "## A\n\nnew\n"), expected);
    assert_eq!(replace_section("# Title\n", "## A\n\nnew\n"), "# Title\n\n## A\n\nnew\n");
}
