"""The claim of the course: GRPO teaches the tiny model to reason, on held-out problems, from rewards alone.

This trains the laptop preset as it stands on each toy task: minutes for each.
"""

from __future__ import annotations

import json

import pytest

from course_lib.evaluation import measure, results
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.rewards import get_suite
from course_lib.tasks import check_leakage, preset_rows
from course_lib.training import train

pytestmark = pytest.mark.learning
SEED = 7  # none of the recorded seeds


def learn(name, folder):
    """Train a preset and measure it before and after: (results, record of the training)."""
    preset = get_preset(name)
    rows = preset_rows(preset, SEED)
    assert check_leakage(rows["train"], rows["test"]) >= 500
    tokenizer = load_tokenizer(preset.model)
    before = measure(load_model(preset.model), tokenizer, rows["test"], preset)
    done = train(preset, get_suite(preset.suite_name), rows["train"], folder, SEED, quiet=True)
    after = measure(load_adapter(load_model(preset.model), done.adapter), tokenizer, rows["test"], preset)
    found = results(preset, SEED, done.steps, done.train_seconds, before, after)
    print(json.dumps(found, indent=1))
    return found, json.loads((folder / "run.json").read_text())


def test_the_laptop_preset_learns_to_reason(tmp_path):
    found, record = learn("laptop", tmp_path)
    was, now = found["before"], found["after"]
    assert was["sampled"]["accuracy"] <= 0.40 and was["sampled"]["format"] <= 0.30
    assert was["greedy"]["accuracy"] <= 0.35
    assert now["sampled"]["accuracy"] >= 0.80 and now["sampled"]["format"] >= 0.95
    assert now["greedy"]["accuracy"] >= 0.90
    assert found["paired"]["p"] < 1e-6 and found["paired"]["fixed"] > found["paired"]["broken"]
    assert now["sampled"]["mean_length"] > was["sampled"]["mean_length"]
    assert record["peak_memory_gb"] < 4


@pytest.mark.parametrize("task", ["toy_choice", "toy_rubric"])
def test_the_laptop_preset_learns_the_other_toy_tasks(tmp_path, task):
    found, _ = learn(f"laptop-{task}", tmp_path)
    was, now = found["before"], found["after"]
    assert now["sampled"]["accuracy"] >= was["sampled"]["accuracy"] + 0.20
    assert now["sampled"]["accuracy_interval"][0] > was["sampled"]["accuracy_interval"][1]
    assert now["sampled"]["score_interval"][0] > was["sampled"]["score_interval"][1]
    assert now["sampled"]["format"] >= 0.90
    assert found["paired"]["p"] < 1e-6 and found["paired"]["fixed"] > found["paired"]["broken"]
