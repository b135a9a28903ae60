"""The framework of the checkers: three states, one line each, no verdict where nothing was attempted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course_lib.checks import REGISTRY, CheckFailed, Exercise, Incorrect, exercise

ROOT = Path(__file__).parents[1]


def judge_double(answer):
    if answer(3) != 6:
        raise Incorrect(f"double(3) gives {answer(3)}: did you square?")


@pytest.fixture
def double(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    return Exercise("part_1.double", "Double", judge_double, ("Twice.", "2 * x"), 1, 2, 1)


def stub(x):
    raise NotImplementedError("Exercise: write double")


def test_three_states(double, capsys):
    assert double.check(lambda x: 2 * x).state == "correct"
    assert double.check(lambda x: x * x).message == "double(3) gives 9: did you square?"
    assert double.check(stub).state == "not attempted"
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["✓", "✗", "○"]
    assert [line.split(": ")[1].split(".")[0] for line in lines] == ["correct", "incorrect", "not attempted"]


@pytest.mark.parametrize("answer", [..., [1, ...], {"a": (...,)}, lambda x: ..., lambda x: [x, ...], lambda x: stub(x)])
def test_an_untouched_stub_is_not_attempted(double, answer):
    assert double.check(answer).state == "not attempted"


def test_a_stub_is_seen_though_the_checker_swallows_the_error(double):
    def judge(answer):
        try:
            answer(1)
        except Exception:
            raise Incorrect("it should not raise") from None

    swallowing = Exercise("part_1.x", "X", judge, ("a", "b"), 1, 1, 1)
    assert swallowing.check(stub).state == "not attempted"
    assert swallowing.check([stub][0]).state == "not attempted"


def test_a_stub_in_a_list_or_a_class_is_not_attempted(double):
    class Layer:
        def forward(self, x):
            raise NotImplementedError

    calls_first = Exercise("part_1.x", "X", lambda fs: fs[0](1), ("a", "b"), 1, 1, 1)
    assert calls_first.check([stub]).state == "not attempted"
    calls_forward = Exercise("part_1.x", "X", lambda layer: layer().forward(1), ("a", "b"), 1, 1, 1)
    assert calls_forward.check(Layer).state == "not attempted"


def test_other_errors_are_incorrect_and_named_on_one_line(double, capsys):
    result = double.check(lambda x: {}["a\nb"])
    assert result.state == "incorrect" and "KeyError" in result.message
    assert len(capsys.readouterr().out.splitlines()) == 1
    assert double.check(None).message.startswith("Checking it raised TypeError")


def test_strict_raises_for_all_but_correct(double, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert double.check(lambda x: 2 * x).state == "correct"
    for answer in (stub, lambda x: x):
        with pytest.raises(CheckFailed, match="Double"):
            double.check(answer)


def test_hints_come_in_two_steps(double, capsys):
    double.hint()
    double.hint(2)
    assert capsys.readouterr().out == "Hint 1 of 2: Twice.\nHint 2 of 2: 2 * x\n"
    with pytest.raises(ValueError, match="two hints"):
        double.hint(3)
    with pytest.raises(ValueError, match="two hints"):
        Exercise("part_1.x", "X", judge_double, ("only one",), 1, 1, 1)


def test_the_decorator_registers():
    try:

        @exercise(part=9, title="Nine", difficulty=1, minutes=3, hints=("a", "b"))
        def nine(answer):
            if answer != 9:
                raise Incorrect("not nine")

        assert REGISTRY["part_9.nine"] is nine
        assert (nine.part, nine.minutes, nine.difficulty, nine.check(9).state) == (9, 3, 1, "correct")
    finally:
        REGISTRY.pop("part_9.nine", None)


def test_html_is_escaped_and_says_the_state(double):
    html = double.check(lambda x: "<b>")._repr_html_()
    assert "incorrect" in html and "&lt;b&gt;" in html and "color" not in html


NOTEBOOK = """
from course_lib.checks import Exercise
def judge(answer): assert answer == 1
one = Exercise("part_1.one", "One", judge, ("a", "b"), 1, 1, 1)
"""


def test_a_notebook_shows_the_verdict_once(monkeypatch):
    """Printing and returning a value would show it twice where the check is a cell's last line."""
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    sources = [NOTEBOOK, "one.check(1)", "result = one.check(1)", "result"]
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    NotebookClient(nb, timeout=120, kernel_name="python3").execute()
    kinds = [[output["output_type"] for output in cell["outputs"]] for cell in nb.cells]
    assert kinds == [[], ["stream"], ["stream"], ["execute_result"]]
    assert "text/html" in nb.cells[3]["outputs"][0]["data"]


def test_it_needs_no_torch():
    code = "import sys, course_lib.checks, course_lib.checkers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
