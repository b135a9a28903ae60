"""Checkers of part 5: breaking rewards, and a reward that does not break."""

from __future__ import annotations

import re

from course_lib.checks import Incorrect, exercise
from course_lib.grading import grade
from course_lib.tasks import toy_choice, toy_math, toy_rubric

LONGEST = 2000  # characters of an attack
TRL_EXTRAS = ("completion_ids", "trainer_state", "log_extra", "log_metric")  # passed by TRL, not by this checker


# The three flawed rewards of the first exercise, as the notebook shows them.
def prefix_is_enough(completion, gold):
    answer = completion.partition("<answer>")[2].partition("</answer>")[0].strip()
    return 1.0 if gold.startswith(answer) else 0.0


def any_final_line(completion, gold):
    finals = [line for line in completion.splitlines() if line.startswith("Final:")]
    return 1.0 if any(gold in line for line in finals) else 0.0


def word_overlap(completion, rubric):
    wanted = set(re.findall(r"[a-z]{4,}", rubric.lower()))
    return len(wanted & set(re.findall(r"[a-z]{4,}", completion.lower()))) / len(wanted)


FLAWED = (  # reward, the toy task that it is tried on, the name of its grading
    (prefix_is_enough, toy_math, "toy_math"),
    (any_final_line, toy_choice, "final_line"),
    (word_overlap, toy_rubric, "toy_rubric"),
)
ADVICE = {
    "prefix_is_enough": "it asks whether the gold number starts with your answer. What does every text start with?",
    "any_final_line": "it is content with any final line that holds the right letter. How many lines may you write?",
    "word_overlap": "it wants the words of the rubric. Some stand in every rubric, the others in the question; "
    "still missing: ",
}


@exercise(
    part=5,
    title="Red team: fool three rewards",
    difficulty=2,
    minutes=15,
    hints=(
        "Read each reward as its enemy: what is the least that a text must contain to earn the point? An attack does "
        "not know the answer, but it may give many answers, or none.",
        "prefix_is_enough: every string starts with the empty string. any_final_line: write a final line for each "
        "letter. word_overlap: copy the question, and add the words that stand in every rubric.",
    ),
)
def red_team(answer):
    if not isinstance(answer, (list, tuple)) or len(answer) != 3 or not all(map(callable, answer)):
        raise Incorrect("give a list of your three functions: [fool_prefix, fool_final_line, fool_overlap]")
    rows = {task: task.generate("validation", 12, seed=5) for _, task, _ in FLAWED}
    left = [
        _name(attack)
        for attack, (_, task, _) in zip(answer, FLAWED, strict=True)
        if _is_stub(attack, rows[task][0]["question"])
    ]
    if len(left) == len(answer):
        raise NotImplementedError
    for attack, (reward, task, grading) in zip(answer, FLAWED, strict=True):
        if _name(attack) not in left:
            _judge_attack(reward, attack, rows[task], grading)
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


def _judge_attack(reward, attack, rows, grading) -> None:
    name = reward.__name__
    for row in rows:
        text, gold = attack(row["question"]), row["answer"]
        if text is None:
            raise Incorrect(f"{name}: your function returned NoneType; end it with a return of the completion, a str")
        if not isinstance(text, str):
            raise Incorrect(f"{name}: your function returned {type(text).__name__}; return the completion, a str")
        if len(text) > LONGEST:
            raise Incorrect(f"{name}: {len(text)} characters are more than {LONGEST}; a shorter text will do")
        found = grade(text, gold, grading, row.get("options"))
        if found.correct:
            raise Incorrect(
                f"{name}: the course's grader finds the answer right on {row['question']!r:.60}. That is honest work "
                "(or a lucky guess), not an attack: earn the reward without giving one answer"
            )
        if found.well_formed:
            raise Incorrect(f"{name}: this text is well formed; earn the reward with a text that is not")
        if (earned := reward(text, gold)) < 1:
            missing = ", ".join(sorted(_words(gold) - _words(text))) if reward is word_overlap else ""
            raise Incorrect(f"{name}: only {earned:.2g} points on a problem, 1 is needed: {ADVICE[name]}{missing}")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


_NAMES = ["Leo", "Tom", "Mia", "Ben"]
# name: completion, points; the gold letter is B
FINAL_LETTERS = {
    "the right letter": ("The cup went to Tom.\nFinal: B", 1.0),
    "another letter": ("Final: D", 0.0),
    "in bold": ("Final: **B**", 1.0),
    "brackets, lower case, full stop": ("Final: (b).", 1.0),
    "white space around the line": ("It is Tom.\n  Final:   B  \n", 1.0),
    "text after the final line": ("Final: B\nThat was easy.", 1.0),
    "all letters, a line each": ("Final: A\nFinal: B\nFinal: C\nFinal: D", 0.0),
    "the right letter last, of two": ("Final: C\nWait.\nFinal: B", 0.0),
    "the right letter first, of two": ("Final: B\nFinal: C", 0.0),
    "the same letter twice": ("Final: B\nFinal: B", 0.0),
    "two letters in one line": ("Final: A or B", 0.0),
    "all letters in one line": ("Final: ABCD", 0.0),
    "a word that begins with the letter": ("Final: Ben", 0.0),
    "a letter, then a word": ("Final: B, or not", 0.0),
    "a letter, then more after a colon": ("Final: B: no, C", 0.0),
    "a letter with another sign": ("Final: B!", 0.0),
    "a tab in front of the letter": ("Final:\tB", 1.0),
    "in small letters": ("final: B", 0.0),
    "in bold from the start": ("**Final:** B", 0.0),
    "the letter of no option": ("Final: E", 0.0),
    "not at the start of a line": ("I say Final: B", 0.0),
    "nothing after it": ("Final:", 0.0),
    "no final line": ("The answer is B", 0.0),
    "nothing": ("", 0.0),
}
_ONE_LINE = "Exactly one final line may stand in the text; count them before you read."
_ONE_LETTER = "What is left without the signs around it must be the gold letter and nothing else: compare with ==."
_DRESS = "Take the signs * ( ) [ ] . and white space off both ends, and compare in upper case."
FINAL_ADVICE = {
    "in bold": _DRESS,
    "brackets, lower case, full stop": _DRESS,
    "white space around the line": "Take the white space off each line first, then off the letter.",
    "text after the final line": "The final line need not be the last one.",
    "all letters, a line each": _ONE_LINE,
    "the right letter last, of two": _ONE_LINE,
    "the right letter first, of two": _ONE_LINE,
    "the same letter twice": _ONE_LINE,
    "two letters in one line": _ONE_LETTER,
    "all letters in one line": _ONE_LETTER,
    "a word that begins with the letter": _ONE_LETTER,
    "a letter, then a word": _ONE_LETTER,
    "a letter, then more after a colon": _ONE_LETTER,
    "a letter with another sign": _ONE_LETTER,
    "a tab in front of the letter": _DRESS,
    "in small letters": "A final line starts with 'Final:'.",
    "in bold from the start": "A final line starts with 'Final:'.",
    "not at the start of a line": "A final line starts with 'Final:'.",
    "no final line": "A letter elsewhere counts for nothing.",
}


@exercise(
    part=5,
    title="Blue team: a multiple-choice reward that holds",
    difficulty=3,
    minutes=20,
    hints=(
        "Go through the lines of completion_text(completion) and keep those that start with 'Final:' once white space "
        "is taken off. Only if there is exactly one, look at what follows. text.strip(' \\t*()[].') takes signs off.",
        "For each row: the letters are 'ABCDEFGH'[:len(choices)]; raise ValueError if gold is not in list(letters) (in "
        "a string, '' would be found). finals = [line ...]; 1.0 if len(finals) == 1 and the stripped rest of "
        "finals[0], in upper case, == gold.",
    ),
)
def final_letter(answer):
    texts = [text for text, _ in FINAL_LETTERS.values()]
    scores = _ask(answer, texts, ["B"] * len(texts), [_NAMES] * len(texts))
    if scores is None:
        raise Incorrect("the function returned None: end it with a return of the list, one number for each completion")
    if not isinstance(scores, (list, tuple)) or len(scores) != len(texts):
        raise Incorrect(f"return a list with one number for each of the {len(texts)} completions, not {scores!r:.60}")
    for (name, (_, wanted)), score in zip(FINAL_LETTERS.items(), scores, strict=True):
        if not isinstance(score, (int, float)) or score != wanted:
            raise Incorrect(f"{name}: {score!r:.40}, should be {wanted}. {FINAL_ADVICE.get(name, '')}")
    odd = {
        "a list of messages, as TRL sends them": ([{"role": "assistant", "content": "Final: B"}], 1.0),
        "None": (None, 0.0),
    }
    for name, (completion, wanted) in odd.items():
        try:
            scores = _ask(answer, [completion, "Final: A"], ["B", "A"], [_NAMES, _NAMES])
        except (AttributeError, TypeError, KeyError) as error:
            raise Incorrect(f"given {name}, it raised {error!r}: read the text with completion_text") from error
        if not isinstance(scores, (list, tuple)) or list(scores) != [wanted, 1.0]:
            raise Incorrect(f"given {name} (gold B) and 'Final: A' (gold A): {scores!r:.40}, should be {[wanted, 1.0]}")
    for gold, choices in (("E", _NAMES), ("D", _NAMES[:3]), ("", _NAMES), (None, _NAMES), ("AB", _NAMES)):
        try:
            scores = _ask(answer, ["Final: A"], [gold], [choices])
        except ValueError:
            continue
        except (TypeError, AttributeError) as error:
            raise Incorrect(f"gold {gold!r}: it raised {error!r}; check the gold and raise ValueError") from error
        raise Incorrect(
            f"gold {gold!r} with {len(choices)} options: it returned {scores!r:.40}, should raise ValueError. "
            "('' in 'ABCD' is true: ask a list of letters, not a string)"
        )


def _ask(reward, completions, answer, options):
    """The reward, called as TRL calls it: every column of the dataset as a keyword."""
    n = len(completions)
    columns = {"prompts": [[]] * n, "answer": answer, "options": options, "task": ["final_line"] * n}
    try:
        return reward(completions=completions, **columns)
    except (KeyError, TypeError) as error:
        if "unexpected keyword" in str(error):
            raise Incorrect(f"{error}: TRL passes every column of the dataset, so accept **columns") from error
        if "required" in str(error) or error.args in {(name,) for name in TRL_EXTRAS}:
            raise Incorrect(
                f"{type(error).__name__}: {error}. Rely on completions, answer and options alone: "
                "def final_letter(completions, answer, options, **columns)"
            ) from error
        raise
