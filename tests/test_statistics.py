"""Intervals and tests, against values that were not made by this code."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from course_lib.errors import SettingError
from course_lib.statistics import (
    bootstrap_mean,
    mcnemar_exact,
    mean_of_runs,
    paired_difference,
    power,
    questions_needed,
    t95,
    wilson,
)


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


def test_a_paired_difference_is_surer_than_two_rates():
    before = [1.0] * 200 + [0.0] * 200
    after = [1.0] * 190 + [0.0] * 10 + [1.0] * 40 + [0.0] * 160  # 40 fixed, 10 broken
    gain, low, high = paired_difference(before, after)
    half = 1.96 * ((50 / 400 - (30 / 400) ** 2) / 400) ** 0.5
    assert gain == pytest.approx(0.075) and (low, high) == pytest.approx((gain - half, gain + half), abs=0.004)
    assert half < 1.96 * (0.25 / 400 + 0.575 * 0.425 / 400) ** 0.5 / 1.5, "unpaired it would be much wider"
    assert paired_difference(after, before)[0] == -gain
    with pytest.raises(ValueError):
        paired_difference([1.0], [1.0, 0.0])


def shows(rng, n, before, after, changed):
    """How often the difference shows in simulated comparisons: the tests themselves, no formula of power."""
    hits, trials = 0, 1500
    for _ in range(trials):
        if changed is None:
            a, b = rng.binomial(n, before), rng.binomial(n, after)
            both = (a + b) / (2 * n)
            z = abs(b - a) / n / max(1e-12, (2 * both * (1 - both) / n) ** 0.5)
            hits += z > 1.959964
        else:
            fixed = (changed + after - before) / 2
            f, b, _ = rng.multinomial(n, [fixed, changed - fixed, 1 - changed])
            hits += mcnemar_exact(int(f), int(b)) < 0.05
    return hits / trials


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [(0.5, 0.55, None), (0.9, 0.95, None), (0.3, 0.5, None), (0.5, 0.55, 0.15), (0.6, 0.5, 0.3), (0.9, 0.95, 0.1)],
)
def test_the_number_of_questions_gives_the_power_that_it_promises(before, after, changed):
    rng = np.random.default_rng(1)
    n = questions_needed(before, after, changed)
    assert power(n, before, after, changed) >= 0.8 > power(n - 1, before, after, changed)
    assert shows(rng, n, before, after, changed) == pytest.approx(0.8, abs=0.05)
    assert shows(rng, n // 2, before, after, changed) < 0.65


def test_pairing_needs_fewer_questions_the_fewer_answers_change():
    needed = [questions_needed(0.5, 0.55, changed) for changed in (0.05, 0.1, 0.3, 0.45)]
    assert needed == sorted(needed) and needed[-1] < questions_needed(0.5, 0.55)
    assert questions_needed(0.55, 0.5) == questions_needed(0.5, 0.55)
    assert questions_needed(0.5, 0.55, wanted=0.9) > questions_needed(0.5, 0.55)


def test_impossible_comparisons_are_refused():
    with pytest.raises(SettingError, match="equal rates"):
        questions_needed(0.5, 0.5)
    with pytest.raises(SettingError, match="between 0.05 and 0.15"):
        questions_needed(0.9, 0.95, 0.3)
    for bad in [(0, 0.5, 0.6), (10, -0.1, 0.5), (10, 0.5, 1.1)]:
        with pytest.raises(SettingError, match="rates are from 0 to 1"):
            power(*bad)


@pytest.mark.parametrize(
    ("freedom", "point"),  # published tables of Student's t
    [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (10, 2.228), (20, 2.086), (30, 2.042), (120, 1.980)],
)
def test_students_t_is_that_of_the_tables(freedom, point):
    assert t95(freedom) == pytest.approx(point, abs=6e-4)


def test_the_interval_over_runs_holds_the_true_mean_as_often_as_it_says():
    rng = np.random.default_rng(2)
    ends = [mean_of_runs(list(rng.normal(0.9, 0.02, 3)))[1:] for _ in range(3000)]
    assert np.mean([low <= 0.9 <= high for low, high in ends]) == pytest.approx(0.95, abs=0.015)
    assert mean_of_runs([0.5, 0.7])[0] == pytest.approx(0.6)
    with pytest.raises(SettingError, match="two or more"):
        mean_of_runs([0.9])
