"""The shipped model: Gemma 3's architecture, template and ids, whole files, a tokenizer for any text."""

from __future__ import annotations

import json
import pickle
import random
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from course_lib import models
from course_lib.artifacts import REFERENCE
from course_lib.errors import ModelFileError
from course_lib.presets import get_preset
from course_lib.prompts import EOS_IDS, build_prompt

ADAPTER = REFERENCE / "toy_math/06_training/adapter"


@pytest.fixture(scope="module")
def tokenizer():
    return models.load_tokenizer("tiny")


@pytest.fixture(scope="module")
def model():
    return models.load_model("tiny")


def test_architecture(model):
    config = model.config
    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert config.layer_types == ["sliding_attention"] * 5 + ["full_attention"]
    assert config.head_dim == config.query_pre_attn_scalar
    assert config.vocab_size % 128 == 0
    assert all(size % 32 == 0 for size in (config.hidden_size, config.intermediate_size, config.head_dim))
    assert config.final_logit_softcapping is None and config.attn_logit_softcapping is None
    assert config.tie_word_embeddings
    assert (config.pad_token_id, config.bos_token_id, list(config.eos_token_id)) == (0, 2, list(EOS_IDS))
    assert config.rope_parameters["full_attention"]["rope_theta"] == 1e6
    assert config.rope_parameters["sliding_attention"]["rope_theta"] == 1e4


def test_files_are_small_and_safe():
    sizes = {path.name: path.stat().st_size for path in models.TINY.iterdir()}
    assert sum(sizes.values()) <= 8 * 2**20
    assert not [name for name in sizes if name.endswith((".bin", ".pt", ".pkl", ".py"))]
    with safe_open(models.TINY / "model.safetensors", "pt") as weights:
        assert "model.embed_tokens.weight" in weights.keys() and "lm_head.weight" not in weights.keys()  # noqa: SIM118


def test_the_recipe_says_how_it_was_made():
    recipe = json.loads((models.TINY / "recipe.json").read_text())
    assert {"seed", "config", "styles", "phases", "seconds", "machine"} <= set(recipe)
    assert recipe["seconds"] > 0 and len(recipe["log"]) > 100


def test_special_tokens_have_gemmas_ids(tokenizer):
    ids = {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<start_of_turn>": 105, "<end_of_turn>": 106}
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in ids} == ids
    assert not {"<reasoning>", "<answer>"} & set(tokenizer.all_special_tokens)  # decoding would drop them


def test_the_template_is_gemmas(tokenizer):
    def render(messages, **options):
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)

    user = {"role": "user", "content": " Hello "}
    assert render([user], add_generation_prompt=True) == (
        "<bos><start_of_turn>user\nHello<end_of_turn>\n<start_of_turn>model\n"
    )
    system = {"role": "system", "content": "Be brief."}
    reply = {"role": "assistant", "content": "Hi"}
    assert render([system, user, reply, user]) == (
        "<bos><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\nHi<end_of_turn>\n"
        "<start_of_turn>user\nHello<end_of_turn>\n"
    )
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert "user\nHello<end_of_turn>" in render(parts)
    ids = tokenizer.apply_chat_template(build_prompt("How many?"), add_generation_prompt=True)["input_ids"]
    assert ids.count(2) == 1 and ids[0] == 2


def test_any_text_survives_the_tokenizer(tokenizer):
    rng = random.Random(0)
    for _ in range(500):
        text = "".join(chr(rng.choice([rng.randrange(1, 0x250), rng.randrange(0xE000, 0x1F700)])) for _ in range(40))
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == text
    assert len(tokenizer("2026", add_special_tokens=False).input_ids) == 4  # single digits


def test_damaged_and_missing_files_are_named(tmp_path, monkeypatch):
    copy = tmp_path / "tiny"
    shutil.copytree(models.TINY, copy)
    monkeypatch.setattr(models, "TINY", copy)
    models.load_tokenizer("tiny")
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelFileError, match="model.safetensors is damaged.*reinstall"):
        models.load_model("tiny")
    weights.unlink()
    with pytest.raises(ModelFileError, match="model.safetensors is missing.*reinstall"):
        models.load_model("tiny")


def test_a_folder_without_a_model_and_a_folder_without_an_adapter_are_named(tmp_path, model):
    with pytest.raises(ModelFileError, match="no config.json"):
        models.load_model(str(tmp_path))
    with pytest.raises(ModelFileError, match="holds no adapter"):
        models.load_adapter(model, tmp_path)
    (tmp_path / "adapter_config.json").write_text("{")
    with pytest.raises(ModelFileError, match="cannot be loaded: adapter_model.safetensors is missing; train it again"):
        models.load_adapter(model, tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"half")
    with pytest.raises(ModelFileError, match="adapter_model.safetensors is damaged"):
        models.load_adapter(model, tmp_path)


def test_a_pickle_is_never_read(tmp_path, model):
    """Weights in PyTorch's old form run whatever they hold when they are unpickled; here they are not even opened."""

    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    for folder, name in (("model", "pytorch_model.bin"), ("adapter", "adapter_model.bin")):
        shutil.copytree(models.TINY if folder == "model" else ADAPTER, tmp_path / folder)
        for weights in (tmp_path / folder).glob("*.safetensors"):
            weights.unlink()
        with open(tmp_path / folder / name, "wb") as file:
            pickle.dump({"weight": Trap()}, file)
    with pytest.raises(ModelFileError, match="safetensors"):
        models.load_model(str(tmp_path / "model"))
    with pytest.raises(ModelFileError, match="adapter_model.safetensors is missing"):
        models.load_adapter(model, tmp_path / "adapter")
    assert not (tmp_path / "sprung").exists()


def test_lora_sits_on_all_seven_projections_and_starts_as_the_base_model(model, tokenizer):
    import copy

    from peft import get_peft_model

    preset = get_preset("laptop")
    base = copy.deepcopy(model)
    adapted = get_peft_model(copy.deepcopy(model), models.lora_config(preset))
    wrapped = {name.rsplit(".", 1)[-1] for name, m in adapted.named_modules() if hasattr(m, "lora_A") and m.lora_A}
    assert wrapped == set(models.LORA_TARGETS)
    per_layer = sum(
        sum(getattr(base.model.layers[0], part).get_submodule(name).weight.shape)
        for part, names in (("self_attn", models.LORA_TARGETS[:4]), ("mlp", models.LORA_TARGETS[4:]))
        for name in names
    )
    assert models.count_parameters(adapted)[1] == preset.lora_rank * per_layer * base.config.num_hidden_layers
    ids = tokenizer("12+5=17", return_tensors="pt").input_ids
    with torch.inference_mode():
        assert torch.equal(adapted(ids).logits, base(ids).logits)
