"""Write README's results from the recorded runs: table, controls, benchmark, figures.

python tools/write_readme.py           # write
python tools/write_readme.py --check   # write nothing, fail if README.md is stale
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("Agg")

from course_lib.artifacts import read_json
from course_lib.plots import before_after_figure, log_figure

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "recorded"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"


def rate(side: dict, name: str) -> str:
    low, high = side[f"{name}_interval"]
    return f"{100 * side[name]:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def seeds(preset: str = "laptop") -> dict[int, dict]:
    """The recorded runs of a preset: seed to results, log's path and run record."""
    found = {}
    for folder in sorted((RECORDED / preset).glob("seed-*")):
        results = read_json(folder / "results.json")
        found[results["seed"]] = {
            "results": results,
            "log": folder / "06_training" / "log.csv",
            "record": read_json(folder / "06_training" / "run.json"),
        }
    return found


def block() -> str:
    runs = seeds()
    first = next(iter(runs.values()))
    record, preset = first["record"], first["record"]["preset"]
    pc = record["machine"]
    n = first["results"]["n"]
    seconds = [run["results"]["train_seconds"] for run in runs.values()]
    lines = [
        f"Recorded runs with the laptop preset, {n} held-out problems of `{preset['task']}`, rates in % with 95 % "
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
                f"| {label} | {name}, {strategy} | {rate(before[strategy], name)} | {rate(after[strategy], name)} |"
            )
        length = [f"{side['sampled']['mean_length']:.1f} tokens" for side in (before, after)]
        lines.append(f"| | mean length, sampled | {length[0]} | {length[1]} |")
    lines += ["", "Greedy answers to the same problems, before and after (exact McNemar test):", ""]
    for seed, run in runs.items():
        pair = run["results"]["paired"]
        lines.append(f"- seed {seed}: {pair['fixed']} fixed, {pair['broken']} broken, p = {pair['p']:.1g}")
    lines += [
        "",
        f"Training took {min(seconds):.0f} to {max(seconds):.0f} s for {record['steps']} steps of "
        f"{preset['prompts_per_step']} prompts × {preset['group_size']} completions, on a CPU "
        f"({pc['cpu']}, {pc['cores']} cores; Python {pc['python']}, torch {pc['torch']}, "
        f"transformers {pc['transformers']}, TRL {pc['trl']}, PEFT {pc['peft']}).",
        "",
        "![Accuracy and format before and after training, greedy and sampled, with intervals]"
        "(recorded/figures/before_after.png)",
        "",
        "![Reward with its components, and completion length, by training step](recorded/figures/training.png)",
        "",
        other_tasks(),
        "",
        controls(),
    ]
    if (RECORDED / "bench.json").exists():
        lines += ["", bench()]
    if (RECORDED / "soak.json").exists():
        lines += ["", soak()]
    return "\n".join(lines)


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
            cells = [rate(before, "accuracy"), rate(after, "accuracy"), rate(before, "score"), rate(after, "score")]
            cells += [rate(after, "format"), f"{run['results']['train_seconds']:.0f}"]
            lines.append(f"| `{task}` | {run['results']['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def controls() -> str:
    constant = read_json(RECORDED / "controls" / "constant.json")
    coin = read_json(RECORDED / "controls" / "coin.json")
    after = {s: rate(coin["after"][s], "accuracy") for s in ("greedy", "sampled")}
    before = {s: rate(coin["before"][s], "accuracy") for s in ("greedy", "sampled")}
    return (
        "It is the rewards that teach. The same run with a constant reward: "
        f"“{constant['outcome']}”. With a coin for a reward: accuracy "
        f"{before['greedy']} → {after['greedy']} greedy, {before['sampled']} → {after['sampled']} sampled."
    )


def bench() -> str:
    found = read_json(RECORDED / "bench.json")
    share = ", ".join(f"{part} {100 * found['share'][part]:.0f} %" for part in found["share"])
    return (
        f"One GRPO step ({found['batch']} completions) is {share}. With TRL's default settings at equal batch and "
        f"length a step takes {found['trl_default_over_course']:.2f} times as long; the bare matrix products of "
        f"a step would take 1/{found['course_over_bare_products']:.1f} of it (`make bench`).\n\n"
        + grader(found["grader"])
    )


def grader(found: dict) -> str:
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


def figures() -> None:
    folder = RECORDED / "figures"
    folder.mkdir(exist_ok=True)
    runs = seeds()
    middle = sorted(runs, key=lambda s: runs[s]["results"]["after"]["sampled"]["accuracy"])[len(runs) // 2]
    run = runs[middle]
    options = {"dpi": 110, "metadata": {"Software": None}}
    before_after_figure(run["results"]).savefig(folder / "before_after.png", **options)
    log_figure(pd.read_csv(run["log"])).savefig(folder / "training.png", **options)


def main() -> None:
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    fresh = f"{before}{BEGIN}\n{block()}\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv[1:]:
        if fresh != text:
            sys.exit("README.md does not say what recorded/ says; run: make readme")
        return
    figures()
    path.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
