"""Whatever stands in a completion, the grader gives a grade: Hypothesis' texts, and a megabyte of anything.

The checks are those of tools/fuzz_grader.py, which `make fuzz` runs for longer.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from course_lib.grading import grade, number_within, read_number
from course_lib.prompts import format_completion
from course_lib.rubrics import grade_rubric, read_rubric
from fuzz_grader import FRAGMENTS, GOLDS, NASTY, check

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # surrogates too
PIECES = st.lists(st.sampled_from(FRAGMENTS) | ANY_TEXT, max_size=30).map("".join)
TAGGED = st.builds(format_completion, PIECES, PIECES)
TEXTS = ANY_TEXT | PIECES | TAGGED
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=5) | TEXTS
KEYS = st.sampled_from(["role", "content", "text", "type"])
MESSAGES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner, max_size=3),
)

# The same examples every time; make fuzz looks for new ones.
fuzz = settings(max_examples=500, derandomize=True, database=None, deadline=None)


@fuzz
@given(TEXTS, st.booleans())
@example("<answer>" + "9" * 5000 + "</answer>", True)
@example("<answer>[" * 3000, True)
def test_any_text(text, ended):
    check(text, ended)


@fuzz
@given(MESSAGES)
def test_any_messages(completion):
    check(completion)


@fuzz
@given(TEXTS)
def test_any_text_inside_the_answer_tags(text):
    check(format_completion("so", text))


@fuzz
@given(st.text("0123456789.,/-+ $%\u2212٣", max_size=12) | TEXTS)
def test_a_number_that_is_read_is_itself_a_number(text):
    number = read_number(text)
    if number is not None and len(text) < 99:
        assert read_number(str(number)) == number and number_within(text, number, 0.0)


@fuzz
@given(st.lists(TEXTS, max_size=5))
def test_any_rubric_is_read_or_refused(lines):
    """A rubric is data: it may be refused, clearly, but what is read grades every answer."""
    try:
        criteria = read_rubric("\n".join(lines)) + read_rubric([line + " [Hard Rule]" for line in lines])
    except ValueError:
        return
    found = grade_rubric("apples, plums.", criteria)
    assert found.score is None or 0.0 <= found.score <= 1.0


@pytest.mark.parametrize("task, gold, options", GOLDS)
@pytest.mark.parametrize("piece", NASTY)
def test_a_megabyte_of_anything_is_graded(piece, task, gold, options):
    text = piece * (1_000_000 // len(piece))
    assert not grade(text, gold, task=task, options=options).correct
    assert not grade(format_completion("x", text), gold, task=task, options=options).correct
