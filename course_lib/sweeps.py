"""One model under several settings: strategies, temperatures, prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_lib.errors import SettingError
from course_lib.evaluation import evaluate
from course_lib.metrics import compare, near
from course_lib.prompts import DEFAULT_STYLE, SHOTS, PromptStyle
from course_lib.samples import agreement
from course_lib.statistics import wilson
from course_lib.strategies import Strategy, get_strategy
from course_lib.tasks import with_style

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

RUNS = 5


@dataclass(frozen=True)
class Setting:
    """What is varied: how tokens are drawn, and how the question is put."""

    strategy: str | Strategy = "greedy"
    style: PromptStyle = DEFAULT_STYLE


def strategy_settings(names: Sequence[str] = ("greedy", "conservative", "standard", "creative")) -> dict[str, Setting]:
    """Named strategies, under the usual prompt."""
    return {name: Setting(name) for name in names}


def temperature_settings(temperatures: Sequence[float] = (0.0, 0.3, 0.7, 1.0, 1.3)) -> dict[str, Setting]:
    """Temperatures of the model's whole distribution (no token is left out), under the usual prompt."""
    return {f"T = {t:g}": Setting(Strategy(f"T = {t:g}", t)) for t in temperatures}


def prompt_settings(
    variants: Sequence[str] = ("think", "plain"), shots: Sequence[int] = SHOTS, strategy: str | Strategy = "greedy"
) -> dict[str, Setting]:
    """Prompts with and without the request to think, each with worked examples in front."""
    return {f"{v}, {n} shots": Setting(strategy, PromptStyle(v, n)) for v in variants for n in shots}


def compare_settings(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: list[dict],
    settings: Mapping[str, Setting],
    runs: int = RUNS,
    **options,
) -> pd.DataFrame:
    """The same problems under each setting, one line each. ``options`` go to ``evaluation.generate``.

    Columns: ``runs`` over the same problems (1 for greedy, which repeats itself); ``accuracy`` with its 95 % interval
    ``low`` to ``high`` (Wilson, each problem counted once, however many runs); ``worst`` and ``best`` run;
    ``agreement``, the share of pairs of runs with the same answer; ``format``; ``near`` (numbers only); ``ended``;
    ``length`` in tokens with ``length_10`` and ``length_90``, its 10 % and 90 % quantiles; and against the first
    setting, first runs, the problems ``fixed`` and ``broken`` with McNemar's exact ``p``.
    """
    if not settings or runs < 1:
        raise SettingError(f"nothing to compare: {len(settings)} settings with {runs} runs each")
    lines, first = {}, None
    for name, setting in settings.items():
        times = 1 if get_strategy(setting.strategy).greedy else runs
        table = evaluate(model, tokenizer, with_style(rows, setting.style), setting.strategy, times, **options)
        single = table[table["sample"] == 0]
        first = single if first is None else first
        lines[name] = _line(table, rows[0]["task"], times) | _against(first, single)
    return pd.DataFrame(lines).T.infer_objects().astype({"runs": int, "fixed": int, "broken": int})


def _line(table: pd.DataFrame, task: str, runs: int) -> dict:
    right = table.groupby("problem")["correct"].mean()
    by_run = table.groupby("sample")["correct"].mean()
    low, high = wilson(right.sum(), len(right))
    close = near(table, task)
    return {
        "runs": runs,
        "accuracy": right.mean(),
        "low": low,
        "high": high,
        "worst": by_run.min(),
        "best": by_run.max(),
        "agreement": agreement(table, task) if runs > 1 else 1.0,
        "format": table["well_formed"].mean(),
        "near": np.nan if close is None else close.mean(),
        "ended": table["ended"].mean(),
        "length": table["length"].mean(),
        "length_10": table["length"].quantile(0.1),
        "length_90": table["length"].quantile(0.9),
    }


def _against(first: pd.DataFrame, other: pd.DataFrame) -> dict:
    found = compare(first, other)
    return {name: found[name] for name in ("fixed", "broken", "p")}
