"""GSM8K (Cobbe et al. 2021): grade-school word problems with worked answers that end in ``#### gold``."""

from __future__ import annotations

from pathlib import Path

from course_lib.errors import DataError
from course_lib.grading import read_number
from course_lib.tasks import sources
from course_lib.tasks.splits import check_split

SOURCE = sources.Source(
    task="gsm8k",
    hub="openai/gsm8k",
    mend="Without a network, set COURSE_DATA to a folder that holds gsm8k/train.jsonl and gsm8k/test.jsonl.",
    hub_config="main",
)
HUB_NAME = SOURCE.hub
TRAIN_ROWS = 7000  # the official train file's first rows; the other 473 are the validation split


def local_folder() -> Path | None:
    """``$COURSE_DATA/gsm8k`` where there is such a folder."""
    return sources.local_folder("gsm8k")


def gold_answer(worked: object, where: str) -> str:
    """The gold of a worked answer: what stands after its last ``####``, without commas.

    Raises ``DataError`` naming ``where`` (file and row) when there is none or it is not a number.
    """
    if not isinstance(worked, str) or "####" not in worked:
        raise DataError(f"{where}: the answer has no '####' followed by the gold number")
    gold = worked.rpartition("####")[2].strip().replace(",", "")
    if read_number(gold) is None:
        raise DataError(f"{where}: the gold answer {gold!r} is not a number")
    return gold


def parse(record: dict, where: str) -> list[dict]:
    """One problem: ``question`` and ``answer``, as in the official files."""
    question, worked = sources.text_field(record, "question", where), record.get("answer")
    return [{"question": question, "answer": gold_answer(worked, where), "worked": worked}]


def load(split: str, path: str | Path | None = None) -> list[dict]:
    """All rows of a split, from the folder ``path``, ``$COURSE_DATA/gsm8k`` or the Hub.

    Columns: ``question``, ``answer`` (the gold number as text) and ``worked``.
    """
    check_split("gsm8k", split)
    part = "test" if split == "test" else "train"
    rows = sources.read_rows(SOURCE.read(part, path=path), parse)
    return {"train": rows[:TRAIN_ROWS], "validation": rows[TRAIN_ROWS:], "test": rows}[split]
