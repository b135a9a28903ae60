"""The checkers of the eight parts, one module each. Imported when asked for: some need torch."""

from __future__ import annotations

import importlib

from course_lib.checks import REGISTRY, Exercise

PARTS = range(1, 9)


def part_exercises(part: int) -> dict[str, Exercise]:
    """The exercises of one part by name, such as ``part_2.group_advantages``, in their order."""
    importlib.import_module(f"{__name__}.part_{part}")
    return {name: exercise for name, exercise in REGISTRY.items() if exercise.part == part}


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by name. ImportError where the checkers of a part are missing."""
    return {name: exercise for part in PARTS for name, exercise in part_exercises(part).items()}
