"""``toy_math``: generated word problems of three to five arithmetic steps.

A problem is a start value and a list of operations, for instance ``12 +5 -4 *2``: its *signature*. The
wording (names, things, phrases, where the question stands) is drawn separately. A signature belongs to
exactly one split, decided by a hash of the signature alone, so that no split shares a problem with
another, however it is worded. ``read_signature`` reads the signature back from the wording, which is how
the tests prove it.
"""

from __future__ import annotations

import random
import re

from course_lib.tasks.splits import check_split, split_of

MIN_STEPS, MAX_STEPS = 3, 5
MAX_VALUE = 99

NAMES = "Mia Leo Ana Tom Zoe Sam Eva Ben Ivy Max Lea Dan Joy Kai Ada Ron".split()
THINGS = "apples marbles coins cards books shells stamps beads pens stones stickers plums".split()

START = (
    "{name} has {n} {things}.",
    "{name} starts with {n} {things}.",
    "There are {n} {things} in the box of {name}.",
)
PHRASES = {
    "+": (
        "{name} buys {n} more {things}.",
        "{name} finds {n} {things}.",
        "A friend gives {name} {n} {things}.",
        "Then {n} {things} are added.",
    ),
    "-": (
        "{name} gives away {n} {things}.",
        "{name} loses {n} of the {things}.",
        "A friend takes {n} {things}.",
        "Then {n} {things} are sold.",
    ),
    "*": (
        "The pile grows to {n} times its size.",
        "Now there are {n} times as many {things}.",
        "The number of {things} is multiplied by {n}.",
    ),
    "/": (
        "{name} makes {n} equal piles and keeps one.",
        "The {things} are shared by {n} people and {name} keeps one share.",
        "The number of {things} is divided by {n}.",
    ),
}
QUESTION_LAST = (
    "How many {things} are there now?",
    "How many {things} does {name} have now?",
    "What is the final number of {things}?",
)
QUESTION_FIRST = (
    "How many {things} will {name} have in the end?",
    "Find the final number of {things}.",
)


def apply(op: str, value: int, n: int) -> int:
    """One step: ``op`` is ``+``, ``-``, ``*`` or ``/`` (exact division)."""
    return {"+": value + n, "-": value - n, "*": value * n, "/": value // n}[op]


def signature(start: int, steps: list[tuple[str, int]]) -> str:
    """The problem without its wording, for instance ``"12 +5 -4 *2"``."""
    return " ".join([str(start), *(f"{op}{n}" for op, n in steps)])


def _draw_step(rng: random.Random, value: int) -> tuple[str, int]:
    while True:
        op = rng.choices("+-*/", weights=(35, 35, 15, 15))[0]
        n = rng.randint(2, 5) if op in "*/" else rng.randint(2, 30)
        if op == "/" and value % n:
            continue
        if 1 <= apply(op, value, n) <= MAX_VALUE:
            return op, n


def draw_problem(rng: random.Random) -> tuple[int, list[tuple[str, int]]]:
    """A start value from 5 to 40 and three to five steps whose running value stays in 1..99."""
    value = start = rng.randint(5, 40)
    steps = []
    for _ in range(rng.randint(MIN_STEPS, MAX_STEPS)):
        op, n = _draw_step(rng, value)
        value = apply(op, value, n)
        steps.append((op, n))
    return start, steps


def word(rng: random.Random, start: int, steps: list[tuple[str, int]]) -> str:
    """Put a problem into words."""
    name, things = rng.choice(NAMES), rng.choice(THINGS)
    sentences = [rng.choice(START).format(name=name, n=start, things=things)]
    sentences += [rng.choice(PHRASES[op]).format(name=name, n=n, things=things) for op, n in steps]
    if rng.random() < 0.7:
        sentences.append(rng.choice(QUESTION_LAST).format(name=name, things=things))
    else:
        sentences.insert(0, rng.choice(QUESTION_FIRST).format(name=name, things=things))
    return " ".join(sentences)


def equations(start: int, steps: list[tuple[str, int]]) -> list[str]:
    """The worked steps, for instance ``["12+5=17", "17-4=13", "13*2=26"]``."""
    lines, value = [], start
    for op, n in steps:
        result = apply(op, value, n)
        lines.append(f"{value}{op}{n}={result}")
        value = result
    return lines


def _pattern(phrase: str) -> str:
    named = {"name": "[A-Z][a-z]+", "n": r"(\d+)", "things": "[a-z]+"}
    return "".join(
        named[part[1:-1]] if part.startswith("{") else re.escape(part) for part in re.split(r"(\{\w+\})", phrase)
    )


_READERS = [("", re.compile(_pattern(p))) for p in START] + [
    (op, re.compile(_pattern(p))) for op, phrases in PHRASES.items() for p in phrases
]


def read_signature(question: str) -> str:
    """Read the signature back from the wording, without knowing how it was drawn.

    Raises ``ValueError`` for a sentence with a number that is none of this task's phrases.
    """
    parts = []
    for sentence in re.findall(r"[^.?]+[.?]", question):
        sentence = sentence.strip()
        for op, reader in _READERS:
            if match := reader.fullmatch(sentence):
                parts.append(op + match.group(1))
                break
        else:
            if re.search(r"\d", sentence):
                raise ValueError(f"not a toy_math sentence: {sentence!r}")
    return " ".join(parts)


def generate(split: str, n: int, seed: int) -> list[dict]:
    """``n`` rows of a split, all with different signatures.

    Columns: ``question``, ``answer`` (a whole number as text), ``signature``, ``steps`` (how many) and
    ``worked`` (the equations, one a line; never shown to the model).
    """
    check_split("toy_math", split)
    rng = random.Random(f"toy_math {split} {seed}")
    rows: dict[str, dict] = {}
    while len(rows) < n:
        start, steps = draw_problem(rng)
        sig = signature(start, steps)
        if sig in rows or split_of(sig) != split:
            continue
        lines = equations(start, steps)
        rows[sig] = {
            "question": word(rng, start, steps),
            "answer": lines[-1].rpartition("=")[2],
            "signature": sig,
            "steps": len(steps),
            "worked": "\n".join(lines),
        }
    return list(rows.values())
