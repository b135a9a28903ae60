"""Badges that open a notebook in Colab or Kaggle: the cell in each notebook and the table in README.md."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from notebook_regions import SourceError

README_BEGIN, README_END = "<!-- badges:begin -->", "<!-- badges:end -->"
BADGES_MARK = '# %% [markdown] tags=["badges"]\n'
CELL_MARK = re.compile(r"^# %%", re.MULTILINE)


@dataclass(frozen=True)
class Repository:
    """Where the badges point."""

    name: str
    branch: str

    @classmethod
    def read(cls, root: Path) -> Repository:
        setting = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["course"]
        return cls(setting["repository"], setting["branch"])

    def colab(self, path: str) -> str:
        link = f"https://colab.research.google.com/github/{self.name}/blob/{self.branch}/{path}"
        return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({link})"

    def kaggle(self, path: str) -> str:
        source = f"https://github.com/{self.name}/blob/{self.branch}/{path}"
        link = f"https://kaggle.com/kernels/welcome?src={source}"
        return f"[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]({link})"

    def badges(self, path: str) -> str:
        return f"{self.colab(path)}\n{self.kaggle(path)}"


def with_badges(text: str, badges: str) -> str:
    """The source text with its badges cell written after the title; the rest stays as it is."""
    cell = BADGES_MARK + "".join(f"# {line}\n" for line in badges.splitlines()) + "\n"
    marks = [match.start() for match in CELL_MARK.finditer(text)] + [len(text)]
    for start, end in zip(marks, marks[1:], strict=False):
        if text[start:].startswith(BADGES_MARK):
            return text[:start] + cell + text[end:]
    if len(marks) < 2:
        raise SourceError("there is no cell")
    return text[: marks[1]].rstrip("\n") + "\n\n" + cell + text[marks[1] :]


def with_table(readme: str, repository: Repository, titles: dict[str, str], exercises: set[str]) -> str:
    """README.md with the table of the parts between its two markers."""
    if readme.count(README_BEGIN) != 1 or readme.count(README_END) != 1:
        raise SourceError(f"README.md needs one line {README_BEGIN} and, below it, one line {README_END}")
    rows = ["| Chapter | Colab | Kaggle | Exercises |", "|---|---|---|---|"]
    for name, title in titles.items():
        path = f"notebooks/{name}.ipynb"
        exercise = f"[Exercises](exercises/{name}.ipynb)" if name in exercises else "–"
        chapter = f"[{title.replace('|', chr(92) + '|')}]({path})"
        rows.append(f"| {chapter} | {repository.colab(path)} | {repository.kaggle(path)} | {exercise} |")
    before, rest = readme.split(README_BEGIN)
    after = rest.split(README_END)[1] if README_END in rest else ""
    return "\n".join([before + README_BEGIN, "", *rows, "", README_END + after])
