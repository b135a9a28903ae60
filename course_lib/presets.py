"""Presets say how big. Whatever a preset sets is written nowhere else."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace

from course_lib.errors import SettingError
from course_lib.grading import KINDS
from course_lib.prompts import PromptStyle
from course_lib.validation import SUITE_OF_KIND, check, nearest, warnings_of

EXPECTATIONS = ("about", "minutes", "memory_gb", "known_from")


@dataclass(frozen=True)
class Preset:
    """All sizes of one run of the course. Lengths are in tokens.

    One optimiser step sees ``prompts_per_step`` prompts with ``group_size`` completions each, in
    micro-batches of ``batch_size`` completions (which follows from the others: see ``accumulation``).
    """

    name: str
    about: str
    # what to expect of training alone: minutes, the peak of memory in GB (10^9 bytes), and how that is known
    minutes: float = 0.0
    memory_gb: float = 0.0
    known_from: str = ""
    model: str = "tiny"
    # what is asked and what is rewarded; an empty suite stands for the task's own (see rewards)
    task: str = "toy_math"
    suite: str = ""
    prompt: str = "think"
    shots: int = 0
    domain: str = ""
    # a file of your own and its columns ("question=...,answer=..."), for the tasks number, choice and rubric
    data: str = ""
    columns: str = ""
    # GRPO
    steps: int = 80
    prompts_per_step: int = 8
    group_size: int = 8
    accumulation: int = 1
    learning_rate: float = 2.5e-3
    warmup: float = 0.05
    temperature: float = 1.0
    beta: float = 0.0
    epsilon: float = 0.2
    loss_type: str = "dapo"
    max_grad_norm: float = 0.1
    max_prompt_length: int = 256
    max_completion_length: int = 80
    checkpoint_every: int = 10
    # LoRA
    lora_rank: int = 8
    lora_alpha: int = 16
    # how it runs: "auto", "transformers" or "unsloth"; numbers while training; what is kept and what made anew
    backend: str = "auto"
    dtype: str = "float32"
    load_in_4bit: bool = False
    gradient_checkpointing: bool = False
    optimizer: str = "adamw_torch"
    vllm: str = ""  # "", "colocate" or "server"
    log_to: str = ""  # besides the CSV: "tensorboard", "wandb", "trackio", with commas between
    max_kl: float = 2.0  # a KL above it stops the run; healthy runs of the tiny model stay below 0.5
    # evaluation
    eval_problems: int = 512
    eval_batch: int = 128

    def __post_init__(self) -> None:
        check(self)

    def warnings(self) -> list[str]:
        """One sentence for each setting that is known to go badly."""
        return warnings_of(self)

    @property
    def kind(self) -> str:
        """``number``, ``choice`` or ``rubric``."""
        return KINDS[self.task]

    @property
    def suite_name(self) -> str:
        """The reward suite of this run."""
        return self.suite or SUITE_OF_KIND[self.kind]

    @property
    def style(self) -> PromptStyle:
        """How questions are put: in training, evaluation and export alike."""
        return PromptStyle(self.prompt, self.shots, self.domain or None)

    @property
    def completions_per_step(self) -> int:
        return self.prompts_per_step * self.group_size

    @property
    def batch_size(self) -> int:
        """Completions in one micro-batch."""
        return self.completions_per_step // self.accumulation

    @property
    def train_problems(self) -> int:
        """Prompts that a whole run sees, each once."""
        return self.steps * self.prompts_per_step

    def to_dict(self) -> dict:
        return asdict(self)

    def settings(self) -> dict:
        """What decides how a run goes: all fields but the words and the expectations."""
        return {key: value for key, value in asdict(self).items() if key not in EXPECTATIONS}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "smoke",
            about="seconds: every line runs, too small for any conclusion; for CI",
            minutes=0.1,
            memory_gb=1.0,
            known_from="every test run",
            steps=3,
            prompts_per_step=4,
            group_size=4,
            learning_rate=1e-2,
            checkpoint_every=1,
            eval_problems=32,
            eval_batch=32,
        ),
        Preset(
            "laptop",
            about="minutes on two CPU cores: the tiny model really learns",
            minutes=2,
            memory_gb=2.3,
            known_from="the recorded runs",
        ),
        # Why these numbers, for lack of a run. Memory: course_lib/memory.py. Time of a step: up to 384 tokens, written
        # one after the other at about 50 ms, then some 100 TFLOP of loss and gradient at about 4 a second. A public run
        # of Unsloth's took 60 s a step. Public rates for LoRA and GRPO at about this size: 5e-6 (Unsloth), 1e-5 to 5e-5
        # (TRL).
        Preset(
            "t4",
            about="Gemma 3 1B on one free 16 GB GPU: the format first, then fewer slips",
            minutes=180,
            memory_gb=8.7,
            known_from="an estimate; not run",
            model="google/gemma-3-1b-it",
            task="gsm8k",
            suite="tunix",
            steps=150,
            prompts_per_step=4,
            group_size=8,
            accumulation=8,
            learning_rate=2e-5,
            beta=0.02,
            max_completion_length=384,
            checkpoint_every=10,
            lora_rank=16,
            lora_alpha=16,
            gradient_checkpointing=True,
            eval_problems=200,
            eval_batch=16,
        ),
        Preset(
            "gpu",
            about="Gemma 3 1B on a GPU with bf16 and 24 GB or more: more prompts, longer answers",
            minutes=150,  # 20 to 30 s a step: 512 tokens at about 35 ms, then 250 TFLOP at 50 or more a second
            memory_gb=14.1,
            known_from="an estimate; not run",
            model="google/gemma-3-1b-it",
            task="gsm8k",
            suite="tunix",
            steps=300,
            prompts_per_step=8,
            group_size=8,
            accumulation=8,
            learning_rate=2e-5,
            beta=0.02,
            max_completion_length=512,
            checkpoint_every=20,
            lora_rank=32,
            lora_alpha=32,
            dtype="bfloat16",
            gradient_checkpointing=True,
            eval_problems=1319,
            eval_batch=64,
        ),
    )
}

# What a task needs that the preset of that size does not give it.
TASK_SIZES: dict[str, dict] = {
    "laptop-toy_choice": {"steps": 50},
    "laptop-toy_rubric": {"steps": 40},
}


def get_preset(name: str = "auto", /, **overrides) -> Preset:
    """The preset of that name, with fields replaced by ``overrides`` (``None`` leaves a field alone).

    ``"auto"`` takes the environment variable ``COURSE_PRESET``, else ``laptop``. A task may follow a dash:
    ``"laptop-toy_choice"`` is the preset ``laptop`` for the task ``toy_choice``, with the sizes that suit it. A file
    of your own is named by ``data`` and ``columns``; its task follows from its columns. For ``"auto"`` and for a name
    such as ``"laptop-choice"`` the environment variables ``COURSE_FILE`` and ``COURSE_COLUMNS`` may name it too.

    Raises ``SettingError`` for an unknown name, an unknown field or values that cannot work, ``DataError`` for a
    file that cannot be used.
    """
    auto = name == "auto"
    if auto:
        name = os.environ.get("COURSE_PRESET") or "laptop"
    size, _, task = name.partition("-")
    overrides = {k: v for k, v in overrides.items() if v is not None}
    if size not in PRESETS:
        raise SettingError(f"unknown preset {size!r}; choose one of: {', '.join(PRESETS)}{nearest(size, PRESETS)}")
    if task and task not in KINDS:
        raise SettingError(f"unknown task {task!r} after the preset's name; choose one of: {', '.join(KINDS)}")
    wanted = overrides.get("task", task)
    file = os.environ.get("COURSE_FILE")
    if file and "data" not in overrides and (wanted in SUITE_OF_KIND or (auto and not wanted)):
        overrides |= {"data": file, "columns": os.environ.get("COURSE_COLUMNS", "")}
    if overrides.get("data"):
        from course_lib.tasks.files import load_file, parse_columns  # here, since tasks read presets

        overrides["data"] = str(overrides["data"])
        task = load_file(overrides["data"], parse_columns(overrides.get("columns", "")), wanted)[0]["task"]
        name = f"{size}-{task}"
    if task:
        other = {} if KINDS[task] == PRESETS[size].kind else {"suite": ""}  # a suite is for some kinds of answers
        overrides = {"name": name, "task": task, **other, **TASK_SIZES.get(name, {}), **overrides}
    known = {field.name for field in fields(Preset)}
    if unknown := sorted(set(overrides) - known):
        near = nearest(unknown[0], known) or f"; the fields are: {', '.join(sorted(known))}"
        raise SettingError(f"unknown preset field {unknown[0]!r}{near}")
    return replace(PRESETS[size], **overrides)
