"""Figures that more than one place shows. Readable in grey: line styles, markers, hatches tell apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_lib.errors import CourseError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STYLES = (("--", "s"), (":", "^"), ("-.", "D"), ((0, (5, 1, 1, 1, 1, 1)), "v"))
LOOKS = {"base": {"color": "0.85", "hatch": "//"}, "trained": {"color": "0.45", "hatch": ""}}
LAST_FIXED_COLUMN = "step_time"  # in training.CsvLog's file; after it comes one column a reward function


def reward_columns(log: pd.DataFrame) -> list[str]:
    """The columns of a training log that hold the mean of one reward function each.

    Raises ``CourseError`` for a table that is not a training log with at least one step.
    """
    missing = {"step", "reward", "mean_length", LAST_FIXED_COLUMN} - set(log.columns)
    if missing or log.empty:
        wrong = f"it lacks {', '.join(sorted(missing))}" if missing else "it has no rows"
        raise CourseError(f"this is not the log of a training run ({wrong}); run chapter 6 again")
    return list(log.columns[log.columns.get_loc(LAST_FIXED_COLUMN) + 1 :])


def log_figure(log: pd.DataFrame) -> Figure:
    """Reward with its components, and mean completion length, by step. ``log``: as ``training`` writes it."""
    components = reward_columns(log)
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    every = max(1, len(log) // 10)  # a marker on every tenth of the run
    left.plot(log["step"], log["reward"], "k-", marker="o", markevery=every, linewidth=2, label="reward (total)")
    for i, name in enumerate(components):
        style, marker = STYLES[i % len(STYLES)]
        left.plot(log["step"], log[name], color="0.35", linestyle=style, marker=marker, markevery=every,
                  markersize=5, label=name.removesuffix("_reward"))  # fmt: skip
    left.set(xlabel="optimiser step", ylabel="mean over the step's completions", title="Reward")
    left.legend(framealpha=0.9)
    right.plot(log["step"], log["mean_length"], "k-", marker="o", markevery=every)
    right.set(xlabel="optimiser step", ylabel="tokens", title="Mean completion length")
    for axes, bottom in ((left, min(0.0, float(log[["reward", *components]].min().min()))), (right, 0.0)):
        axes.set_ylim(bottom=bottom)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return figure


def before_after_figure(results: dict) -> Figure:
    """Accuracy and format of the base and the trained model, with 95 % intervals.

    ``results`` has the form of ``evaluation.results``.
    """
    import matplotlib.pyplot as plt

    groups = [(m, s) for m in ("accuracy", "format") for s in results["before"]]
    figure, axes = plt.subplots(figsize=(7.5, 4), layout="constrained")
    for shift, when, label in ((-0.2, "before", "base"), (0.2, "after", "trained")):
        rates = [100 * results[when][s][m] for m, s in groups]
        ends = [[100 * end for end in results[when][s][f"{m}_interval"]] for m, s in groups]
        below = [max(0.0, rate - low) for rate, (low, _) in zip(rates, ends, strict=True)]
        above = [max(0.0, high - rate) for rate, (_, high) in zip(rates, ends, strict=True)]
        at = [i + shift for i in range(len(groups))]
        axes.bar(at, rates, 0.38, yerr=[below, above], capsize=5, label=f"{label} model", edgecolor="black",
                 **LOOKS[label])  # fmt: skip
        for x, rate, up in zip(at, rates, above, strict=True):
            axes.annotate(f"{rate:.0f}", (x, rate + up), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks(range(len(groups)), [f"{measure}\n{strategy}" for measure, strategy in groups])
    axes.set(ylabel="share of problems (%)", ylim=(0, 119), yticks=range(0, 101, 20))
    axes.set_title(f"{results['n']} held-out problems, 95 % Wilson intervals")
    axes.legend(ncols=2, loc="upper center")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    return figure
