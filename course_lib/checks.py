"""Exercises that check themselves: each answer is *not attempted*, *incorrect* or *correct*.

A checker is a function over the learner's answer that raises :class:`Incorrect` with a message naming the
likely mistake, and returns when all is well. It judges by values of its own (worked out by hand, or by the
library): never by anything computed from the answer, which would compare the answer with itself.
"""

from __future__ import annotations

import functools
import html
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field

NOT_ATTEMPTED, INCORRECT, CORRECT = "not attempted", "incorrect", "correct"
LOOKS = {NOT_ATTEMPTED: ("○", "dotted"), INCORRECT: ("✗", "dashed"), CORRECT: ("✓", "solid")}
LONGEST_MESSAGE = 600


class Incorrect(Exception):
    """Raised by a checker: the answer is wrong, and the message names the likely mistake."""


class CheckFailed(Exception):
    """Raised by ``check`` when COURSE_STRICT=1 and the answer is not correct."""


def _cell_number() -> int | None:
    """The number of the running notebook cell, None outside IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    return shell.execution_count if shell else None


@dataclass(frozen=True)
class Result:
    """What came of one check. Shown as one line, told apart by sign and word, not by colour."""

    title: str
    state: str
    message: str = ""
    cell: int | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"{LOOKS[self.state][0]} {self.title}: {self.state}. {self.message}".rstrip()

    def _repr_html_(self) -> str:
        sign, border = LOOKS[self.state]
        text = f"<b>{sign} {self.state}</b> · {html.escape(self.title)}. {html.escape(self.message)}"
        return f'<div style="border-left: 4px {border}; padding-left: 8px">{text}</div>'

    def _ipython_display_(self) -> None:
        """Silent at the end of the cell in which ``check`` has printed it; elsewhere shown as usual."""
        if self.cell is None or self.cell != _cell_number():
            raise NotImplementedError  # IPython then falls back on the representations above


def _holds_ellipsis(value: object) -> bool:
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return any(map(_holds_ellipsis, value.values() if isinstance(value, dict) else value))
    return value is ...


def _watched(answer: object, stubs: list[str]) -> object:
    """The answer, its functions wrapped so that a stub met during the check is noted in ``stubs``."""
    if type(answer) in (list, tuple):
        return type(answer)(_watched(value, stubs) for value in answer)
    if type(answer) is dict:
        return {key: _watched(value, stubs) for key, value in answer.items()}
    if not isinstance(answer, (types.FunctionType, types.MethodType)):
        return answer

    @functools.wraps(answer)
    def call(*args, **kwargs):
        try:
            value = answer(*args, **kwargs)
            if _holds_ellipsis(value):
                raise NotImplementedError("it returned ...")
            return value
        except NotImplementedError:
            stubs.append(answer.__name__)
            raise

    return call


@dataclass(frozen=True)
class Exercise:
    """One exercise: ``check(answer)`` judges, ``hint()`` and ``hint(2)`` help."""

    name: str
    title: str
    judge: Callable[[object], None] = field(repr=False)
    hints: tuple[str, str] = field(repr=False)
    part: int
    minutes: int
    difficulty: int

    def __post_init__(self) -> None:
        if len(self.hints) != 2 or not 1 <= self.difficulty <= 5 or self.minutes < 1:
            raise ValueError(f"{self.name}: two hints, a difficulty from 1 to 5, at least one minute")

    def check(self, answer: object) -> Result:
        """Judge the answer and print the verdict once."""
        state, message = self._judge(answer)
        message = " ".join(message.split())[:LONGEST_MESSAGE]
        result = Result(self.title, state, message, _cell_number())
        print(result)
        if os.environ.get("COURSE_STRICT") == "1" and state != CORRECT:
            raise CheckFailed(str(result))
        return result

    def hint(self, n: int = 1) -> None:
        """Print the first or the second hint."""
        if n not in (1, 2):
            raise ValueError("there are two hints: hint() and hint(2)")
        print(f"Hint {n} of 2: {self.hints[n - 1]}")

    def _judge(self, answer: object) -> tuple[str, str]:
        stub = NOT_ATTEMPTED, "Replace the stub in this cell and run it again."
        if _holds_ellipsis(answer):
            return stub
        stubs: list[str] = []
        try:
            self.judge(_watched(answer, stubs))
            verdict = CORRECT, ""
        except Exception as error:
            if any(isinstance(e, NotImplementedError) for e in (error, error.__cause__, error.__context__)):
                return stub
            raised = f"Checking it raised {type(error).__name__}: {error}"
            verdict = INCORRECT, str(error) if isinstance(error, Incorrect) else raised
        return stub if stubs else verdict


REGISTRY: dict[str, Exercise] = {}


def exercise(*, part: int, title: str, difficulty: int, minutes: int, hints: tuple[str, str]):
    """Decorator that turns a checker into the Exercise ``part_N.<name>`` and registers it."""

    def register(judge: Callable[[object], None]) -> Exercise:
        name = f"part_{part}.{judge.__name__}"
        REGISTRY[name] = Exercise(name, title, judge, hints, part, minutes, difficulty)
        return REGISTRY[name]

    return register
