"""The claim of the course: GRPO teaches the tiny model to reason, on held-out problems, from rewards alone.

This trains the laptop preset as it stands (minutes on two cores), so it runs alone, with all cores.
"""

from __future__ import annotations

import json

import pytest

from course_lib.evaluation import STRATEGIES, evaluate, results
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.rewards import get_suite
from course_lib.tasks import check_leakage, preset_rows
from course_lib.training import train

pytestmark = pytest.mark.learning
SEED = 7  # none of the recorded seeds


def test_the_laptop_preset_learns(tmp_path):
    preset = get_preset("laptop")
    rows = preset_rows(preset, SEED)
    assert check_leakage(rows["train"], rows["test"]) >= 500
    tokenizer = load_tokenizer(preset.model)

    def measure(model):
        return {s: evaluate(model, tokenizer, rows["test"], s, batch_size=preset.eval_batch) for s in STRATEGIES}

    before = measure(load_model(preset.model))
    done = train(preset, get_suite("starter"), rows["train"], tmp_path, SEED, quiet=True)
    after = measure(load_adapter(load_model(preset.model), done.adapter))
    found = results(preset, SEED, done.steps, done.train_seconds, before, after)
    print(json.dumps(found, indent=1))

    was, now = found["before"], found["after"]
    assert was["sampled"]["accuracy"] <= 0.40 and was["sampled"]["format"] <= 0.30
    assert was["greedy"]["accuracy"] <= 0.35
    assert now["sampled"]["accuracy"] >= 0.80 and now["sampled"]["format"] >= 0.95
    assert now["greedy"]["accuracy"] >= 0.90
    assert found["paired"]["p"] < 1e-6 and found["paired"]["fixed"] > found["paired"]["broken"]
    assert now["sampled"]["mean_length"] > was["sampled"]["mean_length"]
    assert json.loads((tmp_path / "run.json").read_text())["peak_memory_gb"] < 4
