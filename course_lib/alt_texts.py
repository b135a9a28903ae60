"""The pictures of a run in words, with their numbers, for those who do not see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_lib.plots import reward_columns

if TYPE_CHECKING:
    import pandas as pd


def _from_to(name: str, was: float, now: float, unit: str = "") -> str:
    return f"{name} from {was:.4g} to {now:.4g}{unit}"


def before_after_alt(results: dict) -> str:
    """Of ``plots.before_after_figure``."""
    told = [
        _from_to(
            f"{measure} {strategy}", *(round(100 * results[w][strategy][measure], 1) for w in ("before", "after")), " %"
        )
        for measure in ("accuracy", "format")
        for strategy in results["before"]
    ]
    return f"Bars with 95 % intervals for the base and the trained model: {'; '.join(told)}."


def log_alt(log: pd.DataFrame) -> str:
    """Of ``plots.log_figure``: the means of the first and the last tenth of the steps."""
    tenth = max(1, len(log) // 10)
    named = {"reward": "reward"} | {
        name: name.removesuffix("_reward").replace("_", " ") for name in reward_columns(log)
    }
    named["mean_length"] = "mean completion length in tokens"
    told = [_from_to(name, log[c].head(tenth).mean(), log[c].tail(tenth).mean()) for c, name in named.items()]
    return f"Lines over {len(log)} steps, first against last tenth: {'; '.join(told)}."


def gain_alt(details: dict) -> str:
    """Of ``plots.gain_figure``."""
    told = []
    if parts := details["components"]:
        points = [_from_to(p["name"].removesuffix("_reward").replace("_", " "), p["weight"] * p["before"],
                           p["weight"] * p["after"]) for p in parts[:-1]]  # fmt: skip
        whole = _from_to("the mean reward", parts[-1]["before"], parts[-1]["after"])
        told.append(f"Stacked bars, base and trained model: {whole} points, of which {'; '.join(points)}.")
    was, now = details["by_length"]["before"], details["by_length"]["after"]
    name = next(iter(was[0]))
    lines = [
        _from_to(f"{b[name]} {name}", round(100 * b["accuracy"], 1), round(100 * a["accuracy"], 1), " %")
        for b, a in zip(was, now, strict=True)
    ]
    return " ".join([*told, f"Lines with intervals, accuracy by the problem's length: {'; '.join(lines)}."])


def rollouts_alt(table: pd.DataFrame) -> str:
    """Of ``plots.rollouts_figure``."""
    told = [_from_to(str(name), was, now) for name, was, now in table[["base", "trained"]].itertuples()]
    return f"Arrows from the base to the trained model, log-probability of each toy rollout: {'; '.join(told)}."
