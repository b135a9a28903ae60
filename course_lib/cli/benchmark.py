"""``python -m course_lib benchmark``: one model, held-out problems of a task, and how sure the rates are."""

from __future__ import annotations

import textwrap
from argparse import ArgumentParser, Namespace

from course_lib.cli import asking
from course_lib.cli.options import add_output, whole

MOST_SAMPLES = 10_000  # held-out problems: rates are sure within 1 % then
LEGEND = {
    "accuracy": "right answers",
    "near": "within 10 % of the right number",
    "format": "written in the form that was asked for, right or wrong",
    "score": "the share of the rubric that is met",
}


def add_arguments(parser: ArgumentParser) -> None:
    asking.add_asking_arguments(parser)
    add_measuring_arguments(parser)
    parser.add_argument("--verbose", action="store_true", help="print every question, answer and verdict")


def add_measuring_arguments(parser: ArgumentParser) -> None:
    """Which problems, how many, and where the result goes."""
    parser.add_argument("--task", help="a task's name (default: the preset's)")
    parser.add_argument(
        "--num-samples", type=whole(1, MOST_SAMPLES), default=100, help="held-out problems (default: %(default)s)"
    )
    add_output(parser)


def held_out(args: Namespace) -> tuple[str, list[dict]]:
    """The task's name and its rows; whatever names no model is refused before they are drawn."""
    from course_lib.assistant import find_checkpoint
    from course_lib.tasks import load_rows

    find_checkpoint(args.checkpoint, args.preset)
    task = args.task or args.preset.task
    return task, load_rows(task, "test", args.num_samples)


def verdict(line) -> str:
    """A question in full, what the model wrote, and what was read."""
    wrote = textwrap.indent(line.completion.strip() or "(nothing)", "    ")
    question = textwrap.indent(line.question.strip(), "  ")
    return f"{'right' if line.correct else 'wrong'}\n{question}\n{wrote}\n  read: {line.answer}; gold: {line.gold}\n"


def run(args: Namespace) -> int:
    from course_lib.artifacts import write_json
    from course_lib.evaluation import evaluate
    from course_lib.grading import kind_of
    from course_lib.metrics import near, summarise
    from course_lib.models import machine
    from course_lib.statistics import wilson
    from course_lib.tasks import with_style

    task, rows = held_out(args)
    rows = with_style(rows, asking.style_of(args))
    assistant = asking.load(args)
    table = evaluate(assistant.model, assistant.tokenizer, rows, args.strategy, **asking.sizes_of(args))
    if args.verbose:
        print(*map(verdict, table.itertuples()), sep="\n")
    found = summarise(table)
    if kind_of(task) != "rubric":  # elsewhere the score is the accuracy
        found = {name: value for name, value in found.items() if not name.startswith("score")}
    close = near(table, task)
    if close is not None:
        found |= {"near": float(close.mean()), "near_interval": list(wilson(int(close.sum()), len(close)))}
    print(f"{len(rows)} held-out problems of {task}, {args.strategy}; rates with 95 % intervals")
    shown = [name for name in LEGEND if found.get(name) is not None]
    for name in shown:
        low, high = found[f"{name}_interval"]
        print(f"{name:9} {100 * found[name]:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})")
    print(f"length    {found['mean_length']:5.1f} tokens")
    print("; ".join(f"{name}: {LEGEND[name]}" for name in shown))
    if args.output:
        told = {"model": assistant.name, "task": task, "strategy": args.strategy, "seed": args.seed, "n": len(rows)}
        texts = table[["question", "gold", "completion", "correct", "well_formed"]].to_dict("records")
        print(f"written: {write_json(args.output, {**told, **found, 'answers': texts, 'machine': machine()})}")
    return 0
