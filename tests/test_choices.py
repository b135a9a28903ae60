"""Multiple choice: what is read as the answer, and what is none."""

from __future__ import annotations

import pytest

from course_lib.grading import grade
from course_lib.prompts import format_completion

OPTIONS = ["the dogs", "the cows", "A cow", "the hens."]


def graded(answer: str, gold: str = "B", options=OPTIONS, task: str = "toy_choice"):
    return grade(format_completion("The cows came last.", answer), gold, task=task, options=options)


@pytest.mark.parametrize(
    "answer",
    """B|b|(B)|(b)|[B]|**B**|B.|B)|B:| B |(B).|**B**.|**B.**|**(B)**|(**B**)|\\boxed{B}
    |B) the cows|B. the cows|B: the cows|(B) the cows|[B] the cows|b) The  Cows.|**B)** the cows|**B) the cows**
    |the cows|The Cows.|THE COWS| the\n cows |**the cows**""".split("|"),
)
def test_common_dress_is_read(answer):
    found = graded(answer)
    assert (found.correct, found.answer) == (True, "B")
    assert not graded(answer, gold="A").correct


@pytest.mark.parametrize(
    "answer",
    """A, B|A B|AB|A or B|A and B|A/B|A) B)|(A) (B)|BB|B B|not B|not the cows|E|(E)|e|Z.|1|2|A cow is here
    |B cow is here|B) the dogs|B the cows|C) the cows|A) the cows|E) the cows|B) the cows and more|B) the cows, C) A cow
    |the cows, the dogs|the cows are there|cows|the|Option B is right|I think B|)B(|(B|B]|**B|((((B))))|Β|Ｂ|ⓑ|?|.
    |**|()|""".split("|"),
)
def test_anything_else_is_no_answer(answer):
    assert not any(graded(answer, gold=gold).correct for gold in "ABCD")


@pytest.mark.parametrize("options", [OPTIONS, None])
def test_listing_every_letter_is_no_answer(options):
    for answer in ("A B C D", "A\nB\nC\nD", "ABCD", "A) the dogs\nB) the cows\nC) A cow\nD) the hens."):
        assert not any(graded(answer, gold=gold, options=options).correct for gold in "ABCD")


def test_what_is_not_read_is_kept_as_it_was_written():
    assert graded("A cow is here").answer == "A cow is here"
    assert graded("E").answer == "E"
    assert grade("no tags at all: B", "B", task="race", options=OPTIONS).answer is None


def test_an_option_that_begins_with_a_letter_is_read_as_its_text():
    assert graded("A cow", gold="C").correct
    assert not graded("A cow", gold="A").correct
    sentences = ["A cow is here", "B comes next", "nothing"]
    assert graded("A cow is here", gold="A", options=sentences).answer == "A"
    assert graded("A cow is here", gold="B", options=["no", *sentences]).answer == "B"


def test_options_that_are_letters_are_named_by_their_letter():
    assert graded("B", gold="B", options=["B", "C", "A", "D"]).correct
    assert not graded("B", gold="A", options=["B", "C", "A", "D"]).correct
    assert graded("A) B", gold="A", options=["B", "C", "A", "D"]).correct


def test_a_text_that_two_options_share_names_neither():
    same = ["the cows", "the dogs", "The cows."]
    assert not any(graded("the cows", gold=gold, options=same).correct for gold in "ABC")
    assert graded("C) the cows", gold="C", options=same).correct
    assert graded("C", gold="C", options=same).correct


def test_an_option_in_brackets_is_read_with_and_without_them():
    options = ["(x)", "x", "y"]
    assert graded("(x)", gold="A", options=options).correct is False  # one letter in brackets: X, which is none
    assert graded("(left)", gold="A", options=["(left)", "right"]).correct
    assert graded("(left)", gold="B", options=["right", "left"]).correct
    assert graded("(left)", gold="A", options=["(left)", "left"]).correct  # the exact text goes first


def test_the_letters_are_those_of_the_options():
    assert graded("C", gold="C", options=["x", "y", "z"]).correct
    assert graded("D", gold="C", options=["x", "y", "z"]).answer == "D"
    assert graded("F", gold="F", options=list("uvwxyz")).correct
    assert graded("D", gold="D", options=None).correct and not graded("E", gold="D", options=None).correct


@pytest.mark.parametrize("task", ["toy_choice", "race", "quality", "choice", "final_line"])
@pytest.mark.parametrize("gold", [None, "", "E", "AB", "1", 1, "the cows", "a cow", "ABCD"])
def test_a_gold_outside_the_options_is_an_error(task, gold):
    with pytest.raises(ValueError, match="gold answer"):
        grade("Final: B", gold, task=task, options=OPTIONS)


@pytest.mark.parametrize("options", [[], ["one"], "ABCD", 4, ["x"] * 27, ["x", None], ["x", ""], ["x", " \u200b"]])
def test_unusable_options_are_an_error(options):
    with pytest.raises(ValueError, match="option"):
        graded("B", options=options)


def test_a_gold_letter_may_be_small_and_spaced():
    assert graded("B", gold=" b ").correct


def test_form_does_not_depend_on_the_letter():
    assert graded("no idea").well_formed
    assert not grade("<answer>B</answer>", "B", task="choice").well_formed
    assert grade("<answer>B</answer>", "B", task="choice").correct
    assert grade("<answer>A</answer><answer>B</answer>", "B", task="choice").answer is None


FINAL = "The cows came last.\n"


@pytest.mark.parametrize(
    "line",
    """Final: B|final: b|FINAL: B|Final: (B)|Final: **B**|**Final:** B|**Final: B**|**Final**: B|Final answer: B
    |Final: B.|Final: [B]|Final : B|Final:B|  Final: B  |Final: B) the cows|Final: the cows|- Final: B|### Final: B
    |**Final Answer:** **B**|Final: B<end_of_turn>""".split("|"),
)
def test_a_final_line_is_read(line):
    found = grade(FINAL + line, "B", task="final_line", options=OPTIONS)
    assert (found.well_formed, found.correct, found.answer) == (True, True, "B")


@pytest.mark.parametrize(
    "text",
    [
        "Final: A\nFinal: B",
        "Final: B\nFinal: B",
        "Final: A\nFinal: B\nFinal: C\nFinal: D",
        "Final: A Final: B",
        "Final: A\n- Final: B",
        "Final: A\n**Final:** B",
        "Final: A\rFinal: B",
        "Final: A\u2028Final: B",
        "Final: A, B",
        "Final: A or B",
        "Final: not B",
        "Final: E",
        "Final:",
        "Final:\nB",
        "Final B",
        "Finally: B",
        "My final: B",
        "B",
        "<answer>B</answer>",
        "",
    ],
)
def test_other_final_lines_are_none(text):
    for gold in "ABCD":
        found = grade(FINAL + text, gold, task="final_line", options=OPTIONS)
        assert (found.well_formed, found.correct) == (False, False)


def test_a_final_line_is_well_formed_with_text_before_and_none_after():
    for text, well_formed in (("Final: B", False), (" \u200b\nFinal: B", False), (FINAL + "Final: B\nSure.", False)):
        found = grade(text, "B", task="final_line")
        assert (found.well_formed, found.correct) == (well_formed, True)
    assert not grade(FINAL + "Final: B", "B", task="final_line", ended=False).well_formed
    assert grade(FINAL + "\nFinal: B\n\n", "B", task="final_line").well_formed
