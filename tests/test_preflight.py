"""The preflight: what it says of machines that are not here, of the Hub, and never of a token."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import torch
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from course_lib import hub, preflight
from course_lib.cli import main
from course_lib.devices import pick_device, pin_gpu
from course_lib.errors import SettingError
from course_lib.presets import PRESETS, get_preset

T4, LAPTOP, GPU = PRESETS["t4"], PRESETS["laptop"], PRESETS["gpu"]
TOKEN = "hf_secretsecretsecretsecretsecret"
ENVIRONMENT = "COURSE_DEVICE CUDA_VISIBLE_DEVICES RANK WORLD_SIZE".split()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch, tmp_path):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_DATA", str(Path(__file__).parent / "data"))
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(preflight, "GPUS", tmp_path / "gpus")


@pytest.fixture
def machine(monkeypatch):
    """Makes torch tell of GPUs that are not here."""

    def make(name: str, capability: tuple[int, int], count: int = 1, free: float = 15e9, total: float = 15.8e9):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: name)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda *_: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)  # as a T4 says, by emulation
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda *_: (free, total))

    return make


def rows(preset) -> dict[str, preflight.Finding]:
    return {row.name: row for row in preflight.preflight(preset)}


def test_a_cpu_runs_the_laptop_preset_without_asking_the_network(monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("asked the network")

    monkeypatch.setattr(hub, "within", never)
    monkeypatch.setattr(httpx.Client, "send", never)
    found = rows(LAPTOP)
    assert {row.state for row in found.values()} == {"ok"} and not any(row.todo for row in found.values())
    assert found["accelerator"].found.startswith("cpu") and "not needed" in found["Hub"].found
    assert "about 2 minutes (the recorded runs)" in found["what will run"].found


def test_a_cpu_cannot_run_the_t4_preset(offline):
    found = rows(T4)
    assert found["what will run"].state == "fail" and "without a GPU: days" in found["what will run"].found
    assert found["Hub"].state == "fail" and "offline, as HF_HUB_OFFLINE asks" in found["Hub"].found
    assert found["precision"].state == "ok" and rows(GPU)["precision"].state == "fail"


def test_a_t4_has_no_bfloat16_of_its_own(machine, offline):
    machine("Tesla T4", (7, 5))
    assert torch.cuda.is_bf16_supported() and not preflight.has_bf16()
    found = rows(T4)
    assert found["accelerator"].found == "Tesla T4, compute capability 7.5"
    assert found["precision"] == preflight.Finding("precision", "ok", "float32; this GPU has no bfloat16 of its own")
    assert found["GPUs"].found == "1" and preflight.ahead(T4).state == "ok"
    assert found["what will run"].state == "fail" and found["what will run"].found.endswith("once this is mended: Hub")
    assert found["memory"].state == "ok" and "GPU: 15.0 GB free of 15.8, 8.7 needed" in found["memory"].found
    on_big = rows(GPU)
    assert on_big["precision"].state == "fail" and "imitate" in on_big["precision"].found
    assert on_big["precision"].todo.endswith(": t4")
    larger = rows(replace(GPU, memory_gb=22.0))["memory"]
    assert larger.state == "fail" and "22 needed" in larger.found
    too_large = rows(replace(T4, gradient_checkpointing=False))["memory"]
    assert too_large.state == "fail" and "First set gradient_checkpointing to True" in too_large.todo
    tiny = rows(LAPTOP)["what will run"]
    assert tiny.state == "ok" and 'preset = "t4"' in tiny.todo
    vllm = rows(replace(T4, vllm="colocate"))
    assert vllm["what will run"].state == "fail" and vllm["extras"].found == "missing: vllm"


def test_an_a100_has_it(machine, offline):
    machine("NVIDIA A100-SXM4-40GB", (8, 0), free=39e9, total=42e9)
    found = rows(GPU)
    assert preflight.has_bf16() and found["precision"].found == "bfloat16; this GPU has bfloat16 of its own"
    assert found["memory"].state == "ok" and preflight.ahead(GPU).state == "ok"


def test_two_gpus_and_one_process_are_refused_unless_one_is_hidden(machine, offline, monkeypatch, tmp_path):
    machine("Tesla T4", (7, 5), count=2)
    assert rows(T4)["GPUs"].state == "fail" and "CUDA_VISIBLE_DEVICES=0" in rows(T4)["GPUs"].todo
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert rows(T4)["GPUs"] == preflight.Finding("GPUs", "ok", "2, in a distributed launch")
    monkeypatch.delenv("WORLD_SIZE")
    machine("Tesla T4", (7, 5), count=1)
    for name in ("0000:00:04.0", "0000:00:05.0"):
        (tmp_path / "gpus" / name).mkdir(parents=True)
    assert rows(T4)["GPUs"].found == "1 of 2 is used" and "torchrun --nproc_per_node 2" in rows(T4)["GPUs"].todo


def test_colabs_disk_goes_with_the_runtime(machine, offline, monkeypatch):
    machine("Tesla T4", (7, 5))
    assert rows(T4)["disk"].state == "ok" and not rows(T4)["disk"].todo
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab_1")
    assert rows(T4)["disk"].state == "warn" and "COURSE_RUNS" in rows(T4)["disk"].todo
    assert rows(LAPTOP)["disk"].state == "ok"
    monkeypatch.setenv("COURSE_RUNS", "/content/drive/MyDrive/runs")
    assert rows(T4)["disk"].state == "ok"


@pytest.mark.parametrize(
    ("preset", "said"),
    [
        (LAPTOP, "about 2 minutes (the recorded runs)"),
        (replace(LAPTOP, steps=800), "roughly 20 minutes (scaled from laptop: the recorded runs)"),
        (replace(LAPTOP, group_size=4, max_completion_length=40), "roughly 0.5 minutes (scaled from laptop"),
        (get_preset("laptop-toy_choice"), "roughly 1.2 minutes (scaled from laptop"),
        (replace(LAPTOP, model="some/model"), "not known"),
        (replace(LAPTOP, name="mine"), "not known"),
    ],
)
def test_the_time_is_that_of_the_settings(preset, said):
    assert said in preflight.expected_time(preset)


def test_memory_that_others_hold_is_a_warning(machine, offline):
    machine("Tesla T4", (7, 5), free=3e9)
    assert rows(T4)["memory"].state == "warn" and "kernel" in rows(T4)["memory"].todo


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(preflight, "MEMORY_LIMIT", limit)
    limit.write_text("1000000000\n")
    assert preflight.memory(LAPTOP).state == "fail" and "of 1.0, 2.3 needed" in preflight.memory(LAPTOP).found
    limit.write_text("max\n")
    assert preflight.memory(LAPTOP).state == "ok"


def test_warnings_and_what_this_machine_cannot_do_are_told(offline):
    warned = rows(get_preset("laptop", group_size=2))["what will run"]
    assert warned.state == "warn" and "group_size 2" in warned.todo
    refused = rows(get_preset("laptop", load_in_4bit=True))
    assert refused["what will run"].state == "fail" and "load_in_4bit needs a GPU" in refused["what will run"].todo


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "0"),
        ({"COURSE_DEVICE": "cuda"}, "0"),
        ({"COURSE_DEVICE": "cuda:1"}, "1"),
        ({"COURSE_DEVICE": "cpu"}, ""),
        ({"COURSE_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "0"}, ""),
        ({"CUDA_VISIBLE_DEVICES": "1"}, "1"),
        ({"CUDA_VISIBLE_DEVICES": "0,1"}, "0,1"),
        ({"RANK": "0"}, None),
        ({"WORLD_SIZE": "2", "COURSE_DEVICE": "cpu"}, None),
    ],
)
def test_one_gpu_is_shown_to_torch_unless_others_have_decided(before, after, monkeypatch):
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "environ", dict(os.environ))  # so that nothing of it stays
    pin_gpu()
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == after


def test_the_pin_comes_before_torch():
    code = "import sys, os, course_lib; print(os.environ['CUDA_VISIBLE_DEVICES'], 'torch' in sys.modules)"
    env = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == ["0", "False"]


def test_the_device_is_cuda_then_mps_then_cpu_unless_one_is_asked_for(monkeypatch):
    there = {"cuda": True, "mps": True}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there["cuda"])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there["mps"])
    assert pick_device() == "cuda"
    there["cuda"] = False
    assert pick_device() == "mps"
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    assert pick_device() == "cpu"
    monkeypatch.setenv("COURSE_DEVICE", "cuda:0")
    with pytest.raises(SettingError, match="torch sees only: mps, cpu"):
        pick_device()
    assert preflight.accelerator().state == "fail"
    for wrong in ("gpu", "cpu:1", "cuda:x", "cuda:"):
        monkeypatch.setenv("COURSE_DEVICE", wrong)
        with pytest.raises(SettingError, match="it may be cuda"):
            pick_device()


def test_packages_are_compared_with_the_pins(monkeypatch):
    assert preflight.packages().state == "ok"
    real = preflight.pins()
    assert real["trl"] == "1.14.2" and "pyyaml" in real
    monkeypatch.setattr(preflight, "pins", lambda: {**real, "tqdm": "0.1"})
    assert preflight.packages().state == "warn" and "(pinned: 0.1)" in preflight.packages().found
    monkeypatch.setattr(preflight, "pins", lambda: {**real, "no-such-package": "1"})
    assert preflight.packages().found == "no-such-package is missing"
    monkeypatch.setattr(preflight, "NEEDED", ["no-such-package"])
    assert preflight.packages().state == "fail" and "requirements.txt" in preflight.packages().todo
    monkeypatch.setattr(preflight, "pins", lambda: {})
    monkeypatch.setattr(preflight, "NEEDED", ["trl"])
    assert preflight.packages().state == "warn"
    monkeypatch.setattr(preflight, "version", lambda name: "1.15.0")
    assert preflight.packages().state == "fail" and "trl 1.15.0 does not run GRPO" in preflight.packages().found
    monkeypatch.setattr(preflight, "version", lambda name: "2.13.0+cu126")
    monkeypatch.setattr(preflight, "pins", lambda: {"trl": "2.13.0"})
    assert preflight.packages().state == "ok"


def test_an_old_python_is_a_warning(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert preflight.python().state == "warn" and "3.11 to 3.13" in preflight.python().todo


def test_a_full_disk_is_told(monkeypatch):
    usage = type("Usage", (), {"free": 0.1e9})
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda folder: usage)
    assert preflight.disk(LAPTOP).state == "fail" and "COURSE_RUNS" in preflight.disk(LAPTOP).todo
    usage.free = 5e9
    assert preflight.disk(LAPTOP).state == "ok" and preflight.disk(T4).state == "warn"


@pytest.fixture
def online(monkeypatch):
    """The Hub's client with answers of our own: ``whoami`` and ``auth_check`` are a value or an error."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "within_reach", lambda: True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)

    def answer(whoami=None, auth_check=None):
        def give(value):
            def call(self, *args, **kwargs):
                if isinstance(value, Exception):
                    raise value
                return value

            return call

        monkeypatch.setattr(HfApi, "whoami", give(whoami or {"name": "ada"}))
        monkeypatch.setattr(HfApi, "auth_check", give(auth_check))

    return answer


def refused(kind: type, status: int) -> Exception:
    response = httpx.Response(status, request=httpx.Request("GET", f"https://hub/?{TOKEN}"))
    return kind(f"not with {TOKEN}", response=response)


@pytest.mark.parametrize(
    ("whoami", "auth_check", "row", "state", "told"),
    [
        (None, None, "licence", "ok", "may be downloaded"),
        (None, None, "login", "ok", "logged in as ada"),
        (None, (GatedRepoError, 403), "licence", "fail", "is gated"),
        (None, (RepositoryNotFoundError, 404), "licence", "fail", "has no model"),
        ((HfHubHTTPError, 401), None, "login", "fail", "does not accept the token"),
        ((HfHubHTTPError, 503), None, "Hub", "fail", "cannot be reached"),
        (httpx.ConnectError(f"no route with {TOKEN}"), None, "Hub", "fail", "cannot be reached"),
        (None, httpx.ReadTimeout(TOKEN), "Hub", "fail", "does not answer"),
    ],
)
def test_login_and_licence_are_told_and_the_token_never(whoami, auth_check, row, state, told, online, capsys):
    online(*(refused(*x) if isinstance(x, tuple) else x for x in (whoami, auth_check)))
    found = {finding.name: finding for finding in hub.hub_findings(T4)}
    assert found[row].state == state and told in found[row].found
    for arguments in (["doctor", "--preset", "t4"], ["doctor", "--preset", "t4", "--json"]):
        assert main(arguments) == 1  # there is no GPU here either
    said = capsys.readouterr()
    assert told in said.out and TOKEN not in said.out + said.err + repr(found) and "secretsecret" not in said.out


def test_a_gated_model_comes_with_the_steps(online):
    online(auth_check=refused(GatedRepoError, 401))
    licence = hub.hub_findings(T4)[-1]
    for step in ("https://huggingface.co/google/gemma-3-1b-it", "settings/tokens", "hf auth login", "HF_TOKEN"):
        assert step in licence.todo


def test_not_being_logged_in_is_no_fault_by_itself(online, monkeypatch):
    from huggingface_hub.errors import LocalTokenNotFoundError

    online(whoami=LocalTokenNotFoundError("no token"))
    assert [row.state for row in hub.hub_findings(T4)] == ["ok", "ok", "ok"]
    monkeypatch.setattr(hub, "within_reach", lambda: False)
    assert [row.state for row in hub.hub_findings(T4)] == ["fail"]


def test_a_model_that_was_downloaded_needs_no_network(offline, monkeypatch):
    monkeypatch.setattr(hub, "_cached", lambda model: True)
    (row,) = hub.hub_findings(T4)
    assert row.state == "warn" and "google/gemma-3-1b-it" in row.found


def test_data_from_the_hub_is_told_apart_from_a_folder(monkeypatch, tmp_path):
    high = get_preset("t4-race_high")
    assert hub.data_on_hub(high) == ""  # COURSE_DATA holds a folder race here
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert hub.data_on_hub(T4) == "openai/gsm8k" and hub.data_on_hub(high) and hub.data_on_hub(LAPTOP) == ""


def test_a_hub_that_hangs_is_left_alone(monkeypatch):
    started = []
    with pytest.raises(TimeoutError):
        hub.within(0.01, lambda: (started.append(1), time.sleep(60)))
    assert started


def test_a_hub_out_of_reach_is_asked_once(tmp_path):
    """Nobody listens at that address; by itself the Hub's client would try again for a minute."""
    env = os.environ | {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    env |= {"COURSE_DATA": ""}
    for command, wanted in (
        (["ask", "x", "--checkpoint", "owner/name"], "cannot load a model from owner/name"),
        (["train", "--preset", "t4"], "cannot load a tokenizer from google/gemma-3-1b-it"),
    ):
        began = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "course_lib", *command], cwd=tmp_path, capture_output=True, text=True,
            check=False, env=env,
        )  # fmt: skip
        assert done.returncode == 2 and wanted in done.stderr.splitlines()[-1], done.stderr
        assert time.monotonic() - began < 40 and not (tmp_path / "runs").exists()


def test_what_lies_on_this_machine_asks_no_hub(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "within_reach", lambda: pytest.fail("asked the network"))
    for source in ("tiny", str(tmp_path)):
        with hub.asked_once(source):
            assert not constants.HF_HUB_OFFLINE
    monkeypatch.setattr(hub, "within_reach", lambda: False)
    with hub.asked_once("owner/name"):
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_missing_torch_is_a_row(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["doctor", "--preset", "smoke"]) == 1
    said = capsys.readouterr().out
    assert "\nfail  torch          cannot be imported" in said and "pip install -r requirements.txt" in said
    assert "fail  what will run  smoke, once this is mended: torch" in said


def test_the_json_of_the_doctor_has_every_row(capsys):
    assert main(["doctor", "--preset", "smoke", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in said] == [row.name for row in preflight.preflight(PRESETS["smoke"])]
    assert set(said[0]) == {"name", "state", "found", "todo"}
