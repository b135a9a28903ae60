"""What TRL has to be told for a preset whose rollouts vLLM generates."""

from __future__ import annotations

import os
import re
from importlib import metadata

from course_lib.devices import has_bf16
from course_lib.errors import SettingError
from course_lib.presets import Preset
from course_lib.validation import is_gemma_3

MEMORY = 0.3  # of a GPU's memory that vLLM may take where it shares the GPU with training


def supported() -> str:
    """The versions of vLLM that the installed TRL works with, as TRL's own metadata state them."""
    wanted = [line for line in metadata.requires("trl") or [] if re.match(r"vllm\b", line) and "extra" in line]
    return wanted[0].partition(";")[0].removeprefix("vllm").strip(" ()") if wanted else ""


def vllm_arguments(preset: Preset) -> dict:
    """``GRPOConfig`` arguments for ``preset.vllm``: none when it is empty.

    A server is found at ``COURSE_VLLM_HOST`` (default 127.0.0.1) and ``COURSE_VLLM_PORT`` (default 8000).

    Raises ``SettingError`` for a port that is none, and where vLLM cannot run: without vLLM,
    without a GPU, under Unsloth, or with Gemma 3 on a GPU without bfloat16 (a T4).
    """
    if not preset.vllm:
        return {}
    _check_it_can_run(preset)
    arguments = {"use_vllm": True, "vllm_mode": preset.vllm}
    if preset.vllm == "colocate":
        longest = preset.max_prompt_length + preset.max_completion_length
        return arguments | {"vllm_gpu_memory_utilization": MEMORY, "vllm_max_model_length": longest}
    port = os.environ.get("COURSE_VLLM_PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SettingError(f"COURSE_VLLM_PORT must be a number from 1 to 65535, not {port!r}")
    host = os.environ.get("COURSE_VLLM_HOST") or "127.0.0.1"
    return arguments | {"vllm_server_host": host, "vllm_server_port": int(port)}


def _check_it_can_run(preset: Preset) -> None:
    import torch

    without = "or set vllm to '' (transformers generates then)"
    try:
        metadata.version("vllm")
    except metadata.PackageNotFoundError:
        raise SettingError(
            f"vllm={preset.vllm!r} needs vLLM ({supported()}), which is not installed: in an environment of its own, "
            f'pip install "trl[vllm]=={metadata.version("trl")}" after the course\'s requirements; {without}'
        ) from None
    if preset.backend == "unsloth":
        raise SettingError(f"vllm is for the backend transformers, Unsloth brings its own: change backend, {without}")
    if not torch.cuda.is_available():
        raise SettingError(f"vllm={preset.vllm!r} needs a GPU where training runs: find one, {without}")
    if not has_bf16() and is_gemma_3(preset.model):
        capability = torch.cuda.get_device_capability()
        raise SettingError(
            f"vLLM does not run Gemma 3 on this GPU: compute capability {capability[0]}.{capability[1]} has no "
            f"bfloat16, and Gemma 3 overflows in float16; use a GPU of 8.0 or more, {without}"
        )
