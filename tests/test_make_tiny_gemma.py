"""The recipe of the shipped model: it makes this tokenizer and this config, and goes on when interrupted."""

from __future__ import annotations

import json

import pytest
import torch

import make_tiny_gemma as recipe
from course_lib.models import TINY, load_model
from course_lib.tasks import toy_choice, toy_math, toy_rubric
from course_lib.tasks.splits import split_of

TASK_BY_PHRASE = {"final number": toy_math, "right option": toy_choice, "final text": toy_rubric}


@pytest.fixture(scope="module")
def tokenizer():
    return recipe.make_tokenizer()


def test_the_recipe_makes_the_shipped_tokenizer(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / name).read_text() == (TINY / name).read_text()


def test_the_recipe_makes_the_shipped_architecture():
    made, shipped = recipe.make_model(), load_model("tiny")
    assert [(n, p.shape) for n, p in made.named_parameters()] == [(n, p.shape) for n, p in shipped.named_parameters()]
    saved = json.loads((TINY / "recipe.json").read_text())
    assert saved["config"] == recipe.CONFIG and saved["phases"] == recipe.PHASES and saved["seed"] == recipe.SEED
    assert saved["styles"] == recipe.STYLES and saved["tasks"] == recipe.TASK_SHARES
    assert saved["plain"] == recipe.PLAIN_SHARE
    assert (TINY / "README.md").read_text() == recipe.card(sum(p.numel() for p in shipped.parameters()))


def test_shares_of_the_styles_sum_to_one():
    every = [*recipe.STYLES.values(), *recipe.TASK_SHARES.values()]
    assert set(recipe.STYLES) == set(recipe.TASK_SHARES) == set(recipe.PHASES)
    assert all(sum(shares.values()) == pytest.approx(1) for shares in every)


def test_batches_hold_only_train_problems_and_only_answers_are_learned(tokenizer):
    ids, labels = recipe.Batches(tokenizer).get("habit", 3, 32)
    seen = set()
    for row, wanted in zip(ids, labels, strict=True):
        text = tokenizer.decode(row[row != 0])
        asked, question = text.split("<end_of_turn>")[0].split("\n\n", 1)
        task = next(task for phrase, task in TASK_BY_PHRASE.items() if phrase in asked)
        seen.add(task)
        assert split_of(task.read_signature(question.split("\nA) ")[0])) == "train"
        learned = tokenizer.decode(wanted[wanted != -100])
        assert learned == text.rpartition("<start_of_turn>model\n")[2] and learned.endswith("<end_of_turn>")
    assert len(seen) == 3


@pytest.mark.slow
def test_an_interrupted_recipe_goes_on_bit_for_bit(tokenizer, tmp_path, monkeypatch):
    small = {name: {**phase, "steps": 4, "batch": 4} for name, phase in recipe.PHASES.items()}
    monkeypatch.setattr(recipe, "PHASES", small)
    monkeypatch.setattr(recipe, "CHECKPOINT_EVERY", 3)
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    whole = recipe.make_model()
    recipe.train(whole, tokenizer, tmp_path / "whole", "cpu")

    get, calls = recipe.Batches.get, []

    def get_then_stop(self, phase, i, size):
        calls.append((phase, i))
        if len(calls) == 6:  # two steps after the first checkpoint
            raise KeyboardInterrupt
        return get(self, phase, i, size)

    monkeypatch.setattr(recipe.Batches, "get", get_then_stop)
    with pytest.raises(KeyboardInterrupt):
        recipe.train(recipe.make_model(), tokenizer, tmp_path / "cut", "cpu")
    resumed = recipe.make_model()
    recipe.train(resumed, tokenizer, tmp_path / "cut", "cpu")
    assert calls[6] == ("skill", 3)  # from the checkpoint, not from the start
    for one, other in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, other)
