"""What the first code cell of a notebook calls: what the course needs, beside what a hosted runtime brings along.

The cell installs ``course_lib`` alone where it is not there yet, and calls ``ensure``. On Colab and Kaggle that
installs what is lacking, at the pinned versions. torch and what else a runtime has already are never replaced, unless
they are older than what the course was run with; an older torch is an error. On your own machine nothing is installed.

Only the standard library is imported here, since nothing else may be there yet.

    python -m course_lib.bootstrap            # the same by hand, in any Python
    python -m course_lib.bootstrap t4         # with what this preset needs
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass, field
from importlib import invalidate_caches, metadata
from importlib.util import find_spec
from pathlib import Path

from course_lib.errors import InstallError

OLDEST, NEWEST = (3, 11), (3, 13)
HOSTS = ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE", "COURSE_SOURCE")  # set where the cell may install
# Stays as it is from this version on: the oldest that the chapters were run with (recorded/fresh.json).
KEPT = {
    "torch": "2.8",
    "numpy": "2.0",
    "pandas": "2.2",
    "matplotlib": "3.10",
    "jinja2": "3.1",
    "tqdm": "4.67",
    "ipython": "7.34",
    "ipywidgets": "7.7",
    "psutil": "5.9",
    "pyyaml": "6.0",
}
WITH_TORCH = ("torchvision", "torchaudio", "triton")  # built for one torch: they stay with it
# Where another version means another behaviour.
PINNED = """transformers trl peft datasets accelerate huggingface-hub tokenizers safetensors
    gguf xllamacpp""".split()
UNSLOTH = ("unsloth", "unsloth-zoo")
SPACE_GB, SPACE_WITH_TORCH_GB = 2, 9  # the second with torch's CUDA libraries
NO_NETWORK = re.compile("NewConnectionError|ProxyError|timed out|unreachable|from versions: none")


@dataclass
class Plan:
    """What pip is to install (``"trl==1.14.2"``), and the versions that it must leave as they are."""

    install: list[str] = field(default_factory=list)
    keep: dict[str, str] = field(default_factory=dict)


def ensure(preset: str = "auto") -> None:
    """Everything that the course needs with this preset is there afterwards.

    In a runtime of Colab or Kaggle, or where ``COURSE_SOURCE`` names the course's address, it is installed; anywhere
    else only looked for. Raises ``InstallError``, which says what to do.
    """
    if any(os.environ.get(name) for name in HOSTS) and pins():
        return install(preset)
    names = {"ipython": "IPython", "pyyaml": "yaml"}
    missing = [name for name in (*KEPT, *PINNED) if not find_spec(names.get(name, name.replace("-", "_")))]
    if missing:
        raise InstallError(
            f"{sys.executable} has the course but not {', '.join(missing)}. If you have a checkout of the course, run "
            "`make setup` in it and choose the Python of its .venv as the kernel. To install what is missing into "
            f"this Python: {sys.executable} -m course_lib.bootstrap"
        )


def install(preset: str = "auto") -> None:
    """Install what is lacking, with what a preset for a GPU asks for. Raises ``InstallError``."""
    check_python(sys.version_info[:2])
    before = installed()
    owners = metadata.packages_distributions()
    plan = make_plan(pins(), before)
    if plan.install and plan.keep:
        print("Staying as they are: " + ", ".join(f"{name} {version}" for name, version in plan.keep.items()) + ".")
    carry_out(plan)
    if wants_unsloth(preset):
        plan, unsloth = make_unsloth_plan(pins("gpu"), installed())
        carry_out(plan)
        carry_out(unsloth, "--no-deps")  # by their metadata torchvision and xformers may bring another torch
    if stale := replaced(before, installed(), owners, set(sys.modules)):
        raise InstallError(
            f"everything is installed, but this session has loaded an older {', '.join(stale)}. Restart it (Colab: "
            "Runtime, Restart session; Kaggle: Run, Restart & clear), then run the notebook from the top. Nothing "
            "will be installed again."
        )


def make_plan(pins: dict[str, str], have: dict[str, str]) -> Plan:
    """From the pins and the versions that are there. Raises ``InstallError`` if torch is too old."""
    if not pins:
        raise InstallError("pip does not know the course: in a checkout of it, run `pip install --no-deps .` first")
    plan = Plan()
    for name in (*KEPT, *PINNED):
        there = have.get(name)
        if there and name in KEPT and release(there) >= release(KEPT[name]):
            plan.keep[name] = there
        elif there and name == "torch":
            raise InstallError(
                f"torch {there} is here, and the course needs {KEPT[name]} or newer. A torch that is there is never "
                "replaced, so nothing was installed. Choose the newest runtime (Colab: Runtime, Change runtime type; "
                f"Kaggle: Settings, Environment), or run `pip install torch=={pins[name]}` and restart."
            )
        elif name in pins and there != pins[name]:
            plan.install.append(f"{name}=={pins[name]}")
    if "torch" in have:
        plan.keep |= {name: have[name] for name in WITH_TORCH if name in have}
    return plan


def make_unsloth_plan(pins: dict[str, str], have: dict[str, str]) -> tuple[Plan, Plan]:
    """First what Unsloth needs and is not there in any version, then Unsloth itself."""
    needed = [f"{name}=={pin}" for name, pin in pins.items() if name not in UNSLOTH and name not in have]
    keep = {name: have[name] for name in (*KEPT, *WITH_TORCH, *PINNED) if name in have}
    return Plan(needed, keep), Plan([f"{name}=={pins[name]}" for name in UNSLOTH if have.get(name) != pins[name]], keep)


def wants_unsloth(preset: str) -> bool:
    """Whether there is an NVIDIA GPU and the preset is for a model that is trained there."""
    if not shutil.which("nvidia-smi"):
        return False
    from course_lib.presets import get_preset  # may read a data file of one's own, so it comes after the packages

    settings = get_preset(preset)
    backend = os.environ.get("COURSE_BACKEND") or settings.backend
    return backend == "unsloth" or (backend == "auto" and settings.model != "tiny")


def carry_out(plan: Plan, *options: str) -> None:
    """Run pip for a plan; does nothing for one with nothing to install. Raises ``InstallError``."""
    if not plan.install:
        return
    check_space(shutil.disk_usage(sysconfig.get_path("purelib")).free, plan)
    print("Installing " + ", ".join(plan.install).replace("==", " ") + " (about a minute).")
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={version}\n" for name, version in plan.keep.items()))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(constraints)]
        done = subprocess.run([*pip, *options, *plan.install], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError(explain(done.stderr))
    invalidate_caches()


def check_python(version: tuple[int, int]) -> None:
    if not OLDEST <= version <= NEWEST:
        oldest, newest, this = (".".join(map(str, v)) for v in (OLDEST, NEWEST, version))
        raise InstallError(f"the course needs Python {oldest} to {newest}, and this is {this}: choose another runtime")


def check_space(free: int, plan: Plan) -> None:
    """``free`` in bytes, before anything is downloaded."""
    needed = SPACE_GB if "torch" in plan.keep else SPACE_WITH_TORCH_GB
    if free < needed * 1e9:
        raise InstallError(
            f"the disk is too full: {free / 1e9:.1f} GB are free where packages go, and about {needed} GB are needed; "
            "delete files or start a fresh runtime, then run this cell again"
        )


def explain(stderr: str) -> str:
    """What pip's errors mean and what to do about it, with its last lines."""
    if "No space left" in stderr:
        what = "the disk is full: delete files or start a fresh runtime, then run this cell again"
    elif NO_NETWORK.search(stderr):
        what = "no package can be fetched: is there a network? (Kaggle: switch on Internet in the notebook's settings)"
    elif "ResolutionImpossible" in stderr:
        what = "the course's packages do not go together with what this runtime has: choose its newest version"
    else:
        what = "pip could not install what the course needs; run this cell again, or start a fresh runtime"
    return f"{what}.\npip's last words:\n" + "\n".join(stderr.strip().splitlines()[-6:])


def replaced(before: dict, after: dict, owners: dict[str, list[str]], loaded: set[str]) -> list[str]:
    """The packages whose version has changed while a module of theirs was loaded.

    ``before`` and ``after``: versions by package; ``owners``: packages by module; ``loaded``: modules.
    setuptools does not count: every Python loads a piece of it that nothing uses.
    """
    packages = {canonical(package) for module in loaded & set(owners) for package in owners[module]}
    return sorted(name for name in packages - {"setuptools"} if name in before and before[name] != after.get(name))


def installed() -> dict[str, str]:
    """The version of every package of this Python."""
    return {canonical(found.metadata["Name"]): found.version for found in metadata.distributions()}


def pins(extra: str = "") -> dict[str, str]:
    """The versions that the installed course asks for, or one of its extras; none where pip did not install it."""
    try:
        lines = metadata.requires("course_lib") or ()
    except metadata.PackageNotFoundError:
        return {}
    wanted = [line for line in lines if (f'extra == "{extra}"' in line if extra else "extra ==" not in line)]
    found = (re.match(r"([\w.-]+)==([^\s;]+)", line) for line in wanted)
    return {canonical(match[1]): match[2] for match in found if match}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def release(version: str) -> tuple[int, ...]:
    """``"2.14.0a1+cu126"`` as (2, 14, 0)."""
    return tuple(int(part) for part in re.match(r"\d+(?:\.\d+)*", version)[0].split("."))


if __name__ == "__main__":
    try:
        install(*sys.argv[1:2])
    except InstallError as error:
        sys.exit(str(error))
