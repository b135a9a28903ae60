"""The bootstrap cell: nothing where the course is installed, everything in a fresh runtime, and torch never touched."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import fresh_chapters
import make_venv
from course_lib import bootstrap
from course_lib.artifacts import read_json
from course_lib.errors import InstallError
from notebook_badges import Repository

ROOT = Path(__file__).parents[1]
CELL = Repository.read(ROOT).bootstrap()
PINS = {
    bootstrap.canonical(name): pin
    for name, pin in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
}
COMPLETE = {name: PINS[name] for name in (*bootstrap.KEPT, *bootstrap.PINNED)}
# Imported only where the learner has asked for it and has it: no notebook needs it.
OPTIONAL = {"unsloth", "vllm", "deepspeed", "gradio"}


# --- the decision ---------------------------------------------------------------------------------------


def test_where_everything_is_there_nothing_is_installed():
    assert bootstrap.make_plan(PINS, COMPLETE).install == []


@pytest.mark.parametrize("there", ["2.14.1+cu130", "3.0", "2.13.0", "2.15.0a0+git1234"])
def test_a_torch_that_is_there_stays(there):
    plan = bootstrap.make_plan(PINS, {"torch": there, "torchvision": "0.29.1", "triton": "3.8.0"})
    assert plan.keep == {"torch": there, "torchvision": "0.29.1", "triton": "3.8.0"}
    assert plan.install == [f"{name}=={pin}" for name, pin in COMPLETE.items() if name != "torch"]


def test_torch_is_installed_where_there_is_none():
    plan = bootstrap.make_plan(PINS, {"torchvision": "0.29.1"})
    assert f"torch=={PINS['torch']}" in plan.install and plan.keep == {}


def test_a_torch_that_is_too_old_is_an_error_and_not_replaced():
    with pytest.raises(InstallError, match=r"torch 1\.13\.1 is here.* never replaced.*nothing was installed"):
        bootstrap.make_plan(PINS, COMPLETE | {"torch": "1.13.1"})


def test_what_a_runtime_brings_along_stays_and_what_decides_behaviour_is_pinned():
    plan = bootstrap.make_plan(PINS, COMPLETE | {"numpy": "2.0.2", "pandas": "4.0.0", "transformers": "5.18.0"})
    assert plan.install == [f"transformers=={PINS['transformers']}"]
    assert plan.keep["numpy"] == "2.0.2" and plan.keep["pandas"] == "4.0.0" and "transformers" not in plan.keep
    plan = bootstrap.make_plan(PINS, COMPLETE | {"numpy": "1.26.4"})
    assert plan.install == [f"numpy=={PINS['numpy']}"] and "numpy" not in plan.keep


def test_unsloth_goes_in_by_itself_and_beside_what_is_there():
    pins = {"unsloth": "2", "unsloth-zoo": "3", "protobuf": "7", "bitsandbytes": "1"}
    needed, itself = bootstrap.make_unsloth_plan(pins, COMPLETE | {"protobuf": "5", "unsloth": "2"})
    assert needed.install == ["bitsandbytes==1"] and needed.keep == COMPLETE
    assert itself.install == ["unsloth-zoo==3"]


@pytest.mark.parametrize(
    ("preset", "gpu", "backend", "wanted"),
    [
        ("t4", True, "", True),
        ("gpu", True, "", True),
        ("t4", False, "", False),
        ("laptop", True, "", False),
        ("t4", True, "transformers", False),
        ("laptop", True, "unsloth", True),
    ],
)
def test_unsloth_comes_with_a_gpu_and_a_preset_that_asks_for_it(preset, gpu, backend, wanted, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi" if gpu else None)
    monkeypatch.setenv("COURSE_BACKEND", backend)
    assert bootstrap.wants_unsloth(preset) is wanted


def test_a_package_replaced_while_in_use_is_named():
    """pip cannot change what a session has loaded: half of it old and half new breaks in odd ways."""
    before = {"numpy": "2.0.2", "pillow": "11.0", "pandas": "2.2.2", "setuptools": "65"}
    after = {"numpy": "2.4.6", "pillow": "13.0", "pandas": "2.2.2", "setuptools": "84", "trl": "1.14.2"}
    owners = {"numpy": ["numpy"], "PIL": ["Pillow"], "pandas": ["pandas"], "pkg_resources": ["setuptools"]}
    loaded = {"PIL", "pandas", "pkg_resources", "os"}
    assert bootstrap.replaced(before, after, owners, loaded) == ["pillow"]


def test_after_such_a_replacement_the_session_must_be_restarted(monkeypatch):
    versions = [COMPLETE | {"pyarrow": "18"}, COMPLETE | {"pyarrow": "26"}]
    monkeypatch.setattr(bootstrap, "pins", lambda extra="": PINS)
    monkeypatch.setattr(bootstrap, "installed", lambda: versions.pop(0))
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"pyarrow": ["pyarrow"]})
    monkeypatch.setitem(sys.modules, "pyarrow", object())
    with pytest.raises(InstallError, match="loaded an older pyarrow. Restart it"):
        bootstrap.install()


# --- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_python_that_does_not_do_is_named(version):
    with pytest.raises(InstallError, match=rf"needs Python 3\.11 to 3\.13, and this is 3\.{version[1]}"):
        bootstrap.check_python(version)


def test_a_full_disk_is_named_before_anything_is_fetched():
    bootstrap.check_space(int(2.1e9), bootstrap.Plan([], {"torch": "2.14.1"}))
    for plan in (bootstrap.Plan([], {"torch": "2.14.1"}), bootstrap.Plan([], {})):
        with pytest.raises(InstallError, match=r"disk is too full: 1\.5 GB are free"):
            bootstrap.check_space(int(1.5e9), plan)
    with pytest.raises(InstallError, match="about 9 GB are needed"):
        bootstrap.check_space(int(2.1e9), bootstrap.Plan([], {}))


def test_pips_errors_are_explained():
    """The first two are what pip really says without a network; of a disk that is full, its words are enough."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    command += ["--index-url", "http://127.0.0.1:9/simple", "trl==1.14.2", "--retries"]
    environment = os.environ | {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}
    for retries in "01":
        done = subprocess.run([*command, retries], capture_output=True, text=True, check=False, env=environment)
        assert ("NewConnectionError" in done.stderr) == (retries == "1")
        said = bootstrap.explain(done.stderr)
        assert said.startswith("no package can be fetched: is there a network?") and "trl==1.14.2" in said
    full = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    assert bootstrap.explain(full).startswith("the disk is full")
    assert bootstrap.explain("ERROR: odd").startswith("pip could not install") and "odd" in bootstrap.explain("odd")


def test_a_kernel_that_lacks_packages_is_told_where_they_are(monkeypatch):
    """On one's own machine, with the wrong kernel: nothing is installed there unasked."""
    for name in bootstrap.HOSTS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(bootstrap, "find_spec", lambda name: None if name in ("trl", "huggingface_hub") else object())
    monkeypatch.setattr(bootstrap, "carry_out", None)
    with pytest.raises(InstallError, match="not trl, huggingface-hub.*make setup.*-m course_lib.bootstrap"):
        bootstrap.ensure()


# --- agreement with the rest of the course --------------------------------------------------------------


def test_versions_agree_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    oldest, beyond = (tuple(map(int, text.split("."))) for text in re.findall(r"3\.\d+", project["requires-python"]))
    assert oldest == bootstrap.OLDEST == make_venv.OLDEST
    assert beyond == (3, bootstrap.NEWEST[1] + 1) and bootstrap.NEWEST == make_venv.NEWEST
    assert all(bootstrap.release(PINS[name]) >= bootstrap.release(old) for name, old in bootstrap.KEPT.items())
    found: dict[str, set[str]] = {}
    for path in ("requirements.txt", "requirements-unsloth.txt", "requirements-gpu.txt"):  # installed side by side
        for name, pin in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / path).read_text(), re.MULTILINE):
            found.setdefault(bootstrap.canonical(name), set()).add(pin)
    assert {name: pins for name, pins in found.items() if len(pins) > 1} == {}


def test_all_that_is_imported_is_installed():
    """A new import is either in KEPT or PINNED, or comes with one of them, or only serves who has it."""
    files = [*ROOT.glob("course_lib/**/*.py"), *ROOT.glob("notebooks/*.py"), *ROOT.glob("solutions/*.py")]
    imported = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split(".")[0])
    owners = metadata.packages_distributions()
    provided = {package for name in COMPLETE for package in fresh_chapters.closure(name)}
    missing = {
        module
        for module in imported - set(sys.stdlib_module_names) - {"course_lib"} - OPTIONAL
        if not provided & {bootstrap.canonical(owner) for owner in owners.get(module, ())}
    }
    assert "pandas" in imported and not missing


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as pip builds it, apart from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = fresh_chapters.copy_source(folder / "course")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(source)], check=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_pins_come_with_the_package(wheel, tmp_path):
    """In the wheel's own list: what the bootstrap reads, with its extra for a GPU apart."""
    code = "from course_lib import bootstrap; print(bootstrap.pins()); print(bootstrap.pins('gpu'))"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    course, gpu = map(ast.literal_eval, done.stdout.splitlines())
    assert course == PINS and set(bootstrap.UNSLOTH) < set(gpu) and not set(gpu) & set(course)


@pytest.mark.slow
def test_the_package_holds_all_data(wheel):
    """Seen elsewhere: an installed package that lacked its data, while the checkout had it."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        wanted = [
            path for path in (ROOT / "course_lib").rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert names == {path.relative_to(ROOT).as_posix() for path in wanted}
        assert "course_lib/data/tiny_gemma/model.safetensors" in names
        for path in wanted:
            assert archive.read(path.relative_to(ROOT).as_posix()) == path.read_bytes()


# --- the cell itself ------------------------------------------------------------------------------------


def run_cell(python: str | Path, folder: Path, before: str = "", after: str = "", **variables: str):
    """The cell as a script, in a folder and a Python of its own."""
    code = f'{before}\npreset = "smoke"\n{CELL}\n{after}'
    environment = fresh_chapters.environment() | variables
    return subprocess.run(
        [str(python), "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("variables", [{}, {"COURSE_SOURCE": "/nowhere"}])
def test_the_cell_does_nothing_where_the_course_is_installed(variables, tmp_path):
    """No process is started, no connection is made, nothing heavy is imported, and nothing is said."""
    before = "import socket, subprocess; subprocess.Popen = socket.socket = None"
    after = "import sys; assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    done = run_cell(sys.executable, tmp_path, before, after, PYTHONPATH=str(ROOT), **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def make_fake(folder: Path, name: str, version: str, requires: str = "") -> None:
    """A wheel of one module that knows its version, under a real name."""
    module = {"ipython": "IPython"}.get(name, name.replace("-", "_"))
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as archive:
        info = f"{module}-{version}.dist-info"
        archive.writestr(f"{module}.py", f"__version__ = {version!r}\n")
        needs = f"Requires-Dist: {requires}\n" if requires else ""
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{module}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.mark.slow
def test_the_cell_in_a_fresh_python_with_another_torch(wheel, tmp_path):
    """With real pip and, under the real names, packages of one line: what is installed, what stays, what is said."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for name, pin in COMPLETE.items():
        make_fake(shelf, name, pin, "torch" if name == "peft" else "")
    make_fake(shelf, "torch", "2.14.1+cu130")
    make_fake(shelf, "torch", "1.13.1")
    make_fake(shelf, "numpy", "2.0.2")
    venv.create(tmp_path / "runtime", with_pip=True)
    runtime = fresh_chapters.Runtime(tmp_path / "runtime")
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(shelf)}

    def pip(*arguments: str) -> None:
        command = [str(runtime.python), "-m", "pip", "--quiet", *arguments]
        subprocess.run(command, check=True, env=fresh_chapters.environment() | offline)

    def cell(**more: str):
        (tmp_path / "empty").mkdir(exist_ok=True)
        return run_cell(runtime.python, tmp_path / "empty", COURSE_SOURCE=str(wheel), **(offline | more))

    def versions() -> dict[str, str]:
        return {name: version for name, version in runtime.versions().items() if name not in ("pip", "setuptools")}

    pip("install", "torch==1.13.1")
    done = cell()
    assert done.returncode and "torch 1.13.1 is here, and the course needs" in done.stderr
    assert set(versions()) == {"torch", "course-lib"}

    pip("install", "torch==2.14.1+cu130", "numpy==2.0.2")
    torch = runtime.packages / "torch.py"
    mark = torch.stat().st_mtime_ns
    done = cell()  # goes on where the first left off
    assert done.returncode == 0, done.stderr
    assert "Staying as they are: torch 2.14.1+cu130, numpy 2.0.2" in done.stdout and "transformers" in done.stdout
    there = COMPLETE | {"torch": "2.14.1+cu130", "numpy": "2.0.2", "course-lib": "0.1.0"}
    assert versions() == there and torch.stat().st_mtime_ns == mark
    assert "2.14.1" in torch.read_text() and not list((tmp_path / "empty").iterdir())
    done = cell(PIP_FIND_LINKS="", COLAB_RELEASE_TAG="release")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    pip("uninstall", "--yes", "course_lib", "trl")
    make_fake(shelf, "trl", PINS["trl"], f"torch=={PINS['torch']}")
    done = cell()
    assert done.returncode and "do not go together with what this runtime has" in done.stderr
    assert runtime.versions()["torch"] == "2.14.1+cu130" and torch.stat().st_mtime_ns == mark


@pytest.mark.slow
@pytest.mark.notebooks
def test_two_chapters_open_alone_in_a_fresh_runtime(tmp_path):
    """An empty folder, torch and a kernel, and nothing else: the notebook's own cell brings what it needs."""
    source = fresh_chapters.copy_source(tmp_path / "course")
    runtime = fresh_chapters.make_runtime(tmp_path / "runtime")
    try:
        runtime.pip("download", "--quiet", "--no-deps", "--dest", str(tmp_path / "probe"), f"trl=={PINS['trl']}")
    except subprocess.CalledProcessError:
        pytest.skip("no package index can be reached, so there is nothing to install from")
    before, digest = runtime.versions(), runtime.torch_digest()
    assert not {"course-lib", "trl", "transformers"} & set(before)
    for name, said in (("01_setup", f"trl {PINS['trl']}"), ("06_training", "")):
        notebook = fresh_chapters.run_chapter(name, runtime, tmp_path / name, source)
        printed = fresh_chapters.printed(fresh_chapters.bootstrap_cell(notebook))
        assert said in printed and (said or not printed)
        after = runtime.versions()
        assert after["course-lib"] == "0.1.0" and (runtime.packages / "course_lib/data/tiny_gemma").is_dir()
        assert {package: after[package] for package in bootstrap.PINNED} == {p: PINS[p] for p in bootstrap.PINNED}
        assert after["torch"] == before["torch"] and runtime.torch_digest() == digest
        assert sorted(path.name for path in (tmp_path / name).iterdir()) == [f"{name}.ipynb", "runs"]
        runtime.pip("uninstall", "--quiet", "--yes", "course_lib")
    assert (tmp_path / "06_training/runs/smoke/06_training/adapter/adapter_model.safetensors").is_file()


# --- what was recorded ----------------------------------------------------------------------------------


def test_every_chapter_was_opened_alone():
    record = ROOT / "recorded/fresh.json"
    runs = read_json(record)["runs"]
    assert runs[0]["runtime"] == []
    assert len({run["packages"]["before"]["torch"] for run in runs}) > 1
    for run in runs:
        assert [chapter["chapter"] for chapter in run["chapters"]] == fresh_chapters.CHAPTERS
        assert all(chapter["torch_unchanged"] for chapter in run["chapters"])
        assert not set(bootstrap.KEPT) & set(run["packages"]["replaced"])
        pinned = {name: version for name, version in COMPLETE.items() if name in bootstrap.PINNED}
        replaced = {name: now for name, (_, now) in run["packages"]["replaced"].items()}
        assert pinned.items() <= (run["packages"]["installed"] | replaced).items()
    text = record.read_text()
    assert not re.search(r"/(work|tmp|home|root|usr)/", text)


def test_the_oldest_version_that_stays_is_one_that_was_run():
    kept = [run["packages"]["before"] for run in read_json(ROOT / "recorded/fresh.json")["runs"]]
    for name, oldest in bootstrap.KEPT.items():
        wanted = bootstrap.release(oldest)
        assert min(bootstrap.release(found[name]) for found in kept if name in found)[: len(wanted)] == wanted, name
