"""What opens a notebook in Colab or Kaggle: its badges, the cell that installs the course, the table in README.md."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from notebook_regions import SourceError

README_BEGIN, README_END = "<!-- badges:begin -->", "<!-- badges:end -->"
BADGES_MARK = '# %% [markdown] tags=["badges"]\n'
PARAMETERS_MARK = '# %% tags=["parameters"]\n'
BOOTSTRAP_MARK = '# %% tags=["bootstrap"]\n'
# COURSE_SOURCE names another address for pip, such as a checkout; ensure is told the preset, which may need Unsloth.
BOOTSTRAP = """\
# Colab, Kaggle: this installs the course (on Kaggle, switch on Internet first). Where it is installed, nothing happens.
import importlib.util, os, subprocess, sys

if not importlib.util.find_spec("course_lib"):
    source = os.environ.get("COURSE_SOURCE", "git+https://github.com/{name}@{branch}")
    subprocess.check_call([sys.executable, "-m", "pip", "install", "-q", "--no-deps", source])
importlib.import_module("course_lib.bootstrap").ensure(preset)
"""
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

    def bootstrap(self) -> str:
        return BOOTSTRAP.format(name=self.name, branch=self.branch)


def with_badges(text: str, badges: str) -> str:
    """The source text with its badges cell written after the title; the rest stays as it is."""
    return _with_cell(text, BADGES_MARK, "".join(f"# {line}\n" for line in badges.splitlines()), "# %%")


def with_bootstrap(text: str, bootstrap: str) -> str:
    """The source text with its bootstrap cell written after the parameters, which it reads."""
    return _with_cell(text, BOOTSTRAP_MARK, bootstrap, PARAMETERS_MARK)


def _with_cell(text: str, mark: str, body: str, after: str) -> str:
    """Write the cell with this mark, or put it after the first cell that starts with ``after``."""
    cell = f"{mark}{body}\n"
    marks = [match.start() for match in CELL_MARK.finditer(text)] + [len(text)]
    for wanted, replace in ((mark, True), (after, False)):
        for start, end in zip(marks, marks[1:], strict=False):
            if text.startswith(wanted, start):
                head = text[:start] if replace else text[:end].rstrip("\n") + "\n\n"
                return head + cell + text[end:]
    raise SourceError(f"there is no cell that starts with {after.strip()}")


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
