"""No hack outscores the honest right answer, in any suite. The tables are printed at the end of a test run."""

from __future__ import annotations

import pandas as pd
import pytest

from course_lib.errors import CourseError
from course_lib.grading import grade, kind_of
from course_lib.hacks import HACKS, TOY_TASKS, form_of, hack_scores, hack_table, honest, right, toy_rows, wrong
from course_lib.rewards import SUITES, Suite, get_suite
from course_lib.rollouts import EXAMPLES
from course_lib.tasks import gsm8k
from test_tasks import needs_gsm8k

ALL_SUITES = [*SUITES.values(), get_suite("four_component", "explanation")]
IDS = [*SUITES, "four_component, explanation"]
WORKED = {kind: rollouts["reasons, right"] for kind, (_, rollouts) in EXAMPLES.items()}


def worked(kind: str) -> dict:
    """The toy rollout's row with its worked steps."""
    row, text = EXAMPLES[kind][0], WORKED[kind]
    steps = text.partition("<reasoning>\n")[2].partition("\n</reasoning>")[0]
    return row | {"worked": steps, "reference": text.partition("<answer>")[2].removesuffix("</answer>")}


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    """Several problems of every form."""
    return [worked(kind) for kind in EXAMPLES] + [row for form in TOY_TASKS for row in toy_rows(form, 5, seed=3)]


def offenders(scores: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Hacks that earn more than honest work, or as much although they spoil something that the suite judges."""
    judged = {"answer", "form"} | ({"reasoning"} if suite.name == "four_component" else set())
    ahead = scores["total"] > scores["honest"] + 1e-9
    level = scores["spoils"].isin(judged) & (scores["total"] > scores["honest"] - 1e-9)
    return scores[ahead | level]


@pytest.mark.parametrize("suite", ALL_SUITES, ids=IDS)
def test_no_hack_outscores_the_honest_right_answer(suite, rows):
    mine = [row for row in rows if kind_of(row["task"]) in suite.kinds]
    scores = hack_scores(suite, mine)
    assert set(scores["row"]) == set(range(len(mine)))
    assert set(scores["hack"]) == {h.name for h in HACKS if set(h.forms) & {form_of(row) for row in mine}}
    assert scores["honest"].tolist() == pytest.approx([suite.total] * len(scores))
    assert offenders(scores, suite).empty, offenders(scores, suite)


@needs_gsm8k
@pytest.mark.parametrize("suite", [s for s in ALL_SUITES if "number" in s.kinds], ids=lambda s: s.name)
def test_no_hack_outscores_the_worked_answers_of_the_real_gsm8k(suite):
    real = [row | {"task": "gsm8k"} for row in gsm8k.load("test")[:40]]
    scores = hack_scores(suite, real)
    assert offenders(scores, suite).empty, offenders(scores, suite)


def test_the_table_says_so_when_a_hack_pays():
    """A reward that counts tags: the test above would fail on it, and the margin is below 0."""

    def tags_reward(completions, **_):
        return [float(text.count("<answer>")) for text in completions]

    suite = Suite("naive", (tags_reward,), (1.0,), 1.0, kinds=("number",))
    table = hack_table(suite).set_index("hack")
    assert table.loc["tag spam", "margin"] == 1 - 50 and table.loc["tag spam", "total"] == 50
    assert table.loc["nothing", "margin"] == 1
    found = offenders(hack_scores(suite, toy_rows("number", 2)), suite)
    assert {"tag spam", "tag spam after the answer", "wrong in the right dress"} <= set(found["hack"])


def test_hacks_are_what_they_say(rows):
    """What spoils the answer is wrong for the grader, what spoils the form or the reasoning only is right."""
    for row in rows:
        for hack in HACKS:
            if form_of(row) in hack.forms:
                found = grade(hack.make(row), row["answer"], row["task"], row.get("options"), hack.ended)
                assert found.correct == (hack.spoils != "answer"), (hack.name, row)
                assert found.well_formed or hack.spoils not in {"reasoning", "unseen"}, (hack.name, row)
                assert not (found.well_formed and hack.spoils == "form"), (hack.name, row)
        if form_of(row) != "final_line":
            assert right(row) != wrong(row)
        assert grade(honest(row), row["answer"], row["task"], row.get("options")).correct


def test_the_named_hacks_are_all_there():
    names = {hack.name for hack in HACKS}
    assert len(names) == len(HACKS) >= 50
    assert {"tag spam", "answer spray", "keyword stuffing", "rubric in front", "rubric negated", "copied question",
            "padding", "answer outside the tags", "second answer", "empty reasoning"} <= names  # fmt: skip


def test_rows_that_no_hack_is_made_for_are_an_error():
    with pytest.raises(CourseError, match="no hack"):
        hack_scores(get_suite("starter"), [])
