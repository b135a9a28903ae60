"""What the commands that talk to a model share: their options, loading, and how a reply is shown."""

from __future__ import annotations

import argparse
import sys
import textwrap

from course_lib.assistant import Assistant, Reply
from course_lib.cli.presets import find
from course_lib.prompts import DOMAINS, SHOTS, PromptStyle
from course_lib.strategies import STRATEGIES


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, on which device, asked how."""
    parser.add_argument(
        "--checkpoint",
        default="trained",
        help="'trained' (your own run's adapter, else the one that ships), 'base', an adapter's or a model's folder, "
        "or a Hub name (default: %(default)s)",
    )
    parser.add_argument(
        "--preset", default="laptop", help="a preset or a config file: its adapter and sizes (default: %(default)s)"
    )
    parser.add_argument("--device", default="", help="cpu, cuda or mps (default: the best there is)")
    parser.add_argument("--strategy", default="greedy", choices=tuple(STRATEGIES), help="default: %(default)s")
    parser.add_argument("--domain", choices=tuple(DOMAINS), help="a sentence that sets the scene")
    parser.add_argument("--shots", type=int, default=0, choices=SHOTS, help="worked examples in front of the question")
    parser.add_argument("--max-tokens", type=int, help="longest completion (default: as the preset trains)")
    parser.add_argument("--seed", type=int, default=0, help="of the sampling (default: %(default)s)")


def load(args: argparse.Namespace) -> Assistant:
    """The assistant that the options name. Says on stderr what it is."""
    assistant = Assistant(args.checkpoint, find(args.preset), args.device)
    print(f"model: {assistant.name}, on {assistant.model.device}", file=sys.stderr)
    return assistant


def style_of(args: argparse.Namespace) -> PromptStyle:
    return PromptStyle(shots=args.shots, domain=args.domain)


def options_of(args: argparse.Namespace) -> dict:
    """The options for ``Assistant.ask`` and ``stream``."""
    preset = find(args.preset)
    longest = args.max_tokens or preset.max_completion_length
    return {"kind": preset.kind, "strategy": args.strategy, "max_new_tokens": longest, "seed": args.seed}


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
