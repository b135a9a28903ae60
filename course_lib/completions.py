"""What a completion says: its text, its blocks, its answer.

Everything here takes time linear in the text's length (``str.count``, ``str.find`` and single passes, no
regular expression) and never raises, whatever stands in the completion.
"""

from __future__ import annotations

from collections.abc import Sequence

from course_lib.prompts import DEFAULT_TAGS, Tags

END_MARKS = ("<end_of_turn>", "<eos>")
MAX_DEPTH = 8  # a list of messages with a list of parts is four levels deep


def completion_text(completion: object, depth: int = 0) -> str:
    """The text of a completion given as a string, a message, a list of messages, or ``None``."""
    if isinstance(completion, str):
        return completion
    if depth > MAX_DEPTH:
        return ""
    if isinstance(completion, dict):
        return completion_text(completion.get("content", completion.get("text")), depth + 1)
    if isinstance(completion, Sequence) and not isinstance(completion, bytes | bytearray):
        return "".join(completion_text(part, depth + 1) for part in completion)
    return ""


def strip_end(text: str) -> str:
    """Without trailing end marks and white space, and without leading white space."""
    end = len(text.rstrip())
    while mark := next((m for m in END_MARKS if text.endswith(m, 0, end)), None):
        end -= len(mark)
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end].lstrip()


def is_blank(text: str) -> bool:
    """Whether nothing in the text can be seen: white space, zero-width and control characters alone."""
    return not any(char.isprintable() and not char.isspace() for char in text)


def plain(text: str) -> str:
    """The text for comparing: case, spacing and a trailing full stop aside."""
    return " ".join(text.casefold().split()).removesuffix(".").rstrip()


def marks(tags: Tags = DEFAULT_TAGS) -> tuple[str, str, str, str]:
    """The four tags in the order in which they stand in a well formed completion."""
    return f"<{tags.reasoning}>", f"</{tags.reasoning}>", f"<{tags.answer}>", f"</{tags.answer}>"


def read_answer(text: str, tags: Tags = DEFAULT_TAGS) -> str | None:
    """The text between the answer tags, if there is exactly one pair and no reasoning tag follows it."""
    reasoning, end_reasoning, opening, closing = marks(tags)
    if text.count(opening) != 1 or text.count(closing) != 1:
        return None
    start, end = text.find(opening) + len(opening), text.find(closing)
    if end < start:
        return None
    if text.find(reasoning, start) >= 0 or text.find(end_reasoning, start) >= 0:
        return None
    return text[start:end].strip() or None


def is_well_formed(text: str, tags: Tags = DEFAULT_TAGS) -> bool:
    """Whether the whole text is one reasoning block, white space, one answer block, neither blank."""
    text = strip_end(text)
    found = marks(tags)
    if any(text.count(mark) != 1 for mark in found):
        return False
    if not text.startswith(found[0]) or not text.endswith(found[3]):
        return False
    starts = [text.find(mark) for mark in found]
    ends = [start + len(mark) for start, mark in zip(starts, found, strict=True)]
    if starts != sorted(starts):
        return False
    reasoning, between, answer = (text[ends[i] : starts[i + 1]] for i in range(3))
    return not is_blank(reasoning) and not between.strip() and not is_blank(answer)
