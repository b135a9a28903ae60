"""Intervals and tests for rates."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, sqrt

Z95 = 1.959963984540054  # two-sided 95 % point of the standard normal distribution


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval for a rate (Wilson 1927), as fractions of 1. ``n`` must be 1 or more."""
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
