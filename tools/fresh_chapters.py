"""Open each chapter alone, as Colab and Kaggle do: python tools/fresh_chapters.py [--chapters 01_setup …]

Each chapter gets a fresh virtual environment that holds a notebook kernel and torch, as those runtimes do, and an
empty folder with nothing but the notebook. Its own bootstrap cell installs the course, from a copy of this checkout.
The torch is the one of the Python that runs this (its files are linked, not installed again). With ``--runtime`` pip
makes the runtime, as in --runtime torch==2.14.1 numpy==2.0.2, and the chapters share it: after each, the course is
uninstalled and the packages stay. Packages come from the package index. Writes recorded/fresh.json, one entry for
each runtime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from course_lib.artifacts import read_json, write_json
from course_lib.bootstrap import KEPT, canonical
from course_lib.models import machine

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "recorded/fresh.json"
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
KERNEL = "ipykernel"
SECONDS = 900  # for one cell


@dataclass
class Runtime:
    """A virtual environment that stands for a fresh runtime."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python3*/site-packages"))

    def pip(self, *arguments: str) -> str:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment()).stdout

    def versions(self) -> dict[str, str]:
        """All installed packages."""
        return {canonical(line["name"]): line["version"] for line in json.loads(self.pip("list", "--format=json"))}

    def torch_digest(self) -> str:
        """SHA-256 over names and bytes of torch's files as its own list has them, without what Python compiles."""
        digest = hashlib.sha256()
        record = next(self.packages.glob("torch-*.dist-info/RECORD"))
        for name in sorted(line.split(",")[0] for line in record.read_text().splitlines()):
            path = self.packages / name
            if path.suffix != ".pyc":
                digest.update(name.encode() + (path.read_bytes() if path.is_file() else b"missing"))
        return digest.hexdigest()


def environment() -> dict[str, str]:
    """This process's variables, without those that would show a fresh Python what is here."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "COURSE_SOURCE", "COURSE_RUNS", "COURSE_PRESET")
    return {name: value for name, value in os.environ.items() if name not in hidden}


def make_runtime(folder: Path, packages: list[str] | None = None) -> Runtime:
    """A fresh virtual environment with a kernel and torch: by pip, or linked from the Python that runs this."""
    venv.create(folder, with_pip=True)
    runtime = Runtime(folder)
    if packages:
        runtime.pip("install", "--quiet", KERNEL, *packages)
    else:
        runtime.pip("uninstall", "--quiet", "--yes", "setuptools")  # torch brings a newer one
        for name in sorted(closure("torch") | closure(KERNEL)):
            link(name, runtime.packages)
    return runtime


def closure(name: str) -> set[str]:
    """A package and all that it depends on, as they are installed here."""
    found: set[str] = set()
    todo = [canonical(name)]
    while todo:
        package = todo.pop()
        try:
            requires = metadata.requires(package) or []
        except metadata.PackageNotFoundError:
            continue  # it is for another system
        if package not in found:
            found.add(package)
            todo += [canonical(re.match(r"[\w.-]+", line)[0]) for line in requires if "extra ==" not in line]
    return found


def link(name: str, site_packages: Path) -> None:
    """A package's files once more, as hard links: pip may remove a link, and the file stays."""
    distribution = metadata.distribution(name)
    for file in distribution.files or []:
        source, target = Path(distribution.locate_file(file)), site_packages / file
        if ".." in file.parts or not source.is_file():
            continue  # scripts
        target.parent.mkdir(parents=True, exist_ok=True)
        link_file(source, target)


def link_file(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk
        shutil.copy2(source, target)


def copy_source(folder: Path) -> Path:
    """What pip builds the package from, apart from the checkout, since building leaves files behind."""
    folder.mkdir(parents=True)
    for path in (
        *ROOT.glob("requirements*.txt"),
        *(ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")),
    ):
        shutil.copy(path, folder)
    shutil.copytree(ROOT / "course_lib", folder / "course_lib", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run_chapter(name: str, runtime: Runtime, folder: Path, source: Path) -> nbformat.NotebookNode:
    """Execute a copy of the chapter in an empty folder with the runtime's kernel; what it writes lands there too."""
    folder.mkdir(parents=True)
    path = Path(shutil.copy(ROOT / f"notebooks/{name}.ipynb", folder))
    notebook = load_notebook_node(str(path))
    notebook = parameterize_notebook(notebook, {"preset": "smoke"}, kernel_name="python3", language="python")
    kernel = KernelManager(kernel_name="python3")
    kernel.kernel_spec.argv[0] = str(runtime.python)
    client = NotebookClient(notebook, km=kernel, timeout=SECONDS, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment() | {"COURSE_SOURCE": str(source), "HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"})
    return notebook


def bootstrap_cell(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if "bootstrap" in cell.metadata.get("tags", []))


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def seconds(cell: nbformat.NotebookNode) -> float:
    """How long a cell ran, by the kernel's own clock."""
    times = cell.metadata["execution"]
    begin, end = (times[f"iopub.{name}"] for name in ("execute_input", "status.idle"))
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def open_chapter(name: str, runtime: Runtime, folder: Path, source: Path) -> tuple[dict, dict]:
    """Open one chapter. What it took, and what happened to the runtime's packages."""
    before, digest = runtime.versions(), runtime.torch_digest()
    started = time.perf_counter()
    cell = bootstrap_cell(run_chapter(name, runtime, folder, source))
    total = time.perf_counter() - started
    after = runtime.versions()
    packages = {
        "torch_sha256": digest,
        "before": {package: version for package, version in before.items() if package in KEPT},
        "replaced": {p: [v, after.get(p)] for p, v in sorted(before.items()) if after.get(p) != v},
        "installed": {p: v for p, v in sorted(after.items()) if p not in before},
        "printed": printed(cell).strip().splitlines(),
    }
    return {
        "chapter": name,
        "seconds": round(total, 1),
        "bootstrap_seconds": round(seconds(cell), 1),
        "torch_unchanged": after["torch"] == before["torch"] and runtime.torch_digest() == digest,
    }, packages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chapters", nargs="+", choices=CHAPTERS, default=CHAPTERS)
    parser.add_argument("--runtime", nargs="+", default=[], metavar="PIN", help="what pip puts there first")
    options = parser.parse_args()
    chapters, packages = [], {}
    with tempfile.TemporaryDirectory() as temporary:
        source = copy_source(Path(temporary) / "course")
        fresh = make_runtime(Path(temporary) / "fresh", options.runtime)
        for name in options.chapters:
            runtime, folder = fresh, Path(temporary) / name
            if not options.runtime:
                copy = shutil.copytree(fresh.folder, folder / "runtime", symlinks=True, copy_function=link_file)
                runtime = Runtime(copy)
            found, happened = open_chapter(name, runtime, folder / "empty", source)
            packages = packages or happened
            chapters.append(found)
            print(f"{name}: {found['seconds']} s, of which bootstrap {found['bootstrap_seconds']} s", flush=True)
            if not found["torch_unchanged"]:
                sys.exit(f"{name}: torch was replaced, which must not be")
            runtime.pip("uninstall", "--quiet", "--yes", "course_lib")
            shutil.rmtree(folder)
    here = {key: value for key, value in machine().items() if key in ("cpu", "cores", "threads", "gpu", "python")}
    run = {"runtime": options.runtime, "machine": here, "chapters": chapters, "packages": packages}
    others = read_json(RECORD)["runs"] if RECORD.exists() else []
    runs = [run, *(other for other in others if other["runtime"] != options.runtime)]
    write_json(RECORD, {"runs": sorted(runs, key=lambda run: run["runtime"])})
    print(f"Recorded: {RECORD.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
