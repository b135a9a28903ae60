"""``toy_choice``: short generated passages in which four people swap and give things; who has the ball in the end?

A problem is who has the thing at first and three or four events, with the people in them: its *signature*. The
wording (which thing, which phrases, the order of the options) is drawn separately. A signature belongs to exactly
one split. Options are the four names; among every four rows in a row each letter is right exactly once, so that
whoever always answers the same letter scores exactly chance.
"""

from __future__ import annotations

import random
import re

from course_lib.tasks.splits import check_split, split_of

LETTERS = "ABCD"
MIN_EVENTS, MAX_EVENTS = 3, 4
MIN_MOVES = 2  # how often the thing that is asked for changes hands, at least
NAMES = "Mia Leo Ana Tom Zoe Sam Eva Ben Ivy Max Lea Dan Joy Kai Ada Ron".split()
THINGS = "ball cup key coin book hat pen map ring lamp box flag".split()
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday")

START = "The {thing} is with {a}."
PHRASES = {
    "swap": ("On {day} {a} and {b} swap.", "On {day} {a} swaps with {b}."),
    "give": ("On {day} {a} gives the {thing} to {b}.", "On {day} {a} hands the {thing} to {b}."),
}
QUESTION = ("Who has the {thing} in the end?", "In the end, who has the {thing}?")

Event = tuple[str, str, str]  # "swap", "give" (the thing that is asked for) or "other" (another one), from, to


def move(holder: str, event: Event) -> str:
    """Who has the thing after one event. Giving away another thing changes nothing."""
    what, a, b = event
    if what == "other" or holder not in (a, b):
        return holder
    return b if holder == a else a


def signature(holder: str, events: list[Event]) -> str:
    """The problem without its wording, for instance ``"Mia Mia-Leo Leo>Ana Tom~Leo"``."""
    signs = {"swap": "-", "give": ">", "other": "~"}
    return " ".join([holder, *(f"{a}{signs[what]}{b}" for what, a, b in events)])


def draw_problem(rng: random.Random) -> tuple[list[str], list[Event]]:
    """Four names, the first of whom has the thing at first, and the events; it changes hands at least twice.

    The last event never gives the thing away: else the last name in the passage would be the answer.
    """
    while True:
        names = rng.sample(NAMES, 4)
        holder, events, moves = names[0], [], 0
        for _ in range(rng.randint(MIN_EVENTS, MAX_EVENTS)):
            what = rng.choices(("swap", "give", "other"), weights=(70, 15, 15))[0]
            a, b = rng.sample(names, 2)
            if what == "give":
                a, b = holder, rng.choice([name for name in names if name != holder])
            events.append((what, a, b))
            after = move(holder, events[-1])
            moves, holder = moves + (after != holder), after
        if moves >= MIN_MOVES and events[-1][0] != "give":
            return names, events


def tell(rng: random.Random, events: list[Event], things: list[str]) -> list[str]:
    """One sentence an event; ``things[0]`` is the one that is asked for, the others are for the events."""
    told = []
    for day, other, (what, a, b) in zip(DAYS, things[1:], events, strict=False):
        phrase = rng.choice(PHRASES["swap" if what == "swap" else "give"])
        told.append(phrase.format(day=day, a=a, b=b, thing=other if what == "other" else things[0]))
    return told


def steps(thing: str, holder: str, events: list[Event], told: list[str]) -> list[str]:
    """The worked steps: each event as the passage tells it, and who then has the thing."""
    lines = [f"the {thing} is with {holder}"]
    for sentence, event in zip(told, events, strict=True):
        holder = move(holder, event)
        lines.append(f"{sentence.removesuffix('.')}: {holder}")
    return lines


def _pattern(phrase: str) -> re.Pattern:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\w+)", re.escape(phrase)))


def read_signature(question: str) -> str:
    """Read the signature back from the wording, without knowing how it was drawn.

    Raises ``ValueError`` for a sentence that is none of this task's phrases.
    """
    first, *told, asked = (sentence.strip() for sentence in re.findall(r"[^.?]+[.?]", question))
    start = _pattern(START).fullmatch(first)
    if start is None or not any(_pattern(q).fullmatch(asked) for q in QUESTION):
        raise ValueError(f"not a toy_choice passage: {question!r}")
    events = []
    for sentence in told:
        for what, phrases in PHRASES.items():
            found = next((m for phrase in phrases if (m := _pattern(phrase).fullmatch(sentence))), None)
            if found:
                other = what == "give" and found["thing"] != start["thing"]
                events.append(("other" if other else what, found["a"], found["b"]))
                break
        else:
            raise ValueError(f"not a toy_choice sentence: {sentence!r}")
    return signature(start["a"], events)


def rotations(row: dict) -> list[dict]:
    """The row with its options rotated, four times: the right answer stands at each letter exactly once.

    ``prompt`` is left out, since it lists the options.
    """
    options, gold = row["options"], LETTERS.index(row["answer"])
    bare = {name: value for name, value in row.items() if name != "prompt"}
    return [bare | {"options": options[k:] + options[:k], "answer": LETTERS[(gold - k) % 4]} for k in range(4)]


def generate(split: str, n: int, seed: int) -> list[dict]:
    """``n`` rows of a split, all with different signatures.

    Columns: ``question`` (passage and question), ``options`` (four names), ``answer`` (a letter),
    ``signature``, ``steps`` (how many events), ``worked`` and ``reference`` (the right option's text, which the
    grader reads like its letter); neither of these two is ever shown to the model.
    """
    check_split("toy_choice", split)
    rng = random.Random(f"toy_choice {split} {seed}")
    rows: dict[str, dict] = {}
    order = ""
    while len(rows) < n:
        names, events = draw_problem(rng)
        sig = signature(names[0], events)
        if sig in rows or split_of(sig) != split:
            continue
        things = rng.sample(THINGS, 1 + MAX_EVENTS)
        told = tell(rng, events, things)
        lines = steps(things[0], names[0], events, told)
        right = lines[-1].rpartition(" ")[2]
        order = order or "".join(rng.sample(LETTERS, 4))
        letter, order = order[0], order[1:]
        options = rng.sample([name for name in names if name != right], 3)
        options.insert(LETTERS.index(letter), right)
        start, asked = START.format(thing=things[0], a=names[0]), rng.choice(QUESTION).format(thing=things[0])
        rows[sig] = {
            "question": " ".join([start, *told, asked]),
            "options": options,
            "answer": letter,
            "signature": sig,
            "steps": len(events),
            "worked": "\n".join(lines),
            "reference": right,
        }
    return list(rows.values())
