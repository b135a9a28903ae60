"""Presets as files: what is written is read back exactly, and what cannot be used is named with file and field."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_lib.config import KINDS, build, diff, from_text, load_config, read_config, save_config, text_of
from course_lib.errors import SettingError
from course_lib.presets import PRESETS, Preset, get_preset

finite = {"allow_nan": False, "allow_infinity": False}
positive = st.floats(min_value=0, exclude_min=True, **finite)
words = st.text(max_size=20)
ANY = {
    "about": words,
    "known_from": words,
    "minutes": st.floats(min_value=0, **finite),
    "learning_rate": positive,
    "temperature": positive,
    "max_kl": positive,
    "beta": st.floats(min_value=0, **finite) | st.integers(0, 3),
    "epsilon": st.floats(min_value=0, **finite),
    "warmup": st.floats(0, 1, exclude_max=True),
    "steps": st.integers(1, 10**12),
    "prompts_per_step": st.integers(1, 99),
    "group_size": st.integers(2, 99),
    "max_completion_length": st.integers(1, 1000),
    "name": st.text("abyn0159.-_ éß漢", min_size=1).filter(lambda name: name.strip(". ")),
    "model": st.sampled_from(["tiny", "google/gemma-3-1b-it", "no", "1e3", "null", "~", "0x1"]),
    "task": st.sampled_from(["toy_math", "gsm8k"]),
    "suite": st.sampled_from(["", "tunix", "four_component"]),
    "log_to": st.sampled_from(["", "wandb", "wandb,trackio"]),
    "optimizer": words,
    "load_in_4bit": st.booleans(),
    "vllm": st.sampled_from(["", "colocate"]),
}
presets = st.builds(lambda changes: replace(PRESETS["laptop"], **changes), st.fixed_dictionaries({}, optional=ANY))


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(preset=presets)
def test_what_is_saved_is_loaded_exactly(preset, suffix, tmp_path):
    path = save_config(preset, tmp_path / f"preset{suffix}")
    assert load_config(path) == preset and not diff(load_config(path), preset)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing half written beside it


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text() | st.sampled_from(["!!timestamp x", "!!bool x", "? {a: 1}\n: 2", "a: *b", "[" * 5000, "!!int ''"])
)
def test_any_text_is_a_preset_or_a_clear_error(text, tmp_path):
    for suffix in (".yaml", ".json"):
        path = tmp_path / f"any{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            assert isinstance(load_config(path), Preset)
        except SettingError as error:
            assert path.name in str(error)


def test_only_what_differs_from_the_base_need_be_there(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("base: t4\nsteps: 60  # fewer\nlearning_rate: 1e-5\nbeta: 0\n")
    preset = load_config(path)
    assert diff(PRESETS["t4"], preset) == [("steps", 150, 60), ("learning_rate", 2e-5, 1e-5), ("beta", 0.02, 0.0)]
    assert type(preset.beta) is float


def test_without_a_base_the_name_or_the_default_is_the_base(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PRESET", "smoke")
    path = tmp_path / "short.json"
    path.write_text('{"seed": 1}')
    with pytest.raises(SettingError, match="unknown field 'seed'"):
        load_config(path)
    path.write_text('{"steps": 2}')
    assert read_config(path)[0] == "auto" and load_config(path).group_size == PRESETS["smoke"].group_size
    path.write_text('{"name": "gpu", "steps": 2}')
    assert load_config(path) == replace(PRESETS["gpu"], steps=2)


def test_another_task_is_told_by_the_name_unless_there_is_one():
    assert build("laptop", {"task": "toy_choice"}) == get_preset("laptop-toy_choice")
    assert build("laptop-toy_choice", {"task": "toy_math", "steps": 3}) == get_preset("laptop-toy_math", steps=3)
    assert build("laptop", {"task": "toy_choice", "name": "mine"}).name == "mine"
    assert build("t4", {"task": "gsm8k"}).name == "t4"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stepps: 3", "unknown field 'stepps' .did you mean 'steps'"),
        ("basis: t4", "unknown field 'basis' .did you mean 'base'"),
        ("steps: ten", "steps must be a whole number, not 'ten'"),
        ("steps: 1e2", "steps must be a whole number"),
        ("steps:", "steps must be a whole number, not None"),
        ("learning_rate: fast", "learning_rate must be a number, not 'fast'"),
        ("learning_rate: .nan", "learning_rate must be a number"),
        ("vllm: off", "vllm must be a text, not False"),
        ("load_in_4bit: 'yes'", "load_in_4bit must be true or false"),
        ("name: 2026-11-21", "name must be a text"),
        ("base: labtop", "unknown preset 'labtop'.*did you mean 'laptop'"),
        ("base: [t4]", "base must be the name of a preset"),
        ("group_size: 1", "group_size must be 2 or more"),
        ("- steps", "holds fields with values"),
        ("", "holds fields with values"),
        ("steps: [1", "is not YAML: .*line 1"),
        ("!!python/object/apply:os.system ['touch owned']", "is not YAML"),
        ("steps: 3\0", "is not YAML"),
    ],
)
def test_a_bad_file_is_named_with_the_field_and_the_mend(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match=message) as caught:
        load_config(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_text() == text and [p.name for p in tmp_path.iterdir()] == ["mine.yaml"]


def test_files_that_are_not_there_or_not_ours_are_clear(tmp_path):
    with pytest.raises(SettingError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(SettingError, match="ends in .json, .yaml, .yml"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(SettingError, match="ends in"):
        save_config(PRESETS["laptop"], tmp_path / "mine.txt")
    (tmp_path / "latin.yaml").write_bytes(b"about: \xe9")
    with pytest.raises(SettingError, match="is not YAML.*utf-8"):
        load_config(tmp_path / "latin.yaml")
    (tmp_path / "half.json").write_text('{"steps": 3,')
    with pytest.raises(SettingError, match="is not JSON"):
        load_config(tmp_path / "half.json")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingError, match="cannot be written"):
        save_config(PRESETS["laptop"], tmp_path / "file" / "below.yaml")
    assert (tmp_path / "file").read_text() == "mine"


def test_the_text_of_a_preset_holds_every_field():
    names = [field.name for field in fields(Preset)]
    assert list(yaml.safe_load(text_of(PRESETS["t4"]))) == names == list(json.loads(text_of(PRESETS["t4"], ".json")))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "12", 12),
        ("beta", "0", 0.0),
        ("learning_rate", "1e-3", 1e-3),
        ("vllm", "", ""),
        ("load_in_4bit", "YES", True),
        ("load_in_4bit", "false", False),
    ],
)
def test_words_of_a_command_line_become_values(name, text, value):
    got = from_text(name, text)
    assert got == value and type(got).__name__ == KINDS[name]


@pytest.mark.parametrize(
    ("name", "text"), [("steps", "1.5"), ("beta", "x"), ("beta", "nan"), ("load_in_4bit", "maybe")]
)
def test_words_that_are_no_value_are_refused(name, text):
    with pytest.raises(SettingError, match=f"{name} must be .*, not "):
        from_text(name, text)
