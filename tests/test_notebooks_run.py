"""Every notebook runs from top to bottom at the size `smoke`, alone, without network, in a folder of its own.

An exercise notebook is proved twice: blank, it runs to the end and every exercise says "not attempted";
filled in (its solution), every exercise passes the check that the learner sees.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
from nbclient import NotebookClient
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from course_lib.artifacts import read_json
from course_lib.tasks import TASKS, toy_math
from test_build_notebooks import PARTS

ROOT = Path(__file__).parents[1]
SMOKE = {"preset": "smoke"}
SECONDS = 900  # for one cell
pytestmark = pytest.mark.notebooks


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """What a notebook writes lands in a temporary folder; nothing is downloaded."""
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("COURSE_STRICT", raising=False)


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    return papermill.execute_notebook(
        path,
        folder / path.name,
        parameters=SMOKE,
        cwd=folder,
        kernel_name="python3",
        execution_timeout=SECONDS,
        progress_bar=False,
    )


@pytest.mark.parametrize("name", PARTS)
def test_chapter(name, tmp_path):
    run(ROOT / f"notebooks/{name}.ipynb", tmp_path)


def test_a_result_of_the_courses_own_adapter_can_be_exported(tmp_path, monkeypatch):
    """Chapters 7 and 8 without chapter 6, at another size and with another seed than the adapter was trained with."""
    monkeypatch.setitem(SMOKE, "seed", 1)
    for name in ("07_evaluation", "08_export"):
        run(ROOT / f"notebooks/{name}.ipynb", tmp_path)
    measured = read_json(tmp_path / "runs/smoke/results.json")
    assert (measured["preset"], measured["seed"]) == ("smoke", 0)  # the size of the evaluation, the training's seed
    card = (tmp_path / "runs/smoke/08_export/hub/README.md").read_text()
    assert "(preset `laptop`" in card and f"{measured['n']} held-out problems" in card


@pytest.mark.parametrize("name", PARTS)
def test_solutions_pass_their_checks(name, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    said = verdicts(run(ROOT / f"solutions/{name}.ipynb", tmp_path))
    assert said and all(": correct." in text for text in said), said


@pytest.mark.parametrize("name", PARTS)
def test_blank_exercises_run_to_the_end(name, tmp_path):
    blank = load_notebook_node(str(ROOT / f"exercises/{name}.ipynb"))
    notebook = parameterize_notebook(blank, SMOKE, kernel_name="python3", language="python")
    resources = {"metadata": {"path": str(tmp_path)}}
    client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", resources=resources)
    try:
        client.execute()
    finally:
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    said = verdicts(notebook)
    assert said and all(": not attempted." in text for text in said), said


@pytest.mark.parametrize("what", ["toy_choice", "toy_rubric", "a file of one's own"])
def test_all_chapters_in_sequence_on_other_data(what, tmp_path):
    """The whole course, each chapter with what the one before it has left, as ``make run`` does it."""
    arguments, name = ["--task", what], f"smoke-{what}"
    if what not in TASKS:
        rows = [{"Frage": row["question"], "Loesung": row["answer"]} for row in toy_math.generate("train", 300, 1)]
        pd.DataFrame(rows).to_csv(tmp_path / "my.csv", index=False)
        columns = "question=Frage,answer=Loesung"
        arguments, name = ["--data", str(tmp_path / "my.csv"), "--columns", columns], "smoke-number"
    command = [sys.executable, "tools/run_course.py", "--preset", "smoke", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run_folder = tmp_path / "runs" / name
    assert read_json(run_folder / "results.json")["preset"] == name
    assert "accuracy, greedy" in done.stdout and (run_folder / "report.html").stat().st_size > 10_000


def verdicts(notebook: nbformat.NotebookNode) -> list[str]:
    """What each exercise cell has printed."""
    cells = [cell for cell in notebook.cells if "exercise" in cell.metadata.get("tags", [])]
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in cells]
