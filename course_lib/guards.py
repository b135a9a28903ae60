"""What stops a run that has gone wrong, before it spoils a checkpoint."""

from __future__ import annotations

import functools
import math

from transformers import TrainerCallback

from course_lib.errors import RewardError, TrainingError
from course_lib.presets import Preset
from course_lib.rewards import Reward

# How torch complains when it shall sample from what are no probabilities, on a CPU and on a GPU.
NO_PROBABILITIES = ("probability tensor contains", "device-side assert triggered")


class Guard(TrainerCallback):
    """Stops a run whose numbers are no longer finite, or whose KL has exploded.

    ``proven`` is the newest step whose weights are known to be good: the numbers of a step are worked out with the
    weights that the step before has left, so a step proves the one before.
    """

    def __init__(self, preset: Preset):
        self.preset, self.proven, self.step = preset, -1, 0

    def on_train_begin(self, args, state, control, **kwargs):
        self.proven = state.global_step - 1

    def on_step_begin(self, args, state, control, model=None, **kwargs):
        self.step = state.global_step
        self._check_weights(model, state.global_step)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not logs or "grad_norm" not in logs:
            return  # the trainer's summary at the end
        for name in ("loss", "grad_norm"):
            if not math.isfinite(logs[name]):
                raise TrainingError(f"{name} is {logs[name]} at step {state.global_step}. {self._causes()}")
        if self.preset.beta > 0 and "kl" in logs:
            kl = math.nan if logs["kl"] is None else logs["kl"]
            if not kl <= self.preset.max_kl:
                raise TrainingError(
                    f"the KL from the base model is {kl:.3g} nats a token at step {state.global_step}, above max_kl "
                    f"({self.preset.max_kl:g}): the policy has run away. Likely causes: the learning rate "
                    f"({self.preset.learning_rate:g}) is too high, beta ({self.preset.beta:g}) too low. Lower the "
                    "one or raise the other; raise max_kl only if you want the policy to go that far."
                )
        self.proven = state.global_step - 1

    def on_save(self, args, state, control, model=None, **kwargs):
        self._check_weights(model, state.global_step)  # before the checkpoint is sealed

    def trouble(self, error: Exception) -> TrainingError | None:
        """The error as one that explains; ``None`` if it has nothing to do with numbers."""
        if isinstance(error, TrainingError):
            return error
        if any(sign in str(error) for sign in NO_PROBABILITIES):
            return TrainingError(f"the model's probabilities are not finite after step {self.step}. {self._causes()}")
        return None

    def _check_weights(self, model, step: int) -> None:
        import torch

        finite = [p.detach().isfinite().all() for p in model.parameters() if p.requires_grad]
        if not torch.stack(finite).all():
            raise TrainingError(f"trained weights are not finite numbers after step {step}. {self._causes()}")

    def _causes(self) -> str:
        return (
            f"Likely causes: the learning rate ({self.preset.learning_rate:g}) is too high; 16-bit floats "
            f"(dtype {self.preset.dtype}; Gemma 3 overflows in float16, take float32 or bfloat16). Lower "
            "learning_rate or max_grad_norm and start again."
        )


def checked(reward: Reward) -> Reward:
    """The reward, with a check of what it returns. TRL itself takes a nan for ``None`` and goes on in silence."""

    @functools.wraps(reward)
    def checking(*args, **columns):
        values, name = reward(*args, **columns), reward.__name__
        if len(values) != len(columns["completions"]):
            raise RewardError(f"{name} returned {len(values)} values for {len(columns['completions'])} completions")
        for i, value in enumerate(values):
            if value is not None and not _finite(value):
                raise RewardError(
                    f"{name} returned {value!r} for the completion {columns['completions'][i]!r:.200}. A reward must "
                    "be a finite number, or None where it cannot judge: look for a division by zero or a logarithm "
                    "of zero in it, and test it as chapter 5 does."
                )
        return values

    return checking


def _finite(value) -> bool:
    try:
        return math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False
