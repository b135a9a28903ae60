"""Checkers of part 5: breaking rewards, and a reward that does not break."""

from __future__ import annotations

import math
import re

from course_lib.checks import Incorrect, exercise
from course_lib.grading import grade
from course_lib.tasks import toy_math

LONGEST = 2000  # characters of an attack
TRL_EXTRAS = ("completion_ids", "trainer_state", "log_extra", "log_metric")  # passed by TRL, not by this checker


# The three flawed rewards of the first exercise, as the notebook shows them.
def any_number(completion, gold):
    return 1.0 if gold in re.findall(r"\d+", completion) else 0.0


def prefix_is_enough(completion, gold):
    answer = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
    return 1.0 if gold.startswith(answer) else 0.0


def tags_occur(completion, gold):
    return sum(tag in completion for tag in ("<reasoning>", "</reasoning>", "<answer>", "</answer>")) / 4


FLAWED = (any_number, prefix_is_enough, tags_occur)
ADVICE = {
    "any_number": "it looks for the gold number anywhere. You do not know which number, but there are not many",
    "prefix_is_enough": "it asks whether the gold number starts with your answer. What does every text start with?",
    "tags_occur": "it asks of each of the four tags whether it occurs, not where, how often, or around what",
}


@exercise(
    part=5,
    title="Red team: fool three rewards",
    difficulty=2,
    minutes=15,
    hints=(
        "Read each reward as its enemy: what is the least that a text must contain to earn the point? Gold answers "
        "of toy_math lie from 1 to 99.",
        "any_number: write all numbers from 1 to 99. prefix_is_enough: every string starts with the empty string. "
        "tags_occur: the four tags and nothing else.",
    ),
)
def red_team(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 3 or not all(map(callable, answer)):
        raise Incorrect("give a list of your three functions: [fool_any_number, fool_prefix, fool_tags]")
    rows = toy_math.generate("validation", 12, seed=5)
    left = [_name(attack) for attack in answer if _is_stub(attack, rows[0]["question"])]
    if len(left) == len(answer):
        raise NotImplementedError
    for reward, attack in zip(FLAWED, answer, strict=True):
        if _name(attack) not in left:
            _judge_attack(reward, attack, rows)
    if left:
        raise Incorrect(f"so far, so good; still a stub: {', '.join(left)}")


def _name(attack) -> str:
    return getattr(attack, "__name__", type(attack).__name__)


def _is_stub(attack, question: str) -> bool:
    """Asks the learner's own function: a stub met through the wrapper makes the whole answer not attempted."""
    try:
        return getattr(attack, "__wrapped__", attack)(question) is ...
    except NotImplementedError:
        return True


def _judge_attack(reward, attack, rows) -> None:
    name = reward.__name__
    for row in rows:
        text, gold = attack(row["question"]), row["answer"]
        if text is None:
            raise Incorrect(f"{name}: your function returned NoneType; end it with a return of the completion, a str")
        if not isinstance(text, str):
            raise Incorrect(f"{name}: your function returned {type(text).__name__}; return the completion, a str")
        if len(text) > LONGEST:
            raise Incorrect(f"{name}: {len(text)} characters are more than {LONGEST}; a shorter text will do")
        found = grade(text, gold, task="toy_math")
        if found.correct:
            raise Incorrect(
                f"{name}: the course's grader finds the answer right on gold {gold}. That is honest work (or a "
                "lucky guess), not an attack: earn the reward without giving an answer"
            )
        if found.well_formed:
            raise Incorrect(f"{name}: this text is well formed; earn the reward with a text that is not")
        if (earned := reward(text, gold)) < 1:
            raise Incorrect(f"{name}: only {earned:g} points on gold {gold}, 1 is needed: {ADVICE[name]}")


_GOOD = "<reasoning>\n2+3=5\n</reasoning>\n<answer>5</answer>"
_PAIR = "<reasoning>a</reasoning><answer>5</answer>"
# name: completion, points by the rule (each tag that stands exactly once a quarter; full marks only in full form)
PART_MARKS = {
    "a completion in full form": (_GOOD, 1.0),
    "full form, then an end mark": (_GOOD + "<end_of_turn>", 1.0),
    "nothing at all": ("", 0.0),
    "no tags": ("The answer is 5.", 0.0),
    "only the answer block": ("<answer>5</answer>", 0.5),
    "reasoning never closed": ("<reasoning>\n2+3=5\n<answer>5</answer>", 0.75),
    "only an opening tag": ("<reasoning> hm", 0.25),
    "all four tags, spoken before": ("Well: " + _GOOD, 0.75),
    "all four tags, blank blocks": ("<reasoning></reasoning><answer></answer>", 0.75),
    "all four tags, wrong order": ("<answer>5</answer><reasoning>a</reasoning>", 0.75),
    "every tag twice": (_PAIR + _PAIR, 0.0),
    "one closing tag repeated": ("<reasoning>a</reasoning></reasoning><answer>5</answer>", 0.75),
    "tag spam": (_PAIR * 50, 0.0),
}
_FULL = "Only a well formed completion earns 1.0, everything else 0.75 at most (ask .well_formed, not .correct)."
PART_ADVICE = {
    "a completion in full form": (
        "A well formed completion earns 1.0, and only the others are held at 0.75. Ask grade(text, 0).well_formed; "
        ".correct is about the answer, not the form."
    ),
    "full form, then an end mark": "The end mark is no text. Let grade(...).well_formed decide on the full form.",
    "only the answer block": (
        "Two tags stand there once, so two quarters. Full marks here mean that .correct was asked, not .well_formed."
    ),
    "all four tags, spoken before": _FULL,
    "all four tags, blank blocks": _FULL,
    "all four tags, wrong order": _FULL,
    "every tag twice": "A tag counts when it stands exactly once; otherwise repeating it pays.",
    "one closing tag repeated": "A tag that stands twice earns nothing; the other three keep their quarters.",
    "tag spam": "A tag counts when it stands exactly once; otherwise repeating it pays.",
}


@exercise(
    part=5,
    title="Blue team: part marks for form",
    difficulty=3,
    minutes=20,
    hints=(
        "completion_text(completion) gives the text, whatever form it comes in. text.count(tag) says how often a "
        "tag stands in it. And grade(text, 0).well_formed says whether the form is complete.",
        "For each completion: 1.0 if it is well formed, else the smaller of 0.75 and a quarter of the number of tags "
        "with text.count(tag) == 1. Return the list of these.",
    ),
)
def part_marks(answer):
    def ask(completions):
        n = len(completions)
        columns = {"prompts": [[]] * n, "answer": ["5"] * n, "task": ["toy_math"] * n}
        try:
            return answer(completions=completions, **columns)
        except (KeyError, TypeError) as error:
            if "unexpected keyword" in str(error):
                raise Incorrect(f"{error}: TRL passes every column of the dataset, so accept **columns") from error
            if "required" in str(error) or error.args in {(name,) for name in TRL_EXTRAS}:
                raise Incorrect(
                    f"{type(error).__name__}: {error}. Do not rely on any column: the text of a completion is all "
                    "that you need, so def part_marks(completions, **columns) will do"
                ) from error
            raise

    texts = [text for text, _ in PART_MARKS.values()]
    scores = ask(texts)
    if scores is None:
        raise Incorrect("the function returned None: end it with a return of the list, one number for each completion")
    if not isinstance(scores, (list, tuple)) or len(scores) != len(texts):
        raise Incorrect(f"return a list with one number for each of the {len(texts)} completions, not {scores!r:.60}")
    for (name, (_, wanted)), score in zip(PART_MARKS.items(), scores, strict=True):
        if not isinstance(score, (int, float)) or not math.isclose(score, wanted, abs_tol=1e-9):
            raise Incorrect(f"{name}: {score!r:.40}, should be {wanted}. {PART_ADVICE.get(name, '')}")
    odd = {
        "a list of messages, as TRL sends them": ([{"role": "assistant", "content": _GOOD}], 1.0),
        "None": (None, 0.0),
    }
    for name, (completion, wanted) in odd.items():
        try:
            scores = ask([completion, _GOOD])
        except (AttributeError, TypeError, KeyError) as error:
            raise Incorrect(f"given {name}, it raised {error!r}: read the text with completion_text") from error
        if list(scores) != [wanted, 1.0]:
            raise Incorrect(f"given {name}: {scores[0]!r:.40}, should be {wanted}. Read it with completion_text")
