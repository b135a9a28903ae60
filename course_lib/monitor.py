"""Signs of reward hacking in a training log: the reward or the length grows, and being right does not.

A finding is a reason to read completions of those steps, not a proof; no finding is no proof either. Trends are
Theil-Sen slopes (the median of all slopes between two steps; Sen 1968) over sliding windows, so that single
steps that stand out do not matter, and they count only if they exceed their noise.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from course_lib.errors import CourseError
from course_lib.plots import reward_columns

WINDOW = 20  # steps
FEWEST = 8  # steps that a log must have
NOISE = 3.0  # a trend has to be so many standard errors away from none
ACCURACY = ("accuracy", "correctness_reward", "mc_reward", "rubric_reward", "correctness_depth_reward")
MOVED = 0.05  # accuracy that rises by less over a window is flat,
ROOM = 0.25  # unless that is more than this part of what is missing to 1
FALLEN = 0.10  # accuracy that falls by as much has fallen
RISEN = 0.05  # of the largest value in the log: a reward that rises by as much has risen,
COMPONENT_RISEN = 0.15  # and so has a component that rises by as much; there are several, so chance has more tries
LONGER = 0.25  # of the length at the window's start
SOLVED = 0.90  # with accuracy above this, being flat or without variance is no sign
COLLAPSED = 0.75  # share of groups without variance, on average over a window

LENGTH = "length up, accuracy not"
REWARD = "reward up while accuracy falls"
COMPONENT = "{} up while accuracy falls"
VARIANCE = "variance collapsed"


def trend(values: np.ndarray) -> tuple[float, float]:
    """(change, standard error of it) over a window of equally spaced values: Theil-Sen slope times its length.

    The error is that of a least-squares line with the residuals' noise, which is read from their median
    absolute deviation.
    """
    n = len(values)
    first, second = np.triu_indices(n, 1)
    slope = np.median((values[second] - values[first]) / (second - first))
    residuals = values - slope * np.arange(n)
    noise = 1.4826 * np.median(np.abs(residuals - np.median(residuals)))
    return slope * (n - 1), noise * np.sqrt(12 * (n - 1) / (n * (n + 1)))


def _changes(values: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """The change over each window, and whether it exceeds its noise."""
    change, error = np.array([trend(part) for part in np.lib.stride_tricks.sliding_window_view(values, window)]).T
    return change, np.abs(change) > NOISE * error


def _ranges(flagged: np.ndarray, window: int) -> list[tuple[int, int]]:
    """First and last row of each run of flagged windows; runs that overlap or touch are one."""
    ranges: list[tuple[int, int]] = []
    for start in np.flatnonzero(flagged):
        end = int(start) + window - 1
        if ranges and start <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((int(start), end))
    return ranges


def _told(log: pd.DataFrame, columns: list[str], start: int, end: int) -> str:
    """How columns move over some rows: the median of the first and of the last quarter."""
    quarter = max(1, (end - start + 1) // 4)
    part = log.iloc[start : end + 1]
    ends = [(part[c].iloc[:quarter].median(), part[c].iloc[-quarter:].median()) for c in columns]
    return "; ".join(f"{c} {a:.3g} to {b:.3g}" for c, (a, b) in zip(columns, ends, strict=True))


def find_hacking(log: pd.DataFrame, accuracy: str | None = None, window: int = WINDOW) -> pd.DataFrame:
    """Findings of a training log (as ``training.CsvLog`` writes it), one line each.

    Columns: ``finding``, ``first_step``, ``last_step``, ``evidence``. ``accuracy``: the column that says how often
    the completions were right; by default the first of ``ACCURACY`` that is there. Without one only
    collapsed variance is looked for. ``window``: steps over which a trend is judged; a short one takes noise for
    a trend. Raises ``CourseError`` for a log that is too short or lacks the column.
    """
    components = reward_columns(log)
    log = log.dropna(subset=["reward"]).reset_index(drop=True)
    if len(log) < FEWEST:
        raise CourseError(f"a log of {len(log)} steps is too short to be judged: {FEWEST} are needed")
    if accuracy is not None and accuracy not in log:
        raise CourseError(f"the log has no column {accuracy!r}; it has: {', '.join(log.columns)}")
    accuracy = accuracy or next((name for name in ACCURACY if name in log), None)
    window = min(window, len(log))

    def values(column: str) -> np.ndarray:
        return log[column].astype(float).interpolate(limit_direction="both").fillna(0.0).to_numpy()

    def means(column: str) -> np.ndarray:
        return np.lib.stride_tricks.sliding_window_view(values(column), window).mean(axis=1)

    solved = means(accuracy) >= SOLVED if accuracy else False
    flags = {(VARIANCE, "frac_reward_zero_std"): (means("frac_reward_zero_std") >= COLLAPSED) & ~np.array(solved)}
    if accuracy:
        right, sure = _changes(values(accuracy), window)
        level = means(accuracy)
        falls = sure & (right <= -FALLEN)
        flat = (right < np.minimum(MOVED, ROOM * (1 - level))) & (level < SOLVED)
        length, sure = _changes(values("mean_length"), window)
        longer = sure & (length >= LONGER * np.maximum(1.0, means("mean_length") - length / 2))
        flags[LENGTH, "mean_length"] = longer & flat
        for name in ["reward", *(c for c in components if c != accuracy)]:
            finding, least = (REWARD, RISEN) if name == "reward" else (COMPONENT.format(name), COMPONENT_RISEN)
            change, sure = _changes(values(name), window)
            flags[finding, name] = sure & (change >= least * max(np.abs(values(name)).max(), 1e-9)) & falls
    findings = [
        {
            "finding": finding,
            "first_step": int(log["step"].iloc[start]),
            "last_step": int(log["step"].iloc[end]),
            "evidence": _told(log, [column, *([accuracy] if accuracy else [])], start, end),
        }
        for (finding, column), flagged in flags.items()
        for start, end in _ranges(flagged, window)
    ]
    return pd.DataFrame(findings, columns=["finding", "first_step", "last_step", "evidence"])
