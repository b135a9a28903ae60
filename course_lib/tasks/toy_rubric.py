"""``toy_rubric``: short instructions to write a list, with hard rules and pitfalls that code can check.

A problem is how long the list is, what must and must not be in it, whether it is in alphabetical order and
whether it ends with a full stop: its *signature*. The gold answer of a rubric task is the rubric itself,
one numbered criterion a line, as ``rubrics.grade_rubric`` reads it. A signature belongs to exactly one split.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from course_lib.tasks.splits import check_split, split_of

ITEMS = (
    "apples beads coins drums eggs forks grapes hats inks jars kites lamps "
    "maps nuts onions pens quilts rings stamps tops urns vases wigs yarns"
).split()
MIN_ITEMS, MAX_ITEMS = 3, 5

OPENING = ("Write a list of {n} things, with commas.", "List {n} things, with commas between them.")
PHRASES = {
    "must": ("Name {item}.", "There must be {item} in it."),
    "must not": ("Do not name {item}.", "There must be no {item} in it."),
    "sorted": ("Put them in alphabetical order.", "Sort them from a to z."),
    "stop": ("End with a full stop.", "Close with a full stop."),
}
SHORT = {"must": "name {item}", "must not": "no {item}", "sorted": "a to z", "stop": "full stop"}


@dataclass(frozen=True)
class Rules:
    """What a list has to be like."""

    n: int
    must: tuple[str, ...]
    must_not: tuple[str, ...]
    ordered: bool
    stop: bool

    @property
    def signature(self) -> str:
        """The problem without its wording, for instance ``"4 +pens -coins sorted stop"``."""
        parts = [str(self.n), *(f"+{w}" for w in self.must), *(f"-{w}" for w in self.must_not)]
        return " ".join(parts + ["sorted"] * self.ordered + ["stop"] * self.stop)

    def rubric(self) -> str:
        """The criteria, as text."""
        lines = [f"The answer is a list of exactly {self.n} items. [Hard Rule]"]
        lines += [f'One of the items is "{w}". [Hard Rule]' for w in self.must]
        lines += ["The items are in alphabetical order. [Hard Rule]"] * self.ordered
        lines += ["The answer ends with a full stop. [Hard Rule]"] * self.stop
        lines += [f'The answer includes the word "{w}". [Pitfall]' for w in self.must_not]
        lines += ["An item is repeated. [Pitfall]"]
        return "\n".join(f"{i}. {line}" for i, line in enumerate(lines, 1))


def draw_rules(rng: random.Random) -> Rules:
    """Three to five items, one or two that must and one or two that must not be named."""
    must, must_not = rng.randint(1, 2), rng.randint(1, 2)
    named = rng.sample(ITEMS, must + must_not)
    return Rules(
        n=rng.randint(MIN_ITEMS, MAX_ITEMS),
        must=tuple(sorted(named[:must])),
        must_not=tuple(sorted(named[must:])),
        ordered=rng.random() < 0.6,
        stop=rng.random() < 0.5,
    )


def shuffled(rng: random.Random, rules: Rules) -> list[tuple[str, str]]:
    """The rules after the first as (kind, item) pairs, in any order."""
    parts = [("must", w) for w in rules.must] + [("must not", w) for w in rules.must_not]
    parts += [("sorted", "")] * rules.ordered + [("stop", "")] * rules.stop
    rng.shuffle(parts)
    return parts


def word(rng: random.Random, n: int, parts: list[tuple[str, str]]) -> str:
    """Put the rules into words."""
    told = [rng.choice(PHRASES[kind]).format(item=item) for kind, item in parts]
    return " ".join([rng.choice(OPENING).format(n=n), *told])


def read_signature(question: str) -> str:
    """Read the signature back from the wording, without knowing how it was drawn.

    Raises ``ValueError`` for a sentence that is none of this task's phrases.
    """
    first, *told = (sentence.strip() for sentence in re.findall(r"[^.]+[.]", question))
    opening = next((m for phrase in OPENING if (m := _pattern(phrase).fullmatch(first))), None)
    if opening is None:
        raise ValueError(f"not a toy_rubric sentence: {first!r}")
    found: dict[str, list[str]] = {kind: [] for kind in PHRASES}
    for sentence in told:
        kinds = (
            (kind, m) for kind, phrases in PHRASES.items() for p in phrases if (m := _pattern(p).fullmatch(sentence))
        )
        kind, match = next(kinds, (None, None))
        if kind is None:
            raise ValueError(f"not a toy_rubric sentence: {sentence!r}")
        found[kind].append(match.groupdict().get("item", ""))
    must, must_not = (tuple(sorted(found[kind])) for kind in ("must", "must not"))
    return Rules(int(opening["n"]), must, must_not, bool(found["sorted"]), bool(found["stop"])).signature


def _pattern(phrase: str) -> re.Pattern:
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>\\w+)", re.escape(phrase)))


def fill(rng: random.Random, rules: Rules) -> list[str]:
    """A list that keeps all the rules."""
    free = [w for w in ITEMS if w not in rules.must + rules.must_not]
    items = [*rules.must, *rng.sample(free, rules.n - len(rules.must))]
    rng.shuffle(items)
    return sorted(items) if rules.ordered else items


def careless(rng: random.Random, rules: Rules) -> str:
    """A list written without looking at the rules much: each may be broken."""
    kept = [w for w in rules.must if rng.random() < 0.5] + [w for w in rules.must_not if rng.random() < 0.4]
    n = rules.n if rng.random() < 0.6 else rng.randint(MIN_ITEMS, MAX_ITEMS)
    free = [w for w in ITEMS if w not in rules.must + rules.must_not]
    items = (kept + rng.sample(free, MAX_ITEMS))[: max(n, len(kept))]
    rng.shuffle(items)
    return ", ".join(items) + rng.choice(["", "."])


def plan(n: int, parts: list[tuple[str, str]], items: list[str]) -> str:
    """The worked steps: the rules in short, then the list."""
    noted = [SHORT[kind].format(item=item) for kind, item in parts]
    return "\n".join([f"{n} things", *noted, f"list: {' '.join(items)}"])


def generate(split: str, n: int, seed: int) -> list[dict]:
    """``n`` rows of a split, all with different signatures.

    Columns: ``question``, ``answer`` (the rubric), ``signature``, ``steps`` (how many criteria), ``worked``
    and ``reference`` (a list that meets every criterion); neither of these two is ever shown to the model.
    """
    check_split("toy_rubric", split)
    rng = random.Random(f"toy_rubric {split} {seed}")
    rows: dict[str, dict] = {}
    while len(rows) < n:
        rules = draw_rules(rng)
        if rules.signature in rows or split_of(rules.signature) != split:
            continue
        parts, items, rubric = shuffled(rng, rules), fill(rng, rules), rules.rubric()
        rows[rules.signature] = {
            "question": word(rng, rules.n, parts),
            "answer": rubric,
            "signature": rules.signature,
            "steps": rubric.count("\n") + 1,
            "worked": plan(rules.n, parts, items),
            "reference": ", ".join(items) + "." * rules.stop,
            "careless": careless(rng, rules),
        }
    return list(rows.values())
