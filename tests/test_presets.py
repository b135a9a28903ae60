"""Presets and artefacts: impossible settings are refused with the mend, nothing is lost on the way."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from course_lib.artifacts import Run, read_json, runs_dir, write_json
from course_lib.errors import CourseError, SettingError
from course_lib.models import load_tokenizer
from course_lib.presets import PRESETS, get_preset
from course_lib.prompts import PromptStyle, format_completion
from course_lib.tasks import load_rows
from course_lib.validation import CHOICES, GAMEABLE, LENGTHS, check_machine, check_processes

ROOT = Path(__file__).parents[1]


def test_auto_is_laptop_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("COURSE_PRESET", raising=False)
    assert get_preset("auto") is not None and get_preset().name == "laptop"
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    assert get_preset().name == "smoke"


def test_a_preset_cannot_be_changed_by_accident():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PRESETS["laptop"].steps = 3


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"group_size": 1}, "2 or more"),
        ({"accumulation": 3}, "divides"),
        ({"steps": 0}, "steps must be 1 or more"),
        ({"temperature": 0.0}, "temperature"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"eval_problems": 0}, "eval_problems"),
        ({"learning_rat": 1e-3}, "unknown preset field 'learning_rat' .did you mean 'learning_rate'"),
        ({"learning_rate": float("nan")}, "learning_rate must be a number"),
        ({"max_kl": float("inf")}, "max_kl must be a number"),
        ({"steps": "80"}, "steps must be a whole number, not '80'"),
        ({"steps": 80.0}, "steps must be a whole number"),
        ({"steps": True}, "steps must be a whole number"),
        ({"beta": False}, "beta must be a number"),
        ({"load_in_4bit": 1}, "load_in_4bit must be true or false"),
        ({"vllm": False}, "vllm must be a text"),
        ({"checkpoint_every": 0}, "checkpoint_every must be 1 or more"),
        ({"beta": -0.1}, "beta must be 0 or more"),
        ({"max_kl": 0.0}, "max_kl must be above 0"),
        ({"warmup": 1.5}, "warmup is a share"),
        ({"backend": "jax"}, "unknown backend 'jax'; choose one of: auto, transformers, unsloth"),
        ({"dtype": "bf16"}, "unknown dtype 'bf16'; choose one of: float32, bfloat16"),
        ({"vllm": "yes"}, "unknown vllm 'yes'.*colocate, server"),
        ({"loss_type": "ppo"}, "unknown loss_type"),
        ({"log_to": "wandb,mlflow"}, "log_to names 'mlflow'; it may name tensorboard, wandb, trackio"),
        ({"log_to": "wandb, trackio"}, "log_to names ' trackio'"),
        ({"max_completion_length": 1800}, "2056 tokens, but tiny takes 2048: lower one of them by 8"),
        ({"dtype": "float16"}, "NaN: use float32"),
        ({"suite": "nice"}, "unknown reward suite"),
        ({"suite": "rubric"}, "the suite rubric is for rubric answers.*leave suite empty for starter"),
        ({"name": "../there"}, "cannot be a folder's name"),
        ({"name": ".."}, "cannot be a folder's name"),
        ({"name": "one\ntwo"}, "cannot be a folder's name"),
    ],
)
def test_settings_that_cannot_work_are_refused(overrides, message):
    with pytest.raises(SettingError, match=message):
        get_preset("laptop", **overrides)


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(SettingError, match="smoke, laptop"):
        get_preset("huge")


def test_batches_follow_from_prompts_and_groups():
    preset = get_preset("laptop", prompts_per_step=6, group_size=4, accumulation=2, steps=10)
    assert (preset.completions_per_step, preset.batch_size, preset.train_problems) == (24, 12, 60)


def test_artefacts_are_found_or_the_chapter_to_run_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    run = Run(get_preset("smoke"))
    with pytest.raises(CourseError, match="run notebooks/09_nothing"):
        run.find("09_nothing/file.json")
    path = write_json(run.chapter("09_nothing") / "file.json", {"a": 1})
    assert run.find("09_nothing/file.json") == path
    assert read_json(path) == {"a": 1}


def test_the_reference_stands_in_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    assert (Run(get_preset("smoke")).find("06_training/adapter") / "adapter_model.safetensors").is_file()
    assert "using the course's own 06_training/adapter" in capsys.readouterr().out


def test_a_damaged_file_and_an_unusable_folder_are_clear_errors(tmp_path, monkeypatch):
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(CourseError, match="half.json cannot be read"):
        read_json(tmp_path / "half.json")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "file"))
    with pytest.raises(CourseError, match="set COURSE_RUNS"):
        Run(get_preset("smoke")).chapter("01_setup")


def test_runs_lie_beside_the_package(monkeypatch):
    monkeypatch.delenv("COURSE_RUNS", raising=False)
    assert runs_dir().name == "runs" and (runs_dir().parent / "pyproject.toml").exists()


def test_a_task_after_the_dash_is_the_same_size_for_another_task():
    plain, choice = get_preset("smoke"), get_preset("smoke-toy_choice")
    assert (choice.name, choice.task, choice.kind, choice.suite_name) == (
        "smoke-toy_choice",
        "toy_choice",
        "choice",
        "multiple_choice",
    )
    assert (choice.steps, choice.group_size) == (plain.steps, plain.group_size)
    assert (plain.kind, plain.suite_name) == ("number", "starter")
    assert get_preset("laptop-toy_rubric").suite_name == "rubric"
    assert get_preset("smoke", task="gsm8k", suite="basic").suite_name == "basic"


@pytest.mark.parametrize(
    ("name", "overrides", "named"),
    [
        ("smoke-toy_chess", {}, "toy_choice"),
        ("smoke", {"task": "toy_chess"}, "toy_choice"),
        ("smoke", {"prompt": "shout"}, "think, plain"),
        ("smoke", {"shots": 5}, "0, 2, 6"),
        ("smoke", {"domain": "magic"}, "medical"),
    ],
)
def test_an_unknown_task_or_style_is_refused_with_the_choices(name, overrides, named):
    with pytest.raises(SettingError, match=named):
        get_preset(name, **overrides)


@pytest.mark.parametrize("name", ["smoke-gsm8k", "t4", "gpu", "t4-toy_math"])
def test_what_was_trained_never_stands_in_for_another_model_or_task(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    run = Run(get_preset(name))
    for artefact in ("06_training/adapter", "06_training/run.json", "07_evaluation/results.json"):
        with pytest.raises(CourseError, match=f"run notebooks/{artefact.split('/')[0]} with preset '{name}' first"):
            run.find(artefact)
    run.find("04_model_and_lora/base_samples.json")  # an example of the same kind may
    assert "the course's own 04_model_and_lora/base_samples.json, of the tiny model and toy_" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("model", "dtype", "length", "message"),
    [
        ("google/gemma-3-1b-it", "float32", 32512, None),
        ("google/gemma-3-1b-it", "float32", 32513, "takes 32768: lower one of them by 1"),
        ("unsloth/gemma-3-4b-it", "float32", 32513, None),
        ("google/gemma-3-1b-it", "bfloat16", 80, None),
        ("google/gemma-3-1b-it", "float16", 80, "overflows in Gemma 3"),
        ("Qwen/Qwen3-0.6B", "float16", 10**6, None),  # not known here: the trainer will say
    ],
)
def test_context_and_precision_depend_on_the_model(model, dtype, length, message):
    def make():
        return get_preset("laptop", model=model, dtype=dtype, max_completion_length=length)

    if message is None:
        assert make().dtype == dtype
    else:
        with pytest.raises(SettingError, match=message):
            make()


def test_a_models_folder_is_read_for_what_it_is(tmp_path):
    config = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text", "max_position_embeddings": 300}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingError, match="takes 300"):
        get_preset("laptop", model=str(tmp_path))
    with pytest.raises(SettingError, match="float16"):
        get_preset("laptop", model=str(tmp_path), dtype="float16", max_completion_length=40)
    config["text_config"]["attention_dropout"] = 0.1
    (tmp_path / "config.json").write_text(json.dumps(config))
    preset = get_preset("laptop", model=str(tmp_path), max_completion_length=40, task="toy_rubric", name="mine")
    assert any("attention_dropout is 0.1" in warning for warning in preset.warnings())
    (tmp_path / "config.json").write_text("{half")
    assert get_preset("laptop", model=str(tmp_path)).model == str(tmp_path)


def test_a_step_must_be_cut_evenly_on_every_process():
    preset = get_preset("laptop", prompts_per_step=6, group_size=4, accumulation=2)  # 24 completions
    for processes in (1, 2, 3, 4, 6, 12):
        check_processes(preset, processes)
    with pytest.raises(SettingError, match="on 8 processes; choose an accumulation that divides 3: 1, 3$"):
        check_processes(preset, 8)
    with pytest.raises(SettingError, match="so that 5 divides it"):
        check_processes(preset, 5)


@pytest.mark.parametrize(
    "change", [{"load_in_4bit": True}, {"vllm": "colocate"}, {"optimizer": "adamw_8bit"}], ids=lambda c: next(iter(c))
)
def test_what_needs_a_gpu_is_refused_without_one(change):
    preset = get_preset("laptop", **change)
    check_machine(preset, gpu=True)
    with pytest.raises(SettingError, match=f"{next(iter(change))}.* needs a GPU"):
        check_machine(preset, gpu=False)


WARNED = {
    "learning_rate": {"learning_rate": 6e-3},
    "group_size": {"group_size": 2},
    "temperature 0.5": {"temperature": 0.5},
    "temperature 1.5": {"temperature": 1.5},
    "max_completion_length": {"max_completion_length": 61},
    "max_prompt_length": {"shots": 2},
    "beta": {"suite": "four_component", "steps": 101},
    "accumulation": {"accumulation": 64},
    "checkpoint_every": {"checkpoint_every": 81},
    "warmup": {"warmup": 80.0},
    "vllm": {"vllm": "colocate"},
}


@pytest.mark.parametrize("what", WARNED)
def test_one_bad_setting_gives_one_warning_that_names_it(what):
    (warning,) = get_preset("laptop", **WARNED[what]).warnings()
    assert warning.startswith(what) and warning.endswith(".")


def test_the_presets_themselves_are_not_warned_of():
    names = [*PRESETS, "laptop-toy_choice", "laptop-toy_rubric", "smoke-toy_choice", "smoke-toy_rubric"]
    assert {name: get_preset(name).warnings() for name in names} == {name: [] for name in names}
    assert not get_preset("laptop", learning_rate=5e-3, group_size=4, temperature=0.7, steps=100).warnings()
    assert not get_preset("laptop", suite="four_component", steps=101, beta=0.02).warnings()


def test_the_recorded_collapse_would_have_been_warned_of():
    folder = ROOT / "recorded" / "learning rate 0.0125"
    preset = json.loads((folder / "run.json").read_text())["preset"]
    changes = {key: value for key, value in preset.items() if key in ("learning_rate", "steps", "model")}
    (warning,) = get_preset("laptop", **changes).warnings()
    assert "collapse" in warning and pd.read_csv(folder / "log.csv")["reward"].iloc[-10:].max() == 0


def test_more_problems_than_there_are_come_round_again():
    (warning,) = get_preset("t4", steps=1751).warnings()
    assert "7004 problems are more than the 7000 training rows of gsm8k" in warning
    assert not get_preset("t4", steps=1750).warnings()


@pytest.mark.parametrize("task", ["toy_math", "toy_choice", "toy_rubric"])
def test_the_lengths_that_warnings_go_by_are_those_of_the_tasks(task):
    tokenizer, rates = load_tokenizer("tiny"), [0, 0]
    prompt, example, worked = LENGTHS[task]
    for shots in (0, 2):
        rows = load_rows(task, "train", 100, 3, style=PromptStyle(shots=shots))
        texts = [tokenizer.apply_chat_template(r["prompt"], add_generation_prompt=True, tokenize=False) for r in rows]
        lengths = pd.Series([len(ids) for ids in tokenizer(texts, add_special_tokens=False).input_ids])
        rates[shots // 2] = lengths.quantile(0.95)
    answers = [format_completion(row["worked"], row.get("reference", row["answer"])) for row in rows]
    ends = pd.Series([len(ids) + 1 for ids in tokenizer(answers, add_special_tokens=False).input_ids])
    assert rates[0] == pytest.approx(prompt, abs=3)
    assert example - 8 <= (rates[1] - rates[0]) / 2 <= example
    assert ends.quantile(0.95) == pytest.approx(worked, abs=2)


def test_every_gameable_suite_exists():
    for suite in GAMEABLE:
        assert get_preset("laptop-toy_rubric", suite=suite).suite_name == suite


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_says_what_to_expect(name):
    preset = PRESETS[name]
    assert preset.minutes > 0 and preset.memory_gb > 0 and preset.known_from and len(preset.about) < 100


def test_another_kind_of_task_does_not_keep_the_suite():
    assert get_preset("t4").suite == "tunix" and get_preset("t4-toy_math").suite == "tunix"
    assert get_preset("t4-race").suite_name == "multiple_choice"


@pytest.mark.slow
def test_loss_types_are_those_of_trl():
    from trl import GRPOConfig

    told = GRPOConfig.__dataclass_fields__["loss_type"].metadata["help"].partition("Supported values are")[2]
    assert set(re.findall(r"'(\w+)'", told.partition(". ")[0])) == set(CHOICES["loss_type"])
