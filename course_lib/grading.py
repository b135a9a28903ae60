"""The one grader: rewards, evaluation, exercises and demos all ask it whether a completion is right.

It never raises on a completion, whatever stands in it, and takes time linear in its length: tags are found
with ``str.count`` and ``str.find``, and a number is read only from a short answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from course_lib.prompts import DEFAULT_TAGS, Tags

MAX_ANSWER_LENGTH = 200  # characters; a longer answer is not a number
END_MARKS = ("<end_of_turn>", "<eos>")
NUMBER_TASKS = {"toy_math", "gsm8k"}

_NUMBER = re.compile(
    r"""(?P<sign>[-+\u2212]?)\s?
        (?:[$€£¥]\s?)?
        (?P<sign2>[-\u2212]?)
        (?P<digits>
            [0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?     # 1,000.5
          | [0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+    # 1 000
          | [0-9]+/[0-9]+                             # 1/2
          | [0-9]+(?:\.[0-9]+)?                       # 18.00
          | \.[0-9]+                                  # .4
        )
        (?:\s?%)?
        (?P<unit>(?:\s?[€£¥$])|(?:[\s-]?[^\W\d_]+[²³]?(?:[\s/-][^\W\d_]+[²³]?){0,2})|)
        \.?""",
    re.VERBOSE,
)
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
# After a number these words make it another number, or more than one.
_NOT_UNITS = set(
    "or and to minus plus times over hundred thousand million billion trillion dozen half halves "
    "k e x m bn third thirds quarter quarters squared cubed point nan inf infinity".split()
)


@dataclass(frozen=True)
class Grade:
    """What the grader found. ``answer`` is the answer as read, ``None`` when there is none."""

    well_formed: bool
    correct: bool
    answer: str | None


def read_number(text: str) -> Fraction | None:
    """The one number in an answer, exactly, or ``None``.

    Read: ``1,000``, ``1 000``, ``$18.00``, ``18.``, ``-3``, a true minus sign, ``1/2``, ``3 hours``, ``60 %``,
    ``\\boxed{72}``, ``.4``. Not read: ``nan``, ``1_8``, ``0x12``, ``1e400``, ``18 or 20``, ``20 = 18``, ``10,00``.
    """
    if len(text) > MAX_ANSWER_LENGTH:
        return None
    text = text.strip()
    if boxed := _BOXED.fullmatch(text):
        text = boxed.group(1).strip()
    match = _NUMBER.fullmatch(text)
    if match is None or (match["sign"] and match["sign2"]):
        return None
    if any(word.lower() in _NOT_UNITS for word in re.findall(r"[^\W\d_]+", match["unit"])):
        return None
    digits = re.sub(r"[, \u00a0\u202f]", "", match["digits"])
    if re.fullmatch(r"[0-9]+/0+", digits):
        return None
    negative = (match["sign"] or match["sign2"]) in {"-", "\u2212"}
    return -Fraction(digits) if negative else Fraction(digits)


def completion_text(completion: object) -> str:
    """The text of a completion given as a string, a message, a list of messages, or ``None``."""
    if isinstance(completion, str):
        return completion
    if isinstance(completion, dict):
        return completion_text(completion.get("content", completion.get("text")))
    if isinstance(completion, Sequence) and not isinstance(completion, bytes | bytearray):
        return "".join(completion_text(part) for part in completion)
    return ""


def _strip_end(text: str) -> str:
    """Without trailing end marks and white space, and without leading white space."""
    end = len(text.rstrip())
    while mark := next((m for m in END_MARKS if text.endswith(m, 0, end)), None):
        end -= len(mark)
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end].lstrip()


def read_answer(text: str, tags: Tags = DEFAULT_TAGS) -> str | None:
    """The text between the answer tags, if there is exactly one pair and no reasoning tag follows it."""
    opening, closing = f"<{tags.answer}>", f"</{tags.answer}>"
    if text.count(opening) != 1 or text.count(closing) != 1:
        return None
    start, end = text.find(opening) + len(opening), text.find(closing)
    if end < start:
        return None
    if text.find(f"<{tags.reasoning}>", start) >= 0 or text.find(f"</{tags.reasoning}>", start) >= 0:
        return None
    return text[start:end].strip() or None


def is_well_formed(text: str, tags: Tags = DEFAULT_TAGS) -> bool:
    """Whether the whole text is one reasoning block, white space, one answer block, neither blank."""
    text = _strip_end(text)
    marks = [f"<{tags.reasoning}>", f"</{tags.reasoning}>", f"<{tags.answer}>", f"</{tags.answer}>"]
    if any(text.count(mark) != 1 for mark in marks):
        return False
    if not text.startswith(marks[0]) or not text.endswith(marks[3]):
        return False
    starts = [text.find(mark) for mark in marks]
    ends = [start + len(mark) for start, mark in zip(starts, marks, strict=True)]
    if starts != sorted(starts):
        return False
    reasoning, between, answer = (text[ends[i] : starts[i + 1]] for i in range(3))
    return bool(reasoning.strip()) and not between.strip() and bool(answer.strip())


def gold_number(answer: object) -> Fraction:
    """A gold answer as an exact number. Raises ``ValueError`` if it is none: that is an error in the data."""
    number = read_number(str(answer)) if answer is not None else None
    if number is None:
        raise ValueError(f"the gold answer {answer!r} is not a number; mend the row that it comes from")
    return number


def grade(
    completion: object,
    answer: object,
    task: str = "gsm8k",
    ended: bool = True,
    tags: Tags | None = None,
) -> Grade:
    """Grade one completion against the gold ``answer``.

    ``completion`` is a string, a message, a list of messages or ``None``; ``ended`` says whether generation
    ended by itself (a completion that was cut off is not well formed).

    Raises ``ValueError`` for an unknown task or a gold answer that is not a number, never for a completion.
    """
    if task not in NUMBER_TASKS:
        raise ValueError(f"no grading for task {task!r}; known tasks: {', '.join(sorted(NUMBER_TASKS))}")
    tags = tags or DEFAULT_TAGS
    gold = gold_number(answer)
    text = completion_text(completion)
    found = read_answer(text, tags)
    number = read_number(found) if found is not None else None
    return Grade(
        well_formed=ended and is_well_formed(text, tags),
        correct=number is not None and number == gold,
        answer=found,
    )
