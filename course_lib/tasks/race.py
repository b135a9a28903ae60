"""RACE (Lai et al. 2017, arXiv 1704.04683): reading comprehension from English exams, four options a question.

Several questions share a passage. The official splits cut by passage, and here that is made sure of: a
passage that also stands in a later split (by its id or word for word) is left out of the earlier one.
"""

from __future__ import annotations

from pathlib import Path

from course_lib.errors import DataError
from course_lib.tasks.checking import check_row, unshared
from course_lib.tasks.sources import Source, read_rows, text_field
from course_lib.tasks.splits import check_split

CONFIGS = ("all", "high", "middle")
SOURCE = Source(
    task="race",
    hub="ehovy/race",
    mend="Without a network, set COURSE_DATA to a folder that holds race/<config>/train.jsonl, validation.jsonl and "
    "test.jsonl (config: all, high or middle).",
)
LATER = {"train": ("validation", "test"), "validation": ("test",), "test": ()}


def parse(record: dict, where: str) -> list[dict]:
    """One question, as on the Hub, or all questions of a passage side by side, as in RACE's own files."""
    passage = text_field(record, "article", where)
    group = text_field(record, "example_id" if "example_id" in record else "id", where)
    if "questions" in record:
        lists = [record["questions"], record.get("options"), record.get("answers")]
        if not all(isinstance(each, list) for each in lists) or len({len(each) for each in lists}) > 1:
            raise DataError(f"{where}: questions, options and answers must be lists of the same length")
        asked = [dict(zip(("question", "options", "answer"), each, strict=True)) for each in zip(*lists, strict=True)]
    else:
        asked = [record]
    rows = []
    for one in asked:
        row = {
            "question": text_field(one, "question", where),
            "passage": passage,
            "options": one.get("options"),
            "answer": text_field(one, "answer", where),
            "group": group,
        }
        rows.append(check_row(row, "choice", where))
    return rows


def load(split: str, path: str | Path | None = None, config: str = "all") -> list[dict]:
    """All rows of a split, from the folder ``path``, ``$COURSE_DATA/race`` or the Hub.

    Columns: ``question``, ``passage``, ``options`` (four texts), ``answer`` (a letter) and ``group`` (the
    passage's id).
    """
    check_split("race", split)
    rows, *others = (read_rows(SOURCE.read(part, config, path), parse) for part in (split, *LATER[split]))
    return unshared(rows, [row for part in others for row in part])
