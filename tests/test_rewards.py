"""Rewards in TRL's signature: what each pays, in which shape its columns may come, and the named suites."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from course_lib import reward_functions
from course_lib.errors import SettingError
from course_lib.grading import kind_of
from course_lib.hacks import TOY_TASKS, honest, toy_rows
from course_lib.presets import get_preset
from course_lib.prompts import Tags, format_completion
from course_lib.rewards import (
    SUITES,
    WEIGHTINGS,
    Suite,
    approximate_format_reward,
    block_format_reward,
    coherence_reward,
    columns_of,
    correctness_depth_reward,
    correctness_reward,
    efficiency_reward,
    format_reward,
    get_suite,
    integer_reward,
    lenient_format_reward,
    mc_reward,
    number_extraction_reward,
    partial_correctness_reward,
    rubric_reward,
    weighted_sum,
)
from course_lib.rollouts import EXAMPLES, GOLD, QUESTION, ROLLOUTS
from course_lib.tasks import gsm8k, load_rows
from course_lib.training import make_trainer
from test_tasks import needs_gsm8k

HONEST = ROLLOUTS["reasons, right"]
REWARDS = {f.__name__: f for suite in SUITES.values() for f in suite.rewards}
LOWEST = {"approximate_format_reward": -1.0, "partial_correctness_reward": -1 / 3}
RUBRIC = EXAMPLES["rubric"][0]["answer"]


def one(reward, completion, answer=GOLD, task="toy_math", **columns):
    (value,) = reward([completion], answer=[answer], task=[task], **{k: [v] for k, v in columns.items()})
    return value


def says(answer: str, reasoning: str = "12+5=17") -> str:
    return format_completion(reasoning, answer)


# What each pays


def test_the_toy_rollouts():
    columns = {"completions": list(ROLLOUTS.values()), "answer": [GOLD] * 4, "task": ["toy_math"] * 4}
    assert format_reward(**columns) == [1.0, 1.0, 0.0, 0.0]
    assert correctness_reward(**columns) == [1.0, 0.0, 1.0, 0.0]
    assert lenient_format_reward(**columns) == [1.0, 1.0, 0.0, 0.0]
    assert integer_reward(**columns) == [1.0, 1.0, 1.0, 0.0]
    assert approximate_format_reward(**columns) == [1.0, 1.0, 0.0, -1.0]
    assert partial_correctness_reward(**columns) == pytest.approx([1.0, 0.5 / 3, 1.0, -0.5 / 3])
    assert number_extraction_reward(**columns) == [1.0, 0.0, 1.0, 0.0]
    assert block_format_reward(**columns) == [1.0, 1.0, 0.5, 0.0]
    assert coherence_reward(**columns) == pytest.approx([1.0, 2 / 3, 0.0, 0.0])  # 17-4=12 does not hold
    assert correctness_depth_reward(**columns) == [1.0, 0.0, 0.9, 0.0]


@pytest.mark.parametrize(
    ("answer", "points"),
    [("26", 3), ("26.00", 3), ("24", 0.5), ("28.6", 0.5), ("28.7", 0.25), ("21", 0.25), ("31.2", 0.25), ("31.3", -1),
     ("-26", -1), ("0", -1), ("24, 26", -0.5), ("nan", -0.5), ("26 or 24", -0.5)],
)  # fmt: skip
def test_partial_correctness(answer, points):
    assert one(partial_correctness_reward, says(answer)) == pytest.approx(points / 3)


def test_near_a_gold_of_nought_is_only_nought():
    assert one(partial_correctness_reward, says("0"), answer="0") == 1.0
    assert one(partial_correctness_reward, says("0.001"), answer="0") == pytest.approx(-1 / 3)


@pytest.mark.parametrize(
    ("answer", "gold", "value"), [("24", "26", 1.0), ("24.5", "26", 0.0), ("24.0", "26", 1.0), ("two", "26", 0.0),
                                  ("2.5", "2.5", None), ("1/2", "26", 0.0)],
)  # fmt: skip
def test_integer(answer, gold, value):
    assert one(integer_reward, says(answer), answer=gold) == value


@pytest.mark.parametrize(
    ("text", "lenient", "approximate", "blocks"),
    [
        (HONEST, 1.0, 1.0, 1.0),
        (HONEST + "<end_of_turn>\n", 1.0, 1.0, 1.0),
        (f"Sure! {HONEST}", 1.0, 1.0, 0.5),
        (f"{HONEST} That is all.", 1.0, 1.0, 0.5),
        (HONEST.replace("\n<answer>", " so <answer>"), 1.0, 1.0, 0.5),
        (HONEST.replace("</reasoning>", ""), 0.0, 0.5, 0.5),
        (HONEST.replace("</answer>", ""), 0.0, 0.5, 0.5),
        ("<reasoning>12+5=17</reasoning>", 0.0, 0.0, 0.5),
        ("<reasoning> </reasoning><answer>26</answer>", 0.0, 1.0, 0.5),
        ("<reasoning>12+5=17</reasoning><answer> </answer>", 0.0, 1.0, 0.5),
        ("<reasoning>12+5<answer>17</answer></reasoning>", 0.0, -1.0, 0.0),
        ("</answer><answer></reasoning><reasoning>", 0.0, -1.0, 0.0),
        ("<answer>26</answer><reasoning>12+5=17</reasoning>", 0.0, -1.0, 0.0),
        (HONEST + HONEST, 0.0, -1.0, 0.0),
        (HONEST + "<answer>26</answer>", 0.0, 0.0, 0.5),
        (HONEST.upper(), 0.0, -1.0, 0.0),
        ("", 0.0, -1.0, 0.0),
    ],
)
def test_graded_forms(text, lenient, approximate, blocks):
    assert one(lenient_format_reward, text) == lenient
    assert one(approximate_format_reward, text) == approximate
    assert one(block_format_reward, text) == blocks


@pytest.mark.parametrize(("words", "value"), [(0, 0.0), (30, 0.5), (60, 1.0), (200, 1.0), (400, 0.5)])
def test_efficiency(words, value):
    assert one(efficiency_reward, "word " * words) == value


def test_depth_is_paid_for_a_right_answer_only_and_ends_at_two_steps():
    many = "\n".join(f"{i}+1={i + 1}" for i in range(25)) + "\n25+1=26"
    assert one(correctness_depth_reward, says("26", many)) == 1.0
    assert one(correctness_depth_reward, says("26", "25+1=26\n20+6=26")) == 1.0
    assert one(correctness_depth_reward, says("26", "25+1=26")) == pytest.approx(0.95)
    assert one(correctness_depth_reward, says("27", many)) == 0.0


def test_a_copy_of_what_was_asked_is_no_step():
    assert one(coherence_reward, says("26", f"{QUESTION}\n26")) == 1.0  # unless it is not known what was asked
    assert one(coherence_reward, says("26", f"{QUESTION}\n26"), question=QUESTION) == 0.0
    assert one(coherence_reward, says("26", f"{QUESTION}\n13*2=26"), question=QUESTION) == 1.0
    row = EXAMPLES["choice"][0]
    told = row["question"] + "\n" + "\n".join(f"{c}) {t}" for c, t in zip("ABCD", row["options"], strict=True))
    asked = {"answer": "B", "task": "race", "options": row["options"]}
    assert (
        one(correctness_depth_reward, says("B", told), question="Who has it?", passage=row["question"], **asked) == 0.9
    )


def test_multiple_choice_tagged_and_untagged():
    options = ["ball", "cup", "key", "coin"]
    for text, value in (("B", 1.0), ("(b)", 1.0), ("cup", 1.0), ("A", 0.0), ("A or B", 0.0), ("B) key", 0.0)):
        assert one(mc_reward, says(text), answer="B", task="toy_choice", options=options) == value
        assert one(mc_reward, f"Because.\nFinal: {text}", answer="B", task="final_line", options=options) == value
    assert one(mc_reward, "Final: B\nFinal: B", answer="B", task="final_line", options=options) == 0.0
    assert mc_reward([says("B")], answer=["B"]) == [1.0]  # no columns: four letters, tagged


def test_a_rubric_is_paid_by_weight():
    assert one(rubric_reward, EXAMPLES["rubric"][1]["reasons, right"], answer=RUBRIC, task="toy_rubric") == 1.0
    three_of_six = one(rubric_reward, says("pens, coins"), answer=RUBRIC, task="toy_rubric")
    assert three_of_six == pytest.approx((1.0 + 0.9) / (4 * 1.0 + 2 * 0.9))  # pens are there, nothing is repeated
    assert one(rubric_reward, "", answer=RUBRIC, task="toy_rubric") == 0.0
    assert rubric_reward([says("pens")], answer=['Includes the word "pens". [Hard Rule]']) == [1.0]


def test_a_principle_needs_a_judge_and_is_left_out_without_one():
    rubric = "1. The tone is friendly. [Principle]"
    row = {"answer": [rubric], "task": ["rubric"]}
    assert rubric_reward([says("Hello")], **row) == correctness_depth_reward([says("Hello")], **row) == [None]
    friendly = get_suite("rubric", judge=lambda text, criterion: "Hello" in text)
    assert friendly.totals([says("Hello")], **row) == [1.5]
    assert friendly.totals([says("Go away")], **row) == [0.5]
    assert [f.__name__ for f in friendly.rewards] == ["rubric_reward", "format_reward"]


def test_rewards_have_nothing_to_say_about_other_kinds():
    number, choice = EXAMPLES["number"][0], EXAMPLES["choice"][0]
    columns = columns_of([number, choice]) | {"completions": [HONEST, says("B")]}
    for reward in (integer_reward, partial_correctness_reward, number_extraction_reward):
        assert reward(**columns)[1] is None
    assert mc_reward(**columns) == [None, 1.0] and rubric_reward(**columns) == [None, None]
    assert get_suite("multiple_choice").totals(**columns) == [0.5, 1.5]
    assert weighted_sum([None, None], [1.0, 0.5]) is None


# Columns as they come


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda s: s.name)
def test_strings_messages_lists_and_arrays_are_one(suite, kind):
    row, rollouts = EXAMPLES[kind]
    texts = list(rollouts.values())
    columns = columns_of([row] * len(texts))
    expected = suite.components(texts, **columns)
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    assert suite.components(messages, **columns) == expected
    arrays = {name: np.array(values) for name, values in columns.items()}  # as Tunix hands them over
    assert suite.components(texts, **arrays) == expected
    extras = {"prompts": [None] * 4, "trainer_state": None, "log_extra": print, "log_metric": print, "steps": [3] * 4}
    assert suite.components(texts, **columns, **extras) == expected  # what TRL hands over beside them


def test_a_completion_without_eos_is_not_well_formed():
    ids = [[5, 106], [5, 1], [5, 7], []]
    columns = {"completions": [HONEST] * 4, "answer": [GOLD] * 4, "completion_ids": ids}
    assert format_reward(**columns) == [1.0, 1.0, 0.0, 0.0]
    assert block_format_reward(**columns) == [1.0, 1.0, 0.5, 0.5]


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
def test_mismatched_lengths_are_an_error(reward):
    task = "toy_choice" if reward is mc_reward else "toy_rubric" if reward is rubric_reward else "toy_math"
    gold = {"toy_choice": "B", "toy_rubric": RUBRIC, "toy_math": GOLD}[task]
    with pytest.raises(ValueError, match="1 completions need 1 entries in 'answer'.*there are 2"):
        reward([HONEST], answer=[gold, gold], task=[task])
    with pytest.raises(ValueError, match="'task'"):
        reward([HONEST], answer=[gold], task=task)  # a string is not a column
    with pytest.raises(ValueError, match="'completion_ids'"):
        reward([HONEST], answer=[gold], task=[task], completion_ids=[])


@pytest.mark.parametrize(("task", "answer"), [("toy_math", "many"), ("toy_choice", "E"), ("toy_rubric", "no label")])
def test_a_gold_that_cannot_be_used_is_an_error_not_a_reward(task, answer):
    with pytest.raises(ValueError):
        correctness_reward([HONEST], answer=[answer], task=[task])


@pytest.mark.parametrize("reward", REWARDS.values(), ids=REWARDS)
def test_odd_completions_score_in_range_and_never_raise(reward):
    rng = random.Random(0)
    pieces = "<reasoning> </reasoning> <answer> </answer> 26 - = 12+5=17 B Final: ½ ٢٦ < </ nan 🙂 pens,".split()
    odd = ["".join(rng.choices([*pieces, " ", "\n", "\x00", "\ud800"], k=rng.randint(0, 14))) for _ in range(300)]
    odd += [None, [], {}, 5, b"26", "<" * 20_000, "1+1=2\n" * 5_000, "<reasoning>" * 3_000, "=" * 20_000]
    for row, _ in EXAMPLES.values():
        values = reward(odd, **columns_of([row] * len(odd)))
        assert len(values) == len(odd)
        assert all(v is None or LOWEST.get(reward.__name__, 0.0) - 1e-9 <= v <= 1.0 for v in values)


# Suites


@pytest.mark.parametrize("form", TOY_TASKS)
@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda s: s.name)
def test_honest_work_gets_full_marks(suite, form):
    rows = toy_rows(form, 60)
    if kind_of(rows[0]["task"]) in suite.kinds:
        assert suite.totals([honest(row) for row in rows], **columns_of(rows)) == pytest.approx([suite.total] * 60)


@pytest.mark.parametrize("kind", EXAMPLES)
@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda s: s.name)
def test_the_rollout_that_reasons_and_is_right_is_the_best(suite, kind):
    row, rollouts = EXAMPLES[kind]
    if kind in suite.kinds:
        best, *others = suite.totals(list(rollouts.values()), **columns_of([row] * len(rollouts)))
        assert best == pytest.approx(suite.total) and max(others) < best


@needs_gsm8k
def test_worked_answers_of_the_real_gsm8k_get_full_marks():
    rows = [row | {"task": "gsm8k"} for row in gsm8k.load("test")]
    texts, columns = [honest(row) for row in rows], columns_of(rows)
    for name in ("starter", "basic", "tunix"):
        suite = get_suite(name)
        assert suite.totals(texts, **columns) == pytest.approx([suite.total] * len(rows))
    totals = np.array(get_suite("four_component").totals(texts, **columns))
    assert (totals > 1 - 1e-9).mean() > 0.98 and totals.min() > 0.75  # some worked answers state what does not hold


@pytest.mark.parametrize("weights", WEIGHTINGS["four_component"])
def test_a_right_answer_outweighs_any_wrong_one(weights):
    """Blurted and right is better than coherent and wrong, in both weightings."""
    suite = get_suite("four_component", weights)
    wrong = HONEST.replace("26", "27").replace("13*2=27", "13*2=26\n26+1=27")
    blurted, coherent = suite.totals([ROLLOUTS["blurts, right"], wrong], answer=[GOLD] * 2, task=["toy_math"] * 2)
    assert one(coherence_reward, wrong) == 1.0 and blurted > coherent


def test_the_weight_of_length_is_nought_everywhere():
    for weights in WEIGHTINGS["four_component"]:
        suite = get_suite("four_component", weights)
        assert dict(zip(suite.names, suite.weights, strict=True))["efficiency_reward"] == 0.0


def test_the_stated_totals():
    assert {s.name: s.total for s in SUITES.values()} == {
        "starter": 1.5, "basic": 3.5, "tunix": 9.5, "rubric": 1.5, "four_component": 1.0, "multiple_choice": 1.5,
    }  # fmt: skip
    for suite in SUITES.values():
        assert sum(suite.weights) == pytest.approx(suite.total)


def test_weights_are_settings_that_must_sum_to_the_stated_total():
    assert get_suite("starter", (0.75, 0.75)).weights == (0.75, 0.75)
    assert get_suite("starter", {"format_reward": 0.25, "correctness_reward": 1.25}).weights == (1.25, 0.25)
    assert get_suite("four_component", "explanation").weights != get_suite("four_component").weights
    assert get_suite("four_component", "math") == get_suite("four_component")
    with pytest.raises(SettingError, match="sum to 1.25, not 1.5"):
        get_suite("starter", {"format_reward": 0.25})
    with pytest.raises(SettingError, match="2 rewards, 3 weights"):
        get_suite("starter", (0.5, 0.5, 0.5))
    with pytest.raises(SettingError, match="no weighting 'mild'; it has: math, explanation"):
        get_suite("four_component", "mild")
    with pytest.raises(SettingError, match="no reward 'speed'"):
        get_suite("starter", {"speed": 1.0})
    with pytest.raises(SettingError, match="not 1.5"):
        get_suite("starter", (float("nan"), 0.5))
    with pytest.raises(SettingError, match="starter, basic, tunix, rubric, four_component, multiple_choice"):
        get_suite("nope")
    with pytest.raises(SettingError, match="one name"):
        Suite("twice", (format_reward, format_reward), (0.5, 0.5), 1.0)


def test_tags_are_a_setting():
    tags = Tags("thought", "result")
    text = format_completion("12+5=17\n17-4=13\n13*2=26", "26", tags)
    columns = {"completions": [text, HONEST], "answer": [GOLD] * 2, "task": ["toy_math"] * 2}
    for name in ("starter", "basic", "tunix", "four_component"):
        suite, other = get_suite(name), get_suite(name, tags=tags)
        assert other.names == suite.names
        assert (
            other.totals(**columns)
            == suite.totals(**columns)[::-1]
            == pytest.approx([suite.total, other.totals(**columns)[1]])
        )
        assert other.totals(**columns)[1] < suite.total


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "task"),
    [("basic", "toy_math"), ("tunix", "toy_math"), ("four_component", "toy_math"), ("four_component", "toy_rubric"),
     ("rubric", "toy_rubric"), ("multiple_choice", "toy_choice")],
)  # fmt: skip
def test_suites_train_in_trl_as_they_stand(name, task, tmp_path):
    suite = get_suite(name)
    settings = get_preset("smoke", task=task, steps=1, prompts_per_step=2, group_size=2)
    make_trainer(settings, suite, load_rows(task, "train", 2), tmp_path, quiet=True).train()
    log = pd.read_csv(tmp_path / "log.csv")
    expected = sum(w * log[f] for f, w in zip(suite.names, suite.weights, strict=True))
    assert log["reward"].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_every_reward_says_its_range_and_its_source():
    for name, reward in REWARDS.items():
        assert "1.0" in reward.__doc__.splitlines()[0] or "0.5" in reward.__doc__.splitlines()[0], name
        if name not in {"format_reward", "correctness_reward"}:
            assert "suite ``" in reward.__doc__, name
    assert {f for f in vars(reward_functions) if f.endswith("_reward")} == set(REWARDS)  # each is in some suite
