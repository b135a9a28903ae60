"""One run on two processes: the same batch, rewards over both, one adapter, one voice. And what vLLM is told."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from safetensors.torch import load_file

from course_lib import distributed, vllm_settings
from course_lib.errors import SettingError
from course_lib.presets import get_preset

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs/accelerate"


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """``two_processes.py`` on two processes: (its folder, what was printed, what each process saw)."""
    folder = tmp_path_factory.mktemp("two")
    told = {"COURSE_PRESET": "smoke", "COURSE_RUNS": str(folder / "runs"), "WATCH": str(folder)}
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, str(ROOT / "tests/two_processes.py")],
        env=os.environ | told | {"PYTHONPATH": paths, "MPLBACKEND": "Agg", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder, done, [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all((one[k] == other[k]).all() for k in one)


@pytest.mark.slow
def test_a_step_sees_the_batch_of_one_process_and_the_rewards_of_both(launched):
    folder, _, seen = launched
    preset = get_preset("smoke")
    log = pd.read_csv(folder / "runs/smoke/06_training/log.csv")
    assert list(log["step"]) == [1, 2, 3]
    for name in ("correctness_reward", "format_reward"):
        for step, logged in enumerate(log[name]):
            one, other = (process["rewards"][name][step] for process in seen)
            assert len(one) == len(other) == preset.completions_per_step / 2
            assert logged == pytest.approx(sum(one + other) / preset.completions_per_step, abs=1e-5)
    assert any(a != b for a, b in zip(*(process["rewards"]["correctness_reward"] for process in seen), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("run", ["chapter", "made"])
def test_both_processes_end_with_the_same_adapter_bit_for_bit(launched, run):
    folder = launched[0]
    one, other = (load_file(folder / f"{run}-rank{rank}.safetensors") for rank in (0, 1))
    assert same(one, other)
    if run == "chapter":
        saved = load_file(folder / "runs/smoke/06_training/adapter/adapter_model.safetensors")
        assert same(saved, {name.replace(".default", ""): weight for name, weight in one.items()})


@pytest.mark.slow
def test_only_the_main_process_writes_and_speaks(launched):
    folder, done, _ = launched
    chapter = folder / "runs/smoke/06_training"
    assert sorted(p.name for p in chapter.iterdir()) == ["adapter", "log.csv", "run.json"]
    assert [p.name for p in (folder / "runs").iterdir()] == ["smoke"]  # no scratch folder is left
    assert json.loads((chapter / "run.json").read_text())["processes"] == 2
    for line in ("Ahead of you: preset smoke", "norm of all B", "Written: adapter, log.csv, run.json"):
        assert done.stdout.count(line) == 1
    assert done.stderr.count("training: 100%") >= 1 and done.stderr.count("training:   0%") == 1


@pytest.mark.slow
def test_the_same_completions_teach_two_processes_what_they_teach_one(launched, tmp_path):
    """Completions are sampled with other random numbers in each process, so here they are given."""
    from course_lib.tasks import preset_rows
    from two_processes import SETTINGS, train_on_made_rollouts, weights_of

    alone = weights_of(train_on_made_rollouts(preset_rows(SETTINGS, seed=0)["train"], tmp_path))
    shared = load_file(launched[0] / "made-rank0.safetensors")
    for name, weight in alone.items():
        assert (shared[name] - weight).norm() <= 1e-3 * weight.norm(), name
    # not the entropy: TRL averages it over micro-batches of unequal length, and those are cut otherwise
    columns = ["reward", "reward_std", "mean_length", "loss", "grad_norm"]
    logs = [pd.read_csv(folder / "log.csv")[columns] for folder in (tmp_path, launched[0] / "made")]
    pd.testing.assert_frame_equal(*logs, rtol=1e-3)


@pytest.mark.slow
def test_an_interrupted_run_of_two_goes_on_bit_for_bit(launched):
    folder, done, seen = launched
    runs = [folder / "whole", folder / "resumed"]
    assert done.stdout.count("Going on from checkpoint-1") == 1
    assert [json.loads((run / "run.json").read_text())["resumed"] for run in runs] == [False, True]
    assert same(*(load_file(run / "adapter/adapter_model.safetensors") for run in runs))
    pd.testing.assert_frame_equal(*(pd.read_csv(run / "log.csv").drop(columns="step_time") for run in runs))
    assert not any((run / "checkpoints").exists() for run in runs)
    assert seen[0]["norms"] == seen[1]["norms"] and seen[0]["norms"][0] == seen[0]["norms"][1]


@pytest.mark.slow
def test_a_parameter_that_is_cut_up_is_put_together_for_saving(launched):
    assert [process["sharded"] for process in launched[2]] == [[3, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]] * 2


@pytest.mark.parametrize(
    ("processes", "settings", "expected"),
    [
        (1, {}, 64),
        (2, {}, 32),
        (4, {"accumulation": 4}, 4),
        (8, {"accumulation": 16}, "divides 8: 1, 2, 4, 8$"),
        (3, {}, "so that 3 divides it"),
    ],
)
def test_a_micro_batch_is_shared_out_or_refused_with_the_mend(processes, settings, expected, monkeypatch):
    monkeypatch.setattr(distributed, "world_size", lambda: processes)
    preset = get_preset("laptop", **settings)
    if isinstance(expected, int):
        assert distributed.batch_of_one_process(preset) == expected
    else:
        with pytest.raises(SettingError, match=f"on {processes} processes; .*{expected}"):
            distributed.batch_of_one_process(preset)


@pytest.mark.parametrize(
    ("name", "kind"), [("multi_gpu", "MULTI_GPU"), ("zero2", "DEEPSPEED"), ("zero3", "DEEPSPEED"), ("fsdp2", "FSDP")]
)
def test_accelerate_reads_its_configurations(name, kind):
    """By accelerate's own loader, and by the parser of ``accelerate launch``, which must know every field."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(CONFIGS / f"{name}.yaml"))
    assert config.distributed_type.value == kind and config.num_processes > 1 and not config.use_cpu
    assert config.mixed_precision == "no"  # the preset's dtype decides
    fields = set(vars(launch_command_parser().parse_args(["script.py"])))
    details = config.deepspeed_config | config.fsdp_config
    assert set(details) <= fields, set(details) - fields
    if kind == "DEEPSPEED":
        assert details["zero_stage"] == int(name[-1])
    if kind == "FSDP":
        assert details["fsdp_version"] == 2 and details["fsdp_state_dict_type"] == "FULL_STATE_DICT"


def test_every_configuration_is_tested():
    assert sorted(path.stem for path in CONFIGS.glob("*")) == ["fsdp2", "multi_gpu", "zero2", "zero3"]


def test_the_page_on_scaling_names_what_is_there():
    page = (ROOT / "docs/scaling.md").read_text()
    named = set(re.findall(r"(?:configs|notebooks|course_lib|tests)/[\w/]+\.\w+", page))
    assert {p.relative_to(ROOT).as_posix() for p in CONFIGS.glob("*")} < named
    assert not [name for name in named if not (ROOT / name).exists()]
    code = "".join(path.read_text() for path in (ROOT / "course_lib").glob("*.py"))
    assert all(f'"{name}"' in code for name in re.findall(r"COURSE_\w+", page))


@pytest.fixture
def vllm_machine(monkeypatch):
    """A machine with vLLM and a GPU of a given compute capability, as far as the settings ask."""
    known = vllm_settings.metadata.version

    def version(name):
        return "0.30.0" if name == "vllm" else known(name)

    def make(capability=(8, 0)):
        monkeypatch.setattr(vllm_settings.metadata, "version", version)
        monkeypatch.setattr("torch.cuda.is_available", lambda: capability is not None)
        monkeypatch.setattr("torch.cuda.get_device_capability", lambda: capability)

    return make


def test_vllm_is_off_unless_asked_for():
    assert vllm_settings.vllm_arguments(get_preset("laptop")) == {}


def test_vllm_settings_reach_grpo_config(vllm_machine, monkeypatch, tmp_path):
    from trl import GRPOConfig

    vllm_machine()
    shared = vllm_settings.vllm_arguments(get_preset("laptop", vllm="colocate"))
    monkeypatch.setenv("COURSE_VLLM_HOST", "10.0.0.7")
    monkeypatch.setenv("COURSE_VLLM_PORT", "8123")
    served = vllm_settings.vllm_arguments(get_preset("laptop", vllm="server"))
    monkeypatch.undo()
    for arguments in (shared, served):
        config = GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, **arguments)
        assert config.use_vllm and all(getattr(config, name) == value for name, value in arguments.items())
    assert shared["vllm_mode"] == "colocate" and shared["vllm_max_model_length"] == 256 + 80
    assert (served["vllm_mode"], served["vllm_server_host"], served["vllm_server_port"]) == ("server", "10.0.0.7", 8123)
    config = GRPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False)
    assert not config.use_vllm  # else the test above would prove nothing


def test_without_vllm_the_error_has_the_install_line_and_trl_s_versions():
    with pytest.raises(SettingError, match=r'pip install "trl\[vllm\]==1\.14\.2"') as caught:
        vllm_settings.vllm_arguments(get_preset("laptop", vllm="colocate"))
    assert "0.20.0" in str(caught.value) and "0.30.0" in str(caught.value)


@pytest.mark.parametrize(
    ("capability", "changes", "message"),
    [
        ((7, 5), {}, "compute capability 7.5 has no bfloat16"),
        (None, {}, "needs a GPU"),
        ((8, 0), {"backend": "unsloth"}, "backend transformers"),
    ],
)
def test_vllm_where_it_cannot_run_is_refused(vllm_machine, capability, changes, message):
    vllm_machine(capability)
    with pytest.raises(SettingError, match=message):
        vllm_settings.vllm_arguments(get_preset("laptop", **{"vllm": "colocate"} | changes))


def test_vllm_on_an_old_gpu_is_not_refused_to_another_model(vllm_machine, tmp_path):
    vllm_machine((7, 5))
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    assert vllm_settings.vllm_arguments(get_preset("laptop", vllm="colocate", model=str(tmp_path)))["use_vllm"]


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_refused(vllm_machine, monkeypatch, port):
    vllm_machine()
    monkeypatch.setenv("COURSE_VLLM_PORT", port)
    with pytest.raises(SettingError, match="COURSE_VLLM_PORT must be a number"):
        vllm_settings.vllm_arguments(get_preset("laptop", vllm="server"))
