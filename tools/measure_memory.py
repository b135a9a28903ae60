"""Measure the peaks of memory that ``course_lib.memory`` estimates, into ``recorded/memory.json``.

Each setting is two real GRPO steps (the second has the optimiser's averages) in a process of its own, on the tiny
model or on a random model of Gemma 3 1B's exact shape. Counted is the most resident memory (``VmHWM``, set back
before each phase) less what the process held after its imports and a step of the smallest size. So that it is live
memory that is counted, as CUDA's allocator counts it, glibc is told to give every freed block back; ``held`` is the
same peak with glibc as it comes, which keeps freed blocks below 32 MB (measured with the tiny model, whose tensors
are that small). Linux only; nothing here uses a GPU. Takes about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from course_lib.artifacts import read_json, write_json
from course_lib.memory import RUNTIME, estimate
from course_lib.models import TINY, load_tokenizer, machine
from course_lib.presets import Preset, get_preset
from course_lib.shapes import GEMMA3_1B, shape_of

ROOT = Path(__file__).resolve().parents[1]
GIVE_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_MAX_": "1000000"}
PHASES = {"generation": ("prefill", "decode"), "reference": ("reference",), "update": ("loss", "backward")}
CHECKPOINTING = {"gradient_checkpointing": True}
ONE_B = {"prompts_per_step": 1, "group_size": 2, "max_completion_length": 64}
SETTINGS = {  # name: what differs from the laptop preset
    "tiny: laptop preset": {},
    "tiny: half the micro-batch": {"accumulation": 2},
    "tiny: completions of 20": {"max_completion_length": 20},
    "tiny: checkpointing": CHECKPOINTING,
    "tiny: checkpointing, double batch": CHECKPOINTING | {"prompts_per_step": 16},
    "tiny: reference, four micro-batches": {"beta": 0.02, "accumulation": 4},
    "1B: 2 completions of 64": ONE_B,
    "1B: 2 completions of 64, checkpointing": ONE_B | CHECKPOINTING,
    "1B: 4 completions of 128, checkpointing": ONE_B | CHECKPOINTING | {"group_size": 4, "max_completion_length": 128},
    "1B: 2 x 2 completions of 128, reference": ONE_B
    | CHECKPOINTING
    | {"group_size": 4, "max_completion_length": 128, "accumulation": 2, "beta": 0.02},
}


def preset_of(overrides: dict) -> Preset:
    return get_preset("laptop", steps=2, **overrides)


def estimated(overrides: dict, shape_name: str, prompt_tokens: int, completion_tokens: int) -> dict[str, int]:
    """Bytes by phase, without what the process holds before a model is there."""
    preset = replace(preset_of(overrides), max_completion_length=completion_tokens)
    shape = GEMMA3_1B if shape_name == "1B" else shape_of("tiny")
    moments = estimate(preset, shape, "cpu", prompt_tokens).moments
    sums = {name: sum(parts.values()) - RUNTIME["cpu"] for name, parts in moments.items()}
    return {phase: max(sums.get(name, 0) for name in names) for phase, names in PHASES.items()}


def write_one_b(folder: Path) -> None:
    """A model of Gemma 3 1B's shape with random weights in float32, and the tiny model's tokenizer."""
    from transformers import AutoConfig, Gemma3ForCausalLM

    s, config = GEMMA3_1B, AutoConfig.from_pretrained(TINY)
    types = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(s.layers)]
    config.update(dict(
        hidden_size=s.hidden, num_hidden_layers=s.layers, layer_types=types, sliding_window=s.window,
        num_attention_heads=s.heads, num_key_value_heads=s.kv_heads, head_dim=s.head_dim,
        query_pre_attn_scalar=s.head_dim, intermediate_size=s.ffn, vocab_size=s.vocab,
    ))  # fmt: skip
    assert config.layer_types.count("full_attention") == s.full
    Gemma3ForCausalLM(config).save_pretrained(folder)
    load_tokenizer("tiny").save_pretrained(folder)


def resident(field: str) -> int:
    """``VmRSS`` (held now) or ``VmHWM`` (the most since it was set back) of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(field)))


def set_back() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM becomes VmRSS: see proc(5)


def make_trainer(preset: Preset, folder: str):
    from course_lib.rewards import get_suite
    from course_lib.tasks import preset_rows
    from course_lib.training import make_trainer

    rows = preset_rows(replace(preset, model="tiny"), seed=0)["train"]
    return make_trainer(preset, get_suite("starter"), rows, Path(folder), seed=0, quiet=True)


def measure(preset: Preset) -> dict:
    """Two steps in this process: bytes by phase above what was held before the model was loaded, and the lengths."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        small = dict(model="tiny", steps=1, prompts_per_step=1, group_size=2, accumulation=1, max_completion_length=2)
        make_trainer(replace(preset, **small), folder).train()
    gc.collect()
    before, peaks, shapes = resident("VmRSS"), dict.fromkeys(PHASES, 0), []

    @contextmanager
    def watching(phase: str):
        set_back()
        yield
        peaks[phase] = max(peaks[phase], resident("VmHWM") - before)

    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(preset, folder)
        generate, log_probabilities = trainer._generate, trainer._get_per_token_logps_and_entropies
        step = trainer.training_step

        def watched_generate(*args, **kwargs):
            with watching("generation"):
                return generate(*args, **kwargs)

        def watched_log_probabilities(*args, **kwargs):
            if torch.is_grad_enabled():  # the loss's own
                return log_probabilities(*args, **kwargs)
            with watching("reference"):
                return log_probabilities(*args, **kwargs)

        def watched_loss(model, inputs, **kwargs):
            shapes.append((inputs["prompt_ids"].shape[1], inputs["completion_ids"].shape[1]))
            set_back()
            return loss(model, inputs, **kwargs)

        def watched_step(*args, **kwargs):
            result = step(*args, **kwargs)
            peaks["update"] = max(peaks["update"], resident("VmHWM") - before)
            return result

        loss, trainer.compute_loss, trainer.training_step = trainer.compute_loss, watched_loss, watched_step
        trainer._generate, trainer._get_per_token_logps_and_entropies = watched_generate, watched_log_probabilities
        trainer.train()
    prompt, completion = (max(lengths) for lengths in zip(*shapes, strict=True))
    return {"imports": before, "prompt_tokens": prompt, "completion_tokens": completion, "measured": peaks}


def in_a_process(arguments: list[str], give_back: bool) -> dict:
    """What ``--one`` prints in a fresh process."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], env=environment | (GIVE_BACK if give_back else {}), check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def record(name: str, overrides: dict, one_b: Path) -> dict:
    """One setting, measured, with the estimate beside it."""
    shape_name = name.partition(":")[0]
    row = {"overrides": overrides, "shape": shape_name}
    if shape_name == "1B":
        row |= in_a_process(["--one", name, "--model", str(one_b)], give_back=True)
    else:
        row |= in_a_process(["--one", name], give_back=True)
        row["held"] = max(in_a_process(["--one", name], give_back=False)["measured"].values())
    guess, measured = estimated(overrides, shape_name, row["prompt_tokens"], row["completion_tokens"]), row["measured"]
    row |= {"estimated": guess, "ratio": max(guess.values()) / max(measured.values())}
    row["phase_ratios"] = {phase: guess[phase] / measured[phase] for phase in PHASES if measured[phase]}
    shares = {phase: round(ratio, 2) for phase, ratio in row["phase_ratios"].items()}
    peak, held = max(measured.values()) / 1e9, row.get("held", 0) / 1e9
    print(f"{name:40} measured {peak:6.3f} GB, held {held:6.3f} GB; estimated / measured {row['ratio']:.2f}", shares)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only the settings whose names begin so; others stay as recorded")
    parser.add_argument("--out", type=Path, default=ROOT / "recorded/memory.json")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--model", default="tiny", help=argparse.SUPPRESS)
    parser.add_argument("--write-one-b", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write_one_b:
        write_one_b(args.write_one_b)
        return
    if args.one:
        print(json.dumps(measure(replace(preset_of(SETTINGS[args.one]), model=args.model))))
        return
    chosen = {name: overrides for name, overrides in SETTINGS.items() if name.startswith(args.only)}
    old = read_json(args.out)["settings"] if args.out.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        if any(name.startswith("1B") for name in chosen):
            subprocess.run([sys.executable, __file__, "--write-one-b", folder], check=True)
        new = {name: record(name, overrides, Path(folder)) for name, overrides in chosen.items()}
    rows = {name: row for name in SETTINGS if (row := new.get(name) or old.get(name))}
    write_json(args.out, {"machine": machine(), "settings": rows})
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
