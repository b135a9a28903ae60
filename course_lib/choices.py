"""Reading the answer to a multiple-choice question: one letter in common dress, or one option's text.

A letter is never looked for inside a text: the whole answer must be the letter. So neither a list of all
letters nor a sentence that begins with the word "A" is an answer. Time is linear in the text's length.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from course_lib.completions import is_blank, plain, strip_end

DEFAULT_LETTERS = "ABCD"
_DRESS = (("**", "**"), ("(", ")"), ("[", "]"), ("\\boxed{", "}"))
_LETTER = re.compile(r"([A-Za-z])[.):]?")
_LETTER_AND_TEXT = re.compile(r"(?:\*\*)?[(\[]?([A-Za-z])[)\].:]{1,2}(?:\*\*)?\s+(.+)", re.DOTALL)
_FINAL = re.compile(r"([\s>#•*-]*final(?:\s+answer)?[\s*]*:)(.*)", re.IGNORECASE)


def choice_letters(options: Sequence[str] | None) -> str:
    """The letters of the options, ``ABCD`` without options.

    Raises ``ValueError`` unless there are 2 to 26 options and each of them is text.
    """
    if options is None:
        return DEFAULT_LETTERS
    if isinstance(options, str) or not isinstance(options, Sequence) or not 2 <= len(options) <= 26:
        raise ValueError(f"options are a list of 2 to 26 texts, not {options!r}; mend the row they come from")
    if not all(isinstance(option, str) and not is_blank(option) for option in options):
        raise ValueError(f"an option is blank or not text: {options!r}; mend the row they come from")
    return string.ascii_uppercase[: len(options)]


def gold_choice(answer: object, options: Sequence[str] | None = None) -> str:
    """A gold answer as a letter of the options. Raises ``ValueError`` if it is none: an error in the data."""
    letters = choice_letters(options)
    letter = answer.strip().upper() if isinstance(answer, str) else ""
    if len(letter) != 1 or letter not in letters:
        raise ValueError(f"the gold answer {answer!r} is not one of the letters {letters}; mend the row it comes from")
    return letter


def _undress(text: str) -> str:
    """Without the signs around the whole text, as in ``**(B)**``; three layers at most."""
    for _ in range(3):
        inner = text.removesuffix(".")
        for opening, closing in _DRESS:
            if inner.startswith(opening) and inner.endswith(closing) and len(inner) > len(opening + closing):
                text = inner[len(opening) : -len(closing)].strip()
                break
    return text


def read_choice(text: str, options: Sequence[str] | None = None) -> str | None:
    """The one letter that an answer names, in upper case, or ``None``.

    Read: ``B``, ``b``, ``(B)``, ``[B]``, ``**B**``, ``B.``, ``B)``, ``B:``, ``\\boxed{B}``; ``B) the cows`` if
    that is option B's text; an option's text alone if no other option has the same. Case, spacing and a
    trailing full stop do not matter in texts. Not read: two letters, a letter outside the options, a letter
    with another option's text.
    """
    letters = choice_letters(options)
    text = text.strip()
    bare = _undress(text)
    if match := _LETTER.fullmatch(bare):
        letter = match[1].upper()
        return letter if letter in letters else None
    if options is None:
        return None
    texts = dict(zip(letters, map(plain, options), strict=True))
    for said in (text, bare):
        wanted = plain(said)
        same = [letter for letter in letters if texts[letter] == wanted]
        if same:
            return same[0] if len(same) == 1 else None
        match = _LETTER_AND_TEXT.fullmatch(said)
        if match and texts.get(match[1].upper()) == plain(match[2]):
            return match[1].upper()
    return None


def final_line(text: str) -> tuple[str | None, bool]:
    """What the one line ``Final: B`` (or ``Final answer: B``) says, and whether it stands where it should.

    The first is ``None`` where there is no such line or more than one; the second says whether there is text
    before the line and nothing after it.
    """
    lines, found = strip_end(text).splitlines(), None
    for i, line in enumerate(lines):
        if match := _FINAL.fullmatch(line):
            if found:
                return None, False
            found = i, match
    if not found:
        return None, False
    at, match = found
    head, rest = match[1], match[2].strip()
    if head.count("**") % 2:  # **Final:** B or **Final: B**
        rest = rest.removeprefix("**") if rest.startswith("**") else rest.removesuffix("**")
    return rest.strip() or None, at == len(lines) - 1 and not is_blank("\n".join(lines[:at]))
