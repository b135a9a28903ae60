"""One run as a report: a single HTML file that needs nothing beside it, and the table of its results."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from course_lib.artifacts import DATA, read_json
from course_lib.errors import CourseError, SettingError
from course_lib.plots import before_after_figure, log_figure
from course_lib.presets import Preset
from course_lib.prompts import build_prompt
from course_lib.rewards import get_suite

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TEMPLATE = DATA / "report.html.j2"
KINDS = {  # (right before, right after)
    "Fixed: wrong before, right after": (False, True),
    "Broken: right before, wrong after": (True, False),
    "Still wrong": (False, False),
    "Right before and after": (True, True),
}
TEXTS = ("question", "gold", "completion")
TRANSCRIPTS = 3


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f}"


def _table(results: dict) -> list[list[str]]:
    """The results as rows of text, header first."""
    rows = [["", "base model", "trained model"]]
    for strategy in results["before"]:
        sides = (results["before"][strategy], results["after"][strategy])
        for measure in ("accuracy", "format"):
            cells = []
            for side in sides:
                low, high = side[f"{measure}_interval"]
                cells.append(f"{_percent(side[measure])} % ({_percent(low)} to {_percent(high)})")
            rows.append([f"{measure}, {strategy}", *cells])
        rows.append([f"mean length, {strategy}", *(f"{side['mean_length']:.1f} tokens" for side in sides)])
    return rows


def results_table(results: dict) -> str:
    """The results (see ``evaluation.results``) as a Markdown table that also reads well as plain text."""
    rows = _table(results)
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *lines[1:]])


def paired_sentence(results: dict) -> str:
    """The paired test in words."""
    paired = results["paired"]
    return (
        f"On the same {results['n']} problems ({paired['strategy']}), {paired['fixed']} were wrong before "
        f"and right after, {paired['broken']} the reverse: exact McNemar test, p = {paired['p']:.2g}."
    )


def read_table(path: Path) -> pd.DataFrame:
    """A table that chapter 7 saved. Texts stay texts: the completion ``nan`` is not a missing value."""
    try:
        table = pd.read_csv(path, keep_default_na=False, dtype=dict.fromkeys(TEXTS, str))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read ({error}); run chapter 7 again") from error
    if missing := {*TEXTS, "correct"} - set(table.columns):
        raise CourseError(f"{path} has no column {sorted(missing)[0]!r}; run chapter 7 again")
    return table


def transcripts(before: pd.DataFrame, after: pd.DataFrame, most: int = TRANSCRIPTS) -> list[dict]:
    """Up to ``most`` pairs of completions: one of each kind in the order of ``KINDS``, then second ones, …"""
    was, now = before["correct"].astype(bool), after["correct"].astype(bool)
    found = []
    for place, (kind, (right_before, right_after)) in enumerate(KINDS.items()):
        rows = before.index[(was == right_before) & (now == right_after)][:most]
        found += [(turn, place, kind, row) for turn, row in enumerate(rows)]
    return [
        {
            "kind": kind,
            "question": before.at[row, "question"],
            "gold": before.at[row, "gold"],
            "before": before.at[row, "completion"],
            "after": after.at[row, "completion"],
        }
        for _, _, kind, row in sorted(found)[:most]
    ]


def _png(figure: Figure) -> str:
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _rewards(suite: dict) -> list[tuple[str, float, str]]:
    """(name, weight, first line of its description) of each reward of a recorded suite."""
    try:
        docs = {f.__name__: f.__doc__ or "" for f in get_suite(suite["name"]).rewards}
    except SettingError:  # a learner's own suite
        docs = {}
    about = {name: text.strip().split("\n")[0].replace("``", "") for name, text in docs.items()}
    return [(name, weight, about.get(name, "")) for name, weight in suite["weights"].items()]


def _limits(results: dict) -> list[str]:
    limits = [
        "One training run with one seed. The intervals say how sure the rates are for these two models, "
        "not how much another seed or another training order would change them.",
        f"The held-out problems come from the same task as the training problems ({results['task']}): "
        "nothing is said about other kinds of question.",
        "Only the final answer and the form are graded: a right answer after wrong reasoning is right.",
    ]
    if results["model"] == "tiny":
        limits.append(
            "The model is the course's tiny stand-in with Gemma 3's architecture, not Gemma 3 itself: "
            "the method carries over, the figures do not."
        )
    return limits


def _prompt(run: dict, table: pd.DataFrame) -> str:
    """The first held-out question as it was put to the model (the worked examples in front of it left out)."""
    preset = Preset(**run["preset"])
    return build_prompt(table.at[0, "question"], kind=preset.kind, style=preset.style)[-1]["content"]


def _load(run_root: Path) -> tuple[dict, dict, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(results, run, log, before, after), made sure to belong together."""
    training, evaluation = run_root / "06_training", run_root / "07_evaluation"
    results, run = read_json(run_root / "results.json"), read_json(training / "run.json")
    try:
        same = (run["steps"], run["train_seconds"]) == (results["steps"], results["train_seconds"])
    except (KeyError, TypeError) as error:
        raise CourseError(
            f"results.json or 06_training/run.json in {run_root} lacks {error}; run chapters 6 and 7 again"
        ) from error
    if not same:
        raise CourseError(
            f"{run_root / 'results.json'} is of another training run than 06_training: run chapter 7 again"
        )
    try:
        log = pd.read_csv(training / "log.csv")
    except (OSError, ValueError) as error:
        raise CourseError(f"{training / 'log.csv'} cannot be read ({error}); run chapter 6 again") from error
    before, after = (read_table(evaluation / f"{when}_sampled.csv") for when in ("before", "after"))
    if len(before) != results["n"] or list(before["question"]) != list(after["question"]):
        raise CourseError(f"the tables in {evaluation} are not those of results.json: run chapter 7 again")
    return results, run, log, before, after


def build_report(run_root: Path, out: Path) -> Path:
    """Write the report of the run in ``run_root`` (``runs/<preset>``) to the HTML file ``out``.

    Needs ``results.json``, ``06_training/log.csv`` and ``run.json``, ``07_evaluation/before_sampled.csv`` and
    ``after_sampled.csv`` (sampled completions have failures to show where greedy ones have none). Raises
    ``CourseError`` naming the file that is missing, damaged or of another run.
    """
    from jinja2 import Environment, StrictUndefined

    results, run, log, before, after = _load(run_root)
    greedy = [_percent(results[when]["greedy"]["accuracy"]) for when in ("before", "after")]
    figures = {"before_after": before_after_figure(results), "log": log_figure(log)}
    first, last = log["reward"].iloc[0], log["reward"].iloc[-1]
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(TEMPLATE.read_text("utf-8"))
    html = page.render(
        title=f"GRPO on {results['task']}: report of a run (preset {results['preset']})",
        summary=(
            f"Model {results['model']}, {results['steps']} steps of GRPO with LoRA in "
            f"{results['train_seconds']} seconds. Greedy accuracy went from {greedy[0]} % to {greedy[1]} %."
        ),
        results=results,
        run=run,
        table=_table(results),
        paired=paired_sentence(results),
        images={name: _png(figure) for name, figure in figures.items()},
        alt={
            "before_after": "Bars with 95 % intervals: accuracy and format of the base and the trained "
            "model, greedy and sampled; the figures are those of the table above.",
            "log": f"Lines over {len(log)} steps: the mean reward, from {first:.2f} to {last:.2f}, with its "
            "components, and the mean completion length in tokens.",
        },
        problems=run["steps"] * run["preset"]["prompts_per_step"],
        prompt=_prompt(run, before),
        rewards=_rewards(run["suite"]),
        transcripts=transcripts(before, after),
        limits=_limits(results),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(html, encoding="utf-8")
    return out
