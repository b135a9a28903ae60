"""The one grader: rewards, evaluation, exercises and demos all ask it whether a completion is right.

Three kinds of answers: a number (read here), an option of a multiple-choice question (``choices.py``), a text
judged by a rubric (``rubrics.py``). It never raises on a completion, whatever stands in it, and takes time
linear in its length: tags are found with ``str.count`` and ``str.find``, and a number is read only from a
short answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from course_lib.choices import final_line, gold_choice, read_choice
from course_lib.completions import completion_text, is_well_formed, read_answer
from course_lib.prompts import DEFAULT_TAGS, Tags
from course_lib.rubrics import grade_rubric

MAX_ANSWER_LENGTH = 200  # characters; a longer answer is not a number
KINDS = (
    {task: "number" for task in ("toy_math", "gsm8k", "number")}
    | {task: "choice" for task in ("toy_choice", "race", "race_high", "race_middle", "quality", "choice", "final_line")}
    | {task: "rubric" for task in ("toy_rubric", "openrubrics", "rubric")}
)

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


def gold_number(answer: object) -> Fraction:
    """A gold answer as an exact number. Raises ``ValueError`` if it is none: that is an error in the data."""
    number = read_number(str(answer)) if answer is not None else None
    if number is None:
        raise ValueError(f"the gold answer {answer!r} is not a number; mend the row that it comes from")
    return number


def number_within(text: str | None, gold: object, tolerance: float) -> bool:
    """Whether an answer's number is at most ``tolerance`` times the gold's size away from it: near, not correct.

    ``tolerance`` is a fraction, 0.1 for 10 %. Raises ``ValueError`` for a gold that is not a number.
    """
    target = gold_number(gold)
    number = read_number(text) if text is not None else None
    return number is not None and abs(number - target) <= Fraction(str(tolerance)) * abs(target)


def kind_of(task: str) -> str:
    """How a task is graded: ``number``, ``choice`` or ``rubric``. Raises ``ValueError`` for an unknown task."""
    if task not in KINDS:
        raise ValueError(f"no grading for task {task!r}; known tasks: {', '.join(KINDS)}")
    return KINDS[task]


def grade(
    completion: object,
    answer: object,
    task: str = "gsm8k",
    options: Sequence[str] | None = None,
    ended: bool = True,
    tags: Tags | None = None,
) -> Grade:
    """Grade one completion against the gold ``answer``: a number, an option's letter or a rubric's text.

    ``completion`` is a string, a message, a list of messages or ``None``; ``options`` are the texts of a
    multiple-choice question; ``ended`` says whether generation ended by itself (a completion that was cut off
    is not well formed). A rubric counts as answered correctly when every criterion is met and none undecided.

    Raises ``ValueError`` for an unknown task, options or a gold answer that cannot be used, never for a
    completion.
    """
    kind, tags, text = kind_of(task), tags or DEFAULT_TAGS, completion_text(completion)
    if task == "final_line":
        return _grade_final_line(text, gold_choice(answer, options), options, ended)
    found = read_answer(text, tags)
    if kind == "number":
        gold = gold_number(answer)
        number = read_number(found) if found is not None else None
        correct = number is not None and number == gold
    elif kind == "choice":
        gold = gold_choice(answer, options)
        letter = read_choice(found, options) if found is not None else None
        correct, found = letter == gold, letter or found
    else:
        correct = grade_rubric(text, answer, tags=tags).all_met and found is not None
    return Grade(well_formed=ended and is_well_formed(text, tags), correct=correct, answer=found)


def _grade_final_line(text: str, gold: str, options: Sequence[str] | None, ended: bool) -> Grade:
    """Untagged multiple choice: well formed is one line ``Final: B``, with text before it and none after."""
    said, in_place = final_line(text)
    letter = read_choice(said, options) if said is not None else None
    return Grade(well_formed=ended and in_place and letter is not None, correct=letter == gold, answer=letter or said)
