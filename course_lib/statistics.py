"""Intervals and tests for rates, the power of a comparison, and the spread of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt
from statistics import NormalDist, mean, stdev

from course_lib.errors import SettingError

Z95 = 1.959963984540054  # two-sided 95 % point of the standard normal distribution


def wilson(successes: float, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a rate (Wilson 1927), as fractions of 1. ``n`` must be 1 or more.

    ``successes`` may be a fraction: a sum of rates of n problems, which varies less than n rights and wrongs would.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"{successes} successes out of {n} is not a rate")
    p = successes / n
    centre = p + z * z / (2 * n)
    half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def mcnemar_exact(fixed: int, broken: int) -> float:
    """Two-sided exact McNemar test (McNemar 1947): is ``fixed`` against ``broken`` a fair coin?

    ``fixed`` counts the questions that were wrong before and right after, ``broken`` the reverse.
    """
    n, k = fixed + broken, min(fixed, broken)
    tail = sum(comb(n, i) for i in range(k + 1)) / 2**n
    return min(1.0, 2 * tail)


def bootstrap_mean(values: Sequence[float], draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % percentile interval of the mean over resampled values (Efron 1979). Values may not be missing."""
    import numpy as np

    values = np.asarray(values, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("the mean needs at least one value, and none may be missing")
    picks = np.random.default_rng(seed).integers(0, values.size, (draws, values.size))
    low, high = np.quantile(values[picks].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def paired_difference(before: Sequence[float], after: Sequence[float]) -> tuple[float, float, float]:
    """Mean of ``after`` minus ``before`` on the same questions, and its 95 % bootstrap interval.

    Whole questions are drawn again, each with both of its values, so what makes a question easy or hard cancels.
    """
    gains = [float(now) - float(was) for was, now in zip(before, after, strict=True)]
    low, high = bootstrap_mean(gains)
    return sum(gains) / len(gains), low, high


def power(n: int, before: float, after: float, changed: float | None = None) -> float:
    """The probability that a true difference between two rates shows with n questions (two-sided, p < 0.05).

    Without ``changed``, each model answers n questions of its own and the rates are compared by the z-test for
    two proportions. With it, both answer the same n, ``changed`` is the share of questions on which one is right and
    the other wrong, and the test is McNemar's (formula: Connor 1987, with the exact test's continuity correction).
    Normal approximations; where only a dozen answers change or fewer, the paired one is on the careful side.
    """
    gap = abs(after - before)
    if not (0 <= before <= 1 and 0 <= after <= 1) or n < 1:
        raise SettingError(f"rates are from 0 to 1 and n is 1 or more, not {before}, {after}, n = {n}")
    if changed is None:
        both = (before + after) / 2
        noise = sqrt(before * (1 - before) + after * (1 - after))
        margin = gap * sqrt(n) - Z95 * sqrt(2 * both * (1 - both))
    else:
        most = min(before + after, 2 - before - after)  # when they are right on different questions
        if not gap - 1e-9 <= changed <= most + 1e-9:
            raise SettingError(f"between {gap:g} and {most:g} of the answers can have changed here, not {changed:g}")
        noise = sqrt(max(0.0, changed - gap**2))
        margin = gap * sqrt(n) - 1 / sqrt(n) - Z95 * sqrt(changed)
    return NormalDist().cdf(margin / noise) if noise else float(margin > 0)


def questions_needed(before: float, after: float, changed: float | None = None, wanted: float = 0.8) -> int:
    """The fewest questions with which ``power`` reaches ``wanted``. Raises ``SettingError`` for equal rates."""
    if before == after:
        raise SettingError("two equal rates are never told apart, however many questions are asked")
    high = 1
    while power(high, before, after, changed) < wanted:
        high *= 2
    low = high // 2  # too few, or 0
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power(middle, before, after, changed) >= wanted else (middle, high)
    return high


T95 = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)  # two-sided 95 % points of Student's t


def t95(freedom: int) -> float:
    """The two-sided 95 % point of Student's t; above 9 degrees of freedom by its expansion in 1/freedom (Fisher)."""
    if freedom <= len(T95):
        return T95[freedom - 1]
    z = Z95
    terms = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return z + sum(term / freedom**degree for degree, term in enumerate(terms, 1))


def mean_of_runs(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean over training runs and its 95 % t-interval (Student 1908): what other seeds would give on average.

    Raises ``SettingError`` for fewer than two runs: one run says nothing about the next.
    """
    if len(values) < 2:
        raise SettingError("an interval over training runs needs two or more of them, with different seeds")
    half = t95(len(values) - 1) * stdev(values) / sqrt(len(values))
    return mean(values), mean(values) - half, mean(values) + half
