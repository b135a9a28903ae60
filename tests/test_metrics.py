"""Metrics from tables: components that add up, problems by length, runs by seed; tables and rows say the same."""

from __future__ import annotations

import json
from fractions import Fraction

import pandas as pd
import pytest

from course_lib.analysis import score
from course_lib.artifacts import read_json, recorded_runs
from course_lib.errors import CourseError, SettingError
from course_lib.evaluation import Completion, evaluate, read_table
from course_lib.metrics import by_length, changes, component_scores, components, details, near, over_seeds
from course_lib.prompts import split_options, with_options
from course_lib.rewards import SUITES, get_suite
from course_lib.tasks import load_rows, with_style


def answering(texts):
    return lambda prompts: [Completion(text, 5, True) for text in texts]


def full(answer, reasoning="12+5=17"):
    return f"<reasoning>\n{reasoning}\n</reasoning>\n<answer>{answer}</answer>"


@pytest.fixture(scope="module")
def rows():
    return load_rows("toy_math", "test", 6)


@pytest.fixture
def tables(rows):
    golds = [row["answer"] for row in rows]
    before = ["", "<answer>nan</answer>", full("1e9"), full(golds[3]), "no", full(golds[5])]
    return evaluate(answering(before), None, rows), evaluate(answering([*map(full, golds[:5]), "no"]), None, rows)


@pytest.mark.parametrize("name", [name for name, suite in SUITES.items() if "number" in suite.kinds])
def test_the_composite_is_the_weighted_sum(tables, name):
    before, after = tables
    suite = get_suite(name)
    found = components(before, after, suite, "toy_math")
    assert list(found.index) == [*suite.names, "composite"]
    for when, table in (("before", before), ("after", after)):
        raw = component_scores(table, suite, "toy_math")
        exact = [sum(Fraction(w) * Fraction(v) for w, v in zip(suite.weights, line, strict=True))
                 for line in raw[list(suite.names)].fillna(0.0).to_numpy()]  # fmt: skip
        assert found.at["composite", when] == pytest.approx(float(sum(exact) / len(exact)), abs=1e-12)
        parts = found.loc[list(suite.names)]
        assert found.at["composite", when] == sum(parts["weight"] * parts[when])
    assert found.at["composite", "gain"] == pytest.approx(
        found.at["composite", "after"] - found.at["composite", "before"]
    )
    assert (found["low"] <= found["gain"]).all() and (found["gain"] <= found["high"]).all()


@pytest.mark.parametrize("task", ["toy_math", "toy_choice", "toy_rubric"])
def test_components_from_a_recorded_table_are_those_of_the_rows(task):
    folder = recorded_runs("laptop" if task == "toy_math" else f"laptop-{task}")[0]
    table = read_table(folder / "07_evaluation/after_sampled.csv").head(60)
    rows = load_rows(task, "test", 60)
    for suite in (s for s in SUITES.values() if {"toy_math": "number"}.get(task, task[4:]) in s.kinds):
        wanted = score(suite, list(table["completion"]), rows, list(table["ended"]))
        pd.testing.assert_frame_equal(component_scores(table, suite, task), wanted)


def test_a_completion_that_was_cut_off_has_no_form(rows):
    table = evaluate(answering([full(row["answer"]) for row in rows]), None, rows)
    table.loc[0, "ended"] = False
    assert list(component_scores(table, get_suite("starter"), "toy_math")["format_reward"]) == [0, 1, 1, 1, 1, 1]


def test_what_a_reward_leaves_out_counts_as_nothing():
    rows = load_rows("toy_rubric", "test", 2)
    rows = [row | {"answer": "1. The answer is wise. [Principle]"} for row in rows]  # nobody is there to judge
    before, after = (evaluate(answering([text] * 2), None, rows) for text in ("no", full("yes")))
    found = components(before, after, get_suite("rubric"), "toy_rubric")
    assert list(found["before"]) == [0, 0, 0] and list(found["after"]) == [0, 1, 0.5]


def test_a_passage_is_known_to_the_components():
    passage = "The box is red. The cat is on the box."
    row = {"task": "race", "question": "Where is it?", "options": ["box", "bed"], "answer": "A", "passage": passage}
    rows = [row | {"prompt": [{"role": "user", "content": "?"}]}]
    text = full("A", passage.replace(". ", ".\n"))
    table = evaluate(answering([text]), None, rows)
    suite = get_suite("four_component")
    pd.testing.assert_frame_equal(component_scores(table, suite, "race"), score(suite, [text], rows, [True]))
    without = component_scores(table.drop(columns="passage"), suite, "race")
    assert without["coherence_reward"][0] > component_scores(table, suite, "race")["coherence_reward"][0]


@pytest.mark.parametrize(
    ("question", "options"),
    [("Who?", ["Ann", "Bob", "Cy", "Di"]), ("One\ntwo?", ["a\nB of it", "b"]), ("", ["x"]), ("A) is it?", ["p", "q"])],
)
def test_options_are_split_off_again(question, options):
    assert split_options(with_options(question, options)) == (question, options)
    assert split_options("No options here") == ("No options here", [])


def test_near_means_within_ten_per_cent(rows):
    golds = [int(row["answer"]) for row in rows]
    said = [full(g) for g in (golds[0], golds[1] * 2, "none", f"{golds[3] * 11}/10", f"{golds[4] * 89}/100")]
    table = evaluate(answering([*said, "x"]), None, rows)
    assert list(near(table, "toy_math")) == [True, False, False, True, False, False]
    assert near(table, "toy_choice") is None


def test_changes_list_every_problem(tables):
    found = changes(*tables)
    assert list(found["change"]) == ["fixed", "fixed", "fixed", "still right", "fixed", "broken"]
    assert found["before"][4] == "no" and found["after"][5] == "no"
    with pytest.raises(CourseError, match="same questions"):
        changes(tables[0], tables[1].iloc[::-1].reset_index(drop=True))


def test_breakdown_by_steps_or_words(tables):
    found = by_length(tables[1])
    assert found.index.name == "steps" and found["n"].sum() == 6
    assert (found["accuracy"] * found["n"]).sum() == tables[1]["correct"].sum()
    words = pd.DataFrame({"question": ["w " * n for n in range(1, 41)], "correct": [True] * 10 + [False] * 30})
    found = by_length(words)
    assert found.index.name == "words" and list(found["n"]) == [10, 10, 10, 10]
    assert list(found["accuracy"]) == [1, 0, 0, 0] and found.index[0] == "1-10" and found.index[-1] == "31-40"
    assert (found["low"] <= found["accuracy"]).all() and (found["high"] >= found["accuracy"] - 1e-9).all()
    assert list(by_length(words.assign(question="same"))["n"]) == [40]


@pytest.mark.parametrize("name", ["laptop", "laptop-toy_choice", "laptop-toy_rubric"])
def test_details_of_the_recorded_runs(name):
    folder = recorded_runs(name)[0]
    results, record = read_json(folder / "results.json"), read_json(folder / "06_training/run.json")["suite"]
    before, after = (
        {s: read_table(folder / f"07_evaluation/{w}_{s}.csv") for s in ("greedy", "sampled")}
        for w in ("before", "after")
    )
    found = json.loads(
        json.dumps(details(before, after, get_suite(record["name"], record["weights"]), results["task"]))
    )
    for strategy, told in found.items():
        gain = results["after"][strategy]["accuracy"] - results["before"][strategy]["accuracy"]
        assert told["paired"]["difference"] == pytest.approx(gain)
        assert sum(line["n"] for line in told["by_length"]["after"]) == results["n"]
        assert (told["near"] is not None) == (name == "laptop")
        form = next(part for part in told["components"] if part["name"] == "format_reward")
        assert form["after"] == results["after"][strategy]["format"]
        assert told["components"][-1]["name"] == "composite"
    assert details(before, after, None, results["task"])["greedy"]["components"] is None


def test_runs_with_several_seeds():
    runs = [read_json(folder / "results.json") for folder in recorded_runs("laptop-toy_rubric")]
    found = over_seeds(runs)
    line = found.loc[("sampled", "score")]
    values = [run["after"]["sampled"]["score"] for run in runs]
    assert line["trained"] == pytest.approx(sum(values) / len(values))
    assert (line["lowest"], line["highest"]) == (min(values), max(values))
    assert line["low"] < line["lowest"] and line["high"] > line["highest"]
    for wrong in ([runs[0], runs[0]], [runs[0], runs[1] | {"steps": 7}], [runs[0], runs[1] | {"task": "gsm8k"}]):
        with pytest.raises(CourseError, match="like with like"):
            over_seeds(wrong)
    with pytest.raises(SettingError, match="two or more"):
        over_seeds(runs[:1])


def test_problems_asked_in_another_way():
    from course_lib.prompts import PromptStyle

    for task in ("toy_math", "toy_choice", "toy_rubric"):
        style = PromptStyle("plain", 2)
        assert with_style(load_rows(task, "test", 3), style) == load_rows(task, "test", 3, style=style)
