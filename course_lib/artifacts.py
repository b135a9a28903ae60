"""Where things are: ``runs/<preset>/<chapter>/…``, and what to use when an earlier chapter has not run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_lib.errors import CourseError

if TYPE_CHECKING:
    from course_lib.presets import Preset

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

    def __init__(self, preset: Preset):
        self.preset = preset
        self.root = runs_dir() / preset.name

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

    def places(self, artefact: str) -> list[Path]:
        """Where an artefact may lie: where this run writes it, then where the course brings one of its own.

        What was trained and measured (chapters 6 to 8) is the tiny model's, and belongs to its task alone. Earlier
        artefacts are examples: those of the toy task of the same kind will do.
        """
        from course_lib.hacks import TOY_TASKS  # here, since it reads tasks, and they read artefacts

        own, task = self.root / artefact, self.preset.task
        if artefact < "06":
            return [own, REFERENCE / task / artefact, REFERENCE / TOY_TASKS[self.preset.kind] / artefact]
        return [own, REFERENCE / task / artefact] if self.preset.model == "tiny" else [own]

    def find(self, artefact: str) -> Path:
        """An earlier chapter's artefact, such as ``"06_training/adapter"``.

        Falls back on what ships with the course (see ``places``), and says so. Raises ``CourseError`` when there is
        neither.
        """
        own, *shipped = self.places(artefact)
        if own.exists():
            return own
        chapter = artefact.split("/")[0]
        for place in shipped:
            if place.exists():
                print(
                    f"Chapter {int(chapter[:2])} has not been run with this preset: using the course's own {artefact}, "
                    f"of the tiny model and {place.relative_to(REFERENCE).parts[0]}."
                )
                return place
        raise CourseError(f"{own} is missing: run notebooks/{chapter} with preset {self.preset.name!r} first")


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
