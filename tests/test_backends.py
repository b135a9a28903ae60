"""Which backend is chosen and what each is asked for, with GPUs pretended. test_unsloth.py runs the real Unsloth."""

from __future__ import annotations

import sys
import types

import pytest
import torch

from course_lib import backends
from course_lib.errors import SettingError
from course_lib.presets import get_preset
from course_lib.training import grpo_config


@pytest.fixture
def machine(monkeypatch):
    """Pretends: a GPU of that compute capability or none, Unsloth installed or not; no backend has started yet."""

    def pretend(capability: tuple[int, int] | None, unsloth: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: capability is not None)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_, **__: True)  # as torch says on a T4
        monkeypatch.setattr(backends, "find_spec", lambda name: unsloth or None)

    monkeypatch.setattr(backends, "_started", [])
    monkeypatch.delenv("COURSE_BACKEND")
    return pretend


@pytest.mark.parametrize(
    ("capability", "unsloth", "asked", "environment", "chosen"),
    [
        (None, False, "auto", "", "transformers"),
        (None, True, "auto", "", "transformers"),
        ((7, 5), False, "auto", "", "transformers"),
        ((7, 5), True, "auto", "", "unsloth"),
        ((7, 5), True, "transformers", "", "transformers"),
        ((7, 5), True, "unsloth", "transformers", "transformers"),
        (None, True, "unsloth", "", "unsloth"),
        (None, True, "transformers", "unsloth", "unsloth"),
        ((7, 5), True, "transformers", "auto", "unsloth"),
    ],
)
def test_the_backend_follows_environment_preset_and_machine(
    machine, monkeypatch, capability, unsloth, asked, environment, chosen
):
    machine(capability, unsloth)
    monkeypatch.setenv("COURSE_BACKEND", environment)
    assert backends.choose_backend(get_preset("smoke", backend=asked)) == chosen


def test_a_backend_that_cannot_be_had_is_a_clear_error(machine, monkeypatch, tmp_path):
    machine(None)
    with pytest.raises(SettingError, match="not installed here: pip install -r requirements-unsloth.txt"):
        backends.start_backend(get_preset("smoke", backend="unsloth"))
    monkeypatch.setenv("COURSE_BACKEND", "jax")
    with pytest.raises(SettingError, match="unknown backend 'jax'; choose one of: auto, transformers, unsloth"):
        backends.start_backend()
    machine((7, 5), unsloth=True)
    monkeypatch.delenv("COURSE_BACKEND")
    (tmp_path / "unsloth.py").write_text("raise NotImplementedError('no driver')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SettingError, match="cannot be imported .no driver.; set COURSE_BACKEND=transformers"):
        backends.start_backend()
    assert backends._started == []


def test_a_process_keeps_its_backend(machine):
    machine((8, 0), unsloth=True)
    assert backends.start_backend(get_preset("smoke", backend="transformers")) == "transformers"
    assert backends.start_backend() == backends.choose_backend(get_preset("smoke")) == "transformers"
    with pytest.raises(SettingError, match="restart Python with COURSE_BACKEND=unsloth"):
        backends.load_policy(get_preset("smoke", backend="unsloth"), seed=0)


@pytest.mark.parametrize(("capability", "bf16"), [(None, False), ((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_bfloat16_is_there_from_compute_capability_8(machine, capability, bf16):
    machine(capability)
    assert backends.has_bf16() is bf16


def test_the_trainer_computes_in_the_presets_dtype_or_says_why_not(machine, monkeypatch, tmp_path):
    machine(None)
    wide = get_preset("smoke", dtype="bfloat16")
    with pytest.raises(SettingError, match="compute capability 8.0 or more.*set dtype float32"):
        grpo_config(wide, tmp_path, 0)
    config = grpo_config(get_preset("smoke"), tmp_path, 0)
    assert (config.bf16, config.fp16) == (False, False)
    monkeypatch.setattr(backends, "has_bf16", lambda: True)
    config = grpo_config(wide, tmp_path, 0)
    assert (config.bf16, config.fp16) == (True, False)


def test_settings_that_a_machine_cannot_have_are_refused(machine, monkeypatch):
    machine(None)
    with pytest.raises(SettingError, match="4bit needs a GPU.*set it to false"):
        backends.load_policy(get_preset("smoke", load_in_4bit=True), 0)
    machine((7, 5))
    with pytest.raises(SettingError, match="pip install bitsandbytes"):
        backends.load_policy(get_preset("smoke", load_in_4bit=True), 0)
    monkeypatch.setattr(backends, "_started", ["unsloth"])
    machine((8, 0), unsloth=True)
    with pytest.raises(SettingError, match="vllm 'colocate' goes with transformers"):
        backends.load_policy(get_preset("smoke", vllm="colocate"), 0)


def test_four_bits_reach_the_model(machine, monkeypatch):
    machine((8, 0))
    monkeypatch.setattr(backends, "find_spec", lambda name: name == "bitsandbytes" or None)
    monkeypatch.setattr(backends, "load_model", lambda *args, **kwargs: (args, kwargs))
    (args, kwargs), lora = backends.load_policy(get_preset("smoke", load_in_4bit=True, dtype="bfloat16"), 0)
    assert args == ("tiny",) and kwargs["dtype"] == torch.bfloat16 and lora.r == 8
    four = kwargs["quantization_config"]
    assert four.load_in_4bit and four.bnb_4bit_compute_dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("capability", "dtype", "asked"),
    [
        (None, "float32", torch.float32),
        ((7, 5), "float32", None),  # Unsloth then takes its float32 mode for Gemma 3
        ((8, 0), "float32", torch.float32),
        ((8, 0), "bfloat16", torch.bfloat16),
    ],
)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_what_unsloth_is_asked_for(machine, monkeypatch, capability, dtype, asked, checkpointing):
    """A stand-in notes the arguments: Unsloth's GPU code cannot run here. test_drift.py checks their names."""
    seen = []

    class FastModel:
        @staticmethod
        def from_pretrained(**options):
            seen.append(options)
            return "model", "a tokenizer that pads on the right"

        @staticmethod
        def get_peft_model(model, **options):
            seen.append(options)
            return model + " with LoRA"

    machine(capability, unsloth=True)
    monkeypatch.setitem(sys.modules, "unsloth", types.SimpleNamespace(FastModel=FastModel))
    preset = get_preset("smoke", backend="unsloth", dtype=dtype, gradient_checkpointing=checkpointing, lora_rank=4)
    assert backends.load_policy(preset, seed=7) == ("model with LoRA", None)
    loading, lora = seen
    kind = "unsloth" if checkpointing and capability else checkpointing
    assert loading["use_gradient_checkpointing"] == lora["use_gradient_checkpointing"] == kind
    assert loading["dtype"] == asked and loading["load_in_4bit"] is False and loading["fast_inference"] is False
    assert loading["max_seq_length"] == preset.max_prompt_length + preset.max_completion_length
    assert (lora["r"], lora["lora_alpha"], lora["lora_dropout"], lora["random_state"]) == (4, 16, 0.0, 7)
