"""What options have in common: numbers, presets and files that cannot be are refused before anything is loaded."""

from __future__ import annotations

import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from course_lib.cli.presets import find
from course_lib.errors import CourseError
from course_lib.presets import Preset

LARGEST_SEED = 2**63 - 1  # that torch takes
LONGEST_COMPLETION = 32768  # tokens: Gemma 3 1B takes no more


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """The type of an option that is a whole number from ``lowest`` to ``highest``."""
    span = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ArgumentTypeError(f"must be a whole number, not {text!r}") from None
        if value < lowest or (highest is not None and value > highest):
            raise ArgumentTypeError(f"must be {span}, not {text}")
        return value

    return read


def preset(name: str) -> Preset:
    """The type of an option that names a preset or a config file."""
    try:
        return find(name)
    except CourseError as error:
        raise ArgumentTypeError(str(error)) from None


def output_file(text: str) -> Path:
    """The type of an option that names a file to be written: said now, not when the work is done."""
    path, why = Path(text), ""
    try:
        folder = next(place for place in (path.absolute().parent, *path.absolute().parents) if place.exists())
        if path.is_dir():
            why = "it is a folder"
        elif not folder.is_dir():
            why = f"{folder} is not a folder"
        elif not os.access(folder, os.W_OK | os.X_OK):
            why = "Permission denied"
    except OSError as error:
        why = error.strerror
    if why:
        raise ArgumentTypeError(f"{path} cannot be written ({why}); name another file")
    return path


def add_preset(parser: ArgumentParser, default: str = "laptop", about: str = "a preset or a config file") -> None:
    parser.add_argument("--preset", type=preset, default=default, help=f"{about} (default: {default})")


def add_device(parser: ArgumentParser, default: str | None = "") -> None:
    parser.add_argument("--device", default=default, help="cpu, cuda or mps (default: the best there is)")


def add_seed(parser: ArgumentParser, default: int | None = 0) -> None:
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=default, help="of the sampling (default: 0)")


def add_output(parser: ArgumentParser) -> None:
    parser.add_argument("--output", type=output_file, metavar="FILE", help="write the results as JSON")
