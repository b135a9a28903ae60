"""Checkers of chapter 2: advantages with three ways of scaling, the loss with one ratio per sequence."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import mean, pstdev, stdev

import torch

from course_lib.checks import Incorrect, exercise

REWARDS = [1.5, 0.5, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]  # two groups of four
GROUPS = REWARDS[:4], REWARDS[4:]


def _numbers(values: object, n: int) -> list[float]:
    if any(getattr(value, "ndim", 0) or isinstance(value, list | tuple) for value in values):
        raise Incorrect("You return a table with a row for each group: flatten it to one number per completion.")
    found = [float(value) for value in values]
    if len(found) != n:
        raise Incorrect(f"{n} rewards went in, {len(found)} advantages came out: one per completion.")
    return found


def _same(found: list[float], wanted: list[float]) -> bool:
    return all(math.isclose(a, b, abs_tol=1e-4) for a, b in zip(found, wanted, strict=True))


def _each_group(formula: Callable[[list[float]], list[float]]) -> list[float]:
    return [value for group in GROUPS for value in formula(group)]


@exercise(
    part=2,
    title="Advantages for a whole batch",
    difficulty=2,
    minutes=10,
    hints=(
        "Put the rewards into a table with one row per group. All three ways subtract the row's mean; they "
        "differ only in what they divide by.",
        '"group" divides by the standard deviation of the row, "batch" by that of all the rewards together '
        '(both with ddof=1, both plus 0.0001), "none" does not divide.',
    ),
)
def batch_advantages(answer: Callable) -> None:
    flat = _numbers(answer([1.0] * 8, 4, "group"), 8)
    if any(math.isnan(value) for value in flat):
        raise Incorrect("A group with equal rewards gives nan (0 / 0): add 0.0001 to the standard deviation.")
    if not _same(flat, [0.0] * 8):
        raise Incorrect(f"A group with equal rewards should have advantages 0, not {flat}.")

    centred = _each_group(lambda g: [r - mean(g) for r in g])
    found = _numbers(answer(REWARDS, 4, "none"), 8)
    if _same(found, [r - mean(REWARDS) for r in REWARDS]):
        raise Incorrect("You subtract the mean of the whole batch; a completion is compared with its own group.")
    if not _same(found, centred):
        raise Incorrect(
            f'With "none" the first group {REWARDS[:4]} should give {centred[:4]} (reward minus the mean of its '
            f"group), not {[round(x, 4) for x in found[:4]]}. Are groups rows of the table, in order?"
        )

    found = _numbers(answer(REWARDS, 4, "group"), 8)
    if _same(found, centred):
        raise Incorrect('With "group" the difference is also divided by the group\'s standard deviation.')
    if _same(found, _each_group(lambda g: [(r - mean(g)) / (pstdev(g) + 1e-4) for r in g])):
        raise Incorrect("Your standard deviation divides by G; TRL's divides by G - 1 (ddof=1).")
    if _same(found, _each_group(lambda g: [(r - mean(g)) / (stdev(g) ** 2 + 1e-4) for r in g])):
        raise Incorrect("You divide by the variance: take its square root.")
    wanted = _each_group(lambda g: [(r - mean(g)) / (stdev(g) + 1e-4) for r in g])
    if not _same(found, wanted):
        raise Incorrect(f'"group" gives {[round(x, 4) for x in found]}, not {[round(x, 4) for x in wanted]}.')

    found = _numbers(answer(REWARDS, 4, "batch"), 8)
    if _same(found, wanted):
        raise Incorrect('"batch" gives the same as "group": it divides by the spread of all rewards together.')
    wanted = [value / (stdev(REWARDS) + 1e-4) for value in centred]
    if _same(found, [(r - mean(REWARDS)) / (stdev(REWARDS) + 1e-4) for r in REWARDS]):
        raise Incorrect('"batch" changes what you divide by; what you subtract is still the group\'s mean.')
    if not _same(found, wanted):
        raise Incorrect(f'"batch" gives {[round(x, 4) for x in found]}, not {[round(x, 4) for x in wanted]}.')


def _loss(answer: Callable, differences: list[list[float]], advantages: list[float], lengths: list[int]):
    """The answer's loss for given log-ratios; the new log-probabilities come back too, for the gradient."""
    old = torch.full((len(lengths), len(differences[0])), -1.0)
    logps = (old + torch.tensor(differences)).requires_grad_()
    mask = torch.tensor([[1] * n + [0] * (len(differences[0]) - n) for n in lengths])
    return answer(logps, old, torch.tensor(advantages), mask, 0.2), logps


def _expect(found: float, wanted: float, mistakes: dict[float, str], case: str) -> None:
    if math.isclose(found, wanted, abs_tol=1e-5):
        return
    for value, message in mistakes.items():
        if math.isclose(found, value, abs_tol=1e-5):
            raise Incorrect(message)
    raise Incorrect(f"{case}: your loss is {found:.4f}, it should be {wanted:.4f}.")


@exercise(
    part=2,
    title="One ratio for the whole completion",
    difficulty=3,
    minutes=15,
    hints=(
        "Work in logarithms: first one log-ratio per completion, the average over its real tokens, and only then "
        "the exponential.",
        "Sum (difference x mask) over the tokens, divide by the number of real tokens, exponentiate. From there "
        "on everything has shape (B,): clip, take the smaller of the two products with A, change the sign, average.",
    ),
)
def sequence_loss(answer: Callable) -> None:
    # log-ratios 0.1 and 0.02: their mean over two real tokens is 0.06; the third token is padding
    found, logps = _loss(answer, [[0.1, 0.02, 0.9]], [2.0], [2])
    if not isinstance(found, torch.Tensor) or found.dim():
        raise Incorrect(f"The loss should be a tensor with one number, not {found!r}.")
    mistakes = {
        2 * math.exp(0.06): "The sign: a loss is lowered, so the objective comes with a minus.",
        -2 * math.exp(0.12): "You add up the log-ratios; average them, or long completions have extreme ratios.",
        -2 * math.exp(0.12 / 3): "You divide by the padded length: count only the real tokens.",
        -2 * 1.2: "The padding counts: multiply the differences by the mask.",
        -(math.exp(0.1) + math.exp(0.02)): "You average the ratios; average their logarithms, then exponentiate.",
        -2.0: "The ratio comes out as 1: does it depend on both the new and the old log-probabilities?",
    }
    _expect(found.item(), -2 * math.exp(0.06), mistakes, "One completion, A = 2, log-ratios 0.1 and 0.02")
    if not found.requires_grad:
        raise Incorrect("No gradient reaches the new log-probabilities: do not detach them.")
    found.backward()
    if not torch.allclose(logps.grad, torch.tensor([[-math.exp(0.06), -math.exp(0.06), 0.0]]), atol=1e-5):
        raise Incorrect(f"The value is right, its gradient is not: {logps.grad.tolist()}.")

    cases = {
        "A = 1, ratio e: too likely already": (1.0, 1.0, -1.2, -math.e),
        "A = -1, ratio 1/e: too unlikely already": (-1.0, -1.0, 0.8, math.exp(-1)),
        "A = -1, ratio e: a mistake to be repaired, not clipped": (1.0, -1.0, math.e, 1.2),
        "A = 1, ratio 1/e: a mistake to be repaired, not clipped": (-1.0, 1.0, -math.exp(-1), -0.8),
    }
    for case, (difference, advantage, wanted, mistake) in cases.items():
        found, _ = _loss(answer, [[difference, difference]], [advantage], [2])
        why = "the smaller of the clipped and the unclipped product counts (torch.minimum), then the minus sign"
        _expect(found.item(), wanted, {mistake: f"{case}: {why}."}, case)

    # lengths 1 and 4, log-ratio 0 everywhere: a mean over completions, not over tokens
    found, _ = _loss(answer, [[0.0] * 4, [0.0] * 4], [3.0, -1.0], [1, 4])
    mistakes = {
        -(3 - 4) / 5: "You average over tokens: here each completion counts once, whatever its length.",
        -2.0: "You add the completions up: take their mean.",
    }
    _expect(found.item(), -1.0, mistakes, "Two completions of 1 and 4 tokens, A = 3 and -1, ratio 1")
