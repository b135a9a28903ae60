"""The grading contract, line by line."""

from __future__ import annotations

from fractions import Fraction

import pytest

from course_lib.grading import (
    KINDS,
    completion_text,
    grade,
    is_well_formed,
    kind_of,
    number_within,
    read_answer,
    read_number,
)
from course_lib.prompts import Tags, format_completion

GOOD = format_completion("12+5=17", "17")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1,000", 1000),
        ("1,080", 1080),  # read as 1 by the pattern [\d.]+
        ("1 000", 1000),
        ("12,345,678.5", Fraction(24691357, 2)),
        ("$18.00", 18),
        ("18.", 18),
        ("-3", -3),
        ("\u22123", -3),
        ("-$5", -5),
        ("$-5", -5),
        ("+7", 7),
        ("1/2", Fraction(1, 2)),
        ("0.1", Fraction(1, 10)),
        ("3 hours", 3),
        ("5 km/h", 5),
        ("60 %", 60),
        ("60%", 60),
        ("7 €", 7),
        (r"\boxed{72}", 72),
        (".4", Fraction(2, 5)),
        ("007", 7),
        ("  26\n", 26),
    ],
)
def test_numbers_that_are_read(text, value):
    assert read_number(text) == value


@pytest.mark.parametrize(
    "text",
    """|nan|inf|-inf|Infinity|1_8|0x12|1e400|1e3|18 or 20|20 = 18|10,00|1,0000|,100|1.2.3|--3|1/0|1/2/3
    |3 million|twenty|18 to 20|a 5|٣|½|18;20|18\n20|\\boxed{}|\\boxed{1}{2}|-|$|%|.|not 18""".split("|"),
)
def test_numbers_that_are_not_read(text):
    assert read_number(text) is None


def test_a_number_longer_than_any_answer_is_not_read():
    assert read_number("9" * 100_000) is None


@pytest.mark.parametrize(
    ("text", "well_formed"),
    [
        (GOOD, True),
        (GOOD + "<end_of_turn>\n", True),
        ("\n " + GOOD + " \n", True),
        (GOOD.replace("\n<answer>", "<answer>"), True),
        (GOOD + " That is all.", False),
        ("So: " + GOOD, False),
        (GOOD.replace("\n<answer>", "\nso\n<answer>"), False),
        (GOOD + GOOD, False),
        (GOOD.replace("12+5=17", " \n "), False),  # blank reasoning
        (GOOD.replace("12+5=17", "\u200b\u2060"), False),  # reasoning that cannot be seen
        (GOOD.replace(">17<", "> <"), False),  # blank answer
        (GOOD.replace(">17<", ">\u200b<"), False),
        (GOOD.replace("</reasoning>", ""), False),  # unclosed
        ("<answer>17</answer>", False),
        ("<answer>17</answer>\n<reasoning>12+5=17</reasoning>", False),  # wrong order
        ("<reasoning>12+5<answer>17</answer></reasoning>", False),  # nested
        ("<reasoning>12+5=17<answer>17</reasoning>17</answer>", False),  # interleaved
        (GOOD.replace("<answer>", "<answer >"), False),
        (GOOD.replace("answer", "Answer"), False),
        (GOOD.replace("12", "<reasoning>12"), False),
        ("", False),
    ],
)
def test_well_formed(text, well_formed):
    assert is_well_formed(text) is well_formed


def test_a_completion_that_was_cut_off_is_not_well_formed():
    assert grade(GOOD, "17", ended=False) == grade(GOOD, "17").__class__(False, True, "17")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (GOOD, "17"),
        ("<answer>17</answer>", "17"),
        ("The answer: <answer>17</answer>, I am sure.", "17"),  # text around spoils the form, not the answer
        ("<reasoning>12+5=17\n<answer>17</answer>", "17"),
        ("17", None),
        ("<reasoning>17</reasoning>", None),
        ("<answer>16</answer><answer>17</answer>", None),
        ("<answer>17", None),
        ("</answer>17<answer>", None),
        ("<answer>17</answer><reasoning>12+5=17</reasoning>", None),
        ("<answer>17</answer></reasoning>", None),
        ("<answer> </answer>", None),
    ],
)
def test_the_answer_is_read_from_exactly_one_pair(text, answer):
    assert read_answer(text) == answer


def test_a_right_number_elsewhere_counts_for_nothing():
    assert not grade(format_completion("12+5=17", "18"), "17").correct


def test_equality_is_exact_and_near_is_not_correct():
    assert grade("<answer>18.00</answer>", "18").correct
    assert grade("<answer>1,000</answer>", "1000").correct
    assert not grade("<answer>17.9999999999999999999</answer>", "18").correct


def test_tags_are_a_setting():
    tags = Tags("thought", "result")
    text = format_completion("12+5=17", "17", tags)
    assert grade(text, "17", tags=tags) == grade(GOOD, "17")
    assert grade(text, "17").answer is None
    with pytest.raises(ValueError, match="plain word"):
        Tags("re asoning")
    with pytest.raises(ValueError, match="different"):
        Tags("answer", "answer")


@pytest.mark.parametrize(
    "completion",
    [
        GOOD,
        {"role": "assistant", "content": GOOD},
        [{"role": "assistant", "content": GOOD}],
        [{"role": "assistant", "content": [{"type": "text", "text": GOOD}]}],
    ],
)
def test_completions_come_as_text_or_messages(completion):
    assert grade(completion, "17").correct


def nested(depth: int) -> list:
    completion = [GOOD]
    for _ in range(depth):
        completion = [completion]
    return completion


ODD = [None, "", [], {}, [None], {"content": None}, 5, b"17", "\ud800", "\0", {"text": [5, {}]}, nested(5000)]


@pytest.mark.parametrize("task", KINDS)
@pytest.mark.parametrize("completion", ODD, ids=range(len(ODD)))
def test_odd_completions_get_a_grade_and_never_raise(completion, task):
    gold = {"number": "17", "choice": "B", "rubric": "Is short. [Hard Rule]\nHas 1 word. [Hard Rule]"}[KINDS[task]]
    found = grade(completion, gold, task=task)
    assert (found.well_formed, found.correct, found.answer) == (False, False, None)


def test_text_is_found_in_messages_and_parts_and_nowhere_deeper():
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, "b"]
    assert completion_text([{"role": "assistant", "content": parts}, {"content": "c"}]) == "abc"
    assert completion_text(nested(3)) == GOOD and completion_text(nested(5000)) == ""
    endless = []
    endless.append(endless)
    assert completion_text(endless) == ""


@pytest.mark.parametrize(
    ("text", "near"),
    [("100", True), ("110", True), ("90", True), ("111", False), ("89.99", False), ("-100", False), ("$109", True)],
)
def test_near_is_a_question_of_its_own(text, near):
    assert number_within(text, "100", 0.1) is near
    assert number_within(text, "-100", 0.1) is (text == "-100")


def test_near_at_the_borders():
    assert number_within("0.3", "0.2", 0.5) and not number_within("0.31", "0.2", 0.5)  # exact, no rounding of 0.1
    assert number_within("130", "100", 0.3) and number_within("120", "100", 0.2)
    assert number_within("0", "0", 0.1) and not number_within("0.001", "0", 0.1)
    assert not number_within(None, "100", 0.1) and not number_within("90 or 100", "100", 0.5)
    with pytest.raises(ValueError, match="gold answer"):
        number_within("100", None, 0.1)


@pytest.mark.parametrize("gold", [None, "", "seventeen", "nan"])
def test_a_missing_gold_is_an_error_not_a_reward(gold):
    with pytest.raises(ValueError, match="gold answer"):
        grade(GOOD, gold)


def test_an_unknown_task_is_an_error():
    with pytest.raises(ValueError, match="'poetry'; known tasks: toy_math, gsm8k, .*, rubric"):
        grade(GOOD, "17", task="poetry")
    with pytest.raises(ValueError, match="poetry"):
        kind_of("poetry")


def test_every_task_is_of_one_of_three_kinds():
    assert set(KINDS.values()) == {"number", "choice", "rubric"} <= set(KINDS)
    assert kind_of("toy_math") == kind_of("number") == "number"
    assert kind_of("final_line") == kind_of("race") == "choice"
    assert kind_of("openrubrics") == "rubric"
    assert grade(GOOD, "17", task="number") == grade(GOOD, "17", task="toy_math") == grade(GOOD, "17")
