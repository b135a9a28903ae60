"""Checkers of chapter 3: a reader of letters, and a split that stays put."""

from __future__ import annotations

import builtins
import random
import sys
from collections.abc import Callable
from unittest import mock

from course_lib.checks import Incorrect, exercise

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FARM = ["a dog", "the cows", "a horse and a cow", "Hens"]
# What is not read, and why. The options are FARM.
NOT_READ = (
    ("A, B", "two letters are no answer"),
    ("B or C", "two letters are no answer"),
    ("A B C D", "whoever lists all letters has named none"),
    ("BB", "one letter, once"),
    ("E", "there are four options, so there is no E"),
    ("A) the cows", "the letter says one option and the text another"),
    ("B) cows", "behind the letter stands the option's whole text, or nothing"),
    ("B) the", "behind the letter stands the option's whole text, or nothing"),
    ("not B", "the whole text has to be the letter"),
    ("The answer is B", "the whole text has to be the letter"),
    ("A cow is here", "a sentence that begins with A does not name option A"),
    ("Cows", "a word that begins with C does not name option C, and a part of an option's text is not its text"),
    ("a horse", "a part of an option's text is not its text"),
    ("the cows and a dog", "two options are no answer"),
    ("I think the cows", "the whole text has to be the option's text"),
    ("thecows", "white space between words may be longer, not missing"),
    *(
        (text, "a letter is dressed as in the table, or not read")
        for text in ("*B*", "(B", "B]", '"B"', "B,", "B!", "**B")
    ),
    *((f"{word} B", "the whole text has to be the letter") for word in ("option", "answer:", "final:")),
    *((text, "the letter, one bracket and the text: `B) the cows`") for text in ("B. the cows", "(B) the cows")),
    ("the cows.", "the option's text, without a sign behind it"),
    ("2", "options have letters, not numbers"),
    ("", "nothing at all is no answer"),
    (" \n", "nothing at all is no answer"),
    ("()", "brackets without a letter are no answer"),
    (")", "a bracket without a letter is no answer"),
    ("**", "stars without a letter are no answer"),
)
DRESS = ("{}", "({})", "[{}]", "**{}**", "{}.", "{})", "{}:", " {}\n", "({}) ")


def _read(answer: Callable, text: str, options: list[str]) -> object:
    try:
        return answer(text, list(options))
    except NotImplementedError:
        raise
    except Exception as error:
        raise Incorrect(
            f"For {text!r} it raised {type(error).__name__}: a reader must get along with any text."
        ) from error


def _reads(answer: Callable, text: str, options: list[str], wanted: str | None, why: str) -> None:
    found = _read(answer, text, options)
    if found is None and wanted is None:
        return
    if wanted and isinstance(found, str) and found != wanted and found.upper() == wanted:
        raise Incorrect(f"{text!r} gives {found!r}: return the letter in upper case.")
    if found != wanted or type(found) is not str:
        given = options if len(options) < 5 else f"{options[0]} to {options[-1]}"
        raise Incorrect(f"{text!r} with the options {given} gives {found!r:.60} instead of {wanted!r}: {why}.")


@exercise(
    part=3,
    title="A reader of letters",
    difficulty=3,
    minutes=15,
    hints=(
        "Do not search the text for a letter. For each option there are only a few texts that name it: write them "
        "down and ask whether the text is one of them.",
        "First bring text and options into a form in which case and spacing do not show, for instance "
        "' '.join(text.lower().split()). Then go through zip(LETTERS, options): is the text in [own, f'({own})', ...], "
        "or f'{own}) ' with the option behind, or the option? The first that fits gives the letter. After the loop: "
        "None.",
    ),
)
def read_letter(answer: Callable) -> None:
    for place, letter in enumerate("ABCD"):
        turned = FARM[place:] + FARM[:place]
        for dress in DRESS:
            for said in (letter, letter.lower()):
                _reads(answer, dress.format(said), turned, letter, "this is the letter in common dress")
        for change in (str, str.upper, lambda text: "  " + text.replace(" ", " \n ") + " "):
            why = "case and white space make no difference"
            _reads(answer, change(turned[place]), turned, letter, f"this is the text of option {letter}, and {why}")
            own = f"{letter}) {change(turned[place]).strip()}"
            _reads(answer, own, turned, letter, f"this is the letter {letter} with its own text, and {why}")
    for text, why in NOT_READ:
        _reads(answer, text, FARM, None, why)
    _reads(answer, "C", ["yes", "no"], None, "there are two options, so there is no C")
    _reads(answer, "c) yes", ["yes", "no"], None, "there are two options, so there is no C")
    many = [f"number {i}" for i in range(26)]
    for i in (4, 25):
        _reads(answer, f"({LETTERS[i]})", many, LETTERS[i], "there may be up to 26 options")
    _reads(answer, "A dog", ["the cows", "a dog"], "B", "this is the text of option B, although it begins with an A")


def _parts(answer: Callable, questions: list[str], percent: int) -> list[str]:
    return _split(answer, [{"question": question} for question in questions], percent)


def _split(answer: Callable, rows: list[dict], percent: int) -> list[str]:
    found = []
    for row in rows:
        try:
            found.append(answer(dict(row), percent))
        except KeyError as error:
            mend = "not every row has a group" if error.args == ("group",) else "take what every row has"
            raise Incorrect(f"There is no {error} in {row}: {mend}.") from error
    for part in found:
        if part not in ("train", "test"):
            raise Incorrect(f'The answer is "train" or "test", not {part!r}.')
    return found


@exercise(
    part=3,
    title="A split that stays put",
    difficulty=3,
    minutes=15,
    hints=(
        "Take the group if there is one ('group' in row), else the question in a form in which case and spacing do "
        "not show. Then you need a number that depends on that text and on nothing else: not on the machine, the "
        "day, or what was asked before.",
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
    _check_columns(answer, questions, found)
    _check_groups(answer)
    _check_chance(answer)
    groups = [{"question": "What is the best title?", "group": f"text{i}.txt"} for i in range(1000)]
    if _split(answer, groups, 50) == _split(answer, [{**row, "group": row["group"].upper()} for row in groups], 50):
        raise Incorrect("Groups that differ in capital letters are different groups: take a group as it is.")


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


def _check_columns(answer: Callable, questions: list[str], found: list[str]) -> None:
    others = [{"answer": str(i), "question": question, "task": "number"} for i, question in enumerate(questions)]
    if _split(answer, others, 10) != found:
        raise Incorrect(
            "The same question with other columns beside it came into another split: a gold answer may be mended "
            "later. Take the question alone."
        )


def _check_groups(answer: Callable) -> None:
    groups = [f"text{i}.txt" for i in range(1000, 4000)]
    title = [{"question": "What is the best title?", "group": group} for group in groups]
    found = _split(answer, title, 10)
    share = found.count("test") / len(found)
    if abs(share - 0.1) > 0.035:
        raise Incorrect(
            f"One question was asked of 3,000 passages; with 10 per cent asked for, {share:.1%} of the rows came into "
            "the test split. Where a row has a group, the group decides and not the question."
        )
    other = [{"question": f"Who is named in line {i}?", "group": group} for i, group in enumerate(groups)]
    if _split(answer, other, 10) != found:
        raise Incorrect(
            "Two questions to the same passage came into different splits. Where a row has a group, the group alone "
            "decides."
        )


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
