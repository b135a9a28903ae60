"""What can be counted in a text: words, sentences, lines, items of a list."""

from __future__ import annotations

import re
from functools import cached_property

CLOSING = "\"')]}”’»*_"
says = re.compile(r"[^\W_]").search  # something when a piece of text holds a letter or a digit
_MARKED = re.compile(r"\s*(?:[-*•]|([0-9]{1,9})[.)])\s+(\S.*)")
_BREAK = re.compile(r"[.!?]\s|[\r\n]")


class Text:
    """A text with its measures, each found once, when it is asked for, in time linear in the text's length."""

    def __init__(self, text: str):
        self.text = text.strip()

    @cached_property
    def words(self) -> list[str]:
        """What stands between white space and holds a letter or digit."""
        return [word for word in self.text.split() if says(word)]

    @cached_property
    def bare_words(self) -> list[str]:
        """The words without the punctuation around them, case aside."""
        return [word.casefold().strip(".,;:!?…([{" + CLOSING) for word in self.words]

    @cached_property
    def sentences(self) -> int:
        """Words up to one that ends in ``.``, ``!``, ``?`` or ``…``; the last sentence may lack its mark."""
        count, begun = 0, False
        for word in self.text.split():
            begun = begun or bool(says(word))
            if begun and word.rstrip(CLOSING).endswith((".", "!", "?", "…")):
                count, begun = count + 1, False
        return count + begun

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank, case aside."""
        return [line.strip() for line in self.text.casefold().splitlines() if line.strip()]

    @cached_property
    def paragraphs(self) -> int:
        """Blocks of lines with blank lines between them."""
        filled = [bool(line.strip()) for line in self.text.splitlines()]
        return sum(now and not before for before, now in zip([False, *filled], filled, strict=False))

    @cached_property
    def marked_lines(self) -> list[tuple[str | None, str]]:
        """The lines that begin with a bullet or a number: ``(number or None, rest of the line)``."""
        return [(match[1], match[2]) for line in self.lines if (match := _MARKED.fullmatch(line))]

    @cached_property
    def bullets(self) -> int:
        """How many lines begin with a bullet."""
        return sum(number is None for number, _ in self.marked_lines)

    @cached_property
    def items(self) -> list[str]:
        """The items of a list, case aside: its marked lines if there are any, else what stands between commas.

        Empty when a piece between commas is blank, or when a sentence or a line ends inside the list: then it
        is none.
        """
        if self.marked_lines:
            return [item.rstrip(".,; ") for _, item in self.marked_lines]
        text = self.text.casefold().rstrip(".!?")
        pieces = [piece.strip() for piece in text.split(",")]
        if len(pieces) > 1:
            pieces[-1] = pieces[-1].removeprefix("and ").strip()
        return [] if _BREAK.search(text) or not all(map(says, pieces)) else pieces

    @cached_property
    def spaced(self) -> str:
        """The whole text, case aside, with single spaces."""
        return spaced(self.text)

    @cached_property
    def copied_words(self) -> str:
        """The words alone, with a space around each: what to compare when a text may have been copied."""
        return copied_words(self.text)


def spaced(text: str) -> str:
    """Case aside, with single spaces."""
    return " ".join(text.casefold().split())


def copied_words(text: str) -> str:
    """Runs of letters and digits, case aside, with a space around each."""
    return " " + " ".join(re.findall(r"[^\W_]+", text.casefold())) + " "
