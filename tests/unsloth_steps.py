"""Two GRPO steps with a backend: ``COURSE_BACKEND=unsloth python tests/unsloth_steps.py FOLDER`` in Unsloth's place."""

from __future__ import annotations

import json
import sys
from pathlib import Path

# beta above 0: TRL then copies an adapter that is already there, as the reference
SETTINGS = {"steps": 2, "prompts_per_step": 4, "group_size": 4, "beta": 0.04, "learning_rate": 1e-2, "warmup": 0.0}


def steps(folder: Path) -> dict:
    """Train as chapter 6 does; also writes ``start.safetensors`` and, with Unsloth, the model merged by it.

    Returns the LoRA settings, the ids that end a completion, and the names of the adapters.
    """
    from course_lib import training  # first: it imports Unsloth before TRL, transformers and PEFT

    # isort: split
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    from course_lib.models import load_tokenizer
    from course_lib.presets import get_preset
    from course_lib.rewards import get_suite
    from course_lib.tasks import preset_rows

    preset, make, kept = get_preset("smoke", **SETTINGS), training.make_trainer, []

    def make_and_keep(*args):
        kept.append(make(*args))
        weights = get_peft_model_state_dict(kept[0].model)
        save_file({name: weight.contiguous() for name, weight in weights.items()}, folder / "start.safetensors")
        return kept[0]

    training.make_trainer = make_and_keep
    try:
        training.train(preset, get_suite("starter"), preset_rows(preset, seed=0)["train"], folder, seed=0, quiet=True)
    finally:
        training.make_trainer = make
    model = kept[0].model
    if training.start_backend() == "unsloth":
        model.save_pretrained_merged(str(folder / "merged"), load_tokenizer("tiny"), save_method="merged_16bit")
    lora = model.peft_config["default"]
    return {
        **{name: getattr(lora, name) for name in ("r", "lora_alpha", "lora_dropout", "bias", "task_type")},
        "targets": sorted(lora.target_modules),
        "eos": sorted(set(model.generation_config.eos_token_id)),
        "adapters": sorted(model.peft_config),
    }


if __name__ == "__main__":
    import os

    from course_lib.backends import choose_backend

    asked = os.environ.pop("COURSE_BACKEND")
    auto = choose_backend()  # with Unsloth installed, and no GPU
    os.environ["COURSE_BACKEND"] = asked
    out = Path(sys.argv[1])
    (out / "seen.json").write_text(json.dumps(steps(out) | {"auto": auto}))
