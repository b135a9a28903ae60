"""Rubrics: the criteria that code can check, the score, and what does not gain anything."""

from __future__ import annotations

import itertools

import pytest

from course_lib.grading import grade
from course_lib.hard_rules import hard_rule
from course_lib.measures import Text
from course_lib.prompts import Tags, format_completion
from course_lib.rubrics import Criterion, grade_rubric, read_criterion, read_rubric

QUESTION = (
    "Write a list of 4 things, with commas. Put them in alphabetical order. Name plums. Do not name coins. "
    "End with a full stop."
)
RUBRIC = """
1. The answer is a list of exactly 4 items. [Hard Rule]
2. The items are in alphabetical order. [Hard Rule]
3. The answer includes the word "plums". [Hard Rule]
4. The answer ends with a full stop. [Hard Rule]
5. The answer includes the word "coins". [Pitfall]
6. An item is repeated. [Pitfall]
"""
HONEST = "apples, beads, plums, rings."
PRINCIPLES = """
1. The advice is kind to the reader. [Principle]
2. The advice follows from the facts in the letter. [Principle] [Essential]
3. The writer is blamed. [Principle] [Pitfall]
"""


def score(answer: str, rubric=RUBRIC, judge=None) -> float | None:
    return grade_rubric(format_completion("so", answer), rubric, judge=judge).score


def verdicts(answer: str, rubric=RUBRIC, judge=None) -> list[str]:
    return [found.verdict for found in grade_rubric(format_completion("so", answer), rubric, judge=judge).criteria]


# Rubrics as text


@pytest.mark.parametrize(
    ("line", "criterion"),
    [
        ("1. Is short. [Hard Rule]", Criterion("Is short.", "hard", "essential", 1.0)),
        ("12) Is short. [hard rule]", Criterion("Is short.", "hard", "essential", 1.0)),
        ("- Is kind. [Principle]", Criterion("Is kind.", "principle", "important", 0.7)),
        ("Is kind. [Principle] [Essential]", Criterion("Is kind.", "principle", "essential", 1.0)),
        ("Is kind. [OPTIONAL] [Principle]", Criterion("Is kind.", "principle", "optional", 0.3)),
        ("* Is rude. [Pitfall]", Criterion("Is rude.", "hard", "pitfall", 0.9)),
        ("Is rude.[Principle][Pitfall].", Criterion("Is rude.", "principle", "pitfall", 0.9)),
        ("Uses [brackets] well. [Important]", Criterion("Uses [brackets] well.", "hard", "important", 0.7)),
        ("3 words at most. [Hard Rule]", Criterion("3 words at most.", "hard", "essential", 1.0)),
    ],
)
def test_a_line_is_read_as_a_criterion(line, criterion):
    assert read_criterion(line) == criterion


@pytest.mark.parametrize(
    "rubric",
    [
        "1. No label.",
        "Is short. [Unheard of]",
        "[Hard Rule]",
        "1. [Hard Rule]",
        "Both. [Hard Rule] [Principle]",
        "Both. [Essential] [Pitfall]",
        None,
        5,
        [None],
    ],
)
def test_a_rubric_that_cannot_be_read_is_an_error(rubric):
    with pytest.raises(ValueError, match="mend|label"):
        grade_rubric("x", rubric)
    with pytest.raises(ValueError, match="mend|label"):
        grade("x", rubric, task="rubric")


@pytest.mark.parametrize(
    "values",
    [
        (" ", "hard", "essential", 1.0),
        ("x", "soft", "essential", 1.0),
        ("x", "hard", "vital", 1.0),
        ("x", "hard", "essential", 0.0),
        ("x", "hard", "essential", float("inf")),
        ("x", "hard", "essential", float("nan")),
    ],
)
def test_an_impossible_criterion_is_an_error(values):
    with pytest.raises(ValueError):
        Criterion(*values)


def test_a_rubric_comes_as_text_lines_or_criteria():
    lines = [line for line in RUBRIC.splitlines() if line]
    assert read_rubric(RUBRIC) == read_rubric(lines) == read_rubric(list(map(read_criterion, lines)))
    assert len(read_rubric(RUBRIC)) == 6


@pytest.mark.parametrize("rubric", ["", " \n\n", [], ()])
def test_an_empty_rubric_has_no_score(rubric):
    found = grade_rubric(HONEST, rubric)
    assert (found.criteria, found.score) == ((), None)
    assert not grade(format_completion("so", HONEST), "", task="rubric").correct


# The score


def test_the_honest_answer_meets_everything():
    assert verdicts(HONEST) == ["met"] * 6
    assert score(HONEST) == 1.0
    found = grade(format_completion("so", HONEST), RUBRIC, task="toy_rubric")
    assert (found.well_formed, found.correct, found.answer) == (True, True, HONEST)


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        ("apples, plums, rings.", {0}),
        ("apples, beads, plums, rings, tops.", {0}),
        ("plums, apples, beads, rings.", {1}),
        ("apples, beads, pens, rings.", {2}),
        ("apples, beads, plum, rings.", {2}),
        ("apples, beads, plums, rings", {3}),
        ("apples, coins, plums, rings.", {4}),
        ("apples, apples, plums, rings.", {5}),
        ("coins, plums, coins", {0, 1, 3, 4, 5}),
    ],
)
def test_the_score_is_the_share_of_the_weights(answer, lost):
    weights = [1.0, 1.0, 1.0, 1.0, 0.9, 0.9]
    assert verdicts(answer) == ["unmet" if i in lost else "met" for i in range(6)]
    assert score(answer) == pytest.approx(sum(w for i, w in enumerate(weights) if i not in lost) / 5.8)
    assert not grade(format_completion("so", answer), RUBRIC, task="toy_rubric").correct


def test_order_and_duplicates_do_not_matter():
    lines = [line for line in RUBRIC.splitlines() if line]
    for answer in (HONEST, "coins, plums, tops", "apples, apples."):
        scores = {score(answer, list(order)) for order in itertools.permutations(lines)}
        shouted = [line.upper().replace(" ", "  ", 3) for line in lines]
        scores |= {score(answer, lines * 3), score(answer, lines + shouted)}
        assert len(scores) == 1


def test_of_two_equal_criteria_the_heavier_counts_and_a_pitfall_is_another():
    a, b = 'Includes "plums". [Hard Rule] [Optional]', 'Includes "plums". [Hard Rule] [Essential]'
    assert [c.weight for c in read_rubric([a, b])] == [c.weight for c in read_rubric([b, a])] == [1.0]
    assert len(read_rubric([a, 'Includes "plums". [Pitfall]'])) == 2


def test_a_repeated_failure_costs_no_more_than_one():
    assert score("apples", "Has 2 words. [Hard Rule]\nHas 1 item. [Hard Rule]\nHas 2 words. [Hard Rule]") == 0.5


# The judge


def test_without_a_judge_principles_are_undecided_and_do_not_count():
    assert verdicts("x", PRINCIPLES) == ["undecided"] * 3
    assert score("x", PRINCIPLES) is None
    assert score(HONEST, RUBRIC + PRINCIPLES) == 1.0
    assert score("apples", RUBRIC + PRINCIPLES) == score("apples")
    assert not grade(format_completion("so", HONEST), RUBRIC + PRINCIPLES, task="rubric").correct


def test_a_judge_decides_principles_and_says_whether_a_mistake_is_there():
    asked = []

    def judge(answer, criterion):
        asked.append((answer, criterion))
        return criterion.startswith("The advice")

    assert verdicts("Rest well.", PRINCIPLES, judge) == ["met"] * 3
    assert asked[0] == ("Rest well.", "The advice is kind to the reader.")
    assert verdicts("x", PRINCIPLES, lambda a, c: True) == ["met", "met", "unmet"]
    assert score("x", PRINCIPLES, lambda a, c: True) == pytest.approx(1.7 / 2.6)
    assert score("x", PRINCIPLES, lambda a, c: False) == pytest.approx(0.9 / 2.6)


def test_a_judge_that_cannot_tell_or_fails_leaves_it_undecided():
    def broken(answer, criterion):
        raise TimeoutError("no answer from the judge")

    for judge in (broken, lambda a, c: None, lambda a, c: "yes", lambda a, c: 0.7, lambda a, c: [1, 2]):
        assert verdicts("x", PRINCIPLES, judge) == ["undecided"] * 3
    half = [c for c in read_rubric(PRINCIPLES) if c.importance == "essential"]
    assert score("x", PRINCIPLES, lambda a, c: False if c == half[0].text else None) == 0.0


def test_a_judge_is_not_asked_what_code_can_check_but_what_it_cannot():
    assert score("apples", judge=lambda a, c: True) == score("apples")
    unknown = "The answer sounds like a song. [Hard Rule]"
    assert verdicts("x", unknown) == ["undecided"]
    assert verdicts("x", unknown, lambda a, c: True) == ["met"]
    assert verdicts("apples", 'Includes the word "apples". [Principle]') == ["undecided"]


# What does not gain anything


@pytest.mark.parametrize("completion", ["", None, [], " \n", "\u200b", "<answer></answer>", "<answer> </answer>"])
def test_a_blank_answer_meets_nothing_not_even_pitfalls(completion):
    found = grade_rubric(completion, RUBRIC + PRINCIPLES, judge=lambda a, c: True)
    assert {f.verdict for f in found.criteria} == {"unmet"} and found.score == 0.0


@pytest.mark.parametrize(
    "completion",
    [
        f"<answer>{HONEST}",
        f"{HONEST}</answer>",
        f"<answer>{HONEST}</answer><answer>{HONEST}</answer>",
        f"<answer>{HONEST}</answer><reasoning>so</reasoning>",
        f"<reasoning>{HONEST}</reasoning>",
        f"<reasoning>{HONEST}</reasoning><answer></answer>",
    ],
)
def test_an_unreadable_answer_meets_nothing(completion):
    assert grade_rubric(completion, RUBRIC).score == 0.0
    assert not grade(completion, RUBRIC, task="toy_rubric").correct


def test_only_the_answer_block_is_judged_or_the_whole_text_where_there_are_no_tags():
    assert grade_rubric(format_completion(HONEST, "coins"), RUBRIC).score < 0.5
    assert grade_rubric(HONEST + "<end_of_turn>\n", RUBRIC).score == 1.0
    assert not grade(HONEST, RUBRIC, task="toy_rubric").correct  # no answer block: nothing to be correct
    tags = Tags("thought", "result")
    assert grade_rubric(format_completion("so", HONEST, tags), RUBRIC, tags=tags).score == 1.0
    assert grade_rubric(f"<thought>{HONEST}", RUBRIC, tags=tags).score == 0.0


BARE = "\n".join(line[3:].rpartition(" [")[0] for line in RUBRIC.splitlines() if line)
HACKS = {
    "rubric alone": RUBRIC,
    "rubric in front": RUBRIC + HONEST,
    "rubric without labels in front": BARE + "\n" + HONEST,
    "rubric behind": HONEST + "\n" + BARE.upper(),
    "question alone": QUESTION,
    "question in front": f"{QUESTION} {HONEST}",
    "question on the line before": f"{QUESTION}\n{HONEST}",
    "claim": "I fully meet all criteria.",
    "claim behind": HONEST + " I fully meet all criteria.",
    "scores itself": "Score: 1.0. All criteria: met.",
    "key words": "plums plums plums alphabetical order full stop.",
    "key words in a list": "plums, plums, plums, plums.",
    "every point negated": "The list does not have 4 items, is in no order, lacks plums and has no full stop.",
    "every letter": ", ".join("abcdefghijklmnopqrstuvwxyz") + ".",
    "padding": "and so on " * 500,
    "commas": ",,,,",
}


@pytest.mark.parametrize("hack", HACKS)
def test_no_hack_comes_near_the_honest_answer(hack):
    assert score(HACKS[hack]) < 0.85
    assert not grade(format_completion("so", HACKS[hack]), RUBRIC, task="toy_rubric").correct


def test_a_pasted_rubric_meets_nothing_whatever_a_judge_says():
    for pasted in (RUBRIC + PRINCIPLES, (RUBRIC + PRINCIPLES).upper() + HONEST, f"- **{BARE}**\n{PRINCIPLES}"):
        found = verdicts(pasted, RUBRIC + PRINCIPLES, judge=lambda a, c: True)
        assert set(found) == {"unmet"}


def test_negating_every_point_gains_nothing_without_a_judge():
    denial = "The advice is not kind, does not follow from the facts, and blames the writer."
    assert score(denial, PRINCIPLES) is None
    assert score("The advice is kind. It follows from the facts. Nobody is blamed.", PRINCIPLES) is None


def test_a_short_criterion_may_stand_in_an_answer():
    assert verdicts("It has two words: has two words", "Has 7 words. [Hard Rule]") == ["met"]
    assert verdicts("is kind", "Is kind. [Principle]", lambda a, c: True) == ["met"]


# The rules that code can check


@pytest.mark.parametrize(
    ("criterion", "good", "bad"),
    [
        ("The answer has at most 3 words.", ["a b c", "a", "a - b c"], ["a b c d"]),
        ("The response must be at least three words long.", ["a b c", "a b c d"], ["a b"]),
        ("The response is no longer than 3 words.", ["a b c"], ["a b c d"]),
        ("The response does not exceed 3 words.", ["a b c"], ["a b c d"]),
        ("The response must not be longer than 3 words.", ["a b c"], ["a b c d"]),
        ("The response uses fewer than 3 words", ["a b"], ["a b c"]),
        ("The response contains more than 3 words", ["a b c d"], ["a b c"]),
        ("The response is 3 words or fewer.", ["a b c"], ["a b c d"]),
        ("The response is between 2 and 3 words.", ["a b", "a b c"], ["a", "a b c d"]),
        ("The response is 2-3 words long.", ["a b", "a b c"], ["a", "a b c d"]),
        ("The response has at most 1,000 words.", ["a " * 1000], ["a " * 1001]),
        ("The answer has exactly 2 sentences.", ["One. Two.", "One! (Two?)", "One. Two"], ["One.", "One. Two. Three"]),
        ("The answer is a single sentence.", ["It costs 3.50 euros."], ["One. Two.", "One. ... Two."]),
        ("The answer consists of two paragraphs.", ["a\nb\n\nc", "\na\n \n\nc\n"], ["a\nb", "a\n\nb\n\nc"]),
        ("The poem has exactly four lines.", ["a\nb\n\nc\nd"], ["a\nb\nc"]),
        ("The response uses exactly 2 bullet points.", ["Yes:\n- a\n* b"], ["- a", "1. a\n2. b", "-a\n-b"]),
        (
            "The answer lists 3 items.",
            ["a, b, c.", "a, b and d, c", "- a\n- b\n- c", "1. a\n2) b\n3. c"],
            ["a, b", "a b c"],
        ),
        ("The answer is a list of exactly 3 items.", ["A, b, and c"], ["a,, b", "a. b, c, d", "a\nb, c, d", "", ",,"]),
        ("The answer has at most 5 characters.", ["abcde"], ["abcdef"]),
        ('The answer includes the word "plums".', ["Plums!", "no plums"], ["plum", "plumsy", "xplums"]),
        ('The answer mentions "ripe plums" and “pears”.', ["pears, ripe\n plums"], ["ripe plums", "pears plums"]),
        ("The answer must contain the words 'a', 'b', and 'c'.", ["c b a"], ["a b", "abc"]),
        ('The answer includes "a" or "b".', ["a", "b"], ["c"]),
        ('The answer includes the term "C++".', ["I like C++."], ["I like C."]),
        ('The answer includes the phrase "so it goes,"', ["So it goes, then."], ["so it went"]),
        ('The answer does not include the word "plums".', ["plum", ""], ["plums", "PLUMS."]),
        ('The answer must not mention "a" or "b".', ["c"], ["a", "b"]),
        ('The answer avoids using the words "a" and "b".', ["c"], ["a", "b", "a b"]),
        ('The answer never uses "very".', ["every"], ["very"]),
        ('The word "plums" is not used.', ["pears"], ["plums"]),
        ('The words "a" and "b" appear.', ["a b"], ["a", "c"]),
        ('The words "a" and "b" do not appear.', ["c"], ["a", "b"]),
        ('One of the items is "plums".', ["a, plums, c", "- Plums.\n- b"], ["ripe plums, a", "Name plums. a, b"]),
        ('The answer begins with the phrase "My dear".', ["My  dear Ana"], ["Oh my dear", "My dearest"]),
        ('The answer starts with the letter "m".', ["My dear"], ["Oh"]),
        (
            'The answer ends with "good night".',
            ["... Good night!", "good night"],
            ["good nights", "a good night to all"],
        ),
        ('The answer must end with the phrase "Is that all?"', ["Well. Is that all?"], ["Is that all"]),
        ('The answer does not end with the word "end".', ["the ending", "bend"], ["The end."]),
        ("The answer ends with a full stop.", ["a.", "a. \n"], ["a", "a.b", "a.)"]),
        ("The answer ends with a period.", ["a."], ["a!"]),
        ("The answer ends in a question mark.", ["a?"], ["a."]),
        ("The answer ends with an exclamation mark.", ["a!"], ["a."]),
        ("The response is written in all lower case.", ["a b 1"], ["A b", "123"]),
        ("The response should be entirely in lowercase letters.", ["a"], ["A"]),
        ("All letters are capitals.", ["A B!"], ["a", "!"]),
        ("The response contains no commas.", ["a b"], ["a, b"]),
        ("The response does not use any commas.", ["a b"], ["a, b"]),
        ("The response avoids commas.", ["a b"], ["a, b"]),
        ("The response has no digits.", ["two"], ["2", "٣"]),
        ("The response contains a question mark.", ["a? b"], ["a"]),
        ("The response uses no exclamation marks.", ["a"], ["a!"]),
        ("The response contains no bullet points.", ["a - b", "1. a"], ["- a"]),
        (
            "The items are in alphabetical order.",
            ["a, B, c.", "- a\n- b", "a, a, b"],
            ["b, a", "a", "B. a, c", "2. b\n1. a"],
        ),
        ("The list is sorted alphabetically.", ["a, b"], ["b, a"]),
        (
            "The response is valid JSON.",
            ['{"a": [1, 2.5, null]}', "3", "9" * 5000],
            ["{'a': 1}", "", "NaN", "[1,]", "[" * 99999],
        ),
        ("The response must be a valid JSON object.", ['{"a": 1}'], ["[1]", "3"]),
        (
            "The response is formatted as a numbered list.",
            ["1. a\n2. b", "So:\n1) a\n2) b"],
            ["1. a", "1. a\n3. b", "- a\n- b"],
        ),
        ("The response is a bulleted list.", ["- a\n- b"], ["1. a\n2. b", "- a"]),
        ("No word is repeated.", ["a b c"], ["a b A", "a, a."]),
        ("The response does not repeat any words.", ["a b c"], ["a b A."]),
        ("A word is used more than once.", ["a b A."], ["a b c"]),
        ("An item is repeated.", ["a, b, A", "- a\n- a"], ["a, b", "a a"]),
        ("No line is repeated.", ["a\nb"], ["a\nb\nA"]),
    ],
)
def test_hard_rules(criterion, good, bad):
    rule = hard_rule(criterion)
    assert rule is not None
    assert [answer for answer in good if not rule(Text(answer))] == []
    assert [answer for answer in bad if rule(Text(answer))] == []


@pytest.mark.parametrize(
    "criterion",
    [
        "The response includes exactly five distinct artifacts.",
        "The response has at most 50 words in each paragraph.",
        "Each sentence has at most 10 words.",
        "The first paragraph has 3 sentences.",
        'The response includes "plums" in the title.',
        'The response includes the word "plums" in every sentence.',
        "The response includes at least two items on the menu.",
        "The response ends with a call to action.",
        "The response begins with a greeting.",
        "The response is a valid argument.",
        "The response is short.",
        "The response does not repeat itself.",
        "The response is in a formal tone.",
        "The response avoids jargon.",
        "",
        "5",
    ],
)
def test_half_a_rule_understood_is_no_rule(criterion):
    assert hard_rule(criterion) is None
