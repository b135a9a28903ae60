"""Rubrics: criteria that an answer meets or does not meet, and the weighted share of those that it meets.

A rubric is text, one criterion a line, with labels at the end:

    1. The answer has at most 50 words. [Hard Rule]
    2. The tone suits a letter to a friend. [Principle] [Optional]
    3. The answer includes the word "cheap". [Pitfall]

Hard rules and pitfalls are checked by code where it knows their wording (``hard_rules.py``). Principles, and
rules that code does not know, are for a judge; without one they are undecided and do not count either way. A
pitfall describes a mistake: it is met when the mistake is absent.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from course_lib.completions import completion_text, is_blank, marks, plain, read_answer, strip_end
from course_lib.hard_rules import hard_rule
from course_lib.measures import Text, copied_words
from course_lib.prompts import DEFAULT_TAGS, Tags

# Binary criteria, weighted by importance: the idea of "Rubrics as Rewards", Gunjal et al. 2025.
WEIGHTS = {"essential": 1.0, "important": 0.7, "optional": 0.3, "pitfall": 0.9}
KIND_LABELS = {"hard rule": "hard", "principle": "principle"}
DEFAULT_IMPORTANCE = {"hard": "essential", "principle": "important"}
COPY_WORDS = 4  # a criterion of that many words or more, found word for word in an answer, was copied

_NUMBERING = re.compile(r"(?:[0-9]+[.)]|[-*•])\s+")
_LABEL = re.compile(r"\[([^\[\]]*)\][\s.]*$")

Judge = Callable[[str, str], bool | None]


@dataclass(frozen=True)
class Criterion:
    """One line of a rubric. ``kind`` is ``hard`` or ``principle``, ``importance`` a key of ``WEIGHTS``."""

    text: str
    kind: str
    importance: str
    weight: float

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or is_blank(self.text):
            raise ValueError("a criterion without text; mend the rubric")
        if self.kind not in DEFAULT_IMPORTANCE or self.importance not in WEIGHTS:
            raise ValueError(f"criterion {self.text!r}: unknown kind {self.kind!r} or importance {self.importance!r}")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"criterion {self.text!r}: the weight is above 0 and finite, not {self.weight!r}")


@dataclass(frozen=True)
class CriterionGrade:
    """One criterion and its verdict: ``met``, ``unmet`` or ``undecided``."""

    criterion: Criterion
    verdict: str


@dataclass(frozen=True)
class RubricGrade:
    """The verdicts, and the weight of the met criteria over the weight of the decided ones (0 to 1).

    ``score`` is ``None`` when nothing was decided, as for an empty rubric.
    """

    criteria: tuple[CriterionGrade, ...]
    score: float | None

    @property
    def all_met(self) -> bool:
        """Whether there are criteria, and every one is met."""
        return bool(self.criteria) and all(found.verdict == "met" for found in self.criteria)


def read_criterion(line: str) -> Criterion:
    """One line of a rubric: a number or bullet, the text, its labels. Raises ``ValueError`` if it is none."""
    text, labels = line.strip(), []
    if match := _NUMBERING.match(text):
        text = text[match.end() :]
    while match := _LABEL.search(text):
        label = " ".join(match[1].lower().split())
        if label not in KIND_LABELS and label not in WEIGHTS:
            break
        labels.append(label)
        text = text[: match.start()].rstrip()
    kinds = {KIND_LABELS[label] for label in labels if label in KIND_LABELS}
    importances = {label for label in labels if label in WEIGHTS}
    if not labels or len(kinds) > 1 or len(importances) > 1:
        known = " ".join(f"[{label.title()}]" for label in (*KIND_LABELS, *WEIGHTS))
        raise ValueError(f"the criterion {line!r} needs one label of a kind at its end, of: {known}")
    kind = kinds.pop() if kinds else "hard"
    importance = importances.pop() if importances else DEFAULT_IMPORTANCE[kind]
    return Criterion(text, kind, importance, WEIGHTS[importance])


@lru_cache(maxsize=10_000)
def _read_text(text: str) -> tuple[Criterion, ...]:
    return tuple(read_criterion(line) for line in text.splitlines() if not is_blank(line))


def read_rubric(rubric: str | Iterable[str | Criterion]) -> tuple[Criterion, ...]:
    """The criteria of a rubric given as text or as a list of lines or criteria.

    The same text twice (case and spacing aside) is one criterion, the heavier one; a pitfall is another than a
    criterion that asks for the same. Raises ``ValueError`` for a line that is no criterion.
    """
    parts = [rubric] if isinstance(rubric, str) else list(rubric) if isinstance(rubric, Iterable) else [None]
    if not all(isinstance(part, str | Criterion) for part in parts):
        raise ValueError(f"a rubric is text, or a list of lines or criteria, not {rubric!r}; mend the row")
    read = [found for part in parts for found in ((part,) if isinstance(part, Criterion) else _read_text(part))]
    kept: dict[tuple[str, bool], Criterion] = {}
    for criterion in read:
        key = (plain(criterion.text), criterion.importance == "pitfall")
        if key not in kept or _rank(criterion) > _rank(kept[key]):
            kept[key] = criterion
    return tuple(kept.values())


def _rank(criterion: Criterion) -> tuple[float, bool]:
    return criterion.weight, criterion.kind == "hard"


def _judge_says(judge: Judge | None, answer: str, criterion: str) -> bool | None:
    """The judge's verdict; ``None`` without a judge, when it cannot tell, and when it fails."""
    try:
        verdict = judge(answer, criterion) if judge else None
        return bool(verdict) if verdict in (True, False) else None
    except Exception:  # whatever a judge raises (time-outs, network ...), the criterion stays undecided
        return None


def _verdict(criterion: Criterion, answer: Text, judge: Judge | None) -> str:
    own = copied_words(criterion.text)
    if len(own.split()) >= COPY_WORDS and own in answer.copied_words:
        return "unmet"
    rule = hard_rule(criterion.text) if criterion.kind == "hard" else None
    holds = rule(answer) if rule else _judge_says(judge, answer.text, criterion.text)
    if holds is None:
        return "undecided"
    return "met" if holds != (criterion.importance == "pitfall") else "unmet"


def judged_text(completion: object, tags: Tags | None = None) -> str:
    """What a rubric is held against: the answer block, or the whole text where there are no tags at all.

    Empty when there are tags but no answer can be read.
    """
    tags, text = tags or DEFAULT_TAGS, strip_end(completion_text(completion))
    if any(mark in text for mark in marks(tags)):
        return read_answer(text, tags) or ""
    return text


def grade_rubric(
    completion: object,
    rubric: str | Iterable[str | Criterion],
    judge: Judge | None = None,
    tags: Tags | None = None,
) -> RubricGrade:
    """Hold a completion against each criterion of a rubric.

    ``judge(answer, criterion)`` says whether a criterion holds for an answer (for a pitfall: whether the
    mistake is there), or ``None``. A blank or unreadable answer meets nothing, and an answer that repeats a
    criterion word for word does not meet that one. Raises ``ValueError`` for a rubric that cannot be read,
    never for a completion or for what a judge does.
    """
    criteria = read_rubric(rubric)
    text = judged_text(completion, tags)
    if is_blank(text):
        verdicts = ["unmet"] * len(criteria)
    else:
        answer = Text(text)
        verdicts = [_verdict(criterion, answer, judge) for criterion in criteria]
    graded = tuple(map(CriterionGrade, criteria, verdicts))
    decided = math.fsum(g.criterion.weight for g in graded if g.verdict != "undecided")
    met = math.fsum(g.criterion.weight for g in graded if g.verdict == "met")
    return RubricGrade(graded, met / decided if decided else None)
