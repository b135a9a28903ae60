"""README says what recorded/ says, and recorded/ was made with what is shipped."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from course_lib.artifacts import REFERENCE, read_json
from course_lib.assistant import Assistant
from course_lib.models import load_model, load_tokenizer
from course_lib.presets import Preset, get_preset
from course_lib.report import pictures, read_run
from course_lib.rollouts import EXAMPLES
from course_lib.statistics import mcnemar_exact, wilson

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
REFERENCE_ADAPTER = str(REFERENCE / "toy_math/06_training/adapter")
RUNS = sorted((ROOT / "recorded/laptop").glob("seed-*"))
OTHER_TASKS = ("toy_choice", "toy_rubric")
OTHER_RUNS = [run for task in OTHER_TASKS for run in sorted((ROOT / f"recorded/laptop-{task}").glob("seed-*"))]


def name_of(run):
    return f"{run.parent.name} {run.name}"


def test_readme_is_in_sync():
    done = subprocess.run(
        [sys.executable, "tools/write_readme.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_readmes_first_question_is_answered_as_promised():
    asked = re.findall(r'-m course_lib ask (--checkpoint base )?"(.+)"$', README.read_text("utf-8"), re.MULTILINE)
    row = EXAMPLES["number"][0]
    assert asked[:2] == [("", row["question"]), ("--checkpoint base ", row["question"])]
    trained, base = (Assistant(checkpoint).ask([row["question"]])[0] for checkpoint in (REFERENCE_ADAPTER, "base"))
    assert trained.answer == row["answer"] and trained.well_formed
    assert base.answer != row["answer"] and not base.reasoning


def test_a_figure_of_other_data_is_noticed(tmp_path):
    from write_readme import draw, middle, stale_figures

    images = pictures(read_run(middle()))
    assert stale_figures(images) == [], "run: make readme"
    draw(images, tmp_path / "figures")
    assert stale_figures(images, tmp_path / "figures") == []
    other = images["training"]._replace(source=images["training"].source.replace("1,0.4375", "1,0.4376"))
    assert stale_figures(images | {"training": other}, tmp_path / "figures") == ["training"]
    (tmp_path / "figures/gain.png").unlink()
    assert stale_figures(images, tmp_path / "figures") == ["gain"]


def test_three_seeds_are_recorded():
    assert len(RUNS) >= 3
    assert len({read_json(run / "results.json")["seed"] for run in RUNS}) == len(RUNS)
    for task in OTHER_TASKS:
        assert len({read_json(run / "results.json")["seed"] for run in OTHER_RUNS if task in str(run)}) >= 3


@pytest.mark.parametrize("run", [*RUNS, *OTHER_RUNS], ids=name_of)
def test_a_recorded_run_is_the_preset_as_it_stands(run):
    record, found = read_json(run / "06_training/run.json"), read_json(run / "results.json")
    preset = get_preset(run.parent.name)
    # A field that was added since then had its default value.
    assert Preset(**record["preset"]).settings() == preset.settings() and not record["resumed"]
    assert record["suite"]["name"] == preset.suite_name
    assert (found["task"], found["preset"], found["seed"]) == (preset.task, preset.name, record["seed"])
    assert found["n"] == preset.eval_problems >= 500
    log = pd.read_csv(run / "06_training/log.csv")
    assert len(log) == found["steps"] == preset.steps
    assert {"cpu", "cores", "python", "torch", "trl"} <= set(record["machine"])


@pytest.mark.parametrize("run", [*RUNS, *OTHER_RUNS], ids=name_of)
def test_recorded_figures_follow_from_the_recorded_answers(run):
    """Counted again from the tables of completions that the run wrote."""
    found = read_json(run / "results.json")
    tables = {
        (when, s): pd.read_csv(run / f"07_evaluation/{when}_{s}.csv")
        for when in ("before", "after")
        for s in ("greedy", "sampled")
    }
    for (when, strategy), table in tables.items():
        side = found[when][strategy]
        assert len(table) == found["n"]
        assert side["accuracy"] == table["correct"].mean() and side["format"] == table["well_formed"].mean()
        assert side["score"] == pytest.approx(table["score"].mean())
        assert side["accuracy_interval"] == list(wilson(int(table["correct"].sum()), len(table)))
    was, now = tables["before", "greedy"]["correct"], tables["after", "greedy"]["correct"]
    pair = found["paired"]
    assert (pair["fixed"], pair["broken"]) == ((~was & now).sum(), (was & ~now).sum())
    assert pair["p"] == mcnemar_exact(pair["fixed"], pair["broken"])


@pytest.mark.parametrize("run", RUNS, ids=name_of)
def test_recorded_runs_meet_the_bars(run):
    found = read_json(run / "results.json")
    was, now = found["before"], found["after"]
    assert was["sampled"]["accuracy"] <= 0.40 and was["sampled"]["format"] <= 0.30 and was["greedy"]["accuracy"] <= 0.35
    assert now["sampled"]["accuracy"] >= 0.80 and now["sampled"]["format"] >= 0.95 and now["greedy"]["accuracy"] >= 0.90
    assert found["train_seconds"] <= 180 and found["paired"]["p"] < 1e-6


@pytest.mark.parametrize("run", OTHER_RUNS, ids=name_of)
def test_the_other_toy_tasks_are_learned(run):
    found = read_json(run / "results.json")
    was, now = found["before"]["sampled"], found["after"]["sampled"]
    assert now["accuracy_interval"][0] > was["accuracy_interval"][1] and now["accuracy"] >= was["accuracy"] + 0.20
    assert now["score_interval"][0] > was["score_interval"][1] and now["format"] >= 0.90
    assert found["train_seconds"] <= 180 and found["paired"]["p"] < 1e-6


def test_controls_show_no_gain():
    constant = read_json(ROOT / "recorded/controls/constant.json")
    assert "nothing was learned" in constant["outcome"]
    coin = read_json(ROOT / "recorded/controls/coin.json")
    for strategy in ("greedy", "sampled"):
        assert coin["after"][strategy]["accuracy_interval"][0] <= coin["before"][strategy]["accuracy_interval"][1]


def test_twenty_killed_runs_ended_as_the_undisturbed_one():
    found = read_json(ROOT / "recorded/soak.json")
    assert found["identical"] == found["trials"] == len(found["each"]) >= 20
    assert found["most_steps_lost"] <= found["checkpoint_every"]
    ways = {stop["way"] for trial in found["each"] for stop in trial["stops"]}
    assert ways == {"clock", "writing", "file", "interrupt"}


@pytest.mark.parametrize("run", [RUNS[0], *OTHER_RUNS[::3]], ids=name_of)
def test_the_base_model_still_gives_the_recorded_answers(run):
    """The recorded runs were made with the model that ships: its greedy answers are the recorded ones."""
    from course_lib.evaluation import evaluate
    from course_lib.tasks import load_rows

    table = pd.read_csv(run / "07_evaluation/before_greedy.csv", dtype=str, keep_default_na=False).head(40)
    rows = load_rows(get_preset(run.parent.name).task, "test", 40)
    found = evaluate(load_model("tiny"), load_tokenizer("tiny"), rows, "greedy")
    assert list(table["question"]) == list(found["question"])
    # Two machines may round differently where two tokens are nearly equal.
    assert (found["completion"] == table["completion"]).mean() >= 0.95


@pytest.mark.parametrize("run", [RUNS[0], *OTHER_RUNS[::3]], ids=name_of)
def test_the_reference_is_the_first_recorded_run(run):
    reference = REFERENCE / get_preset(run.parent.name).task
    for name in ("06_training/run.json", "06_training/log.csv", "07_evaluation/results.json"):
        assert (reference / name).read_bytes() == (run / name).read_bytes()
    assert (reference / "06_training/adapter/adapter_model.safetensors").exists()
