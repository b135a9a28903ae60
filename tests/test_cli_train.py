"""The command line: quick help, one line for what cannot be used, and a real run from a config file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from course_lib import cli
from course_lib.cli import main
from course_lib.presets import PRESETS, Preset

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.delenv("COURSE_PRESET", raising=False)


def test_help_loads_nothing_heavy_and_lists_every_command():
    for arguments in (["--help"], ["train", "--help"], ["train", "--dry-run"], ["presets"]):
        code = (
            f"import sys; from course_lib.cli import main\ntry: main({arguments})\nexcept SystemExit: pass\n"
            "sys.exit(bool({'torch', 'transformers', 'datasets', 'huggingface_hub', 'pandas'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (arguments, done.stderr)
        if arguments == ["--help"]:
            assert all(f"  {name} " in done.stdout for name in cli.COMMANDS)


def test_every_field_is_an_option(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    told = capsys.readouterr().out
    assert all(f"--{field.name.replace('_', '-')}" in told for field in fields(Preset))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'; choose one of: ask, batch"),
        (["train", "--learning-rat", "1"], "did you mean '--learning-rate'"),
        (["train", "--learning", "1"], "unrecognized arguments: --learning"),  # no abbreviations
        (["train", "--steps"], "argument --steps: expected one argument"),
        (["train", "--steps", "1.5"], "--steps: steps must be a whole number, not '1.5'"),
        (["train", "--load-in-4bit", "maybe"], "--load-in-4bit: load_in_4bit must be true or false"),
        (["train", "--seed", "-1"], "--seed: must be 0 to 4294967295, not -1"),
        (["train", "--seed", "x"], "--seed: must be a whole number, not 'x'"),
        (["train", "--preset", "t5"], "unknown preset 't5'"),
        (["train", "--accumulation", "3"], "choose an accumulation that divides 64"),
        (["train", "--config", "none.yaml"], "none.yaml cannot be read"),
        (["train", "--preset", "t4", "--dtype", "float16"], "float16 overflows"),
        (["presets", "t5"], "unknown preset 't5'"),
        (["presets", "t4", "--save", "t4.txt"], "ends in .json, .yaml, .yml"),
        (["doctor", "--preset", "t5"], "unknown preset 't5'"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_code_2(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dry = ["--dry-run"] if arguments[0] == "train" else []  # were it taken, it should not train here
    assert main([*arguments, *dry]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and said.err.startswith("error: ") and not said.out
    assert not list(tmp_path.iterdir())


def test_a_dry_run_says_what_would_run_and_does_nothing(capsys, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("base: laptop\nsteps: 7\ngroup_size: 4\n")
    assert main(["train", "--config", str(config), "--group-size", "2", "--load-in-4bit", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "steps: 80 -> 7" in said and "group_size: 8 -> 2" in said  # the command line wins over the file
    assert "load_in_4bit: False -> True" in said and "warning: group_size 2" in said
    assert "expected" not in said  # other settings, another time
    assert f"to: {tmp_path / 'runs' / 'laptop' / '06_training'}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
    assert main(["train", "--preset", "t4", "--output", "there", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "expected: 180 minutes, 8.7 GB (an estimate; not run)" in said and said.endswith("to: there\n")


def test_file_and_preset_must_agree_on_the_base(capsys, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("base: laptop\nsteps: 7\n")
    assert main(["train", "--config", str(config), "--preset", "smoke", "--dry-run"]) == 2
    assert "leave one of them out" in capsys.readouterr().err
    config.write_text("steps: 7\n")
    assert main(["train", "--config", str(config), "--preset", "smoke", "--dry-run"]) == 0
    assert "preset smoke" in capsys.readouterr().out


def test_presets_are_listed_printed_compared_and_saved(capsys, tmp_path):
    assert main(["presets"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == ["preset", *PRESETS]
    assert main(["presets", "t4"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == PRESETS["t4"].to_dict()
    mine = tmp_path / "mine.json"
    assert main(["presets", "t4", "--save", str(mine)]) == 0
    mine.write_text(mine.read_text().replace('"steps": 150', '"steps": 60'))
    capsys.readouterr()
    assert main(["presets", "t4", "--diff", str(mine)]) == 0
    assert capsys.readouterr().out == "steps: 150 -> 60\n"
    assert main(["presets", "t4", "--diff", "t4"]) == 0
    assert "are the same" in capsys.readouterr().out


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    from course_lib.cli import train

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(train, "_train", interrupted)
    monkeypatch.setattr(sys, "argv", ["course_lib", "train", "--preset", "smoke", "--about", "two words"])
    assert main() == 130
    assert "goes on from the last checkpoint: python -m course_lib train --preset smoke" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "file"))
    assert main(["train", "--preset", "smoke"]) == 2
    assert "set COURSE_RUNS" in capsys.readouterr().err and (tmp_path / "file").read_text() == "mine"


def test_a_model_out_of_reach_leaves_nothing_behind(tmp_path, capsys, offline, made_data):
    assert main(["train", "--preset", "t4"]) == 2
    assert "google/gemma-3-1b-it" in capsys.readouterr().err and not (tmp_path / "runs").exists()


def test_a_python_without_the_packages_is_told_what_to_do():
    """-S leaves out everything that pip installed."""
    for command in (["ask", "x"], ["train"], ["doctor"], ["benchmark"], ["presets"]):
        code = f"import sys; from course_lib.cli import main; sys.exit(main({command}))"
        done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
        assert f"is not installed for this Python ({sys.executable}): run `make setup`, then" in done.stderr
        assert f".venv/bin/python -m course_lib {command[0]}" in done.stderr


def test_a_slip_in_the_course_itself_is_not_hidden(monkeypatch):
    monkeypatch.setitem(sys.modules, "course_lib.cli.presets", None)
    with pytest.raises(ModuleNotFoundError, match="course_lib"):
        main(["presets"])


@pytest.mark.slow
def test_a_real_run_from_a_config_file(tmp_path):
    """Two steps, then chapter 6's artefacts; the record holds the settings of file and command line."""
    config = tmp_path / "mine.yaml"
    config.write_text("base: smoke\nname: mine\nsteps: 9\nlearning_rate: 5e-3\n")
    command = [sys.executable, "-m", "course_lib", "train", "--config", str(config), "--steps", "2", "--seed", "3"]
    env = os.environ | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "mine" / "06_training"
    record = json.loads((folder / "run.json").read_text())
    preset = record["preset"]
    assert (preset["name"], preset["steps"], preset["learning_rate"], record["seed"]) == ("mine", 2, 5e-3, 3)
    assert (folder / "adapter" / "adapter_model.safetensors").is_file() and "steps: 3 -> 2" in done.stdout
    assert len((folder / "log.csv").read_text().splitlines()) == 3 and str(folder / "adapter") in done.stdout
