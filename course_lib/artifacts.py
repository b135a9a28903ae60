"""Where things are: ``runs/<preset>/<chapter>/…``, and what to use when an earlier chapter has not run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from course_lib.errors import CourseError

DATA = Path(__file__).parent / "data"
REFERENCE = DATA / "reference"


def runs_dir() -> Path:
    """``$COURSE_RUNS``, else ``runs`` in the checkout that holds this package, else in the working folder."""
    if folder := os.environ.get("COURSE_RUNS"):
        return Path(folder)
    checkout = Path(__file__).parents[1]
    return (checkout if (checkout / "pyproject.toml").exists() else Path.cwd()) / "runs"


def recorded_runs(preset: str) -> list[Path]:
    """The folders of the recorded runs of a preset, one a seed; none where the package is installed without them."""
    return sorted((Path(__file__).parents[1] / "recorded" / preset).glob("seed-*"))


class Run:
    """The artefacts of one preset."""

    def __init__(self, preset: str):
        self.preset = preset
        self.root = runs_dir() / preset

    def chapter(self, name: str) -> Path:
        """The folder that a chapter writes to, made if need be. Raises ``CourseError`` if it cannot be."""
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CourseError(
                f"cannot write to {folder} ({error.strerror}); set COURSE_RUNS to a folder that you can write to"
            ) from error
        return folder

    def find(self, artefact: str) -> Path:
        """An earlier chapter's artefact, such as ``"06_training/adapter"``.

        Falls back on the reference of this task that ships with the course, and says so. Raises
        ``CourseError`` when there is neither.
        """
        task = self.preset.partition("-")[2] or "toy_math"
        own, shipped = self.root / artefact, REFERENCE / task / artefact
        if own.exists():
            return own
        chapter = artefact.split("/")[0]
        if shipped.exists():
            print(f"Chapter {int(chapter[:2])} has not been run with this preset: using the course's own {artefact}.")
            return shipped
        raise CourseError(f"{own} is missing: run notebooks/{chapter} with preset {self.preset!r} first")


def write_json(path: Path, data: Any) -> Path:
    """Write JSON so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(fresh, path)
    return path


def read_json(path: Path) -> Any:
    """Read JSON; a damaged file is a ``CourseError`` that names it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(f"{path} cannot be read ({error}); run the chapter that writes it again") from error
