"""The estimator counts what the real libraries have, and its peaks were compared with measured ones."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from course_lib.artifacts import REFERENCE, read_json
from course_lib.errors import SettingError
from course_lib.memory import RUNTIME, T4_BYTES, _cache, _saved, estimate, fits, memory_now
from course_lib.models import TINY, count_parameters, load_model, lora_config
from course_lib.presets import PRESETS, get_preset
from course_lib.shapes import GEMMA3_1B, Shape, shape_of
from measure_memory import ROOT, SETTINGS, estimated

RECORDED = read_json(ROOT / "recorded/memory.json")
BAND = (0.80, 1.20)  # estimated / measured, of a setting's peak
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
LORA_COUNTS = {8: 6_522_880, 16: 13_045_760, 32: 26_091_520, 64: 52_183_040}


@pytest.fixture(scope="module")
def one_b():
    """Gemma 3 1B as transformers builds it, without memory behind its numbers."""
    import torch
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    config = Gemma3TextConfig(
        hidden_size=1152, num_hidden_layers=26, num_attention_heads=4, num_key_value_heads=1, head_dim=256,
        intermediate_size=6912, vocab_size=262144, sliding_window=512, max_position_embeddings=32768,
    )  # fmt: skip
    with torch.device("meta"):
        return Gemma3ForCausalLM(config)


def trainable_after(model, **changes) -> int:
    """What PEFT makes trainable on the meta device; the model is left as it was."""
    import torch
    from peft import LoraConfig, get_peft_model

    with torch.device("meta"):
        policy = get_peft_model(model, LoraConfig(**changes))
    count = count_parameters(policy)[1]
    policy.unload()
    return count


def test_the_1b_shape_has_the_known_number_of_parameters(one_b):
    assert count_parameters(one_b)[0] == GEMMA3_1B.parameters == 999_885_952
    assert one_b.config.layer_types.count("full_attention") == GEMMA3_1B.full


@pytest.mark.parametrize(("rank", "known"), LORA_COUNTS.items())
def test_lora_on_the_1b_shape_has_the_known_number_of_parameters(one_b, rank, known):
    targets = list(GEMMA3_1B.linears())
    assert trainable_after(one_b, r=rank, target_modules=targets) == GEMMA3_1B.lora_parameters(rank) == known


def test_lora_on_attention_alone(one_b):
    found = trainable_after(one_b, r=8, target_modules=list(ATTENTION))
    assert found == GEMMA3_1B.lora_parameters(8, ATTENTION) == 1_490_944


@pytest.fixture(scope="module")
def policy():
    from peft import get_peft_model

    return get_peft_model(load_model("tiny"), lora_config(get_preset("laptop"))).train()


def test_the_tiny_shape_is_read_from_its_config(policy):
    every, trainable = count_parameters(policy)
    shape = shape_of("tiny")
    assert (shape.parameters + trainable, shape.lora_parameters(8)) == (every, trainable)
    assert shape_of(str(TINY)) == shape and shape_of("google/gemma-3-1b-it") == GEMMA3_1B


def bytes_kept(model, rows: int, tokens: int) -> int:
    """The bytes that autograd keeps of a forward pass, each storage once, parameters left out."""
    import torch

    ids = torch.randint(110, 600, (rows, tokens))
    mask = torch.ones_like(ids)
    mask[0, 0] = 0  # padding, so that attention gets a mask
    seen, alive = {p.untyped_storage().data_ptr(): 0 for p in model.parameters()}, []

    def keep(tensor):
        alive.append(tensor)  # so that no other tensor gets its address
        seen.setdefault(tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False)
    return sum(seen.values())


@pytest.mark.parametrize(("rows", "tokens"), [(4, 60), (8, 160), (2, 300)])
def test_activations_are_what_autograd_keeps(policy, rows, tokens):
    shape = shape_of("tiny")
    guess = shape.layers * _saved(shape, 8, rows, tokens, 4)
    assert guess == pytest.approx(bytes_kept(policy, rows, tokens), rel=0.01)


def test_checkpointing_keeps_the_layers_inputs():
    from peft import get_peft_model

    model = get_peft_model(load_model("tiny"), lora_config(get_preset("laptop"))).train()
    model.gradient_checkpointing_enable({"use_reentrant": False})
    model.enable_input_require_grads()
    preset = get_preset("laptop", gradient_checkpointing=True, prompts_per_step=1, max_completion_length=60)
    guess = estimate(preset, prompt_tokens=100).moments["loss"]["activations"]
    layers = shape_of("tiny").layers
    # and the input of the last norm, which the estimate leaves out
    assert guess * (layers + 1) / layers == pytest.approx(bytes_kept(model, 8, 160), rel=0.01)


@pytest.mark.parametrize("tokens", [50, 128, 300])
def test_the_cache_is_what_transformers_keeps(policy, tokens):
    """Seen in the source, and asserted since it may change: a sliding layer holds window - 1 tokens, not all."""
    import torch

    with torch.inference_mode():
        cache = policy(input_ids=torch.randint(110, 600, (3, tokens)), use_cache=True).past_key_values
    held = sum(layer.keys.nbytes + layer.values.nbytes for layer in cache.layers)
    assert held == _cache(shape_of("tiny"), 3, tokens, 4)


@pytest.mark.parametrize("name", RECORDED["settings"])
def test_recorded_peaks_are_near_the_estimate(name):
    row = RECORDED["settings"][name]
    again = estimated(row["overrides"], row["shape"], row["prompt_tokens"], row["completion_tokens"])
    assert again == row["estimated"], "the estimator has changed: run tools/measure_memory.py"
    assert row["ratio"] == max(again.values()) / max(row["measured"].values())
    assert BAND[0] <= row["ratio"] <= BAND[1]


def test_all_settings_are_recorded_on_both_shapes():
    assert {name: row["overrides"] for name, row in RECORDED["settings"].items()} == SETTINGS
    assert {row["shape"] for row in RECORDED["settings"].values()} == {"tiny", "1B"}
    assert RECORDED["machine"]["gpu"] is None
    for row in RECORDED["settings"].values():
        assert RUNTIME["cpu"] == pytest.approx(row["imports"], rel=0.25)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_presets_state_what_is_estimated(preset):
    assert preset.memory_gb == pytest.approx(estimate(preset).total / 1e9, rel=0.25)


def test_the_laptop_preset_states_what_was_recorded():
    peak = read_json(REFERENCE / "toy_math/06_training/run.json")["peak_memory_gb"]
    assert get_preset("laptop").memory_gb == pytest.approx(peak, rel=0.25)


def test_the_t4_preset_fits_a_t4_with_room_to_spare():
    preset = get_preset("t4")
    assert fits(preset, T4_BYTES)[0] and estimate(preset).total < 0.75 * T4_BYTES
    assert "of 15.8 GB" in fits(preset, T4_BYTES)[1]


@pytest.mark.parametrize(
    ("changes", "part", "mend"),
    [
        ({"gradient_checkpointing": False}, "activations", {"gradient_checkpointing": True}),
        ({"accumulation": 2}, "logits", {"accumulation": 4}),
        ({"accumulation": 32, "max_completion_length": 16000, "beta": 0.0}, "logits", {"max_completion_length": 8000}),
        ({"prompts_per_step": 64, "accumulation": 256}, "activations", {"prompts_per_step": 32}),
        (
            {"prompts_per_step": 128, "accumulation": 512, "max_prompt_length": 16},
            "KV cache",
            {"prompts_per_step": 64},
        ),
        ({"lora_rank": 2048}, "LoRA", {"lora_rank": 1024}),
    ],
)
def test_what_does_not_fit_is_told_with_the_mend(changes, part, mend):
    preset = get_preset("t4", **changes)
    found, (fit, sentence) = estimate(preset), fits(preset, T4_BYTES)
    (field, value), after = next(iter(mend.items())), estimate(replace(preset, **mend))
    assert not fit and max(found.parts, key=found.parts.get) == part
    assert f"the {part} of" in sentence and f"First set {field} to {value};" in sentence
    assert after.total < found.total and f"then it is {after.total / 1e9:.1f} GB" in sentence


def test_following_the_mends_leads_to_a_fit():
    preset, mends = get_preset("t4", accumulation=1, gradient_checkpointing=False, max_completion_length=2048), 0
    while not (told := fits(preset, T4_BYTES))[0]:
        field, value = re.search(r"First set (\w+) to (\w+);", told[1]).groups()
        preset = replace(preset, **{field: True if value == "True" else int(value)})
        mends += 1
        assert mends < 20
    assert preset.gradient_checkpointing and preset.accumulation > 8 and preset.max_completion_length == 2048


def test_where_no_mend_is_left_it_says_so():
    least = get_preset("t4", prompts_per_step=1, group_size=2, accumulation=2, max_completion_length=1, lora_rank=1)
    assert "First set load_in_4bit to True" in fits(least, 10**9)[1]
    for setting, device in ((least, "cpu"), (replace(least, load_in_4bit=True), "cuda")):  # 4 bits need a GPU
        fit, sentence = fits(setting, 10**6, device=device)
        assert not fit and sentence.endswith("nothing in the preset would lower that: take a smaller model.")


def test_each_setting_moves_what_it_should():
    preset = get_preset("t4")
    base = estimate(preset).moments

    def moved(**changes):
        after = estimate(replace(preset, **changes)).moments
        return {(m, p) for m in base for p in base[m] if after.get(m, {}).get(p) != base[m][p]}

    assert moved(gradient_checkpointing=False) == {("loss", "activations"), ("backward", "activations")}
    smaller = {("loss", "activations"), ("backward", "activations"), ("loss", "logits"), ("reference", "logits")}
    assert moved(accumulation=16) == smaller  # generation takes a whole step's completions at once
    assert {m for m, _ in moved(beta=0.0)} == {"reference"} and "reference" in base
    assert {p for _, p in moved(lora_rank=8)} == {"LoRA", "activations"}
    assert {p for _, p in moved(load_in_4bit=True)} == {"weights", "LoRA"}
    assert {p for _, p in moved(optimizer="adamw_8bit")} == {"LoRA"}
    half = estimate(replace(preset, dtype="bfloat16")).moments
    assert half["decode"]["weights"] * 2 == base["decode"]["weights"]
    assert half["decode"]["KV cache"] * 2 == base["decode"]["KV cache"]
    assert half["loss"]["logits"] == base["loss"]["logits"]  # accelerate turns them into float32


def test_logits_by_hand():
    """4 completions, 385 positions, 262,144 tokens, 4 bytes; as much again for the gradient."""
    assert estimate(get_preset("t4")).moments["loss"]["logits"] == 2 * 4 * 385 * 262_144 * 4


def test_four_bits_by_hand():
    small = Shape(64, 1, 0, 1, 1, 64, 64, 100, 10)
    assert small.linear_parameters == 7 * 64 * 64
    packed = int(7 * 64 * 64 * (0.5 + 1 / 64 + 1 / 4096))
    others = 100 * 64 + 4 * 64 + 2 * 64 + 64 + 64 * 64  # embedding, norms, one matrix opened
    found = estimate(get_preset("t4", load_in_4bit=True), small).parts["weights"]
    assert found == packed + 4 * others


def test_what_cannot_be_estimated_is_a_clear_error(tmp_path):
    with pytest.raises(SettingError, match="the shape of someone/model is not known here"):
        shape_of("someone/model")
    with pytest.raises(SettingError, match="choose one of cpu, cuda"):
        estimate(get_preset("smoke"), device="tpu")
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(SettingError, match="is of type llama"):
        shape_of(str(tmp_path))


def test_memory_of_this_process_is_shown():
    told = memory_now()
    assert 0 < told["process, now"] <= told["process, peak"] * 1.05
