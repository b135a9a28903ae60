"""One registry of tasks, one set of columns: ``prompt`` (messages), ``question``, ``answer``, ``task``.

``python -m course_lib.tasks`` lists the tasks and looks at one of them, or at a file of your own.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import Run, read_json, write_json
from course_lib.errors import DataError, SettingError
from course_lib.grading import kind_of
from course_lib.presets import Preset
from course_lib.prompts import DEFAULT_STYLE, DEFAULT_TAGS, PromptStyle, Tags, build_prompt
from course_lib.tasks import files, gsm8k, openrubrics, quality, race, toy_choice, toy_math, toy_rubric
from course_lib.tasks.checking import check_leakage
from course_lib.tasks.files import load_file
from course_lib.tasks.passages import cut_passage
from course_lib.tasks.splits import SPLITS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "TASKS",
    "Task",
    "check_leakage",
    "load_file",
    "load_rows",
    "preset_rows",
    "prompt_fits",
    "rows_of",
    "save_rows",
    "saved_rows",
    "with_style",
]

KEPT = "question answer options passage group signature steps worked reference chosen rejected".split()
Fits = Callable[[list[dict]], bool]


@dataclass(frozen=True)
class Task:
    """A task that the course knows.

    ``kind`` is ``number``, ``choice`` or ``rubric``; ``hub`` the data set on the Hub, empty for a task whose
    problems are generated. ``load`` is ``generate(split, n, seed)`` or ``load(split, path)``.
    """

    name: str
    kind: str
    about: str
    source: str
    load: Callable[..., list[dict]]
    hub: str = ""


RACE = "Lai et al. 2017; for non-commercial research only"
TASKS = {
    task.name: task
    for task in (
        Task("toy_math", "number", "generated word problems, three to five steps", "the course's", toy_math.generate),
        Task("toy_choice", "choice", "who has the ball after all the swaps?", "the course's", toy_choice.generate),
        Task("toy_rubric", "rubric", "write a list that keeps the rules", "the course's", toy_rubric.generate),
        Task("gsm8k", "number", "grade-school word problems", "Cobbe et al. 2021; MIT", gsm8k.load, gsm8k.SOURCE.hub),
        *(
            Task(name, "choice", about, RACE, partial(race.load, config=config), race.SOURCE.hub)
            for name, config, about in (
                ("race", "all", "reading comprehension from English exams"),
                ("race_high", "high", "the part of RACE for pupils of 15 to 18"),
                ("race_middle", "middle", "the part of RACE for pupils of 12 to 15"),
            )
        ),
        Task(
            "quality",
            "choice",
            "questions to whole stories and articles",
            "Pang et al. 2022; each article has its own licence",
            quality.load,
            quality.SOURCE.hub,
        ),
        Task(
            "openrubrics",
            "rubric",
            "instructions with rubrics and two responses",
            "Liu et al. 2025; see its card for the licence",
            openrubrics.load,
            openrubrics.SOURCE.hub,
        ),
    )
}


def load_rows(
    name: str,
    split: str,
    n: int | None = None,
    seed: int = 0,
    tags: Tags = DEFAULT_TAGS,
    style: PromptStyle = DEFAULT_STYLE,
    path: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    fits: Fits | None = None,
) -> list[dict]:
    """``n`` rows of a task's split (all, if ``n`` is ``None``), in an order drawn from ``seed``.

    ``name`` is one of ``TASKS``, or ``number``, ``choice`` or ``rubric`` for a file of your own at ``path`` (see
    ``files.load_file`` for ``columns``). For data from the Hub ``path`` is a folder with a local copy. With
    ``fits`` (does this prompt fit?) passages are cut until the prompt fits, and rows that still do not are left
    out.

    Raises ``SettingError`` for an unknown task or split and ``DataError`` for unusable data or too few rows.
    """
    rows = list(islice(_draw(name, split, n, seed, tags, style, path, columns, fits), n))
    if n is not None and len(rows) < n:
        fitting = " that fit" if fits else ""
        raise DataError(f"{name} {split} has {len(rows)} rows{fitting}, {n} were asked for; ask for fewer")
    return rows


def _draw(
    name: str,
    split: str,
    n: int | None,
    seed: int,
    tags: Tags,
    style: PromptStyle,
    path: str | Path | None,
    columns: Mapping[str, str] | None,
    fits: Fits | None,
) -> Iterator[dict]:
    """The rows one by one, so that no more are cut to fit than are needed."""
    kind = TASKS[name].kind if name in TASKS else name
    for row in _raw_rows(name, split, n, seed, path, columns):
        if asked := _ask(row, kind, tags, style, fits):
            yield {"prompt": asked["prompt"], "task": name} | {k: row[k] for k in KEPT if k in row} | asked


def with_style(rows: Sequence[dict], style: PromptStyle, tags: Tags = DEFAULT_TAGS) -> list[dict]:
    """The same problems, asked in another way: rows with a new ``prompt``."""
    return [row | _ask(row, kind_of(row["task"]), tags, style, None) for row in rows]


def _raw_rows(name: str, split: str, n: int | None, seed: int, path, columns) -> list[dict]:
    """The rows in the order of ``seed``, without prompts."""
    if split not in SPLITS:
        raise SettingError(f"unknown split {split!r}; a task has {', '.join(SPLITS)}")
    if name in files.KINDS:
        if path is None:
            raise SettingError(f"the task {name!r} is for a file of your own: say where it is (path)")
        rows = [row for row in load_file(path, columns, name) if row["split"] == split]
    elif name not in TASKS:
        raise SettingError(f"unknown task {name!r}; choose one of: {', '.join([*TASKS, *files.KINDS])}")
    elif TASKS[name].hub:
        rows = TASKS[name].load(split, path)
    elif n is None:
        raise SettingError(f"{name} is generated and has no end: say how many rows (n)")
    else:
        return TASKS[name].load(split, n, seed)
    random.Random(f"{name} {split} {seed}").shuffle(rows)
    return rows


def _ask(row: dict, kind: str, tags: Tags, style: PromptStyle, fits: Fits | None) -> dict | None:
    """A row's ``prompt`` and, where it has one, its ``passage`` as it stands there; ``None`` if it cannot fit."""

    def ask(passage: str | None) -> list[dict]:
        text = f"{passage}\n\n{row['question']}" if passage else row["question"]
        return build_prompt(text, tags, kind=kind, options=row.get("options"), style=style)

    passage = row.get("passage")
    if passage is None:
        prompt = ask(None)
        return {"prompt": prompt} if fits is None or fits(prompt) else None
    if fits is not None:
        passage = cut_passage(passage, lambda shorter: fits(ask(shorter)))
    return {"prompt": ask(passage), "passage": passage} if passage else None


def prompt_fits(preset: Preset, tokenizer: PreTrainedTokenizerBase | None = None) -> Fits:
    """Whether a prompt has at most ``preset.max_prompt_length`` tokens, as the preset's model counts them."""
    if tokenizer is None:
        from course_lib.models import load_tokenizer  # here, since it is slow to import

        tokenizer = load_tokenizer(preset.model)

    def fits(prompt: list[dict]) -> bool:
        text = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
        return len(tokenizer(text, add_special_tokens=False, verbose=False).input_ids) <= preset.max_prompt_length

    return fits


def preset_rows(preset: Preset, seed: int) -> dict[str, list[dict]]:
    """The ``train`` and ``test`` rows of one run. The test rows do not depend on the seed.

    They are checked for leakage. Passages are cut to the preset's ``max_prompt_length``. A small data set gives fewer
    test rows, and its training rows come round again; both are said.
    """
    rows = {
        "train": rows_of(preset, "train", preset.train_problems, seed),
        "test": rows_of(preset, "test", preset.eval_problems, 0),
    }
    check_leakage(rows["train"], rows["test"])
    return rows


def rows_of(preset: Preset, split: str, n: int, seed: int) -> list[dict]:
    """``n`` rows of one split, or fewer test and validation rows of a small data set, as the preset asks them."""
    if preset.task in TASKS and not TASKS[preset.task].hub:
        return load_rows(preset.task, split, n, seed, style=preset.style)
    path, columns, fits = preset.data or None, files.parse_columns(preset.columns), prompt_fits(preset)
    drawn = _draw(preset.task, split, n, seed, DEFAULT_TAGS, preset.style, path, columns, fits)
    rows = list(islice(drawn, n))
    if not rows:
        raise DataError(
            f"{preset.task} has no {split} prompt of at most {preset.max_prompt_length} tokens; raise "
            "max_prompt_length, or give more data"
        )
    if len(rows) < n and split == "train":
        print(f"{preset.task} has {len(rows)} training rows that fit: they come round again, to make {n}.")
        rows = (rows * -(-n // len(rows)))[:n]
    elif len(rows) < n:
        print(f"{preset.task} has {len(rows)} {split} rows that fit, fewer than the {n} of the preset: all are used.")
    return rows


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
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    print(f"Chapter 3 has not been run with these settings: drawing the {split} problems anew.")
    return preset_rows(preset, seed)[split]


def _settings(preset: Preset, seed: int) -> dict:
    return {"preset": preset.to_dict(), "seed": seed}
