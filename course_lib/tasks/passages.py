"""Passages: HTML taken off, and long ones cut in the middle so that a prompt fits."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache
from html.parser import HTMLParser

CUT = "[...]"  # what stands where a part of a passage was left out
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s+|\n\s*")
_BLOCKS = frozenset("p div br hr h1 h2 h3 h4 h5 h6 li ul ol table tr blockquote pre section article".split())
_UNSEEN = frozenset(("script", "style", "head", "title"))


class _Text(HTMLParser):
    """Collects what a reader would see; a block or a line break becomes a new line."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag, attrs):
        self.unseen += tag in _UNSEEN
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag):
        self.unseen = max(0, self.unseen - (tag in _UNSEEN))
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data):
        if not self.unseen:
            self.parts.append(" ".join(re.split(r"\s+", data)))


@lru_cache(maxsize=8)  # the questions to an article follow each other
def strip_html(text: str) -> str:
    """The text that a reader would see, one paragraph a line. Text without any tag is left as it is."""
    if not _TAG.search(text):
        return text.strip()
    parser = _Text()
    parser.feed(text)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.parts).split("\n"))
    return "\n".join(line for line in lines if line)


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the white space after it: joined they are the text."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    starts = [0, *ends]
    return [part for a, b in zip(starts, [*ends, len(text)], strict=True) if (part := text[a:b])]


def cut_passage(passage: str, fits: Callable[[str], bool]) -> str | None:
    """The passage if it fits, else as many sentences of its beginning and its end as fit, in equal parts.

    ``fits`` says whether a passage of this length can be taken; what was left out is marked ``[...]``. Cutting
    the middle keeps who and where (the beginning) and how it comes out (the end). ``None`` when not even one
    sentence fits. ``fits`` is asked about log2(sentences) times.
    """
    if fits(passage):
        return passage
    parts = sentences(passage)

    def keep(n: int) -> str:
        head, tail = parts[: (n + 1) // 2], parts[len(parts) - n // 2 :]
        return "\n".join(piece for p in (head, [CUT], tail) if (piece := "".join(p).strip()))

    n = bisect_left(range(1, len(parts)), True, key=lambda n: not fits(keep(n)))
    return keep(n) if n else None
