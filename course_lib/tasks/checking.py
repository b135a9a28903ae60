"""What every row must be, whatever it was read from; and when two rows are the same problem."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from course_lib.choices import gold_choice
from course_lib.completions import is_blank, plain
from course_lib.errors import DataError
from course_lib.grading import gold_number
from course_lib.rubrics import read_criterion
from course_lib.tasks.sources import UnusableRow


def check_row(row: dict, kind: str, where: str) -> dict:
    """The row, if its gold answer can be used for grading; else ``DataError`` naming ``where``."""
    try:
        if kind == "number":
            gold_number(row["answer"])
        elif kind == "choice":
            _check_options(row["options"], where)
            gold_choice(row["answer"], row["options"])
        else:
            for line in filter(str.strip, row["answer"].splitlines()):
                read_criterion(line)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{where}: {error}") from None
    return row


def _check_options(options: object, where: str) -> None:
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise DataError(f"{where}: the options are not a list of texts: {options!r}")
    if len(options) < 2:
        raise DataError(f"{where}: {len(options)} option, a choice needs two or more: {options!r}")
    if any(is_blank(option) for option in options):
        raise UnusableRow(f"{where}: an option is blank: {options!r}")
    if len({plain(option) for option in options}) < len(options):
        raise UnusableRow(f"{where}: two options are the same: {options!r}")


def fingerprint(text: str) -> str:
    """A short name of a text, the same whatever its case and spacing."""
    return hashlib.sha256(plain(text).encode()).hexdigest()[:16]


def keys(row: dict) -> dict[str, str]:
    """What must not be in two splits, by what it is: the question or else its passage, the signature, the group.

    Questions to a passage ("What is the best title?") are asked of many passages, so there the passage counts.
    """
    found = {"passage": plain(row["passage"])} if row.get("passage") else {"question": plain(row["question"])}
    return found | {name: row[name] for name in ("signature", "group") if row.get(name)}


def check_leakage(train: Iterable[dict], test: Iterable[dict]) -> int:
    """Make sure that no test problem stands in the training data; returns how many were compared.

    Two rows are the same when their questions are, or their passages where they have one (case and spacing
    aside), or when they share a signature (the underlying problem without its wording) or a group (the
    passage's id). Raises ``DataError`` naming the first that is in both.
    """
    seen = {item for row in train for item in keys(row).items()}
    compared = 0
    for i, row in enumerate(test):
        compared += 1
        if shared := [name for name, value in keys(row).items() if (name, value) in seen]:
            raise DataError(
                f"test row {i} is also in the training data (the same {shared[0]}): {row['question'][:80]!r}"
            )
    return compared


def unshared(rows: list[dict], others: Iterable[dict]) -> list[dict]:
    """The rows that have nothing in common with ``others`` (see ``keys``); how many have is printed."""
    taken = {item for row in others for item in keys(row).items()}
    kept = [row for row in rows if taken.isdisjoint(keys(row).items())]
    if len(kept) < len(rows):
        print(f"{len(rows) - len(kept)} of {len(rows)} rows are left out: another split has their passage.")
    return kept
