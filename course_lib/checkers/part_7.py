"""Checks of part 7: how many problems, and pass@k."""

from __future__ import annotations

from itertools import combinations

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
        if isinstance(got, bool) or not isinstance(got, int) or got < 2 or got % 2:
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
        said = f"pass_at_k({n}, {c}, {k}) gave {got}, {wanted:.4f} is right"
        if not isinstance(got, int | float):
            raise Incorrect(f"{said}: return a number")
        if abs(got - wanted) < 1e-9:
            continue
        if abs(got - (1 - (1 - c / n) ** k)) < 1e-9:
            raise Incorrect(f"{said}: that formula puts each completion back; draw k different ones")
        if abs(got - (1 - wanted)) < 1e-9 and 0 < wanted < 1:
            raise Incorrect(f"{said}: that is the probability that none is right")
        if k > n - c:
            raise Incorrect(f"{said}: with {n - c} wrong ones, {k} draws always hold a right one")
        raise Incorrect(f"{said}: count the choices of {k} that hold no right one")
