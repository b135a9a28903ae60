"""Checks of part 7: how many problems, pass@k, and the interval of a gain."""

from __future__ import annotations

from itertools import combinations
from numbers import Integral

from course_lib.checks import Incorrect, exercise

Z = 1.959963984540054


def _half(n: int) -> float:
    """Half of Wilson's interval at a rate of one half: there its formula shrinks to z / (2 sqrt(n + z^2))."""
    return Z / (2 * (n + Z * Z) ** 0.5)


@exercise(
    part=7,
    title="How many problems?",
    difficulty=2,
    minutes=8,
    hints=(
        "Start at n = 2 and go up in steps of 2 until the interval is narrow enough.",
        "wilson gives the two ends; half the width is half their distance.",
    ),
)
def problems_needed(answer) -> None:
    for wanted in (0.2, 0.1, 0.05, 0.03, 0.02):
        got = answer(wanted)
        said = f"problems_needed({wanted}) gave {got}"
        if isinstance(got, bool) or not isinstance(got, Integral) or got < 2 or got % 2:
            raise Incorrect(f"{said}: return an even whole number of at least 2")
        if 2 * _half(got) <= wanted < 2 * _half(got - 2):
            raise Incorrect(f"{said}: there the whole width is {wanted}; half of it is asked for")
        if _half(got) > wanted:
            raise Incorrect(f"{said}: the half width is {_half(got):.4f} there, too wide; more problems are needed")
        if got > 2 and _half(got - 2) <= wanted:
            raise Incorrect(
                f"{said}: {got - 2} problems would do (half width {_half(got - 2):.4f}); use Wilson's interval, "
                "and return the smallest n"
            )


@exercise(
    part=7,
    title="pass@k",
    difficulty=3,
    minutes=12,
    hints=(
        "How many ways are there to choose k of n? And how many to choose k of the n - c wrong ones?",
        "math.comb(m, k) counts the choices, and is 0 when k is larger than m.",
    ),
)
def pass_at_k(answer) -> None:
    for n, c, k in [(10, 3, 5), (4, 1, 1), (4, 1, 2), (4, 2, 2), (5, 3, 3), (8, 1, 8), (8, 8, 1), (8, 0, 4)]:
        choices = list(combinations([True] * c + [False] * (n - c), k))
        wanted = sum(map(any, choices)) / len(choices)
        got = answer(n, c, k)
        try:
            got = float(got)
        except (TypeError, ValueError):
            raise Incorrect(f"pass_at_k({n}, {c}, {k}) gave {got!r}: return a number") from None
        said = f"pass_at_k({n}, {c}, {k}) gave {got:.4f}, {wanted:.4f} is right"
        if abs(got - wanted) < 1e-6:
            continue
        if abs(got - (1 - (1 - c / n) ** k)) < 1e-6:
            raise Incorrect(f"{said}: that formula puts each completion back; draw k different ones")
        if abs(got - (1 - wanted)) < 1e-6 and 0 < wanted < 1:
            raise Incorrect(f"{said}: that is the probability that none is right")
        if k > n - c:
            raise Incorrect(f"{said}: with {n - c} wrong ones, {k} draws always hold a right one")
        raise Incorrect(f"{said}: count the choices of {k} that hold no right one")


@exercise(
    part=7,
    title="How sure is a gain?",
    difficulty=3,
    minutes=12,
    hints=(
        "drawn = rng.integers(0, n, n) are the places of the drawn problems; before[drawn] are their old answers.",
        "Use the same drawn for before and after, append (after[drawn] - before[drawn]).mean(), then np.quantile.",
    ),
)
def gain_interval(answer) -> None:
    import numpy as np

    # (n, right in both, fixed, broken); the standard error of a paired gain is sqrt(changed - gain^2) / sqrt(n).
    for n, both, fixed, broken in [(400, 200, 24, 8), (100, 60, 10, 0), (300, 0, 90, 60)]:
        before = np.zeros(n)
        after = np.zeros(n)
        before[: both + broken] = 1
        after[:both] = 1
        after[both + broken : both + broken + fixed] = 1
        gain = (fixed - broken) / n
        paired = ((fixed + broken) / n - gain**2) ** 0.5 / n**0.5
        apart = (before.var() / n + after.var() / n) ** 0.5
        rng, given = np.random.default_rng(0), (before.copy(), after.copy())
        untouched = rng.bit_generator.state
        got = answer(before, after, rng)
        if not isinstance(got, tuple | list | np.ndarray) or len(got) != 2:
            raise Incorrect(f"return two numbers, (low, high), not {got!r}")
        low, high = (float(end) for end in got)
        width, middle, wanted = (high - low) / 2, (low + high) / 2, Z * paired
        said = f"with {fixed} fixed and {broken} broken of {n}, ({low:.3f}, {high:.3f})"
        if not (np.array_equal(before, given[0]) and np.array_equal(after, given[1])):
            raise Incorrect("before and after have changed: they are data, so work on copies")
        if width < -0.02 * wanted:
            raise Incorrect(f"{said} is upside down: return (low, high)")
        if width < 0.02 * wanted:
            raise Incorrect(f"{said} has no width: draw with repetition, and draw anew each time")
        if rng.bit_generator.state == untouched:
            raise Incorrect("nothing was drawn from rng: the bootstrap draws problems with the generator it is given")
        if abs(middle + gain) < 0.5 * abs(gain):
            raise Incorrect(f"{said} has the wrong sign: the gain is after minus before")
        if abs(middle - 100 * gain) < 50 * abs(gain):
            raise Incorrect(f"{said} is in points: return fractions, 0.01 for a point")
        if abs(middle - gain) > 0.25 * wanted + 0.5 / n:
            raise Incorrect(
                f"{said} has its middle at {middle:.3f}, far from the gain {gain:.3f}: is it the mean of each draw, "
                "and are all n problems drawn from, the unchanged ones too?"
            )
        if abs(width / wanted - 1) <= 0.12:
            continue
        if abs(width / (Z * apart) - 1) <= 0.12:
            raise Incorrect(f"{said} is too wide: before and after were drawn apart; use the same problems for both")
        raise Incorrect(
            f"{said} should be {wanted:.3f} to each side: the 2.5 % and 97.5 % quantiles of 2000 draws of n problems"
        )
