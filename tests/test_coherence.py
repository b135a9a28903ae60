"""Coherence without key words: equations are checked, repetition is seen, the last step has to arrive."""

from __future__ import annotations

import pytest

from course_lib.coherence import equations, judge, reasoning_of, split_steps

STEPS = "12+5=17\n17-4=13\n13*2=26"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("12+5=17", [True]),
        ("12 + 5 = 18", [False]),
        ("17=12+5", [True]),
        ("2+3*4=14", [True]),  # not from left to right
        ("20-6/2*3=11", [True]),
        ("10/3=3.33", [True]),  # as far as it is written
        ("10/3=3.34", [False]),
        ("10/3=3", [False]),
        ("0.1+0.2=0.3", [True]),  # exact, no floats
        ("$5*2=$10.00", [True]),
        ("1,000+1=1,001", [True]),
        ("20%*50=10", [True]),
        ("3 × 4 = 12 and 12 ÷ 4 = 3 and 5 \u2212 2 = 3", [True, True, True]),
        ("3 x 4 = 12", [True]),
        ("12+5=17-4=13", [False, True]),  # 12+5 is not 17-4
        ("48/2 = <<48/2=24>>24", [True]),
        ("1/0=0", [False]),
        ("5 apples", []),
        ("x=5", []),
        ("5=5", []),  # nothing is calculated
        ("(3+4)*2=14", []),  # left out: only a part could be judged
        ("8*1 1/2=12", []),
        ("5A=10 and 100/5=5A/5", []),
        ("9999999999999999+1=1", []),
        ("1_0+1=11", []),
        ("", []),
    ],
)
def test_equations(text, holds):
    assert equations(text) == holds


def test_honest_steps_are_coherent():
    found = judge(STEPS, "number", "26")
    assert (found.steps, found.own, found.distinct, found.holds, found.leads) == (3, 3, 1.0, 1.0, 1.0)
    assert found.score == found.depth == 1.0


def test_a_false_equation_costs_its_share():
    assert judge(STEPS.replace("=13", "=14"), "number", "26").score == pytest.approx(2 / 3)


def test_key_words_are_worth_nothing():
    assert judge("Therefore, " * 40, "number", "26").score == 0.0
    assert judge("therefore\n" * 40, "number", "26").score == 0.0
    assert judge("Because of this, therefore, thus.\nIn conclusion, step by step.", "number", "26").score == 0.0


def test_repetition_costs():
    thrice = judge("\n".join([STEPS] * 3), "number", "26")
    assert thrice.own == 3 and thrice.distinct == pytest.approx(0.5) and thrice.score < 1
    assert judge(STEPS.replace("\n", "\n\n \n"), "number", "26").score == 1.0  # blank lines are no steps
    assert judge("13*2=26 " * 50, "number", "26").own == 0  # one line that goes round in circles
    one_repeated = judge(STEPS + "\n13*2=26", "number", "26")
    assert one_repeated.score == 1.0  # once is no harm


@pytest.mark.parametrize(
    ("last", "answer", "leads"),
    [
        ("13*2=26", "26", 1.0),
        ("so there are 26 apples after 3 days", "26.0", 1.0),
        ("so there are 1,026 of them", "1026", 1.0),
        ("13*2=26. Easy!", "26", 1.0),  # the last step with a number
        ("13*2=26\nor 24", "26", 0.0),
        ("26 24 22 20 18", "26", 0.0),  # not among the last three
        ("13*2=26", "27", 0.0),
        ("13*2=26", "26 or 27", 0.0),
        ("13*2=26", None, 0.0),
        ("no number", "26", 0.0),
    ],
)
def test_the_last_step_arrives_at_the_number(last, answer, leads):
    assert judge(f"Let me see\n{last}", "number", answer).leads == leads


@pytest.mark.parametrize(
    ("last", "answer", "leads"),
    [
        ("so Tom is B", "B", 1.0),
        ("Not A, so B.", "B", 1.0),
        ("so it is Tom", "B", 1.0),
        ("so it is tomorrow", "B", 0.0),
        ("so Tom is B", "A", 0.0),
        ("A B C D", "B", 0.0),
        ("so Tom is B", "neither", 0.0),
        ("so Tom is B", None, 0.0),
    ],
)
def test_the_last_step_arrives_at_the_option(last, answer, leads):
    assert judge(last, "choice", answer, ["Leo", "Tom", "Mia", "Ana"]).leads == leads


def test_the_last_step_of_a_text_shares_words_with_it():
    assert judge("3 things\nlist: beads lamps pens", "rubric", "beads, lamps, pens.").leads == 1.0
    assert judge("3 things\nlist: beads lamps pens", "rubric", "forks, urns, wigs").leads == 0.0


def test_copies_are_no_steps_of_ones_own():
    question = "Mia has 12 apples. How many are left?"
    assert judge("Mia has 12 apples.\nhow many are LEFT", "number", "12", given=question).own == 0
    assert judge("Mia has 12 apples.\n12-3=9", "number", "9", given=question).own == 1


def test_where_the_reasoning_stands():
    assert reasoning_of("<reasoning>a</reasoning><answer>b</answer>", "toy_math") == "a"
    assert reasoning_of("a\nb\nFinal: B\n", "final_line") == "a\nb"
    for text in ("a", "</reasoning>a<reasoning>", "<reasoning>a</reasoning>" * 2, "<reasoning>a", ""):
        assert reasoning_of(text, "toy_math") == ""


def test_steps_are_lines_and_sentences():
    assert split_steps("One. Two; three!\n\n 3.5 is a number.\n...") == [
        "One",
        "Two",
        "three",
        "3.5 is a number",
        "...",
    ]


@pytest.mark.parametrize(
    "piece", ["1+", "1", "=", "1=", "1+1=", "1,", "12+5=17\n", "word ", "$", ". ", "-", "1x", "a\n"]
)
def test_a_megabyte_of_anything_is_judged(piece):
    found = judge(piece * (1_000_000 // len(piece)), "number", "26")
    assert found.score < 0.01 and 0 <= found.depth <= 0.5
