"""Before anything starts: what this machine has, what a preset needs, and what will run for how long."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from course_lib.artifacts import runs_dir
from course_lib.devices import distributed, has_bf16, pick_device
from course_lib.errors import CourseError, SettingError
from course_lib.validation import check_machine, is_gemma_3, on_hub

if TYPE_CHECKING:
    from course_lib.presets import Preset

OLDEST, NEWEST = (3, 11), (3, 13)
NEEDED = "torch transformers trl peft datasets accelerate huggingface_hub tokenizers safetensors numpy pandas".split()
INSTALL = "pip install -r requirements.txt"
BROKEN = {"trl": ("1.15.0", "does not run GRPO without a GPU")}
GPUS = Path("/proc/driver/nvidia/gpus")  # one entry a GPU, whatever CUDA_VISIBLE_DEVICES hides
MEMORY_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container
DRIVE = Path("/content/drive")  # Google Drive, mounted in Colab
GB = 1e9


@dataclass(frozen=True)
class Finding:
    """One row of the preflight. ``state``: ``ok``, ``warn`` (it runs, but see ``todo``) or ``fail``."""

    name: str
    state: str
    found: str
    todo: str = ""


def preflight(preset: Preset) -> list[Finding]:
    """All rows for one preset. Asks the network only if the preset needs the Hub; loads torch, but no model."""
    from course_lib.hub import hub_findings

    rows = [python(), packages()]
    if broken := torch_row():
        return [*rows, broken, Finding("what will run", "fail", f"{preset.name}, once this is mended: torch")]
    rows += [accelerator(), gpus(), precision(preset), memory(preset), disk(preset)]
    rows += [*extras(preset), *hub_findings(preset)]
    last = ahead(preset)
    if last.state != "fail" and (failed := [row.name for row in rows if row.state == "fail"]):
        last = Finding(last.name, "fail", f"{preset.name}, once this is mended: {', '.join(failed)}")
    return [*rows, last]


def as_text(findings: Iterable[Finding]) -> str:
    """One line a row, and below it what to do."""
    lines = []
    for row in findings:
        lines.append(f"{row.state:4}  {row.name:13}  {row.found}")
        if row.todo:
            lines.append(f"{'':21}-> {row.todo}")
    return "\n".join(lines)


def python() -> Finding:
    here = sys.version_info[:2]
    if OLDEST <= here <= NEWEST:
        return Finding("Python", "ok", ".".join(map(str, sys.version_info[:3])))
    span = " to ".join(".".join(map(str, v)) for v in (OLDEST, NEWEST))
    return Finding("Python", "warn", ".".join(map(str, here)), f"the course is made for Python {span}")


def pins() -> dict[str, str]:
    """Package and version, from ``requirements.txt`` in a checkout, else from the installed course's metadata."""
    file = Path(__file__).parents[1] / "requirements.txt"
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else requires("course_lib") or []
    except PackageNotFoundError:
        lines = []
    pairs = (
        line.partition(";")[0].partition("#")[0].strip().partition("==") for line in lines if "extra ==" not in line
    )
    return {name.strip(): pin.strip() for name, equal, pin in pairs if equal}


def packages() -> Finding:
    """Installed versions against the pins; a build such as ``2.13.0+cu126`` counts as its version."""
    wanted, here, missing, other = pins(), {}, [], []
    for name in {**dict.fromkeys(NEEDED), **wanted}:
        try:
            here[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            missing.append(name)
            continue
        if here[name] != wanted.get(name, here[name]):
            other.append(f"{name} {here[name]} (pinned: {wanted[name]})")
    if lacking := [name for name in missing if name in NEEDED]:
        return Finding("packages", "fail", f"missing: {', '.join(lacking)}", INSTALL)
    for name, (bad, why) in BROKEN.items():
        if here.get(name) == bad:
            return Finding("packages", "fail", f"{name} {bad} {why}", INSTALL)
    if missing or other:
        found = "; ".join([*other, *(f"{name} is missing" for name in missing)])
        return Finding("packages", "warn", found, f"this may work; if it does not: {INSTALL}")
    if not wanted:
        return Finding("packages", "warn", "the pinned versions are not to be found", "install course_lib with pip")
    return Finding("packages", "ok", f"all {len(wanted)} as pinned")


def extras(preset: Preset) -> list[Finding]:
    """Packages that only this preset's settings need."""
    wanted = [name for name in preset.log_to.split(",") if name]
    wanted += ["unsloth"] if preset.backend == "unsloth" else []
    wanted += ["vllm"] if preset.vllm else []
    wanted += ["bitsandbytes"] if preset.load_in_4bit or "8bit" in preset.optimizer else []
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        todo = f"pip install {' '.join(missing)}, or leave the setting that asks for it"
        return [Finding("extras", "fail", f"missing: {', '.join(missing)}", todo)]
    return [Finding("extras", "ok", ", ".join(wanted))] if wanted else []


def torch_row() -> Finding | None:
    """Only where torch cannot be imported: nothing else can be told then."""
    try:
        import torch  # noqa: F401
    except (ImportError, OSError) as error:  # OSError: one of its libraries
        return Finding("torch", "fail", f"cannot be imported: {error}", INSTALL)


def accelerator() -> Finding:
    import torch

    try:
        device = pick_device()
    except SettingError as error:
        return Finding("accelerator", "fail", str(error), "set COURSE_DEVICE anew, or unset it")
    asked = " (COURSE_DEVICE)" if os.environ.get("COURSE_DEVICE") else ""
    if device != "cuda":
        cores = f", {os.cpu_count()} cores" if device == "cpu" else ""
        return Finding("accelerator", "ok", f"{device}{cores}{asked}")
    major, minor = torch.cuda.get_device_capability()
    name = torch.cuda.get_device_name()
    return Finding("accelerator", "ok", f"{name}, compute capability {major}.{minor}{asked}")


def gpus() -> Finding:
    """One process takes one GPU; ``course_lib`` hides the others before torch loads (see ``devices``)."""
    import torch

    seen = torch.cuda.device_count() if torch.cuda.is_available() else 0
    built_in = max(seen, len(list(GPUS.glob("*"))))
    if seen > 1 and not distributed():
        todo = "import course_lib before torch, or set CUDA_VISIBLE_DEVICES=0: TRL refuses to share a batch out itself"
        return Finding("GPUs", "fail", f"{seen}, and this is one process", todo)
    if seen > 1:
        return Finding("GPUs", "ok", f"{seen}, in a distributed launch")
    if seen and built_in > seen:
        todo = f"for all: torchrun --nproc_per_node {built_in} notebooks/06_training.py"
        return Finding("GPUs", "ok", f"1 of {built_in} is used", todo)
    return Finding("GPUs", "ok", str(seen) if seen else "none: fine for the presets smoke and laptop")


def precision(preset: Preset) -> Finding:
    import torch

    gpu = torch.cuda.is_available()
    if preset.dtype == "bfloat16" and not has_bf16():
        why = "this GPU would only imitate it, slowly" if gpu else "there is no GPU"
        todo = "take a GPU of compute capability 8.0 or above, or a preset that computes in float32: "
        todo += "t4" if gpu else "laptop"
        return Finding("precision", "fail", f"bfloat16 is asked for, and {why}", todo)
    native = "has" if has_bf16() else "has no"
    return Finding("precision", "ok", preset.dtype + (f"; this GPU {native} bfloat16 of its own" if gpu else ""))


def needed_gb(preset: Preset) -> tuple[float, str]:
    """The peak of training's memory in GB (10^9 bytes), and how that is known: stated, or estimated for other sizes."""
    from course_lib.memory import estimate
    from course_lib.presets import PRESETS

    stated = PRESETS.get(preset.name)
    if stated is None or stated.settings() != preset.settings():
        try:
            return round(estimate(preset).total / GB, 1), "estimated from the model's shape"
        except CourseError:  # a model whose shape is not known here
            pass
    return preset.memory_gb, preset.known_from


def memory(preset: Preset) -> Finding:
    """Free memory against the preset's need: the GPU's where there is one, else the machine's."""
    import psutil
    import torch

    needed, known_from = needed_gb(preset)
    if torch.cuda.is_available():
        where, (free, total) = "GPU", torch.cuda.mem_get_info()
    else:
        ram = psutil.virtual_memory()
        where, free, total = "RAM", ram.available, ram.total
        limit = MEMORY_LIMIT.read_text().strip() if MEMORY_LIMIT.is_file() else "max"
        if limit.isdecimal():
            free, total = min(free, int(limit)), min(total, int(limit))
    found = f"{where}: {free / GB:.1f} GB free of {total / GB:.1f}, {needed:g} needed ({known_from})"
    if needed * GB > total:
        return Finding("memory", "fail", found, _less_memory(preset, int(total)))
    if needed * GB > free:
        return Finding("memory", "warn", found, "close what else uses it, such as another notebook's kernel")
    return Finding("memory", "ok", found)


def _less_memory(preset: Preset, total: int) -> str:
    """What to change first, from the estimate; in general words for a model whose shape is not known here."""
    from course_lib.memory import fits

    try:
        enough, said = fits(preset, total)
    except CourseError:
        enough, said = True, ""
    return "raise accumulation, shorten completions, or take a smaller preset" if enough else said


def disk(preset: Preset) -> Finding:
    """Room for what the preset writes below ``runs``, and for a model from the Hub in its cache."""
    needed, folders = 1.0, [runs_dir()]
    if on_hub(preset.model):
        from huggingface_hub.constants import HF_HUB_CACHE

        needed, folders = 10.0, [*folders, Path(HF_HUB_CACHE)]  # 2 GB each: download, merged model, its GGUF ...
    free = {}
    for folder in folders:
        there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
        free[there] = shutil.disk_usage(there).free / GB
    folder, least = min(free.items(), key=lambda item: item[1])
    found = f"{least:.1f} GB free in {folder}, {needed:g} are enough"
    if least >= needed and "COLAB_RELEASE_TAG" in os.environ and DRIVE not in runs_dir().absolute().parents:
        todo = f"mount Google Drive and set COURSE_RUNS to a folder below {DRIVE}, or a lost runtime takes all with it"
        return Finding("disk", "warn" if on_hub(preset.model) else "ok", found, todo)
    if least >= needed:
        return Finding("disk", "ok", found)
    todo = "free some, or name another disk by COURSE_RUNS and HF_HOME"
    return Finding("disk", "warn" if least >= needed / 4 else "fail", found, todo)


def expected_time(preset: Preset) -> str:
    """Minutes of training and how they are known: stated, or scaled from the preset of that size and model."""
    from course_lib.presets import PRESETS

    stated = PRESETS.get(preset.name.partition("-")[0])
    if stated is None or stated.model != preset.model:
        return "for a time that is not known for these settings"
    if stated.settings() == preset.settings():
        return f"about {preset.minutes:g} minutes ({preset.known_from})"
    work, known = (p.steps * p.completions_per_step * p.max_completion_length for p in (preset, stated))
    return f"roughly {stated.minutes * work / known:.2g} minutes (scaled from {stated.name}: {stated.known_from})"


def ahead(preset: Preset) -> Finding:
    """What will run and for how long; refused where this machine cannot."""
    import torch

    gpu = torch.cuda.is_available()
    work = f"{preset.name}: {preset.steps} steps of {preset.completions_per_step} completions"
    try:
        check_machine(preset, gpu)
    except SettingError as error:
        return Finding("what will run", "fail", work, str(error))
    if on_hub(preset.model) and not gpu:
        todo = "take the preset laptop here, or go to a GPU: Colab and Kaggle lend a T4"
        return Finding("what will run", "fail", f"{work} of {preset.model} without a GPU: days", todo)
    if preset.vllm and is_gemma_3(preset.model) and not has_bf16():
        return Finding("what will run", "fail", work, 'this GPU cannot run Gemma 3 in vLLM: set vllm to ""')
    warnings = " ".join(preset.warnings())
    better = 'this GPU can take Gemma 3 1B: write preset = "t4" in the first code cell, and run all cells again'
    todo = warnings or (better if gpu and preset.model == "tiny" and preset.name != "smoke" else "")
    return Finding("what will run", "warn" if warnings else "ok", f"{work}, {expected_time(preset)}", todo)
