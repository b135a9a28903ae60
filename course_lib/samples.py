"""Several samples of each problem: pass@k, maj@k, and how often the samples agree."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from course_lib.errors import DataError
from course_lib.grading import kind_of, read_number
from course_lib.metrics import answers
from course_lib.statistics import wilson


def pass_at_k(n: int, c: int, k: int) -> float:
    """The probability that k of n samples, drawn without putting back, hold one of the c right ones: unbiased for
    the chance that at least one of k tries is right (Chen et al. 2021)."""
    if not 0 <= c <= n or not 1 <= k <= n:
        raise DataError(f"pass@{k} of {n} samples with {c} right ones: k must be from 1 to n, c from 0 to n")
    return 1 - comb(n - c, k) / comb(n, k)


def vote_of(answer: str | None, kind: str) -> Hashable:
    """What counts as the same answer: a number's value, an option's letter, a text as it stands; ``None``: no vote."""
    if answer is None or kind != "number":
        return answer
    return read_number(answer)


def majority(votes: Sequence[Hashable], correct: Sequence[bool]) -> float:
    """1.0 if the most frequent answer is right, else 0.0. A tie counts by its share of right answers; completions
    without an answer that can be read (``None``) do not vote, and without any vote the answer is wrong."""
    count = {vote: list(votes).count(vote) for vote in votes if vote is not None}
    right = dict(zip(votes, correct, strict=True))
    first = [vote for vote in count if count[vote] == max(count.values())]
    return float(np.mean([right[vote] for vote in first])) if first else 0.0


def _by_problem(table: pd.DataFrame, task: str) -> list[tuple[list[Hashable], list[bool]]]:
    """(votes, correct) of each problem's samples. Raises ``DataError`` unless each has the same number."""
    if "problem" not in table or table.groupby("problem").size().nunique() != 1:
        raise DataError("give a table with the same number of samples for each problem: evaluate(..., samples=8)")
    votes = np.empty(len(table), dtype=object)
    votes[:] = [vote_of(answer, kind_of(task)) for answer in answers(table)]
    right = table["correct"].to_numpy(dtype=bool)
    return [(list(votes[at]), list(right[at])) for at in table.groupby("problem").indices.values()]


def pass_and_majority(table: pd.DataFrame, task: str, ks: Sequence[int] | None = None) -> pd.DataFrame:
    """pass@k and maj@k with 95 % intervals, one line for each k (1, 2, 4, ... if not given).

    ``table`` has several samples of each problem. *pass@k*: at least one of k samples is right; it needs someone who
    can tell which. *maj@k*: the most frequent answer of k samples is right; anyone can take it. maj@k is the mean over
    consecutive blocks of k samples, and missing for rubrics, whose texts hardly ever agree. The intervals are Wilson's
    with each problem counted once: a little too wide, and never of width 0.
    """
    problems = _by_problem(table, task)
    n = len(problems[0][0])
    lines = {}
    for k in ks or [2**i for i in range(n.bit_length()) if 2**i <= n]:
        cuts = [slice(start, start + k) for start in range(0, n - k + 1, k)]
        rates = {"pass": [pass_at_k(n, sum(correct), k) for _, correct in problems]}
        if kind_of(task) != "rubric":
            rates["maj"] = [np.mean([majority(votes[c], correct[c]) for c in cuts]) for votes, correct in problems]
        lines[k] = {}
        for name, values in rates.items():
            low, high = wilson(sum(values), len(values))
            lines[k] |= {name: float(np.mean(values)), f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(lines).T.rename_axis("k")


def agreement(table: pd.DataFrame, task: str) -> float:
    """How consistent several samples are: the share of pairs of samples of one problem that give the same answer.
    An answer that cannot be read agrees with none."""
    pairs = [pair for votes, _ in _by_problem(table, task) for pair in combinations(votes, 2)]
    if not pairs:
        raise DataError("agreement needs two or more samples of each problem")
    return float(np.mean([a is not None and a == b for a, b in pairs]))
