"""``python -m course_lib presets``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from course_lib.config import SUFFIXES, diff, load_config, save_config, text_of
from course_lib.presets import PRESETS, Preset, get_preset


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", help="a preset, such as t4 or laptop-toy_choice, or a config file")
    parser.add_argument("--diff", metavar="OTHER", help="print only where it differs from another preset or file")
    parser.add_argument(
        "--save", metavar="FILE", help=f"write all its fields to a file ending in {', '.join(SUFFIXES)}"
    )


def find(name: str) -> Preset:
    """A preset by its name, or a config file's."""
    return load_config(name) if Path(name).suffix.lower() in SUFFIXES else get_preset(name)


def listing() -> str:
    """One line a preset."""
    rows = [("preset", "minutes", "memory", "known from", "what it is")]
    for preset in PRESETS.values():
        sizes = (f"{preset.minutes:g}", f"{preset.memory_gb:g} GB", preset.known_from)
        rows.append((preset.name, *sizes, preset.about))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows)


def differences(one: Preset, other: Preset) -> str:
    """One line a field that differs: ``steps: 80 -> 150``."""
    return "\n".join(f"{name}: {a!r} -> {b!r}" for name, a, b in diff(one, other))


def run(args: Namespace) -> int:
    if args.name is None and not (args.diff or args.save):
        print(listing())
        return 0
    preset = find(args.name or "auto")
    if args.diff:
        other = find(args.diff)
        print(differences(preset, other) or f"{preset.name} and {other.name} are the same")
    elif not args.save:
        print(text_of(preset), end="")
        print("".join(f"# warning: {warning}\n" for warning in preset.warnings()), end="")
    if args.save:
        print(f"written: {save_config(preset, args.save)}")
    return 0
