"""Where one GRPO step of the laptop preset goes, and how far it is from what the machine could do.

Prints, and writes to ``recorded/bench.json``, medians over several steps of: generation, rewards, forward,
backward and the rest; side by side, in the same run, the same step with TRL's default settings (equal batch
and length) and the bare matrix products that such a step cannot do without. Only ratios travel to another
machine. The grader's speed is measured too (``bench_grader.py``), and alone with ``--only grader``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from trl import GRPOConfig, GRPOTrainer

from bench_grader import bench as bench_grader
from course_lib.artifacts import read_json, write_json
from course_lib.models import load_model, load_tokenizer, lora_config, machine
from course_lib.presets import Preset, get_preset
from course_lib.rewards import get_suite
from course_lib.tasks import preset_rows
from course_lib.training import make_trainer, training_data

PARTS = ("generation", "rewards", "forward", "backward", "rest")


class Timed:
    """Adds up the seconds that a trainer spends in each part, one row a step."""

    def __init__(self, trainer: GRPOTrainer):
        self.trainer, self.steps, self.now, self.shapes = trainer, [], defaultdict(float), []
        for part, owner, name in (
            ("generation", trainer, "_generate"),
            ("rewards", trainer, "_calculate_rewards"),
            ("forward", trainer, "_compute_loss"),
            ("backward", trainer.accelerator, "backward"),
        ):
            setattr(owner, name, self._timed(part, getattr(owner, name)))
        inner = trainer._compute_loss

        def noting_shapes(model, inputs):
            self.shapes.append((inputs["prompt_ids"].shape, inputs["completion_ids"].shape))
            return inner(model, inputs)

        trainer._compute_loss = noting_shapes

    def _timed(self, part, function):
        def call(*args, **kwargs):
            with self._clock(part):
                return function(*args, **kwargs)

        return call

    @contextmanager
    def _clock(self, part):
        started = time.perf_counter()
        yield
        self.now[part] += time.perf_counter() - started

    def run(self) -> None:
        from transformers import TrainerCallback

        timed = self

        class Steps(TrainerCallback):
            def on_step_begin(self, *args, **kwargs):
                timed.now.clear()
                timed.now["total"] = -time.perf_counter()

            def on_step_end(self, *args, **kwargs):
                timed.now["total"] += time.perf_counter()
                timed.now["rest"] = timed.now["total"] - sum(timed.now[part] for part in PARTS[:-1])
                timed.steps.append(dict(timed.now))

        # The batch is generated while the step's inputs are prepared, inside the step.
        self.trainer.add_callback(Steps)
        self.trainer.train()

    def medians(self, skip: int) -> dict[str, float]:
        """Seconds of each part; medians of parts need not add up to the median of the whole."""
        return {part: statistics.median(row[part] for row in self.steps[skip:]) for part in (*PARTS, "total")}


def default_trainer(preset: Preset, rows: list[dict], folder: Path) -> GRPOTrainer:
    """TRL with its own defaults; only batch, length and what a CPU needs are set."""
    suite, tokenizer = get_suite("starter"), load_tokenizer(preset.model)
    return GRPOTrainer(
        model=load_model(preset.model),
        reward_funcs=list(suite.rewards),
        args=GRPOConfig(
            output_dir=str(folder),
            max_steps=preset.steps,
            per_device_train_batch_size=preset.batch_size,
            num_generations=preset.group_size,
            max_completion_length=preset.max_completion_length,
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=training_data(preset, tokenizer, rows),
        processing_class=tokenizer,
        peft_config=lora_config(preset),
    )


def products(config, lora_rank: int, batch: int, prompt: int, completion: int) -> Counter:
    """The matrix products ``(rows, inner, columns) -> how often`` of one step: sizes in tokens per sequence.

    Generation: the prompt once, then one token at a time. Loss: forward, and backward to the inputs (the
    base weights are frozen), with LoRA's own small products; logits for the completion's tokens.
    """
    h, f, d = config.hidden_size, config.intermediate_size, config.head_dim
    q, kv = config.num_attention_heads * d, config.num_key_value_heads * d
    linears = [(h, q), (h, kv), (h, kv), (q, h), (h, f), (h, f), (f, h)]
    count: Counter = Counter()
    for inner, out in linears:
        layers = config.num_hidden_layers
        for rows, times in ((batch * prompt, 1), (batch, completion)):  # generation, adapter included
            for shape in ((rows, inner, out), (rows, inner, lora_rank), (rows, lora_rank, out)):
                count[shape] += layers * times
        rows = batch * (prompt + completion)
        for shape in ((rows, inner, out), (rows, inner, lora_rank), (rows, lora_rank, out)):
            count[shape] += layers  # forward
        for shape in ((rows, out, inner), (rows, out, lora_rank), (rows, lora_rank, inner)):
            count[shape] += layers  # backward to the inputs
        for shape in ((inner, rows, lora_rank), (lora_rank, rows, out)):
            count[shape] += layers  # gradients of A and B
    count[(batch, h, config.vocab_size)] += completion + 1
    count[(batch * completion, h, config.vocab_size)] += 1
    count[(batch * completion, config.vocab_size, h)] += 1
    return count


def bare_seconds(count: Counter, repeats: int = 5) -> float:
    """Time of these products alone: the median of some repeats of each shape, times how often it occurs."""
    total = 0.0
    for (rows, inner, columns), times in count.items():
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        loops = max(1, 20_000_000 // (rows * inner * columns))
        seconds = []
        for _ in range(repeats + 1):
            started = time.perf_counter()
            for _ in range(loops):
                torch.mm(a, b)
            seconds.append((time.perf_counter() - started) / loops)
        total += times * statistics.median(seconds[1:])
    return total


def bench_step(steps: int) -> dict:
    """One GRPO step of the laptop preset, printed and returned."""
    skip = 2  # the first steps warm caches
    preset = get_preset("laptop", steps=steps + skip)
    rows = preset_rows(preset, seed=0)["train"]
    with tempfile.TemporaryDirectory() as folder:
        ours = Timed(make_trainer(preset, get_suite("starter"), rows, Path(folder), seed=0, quiet=True))
        theirs = Timed(default_trainer(preset, rows, Path(folder)))
        for timed in (ours, theirs):
            timed.run()
    batch = preset.completions_per_step
    prompt = statistics.median(shape[0][1] for shape in ours.shapes)
    completion = statistics.median(shape[1][1] for shape in ours.shapes)
    config = ours.trainer.model.config
    bare = bare_seconds(products(config, preset.lora_rank, batch, int(prompt), int(completion)))
    course, trl = ours.medians(skip), theirs.medians(skip)
    found = {
        "steps": steps,
        "batch": batch,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "course_seconds": course,
        "trl_default_seconds": trl,
        "bare_products_seconds": bare,
        "share": {part: course[part] / course["total"] for part in PARTS},
        "trl_default_over_course": trl["total"] / course["total"],
        "course_over_bare_products": course["total"] / bare,
    }
    print(f"one GRPO step: {batch} completions, {prompt:.0f} + {completion:.0f} tokens each (padded)\n")
    print(f"{'':12} {'course':>9} {'share':>7} {'TRL defaults':>13}")
    for part in (*PARTS, "total"):
        share = course[part] / course["total"]
        print(f"{part:12} {course[part]:8.3f}s {share:6.0%} {trl[part]:12.3f}s")
    print(f"\nTRL's defaults / course:        {found['trl_default_over_course']:.2f}")
    print(f"course / bare matrix products:  {found['course_over_bare_products']:.2f}\n")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--only", choices=("step", "grader"), help="leave the other part as it was recorded")
    parser.add_argument("--out", type=Path, default=Path("recorded/bench.json"))
    args = parser.parse_args()
    found = read_json(args.out) if args.out.exists() else {}
    if args.only != "grader":
        found |= {"machine": machine()} | bench_step(args.steps)
    if args.only != "step":
        found["grader"] = {"machine": machine()} | bench_grader()
    write_json(args.out, found)
    print(f"written to {args.out}")


if __name__ == "__main__":
    main()
