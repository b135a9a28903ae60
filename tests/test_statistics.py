"""Intervals and tests, against values that were not made by this code."""

from __future__ import annotations

from itertools import product

import pytest

from course_lib.statistics import bootstrap_mean, mcnemar_exact, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_matches_published_intervals(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


def test_wilson_rejects_what_is_no_rate():
    for successes, n in [(0, 0), (3, 2), (-1, 5)]:
        with pytest.raises(ValueError):
            wilson(successes, n)


def test_mcnemar_is_the_fair_coin_counted_out():
    fixed, broken = 8, 2
    tosses = [sum(t) for t in product((0, 1), repeat=fixed + broken)]
    as_far = sum(min(t, 10 - t) <= broken for t in tosses) / len(tosses)
    assert mcnemar_exact(fixed, broken) == pytest.approx(as_far)
    assert mcnemar_exact(0, 0) == 1.0 and mcnemar_exact(5, 5) == 1.0
    assert mcnemar_exact(broken, fixed) == mcnemar_exact(fixed, broken)
    assert mcnemar_exact(400, 3) < 1e-100


def test_the_bootstrap_interval_agrees_with_the_normal_one_for_many_values():
    values = [0.0] * 300 + [1.0] * 700
    low, high = bootstrap_mean(values)
    half = 1.96 * (0.3 * 0.7 / 1000) ** 0.5
    assert (low, high) == pytest.approx((0.7 - half, 0.7 + half), abs=0.003)
    assert bootstrap_mean([0.25] * 9) == (0.25, 0.25)
    assert bootstrap_mean(values) == (low, high)  # seeded


@pytest.mark.parametrize("values", [[], [1.0, None], [float("nan")]])
def test_a_mean_of_nothing_is_refused(values):
    with pytest.raises(ValueError, match="missing"):
        bootstrap_mean(values)
