"""Whether reasoning hangs together, as far as code can tell without understanding it.

No word is worth anything here: *therefore* forty times is one step, and one that leads nowhere. What is judged
is structure: steps that differ, equations that hold, a last step that arrives at the answer. Everything is
linear in the length of the text. A text that passes need not be good reasoning; one that fails is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from course_lib.grading import read_number
from course_lib.prompts import DEFAULT_TAGS, LETTERS, Tags

ENOUGH_STEPS = 2  # own steps for full depth: low, so that writing more of them gains nothing
DISTINCT_ENOUGH = 2 / 3  # this share of steps that are not repetitions is as good as all of them
WORDS_OF_A_LOOP = 12  # a step of so many words or more, of which under a third differ, is a repetition
LAST_NUMBERS = 3  # the answer has to be among the last numbers of the last step with a number

_STEP_END = re.compile(r"[\n;]|[.!?](?=\s)")
_WORD = re.compile(r"\w+")
_NUMBER = r"[$€£]?[0-9][0-9,]{0,14}+(?:\.[0-9]{1,6}+)?+%?+(?![A-WYZa-wyz_])"  # bounded, possessive: no backtracking
_OPERATOR = r"\s?[-+*/x\u00d7\u00f7\u2212]\s?"
_SIDE = rf"{_NUMBER}(?:{_OPERATOR}{_NUMBER}){{0,7}}+"
_EQUATION = re.compile(rf"(?<![\w.,]){_SIDE}(?:\s?=\s?{_SIDE}){{1,7}}+")
_GOES_ON_BEFORE = tuple("0123456789+-*/=^)\u00d7\u00f7\u2212")
_GOES_ON_AFTER = tuple("0123456789+*/^(\u00d7\u00f7")
_PARTS = re.compile(rf"({_NUMBER})\s?([-+*/x\u00d7\u00f7\u2212]?)")
_STATED = re.compile(r"-?[0-9][0-9,]{0,14}+(?:\.[0-9]{1,6}+)?+")


def block(text: str, tag: str) -> str | None:
    """The text between the only pair of this tag, ``None`` if it does not stand there exactly once."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    start, end = text.find(opening), text.find(closing)
    if text.count(opening) != 1 or text.count(closing) != 1 or end < start:
        return None
    return text[start + len(opening) : end]


def reasoning_of(text: str, task: str, tags: Tags = DEFAULT_TAGS) -> str:
    """What stands before the answer: the reasoning block, or the lines before the final line of ``final_line``."""
    if task == "final_line":
        return text.rstrip().rpartition("\n")[0]
    return block(text, tags.reasoning) or ""


def split_steps(text: str) -> list[str]:
    """Lines and sentences that are not blank."""
    return [step.strip() for step in _STEP_END.split(text) if step.strip()]


def _normal(step: str) -> str:
    return " ".join(step.lower().split()).rstrip(".!?;")


def _value(side: str) -> Fraction:
    """The value of a flat expression, ``*`` and ``/`` before ``+`` and ``-``. Raises ``ZeroDivisionError``."""
    total, term, pending = Fraction(0), Fraction(1), "*"
    for number, operator in _PARTS.findall(side):
        value = Fraction(re.sub("[$€£,%]", "", number)) / (100 if number.endswith("%") else 1)
        if pending in "/\u00f7":
            term /= value
        elif pending in "*x\u00d7":
            term *= value
        else:
            total, term = total + term, -value if pending in "-\u2212" else value
        pending = operator
    return total + term


def _places(side: str) -> int | None:
    """Decimal places of a side that is one number with a point, else ``None``."""
    found = re.fullmatch(r"[$€£]?[0-9,]+\.([0-9]+)", side)
    return len(found[1]) if found else None


def _equal(left: str, right: str) -> bool:
    try:
        difference = abs(_value(left) - _value(right))
    except ZeroDivisionError:
        return False
    places = _places(right)  # 10/3=3.33 holds as far as it is written
    return difference == 0 if places is None else difference <= Fraction(1, 2 * 10**places)


def equations(text: str) -> list[bool]:
    """For every equation such as ``12+5=17`` or ``2*3+4=10``, whether it holds; with a decimal point, as rounded.

    Left out, since they cannot be judged by themselves: parts of a longer calculation, as in ``(3+4)*2=14`` and
    ``8*1 1/2=12``, sides with a letter, as in ``5A=10``, and numbers of more than 15 digits.
    """
    found = []
    for match in _EQUATION.finditer(text):
        before = text[max(0, match.start() - 2) : match.start()].strip()
        after = text[match.end() : match.end() + 2].strip()
        if before[-1:] in _GOES_ON_BEFORE or after[:1] in _GOES_ON_AFTER:
            continue
        sides = [side.strip() for side in match[0].split("=")]
        found += [_equal(a, b) for a, b in zip(sides, sides[1:], strict=False) if re.search(_OPERATOR, a + b)]
    return found


@dataclass(frozen=True)
class Coherence:
    """What was found in a piece of reasoning. ``distinct``, ``holds`` and ``leads`` are shares from 0 to 1."""

    steps: int
    own: int  # different steps with something in them, no copies of the question, no false equations
    distinct: float
    holds: float
    leads: float

    @property
    def score(self) -> float:
        """From 0 to 1; nothing without a step of one's own."""
        return self.distinct * self.holds * self.leads if self.own else 0.0

    @property
    def depth(self) -> float:
        """From 0 to 1, which two steps of one's own reach."""
        return min(self.own, ENOUGH_STEPS) / ENOUGH_STEPS


def _loops(step: str) -> bool:
    words = _WORD.findall(step.lower())
    return len(words) >= WORDS_OF_A_LOOP and 3 * len(set(words)) < len(words)


def _leads(steps: list[str], kind: str, answer: str | None, options: Sequence[str] | None) -> float:
    """Whether the last step (for a number, the last with a number) arrives at the answer as read."""
    if not answer or not steps:
        return 0.0
    step = steps[-1]
    if kind == "number":
        wanted = read_number(answer)
        step = next((step for step in reversed(steps) if _STATED.search(step)), "")
        stated = [Fraction(n.replace(",", "")) for n in _STATED.findall(step)[-LAST_NUMBERS:]]
        return float(wanted is not None and (wanted in stated or -wanted in stated))
    words, said = _WORD.findall(step.lower()), set(_WORD.findall(answer.lower()))
    if kind == "choice":
        letters = [w for w in _WORD.findall(step) if len(w) == 1 and w in LETTERS]
        index = LETTERS.find(answer) if len(answer) == 1 else -1
        text = _WORD.findall(str(options[index]).lower()) if options and 0 <= index < len(options) else []
        by_text = bool(text) and f" {' '.join(text)} " in f" {' '.join(words)} "
        return float(letters[-1:] == [answer] or (by_text and not letters))
    shared = len(said & set(words))
    return min(1.0, 2 * shared / max(1, min(len(said), len(set(words)))))


def judge(
    reasoning: str,
    kind: str,
    answer: str | None,
    options: Sequence[str] | None = None,
    given: str = "",
) -> Coherence:
    """Judge a reasoning text. ``answer`` is the answer as read; ``given`` is what a copy gains nothing from.

    ``leads``: for a number, whether it is among the last three of the last step; for a choice, whether the last
    step ends up at its letter or its text; for a free text, whether half of the words are shared.
    """
    steps = split_steps(reasoning)
    copied = {_normal(step) for step in split_steps(given)}
    seen: set[str] = set()
    stated: list[bool] = []
    own = 0
    for step in steps:
        normal = _normal(step)
        if normal in seen or _loops(step):
            continue
        seen.add(normal)
        found = equations(step)
        stated += found
        content = sum(c.isalnum() for c in step[:100])
        own += content >= 3 and normal not in copied and all(found)
    return Coherence(
        steps=len(steps),
        own=own,
        distinct=min(1.0, len(seen) / len(steps) / DISTINCT_ENOUGH) if steps else 0.0,
        holds=sum(stated) / len(stated) if stated else 1.0,
        leads=_leads(steps, kind, answer, options),
    )
