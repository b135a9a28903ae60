"""Ask a model many questions and say how sure the answer is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
from tqdm.auto import tqdm

from course_lib.errors import CourseError, DataError, SettingError
from course_lib.grading import KINDS, grade
from course_lib.prompts import EOS_IDS, with_options
from course_lib.rubrics import grade_rubric
from course_lib.statistics import bootstrap_mean, mcnemar_exact, wilson

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from course_lib.presets import Preset

STRATEGIES = ("greedy", "sampled")


@dataclass(frozen=True)
class Completion:
    """What the model wrote (special tokens left out), how long it was in tokens, whether it ended itself."""

    text: str
    tokens: int
    ended: bool


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[dict]],
    strategy: str = "greedy",
    max_new_tokens: int = 80,
    temperature: float = 1.0,
    seed: int = 0,
    batch_size: int = 128,
    progress: bool = False,
) -> list[Completion]:
    """One completion per prompt (messages). ``strategy`` is ``greedy`` or ``sampled``.

    Prompts are padded on the left and cut off again by position; a completion ends with its first EOS.
    """
    import torch

    if strategy not in STRATEGIES:
        raise SettingError(f"unknown strategy {strategy!r}; choose one of: {', '.join(STRATEGIES)}")
    sampling = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    if strategy == "sampled":
        sampling = {"do_sample": True, "temperature": temperature, "top_p": 1.0, "top_k": 0}
    texts = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) for p in prompts]
    completions = []
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        starts = range(0, len(texts), batch_size)
        for start in tqdm(starts, desc=strategy, disable=not progress, leave=False):
            batch = tokenizer(
                texts[start : start + batch_size],
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=False,
            ).to(model.device)
            output = model.generate(
                **batch,
                max_new_tokens=max_new_tokens,
                eos_token_id=list(EOS_IDS),
                pad_token_id=tokenizer.pad_token_id,
                **sampling,
            )
            for ids in output[:, batch["input_ids"].shape[1] :].tolist():
                end = next((i for i, token in enumerate(ids) if token in EOS_IDS), None)
                ids = ids if end is None else ids[: end + 1]
                text = tokenizer.decode(ids, skip_special_tokens=True)
                completions.append(Completion(text, len(ids), end is not None))
    return completions


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: list[dict],
    strategy: str = "greedy",
    **options,
) -> pd.DataFrame:
    """One completion per row (see ``tasks.load_rows``), graded.

    Columns: ``question`` (with its options), ``gold``, ``completion``, ``answer`` (as read), ``well_formed``,
    ``correct``, ``score`` (the share of a rubric that is met; else 1 or 0), ``length`` (tokens), ``ended`` and,
    where the task has it, ``steps``. ``options`` go to ``generate``.
    """
    if not rows:
        raise DataError("no rows to evaluate on")
    completions = generate(model, tokenizer, [row["prompt"] for row in rows], strategy, **options)
    table = []
    for row, done in zip(rows, completions, strict=True):
        found = grade(done.text, row["answer"], row["task"], row.get("options"), done.ended)
        score = float(found.correct)
        if KINDS[row["task"]] == "rubric":
            score = grade_rubric(done.text, row["answer"]).score
        table.append(
            {
                "question": with_options(row["question"], row.get("options")),
                "gold": row["answer"],
                "completion": done.text,
                "answer": found.answer,
                "well_formed": found.well_formed,
                "correct": found.correct,
                "score": score,
                "length": done.tokens,
                "ended": done.ended,
                "steps": row.get("steps"),
            }
        )
    return pd.DataFrame(table)


def measure(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: list[dict], preset: Preset, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """``evaluate`` with every strategy, at the preset's sizes."""
    options = {
        "max_new_tokens": preset.max_completion_length,
        "temperature": preset.temperature,
        "seed": seed,
        "batch_size": preset.eval_batch,
    }
    return {strategy: evaluate(model, tokenizer, rows, strategy, **options) for strategy in STRATEGIES}


def summarise(table: pd.DataFrame) -> dict:
    """Accuracy and format as rates with 95 % Wilson intervals, the mean score with a 95 % bootstrap interval
    (for a rubric, the share of it that is met; else the accuracy), and the mean length in tokens."""
    n = len(table)
    right, formed = int(table["correct"].sum()), int(table["well_formed"].sum())
    scores = table["score"].dropna()  # a rubric of which nothing could be decided gives none
    return {
        "accuracy": right / n,
        "accuracy_interval": list(wilson(right, n)),
        "format": formed / n,
        "format_interval": list(wilson(formed, n)),
        "score": float(scores.mean()) if len(scores) else None,
        "score_interval": list(bootstrap_mean(scores)) if len(scores) else None,
        "mean_length": float(table["length"].mean()),
    }


def compare(before: pd.DataFrame, after: pd.DataFrame) -> dict:
    """Paired comparison on the same questions: ``fixed``, ``broken``, unchanged counts, exact McNemar p.

    Raises ``CourseError`` when the questions differ.
    """
    if list(before["question"]) != list(after["question"]):
        raise CourseError("before and after were not measured on the same questions in the same order")
    was, now = before["correct"].to_numpy(), after["correct"].to_numpy()
    fixed, broken = int((~was & now).sum()), int((was & ~now).sum())
    return {
        "fixed": fixed,
        "broken": broken,
        "both_right": int((was & now).sum()),
        "both_wrong": int((~was & ~now).sum()),
        "p": mcnemar_exact(fixed, broken),
    }


def results(preset, seed: int, steps: int, train_seconds: float, before: dict, after: dict) -> dict:
    """The content of ``results.json``. ``before`` and ``after`` map each strategy to its table.

    Raises ``CourseError`` when every completion is the same before and after: one model was measured twice.
    """
    if all(list(before[s]["completion"]) == list(after[s]["completion"]) for s in STRATEGIES):
        raise CourseError("before and after are the same, word for word: was the adapter loaded?")
    return {
        "task": preset.task,
        "preset": preset.name,
        "seed": seed,
        "model": preset.model,
        "n": len(before["greedy"]),
        "train_seconds": train_seconds,
        "steps": steps,
        "before": {strategy: summarise(before[strategy]) for strategy in STRATEGIES},
        "after": {strategy: summarise(after[strategy]) for strategy in STRATEGIES},
        "paired": {"strategy": "greedy", **compare(before["greedy"], after["greedy"])},
    }
