"""The commands that measure: benchmark, evaluate, compare, report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from course_lib.artifacts import REFERENCE, read_json
from course_lib.cli import compare, main
from course_lib.models import TINY

ROOT = Path(__file__).parents[1]
TRAINED = str(REFERENCE / "toy_math/06_training/adapter")


def test_benchmark_measures_and_writes_every_answer(tmp_path, capsys):
    file = tmp_path / "new/benchmark.json"
    command = ["benchmark", "--checkpoint", TRAINED, "--num-samples", "6", "--verbose", "--output", str(file)]
    assert main(command) == 0
    found, said = read_json(file), capsys.readouterr().out
    right = sum(answer["correct"] for answer in found["answers"])
    assert found["n"] == len(found["answers"]) == 6 and found["accuracy"] == right / 6
    assert all(f"\n  {answer['question']}\n" in said for answer in found["answers"])  # in full
    assert "near: within 10 % of the right number" in said and "score" not in said and "score" not in found
    assert said.count("; gold: ") == 6 and f"accuracy  {100 * found['accuracy']:.1f} %" in said
    assert found["near"] >= found["accuracy"] and found["machine"]["torch"]


def test_benchmark_of_a_rubric_has_a_score_and_no_near(capsys):
    assert main(["benchmark", "--preset", "laptop-toy_rubric", "--num-samples", "3", "--max-tokens", "40"]) == 0
    said = capsys.readouterr()
    assert "\nscore " in said.out and "score: the share of the rubric that is met" in said.out
    assert "near" not in said.out and "ships with the course (toy_rubric); on " in said.err


def test_evaluate_sets_base_against_trained(tmp_path, capsys):
    file = tmp_path / "evaluate.json"
    run = str(REFERENCE / "toy_math")  # a run's folder will do
    assert main(["evaluate", "--checkpoint", run, "--num-samples", "8", "--seed", "5", "--output", str(file)]) == 0
    found, said = read_json(file), capsys.readouterr().out
    pair = found["paired"]
    assert sum(pair[name] for name in ("fixed", "broken", "both_right", "both_wrong")) == found["n"] == 8
    assert found["after"]["greedy"]["accuracy"] > found["before"]["greedy"]["accuracy"]
    assert f"{pair['fixed']} were wrong before" in said and "| accuracy, greedy" in said
    told = read_json(Path(TRAINED).parent / "run.json")
    assert (found["steps"], found["seed"]) == (told["steps"], told["seed"])


@pytest.mark.parametrize(("what", "first", "runs"), [("strategies", "greedy", 2), ("temperatures", "T = 0", 2)])
def test_compare_has_a_line_for_each_setting(tmp_path, capsys, what, first, runs):
    file = tmp_path / "compare.json"
    command = ["compare", what, "--checkpoint", TRAINED, "--num-samples", "4", "--runs", str(runs)]
    assert main([*command, "--output", str(file)]) == 0
    lines = read_json(file)["settings"]
    assert lines[0]["setting"] == first and lines[0]["runs"] == 1  # greedy repeats itself
    assert all(line["runs"] == runs for line in lines[1:]) and len(lines) > 3
    said = capsys.readouterr().out
    assert all(f"\n{line['setting']} " in said for line in lines)
    assert "95 % low" in said and "length (tokens)" in said and f" {100 * lines[0]['accuracy']:.1f} " in said
    assert "McNemar" in said


def test_small_p_values_are_not_shown_as_nothing():
    numbers = {name: [0.5, 0.25] for name in compare.SHOWN} | {"runs": [1, 5], "p": [1.0, 0.00001]}
    first, second = compare.table_of(pd.DataFrame(numbers, index=["greedy", "creative"])).splitlines()[1:]
    assert second.endswith("<0.001") and "25.0" in second and "50.0" in first and "1.0" not in first


@pytest.mark.parametrize("ending", [".html", ".md"])
def test_report_of_a_recorded_run(tmp_path, capsys, ending):
    file = tmp_path / "report.html"
    assert (
        main(
            [
                "report",
                str(ROOT / "recorded/laptop/seed-0"),
                "--output",
                str(file.with_suffix(ending)),
                "--author",
                "Ada <L>",
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert all(str(tmp_path / name) in said for name in ("report.html", "report.md", "report_figures"))
    page, text = file.read_text(encoding="utf-8"), file.with_suffix(".md").read_text(encoding="utf-8")
    greedy = read_json(ROOT / "recorded/laptop/seed-0/results.json")["after"]["greedy"]["accuracy"]
    assert f"{100 * greedy:.1f} %" in page and f"{100 * greedy:.1f} %" in text
    assert "Ada &lt;L&gt;" in page and "data:image/png;base64," in page and "http-equiv" not in page


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["benchmark", "--num-samples", "0"], "--num-samples: must be 1 to 10000, not 0"),
        (["evaluate", "--num-samples", "1000000"], "--num-samples: must be 1 to 10000, not 1000000"),
        (["benchmark", "--task", "toy_chess"], "toy_chess"),
        (["benchmark", "--preset", "t5"], "--preset: unknown preset 't5'"),
        (["evaluate", "--checkpoint", "base"], "base model against itself"),
        (["compare", "models"], "invalid choice: 'models'"),
        (["compare", "strategies", "--runs", "0"], "--runs: must be 1 or more, not 0"),
        *((["compare", "prompts", option], "unrecognized") for option in ("--strategy", "--shots", "--domain")),
        (["explain", "--live", "--group-size", "1"], "--group-size: must be 2 or more, not 1"),
        (["report", "no-such-run"], "no-such-run: `make run` makes one"),
        (["report", "--output", "report.pdf"], "--output should end in .html or .md, not 'report.pdf'"),
        *(
            (
                [*command, "--output", "/dev/null/x.json"],
                "--output: /dev/null/x.json cannot be written (/dev/null is not",
            )
            for command in (["benchmark"], ["compare", "prompts"], ["evaluate"], ["report"])
        ),
        (["benchmark", "--output", "/"], "--output: / cannot be written (it is a folder); name another file"),
        (["batch", "in.txt", "/dev/null/x.json"], "OUT: /dev/null/x.json cannot be written"),
        *(
            ([*command, "--seed", seed], f"--seed: must be 0 to 9223372036854775807, not {seed}")
            for command, seed in (
                (["ask", "x"], "-1"),
                (["chat"], "9223372036854775808"),
                (["batch", "in.txt", "out.json"], "-1"),
                (["benchmark"], "-1"),
                (["compare", "prompts"], "-1"),
                (["evaluate"], "-1"),
                (["explain", "--live"], "-1"),
            )
        ),
        (["ask", "x", "--max-tokens", "0"], "--max-tokens: must be 1 to 32768, not 0"),
        (["chat", "--max-tokens", "many"], "--max-tokens: must be a whole number, not 'many'"),
        (["page", "--port", "0"], "--port: must be 1 to 65535, not 0"),
        (["page", "--port", "70000"], "--port: must be 1 to 65535, not 70000"),
        (["ask", "x", "--checkpoint", "trainedd"], "no folder 'trainedd'; give 'trained', 'base', a folder"),
        (["page", "--checkpoint", "trainedd"], "no folder 'trainedd'"),
        (["ask", "x", "--checkpoint", "./nowhere"], "./nowhere does not exist; give 'trained'"),
        (["ask", "x", "--device", "tpu"], "it may be cuda"),
        (["ask", "x", "--strategy", "bold"], "invalid choice: 'bold'"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_code_2(command, said, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    err = capsys.readouterr().err
    assert said in err and err.startswith("error: ") and err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_not_there_names_one_that_is(capsys):
    assert main(["report", "no-such-run"]) == 2
    assert str(ROOT / "recorded/laptop/seed-0") in capsys.readouterr().err


def test_damaged_weights_are_named_in_one_line(tmp_path, capsys):
    model, adapter = tmp_path / "model", tmp_path / "adapter"
    shutil.copytree(TINY, model)
    shutil.copytree(TRAINED, adapter)
    for weights in (model / "model.safetensors", adapter / "adapter_model.safetensors"):
        weights.write_bytes(weights.read_bytes()[:1000])
        assert main(["ask", "x", "--checkpoint", str(weights.parent)]) == 2
        err = capsys.readouterr().err
        assert err.startswith(f"error: {weights} is damaged (") and err.count("\n") == 1
        assert "name another folder" in err


def test_a_sign_that_the_terminal_cannot_show_is_replaced(capsys, monkeypatch):
    """What ask prints to an ASCII terminal; the model is left out."""
    import io
    import sys

    from course_lib.assistant import Reply
    from course_lib.cli import asking
    from course_lib.evaluation import Completion

    class Told:
        def ask(self, *given, **options):
            return [Reply.read("q", Completion("caf\u00e9", 3, True))]

    monkeypatch.setattr(asking, "load", lambda args: Told())
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["ask", "q"]) == 0
    sys.stdout.flush()
    assert b"caf?" in raw.getvalue()


def test_ask_is_plain_text_when_piped(capsys):
    assert main(["ask", "Mia has 2 pens. Mia buys 3 more pens. How many pens does Mia have now?", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) >= {"reasoning", "answer", "text", "well_formed"}
    assert main(["explain"]) == 0
    assert "\033" not in capsys.readouterr().out
