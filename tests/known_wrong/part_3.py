"""Wrong answers to the exercises of chapter 3."""

import hashlib
import random
import re

import numpy as np

TAGS = ("<reasoning>", "</reasoning>", "<answer>", "</answer>")


def _text(completion):
    return completion if isinstance(completion, str) else completion[0]["content"]


def whether_there(completions, **columns):
    return [sum(tag in _text(c) for tag in TAGS) / 4 for c in completions]


def how_often(completions, **columns):
    return [sum(_text(c).count(tag) for tag in TAGS) / 4 for c in completions]


def strings_only(completions, **columns):
    return [sum(c.count(tag) == 1 for tag in TAGS) / 4 for c in completions]


def no_columns(completions):
    return [sum(_text(c).count(tag) == 1 for tag in TAGS) / 4 for c in completions]


def all_or_nothing(completions, **columns):
    return [float(all(_text(c).count(tag) == 1 for tag in TAGS)) for c in completions]


def any_case(completions, **columns):
    return [sum(_text(c).lower().count(tag) == 1 for tag in TAGS) / 4 for c in completions]


def total(completions, **columns):
    return float(sum(no_columns(completions)))


def no_return(completions, **columns):
    no_columns(completions)


def as_text(completions, **columns):
    """Counts in the printed message, and so in all its fields."""
    return no_columns(map(str, completions))


def every_field(completions, **columns):
    return no_columns([c if isinstance(c, str) else " ".join(c[0].values()) for c in completions])


def as_tuple(completions, **columns):
    return tuple(no_columns(completions))


def as_strings(completions, **columns):
    return [str(reward) for reward in no_columns(completions)]


def bucket(question):
    return int(hashlib.sha256(question.encode()).hexdigest(), 16) % 100


def plain(question):
    return " ".join(question.lower().split())


def as_written(question, percent):
    return "test" if bucket(question) < percent else "train"


def only_lower(question, percent):
    return "test" if bucket(question.lower()) < percent else "train"


def only_spaces(question, percent):
    return "test" if bucket(" ".join(question.split())) < percent else "train"


def salted(question, percent):
    return "test" if hash(plain(question)) % 100 < percent else "train"


def drawn(question, percent):
    return "test" if random.random() * 100 < percent else "train"


def by_length(question, percent):
    return "test" if len(plain(question)) % 100 < percent else "train"


def ten_always(question, percent):
    return "test" if bucket(plain(question)) < 10 else "train"


def swapped(question, percent):
    return "train" if bucket(plain(question)) < percent else "test"


def percent_hashed(question, percent):
    return "test" if bucket(f"{percent} {plain(question)}") < percent else "train"


def only_blanks(question, percent):
    return as_written(re.sub(" +", " ", question.lower()).strip(), percent)


def only_ends(question, percent):
    return as_written(re.sub("[ \n]+", " ", question.lower()).strip(), percent)


def at_most(question, percent):
    return "test" if bucket(plain(question)) <= percent else "train"


def in_tens(question, percent):
    """Right at 10 and 50, by halves in between."""
    return as_written(plain(question), 50 if percent > 10 else percent)


def moved(question, percent):
    """Takes its share from the other end above 10 per cent."""
    n = bucket(plain(question))
    return "test" if (n < percent if percent <= 10 else n >= 100 - percent) else "train"


class Kept:
    """Draws once for each question and keeps what it drew."""

    def __init__(self, draw=random.random):
        self.draw, self.kept = draw, {}

    def __call__(self, question, percent):
        return "test" if self.kept.setdefault(plain(question), self.draw()) * 100 < percent else "train"


def true_or_false(question, percent):
    return bucket(plain(question)) < percent


class Turns:
    """Every tenth question that is asked."""

    def __init__(self):
        self.n = 0

    def __call__(self, question, percent):
        self.n += 7
        return "test" if self.n % 100 < percent else "train"


WRONG = {
    "part_3.tag_reward": [
        ("tag is there", whether_there, "must not pay"),
        ("number of tags", how_often, "must not pay"),
        ("messages break it", strings_only, "messages"),
        ("no **columns", no_columns, "**columns"),
        ("all or nothing", all_or_nothing, "two of the four"),
        ("case ignored", any_case, "case-sensitive"),
        ("one number for the batch", total, "one number per completion"),
        ("no return", no_return, "`return`"),
        ("the message as text", as_text, "other fields"),
        ("all fields of the message", every_field, "other fields"),
        ("a tuple", as_tuple, "type tuple"),
        ("a map", lambda completions, **columns: map(len, completions), "type map"),
        ("numbers as text", as_strings, "list of floats"),
        ("too few", lambda completions, **columns: no_columns(completions)[1:], "rewards came out"),
    ],
    "part_3.split_of": [
        ("not normalised", as_written, "normalise"),
        ("case only", only_lower, "spaces"),
        ("spaces only", only_spaces, "capital"),
        ("hash()", salted, "salted"),
        ("random", drawn, "chance"),
        ("in turn", Turns(), "order"),
        ("length of the question", by_length, "same length"),
        ("percentage ignored", ten_always, "With 30 per cent"),
        ("swapped", swapped, "With 10 per cent"),
        ("percentage hashed too", percent_hashed, "still be there"),
        ("a truth value", true_or_false, '"train" or "test"'),
        ("line ends not normalised", only_blanks, "line ends"),
        ("tabs not normalised", only_ends, "tabs"),
        ("one per cent too many", at_most, "With 0 per cent"),
        ("30 taken for 50", in_tens, "With 30 per cent"),
        ("another share above 10", moved, "still be there"),
        ("drawn once and kept", Kept(), "then kept"),
        ("drawn with numpy and kept", Kept(np.random.random), "then kept"),
    ],
}
