"""One registry of tasks, one set of columns: ``prompt`` (messages), ``answer``, ``task``, ``question``."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from pathlib import Path

from course_lib.artifacts import Run, read_json, write_json
from course_lib.errors import DataError, SettingError
from course_lib.presets import Preset
from course_lib.prompts import DEFAULT_TAGS, Tags, build_prompt
from course_lib.tasks import gsm8k, toy_math

TASKS = ("toy_math", "gsm8k")
KEPT = ("question", "answer", "signature", "steps", "worked")


def load_rows(name: str, split: str, n: int, seed: int = 0, tags: Tags = DEFAULT_TAGS) -> list[dict]:
    """``n`` rows of a task's split, in an order drawn from ``seed``.

    Raises ``SettingError`` for an unknown task and ``DataError`` for unusable data or too few rows.
    """
    if name not in TASKS:
        raise SettingError(f"unknown task {name!r}; choose one of: {', '.join(TASKS)}")
    if name == "toy_math":
        rows = toy_math.generate(split, n, seed)
    else:
        rows = gsm8k.load(split)
        random.Random(f"{name} {split} {seed}").shuffle(rows)
        if len(rows) < n:
            raise DataError(f"{name} {split} has {len(rows)} rows, {n} were asked for; ask for fewer")
        rows = rows[:n]
    return [
        {"prompt": build_prompt(row["question"], tags), "task": name} | {k: row[k] for k in KEPT if k in row}
        for row in rows
    ]


def preset_rows(preset: Preset, seed: int) -> dict[str, list[dict]]:
    """The ``train`` and ``test`` rows of one run. The test rows do not depend on the seed."""
    return {
        "train": load_rows(preset.task, "train", preset.candidate_problems, seed),
        "test": load_rows(preset.task, "test", preset.eval_problems),
    }


def save_rows(run: Run, preset: Preset, seed: int, rows: dict[str, list[dict]]) -> Path:
    """Chapter 3's artefact: ``train.jsonl``, ``test.jsonl`` and the settings that they were drawn with."""
    folder = run.chapter("03_data_and_rewards")
    for split, part in rows.items():
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")
    write_json(folder / "settings.json", _settings(preset, seed))
    return folder


def saved_rows(run: Run, preset: Preset, seed: int, split: str) -> list[dict]:
    """The rows that chapter 3 saved for these very settings, else the same drawn anew (and says so)."""
    folder = run.root / "03_data_and_rewards"
    settings, path = folder / "settings.json", folder / f"{split}.jsonl"
    if settings.exists() and path.exists() and read_json(settings) == _settings(preset, seed):
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    print(f"Chapter 3 has not been run with these settings: drawing the {split} problems anew.")
    return preset_rows(preset, seed)[split]


def _settings(preset: Preset, seed: int) -> dict:
    return {"preset": preset.to_dict(), "seed": seed}


def check_leakage(train: Iterable[dict], test: Iterable[dict]) -> int:
    """Make sure that no test question stands in the training data; returns how many were compared.

    Two questions are the same when their words are (case and spacing aside) or when they share a signature,
    the underlying problem without its wording. Raises ``DataError`` naming the first that is in both.
    """

    def keys(row: dict) -> set[str]:
        found = {" ".join(row["question"].lower().split())}
        return found | ({row["signature"]} if row.get("signature") else set())

    seen = {key for row in train for key in keys(row)}
    compared = 0
    for i, row in enumerate(test):
        compared += 1
        if keys(row) & seen:
            raise DataError(f"test row {i} is also in the training data: {row['question'][:80]!r}")
    return compared
