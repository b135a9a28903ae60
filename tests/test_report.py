"""The plots and the report of a run: what they show is what the files say."""

from __future__ import annotations

import html
import re

import pandas as pd
import pytest

from course_lib import alt_texts
from course_lib.artifacts import read_json, recorded_runs, write_json
from course_lib.errors import CourseError
from course_lib.evaluation import read_table, results, save_tables
from course_lib.metrics import components, details
from course_lib.plots import before_after_figure, gain_figure, log_figure, reward_columns, rollouts_figure
from course_lib.presets import get_preset
from course_lib.report import build_report, pictures, read_run
from course_lib.rewards import get_suite
from course_lib.summary import ideas, limits, markdown, paired_sentence, reading, results_table
from course_lib.transcripts import transcripts

STEPS, SECONDS = 50, 123.4
NASTY = '<answer>1</answer> & <script>alert("x")</script> {{ 7 * 7 }}'


def table(right: str, who: str, strange: dict[int, str] | None = None) -> pd.DataFrame:
    """One row a character: ``+`` right and well formed, ``-`` neither."""
    rows = [
        {
            "question": f"How many are {i} < 9?",
            "gold": str(i),
            "completion": (strange or {}).get(i, f"{who} says {i}"),
            "answer": None,
            "well_formed": sign == "+",
            "correct": sign == "+",
            "score": float(sign == "+"),
            "length": 10 + i,
            "ended": True,
            "steps": 3,
        }
        for i, sign in enumerate(right)
    ]
    return pd.DataFrame(rows)


@pytest.fixture(autouse=True)
def no_window(monkeypatch):
    import matplotlib.pyplot as plt

    plt.switch_backend("Agg")
    yield
    plt.close("all")


@pytest.fixture
def log():
    steps = range(1, 4)
    rows = {"step": steps, "reward": [0.25, 0.5, 1.25], "mean_length": [20, 30, 40], "step_time": 1.0}
    return pd.DataFrame(rows).assign(correctness_reward=[0.25, 0.5, 0.75], brevity=[0.0, 0.1, 0.2])


@pytest.fixture
def measured():
    before = {"greedy": table("++-----", "base"), "sampled": table("+------", "base", {3: "x"})}
    after = {"greedy": table("+-+++--", "trained", {2: NASTY}), "sampled": table("+++++--", "trained", {1: NASTY})}
    return before, after, results(get_preset("laptop"), 0, STEPS, SECONDS, before, after)


@pytest.fixture
def run_root(tmp_path, log, measured):
    before, after, numbers = measured
    training, evaluation = tmp_path / "06_training", tmp_path / "07_evaluation"
    for folder in (training, evaluation):
        folder.mkdir()
    write_json(tmp_path / "results.json", numbers)
    run = {"preset": get_preset("laptop").to_dict(), "seed": 0, "steps": STEPS, "train_seconds": SECONDS}
    suite = {"name": "starter", "weights": {"correctness_reward": 1.0, "format_reward": 0.5}}
    write_json(training / "run.json", run | {"suite": suite, "machine": {"cpu": "a <fast> one", "gpu": None}})
    log.to_csv(training / "log.csv", index=False)
    save_tables(evaluation, before, after)
    return tmp_path


def rows_of(page: str) -> dict[str, list[float]]:
    """The numbers of each row of the results table."""
    part = re.search(r'<table id="results">(.*?)</table>', page, re.S).group(1)
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', part, re.S)
    return {name: [float(n) for n in re.findall(r"\d+\.\d+", cells)] for name, cells in rows}


def test_numbers_in_the_report_are_those_of_the_results(run_root, measured):
    page = build_report(run_root, run_root / "report.html").read_text(encoding="utf-8")
    numbers, shown = measured[2], rows_of(page)
    assert len(shown) == 8
    for strategy in ("greedy", "sampled"):
        for measure in ("accuracy", "format"):
            wanted = []
            for when in ("before", "after"):
                side = numbers[when][strategy]
                wanted += [100 * n for n in (side[measure], *side[f"{measure}_interval"])]
            assert shown[f"{measure}, {strategy}"] == pytest.approx(wanted, abs=0.051)
        lengths = [numbers[when][strategy]["mean_length"] for when in ("before", "after")]
        assert shown[f"mean length, {strategy}"] == pytest.approx(lengths, abs=0.051)
    assert numbers["paired"]["fixed"] == 3 and numbers["paired"]["broken"] == 1
    assert "3 were wrong before and right after, 1 the reverse: exact McNemar test, p = 0.62" in page
    assert "50 steps of GRPO with LoRA in 123.4 seconds" in page
    assert f"{50 * get_preset('laptop').prompts_per_step} prompts" in page


def test_what_a_model_writes_is_shown_and_never_run(run_root):
    page = build_report(run_root, run_root / "report.html").read_text(encoding="utf-8")
    assert html.escape(NASTY, quote=False) in page.replace("&#34;", '"')
    assert "<script" not in page and "a &lt;fast&gt; one" in page


def test_the_report_needs_nothing_beside_it(run_root):
    page = build_report(run_root, run_root / "deep" / "report.html").read_text(encoding="utf-8")
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert len(sources) == 3 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert len(re.findall(r'<img [^>]*alt="[^"]{40,}"', page)) == 3


@pytest.mark.parametrize(
    "name",
    [
        "results.json",
        "06_training/run.json",
        "06_training/log.csv",
        "07_evaluation/after_sampled.csv",
        "07_evaluation/before_greedy.csv",
    ],
)
def test_a_missing_or_damaged_file_is_named(run_root, name):
    path = run_root / name
    for damage in (path.unlink, lambda: path.write_text("")):
        damage()
        with pytest.raises(CourseError, match=re.escape(path.name)):
            build_report(run_root, run_root / "report.html")
    assert not (run_root / "report.html").exists()


def test_results_of_another_run_are_refused(run_root, measured):
    write_json(run_root / "results.json", measured[2] | {"train_seconds": 99.0})
    with pytest.raises(CourseError, match="another training run"):
        build_report(run_root, run_root / "report.html")
    write_json(run_root / "results.json", {"n": 7})
    with pytest.raises(CourseError, match="lacks 'steps'"):
        build_report(run_root, run_root / "report.html")


def test_tables_of_another_evaluation_are_refused(run_root):
    path = run_root / "07_evaluation" / "before_sampled.csv"
    pd.read_csv(path).head(3).to_csv(path, index=False)
    with pytest.raises(CourseError, match="not those of results.json"):
        build_report(run_root, run_root / "report.html")


def test_a_suite_of_the_learners_own_is_reported(run_root):
    import json

    path = run_root / "06_training" / "run.json"
    run = json.loads(path.read_text())
    write_json(path, run | {"suite": {"name": "mine", "weights": {"my_reward": 2.5}}})
    page = build_report(run_root, run_root / "report.html").read_text(encoding="utf-8")
    assert "my_reward" in page and "2.5" in page


def test_three_transcripts_of_different_kinds(measured):
    before, after, _ = measured
    found = transcripts(before["greedy"], after["greedy"])
    assert [t["kind"].split(":")[0] for t in found] == ["Fixed", "Broken", "Still wrong"]
    assert found[0]["before"] == "base says 2" and found[0]["after"] == NASTY
    same = transcripts(before["greedy"], before["greedy"])  # nothing fixed, nothing broken: still three
    assert [t["kind"] for t in same] == ["Still wrong", "Right before and after", "Still wrong"]


def test_saved_texts_come_back_as_they_were(tmp_path):
    strange = {0: "nan", 1: "", 2: "1e5", 3: 'a "b",\nc', 4: "NA"}
    saved = table("+-+-+", "base", strange)
    saved.to_csv(tmp_path / "t.csv", index=False)
    back = read_table(tmp_path / "t.csv")
    assert list(back["completion"]) == list(strange.values())
    assert list(back["correct"]) == list(saved["correct"]) and list(back["gold"]) == list("01234")


def test_results_table_reads_as_markdown(measured):
    lines = results_table(measured[2]).split("\n")
    assert len(lines) == 8 and len({len(line) for line in lines}) == 1
    assert set(lines[1]) == {"|", "-"} and all(line.count("|") == 4 for line in lines)
    assert "28.6 %" in lines[2] and "57.1 %" in lines[2]  # 2 and 4 of 7
    assert "7 problems (greedy)" in paired_sentence(measured[2])


def test_log_figure_shows_the_log(log):
    left, right = log_figure(log).axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in left.lines}
    assert drawn == {
        "reward (total)": [0.25, 0.5, 1.25],
        "correctness": [0.25, 0.5, 0.75],
        "brevity": [0.0, 0.1, 0.2],
    }
    assert len({line.get_linestyle() for line in left.lines}) == 3, "told apart without colour"
    assert list(right.lines[0].get_ydata()) == [20, 30, 40] and right.get_ylabel() == "tokens"
    assert reward_columns(log) == ["correctness_reward", "brevity"]


def test_a_table_that_is_no_log_is_refused(log):
    with pytest.raises(CourseError, match="lacks mean_length"):
        log_figure(log.drop(columns="mean_length"))
    with pytest.raises(CourseError, match="no rows"):
        log_figure(log.head(0))


def test_before_after_figure_shows_the_results(measured):
    numbers = measured[2]
    axes = before_after_figure(numbers).axes[0]
    heights = [bar.get_height() for bar in axes.patches[:8]]
    pairs = [(m, s) for m in ("accuracy", "format") for s in ("greedy", "sampled")]
    wanted = [100 * numbers[when][s][m] for when in ("before", "after") for m, s in pairs]
    assert heights == pytest.approx(wanted)
    segments = [seg for lines in axes.collections for seg in lines.get_segments()]
    ends = [[100 * e for e in numbers[w][s][f"{m}_interval"]] for w in ("before", "after") for m, s in pairs]
    assert [y for seg in segments for y in seg[:, 1]] == pytest.approx([y for pair in ends for y in pair])
    assert {bar.get_hatch() for bar in axes.patches[:8]} == {"//", ""}, "told apart without colour"


def test_gain_figure_shows_components_and_lengths(measured):
    before, after, _ = measured
    for tables, form in (
        (before, "<answer>{}</answer>"),
        (after, "<reasoning>\nso\n</reasoning>\n<answer>{}</answer>"),
    ):
        table = tables["sampled"]
        table["completion"] = [
            form.format(g if ok else -1) for g, ok in zip(table["gold"], table["correct"], strict=True)
        ]
    told = details(before, after, get_suite("starter"), "toy_math")["sampled"]
    left, right = gain_figure(told).axes
    tops = {(round(bar.get_x() + bar.get_width() / 2), bar.get_y() + bar.get_height()) for bar in left.patches}
    whole = components(before["sampled"], after["sampled"], get_suite("starter"), "toy_math").loc["composite"]
    assert whole["before"] == pytest.approx(1 / 7) and whole["after"] == pytest.approx(5 / 7 + 0.5)
    assert max(top for x, top in tops if x == 0) == pytest.approx(whole["before"])
    assert max(top for x, top in tops if x == 1) == pytest.approx(whole["after"])
    assert len({bar.get_hatch() for bar in left.patches}) == 2, "told apart without colour"
    drawn = {line.get_label(): list(line.get_ydata()) for line in right.lines}
    assert drawn == {"base model": pytest.approx([100 / 7]), "trained model": pytest.approx([500 / 7])}
    assert len(gain_figure(told | {"components": None}).axes) == 1


def test_rollouts_figure_shows_the_table():
    table = pd.DataFrame({"base": [-2.0, -5.0], "trained": [-0.1, -9.0]}, index=["reasons", "blurts"])
    axes = rollouts_figure(table).axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[-2.0, -5.0], [-0.1, -9.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["reasons", "blurts"]
    assert "reasons from -2 to -0.1; blurts from -5 to -9" in alt_texts.rollouts_alt(table)


def test_alt_texts_tell_the_numbers(measured, log):
    before, after, numbers = measured
    told = details(before, after, None, "toy_math")["sampled"]
    assert "accuracy greedy from 28.6 to 57.1 %" in alt_texts.before_after_alt(numbers)
    assert "3 steps" in alt_texts.log_alt(log) and "reward from 0.25 to 1.25" in alt_texts.log_alt(log)
    assert "3 steps from 14.3 to 71.4 %" in alt_texts.gain_alt(told) and "mean reward" not in alt_texts.gain_alt(told)


def test_transcripts_are_shown_and_never_run(measured):
    before, after, _ = measured
    found = transcripts(before["greedy"], after["greedy"])
    shown = found._repr_html_()
    assert html.escape(NASTY) in shown and "<script" not in shown and shown.count("<tr>") == 2 * len(found)
    assert "--- trained model\n" + NASTY in repr(found) and "How many are 2 < 9?" in repr(found)


def test_markdown_report_says_what_the_page_says(run_root, measured):
    build_report(run_root, run_root / "report.html", author="Ada | L.", link="https://example.org/x")
    text = (run_root / "report.md").read_text(encoding="utf-8")
    page = (run_root / "report.html").read_text(encoding="utf-8")
    assert "Ada | L. · https://example.org/x" in text and '<a href="https://example.org/x">' in page
    assert [line for line in text.split("\n") if line.startswith("## ")] == [
        f"## {name}"
        for name in re.findall("<h2>(.*?)</h2>", page)
    ]  # fmt: skip
    images = re.findall(r"!\[[^\]]{40,}\]\((.*?)\)", text)
    assert len(images) == 3 and all((run_root / image).read_bytes()[:4] == b"\x89PNG" for image in images)
    assert markdown(read_rows(text, "component")) in text and "composite" in text
    assert f"```text\n{NASTY}\n```" in text


def read_rows(text, first):
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {first}"))
    part = [lines[start]]
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        part.append(line)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in part]


def test_a_fence_holds_whatever_a_model_writes(run_root, measured):
    before, after, _ = measured
    for tables in (before, after):
        tables["sampled"]["completion"] = "```\n# not a heading ````\n```"
    save_tables(run_root / "07_evaluation", before, after)
    build_report(run_root, run_root / "report.html")
    assert "`````text\n```\n# not a heading ````\n```\n`````" in (run_root / "report.md").read_text(encoding="utf-8")


def test_the_toy_rollouts_are_reported_when_they_are_there(run_root):
    assert "rollouts" not in pictures(read_run(run_root))
    table = pd.DataFrame({"base": [-2.0], "trained": [-0.1]}, index=["reasons, right"])
    table.to_csv(run_root / "07_evaluation/rollouts.csv")
    page = build_report(run_root, run_root / "report.html").read_text(encoding="utf-8")
    assert "reasons, right from -2 to -0.1" in page and len(re.findall("<img ", page)) == 4


def test_other_seeds_are_reported(tmp_path):
    runs = recorded_runs("laptop-toy_rubric")
    page = build_report(runs[0], tmp_path / "r.html", others=runs[1:]).read_text(encoding="utf-8")
    found = [read_json(run / "results.json")["after"]["sampled"]["score"] for run in runs]
    assert f"{100 * min(found):.1f} to {100 * max(found):.1f}" in page and "t-intervals over training seeds" in page
    assert "3 training seeds" in page and "score, greedy" in page and "Rubric: 1." in page
    alone = build_report(runs[0], tmp_path / "s.html").read_text(encoding="utf-8")
    assert "t-intervals" not in alone and "One training run" in alone


def test_words_follow_the_numbers(measured):
    before, after, numbers = measured
    told = reading(numbers, details(before, after, get_suite("starter"), "toy_math"))
    assert told[0] == "Sampled accuracy changed by +57.1 points: more than the draw of the problems explains."
    same = reading(numbers, details(before, before, get_suite("starter"), "toy_math"))
    assert "which may be chance" in same[0]
    assert any("form" in tip.lower() for tip in ideas(with_format(numbers, 0.5, [0.4, 0.6])))
    assert not any("form" in tip.lower() for tip in ideas(with_format(numbers, 1.0, [0.98, 1.0])))
    assert any("seeds" in tip for tip in ideas(numbers)) and not any("seeds" in tip for tip in ideas(numbers, 3))
    assert "tiny stand-in" in limits(numbers)[-1] and "tiny stand-in" not in limits(numbers | {"model": "x"})[-1]


def with_format(numbers, value, interval):
    sampled = numbers["after"]["sampled"] | {"format": value, "format_interval": interval}
    return numbers | {"after": numbers["after"] | {"sampled": sampled}}
