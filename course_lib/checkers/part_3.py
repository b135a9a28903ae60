"""Checkers of chapter 3: a reward that pays for each tag, and a split that stays put."""

from __future__ import annotations

import builtins
import math
import random
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
    if isinstance(found, (int, float)):
        raise Incorrect("A reward returns a list, one number per completion, not one number for the batch.")
    found = [float(value) for value in found]
    if len(found) != len(texts):
        raise Incorrect(f"{len(texts)} completions went in, {len(found)} rewards came out.")
    for reward, (text, wanted, why) in zip(found, TAGGED, strict=True):
        if not math.isclose(reward, wanted):
            raise Incorrect(f"{text!r} earned {reward:g} instead of {wanted:g}: {why}.")

    chat = [[{"role": "assistant", "content": text}] for text in texts]
    mend = "TRL passes chat completions as lists of messages: take the text out of the first message"
    try:
        again = [float(value) for value in answer(completions=chat, **extra)]
    except (AttributeError, TypeError) as error:
        raise Incorrect(f"{mend} ({type(error).__name__}: {error}).") from error
    if again != found:
        raise Incorrect(f"{mend}; given messages, the rewards were {again}.")


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
    random.seed(1234)
    if _parts(answer, questions, 10) != found or _parts(answer, questions[::-1], 10)[::-1] != found:
        raise Incorrect(
            "The same question came into another split the second time: the split depends on chance or on order, "
            "not on the question alone."
        )
    share = found.count("test") / len(found)
    if not 0.07 < share < 0.13:
        raise Incorrect(
            f"With 10 per cent asked for, {share:.1%} of 3,000 questions came into the test split (all have the "
            "same length and differ in one number)."
        )
    half = _parts(answer, questions, 50)
    if not 0.46 < half.count("test") / len(half) < 0.54:
        raise Incorrect(f"With 50 per cent asked for, {half.count('test') / len(half):.1%} are test questions.")
    if any(small == "test" and large == "train" for small, large in zip(found, half, strict=True)):
        raise Incorrect(
            "A question that is in a test split of 10 per cent should still be there at 50 per cent: hash the "
            "question alone, and compare the bucket with the percentage."
        )
    for change, what in (
        (str.upper, "capital letters"),
        (lambda q: "  " + q.replace(" ", "  ") + "\n", "spaces and line ends"),
    ):
        if _parts(answer, [change(question) for question in questions], 10) != found:
            raise Incorrect(f"The same question with other {what} came into another split: normalise it first.")
