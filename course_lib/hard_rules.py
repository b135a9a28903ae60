"""Hard rules that code can check: from a criterion's wording to a function that looks at an answer.

An open list: each recogniser is a pattern for a whole criterion and a function that makes the predicate.
Where no pattern matches there is no predicate: half a rule understood would be a wrong verdict. Criteria are
trusted data; answers are not, so every predicate takes time linear in the answer's length.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from functools import lru_cache

from course_lib.measures import CLOSING, Text, spaced

Predicate = Callable[[Text], bool]

COUNTS = {
    "word": lambda answer: len(answer.words),
    "sentence": lambda answer: answer.sentences,
    "paragraph": lambda answer: answer.paragraphs,
    "line": lambda answer: len(answer.lines),
    "bullet": lambda answer: answer.bullets,
    "item": lambda answer: len(answer.items),
    "character": lambda answer: len(answer.text),
}
SIGNS = {
    "comma": lambda answer: "," in answer.text,
    "digit": lambda answer: any(char.isdigit() for char in answer.text),
    "numeral": lambda answer: any(char.isdigit() for char in answer.text),
    "exclamation": lambda answer: "!" in answer.text,
    "question": lambda answer: "?" in answer.text,
    "semicolon": lambda answer: ";" in answer.text,
    "bullet": lambda answer: answer.bullets > 0,
}
PARTS = {
    "word": lambda answer: answer.bare_words,
    "item": lambda answer: answer.items,
    "line": lambda answer: answer.lines,
}
MARKS = {"full": ".", "period": ".", "question": "?", "exclamation": "!"}
BOUNDS = {
    operator.eq: "exactly|precisely",
    operator.le: "at most|no more than|no longer than|up to|a maximum of|or fewer|or less",
    operator.ge: "at least|no fewer than|no less than|no shorter than|a minimum of|or more",
    operator.lt: "fewer than|less than|shorter than|under|below",
    operator.gt: "more than|longer than|over|above|exceeds|exceed",
}
OPERATORS = {phrase: compare for compare, phrases in BOUNDS.items() for phrase in phrases.split("|")}
NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()


def _opposite(holds: Predicate) -> Predicate:
    return lambda answer: not holds(answer)


def _of(table: dict, word: str):
    """The entry whose name the word begins with, as "sentences" begins with "sentence"."""
    return next(entry for name, entry in table.items() if word.lower().startswith(name))


def _number(text: str) -> int:
    text = text.lower().replace(",", "")
    return NUMBERS.index(text) if text in NUMBERS else 1 if text == "a single" else int(text)


def _quoted(text: str) -> list[str]:
    """The quoted texts in a criterion, without the comma that some put inside the quotation marks."""
    return [spaced("".join(found)).rstrip(",") for found in re.findall(QUOTED, text)]


# Each maker gets the match and whether the criterion forbids what it matched; the caller turns the predicate
# round when it does.


def _count(match: re.Match, forbidden: bool) -> Predicate:
    count, low, high = _of(COUNTS, match["unit"]), match["low"] or match["n"], match["high"] or match["top"]
    if high:
        return lambda answer: _number(low) <= count(answer) <= _number(high)
    compare, n = OPERATORS[spaced(match["after"] or match["bound"] or "exactly")], _number(low)
    return lambda answer: compare(count(answer), n)


def _includes(match: re.Match, forbidden: bool) -> Predicate:
    """All of the quoted texts, as whole words; any of them where the criterion says "or" or forbids them."""
    absent = match.groupdict().get("absent") is not None
    either = re.search(r"\bor\b", re.sub(QUOTED, " ", match["quoted"]), re.IGNORECASE)
    enough = any if forbidden or absent or either else all
    patterns = [re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)") for phrase in _quoted(match["quoted"])]

    def includes(answer: Text) -> bool:
        return enough(pattern.search(answer.spaced) for pattern in patterns)

    return _opposite(includes) if absent else includes


def _is_item(match: re.Match, forbidden: bool) -> Predicate:
    (item,) = _quoted(match["one"])
    return lambda answer: item in answer.items


def _starts(match: re.Match, forbidden: bool) -> Predicate:
    (phrase,) = _quoted(match["one"])
    pattern = re.compile(re.escape(phrase) + ("" if match["letter"] else r"(?!\w)"))
    return lambda answer: pattern.match(answer.spaced) is not None


def _ends(match: re.Match, forbidden: bool) -> Predicate:
    if match["mark"]:
        mark = _of(MARKS, match["mark"])
        return lambda answer: answer.text.endswith(mark)
    (phrase,) = _quoted(match["one"])
    pattern = re.compile(rf"(?<!\w){re.escape(phrase)}\Z")

    def ends(answer: Text) -> bool:
        text = answer.spaced
        if not text.endswith(phrase):
            text = text.rstrip(".!?" + CLOSING)
        return pattern.search(text) is not None

    return ends


def _case(match: re.Match, forbidden: bool) -> Predicate:
    right = str.islower if match["lower"] else str.isupper
    return lambda answer: right(answer.text)


def _sign(match: re.Match, forbidden: bool) -> Predicate:
    has = _of(SIGNS, match["sign"])
    return _opposite(has) if match["no"] else has


def _alphabetical(match: re.Match, forbidden: bool) -> Predicate:
    return lambda answer: len(answer.items) > 1 and answer.items == sorted(answer.items)


def _is_json(match: re.Match, forbidden: bool) -> Predicate:
    wanted = {"object": dict, "array": list, "list": list}.get((match["type"] or "").lower(), object)

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    def is_json(answer: Text) -> bool:
        try:
            return isinstance(json.loads(answer.text, parse_int=str, parse_float=str, parse_constant=refuse), wanted)
        except (ValueError, RecursionError):
            return False

    return is_json


def _list(match: re.Match, forbidden: bool) -> Predicate:
    """At least two bullets, or at least two numbers that count 1, 2, 3 ..."""
    if not match["list"].lower().startswith("number"):
        return lambda answer: answer.bullets > 1

    def numbered(answer: Text) -> bool:
        numbers = [int(number) for number, _ in answer.marked_lines if number]
        return len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1))

    return numbered


def _repeated(match: re.Match, forbidden: bool) -> Predicate:
    parts = _of(PARTS, match["part"])

    def repeated(answer: Text) -> bool:
        found = parts(answer)
        return len(found) != len(set(found))

    return _opposite(repeated) if match["no"] else repeated


QUOTED = r"\"([^\"]+)\"|“([^”]+)”|'([^']+)'|‘([^’]+)’"
ONE = rf"(?:the )?(?:exact )?(?:words?|phrase|sentence|(?P<letter>letter))? ?(?P<one>{QUOTED})"
SEVERAL = (
    r"(?:(?:both|all|all of|any of) )?(?:the )?(?:(?:exact|following) )?(?:(?:word|phrase|term|name|keyword)s?:? )?"
    rf"(?P<quoted>(?:{QUOTED})(?:,? ?(?:and |or )?(?:{QUOTED}))*)"
)
NUMBER = rf"[0-9][0-9,]*|{'|'.join(NUMBERS)}|a single"
BOUND = "|".join(sorted(OPERATORS, key=len, reverse=True))
IS = r"(?:is|are|be)"
HAS = r"(?:has|have|contains?|includes?|uses?|mentions?|names?|consists? of|comprises?|lists?|gives?|provides?)"
TWICE = r"(?:twice|more than once)"

# Matched against a criterion without its subject and its "must" or "must not", single-spaced.
RECOGNISERS = [
    (
        rf"(?:(?:{IS}|{HAS}|{IS} (?:limited|kept) to|{IS} written in|stays?) )?(?:a list of )?"
        rf"(?:between (?P<low>{NUMBER}) and (?P<high>{NUMBER})"
        rf"|(?:(?P<bound>{BOUND}) )?(?P<n>{NUMBER})(?: ?(?:to|-|–) ?(?P<top>{NUMBER}))?)"
        r"[ -](?P<unit>words?|sentences?|paragraphs?|lines?|bullet ?points?|bullets?|items?|characters?)"
        r"(?: (?P<after>or (?:fewer|less|more)))?(?: (?:long|in length|in total))?",
        _count,
    ),
    (rf"{HAS} {SEVERAL}", _includes),
    (
        rf"{SEVERAL} (?:(?:is|are) )?(?P<absent>(?:(?:is|are|do|does) )?(?:not|never) )?"
        r"(?:used|included|mentioned|named|present|appears?|occurs?)",
        _includes,
    ),
    (rf"(?:one of the items|an item) is {ONE}", _is_item),
    (rf"(?:starts?|begins?|opens?) with {ONE}", _starts),
    (
        r"(?:ends?|finish(?:es)?|closes?|concludes?) (?:with|in) "
        rf"(?:an? (?P<mark>full stop|period|question mark|exclamation (?:mark|point))|{ONE})",
        _ends,
    ),
    (
        rf"(?:(?:all letters )?{IS} )?(?:written |uses? )?(?:entirely |completely |only )?(?:in )?"
        r"(?:all |only )?(?:(?P<lower>lower[ -]?case)|upper[ -]?case|capitals?|caps)(?: letters)?",
        _case,
    ),
    (
        rf"{HAS} (?:(?P<no>no) |any |an? )?"
        r"(?P<sign>commas?|digits?|numerals?|(?:exclamation|question) (?:mark|point)s?|semicolons?|bullet points?)",
        _sign,
    ),
    (
        rf"(?:(?:the )?(?:items|words|names) )?(?:{IS} )?(?:(?:listed|sorted|ordered|arranged|given) )?"
        r"(?:in alphabetical order|alphabetically)",
        _alphabetical,
    ),
    (rf"{IS} (?:a )?(?:valid|well[ -]formed) JSON(?: (?P<type>object|array|list))?", _is_json),
    (
        rf"(?:{IS}|{HAS}|{IS} (?:formatted|written|presented|given) (?:as|in)) a "
        r"(?P<list>numbered|bulleted|bullet|bullet-point) list",
        _list,
    ),
    (
        r"(?:(?P<no>no)|an?|any|the same) (?P<part>word|item|line) "
        rf"(?:is (?:repeated|(?:used|named|listed) {TWICE})|appears {TWICE})",
        _repeated,
    ),
    (r"repeats? (?:(?P<no>no) |an? |any )?(?P<part>words?|items?|lines?)", _repeated),
]
RECOGNISERS = [(re.compile(pattern, re.IGNORECASE), make) for pattern, make in RECOGNISERS]

_SUBJECT = re.compile(
    r"(?:(?:the|your|its) )?(?:(?:final|whole|entire|full) )?"
    r"(?:answer|response|output|reply|text|summary|essay|story|poem|email|letter|list) ",
    re.IGNORECASE,
)
_MODAL = re.compile(r"(?:must|should|shall|has to|needs to|will) (?!not )", re.IGNORECASE)
_NOT = re.compile(
    r"(?:(?:do|does|must|should|shall|may|can) not|doesn't|don't|cannot|never) "
    r"|(?P<is>is|are) (?:not|never) |(?P<avoid>avoids?) (?:using |including |mentioning |the use of )?",
    re.IGNORECASE,
)


@lru_cache(maxsize=10_000)
def hard_rule(criterion: str) -> Predicate | None:
    """The check that a criterion's wording asks for, or ``None`` where the wording is not known."""
    text = " ".join(criterion.split()).removesuffix(".")
    for opening in (_SUBJECT, _MODAL):
        if match := opening.match(text):
            text = text[match.end() :]
    forbidden = _NOT.match(text)
    if forbidden:
        text = ("is " if forbidden["is"] else "uses " if forbidden["avoid"] else "") + text[forbidden.end() :]
    for pattern, make in RECOGNISERS:
        if match := pattern.fullmatch(text):
            holds = make(match, forbidden is not None)
            return _opposite(holds) if forbidden else holds
    return None
