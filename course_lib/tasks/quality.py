"""QuALITY (Pang et al. 2022, arXiv 2112.08608): questions to whole stories and articles, four options each.

Read from the official files (version 1.0.1, with or without HTML) or from the Hub. A line of a file holds one
writer's questions to an article, so that an article stands on several lines; labels count from 1. The
official test file has no labels, therefore the dev file is the test split here, and the validation split is
cut out of the train file by article.
"""

from __future__ import annotations

from pathlib import Path

from course_lib.errors import DataError
from course_lib.prompts import LETTERS
from course_lib.tasks.checking import check_row, unshared
from course_lib.tasks.passages import strip_html
from course_lib.tasks.sources import Source, read_rows, text_field
from course_lib.tasks.splits import check_split, split_of

SOURCE = Source(
    task="quality",
    hub="tasksource/QuALITY",
    mend="Without a network, get QuALITY.v1.0.1.zip from github.com/nyu-mll/quality (data/v1.0.1), unpack it into a "
    "folder named quality, and set COURSE_DATA to the folder that holds it.",
    files=("{part}.jsonl", "*.htmlstripped.{part}", "QuALITY*.{part}", "{part}.parquet"),
    hub_parts={"dev": "validation"},
)


def parse(record: dict, where: str) -> list[dict]:
    """One line of an official file (an article with ``questions``), or one question, as on the Hub."""
    passage = strip_html(text_field(record, "article", where))
    group = str(record.get("article_id") or "")
    if not group:
        raise DataError(f"{where}: no article_id, which keeps the questions to an article in one split")
    rows = []
    for i, one in enumerate(record.get("questions", [record]), 1):
        here = f"{where}, question {i}" if "questions" in record else where
        row = {
            "question": text_field(one, "question", here),
            "passage": passage,
            "options": one.get("options"),
            "answer": gold_letter(one.get("gold_label"), one.get("options"), here),
            "group": group,
        }
        rows.append(check_row(row, "choice", here))
    return rows


def gold_letter(label: object, options: object, where: str) -> str:
    """The letter of a ``gold_label``, which counts the options from 1. Raises ``DataError``."""
    if label is None:
        raise DataError(f"{where}: no gold_label; QuALITY's own test file has none, use its train and dev files")
    n = len(options) if isinstance(options, list) else 0
    if type(label) is not int or not 1 <= label <= n:
        raise DataError(f"{where}: the gold_label {label!r} is not a whole number from 1 to {n}, the options' number")
    return LETTERS[label - 1]


def load(split: str, path: str | Path | None = None) -> list[dict]:
    """All rows of a split, from the folder ``path``, ``$COURSE_DATA/quality`` or the Hub.

    Columns: ``question``, ``passage`` (without HTML, whole), ``options`` (four texts), ``answer`` (a letter)
    and ``group`` (the article's id).
    """
    check_split("quality", split)
    test = read_rows(SOURCE.read("dev", path=path), parse)
    if split == "test":
        return test
    train = unshared(read_rows(SOURCE.read("train", path=path), parse), test)
    return [row for row in train if (split_of(row["group"]) == "train") == (split == "train")]
