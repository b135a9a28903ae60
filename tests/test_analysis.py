"""Taking rewards apart: breakdown, comparison, batch report with its warnings, weight sensitivity, the debugger."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from course_lib.analysis import RewardAnalyzer, advantages, weight_sensitivity
from course_lib.debugger import WHY, RewardDebugger
from course_lib.errors import DataError
from course_lib.hacks import HACKS, TOY_TASKS, form_of, hack_table, honest, toy_rows
from course_lib.plots import compare_figure, hack_figure, sensitivity_figure
from course_lib.prompts import Tags, format_completion
from course_lib.rewards import SUITES, Suite, format_reward, get_suite
from course_lib.rollouts import EXAMPLES, ROLLOUTS

ROW = EXAMPLES["number"][0]
TEXTS = list(ROLLOUTS.values())
OTHER = ROW | {"question": "Leo has 20 pens. Leo finds 6 pens. How many pens are there now?"}
STARTER = RewardAnalyzer(get_suite("starter"))


def test_breakdown_of_one_completion():
    table = RewardAnalyzer(get_suite("tunix")).breakdown(ROLLOUTS["reasons, slips"], ROW)
    assert list(table.index) == [*get_suite("tunix").names, "total"]
    assert list(table.columns) == ["raw", "weight", "weighted", "bar"]
    assert table["weighted"].tolist() == pytest.approx([3.0, 2.0, 0.5, 0.0, 5.5])
    assert [len(bar) for bar in table["bar"]] == [6, 4, 1, 0, 12]  # of 20 characters for 9.5 points
    bad = RewardAnalyzer(get_suite("tunix")).breakdown(ROLLOUTS["no tags"], ROW)
    assert bad.loc["approximate_format_reward", "bar"] == "▒" * 4  # below nought


def test_breakdown_sees_a_completion_that_was_cut_off_and_rewards_left_out():
    assert STARTER.breakdown(TEXTS[0], ROW, ended=False).loc["format_reward", "raw"] == 0.0
    table = RewardAnalyzer(get_suite("rubric")).breakdown(TEXTS[0], ROW)
    assert np.isnan(table.loc["rubric_reward", "raw"]) and table.loc["rubric_reward", "bar"] == "left out"
    assert table.loc["total", "weighted"] == 0.5


def test_compare_shows_the_advantages_of_the_group():
    table = STARTER.compare(ROLLOUTS, ROW)
    assert list(table.index) == list(ROLLOUTS) and table["total"].tolist() == [1.5, 0.5, 1.0, 0.0]
    expected = (table["total"] - 0.75) / (table["total"].std() + 1e-4)
    assert table["advantage"].tolist() == pytest.approx(expected.tolist())
    assert list(STARTER.compare(TEXTS, ROW).index) == [0, 1, 2, 3]


def test_advantages_stay_within_groups():
    found = advantages(pd.Series([1.0, 0.0, 5.0, 5.0, 2.0]), [0, 0, 1, 1, 2])
    assert found.tolist() == pytest.approx([0.7070, -0.7070, 0.0, 0.0, 0.0], abs=1e-4)


def test_batch_report_of_a_healthy_batch():
    report = STARTER.batch_report(TEXTS[:3] * 2, [ROW] * 3 + [OTHER] * 3)
    table = report.table
    assert report.warnings == ()
    assert list(table.index) == ["correctness_reward", "format_reward", "total"]
    assert table["mean"].tolist() == pytest.approx([2 / 3, 2 / 3, 1.0])
    assert table["weight"].tolist() == [1.0, 0.5, 1.5] and (table["left_out"] == 0).all()
    assert table["share"].tolist()[:2] == pytest.approx([0.8, 0.2])  # equal variance, weights 1 and 0.5 squared
    assert "correctness_reward" in str(report)


def warnings(suite: str | Suite, texts: list[str], rows: list[dict], ended=None) -> str:
    suite = get_suite(suite) if isinstance(suite, str) else suite
    return " ".join(RewardAnalyzer(suite).batch_report(texts, rows, ended).warnings)


def test_batch_report_warns_of_collapsed_variance_within_groups():
    same = [TEXTS[0]] * 2 + [TEXTS[1]] * 2  # the groups differ, their completions do not
    assert "variance has collapsed: in 100%" in warnings("starter", same, [ROW] * 2 + [OTHER] * 2)
    assert "nothing is left to learn" in warnings("starter", [TEXTS[0]] * 4, [ROW] * 2 + [OTHER] * 2)
    half = [TEXTS[1], TEXTS[1], TEXTS[0], TEXTS[1]]
    assert "collapsed" not in warnings("starter", half, [ROW] * 2 + [OTHER] * 2)
    assert "no question has two completions" in warnings("starter", TEXTS[:2], [ROW, OTHER])


def test_groups_are_questions_with_their_options():
    row = EXAMPLES["choice"][0]
    turned = row | {"options": row["options"][1:] + row["options"][:1], "answer": "A"}
    told = warnings("multiple_choice", [format_completion("x", "B"), format_completion("x", "B")], [row, turned])
    assert "no question has two completions" in told


def test_batch_report_warns_of_low_format():
    assert "low format: 25%" in warnings("starter", [TEXTS[0], *TEXTS[2:], TEXTS[2]], [ROW] * 4)
    assert "low format: 0%" in warnings("starter", [TEXTS[0]] * 4, [ROW] * 4, [False] * 4)
    tags = Tags("thought", "result")
    other = [format_completion("12+5=17", answer, tags) for answer in ("26", "27")]
    assert "low format" not in warnings(get_suite("starter", tags=tags), other, [ROW] * 2)


def test_batch_report_warns_of_a_component_that_rules():
    wrong = format_completion("x", "1")
    assert "correctness_reward rules: it makes 100%" in warnings("starter", [TEXTS[0], wrong], [ROW] * 2)
    assert "rules" not in warnings(Suite("form", (format_reward,), (1.0,), 1.0), TEXTS, [ROW] * 4)  # it is alone


def test_batch_report_warns_of_a_reward_that_says_nothing():
    told = warnings("rubric", TEXTS, [ROW] * 4)
    assert "rubric_reward had nothing to say about any completion" in told


def test_completions_and_rows_must_match():
    with pytest.raises(DataError, match="2 completions and 1 rows"):
        STARTER.batch_report(TEXTS[:2], [ROW])
    with pytest.raises(DataError, match="0 completions"):
        STARTER.batch_report([], [])


def test_weight_sensitivity_on_the_toy_rollouts():
    table = weight_sensitivity(get_suite("starter"), TEXTS, [ROW] * 4).set_index(["component", "factor"])
    assert (table.xs(1.0, level="factor").drop(columns="weight") == 0).all().all()
    form = table.loc["format_reward"]
    # At four times its weight, form (2) outweighs correctness (1): the slip passes the blurted right answer.
    assert form.loc[2.0, "wrong_ahead"] == 0 and form.loc[4.0, "wrong_ahead"] == 0.25
    assert form.loc[4.0, "swapped"] == pytest.approx(2 / 12) and form.loc[4.0, "best_changes"] == 0
    assert form.loc[4.0, "sign_changes"] == 0.5
    assert table.loc[("correctness_reward", 0.0), "wrong_ahead"] == 0.25  # without it, form alone decides


def test_weight_sensitivity_sees_the_best_completion_change():
    suite = get_suite("starter")
    texts = [ROLLOUTS["blurts, right"], ROLLOUTS["reasons, slips"]]
    table = weight_sensitivity(suite, texts, [ROW] * 2, factors=(1.0, 4.0)).set_index(["component", "factor"])
    assert table.loc[("format_reward", 4.0), "best_changes"] == 1.0
    assert table.loc[("format_reward", 4.0), "swapped"] == 1.0
    assert table.loc[("format_reward", 1.0), "best_changes"] == 0.0


def test_a_weight_of_nought_is_tried_out_too():
    table = weight_sensitivity(get_suite("four_component"), TEXTS, [ROW] * 4).set_index(["component", "factor"])
    assert table.loc[("efficiency_reward", 4.0), "weight"] == pytest.approx(1.0)  # 4 times the mean weight


def test_figures_have_axes_labels_and_everything_in_them():
    suite = get_suite("tunix")
    weights = dict(zip(suite.names, suite.weights, strict=True))
    compared = compare_figure(RewardAnalyzer(suite).compare(ROLLOUTS, ROW), weights)
    hacked = hack_figure(hack_table(suite, toy_rows("number", 1)), most=10)
    moved = sensitivity_figure(weight_sensitivity(suite, TEXTS, [ROW] * 4), "wrong_ahead")
    labels = [[tick.get_text() for tick in figure.axes[0].get_yticklabels()] for figure in (compared, hacked)]
    assert labels[0] == list(ROLLOUTS) and len(labels[1]) == 10
    assert compared.axes[0].get_xlabel() == "reward (points)" and "points" in hacked.axes[0].get_xlabel()
    assert len(moved.axes[0].lines) == 4 and moved.axes[0].get_ylabel() == "wrong ahead (%)"
    ends = [bar.get_x() + bar.get_width() for bar in compared.axes[0].patches]
    assert (max(ends), min(ends)) == pytest.approx((9.5, -2.5))
    for figure in (compared, hacked, moved):
        plt.close(figure)


# The debugger


def test_explain_tells_tags_answer_distance_and_reasons():
    found = RewardDebugger(get_suite("tunix")).explain(ROLLOUTS["reasons, slips"], ROW)
    assert found.tags.loc["<answer>"].tolist() == [1, str(ROLLOUTS["reasons, slips"].find("<answer>"))]
    assert found.reading["answer as read"] == "'24'" and found.reading["distance from the truth"] == "-2 (7.7%)"
    assert found.reading["well formed"] == "yes" and not found.reading["correct"]
    assert found.components["raw"].tolist() == pytest.approx([1.0, 1.0, 1 / 6, 0.0])
    assert "distance: -2" in found.components.loc["partial_correctness_reward", "why"]
    for part in ("</reasoning>", "-2 (7.7%)", "number_extraction_reward"):
        assert part in str(found) and part.replace("<", "&lt;").replace(">", "&gt;") in found._repr_html_()


HONEST = ROLLOUTS["reasons, right"]


@pytest.mark.parametrize(
    ("text", "read", "formed"),
    [
        ("The answer is 26.", "there is no <answer>", "<reasoning> stands 0 times"),
        (HONEST + "<answer>26</answer>", "<answer> stands 2 times", "<answer> stands 2 times"),
        ("</answer>26<answer>", "</answer> stands before <answer>", "<reasoning> stands 0 times"),
        ("<answer>26</answer><reasoning>x</reasoning>", "a reasoning tag follows", "the tags are not in order"),
        (HONEST.replace(">26<", "> <"), "the answer block is empty", "the answer is blank"),
        (HONEST.replace("12+5=17\n17-4=13\n13*2=26", ""), "one answer", "the reasoning is blank"),
        ("So: " + HONEST, "one answer", "text around the blocks"),
        (HONEST + " Done.", "one answer", "text around the blocks"),
        (HONEST.replace("\n<answer>", " so <answer>"), "one answer", "text between the blocks"),
    ],
)
def test_explain_names_what_is_wrong(text, read, formed):
    reading = RewardDebugger(get_suite("starter")).explain(text, ROW).reading
    assert read in reading["why"] and formed in reading["well formed"]


def test_explain_other_kinds_and_cut_off_completions():
    row = EXAMPLES["choice"][0]
    found = RewardDebugger(get_suite("multiple_choice")).explain(format_completion("x", "D"), row, ended=False)
    assert found.reading["distance from the truth"] == "another option than B"
    assert found.reading["well formed"] == "no: it was cut off"
    untagged = RewardDebugger(get_suite("multiple_choice")).explain("x\nFinal: B\n.", row | {"task": "final_line"})
    assert untagged.reading["correct"] and "none after" in untagged.reading["well formed"]
    none = RewardDebugger(get_suite("multiple_choice")).explain("B", row | {"task": "final_line"})
    assert none.reading["why"] == "there is not exactly one final line"
    rubric = EXAMPLES["rubric"][0]
    listed = RewardDebugger(get_suite("rubric")).explain(format_completion("x", "pens, beads."), rubric)
    assert listed.reading["distance from the truth"].startswith("4 of 6 criteria met; ")
    assert "exactly 3 items. (unmet)" in listed.components.loc["rubric_reward", "why"]
    left_out = RewardDebugger(get_suite("rubric")).explain(HONEST, ROW)
    assert left_out.components.loc["rubric_reward", "why"] == "it has nothing to say here"


def test_every_reward_of_every_suite_has_a_reason():
    assert set(WHY) | {"rubric_reward"} == {name for suite in SUITES.values() for name in suite.names}


def test_a_reward_of_ones_own_is_explained_by_its_first_line():
    def short_reward(completions, **_):
        """1.0 for a short completion.

        More.
        """
        return [float(len(text) < 20) for text in completions]

    suite = Suite("own", (short_reward,), (1.0,), 1.0)
    assert (
        RewardDebugger(suite).explain("26", ROW).components.loc["short_reward", "why"] == "1.0 for a short completion."
    )


def test_explain_never_raises_whatever_is_written():
    rewards = tuple({f.__name__: f for suite in SUITES.values() for f in suite.rewards}.values())
    debugger = RewardDebugger(Suite("all", rewards, (1.0,) * len(rewards), float(len(rewards))))
    for row in [row for form in TOY_TASKS for row in toy_rows(form, 1)]:
        texts = [None, "", honest(row), *(hack.make(row) for hack in HACKS if form_of(row) in hack.forms)]
        for text in texts:
            assert "answer as read" in str(debugger.explain(text, row))
