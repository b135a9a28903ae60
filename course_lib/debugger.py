"""Why a completion scored as it did: tags, the answer as read, its distance from the truth, each reward's reason."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from course_lib import coherence
from course_lib.analysis import RewardAnalyzer, trl_columns
from course_lib.choices import final_line
from course_lib.completions import is_blank, marks, read_answer, strip_end
from course_lib.grading import gold_number, read_number
from course_lib.prompts import LETTERS
from course_lib.reward_functions import Case, cases
from course_lib.rewards import Reward, Suite
from course_lib.rubrics import Judge, grade_rubric

SHOWN_PLACES = 8  # of a tag's positions


@dataclass(frozen=True)
class Explanation:
    """``tags``: count and places of each tag. ``reading``: how the answer was read. ``components``: raw value,
    weight, points and the reason, one line a reward."""

    tags: pd.DataFrame
    reading: pd.Series
    components: pd.DataFrame

    def __str__(self) -> str:
        with pd.option_context("display.max_colwidth", None, "display.width", None):
            parts = [self.tags.to_string(), self.reading.to_string(), self.components.round(3).to_string()]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        return "".join(t.to_html() for t in (self.tags, self.reading.to_frame("reading"), self.components.round(3)))


def find_tags(case: Case) -> pd.DataFrame:
    """The four tags: how often each stands in the text, and where (characters from the start, the first few)."""
    found = {}
    for mark in marks(case.tags):
        places, at = [], case.text.find(mark)
        while at >= 0 and len(places) < SHOWN_PLACES:
            places.append(at)
            at = case.text.find(mark, at + 1)
        found[mark] = {"count": case.text.count(mark), "positions": ", ".join(map(str, places)) or "none"}
    return pd.DataFrame.from_dict(found, orient="index")


def why_not_well_formed(case: Case) -> str:
    """The first thing that keeps a completion from being well formed, in words; empty if nothing does."""
    if case.grade.well_formed:
        return ""
    if not case.ended:
        return "it was cut off"
    if case.task == "final_line":
        said, in_place = final_line(case.text)
        if said is None:
            return "there is not exactly one final line"
        return "the final line names no option" if in_place else "text must stand before the final line and none after"
    text = strip_end(case.text)
    for mark in marks(case.tags):
        if text.count(mark) != 1:
            return f"{mark} stands {text.count(mark)} times"
    first, second, third, last = (text.find(mark) for mark in marks(case.tags))
    if not first < second < third < last:
        return "the tags are not in order"
    if first > 0 or not text.endswith(marks(case.tags)[3]):
        return "there is text around the blocks"
    if text[second + len(marks(case.tags)[1]) : third].strip():
        return "there is text between the blocks"
    blank = is_blank(coherence.block(text, case.tags.reasoning) or "")
    return f"the {'reasoning' if blank else 'answer'} is blank"


def why_not_read(case: Case) -> str:
    """Why there is no answer, in words; empty if there is one."""
    if case.grade.answer is not None:
        return ""
    if case.task == "final_line":
        return "there is not exactly one final line"
    _, _, opening, closing = marks(case.tags)
    if opening not in case.text:
        return f"there is no {opening}"
    for mark in (opening, closing):
        if case.text.count(mark) != 1:
            return f"{mark} stands {case.text.count(mark)} times"
    if case.text.find(closing) < case.text.find(opening):
        return f"{closing} stands before {opening}"
    blank = not case.text.partition(opening)[2].partition(closing)[0].strip()
    return "the answer block is empty" if blank else "a reasoning tag follows the answer"


def distance(case: Case, judge: Judge | None = None) -> str:
    """How far the answer is from the truth, in words."""
    found = case.grade.answer
    if case.kind == "rubric":
        verdicts = grade_rubric(case.text, case.gold, judge, case.tags).criteria
        rest = [f"{v.criterion.text} ({v.verdict})" for v in verdicts if v.verdict != "met"]
        told = f"{len(verdicts) - len(rest)} of {len(verdicts)} criteria met"
        return "; ".join([told, *rest])
    if found is None:
        return "no answer"
    if case.kind == "choice":
        letters = LETTERS[: len(case.options or "ABCD")]
        if found not in letters:
            return "not one of the options"
        return "the right option" if case.grade.correct else f"another option than {case.gold}"
    number, gold = read_number(found), gold_number(case.gold)
    if number is None:
        return "not one number"
    if number == gold:
        return "none"
    off = f"{float(number - gold):+g}"
    return f"{off} ({float(abs(number - gold) / abs(gold)):.1%})" if gold else off


def _coherent(case: Case) -> str:
    c = case.coherence
    return (
        f"{c.steps} steps, {c.own} of its own; distinct {c.distinct:.2f} x equations hold {c.holds:.2f} "
        f"x last step leads to the answer {c.leads:.2f}"
    )


def _form(case: Case) -> str:
    good = "text, then one final line" if case.task == "final_line" else "one reasoning block, one answer block"
    return why_not_well_formed(case) or f"{good}, nothing else"


def _answer(case: Case) -> str:
    if why := why_not_read(case):
        return why
    return f"read {case.grade.answer[:60]!r}; " + ("right" if case.grade.correct else f"distance: {distance(case)}")


def _tag_counts(case: Case) -> str:
    return ", ".join(f"{mark} {case.text.count(mark)}x" for mark in marks(case.tags))


def _blocks(case: Case) -> str:
    there = [coherence.block(case.text, case.tags.reasoning) is not None, read_answer(case.text, case.tags) is not None]
    told = [
        f"{name} block {'there' if t else 'missing'}" for name, t in zip(("reasoning", "answer"), there, strict=True)
    ]
    return "; ".join([*told, *([why] if (why := why_not_well_formed(case)) else [])])


WHY = {
    "format_reward": _form,
    "correctness_reward": _answer,
    "lenient_format_reward": _blocks,
    "integer_reward": _answer,
    "approximate_format_reward": _tag_counts,
    "partial_correctness_reward": _answer,
    "number_extraction_reward": _answer,
    "mc_reward": _answer,
    "block_format_reward": _blocks,
    "coherence_reward": _coherent,
    "correctness_depth_reward": lambda case: f"{_answer(case)}; {case.coherence.own} steps of its own",
    "efficiency_reward": lambda case: f"{len(case.text.split())} words",
}


class RewardDebugger:
    """Explains the rewards of one suite. Rewards that it does not know are explained by their first line."""

    def __init__(self, suite: Suite):
        self.suite = suite

    def explain(self, completion, row: dict, ended: bool = True) -> Explanation:
        """Everything about one completion of one row. Long texts are shown shortened."""
        (case,) = cases([completion], **trl_columns([row], [ended]), tags=self.suite.tags)
        why = why_not_well_formed(case)
        reading = {
            "answer as read": "nothing" if case.grade.answer is None else repr(case.grade.answer[:60]),
            "why": why_not_read(case) or "one answer, and no reasoning tag after it",
            "gold": "the rubric" if case.kind == "rubric" else case.gold,
            "distance from the truth": distance(case, self.suite.judge),
            "correct": case.grade.correct,
            "well formed": f"no: {why}" if why else "yes",
        }
        table = RewardAnalyzer(self.suite).breakdown(completion, row, ended).drop(index="total", columns="bar")
        table["why"] = [self._why(reward, case, table.at[reward.__name__, "raw"]) for reward in self.suite.rewards]
        return Explanation(find_tags(case), pd.Series(reading), table)

    def _why(self, reward: Reward, case: Case, raw: float) -> str:
        if pd.isna(raw):
            return "it has nothing to say here"
        if reward.__name__ == "rubric_reward":
            return distance(case, self.suite.judge)
        if reward.__name__ in WHY:
            return WHY[reward.__name__](case)
        return (reward.__doc__ or "").strip().split("\n")[0]
