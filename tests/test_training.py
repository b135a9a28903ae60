"""GRPO with TRL's own trainer: it runs, resumes bit for bit, refuses bad data and notices no learning."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from safetensors.torch import load_file
from transformers import TrainerCallback

from course_lib import training
from course_lib.errors import DataError, TrainingError
from course_lib.evaluation import evaluate, generate
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.rewards import Suite, get_suite
from course_lib.tasks import gsm8k, preset_rows
from test_tasks import needs_gsm8k

pytestmark = pytest.mark.slow
SUITE = get_suite("starter")


@pytest.fixture(scope="module")
def settings():
    return get_preset("smoke", steps=4, prompts_per_step=4, group_size=4, checkpoint_every=2)


@pytest.fixture(scope="module")
def rows(settings):
    return preset_rows(settings, seed=0)["train"]


@pytest.fixture(scope="module")
def trained(settings, rows, tmp_path_factory):
    return training.train(settings, SUITE, rows, tmp_path_factory.mktemp("run"), seed=0, quiet=True)


def test_a_run_leaves_adapter_log_and_record(trained, settings):
    log = pd.read_csv(trained.log)
    assert list(log["step"]) == [1, 2, 3, 4]
    assert log["reward"].between(0, 1.5).all()
    expected = log["correctness_reward"] + 0.5 * log["format_reward"]
    assert log["reward"].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-4)
    record = json.loads((trained.adapter.parent / "run.json").read_text())
    assert record["preset"] == settings.to_dict() and record["steps"] == 4 and record["seed"] == 0
    assert record["machine"]["trl"] and record["lora_b_norm"] > 0 and record["train_seconds"] > 0
    assert not (trained.adapter.parent / "checkpoints").exists()
    assert {p.suffix for p in trained.adapter.iterdir()} == {".json", ".safetensors"}
    config = json.loads((trained.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "tiny"  # a path would be of no use elsewhere


def test_the_adapter_changes_the_model(trained, rows):
    tokenizer, prompts = load_tokenizer("tiny"), [rows[0]["prompt"]]
    plain = load_model("tiny")
    adapted = load_adapter(load_model("tiny"), trained.adapter)
    ids = tokenizer.apply_chat_template(prompts, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    assert (plain(ids).logits - adapted(ids).logits).abs().max() > 1e-4
    assert generate(adapted, tokenizer, prompts)[0].text


def test_an_interrupted_run_goes_on_bit_for_bit(trained, settings, rows, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    class StopAfter3(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 3:
                raise Stop

    make = training.make_trainer

    def make_stopping(*args):
        trainer = make(*args)
        trainer.add_callback(StopAfter3())
        return trainer

    monkeypatch.setattr(training, "make_trainer", make_stopping)
    with pytest.raises(Stop):
        training.train(settings, SUITE, rows, tmp_path, seed=0, quiet=True)
    monkeypatch.setattr(training, "make_trainer", make)
    half = tmp_path / "checkpoints" / "checkpoint-3"
    half.mkdir()  # a checkpoint that was being written when the power went
    again = training.train(settings, SUITE, rows, tmp_path, seed=0, quiet=True)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["resumed"] and record["steps"] == 4
    whole, mended = (load_file(r.adapter / "adapter_model.safetensors") for r in (trained, again))
    assert whole.keys() == mended.keys() and all((whole[k] == mended[k]).all() for k in whole)
    drop = ["step_time"]
    pd.testing.assert_frame_equal(
        pd.read_csv(trained.log).drop(columns=drop), pd.read_csv(again.log).drop(columns=drop)
    )


def test_other_settings_do_not_go_on_from_an_old_checkpoint(settings, rows, tmp_path):
    old = tmp_path / "checkpoints" / "checkpoint-2"
    old.mkdir(parents=True)
    (old / "trainer_state.json").write_text("{}")
    (old.parent / "settings").write_text("another run")
    few = get_preset("smoke", steps=3)
    assert training.train(few, SUITE, rows, tmp_path, seed=1, quiet=True).steps == 3


def test_rewards_that_are_constant_teach_nothing_and_that_is_an_error(settings, rows, tmp_path):
    def constant_reward(completions, **_):
        return [1.0] * len(completions)

    suite = Suite("constant", (constant_reward,), (1.0,), 1.0)
    with pytest.raises(TrainingError, match="nothing was learned"):
        training.train(settings, suite, rows, tmp_path, quiet=True)


def test_prompts_that_are_too_long_are_left_out_or_refused(rows):
    tokenizer = load_tokenizer("tiny")
    settings = get_preset("smoke", steps=1, prompts_per_step=2)
    long = {**rows[0], "prompt": [{"role": "user", "content": "apples " * 500}]}
    kept = training.training_data(settings, tokenizer, [long, *rows[:3]])
    assert list(kept["question"]) == [row["question"] for row in rows[:2]]
    with pytest.raises(DataError, match="only 1 of 2 toy_math prompts.*raise max_prompt_length"):
        training.training_data(settings, tokenizer, [long, rows[0]])


@needs_gsm8k
def test_two_steps_on_the_real_gsm8k(tmp_path):
    """The tiny model cannot solve these problems, so the trainer is asked directly: it need not learn."""
    settings = get_preset("smoke", task="gsm8k", steps=2, max_prompt_length=512, eval_problems=4)
    rows = preset_rows(settings, seed=0)["train"]
    trainer = training.make_trainer(settings, SUITE, rows, tmp_path, quiet=True)
    trainer.train()
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log["step"]) == [1, 2] and log["mean_length"].gt(0).all()
    real = {row["question"] for row in gsm8k.load("train")}
    assert set(trainer.train_dataset["question"]) <= real


def test_evaluation_needs_rows():
    with pytest.raises(DataError, match="nothing to evaluate: 0 rows"):
        evaluate(None, None, [])
