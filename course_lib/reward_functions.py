"""Rewards in TRL's signature: ``f(completions, answer, …) -> list[float | None]``, one entry per completion.

They work as they stand in TRL and Unsloth (completions as strings or lists of messages, every column of the
dataset as a keyword, ``completion_ids`` beside them) and in Tunix (plain strings, columns as numpy arrays, no
ids, so that a completion cut off at the limit shows only by what is missing in it). Each reward has a fixed
range of its own, 1.0 at most; a suite's weights turn it into points. ``None`` means that a reward has nothing
to say about a row, such as a reward for numbers about a multiple-choice question: the trainers leave it out.

Named suites: ``rewards.py``. Whether an answer is right is decided by ``grading.py`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from course_lib import coherence
from course_lib.completions import completion_text, is_blank, marks, read_answer, strip_end
from course_lib.grading import Grade, gold_number, grade, kind_of, number_within, read_number
from course_lib.prompts import DEFAULT_TAGS, EOS_IDS, Tags, with_options
from course_lib.rubrics import grade_rubric

OUTCOME_SHARE = 0.9  # of correctness_depth_reward; the rest is for two steps of one's own
EFFICIENT_WORDS = (60, 200)


@dataclass(frozen=True)
class Case:
    """One completion with what it is graded by."""

    text: str
    gold: object
    task: str
    options: list[str] | None
    ended: bool
    asked: str  # passage, question and options
    tags: Tags

    @property
    def kind(self) -> str:
        return kind_of(self.task)

    @cached_property
    def grade(self) -> Grade:
        return grade(self.text, self.gold, self.task, self.options, self.ended, self.tags)

    @cached_property
    def coherence(self) -> coherence.Coherence:
        """Of the reasoning; copies of the passage, the question, the options or the rubric are not steps."""
        given = [self.asked, str(self.gold) if self.kind == "rubric" else ""]
        reasoning = coherence.reasoning_of(self.text, self.task, self.tags)
        return coherence.judge(reasoning, self.kind, self.grade.answer, self.options, "\n".join(given))


def cases(
    completions,
    answer,
    task=None,
    options=None,
    completion_ids=None,
    question=None,
    passage=None,
    tags=None,
    default_task="gsm8k",
    **_,
) -> list[Case]:
    """The columns of a batch, row by row; ``default_task`` is the task where there is no column ``task``.

    A completion has ended if its last token is an end token, or if there are no token ids. Raises ``ValueError``
    when the columns are not of one length.
    """
    n = len(completions)
    columns = {
        "answer": answer,
        "task": [default_task] * n if task is None else task,
        "options": [None] * n if options is None else options,
        "completion_ids": [None] * n if completion_ids is None else completion_ids,
        "question": [""] * n if question is None else question,
        "passage": [""] * n if passage is None else passage,
    }
    for name, column in columns.items():
        if isinstance(column, str) or len(column) != n:
            raise ValueError(f"{n} completions need {n} entries in {name!r}, one for each; there are {len(column)}")
    columns["options"] = [None if row is None else [str(option) for option in row] for row in columns["options"]]
    return [
        Case(
            text=completion_text(completion),
            gold=gold,
            task=str(name),
            options=choices,
            ended=ids is None or (len(ids) > 0 and ids[-1] in EOS_IDS),
            asked=with_options(f"{told or ''}\n{asked or ''}", choices),
            tags=tags or DEFAULT_TAGS,
        )
        for completion, gold, name, choices, ids, asked, told in zip(completions, *columns.values(), strict=True)
    ]


def format_reward(completions, answer, **columns) -> list[float]:
    """1.0 for a completion that is exactly one reasoning block and one answer block, else 0.0.

    For the task ``final_line``: 1.0 for one line ``Final: B`` at the end, with text before it.
    """
    return [float(case.grade.well_formed) for case in cases(completions, answer, **columns)]


def correctness_reward(completions, answer, **columns) -> list[float]:
    """1.0 for the right answer in the answer tags, else 0.0.

    A rubric has to be met in full.
    """
    return [float(case.grade.correct) for case in cases(completions, answer, **columns)]


def lenient_format_reward(completions, answer, **columns) -> list[float]:
    """1.0 if both blocks are there, in order and not blank, whatever stands around them, else 0.0.

    The soft format of public GSM8K recipes (suite ``basic``), but each tag must stand exactly once.
    """

    def score(case: Case) -> float:
        if case.task == "final_line":
            return float(case.grade.answer is not None)
        reasoning = coherence.block(case.text, case.tags.reasoning)
        found = read_answer(case.text, case.tags)
        return float(None not in (reasoning, found) and not is_blank(reasoning) and not is_blank(found))

    return [score(case) for case in cases(completions, answer, **columns)]


def integer_reward(completions, answer, **columns) -> list[float | None]:
    """1.0 if the answer is a whole number, right or wrong, else 0.0; None where a whole number is not asked for.

    From public GSM8K recipes (suite ``basic``), whose gold answers are all whole. The answer is read as
    everywhere: exactly one number in exactly one answer block.
    """

    def score(case: Case) -> float | None:
        if case.kind != "number" or gold_number(case.gold).denominator != 1:
            return None
        number = read_number(case.grade.answer or "")
        return float(number is not None and number.denominator == 1)

    return [score(case) for case in cases(completions, answer, **columns)]


def approximate_format_reward(completions, answer, **columns) -> list[float]:
    """From -1.0 to 1.0: a quarter for each of the four tags, plus if it stands exactly once, else minus.

    The approximate format of public Tunix recipes (suite ``tunix``: ±0.5 a tag, so the weight is 2). Hardened:
    tags that stand once but in the wrong order all count as missing.
    """

    def score(case: Case) -> float:
        once = [mark for mark in marks(case.tags) if case.text.count(mark) == 1]
        places = [case.text.find(mark) for mark in once]
        right = len(once) if places == sorted(places) else 0
        return (2 * right - 4) / 4

    return [score(case) for case in cases(completions, answer, **columns)]


def partial_correctness_reward(completions, answer, **columns) -> list[float | None]:
    """From -1/3 to 1.0: right 3, within 10 % 0.5, within 20 % 0.25, wrong -1, no number -0.5, all over 3.

    The graded correctness of public Tunix recipes (suite ``tunix``, weight 3); None where no number is asked
    for. Mind that not answering costs less than answering wrong. Hardened: the answer is read as everywhere,
    so that neither a list of guesses nor a number outside the tags is near.
    """

    def points(case: Case) -> float | None:
        if case.kind != "number":
            return None
        found = case.grade
        if found.correct:
            return 3.0
        if read_number(found.answer or "") is None:
            return -0.5
        if number_within(found.answer, case.gold, 0.1):
            return 0.5
        return 0.25 if number_within(found.answer, case.gold, 0.2) else -1.0

    scored = [points(case) for case in cases(completions, answer, **columns)]
    return [None if score is None else score / 3 for score in scored]


def number_extraction_reward(completions, answer, **columns) -> list[float | None]:
    """1.0 if the number that is read from the answer equals the gold, else 0.0; None where no number is asked for.

    From public Tunix recipes (suite ``tunix``), where it finds the number even in a broken form. Here every
    reward reads the same answer, and text around the blocks does not spoil it, so it is more weight for being right.
    """
    scored = cases(completions, answer, **columns)
    return [float(case.grade.correct) if case.kind == "number" else None for case in scored]


def mc_reward(completions, answer, **columns) -> list[float | None]:
    """1.0 for the right option in exactly one final answer, else 0.0; None where the answer is no option.

    From public multiple-choice recipes (suite ``multiple_choice``). Hardened: the whole answer has to be one
    option, in the answer tags or, for the task ``final_line``, in the only final line.
    """
    scored = cases(completions, answer, **{"default_task": "choice"} | columns)
    return [float(case.grade.correct) if case.kind == "choice" else None for case in scored]


def rubric_reward(completions, answer, judge=None, **columns) -> list[float | None]:
    """From 0.0 to 1.0: the weight of the met criteria over that of the decided ones; None where none is decided.

    Rubrics as rewards (suite ``rubric``). ``answer`` is the rubric. Hardened: hard rules are checked by code,
    a copied criterion is not met, and no answer scores 0.0; ``judge`` (see ``rubrics``) decides the rest.
    """

    def score(case: Case) -> float | None:
        return grade_rubric(case.text, case.gold, judge, case.tags).score if case.kind == "rubric" else None

    return [score(case) for case in cases(completions, answer, **{"default_task": "rubric"} | columns)]


def block_format_reward(completions, answer, **columns) -> list[float]:
    """0.5 for the reasoning block and 0.5 for the answer block, so from 0.0 to 1.0.

    From public four-component recipes (suite ``four_component``). Hardened: the reasoning block opens the text,
    is closed, is not blank and has nothing between it and the answer; the answer block is the only one and
    ends the text, which was not cut off. Only a well formed completion gets both halves.
    """

    def score(case: Case) -> float:
        if case.task == "final_line":
            return 0.5 * case.grade.well_formed + 0.5 * (case.grade.answer is not None)
        text = strip_end(case.text)
        opening, closing, answer_opening, answer_closing = marks(case.tags)
        reasoning = coherence.block(text, case.tags.reasoning)
        then = text.partition(closing)[2].lstrip()
        thinks = reasoning is not None and text.startswith(opening) and not is_blank(reasoning)
        thinks = thinks and answer_opening not in reasoning and (not then or then.startswith(answer_opening))
        found = read_answer(text, case.tags)
        answers = case.ended and found is not None and not is_blank(found) and text.endswith(answer_closing)
        return 0.5 * thinks + 0.5 * answers

    return [score(case) for case in cases(completions, answer, **columns)]


def coherence_reward(completions, answer, **columns) -> list[float]:
    """From 0.0 to 1.0: steps that differ, equations that hold, a last step that arrives at the answer, multiplied.

    In place of the key words of public four-component recipes (suite ``four_component``): see ``coherence``.
    Right or wrong does not matter here.
    """
    return [case.coherence.score for case in cases(completions, answer, **columns)]


def correctness_depth_reward(completions, answer, judge=None, **columns) -> list[float | None]:
    """From 0.0 to 1.0: 0.9 for the outcome and, if that is right, up to 0.1 for two steps of one's own.

    Outcome and depth of public four-component recipes (suite ``four_component``). Hardened: depth is paid for a
    right answer only and ends at two steps, so that more of them gain nothing. A rubric's outcome is its
    score, and None where nothing is decided.
    """

    def score(case: Case) -> float | None:
        right = outcome = float(case.grade.correct)
        if case.kind == "rubric":
            outcome = grade_rubric(case.text, case.gold, judge, case.tags).score
            if outcome is None:
                return None
            right = float(outcome == 1.0)
        return OUTCOME_SHARE * outcome + (1 - OUTCOME_SHARE) * right * case.coherence.depth

    return [score(case) for case in cases(completions, answer, **columns)]


def efficiency_reward(completions, answer, **columns) -> list[float]:
    """1.0 for 60 to 200 words, less in proportion outside, so from 0.0 to 1.0.

    From public four-component recipes (suite ``four_component``). It pays for length alone, whatever the words
    say, and a short right answer would lose by it: so its weight is 0 in every weighting of this course, and
    it is there to be watched.
    """
    low, high = EFFICIENT_WORDS
    counts = [len(case.text.split()) for case in cases(completions, answer, **columns)]
    return [min(1.0, n / low, high / max(n, 1)) for n in counts]
