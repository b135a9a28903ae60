"""Training that survives: kills, Ctrl-C, broken checkpoints, full disks, numbers gone wrong, the Hub out of reach."""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import torch
from nbclient import NotebookClient
from safetensors.torch import load_file
from transformers import TrainerCallback

from course_lib import training
from course_lib.artifacts import REFERENCE, read_json
from course_lib.callbacks import LivePlot, in_notebook, loggers
from course_lib.checkpoints import SEAL, damage, newest_checkpoint, open_checkpoints, seal
from course_lib.errors import ModelFileError, RewardError, SettingError, TrainingError
from course_lib.guards import checked
from course_lib.models import load_model
from course_lib.presets import get_preset
from course_lib.rewards import Suite, get_suite
from course_lib.tasks import load_rows

ROOT = Path(__file__).parents[1]
SUITE = get_suite("starter")
SETTINGS = get_preset("smoke", steps=6, prompts_per_step=2, group_size=4, checkpoint_every=2, max_completion_length=40)
ROWS = load_rows("toy_math", "train", SETTINGS.train_problems, 0)


class At(TrainerCallback):
    """Does something at the end of a step."""

    def __init__(self, step: int, act):
        self.step, self.act = step, act

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if state.global_step == self.step:
            self.act(model)


def train(folder: Path, settings=SETTINGS, suite=SUITE, at: int = 0, act=None):
    """``training.train``; ``act`` is called with the model at the end of the step ``at``."""
    make = training.make_trainer

    def make_acting(*args):
        trainer = make(*args)
        trainer.callback_handler.callbacks.insert(0, At(at, act))
        return trainer

    with pytest.MonkeyPatch.context() as patch:
        if act:
            patch.setattr(training, "make_trainer", make_acting)
        return training.train(settings, suite, ROWS, folder, seed=0, quiet=True)


def assert_same(folder: Path, whole: Path) -> None:
    """The same adapter to the last bit and the same log but for the seconds."""
    name = "adapter/adapter_model.safetensors"
    assert (folder / name).read_bytes() == (whole / name).read_bytes()
    ours, theirs = (pd.read_csv(f / "log.csv", dtype=str).drop(columns="step_time") for f in (folder, whole))
    pd.testing.assert_frame_equal(ours, theirs)


def interrupt(_model) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs do not listen to it
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that Ctrl-C has stopped in step 5: checkpoints of the steps 2 and 4."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KeyboardInterrupt):
        train(folder, at=5, act=interrupt)
    return folder


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped, tmp_path / "copy")


# Interruptions


@pytest.mark.slow
def test_three_runs_killed_at_random_go_on_to_the_same_bytes(tmp_path):
    out = tmp_path / "soak.json"
    command = [sys.executable, "tools/soak.py", "--trials", "3", "--seed", "1", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = read_json(out)
    assert record["identical"] == record["trials"] == 3
    assert {stop["way"] for trial in record["each"] for stop in trial["stops"]} >= {"clock", "writing", "file"}
    assert record["most_steps_lost"] <= record["checkpoint_every"]


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_the_run_goes_on(copy, whole, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(copy, at=5, act=interrupt)
    told = capsys.readouterr().out
    assert "Going on from checkpoint-4" in told
    assert "Interrupted. Nothing is lost up to checkpoint-4: the same call goes on from there." in told
    train(copy)
    assert_same(copy, whole)
    record = read_json(copy / "run.json")
    assert record["resumed"] and record["steps"] == 6
    assert record["train_seconds"] > 0.5 * read_json(whole / "run.json")["train_seconds"]


@pytest.mark.slow
def test_ctrl_c_before_the_first_checkpoint(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, at=1, act=interrupt)
    assert "no checkpoint yet: the same call starts from the beginning" in capsys.readouterr().out


# Checkpoints that are not whole


def spoil(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(bytes(data))


@pytest.mark.slow
def test_each_file_of_a_checkpoint_is_looked_at(stopped, tmp_path, capsys):
    newest = stopped / "checkpoints/checkpoint-4"
    names = sorted(p.name for p in newest.iterdir())
    assert {SEAL, "adapter_model.safetensors", "optimizer.pt", "rng_state.pth", "trainer_state.json"} <= set(names)
    for name in names:
        for how in ("gone", "empty", "cut", "one bit"):
            folder = tmp_path / f"{name} {how}"
            open_checkpoints(folder, "settings")
            shutil.copytree(stopped / "checkpoints", folder, dirs_exist_ok=True, ignore=lambda *_: ["settings"])
            assert newest_checkpoint(folder).name == "checkpoint-4"
            spoil(folder / "checkpoint-4" / name, how)
            capsys.readouterr()
            assert newest_checkpoint(folder).name == open_checkpoints(folder, "settings").name == "checkpoint-2"
            said = capsys.readouterr().out
            blamed = {(SEAL, "gone"): "it was not finished", (SEAL, "one bit"): ""}.get((name, how), name)
            assert said.startswith("Skipped checkpoint-4, since ") and blamed in said and said.count("\n") == 1
            assert [p.name for p in folder.glob("checkpoint-*")] == ["checkpoint-2"]


def test_the_seal_is_written_last_and_lists_every_file(tmp_path):
    folder = tmp_path / "checkpoint-10"
    (folder / "part").mkdir(parents=True)
    for name in ("a.json", "part/b.bin"):
        (folder / name).write_text(name)
        assert damage(folder) == "it was not finished"
    seal(folder)
    assert damage(folder) == "" and set(read_json(folder / SEAL)) == {"a.json", "part/b.bin"}
    shutil.copytree(folder, tmp_path / "checkpoint-9")
    assert newest_checkpoint(tmp_path).name == "checkpoint-10"  # a number, not a word
    assert newest_checkpoint(tmp_path, 9).name == "checkpoint-9" and newest_checkpoint(tmp_path, 8) is None


def test_checkpoints_of_other_settings_are_not_used(tmp_path, capsys):
    folder = tmp_path / "new/checkpoints"
    assert open_checkpoints(folder, {"a": 1}) is None
    (folder / "checkpoint-2").mkdir()
    seal(folder / "checkpoint-2")
    assert open_checkpoints(folder, {"a": 1}).name == "checkpoint-2" and not capsys.readouterr().out
    assert open_checkpoints(folder, {"a": 2}) is None
    assert "other settings: starting anew" in capsys.readouterr().out
    (folder / "settings").unlink()
    assert open_checkpoints(folder, {"a": 2}) is None


@pytest.mark.slow
def test_a_run_goes_on_from_the_checkpoint_before_a_broken_one(copy, whole, capsys):
    spoil(copy / "checkpoints/checkpoint-4/optimizer.pt", "cut")
    (copy / "log.csv").write_text("half a li")  # the checkpoint remembers what was in it
    train(copy)
    told = capsys.readouterr().out
    assert "Skipped checkpoint-4, since optimizer.pt is damaged." in told and "Going on from checkpoint-2" in told
    assert_same(copy, whole)


# Numbers that go wrong


def set_nan(model) -> None:
    with torch.no_grad():
        next(p for n, p in model.named_parameters() if "lora_A" in n)[0, 0] = math.nan


def set_base_nan(model) -> None:
    with torch.no_grad():
        next(p for n, p in model.named_parameters() if "norm" in n).fill_(math.nan)


def set_grad_nan(model) -> None:
    """From now on: the hook stays."""
    next(p for n, p in model.named_parameters() if "lora_B" in n).register_hook(lambda grad: grad * math.nan)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "act", "said", "kept"),
    [
        (4, set_nan, "trained weights are not finite numbers after step 4", 2),
        (5, set_nan, "trained weights are not finite numbers after step 5", 4),
        (5, set_grad_nan, "grad_norm is nan at step 6", 4),
        (4, set_base_nan, "the model's probabilities are not finite after step 4", 2),
    ],
)
def test_nan_stops_the_run_and_the_last_good_adapter_stays(at, act, said, kept, tmp_path, stopped):
    good = stopped / f"checkpoints/checkpoint-{kept}/adapter_model.safetensors"
    with pytest.raises(
        TrainingError, match=f"{said}.*learning rate.*float16.*The adapter of checkpoint-{kept}"
    ) as error:
        train(tmp_path, at=at, act=act)
    assert str(tmp_path / "adapter-last-good") in str(error.value)
    assert (tmp_path / "adapter-last-good/adapter_model.safetensors").read_bytes() == good.read_bytes()
    assert read_json(tmp_path / "adapter-last-good/adapter_config.json")["base_model_name_or_path"] == "tiny"
    assert not (tmp_path / "adapter").exists()
    whole = newest_checkpoint(tmp_path / "checkpoints")
    assert all(tensor.isfinite().all() for tensor in load_file(whole / "adapter_model.safetensors").values())
    log = pd.read_csv(tmp_path / "log.csv")
    assert len(log) >= at  # what led to it can be read


@pytest.mark.slow
def test_a_reward_that_is_no_number_stops_the_run(copy, stopped):
    """The run goes on from step 4 and meets the reward at once, as one with a bug that shows late would."""
    calls = []

    def correctness_reward(completions, **_):
        calls.append(len(completions))
        return [float(i) for i in range(len(completions) - 1)] + [math.nan if len(calls) > 2 else 0.0]

    suite = Suite("late", (correctness_reward,), (1.0,), 1.0)
    folder = copy.parent / "late"
    with pytest.raises(RewardError, match=r"correctness_reward returned nan for the completion .*division by zero.*"
                       r"The adapter of checkpoint-2"):  # fmt: skip
        train(folder, suite=suite)
    assert load_file(folder / "adapter-last-good/adapter_model.safetensors")
    assert not calls[3:]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "1", torch.tensor(math.nan)])
def test_what_is_no_reward(bad):
    def some_reward(completions, **_):
        return [1.0, None, bad]

    assert checked(some_reward).__name__ == "some_reward"
    with pytest.raises(RewardError, match="some_reward returned .* for the completion 'c'"):
        checked(some_reward)(completions=["a", "b", "c"], prompts=[])
    with pytest.raises(RewardError, match="3 values for 2 completions"):
        checked(some_reward)(completions=["a", "b"])


def test_what_is_a_reward():
    values = [1, 0.5, None, True, torch.tensor(2.0)]
    assert checked(lambda completions: values)(completions=[""] * 5) is values


@pytest.mark.slow
def test_an_exploding_kl_stops_the_run(tmp_path):
    """A learning rate that wrecks the policy: its KL from the base model is real, and far too high."""
    wild = replace(
        SETTINGS, learning_rate=0.1, warmup=2.0, beta=0.02, max_kl=1.0, max_grad_norm=100.0, checkpoint_every=1
    )
    said = r"KL from the base model is .*above max_kl \(1\).*learning rate \(0.1\)"
    with pytest.raises(TrainingError, match=said) as error:
        train(tmp_path, wild)
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["kl"].iloc[-1] > 1 and (log["kl"].iloc[:-1] <= 1).all()
    # the KL of a step is that of the weights of the step before: its checkpoint is the bad one
    assert f"The adapter of checkpoint-{len(log) - 2}" in str(error.value)


# Disks, folders, the Hub


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size")
@pytest.mark.parametrize("first", ["adapter_model.safetensors", "optimizer.pt"])
def test_a_disk_that_takes_no_more_costs_one_interval(first, copy, stopped, whole):
    """A limit on the size of files stands for the full disk; safetensors, torch and Python each have their error."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = (stopped / "checkpoints/checkpoint-4" / first).stat().st_size - 1000

    def fill(_model) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))

    try:
        with pytest.raises(TrainingError, match="cannot write to .*Free some space.*lost up to checkpoint-4") as error:
            train(copy, at=5, act=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(copy) in str(error.value)
    assert not (copy / "checkpoints/checkpoint-6" / SEAL).exists()
    train(copy)
    assert_same(copy, whole)


@pytest.mark.slow
def test_folders_that_are_missing_are_made_and_folders_that_cannot_be_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="cannot write to .*file/run.*COURSE_RUNS.*no checkpoint yet"):
        train(tmp_path / "file/run")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "not/there/yet", at=1, act=interrupt)
    assert (tmp_path / "not/there/yet/log.csv").exists()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(TrainingError, match="cannot write to"):
        train(tmp_path / "run")


@pytest.mark.slow
def test_errors_of_other_files_are_not_taken_for_a_full_disk(copy):
    def correctness_reward(completions, **_):
        return open("/not/there").read()

    with pytest.raises(FileNotFoundError):
        train(copy.parent / "other", suite=Suite("files", (correctness_reward,), (1.0,), 1.0))


@pytest.mark.slow
def test_a_hub_out_of_reach_touches_nothing(copy, offline, monkeypatch):
    before = sorted(copy.rglob("*"))
    away = get_preset("smoke", model="google/gemma-3-1b-it")
    with pytest.raises(
        ModelFileError, match=r"google/gemma-3-1b-it.*\n(.*\n)*.*HF_HUB_OFFLINE.*licence.*hf auth login"
    ):
        train(copy, away)
    with pytest.raises(ModelFileError, match="cannot load a model.*"):
        load_model("google/gemma-3-1b-it")
    assert sorted(copy.rglob("*")) == before


def test_a_suite_for_other_tasks_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(SettingError, match="multiple_choice is for tasks of the kind choice, but toy_math .* number"):
        train(tmp_path / "run", suite=get_suite("multiple_choice"))
    assert not (tmp_path / "run").exists()


# Logs and the live plot


def test_logs_that_cannot_be(monkeypatch):
    assert loggers("") == [] and training.grpo_config(SETTINGS, Path("x"), 0).report_to == []
    with pytest.raises(SettingError, match="not installed: pip install no-such-package"):
        loggers("no-such-package")


def test_wandb_asks_for_no_login(monkeypatch, tmp_path):
    monkeypatch.setattr("course_lib.callbacks.version", lambda name: "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_API_KEY", "k")
    assert loggers("wandb, trackio") == ["wandb", "trackio"] and "WANDB_MODE" not in os.environ
    monkeypatch.delenv("WANDB_API_KEY")
    loggers("trackio")
    assert "WANDB_MODE" not in os.environ
    loggers("wandb")
    assert os.environ["WANDB_MODE"] == "offline"
    config = training.grpo_config(SETTINGS, Path("x"), 0)
    assert config.trackio_space_id is None and config.trackio_static_space_id is False  # trackio sends nothing


@pytest.mark.slow
def test_tensorboard_gets_the_rewards(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    train(tmp_path, replace(SETTINGS, steps=2, log_to="tensorboard"))
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    logged = [event.value for event in events.Scalars("train/reward")]
    assert logged == pytest.approx(pd.read_csv(tmp_path / "log.csv")["reward"].tolist(), abs=1e-4)


@pytest.mark.slow
def test_the_live_plot_is_one_picture_however_often_it_is_drawn(tmp_path):
    log = REFERENCE / "toy_math/06_training/log.csv"
    cells = [
        "from pathlib import Path; from types import SimpleNamespace as S; from unittest.mock import patch",
        "from course_lib.callbacks import LivePlot, in_notebook; assert in_notebook()",
        f"plot = LivePlot(Path({str(log)!r}), seconds=0)",
        "plot.on_log(None, S(global_step=1), None, logs={'reward': 1.0}); print('drawn')\n"
        "for i in range(3): plot.on_log(None, S(global_step=2), None, logs={'reward': 1.0})\n"
        "plot.on_log(None, S(global_step=3), None, logs={'train_loss': 1.0})\n"
        "plot.on_train_end(None, None, None)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [o["data"].get("text/html", "") for cell in notebook.cells for o in cell.outputs if "data" in o]
    pictures = [html for html in shown if html.startswith('<img alt="')]
    assert len(pictures) == 1 and len(pictures[0]) < 100_000


def test_no_live_plot_outside_a_notebook(tmp_path):
    assert not in_notebook()
    log = tmp_path / "log.csv"
    trainer = training.make_trainer(SETTINGS, SUITE, ROWS, tmp_path)
    assert not any(isinstance(callback, LivePlot) for callback in trainer.callback_handler.callbacks)
    assert not log.exists()
