"""Presets and artefacts: impossible settings are refused with the mend, nothing is lost on the way."""

from __future__ import annotations

import dataclasses

import pytest

from course_lib.artifacts import Run, read_json, runs_dir, write_json
from course_lib.errors import CourseError, SettingError
from course_lib.presets import PRESETS, get_preset


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
        ({"learning_rat": 1e-3}, "unknown preset field 'learning_rat'"),
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
    run = Run("smoke")
    with pytest.raises(CourseError, match="run notebooks/09_nothing"):
        run.find("09_nothing/file.json")
    path = write_json(run.chapter("09_nothing") / "file.json", {"a": 1})
    assert run.find("09_nothing/file.json") == path
    assert read_json(path) == {"a": 1}


def test_the_reference_stands_in_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    assert (Run("smoke").find("06_training/adapter") / "adapter_model.safetensors").is_file()
    assert "using the course's own 06_training/adapter" in capsys.readouterr().out


def test_a_damaged_file_and_an_unusable_folder_are_clear_errors(tmp_path, monkeypatch):
    (tmp_path / "half.json").write_text('{"a": ')
    with pytest.raises(CourseError, match="half.json cannot be read"):
        read_json(tmp_path / "half.json")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "file"))
    with pytest.raises(CourseError, match="set COURSE_RUNS"):
        Run("smoke").chapter("01_setup")


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


def test_another_task_never_falls_back_on_the_reference_of_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    with pytest.raises(CourseError, match="run notebooks/06_training"):
        Run("smoke-gsm8k").find("06_training/adapter")
