"""What the commands that talk to a model share: their options, loading, and how a reply is shown."""

from __future__ import annotations

import argparse
import sys
import textwrap

from course_lib.assistant import Assistant, Reply
from course_lib.cli.options import LONGEST_COMPLETION, add_device, add_preset, add_seed, whole
from course_lib.prompts import DOMAINS, SHOTS, PromptStyle
from course_lib.strategies import STRATEGIES

KNOWS = "The model that ships with the course is tiny: it knows word problems of three to five steps, and nothing else."


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, on which device, how long and with which seed."""
    parser.add_argument(
        "--checkpoint",
        default="trained",
        help="'trained' (your own run's adapter, else the one that ships), 'base', the folder of an adapter, a run or "
        "a model, or a Hub name, owner/name (default: %(default)s)",
    )
    add_preset(parser, about="a preset or a config file: its adapter and sizes")
    add_device(parser)
    parser.add_argument(
        "--max-tokens",
        type=whole(1, LONGEST_COMPLETION),
        help="longest completion (default: as the preset trains)",
    )
    add_seed(parser)


def add_asking_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, and asked how."""
    add_model_arguments(parser)
    parser.add_argument("--strategy", default="greedy", choices=tuple(STRATEGIES), help="default: %(default)s")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="a sentence that sets the scene")
    parser.add_argument("--shots", type=int, default=0, choices=SHOTS, help="worked examples in front of the question")


def load(args: argparse.Namespace) -> Assistant:
    """The assistant that the options name. Says on stderr what it is."""
    assistant = Assistant(args.checkpoint, args.preset, args.device)
    print(f"model: {assistant.about}; on {assistant.model.device}", file=sys.stderr)
    return assistant


def style_of(args: argparse.Namespace) -> PromptStyle:
    return PromptStyle(shots=args.shots, domain=args.domain)


def sizes_of(args: argparse.Namespace) -> dict:
    """The options for ``evaluation.generate`` that any measurement has."""
    return {"max_new_tokens": args.max_tokens or args.preset.max_completion_length, "seed": args.seed}


def options_of(args: argparse.Namespace) -> dict:
    """The options for ``Assistant.ask`` and ``stream``."""
    return {"kind": args.preset.kind, "strategy": args.strategy, **sizes_of(args)}


def bold(text: str) -> str:
    """Bold on a terminal, plain when piped."""
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text


def show(reply: Reply) -> str:
    """The reply as text: its reasoning, then its answer; what could not be told apart is shown as it is."""
    if reply.answer is None and reply.reasoning is None:
        parts = [(bold("The model wrote"), reply.text or "(nothing)")]
    else:
        parts = [(bold("Reasoning"), reply.reasoning or "(none)"), (bold("Answer"), reply.answer or "(none)")]
    lines = [f"{title}\n{textwrap.indent(text.strip(), '  ')}" for title, text in parts]
    if not reply.ended:
        lines.append(f"(cut off after {reply.tokens} tokens; --max-tokens allows more)")
    return "\n".join(lines)
