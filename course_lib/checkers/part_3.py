"""Checkers of chapter 3: a reward that pays for each tag, and a split that stays put."""

from __future__ import annotations

import builtins
import math
import numbers
import random
import sys
from collections.abc import Callable
from unittest import mock

from course_lib.checks import Incorrect, exercise

# Completion, reward, the likely mistake if the reward is another.
TAGGED = (
    ("<reasoning>\n2+2=4\n</reasoning>\n<answer>4</answer>", 1.0, "a completion with all four tags earns 1.0"),
    ("The answer is 4.", 0.0, "a completion without tags earns nothing"),
    ("<answer>4</answer>", 0.5, "two of the four tags are there: 2 x 0.25"),
    ("<reasoning>2+2=4<answer>4</answer>", 0.75, "only the closing reasoning tag is missing: 3 x 0.25"),
    (
        "<answer><answer><answer>4</answer>",
        0.25,
        "the opening answer tag stands there three times and earns nothing, the closing one once (count, "
        "do not ask whether it is there: a tag that is repeated must not pay)",
    ),
    ("</answer>4<answer></reasoning>2+2=4<reasoning>", 1.0, "each tag stands there once: order is not judged"),
    ("<Answer>4</ANSWER>", 0.0, "tags are case-sensitive"),
    ("", 0.0, "an empty completion earns nothing"),
)


def _rewards(found: object, n: int) -> list[float]:
    if found is None:
        raise Incorrect("The function returned nothing (None): end it with a `return` of the list of rewards.")
    if isinstance(found, (int, float)):
        raise Incorrect("A reward returns a list, one number per completion, not one number for the batch.")
    if not isinstance(found, list):
        raise Incorrect(f"A reward returns a list of floats, not a value of type {type(found).__name__}.")
    if len(found) != n:
        raise Incorrect(f"{n} completions went in, {len(found)} rewards came out.")
    for value in found:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise Incorrect(f"A reward returns a list of floats; yours holds {value!r:.60} ({type(value).__name__}).")
    return [float(value) for value in found]


@exercise(
    part=3,
    title="A reward that pays for each tag",
    difficulty=2,
    minutes=10,
    hints=(
        "Go through the completions; for each, go through the four tags and ask how often the text contains the tag.",
        "text.count(tag) == 1 is True or False, and True counts as 1 in a sum. A quarter of that sum is the "
        "reward. Messages: if a completion is not a string, its text is completion[0]['content'].",
    ),
)
def tag_reward(answer: Callable) -> None:
    texts = [text for text, _, _ in TAGGED]
    extra = {"answer": ["4"] * len(texts), "task": ["toy_math"] * len(texts), "trainer_state": None}
    try:
        found = answer(completions=texts, **extra)
    except TypeError as error:
        if "keyword" not in str(error):
            raise
        raise Incorrect(
            "TRL passes every column of the dataset by keyword: take them with **columns, even unused."
        ) from error
    found = _rewards(found, len(texts))
    for reward, (text, wanted, why) in zip(found, TAGGED, strict=True):
        if not math.isclose(reward, wanted):
            raise Incorrect(f"{text!r} earned {reward:g} instead of {wanted:g}: {why}.")

    mend = "TRL passes chat completions as lists of messages: take the text out of the first message"
    for fields in ({}, {"name": "<answer>", "note": "</reasoning>"}):
        chat = [[{"role": "assistant", **fields, "content": text}] for text in texts]
        try:
            again = answer(completions=chat, **extra)
        except (AttributeError, TypeError, KeyError) as error:
            raise Incorrect(f"{mend} ({type(error).__name__}: {error}).") from error
        if (again := _rewards(again, len(texts))) != found:
            other = "; here the messages have other fields with tags in them, which must not count" if fields else ""
            raise Incorrect(f"{mend}, its 'content'{other}. Given messages, the rewards were {again}.")


def _parts(answer: Callable, questions: list[str], *percent: int) -> list[str]:
    found = [answer(question, *percent) for question in questions]
    for part in found:
        if part not in ("train", "test"):
            raise Incorrect(f'The answer is "train" or "test", not {part!r}.')
    return found


@exercise(
    part=3,
    title="A split that stays put",
    difficulty=3,
    minutes=12,
    hints=(
        "First bring the question into a form in which case and spacing do not show. Then you need a number that "
        "depends on the text and on nothing else: not on the machine, the day, or what was asked before.",
        "hashlib.sha256(text.encode()).hexdigest() is such a number, written in hexadecimal: int(..., 16) reads "
        "it. Modulo 100 it is spread evenly over 0 to 99.",
    ),
)
def split_of(answer: Callable) -> None:
    states = random.getstate(), "numpy" in sys.modules and sys.modules["numpy"].random.get_state()
    try:
        _judge_split(answer)
    finally:
        random.setstate(states[0])
        if states[1]:
            sys.modules["numpy"].random.set_state(states[1])


def _judge_split(answer: Callable) -> None:
    questions = [f"A farm has {i} cows. It sells 7. How many are left?" for i in range(1000, 4000)]
    salted = []

    def noted_hash(value):
        salted.append(value)
        return value.__hash__()

    with mock.patch.object(builtins, "hash", noted_hash):
        found = _parts(answer, questions, 10)
    if salted:
        raise Incorrect(
            "Python's hash() of a text is salted: it differs from one run of Python to the next, and so would the "
            "split. Take hashlib.sha256."
        )
    _seed(1234)
    if _parts(answer, questions, 10) != found or _parts(answer, questions[::-1], 10)[::-1] != found:
        raise Incorrect(
            "The same question came into another split the second time: the split depends on chance or on order, "
            "not on the question alone."
        )
    _check_shares(answer, questions, found)
    for percent, name in ((0, "no"), (100, "every")):
        if _parts(answer, questions[:300], percent).count("test") != 3 * percent:
            raise Incorrect(f"With {percent} per cent asked for, {name} question should be a test question.")
    _check_normalised(answer, questions, found)
    _check_chance(answer)


def _check_shares(answer: Callable, questions: list[str], found: list[str]) -> None:
    smaller, less = found, 10
    for percent in (10, 30, 50):
        parts = _parts(answer, questions, percent)
        share = parts.count("test") / len(parts)
        if abs(share - percent / 100) > 0.035:
            raise Incorrect(
                f"With {percent} per cent asked for, {share:.1%} of 3,000 questions came into the test split (all "
                "have the same length and differ in one number)."
            )
        if any(before == "test" and now == "train" for before, now in zip(smaller, parts, strict=True)):
            raise Incorrect(
                f"A question that is in a test split of {less} per cent should still be there at {percent} per cent: "
                "hash the question alone, and compare the bucket with the percentage."
            )
        smaller, less = parts, percent


def _check_normalised(answer: Callable, questions: list[str], found: list[str]) -> None:
    for change, what in (
        (str.upper, "capital letters"),
        (lambda q: "  " + q.replace(" ", "  ") + "\n", "spaces and line ends"),
        (lambda q: q.replace(" ", "\n"), "line ends between the words"),
        (lambda q: "\t" + q.replace(" ", " \t", 3) + "\r\n", "tabs"),
    ):
        if _parts(answer, [change(question) for question in questions], 10) != found:
            raise Incorrect(f"The same question with other {what} came into another split: normalise it first.")


def _seed(value: int) -> None:
    random.seed(value)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(value)


def _check_chance(answer: Callable) -> None:
    """Chance that is kept in a store gives the same answer twice. But new questions all draw the same number."""
    parts = []
    for i in range(100):
        _seed(1234)
        parts += _parts(answer, [f"A pond holds {i + 100} fish. How many eyes look up?"], 50)
    if len(set(parts)) == 1:
        raise Incorrect(
            "The first answer to a question was drawn by chance and then kept: another run of Python would draw "
            "another one. Compute it from the question alone."
        )
