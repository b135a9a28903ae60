"""Ask a model many questions, grade what it answers, and keep the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
from tqdm.auto import tqdm

from course_lib.devices import pick_device
from course_lib.errors import CourseError, DataError, SettingError, TrainingError
from course_lib.grading import KINDS, grade
from course_lib.metrics import compare, summarise
from course_lib.prompts import EOS_IDS, with_options
from course_lib.rubrics import grade_rubric
from course_lib.strategies import Strategy, get_strategy

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from course_lib.presets import Preset

MEASURED = ("greedy", "sampled")  # the strategies that every result is measured with
TEXTS = ("question", "gold", "completion")
PATIENCE = 5  # seconds until a progress bar appears


@dataclass(frozen=True)
class Completion:
    """What the model wrote (special tokens left out), how long it was in tokens, whether it ended itself.

    ``ids`` are its tokens, the one that ended it among them.
    """

    text: str
    tokens: int
    ended: bool
    ids: tuple[int, ...] = ()


Ask = Callable[[list[list[dict]]], Sequence[Completion]]  # prompts (messages) to completions, whatever is behind it


def generate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: list[list[dict]],
    strategy: str | Strategy = "greedy",
    max_new_tokens: int = 80,
    temperature: float = 1.0,
    seed: int = 0,
    batch_size: int = 128,
    progress: bool = True,
) -> list[Completion]:
    """One completion per prompt (messages). ``strategy``: a name (see ``strategies``) or a ``Strategy``.

    ``temperature`` is that of the policy, so of the strategy ``sampled``; the others have their own. Prompts are
    padded on the left and cut off again by position; a completion ends with its first EOS.
    A progress bar (by batches) appears when it takes more than some seconds.
    """
    import torch

    strategy = get_strategy(strategy)
    sampling = strategy.sampling()
    if strategy.name == "sampled":
        sampling["temperature"] = temperature
    texts = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) for p in prompts]
    completions = []
    with on_gpu(model), torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        starts = range(0, len(texts), batch_size)
        for start in tqdm(starts, desc=strategy.name, disable=not progress, leave=False, delay=PATIENCE):
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
                completions.append(Completion(text, len(ids), end is not None, tuple(ids)))
    return completions


@contextmanager
def on_gpu(model: PreTrainedModel) -> Iterator[None]:
    """A model in the machine's memory is on the GPU meanwhile, if there is one and ``COURSE_DEVICE`` names no other."""
    moved = model.device.type == "cpu" and pick_device().startswith("cuda")
    if moved:
        model.to("cuda")
    try:
        yield
    finally:
        if moved:
            model.to("cpu")


def log_probability(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompt: list[dict], texts: Sequence[str]
) -> list[float]:
    """How likely the model is to write each text, and then to end, as its answer to one prompt: the sum of its tokens'
    log-probabilities at temperature 1, in nats."""
    import torch

    start = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    asked = tokenizer(start, add_special_tokens=False).input_ids
    found = []
    for text in texts:
        ids = tokenizer(text, add_special_tokens=False).input_ids + [EOS_IDS[-1]]
        whole = torch.tensor([asked + ids], device=model.device)
        with torch.inference_mode():
            logits = model(whole).logits[0, len(asked) - 1 : -1].float()
        steps = logits.log_softmax(-1).gather(-1, whole[0, len(asked) :, None])
        found.append(float(steps.sum()))
    return found


def require_moved(model: PreTrainedModel) -> None:
    """Raises ``TrainingError`` if the model carries a LoRA adapter that is still where it began (B = 0)."""
    adapted = [p for name, p in model.named_parameters() if "lora_B" in name]
    if adapted and not any(p.detach().any() for p in adapted):
        raise TrainingError(
            "the adapter has not moved (every LoRA B is 0), so this is the base model: load the trained adapter"
        )


def _ask(model, tokenizer, prompts: list[list[dict]], strategy, options: dict) -> Sequence[Completion]:
    if hasattr(model, "generate"):
        require_moved(model)
        return generate(model, tokenizer, prompts, strategy, **options)
    if options or strategy != "greedy":
        raise SettingError("a function decodes in its own way: set strategy and options where you make the function")
    completions = model(prompts)
    if len(completions) != len(prompts):
        raise CourseError(f"the function gave {len(completions)} completions for {len(prompts)} prompts")
    return completions


def evaluate(
    model: PreTrainedModel | Ask,
    tokenizer: PreTrainedTokenizerBase | None,
    rows: list[dict],
    strategy: str | Strategy = "greedy",
    samples: int = 1,
    **options,
) -> pd.DataFrame:
    """``samples`` completions per row (see ``tasks.load_rows``), graded.

    ``model``: any causal model of transformers, with an adapter or without (``options`` go to ``generate``), or a
    function from prompts to completions, for instance one that asks a GGUF; it needs no tokenizer.

    Columns: ``problem`` and ``sample`` (counted from 0), ``question`` (with its options), ``gold``, ``completion``,
    ``answer`` (as read), ``well_formed``, ``correct``, ``score`` (the share of a rubric that is met; else 1 or 0),
    ``length`` (tokens), ``ended`` and, where the task has them, ``steps`` and ``passage``. Raises ``TrainingError``
    for an adapter that has not moved.
    """
    if not rows or samples < 1:
        raise DataError(f"nothing to evaluate: {len(rows)} rows with {samples} samples each")
    asked = [(i, sample, row) for i, row in enumerate(rows) for sample in range(samples)]
    completions = _ask(model, tokenizer, [row["prompt"] for *_, row in asked], strategy, options)
    table = []
    for (problem, sample, row), done in zip(asked, completions, strict=True):
        found = grade(done.text, row["answer"], row["task"], row.get("options"), done.ended)
        score = float(found.correct)
        if KINDS[row["task"]] == "rubric":
            score = grade_rubric(done.text, row["answer"]).score
        table.append(
            {
                "problem": problem,
                "sample": sample,
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
                **({"passage": row["passage"]} if row.get("passage") else {}),
            }
        )
    return pd.DataFrame(table)


def measure(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: list[dict], preset: Preset, seed: int = 0
) -> dict[str, pd.DataFrame]:
    """``evaluate`` with the strategies of a result, at the preset's sizes."""
    options = {
        "max_new_tokens": preset.max_completion_length,
        "temperature": preset.temperature,
        "seed": seed,
        "batch_size": preset.eval_batch,
    }
    return {strategy: evaluate(model, tokenizer, rows, strategy, **options) for strategy in MEASURED}


def results(preset, seed: int, steps: int, train_seconds: float, before: dict, after: dict) -> dict:
    """The content of ``results.json``. ``before`` and ``after`` map each strategy to its table; ``seed``, ``steps`` and
    ``train_seconds`` are those of the training.

    It holds what a result needs; ``metrics.details`` works out the rest from the tables. Raises ``CourseError`` when
    every completion is the same before and after: one model was measured twice.
    """
    if all(list(before[s]["completion"]) == list(after[s]["completion"]) for s in MEASURED):
        raise CourseError("before and after are the same, word for word: was the adapter loaded?")
    return {
        "task": preset.task,
        "preset": preset.name,
        "seed": seed,
        "model": preset.model,
        "n": len(before["greedy"]),
        "train_seconds": train_seconds,
        "steps": steps,
        "before": {strategy: summarise(before[strategy]) for strategy in MEASURED},
        "after": {strategy: summarise(after[strategy]) for strategy in MEASURED},
        "paired": {"strategy": "greedy", **compare(before["greedy"], after["greedy"])},
    }


def save_tables(folder: Path, before: dict[str, pd.DataFrame], after: dict[str, pd.DataFrame]) -> None:
    """Write the tables of each strategy as ``before_<strategy>.csv`` and ``after_<strategy>.csv``."""
    for when, tables in (("before", before), ("after", after)):
        for strategy, table in tables.items():
            table.to_csv(folder / f"{when}_{strategy}.csv", index=False)


def read_table(path: Path) -> pd.DataFrame:
    """A table that ``save_tables`` wrote. Texts stay texts: the completion ``nan`` is not a missing value."""
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys([*TEXTS, "answer"], str))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read ({error}); run chapter 7 again") from error
    if missing := {*TEXTS, "correct"} - set(table.columns):
        raise CourseError(f"{path} has no column {sorted(missing)[0]!r}; run chapter 7 again")
    for name in {"score", "length", "steps"} & set(table.columns):
        table[name] = pd.to_numeric(table[name], errors="coerce")  # a blank is a missing number
    if "answer" in table:
        table["answer"] = table["answer"].mask(table["answer"] == "")
    return table
