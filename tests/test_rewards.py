"""Rewards in TRL's signature, on strings and on messages; no hack beats the honest right answer."""

from __future__ import annotations

import pytest

from course_lib.errors import SettingError
from course_lib.prompts import format_completion
from course_lib.rewards import SUITES, Suite, correctness_reward, format_reward, get_suite
from course_lib.rollouts import GOLD, QUESTION, ROLLOUTS

HONEST = ROLLOUTS["reasons, right"]
HACKS = {
    "tag spam": "<reasoning></reasoning><answer></answer>" * 50,
    "answer spray": "<reasoning>x</reasoning>" + "".join(f"<answer>{i}</answer>" for i in range(100)),
    "several numbers": format_completion("x", "24, 25, 26"),
    "answer outside tags": "<reasoning>12+5=17</reasoning>\n26",
    "second answer": HONEST + "\n<answer>26</answer>",
    "empty reasoning": "<reasoning> </reasoning>\n<answer>26</answer>",
    "copied question": format_completion(QUESTION, QUESTION),
    "right in the reasoning only": format_completion("the answer is 26", "0"),
    "reasoning after the answer": "<answer>26</answer><reasoning>12+5=17</reasoning>",
    "padding": format_completion("therefore " * 5000, "25"),
    "nothing": "",
}


def score(suite: Suite, completion) -> float:
    columns = {"completions": [completion], "answer": [GOLD], "task": ["toy_math"]}
    return sum(w * f(**columns)[0] for f, w in zip(suite.rewards, suite.weights, strict=True))


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda s: s.name)
def test_the_honest_right_answer_gets_the_stated_total(suite):
    assert score(suite, HONEST) == suite.total
    assert score(suite, [{"role": "assistant", "content": HONEST}]) == suite.total


@pytest.mark.parametrize("suite", SUITES.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("hack", HACKS)
def test_no_hack_outscores_honesty(suite, hack):
    assert score(suite, HACKS[hack]) < score(suite, HONEST)


def test_the_toy_rollouts():
    columns = {"completions": list(ROLLOUTS.values()), "answer": [GOLD] * 4, "task": ["toy_math"] * 4}
    assert format_reward(**columns) == [1.0, 1.0, 0.0, 0.0]
    assert correctness_reward(**columns) == [1.0, 0.0, 1.0, 0.0]


def test_a_completion_without_eos_is_not_well_formed():
    ids = [[5, 106], [5, 1], [5, 7], []]
    assert format_reward([HONEST] * 4, answer=[GOLD] * 4, completion_ids=ids) == [1.0, 1.0, 0.0, 0.0]


def test_mismatched_lengths_are_an_error():
    with pytest.raises(ValueError):
        correctness_reward([HONEST], answer=[GOLD, GOLD])


def test_weights_must_sum_to_the_stated_total():
    with pytest.raises(SettingError, match="sum to 1.5, not 2"):
        Suite("bad", (correctness_reward, format_reward), (1.0, 0.5), total=2.0)
    with pytest.raises(SettingError, match="2 rewards, 1 weights"):
        Suite("bad", (correctness_reward, format_reward), (1.0,), total=1.0)
    with pytest.raises(SettingError, match="starter"):
        get_suite("nope")
