"""Models: the tiny Gemma that ships with the course, and any other by folder or Hub name."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import DATA
from course_lib.errors import ModelFileError
from course_lib.hub import asked_once
from course_lib.presets import Preset

if TYPE_CHECKING:
    import torch
    from peft import LoraConfig, PeftModel
    from transformers import BitsAndBytesConfig, PreTrainedModel, PreTrainedTokenizerBase

TINY = DATA / "tiny_gemma"
# Every linear layer of a Gemma block; PEFT's own default for Gemma 3 would be q_proj and v_proj only.
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def verify_checksums(folder: Path) -> None:
    """Compare every file listed in ``SHA256SUMS`` with its sum. Raises ``ModelFileError`` naming the file."""
    mend = "reinstall course_lib, or restore the folder with git"
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise ModelFileError(f"{sums} is missing; {mend}")
    for line in sums.read_text().splitlines():
        wanted, name = line.split(maxsplit=1)
        path = folder / name
        if not path.is_file():
            raise ModelFileError(f"{path} is missing; {mend}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
            raise ModelFileError(f"{path} is damaged (its SHA-256 differs from the one in SHA256SUMS); {mend}")


def model_source(name: str) -> str:
    """Where to load a model from: ``"tiny"`` is the shipped one (checked first), else a folder or Hub name."""
    if name == "tiny":
        verify_checksums(TINY)
        return str(TINY)
    if (name.startswith((".", "/", "~")) or "\\" in name) and not (Path(name) / "config.json").is_file():
        raise ModelFileError(f"{name} is not a model folder: it has no config.json")
    return name


def damaged_weights(folder: Path) -> Path | None:
    """The first file of weights in a folder that is no safetensors file."""
    from safetensors import SafetensorError, safe_open

    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, "pt"):
                pass
        except (SafetensorError, OSError):
            return file
    return None


def _cannot_load(what: str, source: str, error: Exception) -> ModelFileError:
    mend = "; copy or download it again, or name another folder"
    if damaged := damaged_weights(Path(source)):
        return ModelFileError(f"{damaged} is damaged ({error}){mend}")
    if not Path(source).is_dir():
        mend = (
            "\nCheck the name and the network (HF_HUB_OFFLINE=1 forbids downloads). Gemma also needs its licence "
            "accepted on the Hub and a login (hf auth login). Or name a folder that holds the model."
        )
    return ModelFileError(f"cannot load {what} from {source}: {error}{mend}")


def load_tokenizer(name: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, padding on the left as generation needs.

    Raises ``ModelFileError`` if there is none, or if it cannot be had from the Hub.
    """
    from transformers import AutoTokenizer

    source = model_source(name)
    try:
        with asked_once(source):
            return AutoTokenizer.from_pretrained(source, padding_side="left")
    except (OSError, ValueError) as error:
        raise _cannot_load("a tokenizer", source, error) from error


def load_model(
    name: str, dtype: str | torch.dtype = "float32", quantization_config: BitsAndBytesConfig | None = None
) -> PreTrainedModel:
    """A base model, ready for inference; in float32 unless another ``dtype`` is named."""
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()  # one bar per loaded model says nothing here
    source = model_source(name)
    try:
        with asked_once(source):
            model = AutoModelForCausalLM.from_pretrained(
                source,
                dtype=dtype,
                quantization_config=quantization_config,
                use_safetensors=True,  # a pickle may run anything
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise _cannot_load("a model", source, error) from error
    return model.eval()


def lora_config(preset: Preset) -> LoraConfig:
    """LoRA on all seven projections of every layer, without dropout (rollouts must be the policy's own)."""
    from peft import LoraConfig

    return LoraConfig(
        r=preset.lora_rank,
        lora_alpha=preset.lora_alpha,
        lora_dropout=0.0,
        target_modules=list(LORA_TARGETS),
        bias="none",
        task_type="CAUSAL_LM",
    )


def load_adapter(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Put a saved LoRA adapter on a base model. Raises ``ModelFileError`` if the folder holds none."""
    from peft import PeftModel

    if not (folder / "adapter_config.json").is_file():
        raise ModelFileError(f"{folder} holds no adapter; run chapter 6, or name another folder")
    mend = "train it again (chapter 6), copy it again from where it came, or name another folder"
    if not (folder / "adapter_model.safetensors").is_file():  # PEFT would take a pickle instead
        raise ModelFileError(f"the adapter in {folder} cannot be loaded: adapter_model.safetensors is missing; {mend}")
    try:
        return PeftModel.from_pretrained(model, str(folder)).eval()
    except Exception as error:  # safetensors, JSON and size errors all mean the same to the reader
        if damaged := damaged_weights(folder):
            raise ModelFileError(f"{damaged} is damaged ({error}); {mend}") from error
        raise ModelFileError(f"the adapter in {folder} cannot be loaded: {error}; {mend}") from error


def count_parameters(model) -> tuple[int, int]:
    """(all, trainable) parameters."""
    every = sum(p.numel() for p in model.parameters())
    return every, sum(p.numel() for p in model.parameters() if p.requires_grad)


def machine() -> dict:
    """The machine and the versions that a recorded run was made with."""
    import os
    from importlib.metadata import version

    import torch

    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    packages = ["torch", "transformers", "trl", "peft", "datasets"] + (["unsloth"] if "unsloth" in sys.modules else [])
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
