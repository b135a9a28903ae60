"""What happens beside training: the log, the progress bar, the clock."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from tqdm.auto import tqdm
from transformers import TrainerCallback

from course_lib.rewards import Suite

COLUMNS = {
    "reward": "reward",
    "reward_std": "reward_std",
    "frac_reward_zero_std": "frac_reward_zero_std",
    "completions/mean_length": "mean_length",
    "completions/clipped_ratio": "clipped_ratio",
    "loss": "loss",
    "grad_norm": "grad_norm",
    "learning_rate": "learning_rate",
    "entropy": "entropy",
    "kl": "kl",
    "step_time": "step_time",
}


class CsvLog(TrainerCallback):
    """One row a step; a resumed run goes on after the checkpoint's last row."""

    def __init__(self, path: Path, suite: Suite):
        self.path = path
        rewards = {f"rewards/{f.__name__}/mean": f.__name__ for f in suite.rewards}
        self.columns = {**COLUMNS, **rewards}

    def on_train_begin(self, args, state, control, **kwargs):
        kept = []
        if state.global_step and self.path.exists():
            with self.path.open(newline="") as file:
                kept = [row for row in csv.reader(file)][1 : state.global_step + 1]
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows([["step", *self.columns.values()], *kept])

    def on_log(self, args, state, control, logs=None, **kwargs):
        if not logs or "reward" not in logs:
            return
        row = [state.global_step] + [_round(logs.get(key)) for key in self.columns]
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerow(row)


class ProgressBar(TrainerCallback):
    """One line with what is worth watching: the reward and the length, not the loss."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = tqdm(total=state.max_steps, initial=state.global_step, desc="training", unit="step")

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update()

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "reward" in logs:
            self.bar.set_postfix_str(f"reward {logs['reward']:.2f}, {logs['completions/mean_length']:.0f} tokens")

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


def _round(value):
    return "" if value is None else f"{value:.6g}"


class Clock(TrainerCallback):
    """Seconds spent in training, over interruptions: a checkpoint carries the time that led to it."""

    def __init__(self, path: Path):
        self.path, self.before, self.seconds = path, 0.0, 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        if state.global_step and self.path.exists():
            self.before = float(self.path.read_text())
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds = self.before + time.perf_counter() - self.started

    def on_save(self, args, state, control, **kwargs):
        self.path.write_text(str(self.seconds))
