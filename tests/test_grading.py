"""The grading contract, line by line."""

from __future__ import annotations

from fractions import Fraction

import pytest

from course_lib.grading import grade, is_well_formed, read_answer, read_number
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
        (GOOD.replace(">17<", "> <"), False),  # blank answer
        (GOOD.replace("</reasoning>", ""), False),  # unclosed
        ("<answer>17</answer>", False),
        ("<answer>17</answer>\n<reasoning>12+5=17</reasoning>", False),  # wrong order
        ("<reasoning>12+5<answer>17</answer></reasoning>", False),  # nested
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


@pytest.mark.parametrize("completion", [None, "", [], {}, [None], {"content": None}, 5, b"17", "\ud800", "\0"])
def test_odd_completions_get_a_grade_and_never_raise(completion):
    found = grade(completion, "17")
    assert (found.well_formed, found.correct, found.answer) == (False, False, None)


@pytest.mark.parametrize("piece", ["<", "<answer>", "<reasoning>", "</answer>", "9", "1,", " ", "\n", "<eos>", "€ "])
def test_a_megabyte_of_anything_is_graded(piece):
    text = piece * (1_000_000 // len(piece))
    assert not grade(text, "17").correct
    assert not grade(f"<reasoning>x</reasoning><answer>{text}</answer>", "17").correct


@pytest.mark.parametrize("gold", [None, "", "seventeen", "nan"])
def test_a_missing_gold_is_an_error_not_a_reward(gold):
    with pytest.raises(ValueError, match="gold answer"):
        grade(GOOD, gold)


def test_an_unknown_task_is_an_error():
    with pytest.raises(ValueError, match="gsm8k, toy_math"):
        grade(GOOD, "17", task="poetry")
