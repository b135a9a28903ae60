"""Every checker refuses answers that are known to be wrong, and says why.

Seen elsewhere: a checker that compared the answer with itself, and so accepted anything.
"""

from __future__ import annotations

import importlib
from math import comb

import numpy as np
import pytest

from course_lib.checkers import PARTS, part_exercises

AT_LEAST = 2


@pytest.fixture(autouse=True)
def lenient(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)


@pytest.mark.parametrize("part", PARTS)
def test_known_wrong_answers_are_incorrect(part):
    exercises = part_exercises(part)
    wrong = importlib.import_module(f"known_wrong.part_{part}").WRONG
    assert exercises, f"part {part} has no exercises"
    assert not wrong.keys() - exercises.keys(), "wrong answers to exercises that do not exist"
    few = [name for name in exercises if len(wrong.get(name, [])) < AT_LEAST]
    assert not few, f"fewer than {AT_LEAST} known-wrong answers: {few}"
    problems = []
    for name, table in wrong.items():
        for label, answer, fragment in table:
            result = exercises[name].check(answer)
            if result.state != "incorrect" or not fragment or fragment not in result.message:
                problems.append(f"{name}, {label}: expected '{fragment}', got {result}")
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("part", PARTS)
def test_nothing_passes_that_knows_nothing(part):
    """An object of no type that a checker knows is never correct, nor is a function that returns one."""
    for name, exercise in part_exercises(part).items():
        for answer in (object(), lambda *args, **kwargs: object()):
            assert exercise.check(answer).state == "incorrect", name


def test_right_answers_may_be_numpys():
    """What a learner's numpy returns counts as the number that it is."""
    part = part_exercises(7)
    needed, chance = part["part_7.problems_needed"], part["part_7.pass_at_k"]

    def smallest(half_width):
        n = np.arange(2, 5000, 2)
        return n[1.959963984540054 / (2 * np.sqrt(n + 1.959963984540054**2)) <= half_width][0]

    assert isinstance(smallest(0.1), np.integer) and needed.check(smallest).state == "correct"
    assert chance.check(lambda n, c, k: np.float32(1 - comb(n - c, k) / comb(n, k))).state == "correct"


@pytest.mark.parametrize("part", PARTS)
def test_stubs_are_not_attempted(part):
    for name, exercise in part_exercises(part).items():
        assert exercise.check(...).state == "not attempted", name
        assert name.startswith(f"part_{part}.") and exercise.judge.__module__.endswith(f"part_{part}"), name
