"""Presets say how big. Whatever a preset sets is written nowhere else."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace

from course_lib.errors import SettingError


@dataclass(frozen=True)
class Preset:
    """All sizes of one run of the course. Lengths are in tokens.

    One optimiser step sees ``prompts_per_step`` prompts with ``group_size`` completions each, in
    micro-batches of ``batch_size`` completions (which follows from the others: see ``accumulation``).
    """

    name: str
    about: str
    model: str = "tiny"
    task: str = "toy_math"
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
    # evaluation
    eval_problems: int = 512
    eval_batch: int = 128

    def __post_init__(self) -> None:
        if self.group_size < 2:
            raise SettingError("group_size must be 2 or more: an advantage compares a group's completions")
        if self.completions_per_step % self.accumulation:
            raise SettingError(
                f"{self.prompts_per_step} prompts x {self.group_size} completions cannot be cut into "
                f"{self.accumulation} equal micro-batches; choose an accumulation that divides "
                f"{self.completions_per_step}"
            )
        for name in ("steps", "prompts_per_step", "accumulation", "max_completion_length", "lora_rank"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.temperature <= 0:
            raise SettingError("temperature must be above 0: GRPO needs completions that differ")
        if self.learning_rate <= 0:
            raise SettingError("learning_rate must be above 0")
        if self.eval_problems < 1:
            raise SettingError("eval_problems must be 1 or more")

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

    @property
    def candidate_problems(self) -> int:
        """Prompts to draw, so that enough are left when too long ones have been dropped."""
        return self.train_problems * (1 if self.task == "toy_math" else 8)

    def to_dict(self) -> dict:
        return asdict(self)


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "smoke",
            about="seconds: every line runs, nothing is learned; for CI",
            steps=3,
            prompts_per_step=4,
            group_size=4,
            learning_rate=1e-2,
            checkpoint_every=1,
            eval_problems=32,
            eval_batch=32,
        ),
        Preset("laptop", about="minutes on two CPU cores: the tiny model really learns"),
    )
}


def get_preset(name: str = "auto", **overrides) -> Preset:
    """The preset of that name, with fields replaced by ``overrides`` (``None`` leaves a field alone).

    ``"auto"`` takes the environment variable ``COURSE_PRESET``, else ``laptop``.

    Raises ``SettingError`` for an unknown name, an unknown field or values that cannot work.
    """
    if name == "auto":
        name = os.environ.get("COURSE_PRESET") or "laptop"
    if name not in PRESETS:
        raise SettingError(f"unknown preset {name!r}; choose one of: {', '.join(PRESETS)}")
    known = {field.name for field in fields(Preset)}
    if unknown := sorted(set(overrides) - known):
        raise SettingError(f"unknown preset field {unknown[0]!r}; the fields are: {', '.join(sorted(known))}")
    return replace(PRESETS[name], **{k: v for k, v in overrides.items() if v is not None})
