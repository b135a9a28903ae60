"""lm-evaluation-harness asks the same exported model the same questions and finds the same accuracy."""

from __future__ import annotations

import re
import sys

import pytest

import lm_eval_check
from course_lib.errors import CourseError
from course_lib.grading import grade
from course_lib.tasks import load_rows

N = 100


@pytest.mark.slow
@pytest.mark.skipif(not lm_eval_check.PYTHON.exists(), reason="the harness is not installed: make lm-eval")
def test_the_harness_finds_the_same(tmp_path):
    model = lm_eval_check.merge_reference(tmp_path / "merged")
    found = lm_eval_check.cross_check(model, load_rows("toy_math", "test", N, 0), tmp_path)
    assert len(found.table) == N and found.same_responses == 1.0
    assert found.disagreements.empty
    assert found.accuracy["harness"] == pytest.approx(found.accuracy["course"], abs=1e-12)
    assert 0.8 < found.accuracy["course"] < 1.0  # some are wrong, and both tools say which


@pytest.mark.parametrize(
    ("text", "harness", "course"),
    [
        ("<reasoning>\n1+1=2\n</reasoning>\n<answer>2</answer>", True, True),
        ("<answer> 2\n</answer>", True, True),
        ("The answer is 2.", False, False),
        ("<answer>3</answer>", False, False),
        ("<answer>3</answer> <answer>2</answer>", True, False),  # a second guess
        ("<answer>2</answer> <reasoning>", True, False),
        ("<answer>2.00</answer>", False, True),
    ],
)
def test_where_the_two_readings_differ(text, harness, course):
    """What the module's docstring says of them."""
    last = re.findall(lm_eval_check.ANSWER, text)[-1:]
    assert (last == ["2"], grade(text, "2", "toy_math").correct) == (harness, course)


def test_a_missing_or_failing_harness_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(lm_eval_check, "PYTHON", tmp_path / "none")
    with pytest.raises(CourseError, match="make lm-eval"):
        lm_eval_check.run_harness(tmp_path, [], tmp_path)
    monkeypatch.setattr(lm_eval_check, "PYTHON", lm_eval_check.Path(sys.executable))  # it has no lm_eval
    with pytest.raises(CourseError, match="No module named lm_eval"):
        lm_eval_check.run_harness(tmp_path, [], tmp_path)
