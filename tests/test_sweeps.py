"""One model under several settings."""

from __future__ import annotations

import pytest

from course_lib.artifacts import REFERENCE
from course_lib.errors import SettingError
from course_lib.evaluation import evaluate
from course_lib.models import load_adapter, load_model, load_tokenizer
from course_lib.prompts import PromptStyle
from course_lib.sweeps import Setting, compare_settings, prompt_settings, strategy_settings, temperature_settings
from course_lib.tasks import load_rows


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("tiny")


def test_settings_have_the_names_that_they_stand_for():
    assert list(strategy_settings()) == ["greedy", "conservative", "standard", "creative"]
    assert temperature_settings((0.0, 0.5))["T = 0.5"].strategy.temperature == 0.5
    assert prompt_settings()["plain, 6 shots"] == Setting("greedy", PromptStyle("plain", 6))
    assert len(prompt_settings()) == 6


def test_settings_are_compared_on_the_same_problems(tokenizer):
    trained = load_adapter(load_model("tiny"), REFERENCE / "toy_math/06_training/adapter")
    rows = load_rows("toy_math", "test", 10)
    settings = {"greedy": Setting(), "warm": Setting("creative"), "plain": Setting(style=PromptStyle("plain"))}
    found = compare_settings(trained, tokenizer, rows, settings, runs=3)
    assert list(found.index) == list(settings) and list(found["runs"]) == [1, 3, 1]
    alone = evaluate(trained, tokenizer, rows)
    assert found.at["greedy", "accuracy"] == alone["correct"].mean() and found.at["greedy", "agreement"] == 1.0
    assert found.at["greedy", "length"] == alone["length"].mean() and found.at["greedy", "p"] == 1.0
    warm = evaluate(trained, tokenizer, rows, "creative", samples=3)
    assert found.at["warm", "accuracy"] == pytest.approx(warm["correct"].mean())
    runs = warm.groupby("sample")["correct"].mean()
    assert (found.at["warm", "worst"], found.at["warm", "best"]) == (runs.min(), runs.max())
    assert found.at["warm", "agreement"] < 1
    assert found.at["plain", "broken"] > found.at["plain", "fixed"], "it was trained under one prompt"
    assert ((found["low"] <= found["accuracy"]) & (found["accuracy"] <= found["high"] + 1e-9)).all()
    assert (found["length_10"] <= found["length"]).all() and (found["length"] <= found["length_90"]).all()


def test_nothing_to_compare_is_an_error(tokenizer):
    with pytest.raises(SettingError, match="nothing to compare"):
        compare_settings(None, tokenizer, [], {})
