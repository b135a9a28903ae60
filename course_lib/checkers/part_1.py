"""Checkers of chapter 1: what a run costs, and a preset of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from numbers import Integral

from course_lib.checks import Incorrect, exercise
from course_lib.presets import Preset, get_preset

# 7 steps of 5 problems x 4 completions (140 in all), each of at most 9 tokens, in 2 micro-batches a step.
SMALL = {
    "steps": 7,
    "prompts_per_step": 5,
    "group_size": 4,
    "accumulation": 2,
    "max_completion_length": 9,
}
WANTED = {"problems": 35, "completions": 140, "tokens_at_most": 1260, "micro_batch": 10}
MISTAKES = {
    ("problems", 5): "that is one step, the question is about the whole run",
    ("problems", 140): "that counts completions; a group shares one problem",
    ("problems", 70): "micro-batches do not bring more problems",
    ("completions", 20): "that is one step, the question is about the whole run",
    ("completions", 35): "each problem has group_size completions",
    ("completions", 280): "accumulation cuts a step's completions into micro-batches, it does not add any",
    ("tokens_at_most", 180): "that is one step, the question is about the whole run",
    ("tokens_at_most", 315): "each problem has group_size completions",
    ("tokens_at_most", 2520): "accumulation cuts a step's completions into micro-batches, it does not add any",
    ("micro_batch", 20): "that is a whole step: it is cut into accumulation micro-batches",
    ("micro_batch", 40): "accumulation cuts a step into pieces: divide",
    ("micro_batch", 2): "a batch is counted in completions, not in problems",
    ("micro_batch", 2.5): "a batch is counted in completions, not in problems",
}


@exercise(
    part=1,
    title="What a run costs",
    difficulty=1,
    minutes=6,
    hints=(
        "Start with one step: how many problems, how many completions for each? Then multiply by the steps.",
        "The longest possible run writes max_completion_length tokens for every completion. A micro-batch is the "
        "completions of one step divided by accumulation.",
    ),
)
def run_costs(answer: Callable) -> None:
    found = answer(Preset("exercise", "for the check", **SMALL))
    if not isinstance(found, Mapping):
        raise Incorrect(f"Return a dictionary, not {type(found).__name__}.")
    for name, wanted in WANTED.items():
        if name not in found:
            raise Incorrect(f"The dictionary has no key {name!r}; it has {sorted(map(str, found))}.")
        if found[name] != wanted:
            why = MISTAKES.get((name, found[name]), "go through the fields once more")
            sizes = ", ".join(f"{field} {value}" for field, value in SMALL.items())
            raise Incorrect(f"With {sizes}, {name} is {wanted}, not {found[name]}: {why}.")
        if not isinstance(found[name], Integral):
            raise Incorrect(f"{name} should be the whole number {wanted}, not {found[name]!r}: divide with //.")
    laptop = answer(get_preset("laptop"))["completions"]
    if laptop == WANTED["completions"]:
        raise Incorrect("The answer does not depend on the preset that it is given.")


@exercise(
    part=1,
    title="A preset of your own",
    difficulty=1,
    minutes=5,
    hints=(
        "get_preset takes the fields to change by name; print get_preset('laptop') to see what they are now.",
        "Half as many completions for each problem leave room for twice as many problems in a step.",
    ),
)
def small_groups(answer: object) -> None:
    if not isinstance(answer, Preset):
        raise Incorrect(f"The answer is what get_preset returns, a Preset, not {type(answer).__name__}.")
    laptop = get_preset("laptop")
    if answer.group_size != laptop.group_size // 2:
        raise Incorrect(f"group_size is {answer.group_size}; half of the laptop's {laptop.group_size} is asked for.")
    if answer.completions_per_step != laptop.completions_per_step:
        raise Incorrect(
            f"A step has {answer.completions_per_step} completions now, the laptop's has "
            f"{laptop.completions_per_step}: with smaller groups it needs more problems."
        )
    if answer.steps != laptop.steps // 2:
        raise Incorrect(f"It makes {answer.steps} steps; half of the laptop's {laptop.steps} are asked for.")
    asked = {"group_size", "prompts_per_step", "steps"}
    for name in (field.name for field in fields(Preset) if field.name not in asked):
        if getattr(answer, name) != getattr(laptop, name):
            raise Incorrect(f"{name} differs from the preset laptop; only {', '.join(sorted(asked))} should.")
