"""Wrong answers to the exercises of chapter 3."""

import hashlib
import random
import re

import numpy as np

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def plain(text):
    return " ".join(text.lower().split())


DRESS = ("{}", "({})", "[{}]", "**{}**", "{}.", "{})", "{}:")


def reads(text, options, dress=(*DRESS, "{}) {}"), letters=LETTERS, plain=plain):
    """Right; the wrong readers change one thing in it."""
    for letter, option in zip(letters, options, strict=False):
        named = [each.format(letter.lower(), plain(option)) for each in dress]
        named += [each.format(letter, plain(option)) for each in dress]
        if plain(text) in [*named, plain(option)]:
            return letter
    return None


def first_letter(text, options):
    found = re.search("[A-Z]", text.upper())
    return found and found[0]


def letter_somewhere(text, options):
    return next((letter for letter in LETTERS[: len(options)] if letter in text.upper()), None)


def letter_as_word(text, options):
    return reads(text, options) or next(iter(re.findall(r"\b[A-D]\b", text)), None)


def first_character(text, options):
    letter = text.strip(" ([*\n")[:1].upper()
    return letter if letter and letter in LETTERS[: len(options)] else None


def four_always(text, options):
    return reads(text, [*options, "", ""][: max(4, len(options))])


def only_four(text, options):
    return reads(text, options, letters="ABCD")


def capitals_only(text, options):
    return reads(text, options) if text.strip() != text.strip().lower() or len(text) > 5 else None


def lower_letter(text, options):
    found = reads(text, options)
    return found and found.lower()


def place(text, options):
    found = reads(text, options)
    return found and LETTERS.index(found)


def letters_only(text, options):
    said = plain(text).strip("()[]*.:").upper()
    return said if len(said) == 1 and said in LETTERS[: len(options)] else None


def bare_letter(text, options):
    return reads(text, options, dress=("{}", "{}) {}"))


def no_letter_with_text(text, options):
    return reads(text, options, DRESS)


def letter_and_any_text(text, options):
    match = re.fullmatch(r"([a-z])\) .*", plain(text))
    return reads(match[1] if match else text, options)


def letter_and_beginning(text, options):
    match = re.fullmatch(r"([a-z])\) (.*)", plain(text))
    letter = match and reads(match[1], options)
    return letter if letter and plain(options[LETTERS.index(letter)]).startswith(match[2]) else reads(text, options)


def part_of_text(text, options):
    inside = [LETTERS[i] for i, option in enumerate(options) if plain(text) and plain(text) in plain(option)]
    return reads(text, options) or (inside[0] if len(inside) == 1 else None)


def text_inside(text, options):
    return reads(text, options) or next((LETTERS[i] for i, o in enumerate(options) if plain(o) in plain(text)), None)


def no_spaces(text, options):
    return reads(text, options, (*DRESS, "{}){}"), plain=lambda words: "".join(words.lower().split()))


def exact_text(text, options):
    return reads(text, options, plain=str.strip)


def exact_spaces(text, options):
    return reads(text, options, plain=lambda words: words.strip().lower())


def numbered(text, options):
    return LETTERS[int(text) - 1] if text.isdigit() else reads(text, options)


def guesses(text, options):
    return reads(text, options) or "A"


def empty_text(text, options):
    return reads(text, options) if text else ""


def breaks_on_nothing(text, options):
    return reads(text, options) if text.strip()[0] else None


def letter_first(text, options):
    """Takes the article of an option for the letter."""
    match = re.match(r"([a-z])\W", plain(text) + ".")
    return match[1].upper() if match and plain(text) in map(plain, options) else reads(text, options)


def bucket(question):
    return int(hashlib.sha256(question.encode()).hexdigest(), 16) % 100


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


def by_words(split):
    """A split by the question as one by the row: the group counts where there is one."""
    return lambda row, percent: split(row.get("group") or row["question"], percent)


def no_groups(row, percent):
    return as_written(plain(row["question"]), percent)


def groups_only(row, percent):
    return as_written(row["group"], percent)


def group_and_question(row, percent):
    return as_written(row.get("group", "") + plain(row["question"]), percent)


def whole_row(row, percent):
    return as_written(" ".join(plain(str(value)) for value in row.values()), percent)


def first_column(row, percent):
    return as_written(plain(next(iter(row.values()))), percent)


WRONG = {
    "part_3.read_letter": [
        ("any signs stripped", lambda t, o: reads(t.strip('"*()[]., '), o), "dressed as in the table"),
        ("a word in front", lambda t, o: reads(re.sub(r"^(final|answer):\s*", "", t, flags=re.I), o), "the whole text"),
        ("first letter", first_letter, "instead of 'B'"),
        ("letter somewhere", letter_somewhere, "instead of"),
        ("letter as a word", letter_as_word, "two letters are no answer"),
        ("first character", first_character, "this is the text of option"),
        ("always four options", four_always, "there are two options"),
        ("never more than four", only_four, "up to 26"),
        ("capitals only", capitals_only, "common dress"),
        ("small letter", lower_letter, "upper case"),
        ("the place", place, "instead of 'A'"),
        ("letters only", letters_only, "this is the text of option"),
        ("no dress", bare_letter, "common dress"),
        ("letter with text not read", no_letter_with_text, "with its own text"),
        ("letter with any text", letter_and_any_text, "another"),
        ("letter with the text's beginning", letter_and_beginning, "whole text, or nothing"),
        ("part of a text", part_of_text, "part of an option's text"),
        ("a text inside", text_inside, "the letter says one option"),
        ("without spaces", no_spaces, "not missing"),
        ("text as written", exact_text, "'A DOG'"),
        ("spacing as written", exact_spaces, "' a \\n dog '"),
        ("numbers", numbered, "not numbers"),
        ("a guess for nothing", guesses, "two letters are no answer"),
        ("empty text for nothing", empty_text, "nothing at all"),
        ("breaks on nothing", breaks_on_nothing, "IndexError"),
        ("the article as the letter", letter_first, "instead of"),
    ],
    "part_3.split_of": [
        ("group in small letters", by_words(lambda text, percent: as_written(plain(text), percent)), "as it is"),
        ("not normalised", by_words(as_written), "normalise"),
        ("case only", by_words(only_lower), "spaces"),
        ("spaces only", by_words(only_spaces), "capital"),
        ("hash()", by_words(salted), "salted"),
        ("random", by_words(drawn), "chance"),
        ("in turn", by_words(Turns()), "order"),
        ("length of the question", by_words(by_length), "same length"),
        ("percentage ignored", by_words(ten_always), "With 30 per cent"),
        ("swapped", by_words(swapped), "With 10 per cent"),
        ("percentage hashed too", by_words(percent_hashed), "still be there"),
        ("a truth value", by_words(true_or_false), '"train" or "test"'),
        ("line ends not normalised", by_words(only_blanks), "line ends"),
        ("tabs not normalised", by_words(only_ends), "tabs"),
        ("one per cent too many", by_words(at_most), "With 0 per cent"),
        ("30 taken for 50", by_words(in_tens), "With 30 per cent"),
        ("another share above 10", by_words(moved), "still be there"),
        ("drawn once and kept", by_words(Kept()), "then kept"),
        ("drawn with numpy and kept", by_words(Kept(np.random.random)), "then kept"),
        ("group not looked at", no_groups, "the group decides"),
        ("group only", groups_only, "not every row has a group"),
        ("group and question", group_and_question, "Two questions to the same passage"),
        ("the whole row", whole_row, "other columns"),
        ("the first column", first_column, "other columns"),
    ],
}
