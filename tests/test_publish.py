"""The model card and the push, against a stand-in of the Hub on the loopback address."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from course_lib import export, publish
from course_lib.artifacts import REFERENCE, read_json
from course_lib.errors import ExportError
from course_lib.models import load_adapter, load_model, load_tokenizer, verify_checksums
from course_lib.presets import Preset
from hub_standin import Hub

ROOT = Path(__file__).parents[1]
TOKEN = "hf_thisIsNotARealToken"
NAME = "me/my-model"
GEMMA = "google/gemma-3-1b-it"


@pytest.fixture(scope="module")
def forms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forms")
    adapted, tokenizer = (
        load_adapter(load_model("tiny"), REFERENCE / "toy_math/06_training/adapter"),
        load_tokenizer("tiny"),
    )
    export.export_adapter(adapted, tokenizer, folder / "adapter", "tiny")
    export.export_merged(adapted, tokenizer, folder / "merged")
    return folder


@pytest.fixture
def run(request):
    """(results.json, run.json) of a task's reference run."""
    folder = REFERENCE / getattr(request, "param", "toy_math")
    return read_json(folder / "07_evaluation/results.json"), read_json(folder / "06_training/run.json")


@pytest.fixture
def online(monkeypatch):
    """The Hub's client with network, told not to use Xet: the stand-in takes files by LFS."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)


def snippet(folder: Path) -> str:
    return (folder / "README.md").read_text().split("```python\n")[1].split("```")[0]


@pytest.mark.parametrize("run", ["toy_math", "toy_choice", "toy_rubric"], indirect=True)
def test_the_card_carries_the_measured_results(run, forms, tmp_path):
    results, record = run
    folder = publish.prepare_push(forms / "merged", NAME, results, record, tmp_path / "push")
    card = ModelCard.load(folder / "README.md")
    told = {(r.metric_type, r.metric_name.split(", ")[1]): r.metric_value for r in card.data.eval_results}
    measures = ["accuracy", "format"] + ["score"] * (results["task"] == "toy_rubric")
    assert told == {(m, s): results["after"][s][m] for m in measures for s in ("greedy", "sampled")}
    assert all(r.dataset_type == results["task"] and r.dataset_split == "test" for r in card.data.eval_results)
    assert (card.data.license, card.data.base_model, card.data.library_name) == ("apache-2.0", None, "transformers")
    accuracy = results["after"]["greedy"]["accuracy_interval"]
    for text in (
        f"{100 * accuracy[0]:.1f} to {100 * accuracy[1]:.1f}",
        record["suite"]["name"],
        "## Limits",
        "held-out",
    ):
        assert text in card.text
    for name, weight in record["suite"]["weights"].items():
        assert f"| `{name}` | {weight:g} |" in card.text
    assert f"| learning_rate | {record['preset']['learning_rate']} |" in card.text
    ast.parse(snippet(folder))


def test_the_card_of_a_gemma(run, forms, tmp_path):
    results, record = run
    record["preset"] |= {"model": GEMMA, "task": "gsm8k"}
    results |= {"model": GEMMA, "task": "gsm8k"}
    folder = publish.prepare_push(forms / "adapter", NAME, results, record, tmp_path / "push")
    data = ModelCard.load(folder / "README.md").data
    assert (data.base_model, data.license, data.library_name) == (GEMMA, "gemma", "peft")
    assert data.datasets == ["openai/gsm8k"] and data.eval_results[0].dataset_type == "openai/gsm8k"
    assert "AutoPeftModelForCausalLM" in snippet(folder)
    assert read_json(folder / "adapter_config.json")["base_model_name_or_path"] == GEMMA


def test_a_dry_run_writes_what_would_be_pushed_and_asks_nobody(run, forms, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    pushed = publish.push_to_hub(forms / "merged", NAME, *run, tmp_path / "push")
    assert (pushed.folder, pushed.url) == (tmp_path / "push", None)
    assert pushed.badge.startswith("[![") and pushed.badge.endswith(f"](https://huggingface.co/{NAME})")
    verify_checksums(pushed.folder)
    made = {path.name for path in pushed.folder.iterdir()}
    assert made == {path.name for path in (forms / "merged").iterdir()} | {"README.md", "results.json", "training.json"}
    assert read_json(pushed.folder / "results.json") == run[0]


def test_paths_of_this_machine_stay_here(run, forms, tmp_path):
    results, record = run
    model = tmp_path / "home" / "my-model"
    model.mkdir(parents=True)
    private = {"model": str(model), "task": "number", "data": str(tmp_path / "home" / "pupils.csv")}
    record["preset"] |= private
    results["model"] = str(model)
    folder = publish.prepare_push(forms / "adapter", NAME, results, record, tmp_path / "push")
    for path in folder.iterdir():
        assert str(tmp_path).encode() not in path.read_bytes(), path.name
    assert read_json(folder / "training.json")["preset"]["data"] == "pupils.csv"
    data = ModelCard.load(folder / "README.md").data
    assert data.base_model is None and data.license == "other"


def test_what_cannot_be_pushed(run, forms, tmp_path):
    results, record = run
    for name in ("a b/c", "a/b/c", "me/-x-"):
        with pytest.raises(ExportError, match="repository's name"):
            publish.prepare_push(forms / "merged", name, results, record, tmp_path / "push")
    with pytest.raises(ExportError, match="neither an adapter nor a merged model"):
        publish.prepare_push(tmp_path, NAME, results, record, tmp_path / "push")
    with pytest.raises(ExportError, match="two training runs"):
        publish.prepare_push(forms / "merged", NAME, results | {"steps": 7}, record, tmp_path / "push")
    (tmp_path / "README.md").write_text("---\nmodel-index: 3\n---\n# x\n")
    with pytest.raises(ExportError, match="README.md"):
        publish.validate_card(tmp_path / "README.md")
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# x\n")
    with pytest.raises(ExportError, match="lacks results"):
        publish.validate_card(tmp_path / "README.md")


def test_no_token(run, forms, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with pytest.raises(ExportError, match="set HF_TOKEN"):
        publish.push_to_hub(forms / "merged", NAME, *run, tmp_path / "push", dry_run=False)
    verify_checksums(tmp_path / "push")


def test_a_hub_that_cannot_be_reached_or_refuses(run, forms, tmp_path, monkeypatch, online, capfd):
    """What was prepared stays, the error says what to do, and the token is shown nowhere, though the Hub repeats it."""
    with Hub("another token") as standin:
        for url, why in (("http://127.0.0.1:9", "ConnectError"), (standin.url, "401")):
            monkeypatch.setenv("HF_ENDPOINT", url)
            with pytest.raises(ExportError, match=rf"push to {url} failed .*{why}.*look at the network") as caught:
                publish.push_to_hub(forms / "adapter", NAME, *run, tmp_path / "push", dry_run=False)
            assert TOKEN not in str(caught.value)
            verify_checksums(tmp_path / "push")
    assert not any(TOKEN.encode() in path.read_bytes() for path in (tmp_path / "push").iterdir())
    out, err = capfd.readouterr()
    assert TOKEN not in out + err and not standin.files


def test_offline_mode_is_said(run, forms, tmp_path, monkeypatch, offline):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(ExportError, match="OfflineModeIsEnabled"):
        publish.push_to_hub(forms / "adapter", NAME, *run, tmp_path / "push", dry_run=False)


@pytest.mark.slow
def test_a_real_push_and_the_cards_own_snippet(run, forms, tmp_path, monkeypatch, online):
    """Pushed by the Hub's own client, loaded with nothing but what the card says, from the Hub and from the folder."""
    with Hub(TOKEN) as standin:
        monkeypatch.setenv("HF_ENDPOINT", standin.url)
        pushed = publish.push_to_hub(forms / "merged", NAME, *run, tmp_path / "push", dry_run=False)
        assert pushed.url == f"{standin.url}/{NAME}"
        assert standin.repos[NAME]["visibility"] == "private"
        assert standin.files == {path.name: path.read_bytes() for path in pushed.folder.iterdir()}
        assert "PUT blob" in standin.log  # the weights went the way of large files
        local = publish.prepare_push(forms / "adapter", NAME, *run, tmp_path / "adapter")
        code = snippet(pushed.folder) + snippet(local).replace(f'"{NAME}"', repr(str(local)))
        environment = os.environ | {"HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("13*2=26") == 2 and done.stdout.count("<answer>26</answer>") == 2
    assert f"GET /{NAME}/resolve/main/model.safetensors" in standin.log


@pytest.mark.parametrize("shots", [0, 2])
def test_the_snippet_asks_as_in_training(shots):
    from course_lib.prompts import build_prompt
    from course_lib.rollouts import EXAMPLES

    preset = Preset("x", "", shots=shots, task="toy_choice")
    code = publish.load_snippet(NAME, preset, "merged")
    wanted = code.split("question = ")[1].split("\ninputs")[0]
    names: dict = {}
    exec("instruction = " + code.split("instruction = ")[1].split("\nquestion")[0] + "\nquestion = " + wanted, names)
    row = EXAMPLES["choice"][0]
    assert names["messages"] == build_prompt(row["question"], kind="choice", options=row["options"], style=preset.style)
