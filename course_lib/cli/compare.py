"""``python -m course_lib compare``: one model under several strategies, temperatures or prompts."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from course_lib.cli import asking
from course_lib.cli.benchmark import add_measuring_arguments, held_out

SHOWN = ["runs", "accuracy", "low", "high", "worst", "best", "agreement", "format", "length", "p"]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("strategies", "temperatures", "prompts"))
    parser.add_argument("--runs", type=int, default=5, help="of each setting that samples (default: %(default)s)")
    asking.add_model_arguments(parser)
    add_measuring_arguments(parser)


def run(args: Namespace) -> int:
    from course_lib.artifacts import write_json
    from course_lib.sweeps import compare_settings, prompt_settings, strategy_settings, temperature_settings

    kinds = {"strategies": strategy_settings, "temperatures": temperature_settings, "prompts": prompt_settings}
    task, rows = held_out(args)
    assistant, options = asking.load(args), asking.options_of(args)
    sizes = {name: options[name] for name in ("max_new_tokens", "seed")}
    found = compare_settings(assistant.model, assistant.tokenizer, rows, kinds[args.what](), args.runs, **sizes)
    print(f"{len(rows)} held-out problems of {task}; against the first line: p of McNemar's exact test, first runs")
    print(found[SHOWN].round(3).to_string())
    if args.output:
        lines = found.rename_axis("setting").reset_index().to_dict("records")
        print(f"written: {write_json(args.output, {'task': task, 'model': assistant.name, 'settings': lines})}")
    return 0
