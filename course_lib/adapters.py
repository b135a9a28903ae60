"""The adapter that a run leaves behind: its matrices, and its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from course_lib.artifacts import read_json, write_json
from course_lib.checkpoints import newest_checkpoint
from course_lib.distributed import is_main, wait, whole
from course_lib.presets import Preset

LAST_GOOD = "adapter-last-good"


def lora_weights(model) -> dict:
    """The adapter's matrices by name, in full. All processes of a run must call it together."""
    return {name: whole(p).detach() for name, p in model.named_parameters() if "lora_" in name}


def lora_b_norm(model) -> float:
    """The norm of all LoRA B matrices: 0.0 before training, so a zero afterwards means nothing was learned."""
    return sum(w.pow(2).sum().item() for name, w in lora_weights(model).items() if "lora_B" in name) ** 0.5


def save_adapter(model, place: Path, preset: Preset) -> Path:
    """Write the adapter to the folder ``place``; nobody sees half of it. All processes must call it together."""
    fresh, weights = place.with_name(place.name + ".new"), lora_weights(model)
    if is_main():
        # "default" alone: with a KL term TRL keeps the reference as an adapter of its own where Unsloth made the model
        model.save_pretrained(str(fresh), state_dict=weights, selected_adapters=["default"])
        _put(fresh, place, preset)
    wait()
    return place


def keep_last_good(output_dir: Path, preset: Preset, proven: float) -> str:
    """Save the adapter of the newest checkpoint up to the step ``proven``; what to tell of it."""
    checkpoint, place = newest_checkpoint(output_dir / "checkpoints", proven), output_dir / LAST_GOOD
    if checkpoint is None:
        return "No checkpoint was written before that, so there is no earlier adapter to keep."
    if is_main():
        fresh = place.with_name(place.name + ".new")
        fresh.mkdir(exist_ok=True)
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            shutil.copyfile(checkpoint / name, fresh / name)
        _put(fresh, place, preset)
    return f"The adapter of {checkpoint.name}, from before that, is kept in {place}."


def _put(fresh: Path, place: Path, preset: Preset) -> None:
    """Name the base model in the folder ``fresh``, and put it where ``place`` is."""
    named = fresh / "adapter_config.json"
    write_json(named, read_json(named) | {"base_model_name_or_path": preset.model})  # not a path of this machine
    (fresh / "README.md").unlink(missing_ok=True)  # PEFT's empty card; the course writes a real one on export
    if place.exists():
        shutil.rmtree(place)
    fresh.rename(place)
