"""Wrong answers to the exercises of part 7."""

from math import ceil, comb, sqrt

import numpy as np

from course_lib.statistics import wilson


def _search(fits, start=2, step=2):
    n = start
    while not fits(n):
        n += step
    return n


def whole_width(half_width):
    return _search(lambda n: wilson(n // 2, n)[1] - wilson(n // 2, n)[0] <= half_width)


def textbook(half_width):
    n = ceil(0.25 * (1.96 / half_width) ** 2)
    return n + n % 2


def one_too_few(half_width):
    return _search(lambda n: wilson(n // 2, n)[1] - 0.5 <= half_width) - 2


def odd(half_width):
    return _search(lambda n: sqrt(0.25 / n) * 1.96 <= half_width, start=1) | 1


def with_putting_back(n, c, k):
    return 1 - (1 - c / n) ** k


def none_right(n, c, k):
    return comb(n - c, k) / comb(n, k)


def single(n, c, k):
    return c / n


def fails_when_few_are_wrong(n, c, k):
    return 0.0 if n - c < k else 1 - comb(n - c, k) / comb(n, k)


def _quantiles(draw, low=0.025, high=0.975, times=2000):
    gains = [draw() for _ in range(times)]
    return np.quantile(gains, low), np.quantile(gains, high)


def drawn_apart(before, after, rng):
    n = len(before)
    return _quantiles(lambda: after[rng.integers(0, n, n)].mean() - before[rng.integers(0, n, n)].mean())


def without_repetition(before, after, rng):
    gains = after - before
    return _quantiles(lambda: gains[rng.permutation(len(gains))].mean())


def wrong_way_round(before, after, rng):
    gains = before - after
    return _quantiles(lambda: rng.choice(gains, len(gains)).mean())


def half_of_it(before, after, rng):
    gains = after - before
    return _quantiles(lambda: rng.choice(gains, len(gains)).mean(), 0.25, 0.75)


def rate_after(before, after, rng):
    return _quantiles(lambda: rng.choice(after, len(after)).mean())


def _right(before, after, rng):
    gains = after - before
    return np.quantile([rng.choice(gains, len(gains)).mean() for _ in range(2000)], (0.025, 0.975))


def normal(before, after, rng):
    gains = after - before
    half = 1.96 * gains.std() / len(gains) ** 0.5
    return gains.mean() - half, gains.mean() + half


def changes_data(before, after, rng):
    after -= before
    return _right(np.zeros_like(after), after, rng)


WRONG = {
    "part_7.problems_needed": [
        ("whole width instead of half", whole_width, "whole width"),
        ("the textbook's interval", textbook, "Wilson's interval"),
        ("one step too early", one_too_few, "too wide"),
        ("odd numbers", odd, "even whole number"),
        ("a constant", lambda half_width: 1000, "smallest n"),
    ],
    "part_7.pass_at_k": [
        ("each completion put back", with_putting_back, "puts each completion back"),
        ("the probability of none", none_right, "none is right"),
        ("pass@1 for every k", single, "count the choices"),
        ("few wrong ones forgotten", fails_when_few_are_wrong, "always hold a right one"),
    ],
    "part_7.gain_interval": [
        ("before and after drawn apart", drawn_apart, "drawn apart"),
        ("without repetition", without_repetition, "no width"),
        ("before minus after", wrong_way_round, "wrong sign"),
        ("quartiles", half_of_it, "97.5 % quantiles"),
        ("in points", lambda b, a, rng: tuple(100 * end for end in _right(b, a, rng)), "is in points"),
        ("upside down", lambda b, a, rng: _right(b, a, rng)[::-1], "upside down"),
        ("no mean", lambda b, a, rng: (0 * rng.random(), 1.0), "the mean of each draw"),
        ("the normal approximation", normal, "nothing was drawn from rng"),
        ("data changed", changes_data, "work on copies"),
        ("the rate after, not the gain", rate_after, "far from the gain"),
        ("the gain alone", lambda before, after, rng: (after - before).mean(), "two numbers"),
    ],
}
