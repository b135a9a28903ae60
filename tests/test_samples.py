"""Several samples of a problem: pass@k, maj@k and agreement, against counting by hand."""

from __future__ import annotations

from itertools import combinations

import pandas as pd
import pytest

from course_lib.errors import DataError
from course_lib.samples import agreement, majority, pass_and_majority, pass_at_k


def table(*problems):
    """Problems as lists of (answer, right)."""
    rows = [
        {"problem": i, "sample": j, "answer": answer, "correct": right}
        for i, samples in enumerate(problems)
        for j, (answer, right) in enumerate(samples)
    ]
    return pd.DataFrame(rows)


def test_pass_at_k_is_counted_out():
    for n, c, k in [(8, 3, 4), (5, 0, 2), (5, 5, 1), (6, 2, 5), (4, 1, 4)]:
        choices = list(combinations([1] * c + [0] * (n - c), k))
        assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, choices)) / len(choices))
    for wrong in [(4, 5, 1), (4, 1, 5), (4, 1, 0)]:
        with pytest.raises(DataError, match="k must be from 1 to n"):
            pass_at_k(*wrong)


def test_the_majority_decides_and_ties_are_shared():
    assert majority([3, 3, 5], [True, True, False]) == 1.0
    assert majority([3, 5, 5], [True, False, False]) == 0.0
    assert majority([3, 3, 5, 5], [True, True, False, False]) == 0.5
    assert majority([None, None, 7], [False, False, True]) == 1.0, "what cannot be read does not vote"
    assert majority([None, None], [False, False]) == 0.0


def test_pass_and_majority_are_not_the_same():
    # The right answer once among guesses; twice as often right as wrong; one number in two ways of writing.
    found = pass_and_majority(
        table(
            [("9", True), ("1", False), ("1", False), (None, False)],
            [("2", True), ("2", True), ("3", False), ("2", True)],
            [("18", True), ("$18.00", True), ("7", False), ("7.5", False)],
        ),
        "toy_math",
    )
    assert list(found.index) == [1, 2, 4]
    assert found.at[1, "pass"] == found.at[1, "maj"] == pytest.approx((0.25 + 0.75 + 0.5) / 3)
    assert found.at[4, "pass"] == 1.0 and found.at[4, "maj"] == pytest.approx(2 / 3)
    assert found.at[2, "maj"] == pytest.approx(((0.5 + 0) / 2 + (1 + 0.5) / 2 + (1 + 0) / 2) / 3)
    assert (found["pass_low"] < found["pass"]).all() and found.at[4, "pass_high"] == pytest.approx(1.0)
    assert found.at[4, "pass_low"] < 0.5, "three problems prove little"


def test_choices_vote_by_letter_and_rubrics_do_not_vote():
    samples = table([("B", True), ("B", True), ("A", False), ("C", False)])
    assert pass_and_majority(samples, "toy_choice", [4]).at[4, "maj"] == 1.0
    assert "maj" not in pass_and_majority(samples, "toy_rubric", [4])


def test_agreement_counts_pairs():
    samples = table([("5", True), ("5.0", True), ("6", False)], [(None, False), (None, False), ("1", True)])
    assert agreement(samples, "toy_math") == pytest.approx(1 / 6)
    with pytest.raises(DataError, match="two or more"):
        agreement(table([("5", True)]), "toy_math")


def test_unequal_numbers_of_samples_are_refused():
    with pytest.raises(DataError, match="same number of samples"):
        pass_and_majority(table([("1", True)], [("1", True), ("2", False)]), "toy_math")
    with pytest.raises(DataError, match="same number of samples"):
        agreement(pd.DataFrame({"answer": ["1"], "correct": [True]}), "toy_math")
