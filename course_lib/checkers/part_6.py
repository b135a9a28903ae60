"""Checks of part 6: planning a batch, reading a log."""

from __future__ import annotations

import numbers

import pandas as pd

from course_lib.checks import Incorrect, exercise

# (prompts a step, group size, fits, problems): (batch size, accumulation, steps), worked out on paper
PLANS = {
    (16, 8, 128, 800): (128, 1, 50),
    (16, 8, 100, 800): (64, 2, 50),
    (4, 6, 10, 50): (8, 3, 12),
    (3, 8, 5, 10): (4, 6, 3),
    (2, 4, 1, 9): (1, 8, 4),
    (2, 4, 500, 8): (8, 1, 4),
}


@exercise(
    part=6,
    title="Plan the batch",
    difficulty=2,
    minutes=8,
    hints=(
        "Count in completions: a step has prompts_per_step times group_size of them.",
        "Try every size from fits downwards until one divides the completions of a step without remainder. A step uses "
        "up prompts_per_step problems; what is left over at the end makes no step.",
    ),
)
def plan_batch(answer) -> None:
    for arguments, wanted in PLANS.items():
        prompts, group, fits, problems = arguments
        got = answer(*arguments)
        if not isinstance(got, tuple | list) or len(got) != 3:
            raise Incorrect("return three numbers: batch_size, accumulation, steps")
        size, times, steps = got
        said = f"plan_batch{arguments} gave {tuple(got)}"
        if not all(isinstance(number, numbers.Integral) for number in got):
            raise Incorrect(f"{said}: all three are whole numbers (divide with //)")
        if size > fits:
            raise Incorrect(f"{said}: only {fits} completions fit into memory at once")
        if size * times != prompts * group:
            raise Incorrect(
                f"{said}: batch_size times accumulation has to be the {prompts * group} completions of a step, "
                "prompts times group size, so batch_size has to divide them"
            )
        if size != wanted[0] and size % group == 0 and wanted[0] % group:
            raise Incorrect(
                f"{said}: a batch need not hold whole groups, since a group may span several batches. So a larger one "
                "fits too; only the step as a whole has to be a multiple of the group size"
            )
        if size != wanted[0]:
            raise Incorrect(f"{said}: a larger batch fits too, and divides the {prompts * group} completions of a step")
        if steps != wanted[2]:
            raise Incorrect(
                f"{said}: a step uses up {prompts} of the {problems} problems; count problems, not completions, "
                "and full steps only"
            )
        if tuple(got) != wanted:
            raise Incorrect(f"{said}, not {wanted}")


def _log(reward: list[float], zero_std: list[float], clipped: float | list[float] = 0.0) -> pd.DataFrame:
    rows = {"step": range(1, len(reward) + 1), "reward": reward, "frac_reward_zero_std": zero_std}
    return pd.DataFrame(rows).assign(clipped_ratio=clipped, mean_length=40.0, grad_norm=0.1, loss=0.0)


def _logs() -> list[tuple[str, pd.DataFrame, str]]:
    """(diagnosis, log, what to think of when another one is given)."""
    rising = [0.2 + 0.06 * i for i in range(20)]
    fading = [0.05 * i for i in range(20)]  # share of groups without contrast: grows with success
    jagged = [1.2 if i % 2 else 0.9 for i in range(20)]
    return [
        ("healthy", _log(rising, [0.1] * 20), "its reward rises all the time"),
        (
            "healthy",
            _log(rising, [0.1] * 5 + [1.0] * 15),
            "contrast is lost only late, because everything is right: look at the first five rows only",
        ),
        (
            "healthy",
            _log([*jagged, 1.6, *jagged], [0.1] * 41),
            "its curve is jagged: compare means of five rows, not single rows",
        ),
        ("cut off", _log([0.0] * 10, [1.0] * 10, clipped=0.95), "the cause comes before its consequences"),
        ("cut off", _log([0.1] * 10, [0.95] * 10, clipped=0.6), "the cause comes before its consequences"),
        ("no success", _log([0.0] * 10, [1.0] * 10), "no completion ever earned anything"),
        ("no success", _log([0.0] * 5 + [0.5] * 5, [1.0] * 5 + [0.2] * 5), "look at the first five rows"),
        ("no contrast", _log([0.8] * 10, [0.97] * 10), "rewards above 0, but nearly all groups agree"),
        (
            "no contrast",
            _log([0.8] * 10, [1.0, 1.0, 0.8, 1.0, 1.0] + [0.5] * 5),
            "take the mean of the first five rows: one of them below 0.9 is no contradiction",
        ),
        (
            "collapsed",
            _log(rising + rising[::-1], [0.1] * 40),
            "the end is no better than the start, but far below the best",
        ),
        (
            "collapsed",
            _log([0.3] * 5 + [1.0] * 10 + [0.7] * 10, fading + [0.2] * 5),
            "the end is above the start, but far below the best",
        ),
        (
            "healthy",
            _log([0.3] + [1.0] * 9, [0.1] * 10, clipped=[1.0] + [0.1] * 9),
            "only its first row is cut off: take the mean of the first five",
        ),
        (
            "cut off",
            _log([0.3] * 10, [0.1] * 10, clipped=[0.0, *[0.9] * 4, *[0.0] * 5]),
            "clipped_ratio is low in the first row, but its mean over the first five is above 0.5",
        ),
        (
            "healthy",
            _log([1.0] * 60, [0.1] * 60, clipped=[0.1] * 5 + [0.9] * 55),
            "completions are cut off only late: rule 1 looks at the first five rows only",
        ),
        ("healthy", _log([0.5] * 10, [0.1] * 10, clipped=0.5), "a clipped_ratio of 0.5 is not above 0.5"),
        (
            "healthy",
            _log([0.0, 0.0, 0.4, 0.0, 0.0] + [0.5] * 10, [0.5] * 15),
            "its reward is 0 sometimes, not always, in the first five rows",
        ),
        (
            "healthy",
            _log([0.4] + [0.0] * 4 + [0.5] * 10, [0.5] * 15),
            "its reward is 0 sometimes, not always, in the first five rows",
        ),
        (
            "healthy",
            _log([0.03] * 5 + [0.5] * 10, [0.5] * 15),
            "a small reward is not 0",
        ),
        (
            "healthy",
            _log([0.8] * 10, [1.0] + [0.5] * 9),
            "only its first row is without contrast: take the mean of the first five",
        ),
        (
            "no contrast",
            _log([0.8] * 10, [0.6] + [1.0] * 4 + [0.5] * 5),
            "the first row has contrast, but the mean of the first five rows is above 0.9",
        ),
        (
            "healthy",
            _log([0.8] * 80, [0.1] * 5 + [1.0] * 75),
            "contrast is lost only late: look at the first five rows only",
        ),
        (
            "healthy",
            _log([1.0] * 20 + [0.1], [0.1] * 21),
            "only its last row is low: compare the mean of the last five",
        ),
        (
            "collapsed",
            _log([1.0] * 20 + [0.3] * 4 + [1.0], [0.1] * 25),
            "its last row is high, but the mean of the last five is far below the best",
        ),
        (
            "collapsed",
            _log([0.5] * 3 + [1.0] * 5 + [0.5] * 2 + [0.7] * 10, [0.1] * 20),
            "the best five rows in a row may start at any row: the windows overlap",
        ),
        (
            "healthy",
            _log([1.5] + [1.0] * 19, [0.1] * 20),
            "a window has five rows, also at the start: one high first row is no mean",
        ),
        (
            "healthy",
            _log(([1.0] * 9 + [2.0]) * 5 + [1.0] * 5, [0.1] * 55),
            "its five best rows are far apart: take five rows in a row",
        ),
    ]


NAMES = ("cut off", "no success", "no contrast", "collapsed", "healthy")


def _all_names() -> str:
    return ", ".join(f'"{name}"' for name in NAMES)


@exercise(
    part=6,
    title="Read the log",
    difficulty=3,
    minutes=15,
    hints=(
        "Three rules need only the first five rows: take them once, then test in the order of the list.",
        "A rolling mean over five rows gives all the means that rule 4 needs: its last value and its maximum.",
    ),
)
def diagnose(answer) -> None:
    for wanted, log, thought in _logs():
        got = answer(log.copy())
        if got is None:
            raise Incorrect(f"the function returned nothing (None); return one of these five names: {_all_names()}")
        if not isinstance(got, str) or got not in NAMES:
            raise Incorrect(f"{got!r:.60} is none of the five names: {_all_names()}")
        if got != wanted:
            raise Incorrect(f"a log that is {wanted!r} was called {got!r}: {thought}")
