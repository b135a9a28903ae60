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


HATCHES = ("", "//", "..", "xx", "--")


def gain_figure(details: dict) -> Figure:
    """Where the gain comes from: weighted components of the mean reward, and accuracy by the problem's length.

    ``details``: of one strategy, of ``metrics.details``; without components the first panel is left out.
    """
    import matplotlib.pyplot as plt

    parts = details["components"]
    figure, panels = plt.subplots(1, 2 if parts else 1, figsize=(10, 4) if parts else (6, 4), layout="constrained",
                                  squeeze=False)  # fmt: skip
    if parts:
        _stack(panels[0, 0], parts)
    axes = panels[0, -1]
    for shift, when, look, label in ((-0.06, "before", "s--", "base model"), (0.06, "after", "o-", "trained model")):
        lines = details["by_length"][when]
        at = [i + shift for i in range(len(lines))]
        axes.plot(at, [100 * line["accuracy"] for line in lines], f"k{look}", markerfacecolor="0.8", label=label)
        axes.vlines(at, *([100 * line[end] for line in lines] for end in ("low", "high")), color="black", linewidth=1)
    name = next(iter(lines[0]))
    axes.set_xticks(range(len(lines)), [f"{line[name]}\n(n = {line['n']})" for line in lines])
    length = {"words": "words in the question", "steps": "steps that the problem needs"}[name]
    axes.set(xlabel=length, ylabel="right (%)", ylim=(0, 103))
    axes.set_title("Accuracy by the problem's length, 95 % intervals")
    axes.legend()
    axes.grid(axis="y", alpha=0.3)
    return figure


def _stack(axes, parts: list[dict]) -> None:
    """Two stacked bars: what each component adds to the mean reward, base and trained."""
    parts, whole = [part for part in parts[:-1] if part["weight"]], parts[-1]
    for x, when in enumerate(("before", "after")):
        up = down = 0.0
        for i, part in enumerate(parts):
            points, grey = part["weight"] * part[when], 0.95 - 0.4 * i / max(1, len(parts) - 1)
            axes.bar(x, points, 0.5, bottom=up if points > 0 else down, color=str(grey),
                     hatch=HATCHES[i % len(HATCHES)], edgecolor="black",
                     label=None if x else part["name"].removesuffix("_reward").replace("_", " "))  # fmt: skip
            up, down = up + max(points, 0.0), down + min(points, 0.0)
        axes.annotate(f"{whole[when]:.2f}", (x, up), (0, 3), textcoords="offset points", ha="center")
    axes.set_xticks((0, 1), ("base model", "trained model"))
    axes.set(ylabel="mean reward (points)", xlim=(-0.6, 1.6), title="Reward by component")
    axes.margins(y=0.15)
    axes.legend(loc="upper left")
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def rollouts_figure(table: pd.DataFrame) -> Figure:
    """How likely each toy rollout is before and after. ``table``: index the rollouts, columns ``base`` and ``trained``,
    log-probabilities of the whole completion in nats."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 1.4 + 0.45 * len(table)), layout="constrained")
    at = range(len(table))
    for y, (was, now) in zip(at, table[["base", "trained"]].to_numpy(), strict=True):
        axes.annotate(
            "", (now, y), (was, y), arrowprops={"arrowstyle": "->", "color": "0.3", "shrinkA": 5, "shrinkB": 5}
        )
    axes.plot(table["base"], at, "ks", markerfacecolor="white", markersize=8, label="base model")
    axes.plot(table["trained"], at, "ko", markersize=8, label="trained model")
    axes.set_yticks(at, list(table.index))
    axes.set(ylim=(len(table) - 0.5, -0.5), xlabel="log-probability of the whole rollout (nats); 0 is certain")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    axes.grid(axis="x", alpha=0.3)
    return figure


def compare_figure(table: pd.DataFrame, weights: dict[str, float]) -> Figure:
    """What each completion earns, by component. ``table``: of ``RewardAnalyzer.compare``; ``weights`` by name."""
    import matplotlib.pyplot as plt

    points = table[list(weights)].fillna(0.0) * weights
    points = points.loc[:, [name for name, weight in weights.items() if weight]]
    figure, axes = plt.subplots(figsize=(8, 1.2 + 0.45 * len(points)), layout="constrained")
    up, down = points.clip(lower=0), points.clip(upper=0)
    greys = [0.95 - 0.6 * i / max(1, len(points.columns) - 1) for i in range(len(points.columns))]
    for i, name in enumerate(points):
        for side in (up, down):
            axes.barh(range(len(points)), side[name], left=side.iloc[:, :i].sum(axis=1), color=str(greys[i]),
                      hatch=HATCHES[i % len(HATCHES)], edgecolor="black",
                      label=name.removesuffix("_reward").replace("_", " ") if side is up else None)  # fmt: skip
    axes.plot(table["total"], range(len(points)), "k|", markersize=18, markeredgewidth=2.5, label="total")
    axes.set_yticks(range(len(points)), [str(name) for name in points.index])
    axes.invert_yaxis()
    axes.set(xlabel="reward (points)")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def hack_figure(table: pd.DataFrame, most: int = 20) -> Figure:
    """The hacks that come nearest to honest work. ``table``: of ``hacks.hack_table``."""
    import matplotlib.pyplot as plt

    near = table.sort_values("margin", kind="stable").head(most)
    figure, axes = plt.subplots(figsize=(8, 1 + 0.28 * len(near)), layout="constrained")
    axes.barh(range(len(near)), near["total"], color="0.8", edgecolor="black", hatch="//", label="hack")
    axes.plot(near["honest"], range(len(near)), "kD", markersize=5, label="honest and right, same problems")
    axes.set_yticks(range(len(near)), near["hack"])
    axes.invert_yaxis()
    axes.set(xlabel="mean total reward (points)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    return figure


def sensitivity_figure(table: pd.DataFrame, measure: str = "swapped") -> Figure:
    """One measure of ``analysis.weight_sensitivity``, in per cent, against the factor of each weight."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for i, (name, part) in enumerate(table.groupby("component", sort=False)):
        style, marker = STYLES[i % len(STYLES)]
        axes.plot(part["factor"], 100 * part[measure], color="black", linestyle=style, marker=marker,
                  markerfacecolor="0.8", label=name.removesuffix("_reward").replace("_", " "))  # fmt: skip
    axes.set(xlabel="factor of this weight, the others as they are", ylabel=f"{measure.replace('_', ' ')} (%)")
    axes.set_ylim(bottom=min(-1.0, axes.get_ylim()[0]))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    axes.grid(alpha=0.3)
    return figure


def hacking_figure(log: pd.DataFrame, findings: pd.DataFrame, accuracy: str) -> Figure:
    """Reward and accuracy, and length, by step, with the steps of each finding of ``monitor.find_hacking``."""
    import matplotlib.pyplot as plt

    figure, (top, middle, bottom) = plt.subplots(
        3, 1, figsize=(8, 6), sharex=True, layout="constrained", height_ratios=[3, 2, 0.4 + 0.4 * max(1, len(findings))]
    )
    every = max(1, len(log) // 10)
    for name, look in (("reward", "k-o"), (accuracy, "k--s")):
        top.plot(log["step"], log[name], look, markevery=every, markerfacecolor="0.8", label=name.replace("_", " "))
    middle.plot(log["step"], log["mean_length"], "k-.^", markevery=every, markerfacecolor="0.8")
    top.set(ylabel="mean over the step")
    middle.set(ylabel="length (tokens)")
    top.legend(framealpha=0.9)
    for i, row in enumerate(findings.itertuples()):
        bottom.barh(i, row.last_step - row.first_step, left=row.first_step, color="0.8", edgecolor="black",
                    hatch=HATCHES[1 + i % 4])  # fmt: skip
    bottom.set_yticks(range(len(findings)), list(findings["finding"]))
    bottom.set(xlabel="optimiser step", ylim=(max(1, len(findings)) - 0.5, -0.5))
    if findings.empty:
        bottom.text(0.5, 0.5, "no finding", transform=bottom.transAxes, ha="center", va="center")
    for axes in (top, middle):
        axes.grid(alpha=0.3)
    return figure
