"""GSM8K (Cobbe et al. 2021): grade-school word problems with worked answers that end in ``#### gold``."""

from __future__ import annotations

import json
import os
from pathlib import Path

from course_lib.errors import DataError
from course_lib.grading import read_number

HUB_NAME = "openai/gsm8k"
TRAIN_ROWS = 7000  # the official train file's first rows; the other 473 are the validation split
SPLITS = {"train": "train", "validation": "train", "test": "test"}


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


def _read_file(path: Path) -> list[dict]:
    rows = []
    with path.open(encoding="utf-8") as lines:
        for i, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path.name}, row {i}: not a line of JSON ({error})") from None
            if not isinstance(row, dict) or not isinstance(row.get("question"), str):
                raise DataError(f"{path.name}, row {i}: no text in the field 'question'")
            rows.append(row | {"where": f"{path.name}, row {i}"})
    return rows


def _read_hub(split: str) -> list[dict]:
    from datasets import load_dataset

    try:
        rows = load_dataset(HUB_NAME, "main", split=split)
    except Exception as error:  # the Hub's errors are many: offline, not found, time-out ...
        raise DataError(
            f"GSM8K could not be loaded from the Hub ({type(error).__name__}). Without a network, set "
            "COURSE_DATA to a folder that holds gsm8k/train.jsonl and gsm8k/test.jsonl."
        ) from error
    return [dict(row, where=f"{HUB_NAME} {split}, row {i}") for i, row in enumerate(rows, 1)]


def local_folder() -> Path | None:
    """``$COURSE_DATA/gsm8k`` if that environment variable is set."""
    base = os.environ.get("COURSE_DATA")
    return Path(base) / "gsm8k" if base else None


def load(split: str) -> list[dict]:
    """All rows of a split, from ``$COURSE_DATA/gsm8k`` where that is set, else from the Hub.

    Columns: ``question``, ``answer`` (the gold number as text) and ``worked``.
    """
    if split not in SPLITS:
        raise DataError(f"unknown split {split!r}; gsm8k has {', '.join(SPLITS)}")
    folder = local_folder()
    if folder is None:
        rows = _read_hub(SPLITS[split])
    else:
        path = folder / f"{SPLITS[split]}.jsonl"
        if not path.is_file():
            raise DataError(f"{path} is missing; put GSM8K's {path.name} there or unset COURSE_DATA")
        rows = _read_file(path)
    rows = [
        {"question": r["question"], "answer": gold_answer(r.get("answer"), r["where"]), "worked": r["answer"]}
        for r in rows
    ]
    parts = {"train": rows[:TRAIN_ROWS], "validation": rows[TRAIN_ROWS:], "test": rows}
    return parts[split]
