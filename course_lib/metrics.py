"""What the graded answers of an evaluation say: rates, pairs, components, several seeds.

All of it is worked out from the tables of ``evaluation.evaluate`` (or their saved copies), so that older tables can be
asked new questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from course_lib.analysis import score
from course_lib.errors import CourseError, DataError
from course_lib.grading import kind_of, number_within
from course_lib.prompts import split_options
from course_lib.rewards import Suite
from course_lib.statistics import bootstrap_mean, mcnemar_exact, mean_of_runs, paired_difference, wilson

CHANGES = {(False, True): "fixed", (True, False): "broken", (False, False): "still wrong", (True, True): "still right"}
TOLERANCE = 0.1  # an answer within 10 % of the gold is near
MOST_PARTS = 4  # of a breakdown by the question's length
COVERS = (
    "The intervals are t-intervals over training seeds: they cover the draw of the training run (its problems, "
    "their order, its samples) on the same held-out problems, not the draw of those problems."
)


def _one_each(*tables: pd.DataFrame) -> None:
    if any("sample" in table and (table["sample"] > 0).any() for table in tables):
        raise DataError(
            "several samples of one question are not independent, so this would claim too much: keep one sample each, "
            "or ask pass_and_majority"
        )


def summarise(table: pd.DataFrame) -> dict:
    """Accuracy and format as rates with 95 % Wilson intervals, the mean score with a 95 % bootstrap interval
    (for a rubric, the share of it that is met; else the accuracy), and the mean length in tokens."""
    _one_each(table)
    n = len(table)
    right, formed = int(table["correct"].sum()), int(table["well_formed"].sum())
    scores = table["score"].dropna()  # a rubric of which nothing could be decided gives none
    return {
        "accuracy": right / n,
        "accuracy_interval": list(wilson(right, n)),
        "format": formed / n,
        "format_interval": list(wilson(formed, n)),
        "score": float(scores.mean()) if len(scores) else None,
        "score_interval": list(bootstrap_mean(scores)) if len(scores) else None,
        "mean_length": float(table["length"].mean()),
    }


def _pairs(before: pd.DataFrame, after: pd.DataFrame) -> list[tuple[bool, bool]]:
    """(right before, right after) for each question."""
    _one_each(before, after)
    if list(before["question"]) != list(after["question"]):
        raise CourseError("before and after were not measured on the same questions in the same order")
    return list(zip(before["correct"].astype(bool), after["correct"].astype(bool), strict=True))


def compare(before: pd.DataFrame, after: pd.DataFrame) -> dict:
    """Paired comparison on the same questions: ``fixed``, ``broken``, unchanged counts, exact McNemar p, and the
    ``difference`` of the two accuracies with its 95 % interval (paired bootstrap).

    Raises ``CourseError`` when the questions differ.
    """
    pairs = _pairs(before, after)
    fixed, broken = pairs.count((False, True)), pairs.count((True, False))
    difference, *interval = paired_difference(*zip(*pairs, strict=True))
    return {
        "fixed": fixed,
        "broken": broken,
        "both_right": pairs.count((True, True)),
        "both_wrong": pairs.count((False, False)),
        "p": mcnemar_exact(fixed, broken),
        "difference": difference,
        "difference_interval": interval,
    }


def changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Question by question: ``change`` (one of ``CHANGES``), ``question``, ``gold``, and what stood ``before`` and
    ``after``. Select a kind, for instance ``found[found["change"] == "broken"]``."""
    return pd.DataFrame(
        {
            "change": [CHANGES[pair] for pair in _pairs(before, after)],
            "question": before["question"],
            "gold": before["gold"],
            "before": before["completion"],
            "after": after["completion"],
        }
    )


def answers(table: pd.DataFrame) -> list[str | None]:
    """The answers as read; ``None`` for a completion without one."""
    return [None if pd.isna(answer) else str(answer) for answer in table["answer"]]


def near(table: pd.DataFrame, task: str) -> pd.Series | None:
    """Whether each answer is within 10 % of the gold (a right one is); ``None`` where no number is asked for."""
    if kind_of(task) != "number":
        return None
    found = [number_within(said, gold, TOLERANCE) for said, gold in zip(answers(table), table["gold"], strict=True)]
    return pd.Series(found, index=table.index)


def component_scores(table: pd.DataFrame, suite: Suite, task: str) -> pd.DataFrame:
    """The raw value of each reward for each completion (NaN for what is left out), and ``total``, the weighted sum."""
    asked = [split_options(q) if kind_of(task) == "choice" else (q, None) for q in table["question"]]
    passages = table["passage"] if "passage" in table else [None] * len(table)
    rows = [
        {"passage": passage, "question": question, "options": options, "answer": gold, "task": task}
        for passage, (question, options), gold in zip(passages, asked, table["gold"], strict=True)
    ]
    return score(suite, list(table["completion"]), rows, list(table["ended"])).set_axis(table.index)


def components(before: pd.DataFrame, after: pd.DataFrame, suite: Suite, task: str) -> pd.DataFrame:
    """Where the reward's gain comes from: one line a component, then ``composite``.

    Columns: ``weight``, the means ``before`` and ``after`` (of raw values; what is left out counts as 0), ``gain`` with
    its 95 % interval ``low`` to ``high`` (paired bootstrap). The composite is the weighted sum of the others.
    """
    was, now = (component_scores(table, suite, task).fillna(0.0) for table in (before, after))
    lines = {}
    for name, weight in zip(suite.names, suite.weights, strict=True):
        gain, low, high = paired_difference(was[name], now[name])
        lines[name] = [weight, was[name].mean(), now[name].mean(), gain, low, high]
    found = pd.DataFrame(lines, index=["weight", "before", "after", "gain", "low", "high"]).T
    _, low, high = paired_difference(was["total"], now["total"])
    sums = [sum(found["weight"] * found[name]) for name in ("before", "after", "gain")]
    found.loc["composite"] = [sum(suite.weights), *sums, low, high]
    return found


def by_length(table: pd.DataFrame) -> pd.DataFrame:
    """Accuracy by the length of the problem: by ``steps`` where the task counts them, else by the words of the question
    in up to four parts of like size. Columns: ``n``, ``accuracy``, ``low``, ``high`` (Wilson)."""
    if "steps" in table and table["steps"].notna().all():
        parts = table["steps"].astype(int).rename("steps")
    else:
        words = table["question"].str.split().str.len()
        parts = pd.qcut(words, min(MOST_PARTS, words.nunique()), duplicates="drop")
        parts = parts.map(lambda part: f"{int(np.floor(part.left)) + 1}-{int(np.floor(part.right))}").rename("words")
    right = table["correct"].groupby(parts, observed=True).agg(["size", "sum"])
    ends = [wilson(int(k), int(n)) for n, k in right.to_numpy()]
    return pd.DataFrame(
        {"n": right["size"], "accuracy": right["sum"] / right["size"], "low": [e[0] for e in ends],
         "high": [e[1] for e in ends]}
    )  # fmt: skip


def details(before: Mapping, after: Mapping, suite: Suite | None, task: str) -> dict:
    """All that the tables say beyond ``results.json``, ready for JSON. ``before`` and ``after``: strategy to table.

    For each strategy: ``paired`` (see ``compare``), ``near`` with intervals (numbers only), ``by_length``, and
    ``components`` of the suite (``None`` for a suite that is not known here).
    """
    found = {}
    for strategy in before:
        was, now = before[strategy], after[strategy]
        sides = {"before": was, "after": now}
        parts = components(was, now, suite, task).rename_axis("name").reset_index() if suite else None
        found[strategy] = {
            "paired": compare(was, now),
            "near": {w: _rate(near(t, task)) for w, t in sides.items()} if kind_of(task) == "number" else None,
            "by_length": {when: by_length(table).reset_index().to_dict("records") for when, table in sides.items()},
            "components": None if parts is None else parts.to_dict("records"),
        }
    return found


def _rate(flags: pd.Series) -> dict:
    return {"rate": float(flags.mean()), "interval": list(wilson(int(flags.sum()), len(flags)))}


def over_seeds(results: Sequence[dict]) -> pd.DataFrame:
    """Several training runs of one setting (``evaluation.results`` with different seeds) as one table.

    Index: strategy and measure. Columns: ``base`` and ``trained``, means over the runs; ``lowest`` and ``highest``
    trained run; ``low`` to ``high``, the 95 % t-interval of ``trained``: see ``COVERS`` for what it covers.
    Raises ``CourseError`` for runs of different settings or with one seed, ``SettingError`` for a single run.
    """
    same = {(r["task"], r["preset"], r["model"], r["n"], r["steps"]) for r in results}
    if len(same) != 1 or len({r["seed"] for r in results}) != len(results):
        raise CourseError("these are not runs of one setting with different seeds: compare like with like")
    rubric, lines = kind_of(results[0]["task"]) == "rubric", {}
    for strategy in results[0]["after"]:
        for measure in ("accuracy", "format", "score") if rubric else ("accuracy", "format"):
            base, trained = ([r[when][strategy][measure] for r in results] for when in ("before", "after"))
            if None in base + trained:
                continue
            mean, low, high = mean_of_runs(trained)
            ends = {"lowest": min(trained), "highest": max(trained), "low": max(0.0, low), "high": min(1.0, high)}
            lines[strategy, measure] = {"base": float(np.mean(base)), "trained": mean, **ends}
    return pd.DataFrame(lines).T.rename_axis(["strategy", "measure"])
