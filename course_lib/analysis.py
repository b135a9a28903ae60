"""What a suite makes of completions: one completion taken apart, several compared, a batch with warnings, and
what would change if the weights did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from course_lib.errors import DataError
from course_lib.prompts import EOS_IDS
from course_lib.reward_functions import cases
from course_lib.rewards import Suite, columns_of

BAR_WIDTH = 20  # characters for the suite's total
COLLAPSED = 0.75  # this share of groups without any difference, or more, is too much
LOW_FORMAT = 0.5
RULING = 0.9  # of the variance within groups from one component
FACTORS = (0.0, 0.5, 1.0, 2.0, 4.0)
SAME = 1e-9  # totals closer than this are equal
ASKED = ("passage", "question", "options")  # what makes two rows one problem


@dataclass(frozen=True)
class BatchReport:
    """``table``: one line a component, and the total. ``warnings``: what to look at, in words."""

    table: pd.DataFrame
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([self.table.round(3).to_string(), *(f"Warning: {text}" for text in self.warnings)])


def trl_columns(rows: Sequence[dict], ended: Sequence[bool] | None = None) -> dict[str, list]:
    """The rows as TRL's columns, with token ids that say whether each completion ended by itself."""
    ids = {} if ended is None else {"completion_ids": [[EOS_IDS[0] if e else 0] for e in ended]}
    return columns_of(rows) | ids


def score(
    suite: Suite, completions: Sequence, rows: Sequence[dict], ended: Sequence[bool] | None = None
) -> pd.DataFrame:
    """Raw components (NaN for what a reward left out) and ``total``, one line a completion."""
    if not completions or len(completions) != len(rows):
        raise DataError(f"{len(completions)} completions and {len(rows)} rows: give one row for each completion")
    table = pd.DataFrame(suite.components(list(completions), **trl_columns(rows, ended)), dtype=float)
    return table.assign(total=table.mul(list(suite.weights)).sum(axis=1))


def group_of(rows: Sequence[dict]) -> np.ndarray:
    """Numbers of the groups: completions of one problem belong together."""
    return pd.factorize(pd.Series([str([row.get(name) for name in ASKED]) for row in rows]))[0]


def advantages(totals: pd.Series, groups: Sequence[int]) -> pd.Series:
    """(reward - mean) / (standard deviation + 1e-4) within each group, as in TRL; 0 where nothing differs."""
    grouped = totals.groupby(np.asarray(groups))
    return (totals - grouped.transform("mean")) / (grouped.transform("std").fillna(0.0) + 1e-4)


def bar(value: float, full: float) -> str:
    """A bar of text: ``full`` fills it, and a value below 0 is drawn with other signs."""
    if np.isnan(value):
        return "left out"
    return ("█" if value > 0 else "▒") * round(BAR_WIDTH * min(1.0, abs(value) / full))


class RewardAnalyzer:
    """Takes the rewards of one suite apart."""

    def __init__(self, suite: Suite):
        self.suite = suite

    def breakdown(self, completion, row: dict, ended: bool = True) -> pd.DataFrame:
        """One line a component and one for the total: ``raw``, ``weight``, ``weighted``, ``bar``.

        A full bar is the suite's total; a reward that has nothing to say is left out (NaN).
        """
        values = score(self.suite, [completion], [row], [ended]).iloc[0]
        table = pd.DataFrame({"raw": values[:-1], "weight": self.suite.weights})
        table["weighted"] = table["raw"] * table["weight"]
        table.loc["total"] = [np.nan, sum(self.suite.weights), values["total"]]
        return table.assign(bar=[bar(value, self.suite.total) for value in table["weighted"]])

    def compare(self, completions: Mapping[str, object] | Sequence, row: dict) -> pd.DataFrame:
        """Several completions of one question: raw components, ``total``, ``advantage`` in the group that they form.

        ``completions``: by name, or in a list.
        """
        named = completions if isinstance(completions, Mapping) else dict(enumerate(completions))
        table = score(self.suite, list(named.values()), [row] * len(named))
        table["advantage"] = advantages(table["total"], [0] * len(table))
        return table.set_axis(list(named))

    def batch_report(
        self, completions: Sequence, rows: Sequence[dict], ended: Sequence[bool] | None = None
    ) -> BatchReport:
        """A batch of completions with a row each, those of one question being a group.

        Table: ``weight``; ``mean``, ``std``, ``min``, ``max`` of the raw values; ``left_out``, the share that is
        None; ``share``, the component's part in the variance of the weighted rewards within groups.
        """
        scores, groups = score(self.suite, completions, rows, ended), group_of(rows)
        table = scores.agg(["mean", "std", "min", "max"]).T
        table.insert(0, "weight", [*self.suite.weights, self.suite.total])
        table["left_out"] = scores.isna().mean()
        weighted = scores[list(self.suite.names)] * list(self.suite.weights)
        within = weighted.groupby(groups).var(ddof=0).mean().fillna(0.0)
        table["share"] = within / within.sum() if within.sum() > 0 else np.nan
        formed = np.mean(
            [case.grade.well_formed for case in cases(completions, **trl_columns(rows, ended), tags=self.suite.tags)]
        )
        return BatchReport(table, tuple(self._warnings(table, scores["total"], groups, formed)))

    def _warnings(self, table: pd.DataFrame, totals: pd.Series, groups: np.ndarray, formed: float):
        names = list(self.suite.names)
        for name in names:
            if table.at[name, "left_out"] == 1 and table.at[name, "weight"] > 0:
                yield f"{name} had nothing to say about any completion: is this suite made for this task?"
        grouped = totals.groupby(groups)
        if grouped.size().max() < 2:
            yield "no question has two completions, so nothing can be said about differences within groups."
        else:
            flat = (grouped.max() - grouped.min()) < SAME
            top = grouped.min() >= self.suite.total - SAME
            if (flat & top).mean() >= COLLAPSED:
                yield f"{(flat & top).mean():.0%} of the groups earn everything there is: nothing is left to learn."
            elif flat.mean() >= COLLAPSED:
                yield f"variance has collapsed: in {flat.mean():.0%} of the groups all completions earn the same."
        if formed < LOW_FORMAT:
            yield f"low format: {formed:.0%} of the completions are well formed."
        rules = table.loc[names, "share"].idxmax() if table["share"].notna().any() else None
        if rules and table.at[rules, "share"] >= RULING and sum(w > 0 for w in self.suite.weights) > 1:
            yield f"{rules} rules: it makes {table.at[rules, 'share']:.0%} of the variance within groups."


def weight_sensitivity(
    suite: Suite, completions: Sequence, rows: Sequence[dict], factors: Sequence[float] = FACTORS
) -> pd.DataFrame:
    """What changes inside the groups when one weight at a time is multiplied by a factor.

    One line for each component and factor. ``weight``: the moved weight; one of 0 becomes the factor times the
    mean weight. ``best_changes``: the share of groups whose best completion is another one. ``swapped``: the
    share of pairs within a group whose order turns round. ``sign_changes``: the share of advantages
    that change sign. ``wrong_ahead``: the share of pairs of a right and a wrong completion in which the wrong one
    earns more. Only ratios of weights matter for advantages, so moved weights need not sum to the total.
    """
    scores, groups = score(suite, completions, rows), group_of(rows)
    correct = np.array([case.grade.correct for case in cases(completions, **columns_of(rows), tags=suite.tags)])
    members = [np.flatnonzero(groups == g) for g in range(groups.max() + 1)]
    raw = scores[list(suite.names)].fillna(0.0).to_numpy()
    weights = np.array(suite.weights, dtype=float)
    lines = []
    for i, name in enumerate(suite.names):
        for factor in factors:
            moved = weights.copy()
            moved[i] = factor * (weights[i] or weights.mean())
            changes = _changes(raw @ weights, raw @ moved, members, correct)
            lines.append({"component": name, "factor": factor, "weight": moved[i], **changes})
    return pd.DataFrame(lines)


def _sign(difference: np.ndarray) -> np.ndarray:
    return np.where(abs(difference) < SAME, 0, np.sign(difference))


def _changes(before: np.ndarray, after: np.ndarray, members: list[np.ndarray], correct: np.ndarray) -> dict[str, float]:
    best, swapped, pairs, signs, ahead, mixed = 0, 0, 0, 0, 0, 0
    for group in members:
        was, now, right = before[group], after[group], correct[group]
        best += not ((was > was.max() - SAME) & (now > now.max() - SAME)).any()
        order = _sign(now[:, None] - now)
        swapped += int((_sign(was[:, None] - was) * order < 0).sum())
        pairs += len(group) * (len(group) - 1)
        signs += int((_sign(was - was.mean()) * _sign(now - now.mean()) < 0).sum())
        ahead += int((order[~right][:, right] > 0).sum())
        mixed += int(right.sum() * (~right).sum())
    return {
        "best_changes": best / len(members),
        "swapped": swapped / max(1, pairs),
        "sign_changes": signs / len(before),
        "wrong_ahead": ahead / max(1, mixed),
    }
