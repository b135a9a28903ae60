"""Wrong answers to the exercises of part 5."""

from __future__ import annotations

import re

from course_lib.grading import completion_text
from course_lib.tasks.toy_math import equations, read_signature


def nothing(question):
    return ""


def finals(question):
    return "\n".join(f"Final: {letter}" for letter in "ABCD")


def words(question):
    return question + (
        " The answer is a list of exactly so many items. It includes the word. It ends with a full stop."
        " Items in alphabetical order, no item repeated. Hard rule, pitfall."
    )


def solve(question):
    """Honest work: reads the problem and solves it."""
    start, *steps = read_signature(question).split()
    return f"<answer>{equations(int(start), [(s[0], int(s[1:])) for s in steps])[-1].partition('=')[2]}</answer>"


def stub(question):
    raise NotImplementedError("Exercise: replace this line.")


def lines_of(completion):
    return [line.strip() for line in completion_text(completion).splitlines()]


def finals_of(completion):
    return [line.removeprefix("Final:") for line in lines_of(completion) if line.startswith("Final:")]


def bare(text):
    return text.strip(" \t*()[].").upper()


def checked(gold, choices):
    if gold not in list("ABCDEFGH"[: len(choices)]):
        raise ValueError(gold)


def any_line(completions, answer, options, **columns):
    return [float(any(bare(f) == gold for f in finals_of(c))) for c, gold in zip(completions, answer, strict=True)]


def last_line(completions, answer, options, **columns):
    return [float(bare(([""] + finals_of(c))[-1]) == gold) for c, gold in zip(completions, answer, strict=True)]


def first_line(completions, answer, options, **columns):
    return [float(bare((finals_of(c) + [""])[0]) == gold) for c, gold in zip(completions, answer, strict=True)]


def distinct(completions, answer, options, **columns):
    """Takes the same letter twice for one answer."""
    return [float({bare(f) for f in finals_of(c)} == {gold}) for c, gold in zip(completions, answer, strict=True)]


def one(completion, gold, read=bare):
    found = finals_of(completion)
    return float(len(found) == 1 and read(found[0]) == gold)


def first_character(completions, answer, options, **columns):
    return [one(c, gold, lambda text: bare(text)[:1]) for c, gold in zip(completions, answer, strict=True)]


def up_to_colon(completions, answer, options, **columns):
    return [one(c, g, lambda line: bare(line.split(":")[0])) for c, g in zip(completions, answer, strict=True)]


def any_case(completions, answer, options, **columns):
    texts = [completion_text(c).replace("final:", "Final:") for c in completions]
    return [one(c, g) for c, g in zip(texts, answer, strict=True)]


def plain_only(completions, answer, options, **columns):
    return [one(c, gold, str.strip) for c, gold in zip(completions, answer, strict=True)]


def anywhere(completions, answer, options, **columns):
    """Finds 'Final:' in the middle of a line."""
    texts = [completion_text(c) for c in completions]
    found = [re.findall(r"Final:(.*)", text) for text in texts]
    return [float(len(f) == 1 and bare(f[0]) == gold) for f, gold in zip(found, answer, strict=True)]


def last_of_all(completions, answer, options, **columns):
    """Wants the final line at the end of the text."""
    return [
        one(c, gold) * (lines_of(c) or [""])[-1].startswith("Final:")
        for c, gold in zip(completions, answer, strict=True)
    ]


def no_gold_check(completions, answer, options, **columns):
    return [one(c, gold) for c, gold in zip(completions, answer, strict=True)]


def gold_in_string(completions, answer, options, **columns):
    for gold, choices in zip(answer, options, strict=True):
        if gold not in "ABCDEFGH"[: len(choices)]:
            raise ValueError(gold)
    return no_gold_check(completions, answer, options)


def always_four(completions, answer, options, **columns):
    for gold in answer:
        checked(gold, "four")
    return no_gold_check(completions, answer, options)


def strings_only(completions, answer, options, **columns):
    found = [[f for f in c.splitlines() if f.strip().startswith("Final:")] for c in completions]
    return [float(len(f) == 1 and bare(f[0].strip()[6:]) == gold) for f, gold in zip(found, answer, strict=True)]


def first_gold(completions, answer, options, **columns):
    """Grades the whole batch by the gold answer of its first row."""
    return [one(c, answer[0]) for c in completions]


def no_columns(completions, answer, options):
    return no_gold_check(completions, answer, options)


def needs_ids(completions, answer, options, completion_ids, **columns):
    return no_gold_check(completions, answer, options)


def one_number(completions, answer, options, **columns):
    return sum(no_gold_check(completions, answer, options)) / len(completions)


def no_return(completions, answer, options, **columns):
    no_gold_check(completions, answer, options)


WRONG = {
    "part_5.red_team": [
        ("a wrong answer in good faith", [lambda q: "<answer>0</answer>", finals, words], "starts with"),
        ("honest work", [solve, finals, words], "honest work"),
        ("one letter", [nothing, lambda q: "Final: E", words], "any_final_line: only 0 points"),
        ("a guess", [nothing, lambda q: "Final: B", words], "any_final_line: "),
        ("letters without lines", [nothing, lambda q: "A B C D", words], "any_final_line: only 0 points"),
        ("the question alone", [nothing, finals, lambda q: q], "still missing: answer, exactly"),
        ("the boilerplate alone", [nothing, finals, lambda q: words("")], "the others in the question"),
        (
            "well formed",
            [nothing, finals, lambda q: f"<reasoning>{words(q)}</reasoning><answer>a</answer>"],
            "is well formed",
        ),
        ("a megabyte", [nothing, finals, lambda q: words(q) * 4000], "a shorter text"),
        ("None", [lambda q: None, finals, words], "returned NoneType"),
        ("two functions", [nothing, finals], "three functions"),
        ("one stub left", [nothing, stub, words], "still a stub: stub"),
        ("one ... left", [nothing, finals, lambda q: ...], "still a stub: <lambda>"),
        ("a stub beside a wrong attack", [lambda q: "<answer>0</answer>", finals, stub], "prefix_is_enough: only 0"),
    ],
    "part_5.final_letter": [
        ("up to the next colon", up_to_colon, "more after a colon"),
        ("any case in front", any_case, "in small letters"),
        ("any final line", any_line, "all letters, a line each: 1.0"),
        ("the last final line", last_line, "the right letter last, of two"),
        ("the first final line", first_line, "the right letter first, of two"),
        ("different letters only", distinct, "the same letter twice"),
        ("the first character", first_character, "compare with =="),
        ("no dress", plain_only, "in bold: 0.0"),
        ("in the middle of a line", anywhere, "starts with 'Final:'"),
        ("only at the end", last_of_all, "need not be the last"),
        ("no check of the gold", no_gold_check, "should raise ValueError"),
        ("gold looked for in a string", gold_in_string, "ask a list of letters"),
        ("always four letters", always_four, "gold 'D' with 3 options"),
        ("strings only", strings_only, "completion_text"),
        ("one gold for all", first_gold, "and 'Final: A' (gold A)"),
        ("no **columns", no_columns, "accept **columns"),
        ("requires completion_ids", needs_ids, "Rely on completions"),
        ("one number for the batch", one_number, "one number for each"),
        ("no return", no_return, "returned None"),
    ],
}
