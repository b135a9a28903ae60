"""What ``test_distributed`` launches with torchrun: chapter 6 as it stands, then two short runs, watched from inside.

Writes what each process saw to ``$WATCH/rank<r>.json`` and its adapters to ``$WATCH/<run>-rank<r>.safetensors``.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import runpy
import zlib
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import TrainerCallback

from course_lib import adapters, rewards, training
from course_lib.distributed import state, wait, whole
from course_lib.presets import get_preset
from course_lib.rewards import Suite

ROOT = Path(__file__).parents[1]
SETTINGS = get_preset("smoke", steps=3, checkpoint_every=1)
MADE_SETTINGS = get_preset("smoke", steps=2, accumulation=2)


class Stop(Exception):
    """An interruption."""


class StopAfter2(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            raise Stop


def made_reward(completions, completion_ids, **_) -> list[float]:
    """Any number that differs from completion to completion and depends on nothing else."""
    return [sum(ids) % 17 / 17 for ids in completion_ids]


MADE = Suite("made", (made_reward,), (1.0,), 1.0)


def made_rollouts(prompts, trainer) -> dict:
    """Completions of varied length that follow from the prompt and the place in its group alone.

    A process holds a part of the global batch, so a completion's place is counted over all of them.
    """
    start, drawn = state().process_index * len(prompts), []
    for place, prompt in enumerate(prompts, start=start):
        seed = zlib.crc32(f"{prompt[-1]['content']}{place % trainer.num_generations}".encode())
        dice = torch.Generator().manual_seed(seed)
        length = int(torch.randint(3, 30, (1,), generator=dice))
        drawn.append(torch.randint(200, 400, (length,), generator=dice).tolist())
    asked = trainer.processing_class.apply_chat_template(prompts, add_generation_prompt=True)["input_ids"]
    return {"prompt_ids": asked, "completion_ids": drawn, "logprobs": None}


def train_on_made_rollouts(rows: list[dict], folder: Path):
    """Two steps on completions that are the same however many processes share them."""
    plain = training.GRPOTrainer
    training.GRPOTrainer = functools.partial(plain, rollout_func=made_rollouts)
    try:
        trainer = training.make_trainer(MADE_SETTINGS, MADE, rows, folder, quiet=True)
        trainer.train()
    finally:
        training.GRPOTrainer = plain
    return trainer


def weights_of(trainer) -> dict:
    return {name: weight.clone() for name, weight in adapters.lora_weights(trainer.model).items()}


def watched(reward, seen: dict):
    """The reward function, with every batch's values noted."""

    @functools.wraps(reward)
    def noted(**columns):
        values = reward(**columns)
        seen.setdefault(reward.__name__, []).append(values)
        return values

    return noted


def main() -> None:
    watch, rank = Path(os.environ["WATCH"]), state().process_index
    seen, trainers = {}, []
    get_suite, make_trainer = rewards.get_suite, training.make_trainer

    def watched_suite(name: str) -> Suite:
        suite = get_suite(name)
        return Suite(suite.name, tuple(watched(f, seen) for f in suite.rewards), suite.weights, suite.total)

    def kept_trainer(*args, **kwargs):
        trainers.append(make_trainer(*args, **kwargs))
        return trainers[-1]

    rewards.get_suite, training.make_trainer = watched_suite, kept_trainer
    runpy.run_path(str(ROOT / "notebooks/06_training.py"), run_name="__main__")
    rewards.get_suite, training.make_trainer = get_suite, make_trainer
    save_file(weights_of(trainers[0]), watch / f"chapter-rank{rank}.safetensors")

    from course_lib.tasks import preset_rows

    rows, suite = preset_rows(SETTINGS, seed=0)["train"], get_suite("starter")
    save_file(weights_of(train_on_made_rollouts(rows, watch / "made")), watch / f"made-rank{rank}.safetensors")

    whole_run = training.train(SETTINGS, suite, rows, watch / "whole", quiet=True)

    def stopping_trainer(*args, **kwargs):
        trainer = make_trainer(*args, **kwargs)
        trainer.add_callback(StopAfter2())
        return trainer

    training.make_trainer = stopping_trainer
    with contextlib.suppress(Stop):
        training.train(SETTINGS, suite, rows, watch / "resumed", quiet=True)
    training.make_trainer = make_trainer
    wait()
    resumed = training.train(SETTINGS, suite, rows, watch / "resumed", quiet=True)

    from torch.distributed.tensor import Shard, distribute_tensor, init_device_mesh

    mesh = init_device_mesh("cpu", (state().num_processes,))
    sharded = distribute_tensor(torch.arange(6.0), mesh, [Shard(0)])
    told = {
        "rewards": seen,
        "norms": [whole_run.lora_b_norm, resumed.lora_b_norm],
        "sharded": [sharded.to_local().numel(), whole(sharded).tolist()],
    }
    (watch / f"rank{rank}.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
