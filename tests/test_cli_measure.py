"""The commands that measure: benchmark, evaluate, compare, report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from course_lib.artifacts import REFERENCE, read_json
from course_lib.cli import main

ROOT = Path(__file__).parents[1]
TRAINED = str(REFERENCE / "toy_math/06_training/adapter")


def test_benchmark_measures_and_writes_every_answer(tmp_path, capsys):
    file = tmp_path / "new/benchmark.json"
    command = ["benchmark", "--checkpoint", TRAINED, "--num-samples", "6", "--verbose", "--output", str(file)]
    assert main(command) == 0
    found, said = read_json(file), capsys.readouterr().out
    right = sum(answer["correct"] for answer in found["answers"])
    assert found["n"] == len(found["answers"]) == 6 and found["accuracy"] == right / 6
    assert said.count("; gold: ") == 6 and f"accuracy  {100 * found['accuracy']:.1f} %" in said
    assert found["near"] >= found["accuracy"] and found["machine"]["torch"]


def test_evaluate_sets_base_against_trained(tmp_path, capsys):
    file = tmp_path / "evaluate.json"
    assert main(["evaluate", "--checkpoint", TRAINED, "--num-samples", "8", "--output", str(file)]) == 0
    found, said = read_json(file), capsys.readouterr().out
    pair = found["paired"]
    assert sum(pair[name] for name in ("fixed", "broken", "both_right", "both_wrong")) == found["n"] == 8
    assert found["after"]["greedy"]["accuracy"] > found["before"]["greedy"]["accuracy"]
    assert f"{pair['fixed']} were wrong before" in said and "| accuracy, greedy" in said
    assert found["steps"] == read_json(Path(TRAINED).parent / "run.json")["steps"]


@pytest.mark.parametrize(("what", "first", "runs"), [("strategies", "greedy", 2), ("temperatures", "T = 0", 2)])
def test_compare_has_a_line_for_each_setting(tmp_path, capsys, what, first, runs):
    file = tmp_path / "compare.json"
    command = ["compare", what, "--checkpoint", TRAINED, "--num-samples", "4", "--runs", str(runs)]
    assert main([*command, "--output", str(file)]) == 0
    lines = read_json(file)["settings"]
    assert lines[0]["setting"] == first and lines[0]["runs"] == 1  # greedy repeats itself
    assert all(line["runs"] == runs for line in lines[1:]) and len(lines) > 3
    assert all(line["setting"] in capsys.readouterr().out for line in lines[:1])


def test_report_of_a_recorded_run(tmp_path, capsys):
    file = tmp_path / "report.html"
    assert main(["report", str(ROOT / "recorded/laptop/seed-0"), "--output", str(file), "--author", "Ada <L>"]) == 0
    page, text = file.read_text(encoding="utf-8"), file.with_suffix(".md").read_text(encoding="utf-8")
    greedy = read_json(ROOT / "recorded/laptop/seed-0/results.json")["after"]["greedy"]["accuracy"]
    assert f"{100 * greedy:.1f} %" in page and f"{100 * greedy:.1f} %" in text
    assert "Ada &lt;L&gt;" in page and "data:image/png;base64," in page and "http-equiv" not in page


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["benchmark", "--num-samples", "0"], "--num-samples must be 1 or more"),
        (["benchmark", "--task", "toy_chess"], "toy_chess"),
        (["compare", "models"], "invalid choice: 'models'"),
        (["report", "no-such-run"], "results.json"),
        (["ask", "x", "--checkpoint", "./nowhere"], "nowhere"),
        (["ask", "x", "--device", "tpu"], "it may be cuda"),
        (["ask", "x", "--strategy", "bold"], "invalid choice: 'bold'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(command, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    assert main(command) == 2
    err = capsys.readouterr().err
    assert said in err and err.splitlines()[-1].startswith("error: ") and "Traceback" not in err


def test_ask_is_plain_text_when_piped(capsys):
    assert main(["ask", "Mia has 2 pens. Mia buys 3 more pens. How many pens does Mia have now?", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"reasoning", "answer", "text", "well_formed"}
    assert main(["explain"]) == 0
    assert "\033" not in capsys.readouterr().out
