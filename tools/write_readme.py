"""Write README's results and docs/results.md from the recorded runs, and draw the figures.

python tools/write_readme.py           # write
python tools/write_readme.py --check   # write nothing, fail if they are stale
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import matplotlib
from PIL import Image

matplotlib.use("Agg")

from course_lib.artifacts import read_json, recorded_runs
from course_lib.metrics import COVERS, over_seeds
from course_lib.report import Picture, pictures, read_run
from course_lib.summary import component_rows, markdown, rate, seed_rows

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "recorded"
FIGURES = RECORDED / "figures"
MARK = "Source-SHA256"  # key in the PNG files
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def cell(side: dict, name: str) -> str:
    return rate(side[name], side[f"{name}_interval"])


def seeds(preset: str = "laptop") -> dict[int, dict]:
    """The recorded runs of a preset: seed to folder, results and run record."""
    found = {}
    for folder in recorded_runs(preset):
        results = read_json(folder / "results.json")
        record = read_json(folder / "06_training" / "run.json")
        found[results["seed"]] = {"folder": folder, "results": results, "record": record}
    return found


def middle() -> Path:
    """The run whose trained model is neither the best nor the worst: the one that the pictures show."""
    runs = sorted(seeds().values(), key=lambda run: run["results"]["after"]["sampled"]["accuracy"])
    return runs[len(runs) // 2]["folder"]


def block() -> str:
    """What README shows between its marks."""
    runs = seeds()
    shown = read_run(middle())
    record, preset = shown.run, shown.run["preset"]
    pc = record["machine"]
    seconds = [run["results"]["train_seconds"] for run in runs.values()]
    images = pictures(shown)
    return "\n\n".join(
        [
            f"{len(runs)} recorded runs with the laptop preset, each with its own training seed, on "
            f"{shown.results['n']} held-out problems of `{preset['task']}`. *Greedy*: the likeliest token at every "
            "step; *sampled*: drawn at temperature 1; *format*: one reasoning block, then one answer block, nothing "
            "else.",
            markdown(seed_rows(over_seeds([run["results"] for run in runs.values()]))),
            f"{COVERS} The base model's greedy answers show only its commonest habit, guessing: so the sampled rows "
            "are the fairer comparison.",
            f"Training took {min(seconds):.0f} to {max(seconds):.0f} s for {record['steps']} steps of "
            f"{preset['prompts_per_step']} prompts × {preset['group_size']} completions, on a CPU "
            f"({pc['cpu']}, {pc['cores']} cores; Python {pc['python']}, torch {pc['torch']}, "
            f"transformers {pc['transformers']}, TRL {pc['trl']}, PEFT {pc['peft']}). The pictures show "
            f"seed {record['seed']}.",
            image("before_after", images),
            image("training", images),
            controls(),
            harness(),
            "[docs/results.md](docs/results.md) has the rest: seed by seed, where the gain comes from, the other "
            "tasks, what an export changes, what a step's time goes into, and runs that were killed and continued.",
        ]
    )


def page() -> str:
    """``docs/results.md``, whole."""
    runs, shown = seeds(), read_run(middle())
    images = pictures(shown)
    lines = [
        "# All recorded results",
        "",
        "Written by `make readme` from what lies in `recorded/`; README shows the most important of it. Machine and "
        "versions stand in each record.",
        "",
        "## Seed by seed",
        "",
        f"The laptop preset on {shown.results['n']} held-out problems of `{shown.run['preset']['task']}`, with 95 % "
        "Wilson intervals:",
        "",
        "| seed | | base model | trained model |",
        "|---|---|---|---|",
    ]
    for seed, run in runs.items():
        before, after = run["results"]["before"], run["results"]["after"]
        for i, (strategy, name) in enumerate([("greedy", "accuracy"), ("sampled", "accuracy"), ("sampled", "format")]):
            label = seed if i == 0 else ""
            lines.append(
                f"| {label} | {name}, {strategy} | {cell(before[strategy], name)} | {cell(after[strategy], name)} |"
            )
        length = [f"{side['sampled']['mean_length']:.1f} tokens" for side in (before, after)]
        lines.append(f"| | mean length, sampled | {length[0]} | {length[1]} |")
    lines += ["", "Greedy answers to the same problems, before and after (exact McNemar test):", ""]
    for seed, run in runs.items():
        pair = run["results"]["paired"]
        lines.append(f"- seed {seed}: {pair['fixed']} fixed, {pair['broken']} broken, p = {pair['p']:.1g}")
    lines += [
        "",
        "## Where the gain comes from",
        "",
        f"Sampled completions, seed {shown.run['seed']}; the composite is the weighted sum:",
        "",
        markdown(component_rows(shown.details["sampled"]["components"])),
        "",
        image("gain", images, "../recorded"),
        "",
        "## What becomes of the toy rollouts",
        "",
        "How likely the four rollouts of the chapters, written by hand, are to the model before and after:",
        "",
        image("rollouts", images, "../recorded"),
    ]
    sections = {
        "The other tasks": other_tasks(),
        "Exports": export(),
        "Time": bench(),
        "The grader": grader(),
        "Interruptions": soak(),
    }
    for title, text in sections.items():
        lines += ["", f"## {title}", "", text]
    return "\n".join(lines) + "\n"


def image(name: str, images: dict[str, Picture], recorded: str = "recorded") -> str:
    return f"![{images[name].alt}]({recorded}/figures/{name}.png)"


def other_tasks() -> str:
    """One line a seed for the other toy tasks, sampled completions."""
    records = {task: list(seeds(f"laptop-{task}").values()) for task in ("toy_choice", "toy_rubric")}
    steps = ", ".join(f"{runs[0]['results']['steps']} steps of `{task}`" for task, runs in records.items())
    threads = sorted({run["record"]["machine"]["threads"] for runs in records.values() for run in runs})
    lines = [
        f"The other two toy tasks ({steps}; threads: {', '.join(map(str, threads))}), sampled completions. *Score* is "
        "the share of a rubric that is met, with a bootstrap interval; for multiple choice it is the accuracy:",
        "",
        "| task | seed | accuracy, base | trained | score, base | trained | format, trained | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for task, runs in records.items():
        for run in runs:
            before, after = (run["results"][when]["sampled"] for when in ("before", "after"))
            cells = [cell(before, "accuracy"), cell(after, "accuracy"), cell(before, "score"), cell(after, "score")]
            cells += [cell(after, "format"), f"{run['results']['train_seconds']:.0f}"]
            lines.append(f"| `{task}` | {run['results']['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def controls() -> str:
    constant = read_json(RECORDED / "controls" / "constant.json")
    coin = read_json(RECORDED / "controls" / "coin.json")
    after = {s: cell(coin["after"][s], "accuracy") for s in ("greedy", "sampled")}
    before = {s: cell(coin["before"][s], "accuracy") for s in ("greedy", "sampled")}
    return (
        "It is the rewards that teach. The same run with a constant reward: "
        f"“{constant['outcome']}”. With a coin for a reward: accuracy "
        f"{before['greedy']} → {after['greedy']} greedy, {before['sampled']} → {after['sampled']} sampled."
    )


def harness() -> str:
    found = read_json(RECORDED / "lm_eval.json")
    sides = [f"{100 * found[who]['harness']:.1f} % for the {who} model" for who in ("base", "trained")]
    same, differ = (
        [found[who][name] for who in ("base", "trained")] for name in ("same_responses", "different_verdicts")
    )
    return (
        f"A judge that is not ours: lm-evaluation-harness {found['harness']} puts the same {found['n']} questions to "
        f"the exported models and finds a greedy accuracy of {' and '.join(sides)}. {100 * min(same):.1f} % of "
        f"its responses are the course's, letter by letter, and {sum(differ) or 'no'} verdicts differ (`make lm-eval`)."
    )


def export() -> str:
    run = next(folder for folder in recorded_runs("laptop") if (folder / "08_export").exists())
    found = read_json(run / "08_export" / "export.json")
    forms = [
        f"{form['form']} ({form['largest difference']:.0e}; {100 * form['same completions']:.0f} %)"
        for form in found["forms"]
    ]
    return (
        f"Exported, loaded again from the files alone, and compared with the trained model on {found['prompts']} "
        "held-out prompts (largest difference of a logit, for GGUF in llama.cpp of a log-probability; greedy "
        f"completions that are the same, token for token): {', '.join(forms)}."
    )


def bench() -> str:
    found = read_json(RECORDED / "bench.json")
    share = ", ".join(f"{part} {100 * found['share'][part]:.0f} %" for part in found["share"])
    return (
        f"One GRPO step ({found['batch']} completions) is {share} (medians, each for itself). With TRL's default "
        f"settings at equal batch and length a step takes {found['trl_default_over_course']:.2f} times as long; "
        f"the bare matrix products of a step would take 1/{found['course_over_bare_products']:.1f} of it "
        "(`make bench`)."
    )


def grader() -> str:
    found = read_json(RECORDED / "bench.json")["grader"]
    speed, slowest = found["throughput"]["per_second"], found["growth"]["slowest"]
    at = found["growth"]["sizes"].index(1_000_000)
    return (
        f"The grader reads {speed['grader']:,.0f} completions a second, math-verify {speed['math_verify']:,.0f} of the "
        f"same ({found['throughput']['ratio']:.0f} times fewer). Of {found['growth']['fragments']} fragments repeated "
        f"up to 1 MB, graded as every kind of task, the slowest takes {slowest['seconds'][at]:.2f} s; time grows with "
        f"its length to the power of {slowest['exponent']:.2f}."
    )


def soak() -> str:
    found = read_json(RECORDED / "soak.json")
    return (
        f"{found['trials']} small training runs were stopped {found['stops']} times at random points, also while a "
        f"checkpoint was being written, and continued: {found['identical']} ended with the same adapter and log, byte "
        f"for byte, as the undisturbed run. At most {found['most_steps_lost']} steps were done twice, with a "
        f"checkpoint every {found['checkpoint_every']}; one takes {found['checkpoint_ms']:.0f} ms (`make soak`)."
    )


def mark(picture: Picture) -> str:
    """The SHA-256 of the data that a picture is drawn from; it stands in the PNG file."""
    return hashlib.sha256(json.dumps(picture.source, sort_keys=True).encode()).hexdigest()


def stale_figures(images: dict[str, Picture], folder: Path = FIGURES) -> list[str]:
    """The names of the pictures that are missing or were drawn from other data."""

    def drawn_from(path: Path) -> str | None:
        if not path.exists():
            return None
        with Image.open(path) as file:
            return file.info.get(MARK)

    return [name for name, picture in images.items() if drawn_from(folder / f"{name}.png") != mark(picture)]


def draw(images: dict[str, Picture], folder: Path = FIGURES) -> None:
    folder.mkdir(exist_ok=True)
    for name, picture in images.items():
        metadata = {"Software": None, MARK: mark(picture)}
        picture.figure.savefig(folder / f"{name}.png", dpi=110, metadata=metadata)


def main() -> None:
    readme, results = ROOT / "README.md", ROOT / "docs/results.md"
    before, rest = readme.read_text(encoding="utf-8").split(BEGIN)
    fresh = {readme: f"{before}{BEGIN}\n{block()}\n{END}{rest.split(END)[1]}", results: page()}
    images = pictures(read_run(middle()))
    if "--check" in sys.argv[1:]:
        if stale := stale_figures(images):
            sys.exit(f"{', '.join(stale)} in recorded/figures: not drawn from what is in recorded/; run: make readme")
        for path, text in fresh.items():
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                sys.exit(f"{path.relative_to(ROOT)} does not say what recorded/ says; run: make readme")
        return
    draw(images)
    for path, text in fresh.items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
