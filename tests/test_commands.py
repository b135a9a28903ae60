"""The commands: clear errors, non-zero exit, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
