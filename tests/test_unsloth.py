"""Unsloth's own code, on a CPU in an environment of its own: it trains the same adapter as transformers and PEFT."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

import unsloth_steps
from course_lib.backends import load_policy
from course_lib.models import LORA_TARGETS, load_adapter, load_model, load_tokenizer
from course_lib.presets import get_preset
from course_lib.prompts import EOS_IDS, build_prompt

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-unsloth/bin/python"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("unsloth")]  # one worker, so that it runs once


def run(*command: str | Path, folder: Path, **env: str) -> str:
    """What a command in Unsloth's environment prints."""
    if not PYTHON.exists():
        pytest.fail("Unsloth's environment is not there: make unsloth")
    env = os.environ | {"COURSE_BACKEND": "unsloth", "PYTHONPATH": str(ROOT)} | env
    done = subprocess.run([PYTHON, *command], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr[-3000:]}\nAfter an upgrade: rm -r .venv-unsloth && make unsloth"
    return done.stdout


@pytest.fixture(scope="session")
def unsloth(tmp_path_factory):
    """The folder that two steps with Unsloth have left."""
    folder = tmp_path_factory.mktemp("unsloth")
    run(ROOT / "tests/unsloth_steps.py", folder, folder=folder)
    return folder


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """The same with transformers and PEFT, here; and what was seen of it."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, unsloth_steps.steps(folder)


def test_both_put_the_same_lora_on_the_model(unsloth, plain):
    seen = json.loads((unsloth / "seen.json").read_text())
    assert json.loads((unsloth / "run.json").read_text())["machine"]["unsloth"]
    assert seen.pop("auto") == "transformers"  # installed, but there is no GPU
    assert seen.pop("adapters") == ["default", "ref"]  # the reference is a copy here: see save_pretrained in training
    assert seen["targets"] == sorted(LORA_TARGETS) and seen["eos"] == sorted(EOS_IDS)
    expected = dict(plain[1])
    assert expected.pop("adapters") == ["default"]
    assert seen == expected


def test_both_start_from_the_same_weights(unsloth, plain):
    theirs, ours = (load_file(folder / "start.safetensors") for folder in (unsloth, plain[0]))
    assert theirs.keys() == ours.keys() and all(torch.equal(theirs[name], ours[name]) for name in ours)
    other = get_peft_model_state_dict(_peft(seed=1))
    assert any(not torch.equal(other[name], ours[name]) for name in ours)  # it is the seed that makes them equal


def _peft(seed: int):
    from peft import get_peft_model

    torch.manual_seed(seed)
    return get_peft_model(*load_policy(get_preset("smoke"), seed))


def test_both_end_at_nearly_the_same_adapter(unsloth, plain):
    """Not the same: Unsloth takes the fused AdamW."""
    assert sorted(p.name for p in (unsloth / "adapter").iterdir()) == sorted(
        p.name for p in (plain[0] / "adapter").iterdir()
    )
    start, theirs, ours = (
        load_file(path)
        for path in (
            plain[0] / "start.safetensors",
            unsloth / "adapter/adapter_model.safetensors",
            plain[0] / "adapter/adapter_model.safetensors",
        )
    )
    moved = max((ours[name] - start[name]).abs().max() for name in ours)
    apart = max((ours[name] - theirs[name]).abs().max() for name in ours)
    assert apart <= 1e-4 * moved + 1e-5 < moved / 100


def test_what_unsloth_merges_is_the_model_with_its_adapter(unsloth):
    """It saves in bfloat16, whose 8 bits of mantissa round each weight by up to 2^-9 of itself."""
    merged, adapted = load_model(str(unsloth / "merged")), load_adapter(load_model("tiny"), unsloth / "adapter")
    tokenizer = load_tokenizer(str(unsloth / "merged"))
    ids = load_tokenizer("tiny").apply_chat_template(build_prompt("2 + 3?"), add_generation_prompt=True)["input_ids"]
    again = tokenizer.apply_chat_template(build_prompt("2 + 3?"), add_generation_prompt=True)["input_ids"]
    assert again == ids and tokenizer.padding_side == "left"
    with torch.inference_mode():
        base = load_model("tiny")
        theirs, wanted, before = (model(torch.tensor([ids])).logits for model in (merged, adapted, base))
    tolerance = 0.1
    assert (theirs - wanted).abs().max() < tolerance < (wanted - before).abs().max()
    whole = dict(adapted.merge_and_unload().named_parameters())
    for name, weight in merged.named_parameters():
        assert torch.equal(weight, whole[name].to(torch.bfloat16).float()), name


def test_chapter_6_runs_on_unsloth_and_imports_it_first(tmp_path):
    script = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); order = list(sys.modules);"
        "print('first:', min(['unsloth_zoo', 'trl', 'transformers', 'peft'], key=order.index))"
    )
    chapter = ROOT / "notebooks/06_training.py"
    out = run("-c", script, chapter, folder=tmp_path, COURSE_PRESET="smoke", COURSE_RUNS=str(tmp_path / "runs"))
    assert "backend unsloth" in out and out.endswith("first: unsloth_zoo\n")


def test_without_a_network_the_environment_says_what_to_do(tmp_path):
    tool, pins = ROOT / "tools/make_extra_venv.py", ROOT / "requirements-unsloth.txt"
    command = [sys.executable, tool, tmp_path / "venv", pins, "--no-deps"]
    env = os.environ | {"PIP_NO_INDEX": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Without a network nothing can be installed" in done.stderr
    assert "Traceback" not in done.stderr
