"""``python -m course_lib compare``: one model under several strategies, temperatures or prompts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from course_lib.cli import asking
from course_lib.cli.benchmark import add_measuring_arguments, held_out
from course_lib.cli.options import whole

if TYPE_CHECKING:
    import pandas as pd

SHOWN = {
    "runs": "runs",
    "accuracy": "accuracy",
    "low": "95 % low",
    "high": "95 % high",
    "worst": "worst run",
    "best": "best run",
    "agreement": "agreement",
    "format": "format",
    "length": "length (tokens)",
    "p": "p",
}
LEGEND = """Rates in per cent. accuracy: right answers, over all runs; agreement: pairs of runs with the same answer; \
format: in the form asked for.
p: McNemar's exact test of the first runs against the first line; small where the difference is more than chance."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("strategies", "temperatures", "prompts"))
    parser.add_argument("--runs", type=whole(1), default=5, help="of each setting that samples (default: %(default)s)")
    asking.add_model_arguments(parser)
    add_measuring_arguments(parser)


def table_of(found: pd.DataFrame) -> str:
    """What is shown of the comparison, as text."""
    shown = found[list(SHOWN)].copy()
    for name in ("accuracy", "low", "high", "worst", "best", "agreement", "format"):
        shown[name] = [f"{100 * value:.1f}" for value in shown[name]]
    shown["length"] = [f"{value:.1f}" for value in shown["length"]]
    shown["p"] = ["", *("<0.001" if p < 0.001 else f"{p:.3f}" for p in shown["p"].iloc[1:])]
    return shown.rename(columns=SHOWN).to_string()


def run(args: Namespace) -> int:
    from course_lib.artifacts import write_json
    from course_lib.sweeps import compare_settings, prompt_settings, strategy_settings, temperature_settings

    kinds = {"strategies": strategy_settings, "temperatures": temperature_settings, "prompts": prompt_settings}
    task, rows = held_out(args)
    assistant, settings = asking.load(args), kinds[args.what]()
    found = compare_settings(assistant.model, assistant.tokenizer, rows, settings, args.runs, **asking.sizes_of(args))
    print(f"{len(rows)} held-out problems of {task}\n\n{table_of(found)}\n\n{LEGEND}")
    if args.output:
        lines = found.rename_axis("setting").reset_index().to_dict("records")
        print(f"written: {write_json(args.output, {'task': task, 'model': assistant.name, 'settings': lines})}")
    return 0
