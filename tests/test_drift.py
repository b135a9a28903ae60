"""Every keyword that the course passes to TRL, transformers, PEFT and Unsloth exists in the pinned versions."""

from __future__ import annotations

import sys

import pytest

import drift

# A call, the keyword that it is to have in the place of KEY, and one that does not exist.
CALLS = [
    ("from trl import GRPOConfig; GRPOConfig(output_dir='x', KEY=5)", "max_completion_length", "max_prompt_length"),
    ("import trl as t; t.GRPOConfig(KEY=0.1)", "warmup_steps", "warmup_ratio"),
    ("from trl import GRPOTrainer as G; G(KEY=1)", "model", "modle"),
    ("from peft import LoraConfig; LoraConfig(KEY=8)", "r", "rank"),
    ("from peft import PeftModel; PeftModel.from_pretrained(m, 'x', KEY='a')", "adapter_name", "adapter"),
    ("def f():\n from transformers import AutoTokenizer as A\n A.from_pretrained(1, KEY=2)", "padding_side", "side"),
    ("import transformers; transformers.AutoModelForCausalLM.from_pretrained('x', KEY='y')", "dtype", "dtpe"),
    ("from transformers import AutoModel as A; A.from_pretrained('x', KEY=1)", "num_labels", "labels"),
    ("from transformers import Gemma3TextConfig as C; sizes = dict(KEY=8); C(**sizes)", "hidden_size", "hidden"),
    ("from transformers import BitsAndBytesConfig as B; B(KEY=True)", "load_in_4bit", "load_4bit"),
    ("model.generate(x, KEY=3)", "max_new_tokens", "max_new_token"),
    ("model.generate(**batch, **{'KEY': False})", "do_sample", "do_sampel"),
    ("greedy = {'KEY': None}; load(a).eval().generate(**greedy)", "top_k", "topk"),
    ("trainer.model.save_pretrained('x', KEY=['default'])", "selected_adapters", "selected_adapter"),
    ("tokenizer.decode(ids, KEY=True)", "skip_special_tokens", "skip_special"),
    ("tokenizer.apply_chat_template(m); tokenizer('x', KEY='pt')", "return_tensors", "return_tensor"),
    ("base.generate(x); base(x, KEY=True)", "output_hidden_states", "output_hidden_state"),
    ("trainer.train(KEY=None)", "resume_from_checkpoint", "resume"),
]


def problems_of(source: str, site=None) -> list[str]:
    calls, problems = drift.check({"made_up.py": source}, site)
    assert calls
    return problems


@pytest.fixture(scope="module")
def checked():
    return drift.check(drift.course_sources(), None)


def test_every_keyword_of_the_course_exists(checked):
    assert checked[1] == []


def test_the_calls_are_found_wherever_they_are(checked):
    found = {(call.name, call.place.split("/")[0]) for call in checked[0]}
    wanted = {
        "trl.GRPOConfig",
        "trl.GRPOTrainer",
        "trl.RewardConfig",
        "peft.LoraConfig",
        ".save_pretrained",
        ".generate",
    }
    wanted |= {f"transformers.Auto{kind}.from_pretrained" for kind in ("Tokenizer", "ModelForCausalLM")}
    assert {(name, "course_lib") for name in {*wanted, ".generate"}} <= found
    assert {("transformers.Gemma3TextConfig", "notebooks"), ("()", "notebooks"), ("trl.GRPOConfig", "tools")} <= found


@pytest.mark.parametrize(("source", "right", "wrong"), CALLS, ids=[wrong for _, _, wrong in CALLS])
def test_a_wrong_keyword_is_found(source, right, wrong):
    assert problems_of(source.replace("KEY", right)) == []
    (problem,) = problems_of(source.replace("KEY", wrong))
    line = source.count("\n") + 1
    assert problem.startswith(f"made_up.py:{line}: ") and problem.endswith(f" takes no {wrong}")


def test_a_name_that_has_gone_is_found():
    (problem,) = problems_of("from transformers import NoSuchModel\nNoSuchModel.from_pretrained(dtype=1)")
    assert "transformers.NoSuchModel.from_pretrained cannot be found" in problem


def test_calls_of_others_are_left_alone():
    source = (
        "import json\nfrom course_lib.models import load_model\n"
        "def generate(split, seed): ...\n"
        "json.dumps(x, nonsense=1); load_model(a, nonsense=1); task.generate('train', seed=5); data.decode(errors='x')"
    )
    calls, problems = drift.check({"made_up.py": source}, None)
    assert {call.name for call in calls} == {".generate", ".decode"} and problems == []


def test_the_command_says_what_is_wrong_and_fails(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["drift.py"])
    monkeypatch.setattr(drift, "course_sources", lambda: {"made_up.py": "from trl import GRPOConfig\nGRPOConfig(lr=1)"})
    assert drift.main() == 1
    out = capsys.readouterr().out
    assert "made_up.py:2: trl.GRPOConfig takes no lr" in out and "trl 1.14.2" in out


@pytest.mark.slow
def test_unsloths_keywords_exist_in_its_code_for_a_gpu():
    site = drift.unsloth_site()
    if site is None:
        pytest.fail("Unsloth's environment is not there: make unsloth")
    calls, problems = drift.check(drift.course_sources(), site)
    assert problems == []
    assert {"unsloth.FastModel.from_pretrained", "unsloth.FastModel.get_peft_model"} <= {call.name for call in calls}
    assert ".save_pretrained_merged" in {call.name for call in calls}
    wrong = (
        "from unsloth import FastModel; FastModel.from_pretrained('x', length=3); m.save_pretrained_merged(1, how=2)"
    )
    assert [problem.rpartition(" ")[2] for problem in problems_of(wrong, site)] == ["length", "how"]
