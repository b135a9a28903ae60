"""A backend says how a policy is made: transformers and PEFT anywhere, Unsloth where there is a GPU.

Both give the same LoRA adapter. One process has one backend, since Unsloth changes TRL when it is imported.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from course_lib.devices import has_bf16
from course_lib.errors import SettingError
from course_lib.models import LORA_TARGETS, load_model, lora_config, model_source
from course_lib.presets import Preset
from course_lib.validation import CHOICES, check_machine

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig
    from transformers import BitsAndBytesConfig, PreTrainedModel

BACKENDS = CHOICES["backend"]
_started: list[str] = []  # the backend of this process, once it is settled


def choose_backend(preset: Preset | None = None) -> str:
    """``"transformers"`` or ``"unsloth"``: what ``COURSE_BACKEND`` says, else the preset.

    ``"auto"`` is what this process has started with, else Unsloth where it is installed and there is a CUDA GPU.

    Raises ``SettingError`` for an unknown backend, and for Unsloth where it is not installed.
    """
    wanted = os.environ.get("COURSE_BACKEND") or (preset.backend if preset else "auto")
    if wanted not in BACKENDS:
        raise SettingError(f"unknown backend {wanted!r}; choose one of: {', '.join(BACKENDS)}")
    installed = find_spec("unsloth") is not None
    if wanted == "unsloth" and not installed:
        raise SettingError(
            "the backend is to be Unsloth, which is not installed here: pip install -r requirements-unsloth.txt, "
            "or set COURSE_BACKEND=transformers"
        )
    if wanted != "auto":
        return wanted
    return _started[0] if _started else "unsloth" if installed and _has_cuda() else "transformers"


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def start_backend(preset: Preset | None = None) -> str:
    """Settle the backend of this process, and import Unsloth before TRL if it is that. Call it as often as you like.

    ``course_lib.training`` calls it before it imports TRL; call it before that to have a preset's ``backend`` heeded.

    Raises ``SettingError`` when another backend has been started, or Unsloth cannot be imported.
    """
    chosen = choose_backend(preset)
    if _started and _started[0] != chosen:
        raise SettingError(
            f"this process runs with the backend {_started[0]}, and the preset asks for {chosen}: restart Python "
            f"with COURSE_BACKEND={chosen} in its environment (Unsloth changes TRL, so the two cannot be mixed)"
        )
    if not _started and chosen == "unsloth":
        try:
            import unsloth  # noqa: F401
        except Exception as error:  # it checks GPU, driver and versions while it is imported, and raises anything
            raise SettingError(
                f"Unsloth is installed but cannot be imported ({error}); set COURSE_BACKEND=transformers, or "
                "install the versions in requirements-unsloth.txt and delete any folder unsloth_compiled_cache"
            ) from error
    _started[:] = [chosen]
    return chosen


def training_dtype(preset: Preset) -> torch.dtype:
    """The preset's dtype: float32 anywhere, bfloat16 where a GPU has it, else ``SettingError``."""
    import torch

    if preset.dtype == "float32":
        return torch.float32
    if not has_bf16():
        raise SettingError(
            "dtype bfloat16 needs a GPU of compute capability 8.0 or more, and there is none here; set dtype float32"
        )
    return torch.bfloat16


def load_policy(preset: Preset, seed: int) -> tuple[PreTrainedModel, LoraConfig | None]:
    """What TRL's trainer takes as ``model`` and ``peft_config``.

    transformers: the base model, and the LoRA that TRL is to put on it (at random from torch's generator, which the
    caller has seeded). Unsloth: the model with the same LoRA already on it, and ``None``.

    Raises ``SettingError`` for what this machine or backend cannot have (dtype, 4-bit weights, vLLM),
    ``ModelFileError`` for a model that cannot be loaded.
    """
    check_machine(preset, _has_cuda())
    dtype = training_dtype(preset)
    if preset.load_in_4bit and find_spec("bitsandbytes") is None:
        raise SettingError("load_in_4bit needs the package bitsandbytes: pip install bitsandbytes")
    if start_backend(preset) == "unsloth":
        if preset.vllm:
            raise SettingError(f"vllm {preset.vllm!r} goes with transformers: set COURSE_BACKEND=transformers")
        return _unsloth_policy(preset, seed, dtype), None
    quantization = _four_bit(dtype) if preset.load_in_4bit else None
    return load_model(preset.model, dtype=dtype, quantization_config=quantization), lora_config(preset)


def _four_bit(dtype: torch.dtype) -> BitsAndBytesConfig:
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _unsloth_policy(preset: Preset, seed: int, dtype: torch.dtype) -> PreTrainedModel:
    """Unsloth's tokenizer is left aside: it pads on the right, and the course has its own."""
    from unsloth import FastModel

    checkpointing = "unsloth" if preset.gradient_checkpointing and _has_cuda() else preset.gradient_checkpointing
    model, _ = FastModel.from_pretrained(
        model_name=model_source(preset.model),
        max_seq_length=preset.max_prompt_length + preset.max_completion_length,
        # None: on a GPU without bfloat16 Unsloth stores Gemma 3 in 16 bits and computes what overflows in float32
        dtype=None if _has_cuda() and not has_bf16() else dtype,
        load_in_4bit=preset.load_in_4bit,
        use_gradient_checkpointing=checkpointing,
        fast_inference=False,  # its own vLLM, which a T4 cannot run Gemma 3 with
    )
    return FastModel.get_peft_model(
        model,
        r=preset.lora_rank,
        lora_alpha=preset.lora_alpha,
        lora_dropout=0.0,
        target_modules=list(LORA_TARGETS),
        bias="none",
        random_state=seed,
        use_gradient_checkpointing=checkpointing,
    )
