"""What happens beside training: the logs, the progress bar, the live plot, the clock."""

from __future__ import annotations

import base64
import csv
import io
import netrc
import os
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tqdm.auto import tqdm
from transformers import TrainerCallback

from course_lib.checkpoints import checkpoint_of
from course_lib.distributed import wait
from course_lib.errors import SettingError
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


def loggers(log_to: str) -> list[str]:
    """The names in a preset's ``log_to``, for TRL's ``report_to``.

    W&B is put into its offline mode where no login is found, so that it asks for none; trackio is local by itself.
    Raises ``SettingError`` for a package that is not installed.
    """
    names = [name.strip() for name in log_to.split(",") if name.strip()]
    for name in names:
        try:
            version(name)
        except PackageNotFoundError:
            raise SettingError(f"log_to names {name}, which is not installed: pip install {name}") from None
    if "wandb" in names and not _wandb_login():
        os.environ.setdefault("WANDB_MODE", "offline")
    return names


def _wandb_login() -> bool:
    try:
        return bool(os.environ.get("WANDB_API_KEY") or netrc.netrc().authenticators("api.wandb.ai"))
    except (OSError, netrc.NetrcParseError):
        return False


class CsvLog(TrainerCallback):
    """One row a step, from the main process; a resumed run starts from the rows that its checkpoint remembers."""

    def __init__(self, path: Path, suite: Suite):
        self.path = path
        rewards = {f"rewards/{f.__name__}/mean": f.__name__ for f in suite.rewards}
        self.columns = {**COLUMNS, **rewards}

    def on_train_begin(self, args, state, control, **kwargs):
        if not state.is_world_process_zero:
            return
        fresh = self.path.with_suffix(".new")
        with fresh.open("w", newline="") as file:
            rows = [self._row(entry, entry["step"]) for entry in state.log_history if "reward" in entry]
            csv.writer(file).writerows([["step", *self.columns.values()], *rows])
        os.replace(fresh, self.path)

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "reward" in logs and state.is_world_process_zero:
            with self.path.open("a", newline="") as file:
                csv.writer(file).writerow(self._row(logs, state.global_step))

    def on_train_end(self, args, state, control, **kwargs):
        wait()  # whichever process reads the log next finds all of it

    def _row(self, logs: dict, step: int) -> list:
        return [step] + [_round(logs.get(key)) for key in self.columns]


class ProgressBar(TrainerCallback):
    """One line with what is worth watching: the reward and the length, not the loss."""

    def on_train_begin(self, args, state, control, **kwargs):
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc="training",
            unit="step",
            disable=not state.is_world_process_zero,
        )

    def on_step_end(self, args, state, control, **kwargs):
        self.bar.update()

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and logs.get("reward") is not None:  # it is None where no completion could be judged
            self.bar.set_postfix_str(f"reward {logs['reward']:.2f}, {logs['completions/mean_length']:.0f} tokens")

    def on_train_end(self, args, state, control, **kwargs):
        self.bar.close()


def in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter, Colab or Kaggle, which can show pictures."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and "IPKernelApp" in shell.config


class LivePlot(TrainerCallback):
    """Reward and length so far, under the bar: one picture, drawn anew every few seconds and at the end."""

    def __init__(self, log: Path, seconds: float = 5.0):
        self.log, self.seconds, self.handle, self.drawn = log, seconds, None, time.monotonic()

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "reward" in logs and time.monotonic() - self.drawn >= self.seconds:
            self._draw()

    def on_train_end(self, args, state, control, **kwargs):
        self._draw()

    def _draw(self) -> None:
        import matplotlib.pyplot as plt
        import pandas as pd
        from IPython.display import HTML, display

        from course_lib.plots import log_figure

        figure, picture = log_figure(pd.read_csv(self.log)), io.BytesIO()
        figure.savefig(picture, format="png", dpi=80)
        plt.close(figure)  # else the notebook shows it once more
        data = base64.b64encode(picture.getvalue()).decode()
        # HTML and not Image: the IPython of Colab has no alt text for that
        image = HTML(f'<img alt="Reward and completion length by optimiser step" src="data:image/png;base64,{data}">')
        if self.handle is None:
            self.handle = display(image, display_id=True)
        else:
            self.handle.update(image)
        self.drawn = time.monotonic()


def _round(value):
    return "" if value is None else f"{value:.6g}"


class Clock(TrainerCallback):
    """Seconds spent in training, over interruptions: a checkpoint carries the time that led to it."""

    def __init__(self):
        self.before, self.seconds = 0.0, 0.0

    def on_train_begin(self, args, state, control, **kwargs):
        if state.global_step:
            told = checkpoint_of(args.output_dir, state.global_step) / "seconds"
            self.before = self.seconds = float(told.read_text())
        self.started = time.perf_counter()

    def on_step_end(self, args, state, control, **kwargs):
        self.seconds = self.before + time.perf_counter() - self.started

    def on_save(self, args, state, control, **kwargs):
        if state.is_world_process_zero:
            (checkpoint_of(args.output_dir, state.global_step) / "seconds").write_text(str(self.seconds))
