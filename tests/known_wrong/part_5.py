"""Wrong answers to the exercises of part 5."""

from __future__ import annotations

from course_lib.grading import completion_text, grade, is_well_formed
from course_lib.tasks.toy_math import equations, read_signature

TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")


def numbers(question):
    return " ".join(map(str, range(1, 100)))


def nothing(question):
    return ""


def tags(question):
    return "".join(TAGS[::-1])


def solve(question):
    """Honest work: reads the problem and solves it."""
    start, *steps = read_signature(question).split()
    return f"<answer>{equations(int(start), [(s[0], int(s[1:])) for s in steps])[-1].partition('=')[2]}</answer>"


def points(text):
    return min(0.75, sum(text.count(tag) == 1 for tag in TAGS) / 4)


def occurs(completions, **columns):
    texts = map(completion_text, completions)
    return [1.0 if is_well_formed(t) else min(0.75, sum(tag in t for tag in TAGS) / 4) for t in texts]


def no_cap(completions, **columns):
    return [sum(completion_text(c).count(tag) == 1 for tag in TAGS) / 4 for c in completions]


def all_or_nothing(completions, **columns):
    return [float(is_well_formed(completion_text(c))) for c in completions]


def one_number(completions, **columns):
    scores = [points(completion_text(c)) for c in completions]
    return sum(scores) / len(scores)


def no_columns(completions):
    return [1.0 if is_well_formed(c) else points(c) for c in completions]


def strings_only(completions, **columns):
    return [1.0 if is_well_formed(c) else points(c) for c in completions]


def none_as_text(completions, **columns):
    texts = ["<answer>" if c is None else completion_text(c) for c in completions]
    return [1.0 if is_well_formed(t) else points(t) for t in texts]


def own_form(completions, **columns):
    """Its own idea of full form, which an end mark spoils."""
    texts = [completion_text(c) for c in completions]
    return [1.0 if is_well_formed(t) and t.endswith(TAGS[3]) else points(t) for t in texts]


def stub(question):
    raise NotImplementedError("Exercise: replace this line.")


def correct_not_form(completions, answer, **columns):
    texts = map(completion_text, completions)
    return [1.0 if grade(t, a).correct else points(t) for t, a in zip(texts, answer, strict=True)]


def never_full(completions, **columns):
    """Asks whether the answer is 0, and so never pays in full."""
    texts = map(completion_text, completions)
    return [1.0 if grade(t, 0).correct else points(t) for t in texts]


def needs_ids(completions, completion_ids, **columns):
    return [points(completion_text(c)) for c in completions]


def looks_for_ids(completions, **columns):
    return [points(completion_text(c)) for c, _ in zip(completions, columns["completion_ids"], strict=True)]


def no_return(completions, **columns):
    own_form(completions)


WRONG = {
    "part_5.red_team": [
        ("one number only", [lambda question: "26", nothing, tags], "any_number: only 0 points"),
        ("honest work", [solve, nothing, tags], "honest work"),
        ("a wrong answer in good faith", [numbers, lambda question: "<answer>0</answer>", tags], "starts with"),
        ("three tags", [numbers, nothing, lambda question: "".join(TAGS[:3])], "only 0.75 points"),
        ("well formed", [numbers, nothing, lambda q: "<reasoning>a</reasoning><answer>0</answer>"], "is well formed"),
        ("a megabyte", [lambda question: numbers(question) * 4000, nothing, tags], "a shorter text"),
        ("None", [lambda question: None, nothing, tags], "returned NoneType"),
        ("two functions", [numbers, nothing], "three functions"),
        ("one stub left", [numbers, stub, tags], "still a stub: stub"),
        ("one ... left", [numbers, nothing, lambda question: ...], "still a stub: <lambda>"),
        ("a stub beside a wrong attack", [nothing, nothing, stub], "any_number: only 0 points"),
    ],
    "part_5.part_marks": [
        ("tags that occur", occurs, "exactly once"),
        ("four quarters for any order", no_cap, "0.75 at most"),
        ("all or nothing", all_or_nothing, "only the answer block: 0.0"),
        ("one number for the batch", one_number, "one number for each"),
        ("no **columns", no_columns, "accept **columns"),
        ("strings only", strings_only, "completion_text"),
        ("points for None", none_as_text, "given None: 0.25"),
        ("spoilt by the end mark", own_form, "end mark"),
        ("right instead of well formed", correct_not_form, ".correct was asked"),
        ("never paid in full", never_full, ".correct is about the answer"),
        ("requires completion_ids", needs_ids, "Do not rely on any column"),
        ("looks for completion_ids", looks_for_ids, "Do not rely on any column"),
        ("no return", no_return, "returned None"),
    ],
}
