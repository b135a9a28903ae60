"""One GRPO step explained on one question: completions, rewards, advantages, and what the update would do.

Without --live the four toy rollouts of the chapters stand in for samples; with it the model draws a group of its own.
"""

from __future__ import annotations

import argparse
import textwrap

from course_lib.cli import asking
from course_lib.cli.options import add_device, add_seed, whole

GROUP_SIZE = 8
FOR_LIVE = ("group_size", "checkpoint", "device", "seed")
SCALE = 8  # characters of a bar for one standard deviation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--live", action="store_true", help="sample the completions from the model")
    parser.add_argument("--group-size", type=whole(2), help=f"completions to sample (default: {GROUP_SIZE})")
    parser.add_argument("--task", default="toy_math", choices=("toy_math", "toy_choice", "toy_rubric"))
    parser.add_argument("--checkpoint", help="the model to sample from (default: base)")
    add_device(parser, None)
    add_seed(parser, None)


def run(args: argparse.Namespace) -> int:
    from course_lib.analysis import advantages, score
    from course_lib.errors import SettingError
    from course_lib.presets import get_preset
    from course_lib.rewards import get_suite
    from course_lib.rollouts import EXAMPLES

    given = [name for name in FOR_LIVE if getattr(args, name) is not None]
    if given and not args.live:
        raise SettingError(f"--{given[0].replace('_', '-')} needs --live: without it nothing is sampled")
    preset = get_preset("laptop", task=args.task)
    row, rollouts = EXAMPLES[preset.kind]
    texts, ended = list(rollouts.values()), None
    if args.live:
        samples = sample(args, preset, row)
        texts, ended = [one.text for one in samples], [one.ended for one in samples]
    suite = get_suite(preset.suite_name)
    scores = score(suite, texts, [row] * len(texts), ended)
    scores["advantage"] = advantages(scores["total"], [0] * len(texts))
    weights = ", ".join(f"{w:g} x {n}" for n, w in zip(suite.names, suite.weights, strict=True))
    print(asking.bold("1. One question, a group of completions"), row["question"], "", sep="\n")
    for number, text in enumerate(texts, 1):
        print(f"[{number}]", textwrap.shorten(" / ".join(text.split("\n")), 100, placeholder=" …"))
    print(f"\n{asking.bold('2. Rewards')}: {weights}; no critic, no worked solution\n")
    print(scores.set_axis(range(1, len(texts) + 1)).drop(columns="advantage").round(2).to_string())
    mean, std = scores["total"].mean(), scores["total"].std()
    print(f"\n{asking.bold('3. Advantages')}: (reward - mean) / (std + 0.0001), mean {mean:.2f}, std {std:.2f}\n")
    for number, value in enumerate(scores["advantage"], 1):
        bar = ("+" if value > 0 else "-") * round(SCALE * abs(value))
        print(f"[{number}] {value:+.2f} {bar}")
    print("\n" + textwrap.fill(lesson(scores["advantage"]), 100))
    return 0


def sample(args: argparse.Namespace, preset, row: dict):
    """A group of completions of one question, drawn at temperature 1."""
    from course_lib.assistant import Assistant
    from course_lib.evaluation import generate
    from course_lib.prompts import build_prompt

    assistant = Assistant(args.checkpoint or "base", preset, args.device or "")
    prompt = build_prompt(row["question"], kind=preset.kind, options=row.get("options"), style=preset.style)
    return generate(
        assistant.model,
        assistant.tokenizer,
        [prompt] * (args.group_size or GROUP_SIZE),
        "sampled",
        max_new_tokens=preset.max_completion_length,
        seed=args.seed or 0,
    )


def lesson(advantages) -> str:
    """What the update makes of these advantages, in words."""
    if advantages.abs().max() < 1e-6:
        return (
            "All rewards are equal, so every advantage is 0: this group teaches nothing. That happens with questions "
            "that are too easy or too hard, with too low a temperature, and with rewards that do not tell apart."
        )
    best = [str(number) for number, value in enumerate(advantages, 1) if advantages.max() - value < 1e-6]
    gains = "completion {} gains" if len(best) == 1 else "completions {} gain"
    return (
        "4. The update makes every token of a completion with + likelier and every token with - less likely, by the "
        "same amount all through the completion. The ratio to the policy that sampled is clipped, so that one batch "
        f"cannot pull too far. Here {gains.format(' and '.join(best))} most. Chapter 2 writes the loss by hand."
    )
