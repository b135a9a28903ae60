"""``python -m course_lib benchmark``: one model, held-out problems of a task, and how sure the rates are."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace
from pathlib import Path

from course_lib.cli import asking
from course_lib.cli.presets import find


def add_arguments(parser: ArgumentParser) -> None:
    asking.add_model_arguments(parser)
    add_measuring_arguments(parser)
    parser.add_argument("--verbose", action="store_true", help="print every question, answer and verdict")


def add_measuring_arguments(parser: ArgumentParser) -> None:
    """Which problems, how many, and where the result goes."""
    parser.add_argument("--task", help="a task's name (default: the preset's)")
    parser.add_argument("--num-samples", type=int, default=100, help="held-out problems (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the result as JSON")


def held_out(args: Namespace) -> tuple[str, list[dict]]:
    """The task's name and its rows, put in the style that the options ask for."""
    from course_lib.errors import SettingError
    from course_lib.tasks import load_rows, with_style

    if args.num_samples < 1:
        raise SettingError("--num-samples must be 1 or more")
    task = args.task or find(args.preset).task
    return task, with_style(load_rows(task, "test", args.num_samples), asking.style_of(args))


def run(args: Namespace) -> int:
    from course_lib.artifacts import write_json
    from course_lib.evaluation import evaluate
    from course_lib.metrics import near, summarise
    from course_lib.models import machine
    from course_lib.statistics import wilson

    task, rows = held_out(args)
    assistant, options = asking.load(args), asking.options_of(args)
    options.pop("kind")
    table = evaluate(assistant.model, assistant.tokenizer, rows, options.pop("strategy"), **options)
    if args.verbose:
        for line in table.itertuples():
            print(f"{'right' if line.correct else 'wrong'}  {textwrap.shorten(line.question, 90, placeholder=' …')}")
            print(textwrap.indent(line.completion.strip() or "(nothing)", "       "))
            print(f"       read: {line.answer}; gold: {textwrap.shorten(str(line.gold), 80, placeholder=' …')}\n")
    found = summarise(table)
    close = near(table, task)
    if close is not None:
        found |= {"near": float(close.mean()), "near_interval": list(wilson(int(close.sum()), len(close)))}
    print(f"{len(rows)} held-out problems of {task}, {args.strategy}; rates with 95 % intervals")
    for name in ("accuracy", "near", "format", "score"):
        if found.get(name) is not None:
            low, high = found[f"{name}_interval"]
            print(f"{name:9} {100 * found[name]:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})")
    print(f"length    {found['mean_length']:5.1f} tokens")
    if args.output:
        told = {"model": assistant.name, "task": task, "strategy": args.strategy, "seed": args.seed, "n": len(rows)}
        texts = table[["question", "gold", "completion", "correct", "well_formed"]].to_dict("records")
        print(f"written: {write_json(args.output, {**told, **found, 'answers': texts, 'machine': machine()})}")
    return 0
