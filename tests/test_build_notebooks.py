"""The generator on small good and broken sources, and the generated files of the course."""

from __future__ import annotations

import shutil
from pathlib import Path

import nbformat
import pytest

import build_notebooks as tool
import set_repository
from notebook_badges import Repository

ROOT = Path(__file__).parents[1]
PARTS = (
    "01_setup 02_grpo_theory 03_data_and_rewards 04_model_and_lora "
    "05_reward_testing 06_training 07_evaluation 08_export"
).split()

HEAD = """\
# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Part 2: Groups

# %% tags=["parameters"]
preset = "auto"
seed = 0
"""
EXERCISE = '''
# %% tags=["exercise"]
def centre(rewards):
    """Subtract the mean."""
    # begin solution
    mean = sum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]
    # end solution


part2.centre.check(centre)

# %% tags=["exercise"]
# begin solution
# stub: largest = ...
largest = max(centre([1, 2, 6]))
# end solution
part2.largest.check(largest)

# %% [markdown] tags=["solution"]
# Three is the answer.

# %%
print("after")
'''


@pytest.fixture
def course(tmp_path):
    """A course of one part, built."""
    for folder in tool.FOLDERS:
        (tmp_path / folder).mkdir()
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "me/course"\nbranch = "main"\n')
    (tmp_path / "README.md").write_text("Hi\n<!-- badges:begin -->\n<!-- badges:end -->\nBye\n")
    (tmp_path / "notebooks/02_groups.py").write_text(HEAD)
    (tmp_path / "solutions/02_groups.py").write_text(HEAD + EXERCISE)
    assert tool.main(["--root", str(tmp_path)]) == 0
    return tmp_path


def test_built_is_in_sync_and_building_again_changes_nothing(course):
    assert tool.check(course) == []
    assert tool.write(course) == ([], [])
    before = (course / "exercises/02_groups.ipynb").read_bytes()
    (course / "exercises/02_groups.ipynb").unlink()
    tool.write(course)
    assert (course / "exercises/02_groups.ipynb").read_bytes() == before


def test_a_missing_or_empty_folder_is_fine(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.course]\nrepository = "me/course"\nbranch = "main"\n')
    (tmp_path / "README.md").write_text("<!-- badges:begin -->\n<!-- badges:end -->\n")
    assert tool.main(["--root", str(tmp_path)]) == 0
    assert tool.check(tmp_path) == []


def test_exercise_has_stubs_in_place_of_solutions(course):
    text = (course / "exercises/02_groups.py").read_text()
    assert "Generated from solutions/02_groups.py" in text.splitlines()[2]
    assert (
        '    """Subtract the mean."""\n    # Write your code here\n'
        '    raise NotImplementedError("Exercise: write centre")\n\n\npart2.centre.check(centre)\n'
    ) in text
    assert "# Write your code here\nlargest = ...\npart2.largest.check(largest)\n" in text
    assert "mean = sum" not in text and "Three is the answer" not in text and 'print("after")' in text
    notebook = nbformat.read(course / "exercises/02_groups.ipynb", as_version=4)
    scripted = tool.read_source(text)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in scripted.cells]


def test_solution_notebook_reads_without_markers(course):
    text = (course / "solutions/02_groups.ipynb").read_text()
    assert "mean = sum" in text and "Three is the answer" in text
    assert "begin solution" not in text and "stub:" not in text and "..." not in text


def test_badges_open_the_file_that_they_stand_in(course):
    """Seen elsewhere: the learner's badge opened the teacher's version."""
    for folder in tool.FOLDERS:
        for suffix in ("py", "ipynb"):
            text = (course / f"{folder}/02_groups.{suffix}").read_text()
            links = [part.split(")")[0] for part in text.split("blob/main/")[1:]]
            assert links == [f"{folder}/02_groups.ipynb"] * 2
    readme = (course / "README.md").read_text()
    assert "[Part 2: Groups](notebooks/02_groups.ipynb)" in readme and "](exercises/02_groups.ipynb)" in readme
    assert readme.startswith("Hi\n") and readme.endswith("\nBye\n")


def test_the_bootstrap_cell_is_written_anew_where_it_was_changed(course):
    path = course / "notebooks/02_groups.py"
    text = path.read_text()
    path.write_text(text.replace("# Colab, Kaggle:", "# Here:"))
    assert "notebooks/02_groups.py: stale" in tool.check(course)
    tool.write(course)
    assert path.read_text() == text and text.count('tags=["bootstrap"]') == 1
    path.write_text(text + '\n# %% tags=["bootstrap"]\nx = 1\n')
    assert "the cell after the parameters, and no other, should have the tag 'bootstrap'" in tool.check(course)[0]


def test_set_repository_moves_every_badge(course):
    assert set_repository.main(["you/other", "--branch", "dev", "--root", str(course)]) == 0
    assert tool.check(course) == []
    for path in course.rglob("*.*"):
        assert "me/course" not in path.read_text()
    assert "github.com/you/other/blob/dev/notebooks" in (course / "README.md").read_text()
    for folder in tool.FOLDERS:
        assert '"git+https://github.com/you/other@dev"' in (course / f"{folder}/02_groups.py").read_text()
    with pytest.raises(SystemExit):
        set_repository.main(["https://github.com/you/other", "--root", str(course)])


def test_check_names_missing_stale_and_orphan_files(course, capsys):
    (course / "notebooks/02_groups.ipynb").unlink()
    path = course / "exercises/02_groups.py"
    path.write_text(path.read_text() + "\n# edited by hand\n")
    shutil.copy(path, course / "exercises/09_gone.py")
    assert tool.main(["--check", "--root", str(course)]) == 1
    printed = capsys.readouterr().err
    for line in (
        "notebooks/02_groups.ipynb: missing",
        "exercises/02_groups.py: stale",
        "exercises/09_gone.py: orphan",
    ):
        assert line in printed
    assert not (course / "notebooks/02_groups.ipynb").exists()


def test_outputs_are_refused(course):
    path = course / "notebooks/02_groups.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="hello")]
    nbformat.write(notebook, path)
    assert "notebooks/02_groups.ipynb: cell 3 has outputs" in tool.check(course)
    assert tool.main(["--no-outputs", "--root", str(course)]) == 1


def test_a_leak_is_found(course):
    path = course / "exercises/02_groups.py"
    path.write_text(path.read_text() + "\n# %%\nmean = sum(rewards) / len(rewards)\n")
    assert tool.leaks(course) == ["exercises/02_groups.py: gives away 'mean = sum(rewards) / len(rewards)'"]


def test_readme_without_markers_is_a_clear_error(course):
    (course / "README.md").write_text("Hi\n")
    assert any("README.md needs one line <!-- badges:begin -->" in line for line in tool.check(course))


CELL = '\n# %% tags=["exercise"]\n'
LONG = "".join(f"x{i} = {i}\n" for i in range(31))
BROKEN = {
    "begin without end": (CELL + "# begin solution\nx = 1\npart2.x.check(x)\n", "without '# end solution'"),
    "end without begin": (CELL + "x = 1\n# end solution\npart2.x.check(x)\n", "without '# begin solution'"),
    "nested": (CELL + "# begin solution\nx = 1\n# begin solution\n", "a second '# begin solution'"),
    "different indents": (
        CELL + "def f():\n    # begin solution\n    x = 1\n# end solution\nf.check(f)\n",
        "indented differently",
    ),
    "outside an exercise": (
        "\n# %%\n# begin solution\n# stub: x = ...\nx = 1\n# end solution\n",
        "outside a cell",
    ),
    "top level without stub": (
        CELL + "# begin solution\nx = 1\n# end solution\npart2.x.check(x)\n",
        "outside any function needs",
    ),
    "class body without stub": (
        CELL + "class A:\n    # begin solution\n    x = 1\n    # end solution\npart2.x.check(A)\n",
        "outside any function needs",
    ),
    "whole function without stub": (
        CELL + "# begin solution\ndef f():\n    return 1\n# end solution\npart2.x.check(f)\n",
        "outside any function needs",
    ),
    "no region": (CELL + "x = 1\npart2.x.check(x)\n", "an exercise without"),
    "empty region": (CELL + "# begin solution\n# end solution\npart2.x.check(x)\n", "region without code"),
    "no check": (CELL + "def f():\n    # begin solution\n    x = 1\n    # end solution\n", "last statement"),
    "stub outside": ("\n# %%\n# stub: x = ...\n", "outside a solution region"),
    "too long": ("\n# %%\n" + LONG, "31 lines of code"),
    "invalid Python": (
        CELL + "# begin solution\ndef f(:\n# end solution\npart2.x.check(x)\n",
        "not valid Python",
    ),
    "second parameters cell": ('\n# %% tags=["parameters"]\nx = 1\n', "not 2"),
    "exercise in markdown": ('\n# %% [markdown] tags=["exercise"]\n# Text\n', "belongs to a code cell"),
}


@pytest.mark.parametrize("label", BROKEN)
def test_a_broken_source_is_named_with_its_cell(course, label):
    cell, message = BROKEN[label]
    path = course / "solutions/02_groups.py"
    path.write_text(path.read_text() + cell)
    before = (course / "exercises/02_groups.py").read_text()
    _, errors = tool.write(course)
    assert len(errors) == 1 and message in errors[0]
    assert errors[0].startswith("solutions/02_groups.py: ")
    assert "cell 9" in errors[0] or label == "second parameters cell"
    assert (course / "exercises/02_groups.py").read_text() == before


def test_a_chapter_keeps_to_its_contract(course):
    path = course / "notebooks/02_groups.py"
    path.write_text(
        path.read_text().replace("seed = 0", "seed = 1").replace("# # Part", "# Part") + "\n# %%\n" + "x\n" * 31
    )
    errors = "\n".join(tool.build(course)[1])
    assert "title" in errors and "seed = 0" in errors and "lines of code" in errors
    path.write_text(HEAD + EXERCISE)
    assert "belongs in solutions/" in "\n".join(tool.build(course)[1])


def test_the_course_is_in_sync():
    """Seen elsewhere: exercises and solutions drifted apart, because nothing compared them."""
    assert tool.check(ROOT) == []


def test_no_exercise_gives_a_solution_away():
    assert tool.leaks(ROOT) == []


def test_no_notebook_has_outputs():
    assert tool.with_outputs(ROOT) == []


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("folder", tool.FOLDERS)
def test_every_part_is_there_with_one_parameters_cell(folder, name):
    notebook = nbformat.read(ROOT / folder / f"{name}.ipynb", as_version=4)
    assert (ROOT / folder / f"{name}.py").exists()
    tags = [(cell.metadata.get("tags") or [""])[0] for cell in notebook.cells]
    assert tags.count("parameters") == tags.count("bootstrap") == 1 and tags[1] == "badges"
    bootstrap = notebook.cells[tags.index("parameters") + 1]
    assert bootstrap.metadata["tags"] == ["bootstrap"] and bootstrap.source + "\n" == Repository.read(ROOT).bootstrap()


def test_there_are_eight_parts():
    for folder in tool.FOLDERS:
        assert sorted(path.stem for path in (ROOT / folder).glob("*.ipynb")) == PARTS
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"](notebooks/{name}.ipynb)" in readme for name in PARTS)
