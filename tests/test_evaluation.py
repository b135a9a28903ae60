"""Evaluation: completions are the model's own, rates and pairs are counted right, twice the same is an error."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from course_lib.artifacts import REFERENCE
from course_lib.errors import CourseError, DataError, SettingError, TrainingError
from course_lib.evaluation import (
    MEASURED,
    Completion,
    evaluate,
    generate,
    log_probability,
    on_gpu,
    read_table,
    results,
    save_tables,
)
from course_lib.metrics import compare, summarise
from course_lib.models import load_adapter, load_model, load_tokenizer, lora_config
from course_lib.presets import get_preset
from course_lib.prompts import build_prompt
from course_lib.statistics import wilson
from course_lib.strategies import STRATEGIES, Strategy
from course_lib.tasks import load_rows

SETTINGS = get_preset("smoke")


def table(correct: list[int], text: str = "a") -> pd.DataFrame:
    n = len(correct)
    return pd.DataFrame(
        {
            "question": [f"q{i}" for i in range(n)],
            "completion": [f"{text}{i}" for i in range(n)],
            "correct": [bool(c) for c in correct],
            "score": [float(c) for c in correct],
            "well_formed": [True] * n,
            "length": range(n),
        }
    )


def test_summary_counts_and_intervals():
    found = summarise(table([1, 1, 0, 1]))
    assert found["accuracy"] == 0.75 and found["format"] == 1.0 and found["mean_length"] == 1.5
    assert found["accuracy_interval"] == list(wilson(3, 4))
    assert found["score"] == 0.75 and found["score_interval"][0] < 0.75 < found["score_interval"][1]


def test_scores_that_are_missing_do_not_count():
    some = table([1, 0]).assign(score=[0.5, None])
    assert summarise(some)["score"] == 0.5
    none = table([1, 0]).assign(score=[None, None])
    assert summarise(none)["score"] is None and summarise(none)["score_interval"] is None


def test_pairs_are_counted():
    found = compare(table([0, 0, 0, 1, 1, 0]), table([1, 1, 0, 0, 1, 1], "b"))
    assert (found["fixed"], found["broken"], found["both_right"], found["both_wrong"]) == (3, 1, 1, 1)
    assert found["p"] == pytest.approx(0.625)
    assert found["difference"] == pytest.approx(2 / 6)
    low, high = found["difference_interval"]
    assert low < found["difference"] < high


def test_the_same_model_twice_is_an_error_not_no_change():
    same = {s: table([0, 1]) for s in MEASURED}
    with pytest.raises(CourseError, match="was the adapter loaded"):
        results(SETTINGS, 0, 2, 1.5, same, same)
    with pytest.raises(CourseError, match="same questions"):
        compare(table([0, 1]), table([0, 1, 1], "b"))


def test_results_have_the_stated_form():
    before = {s: table([0, 0, 1, 0]) for s in MEASURED}
    after = {s: table([1, 1, 1, 0], "b") for s in MEASURED}
    found = results(SETTINGS, 3, 2, 1.5, before, after)
    assert list(found) == ("task preset seed model n train_seconds steps before after paired".split())
    assert (found["n"], found["seed"], found["steps"], found["task"]) == (4, 3, 2, "toy_math")
    assert found["paired"]["fixed"] == 2 and found["paired"]["broken"] == 0
    rates = {"accuracy", "accuracy_interval", "format", "format_interval", "score", "score_interval", "mean_length"}
    assert all(set(found[when][s]) == rates for when in ("before", "after") for s in MEASURED)


@pytest.fixture(scope="module")
def model():
    return load_model("tiny")


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer("tiny")


def test_completions_are_stripped_of_prompt_and_end(model, tokenizer):
    prompts = [row["prompt"] for row in load_rows("toy_math", "test", 6)]
    for done in generate(model, tokenizer, prompts, "greedy"):
        assert "user" not in done.text and "<end_of_turn>" not in done.text and done.ended
        ids = tokenizer(done.text, add_special_tokens=False).input_ids
        assert done.tokens == len(ids) + 1  # the end mark counts


def test_padding_does_not_change_greedy_completions(model, tokenizer):
    prompts = [row["prompt"] for row in load_rows("toy_math", "test", 6)]
    together = generate(model, tokenizer, prompts, "greedy", batch_size=6)
    alone = generate(model, tokenizer, prompts, "greedy", batch_size=1)
    assert [c.text for c in together] == [c.text for c in alone]


def test_sampling_depends_on_the_seed_alone(model, tokenizer):
    prompts = [row["prompt"] for row in load_rows("toy_math", "test", 16)]
    first, same, other = (generate(model, tokenizer, prompts, "sampled", seed=s) for s in (1, 1, 2))
    assert first == same and first != other


def test_a_completion_that_is_cut_off_has_not_ended(model, tokenizer):
    (done,) = generate(model, tokenizer, [build_prompt("How many?")], max_new_tokens=2)
    assert not done.ended and done.tokens == 2


def test_evaluation_grades_each_row(model, tokenizer):
    rows = load_rows("toy_math", "test", 8)
    found = evaluate(model, tokenizer, rows, "greedy")
    assert list(found["gold"]) == [row["answer"] for row in rows]
    assert list(found["steps"]) == [row["steps"] for row in rows]
    right = found[found["correct"]]
    assert all(f"<answer>{row.gold}</answer>" in row.completion for row in right.itertuples())


@pytest.mark.parametrize("task", ["toy_choice", "toy_rubric"])
def test_evaluation_grades_the_other_kinds(model, tokenizer, task):
    rows = load_rows(task, "test", 8)
    found = evaluate(model, tokenizer, rows, "greedy")
    if task == "toy_choice":
        assert all(f"\nA) {row['options'][0]}" in text for row, text in zip(rows, found["question"], strict=True))
        assert list(found["score"]) == list(found["correct"].astype(float))
    else:
        assert found["score"].between(0, 1).all() and (found["score"][found["correct"]] == 1).all()


def test_an_unknown_strategy_is_an_error(model, tokenizer):
    with pytest.raises(SettingError, match="greedy, conservative, standard"):
        generate(model, tokenizer, [build_prompt("How many?")], "wild")


def test_every_strategy_decodes_as_it_says(model, tokenizer):
    rows = load_rows("toy_math", "test", 12)
    told = {name: evaluate(model, tokenizer, rows, name) for name in STRATEGIES}
    assert all(len(table) == 12 for table in told.values())
    greedy = list(told["greedy"]["completion"])
    cold = evaluate(model, tokenizer, rows, Strategy("cold", 1e-4))  # next to greedy
    one = evaluate(model, tokenizer, rows, Strategy("one", 1.5, top_k=1))  # only the likeliest token is left
    assert list(cold["completion"]) == greedy == list(one["completion"])
    assert list(told["sampled"]["completion"]) != greedy
    for wrong in ({"temperature": -1.0}, {"temperature": 1.0, "top_p": 0.0}, {"temperature": 1.0, "top_k": -1}):
        with pytest.raises(SettingError, match="temperature must be"):
            Strategy("wrong", **wrong)


def test_the_temperature_of_the_policy_is_that_of_sampled_alone(model, tokenizer):
    rows = load_rows("toy_math", "test", 8)
    cold = evaluate(model, tokenizer, rows, "sampled", temperature=1e-4)
    assert list(cold["completion"]) == list(evaluate(model, tokenizer, rows, "greedy", temperature=5.0)["completion"])


def test_a_function_is_evaluated_like_a_model(model, tokenizer):
    rows = load_rows("toy_math", "test", 5)

    def ask(prompts):
        return generate(model, tokenizer, prompts)

    pd.testing.assert_frame_equal(evaluate(ask, None, rows), evaluate(model, tokenizer, rows))
    with pytest.raises(SettingError, match="its own way"):
        evaluate(ask, None, rows, "sampled")
    with pytest.raises(CourseError, match="1 completions for 5"):
        evaluate(lambda prompts: [Completion("", 0, True)], None, rows)


def test_several_samples_are_told_apart(model, tokenizer):
    rows = load_rows("toy_math", "test", 3)
    found = evaluate(model, tokenizer, rows, "sampled", samples=4)
    assert list(found["problem"]) == [0] * 4 + [1] * 4 + [2] * 4 and list(found["sample"]) == [0, 1, 2, 3] * 3
    assert list(found["gold"][::4]) == [row["answer"] for row in rows] and found["completion"].nunique() > 3
    for claim in (lambda: summarise(found), lambda: compare(found, found)):
        with pytest.raises(DataError, match="not independent"):
            claim()
    with pytest.raises(DataError, match="nothing to evaluate"):
        evaluate(model, tokenizer, rows, samples=0)


def test_an_adapter_that_has_not_moved_is_an_error(tokenizer):
    from peft import get_peft_model

    rows = load_rows("toy_math", "test", 2)
    fresh = get_peft_model(load_model("tiny"), lora_config(SETTINGS)).eval()
    with pytest.raises(TrainingError, match="not moved"):
        evaluate(fresh, tokenizer, rows)
    moved = load_adapter(load_model("tiny"), REFERENCE / "toy_math/06_training/adapter")
    assert len(evaluate(moved, tokenizer, rows)) == 2
    assert len(evaluate(moved.merge_and_unload(), tokenizer, rows)) == 2


def test_log_probability_is_that_of_the_loss(model, tokenizer):

    prompt, texts = build_prompt("How many?"), ["<answer>3</answer>", "no"]
    found = log_probability(model, tokenizer, prompt, texts)
    asked = tokenizer.apply_chat_template(prompt, add_generation_prompt=True, tokenize=False)
    for text, value in zip(texts, found, strict=True):
        whole = tokenizer(asked + text + "<end_of_turn>", add_special_tokens=False, return_tensors="pt").input_ids
        labels = whole.clone()
        labels[:, : len(tokenizer(asked, add_special_tokens=False).input_ids)] = -100
        with torch.inference_mode():
            loss = model(whole, labels=labels).loss
        assert value == pytest.approx(-float(loss * (labels != -100).sum()), rel=1e-4)


def test_saved_tables_come_back(model, tokenizer, tmp_path):
    found = evaluate(model, tokenizer, load_rows("toy_choice", "test", 6), "sampled")
    found.loc[0, ["answer", "score"]] = [None, None]
    save_tables(tmp_path, {"sampled": found}, {"sampled": found})
    back = read_table(tmp_path / "after_sampled.csv")
    assert list(back.columns) == list(found.columns) and back["answer"].isna()[0] and back["score"].isna()[0]
    pd.testing.assert_frame_equal(back, found, check_dtype=False)


def test_a_model_is_on_the_gpu_while_it_writes_and_goes_back(monkeypatch):
    class Model:
        device = torch.device("cpu")

        def to(self, place):
            self.device = torch.device(place)

    model = Model()
    with on_gpu(model):
        assert model.device.type == "cpu"  # no GPU, nothing moves
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    with on_gpu(model):
        assert model.device.type == "cpu"  # as asked
    monkeypatch.delenv("COURSE_DEVICE")
    with pytest.raises(KeyboardInterrupt), on_gpu(model):
        assert model.device.type == "cuda"
        raise KeyboardInterrupt
    assert model.device.type == "cpu"
