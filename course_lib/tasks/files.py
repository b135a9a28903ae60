"""Your own data: a CSV, TSV, JSON, JSONL or Parquet file, whatever its columns are called.

    load_file("data.csv", {"question": "Frage", "answer": "Loesung"})

The kind follows from the columns: a rubric, or options, or else a number. A row's split is decided by a hash
of its question (of its passage or its group where it has one), so that every run cuts alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from course_lib.completions import plain
from course_lib.errors import DataError, SettingError
from course_lib.prompts import LETTERS
from course_lib.tasks import gsm8k
from course_lib.tasks.checking import check_row, fingerprint
from course_lib.tasks.sources import read_file
from course_lib.tasks.splits import split_of

KINDS = ("number", "choice", "rubric")  # also the names of the tasks
NAMES = ("question", "answer", "options", "rubric", "worked", "passage", "group")


def parse_columns(text: str) -> dict[str, str]:
    """``"question=Frage,answer=Loesung"`` as a mapping of our names to the file's. Raises ``SettingError``."""
    columns = {}
    for part in filter(str.strip, text.split(",")):
        name, _, theirs = map(str.strip, part.partition("="))
        if not name or not theirs:
            raise SettingError(f"columns are given as question=...,answer=..., not {part.strip()!r}")
        columns[name] = theirs
    return columns


def find_columns(path: Path, there: Sequence[str], columns: Mapping[str, str]) -> dict[str, list[str]]:
    """The file's columns behind each of our names; a name that is not given stands for itself.

    Raises ``SettingError`` for a name that is not ours, ``DataError`` for a column that the file does not have.
    """
    if unknown := [name for name in columns if name not in NAMES]:
        raise SettingError(f"unknown column name {unknown[0]!r}; the course knows: {', '.join(NAMES)}")
    found = {}
    for name, theirs in ({name: name for name in NAMES if name in there} | dict(columns)).items():
        found[name] = [theirs] if theirs in there else theirs.split("|")
        if missing := [column for column in found[name] if column not in there]:
            raise DataError(f"{path.name} has no column {missing[0]!r} (for {name}); it has: {', '.join(there)}")
    return found


def load_file(path: str | Path, columns: Mapping[str, str] | None = None, task: str = "") -> list[dict]:
    """All rows of a file, in its order.

    ``columns`` maps the names ``question``, ``answer``, ``options``, ``rubric``, ``worked``, ``passage`` and
    ``group`` to the file's. Options are a list, a text separated by ``|``, or several columns: ``"a|b|c|d"``. A
    right option is named by its letter or its text; a number may stand after ``####`` as in GSM8K. ``worked`` and
    ``passage`` may be empty here and there, the others not. ``task``
    (``number``, ``choice`` or ``rubric``) is found from the columns if it is not given.

    Columns of a row: ``question``, ``answer``, ``task``, ``split`` and those of the others that the file has.
    Raises ``DataError`` naming file and row, ``SettingError`` for settings that cannot work.
    """
    path = Path(path)
    records = read_file(path)
    there = list(dict.fromkeys(name for record, _ in records for name in record))
    found = find_columns(path, there, columns or {})
    task = task or ("rubric" if "rubric" in found else "choice" if "options" in found else "number")
    if task not in KINDS:
        raise SettingError(f"a file of your own has one of the tasks {', '.join(KINDS)}, not {task!r}")
    gold = "rubric" if task == "rubric" and "rubric" in found else "answer"
    for name in ("question", gold, *(["options"] if task == "choice" else [])):
        if name not in found:
            raise DataError(f"{path.name} has no column {name!r}; say which it is: {name}=... of {', '.join(there)}")
    return [_row(record, found, task, gold, where) for record, where in records]


def _row(record: dict, found: dict[str, list[str]], task: str, gold: str, where: str) -> dict:
    row = {"question": _cell(record, found["question"][0], where), "task": task}
    for name in ("worked", "passage"):
        if name in found and (text := _text(record, found[name][0])):
            row[name] = text
    if "group" in found:
        row["group"] = _cell(record, found["group"][0], where)
    answer = _cell(record, found[gold][0], where)
    if task == "choice":
        row["options"] = _options(record, found["options"], where)
        answer = _letter(answer, row["options"], where)
    elif task == "number" and "####" in answer:
        row.setdefault("worked", answer)
        answer = gsm8k.gold_answer(answer, where)
    row["answer"] = answer
    if "passage" in row:
        row.setdefault("group", fingerprint(row["passage"]))
    row["split"] = split_of(row.get("group") or plain(row["question"]))
    return check_row(row, task, where)


def _text(record: dict, column: str) -> str:
    value = record.get(column)
    return "" if value is None else str(value).strip()


def _cell(record: dict, column: str, where: str) -> str:
    if not (text := _text(record, column)):
        raise DataError(f"{where}: nothing in the column {column!r}")
    return text


def _options(record: dict, columns: list[str], where: str) -> list[str]:
    if len(columns) > 1:
        return [_cell(record, column, where) for column in columns]
    value = record.get(columns[0])
    if isinstance(value, list):
        return [str(option).strip() for option in value]
    return [option.strip() for option in _cell(record, columns[0], where).split("|")]


def _letter(answer: str, options: list[str], where: str) -> str:
    """The letter of a gold that is given as a letter or as an option's text; whether it is one is checked later."""
    letter = answer.upper() if len(answer) == 1 else answer
    by_text = next((LETTERS[i] for i, option in enumerate(options[:26]) if plain(option) == plain(answer)), letter)
    if by_text != letter and len(letter) == 1 and letter in LETTERS[: len(options)]:
        raise DataError(f"{where}: the gold {answer!r} is a letter and also the text of another option: {options!r}")
    return by_text
