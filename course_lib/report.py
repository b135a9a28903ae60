"""One run as a report: Markdown with figures beside it, and a single HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from course_lib.alt_texts import before_after_alt, gain_alt, log_alt, rollouts_alt
from course_lib.artifacts import DATA, read_json
from course_lib.errors import CourseError, SettingError
from course_lib.evaluation import read_table
from course_lib.metrics import COVERS, details, over_seeds
from course_lib.plots import before_after_figure, gain_figure, log_figure, rollouts_figure
from course_lib.presets import Preset
from course_lib.prompts import build_prompt
from course_lib.rewards import Suite, get_suite
from course_lib.summary import (
    component_rows,
    ideas,
    limits,
    markdown,
    paired_sentence,
    percent,
    reading,
    result_rows,
    seed_rows,
)
from course_lib.transcripts import transcripts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TINY = " (the course's stand-in for Gemma 3, trained from scratch)"
MEASURES = (
    "Accuracy: the right answer in the answer tags. Format: one reasoning block, then one answer block, nothing else. "
    "Within 10 %: how far off a wrong number is. Greedy: the likeliest token at every step; sampled: drawn."
)
TEMPLATES = DATA / "report.html.j2", DATA / "report.md.j2"


class Picture(NamedTuple):
    """A figure with its words. ``source``: the data that it is drawn from, ready for JSON."""

    figure: Figure
    alt: str
    source: object


class Measured(NamedTuple):
    """A run's files, read and checked: see ``read_run``."""

    results: dict
    run: dict
    log: pd.DataFrame
    before: dict[str, pd.DataFrame]
    after: dict[str, pd.DataFrame]
    suite: Suite | None
    details: dict
    rollouts: pd.DataFrame | None


def known_suite(record: dict) -> Suite | None:
    """The suite that a run was trained with; ``None`` for a learner's own, whose rewards are not known here."""
    try:
        return get_suite(record["name"], record["weights"])
    except SettingError:
        return None


def _csv(path: Path, chapter: int, **options) -> pd.DataFrame:
    try:
        return pd.read_csv(path, **options)
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read ({error}); run chapter {chapter} again") from error


def read_run(run_root: Path) -> Measured:
    """The files of a run in ``runs/<preset>``: ``results.json``, ``06_training/log.csv`` and ``run.json``, the tables
    of ``07_evaluation`` and, if it is there, its ``rollouts.csv``.

    Raises ``CourseError`` naming the file that is missing, damaged or of another run.
    """
    training, evaluation = run_root / "06_training", run_root / "07_evaluation"
    results, run = read_json(run_root / "results.json"), read_json(training / "run.json")
    try:
        same = all(results[key] == run[key] for key in ("steps", "seed", "train_seconds"))
        strategies = list(results["before"])
    except KeyError as error:
        raise CourseError(f"{run_root / 'results.json'} lacks {error}: run chapter 7 again") from error
    if not same:
        raise CourseError(
            f"{run_root / 'results.json'} is of another training run than 06_training: run chapter 7 again"
        )
    log = _csv(training / "log.csv", 6)
    before, after = (
        {s: read_table(evaluation / f"{when}_{s}.csv") for s in strategies} for when in ("before", "after")
    )
    for was, now in zip(before.values(), after.values(), strict=True):
        if len(was) != results["n"] or list(was["question"]) != list(now["question"]):
            raise CourseError(f"the tables in {evaluation} are not those of results.json: run chapter 7 again")
    suite, toys = known_suite(run["suite"]), evaluation / "rollouts.csv"
    found = details(before, after, suite, results["task"])
    rollouts = _csv(toys, 7, index_col=0) if toys.exists() else None
    return Measured(results, run, log, before, after, suite, found, rollouts)


def pictures(run: Measured) -> dict[str, Picture]:
    """The figures of a run by name, in the order in which they tell the story."""
    results, log, gain = run.results, run.log, run.details["sampled"]
    gain = {"components": gain["components"], "by_length": gain["by_length"]}
    shown = {key: results[key] for key in ("n", "before", "after")}
    found = {
        "before_after": Picture(before_after_figure(results), before_after_alt(results), shown),
        "training": Picture(log_figure(log), log_alt(log), log.to_csv(index=False)),
        "gain": Picture(gain_figure(gain), gain_alt(gain), gain),
    }
    if (toys := run.rollouts) is not None:
        found["rollouts"] = Picture(rollouts_figure(toys), rollouts_alt(toys), toys.to_csv())
    return found


def _png(figure: Figure) -> bytes:
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()


def rewards_of(record: dict) -> list[list[str]]:
    """Name, weight and first line of the description of each reward of a recorded suite."""
    suite = known_suite(record)
    docs = {f.__name__: f.__doc__ or "" for f in suite.rewards} if suite else {}
    about = {name: text.strip().split("\n")[0].replace("``", "") for name, text in docs.items()}
    return [[name, f"{weight:g}", about.get(name, "")] for name, weight in record["weights"].items()]


def _prompt(preset: Preset, question: str) -> str:
    """A held-out question as it was put to the model (the worked examples in front of it left out)."""
    return build_prompt(question, kind=preset.kind, style=preset.style)[-1]["content"]


def report_parts(run_root: Path, author: str = "", link: str = "", others: Sequence[Path] = ()) -> dict:
    """All that the two templates show. ``others``: folders of runs of the same setting with other seeds."""
    run = read_run(run_root)
    results, preset = run.results, Preset(**run.run["preset"])
    runs = [results, *(read_json(other / "results.json") for other in others)]
    greedy = [percent(results[when]["greedy"]["accuracy"]) for when in ("before", "after")]
    sampled = run.details["sampled"]
    asked = run.before["sampled"]["question"].iloc[0]
    return {
        "title": f"GRPO on {results['task']}: report of a run (preset {results['preset']})",
        "author": author,
        "link": link,
        "summary": (
            f"Model {results['model']}{TINY if results['model'] == 'tiny' else ''}, {results['steps']} steps of GRPO "
            f"with LoRA in {results['train_seconds']} seconds, seed {results['seed']}. "
            f"Greedy accuracy went from {greedy[0]} % to {greedy[1]} %."
        ),
        "results": results,
        "run": run.run,
        "problems": run.run["steps"] * preset.prompts_per_step,
        "prompt": _prompt(preset, asked),
        "wanted": "Rubric" if preset.kind == "rubric" else "Right answer",
        "shots": preset.shots,
        "rewards": [["reward", "weight", "what it gives"], *rewards_of(run.run["suite"])],
        "settings": [["setting", "value"], *([k, str(v)] for k, v in run.run["preset"].items()),
                     ["seed", str(run.run["seed"])]],
        "table_rows": result_rows(results, run.details),
        "measures": MEASURES,
        "paired": paired_sentence(results, run.details),
        "components": sampled["components"] and component_rows(sampled["components"]),
        "seeds": seed_rows(over_seeds(runs)) if len(runs) > 1 else None,
        "covers": COVERS,
        "pictures": pictures(run),
        "transcripts": transcripts(run.before["sampled"], run.after["sampled"]),
        "reading": reading(results, run.details),
        "limits": limits(results, len(runs)),
        "ideas": ideas(results, len(runs)),
        "machine": [["what", "which"], *([k, str(v)] for k, v in run.run["machine"].items() if v is not None),
                    ["training, seconds", str(run.run["train_seconds"])]],
    }  # fmt: skip


def _fenced(text: str) -> str:
    """A block that Markdown shows as it stands, whatever stands in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}text\n{text}\n{fence}"


def build_report(run_root: Path, out: Path, author: str = "", link: str = "", others: Sequence[Path] = ()) -> Path:
    """Write the report of the run in ``run_root`` (``runs/<preset>``) to the HTML file ``out``, and beside it the same
    as Markdown (``.md``) with its figures in ``<name>_figures``. Returns ``out``.

    ``author`` and ``link`` stand below the title; ``others`` are folders of runs with other seeds. Raises
    ``CourseError`` naming the file that is missing, damaged or of another run (see ``read_run``).
    """
    from jinja2 import Environment, StrictUndefined

    parts = report_parts(run_root, author, link, others)
    images = {name: _png(picture.figure) for name, picture in parts["pictures"].items()}
    folder = out.with_name(f"{out.stem}_figures")
    folder.mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        (folder / f"{name}.png").write_bytes(image)
    inline = {name: "data:image/png;base64," + base64.b64encode(image).decode() for name, image in images.items()}
    beside = {name: f"{folder.name}/{name}.png" for name in images}
    for template, path, addresses in zip(TEMPLATES, (out, out.with_suffix(".md")), (inline, beside), strict=True):
        html = template.name.startswith("report.html")
        environment = Environment(autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        environment.globals |= {"markdown": markdown, "fenced": _fenced}
        page = environment.from_string(template.read_text("utf-8")).render(images=addresses, **parts)
        path.write_text(page, encoding="utf-8")
    return out
