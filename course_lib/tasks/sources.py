"""Records from a file or from the Hugging Face Hub, each with the words that name it in an error message."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from course_lib.errors import DataError

Record = tuple[dict, str]  # a record and where it stands: "train.jsonl, row 3"
SPARE = 0.05  # the share of a public data set's records that may be unusable


class UnusableRow(DataError):
    """A row that public data is known to have here and there, and that nobody can mend on the Hub."""


def read_file(path: Path) -> list[Record]:
    """All records of a ``.csv``, ``.tsv``, ``.parquet`` or JSON file (a list of objects, or one object a line).

    Rows are counted from 1; in a CSV file row 1 is the header, as a spreadsheet shows it. Raises ``DataError``
    for a file that is missing, empty, not UTF-8 or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing, or is not a file")
    if path.suffix == ".parquet":
        records = _read_parquet(path)
    else:
        text = _read_text(path)
        records = _read_csv(path, text) if path.suffix in {".csv", ".tsv"} else _read_json(path, text)
    if not records:
        raise DataError(f"{path} is empty: there are no rows in it")
    return records


def _read_text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path.name}, row {row}: not UTF-8 (byte {data[error.start]:#x}); save it as UTF-8") from None


def _read_parquet(path: Path) -> list[Record]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    try:
        rows = read_table(path).to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as Parquet ({error}); get it again") from None
    return [(row, f"{path.name}, row {i}") for i, row in enumerate(rows, 1)]


def _read_csv(path: Path, text: str) -> list[Record]:
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    records: list[Record] = []
    row = 0
    try:
        header = [name.strip() for name in next(reader, [])]
        if len(set(header)) < len(header):
            raise DataError(f"{path.name}, row 1: two columns have the same name in {', '.join(header)}")
        for row, fields in enumerate(reader, 2):
            where = f"{path.name}, row {row}"
            if not fields:
                continue
            if len(fields) != len(header):
                raise DataError(
                    f"{where}: {len(fields)} field(s), but the header has {len(header)}; put a field that has a "
                    "comma or a line break in it between double quotes"
                )
            records.append((dict(zip(header, fields, strict=True)), where))
    except csv.Error as error:
        raise DataError(f"{path.name}, after row {max(row, 1)}: not CSV ({error}); look for a stray quote") from None
    return records


def _read_json(path: Path, text: str) -> list[Record]:
    def load(part: str, where: str) -> object:
        try:
            return json.loads(part)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}: not JSON ({error})") from None

    if text.lstrip().startswith("["):
        rows = [(row, f"{path.name}, row {i}") for i, row in enumerate(load(text, path.name), 1)]
    else:
        lines = ((line, f"{path.name}, row {i}") for i, line in enumerate(text.split("\n"), 1) if line.strip())
        rows = [(load(line, where), where) for line, where in lines]
    for row, where in rows:
        if not isinstance(row, dict):
            raise DataError(f'{where}: not an object with named fields, such as {{"question": "..."}}')
    return rows


def local_folder(task: str) -> Path | None:
    """``$COURSE_DATA/<task>`` where there is such a folder, else ``None``: then the Hub is asked."""
    base = os.environ.get("COURSE_DATA")
    folder = Path(base) / task if base else None
    return folder if folder and folder.is_dir() else None


@dataclass(frozen=True)
class Source:
    """Where a public data set comes from: a folder on this machine, else the Hub.

    ``task`` names the folder below ``$COURSE_DATA``, ``hub`` the data set on the Hub, ``mend`` says what to do
    where neither is there. ``files`` are the names that a part's file may have, the first that fits counts.
    ``hub_config`` is the Hub's configuration where the caller names none; ``hub_parts`` gives the Hub's own
    name of a part where it has another.
    """

    task: str
    hub: str
    mend: str
    files: tuple[str, ...] = ("{part}.jsonl", "{part}.json", "{part}.parquet", "{part}-*.parquet", "{part}.csv")
    hub_config: str | None = None
    hub_parts: dict[str, str] = field(default_factory=dict)

    def read(self, part: str, config: str | None = None, path: str | Path | None = None) -> list[Record]:
        """All records of one part, from the folder ``path`` if given. Raises ``DataError`` naming the mend."""
        folder = Path(path) if path is not None else local_folder(self.task)
        if folder is None:
            return self._read_hub(self.hub_parts.get(part, part), config or self.hub_config)
        folder = folder / config if config else folder
        names = [name.format(part=part) for name in self.files]
        found = next((found for name in names if (found := sorted(folder.glob(name)))), [])
        if len(found) != 1:
            wrong = f"more than one file of {part}" if found else f"{folder / names[0]} is missing"
            raise DataError(f"{wrong} in {folder}. {self.mend}")
        return read_file(found[0])

    def _read_hub(self, part: str, config: str | None) -> list[Record]:
        from datasets import load_dataset

        from course_lib.hub import asked_once  # here, since it reads presets, which read tasks

        try:
            with asked_once(self.hub):
                rows = load_dataset(self.hub, config, split=part)
        except Exception as error:  # the Hub's errors are many: offline, not found, time-out ...
            raise DataError(
                f"{self.hub} could not be loaded from the Hub ({type(error).__name__}). {self.mend}"
            ) from error
        return [(dict(row), f"{self.hub} {part}, row {i}") for i, row in enumerate(rows, 1)]


def read_rows(records: list[Record], parse: Callable[[dict, str], list[dict]]) -> list[dict]:
    """The rows of all records, by a task's own ``parse(record, where)``.

    A few ``UnusableRow``s (1 in 100 at most) are left out and counted; any other ``DataError`` stands.
    """
    rows, unusable = [], []
    for record, where in records:
        try:
            rows += parse(record, where)
        except UnusableRow as error:
            unusable.append(error)
    if len(unusable) > SPARE * len(records):
        raise DataError(str(unusable[0]))
    if unusable:
        print(f"{len(unusable)} of {len(records)} records are left out as unusable; the first: {unusable[0]}")
    return rows


def text_field(record: dict, name: str, where: str) -> str:
    """A field that must hold text, without white space around it. Raises ``DataError``."""
    value = record.get(name)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where}: no text in the field {name!r}")
    return value.strip()
