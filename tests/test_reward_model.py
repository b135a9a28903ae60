"""A learned reward: a classifier that is really trained (for some steps), saved, loaded, resumed and used by GRPO."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import trl
from safetensors.torch import load_file
from transformers import AutoModelForSequenceClassification, TrainerCallback

from course_lib import training
from course_lib.artifacts import read_json
from course_lib.errors import DataError, ModelFileError
from course_lib.grading import grade
from course_lib.hacks import hack_table, toy_rows
from course_lib.models import load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.prompts import format_completion
from course_lib.reward_model import (
    MAX_TOKENS,
    encode,
    learned_suite,
    load_reward,
    pair_accuracy,
    sample_pairs,
    score,
    train_reward_model,
)

pytestmark = pytest.mark.slow
SETTINGS = {"steps": 12, "batch_size": 8, "checkpoint_every": 4, "seed": 1}


def written_pairs(n: int, seed: int) -> list[dict]:
    """Right and worked against wrong and blurted."""
    return [
        {
            "prompt": row["prompt"],
            "question": row["question"],
            "chosen": format_completion(row["worked"], row["answer"]),
            "rejected": f"<answer>{int(row['answer']) + 1}</answer>",
        }
        for row in toy_rows("number", n, seed)
    ]


@pytest.fixture(scope="module")
def pairs():
    return written_pairs(96, seed=1)


@pytest.fixture(scope="module")
def trained(pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reward")
    return folder, train_reward_model(pairs, folder, **SETTINGS)


@pytest.fixture(scope="module")
def reward(trained):
    return load_reward(trained[0])


def test_the_loss_falls_and_what_is_left_is_small_and_safe(trained):
    folder, log = trained
    losses = [float(entry["loss"]) for entry in log]
    assert [entry["step"] for entry in log] == list(range(1, 13))
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert {p.suffix for p in folder.iterdir()} <= {".safetensors", ".json", ".jinja"}
    assert load_file(folder / "model.safetensors")["score.weight"].shape == (1, 128)


def test_the_saved_model_gives_the_scores_of_the_trained_one(trained, pairs):
    """The scale was measured before saving; a reloaded model measures the same."""
    folder, _ = trained
    classifier, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), load_tokenizer("tiny")
    texts = [encode(tokenizer, pair["prompt"], pair[side]) for pair in pairs for side in ("chosen", "rejected")]
    scores, scale = score(classifier, tokenizer, texts), read_json(folder / "scale.json")
    assert (scores.mean(), scores.std()) == pytest.approx((scale["mean"], scale["std"]), abs=1e-5)
    assert scores[::2].mean() > scores[1::2].mean()


def test_it_is_a_reward_in_trl_s_signature(reward, pairs):
    texts, prompts = [p["chosen"] for p in pairs[:5]], [p["prompt"] for p in pairs[:5]]
    values = reward(completions=texts, prompts=prompts, answer=["1"] * 5, task=["toy_math"] * 5)
    assert reward.__name__ == "learned_reward" and len(values) == 5
    assert all(isinstance(v, float) and 0 <= v <= 1 for v in values)
    messages = [[{"role": "assistant", "content": text}] for text in texts]
    assert reward(completions=messages, prompts=prompts) == pytest.approx(values, abs=1e-6)
    tokenizer = load_tokenizer("tiny")
    rendered = [tokenizer.apply_chat_template(p, add_generation_prompt=True, tokenize=False) for p in prompts]
    assert reward(completions=texts, prompts=rendered) == pytest.approx(values, abs=1e-6)  # as in Tunix
    one_by_one = [reward([text], prompts=[prompt])[0] for text, prompt in zip(texts, prompts, strict=True)]
    assert one_by_one == pytest.approx(values, abs=1e-5)  # padding changes nothing
    with pytest.raises(ValueError, match="5 completions need as many prompts, not 1"):
        reward(texts, prompts=prompts[:1])


def test_odd_completions_get_a_score(reward, pairs):
    odd = [None, "", "<" * 100_000, "\ud800\x00", {}, "<end_of_turn>" * 1000]
    values = reward(odd, prompts=[pairs[0]["prompt"]] * len(odd))
    assert np.isfinite(values).all()
    assert len(encode(load_tokenizer("tiny"), pairs[0]["prompt"], odd[2])) == MAX_TOKENS


def test_held_out_pairs_are_told_apart_and_hacks_get_past_it(reward):
    """It has learned that worked answers are good: so a worked answer with a wrong number passes too."""
    assert pair_accuracy(reward, written_pairs(40, seed=9)) > 0.9
    suite = learned_suite(reward)
    table = hack_table(suite, toy_rows("number", 2)).set_index("hack")
    dressed = table.loc["wrong in the right dress"]
    assert dressed["margin"] < 0.01 and dressed["correctness_reward"] == 0.0


def test_an_interrupted_training_goes_on_bit_for_bit(trained, pairs, tmp_path, monkeypatch):
    class Stop(Exception):
        pass

    class StopAfter6(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == 6:
                raise Stop

    class Stopping(trl.RewardTrainer):
        def __init__(self, **options):
            super().__init__(**options, callbacks=[StopAfter6()])

    with monkeypatch.context() as patched:
        patched.setattr(trl, "RewardTrainer", Stopping)
        with pytest.raises(Stop):
            train_reward_model(pairs, tmp_path, **SETTINGS)
    assert (tmp_path / "checkpoints" / "checkpoint-4").is_dir()
    log = train_reward_model(pairs, tmp_path, **SETTINGS)
    assert [entry["step"] for entry in log] == list(range(1, 13))
    whole, mended = (load_file(folder / "model.safetensors") for folder in (trained[0], tmp_path))
    assert whole.keys() == mended.keys() and all((whole[k] == mended[k]).all() for k in whole)


def test_pairs_from_the_model_s_own_samples():
    rows = toy_rows("number", 16, seed=5)
    answers = {row["question"]: row["answer"] for row in rows}
    pairs = sample_pairs(load_model("tiny"), load_tokenizer("tiny"), rows, per_row=3)
    assert pairs and all(pair.keys() == {"prompt", "question", "chosen", "rejected"} for pair in pairs)
    for pair in pairs:
        assert grade(pair["chosen"], answers[pair["question"]]).correct
        assert not grade(pair["rejected"], answers[pair["question"]]).correct
    impossible = [row | {"answer": "123456"} for row in rows[:2]]
    with pytest.raises(DataError, match="both a right and a wrong"):
        sample_pairs(load_model("tiny"), load_tokenizer("tiny"), impossible, per_row=2)


def test_grpo_trains_with_it_and_logs_what_is_right_beside_it(reward, tmp_path):
    settings = get_preset("smoke", steps=2, prompts_per_step=2)
    suite = learned_suite(reward)
    training.make_trainer(settings, suite, toy_rows("number", 4), tmp_path, quiet=True).train()
    log = pd.read_csv(tmp_path / "log.csv")
    assert log["reward"].tolist() == pytest.approx(log["learned_reward"].tolist(), abs=1e-5)
    assert {"correctness_reward", "format_reward"} <= set(log.columns)


def test_a_folder_without_a_whole_model_is_named(tmp_path):
    with pytest.raises(ModelFileError, match="no whole reward model"):
        load_reward(tmp_path)
    (tmp_path / "scale.json").write_text('{"mean": 0, "std": 1}')
    with pytest.raises(ModelFileError, match="cannot be loaded"):
        load_reward(tmp_path)
