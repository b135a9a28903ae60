"""OpenRubrics (Liu et al. 2025, arXiv 2510.07743): instructions, two responses each, and a rubric.

The Hub has one part only. A row's split is decided by a hash of its instruction, so that an instruction that
occurs twice stays in one split.
"""

from __future__ import annotations

import re
from pathlib import Path

from course_lib.completions import plain
from course_lib.tasks.checking import check_row
from course_lib.tasks.sources import Source, UnusableRow, read_rows, text_field
from course_lib.tasks.splits import check_split, split_of

SOURCE = Source(
    task="openrubrics",
    hub="OpenRubrics/OpenRubrics",
    mend="Without a network, set COURSE_DATA to a folder that holds openrubrics/train.jsonl or train.parquet.",
)
_ITEM = re.compile(r"^[ \t]*\d+[.)][ \t]+", re.MULTILINE)
_LABELLED = re.compile(r"(.*?)\s*\[(Hard Rule|Principle)\]", re.DOTALL | re.IGNORECASE)


def clean_rubric(text: str, where: str) -> str:
    """The numbered criteria that end in ``[Hard Rule]`` or ``[Principle]``, one a line, numbered anew.

    Raises ``UnusableRow`` where there is none.
    """
    found = [match for item in _ITEM.split(text)[1:] if (match := _LABELLED.match(item)) and match[1].strip()]
    if not found:
        raise UnusableRow(f"{where}: the rubric has no numbered line that ends in [Hard Rule] or [Principle]")
    return "\n".join(f"{i}. {' '.join(m[1].split())} [{m[2].title()}]" for i, m in enumerate(found, 1))


def parse(record: dict, where: str) -> list[dict]:
    """One instruction with its rubric; the response that won is ``chosen``."""
    winner = str(record.get("winner") or "").lower().replace("response", "").strip(" _")
    if winner not in ("a", "b"):
        raise UnusableRow(f"{where}: the winner is {record.get('winner')!r}, neither A nor B")
    loser = "b" if winner == "a" else "a"
    row = {
        "question": text_field(record, "instruction", where),
        "answer": clean_rubric(text_field(record, "rubric", where), where),
        "chosen": text_field(record, f"response_{winner}", where),
        "rejected": text_field(record, f"response_{loser}", where),
    }
    return [check_row(row, "rubric", where)]


def load(split: str, path: str | Path | None = None) -> list[dict]:
    """All rows of a split, from the folder ``path``, ``$COURSE_DATA/openrubrics`` or the Hub.

    Columns: ``question`` (the instruction), ``answer`` (the rubric), ``chosen`` and ``rejected`` (responses).
    """
    check_split("openrubrics", split)
    rows = read_rows(SOURCE.read("train", path=path), parse)
    return [row for row in rows if split_of(plain(row["question"])) == split]
