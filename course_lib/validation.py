"""What a preset may not be (errors, each with the mend), and what is known to go badly (warnings)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import DATA
from course_lib.errors import SettingError
from course_lib.grading import KINDS

if TYPE_CHECKING:
    from course_lib.presets import Preset

SUITE_OF_KIND = {"number": "starter", "choice": "multiple_choice", "rubric": "rubric"}
TYPES = {"str": str, "int": int, "float": float, "bool": bool}
CALLED = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}
CHOICES = {
    "backend": ("auto", "transformers", "unsloth"),
    "dtype": ("float32", "bfloat16", "float16"),
    "vllm": ("", "colocate", "server"),
    "loss_type": tuple("grpo bnpo dr_grpo dapo cispo sapo luspo vespo".split()),
}
LOGGERS = ("tensorboard", "wandb", "trackio")
AT_LEAST_1 = """steps prompts_per_step accumulation max_prompt_length max_completion_length checkpoint_every
    lora_rank lora_alpha eval_problems eval_batch""".split()
ABOVE_0 = ("learning_rate", "max_kl")
NOT_BELOW_0 = ("minutes", "memory_gb", "warmup", "beta", "epsilon", "max_grad_norm")
CONTEXT = {"gemma-3-270m": 32768, "gemma-3-1b": 32768, "gemma-3": 131072}  # by the start of a Hub name; first fit

# The highest rate that was seen to work: the laptop preset's for the tiny model (its fivefold collapsed, see
# recorded/), and for a 1B Gemma with LoRA the highest of the public recipes of its size (see presets.py).
HIGHEST_RATE = {"tiny": 2.5e-3, "gemma-3": 5e-5}
# Tokens that 95 of 100 stay below: a prompt, a worked example in front of it, a worked answer. The toy tasks' in
# the tiny model's tokens, GSM8K's counted by words, digits and signs, with a fifth added.
LENGTHS = {
    "toy_math": (100, 158, 62),
    "toy_choice": (100, 150, 62),
    "toy_rubric": (82, 116, 51),
    "gsm8k": (162, 191, 208),
}
TRAIN_ROWS = {"gsm8k": 7000}
GAMEABLE = ("rubric", "four_component")  # suites that judge how a text reads, not only whether it is right
LONG_RUN = 100  # steps


def nearest(name: str, known: Iterable[str]) -> str:
    """``" (did you mean 'steps'?)"`` if a known name is near, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def model_config(model: str) -> dict:
    """The ``config.json`` of the shipped model or of a folder; empty for a model that is not on this machine."""
    path = (DATA / "tiny_gemma" if model == "tiny" else Path(model)) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return config.get("text_config", config)
    except (OSError, ValueError, AttributeError):
        return {}


def on_hub(model: str) -> bool:
    """Whether a model comes from the Hub: neither the shipped one nor a folder."""
    return model != "tiny" and not Path(model).is_dir()


def is_gemma_3(model: str) -> bool:
    """By its config.json, else by its name."""
    config = model_config(model)
    return str(config.get("model_type", "")).startswith("gemma3") if config else "gemma-3-" in model.lower()


def context_of(model: str) -> int | None:
    """The longest text, in tokens, that a model takes; ``None`` if that cannot be told here."""
    if config := model_config(model):
        return config.get("max_position_embeddings")
    return next((tokens for name, tokens in CONTEXT.items() if name in model.lower()), None)


def check(preset: Preset) -> None:
    """Raises ``SettingError`` for a preset that cannot work on any machine, saying what to change."""
    for field in fields(preset):
        check_type(field.name, field.type, getattr(preset, field.name))
    if not preset.name.strip(". ") or not preset.name.isprintable() or set(preset.name) & set('/\\:*?"<>|'):
        raise SettingError(f"name {preset.name!r} cannot be a folder's name, which it must be: runs/<name>")
    for name, known in CHOICES.items():
        if (value := getattr(preset, name)) not in known:
            choices = ", ".join(choice or '"" (off)' for choice in known)
            raise SettingError(f"unknown {name} {value!r}; choose one of: {choices}")
    for name in preset.log_to.split(",") if preset.log_to else ():
        if name not in LOGGERS:
            raise SettingError(f"log_to names {name!r}; it may name {', '.join(LOGGERS)}, with commas between")
    _check_numbers(preset)
    _check_task(preset)
    _check_model(preset)


def check_type(name: str, kind: str, value: object) -> None:
    """A value must have its field's type; a whole number is a number too, ``True`` is neither."""
    fits = isinstance(value, (float, int) if kind == "float" else TYPES[kind])
    if not fits or (isinstance(value, bool) and kind != "bool") or (kind == "float" and not math.isfinite(value)):
        raise SettingError(f"{name} must be {CALLED[kind]}, not {value!r}")


def _check_numbers(preset: Preset) -> None:
    if preset.group_size < 2:
        raise SettingError("group_size must be 2 or more: an advantage compares a group's completions")
    for names, holds, words in (
        (AT_LEAST_1, lambda value: value >= 1, "1 or more"),
        (ABOVE_0, lambda value: value > 0, "above 0"),
        (NOT_BELOW_0, lambda value: value >= 0, "0 or more"),
    ):
        for name in names:
            if not holds(getattr(preset, name)):
                raise SettingError(f"{name} must be {words}, not {getattr(preset, name)}")
    if preset.temperature <= 0:
        raise SettingError("temperature must be above 0: GRPO needs completions that differ")
    if preset.warmup >= 1 and preset.warmup != int(preset.warmup):
        raise SettingError(f"warmup is a share of the run below 1, or whole steps, not {preset.warmup}")
    check_processes(preset, 1)


def check_processes(preset: Preset, processes: int) -> None:
    """A step's completions must fall into equal micro-batches, on every process.

    TRL asks that batch size x accumulation x processes be a multiple of the group size. With whole groups in a step
    (prompts x group size) it is, so what is left to check is that they can be cut evenly.
    """
    total, parts = preset.completions_per_step, preset.accumulation * processes
    if total % parts:
        over = f" on {processes} processes" if processes > 1 else ""
        fitting = [str(n) for n in range(1, total + 1) if total % (n * processes) == 0]
        mend = f"choose an accumulation that divides {total // processes}: {', '.join(fitting)}"
        if not fitting:
            mend = f"choose prompts_per_step x group_size so that {processes} divides it"
        raise SettingError(
            f"{preset.prompts_per_step} prompts x {preset.group_size} completions cannot be cut into "
            f"{preset.accumulation} equal micro-batches{over}; {mend}"
        )


def _check_task(preset: Preset) -> None:
    if preset.task not in KINDS:
        raise SettingError(f"unknown task {preset.task!r}; choose one of: {', '.join(KINDS)}")
    if bool(preset.data) != (preset.task in SUITE_OF_KIND):
        raise SettingError(
            f"a file of your own (data) goes with the tasks {', '.join(SUITE_OF_KIND)} and no other; "
            f"not data {preset.data!r} with task {preset.task!r}"
        )
    if preset.columns and not preset.data:
        raise SettingError(f"columns {preset.columns!r} are given, but no file of your own (data)")
    try:
        preset.style  # noqa: B018
    except ValueError as error:
        raise SettingError(str(error)) from None
    if preset.suite:
        from course_lib.rewards import get_suite

        suite = get_suite(preset.suite)
        if preset.kind not in suite.kinds:
            raise SettingError(
                f"the suite {suite.name} is for {' and '.join(suite.kinds)} answers, those of {preset.task} are of the "
                f"kind {preset.kind}; leave suite empty for {SUITE_OF_KIND[preset.kind]}"
            )


def _check_model(preset: Preset) -> None:
    context, wanted = context_of(preset.model), preset.max_prompt_length + preset.max_completion_length
    if context is not None and wanted > context:
        raise SettingError(
            f"max_prompt_length {preset.max_prompt_length} + max_completion_length {preset.max_completion_length} are "
            f"{wanted} tokens, but {preset.model} takes {context}: lower one of them by {wanted - context}"
        )
    if preset.dtype == "float16" and is_gemma_3(preset.model):
        raise SettingError(
            "dtype float16 overflows in Gemma 3 and ends in NaN: use float32, or bfloat16 on a GPU that has it"
        )


def check_machine(preset: Preset, gpu: bool) -> None:
    """Raises ``SettingError`` for a preset that this machine cannot run; ``gpu``: whether torch sees a CUDA GPU."""
    if gpu:
        return
    if preset.load_in_4bit:
        raise SettingError("load_in_4bit needs a GPU, and there is none: set it to false")
    if preset.vllm:
        raise SettingError(f'vllm {preset.vllm!r} needs a GPU, and there is none: set it to ""')
    if "8bit" in preset.optimizer:
        raise SettingError(f"optimizer {preset.optimizer} needs a GPU, and there is none: use adamw_torch")


def warnings_of(preset: Preset) -> list[str]:
    """One sentence for each setting that can run but is known to go badly, with what to do instead."""
    found = []
    rate = next((rate for name, rate in HIGHEST_RATE.items() if name in preset.model.lower()), None)
    if rate and preset.learning_rate > 2 * rate and preset.steps >= 10:
        seen = "five times that collapsed in a recorded run" if preset.model == "tiny" else "in public recipes"
        found.append(
            f"learning_rate {preset.learning_rate:g} is far above {rate:g}, the highest seen to work with "
            f"{preset.model} ({seen}): expect a good start and then a collapse."
        )
    if preset.group_size < 4:
        found.append(f"group_size {preset.group_size} gives a noisy baseline: use 4 or more, best 8.")
    if not 0.7 <= preset.temperature <= 1.3:
        why = "completions hardly differ" if preset.temperature < 1 else "completions fall apart"
        found.append(f"temperature {preset.temperature:g} is far from 1: {why}, so groups teach little.")
    found += _length_warnings(preset)
    if preset.beta == 0 and preset.steps > LONG_RUN and preset.suite_name in GAMEABLE:
        found.append(
            f"beta is 0 over {preset.steps} steps with the suite {preset.suite_name}, which can be gamed: a beta of "
            "0.02 to 0.1 holds the policy near the base model."
        )
    if preset.batch_size == 1:
        found.append(
            "accumulation cuts a step into micro-batches of 1 completion, the slowest way: halve it if it fits."
        )
    rows = TRAIN_ROWS.get(preset.task)
    if rows and preset.train_problems > rows:
        found.append(
            f"{preset.train_problems} problems are more than the {rows} training rows of {preset.task}: some come "
            "round again, and an interrupted second pass cannot be resumed exactly."
        )
    if preset.checkpoint_every > preset.steps:
        found.append(
            f"checkpoint_every {preset.checkpoint_every} is beyond the last step: an interrupted run starts anew."
        )
    if preset.warmup >= preset.steps:
        found.append(f"warmup takes all {preset.steps} steps: the learning rate never gets to its full size.")
    if preset.vllm and preset.model == "tiny":
        found.append("vllm gains nothing with the tiny model: starting it takes longer than the whole run.")
    for name, value in model_config(preset.model).items():
        if name.endswith(("dropout", "pdrop")) and isinstance(value, int | float) and value > 0:
            found.append(
                f"the model's {name} is {value:g}: with dropout the policy is not the one that sampled; set it to 0."
            )
    return found


def _length_warnings(preset: Preset) -> list[str]:
    prompt, example, worked = LENGTHS.get(preset.task, (0, 0, 0))
    prompt += preset.shots * example
    found = []
    if preset.max_completion_length < worked:
        found.append(
            f"max_completion_length {preset.max_completion_length} cuts off worked answers of {preset.task}, which "
            f"take up to {worked} tokens: what is cut off is not well formed."
        )
    if preset.max_prompt_length < prompt:
        found.append(
            f"max_prompt_length {preset.max_prompt_length} leaves out prompts of {preset.task} with {preset.shots} "
            f"worked examples, which take up to {prompt} tokens: raise it, or there may be too few problems."
        )
    return found
