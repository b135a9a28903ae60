"""Solution regions of exercise cells: found, checked, blanked out."""

from __future__ import annotations

import ast
from dataclasses import dataclass

BEGIN, END, STUB = "# begin solution", "# end solution", "# stub:"
HERE = "# Write your code here"


class SourceError(Exception):
    """A source breaks the contract; the message names the file and the cell."""


@dataclass(frozen=True)
class Region:
    """The lines of an exercise cell from ``begin`` to ``end``, both markers included."""

    begin: int
    end: int
    lines: list[str]
    function: str | None  # the function around it

    @property
    def stubs(self) -> list[str]:
        return [line.strip().removeprefix(STUB).removeprefix(" ") for line in self.lines if is_stub(line)]

    def blank(self) -> list[str]:
        """What the learner finds in its place."""
        raises = [f'raise NotImplementedError("Exercise: write {self.function}")']
        indent = self.lines[0][: len(self.lines[0]) - len(self.lines[0].lstrip())]
        return [indent + line for line in [HERE, *(self.stubs or raises)]]


def is_stub(line: str) -> bool:
    return line.strip().startswith(STUB)


def find_regions(source: str) -> list[Region]:
    """The solution regions of a code cell. SourceError for markers that do not pair up."""
    lines = source.split("\n")
    spans: list[tuple[int, int]] = []
    begin: int | None = None
    for i, line in enumerate(lines):
        if line.strip() == BEGIN:
            if begin is not None:
                raise SourceError(f"a second '{BEGIN}' before '{END}'")
            begin = i
        elif line.strip() == END:
            if begin is None:
                raise SourceError(f"'{END}' without '{BEGIN}'")
            if line != lines[begin].replace(BEGIN, END):
                raise SourceError(f"'{BEGIN}' and '{END}' are indented differently")
            spans.append((begin, i))
            begin = None
        elif is_stub(line) and begin is None:
            raise SourceError(f"'{STUB}' outside a solution region")
    if begin is not None:
        raise SourceError(f"'{BEGIN}' without '{END}'")
    return [make_region(source, lines, *span) for span in spans]


def make_region(source: str, lines: list[str], begin: int, end: int) -> Region:
    code = [i for i in range(begin + 1, end) if is_code(lines[i])]
    if not code:
        raise SourceError("a solution region without code")
    around = [
        node
        for node in ast.walk(parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.body[0].lineno - 1 <= code[0] < (node.end_lineno or 0)
        and node.lineno - 1 < begin
    ]
    function = max(around, key=lambda node: node.lineno).name if around else None
    region = Region(begin, end, lines[begin : end + 1], function)
    if function is None and not region.stubs:
        raise SourceError(f"a solution region outside any function needs a '{STUB} ...' line")
    return region


def is_code(line: str) -> bool:
    return bool(line.strip()) and not line.strip().startswith("#")


def parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise SourceError(f"not valid Python: {error.msg}, line {error.lineno} of the cell") from None


def exercise_source(source: str) -> str:
    """An exercise cell as the learner finds it."""
    lines = source.split("\n")
    for region in reversed(find_regions(source)):
        lines[region.begin : region.end + 1] = region.blank()
    parse("\n".join(lines))
    return "\n".join(lines)


def solution_source(source: str) -> str:
    """An exercise cell as it reads in the solutions: without markers and stub lines."""
    lines = source.split("\n")
    return "\n".join(line for line in lines if line.strip() not in (BEGIN, END) and not is_stub(line))
