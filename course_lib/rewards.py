"""Suites: rewards with weights that sum to a stated total. The named ones follow public recipes, hardened.

The rewards themselves are in ``reward_functions.py`` and can be imported from here too.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from course_lib.errors import SettingError
from course_lib.prompts import Tags
from course_lib.reward_functions import (
    approximate_format_reward,
    block_format_reward,
    coherence_reward,
    correctness_depth_reward,
    correctness_reward,
    efficiency_reward,
    format_reward,
    integer_reward,
    lenient_format_reward,
    mc_reward,
    number_extraction_reward,
    partial_correctness_reward,
    rubric_reward,
)
from course_lib.rubrics import Judge

Reward = Callable[..., "list[float | None]"]
ALL_KINDS = ("number", "choice", "rubric")


@dataclass(frozen=True)
class Suite:
    """Rewards with their weights; a completion's total reward is the weighted sum.

    ``kinds``: the kinds of answers (see ``grading.KINDS``) that the suite as a whole is made for. ``tags`` and
    ``judge``: what the rewards were bound to, ``None`` for the course's tags and no judge.
    """

    name: str
    rewards: tuple[Reward, ...]
    weights: tuple[float, ...]
    total: float
    kinds: tuple[str, ...] = ALL_KINDS
    tags: Tags | None = None
    judge: Judge | None = None

    def __post_init__(self) -> None:
        if len(self.rewards) != len(self.weights):
            raise SettingError(f"suite {self.name}: {len(self.rewards)} rewards, {len(self.weights)} weights")
        if len(set(self.names)) != len(self.names):
            raise SettingError(f"suite {self.name}: two rewards have one name; the log could not tell them apart")
        if not abs(sum(self.weights) - self.total) <= 1e-9:  # so that nan is caught too
            raise SettingError(f"suite {self.name}: the weights sum to {sum(self.weights):g}, not {self.total:g}")

    @property
    def names(self) -> tuple[str, ...]:
        """The rewards' names, as in the training log."""
        return tuple(reward.__name__ for reward in self.rewards)

    def components(self, completions, **columns) -> dict[str, list[float | None]]:
        """Each reward's raw values, by its name."""
        return {f.__name__: f(completions=completions, **columns) for f in self.rewards}

    def totals(self, completions, **columns) -> list[float | None]:
        """The weighted sum of each completion, without what is ``None``; ``None`` if every reward is."""
        rows = zip(*self.components(completions, **columns).values(), strict=True)
        return [weighted_sum(row, self.weights) for row in rows]


def columns_of(rows: Sequence[Mapping]) -> dict[str, list]:
    """Rows of a task as the keywords that TRL hands to a reward: one list a column, ``prompts`` for ``prompt``."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {"prompts" if name == "prompt" else name: [row.get(name) for row in rows] for name in names}


def weighted_sum(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """The sum that TRL makes: what is ``None`` is left out."""
    known = [w * v for w, v in zip(weights, values, strict=True) if v is not None]
    return sum(known) if known else None


SUITES = {
    suite.name: suite
    for suite in (
        Suite("starter", (correctness_reward, format_reward), (1.0, 0.5), total=1.5),
        Suite(
            "basic",
            (correctness_reward, integer_reward, format_reward, lenient_format_reward),
            (2.0, 0.5, 0.5, 0.5),
            total=3.5,
            kinds=("number",),
        ),
        Suite(
            "tunix",
            (format_reward, approximate_format_reward, partial_correctness_reward, number_extraction_reward),
            (3.0, 2.0, 3.0, 1.5),
            total=9.5,
            kinds=("number",),
        ),
        Suite("rubric", (rubric_reward, format_reward), (1.0, 0.5), total=1.5, kinds=("rubric",)),
        Suite(
            "four_component",
            (block_format_reward, coherence_reward, correctness_depth_reward, efficiency_reward),
            (0.25, 0.20, 0.55, 0.0),
            total=1.0,
        ),
        Suite("multiple_choice", (mc_reward, format_reward), (1.0, 0.5), total=1.5, kinds=("choice",)),
    )
}
WEIGHTINGS = {
    # A right answer that is read outweighs the most coherent wrong one in both.
    "four_component": {"math": (0.25, 0.20, 0.55, 0.0), "explanation": (0.20, 0.30, 0.50, 0.0)},
}


def _bind(reward: Reward, settings: dict) -> Reward:
    """The reward with settings, under its own name."""

    @functools.wraps(reward)
    def bound(*args, **columns):
        return reward(*args, **columns, **settings)

    return bound


def get_suite(
    name: str,
    weights: str | Mapping[str, float] | Sequence[float] | None = None,
    tags: Tags | None = None,
    judge: Judge | None = None,
) -> Suite:
    """The suite of that name.

    ``weights``: the name of a weighting (``WEIGHTINGS``), the weights in order, or some of them by the reward's
    name; they must sum to the suite's total. ``tags``: other tags than the course's. ``judge``: decides the
    principles of a rubric. Raises ``SettingError`` for an unknown name or weights that do not fit.
    """
    if name not in SUITES:
        raise SettingError(f"unknown reward suite {name!r}; choose one of: {', '.join(SUITES)}")
    suite = SUITES[name]
    if isinstance(weights, str):
        known = WEIGHTINGS.get(name, {})
        if weights not in known:
            raise SettingError(f"suite {name} has no weighting {weights!r}; it has: {', '.join(known) or 'none'}")
        weights = known[weights]
    elif isinstance(weights, Mapping):
        if unknown := set(weights) - set(suite.names):
            raise SettingError(f"suite {name} has no reward {min(unknown)!r}; it has: {', '.join(suite.names)}")
        weights = [weights.get(reward, old) for reward, old in zip(suite.names, suite.weights, strict=True)]
    if weights is not None:
        suite = replace(suite, weights=tuple(weights))
    settings = {key: value for key, value in (("tags", tags), ("judge", judge)) if value is not None}
    if settings:
        suite = replace(suite, rewards=tuple(_bind(reward, settings) for reward in suite.rewards), **settings)
    return suite
