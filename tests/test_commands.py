"""The commands: clear errors, non-zero exit, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from course_lib.artifacts import read_json
from course_lib.summary import results_table

ROOT = Path(__file__).parents[1]


def call(*command: str, **env: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--preset", "huge"), "unknown preset 'huge'; choose one of: smoke, laptop"),
        (("--seed", "-1"), "the seed must be 0 or more"),
    ],
)
def test_bad_settings_stop_the_run(arguments, message, tmp_path):
    done = call("tools/run_course.py", *arguments, COURSE_RUNS=str(tmp_path / "runs"))
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written_stops_the_run(tmp_path):
    (tmp_path / "file").write_text("mine")
    done = call("tools/run_course.py", "--preset", "smoke", COURSE_RUNS=str(tmp_path / "file"))
    assert done.returncode == 1 and "set COURSE_RUNS" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "mine"


def test_an_old_python_is_told_what_to_do(tmp_path):
    """With a PATH that holds no other Python, and a version that the course does not support."""
    code = (
        "import sys, runpy; sys.path.insert(0, 'tools'); import make_venv;"
        "make_venv.OLDEST, make_venv.NEWEST = (3, 90), (3, 91); sys.argv = ['make_venv.py', sys.argv[1]];"
        "make_venv.main()"
    )
    done = call("-c", code, str(tmp_path / "venv"), PATH=str(tmp_path))
    assert done.returncode == 1 and "needs Python 3.90 to 3.91" in done.stderr and "PYTHON=" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_a_full_disk_is_told_what_to_do(tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'tools'); import make_venv;"
        "make_venv.SPACE_GB = 10**9; sys.argv = ['make_venv.py', sys.argv[1]]; make_venv.main()"
    )
    done = call("-c", code, str(tmp_path / "venv"))
    assert done.returncode == 1 and "The disk is too full" in done.stderr and "GB are needed" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_importing_the_library_needs_no_torch():
    """Parts 1 to 3 and every checker stay light: what needs torch imports it when it is used."""
    modules = "presets tasks grading rewards prompts artifacts statistics models evaluation checks"
    code = f"import sys; from course_lib import {', '.join(modules.split())}; sys.exit('torch' in sys.modules)"
    assert call("-c", code).returncode == 0


@pytest.mark.slow
def test_an_interrupted_course_goes_on_with_the_chapter_it_was_in(tmp_path):
    """A recorded run, cut back to before its last chapter: only that chapter runs, then table and report."""
    run = tmp_path / "laptop"
    shutil.copytree(ROOT / "recorded/laptop/seed-0", run)
    before = read_json(run / "progress.json")
    assert len(before["done"]) == 8
    cut = {**before, "done": {name: s for name, s in before["done"].items() if name != "08_export"}}
    (run / "progress.json").write_text(json.dumps(cut))
    shutil.rmtree(run / "08_export")
    done = call("tools/run_course.py", "--preset", "laptop", "--seed", "0", COURSE_RUNS=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Going on after 07_evaluation" in done.stdout
    assert results_table(read_json(run / "results.json")) in done.stdout and (run / "report.html").is_file()
    assert sorted(path.name for path in (run / "notebooks").iterdir()) == ["08_export.ipynb"]
    after = read_json(run / "progress.json")["done"]
    assert len(after) == 8 and {name: after[name] for name in cut["done"]} == cut["done"]
    assert read_json(run / "08_export/export.json")["token_agreement"] == 1.0


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not here")
def test_a_workbook_is_never_overwritten(tmp_path):
    """`make notebooks` writes exercises/ anew; what a learner has filled in must lie elsewhere, and stay."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "exercises", tmp_path / "exercises")
    for name in ("requirements.txt", "pyproject.toml", "tools/make_venv.py", ".venv/installed"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "workbook").mkdir()
    mine = tmp_path / "workbook/01_setup.py"
    mine.write_text("my answer")
    subprocess.run(["make", "workbook"], cwd=tmp_path, check=True, capture_output=True)
    assert mine.read_text() == "my answer"
    names = [{path.name for path in (tmp_path / folder).iterdir()} for folder in ("exercises", "workbook")]
    assert names[0] == names[1] and len(names[0]) == 16
