"""Rewards in TRL's signature: ``f(completions=, **columns) -> list[float]``, one number per completion.

They work as they stand in TRL's ``GRPOTrainer``: completions arrive as strings or as lists of messages, and
every column of the dataset arrives as a keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from course_lib.errors import SettingError
from course_lib.grading import grade
from course_lib.prompts import EOS_IDS


def _ended(completion_ids: Sequence[Sequence[int]] | None, n: int) -> list[bool]:
    """Whether each completion ended by itself; without token ids, it is taken to have."""
    if completion_ids is None:
        return [True] * n
    return [len(ids) > 0 and ids[-1] in EOS_IDS for ids in completion_ids]


def _grades(completions, answer, task, completion_ids):
    n = len(completions)
    task = ["gsm8k"] * n if task is None else task
    ended = _ended(completion_ids, n)
    return [grade(c, a, task=t, ended=e) for c, a, t, e in zip(completions, answer, task, ended, strict=True)]


def format_reward(completions, answer, task=None, completion_ids=None, **_) -> list[float]:
    """1.0 for a completion that is exactly one reasoning block and one answer block, else 0.0."""
    return [float(g.well_formed) for g in _grades(completions, answer, task, completion_ids)]


def correctness_reward(completions, answer, task=None, completion_ids=None, **_) -> list[float]:
    """1.0 for the right answer in the answer tags, else 0.0."""
    return [float(g.correct) for g in _grades(completions, answer, task, completion_ids)]


@dataclass(frozen=True)
class Suite:
    """Rewards with their weights; a completion's total reward is the weighted sum."""

    name: str
    rewards: tuple[Callable[..., list[float]], ...]
    weights: tuple[float, ...]
    total: float

    def __post_init__(self) -> None:
        if len(self.rewards) != len(self.weights):
            raise SettingError(f"suite {self.name}: {len(self.rewards)} rewards, {len(self.weights)} weights")
        if abs(sum(self.weights) - self.total) > 1e-9:
            raise SettingError(f"suite {self.name}: the weights sum to {sum(self.weights)}, not {self.total}")


SUITES = {
    suite.name: suite for suite in (Suite("starter", (correctness_reward, format_reward), (1.0, 0.5), total=1.5),)
}


def get_suite(name: str) -> Suite:
    """The suite of that name. Raises ``SettingError`` for an unknown one."""
    if name not in SUITES:
        raise SettingError(f"unknown reward suite {name!r}; choose one of: {', '.join(SUITES)}")
    return SUITES[name]
